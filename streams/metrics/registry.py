"""The metrics of one application: counters, values that are read when somebody looks, and sensors.

Counting is one addition to an attribute; everything else (rates, tables, text) is worked out when somebody looks. Its
methods for processors are those of Kafka's `StreamsMetrics`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol
from weakref import WeakSet

from streams.clock import Clock
from streams.errors import IllegalArgumentException
from streams.metrics.catalogue import COUNTED, DESCRIPTIONS, RATES
from streams.metrics.names import NODE_GROUP, Metric, MetricName, RecordingLevel, tags_of
from streams.metrics.sensor import (
    Avg,
    CumulativeCount,
    Max,
    Rate,
    Sampling,
    Sensor,
    WindowedCount,
    elapsed,
)
from streams.world import SYSTEM, lock

Read = Callable[[], object]
NEVER = max(RecordingLevel) + 1


class Counter:
    """Counts. The hot path adds to `value` itself: `counter.value += 1`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, count: int = 1) -> None:
        """Adds `count`."""
        self.value += count

    def read(self) -> int:
        """How many there are."""
        return self.value


class GrowthRate:
    """How fast a total grows, per second, from looks at it once a sample's window."""

    __slots__ = ("__weakref__", "_looks", "_read", "_sampling")

    def __init__(self, read: Read, sampling: Sampling) -> None:
        self._read = read
        self._sampling = sampling
        self._looks: deque[tuple[float, float]] = deque(maxlen=max(1, sampling.samples))
        self.look(sampling.now_ms())

    def look(self, now: float) -> None:
        """Notes how large the total is."""
        self._looks.append((now, _number(self._read())))

    def value(self) -> float:
        """Its growth per second over the looks that are kept."""
        at, before = self._looks[0]
        total = self._read()
        if total == before:
            return 0.0
        return (_number(total) - before) * 1000.0 / elapsed(at, self._sampling.now_ms(), self._sampling)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


class Refreshed(Protocol):
    """Values that cost something to be read."""

    def refresh(self) -> None:
        """Reads them again, if it has been a while."""
        ...


