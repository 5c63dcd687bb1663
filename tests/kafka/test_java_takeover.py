"""Applications that Java began and Python goes on with, and the other way: the same application id, the same topology,
the same topics. What the first one left in changelogs and beside committed positions, the other has to understand.

Neither finds a state directory: all it knows comes from the brokers.
"""

from __future__ import annotations

import itertools
import os
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streams import KafkaStreams
from streams.clients.api import Admin, Door, Isolation, Position, Sent
from streams.clients.connect import connect
from streams.partition import partition_for
from streams.record import Headers, RecordBatch, TopicPartition
from tests.conformance.build import build
from tests.conformance.drive import record_of, shown
from tests.contracts.door.steps import PATIENCE_MS, read_to_end
from tests.engines import until, worked_off
from tests.kafka.java_application import JavaApplications
from tests.kafka.shared_topologies import PARTITIONS, SHARED, Event, Row, Shared, joined_halves, told

_numbers = itertools.count(os.getpid() * 1_000)
GUARANTEES = ("at_least_once", "exactly_once_v2")
ORDERS = ("python then java", "java then python")
ALL = os.environ.get("KAFKA_TAKEOVERS") == "all"
TAKEOVERS = [
    (name, order, guarantee)
    for (place, name), (which, order), guarantee in itertools.product(enumerate(SHARED), enumerate(ORDERS), GUARANTEES)
    if ALL or GUARANTEES[(place + which) % 2] == guarantee
]
"""Each topology both ways; each way under both guarantees if asked for, else in turn."""
FOREVER_MS = 3_000_000_000_000
"""Retention that no record is too old for."""


@pytest.fixture(scope="module")
def java() -> Iterator[JavaApplications]:
    with closing(JavaApplications()) as applications:
        yield applications


@pytest.fixture
def door(servers: str) -> Iterator[Door]:
    with closing(connect(servers)) as opened:
        yield opened


class Place:
    """Where one application works: its id, and its own topics on the broker."""

    def __init__(self, door: Door, servers: str, shared: Shared, home: Path, **config: object) -> None:
        self.door = door
        number = next(_numbers)
        self.suffix = f"-{number}"
        self.home = home
        self.spec = renamed(shared.spec, self.suffix)
        self.application = f"shared-{number}"
        self.config = {
            "application.id": self.application, "bootstrap.servers": servers,
            "commit.interval.ms": 100, "session.timeout.ms": 6_000, "heartbeat.interval.ms": 300,
            "auto.offset.reset": "earliest", "windowstore.changelog.additional.retention.ms": FOREVER_MS,
            **shared.config, **config,
        }  # fmt: skip
        with closing(door.admin()) as admin:
            for topic in (*self.spec["inputs"], *self.spec["outputs"]):
                admin.create_topic(topic, PARTITIONS, {"retention.ms": "-1"})

    def write(self, events: Sequence[Event]) -> None:
        """Puts events into their topics, in order."""
        refused: list[Sent] = []

        def sent(answer: Sent) -> None:
            if answer.error is not None:
                refused.append(answer)

        with closing(self.door.writer()) as writer:
            for event in events:
                topic = event.topic + self.suffix
                as_case = {"in": topic, "k": event.key, "v": event.value, "ts": event.timestamp}
                key, value, timestamp, _ = record_of(self.spec, as_case)
                assert key is not None
                batch = RecordBatch([key], [value], [timestamp], None, range(1), 1)
                writer.send(TopicPartition(topic, partition_for(key, PARTITIONS)), batch, sent)
            assert writer.await_acks(PATIENCE_MS) == 0
        assert not refused

    def works_off(self, running: AbstractContextManager[None]) -> None:
        """Lets an application run until it has taken all there is."""
        with running, closing(self.door.admin()) as admin:
            until(lambda: self._taken(admin))

    def _taken(self, admin: Admin) -> bool:
        """Is nothing left in its input, nor in its repartition topics?"""
        forwarding = {topic for topic in self.internal(admin) if not topic.endswith("-changelog")}
        return worked_off(
            admin, self.application, dict.fromkeys({*self.spec["inputs"], *forwarding} - self._global, PARTITIONS)
        )

    @property
    def _global(self) -> set[str]:
        """Topics of global tables: nobody commits positions for them."""
        return {step["topic"] for step in self.spec["steps"] if step["op"] == "global_table"}

    def internal(self, admin: Admin) -> list[str]:
        """Its topics for itself."""
        return [topic for topic in admin.list_topics() if topic.startswith(f"{self.application}-")]

    def positions(self, admin: Admin) -> Mapping[TopicPartition, Position]:
        """What it has committed, and the text beside it."""
        return admin.describe_group(self.application).offsets

    def records(self, *topics: str) -> Iterator[Stored]:
        """All records of topics, as a reader of committed ones sees them."""
        partitions = [TopicPartition(topic, at) for topic in topics for at in range(PARTITIONS)]
        with closing(self.door.reader(Isolation.READ_COMMITTED)) as reader:
            reader.seek(dict.fromkeys(partitions, 0))
            for fetched in read_to_end(reader, *partitions):
                batch = fetched.batch
                if batch is not None:
                    headers = batch.headers or [()] * len(batch.keys)
                    for row in zip(batch.keys, batch.values, batch.timestamps, headers, strict=True):
                        yield Stored(fetched.partition, *row)

    def rows(self) -> Iterator[Row]:
        """The output."""
        for (topic, _), key, value, timestamp, headers in self.records(*self.spec["outputs"]):
            _, *row = shown(self.spec, topic, key, value, timestamp, headers)
            yield [topic.removesuffix(self.suffix), *row]


