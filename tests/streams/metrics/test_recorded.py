"""The metrics of Kafka Streams 4.3 against ours: names, groups, tags and levels, on the recorded application."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from streams import Serdes
from streams.clients import Admin
from streams.metrics.catalogue import KAFKA, names
from streams.metrics.names import STORE_GROUP, MetricName
from streams.testing import TopologyTestDriver
from tests.engines import until
from tests.streams.metrics.recorded import LEVELS, TOPICS, application, builder, produce_texts, recorded, total

IN = [(f"k{at % 5}", f"v{at % 7}") for at in range(100)]


def test_the_table_has_what_was_recorded() -> None:
    ours = {(family.level.name, group, name) for group, name, family in names(KAFKA)}
    assert ours == {(level, group, name) for level, group, name, _ in recorded()}


def test_at_least_nine_tenths_are_here() -> None:
    missing = [name for _, name, family in names(KAFKA) if family.missing]
    assert len(missing) <= len(list(names(KAFKA))) / 10
    assert all(family.missing == "" or len(family.missing) > 10 for family in KAFKA), "each has its reason"


def shown(found: MetricName) -> tuple[str, str]:
    return found.group, found.name


@pytest.mark.parametrize("level", LEVELS)
def test_what_the_table_promises_is_there_at_its_level(level: str, tmp_path: Path) -> None:
    engine = f"memory://recorded-{level}"
    with Admin(bootstrap_servers=engine) as admin:
        for topic in TOPICS:
            admin.create_topic(topic)
    produce_texts(engine, "gold-m-table", IN)
    produce_texts(engine, "gold-m-global", [(value, value) for _, value in IN])
    produce_texts(engine, "gold-m-in", IN)
    with application(engine, tmp_path, metrics_recording_level=level) as app:
        until(lambda: app.summary().records >= 300)
        app.metrics_text()
        found = {shown(name): tuple(tag for tag, _ in name.tags) for name in app.metrics()}
    wanted = LEVELS[: LEVELS.index(level) + 1]
    lacking = {(group, name) for group, name, family in names(KAFKA) if family.missing}
    promised = {(group, name) for group, name, family in names(KAFKA) if family.level.name in wanted} - lacking
    assert promised <= found.keys()
    assert not lacking & found.keys()
    tags = {(group, name): each for _, group, name, each in recorded()}
    beside = {key for key in promised if key[0] != STORE_GROUP and len([t for t in recorded() if t[1:3] == key]) == 1}
    assert {key: found[key] for key in beside} == {key: tags[key] for key in beside}


def test_values_are_those_of_the_input(tmp_path: Path) -> None:
    """Totals as Kafka counts them: each record once where it is read, and once where it is written."""
    engine = "memory://recorded-values"
    with Admin(bootstrap_servers=engine) as admin:
        for topic in TOPICS:
            admin.create_topic(topic)
    produce_texts(engine, "gold-m-table", IN)
    produce_texts(engine, "gold-m-in", IN[:10])
    with application(engine, tmp_path, metrics_recording_level="DEBUG") as app:
        until(lambda: app.summary().records == 120 and app.summary().lag == 0)
        until(lambda: total(app.metrics(), "commit-total", "stream-thread-metrics") > 0)
        found = app.metrics()
        text = app.metrics_text()
    source = {"topic": "gold-m-in", "processor-node-id": "KSTREAM-SOURCE-0000000000"}
    assert total(found, "records-consumed-total", "stream-topic-metrics", **source) == 10
    # as Kafka: key, value, and 28 beside them for timestamp, offset, partition and the topic's name
    bytes_each = 2 + 2 + 8 + 8 + 4 + len("gold-m-in")
    assert total(found, "bytes-consumed-total", "stream-topic-metrics", **source) == 10 * bytes_each
    node = source["processor-node-id"]
    assert total(found, "process-total", "stream-processor-node-metrics", processor_node_id=node) == 10
    topic = "gold-metrics-by-value-repartition"
    assert total(found, "records-produced-total", "stream-topic-metrics", topic=topic) == 10
    assert total(found, "process-total", "stream-task-metrics", task_id="0_0") == 110
    assert total(found, "process-total", "stream-thread-metrics") == 120
    assert total(found, "records-consumed-total", "consumer-fetch-manager-metrics") == 120
    assert total(found, "record-send-total", "producer-metrics") > 10, "changelogs too"
    assert total(found, "task-created-total", "stream-thread-metrics") == 2
    latency = [value for name, value in found.items() if name.name == "put-latency-avg" and "counts" in str(name)]
    assert len(latency) == 1 and isinstance(latency[0], float) and latency[0] > 100, "nanoseconds"
    five = ("busy-ratio", "idle-ratio", "blocked-ratio", "committing-ratio", "restoring-ratio")
    shares = [total(found, name, "stream-thread-metrics") for name in five]
    assert math.isclose(sum(shares), 1.0, abs_tol=0.02), shares
    assert "kafka_stream_topic_records_consumed_total{" in text


def test_the_test_driver_has_them_too() -> None:
    with TopologyTestDriver(builder(), default_key_serde="string", default_value_serde="string") as driver:
        topic = driver.create_input_topic("gold-m-in", Serdes.string(), Serdes.string())
        for key, value in IN[:10]:
            topic.pipe_input(key, value, timestamp=1_000)
        found = driver.metrics()
    assert total(found, "records-consumed-total", "stream-topic-metrics", topic="gold-m-in") == 10
    assert {dict(name.tags)["thread-id"] for name in found if "task-id" in dict(name.tags)} == {"main"}
    lateness = [name for name in found if name.name == "record-e2e-latency-avg"]
    assert "KSTREAM-SOURCE-0000000000" in {dict(name.tags)["processor-node-id"] for name in lateness}
