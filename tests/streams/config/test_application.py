"""`StreamsConfig`: what is taken, what is refused, and in which words."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streams.config import StreamsConfig
from streams.config.application import dotted
from streams.config.clients import PREFIXES
from streams.errors import ConfigException, NotYetBuiltException
from streams.exception_handlers import LogAndContinueExceptionHandler, LogAndContinueProcessingExceptionHandler
from streams.processor import WallclockTimestampExtractor
from streams.serdes import Serdes

BASE: dict[str, object] = {"application.id": "app"}
MISUSES: list[dict[str, Any]] = [
    row
    for row in json.loads((Path(__file__).parents[2] / "goldens" / "data" / "errors.json").read_text("utf-8"))
    if row["kind"] == "config" and row["java"][-1] == "new StreamsConfig(props);" and row["error"] is not None
]


def config(**more: object) -> StreamsConfig:
    return StreamsConfig({**BASE, **{name.replace("_", "."): value for name, value in more.items()}})


def of(name: str, value: object) -> StreamsConfig:
    return StreamsConfig({**BASE, name: value})


@pytest.mark.parametrize("row", MISUSES, ids=lambda row: row["name"])
def test_misuses_get_javas_words(row: dict[str, Any]) -> None:
    props: dict[str, object] = {"application.id": "app", "bootstrap.servers": "localhost:9092"}
    for line in row["java"][:-1]:
        if put := re.fullmatch(r'props\.put\("(.+)", "(.*)"\);', line):
            props[put.group(1)] = put.group(2)
        elif removed := re.fullmatch(r'props\.remove\("(.+)"\);', line):
            del props[removed.group(1)]
    if row["name"] == "no bootstrap.servers":
        assert StreamsConfig(props)["bootstrap.servers"] == ("local://",)
        return
    with pytest.raises(ConfigException) as raised:
        StreamsConfig(props)
    assert str(raised.value).startswith(row["error"]["message"])


def test_values_are_of_their_types() -> None:
    found = StreamsConfig(
        {
            **BASE,
            "commit.interval.ms": "50",
            "num.stream.threads": 2,
            "ensure.explicit.internal.resource.naming": "TRUE",
            "bootstrap.servers": "a:1, b:2",
            "task.timeout.ms": timedelta(seconds=3),
            "client.id": " me ",
        }
    )
    assert found.get_int("commit.interval.ms") == 50
    assert found.get_long("num.stream.threads") == 2
    assert found.get_boolean("ensure.explicit.internal.resource.naming") is True
    assert found.get_list("bootstrap.servers") == ("a:1", "b:2")
    assert found.get_long("task.timeout.ms") == 3_000
    assert found.get_string("client.id") == "me"
    assert found.find_string("errors.dead.letter.queue.topic.name") is None
    assert found["buffered.records.per.partition"] == 1_000
    assert found.application_id == "app"


def test_asking_for_another_type_or_an_unknown_name_is_an_error() -> None:
    found = config()
    with pytest.raises(ConfigException, match=r"commit\.interval\.ms is no text"):
        found.get_string("commit.interval.ms")
    with pytest.raises(ConfigException, match="is no whole number"):
        found.get_int("ensure.explicit.internal.resource.naming")
    with pytest.raises(ConfigException, match=r"Did you mean commit\.interval\.ms\?"):
        found["commit.intervall.ms"]
    assert found.get("no.such") is None
    assert "no.such" not in found
    assert len(found) == len(list(found)) == len(dict(found))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("comit.interval.ms", "commit.interval.ms"),
        ("auto.offset.resets", "auto.offset.reset"),
        ("consumer.fetch.min.byte", "consumer.fetch.min.bytes"),
        ("main.consumer.max.poll.record", "main.consumer.max.poll.records"),
        ("producer.linger", "producer.linger.ms"),
        ("topic.retention", "topic.retention.ms"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigException) as raised:
        of(name, "1")
    assert str(raised.value) == f"Unknown configuration {name}. Did you mean {near}?"


def test_keywords_are_names_with_underscores() -> None:
    found = StreamsConfig({"application.id": "a", "commit.interval.ms": 1}, commit_interval_ms=2, linger_ms=3)
    assert found.get_int("commit.interval.ms") == 2
    assert found.unprefixed() == {"linger.ms": 3}
    assert dotted("rack_aware_assignment_non_overlap_cost") == "rack.aware.assignment.non_overlap_cost"
    with pytest.raises(ConfigException, match="Did you mean commit_interval_ms"):
        StreamsConfig(commit_interval=2)


@pytest.mark.parametrize(
    ("name", "value", "comes_with"),
    [
        ("num.standby.replicas", 1, "standby replicas"),
        ("group.protocol", "streams", "the streams rebalance protocol"),
        ("rack.aware.assignment.strategy", "min_traffic", "rack-aware assignment"),
        ("client.tag.zone", "eu", "rack-aware assignment"),
        ("dsl.store.format", "headers", "stores that keep headers"),
        ("consumer.group.protocol", "consumer", "the consumer rebalance protocol"),
        ("producer.compression.type", "zstd", "compression"),
        ("compression.lz4.level", 3, "compression"),
    ],
)
def test_what_is_known_but_not_built_is_refused_by_name(name: str, value: object, comes_with: str) -> None:
    with pytest.raises(NotYetBuiltException) as raised:
        of(name, value)
    assert str(raised.value).startswith(name)
    assert f"comes with {comes_with}; not built yet" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num.standby.replicas", "0"),
        ("group.protocol", "CLASSIC"),
        ("upgrade.from", None),
        ("enable.metrics.push", "false"),
    ],
)
def test_the_defaults_of_what_is_not_built_may_be_said(name: str, value: object) -> None:
    of(name, value)


@pytest.mark.parametrize("name", ["metric.reporters", "windowed.inner.class.serde", "producer.ssl.provider"])
def test_what_can_have_no_meaning_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(ConfigException, match=f"{re.escape(name)} has no meaning here: "):
        of(name, "x")


def test_prefixed_settings_are_kept_apart_and_checked() -> None:
    found = StreamsConfig(
        {
            **BASE,
            "consumer.max.poll.records": "7",
            "restore.consumer.max.poll.records": 8,
            "producer.acks": "1",
            "topic.retention.ms": -1,
            "linger.ms": 4,
        }
    )
    assert found.prefixed("consumer.") == {"max.poll.records": 7}
    assert found.prefixed("restore.consumer.") == {"max.poll.records": 8}
    assert found.prefixed("topic.") == {"retention.ms": -1}
    assert found.unprefixed() == {"linger.ms": 4}
    assert found.originals_with_prefix("consumer.") == {"max.poll.records": "7"}
    assert set(PREFIXES) >= {"consumer.", "producer.", "admin.", "topic."}
    with pytest.raises(ConfigException, match=r"Invalid value 0 for configuration consumer\.max\.poll\.records"):
        of("consumer.max.poll.records", 0)
    with pytest.raises(ConfigException, match=r"Invalid value \[never\] for configuration topic\.cleanup\.policy"):
        of("topic.cleanup.policy", "never")


def test_objects_and_names_of_objects() -> None:
    found = StreamsConfig(
        {
            **BASE,
            "default.key.serde": "string",
            "default.value.serde": Serdes.long(),
            "deserialization.exception.handler": "LogAndContinueExceptionHandler",
            "processing.exception.handler": "org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler",
            "default.timestamp.extractor": "org.apache.kafka.streams.processor.WallclockTimestampExtractor",
            "production.exception.handler": f"{__name__}:answer",
        }
    )
    assert found["default.key.serde"] == Serdes.string()
    assert found["default.value.serde"] == Serdes.long()
    assert isinstance(found["deserialization.exception.handler"], LogAndContinueExceptionHandler)
    assert isinstance(found["processing.exception.handler"], LogAndContinueProcessingExceptionHandler)
    assert isinstance(found["default.timestamp.extractor"], WallclockTimestampExtractor)
    assert found["production.exception.handler"] is answer
    for name in ("no.such.Class", "no_such_module:x", f"{__name__}:no_such"):
        with pytest.raises(ConfigException, match=f"Class {re.escape(name)} could not be found"):
            of("production.exception.handler", name)


def answer(context: object, record: object, error: Exception) -> None:
    """Stands for a handler of the user's own."""


