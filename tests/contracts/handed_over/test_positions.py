"""Partitions, offsets, times and names: `memory://` and `local://` refuse the same with the same words, half done is
nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from streams.clients import Admin, Consumer, OffsetAndMetadata, Producer, ProducerRecord
from streams.record import TopicPartition
from tests.contracts.handed_over.doors import said

_numbers = itertools.count()
HALF = "\ud800"


class Clients(NamedTuple):
    """What is asked, and the topic it is asked about: three records in one partition."""

    consumer: Consumer
    admin: Admin
    topic: str

    @property
    def zero(self) -> TopicPartition:
        return TopicPartition(self.topic, 0)


@pytest.fixture
def clients(address: str) -> Iterator[Clients]:
    number = next(_numbers)
    topic = f"positions-{number}"
    with Producer(bootstrap_servers=address) as producer:
        for at in range(3):
            producer.send(ProducerRecord(topic, b"v", timestamp=at * 1_000))
    config = {"bootstrap.servers": address, "group.id": f"group-{number}", "enable.auto.commit": False}
    with Consumer(config) as consumer, Admin(bootstrap_servers=address) as admin:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 1)
        yield Clients(consumer, admin, topic)


Call = Callable[[Clients], object]
ILLEGAL = "IllegalArgumentException"
TOPIC = "InvalidTopicException"

WRONG: dict[str, tuple[Call, str, str]] = {
    # offsets
    "seek: a float": (lambda c: c.consumer.seek(c.zero, 1.5), ILLEGAL, "Invalid offset: 1.5 (float). Give a whole"),
    "seek: a whole float": (lambda c: c.consumer.seek(c.zero, 2.0), ILLEGAL, "Invalid offset: 2.0 (float)"),
    "seek: True": (lambda c: c.consumer.seek(c.zero, True), ILLEGAL, "Invalid offset: True (bool)"),
    "seek: text": (lambda c: c.consumer.seek(c.zero, "2"), ILLEGAL, "Invalid offset: '2' (str)"),
    "seek: None": (lambda c: c.consumer.seek(c.zero, None), ILLEGAL, "Invalid offset: None (NoneType)"),
    "seek: negative": (lambda c: c.consumer.seek(c.zero, -1), ILLEGAL, "seek offset must not be a negative number"),
    "seek: too large": (lambda c: c.consumer.seek(c.zero, 2**63), ILLEGAL, "Invalid offset: 9223372036854775808."),
    "seek: a position of a float": (
        lambda c: c.consumer.seek(c.zero, OffsetAndMetadata(1.5)),
        ILLEGAL,
        "Invalid offset: 1.5 (float)",
    ),
    "commit: negative": (lambda c: c.consumer.commit_sync({c.zero: -5}), ILLEGAL, "Invalid offset of {zero}: -5."),
    "commit: a float": (lambda c: c.consumer.commit_sync({c.zero: 2.5}), ILLEGAL, "Invalid offset of {zero}: 2.5 (fl"),
    "commit: too large": (lambda c: c.consumer.commit_sync({c.zero: 2**63}), ILLEGAL, "Invalid offset of {zero}: 922"),
    "commit: True": (lambda c: c.consumer.commit_async({c.zero: True}), ILLEGAL, "Invalid offset of {zero}: True"),
    "commit: metadata in bytes": (
        lambda c: c.consumer.commit_sync({c.zero: OffsetAndMetadata(1, b"m")}),
        ILLEGAL,
        "Invalid metadata of {zero}: b'm' (bytes). Give text.",
    ),
    "commit: half a character": (
        lambda c: c.consumer.commit_sync({c.zero: OffsetAndMetadata(1, HALF)}),
        ILLEGAL,
        "Invalid metadata of {zero}:",
    ),
    "commit: no mapping": (lambda c: c.consumer.commit_sync([c.zero]), ILLEGAL, "Invalid offsets: [TopicPartition("),
    "commit: a good one beside": (
        lambda c: c.consumer.commit_sync({c.zero: 2, TopicPartition(c.topic, 1): -1}),
        ILLEGAL,
        "Invalid offset of {topic}-1: -1.",
    ),
    "delete: a float": (lambda c: c.admin.delete_records({c.zero: 1.0}), ILLEGAL, "Invalid offset of {zero}: 1.0 (fl"),
    "delete: -2": (lambda c: c.admin.delete_records({c.zero: -2}), ILLEGAL, "Invalid offset of {zero}: -2."),
    "delete: no mapping": (lambda c: c.admin.delete_records([c.zero]), ILLEGAL, "Invalid offsets: ["),
    "reset: a float": (lambda c: c.admin.reset_offsets("g", [c.topic], to_offset=1.5), ILLEGAL, "Invalid to_offset: 1"),
    "reset: True": (lambda c: c.admin.reset_offsets("g", [c.topic], to_offset=True), ILLEGAL, "Invalid to_offset: Tru"),
    "reset: a step of text": (
        lambda c: c.admin.reset_offsets("g", [c.topic], shift_by="1"),
        ILLEGAL,
        "Invalid shift_by: '1' (str)",
    ),
    # times
    "look-up: a float": (
        lambda c: c.consumer.offsets_for_times({c.zero: 1.5}),
        ILLEGAL,
        "Invalid time for {zero}: 1.5",
    ),
    "look-up: negative": (lambda c: c.consumer.offsets_for_times({c.zero: -1}), ILLEGAL, "Invalid time for {zero}: -1"),
    "look-up: naive": (
        lambda c: c.admin.offsets_for_times({c.zero: datetime(2024, 1, 1)}),
        ILLEGAL,
        "Invalid time for {zero}: datetime.datetime(2024, 1, 1, 0, 0) (datetime) has no time zone",
    ),
    "look-up: no mapping": (lambda c: c.admin.offsets_for_times([c.zero]), ILLEGAL, "Invalid times: ["),
    "reset: a naive datetime": (
        lambda c: c.admin.reset_offsets("g", [c.topic], to_datetime=datetime(2024, 1, 1)),
        ILLEGAL,
        "Invalid to_datetime: datetime.datetime(2024, 1, 1, 0, 0) (datetime) has no time zone",
    ),
    "poll: half a millisecond": (lambda c: c.consumer.poll(0.5), ILLEGAL, 'Invalid value for parameter "timeout"'),
    "poll: negative": (lambda c: c.consumer.poll(-1), ILLEGAL, "Invalid timeout: -1."),
    "poll: None": (lambda c: c.consumer.poll(None), ILLEGAL, 'Invalid value for parameter "timeout"'),
    # partitions
    "assign: a name": (lambda c: c.consumer.assign(c.topic), ILLEGAL, "Invalid partitions: '{topic}' (str)"),
    "assign: one partition": (lambda c: c.consumer.assign(c.zero), ILLEGAL, "Invalid partitions: TopicPartition("),
    "assign: None": (lambda c: c.consumer.assign(None), ILLEGAL, "Invalid partitions: None"),
    "assign: names": (
        lambda c: c.consumer.assign(["ab"]),
        ILLEGAL,
        "Invalid partition: 'ab' (str). Give TopicPartition",
    ),
    "assign: a float": (lambda c: c.consumer.assign([(c.topic, 0.0)]), ILLEGAL, "Invalid partition: 0.0 (float)"),
    "assign: True": (lambda c: c.consumer.assign([(c.topic, True)]), ILLEGAL, "Invalid partition: True (bool)"),
    "assign: -1": (lambda c: c.consumer.assign([(c.topic, -1)]), ILLEGAL, "Invalid partition: -1."),
    "assign: too large": (lambda c: c.consumer.assign([(c.topic, 2**31)]), ILLEGAL, "Invalid partition: 2147483648."),
    "assign: no topic": (lambda c: c.consumer.assign([(None, 0)]), TOPIC, "Topic name is invalid: None is NoneType"),
    "assign: a topic in bytes": (lambda c: c.consumer.assign([(b"t", 0)]), TOPIC, "Topic name is invalid: b't' is byt"),
    "assign: a bad name": (lambda c: c.consumer.assign([("a b", 0)]), TOPIC, "Topic name is invalid: 'a b' contains"),
    "pause: a name": (lambda c: c.consumer.pause([c.topic]), ILLEGAL, "Invalid partition: '{topic}' (str)"),
    "pause: another beside": (
        lambda c: c.consumer.pause([c.zero, TopicPartition(c.topic, 1)]),
        "IllegalStateException",
        "{topic}-1",
    ),
    "resume: a number": (lambda c: c.consumer.resume([0]), ILLEGAL, "Invalid partition: 0 (int)"),
    "position: a name": (lambda c: c.consumer.position(c.topic), ILLEGAL, "Invalid partition: '{topic}'"),
    "lag: a triple": (
        lambda c: c.consumer.current_lag((c.topic, 0, 1)),
        ILLEGAL,
        "Invalid partition: ('{topic}', 0, 1)",
    ),
    "to the beginning: a name": (lambda c: c.consumer.seek_to_beginning(c.topic), ILLEGAL, "Invalid partitions: '"),
    "to the end: a float": (lambda c: c.consumer.seek_to_end([(c.topic, 0.5)]), ILLEGAL, "Invalid partition: 0.5"),
    "committed: a name": (lambda c: c.consumer.committed(c.topic), ILLEGAL, "Invalid partitions: '{topic}'"),
    "ends: a name": (lambda c: c.consumer.end_offsets([c.topic]), ILLEGAL, "Invalid partition: '{topic}'"),
    "beginnings: a name": (lambda c: c.admin.beginning_offsets([c.topic]), ILLEGAL, "Invalid partition: '{topic}'"),
    "ends: an isolation in text": (
        lambda c: c.admin.end_offsets([c.zero], "read_committed"),
        ILLEGAL,
        "Invalid isolation: 'read_committed' (str)",
    ),
    # names
    "partitions of: None": (
        lambda c: c.consumer.partitions_for(None),
        TOPIC,
        "Topic name is invalid: None is NoneType",
    ),
    "describe: a number": (lambda c: c.admin.describe_topics([5]), ILLEGAL, "Invalid name among topics: 5 (int)"),
    "describe: None": (
        lambda c: c.admin.describe_topics(None),
        ILLEGAL,
        "Invalid topics: None (NoneType). Give a list",
    ),
    "create: a long name": (
        lambda c: c.admin.create_topic("t" * 250, 1),
        TOPIC,
        "Topic name is invalid: the length of",
    ),
    "create: bytes": (lambda c: c.admin.create_topic(b"t", 1), TOPIC, "Topic name is invalid: b't' is bytes, not text"),
    "delete: None": (lambda c: c.admin.delete_topic(None), TOPIC, "Topic name is invalid: None is NoneType, not text"),
    "group: a number": (lambda c: c.admin.delete_group(5), "InvalidGroupIdException", "Group id is invalid: 5 is int"),
    # counts and settings
    "create: half a partition": (
        lambda c: c.admin.create_topic("n", 1.5),
        "InvalidPartitionsException",
        "Invalid number of partitions: 1.5 (float)",
    ),
    "create: True": (lambda c: c.admin.create_topic("n", True), "InvalidPartitionsException", "Invalid number of pa"),
    "create: none": (lambda c: c.admin.create_topic("n", 0), "InvalidPartitionsException", "Invalid number of partit"),
    "create: far too many": (lambda c: c.admin.create_topic("n", 2**40), "InvalidPartitionsException", "Invalid num"),
    "create: too many": (
        lambda c: c.admin.create_topic("n", 100_001),
        "InvalidPartitionsException",
        "between 1 and 10000",
    ),
    "grow: text": (
        lambda c: c.admin.create_partitions(c.topic, "2"),
        "InvalidPartitionsException",
        "Invalid number of",
    ),
    "create: a setting that is a list": (
        lambda c: c.admin.create_topic("n", 1, {"cleanup.policy": ["compact"]}),
        "ConfigException",
        "Invalid value ['compact'] (list) for configuration cleanup.policy",
    ),
    "create: a setting that is half a character": (
        lambda c: c.admin.create_topic("n", 1, {"cleanup.policy": HALF}),
        "ConfigException",
        "Invalid cleanup.policy:",
    ),
    "alter: no mapping": (
        lambda c: c.admin.alter_topic(c.topic, ["a=b"]),
        "ConfigException",
        "Invalid configs: ['a=b']",
    ),
}


@pytest.mark.parametrize(("call", "kind", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_and_nothing_of_it_is_done(
    clients: Clients, call: Call, kind: str, words: str
) -> None:
    found, text = said(call, clients)
    assert found == kind
    assert words.format(zero=clients.zero, topic=clients.topic) in text
    consumer, zero = clients.consumer, clients.zero
    assert consumer.assignment() == {zero} and consumer.paused() == set()
    assert consumer.position(zero) == 1 and consumer.committed([zero]) == {zero: None}
    assert clients.admin.beginning_offsets([zero]) == {zero: 0}
    assert "n" not in clients.admin.list_topics()


class Two:
    """A whole number of another library's."""

    def __index__(self) -> int:
        return 2


