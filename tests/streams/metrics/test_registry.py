"""The registry: counters, values that are read, sensors and rates, as Kafka works them out."""

from __future__ import annotations

import math
from typing import Any

import pytest

from streams.clock import ManualClock
from streams.errors import IllegalArgumentException
from streams.metrics.names import TASK_GROUP, MetricName, RecordingLevel
from streams.metrics.registry import Metrics
from streams.metrics.sensor import (
    Avg,
    CumulativeCount,
    CumulativeSum,
    Max,
    Min,
    Rate,
    Value,
    WindowedCount,
    WindowedSum,
)


def test_a_name_and_its_tags_are_one_counter() -> None:
    metrics = Metrics()
    counter = metrics.counter("dropped-records-total", task_id="0_0", thread_id="t")
    counter.value += 2
    metrics.counter("dropped-records-total", thread_id="t", task_id="0_0").add()
    metrics.counter("dropped-records", task_id="0_1").add(4)
    assert counter.value == 3
    assert metrics.total("dropped-records-total") == 7
    name = MetricName("dropped-records-total", TASK_GROUP, (("task-id", "0_0"), ("thread-id", "t")))
    assert metrics.snapshot()[name] == 3
    assert str(name) == "stream-task-metrics:dropped-records-total{task-id=0_0,thread-id=t}"


def test_gauges_are_read_when_somebody_looks() -> None:
    metrics = Metrics()
    size = [1]
    metrics.gauge("active-buffer-count", TASK_GROUP, "records that wait", lambda: size[0], task_id="0_0")
    size[0] = 5
    assert metrics.table() == [(TASK_GROUP, "active-buffer-count", "task-id=0_0", 5)]


def test_a_closed_task_takes_its_metrics_along() -> None:
    metrics = Metrics(RecordingLevel.DEBUG)
    metrics.counter("process-total", task_id="0_0")
    metrics.counter("process-total", task_id="0_1")
    metrics.gauge("active-buffer-count", TASK_GROUP, "", lambda: 0, task_id="0_0")
    metrics.remove(task_id="0_0")
    assert {metric.name.name for metric in metrics} == {"process-total", "process-rate"}
    assert all(metric.name.tag_map == {"task-id": "0_1"} for metric in metrics)


def test_an_unknown_metric_needs_a_group() -> None:
    with pytest.raises(IllegalArgumentException, match="has no group of its own"):
        Metrics().counter("my-total")
    counter = Metrics().counter("my-total", "my-group", "mine")
    assert counter.value == 0


WINDOW_MS = 30_000


class Clocked:
    """A registry whose time is told."""

    def __init__(self, level: RecordingLevel = RecordingLevel.INFO) -> None:
        self.clock = ManualClock(1_000)
        self.metrics = Metrics(level, 2, WINDOW_MS, self.clock)

    def value(self, name: str) -> Any:
        (found,) = [metric.value for metric in self.metrics if metric.name.name == name]
        return found

    def advance(self, seconds: float) -> None:
        self.clock.advance(int(seconds * 1_000))
        self.metrics.tick(self.clock.monotonic_ms())


def test_the_rate_of_a_total_is_that_of_the_last_two_windows() -> None:
    """As Kafka's `Rate`: what there is of two samples of 30 s, and at least one of them whole."""
    here = Clocked(RecordingLevel.DEBUG)
    counter = here.metrics.counter("punctuate-total", task_id="0_0")
    here.advance(0)
    counter.value += 60
    here.advance(3)
    assert here.value("punctuate-rate") == pytest.approx(60 / 33), "the window that is still missing counts as empty"
    here.advance(30)
    counter.value += 30
    assert here.value("punctuate-rate") == pytest.approx(90 / 33)
    here.advance(30)
    here.advance(30)
    assert here.value("punctuate-rate") == 0.0, "what is older than two windows does not count"
    assert here.value("punctuate-total") == 90


