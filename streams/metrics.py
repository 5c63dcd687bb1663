"""Counters and gauges under Kafka Streams' names.

Counting a record is one addition to an attribute; everything else (rates, tables) is worked out when
somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from streams.errors import IllegalArgumentException

THREAD_GROUP = "stream-thread-metrics"
TASK_GROUP = "stream-task-metrics"
NODE_GROUP = "stream-processor-node-metrics"
TOPIC_GROUP = "stream-topic-metrics"

Number = int | float


class Counter:
    """Counts. The hot path adds to `value` itself: `counter.value += 1`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, count: int = 1) -> None:
        """Adds `count`."""
        self.value += count


class MetricName(NamedTuple):
    """What a metric is called: equal names are one metric."""

    name: str
    group: str
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def tag_map(self) -> Mapping[str, str]:
        """The tags as a mapping."""
        return MappingProxyType(dict(self.tags))

    def __str__(self) -> str:
        tags = ",".join(f"{key}={value}" for key, value in self.tags)
        return f"{self.group}:{self.name}" + (f"{{{tags}}}" if tags else "")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is read."""

    name: MetricName
    description: str
    value: object


Description = tuple[str, str]
"""Group and description of a metric."""

# The metrics the runtime keeps as counters, with Java's groups and descriptions (`…-total` of each pair; the
# `…-rate` beside it is worked out from it, see `Rates`).
COUNTED: Mapping[str, Description] = MappingProxyType(
    {
        "dropped-records-total": (TASK_GROUP, "The total number of dropped records"),
        "process-total": (TASK_GROUP, "The total number of calls to process"),
        "punctuate-total": (TASK_GROUP, "The total number of calls to punctuate"),
        "enforced-processing-total": (TASK_GROUP, "The total number of enforced processing"),
        "restore-total": (TASK_GROUP, "The total number of records restored"),
        "records-consumed-total": (TOPIC_GROUP, "The total number of records consumed from this topic"),
        "bytes-consumed-total": (TOPIC_GROUP, "The total number of bytes consumed from this topic"),
        "records-produced-total": (TOPIC_GROUP, "The total number of records produced to this topic"),
        "bytes-produced-total": (TOPIC_GROUP, "The total number of bytes produced to this topic"),
        "suppression-emit-total": (
            NODE_GROUP,
            "The total number of emitted records from the suppression buffer",
        ),
        "window-aggregate-final-emit-total": (NODE_GROUP, "The total number of emit final"),
        "commit-total": (THREAD_GROUP, "The total number of calls to commit"),
        "poll-total": (THREAD_GROUP, "The total number of calls to poll"),
        "task-created-total": (THREAD_GROUP, "The total number of newly created tasks"),
        "task-closed-total": (THREAD_GROUP, "The total number of closed tasks"),
    }
)


_SHORT_NAMES = {name.removesuffix("-total"): name for name in COUNTED} | {
    "emit-final-records": "window-aggregate-final-emit-total"
}


class Metrics:
    """The metrics of one application. A name asked for twice is the same counter."""

    __slots__ = ("_counters", "_descriptions", "_gauges")

    def __init__(self) -> None:
        self._counters: dict[MetricName, Counter] = {}
        self._gauges: dict[MetricName, Callable[[], object]] = {}
        self._descriptions: dict[MetricName, str] = {}

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
            name = _SHORT_NAMES.get(name, name)
        known = COUNTED.get(name)
        if known is None and group is None:
            raise IllegalArgumentException(
                f"The metric {name} has no group of its own; give one (known by name: {', '.join(COUNTED)})."
            )
        key = MetricName(name, group or (known or ("", ""))[0], _tags(tags))
        found = self._counters.get(key)
        if found is None:
            found = self._counters[key] = Counter()
            self._descriptions[key] = description or (known or ("", ""))[1]
        return found

    def gauge(self, name: str, group: str, description: str, read: Callable[[], object], /, **tags: str) -> None:
        """Registers a value that is asked for when somebody looks; one of that name before it is replaced."""
        key = MetricName(name, group, _tags(tags))
        self._gauges[key] = read
        self._descriptions[key] = description

    def remove(self, **tags: str) -> None:
        """Forgets all metrics that have these tags, e.g. of a task that was closed."""
        wanted = set(_tags(tags))
        for key in [key for key in self._descriptions if wanted <= set(key.tags)]:
            self._counters.pop(key, None)
            self._gauges.pop(key, None)
            del self._descriptions[key]

    def total(self, name: str) -> int:
        """The sum of a count over all its tags."""
        counted = sum(counter.value for key, counter in list(self._counters.items()) if key.name == name)
        read = [gauge() for key, gauge in list(self._gauges.items()) if key.name == name]
        return counted + sum(value for value in read if isinstance(value, int))

    def __iter__(self) -> Iterator[Metric]:
        for key, description in list(self._descriptions.items()):
            counter = self._counters.get(key)
            if counter is not None:
                yield Metric(key, description, counter.value)
            elif key in self._gauges:
                yield Metric(key, description, self._gauges[key]())

    def snapshot(self) -> dict[MetricName, object]:
        """All metrics and their values at this moment."""
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


class Rates:
    """Per-second rates of the counters, from two looks at them.

    Java keeps samples per sensor; here the last look is kept, so that counting stays one addition.
    """

    __slots__ = ("_at_ms", "_metrics", "_totals")

    def __init__(self, metrics: Metrics, now_ms: float) -> None:
        self._metrics = metrics
        self._at_ms = now_ms
        self._totals = _totals(metrics)

    def since_last(self, now_ms: float) -> dict[MetricName, float]:
        """`…-rate` for each `…-total`, over the time since the last call (or since this object was made).

        Args:
            now_ms: a monotonic time in milliseconds.
        """
        seconds = (now_ms - self._at_ms) / 1000.0
        totals = _totals(self._metrics)
        rates = {
            MetricName(f"{key.name.removesuffix('-total')}-rate", key.group, key.tags): (
                (total - self._totals.get(key, 0)) / seconds if seconds > 0 else 0.0
            )
            for key, total in totals.items()
        }
        self._at_ms, self._totals = now_ms, totals
        return rates


def _totals(metrics: Metrics) -> dict[MetricName, Number]:
    return {
        metric.name: metric.value
        for metric in metrics
        if metric.name.name.endswith("-total") and isinstance(metric.value, int | float)
    }


def _tags(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key.replace("_", "-"), value) for key, value in tags.items()))
