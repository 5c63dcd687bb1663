"""Requests about topics."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.broker.broker import Broker, Peer
from broker_local.broker.on_groups import topics_gone
from broker_local.broker.waits import SYNCED, Answer, Instant, Steps, end_key
from broker_local.log.topics import GROUP_TOPIC, ONLY, SETTINGS, Topic, check_name
from broker_local.protocol.requests import topics as wire

MOST_OF_ONE = 10_000
"""Most partitions of one topic."""


def metadata(broker: Broker, peer: Peer, request: wire.Metadata, at: Instant) -> Answer:
    """Which topics there are; those about to send may have missing ones made."""
    topics = broker.logs.topics
    if request.topics is None:
        found = [topic for name, topic in sorted(topics.items()) if name != GROUP_TOPIC]
        return wire.MetadataReply(tuple(_row(topic) for topic in found))
    if not request.create_missing or not broker.settings.creates_topics:
        return wire.MetadataReply(tuple(_known(broker, name, {}) for name in request.topics))
    if all(name in topics for name in request.topics):
        return wire.MetadataReply(tuple(_row(topics[name]) for name in request.topics))
    return Steps(_make_missing(broker, request.topics))


def _row(topic: Topic) -> wire.TopicRow:
    return wire.TopicRow(topic.name, ErrorCode.NONE, topic.id, topic.partitions)


def _make_missing(broker: Broker, names: Sequence[str]) -> Generator[None, None, Answer]:
    fresh: dict[str, Topic] = {}
    wrong: dict[str, ErrorCode] = {}
    for name in dict.fromkeys(names):
        yield
        if name not in broker.logs.topics:
            try:
                fresh[name] = broker.logs.new_topic(name, broker.settings.num_partitions)
            except Refusal as refused:
                wrong[name] = refused.code
    wrong.update((name, refused.code) for name, refused in _take_out(broker, fresh).items())
    try:
        broker.logs.create_topics(fresh.values())
    except Refusal as refused:
        wrong.update(dict.fromkeys(fresh, refused.code))
    return wire.MetadataReply(tuple(_known(broker, name, wrong) for name in names))


def _known(broker: Broker, name: str, wrong: Mapping[str, ErrorCode]) -> wire.TopicRow:
    topic = broker.logs.topics.get(name)
    if topic is not None:
        return _row(topic)
    if name in wrong:
        return wire.TopicRow(name, wrong[name], "", 0)
    try:
        check_name(name)
    except Refusal as refused:
        return wire.TopicRow(name, refused.code, "", 0)
    return wire.TopicRow(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "", 0)


def _result(broker: Broker, name: str, change: Callable[[], object]) -> wire.TopicResult:
    """Carries out one change; the broker's own topic is not for others to change."""
    try:
        if name == GROUP_TOPIC:
            raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{GROUP_TOPIC} is the broker's own")
        change()
    except Refusal as refused:
        return wire.TopicResult(name, refused.code, refused.message)
    return wire.TopicResult(name, ErrorCode.NONE, "")


def _check_count(name: str, count: int) -> int:
    if not 1 <= count <= MOST_OF_ONE:
        text = f"Number of partitions of {name} is {count}; it must be between 1 and {MOST_OF_ONE}"
        raise Refusal(ErrorCode.INVALID_PARTITIONS, text)
    return count


def _take_out(broker: Broker, fresh: dict[str, Topic]) -> dict[str, Refusal]:
    """Takes those out for which there is no room, and says why."""
    settings, there = broker.settings, broker.logs.topics
    topics = settings.max_topics - len(there)
    partitions = settings.max_partitions - _partitions(broker)
    refused: dict[str, Refusal] = {}
    for name, topic in fresh.items():
        if topics < 1 or partitions < topic.partitions:
            refused[name] = _no_room(broker, name)
        else:
            topics, partitions = topics - 1, partitions - topic.partitions
    for name in refused:
        del fresh[name]
    return refused


def _partitions(broker: Broker) -> int:
    return sum(topic.partitions for topic in broker.logs.topics.values())


def _no_room(broker: Broker, name: str) -> Refusal:
    settings = broker.settings
    broker.counters.refused_topics += 1
    most = f"{settings.max_topics} topics with {settings.max_partitions} partitions together"
    return Refusal(ErrorCode.POLICY_VIOLATION, f"there is no room for {name}: this broker keeps {most}; delete some")


def topic_create(broker: Broker, peer: Peer, request: wire.TopicCreate, at: Instant) -> Answer:
    """Makes topics; with `validate_only` tells only whether they could be made."""
    return Steps(_create(broker, request))


