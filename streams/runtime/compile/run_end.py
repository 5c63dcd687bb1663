"""Steps that take the records of a run and pass them on at its end (`operators.async_step`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from streams.operators.base import RecordContext
from streams.runtime.compile.entry import CurrentRecord

Drain = Callable[[], Iterator[RecordContext]]


class RunEnd:
    """A task's steps of that kind. Between two runs none of them holds anything."""

    __slots__ = ("_by_node", "_current", "_ordered", "width")

    def __init__(self, current: CurrentRecord) -> None:
        self._current = current
        self._by_node: dict[str, Drain] = {}
        self._ordered: tuple[Drain, ...] = ()
        self.width = 1
        """Runs should have at least so many records: what is awaited together costs no more time than one."""

    def add(self, node: str, drain: Drain, width: int) -> None:
        """See `Scope.at_run_end`."""
        self._by_node[node] = drain
        self.width = max(self.width, width)

    def order(self, nodes: Sequence[str]) -> None:
        """Drains run in this order, so that a step finds there what the one above it has passed on."""
        self._ordered = tuple(self._by_node[node] for node in nodes if node in self._by_node)

    def run(self) -> bool:
        """Empties them all; was there anything?"""
        some, current = False, self._current
        for drain in self._ordered:
            for current.passing in drain():
                some = True
        current.passing = None
        return some
