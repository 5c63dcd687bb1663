"""The state of a task: its stores, their database, and up to where each has its changelog.

It needs no graph: a restore fills it, a standby follows with it, a query reads it. What processes (`tasks.task`) is
made for it and thrown away, and it stays: an abort takes it back to its last commit.

           ┌── restore ──┐      ┌── commit ──┐
    made ──┴─▶ full ─────┴──────┴─▶ written ─┴─▶ closed
                 ▲                      │
                 └─────── abort ────────┘       spill: what is committed goes to the database, in slices
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from statestore.api import Store
from statestore.engine import Engine
from statestore.memory import MemoryEngine
from streams.clients.api import Position
from streams.names import decorated_topic
from streams.record import TopicPartition
from streams.runtime.state.changelog import Changelog, mark_name, reaching, write_mark
from streams.runtime.state.context import TaskContext
from streams.runtime.state.position_file import write_positions
from streams.runtime.state.store_metrics import StoreMetrics
from streams.runtime.state.stores import Engines, OpenStore, open_store, small_cache
from streams.topology.javahash import hash_order
from streams.topology.node import ProcessorNode, StepNode, SubTopology, TaskId
from streams.topology.store import StoreSpec

SLICE_ROWS = 2_000
"""Rows that go to the database between two runs: 3 ms."""


@dataclass(slots=True)
class SpillPass:
    """From the oldest to the newest of what a store had committed at one moment.

    New rows come behind them, and one that is committed again keeps its place; so when the pass is over the database
    has all up to where the store stood then, and says so, however much was committed meanwhile: that is what has to be
    replayed after a death.

    Args:
        store: whose rows.
        left: how many.
        offset: of the changelog, that they stand for.
    """

    store: OpenStore
    left: int
    offset: int


class TaskState:
    """See the module.

    Args:
        id: of the task.
        topology: its sub-topology, whose stores it has.
        context: of the worker.
        disk: the database; closed by who opened it.
        home: its directory, shown to processors.
    Raises:
        StreamsException: a store lacks a serde.
        EngineDamaged: the database cannot be read.
    """

    def __init__(
        self, id: TaskId, topology: SubTopology, context: TaskContext, disk: Engine, home: Path = Path()
    ) -> None:
        self.id = id
        self.topology = topology
        self.context = context
        self.disk = disk
        self.home = home
        self.record_cache = context.record_cache or small_cache(context.cache_bytes)
        """The record cache that the stores lie in, where it is so small that rows give way within a record."""
        self.stores: dict[str, OpenStore] = {}
        self.changelogs: dict[str, Changelog] = {}
        """Of the stores that have one."""
        self.spilled_at = 0
        """When all that was committed was in the database (wall clock, ms)."""
        self.scope = context.scope(id)
        """Its metrics, and those of what processes it: they end with it."""
        self.measured = StoreMetrics(self.scope, context.metrics.clock.now_ms)
        self._memory = MemoryEngine()
        self._in_file: Mapping[str, int] = {}
        self._pass: SpillPass | None = None
        self._open()

    def _open(self) -> None:
        context, engines = self.context, Engines(self.disk, self._memory)
        by_name = {spec.name: spec for spec in self.topology.stores}
        for spec in (by_name[name] for name in dict.fromkeys([*flush_order(self.topology), *by_name])):
            changelog = self._changelog(spec)
            topic = "" if changelog is None else changelog.topic
            cached = context.cache_bytes > 0
            self.stores[spec.name] = open_store(
                spec, engines, context.config, topic, cached, self.record_cache, self._measure
            )
            if changelog is not None:
                self.changelogs[spec.name] = Changelog(changelog)
        self.measured.database(self.disk, [spec for spec in self.topology.stores if spec.on_disk])

    def _measure(self, spec: StoreSpec, store: Store) -> object:
        return self.measured.store(spec, store, lambda: self._memory.count(spec.name))

    def _changelog(self, spec: StoreSpec) -> TopicPartition | None:
        """Where a store is restored from: its changelog, or the source topic that serves as one; None: nowhere."""
        topic = self.topology.changelogs.get(spec.name)
        if topic is None:
            return None
        if spec.source_topic is not None:
            return TopicPartition(self.context.topic_name(spec.source_topic), self.id.partition)
        return TopicPartition(decorated_topic(self.context.prefix, topic.name), self.id.partition)

    # how much, and how far

    @property
    def uncommitted_bytes(self) -> int:
        """Memory of what is not committed."""
        return sum(store.layers.uncommitted_bytes for store in self.stores.values())

    @property
    def committed_bytes(self) -> int:
        """Memory of what is committed and not in the database yet."""
        return sum(store.layers.committed_bytes for store in self.stores.values())

    def position(self) -> int:
        """How far its changelogs have been applied; source topics that serve as one do not count."""
        own = (log for name, log in self.changelogs.items() if self.stores[name].spec.source_topic is None)
        return sum(log.offset for log in own)

    def check(self) -> None:
        """Raises:
        EngineDamaged: what was read of the database was worth nothing, even where user code has caught that.
        """
        if self.disk.damage is not None:
            raise self.disk.damage

    # committed, aborted, written

    def commit(self) -> None:
        """What was written is committed. No I/O."""
        for store in self.stores.values():
            self.measured.during("commit", store.spec.name, store.layers.commit)

    def note_changelogs(
        self,
        end_of: Callable[[TopicPartition], int | None],
        log_epoch_of: Callable[[TopicPartition], int],
        positions: Mapping[TopicPartition, Position],
    ) -> None:
        """Notes what each store stands for now that it is committed.

        Args:
            end_of: the offset after the last acknowledged record of a changelog; None: nothing was sent there.
            log_epoch_of: a life of the log in which all up to there lies in it; -1: it is not told.
            positions: what was committed; a store on its source topic stands for these.
        """
        for name, log in self.changelogs.items():
            if self.stores[name].spec.source_topic is None:
                end = end_of(log.partition)
            else:
                end = positions[log.partition].offset if log.partition in positions else None
            if end is not None:
                log.offset = max(end, log.offset)
                log.log_epoch = max(log_epoch_of(log.partition), log.log_epoch)

    def abort(self) -> None:
        """Takes back all that was not committed. Nobody listens to the stores any more."""
        self._pass = None
        for store in self.stores.values():
            store.layers.abort()
            store.layers.listen(None, False)

    def spill(self, rows: int = SLICE_ROWS) -> bool:
        """One slice of committed rows to the database; is more left?"""
        if self._pass is None:
            self._pass = self._begun()
        if self._pass is not None:
            self._slice(self._pass, rows)
        more = any(store.layers.committed_rows for store in self.stores.values())
        if not more:
            for store in self.stores.values():
                store.layers.spill(0)  # nothing is left to write: read caches give what others need
            self.write_positions()
        return more

    def _begun(self) -> SpillPass | None:
        """A pass over the store that has the most to write."""
        waiting = [store for store in self.stores.values() if store.layers.committed_rows]
        if not waiting:
            return None
        store = max(waiting, key=lambda each: each.layers.committed_rows)
        log = self.changelogs.get(store.spec.name)
        return SpillPass(store, store.layers.committed_rows, 0 if log is None else log.offset)

    def _slice(self, one: SpillPass, rows: int) -> None:
        store, rows = one.store, min(rows, one.left)
        one.left -= rows
        always = self._reaching(store)
        if not one.left:
            always, self._pass = self._marks(store.spec.name, one.offset), None
        if not store.layers.spill(rows, self._marks(store.spec.name), always):
            self._pass = None

    def _marks(self, store: str, offset: int | None = None) -> dict[bytes, bytes]:
        """Where a store stands: all that is committed, or all up to an offset, is in the database."""
        log = self.changelogs.get(store)
        if log is None or not log.topic_id:
            return {}
        mark = log.mark()
        return {mark_name(store): write_mark(mark if offset is None else mark._replace(offset=offset))}

    def _reaching(self, store: OpenStore) -> Mapping[bytes, bytes]:
        log = self.changelogs.get(store.spec.name)
        return {} if log is None else reaching(self.engine_of(store), store.spec.name, log)

    def engine_of(self, store: OpenStore) -> Engine:
        """Where the store's rows lie, and its mark beside them."""
        return self.disk if store.spec.on_disk else self._memory

    def write_positions(self) -> None:
        """All that is committed is in the database: the file beside it says so."""
        logs = {name: log for name, log in self.changelogs.items() if self.stores[name].spec.on_disk}
        offsets = {name: log.offset for name, log in logs.items() if log.topic_id}
        if offsets and offsets != self._in_file:
            write_positions(self.context.files, self.home, offsets)
            self._in_file = offsets

    def close(self, clean: bool) -> None:
        """Closes the stores; what is not committed goes, if the end is not `clean`. The database stays open."""
        for store in self.stores.values():
            if not clean:
                store.layers.abort()
            store.layers.close()
        self._memory.close()
        self.scope.close()


def flush_order(topology: SubTopology) -> tuple[str, ...]:
    """Names of the stores as Java flushes them: in the order in which the nodes that use them were added, and for one
    node in that of its hash set."""
    users = (node for node in topology.nodes if isinstance(node, StepNode | ProcessorNode))
    return tuple(dict.fromkeys(store for node in users for store in hash_order(node.stores)))
