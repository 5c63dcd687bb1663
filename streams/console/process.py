"""What one process knows of itself at a moment. Few of the metrics are read: with 1,000 tasks there are some 40,000."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from msgspec import UNSET

from streams.console.answer import Answer, NodeAnswer, RebalanceAnswer, TaskAnswer, WorkerAnswer
from streams.health import Health
from streams.metrics.catalogue import CONSUMER
from streams.metrics.names import NODE_GROUP, TASK_GROUP, THREAD_GROUP, TOPIC_GROUP
from streams.metrics.registry import Metrics
from streams.topology.node import TaskId

SHARES = ("busy", "idle", "blocked", "committing", "restoring")
REBALANCES = 50
"""The last ones are shown."""


class Rebalance(Protocol):
    """One that a worker has taken part in."""

    @property
    def at_ms(self) -> int: ...
    @property
    def worker(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def new(self) -> int: ...
    @property
    def given_up(self) -> int: ...
    @property
    def took_ms(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Look:
    """A process at one moment.

    Args:
        health: state, workers and what is wrong.
        trouble: what keeps it from its work; "": nothing.
        generation: of the group; -1: it is in none.
        processed: records, since it started.
        dropped: records that were dropped since it started, by cause.
        dead_letters: that were made since it started.
        tasks: that it has, and whether they run.
        restores: stores that are being restored, by `STORE TASK`: records done and to be done.
        rebalances: oldest first.
    """

    health: Health
    trouble: str
    generation: int
    processed: int
    dropped: Mapping[str, int]
    dead_letters: int
    tasks: Mapping[TaskId, bool]
    restores: Mapping[str, tuple[int, int]]
    rebalances: Sequence[Rebalance]


class Process:
    """See the module. Any thread may ask.

    Args:
        client_id: its name.
        metrics: those of the process.
        look: how it is now.
    """

    def __init__(self, client_id: str, metrics: Metrics, look: Callable[[], Look]) -> None:
        self._client_id = client_id
        self._metrics = metrics
        self._look = look

    def shown(self) -> Answer:
        """All of it."""
        look = self._look()
        return Answer(
            process=self._metrics.process_id,
            looked_ms=self._metrics.clock.monotonic_ms(),
            state=look.health.state,
            client_id=self._client_id,
            generation=look.generation,
            trouble=look.trouble,
            reasons=list(dict.fromkeys((*look.health.live.reasons, *look.health.ready.reasons))),
            processed=look.processed,
            dead_letters=look.dead_letters,
            dropped=dict(look.dropped),
            tasks=self._tasks(look),
            nodes=self._nodes(),
            workers=self._workers(look.health),
            rebalances=[_told(each) for each in look.rebalances[-REBALANCES:]],
        )

    def _values(self, group: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
        for metric in self._metrics.family(group, name):
            value = metric.value
            if isinstance(value, int | float) and isfinite(value):  # NaN: nobody knows
                yield dict(metric.name.tags), value

    def _workers(self, health: Health) -> dict[str, WorkerAnswer]:
        shares: dict[str, dict[str, float]] = {}
        for share in SHARES:
            for tags, value in self._values(THREAD_GROUP, f"{share}-ratio"):
                shares.setdefault(tags["thread-id"], {})[share] = round(value, 3)
        return {
            worker.name: WorkerAnswer(
                state=worker.state,
                doing=worker.doing,
                since_s=round(worker.since_s, 1),
                shares=next((each for name, each in shares.items() if name.endswith(worker.name)), {}),
            )
            for worker in health.workers
        }

    def _tasks(self, look: Look) -> dict[str, TaskAnswer]:
        tasks = {str(task): TaskAnswer(running=running) for task, running in look.tasks.items()}
        for what, name in (("read", "records-consumed-total"), ("written", "records-produced-total")):
            for tags, value in self._values(TOPIC_GROUP, name):
                if task := tasks.get(tags.get("task-id", "")):
                    counts, topic = task.read if what == "read" else task.written, tags["topic"]
                    counts[topic] = counts.get(topic, 0) + int(value)
        owner: dict[tuple[str, str], TaskAnswer] = {}
        for tags, value in self._values(TASK_GROUP, "lag-seconds"):
            if task := tasks.get(tags.get("task-id", "")):
                owner[tags["topic"], tags["partition"]] = task
                task.lag_s[tags["topic"]] = max(0.0, round(value, 3))
        for tags, value in self._values(CONSUMER, "records-lag"):
            if task := owner.get((tags["topic"], tags["partition"])):
                task.lag[tags["topic"]] = max(0, int(value))
        for what, progress in look.restores.items():
            store, _, id = what.rpartition(" ")
            if id in tasks:
                tasks[id].restores[store] = progress
        return tasks

    def _nodes(self) -> dict[str, NodeAnswer]:
        dropped: dict[str, dict[str, int]] = {}
        fresh: dict[str, float] = {}
        for tags, value in self._values(NODE_GROUP, "dropped-records-by-cause-total"):
            if value:
                causes = dropped.setdefault(tags["processor-node-id"], {})
                causes[tags["cause"]] = causes.get(tags["cause"], 0) + int(value)
        for tags, value in self._values(NODE_GROUP, "freshness-seconds"):
            node = tags["processor-node-id"]
            fresh[node] = max(fresh.get(node, 0.0), round(value, 3))
        return {
            node: NodeAnswer(dropped.get(node, {}), fresh.get(node, UNSET))
            for node in dict.fromkeys((*dropped, *fresh))
        }


def _told(each: Rebalance) -> RebalanceAnswer:
    return RebalanceAnswer(
        generation=each.generation,
        at_ms=each.at_ms,
        worker=each.worker,
        cause=each.cause,
        detail=each.detail,
        new=each.new,
        given_up=each.given_up,
        took_ms=round(each.took_ms, 1),
    )
