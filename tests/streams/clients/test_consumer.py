"""The public consumer: positions, commits, groups."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from broker_local.host import inprocess
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from streams.clients import Admin, Consumer, OffsetAndMetadata, Producer, ProducerRecord, TopicPartition
from streams.errors import (
    ConfigException,
    FencedInstanceIdException,
    IllegalArgumentException,
    IllegalStateException,
    InvalidGroupIdException,
    KafkaException,
    NoOffsetForPartitionException,
    NotYetBuiltException,
    OffsetOutOfRangeException,
    RecordDeserializationException,
    UnknownTopicOrPartitionException,
    WakeupException,
)
from streams.serdes import Serdes
from tests.engines import until
from tests.streams.clients.conftest import MakeConsumer
from tests.streams.clients.steps import read, settle, take

PATIENCE_MS = 20_000


def fill(producer: Producer, topic: str, count: int = 5, partition: int = 0, start: int = 0) -> None:
    """Puts numbered records into a partition, with timestamps of 10, 20, …"""
    for number in range(start, start + count):
        producer.send(ProducerRecord(topic, b"%d" % number, partition=partition, timestamp=10 * (number + 1)))
    producer.flush()


def numbers(records: Sequence[object]) -> list[int]:
    return [int(record.value) for record in records]  # type: ignore[attr-defined]


ZERO = TopicPartition("t", 0)


# Positions


def test_records_come_with_their_place_and_time(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    producer.send(ProducerRecord(topic, b"v", b"k", 1, 7, (("h", b"x"),)))
    producer.flush()
    (record,) = read(consumer(), topic, 1)
    assert record == (topic, 1, 0, 7, b"k", b"v", (("h", b"x"),))


@pytest.mark.parametrize(("reset", "expected"), [("earliest", [0, 1, 2, 3, 4, 9]), ("latest", [9])])
def test_without_a_commit_the_policy_says_where_to_begin(
    producer: Producer, topic: str, consumer: MakeConsumer, reset: str, expected: list[int]
) -> None:
    fill(producer, topic)
    reader = consumer(auto_offset_reset=reset)
    reader.subscribe([topic])
    until(lambda: reader.poll(0) or reader.assignment())
    reader.position(ZERO)
    reader.seek_to_beginning() if reset == "earliest" else None
    fill(producer, topic, 1, start=9)
    assert numbers(take(reader, len(expected))) == expected


def test_without_a_commit_and_a_policy_it_is_an_error(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer(auto_offset_reset="none")
    reader.assign([ZERO])
    with pytest.raises(NoOffsetForPartitionException, match=r"no reset policy for partitions: \[t-0\]"):
        reader.poll(0)


def test_a_commit_goes_before_the_policy(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    fill(producer, topic)
    first = consumer(enable_auto_commit=False)
    read(first, topic, 5)
    first.commit_sync({ZERO: 3, TopicPartition(topic, 1): 0, TopicPartition(topic, 2): 0})
    first.close()
    for reset in ("earliest", "latest", "none"):
        reader = consumer(auto_offset_reset=reset, enable_auto_commit=False)
        assert numbers(read(reader, topic, 2)) == [3, 4]
        reader.close()


def test_assigned_partitions_need_no_group(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    fill(producer, topic)
    reader = consumer(group=None)
    reader.assign([ZERO])
    assert numbers(take(reader, 5)) == [0, 1, 2, 3, 4]
    assert reader.position(ZERO) == 5
    with pytest.raises(InvalidGroupIdException, match=r"commit_sync: .* group.id"):
        reader.commit_sync()
    reader.unsubscribe()
    with pytest.raises(InvalidGroupIdException, match=r"subscribe: .* group.id"):
        reader.subscribe([topic])


def test_seeking_goes_on_there(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    fill(producer, topic)
    reader = consumer(group=None)
    reader.assign([ZERO])
    assert len(take(reader, 5)) == 5
    reader.seek(ZERO, 3)
    assert numbers(take(reader, 2)) == [3, 4]
    reader.seek_to_beginning([ZERO])
    assert reader.position(ZERO) == 0
    reader.seek_to_end()
    fill(producer, topic, 1, start=5)
    assert numbers(take(reader, 1)) == [5]
    reader.seek(ZERO, OffsetAndMetadata(1))
    assert reader.position(ZERO) == 1
    with pytest.raises(IllegalArgumentException, match="negative"):
        reader.seek(ZERO, -1)
    with pytest.raises(IllegalStateException, match=r"No current assignment for partition t-2. Assigned are: t-0"):
        reader.seek(TopicPartition(topic, 2), 0)


def test_a_position_outside_the_log_is_reset_by_policy(
    producer: Producer, admin: Admin, topic: str, consumer: MakeConsumer
) -> None:
    fill(producer, topic)
    admin.delete_records({ZERO: 2})
    reader = consumer(group=None)
    reader.assign([ZERO])
    reader.seek(ZERO, 0)
    assert numbers(take(reader, 3)) == [2, 3, 4]
    strict = consumer(group=None, auto_offset_reset="none")
    strict.assign([ZERO])
    strict.seek(ZERO, 99)
    with pytest.raises(OffsetOutOfRangeException, match="position 99 lies outside the log") as caught:
        strict.poll(PATIENCE_MS)
    assert caught.value.partition == ZERO


def test_a_poll_hands_out_at_most_what_is_asked_for(
    producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    fill(producer, topic, 7)
    reader = consumer(group=None, max_poll_records=3)
    reader.assign([ZERO])
    assert numbers(reader.poll(PATIENCE_MS)) == [0, 1, 2]
    assert reader.position(ZERO) == 3
    assert numbers(reader.poll(PATIENCE_MS)) == [3, 4, 5]
    assert numbers(reader.poll(PATIENCE_MS)) == [6]
    assert reader.current_lag(ZERO) == 0


def test_paused_partitions_wait(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    one = TopicPartition(topic, 1)
    fill(producer, topic, 2)
    fill(producer, topic, 2, partition=1, start=10)
    reader = consumer(group=None, max_poll_records=1)
    reader.assign([ZERO, one])
    first = take(reader, 1)[0]
    still, going = (ZERO, one) if first.partition == 0 else (one, ZERO)
    reader.pause([still])
    assert reader.paused() == {still}
    assert {record.partition for record in take(reader, 2)} == {going.partition}
    assert reader.poll(30) == []
    reader.resume([still])
    assert take(reader, 1)[0].partition == still.partition


def test_a_time_is_turned_into_offsets(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    fill(producer, topic)
    reader = consumer(group=None)
    reader.assign([ZERO])
    found = reader.offsets_for_times({ZERO: 25, TopicPartition(topic, 1): 25})
    assert found == {ZERO: (2, 30), TopicPartition(topic, 1): None}
    assert reader.beginning_offsets([ZERO]) == {ZERO: 0}
    assert reader.end_offsets([ZERO]) == {ZERO: 5}
    assert reader.partitions_for(topic) == [TopicPartition(topic, number) for number in range(3)]
    assert reader.partitions_for("nowhere") == []
    assert topic in reader.list_topics()


def test_a_record_that_cannot_be_decoded_is_named_and_can_be_passed(
    producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    for value in (b"\0\0\0\0\0\0\0\1", b"bad", b"\0\0\0\0\0\0\0\3"):
        producer.send(ProducerRecord(topic, value, partition=0))
    producer.flush()
    reader = consumer(group=None, value_deserializer=Serdes.long())
    reader.assign([ZERO])
    assert [record.value for record in take(reader, 1)] == [1]
    with pytest.raises(RecordDeserializationException, match=r"partition t-0 at offset 1: .*seek past") as caught:
        reader.poll(PATIENCE_MS)
    assert (caught.value.partition, caught.value.offset) == (ZERO, 1)
    reader.seek(ZERO, 2)
    assert [record.value for record in take(reader, 1)] == [3]


# Misuse


def test_polling_without_anything_to_read_is_an_error(consumer: MakeConsumer) -> None:
    with pytest.raises(IllegalStateException, match="not subscribed to any topics or assigned any partitions"):
        consumer().poll(0)


def test_topics_and_partitions_exclude_each_other(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer()
    reader.assign([ZERO])
    with pytest.raises(IllegalStateException, match="mutually exclusive"):
        reader.subscribe([topic])
    reader.unsubscribe()
    reader.subscribe([topic])
    with pytest.raises(IllegalStateException, match="mutually exclusive"):
        reader.assign([ZERO])


def test_a_second_thread_is_refused(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer(group=None)
    reader.assign([ZERO])
    inside = threading.Event()
    outcome: list[BaseException] = []

    def intrude() -> None:
        inside.wait()
        try:
            reader.poll(0)
        except IllegalStateException as error:
            outcome.append(error)
        reader.wakeup()

    thread = threading.Thread(target=intrude)
    thread.start()
    original = reader._buffer.missing

    def missing() -> dict[TopicPartition, str | None]:
        inside.set()
        return original()

    reader._buffer.missing = missing  # type: ignore[method-assign]
    with pytest.raises(WakeupException):
        reader.poll(PATIENCE_MS)
    thread.join()
    assert "not safe for multi-threaded access" in str(outcome[0])


def test_a_closed_consumer_refuses(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer()
    reader.subscribe([topic])
    reader.close()
    reader.close()
    with pytest.raises(IllegalStateException, match="already been closed"):
        reader.poll(0)


def test_a_partition_that_does_not_exist_is_an_error(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer(group=None)
    reader.assign([TopicPartition(topic, 9)])
    with pytest.raises(UnknownTopicOrPartitionException, match="t-9"):
        reader.poll(PATIENCE_MS)


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"auto.offset.reset": "soon"}, ConfigException, "auto.offset.reset"),
        ({"auto.offset.reset": "by_duration:PT1H"}, NotYetBuiltException, "by_duration"),
        ({"group.id": "a/b"}, InvalidGroupIdException, "Group id is invalid"),
        ({"heartbeat.interval.ms": 50_000}, ConfigException, "lower than session.timeout.ms"),
        ({"enable.auto.commit": True}, ConfigException, "group id"),
        ({"partition.assignment.strategy": "sticky"}, NotYetBuiltException, "sticky"),
    ],
)
def test_wrong_settings_are_named(
    address: str, settings: dict[str, object], kind: type[KafkaException], text: str
) -> None:
    with pytest.raises(kind, match=text):
        Consumer({"bootstrap.servers": address, **settings})


# Waking up


def test_wakeup_ends_a_poll_that_waits(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer()
    reader.subscribe([topic])
    settle(reader)
    timer = threading.Timer(0.05, reader.wakeup)
    timer.start()
    with pytest.raises(WakeupException):
        reader.poll(PATIENCE_MS * 10)
    assert reader.poll(0) == []


def test_wakeup_before_a_poll_ends_the_next_one(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer(group=None)
    reader.assign([ZERO])
    reader.wakeup()
    with pytest.raises(WakeupException):
        reader.poll(PATIENCE_MS * 10)


# Commits


def test_what_was_handed_out_is_committed(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    fill(producer, topic)
    reader = consumer(enable_auto_commit=False, max_poll_records=2)
    read(reader, topic, 2)
    reader.commit_sync()
    one = TopicPartition(topic, 1)
    assert reader.committed([ZERO]) == {ZERO: OffsetAndMetadata(2)}
    reader.commit_sync({ZERO: OffsetAndMetadata(4, "note"), one: 0})
    assert reader.committed([ZERO, one, TopicPartition(topic, 2)])[ZERO] == OffsetAndMetadata(4, "note")


def test_a_callback_hears_of_an_asynchronous_commit(
    producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    fill(producer, topic)
    reader = consumer(enable_auto_commit=False)
    read(reader, topic, 5)
    heard: list[tuple[object, object]] = []
    reader.commit_async(callback=lambda offsets, error: heard.append((offsets[ZERO], error)))
    until(lambda: reader.poll(10) or heard)
    assert heard == [(OffsetAndMetadata(5), None)]
    reader.commit_async({ZERO: 2}, lambda offsets, error: heard.append((offsets[ZERO], error)))
    reader.close()
    assert heard[1:] == [(OffsetAndMetadata(2), None)]


def test_the_automatic_commit_comes_by_itself_and_never_ahead(
    producer: Producer, topic: str, consumer: MakeConsumer, admin: Admin
) -> None:
    fill(producer, topic)
    reader = consumer(auto_commit_interval_ms=5, max_poll_records=2)
    read(reader, topic, 2)

    def committed() -> int | None:
        rows = [row for row in admin.describe_group("g").partitions if row.partition == ZERO]
        return rows[0].committed if rows else None

    assert committed() in (None, 0)  # two records are out and not yet known to be done
    take(reader, 2)
    until(lambda: committed() == 2)
    reader.close()
    assert committed() == 4


# Groups


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []

    def on_partitions_revoked(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("revoked", [each.partition for each in partitions]))

    def on_partitions_assigned(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("assigned", [each.partition for each in partitions]))

    def on_partitions_lost(self, partitions: list[TopicPartition]) -> None:
        self.calls.append(("lost", [each.partition for each in partitions]))


def test_members_share_the_partitions_and_one_too_many_is_idle(topic: str, consumer: MakeConsumer) -> None:
    members = [consumer() for _ in range(4)]
    for member in members:
        member.subscribe([topic])

    def divided() -> bool:
        for member in members:
            member.poll(0)
        return sorted(len(member.assignment()) for member in members) == [0, 1, 1, 1]

    until(divided)
    everything = [each for member in members for each in member.assignment()]
    assert sorted(everything) == [TopicPartition(topic, number) for number in range(3)]


def test_a_member_that_leaves_hands_its_partitions_on(
    producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    one, two = consumer(), consumer()
    first, second = Listener(), Listener()
    one.subscribe([topic], first)
    settle(one)
    two.subscribe([topic], second)
    settle(one, two)
    assert first.calls == [("assigned", [0, 1, 2]), ("revoked", [0, 1, 2]), ("assigned", [*first.calls[2][1]])]
    assert sorted([*first.calls[2][1], *second.calls[-1][1]]) == [0, 1, 2]
    kept = second.calls[-1][1]
    two.close()
    assert second.calls[-1] == ("revoked", kept)
    until(lambda: one.poll(10) or len(one.assignment()) == 3)
    assert first.calls[-1] == ("assigned", [0, 1, 2])


def test_nothing_is_read_twice_or_left_out_when_members_come_and_go(
    producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    for partition in range(3):
        fill(producer, topic, 40, partition, 100 * partition)
    one = consumer(max_poll_records=7)
    one.subscribe([topic])
    found = numbers(take(one, 7))
    two = consumer(max_poll_records=7)
    two.subscribe([topic])

    def done() -> bool:
        found.extend(numbers(one.poll(5)))
        found.extend(numbers(two.poll(5)))
        return len(found) >= 120

    until(done)
    assert sorted(found) == [100 * partition + number for partition in range(3) for number in range(40)]


def test_two_groups_read_the_same_records(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    fill(producer, topic)
    assert numbers(read(consumer("g"), topic, 5)) == numbers(read(consumer("h"), topic, 5))


def test_round_robin_deals_topics_in_one_row(admin: Admin, topic: str, consumer: MakeConsumer) -> None:
    admin.create_topic("u", 1)
    members = [consumer(partition_assignment_strategy="roundrobin") for _ in range(2)]
    for member in members:
        member.subscribe([topic, "u"])
    settle(*members)
    assert sorted(len(member.assignment()) for member in members) == [2, 2]


def test_a_changed_subscription_rebalances(admin: Admin, topic: str, consumer: MakeConsumer) -> None:
    admin.create_topic("u", 1)
    reader = consumer()
    reader.subscribe([topic])
    settle(reader)
    reader.subscribe(["u"])
    until(lambda: reader.poll(5) or reader.assignment() == {TopicPartition("u", 0)})
    reader.unsubscribe()
    assert reader.assignment() == set()
    assert admin.describe_group("g").state == "Empty"


def test_a_static_member_comes_back_to_its_partitions_without_a_rebalance(
    topic: str, consumer: MakeConsumer
) -> None:
    other = consumer(group_instance_id="i-2")
    other.subscribe([topic])
    first = consumer(group_instance_id="i-1")
    first.subscribe([topic])
    settle(first, other)
    had, generation = first.assignment(), first.group_metadata().generation_id
    first.close()
    again = consumer(group_instance_id="i-1")
    again.subscribe([topic])
    settle(again, other)
    assert (again.assignment(), again.group_metadata().generation_id) == (had, generation)


def test_a_static_member_is_fenced_by_its_successor(topic: str, consumer: MakeConsumer) -> None:
    first = consumer(group_instance_id="i-1")
    first.subscribe([topic])
    settle(first)
    second = consumer(group_instance_id="i-1")
    second.subscribe([topic])
    settle(second)

    def fenced() -> bool:
        try:
            first.poll(10)
        except FencedInstanceIdException:
            return True
        return False

    until(fenced)


def test_group_metadata_names_the_member(topic: str, consumer: MakeConsumer) -> None:
    reader = consumer()
    reader.subscribe([topic])
    settle(reader)
    metadata = reader.group_metadata()
    assert (metadata.group_id, metadata.group_instance_id) == ("g", None)
    assert metadata.generation_id >= 1
    assert metadata.member_id.startswith("consumer-")


# In a loop


def test_records_come_one_by_one_in_a_loop_and_a_commit_is_of_what_the_loop_has(
    producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    fill(producer, topic)
    reader = consumer(group_id="loop", enable_auto_commit=False, auto_offset_reset="earliest")
    reader.assign([ZERO._replace(topic=topic)])
    seen = []
    for record in reader:
        seen.append(record)
        if len(seen) == 2:
            reader.commit_sync()
        if len(seen) == 3:
            break
    assert numbers(seen) == [0, 1, 2]
    where = ZERO._replace(topic=topic)
    assert reader.committed([where])[where] == OffsetAndMetadata(2, "")
    assert reader.position(where) == 3
    assert numbers([next(iter(reader)), *reader.poll(PATIENCE_MS)]) == [3, 4]
    reader.wakeup()
    with pytest.raises(WakeupException):
        next(iter(reader))


def test_an_asynchronous_commit_takes_its_callback_alone(
    producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    fill(producer, topic)
    reader = consumer(group_id="later", enable_auto_commit=False, auto_offset_reset="earliest")
    where = ZERO._replace(topic=topic)
    reader.assign([where])
    assert len(take(reader, 5)) == 5
    told: list[object] = []
    reader.commit_async(lambda offsets, error: told.append((dict(offsets), error)))
    until(lambda: (reader.poll(0), told)[1])
    assert told == [({where: OffsetAndMetadata(5, "")}, None)]
    with pytest.raises(IllegalArgumentException, match="one callback, got two"):
        reader.commit_async(print, print)
    with pytest.raises(IllegalArgumentException, match="callback of commit_async"):
        reader.commit_async({where: 1}, 5)  # type: ignore[arg-type]


def test_a_group_of_three_thousand_topics_forms_and_commits(address: str, consumer: MakeConsumer) -> None:
    names = [f"{number:04d}-{'a-long-name-' * 12}" for number in range(3_000)]  # more than 1 MB for three members
    engine = inprocess.connect(address.removeprefix("memory://"))
    engine.call(TopicCreate(tuple(NewTopic(name, 1, {}) for name in names)))
    engine.close()
    members = [consumer(partition_assignment_strategy="roundrobin") for _ in range(3)]
    for each in members:
        each.subscribe(names)
    settle(*members)
    assert [len(each.assignment()) for each in members] == [1_000] * 3
    everywhere = {partition: OffsetAndMetadata(0) for partition in members[0].assignment()}
    members[0].commit_sync(everywhere)
    assert len(members[1].committed(everywhere)) == 1_000
