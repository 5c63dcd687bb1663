"""The time, as something that is handed in. The machine's is `streams.world.SYSTEM`."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Whoever needs the time takes a clock; nothing in the pure rooms reads one by itself."""

    def now_ms(self) -> int:
        """Wall-clock time in milliseconds since the epoch."""
        ...

    def monotonic_ms(self) -> float:
        """A time that never goes back, in milliseconds; only differences mean anything."""
        ...


def passed(since: int, now: int, interval: int) -> bool:
    """Has so much time passed since then, by a wall clock? If that was set back nobody knows, and it has: else whoever
    waits would wait until it is there again."""
    return not 0 <= now - since < interval


class ManualClock:
    """A clock that moves only when told to: for tests, the test driver and simulations.

    Args:
        now_ms: where it starts, in milliseconds since the epoch.
    """

    __slots__ = ("_now",)

    def __init__(self, now_ms: int = 0) -> None:
        self._now = now_ms

    def now_ms(self) -> int:
        return self._now

    def monotonic_ms(self) -> float:
        return float(self._now)

    def advance(self, by_ms: int) -> None:
        """Moves the time on by `by_ms` milliseconds (negative: a clock that jumps back)."""
        self._now += by_ms
