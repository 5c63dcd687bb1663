"""Punctuations on two clocks, with Java's grid.

A schedule has a next time. When its clock has reached it, it is called once, with the *present* time; then
the next time moves on by the interval, or, where more was missed, to the next point of the grid beyond now.
On stream time the first time is 0, so it is called after the first record, and at once where a task goes on from
committed times; on the wall clock it is one interval away; a start that is given is the first time on either.
"""

from __future__ import annotations

from collections.abc import Callable

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
    """The schedules of one clock, by their next time.

    Which of two that are due at one time comes first is left to the heap, and this one is that of Java's
    `PriorityQueue`: the last one sinks from the top, past the lesser of two siblings (`heapq` does otherwise).
    One that is cancelled keeps its place until it would be due.
    """

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[Schedule] = []

    def add(self, schedule: Schedule) -> None:
        heap, at = self._heap, len(self._heap)
        heap.append(schedule)
        while at and heap[parent := (at - 1) // 2].next_at > schedule.next_at:
            heap[at] = heap[parent]
            at = parent
        heap[at] = schedule

    def _pop(self) -> Schedule:
        heap = self._heap
        first, last = heap[0], heap.pop()
        if not heap:
            return first
        at, child, size = 0, 1, len(heap)
        while child < size:
            if child + 1 < size and heap[child].next_at > heap[child + 1].next_at:
                child += 1
            if last.next_at <= heap[child].next_at:
                break
            heap[at] = heap[child]
            at, child = child, 2 * child + 1
        heap[at] = last
        return first

    @property
    def deadline(self) -> int | None:
        """The next time of all, None if there is none."""
        heap = self._heap
        if heap and heap[0].active:
            return heap[0].next_at
        return min((schedule.next_at for schedule in heap if schedule.active), default=None)

    def run(self, now: int, call: Callable[[Schedule, int], None]) -> bool:
        """`call`s every schedule that is due; was there one?"""
        called = False
        while self._heap and self._heap[0].next_at <= now:
            schedule = self._pop()
            if not schedule.active:
                continue
            call(schedule, now)
            called = True
            if schedule.active:
                schedule.advance(now)
                self.add(schedule)
        return called


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
