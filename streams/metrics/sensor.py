"""A sensor takes values; statistics say what they come to over the last while, as Kafka's metrics do.

What is recorded lies in samples of `metrics.sample.window.ms`, of which the newest `metrics.num.samples` are kept. All
statistics of a sensor look at the same samples, so that recording costs the same however many there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf, nan
from typing import NamedTuple, Protocol

from streams.errors import IllegalArgumentException
from streams.metrics.names import MetricName


class Sampling(NamedTuple):
    """How samples are kept.

    Args:
        samples: `metrics.num.samples`.
        window_ms: `metrics.sample.window.ms`.
        now_ms: a monotonic clock.
    """

    samples: int
    window_ms: float
    now_ms: Callable[[], float]


class Seen(NamedTuple):
    """What the samples that are kept come to."""

    values: int
    total: float
    high: float
    low: float
    since: float
    """Since when (monotonic clock, ms)."""


class Samples:
    """The values of the last while. One thread adds, any may look."""

    __slots__ = ("_count", "_ends", "_high", "_kept", "_low", "_sampling", "_span", "_start", "_total", "now_ms")

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._span = sampling.samples * sampling.window_ms
        self.now_ms = sampling.now_ms
        self._kept: deque[tuple[float, int, float, float, float]] = deque(maxlen=max(1, sampling.samples - 1))
        self._begin(sampling.now_ms())

    def _begin(self, now: float) -> None:
        self._start, self._ends = now, now + self._sampling.window_ms
        self._count, self._total, self._high, self._low = 0, 0.0, -inf, inf

    def add(self, value: float, now: float) -> None:
        """One value, at that time of the monotonic clock (ms)."""
        if now >= self._ends:
            self._kept.append((self._start, self._count, self._total, self._high, self._low))
            self._begin(now)
        self._count += 1
        self._total += value
        if value > self._high:
            self._high = value
        if value < self._low:
            self._low = value

    def seen(self, now: float) -> Seen:
        """What there is of the last while."""
        since = now - self._span
        start = self._start
        if start <= since:
            return Seen(0, 0.0, -inf, inf, now)
        values, total, high, low = self._count, self._total, self._high, self._low
        for began, count, added, highest, lowest in list(self._kept):
            if began > since:
                start, values, total = min(start, began), values + count, total + added
                high, low = max(high, highest), min(low, lowest)
        return Seen(values, total, high, low, start)


    # the same by one figure, for a scrape that asks thousands

    def average(self) -> float:
        """The average; NaN where there is nothing."""
        seen = self.seen(self.now_ms())
        return seen.total / seen.values if seen.values else nan

    def highest(self) -> float:
        """The highest value; NaN where there is nothing."""
        since = self.now_ms() - self._span
        if self._start <= since:
            return nan
        high = self._high
        for began, _, _, highest, _ in list(self._kept):
            if began > since and highest > high:
                high = highest
        return high if high > -inf else nan

    def lowest(self) -> float:
        """The lowest value; NaN where there is nothing."""
        since = self.now_ms() - self._span
        if self._start <= since:
            return nan
        low = self._low
        for began, _, _, _, lowest in list(self._kept):
            if began > since and lowest < low:
                low = lowest
        return low if low < inf else nan


class Together:
    """Several samples as if they were one.

    Args:
        samples: these.
    """

    def __init__(self, samples: Sequence[Samples]) -> None:
        self._samples = tuple(samples)

    def average(self) -> float:
        """The average; NaN where there is nothing."""
        seen = [one.seen(one.now_ms()) for one in self._samples]
        values = sum(each.values for each in seen)
        return sum(each.total for each in seen) / values if values else nan

    def highest(self) -> float:
        """The highest value; NaN where there is nothing."""
        found = [high for one in self._samples if (high := one.highest()) == high]
        return max(found, default=nan)

    def lowest(self) -> float:
        """The lowest value; NaN where there is nothing."""
        found = [low for one in self._samples if (low := one.lowest()) == low]
        return min(found, default=nan)


def elapsed(since: float, now: float, sampling: Sampling) -> float:
    """How long (ms) it counts as since then, for a rate: at least all windows but one. Source: Kafka's
    `Rate.windowSize`."""
    samples, window, _ = sampling
    passed = now - since
    missing = samples - 1 - (int(passed // window) if window else 0)
    if missing > 0:
        passed += missing * window
    return passed if passed > 1.0 else 1.0


class Statistic(Protocol):
    """What the values of a sensor come to. Kafka's `MeasurableStat`."""

    def measure(self, sensor: Sensor) -> float: ...


class Avg:
    """The average; NaN where nothing was recorded."""

    def measure(self, sensor: Sensor) -> float:
        seen = sensor.seen()
        return seen.total / seen.values if seen.values else nan


