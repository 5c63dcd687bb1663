"""The time of an operator that idleness may move on (`close_when_idle`)."""

from __future__ import annotations

from streams.operators.base import ProcessorMetadata, Scope
from streams.operators.close import StreamTime


class CommittedTime:
    """An operator's stream time (`close.StreamTime`) that is committed, and there again after a restart: a record for a
    window that has been emitted is then still late."""

    __slots__ = ("_kept",)

    def __init__(self, kept: ProcessorMetadata) -> None:
        self._kept = kept

    @property
    def time(self) -> int:
        """The highest timestamp seen, or to which idleness moved it; -1 before the first record."""
        return self._kept.value

    @time.setter
    def time(self, time: int) -> None:
        self._kept.value = time


Time = StreamTime | CommittedTime


def time_of(scope: Scope, store: str, idle_ms: int | None) -> Time:
    """The time of the operator that has that store: a kept one where idleness may move it."""
    return StreamTime() if idle_ms is None else CommittedTime(scope.processor_metadata(f"{store}:time"))
