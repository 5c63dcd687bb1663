"""The tasks of one worker: which it has, and where each stands.

taken ─▶ restoring ─▶ running ─▶ given up (clean: its directory is free for the next owner)
             ▲            │
             └── revived ◀┘   after an abort (decision 14)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from streams.metrics import Metrics
from streams.record import TopicPartition
from streams.runtime.state.directory import InstanceDirectory
from streams.runtime.state.marks import Mark, name_of, write_mark
from streams.runtime.state.position_file import read_position, write_positions
from streams.runtime.tasks.restore import Restorer, StoreRestore
from streams.runtime.tasks.task import Ground, Task
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.takeover import positions, reset_of, restores, starts
from streams.topology.node import BuiltTopology, SourceNode, SubTopology, TaskId
from streams.topology.store import StoreSpec

log = logging.getLogger("streams.runtime.roster")

DATABASE = "rocksdb"
SLICE_ROWS = 2_000
"""Rows that go to the database between two runs: 3 ms."""

OpenEngine = Callable[[Path], Engine]
Committed = Callable[[Sequence[TopicPartition]], Mapping[TopicPartition, Position]]


@dataclass(slots=True)
class Place:
    """A task of this worker, its database, and what is known of its changelogs."""

    task: Task
    disk: Engine
    topology: SubTopology
    partitions: tuple[TopicPartition, ...]
    found: Mapping[TopicPartition, Position]
    running: bool = False
    restores: tuple[StoreRestore, ...] = ()
    epochs: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Topic id and log epoch of each store's changelog."""
    ends: dict[str, int] = field(default_factory=dict)
    """What each store stands for: its changelog's offset as of the last commit."""
    noted: dict[str, int] = field(default_factory=dict)
    """Of the ends, what the file beside the database says."""
    spilled_at: int = 0

    @property
    def kept(self) -> tuple[StoreSpec, ...]:
        """Stores whose rows are in the database."""
        return tuple(spec for spec in self.topology.stores if spec.on_disk)

    @property
    def committed_bytes(self) -> int:
        """Memory of what is committed and not in the database yet."""
        return sum(store.layers.committed_bytes for store in self.task.stores.values())

    @property
    def uncommitted_bytes(self) -> int:
        """Memory of what is not committed."""
        return sum(store.layers.uncommitted_bytes for store in self.task.stores.values())

    def position(self) -> int:
        """How far its changelogs have been applied; source topics that serve as one do not count."""
        own = {spec.name for spec in self.topology.stores if spec.source_topic is None}
        if self.running:
            return sum(end for store, end in self.ends.items() if store in own)
        return sum(each.position for each in self.restores if each.store in own)

    def note_restored(self) -> None:
        """The stores stand for their changelogs up to where these were read."""
        for each in self.restores:
            self.epochs[each.store] = (each.topic_id, each.log_epoch)
            self.ends[each.store] = each.position

    def marks_of(self, store: str) -> dict[bytes, bytes]:
        known = self.epochs.get(store)
        if known is None or store not in self.ends:
            return {}
        return {name_of(store): write_mark(Mark(*known, self.ends[store]))}


