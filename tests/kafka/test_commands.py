"""Every command of `streams-app` over Kafka, as on the bundled engine."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from contextlib import closing

import confluent_kafka
import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.clients import Producer, ProducerRecord
from streams.clients.api import JoinGroup, JoinGroupReply
from streams.clients.assignors import Subscription, write_subscription
from streams.clients.connect import connect
from streams.errors import InconsistentGroupProtocolException
from tests.contracts.door.steps import ask
from tests.engines import until

_numbers = itertools.count(os.getpid() * 1_000 + 100)
Command = Callable[..., Result]


@pytest.fixture
def name() -> str:
    return f"command-{next(_numbers)}"


@pytest.fixture
def command(servers: str) -> Command:
    """Runs `streams-app` over Kafka; it has to end well."""

    def run(*arguments: str, code: int = 0, text: str | None = None) -> Result:
        done = CliRunner().invoke(cli, [*arguments, "-b", servers], input=text, prog_name="streams-app")
        assert done.exit_code == code, done.output
        return done

    return run


def test_topics_are_made_shown_changed_and_deleted(command: Command, name: str) -> None:
    command("topics", "create", name, "--partitions", "2", "--config", "retention.ms=86400000")
    assert name in command("topics", "list").output
    command("topics", "alter", name, "retention.ms=3600000", "max.message.bytes=2000000")
    shown = command("topics", "describe", name).output
    assert "3600000" in shown and "2000000" in shown
    command("topics", "alter", name, "max.message.bytes=")
    assert "2000000" not in command("topics", "describe", name).output
    command("topics", "add-partitions", name, "3")
    assert len(json.loads(command("topics", "describe", name, "--json").output)) == 3
    assert "InvalidPartitionsException" in command("topics", "add-partitions", name, "2", code=2).output
    assert "already" in command("topics", "create", name, code=1).output
    assert "Invalid value x for configuration retention.ms" in command(
        "topics", "alter", name, "retention.ms=x", code=2
    ).output
    command("topics", "delete", name)
    assert f"There is no topic {name}." in command("topics", "describe", name, code=1).output
    assert f"There is no topic {name}." in command("topics", "delete", name, code=1).output


def test_records_are_sent_and_printed_and_positions_of_a_group_shown(command: Command, name: str) -> None:
    command("topics", "create", name)
    command("produce", name, "--key-separator", ":", text="k:first\nk:second\n")
    printed = command("consume", name, "--from-beginning", "--exit-at-end", "--format", "%k=%v@%o\\n").output
    assert printed == "k=first@0\nk=second@1\n"
    assert command("consume", name, "-o", "1", "-e").output == "k\tsecond\n"
    assert command("consume", name, "--group", name, "--from-beginning", "-e").output == "k\tfirst\nk\tsecond\n"
    assert name in command("groups", "list").output
    assert "2" in command("groups", "describe", name).output
    command("groups", "delete", name)
    assert "GroupIdNotFoundException" in command("groups", "describe", name, code=1).output


def test_transactions_are_shown_and_ended(command: Command, servers: str, name: str) -> None:
    command("topics", "create", name)
    with Producer(bootstrap_servers=servers, transactional_id=name) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(ProducerRecord(name, b"open")).result(30)
        assert name in command("transactions", "list").output
        assert "Ongoing" in command("transactions", "describe", name).output
        assert command("consume", name, "--isolation-level", "read_committed", "--from-beginning", "-e").output == ""
        command("transactions", "abort", name)
        until(lambda: "Ongoing" not in command("transactions", "describe", name).output)
    assert "TransactionalIdNotFoundException" in command("transactions", "describe", f"{name}-x", code=1).output


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_a_group_that_plain_consumers_use_is_shown_and_refused_to_an_application(
    command: Command, servers: str, name: str, protocol: str
) -> None:
    """A group of Kafka's newer protocol (KIP-848), and one of plain consumers."""
    command("topics", "create", name, "--partitions", "2")
    settings = {"bootstrap.servers": servers, "group.id": name, "group.protocol": protocol}
    with closing(confluent_kafka.Consumer(settings)) as consumer:
        consumer.subscribe([name])
        until(lambda: consumer.poll(0.1) is not None or consumer.assignment())
        assert name in command("groups", "list").output
        if protocol == "classic":
            assert "Stable" in command("groups", "describe", name).output
        else:
            told = command("groups", "describe", name, code=2).output
            assert f"NotYetBuiltException: {name} is a group of the consumer rebalance protocol" in told
        request = JoinGroup(
            name, "", None, 10_000, 10_000, "consumer", (("tasks", write_subscription(Subscription((name,)))),)
        )
        with closing(connect(servers)) as door, closing(door.link()) as link:
            reply = ask(link, request)
        assert isinstance(reply, JoinGroupReply)
        assert isinstance(reply.error, InconsistentGroupProtocolException)
        assert "members of another kind" in str(reply.error)