class Metrics:
    """The metrics of one application. A name asked for twice is the same counter or sensor.

    Args:
        level: what costs more than an addition is recorded up to this level (`metrics.recording.level`).
        samples: `metrics.num.samples`.
        window_ms: `metrics.sample.window.ms`.
        clock: gives both times.
        process_id: of the instance.
    """

    def __init__(
        self,
        level: RecordingLevel = RecordingLevel.INFO,
        samples: int = 2,
        window_ms: int = 30_000,
        clock: Clock = SYSTEM,
        process_id: str = "",
    ) -> None:
        self.process_id = process_id
        self.level = level
        self.clock = clock
        self.sampling = Sampling(samples, window_ms, clock.monotonic_ms)
        self._families: dict[tuple[str, str], dict[MetricName, Metric]] = {}
        self._counters: dict[MetricName, Counter] = {}
        self._growth: dict[MetricName, GrowthRate] = {}
        self._watching = lock()
        """Guards the two sets: one thread may add while another looks."""
        self._watched: WeakSet[GrowthRate] = WeakSet()
        self._figures: WeakSet[Refreshed] = WeakSet()
        self._sensors: dict[str, Sensor] = {}
        self._gone: dict[tuple[str, str], int] = {}
        """What counters that were removed had counted."""
        self._look_at = 0.0

    # what the runtime registers

    def counter(self, name: str, group: str | None = None, description: str | None = None, /, **tags: str) -> Counter:
        """The counter of that name and tags, made at the first call.

        Args:
            name: e.g. `dropped-records-total`; for the names of `COUNTED` group and description are known, and
                `-total` may be left out.
            group: e.g. `stream-task-metrics`.
            description: one line.
            tags: e.g. `task_id="0_1"`; underscores become dashes, as Java writes its tags.
        Raises:
            IllegalArgumentException: no group is given for a name that is not in `COUNTED`.
        """
        if group is None:
            name = name if name in COUNTED else f"{name}-total"
        known = COUNTED.get(name)
        if known is None and group is None:
            raise IllegalArgumentException(
                f"The metric {name} has no group of its own; give one (known by name: {', '.join(COUNTED)})."
            )
        key = MetricName(name, group or (known or ("", ""))[0], tags_of(tags))
        return self.counts(key, description or (known or ("", ""))[1])

    def counts(self, name: MetricName, description: str) -> Counter:
        """The counter of that name, made at the first call."""
        found = self._counters.get(name)
        if found is None:
            found = self._counters[name] = Counter()
            self.put(name, description, found.read)
        return found

    def gauge(
        self,
        name: str,
        group: str,
        description: str,
        read: Read,
        level: RecordingLevel = RecordingLevel.INFO,
        /,
        **tags: str,
    ) -> None:
        """Registers a value that is asked for when somebody looks; one of that name before it is replaced. A total has
        its rate beside it, where Kafka has one at the level that is recorded."""
        self.put(MetricName(name, group, tags_of(tags)), description, read, level)

    def put(self, key: MetricName, description: str, read: Read, level: RecordingLevel = RecordingLevel.INFO) -> None:
        """See `gauge`."""
        self._families.setdefault((key.group, key.name), {})[key] = Metric(key, description, read, level)
        if not key.name.endswith("-total"):
            return
        rate = f"{key.name.removesuffix('-total')}-rate"
        if RATES.get((key.group, rate), NEVER) <= self.level:
            grows = self._growth[key] = GrowthRate(read, self.sampling)
            words = f"How many a second: {description[:1].lower()}{description[1:]}"
            self.put(MetricName(rate, key.group, key.tags), words, grows.value, level)

    def scope(self, **tags: str) -> MetricsScope:
        """Metrics that bear these tags, and go together."""
        return MetricsScope(self, tags)

    def tick(self, now: float) -> None:
        """Once a sample's window: looks at all totals that have a rate.

        Args:
            now: a monotonic time in ms.
        """
        if now >= self._look_at:
            first, self._look_at = not self._look_at, now + self.sampling.window_ms
            with self._watching:
                watched = list(self._watched)
            for grows in () if first else [*self._growth.values(), *watched]:
                grows.look(now)

    def watch_figures(self, figures: Refreshed) -> None:
        """They are read again when somebody looks at the metrics; as long as somebody has them."""
        with self._watching:
            self._figures.add(figures)

    def refresh(self) -> None:
        """Somebody looks: what is old is read again, and totals are looked at where a window is over."""
        self.tick(self.sampling.now_ms())
        with self._watching:
            found = list(self._figures)
        for figures in found:
            figures.refresh()

    def watch(self, grows: GrowthRate) -> GrowthRate:
        """A rate of a total that is no metric itself; it is watched as long as somebody has it."""
        with self._watching:
            self._watched.add(grows)
        return grows

    def forget(self, name: MetricName) -> None:
        """Forgets one metric, and its rate."""
        key = name.group, name.name
        family = self._families.get(key)
        if family is None or family.pop(name, None) is None:
            return
        # the family stays, empty or not: another thread may be about to add to it
        counter = self._counters.pop(name, None)
        if counter is not None:
            self._gone[key] = self._gone.get(key, 0) + counter.value
        if self._growth.pop(name, None) is not None:
            self.forget(MetricName(f"{name.name.removesuffix('-total')}-rate", name.group, name.tags))

    def remove(self, **tags: str) -> None:
        """Forgets all metrics that have these tags, e.g. of a task that was closed."""
        wanted = set(tags_of(tags))
        for metric in list(self):
            if wanted <= set(metric.name.tags):
                self.forget(metric.name)

    # what processors have of it: Kafka's StreamsMetrics

    def metrics(self) -> Mapping[MetricName, Metric]:
        """All metrics by their names."""
        return {metric.name: metric for metric in self}

    def metric_name(
        self, name: str, group: str, description: str = "", tags: Mapping[str, str] | None = None
    ) -> MetricName:
        """A name for `Sensor.add`.

        Args:
            name: e.g. `cache-hits`.
            group: e.g. `my-metrics`.
            description: is that of `Sensor.add`; here for those who know Kafka's `MetricName`.
            tags: e.g. `{"shop": "berlin"}`.
        """
        return MetricName(name, group, tuple(sorted((tags or {}).items())))

    def add_sensor(self, name: str, recording_level: RecordingLevel, *parents: Sensor) -> Sensor:
        """A sensor, made at the first call.

        Args:
            name: of the sensor, for this application.
            recording_level: from which level on it records.
            parents: get each of its values too.
        Raises:
            IllegalArgumentException: that is no level.
        """
        level = _level(recording_level)
        found = self._sensors.get(name)
        if found is None:
            found = Sensor(name, level <= self.level, self.sampling, partial(self._register, level), parents)
            self._sensors[name] = found
        return found

    def _register(self, level: RecordingLevel, name: MetricName, description: str, read: Read) -> bool:
        family = self._families.setdefault((name.group, name.name), {})
        if name in family:
            return False
        family[name] = Metric(name, description, read, level)
        return True

    def add_rate_total_sensor(
        self, scope_name: str, entity_name: str, operation_name: str, recording_level: RecordingLevel, *tags: str
    ) -> Sensor:
        """A sensor with `OPERATION-rate` and `OPERATION-total`, in the group `stream-SCOPE-metrics`.

        Args:
            scope_name: e.g. `my-cache`.
            entity_name: value of the tag `SCOPE-id`.
            operation_name: e.g. `lookup`.
            recording_level: from which level on it records.
            tags: more tags: key, value, key, value.
        Raises:
            IllegalArgumentException: a tag has no value.
        """
        group, labels = f"stream-{scope_name}-metrics", self._labels(scope_name, entity_name, tags)
        thread = SYSTEM.thread_name()
        sensor = self.add_sensor(f"external.{thread}.entity.{entity_name}.sensor.{operation_name}", recording_level)
        rate, total = (MetricName(f"{operation_name}-{each}", group, labels) for each in ("rate", "total"))
        sensor.add(rate, Rate(WindowedCount()), f"Calls of the operation {operation_name} a second")
        sensor.add(total, CumulativeCount(), f"Calls of the operation {operation_name}")
        return sensor

    def add_latency_rate_total_sensor(
        self, scope_name: str, entity_name: str, operation_name: str, recording_level: RecordingLevel, *tags: str
    ) -> Sensor:
        """The same with `OPERATION-latency-avg` and `OPERATION-latency-max` of what is recorded.

        Raises:
            IllegalArgumentException: a tag has no value.
        """
        sensor = self.add_rate_total_sensor(scope_name, entity_name, operation_name, recording_level, *tags)
        group, labels = f"stream-{scope_name}-metrics", self._labels(scope_name, entity_name, tags)
        for suffix, statistic, words in (("avg", Avg(), "average"), ("max", Max(), "maximum")):
            name = MetricName(f"{operation_name}-latency-{suffix}", group, labels)
            sensor.add(name, statistic, f"The {words} latency of calls of the operation {operation_name}")
        return sensor

    def _labels(self, scope: str, entity: str, tags: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        if len(tags) % 2:
            raise IllegalArgumentException("Tags needs to be specified in key-value pairs")
        given = dict(zip(tags[::2], tags[1::2], strict=True))
        return tuple(sorted({"thread-id": SYSTEM.thread_name(), f"{scope}-id": entity, **given}.items()))

    def remove_sensor(self, sensor: Sensor) -> None:
        """Forgets a sensor and its metrics."""
        self._sensors.pop(sensor.name, None)
        for name in sensor.metric_names:
            self.forget(name)

    # looking

    def total(self, name: str, group: str | None = None) -> int:
        """The sum of a count over all its tags, also of what is gone.

        Args:
            group: None: that which `COUNTED` has for the name, else all.
        """
        wanted = group or COUNTED.get(name, ("", ""))[0]
        families = [f for (where, what), f in list(self._families.items()) if what == name and wanted in ("", where)]
        members = [metric for family in families for metric in list(family.values())]
        found = sum(value for metric in members if isinstance(value := metric.value, int))
        gone = (count for (where, what), count in list(self._gone.items()) if what == name and wanted in ("", where))
        return found + sum(gone)

    def __iter__(self) -> Iterator[Metric]:
        for family in list(self._families.values()):
            yield from list(family.values())

    def families(self) -> list[tuple[tuple[str, str], list[Metric]]]:
        """Group and name, and the metrics that are called so."""
        return [(key, list(family.values())) for key, family in list(self._families.items()) if family]

    def by_family(self) -> Mapping[tuple[str, str], Mapping[MetricName, Metric]]:
        """The metrics that there are, by group and name, and by their whole names: a copy."""
        return {key: family.copy() for key, family in list(self._families.items()) if family}

    def family(self, group: str, name: str) -> list[Metric]:
        """The metrics of one name and group: a look at few of many."""
        return list(self._families.get((group, name), {}).values())

    def snapshot(self) -> dict[MetricName, object]:
        """All metrics and their values at this moment."""
        self.refresh()
        return {metric.name: metric.value for metric in self}

    def table(self) -> list[tuple[str, str, str, object]]:
        """Rows of group, name, tags and value, sorted: what the command line prints."""
        return sorted(
            (
                (
                    metric.name.group,
                    metric.name.name,
                    ",".join(f"{key}={value}" for key, value in metric.name.tags),
                    metric.value,
                )
                for metric in self
            ),
            key=lambda row: row[:3],
        )


class Readings(Mapping[MetricName, object]):
    """The metrics that there are at one moment; a value is read when it is asked for, as in Kafka.

    Args:
        metrics: the registry.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._families = metrics.by_family()

    def __getitem__(self, name: MetricName) -> object:
        return self._families[name.group, name.name][name].value

    def __iter__(self) -> Iterator[MetricName]:
        for family in self._families.values():
            yield from family

    def __len__(self) -> int:
        return sum(map(len, self._families.values()))


class MetricsScope:
    """Registers metrics that have tags in common, and forgets all of them at its end.

    Args:
        metrics: the registry.
        tags: of all of them.
    """

    __slots__ = ("_made", "_sensors", "_tags", "metrics", "tags")

    def __init__(self, metrics: Metrics, tags: Mapping[str, str]) -> None:
        self.metrics = metrics
        self.tags = dict(tags)
        self._tags = tags_of(tags)
        """As names have them: one object for all."""
        self._made: dict[MetricName, None] = {}
        self._sensors: dict[str, Sensor] = {}

    def within(self, **tags: str) -> MetricsScope:
        """Some of them with more tags; they end with these."""
        inner = MetricsScope(self.metrics, {**self.tags, **tags})
        inner._made, inner._sensors = self._made, self._sensors
        return inner

    def beside(self, **tags: str) -> MetricsScope:
        """Some with other tags that end with these."""
        other = MetricsScope(self.metrics, tags)
        other._made, other._sensors = self._made, self._sensors
        return other

    def records(self, level: RecordingLevel) -> bool:
        """Is that level recorded?"""
        return level <= self.metrics.level

    def counter(self, name: str, group: str | None = None, description: str | None = None, /) -> Counter:
        """See `Metrics.counter`."""
        full = name if group or name in COUNTED else f"{name}-total"
        known = (group, description or "") if group else COUNTED[full]
        key = MetricName(full, known[0], self._tags)
        self._made[key] = None
        return self.metrics.counts(key, description or known[1])

    def gauge(
        self, name: str, group: str, description: str, read: Read, level: RecordingLevel = RecordingLevel.INFO, /
    ) -> None:
        """See `Metrics.gauge`; not registered where its level is not recorded."""
        if level <= self.metrics.level:
            key = MetricName(name, group, self._tags)
            self._made[key] = None
            self.metrics.put(key, description, read, level)

    def sensor(self, name: str, level: RecordingLevel) -> Sensor:
        """See `Metrics.add_sensor`."""
        found = self.metrics.add_sensor(name, level)
        self._sensors[name] = found
        return found

    def close(self) -> None:
        """Forgets them."""
        for sensor in list(self._sensors.values()):
            self.metrics.remove_sensor(sensor)
        self._sensors.clear()
        for name in list(self._made):
            self.metrics.forget(name)
        self._made.clear()


def node_latency(scope: MetricsScope, node: str, name: str) -> Sensor:
    """A sensor of a node, with the average and the maximum of what it takes (ms)."""
    tags = scope.tags
    made = scope.sensor(f"{tags.get('thread_id', '')}.{tags.get('task_id', '')}.{node}.{name}", RecordingLevel.DEBUG)
    here = scope.within(processor_node_id=node)
    for suffix, statistic in (("avg", Avg()), ("max", Max())):
        full = f"{name}-{suffix}"
        read = partial(statistic.measure, made)
        here.gauge(full, NODE_GROUP, DESCRIPTIONS[NODE_GROUP, full], read, RecordingLevel.DEBUG)
    return made


def _level(level: object) -> RecordingLevel:
    if not isinstance(level, RecordingLevel):
        raise IllegalArgumentException(f"{level!r} is no RecordingLevel; give RecordingLevel.INFO, DEBUG or TRACE.")
    return level
