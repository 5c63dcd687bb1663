"""How old the newest input is that readers of a sink miss, at most: what the task of the sink has not processed, sent
or, exactly-once, committed yet, and the same of the tasks before it in the topology.

An instance knows its own tasks. Where a task before is elsewhere, the highest of all instances is what counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from streams.topology.node import SinkNode, SubTopology, TaskId

KEPT_MS = 500
"""What is worked out for a sub-topology serves for so long: a scrape asks for all of its tasks."""


class Freshness:
    """The tasks of one application, in this process. Any thread may ask.

    Args:
        subtopologies: of the application.
    """

    def __init__(self, subtopologies: Sequence[SubTopology] = ()) -> None:
        self._before: dict[int, tuple[int, ...]] = {}
        """The sub-topologies that write what each reads."""
        for sub in subtopologies:
            self._before[sub.id] = tuple(
                other.id
                for other in subtopologies
                if other.id != sub.id and not sub.repartition_topics.keys().isdisjoint(_written(other))
            )
        self._tasks: dict[int, dict[TaskId, Callable[[float], float]]] = {}
        self._known: dict[int, tuple[float, float]] = {}

    def add(self, task: TaskId, age_ms: Callable[[float], float]) -> None:
        """A task, and what tells how old its oldest unseen input is (ms), at a time of the monotonic clock."""
        self._tasks.setdefault(task.subtopology, {})[task] = age_ms

    def remove(self, task: TaskId) -> None:
        """It is gone."""
        self._tasks.get(task.subtopology, {}).pop(task, None)

    def seconds(self, task: TaskId, now: float) -> float:
        """For the sinks of a task."""
        sub = task.subtopology
        own = self._tasks[sub].get(task) if sub in self._tasks else None
        age = 0.0 if own is None else own(now)
        if self._before.get(sub):
            age += self._upstream(sub, now, frozenset((sub,)))
        return age / 1_000

    def _upstream(self, subtopology: int, now: float, seen: frozenset[int]) -> float:
        others = (other for other in self._before.get(subtopology, ()) if other not in seen)
        return max(map(partial(self._of, now=now, seen=seen), others), default=0.0)

    def _of(self, subtopology: int, now: float, seen: frozenset[int]) -> float:
        known = self._known.get(subtopology)
        if known is None or not 0 <= now - known[0] < KEPT_MS:
            oldest = max((age(now) for age in list(self._tasks.get(subtopology, {}).values())), default=0.0)
            known = self._known[subtopology] = now, oldest
        return known[1] + self._upstream(subtopology, now, seen | {subtopology})


def _written(sub: SubTopology) -> set[str]:
    return {node.topic for node in sub.nodes if isinstance(node, SinkNode) and isinstance(node.topic, str)}
