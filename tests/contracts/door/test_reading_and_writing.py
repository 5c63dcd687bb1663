"""What every door's readers and writers promise."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.clients.api import READER_DEFAULTS, WRITER_DEFAULTS, Door, Fetched, Isolation, Reader, Sent, Writer
from streams.errors import (
    IllegalArgumentException,
    InvalidTopicException,
    OffsetOutOfRangeException,
    RecordTooLargeException,
    UnknownTopicOrPartitionException,
)
from streams.record import TopicPartition
from tests.contracts.door.steps import PATIENCE_MS, batch, read_all, read_to_end, read_until, records, write

_numbers = itertools.count(os.getpid() * 1_000)  # an engine may outlive a run
UNCOMMITTED = Isolation.READ_UNCOMMITTED


@pytest.fixture
def zero(topic: str) -> TopicPartition:
    return TopicPartition(topic, 0)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def both(door: Door, stack: ExitStack) -> tuple[Writer, Reader]:
    """A writer and a reader, closed with the test."""
    writer, reader = door.writer(), door.reader(UNCOMMITTED)
    stack.enter_context(closing(writer))
    stack.enter_context(closing(reader))
    return writer, reader


def test_what_is_written_is_read_column_by_column(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    sent: list[Sent] = []
    headers = ((), (("trace", b"1"), ("trace", None)), ())
    writer.send(zero, batch([b"a", None, b"c"], [b"k", None, b""], [5, 3, 4], headers), sent.append)
    assert writer.await_acks(PATIENCE_MS) == 0
    assert [each._replace(log_epoch=-1) for each in sent] == [Sent(zero, 0, -1, None)]  # Kafka tells its leader's epoch
    reader.seek({zero: 0})
    (fetched,) = (each for each in read_to_end(reader, zero) if each.batch is not None)
    found = fetched.batch
    assert found is not None
    assert list(found.keys) == [b"k", None, b""]
    assert list(found.values) == [b"a", None, b"c"]
    assert list(found.timestamps) == [5, 3, 4]
    assert found.headers is not None
    assert tuple(found.headers) == headers
    assert (list(found.offsets), found.next_offset) == ([0, 1, 2], 3)
    assert (fetched.caught_up_at, fetched.log_start, fetched.readable_end, fetched.log_end) == (3, 0, 3, 3)


def test_a_batch_without_headers_has_none(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    write(writer, zero, b"a")
    reader.seek({zero: 0})
    (fetched,) = (each for each in read_to_end(reader, zero) if each.batch is not None)
    assert fetched.batch is not None
    assert fetched.batch.headers is None


def test_the_end_is_told_once_for_each_time_it_is_reached(
    door: Door, zero: TopicPartition, stack: ExitStack
) -> None:
    writer, reader = both(door, stack)
    reader.seek({zero: 0})
    assert [each[:3] for each in read_to_end(reader, zero)] == [(zero, None, 0)]
    assert reader.poll(0) == []
    write(writer, zero, b"a", b"b")
    seen = read_to_end(reader, zero)
    assert records(seen, zero) == [(0, b"a"), (1, b"b")]
    assert seen[-1].caught_up_at == 2


def test_the_end_is_not_told_while_more_is_known_to_follow(
    door: Door, zero: TopicPartition, stack: ExitStack
) -> None:
    writer = stack.enter_context(closing(door.writer()))
    for number in range(4):
        write(writer, zero, bytes([number]) * 1_000)
    small = replace(READER_DEFAULTS, max_partition_bytes=1_500, max_bytes=1_500)
    reader = stack.enter_context(closing(door.reader(UNCOMMITTED, small)))
    reader.seek({zero: 0})
    seen = read_to_end(reader, zero)
    told = [each.caught_up_at for each in seen]
    assert told == [None] * (len(seen) - 1) + [4]
    assert len(seen) > 1 or "://" not in door.address  # librdkafka may have fetched all before it is asked
    assert [offset for offset, _ in records(seen, zero)] == [0, 1, 2, 3]


def test_reading_begins_inside_a_batch(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    write(writer, zero, b"a", b"b", b"c")
    write(writer, zero, b"d")
    assert read_all(door, zero, reader, 2) == [(2, b"c"), (3, b"d")]


def test_a_position_outside_the_log_is_told_and_rests_until_it_is_placed_again(
    door: Door, topic: str, stack: ExitStack
) -> None:
    writer, reader = both(door, stack)
    lost, fine = TopicPartition(topic, 0), TopicPartition(topic, 1)
    write(writer, lost, b"a", b"b")
    write(writer, fine, b"x")
    assert door.admin().delete_records({lost: 1}) == {lost: 1}
    reader.seek({lost: 0, fine: 0})
    with pytest.raises(OffsetOutOfRangeException, match=r"position 0 lies outside the log, .* from 1 to 2") as caught:
        read_until(reader, lambda seen: False)
    error = caught.value
    assert (error.partition, error.position, error.log_start, error.log_end) == (lost, 0, 1, 2)
    write(writer, fine, b"y")
    seen = read_until(reader, lambda seen: (1, b"y") in records(seen, fine))
    assert records(seen, lost) == []
    reader.seek({lost: 1})
    assert records(read_to_end(reader, lost), lost) == [(1, b"b")]


def test_a_partition_that_does_not_exist_is_told_by_name(door: Door, topic: str, stack: ExitStack) -> None:
    reader = stack.enter_context(closing(door.reader(UNCOMMITTED)))
    missing = TopicPartition(topic, 9)
    reader.seek({missing: 0})
    with pytest.raises(UnknownTopicOrPartitionException, match=f"{topic}-9") as caught:
        read_until(reader, lambda seen: False)
    assert caught.value.partition == missing


def test_reading_creates_no_topic(door: Door, stack: ExitStack) -> None:
    reader = stack.enter_context(closing(door.reader(UNCOMMITTED)))
    reader.seek({TopicPartition("never-made", 0): 0})
    with pytest.raises(UnknownTopicOrPartitionException):
        read_until(reader, lambda seen: False)
    assert "never-made" not in door.admin().list_topics()


def test_a_paused_partition_is_kept_and_goes_on_where_it_was(door: Door, topic: str, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    still, going = TopicPartition(topic, 0), TopicPartition(topic, 1)
    write(writer, still, b"a")
    write(writer, going, b"x")
    reader.seek({still: 0, going: 0})
    reader.pause([still])
    seen = read_to_end(reader, going)
    write(writer, going, b"y")
    seen += read_until(reader, lambda seen: records(seen, going))
    assert records(seen, still) == []
    reader.resume([still])
    assert records(read_to_end(reader, still), still) == [(0, b"a")]


def test_pausing_after_a_fetch_has_left_loses_nothing(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    reader.seek({zero: 0})
    read_to_end(reader, zero)  # the next long poll is out
    reader.pause([zero])
    write(writer, zero, b"a")
    assert reader.poll(50) == []
    write(writer, zero, b"b")
    reader.resume([zero])
    seen = read_until(reader, lambda seen: len(records(seen, zero)) >= 2)
    assert records(seen, zero) == [(0, b"a"), (1, b"b")]


def test_two_partitions_that_are_paused_in_turn_lose_and_double_nothing(
    door: Door, topic: str, stack: ExitStack
) -> None:
    writer, reader = both(door, stack)
    count, size = 40, 64 * 1024  # of one partition more than a fetch brings
    those = [TopicPartition(topic, number) for number in (0, 1)]
    for number, partition in itertools.product(range(count), those):
        write(writer, partition, b"%03d" % number + bytes(size))
    reader.seek(dict.fromkeys(those, 0))
    seen: list[Fetched] = []
    chosen = random.Random(1)
    still: list[TopicPartition] = []
    anew = iter(range(5))
    deadline = time.monotonic() + PATIENCE_MS / 1_000
    while not all(len(records(seen, each)) >= count for each in those):
        assert time.monotonic() < deadline
        if chosen.random() < 0.3:
            reader.resume(still)
            still = chosen.sample(those, chosen.choice((0, 1, 1, 2)))
            reader.pause(still)
        # now and then from where it was, with what came of it meanwhile thrown away
        if chosen.random() < 0.3 and next(anew, None) is not None:
            again = chosen.choice(those)
            reader.seek({again: len(records(seen, again))})
        came = reader.poll(chosen.choice((0, 20)))
        assert not {each.partition for each in came}.intersection(still)
        seen += came
    for each in those:
        found = [(offset, value[:3]) for offset, value in records(seen, each) if value is not None]
        assert found == [(number, b"%03d" % number) for number in range(count)]


def test_a_dropped_partition_is_read_no_more_and_can_be_placed_again(
    door: Door, topic: str, stack: ExitStack
) -> None:
    writer, reader = both(door, stack)
    one, two = TopicPartition(topic, 0), TopicPartition(topic, 1)
    reader.seek({one: 0, two: 0})
    read_to_end(reader, one, two)
    reader.drop([one, TopicPartition(topic, 2)])
    write(writer, one, b"a")
    write(writer, two, b"b")
    assert records(read_until(reader, lambda seen: records(seen, two)), one) == []
    reader.seek({one: 0})
    assert records(read_to_end(reader, one), one) == [(0, b"a")]


def test_placing_anew_forgets_what_was_fetched(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    write(writer, zero, b"a", b"b", b"c")
    reader.seek({zero: 0})
    read_to_end(reader, zero)
    assert read_all(door, zero, reader, 1) == [(1, b"b"), (2, b"c")]


def test_wake_ends_a_poll_that_waits(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    reader = stack.enter_context(closing(door.reader(UNCOMMITTED)))
    reader.seek({zero: 0})
    read_to_end(reader, zero)
    waker = threading.Timer(0.05, reader.wake)
    waker.start()
    assert reader.poll(PATIENCE_MS * 10) == []
    waker.join()


def test_wake_before_a_poll_ends_the_next_one(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    reader = stack.enter_context(closing(door.reader(UNCOMMITTED)))
    reader.seek({zero: 0})
    read_to_end(reader, zero)
    reader.wake()
    assert reader.poll(PATIENCE_MS * 10) == []


def test_a_reader_without_positions_waits_and_returns_nothing(door: Door, stack: ExitStack) -> None:
    reader = stack.enter_context(closing(door.reader(UNCOMMITTED)))
    assert reader.poll(20) == []


def test_many_batches_keep_their_order_and_their_offsets(door: Door, topic: str, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    sent: list[Sent] = []
    partitions = [TopicPartition(topic, number) for number in range(3)]
    for number in range(60):
        writer.send(partitions[number % 3], batch([b"%d" % number, b"+"]), sent.append)
    assert writer.await_acks(PATIENCE_MS) == 0
    assert all(each.error is None for each in sent)
    for number, partition in enumerate(partitions):
        assert [each.base_offset for each in sent if each.partition == partition] == list(range(0, 40, 2))
        values = [value for _, value in read_all(door, partition, reader) if value != b"+"]
        assert values == [b"%d" % each for each in range(number, 60, 3)]


def test_acknowledgements_come_inside_settle_only(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer = stack.enter_context(closing(door.writer()))
    threads: list[int] = []
    writer.send(zero, batch([b"a"]), lambda sent: threads.append(threading.get_ident()))
    assert writer.await_acks(PATIENCE_MS) == 0
    assert threads == [threading.get_ident()]
    assert writer.await_acks(0) == 0


def test_a_topic_is_made_by_whoever_writes_to_it(door: Door, stack: ExitStack) -> None:
    writer = stack.enter_context(closing(door.writer()))
    assert writer.partitions_for("made-by-a-writer") == 1
    write(writer, TopicPartition("made-by-a-writer", 0), b"a")
    assert "made-by-a-writer" in door.admin().list_topics()


def test_a_name_that_is_not_allowed_is_refused(door: Door, stack: ExitStack) -> None:
    writer = stack.enter_context(closing(door.writer()))
    with pytest.raises(InvalidTopicException):
        writer.partitions_for("no/slash")


def test_an_empty_batch_is_refused(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer = stack.enter_context(closing(door.writer()))
    with pytest.raises(IllegalArgumentException, match="without records"):
        writer.send(zero, batch([]), lambda sent: None)


def test_a_batch_that_fails_for_good_takes_nothing_else_with_it(
    door: Door, topic: str, stack: ExitStack
) -> None:
    writer, reader = both(door, stack)
    name = f"{topic}-small"
    door.admin().create_topic(name, 1, {"max.message.bytes": "2000"})
    partition = TopicPartition(name, 0)
    outcomes: list[Sent] = []
    for value in (b"1", b"x" * 10_000, b"2", b"3"):
        writer.send(partition, batch([value]), outcomes.append)
    assert writer.await_acks(PATIENCE_MS) == 0
    assert [type(each.error) for each in sorted(outcomes, key=lambda each: each.base_offset)] == [
        RecordTooLargeException, type(None), type(None), type(None),
    ]  # fmt: skip
    assert read_all(door, partition, reader) == [(0, b"1"), (1, b"2"), (2, b"3")]


def test_without_acknowledgement_there_is_no_offset(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    writer = stack.enter_context(closing(door.writer(replace(WRITER_DEFAULTS, acks=0, idempotent=False))))
    first, reader = both(door, stack)
    write(first, zero, b"leads")  # a leader of a moment ago may refuse, and nobody would be told
    sent: list[Sent] = []
    writer.send(zero, batch([b"a"]), sent.append)
    assert writer.await_acks(PATIENCE_MS) == 0  # over Kafka it has left when the partition's leader is reached
    assert sent == [Sent(zero, -1, -1, None)]
    reader.seek({zero: 1})
    assert records(read_until(reader, lambda seen: records(seen, zero)), zero) == [(1, b"a")]


def test_the_logs_own_time_is_told_and_stands_for_all_records(door: Door, topic: str, stack: ExitStack) -> None:
    writer, reader = both(door, stack)
    name = f"{topic}-append"
    door.admin().create_topic(name, 1, {"message.timestamp.type": "LogAppendTime"})
    partition = TopicPartition(name, 0)
    sent = write(writer, partition, b"a", b"b")
    assert sent.timestamp > 1_000
    reader.seek({partition: 0})
    (fetched,) = (each for each in read_to_end(reader, partition) if each.batch is not None)
    assert fetched.batch is not None
    assert list(fetched.batch.timestamps) == [sent.timestamp] * 2


# The model: a list per partition, and where each reader stands in it.

def test_the_end_of_a_log_is_told_with_its_epoch_and_what_was_read_in_it_is_there(
    door: Door, topic: str, stack: ExitStack
) -> None:
    writer, reader = both(door, stack)
    zero, admin = TopicPartition(topic, 0), door.admin()
    write(writer, zero, b"a", b"b", b"c")
    reader.seek({zero: 0})
    epochs = {fetched.log_epoch for fetched in read_to_end(reader, zero) if fetched.batch is not None}
    end = admin.log_ends({zero: -1})[zero]
    assert (end.offset, end.agrees_to, {end.log_epoch}) == (3, 3, epochs)
    assert admin.log_ends({zero: end.log_epoch}) == {zero: end}
    with pytest.raises(UnknownTopicOrPartitionException):
        admin.log_ends({TopicPartition(topic, 9): -1})


operation = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2), st.integers(1, 4)),
    st.tuples(st.just("seek"), st.integers(0, 2), st.integers(0, 12)),
    st.tuples(st.just("delete"), st.integers(0, 2), st.integers(0, 12)),
    st.tuples(st.just("pause"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("resume"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("read"), st.just(0), st.just(0)),
)


class Model:
    """Three lists, and the positions of one reader."""

    def __init__(self, topic: str) -> None:
        self.partitions = [TopicPartition(topic, number) for number in range(3)]
        self.logs: list[list[bytes]] = [[], [], []]
        self.starts = [0, 0, 0]
        self.positions = [0, 0, 0]
        self.paused: set[int] = set()

    def expected(self) -> dict[int, list[tuple[int, bytes]]]:
        """What a read to the end of all that is not paused brings."""
        return {
            number: list(enumerate(self.logs[number]))[self.positions[number] :]
            for number in range(3)
            if number not in self.paused
        }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(operation, max_size=14))
def test_a_reader_sees_what_a_list_would_show(
    door: Door, operations: list[tuple[str, int, int]]
) -> None:
    topic = f"model-{next(_numbers)}"
    door.admin().create_topic(topic, 3, {})
    model = Model(topic)
    with closing(door.writer()) as writer, closing(door.reader(UNCOMMITTED)) as reader:
        reader.seek(dict.fromkeys(model.partitions, 0))
        for what, number, amount in [*operations, ("read", 0, 0)]:
            partition, log = model.partitions[number], model.logs[number]
            if what == "write":
                values = [b"%d.%d" % (number, len(log) + each) for each in range(amount)]
                assert write(writer, partition, *values).base_offset == len(log)
                log += values
            elif what == "seek":
                model.positions[number] = max(model.starts[number], min(amount, len(log)))
                reader.seek({partition: model.positions[number]})
            elif what == "delete":
                start = max(model.starts[number], min(amount, len(log)))
                assert door.admin().delete_records({partition: min(amount, len(log))}) == {partition: start}
                model.starts[number] = start
                if model.positions[number] < start:
                    model.positions[number] = start
                    reader.seek({partition: start})
            elif what == "pause":
                model.paused.add(number)
                reader.pause([partition])
            elif what == "resume":
                model.paused.discard(number)
                reader.resume([partition])
            else:
                _read_and_compare(reader, model)


def _read_and_compare(reader: Reader, model: Model) -> None:
    expected = model.expected()
    wanted = sum(map(len, expected.values()))

    def enough(seen: list[Fetched]) -> bool:
        return sum(len(each.batch) for each in seen if each.batch is not None) >= wanted

    seen = read_until(reader, enough)
    for number, partition in enumerate(model.partitions):
        assert records(seen, partition) == expected.get(number, [])
        if number not in model.paused:
            model.positions[number] = len(model.logs[number])
