"""Punctuations on two clocks, with Java's grid.

A schedule has a next time. When its clock has reached it, it is called once, with the *present* time; then
the next time moves on by the interval, or, where more was missed, to the next point of the grid beyond now.
On stream time the first time is 0, so it is called after the first record; on the wall clock it is one
interval away; a start that is given is the first time on either.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from streams.errors import IllegalArgumentException
from streams.processor import PunctuationType


class Schedule:
    """One punctuation (`processor.Cancellable`)."""

    __slots__ = ("active", "call", "interval", "next_at", "node")

    def __init__(self, node: str, next_at: int, interval: int, call: Callable[[int], object]) -> None:
        self.node = node
        self.next_at = next_at
        self.interval = interval
        self.call = call
        self.active = True

    def cancel(self) -> None:
        self.active = False

    def advance(self, now: int) -> None:
        """The next time, beyond `now`."""
        following = self.next_at + self.interval
        if now >= following:
            following = self.next_at + ((now - self.next_at) // self.interval + 1) * self.interval
        self.next_at = following


class Clockwork:
    """The schedules of one clock, by their next time."""

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Schedule]] = []
        self._order = count()

    def add(self, schedule: Schedule) -> None:
        heapq.heappush(self._heap, (schedule.next_at, next(self._order), schedule))

    @property
    def deadline(self) -> int | None:
        """The next time of all, None if there is none."""
        heap = self._heap
        while heap and not heap[0][2].active:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run(self, now: int, call: Callable[[Schedule, int], None]) -> bool:
        """`call`s every schedule that is due; was there one?"""
        called = False
        while True:
            deadline = self.deadline
            if deadline is None or deadline > now:
                return called
            schedule = heapq.heappop(self._heap)[2]
            call(schedule, now)
            called = True
            if schedule.active:
                schedule.advance(now)
                self.add(schedule)


class Punctuations:
    """A task's schedules on both clocks.

    Args:
        now: reads the wall clock, as it was read last (ms).
    """

    __slots__ = ("_now", "stream", "wall")

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.stream = Clockwork()
        self.wall = Clockwork()

    def schedule(
        self,
        node: str,
        interval_ms: int,
        kind: PunctuationType,
        call: Callable[[int], object],
        start_ms: int | None = None,
    ) -> Schedule:
        """A new schedule.

        Raises:
            IllegalArgumentException: the interval is less than 1 ms, or the start negative.
        """
        if interval_ms < 1:
            raise IllegalArgumentException("The minimum supported scheduling interval is 1 millisecond.")
        if start_ms is not None and start_ms < 0:
            raise IllegalArgumentException("The provided start time cannot be before the epoch (Jan 1, 1970).")
        on_stream = kind is PunctuationType.STREAM_TIME
        first = start_ms
        if first is None:
            first = 0 if on_stream else self._now() + interval_ms
        schedule = Schedule(node, first, interval_ms, call)
        (self.stream if on_stream else self.wall).add(schedule)
        return schedule
