"""Stores over HTTP where the engine is a Kafka broker: instances find each other through its group."""

from __future__ import annotations

import itertools
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams import KafkaStreams, Materialized, StreamsBuilder
from streams.cli.main import arguments_of, cli
from streams.clients import Producer, ProducerRecord
from tests.engines import until
from tests.streams.apps import TEXT, topics
from tests.streams.query.asking import get, key
from tests.streams.query.test_watch import watching

_numbers = itertools.count(os.getpid() * 1_000)
FAST = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 300, "commit.interval.ms": 100}


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_any_instance_answers_for_all_over_a_broker(servers: str, tmp_path: Path, guarantee: str) -> None:
    number = next(_numbers)
    topic, name = f"asked-{number}", f"asking-{number}"
    topics(servers, **{topic: 4})
    builder = StreamsBuilder()
    latest = Materialized("latest", key_serde=TEXT, value_serde=TEXT)
    builder.stream(topic, key_serde=TEXT, value_serde=TEXT).to_table(latest)

    def application(state: str) -> KafkaStreams:
        settings = {"bootstrap.servers": servers, "state.dir": str(tmp_path / state), "application.id": name, **FAST}
        return KafkaStreams(builder, {**settings, "processing.guarantee": guarantee}, http="127.0.0.1:0")

    with ExitStack() as stack:
        apps = [stack.enter_context(application(each)) for each in ("one", "two")]
        endpoints = [app.endpoint for app in apps]
        until(lambda: all(len(app.tasks()) == 2 for app in apps))
        config = {"bootstrap.servers": servers, "key.serializer": TEXT, "value.serializer": TEXT}
        producer = stack.enter_context(Producer(config))

        def written(of: str, value: str) -> dict[str, Any]:
            sent = producer.send(ProducerRecord(topic, value, of)).result(60)
            return {"min_position": f"{topic}:{sent.partition}:{sent.offset}", "timeout": 30_000}

        for at in range(20):
            position = written(f"key-{at}", f"value-{at}")
            for endpoint in endpoints:
                said = get(endpoint, key("latest", f"key-{at}"), **position)
                assert (said.status, said.json["value"]) == (200, f"value-{at}"), said
        assert get(endpoints[0], key("latest", "nobody")).json["title"] == "absent"
        fresh = get(endpoints[1], key("latest", "key-7"), max_staleness="5s", timeout=30_000)
        assert fresh.status == 200 and int(fresh.headers["streams-staleness-ms"]) <= 5_000
        rows = get(endpoints[0], "/stores/latest/range").lines
        assert sorted(row["key"] for row in rows[:-1]) == sorted(f"key-{at}" for at in range(20))
        with watching(endpoints[0], "/stores/latest/watch?prefix=key-3") as watch:
            written("key-4", "unseen")
            written("key-3", "seen")
            event = watch.next()
            assert (event["key"], event["value"]) == ("key-3", "seen")
        arguments = ("query", "-a", name, "-b", servers, "latest", "key-7", "--json")
        found = CliRunner().invoke(cli, arguments_of(arguments), prog_name="streams-app")
        assert found.exit_code == 0 and json.loads(found.stdout)["value"] == "value-7", found.output