def test_what_is_unusual_is_taken(clients: Clients) -> None:
    consumer, admin, topic = clients
    zero = clients.zero
    consumer.seek((topic, 0), Two())
    assert consumer.position([topic, 0]) == 2
    consumer.commit_sync({(topic, 0): OffsetAndMetadata(2**63 - 1, "ä \U0001f600")})
    assert consumer.committed([zero]) == {zero: OffsetAndMetadata(2**63 - 1, "ä \U0001f600")}
    consumer.commit_sync({zero: OffsetAndMetadata(0, None)})
    assert consumer.committed([zero]) == {zero: OffsetAndMetadata(0, "")}
    for time, offset in ((0, 0), (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 1), (2_000, 2)):
        found = consumer.offsets_for_times({zero: time})[zero]
        assert found is not None and found.offset == offset
    assert consumer.offsets_for_times({zero: 2**63 - 1}) == {zero: None}
    assert set(admin.describe_topics(topic)) == {topic}
    assert admin.reset_offsets("other", topic, to_offset=-7) == {zero: 0}
    made = admin.create_topic(f"{topic}-made", Two(), {"retention.ms": -1, "preallocate": None})
    assert (made.partitions, made.settings) == (2, {"retention.ms": "-1"})
    assert admin.delete_records({zero: -1}) == {zero: 3}


