"""How far a task is behind, in seconds: since when there has been input that it has not processed.

Nobody reads records to find out. Where the end of each log was is noted once a second; the end that passed the position
of a task did so between two of these moments. Beyond what is noted the time of the record in hand says more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from math import nan
from operator import itemgetter

NOTE_MS = 1_000
"""Between two looks at the ends of the logs."""
KEPT = 900
"""Moments that are kept of a log that grows: a quarter of an hour."""
_END = itemgetter(2)


class Ends:
    """Where the end of one log was, and when (monotonic clock, ms). One thread notes, any may ask."""

    __slots__ = ("_moments",)

    def __init__(self) -> None:
        self._moments: deque[tuple[float, float, int]] = deque(maxlen=KEPT)
        """From when to when it was there, and where."""

    def note(self, end: int, now: float) -> None:
        """It is there now."""
        moments = self._moments
        if end < 0:
            return
        if moments and moments[-1][2] == end:
            moments[-1] = (moments[-1][0], now, end)
        else:
            moments.append((now, now, end))

    def passed(self, position: int) -> tuple[float, bool] | None:
        """When the log went beyond a position; False: it had done so when it was seen first. None: it has not."""
        first, _, end = self._moments[0]
        if end > position:
            return first, False
        moments = list(self._moments)  # logs only grow
        at = bisect_right(moments, position, key=_END)
        if at == len(moments):
            return None
        first, _, end = moments[at]
        if not at:  # the thread that notes has let one go just now
            return first, False
        _, left, low = moments[at - 1]
        return left + (first - left) * (position - low) / (end - low), True

    def seconds(self, position: int | None, now: float, age_ms: float) -> float:
        """How long there has been something beyond a position; NaN: nobody knows.

        Args:
            position: what comes next.
            now: monotonic clock (ms).
            age_ms: how old the record there is by its own time, 0 where that is not known.
        """
        moments = self._moments
        if position is None or not moments:
            return nan
        if moments[-1][2] <= position:
            return 0.0
        when = self.passed(position)
        if when is None:
            return 0.0
        since, seen = when
        return max(0.0, now - since if seen else max(now - since, age_ms)) / 1_000
