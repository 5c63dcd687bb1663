"""The text for Prometheus: read by the parser of its Python client, with the names that dashboards ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from streams.clients import Admin
from streams.metrics.exposition import MANY, merged, openmetrics, stable
from streams.metrics.names import RecordingLevel
from streams.metrics.registry import Metrics
from streams.metrics.sensor import Avg
from tests.engines import until
from tests.streams.metrics.recorded import TOPICS, application, produce_texts

HOSTILE = 'a"b\\c\nd{e}=1 # EOF'


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a scrape has, by name and labels; a family that comes twice is an error."""
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_counters_gauges_and_stores_have_the_exporters_names() -> None:
    metrics = Metrics(RecordingLevel.DEBUG)
    scope = metrics.scope(thread_id="t", task_id="0_0")
    scope.counter("process-total").value += 7
    scope.gauge("restore-remaining-records-total", "stream-task-metrics", "left", lambda: 4)
    store = scope.within(rocksdb_window_state_id="counts")
    store.gauge("num-open-iterators", "stream-state-metrics", "open", lambda: 2)
    store.gauge("num-keys", "stream-state-metrics", "no value", lambda: float("nan"))
    metrics.gauge("application-id", "stream-metrics", "name", lambda: "orders", client_id="c")
    metrics.gauge("state", "stream-metrics", "state", lambda: "RUNNING", client_id="c")
    here = (("task_id", "0_0"), ("thread_id", "t"))
    found = samples(openmetrics(metrics))
    rate = found.pop(("kafka_stream_task_process_rate", here))
    assert rate >= 0
    assert found == {
        ("kafka_stream_task_process_total", here): 7.0,
        ("kafka_stream_task_restore_remaining_records_total", here): 4.0,
        ("kafka_stream_state_num_open_iterators", tuple(sorted(
            (*here, ("state_id", "counts"), ("store_type", "rocksdb-window-state"))
        ))): 2.0,
        ("kafka_stream_application", (("application_id", "orders"), ("client_id", "c"))): 1.0,
    }  # fmt: skip


def test_whatever_a_name_holds_the_text_can_be_read() -> None:
    metrics = Metrics()
    sensor = metrics.add_sensor(HOSTILE, RecordingLevel.INFO)
    sensor.add(metrics.metric_name(HOSTILE, HOSTILE, tags={"tag": HOSTILE, "größe": "ß"}), Avg(), HOSTILE)
    sensor.record(1.5)
    ((_, labels),) = samples(openmetrics(metrics))
    assert dict(labels) == {"tag": HOSTILE, "gr__e": "ß"}


def test_labels_outlive_a_restart(tmp_path: Path) -> None:
    """Without a `client.id` each start makes a new one; the labels have the number of the instance instead."""
    engine = "memory://labels"
    with Admin(bootstrap_servers=engine) as admin:
        for topic in TOPICS:
            admin.create_topic(topic)
    produce_texts(engine, "gold-m-in", [("a", "b")])
    labels: list[set[Any]] = []
    for _ in range(2):
        with application(engine, tmp_path, client_id="") as app:
            until(lambda: (app.summary().lag == 0 and app.summary().records > 0) or bool(labels))
            assert app.wait_until_running(20_000)
            labels.append({row for row in samples(app.metrics_text()) if "cause" not in dict(row[1])})
    series = [{row for row in each if "_task_process_total" in row[0]} for each in labels]
    assert series[0] == series[1] and series[0]
    threads = {dict(row[1]).get("thread_id") for row in series[0]}
    assert threads == {"gold-metrics-0-StreamThread-1", "gold-metrics-0-GlobalStreamThread"}


def test_several_processes_are_one_scrape() -> None:
    texts = []
    for process in ("app-0", "app-1"):
        metrics = Metrics()
        metrics.counter("commit-total", thread_id=f"{process}-StreamThread-1").value += 3
        texts.append(openmetrics(metrics))
    whole = samples(merged(texts, 3))
    assert {(name, dict(labels)["thread_id"]): value for (name, labels), value in whole.items() if "total" in name} == {
        ("kafka_stream_thread_commit_total", "app-0-StreamThread-1"): 3.0,
        ("kafka_stream_thread_commit_total", "app-1-StreamThread-1"): 3.0,
    }
    assert (whole["kafka_stream_workers", ()], whole["kafka_stream_workers_scraped", ()]) == (3.0, 2.0)


def test_the_figures_of_many_databases_are_summed_up() -> None:
    metrics = Metrics()
    for task in range(MANY + 1):
        scope = metrics.scope(thread_id=f"t{task % 2}", task_id=f"0_{task}", rocksdb_state_id="counts")
        scope.gauge("estimate-num-keys", "stream-state-metrics", "keys", lambda: 10)
    found = {dict(labels)["thread_id"]: value for (_, labels), value in samples(openmetrics(metrics)).items()}
    assert found == {"t0": 10.0 * (MANY // 2 + 1), "t1": 10.0 * (MANY // 2)}
    metrics.remove(task_id="0_0")
    assert len(samples(openmetrics(metrics))) == MANY, "with their tasks again"


def test_names_that_stay() -> None:
    renamed = stable({"orders-8f4e": "orders-0"})
    assert renamed("orders-8f4e-StreamThread-2") == "orders-0-StreamThread-2"
    assert renamed("0_1") == "0_1"


def test_the_topics_of_a_scrape_are_those_of_the_dashboards(tmp_path: Path) -> None:
    """The queries of kineticedge's dashboards of threads, tasks and topics find something."""
    asked = json.loads((Path(__file__).parent / "dashboards.json").read_text("utf-8"))
    engine = "memory://dashboards"
    with Admin(bootstrap_servers=engine) as admin:
        for topic in TOPICS:
            admin.create_topic(topic)
    rows = [(f"k{at % 5}", f"v{at % 7}") for at in range(50)]
    for topic in TOPICS[:2]:
        produce_texts(engine, topic, rows)
    with application(engine, tmp_path, metrics_recording_level="DEBUG") as app:
        until(lambda: app.summary().records >= 150 and app.summary().lag == 0)
        until(lambda: "kafka_stream_thread_commit_latency_avg" in app.metrics_text())
        found = samples(app.metrics_text())
    have = {name for name, _ in found}
    by_name = {name: dict(labels).keys() for name, labels in found}
    for name, labels in asked.items():
        assert name in have, name
        assert set(labels) <= by_name[name], (name, labels)
