"""Where the time of a worker goes: at each moment it does one thing, so that the shares of a while add up to all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from streams.metrics.sensor import Sampling


class Doing(IntEnum):
    """What a worker does."""

    PROCESSING = 0
    PUNCTUATING = 1
    POLLING = 2
    """Taking input that is there."""
    OTHER_WORK = 3
    """Sending, writing to the database, its mailbox."""
    WAITING = 4
    """For input."""
    BLOCKED = 5
    """For what keeps it from its work."""
    COMMITTING = 6
    RESTORING = 7


BUSY = (Doing.PROCESSING, Doing.PUNCTUATING, Doing.POLLING, Doing.OTHER_WORK)


class TimeShares:
    """The time of one worker. Its thread enters, any may look.

    Args:
        sampling: what "of late" means.
    """

    __slots__ = ("_at", "_looks", "_now", "_sampling", "_spent", "_what")

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._now = sampling.now_ms
        self._spent = [0.0] * len(Doing)
        self._what, self._at = Doing.OTHER_WORK, self._now()
        self._looks: deque[list[float]] = deque([self._spent.copy()], maxlen=max(1, sampling.samples))

    def enter(self, what: Doing) -> float:
        """From now on it does that. Gives the time of the monotonic clock (ms)."""
        now = self._now()
        self._spent[self._what] += now - self._at
        self._what, self._at = what, now
        return now

    @contextmanager
    def during(self, what: Doing) -> Iterator[None]:
        """In the block it does that; afterwards what it did before."""
        before = self._what
        self.enter(what)
        try:
            yield
        finally:
            self.enter(before)

    def now(self) -> tuple[Doing, float]:
        """What it does, and since when (ms). Any thread may ask."""
        return self._what, max(0.0, self._now() - self._at)

    def look(self) -> None:
        """Once a sample's window."""
        self._looks.append(self.spent())

    def spent(self) -> list[float]:
        """How much time has gone into each thing (ms)."""
        spent = self._spent.copy()
        what, since = self._what, self._at
        spent[what] += max(0.0, self._now() - since)
        return spent

    def share(self, of: Iterable[Doing]) -> float:
        """What share of the time of late went into these; all together 1."""
        grown = [now - before for now, before in zip(self.spent(), self._looks[0], strict=True)]
        whole = sum(grown)
        return sum(grown[each] for each in of) / whole if whole > 0 else 0.0
