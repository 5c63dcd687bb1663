"""The metrics of an application on a real Kafka broker: what its clients there have sent, read and committed."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

import pytest

from streams import KafkaStreams
from tests.engines import until
from tests.kafka.test_word_count import GUARANTEES, WORDS, application, counted, expected, write
from tests.streams.metrics.recorded import total
from tests.streams.metrics.test_exposition import samples

CONSUMER, PRODUCER, COORDINATOR = "consumer-fetch-manager-metrics", "producer-metrics", "consumer-coordinator-metrics"
THREAD = "stream-thread-metrics"
SHARES = ("busy-ratio", "idle-ratio", "blocked-ratio", "committing-ratio", "restoring-ratio")


def of(app: KafkaStreams, name: str, group: str, **tags: str) -> float:
    return total(app.metrics(), name, group, **tags)


def readings(app: KafkaStreams, name: str) -> list[float]:
    found = app.metrics()
    return [value for each in found if each.name == name and isinstance(value := found[each], float)]


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_the_figures_of_clients_are_those_of_what_they_did(
    servers: str, number: int, tmp_path: Path, guarantee: str
) -> None:
    write(servers, number)
    with closing(application(servers, number, tmp_path, guarantee)) as app:
        until(lambda: counted(servers, number) == expected(1))
        until(lambda: of(app, "records-lag", CONSUMER) == 0)
        assert of(app, "process-total", THREAD) == 2 * len(WORDS), "each line, and each word that was repartitioned"
        assert of(app, "records-consumed-total", CONSUMER) == 2 * len(WORDS)
        assert of(app, "record-send-total", PRODUCER) > len(WORDS), "words, and the counts with their changelog"
        assert of(app, "record-error-total", PRODUCER) == 0
        until(lambda: of(app, "requests-in-flight", PRODUCER) == 0)
        assert of(app, "request-latency-max", PRODUCER) > 0
        assert of(app, "assigned-partitions", COORDINATOR) == 8
        assert of(app, "rebalance-total", COORDINATOR) >= 1
        assert of(app, "commit-total", COORDINATOR) == of(app, "commit-total", THREAD) > 0
        assert of(app, "commit-latency-max", THREAD) > 0
        topic = f"counts-{number}"
        until(lambda: of(app, "records-produced-total", "stream-topic-metrics", topic=topic) >= len(expected(1)))
        until(lambda: readings(app, "lag-seconds") == [0.0] * 8)
        until(lambda: readings(app, "freshness-seconds") and max(readings(app, "freshness-seconds")) < 2.0)
        assert math.isclose(sum(of(app, name, THREAD) for name in SHARES), 1.0, abs_tol=0.02)
        assert {each.cause for each in app.rebalances()} >= {"started"}
        before = set(samples(app.metrics_text()))
    with closing(application(servers, number, tmp_path, guarantee)) as again:
        write(servers, number)
        until(lambda: counted(servers, number) == expected(2))
        until(lambda: of(again, "records-lag", CONSUMER) == 0)
        until(lambda: of(again, "commit-total", THREAD) > 0)
        after = set(samples(again.metrics_text()))
    of_clients = {name for name in before if name[0].startswith(("kafka_consumer", "kafka_producer"))}
    assert of_clients and of_clients <= after, "labels outlive a restart"
