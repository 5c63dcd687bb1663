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
from streams.runtime.state.changelog import Changelog, beyond, mark_name, reaching, read_mark, wipe, write_mark
from streams.runtime.state.context import TaskContext
from streams.runtime.state.stores import OpenStore
from streams.runtime.state.task_state import SLICE_ROWS
from streams.runtime.tasks.global_task import GlobalTask
from streams.runtime.tasks.task import StreamTask
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
        self._topics: dict[TopicPartition, Changelog] = {}
        self._behind: dict[TopicPartition, int] = {}
        self._cut_back: set[str] = set()  # stores that hold what their topics have lost in a power cut
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
        found = [TopicPartition(t, p) for t in topics for p in range(known[t].partitions)]
        self._topics.update({each: Changelog(each, known[each.topic].topic_id) for each in found})
        return found

    @property
    def damaged(self) -> bool:
        """Their database was found damaged, or holds what is no longer in their topics."""
        return self._disk.damage is not None or bool(self._cut_back)

    def rebuild(self, now: int) -> None:
        """Empties the damaged database, or the stores that hold too much, and starts reading what fills them from the
        beginning."""
        if self._disk.damage is not None:
            self._renew()
            self._cut_back.update(name for name, task in self._tasks.items() if task.store.spec.on_disk)
        gone = {name: self._tasks[name] for name in sorted(self._cut_back)}
        self._cut_back.clear()
        for name, task in gone.items():
            task.revive()
            self._wipe(name, task)
        self._start(gone, now)

    def _renew(self) -> None:
        log.warning("The global stores are rebuilt from their topics: %s.", self._disk.damage)
        self._disk.renew()

    @property
    def stores(self) -> Mapping[str, OpenStore]:
        """The stores, for tasks to read."""
        return {name: task.store for name, task in self._tasks.items()}

    def processing(self, name: str) -> StreamTask | None:
        """What fills a global store now; None: there is no such store."""
        task = self._tasks.get(name)
        return None if task is None else task.processing

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
            known = self._marks(name, task)
            for partition in task.partitions:
                places[partition] = max(known.get(partition, 0), begins[partition])
            task.start(now, {p: Position(places[p]) for p in task.partitions})
        self._behind.update({p: ends[p] for p in places if ends[p] > places[p]})
        self._reader.seek(places)

    def _marks(self, name: str, task: GlobalTask) -> dict[TopicPartition, int]:
        """Up to where the store has its topic; nothing, and the store emptied, where it is another topic's, or holds
        what was cut off."""
        if not task.store.spec.on_disk:
            return {}
        found = {each: read_mark(self._disk, _mark(name, each)) for each in task.partitions}
        marks = {each: mark for each, mark in found.items() if mark is not None}
        ends = self._admin.log_ends({each: marks[each].log_epoch if each in marks else -1 for each in found})
        for partition, end in ends.items():
            self._topics[partition].log_epoch = end.log_epoch
        for partition, mark in marks.items():
            topic = self._topics[partition]
            if mark.topic_id != topic.topic_id:
                reason: str | None = f"{partition} was deleted and made again"
            else:
                reason = beyond(mark, ends[partition])
            if reason is not None:
                log.warning("Global store %s is rebuilt from its topic: %s.", name, reason)
                self._wipe(name, task)
                return {}
            topic.reach = mark.reach
        return {partition: mark.offset for partition, mark in marks.items()}

    def _wipe(self, name: str, task: GlobalTask) -> None:
        for each in task.partitions:
            wipe(task.engine, name, task.store.layers, _mark(name, each))
            self._topics[each].reach = 0

    @property
    def caught_up(self) -> bool:
        """Every store has seen what was there when the worker started."""
        return not self._behind

    def owns(self, partition: TopicPartition) -> bool:
        return partition in self._owner

    def apply(self, fetched: Fetched, now: int) -> int:
        """Applies what was fetched; returns the number of records."""
        count = self._owner[fetched.partition].apply(fetched, now)
        topic = self._topics[fetched.partition]
        topic.log_epoch = max(fetched.log_epoch, topic.log_epoch)
        end = self._behind.get(fetched.partition)
        if end is not None:
            reached = fetched.batch.next_offset if fetched.batch is not None else (fetched.caught_up_at or 0)
            if reached >= end:
                del self._behind[fetched.partition]
        return count

    def out_of_range(
        self, partition: TopicPartition, error: OffsetOutOfRangeException | LogTruncatedException
    ) -> None:
        """The log has lost its beginning, and reading goes on where it starts now.

        Raises:
            EngineDamaged: it was cut back in a power cut; the store is to be rebuilt before anybody reads it.
        """
        if isinstance(error, LogTruncatedException):
            store = self._owner[partition].store_name
            log.warning("Global store %s is rebuilt from its topic: %s", store, error)
            self._cut_back.add(store)
            raise EngineDamaged(f"global store {store} holds what its topic has lost: {error}")
        log.warning("Global topic %s has lost its position; reading goes on at offset %d.", partition, error.log_start)
        self._reader.seek({partition: error.log_start})

    def commit(self) -> None:
        """What was applied goes to the database, with the positions it stands for."""
        for name, task in self._tasks.items():
            positions = task.commit()
            for partition, position in positions.items():
                self._topics[partition].offset = position.offset
            if positions and task.store.spec.on_disk:
                always: dict[bytes, bytes] = {}
                for partition in positions:
                    always |= reaching(self._disk, _mark(name, partition), self._topics[partition])
                marks = {mark_name(_mark(name, p)): write_mark(self._topics[p].mark()) for p in positions}
                while task.store.layers.spill(SLICE_ROWS, marks, always):
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
