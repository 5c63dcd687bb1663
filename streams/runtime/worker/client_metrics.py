"""What is measured of a worker's clients, under the names of Kafka's consumer and producer. It costs per poll and per
batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import nan

from streams.metrics.catalogue import CONSUMER, COORDINATOR, DESCRIPTIONS, PRODUCER
from streams.metrics.registry import Counter, Metrics, MetricsScope
from streams.metrics.traffic import Bytes, Traffic
from streams.record import RecordBatch, TopicPartition
from streams.runtime.worker.tasks import Tasks
from streams.runtime.worker.worker_metrics import sensor_of


class ClientMetrics:
    """See the module.

    Args:
        metrics: of the application.
        name: of the worker.
        tasks: of the worker.
    """

    def __init__(self, metrics: Metrics, name: str, tasks: Tasks) -> None:
        self._tasks = tasks
        self._now_ms = metrics.sampling.now_ms
        consumer, producer = metrics.scope(client_id=f"{name}-consumer"), metrics.scope(client_id=f"{name}-producer")
        self._scopes = consumer, producer
        count = partial(_counter, consumer, CONSUMER)
        self._records, self._fetches = count("records-consumed-total"), count("fetch-total")
        self._fetch = sensor_of(consumer, name, CONSUMER, "fetch-latency")
        self._per_fetch = sensor_of(consumer, name, CONSUMER, "records-per-request", "avg")
        _gauge(consumer, CONSUMER, "records-lag-max", self._lag_max)
        self._commits, self._rebalances = (
            _counter(consumer, COORDINATOR, each) for each in ("commit-total", "rebalance-total")
        )
        self._commit = sensor_of(consumer, name, COORDINATOR, "commit-latency")
        self._rebalance = sensor_of(consumer, name, COORDINATOR, "rebalance-latency")
        self._rebalanced_at: float | None = None
        _gauge(consumer, COORDINATOR, "assigned-partitions", lambda: len(tasks.partitions()))
        _gauge(consumer, COORDINATOR, "last-rebalance-seconds-ago", self._since)
        self._sent, self._errors = (
            _counter(producer, PRODUCER, each) for each in ("record-send-total", "record-error-total")
        )
        self._bytes = Bytes()
        self._traffic: dict[str, Traffic] = {}
        _gauge(producer, PRODUCER, "outgoing-byte-total", self._bytes.read)
        self._per_batch = sensor_of(producer, name, PRODUCER, "records-per-request", "avg")
        self._latency = sensor_of(producer, name, PRODUCER, "request-latency")
        self._in_flight = 0
        _gauge(producer, PRODUCER, "requests-in-flight", lambda: self._in_flight)

    def _lag_max(self) -> int:
        """The lag of the partition that is furthest behind."""
        boxes = [task.inbox for task in self._tasks.all]
        return max((box.lag_of(partition) for box in boxes for partition in box.partitions), default=0)

    def _since(self) -> float:
        return nan if self._rebalanced_at is None else (self._now_ms() - self._rebalanced_at) / 1_000

    def polled(self, records: int, began: float, ended: float) -> None:
        """A poll has brought so many records."""
        if records:
            self._records.value += records
            self._fetches.value += 1
            self._fetch.record(ended - began, ended)
            self._per_fetch.record(records, ended)

    def committed(self, began: float, ended: float) -> None:
        """One commit more."""
        self._commits.value += 1
        self._commit.record(ended - began, ended)

    def rebalanced(self, took_ms: float) -> None:
        """One rebalance more."""
        self._rebalances.value += 1
        self._rebalanced_at = self._now_ms()
        self._rebalance.record(took_ms, self._rebalanced_at)

    def sent(self, partition: TopicPartition, batch: RecordBatch) -> float:
        """A batch leaves; gives when (monotonic clock, ms)."""
        topic = partition.topic
        traffic = self._traffic.get(topic)
        if traffic is None:
            traffic = self._traffic[topic] = Traffic(self._sent, self._bytes)
        traffic.add(len(batch), traffic.size(topic, batch))
        self._in_flight += 1
        now = self._now_ms()
        self._per_batch.record(len(batch), now)
        return now

    def answered(self, records: int, sent_at: float, refused: bool, last: bool) -> None:
        """An answer to (a part of) a batch: it is stored, or refused. `last`: nothing of it is without an answer."""
        now = self._now_ms()
        self._latency.record(now - sent_at, now)
        if refused:
            self._errors.value += records
        if last:
            self._in_flight = max(0, self._in_flight - 1)

    def forgotten(self) -> None:
        """Nothing that was sent is waited for."""
        self._in_flight = 0

    def close(self) -> None:
        """The worker has ended."""
        for scope in self._scopes:
            scope.close()


def _counter(scope: MetricsScope, group: str, name: str) -> Counter:
    return scope.counter(name, group, DESCRIPTIONS[group, name])


def _gauge(scope: MetricsScope, group: str, name: str, read: Callable[[], object]) -> None:
    scope.gauge(name, group, DESCRIPTIONS[group, name], read)
