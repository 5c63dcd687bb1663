"""What a case must give where Java's recorded answers do not apply: its tasks by themselves.

There is no worker, broker, disk, changelog or group: topics are lists, stores are never restored. Each round every task
works off what it has, then all of them flush, send and commit. That is the driver, task by task: with one partition,
and nothing in the way, it gives what Java recorded (`test_tasks`).

A crash is the guarantee of at-least-once and no more (docs/guarantees.md). What was committed stays: positions,
partition times, processor metadata, and stores. Processors, operators and their own times begin anew, in Java as here.
What was done since the last commit is done again: on stores as they were, or, where the commit had come so far that
everything was acknowledged, on stores that have it already, and its results come twice. Exactly-once nothing that was
done since the last commit is there for anybody before all of it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from statestore.memory import MemoryEngine
from streams.clients.api import Fetched, Position
from streams.clock import ManualClock
from streams.config.application import StreamsConfig
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.compile.outbox import Outgoing
from streams.runtime.group.task_plan import plan_tasks
from streams.runtime.state.context import TaskContext
from streams.runtime.state.stores import OpenStore, small_cache
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.global_task import GlobalTask
from streams.runtime.tasks.task import Output, StreamTask, output_of
from streams.testing import RawRecord
from streams.topology.node import BuiltTopology, TaskId

ABORT = ("drop", "revert", "replay")
"""The steps of an abort. It comes when all was acknowledged and no offset committed."""
UNSEEN = ("send", "offsets", "abandon", "end of it", "letters", *ABORT)
"""Exactly-once: the steps of a commit before its end, and those of an abort."""


class Died(BaseException):
    """The process is gone. Nobody takes it for an error."""


class Death:
    """Where to die: after this step of the commit of this number, from 1. `process` is before its first step."""

    def __init__(self, step: str, number: int = 1) -> None:
        self.step, self._left = step, number

    def comes(self, step: str) -> bool:
        """Is it now, after this step?"""
        if step != self.step:
            return False
        self._left -= 1
        return self._left == 0


class Tasks:
    """The tasks of an application.

    Args:
        built: the topology.
        config: its settings.
        topics: partitions of the topics there are.
    """

    def __init__(self, built: BuiltTopology, config: StreamsConfig, topics: Mapping[str, int]) -> None:
        self._once = config.exactly_once
        prefix = config.application_id
        plan = plan_tasks(built, topics, prefix)
        counts = {**topics, **{wanted.name: wanted.partitions for wanted in plan.topics}}
        self.clock = ManualClock(0)
        self.log: dict[TopicPartition, list[RawRecord]] = {
            TopicPartition(topic, p): [] for topic, count in counts.items() for p in range(count)
        }
        cache_bytes = config.get_int("statestore.cache.max.bytes")
        context = TaskContext(
            config=config,
            metrics=Metrics(),
            prefix=prefix,
            internal_topics=built.internal_topics,
            cache_bytes=cache_bytes,
            record_cache=small_cache(cache_bytes),
        )
        self._globals = [
            GlobalTask(
                each,
                [p for p in self.log if p.topic in (each.source.topics or ())],  # type: ignore[operator]
                context,
                MemoryEngine(),
                counts.__getitem__,
            )
            for each in built.global_stores
        ]
        for each in self._globals:
            each.start(0)
        self._stores: dict[str, OpenStore] = {each.store_name: each.store for each in self._globals}
        subs = {sub.id: sub for sub in built.subtopologies}
        self._tasks: dict[TaskId, StreamTask] = {}
        self._committed: dict[TopicPartition, Position] = {}
        states = {id: TaskState(id, subs[id.subtopology], context, MemoryEngine()) for id in plan.partitions}
        for id, partitions in plan.partitions.items():
            self._begin(states[id], partitions, output_of(counts.__getitem__))

    def _begin(self, state: TaskState, partitions: Sequence[TopicPartition], output: Output) -> None:
        """It starts from what is committed, and has all that comes after it."""
        places = {p: self._committed.get(p, Position(0)) for p in partitions}
        task = self._tasks[state.id] = StreamTask(state, partitions, output, places, self._stores)
        task.start(self.clock.now_ms())
        for partition, position in places.items():
            self._give(task, partition, position.offset)

    def _give(self, task: StreamTask, partition: TopicPartition, start: int) -> None:
        rows = self.log[partition][start:]
        end = start + len(rows)
        batch = None
        if rows:
            keys, values, times, headers = (list(column) for column in zip(*rows, strict=True))
            batch = RecordBatch(keys, values, times, headers if any(headers) else None, range(start, end), end)
        task.add(Fetched(partition, batch, end, 0, 0))

    def append(self, partition: TopicPartition, rows: Iterable[RawRecord]) -> None:
        """Records for a topic; whoever reads it has them."""
        log = self.log[partition]
        start = len(log)
        log += rows
        for task in self._tasks.values():
            if partition in task.inbox.partitions:
                self._give(task, partition, start)
        for each in self._globals:
            if partition in each.partitions:
                columns: Any = [list(column) for column in zip(*log[start:], strict=True)]
                batch = RecordBatch(*columns, range(start, len(log)), len(log))
                each.apply(Fetched(partition, batch, len(log), 0, 0), self.clock.now_ms())
                each.commit()

    def work(self, death: Death | None = None) -> None:
        """Rounds until nothing is left.

        Raises:
            Died: as `death` says.
        """
        while due := self._round():
            self._commit(due, death)

    def _round(self) -> list[StreamTask]:
        """Everything that is there is processed; the tasks that have something to commit."""
        now = self.clock.now_ms()
        for task in self._tasks.values():
            while task.run(now):
                task.punctuate_stream_time()
            task.punctuate_stream_time()
            task.punctuate_wall_clock(now)
        return [task for task in self._tasks.values() if task.commit_needed]

    def _commit(self, tasks: list[StreamTask], death: Death | None) -> None:
        def after(step: str) -> None:
            if death is not None and death.comes(step):
                raise Died

        after("process")
        for task in tasks:
            task.flush()
        after("flush")
        for step in UNSEEN if self._once else ():
            after(step)
        sent: list[Outgoing] = []
        for task in tasks:
            sent += [each for box in task.output for each in box.due(0, True)]
        for partition, batch in sent:
            self.append(partition, _rows(batch))
        if death is not None and not self._once and any(map(death.comes, ("send", *ABORT))):
            for task in tasks:
                _keep_logged(task)
            raise Died
        for task in tasks:
            self._committed.update(task.committable())
            task.committed()
        for step in ("end" if self._once else "offsets", "promote", "changelogs", "purge"):
            after(step)

    def crash(self) -> None:
        """Everything but what is committed is gone, and another process takes over."""
        for task in list(self._tasks.values()):
            task.abandon()
            task.state.abort()
            for box in task.output:
                box.drop()
                box._turns.clear()  # another process begins anew with records without a key
            for store in task.state.stores.values():
                store.layers.apply(())  # a process that is gone takes its read caches with it
            self._begin(task.state, task.partitions, task.output)

    def close(self) -> None:
        for task in self._tasks.values():
            task.close(clean=False)
        for each in self._globals:
            each.close(clean=False)


def _keep_logged(task: StreamTask) -> None:
    """What is in the changelogs is in the stores; one on a source topic is restored to the position committed."""
    for store in task.state.stores.values():
        if store.spec.source_topic is None:
            store.layers.commit()


def _rows(batch: RecordBatch) -> Iterator[RawRecord]:
    headers = batch.headers or [()] * len(batch)
    return map(RawRecord, batch.keys, batch.values, batch.timestamps, headers)
