"""The processing of one task: a sub-topology on one partition of each of its topics. It owns its inbox and its graph.

It is made for a task's state and thrown away: closed for good, or, after an abort, followed by another one for the same
state (decision 14).

    made (reading begins at the committed positions) ─▶ start, once the state is full ─▶ add, run, punctuate, flush,
    committable, committed in any number ─▶ close
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from statestore.api import Layered
from streams.clients.api import Fetched, Position
from streams.errors import ProcessorStateException, StreamsException
from streams.exception_handlers import DeadLetter
from streams.metrics.names import RecordingLevel
from streams.metrics.traffic import AGES_MS, Traffic
from streams.operators.base import RecordContext
from streams.operators.calls import refuse_unrun
from streams.record import TopicPartition
from streams.runtime.compile.entry import Failed, Run, SourceEntry
from streams.runtime.compile.outbox import Column, Outbox
from streams.runtime.compile.processor_topology import ProcessorTopology
from streams.runtime.compile.punctuate import Schedule
from streams.runtime.compile.sources import source_of
from streams.runtime.compile.timestamps import Reading
from streams.runtime.state.context import TaskContext
from streams.runtime.state.stores import OpenStore
from streams.runtime.state.task_state import TaskState, flush_order
from streams.runtime.tasks import dead_letters
from streams.runtime.tasks.inbox import FREE, NO_LIMIT, Inbox, InboxSettings, Reads
from streams.runtime.tasks.skew import Limit
from streams.runtime.tasks.task_metrics import TaskMetrics
from streams.serdes.base import AnySerde
from streams.serdes.choose import default_serde
from streams.serdes.offset_metadata import decode_offset_metadata
from streams.serdes.simple import BYTES
from streams.state.iterators import Lease
from streams.topology.node import SinkNode, SubTopology

DEBUG = RecordingLevel.DEBUG
TARGET_MS = 10
"""A run should take about so long, so that the clock is read often enough."""
NO_STORES: Mapping[str, OpenStore] = {}


class Restoring(Protocol):
    """A store on its way."""

    @property
    def progress(self) -> tuple[int, int]:
        """Records done and to be done."""
        ...


class Output(NamedTuple):
    """What a task has put out and not sent yet. It outlives the processing that filled it."""

    outbox: Outbox
    dead_letters: Outbox
    """What handlers have for dead letter topics. An abort leaves it where it is at least once: the owner sends it
    whatever becomes of the task."""
    last_letters: Outbox
    """Those of an error that ends the worker: they are sent after all else, whatever is aborted."""


def output_of(
    partitions_for: Callable[[str], int],
    linger_ms: int = 0,
    column: Callable[[str], Column] = Column,
) -> Output:
    """An empty output.

    Args:
        partitions_for: how many partitions a topic has.
        linger_ms: the producer's `linger.ms`, see `Outbox`.
        column: makes its columns.
    """
    return Output(*(Outbox(partitions_for, linger_ms, column) for _ in Output._fields))


def reading_of(topology: SubTopology, topic: str, context: TaskContext, measured: TaskMetrics | None = None) -> Reads:
    """How a source topic is read: by which source, with which serdes and timestamp extractor.

    Raises:
        StreamsException: no source reads it.
    """
    place, node = source_of(topology, topic, context.topic_name)
    config = context.config
    unread: AnySerde = BYTES
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
        None if measured is None else measured.consumed(node.name, topic),
    )


class StreamTask:
    """See the module. Raises what its methods say, and `StreamsException` where user code failed.

    Args:
        state: the task's.
        partitions: the source partitions, under their real names.
        output: where to.
        positions: where processing goes on: the committed positions. Their metadata hold partition times and what
            operators keep. A partition without one is taken as it comes.
        global_stores: read by all tasks.
    """

    def __init__(
        self,
        state: TaskState,
        partitions: Sequence[TopicPartition],
        output: Output,
        positions: Mapping[TopicPartition, Position] | None = None,
        global_stores: Mapping[str, OpenStore] = NO_STORES,
    ) -> None:
        self.id = state.id
        context = self._context = state.context
        self.state = state
        self.measured = measured = TaskMetrics(state.scope, state.topology, state.measured)
        self.running = False
        """It was started."""
        self.commit_requested = False
        self.commit_needed = False
        """Something was processed or punctuated since the last commit."""
        self.lease = Lease()
        """Ends with the processing: queries are told by it."""
        self.applied: Mapping[TopicPartition, int] = {p: start.offset for p, start in (positions or {}).items()}
        """Up to where the committed state has what it reads: offsets of the next records. Replaced at each commit,
        after the stores were committed, so that what is read after it has been looked at is at least as new."""
        self.outbox, self.dead_letters, self.last_letters = self.output = output
        self._longest = self._most = context.number("max.run.records")
        self._last: tuple[int, int] = (0, 0)
        self._processed = state.scope.counter("process-total")
        self._punctuated = state.scope.counter("punctuate-total")
        self._letters = measured.dead_letters()
        self._flushed: list[tuple[str, Layered]] = [
            (name, state.stores[name].layers)
            for name in flush_order(state.topology)
            if state.stores[name].layers.caching
        ]
        settings = InboxSettings(context.number("max.task.idle.ms"), context.number("buffered.records.per.partition"))
        topology = state.topology
        reads = {partition: reading_of(topology, partition.topic, context, measured) for partition in partitions}
        self.inbox = Inbox(reads, settings, state.scope.counter("enforced-processing-total"))
        self.outbox.produced = partial(_produced, measured, topology, context)
        measured.task({"restore-remaining-records-total": self._to_restore})
        for partition in partitions:
            self._show(partition)
        self._transactional = context.config.get("processing.guarantee") == "exactly_once_v2"
        self._wall = context.metrics.clock.now_ms
        self._committed_at = self._wall()
        measured.task({"active-buffer-count": self._buffered, "cache-size-bytes-total": self._cached}, DEBUG)
        self.graph = ProcessorTopology(
            state, self.outbox, self.put_dead_letter, self._request_commit, lambda: self.inbox.waiting, global_stores
        )
        self._current, self._run_end = self.graph.current, self.graph.run_end
        self._punctuations = self.graph.punctuations
        self._entries: Mapping[str, SourceEntry] = {}
        self._merged = SourceEntry(_no_rows, _no_rows)
        self._positions: dict[TopicPartition, Position] = {}
        self.restores: Sequence[Restoring] = ()
        """What fills its stores."""
        self.inbox.seek(positions or {})
        self._recall(positions or {})

    # read by those who look at metrics, in any thread

    def _buffered(self) -> int:
        return self.inbox.buffered

    def _cached(self) -> int:
        return self.dirty_bytes

    def _to_restore(self) -> int:
        if not self.restores:
            return 0
        return sum(max(0, total - done) for done, total in (each.progress for each in self.restores))

    def _show(self, partition: TopicPartition) -> None:
        """Registers how far it is behind in a partition."""
        lag, seconds = partial(self.inbox.lag_of, partition), partial(self._lag_seconds, partition)
        self.measured.partition(partition, f"{self._context.thread}-consumer", lag, seconds)

    def _lag_seconds(self, partition: TopicPartition) -> float:
        return self.inbox.lag_seconds(partition, self.measured.now_ms(), self._wall())

    def unseen_ms(self, now: float) -> float:
        """How old the oldest input is of which nobody sees anything yet, at most (ms). Any thread may ask.

        Args:
            now: monotonic clock (ms).
        """
        wall, current = self._wall(), self._current
        since = self.outbox.waiting_since
        if self._transactional and self.commit_needed:
            since = self._committed_at
        silent = 0 if current.polled_at is None else wall - current.polled_at
        return max(silent, 0 if since is None else wall - since, self.inbox.oldest_ms(now, wall))

    def _recall(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Takes stream time and the processor metadata from committed positions."""
        for position in positions.values():
            kept = decode_offset_metadata(position.metadata)
            self._current.stream_time = max(self._current.stream_time, kept.partition_time)
            for name, value in kept.processor_metadata.items():
                metadata = self.graph.processor_metadata(name)
                metadata.value = max(metadata.value, value)

    def start(self, now: int) -> None:
        """Makes the operators, initialises the processors and compiles the entries.

        Args:
            now: wall clock in ms.
        Raises:
            StreamsException: a processor failed in `init`, or a serde is missing.
        """
        graph = self.graph
        graph.compile(now, several=len(self.inbox.partitions) > 1)
        self._entries = graph.entries
        if graph.merged is not None:
            self._merged = graph.merged
            self.inbox.merges = True
        self.running = True

    def _request_commit(self) -> None:
        self.commit_requested = True
        self._current.cut()

    def put_dead_letter(self, letter: DeadLetter, last: bool = False) -> None:
        """Adds a dead letter to those that are to leave.

        Args:
            letter: the letter.
            last: its error ends the worker.
        Raises:
            StreamsException: its topic cannot be had.
        """
        dead_letters.put(self.last_letters if last else self.dead_letters, letter, self._context.max_request_size)
        self._letters.value += 1

    def polled(self, now: int, asked: bool = True) -> None:
        """A poll has returned, and all that it brought for this task has been added.

        Args:
            now: wall clock in ms.
            asked: it asked for this task's records, so that their absence means something.
        """
        self._current.polled_at = now
        if not asked:
            self._current.input_at = now

    # at work

    @property
    def partitions(self) -> tuple[TopicPartition, ...]:
        """What it reads."""
        return self.inbox.partitions

    def include(self, positions: Mapping[TopicPartition, Position]) -> None:
        """More source partitions, and where they begin: of topics that have come to match a pattern.

        Raises:
            StreamsException: no source reads such a topic.
        """
        for partition, start in positions.items():
            reads = reading_of(self.state.topology, partition.topic, self._context, self.measured)
            self.inbox.include(partition, reads, start)
            self._show(partition)
        self.applied = {**self.applied, **{p: start.offset for p, start in positions.items()}}
        if not self.running:  # operators that run have their numbers
            self._recall(positions)

    def exclude(self, partition: TopicPartition) -> None:
        """One source partition less: its topic was deleted."""
        self.inbox.exclude(partition)

    def add(self, fetched: Fetched) -> None:
        """Takes what a poll brought for one of the task's partitions."""
        self.inbox.add(fetched)
        batch = fetched.batch
        if batch is not None and not len(batch):  # a transaction ends there: it moves on
            self.commit_needed = True

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
        current = self._current
        current.now = now
        self._adapt(now)
        run = self.inbox.next_run(now, self._punctuations.stream.deadline, min(most, self._most), limit)
        if run is None:
            self._last = (now, 0)
            return 0
        self.commit_needed = True
        current.input_at = now
        if run.fault is not None:
            self._skip(run)
            return 1
        measured, stream_time = self.measured, current.stream_time
        began = measured.begins()
        try:
            upto = current.through(run, self._merged if run.merged is not None else self._entries[run.source])
            self._run_end.run()
        except Exception as error:
            failure = self._failure(error, run)
            current.ended(current.index)
            raise failure from failure.__cause__
        self.inbox.taken(run, upto, current.ended(upto))
        count = upto - run.start
        self._processed.value += count
        if not 0 <= now - measured.aged_at < AGES_MS:
            measured.aged(run, now)
        if began is not None:
            measured.ran(run, count, began, stream_time)
        context = self._context
        if self._flushed and context.memory.caches.note(self, self.dirty_bytes) > context.cache_bytes:
            self.flush()
        self._last = (now, count)
        return count

    def _adapt(self, now: int) -> None:
        """A run's length, from how long the last one took."""
        before, count = self._last
        elapsed = now - before
        if count and elapsed > TARGET_MS:
            longest = self._longest
            self._most = max(1, min(self._run_end.width, longest), min(longest, count * TARGET_MS // elapsed))
        elif self._most < self._longest:
            self._most = min(self._longest, self._most * 2)

    def _skip(self, run: Run) -> None:
        """A record without a usable timestamp: dropped, or the end (decision 3)."""
        fault = run.fault
        assert fault is not None
        if fault.error is not None:
            raise fault.error
        self.graph.drops.unstamped(run)
        self.inbox.taken(run, run.stop, frozenset((run.start,)))

    def _failure(self, error: Exception, run: Run) -> StreamsException:
        """What a failure in a run is to those outside, with its cause."""
        at, here = self._current.index, self._current.passing
        topic, partition = run.partition_of(at)
        node, offset = self.inbox.reads(TopicPartition(topic, partition)).source, run.batch.offsets[at]
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
        time = self._current.stream_time
        return time >= 0 and self._punctuations.stream.run(time, self._punctuation)

    def punctuate_wall_clock(self, now: int) -> bool:
        """Calls the punctuations that the wall clock has reached."""
        self._current.now = now
        due = self._punctuations.wall.deadline
        if self.graph.idles and due is not None and due <= now:
            # What closes for want of input must have seen all of it.
            self.flush()
        return self._punctuations.wall.run(now, self._punctuation)

    def next_wall_clock(self) -> int | None:
        """When the next wall-clock punctuation is due (ms); None if there is none."""
        return self._punctuations.wall.deadline

    def _punctuation(self, schedule: Schedule, now: int) -> None:
        current = self._current
        before = current.standing_in(RecordContext(None, -1, -1, now, ()))
        context = self.graph.contexts.get(schedule.node)
        if context is not None:
            context.timestamp = now
        current.active = self.commit_needed = True
        self._punctuated.value += 1
        began = self.measured.punctuates()
        try:
            refuse_unrun(schedule.call(now))
            self._run_end.run()
        except Exception as error:
            cause = self.graph.handlers.in_punctuation(schedule.node, error)
            if cause is not None:
                raise StreamsException(
                    f"{self._context.log_prefix}Exception caught while punctuating processor '{schedule.node}'"
                ) from cause
        finally:
            current.active = False
            current.standing_in(before)
            self.measured.punctuated(began)

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
        self._current.active = True
        try:
            while self._flush_all():
                pass
        finally:
            self._current.active = False
            self._context.memory.caches.note(self, 0)

    def _flush_all(self) -> bool:
        """Every store once, and what that brought to steps that wait for the end of a run; was there anything?"""
        some = sum(self._flush(name, layers) for name, layers in self._flushed) > 0
        try:
            return self._run_end.run() or some
        except Exception as error:
            cause = error.error if isinstance(error, Failed) else error
            raise ProcessorStateException(
                f"{self._context.log_prefix}Failed to pass on what a flush brought to an asynchronous step"
            ) from cause

    def _flush(self, name: str, layers: Layered) -> bool:
        try:
            return self.state.measured.during("flush", name, layers.flush)
        except Exception as error:
            cause = error.error if isinstance(error, Failed) else error
            judged = isinstance(error, Failed) and not (error.wrong_types and self._is_fed_by(name, error.node))
            if isinstance(cause, StreamsException) and not judged:
                # Java wraps only what has been before the processing exception handler; wrong types come to that of
                # the node before, and there is none before one that the flush itself calls.
                raise cause from cause.__cause__
            raise ProcessorStateException(f"{self._context.log_prefix}Failed to flush cache of store {name}") from cause

    def _is_fed_by(self, store: str, node: str) -> bool:
        """Is the node one of those that a flush of the store calls?"""
        nodes = self.state.topology.nodes
        users = {each.name for each in nodes if store in getattr(each, "stores", ())}
        return any(each.name == node and users & set(getattr(each, "parents", ())) for each in nodes)

    # committed

    def reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Has the committed state all that lies before these offsets?"""
        seen = {} if self.commit_needed else self.inbox.caught_up_at()
        return all(max(self.applied.get(p, 0), seen.get(p, 0)) >= end for p, end in ends.items())

    def committable(self) -> dict[TopicPartition, Position]:
        """The positions to be committed now; `committed` means these.

        Raises:
            EngineDamaged: what was read of the database was worth nothing, even where user code has caught that.
        """
        self.state.check()
        self._positions = self.inbox.committable(self.graph.all_processor_metadata())
        return self._positions

    def committed(self) -> None:
        """Outputs and positions are committed: what the stores hold is theirs now. No I/O."""
        self.state.commit()
        self.inbox.committed(self._positions)
        if self._positions:
            self.applied = {**self.applied, **{p: position.offset for p, position in self._positions.items()}}
        self._positions = {}
        self._committed_at = self._current.now
        self.commit_requested = self.commit_needed = False

    def abandon(self) -> StreamsException | None:
        """Ends the processing: closes all processors and operators; the first error. The state stays as it is, and the
        dead letters; output that was not sent is dropped."""
        self.running = self.lease.is_open = False
        self._context.memory.caches.note(self, 0)
        first = self.graph.close()
        self.outbox.drop()
        return first

    def close(self, clean: bool) -> None:
        """Ends processing and state. The database stays open.

        Args:
            clean: errors of `close` methods are raised; else only logged, and the stores forget what is not committed.
        Raises:
            StreamsException: a processor failed in `close`.
        """
        first = self.abandon()
        self.state.close(clean)
        if clean and first is not None:
            raise first


def _no_rows(rows: Iterator[tuple[object, ...]]) -> None:
    """Stands where no entry was compiled."""


def _produced(measured: TaskMetrics, topology: SubTopology, context: TaskContext, topic: str) -> Traffic | None:
    """What counts the records that sinks send to a topic, under their names: those that name it, else those that choose
    their topics."""
    sinks = [node for node in topology.nodes if isinstance(node, SinkNode)]
    named = [node for node in sinks if isinstance(node.topic, str) and context.topic_name(node.topic) == topic]
    names = [node.name for node in named or sinks if node in named or not isinstance(node.topic, str)]
    return measured.produced(",".join(names), topic) if names else None
