"""Alarms for operators that act when their task has had no input for a while (`Scope.when_idle`)."""

from __future__ import annotations

from collections.abc import Callable

from streams.processor import PunctuationType
from streams.runtime.punctuate import Punctuations, Schedule


class Idle:
    """Calls `act` once the task has had no input for so long, and again each time as much has passed.

    One alarm is set for the moment at which that will be so, if no input comes meanwhile.

    Args:
        node: whose `act` it is.
        after_ms: of wall clock.
        punctuations: the task's.
        last_input: wall clock of the task's last input.
    """

    __slots__ = ("_act", "_after", "_alarm", "_last_input", "_node", "_punctuations")

    def __init__(
        self,
        node: str,
        after_ms: int,
        act: Callable[[], None],
        punctuations: Punctuations,
        last_input: Callable[[], int],
    ) -> None:
        self._node = node
        self._after = after_ms
        self._act = act
        self._punctuations = punctuations
        self._last_input = last_input
        self._alarm = self._set(after_ms)

    def _set(self, wait_ms: int) -> Schedule:
        return self._punctuations.schedule(self._node, wait_ms, PunctuationType.WALL_CLOCK_TIME, self._look)

    def _look(self, now: int) -> None:
        self._alarm.cancel()
        left = self._last_input() + self._after - now
        if left <= 0:
            self._act()
            left = self._after
        self._alarm = self._set(left)
