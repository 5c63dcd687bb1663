"""A task over nodes made by hand, in memory: records in, records out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statestore.memory import MemoryEngine
from streams.clients.api import Fetched, Position
from streams.exception_handlers import (
    DefaultProductionExceptionHandler,
    LogAndFailExceptionHandler,
    LogAndFailProcessingExceptionHandler,
)
from streams.metrics.registry import Metrics
from streams.operators.base import StepMaker
from streams.processor import FailOnInvalidTimestamp
from streams.record import Headers, RecordBatch, TopicPartition
from streams.runtime.compile.outbox import Outgoing
from streams.runtime.state.context import TaskContext
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.task import StreamTask, output_of
from streams.serdes.base import AnySerde
from streams.serdes.number import LONG
from streams.serdes.simple import BYTES, string
from streams.topology.node import InternalTopic, Node, SinkNode, SourceNode, StepNode, SubTopology, TaskId
from streams.topology.store import StoreKind, StoreSpec

STRING: AnySerde = string()
LONGS: AnySerde = LONG
RAW: AnySerde = BYTES

Row = tuple[Any, ...]
"""Key, value, timestamp and, where there are any, headers; in bytes."""

DEFAULTS: Mapping[str, object] = {
    "application.id": "app",
    "default.timestamp.extractor": FailOnInvalidTimestamp,
    "deserialization.exception.handler": LogAndFailExceptionHandler,
    "processing.exception.handler": LogAndFailProcessingExceptionHandler,
    "production.exception.handler": DefaultProductionExceptionHandler,
    "max.task.idle.ms": -1,
}


def source(name: str = "in", *topics: str, key: AnySerde = STRING, value: AnySerde = STRING) -> SourceNode:
    return SourceNode(name, topics or (name,), key, value)


def step(name: str, parents: str, make: StepMaker, *stores: str, sends_old: bool = False) -> StepNode:
    return StepNode(name, tuple(parents.split()), stores, make, sends_old)


def sink(
    parents: str,
    topic: str | Callable[..., str] = "out",
    key: AnySerde = STRING,
    value: AnySerde = STRING,
    name: str = "sink",
    partitioner: Callable[..., object] | None = None,
) -> SinkNode:
    return SinkNode(name, tuple(parents.split()), topic, key, value, partitioner)


def table(
    name: str = "store",
    value: AnySerde = LONGS,
    caching: bool = False,
    kind: StoreKind = StoreKind.TIMESTAMPED_KEY_VALUE,
    **fields: Any,
) -> StoreSpec:
    return StoreSpec(name, kind, STRING, value, caching, **fields)


def sub_topology(nodes: Sequence[Node], stores: Sequence[StoreSpec] = ()) -> SubTopology:
    topics = tuple(
        topic
        for node in nodes
        if isinstance(node, SourceNode) and isinstance(node.topics, tuple)
        for topic in node.topics
    )
    changelogs = {
        spec.name: InternalTopic(f"{spec.name}-changelog", "changelog", None, {})
        for spec in stores
        if spec.logging is not None
    }
    return SubTopology(0, tuple(nodes), tuple(stores), topics, {}, changelogs, ())


class Walked:
    """A started task. `partitions`: of the topics, 1 if nothing is said; `positions`: where it begins."""

    def __init__(
        self,
        nodes: Sequence[Node],
        stores: Sequence[StoreSpec] = (),
        partitions: Mapping[str, int] | None = None,
        positions: Mapping[TopicPartition, Position] | None = None,
        **settings: object,
    ) -> None:
        self.metrics = Metrics()
        self.topology = sub_topology(nodes, stores)
        counts = partitions or {}
        config = {**DEFAULTS, **{name.replace("_", "."): value for name, value in settings.items()}}
        self.context = TaskContext(config, self.metrics, "app", log_prefix="test ")
        self.output = output_of(lambda topic: counts.get(topic, 1))
        self.now = 0
        self.offsets: dict[TopicPartition, int] = {}
        self.out: list[tuple[str, Row]] = []
        self.begin(self.context, positions)

    def begin(self, context: TaskContext, positions: Mapping[TopicPartition, Position] | None = None) -> None:
        """A task with a new state."""
        self.state = TaskState(TaskId(0, 0), self.topology, context, MemoryEngine())
        self._process(positions)

    def _process(self, positions: Mapping[TopicPartition, Position] | None) -> None:
        partitions = [TopicPartition(topic, 0) for topic in self.topology.source_topics]
        self.task = StreamTask(self.state, partitions, self.output, positions)
        self.task.start(self.now)

    def abort(self) -> None:
        """Throws away the processing and all that was not committed."""
        self.task.abandon()
        self.state.abort()

    def revive(self, positions: Mapping[TopicPartition, Position] | None = None) -> None:
        """Processing begins anew, at these positions."""
        self.abort()
        self._process(positions)

    def fetch(self, topic: str, *rows: Row) -> None:
        """Adds records `(key, value, timestamp[, headers])`; keys and values are text or bytes."""
        where = TopicPartition(topic, 0)
        first = self.offsets.get(where, 0)
        end = self.offsets[where] = first + len(rows)
        headers: list[Headers] | None = None
        if any(len(row) > 3 for row in rows):
            headers = [row[3] if len(row) > 3 else () for row in rows]
        batch = RecordBatch(
            [_bytes(row[0]) for row in rows],
            [_bytes(row[1]) for row in rows],
            [row[2] for row in rows],
            headers,
            range(first, end),
            end,
        )
        self.task.add(Fetched(where, batch, end, 0, 0))

    def pipe(self, topic: str, *rows: Row) -> list[Row]:
        """Processes records; what came out on the topic `out`."""
        self.fetch(topic, *rows)
        while self.task.run(self.now):
            self.task.punctuate_stream_time()
        return self.sent()

    def sent(self, topic: str = "out") -> list[Row]:
        """What has come out since the last call, on one topic; of the others `out` has it."""
        found: list[Row] = []
        task, now = self.task, self.now
        for outgoing in [each for box in task.output for each in box.due(now, idle=True)]:
            self.out += [(outgoing.partition.topic, row) for row in rows(outgoing)]
            if outgoing.partition.topic == topic:
                found += rows(outgoing)
        return found

    @property
    def dropped(self) -> int:
        return self.metrics.total("dropped-records-total")


def rows(outgoing: Outgoing) -> list[Row]:
    batch = outgoing.batch
    found: list[Row] = []
    for at in range(len(batch)):
        row: Row = (batch.keys[at], batch.values[at], batch.timestamps[at])
        if batch.headers is not None and batch.headers[at]:
            row = (*row, batch.headers[at])
        found.append(row)
    return found


def _bytes(thing: Any) -> bytes | None:
    return thing.encode() if isinstance(thing, str) else thing
