"""The processors of one life of a task, what they ask of it, and the entry functions that lead to them.

Made for a task's state, and thrown away with all that it has seen: an abort makes another one for the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from streams.dropped import LATE, Drop
from streams.errors import StreamsException
from streams.exception_handlers import DeadLetter
from streams.metrics.names import RecordingLevel
from streams.metrics.registry import Counter, node_latency
from streams.metrics.sensor import Sensor
from streams.operators.base import Operator, ProcessorMetadata, StepMaker, StoreAccess
from streams.processor import PunctuationType
from streams.runtime.compile.contexts import FixedKeyContext, ForwardingContext, TaskView
from streams.runtime.compile.drops import Drops
from streams.runtime.compile.entry import CurrentRecord, SourceEntry
from streams.runtime.compile.fuse import Fuse, SourceStep, graph_of
from streams.runtime.compile.handlers import Handlers
from streams.runtime.compile.idleness import Idle
from streams.runtime.compile.outbox import Outbox
from streams.runtime.compile.processors import Processing
from streams.runtime.compile.punctuate import Punctuations, Schedule
from streams.runtime.compile.run_end import Drain, RunEnd
from streams.runtime.compile.scope import NodeScope
from streams.runtime.compile.sinks import Sink, Target
from streams.runtime.compile.sources import source_step
from streams.runtime.state.stores import (
    OpenStore,
    buffering,
    changelog_headers,
    count_refused,
    in_words,
    logged,
    serde_of,
)
from streams.runtime.state.task_state import TaskState
from streams.state.iterators import Lease
from streams.state.kinds import face
from streams.state.store import Caller, StateStore
from streams.topology.node import ProcessorNode, SinkNode, SourceNode, StepNode

log = logging.getLogger("streams.runtime")

T = TypeVar("T")
READ_ONLY = "Global store is read only"


class ProcessorTopology:
    """See the module. Implements `scope.Host`.

    Args:
        state: the task's state. From here on its stores write their changelogs to the outbox.
        outbox: takes what sinks and stores write.
        dead_letter: takes what handlers have for dead letter topics; the last argument: its error ends the worker.
        request_commit: called where a processor asks for a commit.
        waiting: is there input that was not processed yet?
        global_stores: read by all tasks.
    """

    def __init__(
        self,
        state: TaskState,
        outbox: Outbox,
        dead_letter: Callable[[DeadLetter, bool], None],
        request_commit: Callable[[], None],
        waiting: Callable[[], bool],
        global_stores: Mapping[str, OpenStore],
    ) -> None:
        context = state.context
        self.id = state.id
        self.current = current = CurrentRecord()
        self.drops = Drops(str(state.id), context.dropped, current, state.scope)
        self.punctuations = Punctuations(lambda: current.now)
        self.run_end = RunEnd(current)
        self.contexts: dict[str, ForwardingContext] = {}
        """Of processors, by their nodes."""
        self.entries: Mapping[str, SourceEntry] = {}
        """What leads from each source through the graph."""
        self.merged: SourceEntry | None = None
        """The same for rows of several sources; None: there is none."""
        self.text = ""
        """The entry functions, as `topology code` prints them."""
        self.idles = False
        """Some operator acts when there is no input."""
        self.view = TaskView(
            str(context.config.get("application.id")),
            state.id,
            context.config,
            context.metrics,
            state.home,
            current,
            request_commit,
        )
        self._state = state
        self._outbox = outbox
        self._dead_letter = dead_letter
        self._waiting = waiting
        self._global_stores = global_stores
        self._lease = Lease()
        self._metadata: dict[str, ProcessorMetadata] = {}
        self._shared: dict[str, object] = {}
        self._operators: dict[str, Operator] = {}
        for name, store in state.stores.items():
            count_refused(store, self.drops.by_store(state.topology, name).add)
            log_ = state.changelogs.get(name)
            if log_ is not None and store.spec.source_topic is None:
                logged(store, outbox.changelog(*log_.partition, changelog_headers(store.spec)))

    def compile(self, now: int, several: bool) -> None:
        """Makes the operators, initialises the processors and compiles the entries.

        Args:
            now: wall clock in ms.
            several: the task has several partitions, whose rows may come mixed.
        Raises:
            StreamsException: a processor failed in `init`, or a serde is missing.
        """
        current, topology = self.current, self._state.topology
        current.now = current.input_at = now
        self.handlers = handlers = Handlers(
            self._state.context.config, current, self.id, self._dead_letter, self.drop, buffering(topology)
        )
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
        self.run_end.order(graph.order)
        small_cache = self._state.record_cache is not None
        fuse = Fuse(
            f"streams {self.id.subtopology}",
            graph,
            sources,
            self._operators,
            handlers.guard,
            current,
            lambda name: name in asking and (asking[name]() or small_cache),
            several,
        )
        self.entries, self.merged, self.text = fuse.compile()

    def _source(self, node: SourceNode, handlers: Handlers) -> SourceStep:
        where, config = in_words(node), self._state.context.config
        key = serde_of(config, "key", node.key_serde, where)
        value = serde_of(config, "value", node.value_serde, where)
        write = source_step(self.current, key, value, handlers.unreadable(node.name, key, value))
        return SourceStep(write, key.decode_with is not None or value.decode_with is not None)

    def _sink(self, node: SinkNode, handlers: Handlers) -> Operator:
        where, context = in_words(node), self._state.context
        target = Target(
            context.topic_name(node.topic) if isinstance(node.topic, str) else node.topic,
            cast(Any, node.partitioner),
            serde_of(context.config, "key", node.key_serde, where),
            serde_of(context.config, "value", node.value_serde, where),
        )
        return Sink(node.name, target, self._outbox, handlers, self.current.context)

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
        def store(name: str) -> StateStore | None:
            known = name in node.stores or name in self._global_stores
            return self.face(name, node.name, context) if known else None

        kind = FixedKeyContext if node.fixed_key else ForwardingContext
        context = self.contexts[node.name] = kind(node.name, self.view, store, self.schedule)
        made = Processing(node.supplier(), context, self._state.topology.children(node.name), node.fixed_key)
        made.initialize()
        return made

    # what scopes ask (runtime.compile.scope.Host)

    def access(self, name: str) -> StoreAccess[object] | None:
        """An open store, global ones included.

        Raises:
            ConfigException: the store leaves it to its operator to say that a serde is missing.
        """
        found = self._state.stores.get(name) or self._global_stores.get(name)
        if found is not None and found.lacking is not None:
            raise found.lacking
        return None if found is None else found.access

    def face(self, name: str, node: str, context: Any) -> StateStore | None:
        """The store as a node sees it, which has that context."""
        found, current = self._state.stores.get(name), self.current
        if found is None:
            found = self._global_stores.get(name)
            if found is None:
                return None
            return face(found.spec, found.access, Caller(self._lease, lambda: -1, read_only=READ_ONLY))

        def timestamp() -> int:
            return int(context.timestamp)

        origin: Callable[[], object] = _nothing
        if found.access.caching:
            origin = lambda: current.capture(timestamp(), None)  # noqa: E731
        caller = Caller(self._lease, timestamp, origin, dropped=self.drop(node, LATE))
        return face(found.spec, found.access, caller)

    def listen(self, name: str, listener: Callable[..., None], sends_old: bool) -> None:
        """What the store's cache lets go goes to `listener`."""
        self._state.stores[name].layers.listen(listener, sends_old)

    def counter(self, name: str, node: str) -> Counter:
        """A node's metric."""
        full = name if name.endswith("-total") else f"{name}-total"
        return self._state.scope.within(processor_node_id=node).counter(full)

    def latency(self, name: str, node: str) -> Sensor | None:
        """Takes how long something of a node takes (ms), where the level DEBUG is recorded."""
        scope = self._state.scope
        return node_latency(scope, node, name) if scope.records(RecordingLevel.DEBUG) else None

    def drop(self, node: str, cause: str, time: Callable[[], int] | None = None, counted: bool = True) -> Drop:
        """What a node drops for a cause."""
        return self.drops.of(node, cause, time, counted)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """One object for all nodes that ask by this name."""
        if name not in self._shared:
            self._shared[name] = make()
        return cast(T, self._shared[name])

    def processor_metadata(self, name: str) -> ProcessorMetadata:
        """A number that is committed with the offsets."""
        return self._metadata.setdefault(name, ProcessorMetadata())

    def all_processor_metadata(self) -> dict[str, int]:
        """All such numbers that have a value."""
        return {name: each.value for name, each in self._metadata.items() if each.value >= 0}

    def schedule(
        self,
        node: str,
        interval_ms: int,
        kind: PunctuationType,
        call: Callable[[int], object],
        start_ms: int | None = None,
    ) -> Schedule:
        """See `runtime.compile.punctuate`."""
        return self.punctuations.schedule(node, interval_ms, kind, call, start_ms)

    def when_idle(self, node: str, after_ms: int, act: Callable[[], None]) -> None:
        """See `runtime.compile.idleness`."""
        self.idles = True
        Idle(node, after_ms, act, self.punctuations, self._silence)

    def _silence(self) -> tuple[int, int]:
        """From when to when there was no input; records that wait are input."""
        current = self.current
        end = current.now if current.polled_at is None else current.polled_at
        return (end, end) if self._waiting() else (current.input_at, end)

    def at_run_end(self, node: str, drain: Drain, width: int) -> None:
        """See `runtime.compile.run_end`."""
        self.run_end.add(node, drain, width)

    # the end

    def close(self) -> StreamsException | None:
        """Closes all operators; the first error. Nobody who has a store of it may use that any more."""
        self.current.active = False
        first: StreamsException | None = None
        for name, operator in self._operators.items():
            try:
                operator.close()
            except Exception as error:
                log.exception("%sfailed to close processor %s", self._state.context.log_prefix, name)
                if first is None:
                    first = StreamsException(f"failed to close processor {name}")
                    first.__cause__ = error
        self._operators = {}
        self._lease.is_open = False
        self.drops.release()
        return first


def _nothing() -> object:
    return None


def _always() -> bool:
    return True


def _never() -> bool:
    return False