def test_a_record_goes_to_a_partition_that_there_is(address: str) -> None:
    for number, words in (
        (1.0, r"1\.0 \(float\)"),
        (True, r"True \(bool\)"),
        ("0", r"'0' \(str\)"),
        (-1, "-1"),
        (2**31, "2"),
    ):
        with pytest.raises(ValueError, match=f"Invalid partition: {words}"):
            ProducerRecord("t", b"v", partition=number)  # type: ignore[arg-type]
    topic = f"positions-{next(_numbers)}"
    for chosen, words in (
        (lambda *asked: 0.5, r"The partitioner .* failed for topic .*: Invalid partition: 0\.5 \(float\)"),
        (lambda *asked: None, "Invalid partition: None"),
        (lambda *asked: [0], r"Invalid partition: \[0\] \(list\)"),
        (lambda *asked: -1, "Invalid partition: -1"),
        (lambda *asked: 7, "Invalid partition: 7. Topic .* has 1 partitions"),
    ):
        with Producer(bootstrap_servers=address, partitioner_class=chosen) as producer:
            producer.send(ProducerRecord(topic, b"v", partition=0)).result(30)
            with pytest.raises(ValueError, match=words):
                producer.send(ProducerRecord(topic, b"v"))
    with Producer(bootstrap_servers=address) as producer:
        for given in (("t", b"v"), None, "t", {"topic": "t"}):
            with pytest.raises(ValueError, match=r"send\(\) takes a ProducerRecord, not"):
                producer.send(given)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="Invalid callback: 5"):
            producer.send(ProducerRecord(topic, b"v"), 5)  # type: ignore[arg-type]
    with Admin(bootstrap_servers=address) as admin:
        zero: Any = TopicPartition(topic, 0)
        assert admin.end_offsets([zero]) == {zero: 5}


def test_names_of_topics_are_subscribed_to(address: str) -> None:
    with Consumer(bootstrap_servers=address, group_id=f"group-{next(_numbers)}") as consumer:
        for given, kind, words in (
            (None, ILLEGAL, "Invalid topics: None"),
            (b"t", ILLEGAL, "Invalid topics: b't'"),
            ([b"t"], ILLEGAL, "Invalid name among topics: b't'"),
            (["good", None], ILLEGAL, "Invalid name among topics: None"),
            (["good", "a b"], TOPIC, "Topic name is invalid: 'a b'"),
        ):
            found, text = said(consumer.subscribe, given)
            assert (found, text[: len(words)]) == (kind, words)
            assert consumer.subscription() == frozenset()
        consumer.subscribe(name for name in ("a", "b"))
        assert consumer.subscription() == {"a", "b"}
