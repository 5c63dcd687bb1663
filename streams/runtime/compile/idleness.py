"""Alarms for operators that act when their task has had no input for a while (`Scope.when_idle`).

A worker that stood still (paused, stopped by a signal, asleep with its machine) knows nothing of what came
meanwhile: so silence counts only up to the last poll.
"""

from __future__ import annotations

from collections.abc import Callable

from streams.processor import PunctuationType
from streams.runtime.compile.punctuate import Punctuations, Schedule


class Idle:
    """Calls `act` once the task has had no input for so long, and again each time as much has passed.

    One alarm is set for the moment at which that will be so, if no input comes meanwhile.

    Args:
        node: whose `act` it is.
        after_ms: of wall clock.
        punctuations: the task's.
        silence: from when to when, on the wall clock, there is known to have been no input.
    """

    __slots__ = ("_act", "_after", "_alarm", "_node", "_punctuations", "_silence")

    def __init__(
        self,
        node: str,
        after_ms: int,
        act: Callable[[], None],
        punctuations: Punctuations,
        silence: Callable[[], tuple[int, int]],
    ) -> None:
        self._node = node
        self._after = after_ms
        self._act = act
        self._punctuations = punctuations
        self._silence = silence
        self._alarm = self._set(after_ms)

    def _set(self, wait_ms: int) -> Schedule:
        return self._punctuations.schedule(self._node, wait_ms, PunctuationType.WALL_CLOCK_TIME, self._look)

    def _look(self, now: int) -> None:
        self._alarm.cancel()
        begin, end = self._silence()
        left = self._after
        if end - begin >= self._after:
            self._act()
        else:
            # Where only the next poll is missing, it comes at once.
            left = max(1, begin + self._after - now)
        self._alarm = self._set(left)