def _create(broker: Broker, request: wire.TopicCreate) -> Generator[None, None, Answer]:
    """All are looked at, then all that can be are made in one write of the catalog."""
    results: list[wire.TopicResult] = []
    fresh: dict[str, Topic] = {}
    for new in request.topics:
        yield
        count = broker.settings.num_partitions if new.partitions == -1 else new.partitions

        def look(name: str = new.topic, count: int = count, configs: dict[str, str] = new.configs) -> None:
            broker.logs.settings_of(name, configs)
            topic = broker.logs.new_topic(name, _check_count(name, count), configs)
            if name in fresh:
                raise Refusal(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
            fresh[name] = topic

        results.append(_result(broker, new.topic, look))
    full = _take_out(broker, fresh)
    results = [
        wire.TopicResult(row.topic, full[row.topic].code, full[row.topic].message)
        if row.topic in full and row.error == ErrorCode.NONE
        else row
        for row in results
    ]
    if request.validate_only or not fresh:
        return wire.TopicsReply(tuple(results))
    ids = {topic.id for topic in fresh.values()}
    failed: Refusal | None = None
    try:
        broker.logs.create_topics(fresh.values())
    except Refusal as refused:
        failed = refused
    return wire.TopicsReply(tuple(_outcome(broker, row, ids, failed) for row in results))


def _outcome(broker: Broker, row: wire.TopicResult, ids: Set[str], failed: Refusal | None) -> wire.TopicResult:
    """What became of a topic that could be made when it was looked at."""
    if row.error != ErrorCode.NONE:
        return row
    if failed is not None:
        return wire.TopicResult(row.topic, failed.code, failed.message)
    if broker.logs.topics[row.topic].id not in ids:
        return wire.TopicResult(row.topic, ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{row.topic}' already exists.")
    return row


def topic_delete(broker: Broker, peer: Peer, request: wire.TopicDelete, at: Instant) -> Answer:
    """Deletes topics, and what groups have committed for them."""
    return Steps(_delete_all(broker, request, at), must_end=True)


def _delete_all(broker: Broker, request: wire.TopicDelete, at: Instant) -> Generator[None, None, Answer]:
    """All that can be are deleted in one write of the catalog."""
    doomed: dict[str, Topic] = {}
    results = [_result(broker, name, partial(_doom, broker, name, doomed)) for name in request.topics]
    try:
        broker.logs.delete_topics(doomed.values())
    except Refusal as refused:
        failed = wire.TopicResult("", refused.code, refused.message)
        rows = (replace(failed, topic=row.topic) if row.topic in doomed else row for row in results)
        return wire.TopicsReply(tuple(rows))
    broker.wake(SYNCED)
    for name, topic in doomed.items():
        yield
        for number in range(topic.partitions):
            broker.wake(end_key(name, number))
    yield from topics_gone(broker, doomed, at)
    return wire.TopicsReply(tuple(results))


def _doom(broker: Broker, name: str, doomed: dict[str, Topic]) -> None:
    if not broker.settings.deletes_topics:
        raise Refusal(ErrorCode.TOPIC_DELETION_DISABLED, "the broker's delete.topic.enable is false")
    topic = broker.logs.topic(name)
    if name in doomed:
        raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic '{name}' any more")
    doomed[name] = topic


def topic_alter(broker: Broker, peer: Peer, request: wire.TopicAlter, at: Instant) -> Answer:
    """Changes settings."""
    return Steps(
        _one_by_one(
            broker,
            [(each.topic, partial(broker.logs.alter_topic, each.topic, each.configs)) for each in request.topics],
        )
    )


def partitions_add(broker: Broker, peer: Peer, request: wire.PartitionsAdd, at: Instant) -> Answer:
    """Raises numbers of partitions."""

    def add(name: str, count: int) -> None:
        more = _check_count(name, count) - broker.logs.topic(name).partitions
        if more > broker.settings.max_partitions - _partitions(broker):
            raise _no_room(broker, name)
        broker.logs.add_partitions(name, count)

    return Steps(_one_by_one(broker, [(each.topic, partial(add, each.topic, each.count)) for each in request.topics]))


def _one_by_one(
    broker: Broker, changes: Sequence[tuple[str, Callable[[], object]]]
) -> Generator[None, None, wire.TopicsReply]:
    results = []
    for name, change in changes:
        yield
        results.append(_result(broker, name, change))
    return wire.TopicsReply(tuple(results))


def topic_configs(broker: Broker, peer: Peer, request: wire.TopicConfigs, at: Instant) -> Answer:
    """All settings of topics, and which of them are their own."""
    return Steps(_configs(broker, request))


def _configs(broker: Broker, request: wire.TopicConfigs) -> Generator[None, None, Answer]:
    rows = []
    for name in dict.fromkeys(request.topics):
        yield
        topic = broker.logs.topics.get(name)
        if topic is None:
            rows.append(wire.TopicConfigRows(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ()))
            continue
        known = {each.name: each.default for each in SETTINGS.values()} | ONLY | dict(broker.logs.defaults_of(name))
        settings = tuple(
            wire.ConfigRow(setting, topic.config.get(setting, default), setting in topic.config)
            for setting, default in sorted(known.items())
        )
        rows.append(wire.TopicConfigRows(name, ErrorCode.NONE, settings))
    return wire.TopicConfigsReply(tuple(rows))
