"""Internal topics on Kafka: partitions and settings are those that Java's Kafka Streams makes, as recorded from it
(`record_topics.py`); what exists and does not fit is refused, in the same words on every engine."""

from __future__ import annotations

import itertools
import json
import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

import streams
from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin
from streams.errors import StreamsException
from tests.goldens import internal_topics as goldens
from tests.goldens.java.interpret import run as run_java
from tests.goldens.java.parse import parse
from tests.goldens.java.world import PythonWorld
from tests.kafka.record_topics import SHIPPED, internal_topics, settings_of

_numbers = itertools.count(os.getpid() * 1_000 + 300)
PATIENCE_MS = 90_000
WITH_TOPICS = [case for case in goldens.load(None) if not goldens.not_built(case)]
OVERRIDES: list[dict[str, Any]] = json.loads(SHIPPED.read_text("utf-8"))


def run(case: dict[str, Any], servers: str, settings: dict[str, object]) -> list[dict[str, object]]:
    """Runs an application until it is at work; what internal topics there are then."""
    builder = StreamsBuilder(settings)
    names = {"builder": builder, "topology": streams.Topology(), "props": settings}
    run_java(parse("\n".join(case["java"])), PythonWorld(), names)
    with closing(KafkaStreams(builder.build(settings), settings)) as app:
        app.start()
        assert app.wait_until_running(PATIENCE_MS)
    return internal_topics(servers, str(settings["application.id"]))


def renamed(value: Any, old: str, new: str) -> Any:
    """The same with other names of topics: recordings share theirs."""
    return json.loads(json.dumps(value).replace(old, new))


@pytest.mark.parametrize("case", WITH_TOPICS, ids=lambda case: str(case["name"]))
def test_topics_are_those_of_java(kafka_servers: str, tmp_path: Path, case: dict[str, Any]) -> None:
    own = renamed(case, "gold-", f"gold{next(_numbers)}-")
    with Admin(bootstrap_servers=kafka_servers) as admin:
        for name, partitions in own["topics"].items():
            admin.create_topic(name, partitions)
    found = run(own, kafka_servers, goldens.settings_of(own, kafka_servers, str(tmp_path)))
    prefix = f"{own['application_id']}-"
    assert [{**row, "topic": f"{prefix}{row['topic']}"} for row in found] == own["internal_topics"]


@pytest.mark.parametrize("case", OVERRIDES, ids=lambda case: str(case["name"]))
def test_what_is_set_is_set_as_in_java(kafka_servers: str, tmp_path: Path, case: dict[str, Any]) -> None:
    own = renamed(case, "topics-", f"topics{next(_numbers)}-")
    with Admin(bootstrap_servers=kafka_servers) as admin:
        for name, partitions in own["topics"].items():
            admin.create_topic(name, partitions)
    settings: dict[str, object] = {**settings_of(own, kafka_servers, f"set-{next(_numbers)}", str(tmp_path))}
    settings.update({"default.key.serde": "string", "default.value.serde": "string"})
    assert run(own, kafka_servers, settings) == own["internal_topics"]


# What exists and does not fit


@pytest.fixture
def servers(either: str) -> str:
    return either


def application(servers: str, name: str, state: Path, stack: ExitStack, **settings: object) -> KafkaStreams:
    """Counts the words of the topic of its name, by word and by key; its topics are there, but internal ones."""
    text, builder = Serdes.string(), StreamsBuilder()
    words = builder.stream(name, key_serde=text, value_serde=text)
    words.group_by(lambda _, word: word, key_serde=text, value_serde=text).count(store="counts")
    given = {"application.id": name, "bootstrap.servers": servers, "state.dir": str(state)}
    app = stack.enter_context(closing(KafkaStreams(builder.build(), given, **settings)))
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic(name, 4)
    return app


def failure(app: KafkaStreams) -> BaseException | None:
    """What ends it."""
    app.start()
    try:
        assert app.wait(PATIENCE_MS), "it goes on"
    except Exception as error:
        return error
    return app.failure


@pytest.mark.parametrize(
    ("internal", "settings", "words"),
    [
        (
            "counts-changelog",
            {"cleanup.policy": "delete"},
            'Cleanup policy (cleanup.policy) of existing internal topic {} should not contain "delete": the topic '
            "would lose records that a restore needs. Set it right with streams-app topics alter {} "
            "cleanup.policy=compact",
        ),
        ("counts-changelog", {"cleanup.policy": "compact,delete"}, 'topic {} should not contain "delete"'),
        ("counts-changelog", {}, 'existing internal topic {} should not contain "delete"'),
        (
            "counts-repartition",
            {"cleanup.policy": "compact"},
            'topic {} should not contain "compact": the topic would lose records that nobody has read yet. Set it '
            "right with streams-app topics alter {} cleanup.policy=delete",
        ),
    ],
)
def test_an_internal_topic_that_would_lose_records_is_refused(
    servers: str, tmp_path: Path, stack: ExitStack, internal: str, settings: dict[str, str], words: str
) -> None:
    name = f"kept-{next(_numbers)}"
    app = application(servers, name, tmp_path / "state", stack)
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic(f"{name}-{internal}", 4, settings)
    failed = failure(app)
    assert isinstance(failed, StreamsException)
    topic = f"{name}-{internal}"
    assert words.format(topic, topic) in str(failed)


def test_what_is_meant_to_be_deleted_may_be(servers: str, tmp_path: Path, stack: ExitStack) -> None:
    name = f"kept-{next(_numbers)}"
    settings = {"topic.cleanup.policy": "compact,delete"}
    text, builder = Serdes.string(), StreamsBuilder(settings)
    builder.stream(name, key_serde=text, value_serde=text).group_by_key().count(store="counts")
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic(name, 4)
        admin.create_topic(f"{name}-counts-changelog", 4, {"cleanup.policy": "compact,delete"})
    given = {"application.id": name, "bootstrap.servers": servers, "state.dir": str(tmp_path / "state"), **settings}
    with closing(KafkaStreams(builder.build(settings), given)) as app:
        app.start()
        assert app.wait_until_running(PATIENCE_MS)


def test_a_retention_that_is_too_short_is_told(
    servers: str, tmp_path: Path, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"kept-{next(_numbers)}"
    app = application(servers, name, tmp_path / "state", stack)
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic(f"{name}-counts-repartition", 4, {"retention.ms": "1000000"})
    app.start()
    assert app.wait_until_running(PATIENCE_MS)
    assert f"topic {name}-counts-repartition is 1000000 but should be -1 or larger" in caplog.text


def test_more_copies_than_there_are_brokers_are_refused_by_name(
    kafka_servers: str, tmp_path: Path, stack: ExitStack
) -> None:
    name = f"copies-{next(_numbers)}"
    failed = failure(application(kafka_servers, name, tmp_path / "state", stack, replication_factor=3))
    assert isinstance(failed, StreamsException)
    assert f"Could not create topic {name}-counts-" in str(failed)
    assert "replication factor of 3 cannot be reached because only 1 broker(s) are registered" in str(failed)
    assert "Set replication.factor to the number of brokers at most" in str(failed)
