"""Requests about topics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from broker_local.broker import Broker, Peer
from broker_local.errorcodes import ErrorCode
from broker_local.faults import Refused
from broker_local.on_groups import topic_gone
from broker_local.on_records import code_of, end_key
from broker_local.requests import (
    ConfigRow,
    Metadata,
    MetadataReply,
    PartitionsAdd,
    TopicAlter,
    TopicConfigRows,
    TopicConfigs,
    TopicConfigsReply,
    TopicCreate,
    TopicDelete,
    TopicResult,
    TopicRow,
    TopicsReply,
)
from broker_local.topics import GROUP_TOPIC, ONLY, SETTINGS, Topic, check_name
from broker_local.waits import SYNCED, Answer, Instant

MAX_PARTITIONS = 10_000
"""Most partitions of one topic."""


def metadata(broker: Broker, peer: Peer, request: Metadata, at: Instant) -> Answer:
    """Which topics there are; those about to send may have missing ones made."""
    if request.topics is None:
        found = [topic for name, topic in sorted(broker.store.topics.items()) if name != GROUP_TOPIC]
        return MetadataReply(tuple(_row(topic) for topic in found))
    return MetadataReply(tuple(_known(broker, name, request.create_missing) for name in request.topics))


def _row(topic: Topic) -> TopicRow:
    return TopicRow(topic.name, ErrorCode.NONE, topic.id, topic.partitions)


def _known(broker: Broker, name: str, create: bool) -> TopicRow:
    topic = broker.store.topics.get(name)
    if topic is not None:
        return _row(topic)
    try:
        check_name(name)
        if create and broker.settings.creates_topics:
            return _row(broker.store.create_topic(name, broker.settings.num_partitions))
    except Refused as refused:
        return TopicRow(name, code_of(refused), "", 0)
    return TopicRow(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "", 0)


def _result(broker: Broker, name: str, change: Callable[[], object]) -> TopicResult:
    """Carries out one change; the broker's own topic is not for others to change."""
    try:
        if name == GROUP_TOPIC:
            raise Refused("INVALID_TOPIC_EXCEPTION", f"{GROUP_TOPIC} is the broker's own")
        change()
    except Refused as refused:
        return TopicResult(name, code_of(refused), refused.message)
    return TopicResult(name, ErrorCode.NONE, "")


def _check_count(name: str, count: int) -> int:
    if not 1 <= count <= MAX_PARTITIONS:
        text = f"Number of partitions of {name} is {count}; it must be between 1 and {MAX_PARTITIONS}"
        raise Refused("INVALID_PARTITIONS", text)
    return count


def topic_create(broker: Broker, peer: Peer, request: TopicCreate, at: Instant) -> Answer:
    """Makes topics; with `validate_only` tells only whether they could be made."""
    results = []
    for new in request.topics:
        count = broker.settings.num_partitions if new.partitions == -1 else new.partitions

        def make(name: str = new.topic, count: int = count, configs: dict[str, str] = new.configs) -> None:
            broker.store.settings_of(name, configs)
            _check_count(name, count)
            if name in broker.store.topics:
                raise Refused("TOPIC_ALREADY_EXISTS", f"Topic '{name}' already exists.")
            if not request.validate_only:
                broker.store.create_topic(name, count, configs)

        results.append(_result(broker, new.topic, make))
    return TopicsReply(tuple(results))


def topic_delete(broker: Broker, peer: Peer, request: TopicDelete, at: Instant) -> Answer:
    """Deletes topics, and what groups have committed for them."""
    results = []
    for name in request.topics:
        topic = broker.store.topics.get(name)
        results.append(_result(broker, name, partial(_delete, broker, name)))
        if topic is not None and results[-1].error == ErrorCode.NONE:
            topic_gone(broker, name, at)
            for number in range(topic.partitions):
                broker.wake(end_key(name, number))
            broker.wake(SYNCED)
    return TopicsReply(tuple(results))


def _delete(broker: Broker, name: str) -> None:
    if not broker.settings.deletes_topics:
        raise Refused("TOPIC_DELETION_DISABLED", "the broker's delete.topic.enable is false")
    broker.store.delete_topic(name)


def topic_alter(broker: Broker, peer: Peer, request: TopicAlter, at: Instant) -> Answer:
    """Changes settings."""
    return TopicsReply(
        tuple(
            _result(broker, each.topic, partial(broker.store.alter_topic, each.topic, each.configs))
            for each in request.topics
        )
    )


def partitions_add(broker: Broker, peer: Peer, request: PartitionsAdd, at: Instant) -> Answer:
    """Raises numbers of partitions."""
    results = []
    for each in request.topics:

        def add(name: str = each.topic, count: int = each.count) -> None:
            broker.store.topic(name)
            broker.store.add_partitions(name, _check_count(name, count))

        results.append(_result(broker, each.topic, add))
    return TopicsReply(tuple(results))


def topic_configs(broker: Broker, peer: Peer, request: TopicConfigs, at: Instant) -> Answer:
    """All settings of topics, and which of them are their own."""
    rows = []
    for name in request.topics:
        topic = broker.store.topics.get(name)
        if topic is None:
            rows.append(TopicConfigRows(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ()))
            continue
        known = {each.name: each.default for each in SETTINGS.values()} | ONLY | dict(broker.store.defaults_of(name))
        settings = tuple(
            ConfigRow(setting, topic.config.get(setting, default), setting in topic.config)
            for setting, default in sorted(known.items())
        )
        rows.append(TopicConfigRows(name, ErrorCode.NONE, settings))
    return TopicConfigsReply(tuple(rows))
