"""What an application on Kafka is told where what it finds there does not fit."""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin
from streams.clients.api import JoinGroup, JoinGroupReply
from streams.clients.assignors import Subscription, write_subscription
from streams.clients.connect import connect
from streams.errors import InconsistentGroupProtocolException, MissingSourceTopicException, StreamsException
from tests.contracts.door.steps import ask

_numbers = itertools.count(os.getpid() * 1_000)


@pytest.fixture
def name() -> str:
    return f"refused-{next(_numbers)}"


def failure(servers: str, name: str, state: Path, stack: ExitStack) -> BaseException | None:
    """What ends an application that counts the words of the topic of its name."""
    text, builder = Serdes.string(), StreamsBuilder()
    builder.stream(name, key_serde=text, value_serde=text).group_by_key().count(store="counts")
    settings = {"application.id": name, "bootstrap.servers": servers, "state.dir": str(state)}
    app = stack.enter_context(closing(KafkaStreams(builder.build(), settings)))
    app.start()
    try:
        assert app.wait(30_000), "it goes on"
    except Exception as error:
        return error
    return app.failure


def test_a_changelog_with_another_number_of_partitions(
    servers: str, name: str, tmp_path: Path, stack: ExitStack
) -> None:
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic(name, 4)
        admin.create_topic(f"{name}-counts-changelog", 3)
    failed = failure(servers, name, tmp_path, stack)
    assert isinstance(failed, StreamsException)
    assert f"Existing internal topic {name}-counts-changelog has invalid partitions: expected: 4; actual: 3" in str(
        failed
    )


def test_a_source_topic_that_is_missing(servers: str, name: str, tmp_path: Path, stack: ExitStack) -> None:
    failed = failure(servers, name, tmp_path, stack)
    assert isinstance(failed, MissingSourceTopicException)
    assert name in str(failed)


def test_a_group_that_others_use_with_another_protocol(
    servers: str, name: str, tmp_path: Path, stack: ExitStack
) -> None:
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic(name, 1)
    link = stack.enter_context(closing(stack.enter_context(closing(connect(servers))).link()))
    metadata = write_subscription(Subscription((name,)))
    joined = ask(link, JoinGroup(name, "", None, 60_000, 60_000, "consumer", (("range", metadata),)))
    assert isinstance(joined, JoinGroupReply) and joined.error is None
    failed = failure(servers, name, tmp_path, stack)
    assert isinstance(failed, InconsistentGroupProtocolException)
    assert "members of another kind" in str(failed)