class Stored(NamedTuple):
    """A record of a topic."""

    partition: TopicPartition
    key: bytes | None
    value: bytes | None
    timestamp: int | None
    headers: Headers


def renamed(spec: Mapping[str, Any], suffix: str) -> dict[str, Any]:
    """The topology on topics of its own."""
    steps = [{**step, **({"topic": step["topic"] + suffix} if "topic" in step else {})} for step in spec["steps"]]
    own = {side: {topic + suffix: serdes for topic, serdes in spec[side].items()} for side in ("inputs", "outputs")}
    return {**spec, **own, "steps": steps}


@contextmanager
def python_application(place: Place, config: Mapping[str, object]) -> Iterator[None]:
    """Ours; it has started."""
    with KafkaStreams(build(place.spec, config).topology, config) as app:
        assert app.wait_until_running(30_000)
        yield
    assert app.failure is None


def application(who: str, place: Place, java: JavaApplications) -> AbstractContextManager[None]:
    """One that runs in the block, with a state directory that nobody had before."""
    config = {**place.config, "state.dir": str(place.home / who)}
    return java.running(place.spec, config) if who == "java" else python_application(place, config)


@pytest.mark.parametrize(("name", "order", "guarantee"), TAKEOVERS, ids=str)
def test_the_other_goes_on_where_one_ended(
    name: str, order: str, guarantee: str, servers: str, door: Door, java: JavaApplications, tmp_path: Path
) -> None:
    shared = SHARED[name]
    place = Place(door, servers, shared, tmp_path, **{"processing.guarantee": guarantee})
    for who, events in zip(order.split(" then "), shared.halves, strict=True):
        place.write(events)
        place.works_off(application(who, place, java))
    wanted = list(shared.answer(shared.halves))
    width = len(wanted[0])
    rows = place.rows() if order.startswith("python") else shared.by_java(shared.halves, place.rows())
    got = told((row[:width] for row in rows), shared.every)
    assert got == told(wanted, shared.every)
    assert len(got) > 3, got  # there was something to find out


@pytest.mark.parametrize("name", SHARED)
def test_both_leave_the_same_topics_bytes_and_positions(
    name: str, servers: str, door: Door, java: JavaApplications, tmp_path: Path
) -> None:
    """Under ids of their own, on the same input, without a cache."""
    shared = SHARED[name]
    place = Place(door, servers, shared, tmp_path, **{"statestore.cache.max.bytes": 0})
    place.write(joined_halves(shared.halves))
    left = {}
    for who in ("java", "python"):
        place.application = place.config["application.id"] = f"{who[:4]}-{place.suffix}"  # of one length
        place.works_off(application(who, place, java))
        left[who] = Left.of(place)
    assert left["python"].topics == left["java"].topics
    assert left["python"].positions == left["java"].positions
    assert {*left["python"].records} == {*left["java"].records}
    for topic, records in left["java"].records.items():
        assert left["python"].records[topic] == records, topic
    assert left["java"].positions


class Left(NamedTuple):
    """What an application left behind, its id taken out.

    Args:
        topics: internal ones, with partitions and settings.
        positions: committed ones of its input, with what the text beside them says.
        records: of each internal topic: all that go to another task, the latest of each key in changelogs. Not those
            of a foreign-key join's messages, whose two tasks take turns as they like.
    """

    topics: Mapping[str, tuple[int, Mapping[str, str]]]
    positions: Mapping[TopicPartition, tuple[int, bytes]]
    records: Mapping[str, list[Stored]]

    @classmethod
    def of(cls, place: Place) -> Left:
        """Reads it from the broker."""
        own = place.application
        with closing(place.door.admin()) as admin:
            described = admin.describe_topics(place.internal(admin))
            committed = place.positions(admin)
        topics = {name.replace(own, "ID"): (topic.partitions, topic.settings) for name, topic in described.items()}
        latest: dict[object, Stored] = {}
        for number, stored in enumerate(place.records(*(name for name in described if not name.endswith("-topic")))):
            topic, value = stored.partition.topic.replace(own, "ID"), stored.value
            partition = TopicPartition(topic, stored.partition.partition)
            shown = None if value is None else value.replace(own.encode(), b"ID")
            timestamp = None if "-SUPPRESS-" in topic else stored.timestamp  # Java leaves it to the producer's clock
            once = stored.key if topic.endswith("-changelog") else number
            latest[partition, once] = Stored(partition, stored.key, shown, timestamp, stored.headers)
        records: dict[str, list[Stored]] = defaultdict(list)
        for stored in sorted(latest.values(), key=repr):
            records[stored.partition.topic].append(stored)
        told = {at: (found.offset, b64decode(found.metadata)) for at, found in committed.items()}
        return cls(topics, {at: told[at] for at in told if at.topic in place.spec["inputs"]}, records)
