"""One task: a sub-topology on one partition of each of its topics. It owns its inbox, entries, stores and
outbox.

Life: made (stores open) → restored by its owner → `place` → `start` → `add`, `run`, `punctuate`, `flush`,
`committed` in any number → `close`. After an abort `revive`, then restored, placed and started again
(decision 14).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from statestore.api import Layered
from statestore.engine import Engine
from statestore.memory import MemoryEngine
from statestore.record_cache import RecordCache
from streams.clients.api import Fetched, Position
from streams.clients.request_size import LARGEST
from streams.config.streams import SETTINGS
from streams.dropped import LATE, Drop, Dropped
from streams.errors import ProcessorStateException, StreamsException
from streams.exception_handlers import DeadLetter
from streams.metrics import Counter, Metrics
from streams.names import decorated_topic
from streams.operators.base import Operator, ProcessorMetadata, RecordContext, StepMaker, StoreAccess
from streams.operators.calls import refuse_unrun
from streams.processor import PunctuationType
from streams.record import TopicPartition
from streams.runtime.compile.contexts import FixedKeyContext, ForwardingContext, TaskView
from streams.runtime.compile.drains import Drain, Drains
from streams.runtime.compile.drops import Drops
from streams.runtime.compile.entry import Failed, Run, SourceEntry, Walk
from streams.runtime.compile.fuse import Fuse, SourceStep
from streams.runtime.compile.handlers import Handlers
from streams.runtime.compile.layout import flush_order, graph_of, source_of
from streams.runtime.compile.outbox import Column, Outbox
from streams.runtime.compile.processors import Processing
from streams.runtime.compile.punctuate import Punctuations, Schedule
from streams.runtime.compile.scope import NodeScope
from streams.runtime.compile.sinks import Sink, Target
from streams.runtime.compile.sources import source_step
from streams.runtime.compile.timestamps import Reading
from streams.runtime.state.memory import Memory
from streams.runtime.state.stores import (
    Engines,
    Opened,
    buffering,
    changelog_headers,
    in_words,
    logged,
    opened,
    serde_of,
    small_cache,
)
from streams.runtime.tasks import dead_letters
from streams.runtime.tasks.idleness import Idle
from streams.runtime.tasks.inbox import FREE, NO_LIMIT, Inbox, InboxSettings, Reads
from streams.runtime.tasks.skew import Limit
from streams.serdes.base import AnySerde
from streams.serdes.choose import default_serde
from streams.serdes.offset_metadata import decode_offset_metadata
from streams.serdes.simple import BYTES
from streams.state.iterators import Lease
from streams.state.kinds import face
from streams.state.store import Caller, StateStore
from streams.topology.node import ProcessorNode, SinkNode, SourceNode, StepNode, SubTopology, TaskId

log = logging.getLogger("streams.runtime")

T = TypeVar("T")
TARGET_MS = 10
"""A run should take about so long, so that the clock is read often enough."""
READ_ONLY = "Global store is read only"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a task stands on; the same for all tasks of a worker, but for `disk`.

    Args:
        config: the application's settings, complete.
        metrics: the application's.
        partitions_for: how many partitions a topic has.
        disk: the task's database; closed by who made it.
        prefix: of internal topics: the application id, or what overrides it.
        internal_topics: names without the prefix (`BuiltTopology.internal_topics`).
        state_dir: the task's directory, shown to processors.
        global_stores: read by all tasks.
        cache_bytes: `statestore.cache.max.bytes`, of all tasks together; 0: no record cache.
        record_cache: the one that it shares with other tasks; None: it has its own.
        memory: what all tasks hold.
        linger_ms: the producer's `linger.ms`, see `Outbox`.
        log_prefix: begins messages, as in `stream-thread [app-1] task [0_0] `.
        column: makes the outbox's columns.
        max_request_size: bytes of a request with one record at most.
        dropped: counts what is dropped.
    """

    config: Mapping[str, object]
    metrics: Metrics
    partitions_for: Callable[[str], int]
    disk: Engine
    prefix: str
    internal_topics: frozenset[str] = frozenset()
    state_dir: Path = Path()
    global_stores: Mapping[str, Opened] = field(default_factory=dict)
    cache_bytes: int = 10 * 1024 * 1024
    record_cache: RecordCache | None = None
    memory: Memory = field(default_factory=Memory)
    log_prefix: str = ""
    linger_ms: int = 0
    column: Callable[[str], Column] = Column
    max_request_size: int = LARGEST
    dropped: Dropped = field(default_factory=Dropped)

    def topic_name(self, topic: str) -> str:
        """The real name of a topic of the topology: internal ones are prefixed."""
        return decorated_topic(self.prefix, topic) if topic in self.internal_topics else topic

    def number(self, name: str) -> int:
        """A setting that is an integer; its default where it is not given."""
        found = self.config.get(name, SETTINGS[name].default)
        assert isinstance(found, int)
        return found


