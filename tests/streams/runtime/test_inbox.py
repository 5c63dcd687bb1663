"""The order of records across partitions, where runs end, idling, pauses and positions."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clients.api import Fetched, Position
from streams.errors import StreamsException
from streams.processor import (
    FailOnInvalidTimestamp,
    LogAndSkipOnInvalidTimestamp,
    TimestampExtractor,
    UsePartitionTimeOnInvalidTimestamp,
    WallclockTimestampExtractor,
)
from streams.record import RecordBatch, TopicPartition
from streams.runtime.compile.entry import Run
from streams.runtime.compile.timestamps import Reading
from streams.runtime.tasks.inbox import Inbox, InboxSettings, Reads, first_above
from streams.serdes.base import AnySerde
from streams.serdes.number import LONG
from streams.serdes.offset_metadata import decode_offset_metadata
from streams.serdes.simple import BYTES

A, B, C = TopicPartition("a", 0), TopicPartition("b", 0), TopicPartition("b", 1)


KEY: AnySerde = BYTES
VALUE: AnySerde = LONG


def reads(place: int = 0, extractor: TimestampExtractor | None = None) -> Reads:
    return Reads(f"source-{place}", place, Reading(extractor or FailOnInvalidTimestamp(), KEY, VALUE))


def batch(times: list[int], first: int = 0, values: list[bytes | None] | None = None) -> RecordBatch:
    end = first + len(times)
    return RecordBatch([None] * len(times), values or [None] * len(times), times, None, range(first, end), end)


def fetched(partition: TopicPartition, data: RecordBatch | None, caught_up_at: int | None = None) -> Fetched:
    return Fetched(partition, data, caught_up_at, 0, 0)


def inbox(*partitions: TopicPartition, idle: int = -1, buffered: int = 1000) -> Inbox:
    known = {A: reads(0), B: reads(1), C: reads(1)}
    return Inbox({each: known[each] for each in partitions}, InboxSettings(idle, buffered))


def take(box: Inbox, run: Run) -> list[tuple[TopicPartition, int]]:
    box.taken(run, run.stop)
    return [(run.partition_of(at), run.timestamps[at]) for at in range(run.start, run.stop)]


def drained(box: Inbox, deadline: int | None = None, most: int = 1000) -> list[tuple[TopicPartition, int]]:
    out: list[tuple[TopicPartition, int]] = []
    while (run := box.next_run(0, deadline, most)) is not None:
        assert run.start < run.stop
        out += take(box, run)
    return out


batches = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), max_size=4)


@settings(max_examples=100, deadline=None)
@given(a=batches, b=batches, c=batches, most=st.integers(1, 9), merges=st.booleans())
def test_records_come_in_the_order_of_their_partitions_running_maximum(
    a: list[list[int]], b: list[list[int]], c: list[list[int]], most: int, merges: bool
) -> None:
    """Taking the lowest head each time is the same as sorting by (highest timestamp so far in the partition,
    order of the partition, offset)."""
    box = inbox(A, B, C)
    box.merges = merges
    rows: list[tuple[int, int, int, TopicPartition, int]] = []
    for place, (partition, parts) in enumerate(((A, a), (B, b), (C, c))):
        first, highest = 0, -1
        for times in parts:
            box.add(fetched(partition, batch(times, first)))
            for at, time in enumerate(times):
                highest = max(highest, time)
                rows.append((highest, place, first + at, partition, time))
            first += len(times)
    assert drained(box, most=most) == [(row[3], row[4]) for row in sorted(rows)]
    assert not box.waiting
    assert box.buffered == 0


@settings(max_examples=100, deadline=None)
@given(times=st.lists(st.integers(0, 9), max_size=60), start=st.integers(0, 60), limit=st.integers(-1, 10))
def test_first_above_is_the_first_that_is_above(times: list[int], start: int, limit: int) -> None:
    stop = len(times)
    expected = next((at for at in range(min(start, stop), stop) if times[at] > limit), stop)
    assert first_above(times, min(start, stop), stop, limit) == expected


def test_a_run_ends_after_the_record_that_reaches_the_deadline() -> None:
    box = inbox(A)
    box.add(fetched(A, batch([1, 5, 3, 9, 10, 20])))
    run = box.next_run(0, 9)
    assert run is not None
    assert (run.start, run.stop) == (0, 4)
    take(box, run)
    run = box.next_run(0, 100)
    assert run is not None
    assert (run.start, run.stop) == (4, 6)


def test_a_record_before_its_time_is_waited_for_only_as_long_as_the_setting_says() -> None:
    box = inbox(A, B, idle=0)
    box.add(fetched(A, batch([5])))
    assert box.next_run(0, None) is None
    box.add(fetched(B, None, caught_up_at=0))
    assert box.next_run(0, None) is not None

    box = inbox(A, B, idle=50)
    box.add(fetched(A, batch([5])))
    box.add(fetched(B, None, caught_up_at=0))
    assert box.next_run(100, None) is None
    assert box.next_run(149, None) is None
    assert box.next_run(150, None) is not None


@pytest.mark.parametrize("idle", [0, 50])
def test_a_wall_clock_that_is_set_back_is_not_waited_for(idle: int) -> None:
    box = inbox(A, B, idle=idle)
    box.add(fetched(A, batch([5])))
    box.add(fetched(B, None, caught_up_at=0))
    box.next_run(3_600_000, None)
    assert box.next_run(1_000, None) is not None


def test_a_partition_whose_end_is_not_reached_is_waited_for() -> None:
    box = inbox(A, B, idle=0)
    box.add(fetched(A, batch([5, 6, 7])))
    box.add(fetched(B, batch([1]), caught_up_at=None))
    run = box.next_run(0, None)
    assert run is not None and run.partition == B
    take(box, run)
    assert box.next_run(0, None) is None
    box.add(fetched(B, None, caught_up_at=1))
    run = box.next_run(0, None)
    assert run is not None and run.partition == A


def test_positions_are_those_of_the_next_record_and_never_last_plus_one() -> None:
    box = inbox(A)
    holes = RecordBatch([None] * 3, [None] * 3, [7, 9, 8], None, array("q", [3, 10, 11]), 15)
    box.add(fetched(A, holes))
    run = box.next_run(0, None, most=2)
    assert run is not None
    box.taken(run, 1)
    position = box.committable({})[A]
    assert position.offset == 10
    assert decode_offset_metadata(position.metadata) == (7, {})
    box.committed({A: position})
    assert box.committable({}) == {}
    run = box.next_run(0, None)
    assert run is not None
    box.taken(run, 3)
    assert box.committable({"store": 4})[A].offset == 15
    # a batch without records moves the position past what is not there
    box.add(fetched(A, RecordBatch([], [], [], None, range(0), 18)))
    assert box.committable({})[A].offset == 18


def test_partition_time_survives_in_the_metadata() -> None:
    box = Inbox({A: reads(0, lambda record, time: time)}, InboxSettings(-1, 1_000))
    box.add(fetched(A, batch([1, 2])))
    run = box.next_run(0, None)
    assert run is not None and run.fault is not None
    first = inbox(A)
    first.add(fetched(A, batch([40])))
    run = first.next_run(0, None)
    assert run is not None
    first.taken(run, 1)
    box.seek({A: first.committable({})[A]})
    box.add(fetched(A, batch([1, 2], first=1)))
    run = box.next_run(0, None)
    assert run is not None and run.fault is None
    assert list(run.timestamps) == [40, 40]


def test_a_full_partition_is_paused_until_it_is_back_at_the_bound() -> None:
    box = inbox(A, B, buffered=3)
    box.add(fetched(A, batch([1, 2, 3, 4])))
    box.add(fetched(B, batch([9])))
    assert box.to_pause() == {A}
    run = box.next_run(0, None, most=1)
    assert run is not None
    take(box, run)
    assert box.to_pause() == set()


def test_negative_timestamps_are_marked_where_they_are() -> None:
    box = inbox(A)
    box.add(fetched(A, batch([5, -1, 6])))
    seen = []
    while (run := box.next_run(0, None)) is not None:
        seen.append((run.start, run.stop, run.fault))
        box.taken(run, run.stop, frozenset((run.start,)))
    assert [(start, stop, fault is not None) for start, stop, fault in seen] == [
        (0, 1, False),
        (1, 2, True),
        (2, 3, False),
    ]
    error = seen[1][2].error if seen[1][2] is not None else None
    assert isinstance(error, StreamsException)
    assert "has invalid (negative) timestamp" in str(error)


def test_extractors_that_skip_or_take_the_partition_time() -> None:
    box = Inbox({A: reads(0, LogAndSkipOnInvalidTimestamp())}, InboxSettings(-1, 1_000))
    box.add(fetched(A, batch([-4, 2])))
    run = box.next_run(0, None)
    assert run is not None and run.fault is not None and run.fault.error is None
    box = Inbox({A: reads(0, UsePartitionTimeOnInvalidTimestamp())}, InboxSettings(-1, 1_000))
    box.add(fetched(A, batch([7, 5, -1, 9])))
    run = box.next_run(0, None)
    assert run is not None
    assert list(run.timestamps) == [7, 5, 7, 9]


def test_extractors_see_decoded_values_and_the_running_partition_time() -> None:
    seen: list[tuple[object, int]] = []

    def by_value(record: object, time: int) -> int:
        value = record.value  # type: ignore[attr-defined]
        seen.append((value, time))
        if value == 13:
            raise ValueError("unlucky")
        return int(value)

    box = Inbox({A: reads(0, by_value)}, InboxSettings(-1, 1_000))
    values: list[bytes | None] = [n.to_bytes(8, "big") for n in (5, 3, 13, 8)]
    values.append(b"not eight")
    box.add(fetched(A, batch([0] * 5, values=values)))
    assert seen == [(5, -1), (3, 5), (13, 5), (8, 5)]
    run = box.next_run(0, None)
    assert run is not None and (run.start, run.stop) == (0, 2)
    box.taken(run, 2)
    run = box.next_run(0, None)
    assert run is not None and run.fault is not None
    assert "Fatal user code error in TimestampExtractor callback" in str(run.fault.error)
    box.taken(run, 3, frozenset((run.start,)))
    run = box.next_run(0, None)
    assert run is not None and list(run.timestamps[3:]) == [8, 8]


def test_wall_clock_timestamps_are_those_of_the_run() -> None:
    box = Inbox({A: reads(0, WallclockTimestampExtractor()), B: reads(1)}, InboxSettings(-1, 1_000))
    box.add(fetched(A, batch([1, 1])))
    box.add(fetched(B, batch([150])))
    run = box.next_run(100, None)
    assert run is not None and run.partition == A and list(run.timestamps) == [100, 100]
    run = box.next_run(200, None)
    assert run is not None and run.partition == B


def test_committed_positions_are_where_reading_goes_on() -> None:
    box = inbox(A)
    box.add(fetched(A, batch([1, 2, 3])))
    box.seek({A: Position(7)})
    assert not box.waiting
    assert box.committable({}) == {}


def test_short_runs_are_merged_into_one_until_they_are_long_again() -> None:
    box = inbox(A, B)
    box.merges = True
    box.add(fetched(A, batch(list(range(0, 400, 2)))))
    box.add(fetched(B, batch(list(range(1, 401, 2)))))
    seen: list[tuple[TopicPartition, int]] = []
    lengths = []
    while (run := box.next_run(0, None)) is not None:
        lengths.append(run.stop - run.start)
        seen += take(box, run)
        if run.merged is not None:
            assert box.committable({})[B].offset == run.merged.parts[: run.stop].count(1) + 2
            break
    assert lengths == [1, 1, 1, 1, 395]
    assert [time for _, time in seen] == list(range(399))


def test_a_merged_run_ends_at_the_deadline_and_before_a_mark() -> None:
    box = inbox(A, B)
    box.merges = True
    box.add(fetched(A, batch([0, 2, 4, 6, 8, 10, -1, 14])))
    box.add(fetched(B, batch([1, 3, 5, 7, 9, 11, 13])))
    for _ in range(4):
        run = box.next_run(0, None)
        assert run is not None
        take(box, run)
    run = box.next_run(0, 6)
    assert run is not None and run.merged is not None
    assert list(run.timestamps[run.start : run.stop]) == [4, 5, 6]
    take(box, run)
    run = box.next_run(0, None)
    assert run is not None and run.merged is not None
    assert list(run.timestamps[run.start : run.stop]) == [7, 8, 9, 10]
    take(box, run)
    run = box.next_run(0, None)
    assert run is not None and run.fault is not None
