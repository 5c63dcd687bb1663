"""The grid of punctuations, as Java's `PunctuationSchedule`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import IllegalArgumentException
from streams.processor import PunctuationType
from streams.runtime.compile.punctuate import Clockwork, Punctuations, Schedule

STREAM, WALL = PunctuationType.STREAM_TIME, PunctuationType.WALL_CLOCK_TIME


class Times:
    def __init__(self) -> None:
        self.now = 0
        self.seen: list[int] = []
        self.all = Punctuations(lambda: self.now)

    def at(self, clock: Clockwork, *times: int) -> list[int]:
        self.seen.clear()
        for time in times:
            clock.run(time, lambda schedule, now: schedule.call(now))
        return list(self.seen)


def test_on_stream_time_the_first_is_at_once_then_by_the_grid_of_zero() -> None:
    times = Times()
    times.all.schedule("n", 100, STREAM, times.seen.append)
    assert times.at(times.all.stream, 0, 20, 142, 155, 160, 200, 1001, 1100) == [0, 142, 200, 1001, 1100]


def test_after_a_gap_it_is_called_once_and_goes_back_to_the_grid() -> None:
    times = Times()
    times.all.schedule("n", 100, STREAM, times.seen.append, start_ms=100)
    assert times.all.stream.deadline == 100
    assert times.at(times.all.stream, 1001) == [1001]
    assert times.all.stream.deadline == 1100


def test_of_two_that_are_due_at_one_time_javas_heap_has_one_first() -> None:
    clock = Clockwork()
    called: list[str] = []
    for name, interval in (("a", 1_000), ("b", 100), ("c", 1)):
        clock.add(Schedule(name, 0, interval, lambda now: None))
    for now in (70_962, 71_104):
        called.clear()
        clock.run(now, lambda schedule, now: called.append(schedule.node))
    assert called == ["c", "b", "a"]  # a and b since 71,000; recorded from Java


def test_on_the_wall_clock_the_first_is_one_interval_away() -> None:
    times = Times()
    times.now = 1_000
    times.all.schedule("n", 100, WALL, times.seen.append)
    assert times.at(times.all.wall, 1_000, 1_099, 1_100, 1_150, 1_250, 1_300) == [1_100, 1_250, 1_300]


def test_it_may_cancel_itself_and_others() -> None:
    times = Times()
    made: list[Schedule] = []

    def call(now: int) -> None:
        times.seen.append(now)
        for schedule in made:
            schedule.cancel()

    made.append(times.all.schedule("n", 10, STREAM, call))
    made.append(times.all.schedule("n", 10, STREAM, call))
    assert times.at(times.all.stream, 0, 10, 20) == [0]
    assert times.all.stream.deadline is None


def test_one_made_inside_another_is_called_too() -> None:
    times = Times()

    def call(now: int) -> None:
        times.seen.append(now)
        if now == 0:
            times.all.schedule("n", 7, STREAM, lambda now: times.seen.append(-now))

    times.all.schedule("n", 10, STREAM, call)
    assert times.at(times.all.stream, 0, 7, 10) == [0, 0, -7, 10]


def test_wrong_intervals_and_starts_are_refused_in_javas_words() -> None:
    times = Times()
    with pytest.raises(IllegalArgumentException, match="The minimum supported scheduling interval is 1 millisecond"):
        times.all.schedule("n", 0, WALL, times.seen.append)
    with pytest.raises(IllegalArgumentException, match="start time cannot be before the epoch"):
        times.all.schedule("n", 1, WALL, times.seen.append, start_ms=-1)


@settings(max_examples=100, deadline=None)
@given(interval=st.integers(1, 20), steps=st.lists(st.integers(0, 70), max_size=30))
def test_each_cell_of_the_grid_is_called_at_most_once_and_only_when_reached(interval: int, steps: list[int]) -> None:
    times = Times()
    times.all.schedule("n", interval, STREAM, times.seen.append)
    now, expected, cell = 0, [], -1
    for each in steps:
        now += each
        if now // interval > cell:
            cell = now // interval
            expected.append(now)
    now, reached = 0, []
    for each in steps:
        now += each
        reached.append(now)
    assert times.at(times.all.stream, *reached) == expected