class Task:
    """See the module. Raises what its methods say, and `StreamsException` where user code failed.

    Args:
        id: sub-topology and partition.
        topology: the sub-topology.
        partitions: the source partitions, under their real names.
    """

    def __init__(self, id: TaskId, topology: SubTopology, partitions: Sequence[TopicPartition], ground: Ground) -> None:
        self.id = id
        self.topology = topology
        self._ground = ground
        self._walk = Walk()
        self._memory = MemoryEngine()
        self._lease = Lease()
        self._tags = {"task_id": str(id)}
        self._longest = ground.number("max.run.records")
        self._drops = Drops(str(id), ground.dropped, lambda: self._walk, ground.metrics)
        self._processed = ground.metrics.counter("process-total", **self._tags)
        self._punctuated = ground.metrics.counter("punctuate-total", **self._tags)
        self.outbox = Outbox(ground.partitions_for, ground.linger_ms, self._produced, ground.column)
        self.dead_letters = Outbox(ground.partitions_for, ground.linger_ms, self._produced, ground.column)
        """What handlers have for dead letter topics. An abort leaves it: the owner sends it whatever becomes of the
        task (at least once)."""
        self.stores: dict[str, Opened] = {}
        self._open_stores()
        self._flushed: list[tuple[str, Layered]] = [
            (name, self.stores[name].layers) for name in flush_order(topology) if self.stores[name].layers.caching
        ]
        self._reads = {partition: self._reading(partition) for partition in partitions}
        self.inbox = self._new_inbox()
        self._fresh()

    def _fresh(self) -> None:
        """Everything that an abort takes back."""
        walk = self._walk
        self._punctuations = Punctuations(lambda: walk.now)
        self._metadata: dict[str, ProcessorMetadata] = {}
        self._shared: dict[str, object] = {}
        self._operators: dict[str, Operator] = {}
        self._contexts: dict[str, ForwardingContext] = {}
        self._entries: Mapping[str, SourceEntry] = {}
        self._merged = SourceEntry(_no_rows, _no_rows)
        self._positions: dict[TopicPartition, Position] = {}
        self._drains = Drains(walk)
        self._idles: list[Idle] = []
        self._most = self._longest
        self._last: tuple[int, int] = (0, 0)
        self.text = ""
        """The entry functions, as `topology code` prints them."""
        self.commit_requested = False
        self.commit_needed = False
        """Something was processed or punctuated since the last commit."""

    # made

    def _open_stores(self) -> None:
        ground = self._ground
        engines = Engines(ground.disk, self._memory)
        small = self._small_cache = ground.record_cache or small_cache(ground.cache_bytes)
        by_name = {spec.name: spec for spec in self.topology.stores}
        for spec in (by_name[name] for name in dict.fromkeys([*flush_order(self.topology), *by_name])):
            changelog = self.changelog(spec.name)
            topic = "" if changelog is None else changelog.topic
            refused = self._drops.by_store(self.topology, spec.name).add
            store = opened(spec, engines, ground.config, topic, ground.cache_bytes > 0, refused, small)
            if changelog is not None and spec.source_topic is None:
                logged(store, self.outbox.changelog(*changelog, changelog_headers(spec)))
            self.stores[spec.name] = store

    def changelog(self, store: str) -> TopicPartition | None:
        """Where a store is restored from: its changelog, or the source topic that serves as one; None:
        nowhere.
        """
        spec = next(spec for spec in self.topology.stores if spec.name == store)
        topic = self.topology.changelogs.get(store)
        if topic is None:
            return None
        ground = self._ground
        if spec.source_topic is not None:
            return TopicPartition(ground.topic_name(spec.source_topic), self.id.partition)
        return TopicPartition(decorated_topic(ground.prefix, topic.name), self.id.partition)

    def _reading(self, partition: TopicPartition) -> Reads:
        place, node = source_of(self.topology, partition.topic, self._ground.topic_name)
        config, unread = self._ground.config, cast(AnySerde, BYTES)
        extractor: Any = node.timestamps or config.get("default.timestamp.extractor")
        if isinstance(extractor, type):
            extractor = extractor()
        return Reads(
            node.name,
            place,
            Reading(
                extractor() if isinstance(extractor, type) else extractor,
                # where there is none, `start` says so when it comes to this node, after stores and earlier nodes
                node.key_serde or default_serde(config, "key") or unread,
                node.value_serde or default_serde(config, "value") or unread,
            ),
        )

    def _new_inbox(self) -> Inbox:
        ground = self._ground
        settings = InboxSettings(ground.number("max.task.idle.ms"), ground.number("buffered.records.per.partition"))
        enforced = ground.metrics.counter("enforced-processing-total", **self._tags)
        return Inbox(self._reads, settings, enforced)

    def _produced(self, topic: str) -> Counter:
        return self._ground.metrics.counter("records-produced-total", topic_name=topic, **self._tags)

    # started

    def place(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Processing goes on at these committed positions; their metadata hold partition times and what
        operators keep.
        """
        self.inbox.place(positions)
        for position in positions.values():
            for name, value in decode_offset_metadata(position.metadata).processor_metadata.items():
                metadata = self.processor_metadata(name)
                metadata.value = max(metadata.value, value)

    def start(self, now: int) -> None:
        """Makes the operators, initialises the processors and compiles the entries.

        Args:
            now: wall clock in ms.
        Raises:
            StreamsException: a processor failed in `init`, or a serde is missing.
        """
        walk, topology, ground = self._walk, self.topology, self._ground
        walk.now = walk.input_at = now
        self.view = TaskView(
            str(ground.config.get("application.id")),
            self.id,
            ground.config,
            ground.metrics,
            ground.state_dir,
            walk,
            self._request_commit,
        )
        handlers = Handlers(
            ground.config, walk, self.id, self.put_dead_letter, self.drop, buffering(topology)
        )
        self._handlers = handlers
        asking: dict[str, Callable[[], bool]] = {}
        sources: dict[str, SourceStep] = {}
        for node in topology.nodes:
            if isinstance(node, SourceNode):
                sources[node.name] = self._source(node, handlers)
            elif isinstance(node, SinkNode):
                self._operators[node.name] = self._sink(node, handlers)
                asking[node.name] = _always if callable(node.topic) else _never
            else:
                asking[node.name] = self._step(node)
        graph = graph_of(topology)
        self._drains.order(graph.order)
        fuse = Fuse(
            f"streams {self.id.subtopology}",
            graph,
            sources,
            self._operators,
            handlers.guard,
            walk,
            lambda name: name in asking and (asking[name]() or self._small_cache is not None),
            several=len(self._reads) > 1,
        )
        compiled = fuse.compile()
        self._entries, self.text = compiled.sources, compiled.text
        if compiled.merged is not None:
            self._merged = compiled.merged
            self.inbox.merges = True

    def _source(self, node: SourceNode, handlers: Handlers) -> SourceStep:
        where, config = in_words(node), self._ground.config
        key = serde_of(config, "key", node.key_serde, where)
        value = serde_of(config, "value", node.value_serde, where)
        write = source_step(self._walk, key, value, handlers.unreadable(node.name, key, value))
        return SourceStep(write, key.decode_with is not None or value.decode_with is not None)

    def _sink(self, node: SinkNode, handlers: Handlers) -> Operator:
        where, config = in_words(node), self._ground.config
        target = Target(
            self._ground.topic_name(node.topic) if isinstance(node.topic, str) else node.topic,
            cast(Any, node.partitioner),
            serde_of(config, "key", node.key_serde, where),
            serde_of(config, "value", node.value_serde, where),
        )
        return Sink(node.name, target, self.outbox, handlers, self._walk.context)

    def _step(self, node: StepNode | ProcessorNode) -> Callable[[], bool]:
        """Makes a node's operator; does it look at contexts?"""
        try:
            if isinstance(node, ProcessorNode):
                self._operators[node.name] = self._processor(node)
                return _always
            scope = NodeScope(self, node.name, frozenset(node.stores), node.sends_old)
            self._operators[node.name] = cast(StepMaker, node.make)(scope)
            return lambda: scope.asks
        except Exception as error:
            raise StreamsException(f"failed to initialize processor {node.name}") from error

    def _processor(self, node: ProcessorNode) -> Processing:
        def store(name: str) -> Any:
            known = name in node.stores or name in self._ground.global_stores
            return self.face(name, node.name, context) if known else None

        kind = FixedKeyContext if node.fixed_key else ForwardingContext
        context = self._contexts[node.name] = kind(node.name, self.view, store, self.schedule)
        made = Processing(node.supplier(), context, self.topology.children(node.name), node.fixed_key)
        made.initialize()
        return made

    def _request_commit(self) -> None:
        self.commit_requested = True
        self._walk.cut()

    def put_dead_letter(self, letter: DeadLetter) -> None:
        """Adds a dead letter to those that are to leave.

        Raises:
            StreamsException: its topic cannot be had.
        """
        dead_letters.put(self.dead_letters, letter, self._ground.max_request_size)

    # what scopes ask (runtime.compile.scope.Host)

    def access(self, name: str) -> StoreAccess[object] | None:
        """An open store, global ones included.

        Raises:
            ConfigException: the store leaves it to its operator to say that a serde is missing.
        """
        found = self.stores.get(name) or self._ground.global_stores.get(name)
        if found is not None and found.lacking is not None:
            raise found.lacking
        return None if found is None else found.access

    def face(self, name: str, node: str, context: Any) -> StateStore | None:
        """The store as a node sees it, which has that context."""
        found, walk = self.stores.get(name), self._walk
        if found is None:
            found = self._ground.global_stores.get(name)
            if found is None:
                return None
            return face(found.spec, found.access, Caller(self._lease, lambda: -1, read_only=READ_ONLY))

        def timestamp() -> int:
            return int(context.timestamp)

        origin: Callable[[], object] = _nothing
        if found.access.caching:
            origin = lambda: walk.capture(timestamp(), None)  # noqa: E731
        caller = Caller(self._lease, timestamp, origin, dropped=self.drop(node, LATE))
        return face(found.spec, found.access, caller)

    def listen(self, name: str, listener: Callable[..., None], sends_old: bool) -> None:
        """What the store's cache lets go goes to `listener`."""
        self.stores[name].layers.listen(listener, sends_old)

    def counter(self, name: str, node: str) -> Counter:
        """A node's metric."""
        full = name if name.endswith("-total") else f"{name}-total"
        return self._ground.metrics.counter(full, processor_node_id=node, **self._tags)

    def drop(self, node: str, cause: str, time: Callable[[], int] | None = None, counted: bool = True) -> Drop:
        """What a node drops for a cause."""
        return self._drops.of(node, cause, time, counted)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """One object for all nodes that ask by this name."""
        if name not in self._shared:
            self._shared[name] = make()
        return cast(T, self._shared[name])

    def processor_metadata(self, name: str) -> ProcessorMetadata:
        """A number that is committed with the offsets."""
        return self._metadata.setdefault(name, ProcessorMetadata())

    def schedule(
        self,
        node: str,
        interval_ms: int,
        kind: PunctuationType,
        call: Callable[[int], object],
        start_ms: int | None = None,
    ) -> Schedule:
        """See `runtime.compile.punctuate`."""
        return self._punctuations.schedule(node, interval_ms, kind, call, start_ms)

    def when_idle(self, node: str, after_ms: int, act: Callable[[], None]) -> None:
        """See `runtime.tasks.idleness`."""
        self._idles.append(Idle(node, after_ms, act, self._punctuations, self._silence))

    def _silence(self) -> tuple[int, int]:
        """From when to when there was no input; records that wait are input."""
        walk = self._walk
        end = walk.now if walk.polled_at is None else walk.polled_at
        return (end, end) if self.inbox.waiting else (walk.input_at, end)

    def polled(self, now: int, asked: bool = True) -> None:
        """A poll has returned, and all that it brought for this task has been added.

        Args:
            now: wall clock in ms.
            asked: it asked for this task's records, so that their absence means something.
        """
        self._walk.polled_at = now
        if not asked:
            self._walk.input_at = now

    def at_run_end(self, node: str, drain: Drain, width: int) -> None:
        """See `runtime.compile.drains`."""
        self._drains.add(node, drain, width)

    # at work

    def reading(self, partition: TopicPartition) -> Reading:
        """Serdes and timestamp extractor of one of its source partitions."""
        return self._reads[partition].reading

    def include(self, partition: TopicPartition) -> None:
        """One more source partition: of a topic that has come to match a pattern.

        Raises:
            StreamsException: no source reads its topic.
        """
        self._reads[partition] = self._reading(partition)
        self.inbox.include(partition, self._reads[partition])

    def exclude(self, partition: TopicPartition) -> None:
        """One source partition less: its topic was deleted."""
        del self._reads[partition]
        self.inbox.exclude(partition)

    def add(self, fetched: Fetched) -> None:
        """Takes what a poll brought for one of the task's partitions."""
        self.inbox.add(fetched)

    def run(self, now: int, most: int = NO_LIMIT, limit: Limit = FREE) -> int:
        """Processes one run; returns how many records that were (0: nothing to do, or waiting for a
        partition).

        Args:
            now: wall clock in ms.
            most: records at most.
            limit: how far it may go (`runtime.worker.alignment`).
        Raises:
            StreamsException: user code failed and its handler said so; the task must be revived or closed.
        """
        walk = self._walk
        walk.now = now
        self._adapt(now)
        run = self.inbox.next_run(now, self._punctuations.stream.deadline, min(most, self._most), limit)
        if run is None:
            self._last = (now, 0)
            return 0
        self.commit_needed = True
        walk.input_at = now
        if run.fault is not None:
            self._skip(run)
            return 1
        try:
            upto = walk.through(run, self._merged if run.merged is not None else self._entries[run.source])
            self._drains.run()
        except Exception as error:
            failure = self._failure(error, run)
            walk.ended(walk.index)
            raise failure from failure.__cause__
        self.inbox.taken(run, upto, walk.ended(upto))
        count = upto - run.start
        self._processed.value += count
        if self._flushed and self._ground.memory.caches.note(self, self.dirty_bytes) > self._ground.cache_bytes:
            self.flush()
        self._last = (now, count)
        return count

    def _adapt(self, now: int) -> None:
        """A run's length, from how long the last one took."""
        before, count = self._last
        elapsed = now - before
        if count and elapsed > TARGET_MS:
            longest = self._longest
            self._most = max(1, min(self._drains.width, longest), min(longest, count * TARGET_MS // elapsed))
        elif self._most < self._longest:
            self._most = min(self._longest, self._most * 2)

    def _skip(self, run: Run) -> None:
        """A record without a usable timestamp: dropped, or the end (decision 3)."""
        fault = run.fault
        assert fault is not None
        if fault.error is not None:
            raise fault.error
        self._drops.unstamped(run)
        self.inbox.taken(run, run.stop, frozenset((run.start,)))

    def _failure(self, error: Exception, run: Run) -> StreamsException:
        """What a failure in a run is to those outside, with its cause."""
        at, here = self._walk.index, self._walk.passing
        topic, partition = run.place(at)
        node, offset = self._reads[TopicPartition(topic, partition)].source, run.batch.offsets[at]
        if here is not None and here.topic is not None:
            topic, partition, offset = here.topic, here.partition, here.offset
        if isinstance(error, Failed):
            if error.final and isinstance(error.error, StreamsException):
                return error.error
            node, error = error.node, error.error
        failure = StreamsException(
            f"Exception caught in process. taskId={self.id}, processor={node}, topic={topic}, "
            f"partition={partition}, offset={offset}"
        )
        failure.__cause__ = error
        return failure

    def punctuate(self, now: int) -> bool:
        """Calls the punctuations that are due on both clocks; was there one?"""
        by_stream = self.punctuate_stream_time()
        return self.punctuate_wall_clock(now) or by_stream

    def punctuate_stream_time(self) -> bool:
        """Calls the punctuations that stream time has reached."""
        time = self._walk.stream_time
        return time >= 0 and self._punctuations.stream.run(time, self._punctuation)

    def punctuate_wall_clock(self, now: int) -> bool:
        """Calls the punctuations that the wall clock has reached."""
        self._walk.now = now
        due = self._punctuations.wall.deadline
        if self._idles and due is not None and due <= now:
            # What closes for want of input must have seen all of it.
            self.flush()
        return self._punctuations.wall.run(now, self._punctuation)

    def next_wall_clock(self) -> int | None:
        """When the next wall-clock punctuation is due (ms); None if there is none."""
        return self._punctuations.wall.deadline

    def _punctuation(self, schedule: Schedule, now: int) -> None:
        walk = self._walk
        before = walk.standing_in(RecordContext(None, -1, -1, now, ()))
        context = self._contexts.get(schedule.node)
        if context is not None:
            context.timestamp = now
        walk.active = self.commit_needed = True
        self._punctuated.value += 1
        try:
            refuse_unrun(schedule.call(now))
            self._drains.run()
        except Exception as error:
            cause = self._handlers.in_punctuation(schedule.node, error)
            if cause is not None:
                raise StreamsException(
                    f"{self._ground.log_prefix}Exception caught while punctuating processor '{schedule.node}'"
                ) from cause
        finally:
            walk.active = False
            walk.standing_in(before)

    @property
    def dirty_bytes(self) -> int:
        """Serialised bytes that wait in the record cache."""
        return sum(layers.dirty_bytes for _, layers in self._flushed)

    def flush(self) -> None:
        """Lets go of what stores hold back: caches go to changelog and downstream, what buffers have taken goes
        to their changelogs. The stores in the order of the topology, until nothing is left anywhere: what a
        flush brings to a store that was flushed before it is in the same commit.

        Raises:
            ProcessorStateException: something failed while it was forwarded.
        """
        self._walk.active = True
        try:
            while self._flush_all():
                pass
        finally:
            self._walk.active = False
            self._ground.memory.caches.note(self, 0)

    def _flush_all(self) -> bool:
        """Every store once, and what that brought to steps that wait for the end of a run; was there anything?"""
        some = sum(self._flush(name, layers) for name, layers in self._flushed) > 0
        try:
            return self._drains.run() or some
        except Exception as error:
            cause = error.error if isinstance(error, Failed) else error
            raise ProcessorStateException(
                f"{self._ground.log_prefix}Failed to pass on what a flush brought to an asynchronous step"
            ) from cause

    def _flush(self, name: str, layers: Layered) -> bool:
        try:
            return layers.flush()
        except Exception as error:
            cause = error.error if isinstance(error, Failed) else error
            judged = isinstance(error, Failed) and not (error.wrong_types and self._is_fed_by(name, error.node))
            if isinstance(cause, StreamsException) and not judged:
                # Java wraps only what has been before the processing exception handler; wrong types come to that of
                # the node before, and there is none before one that the flush itself calls.
                raise cause from cause.__cause__
            raise ProcessorStateException(f"{self._ground.log_prefix}Failed to flush cache of store {name}") from cause

    def _is_fed_by(self, store: str, node: str) -> bool:
        """Is the node one of those that a flush of the store calls?"""
        users = {each.name for each in self.topology.nodes if store in getattr(each, "stores", ())}
        return any(each.name == node and users & set(getattr(each, "parents", ())) for each in self.topology.nodes)

    # committed

    def committable(self) -> dict[TopicPartition, Position]:
        """The positions to be committed now; `committed` means these.

        Raises:
            EngineDamaged: what was read of the database was worth nothing, even where user code has caught that.
        """
        if (damage := self._ground.disk.damage) is not None:
            raise damage
        metadata = {name: each.value for name, each in self._metadata.items() if each.value >= 0}
        self._positions = self.inbox.committable(metadata)
        return self._positions

    def committed(self) -> None:
        """Outputs and positions are committed: what the stores hold is theirs now. No I/O."""
        for store in self.stores.values():
            store.layers.commit()
        self.inbox.committed(self._positions)
        self._positions = {}
        self.commit_requested = self.commit_needed = False

    def revive(self) -> None:
        """Takes back all that was not committed: uncommitted writes, output, operators, punctuations, input.

        Afterwards the owner restores the stores, and calls `place` and `start`.
        """
        self._close_operators()
        for store in self.stores.values():
            store.layers.abort()
            store.layers.listen(None, False)
        self.outbox.drop()
        self._walk = Walk()
        self._fresh()
        self.inbox = self._new_inbox()

    def close(self, clean: bool) -> None:
        """Ends the task: processors, operators and stores are closed. The database stays open.

        Args:
            clean: errors of `close` methods are raised; else only logged.
        Raises:
            StreamsException: a processor failed in `close`.
        """
        self._walk.active = False
        first = self._close_operators()
        self._lease.is_open = False
        for store in self.stores.values():
            if not clean:
                store.layers.abort()
            store.layers.close()
        self._memory.close()
        self._drops.release()
        if clean and first is not None:
            raise first

    def _close_operators(self) -> StreamsException | None:
        """Closes them all; the first error."""
        self._ground.memory.caches.note(self, 0)
        first: StreamsException | None = None
        for name, operator in self._operators.items():
            try:
                operator.close()
            except Exception as error:
                log.exception("%sfailed to close processor %s", self._ground.log_prefix, name)
                if first is None:
                    first = StreamsException(f"failed to close processor {name}")
                    first.__cause__ = error
        self._operators = {}
        return first


def _no_rows(rows: Iterator[tuple[object, ...]]) -> None:
    """Stands where no entry was compiled."""


def _nothing() -> object:
    return None


def _always() -> bool:
    return True


def _never() -> bool:
    return False
