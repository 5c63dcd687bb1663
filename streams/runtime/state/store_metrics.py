"""What is measured of a task's stores, under Kafka's names: what they hold, RocksDB's own figures, and, at the level
DEBUG, each call.

Kafka has a database a store, here a task has one: its figures bear the name of the store where there is one on disk,
and `*` where there are several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import nan
from typing import NamedTuple, TypeVar

from statestore.api import KeyValueStore, Store, SuppressBuffer
from statestore.engine import Engine, Measured
from streams.metrics.catalogue import DESCRIPTIONS, FIGURES
from streams.metrics.names import STORE_GROUP, RecordingLevel
from streams.metrics.registry import GrowthRate, MetricsScope
from streams.metrics.sensor import Avg, Max, Min, Rate, Sensor, Statistic, WindowedCount
from streams.runtime.state.measured_store import Operations, measured
from streams.topology.store import StoreKind, StoreSpec

T = TypeVar("T")

FIGURES_MS = 10_000
"""RocksDB's figures are at least so old before they are read again."""
READING_MS = 10.0
"""So much of each second goes to reading them, of all databases of the process; the others are a little older."""

ALL_STORES = "*"

_AVG_MAX_MIN: tuple[tuple[str, Statistic], ...] = (("avg", Avg()), ("max", Max()), ("min", Min()))

_SCOPES: Mapping[StoreKind, str] = {
    StoreKind.WINDOW: "window-state",
    StoreKind.TIMESTAMPED_WINDOW: "window-state",
    StoreKind.SESSION: "session-state",
    StoreKind.LRU: "lru-state",
    StoreKind.SUPPRESS_BUFFER: "suppression-state",
}


def scope_tag(spec: StoreSpec) -> str:
    """The tag that bears the store's name, as in Kafka: `rocksdb-window-state-id`, `in-memory-lru-state-id`, …"""
    kind = _SCOPES.get(spec.kind, "state")
    where = "rocksdb" if spec.on_disk and kind not in ("lru-state", "suppression-state") else "in-memory"
    return f"{where}-{kind}-id"


class _Reading:
    """How much time of the present second has gone to reading figures."""

    def __init__(self) -> None:
        self._since = self._spent = 0.0

    def allowed(self, now: float) -> bool:
        if now - self._since >= 1_000:
            self._since, self._spent = now, 0.0
        return self._spent < READING_MS

    def spent(self, ms: float) -> None:
        self._spent += ms


_reading = _Reading()


class Figures:
    """What a database tells of itself, read again now and then. Any thread may ask.

    Args:
        read: asks the database.
        now_ms: a monotonic clock.
    """

    __slots__ = ("__weakref__", "_at", "_now", "_read", "found")

    def __init__(self, read: Callable[[], Mapping[str, object]], now_ms: Callable[[], float]) -> None:
        self._read = read
        self._now = now_ms
        self._at = -float(FIGURES_MS)  # what was never read is read at once
        self.found: dict[str, object] = {}
        """What it has told last, by name; the same dict for life."""

    def refresh(self) -> None:
        """Asks again, if it has been a while."""
        now = self._now()
        if now - self._at >= FIGURES_MS and (self._at < 0 or _reading.allowed(now)):
            self._at = now
            self.found.update(self._read())
            _reading.spent(self._now() - now)


class Statistics:
    """RocksDB's statistics, of which Kafka's metrics are made."""

    def __init__(self, database: Measured, now_ms: Callable[[], float]) -> None:
        self.figures = Figures(database.statistics, now_ms)

    def _of(self, name: str, what: str = "COUNT") -> float:
        found = self.figures.found.get(name)
        value = found.get(what, nan) if isinstance(found, dict) else nan
        return float(value)

    def total(self, name: str) -> int:
        """A ticker; 0 before it is known."""
        value = self._of(name)
        return 0 if value != value else int(value)

    def share(self, hit: str, miss: str) -> float:
        """How many of the two are hits; NaN where there is nothing."""
        hits, misses = self._of(hit), self._of(miss)
        return hits / (hits + misses) if hits + misses > 0 else nan

    def average(self, name: str, scale: float) -> float:
        """The average of a histogram."""
        count = self._of(name)
        return self._of(name, "SUM") / count / scale if count > 0 else nan

    def highest(self, name: str, scale: float) -> float:
        """The highest value of a histogram."""
        return self._of(name, "P100") / scale if self._of(name) > 0 else nan


