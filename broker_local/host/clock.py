"""The time, as something that is handed in."""

from __future__ import annotations

import time
from typing import Protocol

from broker_local.broker.waits import Instant


class Clock(Protocol):
    """Whoever runs a broker takes the time from one of these; what it runs is told."""

    def now_ms(self) -> int:
        """Wall clock, milliseconds since the epoch."""
        ...

    def monotonic_ms(self) -> float:
        """Milliseconds that never go back."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        return time.monotonic() * 1000.0


def instant(clock: Clock) -> Instant:
    """Now."""
    return Instant(int(clock.monotonic_ms()), clock.now_ms())
