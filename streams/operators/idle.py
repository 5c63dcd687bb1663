"""What closes when the task has had no input for a while, and the time that this moves (`close_when_idle`)."""

from __future__ import annotations

from collections.abc import Callable

from streams.operators.base import Kept, Scope
from streams.operators.close import StreamTime
from streams.processor import Cancellable, PunctuationType


class KeptTime:
    """An operator's stream time (`close.StreamTime`) that is committed, and there again after a restart."""

    __slots__ = ("_kept",)

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    @property
    def time(self) -> int:
        """The highest timestamp seen, or to which idleness moved it; -1 before the first record."""
        return self._kept.value

    @time.setter
    def time(self, time: int) -> None:
        self._kept.value = time


Time = StreamTime | KeptTime


def time_of(scope: Scope, store: str, idle_ms: int | None) -> Time:
    """The time of an operator with that store: a kept one where idleness may move it."""
    return StreamTime() if idle_ms is None else KeptTime(scope.kept(f"{store}:time"))


class Idle:
    """Calls `close` once the task has had no input for so long, and again each time as much has passed.

    One alarm is set for the moment at which that will be so, if no input comes meanwhile.
    """

    __slots__ = ("_after", "_alarm", "_close", "_scope")

    def __init__(self, scope: Scope, after_ms: int, close: Callable[[], None]) -> None:
        self._scope = scope
        self._after = after_ms
        self._close = close
        self._alarm = self._set(after_ms)

    def _set(self, wait_ms: int) -> Cancellable:
        return self._scope.schedule(wait_ms, PunctuationType.WALL_CLOCK_TIME, self._look)

    def _look(self, now: int) -> None:
        self._alarm.cancel()
        left = self._scope.last_input_ms() + self._after - now
        if left <= 0:
            self._close()
            left = self._after
        self._alarm = self._set(left)