class Max:
    """The highest value; NaN where nothing was recorded."""

    def measure(self, sensor: Sensor) -> float:
        seen = sensor.seen()
        return seen.high if seen.values else nan


class Min:
    """The lowest value; NaN where nothing was recorded."""

    def measure(self, sensor: Sensor) -> float:
        seen = sensor.seen()
        return seen.low if seen.values else nan


class WindowedSum:
    """The sum."""

    def measure(self, sensor: Sensor) -> float:
        return sensor.seen().total


class WindowedCount:
    """How many values there are."""

    def measure(self, sensor: Sensor) -> float:
        return float(sensor.seen().values)


class Rate:
    """What another statistic comes to per second.

    Args:
        of: `WindowedSum()` (what Kafka's has by default) or `WindowedCount()`.
    """

    def __init__(self, of: WindowedSum | WindowedCount | None = None) -> None:
        self._counts = isinstance(of, WindowedCount)

    def measure(self, sensor: Sensor) -> float:
        now = sensor.now_ms()
        seen = sensor.seen(now)
        found = seen.values if self._counts else seen.total
        return found * 1000.0 / sensor.elapsed(seen.since, now) if found else 0.0


class CumulativeCount:
    """How many values there have ever been."""

    def measure(self, sensor: Sensor) -> float:
        return float(sensor.count)


class CumulativeSum:
    """The sum of all that was ever recorded."""

    def measure(self, sensor: Sensor) -> float:
        return sensor.total


class Value:
    """The value that was recorded last."""

    def measure(self, sensor: Sensor) -> float:
        return sensor.last


class Sensor:
    """Takes values. Made by `Metrics.add_sensor`.

    Args:
        name: what it is called.
        recorded: its level is recorded; where it is not, `record` does nothing.
        sampling: how its values are kept.
        register: takes what is added to it.
        parents: get each value too.
    """

    __slots__ = (
        "_metrics",
        "_parents",
        "_register",
        "_samples",
        "_sampling",
        "count",
        "last",
        "name",
        "now_ms",
        "recorded",
        "total",
    )

    def __init__(
        self,
        name: str,
        recorded: bool,
        sampling: Sampling,
        register: Callable[[MetricName, str, Callable[[], object]], bool],
        parents: Sequence[Sensor] = (),
    ) -> None:
        self.name = name
        self.recorded = recorded
        self.count = 0
        """How many values there have been."""
        self.total = 0.0
        """Their sum."""
        self.last = nan
        """The newest of them."""
        self._sampling = sampling
        self.now_ms = sampling.now_ms
        self._samples = Samples(sampling)
        self._register = register
        self._parents = tuple(parents)
        self._metrics: list[MetricName] = []

    def should_record(self) -> bool:
        """Is its level recorded (`metrics.recording.level`)?"""
        return self.recorded

    def record(self, value: float = 1.0, time_ms: float | None = None) -> None:
        """Takes a value.

        Args:
            value: any number.
            time_ms: of a monotonic clock; None: now.
        """
        if not self.recorded:
            return
        self.count += 1
        self.total += value
        self.last = value
        self._samples.add(value, self._sampling.now_ms() if time_ms is None else time_ms)
        for parent in self._parents:
            parent.record(value, time_ms)

    def seen(self, now: float | None = None) -> Seen:
        """What its values of the last while come to; None: by the clock."""
        return self._samples.seen(self.now_ms() if now is None else now)

    def elapsed(self, since: float, now: float) -> float:
        """How long (ms) that counts as, for a rate."""
        return elapsed(since, now, self._sampling)

    def add(self, name: MetricName, statistic: Statistic, description: str = "") -> bool:
        """Makes a metric of its values.

        Args:
            name: what it is called (`Metrics.metric_name`).
            statistic: `Avg()`, `Max()`, `Min()`, `Rate()`, `WindowedSum()`, `WindowedCount()`, `CumulativeSum()`,
                `CumulativeCount()` or `Value()`.
            description: one line.
        Returns:
            whether there is one now; False where another sensor has that name.
        Raises:
            IllegalArgumentException: that is no statistic.
        """
        if not hasattr(statistic, "measure"):
            raise IllegalArgumentException(f"{statistic!r} is no statistic; give one of streams.metrics, as Avg().")
        if name in self._metrics:
            return True
        added = self._register(name, description, lambda: statistic.measure(self))
        if added:
            self._metrics.append(name)
        return added

    def has_metrics(self) -> bool:
        """Has something been added to it?"""
        return bool(self._metrics)

    @property
    def metric_names(self) -> Sequence[MetricName]:
        """The names of its metrics."""
        return tuple(self._metrics)