def _made_of(of: Statistics) -> Mapping[str, Callable[[], object]]:
    """Kafka's metrics, each by what RocksDB counts. Microseconds become milliseconds."""
    found: dict[str, Callable[[], object]] = {
        f"{name}-total": partial(of.total, ticker)
        for name, ticker in {
            "bytes-written": "bytes.written",
            "bytes-read": "bytes.read",
            "memtable-bytes-flushed": "flush.write.bytes",
            "number-file-errors": "no.file.errors",
        }.items()
    }
    found["write-stall-duration-total"] = lambda: of.total("stall.micros") / 1_000
    found["write-stall-duration-avg"] = partial(of.average, "db.write.stall", 1_000)
    found["memtable-hit-ratio"] = partial(of.share, "memtable.hit", "memtable.miss")
    for kind in ("data", "index", "filter"):
        found[f"block-cache-{kind}-hit-ratio"] = partial(
            of.share, f"block.cache.{kind}.hit", f"block.cache.{kind}.miss"
        )
    for name, histogram in (("memtable-flush-time", "db.flush.micros"), ("compaction-time", "compaction.times.micros")):
        found[f"{name}-avg"] = partial(of.average, histogram, 1_000)
        found[f"{name}-max"] = partial(of.highest, histogram, 1_000)
    return found


class Buffer(NamedTuple):
    """A suppression's buffer, and what takes how many records and bytes it has."""

    rows: SuppressBuffer
    records: Sensor
    bytes: Sensor


