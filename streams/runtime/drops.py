"""What the nodes of one task drop, with the record in hand when they do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from streams.dropped import LATE, NEGATIVE_TIMESTAMP, Drop, Dropped, First
from streams.metrics import COUNTED, Metrics
from streams.runtime.entry import Run, Walk
from streams.topology.node import SubTopology

TOTAL = "dropped-records-total"


def measured(dropped: Dropped, metrics: Metrics, whose: str, **tags: str) -> None:
    """Shows as `dropped-records-total` what one task, or one thread, has dropped."""
    metrics.gauge(TOTAL, *COUNTED[TOTAL], partial(dropped.total, whose), **tags)


class Drops:
    """The drops of one task.

    Args:
        task: its id.
        dropped: all of the application.
        walk: gives what is processed at the moment.
    """

    def __init__(self, task: str, dropped: Dropped, walk: Callable[[], Walk]) -> None:
        self._task = task
        self._dropped = dropped
        self._walk = walk

    def of(self, node: str, cause: str, time: Callable[[], int] | None = None, counted: bool = True) -> Drop:
        """What a node drops for a cause (see `Scope.drop`)."""

        def first() -> First:
            walk = self._walk()
            here = walk.context()
            seen = walk.current_stream_time() if time is None else time()
            return First(here.topic, here.partition, here.offset, here.timestamp, seen)

        return self._dropped.drop(self._task, node, cause, first, counted)

    def release(self) -> None:
        """The task is closed."""
        self._dropped.release(self._task)

    def by_store(self, topology: SubTopology, store: str) -> Drop:
        """What a store does not take, since it is too old: it counts for the first node that has the store."""
        nodes = (node.name for node in topology.nodes if store in getattr(node, "stores", ()))
        return self.of(next(nodes, store), LATE)

    def unstamped(self, run: Run) -> None:
        """The one record of this run has a negative timestamp."""
        place, offset, time = run.partition, run.batch.offsets[run.start], run.timestamps[run.start]
        first = First(*place, offset, time, self._walk().stream_time)
        self._dropped.drop(self._task, run.source, NEGATIVE_TIMESTAMP, lambda: first).add()
