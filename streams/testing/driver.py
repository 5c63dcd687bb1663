"""`TopologyTestDriver`: runs a topology record by record, without a broker, as Java's does.

It drives the real task over a door in memory. One task has all of the topology, every topic one partition. For each
record that is piped in: process one record, punctuate on stream time, commit (which flushes the caches), feed what was
written to topics that the topology reads back in; again, until nothing is left. The wall clock moves only when told to.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from statestore import api
from statestore.memory import MemoryEngine
from streams import arguments
from streams.clients.api import Fetched, Position
from streams.clock import ManualClock
from streams.config.application import StreamsConfig
from streams.config.streams import INTERNAL_EMIT_FINAL, INTERNAL_OUTER_JOIN, INTERNAL_TOPIC_PREFIX
from streams.config.table import named
from streams.dropped import Dropped
from streams.dsl.builder import StreamsBuilder, topology_of
from streams.durations import Duration, Instant, to_ms
from streams.errors import IllegalArgumentException, IllegalStateException, NoSuchElementException, NullPointerException
from streams.exception_handlers import LogAndContinueExceptionHandler
from streams.metrics.names import MetricName
from streams.operators.base import StoreAccess
from streams.query.instance import Instance
from streams.query.queries import query
from streams.query.requests import StateQueryRequest
from streams.query.results import StateQueryResult
from streams.query.stores import StoreQueryParameters, store_of
from streams.record import Headers, RecordBatch, TopicPartition
from streams.runtime.compile.handlers import DESERIALIZATION
from streams.runtime.compile.outbox import Column
from streams.runtime.state.context import TaskContext, registry_of
from streams.runtime.state.stores import OpenStore, small_cache
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.global_task import GlobalTask
from streams.runtime.tasks.task import StreamTask, output_of
from streams.serdes.base import Serde
from streams.spelling import corrects_names
from streams.state.iterators import Lease
from streams.state.key_value_store import KeyValueStore, TimestampedKeyValueStore, VersionedKeyValueStore
from streams.state.kinds import KINDS, face
from streams.state.store import Caller, StateStore
from streams.state.window_store import SessionStore, TimestampedWindowStore, WindowStore
from streams.testing.queries import DriverStores
from streams.testing.topic_order import TopicOrder
from streams.testing.topics import RawRecord, TestInputTopic, TestOutputTopic
from streams.topology.graph import Topology
from streams.topology.node import BuiltTopology, SourceNode, SubTopology, TaskId
from streams.type_variables import KAny, VAny
from streams.validation import check_instant, check_text, check_timestamp
from streams.world import SYSTEM

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

APPLICATION = "dummy-topology-test-driver-app-id"
LOG_PREFIX = "topology-test-driver "


@corrects_names
class TopologyTestDriver:
    """See the module. A context manager.

    Args:
        topology: what is tested: a `Topology`, or a `StreamsBuilder` that is built with these settings.
        config: settings, dotted; `application.id` need not be given. Emission of closed windows and of records
            without a partner is not throttled unless the settings say so.
        initial_wall_clock_time: ms since the epoch, or an aware datetime; 0 if it is not given.
        settings: further settings as keywords.
    Raises:
        TopologyException, ConfigException, StreamsException: as the application would.
    """

    __test__ = False  # for pytest

    def __init__(
        self,
        topology: Topology | StreamsBuilder,
        config: Mapping[str, object] | None = None,
        initial_wall_clock_time: Instant | None = None,
        **settings: object,
    ) -> None:
        given = config.originals if isinstance(config, StreamsConfig) else named({} if config is None else config)
        unthrottled = {INTERNAL_EMIT_FINAL: 0, INTERNAL_OUTER_JOIN: 0}
        self._config = StreamsConfig({"application.id": APPLICATION, **unthrottled, **given}, **settings)
        self.clock = ManualClock(check_instant(initial_wall_clock_time or 0, "initial_wall_clock_time"))
        self._metrics = registry_of(self._config, self.clock)
        self._dropped = Dropped()
        self._disk = MemoryEngine()
        self._journal: deque[str] = deque()
        self._records: dict[str, list[RawRecord]] = {}
        self._unread: dict[str, deque[RawRecord]] = {}
        self._ends: dict[str, int] = {}
        self._counted: dict[str, str] = {}
        """Topics of a pattern, and the pattern: as in Java's driver they count their offsets together."""
        self._lease = Lease()
        self._topic_order = TopicOrder()
        built = topology_of(topology, self._config, "TopologyTestDriver()").built(self._config)
        self._topology = _as_one(built)
        context = self._context(built)
        self._globals = [
            GlobalTask(each, [TopicPartition(_topic_of(each.source), 0)], _lenient(context), self._disk, _one)
            for each in built.global_stores
        ]
        self._global_by_topic = {each.partitions[0].topic: each for each in self._globals}
        for each in self._globals:
            each.start(self.clock.now_ms())
        self._task = self._made(built, context)
        stores = DriverStores(built, self._stores, self._applied, self._lease)
        self._instance = Instance(built, self._config, lambda: [stores], self._check_open, prefix=context.prefix)

    def _context(self, built: BuiltTopology) -> TaskContext:
        config = self._config
        cache_bytes = config.get_int("statestore.cache.max.bytes")
        return TaskContext(
            config=config,
            metrics=self._metrics,
            prefix=config.find_string(INTERNAL_TOPIC_PREFIX) or config.get_string("application.id"),
            internal_topics=built.internal_topics,
            cache_bytes=cache_bytes,
            record_cache=small_cache(cache_bytes),
            log_prefix=LOG_PREFIX,
            dropped=self._dropped,
            thread=SYSTEM.thread_name(),
        )

    def _made(self, built: BuiltTopology, context: TaskContext) -> StreamTask | None:
        if not built.subtopologies:
            return None
        id, home = TaskId(0, 0), Path(self._config.find_string("state.dir") or ".")
        state = TaskState(id, self._topology, context, self._disk, home)
        partitions = [TopicPartition(context.topic_name(topic), 0) for topic in self._topology.source_topics]
        global_stores = {each.store_name: each.store for each in self._globals}
        output = output_of(_one, column=self._column)
        task = StreamTask(state, partitions, output, global_stores=global_stores)
        task.start(self.clock.now_ms())
        task.inbox.merges = False  # it goes record by record
        for partition in task.inbox.partitions:
            task.add(Fetched(partition, None, 0, 0, 0))
        return task

    def _column(self, topic: str) -> Column:
        """A column that notes the order of the records over all topics."""
        column = Column(topic)
        put_key, put_value, put_time, put_headers = column.appenders
        note = self._journal.append

        def noted(key: bytes | None) -> None:
            put_key(key)
            note(topic)

        column.appenders = (noted, put_value, put_time, put_headers)
        return column

    # topics

    def create_input_topic(
        self,
        topic: str,
        key_serde: Serde[K],
        value_serde: Serde[V],
        start_timestamp: Instant | None = None,
        auto_advance: Duration = 0,
    ) -> TestInputTopic[K, V]:
        """A topic to pipe records into.

        Args:
            start_timestamp: of records piped without one, ms or aware datetime; None: the driver's wall clock now.
            auto_advance: how much it moves on with each such record, timedelta or ms.
        """
        start = self.clock.now_ms() if start_timestamp is None else check_timestamp(start_timestamp, "start_timestamp")
        arguments.topic(topic, "create_input_topic()")
        _check_serdes("create_input_topic()", key_serde, value_serde)
        return TestInputTopic(self._pipe, topic, key_serde, value_serde, start, to_ms(auto_advance, "auto_advance"))

    def create_output_topic(self, topic: str, key_serde: Serde[K], value_serde: Serde[V]) -> TestOutputTopic[K, V]:
        """A topic to read results from."""
        arguments.topic(topic, "create_output_topic()")
        _check_serdes("create_output_topic()", key_serde, value_serde)
        return TestOutputTopic(self._queue, topic, key_serde, value_serde)

    def produced_topic_names(self) -> set[str]:
        """Names of all topics that records were written to, internal ones too."""
        return set(self._records)

    def records_of(self, topic: str) -> list[RawRecord]:
        """All records written to a topic so far, as bytes, in order; internal topics under their full names.
        """
        return list(self._records.get(arguments.topic(topic, "records_of()"), ()))

    # time

    def advance_wall_clock_time(self, by: Duration) -> None:
        """Moves the wall clock on, punctuates on it, and processes what follows.

        Args:
            by: timedelta or ms.
        """
        self._check_open()
        self.clock.advance(to_ms(by, "by"))
        task = self._task
        if task is None:
            return
        try:
            task.punctuate_wall_clock(self.clock.now_ms())
            self._commit(task)
        finally:
            self._dropped.tell(self.clock.now_ms(), last=True)
            self._capture()
        self._work()

    # stores

    def get_all_state_stores(self) -> dict[str, StateStore]:
        """All stores by name, global ones too."""
        return {name: self._face(store) for name, store in self._stores().items()}

    def get_state_store(self, name: str) -> None:
        """None where there is no such store. Stores of the built-in kinds have methods of their own.

        Raises:
            IllegalArgumentException: it is of a built-in kind.
        """
        found = self._store(name)
        kind = None if found is None else KINDS[found.spec.kind]
        if kind is not None and kind.words is not None:
            raise IllegalArgumentException(
                f"Store {name} is a {kind.words} and should be accessed via `{kind.getter}()`"
            )

    def get_key_value_store(self, name: str) -> KeyValueStore[KAny, VAny] | Any:
        """The key-value store of that name; one with timestamps shows its values alone. None if there is none.
        """
        found = self._access(name)
        if found is None or not isinstance(found.store, api.KeyValueStore):
            return None
        return KeyValueStore(found.holding(found.store), self._caller())

    def get_timestamped_key_value_store(self, name: str) -> TimestampedKeyValueStore[KAny, VAny] | Any:
        """The timestamped key-value store of that name, or None."""
        return self._of(name, TimestampedKeyValueStore)

    def get_versioned_key_value_store(self, name: str) -> VersionedKeyValueStore[KAny, VAny] | Any:
        """The versioned store of that name, or None."""
        return self._of(name, VersionedKeyValueStore)

    def get_window_store(self, name: str) -> WindowStore[KAny, VAny] | Any:
        """The window store of that name; one with timestamps shows its values alone. None if there is none.
        """
        opened = self._store(name)
        found = self._access(name)
        if opened is None or found is None or not isinstance(found.store, api.WindowStore):
            return None
        return WindowStore(found.holding(found.store), self._caller(), opened.spec.window_ms)

    def get_timestamped_window_store(self, name: str) -> TimestampedWindowStore[KAny, VAny] | Any:
        """The timestamped window store of that name, or None."""
        return self._of(name, TimestampedWindowStore)

    def get_session_store(self, name: str) -> SessionStore[KAny, VAny] | Any:
        """The session store of that name, or None."""
        return self._of(name, SessionStore)

    def store(self, name: StoreQueryParameters | str, kind: type[StateStore] | None = None) -> StateStore:
        """The store as `KafkaStreams.store` gives it: read only."""
        return store_of(self._instance, StoreQueryParameters.of(name, kind), True)

    def query(self, request: StateQueryRequest) -> StateQueryResult[object]:
        """As `KafkaStreams.query`: the driver has one partition of each store, 0."""
        return query(self._instance, request)

    def _applied(self) -> dict[TopicPartition, int]:
        own = {} if self._task is None else self._task.applied
        return {**own, **{p: at for each in self._globals for p, at in each.processing.applied.items()}}

    def metrics(self) -> dict[MetricName, object]:
        """All metrics and their values at this moment."""
        return self._metrics.snapshot()

    # end

    def close(self) -> None:
        """Closes processors and stores. A second call does nothing.

        Raises:
            StreamsException: a processor failed in `close`.
        """
        if not self._lease.is_open:
            return
        self._lease.is_open = False
        try:
            if self._task is not None:
                self._task.close(clean=True)
        finally:
            self._dropped.tell(self.clock.now_ms(), last=True)
            for each in self._globals:
                each.close(clean=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # inside

    def _check_open(self) -> None:
        if not self._lease.is_open:
            raise IllegalStateException("This TopologyTestDriver has already been closed.")

    def _store(self, name: str) -> OpenStore | None:
        """The store of that name, or None.

        Raises:
            IllegalArgumentException: the name is no text.
        """
        return self._stores().get(check_text(name, "name of a store"))

    def _stores(self) -> dict[str, OpenStore]:
        self._check_open()
        own = {} if self._task is None else self._task.state.stores
        return {**own, **{each.store_name: each.store for each in self._globals}}

    def _access(self, name: str) -> StoreAccess[object] | None:
        """The store of that name, unless it is the framework's own."""
        found = self._store(name)
        return None if found is None or KINDS[found.spec.kind].words is None else found.access

    def _caller(self) -> Caller:
        return Caller(self._lease, self.clock.now_ms)

    def _face(self, store: OpenStore) -> StateStore:
        return face(store.spec, store.access, self._caller())

    def _of(self, name: str, kind: type[T]) -> T | None:
        found = self._store(name)
        if found is None:
            return None
        shown = self._face(found)
        return shown if isinstance(shown, kind) else None

    def _queue(self, topic: str) -> deque[RawRecord]:
        found = self._unread.get(topic)
        if found is None:
            raise NoSuchElementException(f"Uninitialized topic: {topic}")
        return found

    def _pipe(self, topic: str, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers) -> None:
        self._check_open()
        record = RawRecord(key, value, timestamp, headers)
        if not self._enqueue(topic, record) and topic not in self._global_by_topic:
            raise IllegalArgumentException(f"Unknown topic: {topic}")
        self._work()
        self._apply_global(topic, record)

    def _enqueue(self, topic: str, record: RawRecord) -> bool:
        """Gives a record to the task; False if it does not read the topic."""
        task = self._task
        partition = TopicPartition(topic, 0)
        if task is None:
            return False
        if partition not in task.inbox.partitions:
            patterns = (n.topics for n in self._topology.nodes if isinstance(n, SourceNode))
            matching = [p for p in patterns if isinstance(p, re.Pattern) and p.fullmatch(topic)]
            if not matching:
                return False
            self._counted[topic] = matching[0].pattern
            task.include({partition: Position(0)})
            task.add(Fetched(partition, None, 0, 0, 0))
        task.add(self._fetched(partition, record))
        if partition not in self._topic_order:
            self._offer(task, partition)
        return True

    def _offer(self, task: StreamTask, partition: TopicPartition) -> None:
        head = task.inbox.head(partition, self.clock.now_ms())
        if head is not None:
            self._topic_order.offer(partition, head)

    def _apply_global(self, topic: str, record: RawRecord) -> None:
        found = self._global_by_topic.get(topic)
        if found is not None:
            found.apply(self._fetched(TopicPartition(topic, 0), record), self.clock.now_ms())
            found.commit()

    def _fetched(self, partition: TopicPartition, record: RawRecord) -> Fetched:
        counted = self._counted.get(partition.topic, partition.topic)
        offset = self._ends.get(counted, 0)
        self._ends[counted] = end = offset + 1
        headers = [record.headers] if record.headers else None
        batch = RecordBatch([record.key], [record.value], [record.timestamp], headers, range(offset, end), end)
        return Fetched(partition, batch, end, 0, 0)

    def _work(self) -> None:
        """Java's `completeAllProcessableWork`."""
        self._capture()
        task = self._task
        while task is not None and (partition := self._topic_order.poll()) is not None:
            try:
                task.inbox.favour(partition)
                task.run(self.clock.now_ms(), most=1)
                self._offer(task, partition)
                task.punctuate_stream_time()
                self._commit(task)
            finally:  # dead letters leave before an error does
                self._capture()

    def _commit(self, task: StreamTask) -> None:
        task.flush()
        task.committable()
        task.committed()

    def _capture(self) -> None:
        """Takes what was written, in its order, and feeds back what the topology reads."""
        task, now = self._task, self.clock.now_ms()
        if task is None:
            return
        written: dict[str, deque[RawRecord]] = {}
        for outgoing in chain.from_iterable(box.due(now, idle=True) for box in task.output):
            written.setdefault(outgoing.partition.topic, deque()).extend(_rows(outgoing.batch))
        order = list(self._journal)
        self._journal.clear()
        for topic in order:
            record = written[topic].popleft()
            self._records.setdefault(topic, []).append(record)
            self._unread.setdefault(topic, deque()).append(record)
            self._enqueue(topic, record)
            self._apply_global(topic, record)


def _rows(batch: RecordBatch) -> list[RawRecord]:
    headers = batch.headers or [()] * len(batch)
    rows = zip(batch.keys, batch.values, batch.timestamps, headers, strict=True)
    return [RawRecord(*row) for row in rows]


def _one(topic: str) -> int:
    """Every topic has one partition."""
    return 1


def _lenient(context: TaskContext) -> TaskContext:
    """As in Java's driver, records of global stores that cannot be read are left out, whatever the handler is."""
    return replace(context, config={**context.config, DESERIALIZATION: LogAndContinueExceptionHandler})


def _topic_of(source: SourceNode) -> str:
    assert isinstance(source.topics, tuple)
    return source.topics[0]


def _as_one(built: BuiltTopology) -> SubTopology:
    """All sub-topologies as one, as Java's driver runs them: one stream time, one order of nodes and of flushes."""
    subs = built.subtopologies
    nodes = {node.name: node for sub in subs for node in sub.nodes}
    changelogs = {name: topic for sub in subs for name, topic in sub.changelogs.items()}
    repartitions = {name: topic for sub in subs for name, topic in sub.repartition_topics.items()}
    return SubTopology(
        id=0,
        nodes=tuple(nodes[name] for name in built.order if name in nodes),
        stores=tuple(chain.from_iterable(sub.stores for sub in subs)),
        source_topics=tuple(chain.from_iterable(sub.source_topics for sub in subs)),
        repartition_topics=repartitions,
        changelogs=changelogs,
        copartitioned=(),
    )


def _check_serdes(what: str, *serdes: object) -> None:
    for side, given in zip(("key_serde", "value_serde"), serdes, strict=True):
        if given is None:
            raise NullPointerException(f"{what}: {side} can't be null")
        arguments.serde(given, f"{side} of {what}")
