"""Counters, gauges and rates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.errors import IllegalArgumentException
from streams.metrics import COUNTED, TASK_GROUP, MetricName, Metrics, Rates

RECORDED = Path(__file__).parents[1] / "goldens" / "data" / "metrics.json"


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
    metrics = Metrics()
    metrics.counter("process-total", task_id="0_0")
    metrics.counter("process-total", task_id="0_1")
    metrics.gauge("active-buffer-count", TASK_GROUP, "", lambda: 0, task_id="0_0")
    metrics.remove(task_id="0_0")
    assert [metric.name.tag_map for metric in metrics] == [{"task-id": "0_1"}]


def test_rates_are_taken_between_two_looks() -> None:
    metrics = Metrics()
    counter = metrics.counter("process-total", task_id="0_0")
    rates = Rates(metrics, now_ms=1_000)
    counter.value += 50
    (rate,) = rates.since_last(now_ms=3_000).items()
    assert rate == (MetricName("process-rate", TASK_GROUP, (("task-id", "0_0"),)), 25.0)
    assert list(rates.since_last(now_ms=4_000).values()) == [0.0]
    assert list(rates.since_last(now_ms=4_000).values()) == [0.0]


def test_an_unknown_metric_needs_a_group() -> None:
    with pytest.raises(IllegalArgumentException, match="has no group of its own"):
        Metrics().counter("my-total")
    counter = Metrics().counter("my-total", "my-group", "mine")
    assert counter.value == 0


def test_the_counters_have_the_names_and_groups_that_java_has() -> None:
    recorded = json.loads(RECORDED.read_text("utf-8"))
    known = {
        (name, row["group"]) for level in ("INFO", "DEBUG", "TRACE") for row in recorded[level] for name in row["names"]
    }
    assert {(name, group) for name, (group, _) in COUNTED.items()} <= known