def test_rates_come_with_kafkas_levels() -> None:
    """Of a thousand tasks they are dear in a scrape. Totals are there at each level."""
    for level, wanted in ((RecordingLevel.INFO, 1), (RecordingLevel.DEBUG, 2)):
        metrics = Metrics(level)
        metrics.counter("process-total", task_id="0_0")
        metrics.counter("commit-total", thread_id="t")
        rates = [metric.name.name for metric in metrics if metric.name.name.endswith("-rate")]
        assert len(rates) == wanted and "commit-rate" in rates


def test_a_rate_goes_with_its_total() -> None:
    metrics = Metrics(RecordingLevel.DEBUG)
    scope = metrics.scope(thread_id="t", task_id="0_0")
    scope.counter("process-total").value += 5
    scope.within(processor_node_id="n").counter("suppression-emit-total")
    assert len(list(metrics)) == 4
    scope.close()
    assert not list(metrics) and not metrics.families()
    assert metrics.total("process-total") == 5, "what was counted stays counted"


def test_statistics_look_at_the_last_windows() -> None:
    here = Clocked()
    sensor = here.metrics.add_sensor("s", RecordingLevel.INFO)
    name = here.metrics.metric_name
    for each in (Avg(), Max(), Min(), Rate(), Rate(WindowedCount()), WindowedSum(), CumulativeSum(), Value()):
        assert sensor.add(name(f"{type(each).__name__}-{len(sensor.metric_names)}", "g"), each)
    assert all(math.isnan(here.value(each)) for each in ("Avg-0", "Max-1", "Min-2", "Value-7"))
    for value in (3.0, 5.0, 10.0):
        sensor.record(value)
    assert [here.value(each) for each in ("Avg-0", "Max-1", "Min-2", "WindowedSum-5")] == [6.0, 10.0, 3.0, 18.0]
    assert (here.value("Rate-3"), here.value("Rate-4")) == (18 / 30, 3 / 30)
    here.advance(31)
    sensor.record(1.0)
    assert [here.value(each) for each in ("Max-1", "Min-2", "WindowedSum-5")] == [10.0, 1.0, 19.0]
    here.advance(31)
    sensor.record(2.0)
    assert [here.value(each) for each in ("Max-1", "Min-2", "WindowedSum-5")] == [2.0, 1.0, 3.0]
    assert (here.value("CumulativeSum-6"), here.value("Value-7")) == (21.0, 2.0)


@pytest.mark.parametrize("level", RecordingLevel)
def test_a_sensor_records_from_its_level_on(level: RecordingLevel) -> None:
    here = Clocked(RecordingLevel.DEBUG)
    parent = here.metrics.add_sensor("p", RecordingLevel.INFO)
    sensor = here.metrics.add_sensor("s", level, parent)
    sensor.add(here.metrics.metric_name("n", "g"), CumulativeCount())
    sensor.record()
    recorded = level <= RecordingLevel.DEBUG
    assert sensor.should_record() is recorded
    assert here.value("n") == float(recorded) == float(parent.count)
    assert here.metrics.add_sensor("s", level) is sensor
    here.metrics.remove_sensor(sensor)
    assert not list(here.metrics)


def test_a_processor_has_kafkas_sensors() -> None:
    metrics = Metrics()
    sensor = metrics.add_latency_rate_total_sensor("cache", "prices", "lookup", RecordingLevel.INFO, "shop", "berlin")
    sensor.record(7.0)
    sensor.record(9.0)
    tags = (("cache-id", "prices"), ("shop", "berlin"), ("thread-id", "main"))
    assert {(str(name), value) for name, value in metrics.snapshot().items() if "rate" not in name.name} == {
        (str(MetricName(f"lookup-{what}", "stream-cache-metrics", tags)), value)
        for what, value in (("total", 2.0), ("latency-avg", 8.0), ("latency-max", 9.0))
    }
    with pytest.raises(IllegalArgumentException, match="key-value pairs"):
        metrics.add_rate_total_sensor("cache", "prices", "other", RecordingLevel.INFO, "shop")
    wrong: Any = "INFO"
    with pytest.raises(IllegalArgumentException, match=r"RecordingLevel\.INFO"):
        metrics.add_sensor("x", wrong)
