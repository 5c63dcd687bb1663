"""Global stores of a worker: every one is filled from all partitions of its topic (decision 12).

They are read to their ends before the first task starts, and applied between runs afterwards. Rows and the positions
they stand for go to the database together, once a commit interval, outside any transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from statestore.engine import Engine, EngineDamaged
from statestore.memory import MemoryEngine
from streams.clients.api import Admin, Fetched, Isolation, Position, Reader
from streams.errors import LogTruncatedException, OffsetOutOfRangeException, StreamsException
from streams.record import TopicPartition
from streams.runtime.state.changelog import Mark, mark_name, read_mark, wipe, write_mark
from streams.runtime.state.context import TaskContext
from streams.runtime.state.stores import OpenStore
from streams.runtime.state.task_state import SLICE_ROWS
from streams.runtime.tasks.global_task import GlobalTask
from streams.runtime.worker.tasks import DATABASE, OpenEngine
from streams.topology.node import BuiltTopology, GlobalStore
from streams.world import Files

log = logging.getLogger("streams.runtime.globals")


class Globals:
    """All global stores of one worker.

    Args:
        built: the topology.
        context: of tasks.
        partitions_for: how many partitions a topic has.
        home: the directory of that database.
        open_engine: opens it.
        admin, reader: of the worker.
        isolation: of the reader.
    """

    def __init__(
        self,
        built: BuiltTopology,
        context: TaskContext,
        partitions_for: Callable[[str], int],
        home: Path,
        open_engine: OpenEngine,
        admin: Admin,
        reader: Reader,
        isolation: Isolation,
    ) -> None:
        self._reader = reader
        self._isolation = isolation
        self._admin = admin
        self._tasks: dict[str, GlobalTask] = {}
        self._owner: dict[TopicPartition, GlobalTask] = {}
        self._topic_ids: dict[str, str] = {}
        self._behind: dict[TopicPartition, int] = {}
        self._disk: Engine = MemoryEngine()
        if not built.global_stores:
            return
        partitions = {each.store.name: self._partitions(each) for each in built.global_stores}
        if any(each.store.on_disk for each in built.global_stores):
            self._disk = _database(context.files, home, open_engine)

        def add(each: GlobalStore) -> None:
            name = each.store.name
            task = GlobalTask(each, partitions[name], context, self._disk, partitions_for, home)
            self._tasks[name] = task
            self._owner.update(dict.fromkeys(task.partitions, task))

        try:
            try:
                for each in built.global_stores:
                    add(each)
            except EngineDamaged:
                self._renew()
                for each in built.global_stores:
                    add(each)
        except BaseException:
            self._disk.close()
            raise

    def _partitions(self, each: GlobalStore) -> list[TopicPartition]:
        topics = each.source.topics
        assert isinstance(topics, tuple)
        known = self._admin.describe_topics(topics)
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise StreamsException(
                f"There are no partitions available for topic {missing[0]} when initializing global store "
                f"{each.store.name}. Create the topic first."
            )
        self._topic_ids.update({name: topic.topic_id for name, topic in known.items()})
        return [TopicPartition(t, p) for t in topics for p in range(known[t].partitions)]

    @property
    def damaged(self) -> bool:
        """Their database was found damaged."""
        return self._disk.damage is not None

    def rebuild(self, now: int) -> None:
        """Empties the damaged database, and starts reading what fills it from the beginning."""
        self._renew()
        kept = {name: task for name, task in self._tasks.items() if task.store.spec.on_disk}
        for task in kept.values():
            task.revive()
        self._start(kept, now)

    def _renew(self) -> None:
        log.warning("The global stores are rebuilt from their topics: %s.", self._disk.damage)
        self._disk.renew()

    @property
    def stores(self) -> Mapping[str, OpenStore]:
        """The stores, for tasks to read."""
        return {name: task.store for name, task in self._tasks.items()}

    def start(self, now: int) -> None:
        """Starts reading, each partition from where its store stands."""
        self._start(self._tasks, now)

    def _start(self, tasks: Mapping[str, GlobalTask], now: int) -> None:
        if not tasks:
            return
        partitions = [p for task in tasks.values() for p in task.partitions]
        begins = self._admin.beginning_offsets(partitions)
        ends = self._admin.end_offsets(partitions, self._isolation)
        places: dict[TopicPartition, int] = {}
        for name, task in tasks.items():
            known = self._marks(name, task, ends)
            for partition in task.partitions:
                places[partition] = max(known.get(partition, 0), begins[partition])
            task.start(now, {p: Position(places[p]) for p in task.partitions})
        self._behind.update({p: ends[p] for p in places if ends[p] > places[p]})
        self._reader.seek(places)

    def _marks(self, name: str, task: GlobalTask, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Up to where the store has its topic; nothing, and the store emptied, where it is another topic's."""
        if not task.store.spec.on_disk:
            return {}
        known: dict[TopicPartition, int] = {}
        for partition in task.partitions:
            mark = read_mark(self._disk, _mark(name, partition))
            if mark is None:
                continue
            if mark.topic_id == self._topic_ids[partition.topic] and mark.offset <= ends[partition]:
                known[partition] = mark.offset
                continue
            log.warning(
                "Global store %s is rebuilt from its topic: %s was deleted and made again, or cut back.",
                name,
                partition,
            )
            for each in task.partitions:
                wipe(self._disk, name, task.store.layers, _mark(name, each))
            return {}
        return known

    @property
    def caught_up(self) -> bool:
        """Every store has seen what was there when the worker started."""
        return not self._behind

    def owns(self, partition: TopicPartition) -> bool:
        return partition in self._owner

    def apply(self, fetched: Fetched, now: int) -> int:
        """Applies what was fetched; returns the number of records."""
        count = self._owner[fetched.partition].apply(fetched, now)
        end = self._behind.get(fetched.partition)
        if end is not None:
            reached = fetched.batch.next_offset if fetched.batch is not None else (fetched.caught_up_at or 0)
            if reached >= end:
                del self._behind[fetched.partition]
        return count

    def out_of_range(
        self, partition: TopicPartition, error: OffsetOutOfRangeException | LogTruncatedException
    ) -> None:
        """The log has lost its beginning, or was cut back: reading goes on where it starts, or ends, now."""
        start = error.diverged_at if isinstance(error, LogTruncatedException) else error.log_start
        log.warning("Global topic %s has lost its position; reading goes on at offset %d.", partition, start)
        self._reader.seek({partition: start})

    def commit(self) -> None:
        """What was applied goes to the database, with the positions it stands for."""
        for name, task in self._tasks.items():
            positions = task.commit()
            marks = {
                mark_name(_mark(name, p)): write_mark(Mark(self._topic_ids[p.topic], 0, position.offset))
                for p, position in positions.items()
            }
            if positions and task.store.spec.on_disk:
                while task.store.layers.spill(SLICE_ROWS, marks):
                    pass

    def progress(self) -> Mapping[str, tuple[int, int]]:
        """Partitions that are not caught up yet."""
        return {f"global {p}": (0, end) for p, end in list(self._behind.items())}

    def close(self, clean: bool) -> None:
        if clean and self._tasks:
            self.commit()
        for task in self._tasks.values():
            task.close(clean)
        self._disk.close()


def _database(files: Files, home: Path, open_engine: OpenEngine) -> Engine:
    """The database of the global stores; one that is damaged is built anew."""
    files.make(home)
    try:
        return open_engine(home / DATABASE)
    except EngineDamaged as damage:
        log.warning("The global stores are rebuilt from their topics: %s.", damage)
        files.remove(home)
        files.make(home)
        return open_engine(home / DATABASE)


def _mark(store: str, partition: TopicPartition) -> str:
    return f"{store}@{partition}"
