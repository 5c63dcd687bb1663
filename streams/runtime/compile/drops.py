"""What the nodes of one task drop, with the record in hand when they do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from streams.dropped import LATE, NEGATIVE_TIMESTAMP, Drop, Dropped, First
from streams.metrics.catalogue import COUNTED
from streams.metrics.names import NODE_GROUP
from streams.metrics.registry import MetricsScope
from streams.runtime.compile.entry import CurrentRecord, Run
from streams.topology.node import SubTopology

TOTAL = "dropped-records-total"
BY_CAUSE = "dropped-records-by-cause-total"


def measured(dropped: Dropped, scope: MetricsScope, whose: str) -> None:
    """Shows as `dropped-records-total` what one task, or one thread, has dropped."""
    scope.gauge(TOTAL, *COUNTED[TOTAL], partial(dropped.total, whose))


def by_cause(drop: Drop, scope: MetricsScope) -> Drop:
    """Shows as `dropped-records-by-cause-total` what one node drops for one cause; gives the drop back.

    Kafka Streams has no such metric: there the cause is known to the log alone.
    """
    here = scope.within(processor_node_id=drop.node, cause=drop.cause)
    here.gauge(BY_CAUSE, NODE_GROUP, "The total number of records dropped for a cause", lambda: drop.value)
    return drop


class Drops:
    """The drops of one task.

    Args:
        task: its id.
        dropped: all of the application.
        current: what is processed at the moment.
        scope: where they are shown.
    """

    def __init__(self, task: str, dropped: Dropped, current: CurrentRecord, scope: MetricsScope) -> None:
        self._task = task
        self._dropped = dropped
        self._current = current
        self._scope = scope
        measured(dropped, scope, task)

    def of(self, node: str, cause: str, time: Callable[[], int] | None = None, counted: bool = True) -> Drop:
        """What a node drops for a cause (see `Scope.drop`)."""

        def first() -> First:
            current = self._current
            here = current.context()
            seen = current.current_stream_time() if time is None else time()
            return First(here.topic, here.partition, here.offset, here.timestamp, seen)

        return self._shown(node, cause, first, counted)

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
        first = First(*place, offset, time, self._current.stream_time)
        self._shown(run.source, NEGATIVE_TIMESTAMP, lambda: first).add()

    def _shown(self, node: str, cause: str, first: Callable[[], First | None], counted: bool = True) -> Drop:
        drop = self._dropped.drop(self._task, node, cause, first, counted)
        return by_cause(drop, self._scope)
