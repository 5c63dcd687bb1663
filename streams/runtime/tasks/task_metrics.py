"""What is measured of one task, under Kafka's names. It costs per run, never per record: of a run its first record and
its newest are looked at, and how long it took.

Made for one processing of a task; the metrics are those of its state, and end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from math import nan
from typing import Protocol

from streams.metrics.catalogue import CONSUMER, DESCRIPTIONS
from streams.metrics.names import NODE_GROUP, TASK_GROUP, TOPIC_GROUP, RecordingLevel
from streams.metrics.registry import Counter, GrowthRate, MetricsScope
from streams.metrics.sensor import Avg, Max, Samples, Sensor, Together
from streams.metrics.traffic import AGES_MS, Bytes, Traffic
from streams.record import TopicPartition
from streams.runtime.compile.entry import Run
from streams.runtime.state.store_metrics import StoreMetrics
from streams.topology.node import SinkNode, SourceNode, SubTopology

DEBUG = RecordingLevel.DEBUG
LATENESS = 64
"""Records at the beginning of a run whose lateness is measured."""


class PunctuationWatch(Protocol):
    """What a worker wants to know of the punctuations of its tasks."""

    def punctuates(self) -> float: ...
    def punctuated(self, began: float) -> float: ...


class TaskMetrics:
    """See the module.

    Args:
        scope: of the task.
        topology: its nodes.
        stores: those of its stores.
    """

    __slots__ = (
        "_busy_ms",
        "_by_source",
        "_done",
        "_lateness",
        "_process",
        "_punctuate",
        "_sinks",
        "_stores",
        "_taken",
        "_wall",
        "aged_at",
        "now_ms",
        "scope",
        "worker",
    )

    def __init__(self, scope: MetricsScope, topology: SubTopology, stores: StoreMetrics) -> None:
        self.scope = scope
        self.now_ms = scope.metrics.sampling.now_ms
        self._stores = stores
        self.worker: PunctuationWatch | None = None
        """Who wants to know of punctuations too."""
        self._wall = scope.metrics.clock.now_ms
        self._busy_ms = 0.0
        self.aged_at = -AGES_MS
        """When ages of records were looked at last (wall clock, ms)."""
        self._taken: dict[str, Samples] = {}
        self._done: dict[str, Samples] = {}
        """Ages of records by their source: when it took them, and when they were through."""
        self._sinks: dict[str, Samples] = {}
        self._by_source: dict[str, list[Counter]] = {}
        self._process = self._latency("process")
        self._punctuate = self._latency("punctuate")
        self._lateness = self._sensor("record-lateness")
        self._nodes(topology)

    # what there is

    def _sensor(self, what: str) -> Sensor | None:
        """A sensor with average and maximum, where the level DEBUG is recorded."""
        if not self.scope.records(DEBUG):
            return None
        tags = self.scope.tags
        name = f"{tags.get('thread_id', '')}.{tags.get('task_id', '')}.{what}"
        sensor = self.scope.sensor(name, DEBUG)
        self._gauge(TASK_GROUP, f"{what}-avg", partial(Avg().measure, sensor), DEBUG)
        self._gauge(TASK_GROUP, f"{what}-max", partial(Max().measure, sensor), DEBUG)
        return sensor

    def _latency(self, what: str) -> Sensor | None:
        return self._sensor(f"{what}-latency")

    def _gauge(
        self, group: str, name: str, read: Callable[[], object], level: RecordingLevel = RecordingLevel.INFO
    ) -> None:
        self.scope.gauge(name, group, DESCRIPTIONS[group, name], read, level)

    def _nodes(self, topology: SubTopology) -> None:
        """Ages of records at sources, and at the ends that are no sinks."""
        above: dict[str, set[str]] = {}
        parents: set[str] = set()
        for node in topology.nodes:
            if isinstance(node, SourceNode):
                above[node.name] = {node.name}
                sampling = self.scope.metrics.sampling
                taken, done = Samples(sampling), Samples(sampling)
                self._taken[node.name], self._done[node.name] = taken, done
                self._ages(node.name, [taken])
            else:
                above[node.name] = set().union(*(above[parent] for parent in node.parents))
                parents.update(node.parents)
        for node in topology.nodes:
            if not isinstance(node, SourceNode | SinkNode) and node.name not in parents:
                self._ages(node.name, [self._done[source] for source in sorted(above[node.name])])

    def _ages(self, node: str, samples: Sequence[Samples]) -> None:
        """Registers `record-e2e-latency` of a node."""
        scope = self.scope.within(processor_node_id=node)
        one = samples[0] if len(samples) == 1 else Together(samples)
        for suffix, read in (("avg", one.average), ("max", one.highest), ("min", one.lowest)):
            name = f"record-e2e-latency-{suffix}"
            scope.gauge(name, NODE_GROUP, DESCRIPTIONS[NODE_GROUP, name], read)

    # topics

    def consumed(self, source: str, topic: str) -> Traffic:
        """What a source reads from a topic."""
        return self._traffic("consumed", source, topic)

    def produced(self, sink: str, topic: str) -> Traffic:
        """What a sink sends to a topic."""
        traffic = self._traffic("produced", sink, topic)
        ages = self._sinks.get(sink)
        if ages is None:
            ages = self._sinks[sink] = Samples(self.scope.metrics.sampling)
            self._ages(sink, [ages])
        traffic.ages = ages
        return traffic

    def _traffic(self, way: str, node: str, topic: str) -> Traffic:
        scope, size = self.scope.within(processor_node_id=node, topic=topic), Bytes()
        records = scope.counter(f"records-{way}-total")
        if way == "consumed":
            counts = self._by_source.setdefault(node, [])
            counts.append(records)
            scope = self.scope.within(processor_node_id=node)
            text = DESCRIPTIONS[NODE_GROUP, "process-total"]
            scope.gauge("process-total", NODE_GROUP, text, lambda: sum(each.value for each in counts), DEBUG)
            scope = scope.within(topic=topic)
        name = f"bytes-{way}-total"
        scope.gauge(name, TOPIC_GROUP, DESCRIPTIONS[TOPIC_GROUP, name], size.read)
        return Traffic(records, size)

    def partition(
        self, partition: TopicPartition, client: str, lag: Callable[[], object], seconds: Callable[[], object]
    ) -> None:
        """Registers how far the task is behind in a partition, in records and in seconds.

        Args:
            client: that Kafka's consumer would be.
        """
        tags = {"topic": partition.topic, "partition": str(partition.partition)}
        beside = self.scope.beside(client_id=client, **tags)
        beside.gauge("records-lag", CONSUMER, DESCRIPTIONS[CONSUMER, "records-lag"], lag)
        name = "lag-seconds"
        self.scope.within(**tags).gauge(name, TASK_GROUP, DESCRIPTIONS[TASK_GROUP, name], seconds)

    def freshness(self, topology: SubTopology, read: Callable[[], object]) -> None:
        """Registers how fresh what its sinks have sent is (s)."""
        for node in topology.nodes:
            if isinstance(node, SinkNode):
                scope, name = self.scope.within(processor_node_id=node.name), "freshness-seconds"
                scope.gauge(name, NODE_GROUP, DESCRIPTIONS[NODE_GROUP, name], read)

    def dead_letters(self) -> Counter:
        """Counts the dead letters that the task makes."""
        name = "dead-letters-total"
        return self.scope.counter(name, TASK_GROUP, DESCRIPTIONS[TASK_GROUP, name])

    def task(self, gauges: Mapping[str, Callable[[], object]], level: RecordingLevel = RecordingLevel.INFO) -> None:
        """Registers what is read of the task itself, by name."""
        for name, read in gauges.items():
            self._gauge(TASK_GROUP, name, read, level)

    def busy(self, all_tasks: Callable[[], float]) -> None:
        """Registers the task's share of the time in which its worker processes.

        Args:
            all_tasks: what share of the worker's time that is.
        """
        grows = self.scope.metrics.watch(GrowthRate(lambda: self._busy_ms, self.scope.metrics.sampling))

        def share() -> float:
            whole = all_tasks() * 1_000
            return min(1.0, grows.value() / whole) if whole > 0 else nan

        self._gauge(TASK_GROUP, "active-process-ratio", share)

    # at work

    def worked(self, began: float) -> float:
        """Its worker has been at it since then; gives the time (monotonic clock, ms)."""
        ended = self.now_ms()
        self._busy_ms += ended - began
        return ended

    def aged(self, run: Run, now: int) -> None:
        """Looks at how old the first record and the newest one of a run are that is over.

        Args:
            now: wall clock at its beginning (ms).
        """
        self.aged_at, at, took = now, self.now_ms(), self._wall() - now
        taken, done = self._taken[run.source], self._done[run.source]
        for age in (now - run.newest, now - run.timestamps[run.start]):
            taken.add(age, at)
            done.add(age + took, at)

    def begins(self) -> float | None:
        """A run begins; gives when (monotonic clock, ms), where the level DEBUG is recorded."""
        return None if self._process is None else self.now_ms()

    def ran(self, run: Run, count: int, began: float, stream_time: int) -> None:
        """A run is over that is measured.

        Args:
            run: what was processed.
            count: how many records.
            began: when.
            stream_time: of the task, before it.
        """
        ended = self.now_ms()
        if self._process is not None and count:
            self._process.record((ended - began) / count, ended)
            self._late(run, stream_time, ended)
            self._stores.looked()

    def _late(self, run: Run, stream_time: int, at: float) -> None:
        times = run.timestamps[run.start : min(run.stop, run.start + LATENESS)]
        late = [seen - time for seen, time in zip(accumulate(times, max, initial=stream_time), times)]  # noqa: B905
        if self._lateness is not None:
            for each in late:
                self._lateness.record(max(0, each), at)

    def punctuates(self) -> float:
        """A punctuation begins; gives when (monotonic clock, ms)."""
        return self.now_ms() if self.worker is None else self.worker.punctuates()

    def punctuated(self, began: float) -> None:
        """It is over."""
        ended = self.now_ms() if self.worker is None else self.worker.punctuated(began)
        if self._punctuate is not None:
            self._punctuate.record(ended - began, ended)
