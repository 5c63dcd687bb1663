"""The tasks of one worker: which it has, and where each stands.

taken ─▶ restoring ─▶ running ─▶ given up (clean: its directory is free for the next owner)
             ▲            │
             └── revived ◀┘   after an abort (decision 14)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from statestore.engine import Engine, EngineDamaged
from statestore.memory import MemoryEngine
from streams.clients.api import Admin, Fetched, Position, Reader
from streams.errors import (
    LogTruncatedException,
    NoOffsetForPartitionException,
    OffsetOutOfRangeException,
    ProcessorStateException,
)
from streams.exception_handlers import DeadLetter
from streams.record import TopicPartition
from streams.runtime.state.context import TaskContext
from streams.runtime.state.directory import InstanceDirectory
from streams.runtime.state.position_file import read_position
from streams.runtime.state.stores import OpenStore
from streams.runtime.state.task_state import SLICE_ROWS, TaskState
from streams.runtime.tasks.restore import Restorer
from streams.runtime.tasks.task import Output, StreamTask
from streams.runtime.worker.takeover import Reset, positions, reset_of, restores, starts
from streams.runtime.worker.worker_metrics import WorkerMetrics
from streams.topology.node import BuiltTopology, SourceNode, SubTopology, TaskId

log = logging.getLogger("streams.runtime.roster")

DATABASE = "rocksdb"
OpenEngine = Callable[[Path], Engine]
Committed = Callable[[Sequence[TopicPartition]], Mapping[TopicPartition, Position]]


class Tasks:
    """Takes tasks over, starts them when they are restored, and gives them up.

    Args:
        built: the topology.
        context: of all tasks.
        output: makes the output of a task.
        global_stores: read by all tasks.
        directory: where state lies.
        open_engine: opens a task's database.
        admin, reader, restorer: of the worker.
        committed: fetches the group's positions.
        reset: the default reset policy.
    """

    def __init__(
        self,
        built: BuiltTopology,
        context: TaskContext,
        output: Callable[[], Output],
        global_stores: Mapping[str, OpenStore],
        directory: InstanceDirectory,
        open_engine: OpenEngine,
        admin: Admin,
        reader: Reader,
        restorer: Restorer,
        committed: Committed,
        reset: str,
    ) -> None:
        self._subs = {sub.id: sub for sub in built.subtopologies}
        self._context = context
        self._output = output
        self._global_stores = global_stores
        self._directory = directory
        self._open_engine = open_engine
        self._admin = admin
        self._reader = reader
        self._restorer = restorer
        self._committed = committed
        self._reset = reset
        self._scope = scope = context.metrics.scope(**({"thread_id": context.thread} if context.thread else {}))
        self._created, self._closed = scope.counter("task-created-total"), scope.counter("task-closed-total")
        self._slices = scope.counter(
            "spilled-slices-total", "stream-state-metrics", "Slices of committed rows written to the database."
        )
        self.worker: WorkerMetrics | None = None
        """What is measured of the worker."""
        self.by_id: dict[TaskId, StreamTask] = {}
        self._owner: dict[TopicPartition, TaskId] = {}
        self._paused: set[TopicPartition] = set()

    # what there is

    @property
    def ids(self) -> frozenset[TaskId]:
        return frozenset(self.by_id)

    @property
    def all(self) -> list[StreamTask]:
        """Any thread may ask."""
        return list(self.by_id.values())

    @property
    def running(self) -> list[StreamTask]:
        return [task for task in self.by_id.values() if task.running]

    @property
    def all_run(self) -> bool:
        return all(task.running for task in self.by_id.values())

    def owns(self, partition: TopicPartition) -> bool:
        return partition in self._owner

    def partitions(self) -> tuple[TopicPartition, ...]:
        return tuple(self._owner)

    def copies(self) -> dict[TaskId, int]:
        """Changelog positions of the copies on this disk that are nobody's; the leader is told of them."""
        found = {}
        for task, path in self._directory.unowned().items():
            sub = self._subs.get(task.subtopology)
            if sub is None or task in self.by_id or not self._context.files.exists(path / DATABASE):
                continue
            found[task] = self._position_in(path, task)
        return found

    def positions(self) -> dict[TaskId, int]:
        """Changelog positions of the worker's own tasks that have state."""
        return {id: task.state.position() for id, task in self.by_id.items() if task.state.stores}

    # taking over

    def take(self, wanted: Mapping[TaskId, tuple[TopicPartition, ...]], now: int) -> None:
        """Takes tasks over; they run as soon as their stores are restored."""
        if not wanted:
            return
        partitions = [p for parts in wanted.values() for p in parts]
        committed = self._committed(partitions)
        for task, parts in wanted.items():
            try:
                self._take(task, parts, committed, now)
            except EngineDamaged:  # its directory is gone by now
                self._take(task, parts, committed, now)

    def _take(
        self, task: TaskId, parts: tuple[TopicPartition, ...], committed: Mapping[TopicPartition, Position], now: int
    ) -> None:
        self.by_id[task] = self._open(task, parts, committed, now)
        self._owner.update(dict.fromkeys(parts, task))
        self._created.value += 1
        try:
            self._restore(task, committed)
        except BaseException:
            self.give_up(task, clean=False)  # without its restores it would start empty
            raise

    def _open(
        self, id: TaskId, parts: tuple[TopicPartition, ...], committed: Mapping[TopicPartition, Position], now: int
    ) -> StreamTask:
        sub = self._subs[id.subtopology]
        begin = self._positions(sub, parts, committed, now)
        home = self._directory.take(id, lambda path: self._position_in(path, id))
        disk = self._database(sub, home, id)
        try:
            state = TaskState(id, sub, self._context, disk, home)
            state.spilled_at = now
            return self._measured(StreamTask(state, parts, self._output(), begin, self._global_stores))
        except BaseException:
            disk.close()
            if disk.damage is not None:
                self._discard(id, sub, disk.damage)
            raise

    def _measured(self, task: StreamTask) -> StreamTask:
        """A task that is new, with what is measured of it among all tasks."""
        freshness, now_ms = self._context.freshness, task.measured.now_ms
        freshness.add(task.id, task.unseen_ms)
        if self.worker is not None:
            task.measured.worker = self.worker
            task.measured.busy(self.worker.processing_share)
        task.measured.freshness(task.state.topology, lambda: freshness.seconds(task.id, now_ms()))
        return task

    def _positions(
        self,
        sub: SubTopology,
        parts: Sequence[TopicPartition],
        committed: Mapping[TopicPartition, Position],
        now: int,
    ) -> dict[TopicPartition, Position]:
        """Where processing of these partitions begins."""
        return positions(self._admin, parts, committed, self._reset_of(sub), now)

    def _reset_of(self, sub: SubTopology) -> Reset:
        return reset_of(sub, self._reset, self._context.topic_name)

    def _restore(self, id: TaskId, committed: Mapping[TopicPartition, Position]) -> None:
        self._restorer.begin(restores(self._admin, self.by_id[id], committed))

    def restart_at(
        self, partition: TopicPartition, error: OffsetOutOfRangeException | LogTruncatedException, now: int
    ) -> int:
        """Where reading goes on after the log has lost the position of a partition: where it was cut back, or by the
        reset policy.

        Raises:
            OffsetOutOfRangeException: the policy is `none`.
        """
        if isinstance(error, LogTruncatedException):
            self.by_id[self._owner[partition]].inbox.cut_back(partition)
            return error.diverged_at
        reset = self._reset_of(self._subs[self._owner[partition].subtopology])
        try:
            return starts(self._admin, reset(partition), [partition], now)[partition]
        except NoOffsetForPartitionException:  # an offset is committed; it is the log that no longer has it
            raise error from None

    def _database(self, sub: SubTopology, home: Path, id: TaskId) -> Engine:
        """The task's database; one that is damaged is built anew, which is one of the named reasons."""
        if not any(spec.on_disk for spec in sub.stores):
            return MemoryEngine()
        try:
            return self._open_engine(home / DATABASE)
        except EngineDamaged as damage:
            self._discard(id, sub, damage)
            self._context.files.make(home)
            return self._open_engine(home / DATABASE)

    def _discard(self, id: TaskId, sub: SubTopology, damage: EngineDamaged) -> None:
        """Deletes a task's database, which is closed and damaged, so that it is built anew.

        Raises:
            ProcessorStateException: a store in it has no changelog to be built from.
        """
        lost = [spec.name for spec in sub.stores if spec.on_disk and spec.name not in sub.changelogs]
        if lost:
            raise ProcessorStateException(
                f"Store {', '.join(lost)} of task {id} has no changelog that it could be rebuilt from, and {damage}. "
                f"Put the files back as they were, or delete {self._directory.path / str(id)}: the store then starts "
                "empty."
            ) from damage
        log.warning("The state of task %s is rebuilt from its changelogs: %s.", id, damage)
        self._directory.discard(id)

    def _position_in(self, path: Path, task: TaskId) -> int:
        """How far a copy of a task is."""
        own = [spec.name for spec in self._subs[task.subtopology].stores if spec.source_topic is None]
        files = self._context.files
        return read_position(files, path, own) if files.exists(path / DATABASE) else 0

    def extend(self, id: TaskId, parts: tuple[TopicPartition, ...], now: int) -> None:
        """A task that stays reads these partitions from now on: topics that match its patterns have come, or gone."""
        task = self.by_id[id]
        for partition in [p for p in task.partitions if p not in parts and self.by_pattern(p)]:
            self.exclude(partition)
        more = [p for p in parts if p not in task.partitions]
        if not more:
            return
        begin = self._positions(task.state.topology, more, self._committed(more), now)
        task.include(begin)
        self._owner.update(dict.fromkeys(more, id))
        if task.running:
            self._reader.seek({p: position.offset for p, position in begin.items()})

    def by_pattern(self, partition: TopicPartition) -> bool:
        """Is it read, if it is read, because its topic matches a pattern? Such topics may come and go."""
        topic = partition.topic
        for sub in self._subs.values():
            for node in (node for node in sub.nodes if isinstance(node, SourceNode)):
                if isinstance(node.topics, tuple) and topic in map(self._context.topic_name, node.topics):
                    return False
        return True

    def exclude(self, partition: TopicPartition) -> None:
        """A partition of a topic that was deleted is read no more; its task goes on with the others it has."""
        self.by_id[self._owner.pop(partition)].exclude(partition)
        self._reader.drop([partition])

    def start_restored(self, now: int) -> list[TaskId]:
        """Starts the tasks whose stores have arrived; gives their ids."""
        started = []
        for id, task in self.by_id.items():
            if not task.running and not self._restorer.waits_for(id):
                task.state.write_positions()
                task.start(now)
                self._reader.seek(task.inbox.positions())
                started.append(id)
        return started

    # at work

    def add(self, fetched: Fetched) -> bool:
        """Hands a batch to the task that owns its partition; False where nobody here does."""
        owner = self._owner.get(fetched.partition)
        if owner is None:
            return False
        task = self.by_id[owner]
        if task.running:
            task.add(fetched)
        return True

    def pace(self) -> None:
        """Full inboxes are paused, emptied ones go on."""
        full = {p for task in self.running for p in task.inbox.to_pause()}
        if full != self._paused:
            self._reader.pause(full - self._paused)
            self._reader.resume([p for p in self._paused - full if self.owns(p)])
            self._paused = full

    def spill(self, task: StreamTask, rows: int = SLICE_ROWS) -> bool:
        """One slice of a task's committed rows to its database; is more left?"""
        if task.state.committed_bytes:
            self._slices.value += 1
        return task.state.spill(rows)

    # taken back to their last commit: nothing that saw an aborted record survives

    def drop(self, id: TaskId) -> None:
        """Input, output and processing of a task go; nobody reads for it any more."""
        self._restorer.drop(id)
        self._reader.drop(self.by_id[id].partitions)
        self.by_id[id].abandon()

    def revert(self, id: TaskId) -> None:
        """Its stores go back to what is committed, and that goes to the database."""
        task = self.by_id[id]
        task.state.abort()
        while self.spill(task):
            pass

    def replay(self, ids: Sequence[TaskId], now: int) -> None:
        """They are taken over anew, with the state they have."""
        committed = self._committed([p for id in ids for p in self.by_id[id].partitions])
        for id in ids:
            old = self.by_id[id]
            begin = self._positions(old.state.topology, old.partitions, committed, now)
            again = StreamTask(old.state, old.partitions, old.output, begin, self._global_stores)
            self.by_id[id] = self._measured(again)
            self._restore(id, committed)

    def put_dead_letter(self, id: TaskId, letter: DeadLetter, last: bool) -> None:
        """One for a record that was refused. Where the task has been given up, its new owner comes to it again."""
        if id in self.by_id:
            self.by_id[id].put_dead_letter(letter, last)

    # giving up

    def give_up(self, id: TaskId, clean: bool) -> None:
        """Closes a task. `clean`: all is committed, its rows go to the database and its directory is free."""
        task = self.by_id.pop(id)
        self._context.freshness.remove(id)
        self._restorer.drop(id)
        self._reader.drop(task.partitions)
        for partition in task.partitions:
            self._owner.pop(partition, None)
        self._closed.value += 1
        disk = task.state.disk
        try:
            if clean:
                self._spill_all(task)
            task.close(clean)
        finally:
            disk.close()
            if disk.damage is not None:
                self._discard(id, task.state.topology, disk.damage)
            else:
                self._directory.give_back(id, lambda path: self._position_in(path, id))

    def _spill_all(self, task: StreamTask) -> None:
        try:
            while self.spill(task):
                pass
        except EngineDamaged:
            pass  # it is discarded, and nothing is lost by that

    # damage

    def damaged(self) -> list[TaskId]:
        """The tasks whose databases were found damaged."""
        return [id for id, task in self.by_id.items() if task.state.disk.damage is not None]

    def rebuild(self, id: TaskId, now: int) -> None:
        """Takes a task whose database is damaged back to its last commit, and restores it from its changelogs.

        Raises:
            ProcessorStateException: a store in it has no changelog.
        """
        partitions = self.by_id[id].partitions
        self.give_up(id, clean=False)
        self.take({id: partitions}, now)
