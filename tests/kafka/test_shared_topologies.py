"""What Java leaves open of the time of its first tick is let through, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from streams.partition import partition_for
from tests.kafka.shared_topologies import PARTITIONS, SHARED, Event, Row, by_partition, joined_halves, tick, told

TICKS = SHARED["stream time beside positions"]
BESIDE = partition_for(b"tick", PARTITIONS)
"""Of the output: that of the ticks."""
LATER = range(1, 12)


def row(event: Event) -> Row:
    return ["out", event.key, str(event.value), event.timestamp]


def written(late: int, begins: Callable[[list[Event], list[Event]], int] | None = None) -> Iterator[Row]:
    """What two applications write of which the first ticks after so many records of each task.

    Args:
        begins: at which time of the stream the second one begins a task with these records; None: where the first one
            had come to.
    """
    before, after = (by_partition(half) for half in TICKS.halves)
    yield from (row(event) for event in before[BESIDE][:late])
    for events in before:
        yield tick(events[late - 1].timestamp)
    yield from (row(event) for event in before[BESIDE][late:])
    for one, other in zip(before, after, strict=True):
        yield tick(one[-1].timestamp if begins is None else begins(one, other))
    yield from (row(event) for event in after[BESIDE])
    yield from (row(event) for events in (before, after) for event in events[1 - BESIDE])


def right(rows: Iterator[Row] | list[Row]) -> bool:
    """Is it let through, where Java was first?"""
    return told(TICKS.by_java(TICKS.halves, rows), True) == told(TICKS.answer(TICKS.halves), True)


@pytest.mark.parametrize("late", LATER)
def test_a_tick_may_come_some_records_after_the_one_that_reaches_its_time(late: int) -> None:
    assert right(written(late))
    assert (told(written(late), True) == told(TICKS.answer(TICKS.halves), True)) == (late == 1)  # where Python is first


@pytest.mark.parametrize("late", (1, 5))
@pytest.mark.parametrize(
    "begins",
    [
        lambda _, after: after[0].timestamp,
        lambda before, _: before[0].timestamp,
        lambda before, _: before[3].timestamp,
        lambda before, _: before[-2].timestamp,
    ],
    ids=["its own first record", "the first one's first record", "an early commit", "the last record but one"],
)
def test_who_takes_over_has_the_highest_time_and_no_other(
    begins: Callable[[list[Event], list[Event]], int], late: int
) -> None:
    assert not right(written(late, begins))


def changed(change: Callable[[list[Row], list[int]], None]) -> list[Row]:
    """The rows, after something was done to them; it is told where the ticks are."""
    rows = list(written(4))
    change(rows, [place for place, each in enumerate(rows) if each[1] == "tick"])
    return rows


def missing(rows: list[Row], ticks: list[int]) -> None:
    del rows[ticks[0]]


def twice(rows: list[Row], ticks: list[int]) -> None:
    rows.insert(ticks[0], rows[ticks[0]])


def of_no_record(rows: list[Row], ticks: list[int]) -> None:
    rows[ticks[0]] = tick(rows[ticks[0]][3] + 1)


def before_its_record(rows: list[Row], ticks: list[int]) -> None:
    rows.insert(ticks[0] - 1, rows.pop(ticks[BESIDE]))


def after_another_record(rows: list[Row], ticks: list[int]) -> None:
    rows.insert(ticks[1] + 1, rows.pop(ticks[BESIDE]))


def of_the_other_task(rows: list[Row], ticks: list[int]) -> None:
    rows[ticks[0]] = rows[ticks[1]]


def unlike_the_time_of_the_stream(rows: list[Row], ticks: list[int]) -> None:
    now = rows[ticks[0]][3]
    rows[ticks[0]] = ["out", "tick", f"ts={now} stream={now + 1} meta=true", now]


@pytest.mark.parametrize(
    "change",
    [missing, twice, of_no_record, before_its_record, after_another_record, of_the_other_task,
     unlike_the_time_of_the_stream],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_any_other_first_tick_is_found(change: Callable[[list[Row], list[int]], None]) -> None:
    assert right(changed(lambda rows, _: None))
    assert not right(changed(change))
    assert len(joined_halves(TICKS.halves)) + 4 == len(list(written(4)))  # nothing else is in the rows