class StoreMetrics:
    """The metrics of the stores of one task.

    Args:
        scope: of the task.
        now_ms: the wall clock.
    """

    def __init__(self, scope: MetricsScope, now_ms: Callable[[], int]) -> None:
        self._scope = scope
        self._now = now_ms
        self.timed: dict[tuple[str, str], Sensor] = {}
        """What takes how long a flush, a commit or a slice of a restore took (ns), by that word and the store; where it
        is recorded."""
        self.buffers: list[Buffer] = []
        self._figures: Figures | None = None

    def store(self, spec: StoreSpec, store: Store, held: Callable[[], int]) -> object:
        """Registers a store; gives what is to be used in its place.

        Args:
            held: how many keys a store in memory has.
        """
        tag = scope_tag(spec)
        scope = self._scope.within(**{tag: spec.name})
        if spec.kind is StoreKind.SUPPRESS_BUFFER:
            self._buffer(scope, spec, store)
            return store
        layers = store.life
        self._gauge(scope, "num-open-iterators", lambda: layers.open_iterators)
        if not spec.on_disk:
            if isinstance(store, KeyValueStore) and spec.kind is StoreKind.LRU:
                held = store.approximate_entries
            self._gauge(scope, "num-keys", held)
        if not scope.records(RecordingLevel.DEBUG):
            return store
        return self._measured(scope, spec, store)

    def _measured(self, scope: MetricsScope, spec: StoreSpec, store: Store) -> object:
        def sensor(operation: str) -> Sensor:
            made = self._sensor(spec.name, operation)
            self._add(scope, made, f"{operation}-latency-avg", Avg())
            self._add(scope, made, f"{operation}-latency-max", Max())
            self._add(scope, made, f"{operation}-rate", Rate(WindowedCount()))
            return made

        duration = self._sensor(spec.name, "iterator-duration")
        self._add(scope, duration, "iterator-duration-avg", Avg())
        self._add(scope, duration, "iterator-duration-max", Max())
        ages: Sensor | None = None
        if scope.records(RecordingLevel.TRACE):
            ages = self._sensor(spec.name, "record-e2e-latency")
            for suffix, statistic in _AVG_MAX_MIN:
                self._add(scope, ages, f"record-e2e-latency-{suffix}", statistic, RecordingLevel.TRACE)
        operations = Operations(sensor, duration, ages, self._now)
        found = measured(store, operations)
        self._gauge(scope, "oldest-iterator-open-since-ms", operations.oldest, RecordingLevel.DEBUG)
        self.timed.update({(what, spec.name): sensor(what) for what in ("flush", "commit", "restore")})
        return found

    def database(self, disk: Engine, specs: Sequence[StoreSpec]) -> None:
        """Registers RocksDB's own figures, if there is one.

        Args:
            disk: the database of the task.
            specs: the stores in it.
        """
        if not specs or not isinstance(disk, Measured):
            return
        tag, name = (scope_tag(specs[0]), specs[0].name) if len(specs) == 1 else ("rocksdb-state-id", ALL_STORES)
        scope, figures = self._scope.within(**{tag: name}), Figures(disk.figures, self._scope.metrics.sampling.now_ms)
        self._figures = figures  # as long as the task has its state
        for each in FIGURES:
            self._gauge(scope, each, partial(figures.found.get, each, nan))
        scope.metrics.watch_figures(figures)
        if not scope.records(RecordingLevel.DEBUG):
            return
        sampling = scope.metrics.sampling
        statistics = Statistics(disk, sampling.now_ms)
        scope.metrics.watch_figures(statistics.figures)
        for way, ticker in (("read", "compact.read.bytes"), ("written", "compact.write.bytes")):
            grows = scope.metrics.watch(GrowthRate(partial(statistics.total, ticker), sampling))
            self._gauge(scope, f"bytes-{way}-compaction-rate", grows.value, RecordingLevel.DEBUG)
        for each, read in _made_of(statistics).items():
            self._gauge(scope, each, read, RecordingLevel.DEBUG)

    def during(self, what: str, store: str, act: Callable[[], T]) -> T:
        """Does it: a flush or a commit of a store, measured where that is recorded."""
        sensor = self.timed.get((what, store)) if self.timed else None
        if sensor is None:
            return act()
        began = sensor.now_ms()
        try:
            return act()
        finally:
            sensor.record((sensor.now_ms() - began) * 1e6)

    def looked(self) -> None:
        """A run is over: how full are the buffers?"""
        for each in self.buffers:
            each.records.record(len(each.rows))
            each.bytes.record(each.rows.measure())

    def _buffer(self, scope: MetricsScope, spec: StoreSpec, store: Store) -> None:
        """A suppression's buffer is looked at once a run (`looked`)."""
        if not scope.records(RecordingLevel.DEBUG):
            return
        if not isinstance(store, SuppressBuffer):
            return
        count, size = (self._sensor(spec.name, f"suppression-buffer-{each}") for each in ("count", "size"))
        for sensor, what in ((count, "count"), (size, "size")):
            self._add(scope, sensor, f"suppression-buffer-{what}-avg", Avg())
            self._add(scope, sensor, f"suppression-buffer-{what}-max", Max())
        self.buffers.append(Buffer(store, count, size))

    def _sensor(self, store: str, what: str) -> Sensor:
        tags = self._scope.tags
        name = f"{tags.get('thread_id', '')}.{tags.get('task_id', '')}.store.{store}.{what}"
        return self._scope.sensor(name, RecordingLevel.DEBUG)

    def _add(
        self,
        scope: MetricsScope,
        sensor: Sensor,
        name: str,
        statistic: Statistic,
        level: RecordingLevel = RecordingLevel.DEBUG,
    ) -> None:
        self._gauge(scope, name, partial(statistic.measure, sensor), level)

    def _gauge(
        self,
        scope: MetricsScope,
        name: str,
        read: Callable[[], object],
        level: RecordingLevel = RecordingLevel.INFO,
    ) -> None:
        scope.gauge(name, STORE_GROUP, DESCRIPTIONS[STORE_GROUP, name], read, level)