class Roster:
    """Takes tasks over, starts them when they are restored, and gives them up.

    Args:
        built: the topology.
        ground: what all tasks stand on; `disk` and `state_dir` are set for each.
        directory: where state lies.
        open_engine: opens a task's database.
        admin, reader, restorer, sender: of the worker.
        committed: fetches the group's positions.
        reset: the default reset policy.
        metrics: counts tasks that were created and closed.
    """

    def __init__(
        self,
        built: BuiltTopology,
        ground: Ground,
        directory: InstanceDirectory,
        open_engine: OpenEngine,
        admin: Admin,
        reader: Reader,
        restorer: Restorer,
        sender: Sender,
        committed: Committed,
        reset: str,
        metrics: Metrics,
    ) -> None:
        self._subs = {sub.id: sub for sub in built.subtopologies}
        self._ground = ground
        self._directory = directory
        self._open_engine = open_engine
        self._admin = admin
        self._reader = reader
        self._restorer = restorer
        self._sender = sender
        self._committed = committed
        self._reset = reset
        self._created = metrics.counter("task-created-total")
        self._closed = metrics.counter("task-closed-total")
        self._slices = metrics.counter(
            "spilled-slices-total", "stream-state-metrics", "Slices of committed rows written to the database."
        )
        self.places: dict[TaskId, Place] = {}
        self._owner: dict[TopicPartition, Place] = {}
        self._paused: set[TopicPartition] = set()

    # what there is

    @property
    def tasks(self) -> frozenset[TaskId]:
        return frozenset(self.places)

    @property
    def running(self) -> list[Place]:
        return [place for place in self.places.values() if place.running]

    @property
    def all_run(self) -> bool:
        return all(place.running for place in self.places.values())

    def owns(self, partition: TopicPartition) -> bool:
        return partition in self._owner

    def partitions(self) -> tuple[TopicPartition, ...]:
        return tuple(self._owner)

    def copies(self) -> dict[TaskId, int]:
        """Changelog positions of the copies on this disk that are nobody's; the leader is told of them."""
        found = {}
        for task, path in self._directory.unowned().items():
            sub = self._subs.get(task.subtopology)
            if sub is None or task in self.places or not (path / DATABASE).exists():
                continue
            found[task] = self._position_in(path, task)
        return found

    def positions(self) -> dict[TaskId, int]:
        """Changelog positions of the worker's own tasks that have state."""
        return {task: place.position() for task, place in self.places.items() if place.topology.stores}

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
        place = self._open(task, parts, committed, now)
        self.places[task] = place
        for partition in parts:
            self._owner[partition] = place
        self._created.value += 1
        try:
            self._begin(place, committed)
        except BaseException:
            self.give_up(task, clean=False)  # without its restores it would start empty
            raise

    def _open(
        self, id: TaskId, parts: tuple[TopicPartition, ...], committed: Mapping[TopicPartition, Position], now: int
    ) -> Place:
        sub = self._subs[id.subtopology]
        reset = reset_of(sub, self._reset, self._ground.topic_name)
        found = positions(self._admin, parts, committed, reset, now)
        home = self._directory.take(id, lambda path: self._position_in(path, id))
        disk = self._database(sub, home, id)
        try:
            task = Task(id, sub, parts, replace(self._ground, disk=disk, state_dir=home))
        except BaseException:
            disk.close()
            if disk.damage is not None:
                self._discard(id, sub, disk.damage)
            raise
        return Place(task, disk, sub, parts, found, spilled_at=now)

    def restart_at(
        self, partition: TopicPartition, error: OffsetOutOfRangeException | LogTruncatedException, now: int
    ) -> int:
        """Where reading goes on after the log has lost the position of a partition: where it was cut back, or by the
        reset policy.

        Raises:
            OffsetOutOfRangeException: the policy is `none`.
        """
        if isinstance(error, LogTruncatedException):
            return error.diverged_at
        topology = self._owner[partition].topology
        reset = reset_of(topology, self._reset, self._ground.topic_name)
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
            home.mkdir(mode=0o700)
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
        return read_position(path, own) if (path / DATABASE).exists() else 0

    def _note_position(self, place: Place) -> None:
        """All that is committed is in the database: the file beside it says so."""
        ends = {spec.name: place.ends[spec.name] for spec in place.kept if spec.name in place.ends}
        if ends and ends != place.noted:
            write_positions(self._directory.path / str(place.task.id), ends)
            place.noted = ends

    def _begin(self, place: Place, committed: Mapping[TopicPartition, Position]) -> None:
        place.restores = tuple(restores(self._admin, place.task, place.disk, committed))
        self._restorer.begin(place.restores)

    def extend(self, id: TaskId, parts: tuple[TopicPartition, ...], now: int) -> None:
        """A task that stays reads these partitions from now on: topics that match its patterns have come, or gone."""
        place = self.places[id]
        for partition in [p for p in place.partitions if p not in parts and self.by_pattern(p)]:
            self.exclude(partition)
        more = [p for p in parts if p not in place.partitions]
        if not more:
            return
        reset = reset_of(place.topology, self._reset, self._ground.topic_name)
        found = positions(self._admin, more, self._committed(more), reset, now)
        place.partitions = (*place.partitions, *more)
        place.found = {**place.found, **found}
        for partition in more:
            place.task.include(partition)
            self._owner[partition] = place
        if place.running:
            self._reader.seek({p: position.offset for p, position in found.items()})

    def by_pattern(self, partition: TopicPartition) -> bool:
        """Is it read, if it is read, because its topic matches a pattern? Such topics may come and go."""
        topic = partition.topic
        for sub in self._subs.values():
            for node in (node for node in sub.nodes if isinstance(node, SourceNode)):
                if isinstance(node.topics, tuple) and topic in map(self._ground.topic_name, node.topics):
                    return False
        return True

    def exclude(self, partition: TopicPartition) -> None:
        """A partition of a topic that was deleted is read no more; its task goes on with the others it has."""
        place = self._owner.pop(partition)
        place.partitions = tuple(p for p in place.partitions if p != partition)
        place.found = {p: position for p, position in place.found.items() if p != partition}
        place.task.exclude(partition)
        self._reader.drop([partition])

    def start_restored(self, now: int) -> list[TaskId]:
        """Starts the tasks whose stores have arrived; gives their ids."""
        started = []
        for id, place in self.places.items():
            if not place.running and not self._restorer.waits_for(id):
                place.note_restored()
                self._note_position(place)
                place.task.place(place.found)
                place.task.start(now)
                place.running = True
                self._reader.seek({p: position.offset for p, position in place.found.items()})
                started.append(id)
        return started

    # at work

    def add(self, fetched: Fetched) -> bool:
        """Hands a batch to the task that owns its partition; False where nobody here does."""
        place = self._owner.get(fetched.partition)
        if place is None:
            return False
        if place.running:
            place.task.add(fetched)
        return True

    def pace(self) -> None:
        """Full inboxes are paused, emptied ones go on."""
        full = {p for place in self.running for p in place.task.inbox.to_pause()}
        if full != self._paused:
            self._reader.pause(full - self._paused)
            self._reader.resume([p for p in self._paused - full if self.owns(p)])
            self._paused = full

    def committed(self, tasks: Sequence[Task], moved: Mapping[TopicPartition, Position]) -> None:
        """Notes what each store stands for now: all its changelog records are acknowledged.

        Args:
            tasks: those that were committed.
            moved: the positions that were committed; a store on its source topic stands for these.
        """
        for task in tasks:
            place = self.places[task.id]
            for store in place.ends:
                changelog = task.changelog(store)
                if changelog is None:
                    continue
                if task.stores[store].spec.source_topic is None:
                    end = self._sender.end_of(changelog)
                else:
                    end = moved[changelog].offset if changelog in moved else None
                if end is not None:
                    place.ends[store] = max(end, place.ends[store])

    def spill(self, place: Place, rows: int = SLICE_ROWS) -> bool:
        """One slice of committed rows to the database; is more left?"""
        waiting = [store for store in place.task.stores.values() if store.layers.committed_bytes]
        more = False
        if waiting:
            self._slices.value += 1
            store = waiting[0]
            more = store.layers.spill(rows, place.marks_of(store.spec.name)) or len(waiting) > 1
        if not more:
            for store in place.task.stores.values():
                store.layers.spill(0)  # nothing is left to write: read caches give what others need
            self._note_position(place)
        return more

    # giving up

    def revive(self, id: TaskId, now: int) -> None:
        """Takes a task back to its last commit: nothing that saw an aborted record survives."""
        place = self.places[id]
        self._restorer.drop(id)
        self._reader.drop(place.partitions)
        place.task.revive()
        place.running = False
        committed = self._committed(place.partitions)
        reset = reset_of(place.topology, self._reset, self._ground.topic_name)
        place.found = positions(self._admin, place.partitions, committed, reset, now)
        while self.spill(place):
            pass
        self._begin(place, committed)

    def give_up(self, id: TaskId, clean: bool) -> None:
        """Closes a task. `clean`: all is committed, its rows go to the database and its directory is free."""
        place = self.places.pop(id)
        self._restorer.drop(id)
        self._reader.drop(place.partitions)
        for partition in place.partitions:
            self._owner.pop(partition, None)
        self._closed.value += 1
        try:
            if clean:
                self._spill_all(place)
            place.task.close(clean)
        finally:
            place.disk.close()
            if place.disk.damage is not None:
                self._discard(id, place.topology, place.disk.damage)
            else:
                self._directory.give_back(id, lambda path: self._position_in(path, id))

    def _spill_all(self, place: Place) -> None:
        try:
            while self.spill(place):
                pass
        except EngineDamaged:
            pass  # it is discarded, and nothing is lost by that

    # damage

    def damaged(self) -> list[TaskId]:
        """The tasks whose databases were found damaged."""
        return [id for id, place in self.places.items() if place.disk.damage is not None]

    def rebuild(self, id: TaskId, now: int) -> None:
        """Takes a task whose database is damaged back to its last commit, and restores it from its changelogs.

        Raises:
            ProcessorStateException: a store in it has no changelog.
        """
        partitions = self.places[id].partitions
        self.give_up(id, clean=False)
        self.take({id: partitions}, now)