def test_older_names_stand_for_newer_ones() -> None:
    assert of("cache.max.bytes.buffering", 5).get_int("statestore.cache.max.bytes") == 5
    both = StreamsConfig({**BASE, "cache.max.bytes.buffering": 5, "statestore.cache.max.bytes": 6})
    assert both.get_int("statestore.cache.max.bytes") == 6


def test_derived_words() -> None:
    assert config().optimizations == frozenset()
    assert of("topology.optimization", "all").optimizations == {
        "reuse.ktable.source.topics",
        "merge.repartition.topics",
        "single.store.self.join",
    }
    assert of("topology.optimization", "merge.repartition.topics, single.store.self.join").optimizations == {
        "merge.repartition.topics",
        "single.store.self.join",
    }
    assert not config().in_memory_stores
    assert of("default.dsl.store", "in_memory").in_memory_stores
    java = "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers"
    assert of("dsl.store.suppliers.class", java).in_memory_stores
    assert config().internal_topic_prefix == "app"
    assert of("__internal.override.topic.prefix__", "mine").internal_topic_prefix == "mine"
    assert not config().exactly_once


def test_a_topology_needs_no_application() -> None:
    assert StreamsConfig.of_topology({"topology.optimization": "all"}).optimizations
    assert StreamsConfig.of_topology(None).optimizations == frozenset()
    with pytest.raises(ConfigException, match="Unknown configuration"):
        StreamsConfig.of_topology({"nonsense": 1})
    checked = config()
    assert StreamsConfig.of(checked) is checked
    assert StreamsConfig.of_topology(checked) is checked


def test_an_empty_entry_means_the_default() -> None:
    assert of("commit.interval.ms", None).get_int("commit.interval.ms") == 100
    assert of("consumer.max.poll.records", None).prefixed("consumer.") == {}
    assert of("linger.ms", None).unprefixed() == {}


def test_secrets_are_not_shown() -> None:
    secrets = {"sasl.jaas.config": "hunter2", "ssl.key.password": "hunter2"}
    shown = repr(StreamsConfig({**BASE, **secrets, "bootstrap.servers": "localhost:9092"}))
    assert "hunter2" not in shown
    assert "'application.id': 'app'" in shown
    with pytest.raises(ConfigException, match=r"sasl\.jaas\.config has no meaning for the bundled engine") as raised:
        StreamsConfig({**BASE, **secrets})
    assert "hunter2" not in str(raised.value)
    with pytest.raises(ConfigException, match="Expected value to be a string") as raised:
        of("ssl.key.password", b"hunter2")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", ["a b", "a/b", "..", "x" * 250])
def test_application_ids_pass_the_rule_of_names(name: str) -> None:
    with pytest.raises(ConfigException, match=r"configuration application\.id"):
        StreamsConfig(application_id=name)
