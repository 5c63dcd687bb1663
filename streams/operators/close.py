"""Emission when windows close: which rows of a store are due, and how often one looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from statestore.api import RowIterator
from streams.operators.base import Scope
from streams.operators.fixes import KEEPS_WINDOWS, fixed

Row = TypeVar("Row")

EMIT_INTERVAL = "__emit.interval.ms.kstreams.windowed.aggregation__"


class StreamTime:
    """The highest timestamp that an operator has seen in its task; -1 before the first record."""

    __slots__ = ("time",)

    def __init__(self) -> None:
        self.time = -1


class Throttle:
    """At most once in so many ms of wall-clock time (0: always)."""

    __slots__ = ("_interval", "_next", "_now")

    def __init__(self, scope: Scope, setting: str) -> None:
        interval = scope.setting(setting)
        self._interval = interval if isinstance(interval, int) else 1000
        self._now = scope.now_ms
        self._next = 0

    def passes(self) -> bool:
        """May one act now? If so, the next time is set from now on, so that a jump of the clock does no harm."""
        now = self._now()
        if now < self._next:
            return False
        self._next = now + self._interval
        return True


class Closer(Generic[Row]):
    """Gives the rows of the windows that have closed since it was last asked.

    The time up to which windows have been emitted is saved with the committed offsets, under the store's name.

    With the fix `emit-final-keeps-windows`, `first` is true: a record that moves the time has the windows emitted
    before it is put, since the put hides what is older than the store's retention.
    """

    __slots__ = ("_bounds", "_emitted", "_kept", "_latency", "_rows", "_throttle", "first")

    def __init__(
        self,
        scope: Scope,
        store: str,
        bounds: Callable[[int, int], tuple[int, int] | None],
        rows: Callable[[int, int], RowIterator[Row]],
    ) -> None:
        """
        Args:
            bounds: from the last close time (-1: none) and the present one to the times to look at, or None.
            rows: the rows of a store between two times, in the order in which they are emitted.
        """
        self._bounds = bounds
        self._rows = rows
        self._kept = scope.processor_metadata(store)
        self._throttle = Throttle(scope, EMIT_INTERVAL)
        self._emitted = scope.counter("window-aggregate-final-emit")
        self._latency = scope.latency("window-aggregate-final-emit-latency")
        self.first = fixed(scope, KEEPS_WINDOWS)

    def due(self, close_time: int) -> Iterable[Row]:
        """The rows that are due at this close time, now and then."""
        return self.closed(close_time) if self._throttle.passes() else ()

    def closed(self, close_time: int) -> Iterable[Row]:
        """The rows that are due at this close time, at once."""
        last = self._kept.value
        if last >= 0 and last >= close_time:
            return ()
        bounds = self._bounds(last, close_time)
        return () if bounds is None else self._take(bounds, close_time)

    def _take(self, bounds: tuple[int, int], close_time: int) -> Iterator[Row]:
        began = 0.0 if self._latency is None else self._latency.now_ms()
        with self._rows(*bounds) as rows:
            for row in rows:
                yield row
                self._emitted.value += 1
        self._kept.value = close_time
        if self._latency is not None:
            self._latency.record(self._latency.now_ms() - began)
