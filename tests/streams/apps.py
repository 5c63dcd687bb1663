"""Applications in tests: topics, input, and waiting for what must come true."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from streams import KafkaStreams, Materialized, Serdes, SessionWindows, Stores, StreamsBuilder, TimeWindows
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.api import Isolation
from streams.record import TopicPartition

PATIENCE_S = 60.0
TEXT, COUNT = Serdes.string(), Serdes.long()


def wait_for(what: Callable[[], object], patience_s: float | None = None) -> None:
    """Waits until something is true, `PATIENCE_S` if no time is said; fails with its text where it does not come."""
    deadline = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    while not what():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.005)


def every_kind() -> StreamsBuilder:
    """A store of each kind: counts, windows and sessions of `in`, versions of `rows`."""
    builder = StreamsBuilder()
    grouped = builder.stream("in", key_serde=TEXT, value_serde=TEXT).group_by_key(key_serde=TEXT, value_serde=TEXT)
    grouped.count(store="counts")
    grouped.windowed_by(TimeWindows.of_size_with_no_grace(1_000)).count(store="windows")
    grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(1_000)).count(store="sessions")
    versions = Stores.persistent_versioned_key_value_store("versions", 10_000)
    builder.table("rows", Materialized.as_(versions), key_serde=TEXT, value_serde=TEXT)
    return builder


def topics(servers: str, **partitions: int) -> None:
    """Makes topics: `words_in=4` is the topic `words-in`."""
    with Admin({"bootstrap.servers": servers}) as admin:
        for name, count in partitions.items():
            admin.create_topic(name.replace("_", "-"), count)


def produce(servers: str, topic: str, rows: Iterable[tuple[str | None, Any]], serde: Any = TEXT, **more: Any) -> None:
    """Sends rows of key and value and waits until all are acknowledged."""
    config = {"bootstrap.servers": servers, "key.serializer": TEXT, "value.serializer": serde, "linger.ms": 5}
    with Producer(config) as producer:
        sent = [producer.send(ProducerRecord(topic, value, key, **more)) for key, value in rows]
        producer.flush()
        for future in sent:
            future.result()


def records(servers: str, topic: str, key: Any = TEXT, value: Any = COUNT, isolation: str = "") -> list[Any]:
    """All records of a topic as they are now, in the order of partitions."""
    config = {"bootstrap.servers": servers, "key.deserializer": key, "value.deserializer": value}
    if isolation:
        config["isolation.level"] = isolation
    with Consumer(config) as consumer:
        partitions = consumer.partitions_for(topic)
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(partitions)
        found: list[Any] = []
        deadline = time.monotonic() + PATIENCE_S
        while any(consumer.position(p) < ends[p] for p in partitions):
            found += consumer.poll(50)
            assert time.monotonic() < deadline
        return sorted(found, key=lambda record: (record.partition, record.offset))


def table(servers: str, topic: str, key: Any = TEXT, value: Any = COUNT) -> dict[Any, Any]:
    """The last value of each key of a topic."""
    return {record.key: record.value for record in records(servers, topic, key, value)}


def lag(servers: str, group: str) -> int:
    """How far a group is behind; what has no commit counts in full."""
    with Admin({"bootstrap.servers": servers}) as admin:
        rows = admin.describe_group(group).partitions
        return sum(row.end if row.lag is None else row.lag for row in rows)


def committed(servers: str, group: str, topic: str) -> int:
    """Sum of a group's committed offsets in a topic."""
    with Admin({"bootstrap.servers": servers}) as admin:
        if group not in {listed.group for listed in admin.list_groups()}:
            return 0
        rows = admin.describe_group(group).partitions
        return sum(row.committed or 0 for row in rows if row.partition.topic == topic)


def ends(servers: str, topic: str, isolation: Isolation = Isolation.READ_UNCOMMITTED) -> int:
    """Sum of a topic's end offsets."""
    with Admin({"bootstrap.servers": servers}) as admin:
        count = admin.describe_topics([topic])[topic].partitions
        return sum(admin.end_offsets([TopicPartition(topic, p) for p in range(count)], isolation).values())


@contextmanager
def running(builder: StreamsBuilder, servers: str, application: str = "app", **settings: Any) -> Iterator[KafkaStreams]:
    """An application that runs while the block does."""
    with KafkaStreams(builder, application_id=application, bootstrap_servers=servers, **settings) as app:
        assert app.wait_until_running(int(PATIENCE_S * 1000))
        yield app


def word_count() -> StreamsBuilder:
    """The topology of the word count: words-in to word-counts, through a repartition topic."""
    builder = StreamsBuilder()
    (
        builder.stream("words-in", key_serde=TEXT, value_serde=TEXT)
        .flat_map_values(lambda line: line.lower().split())
        .group_by(lambda key, word: word, key_serde=TEXT, value_serde=TEXT)
        .count(store="counts")
        .to_stream()
        .to("word-counts", key_serde=TEXT, value_serde=COUNT)
    )
    return builder
