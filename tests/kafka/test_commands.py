"""Every command of `streams-app` over Kafka, as on the bundled engine."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import confluent_kafka
import pytest
from click.testing import CliRunner, Result

from streams import KafkaStreams, StreamsBuilder
from streams.cli.main import cli
from streams.clients import Producer, ProducerRecord
from streams.clients.api import JoinGroup, JoinGroupReply
from streams.clients.assignors import Subscription, write_subscription
from streams.clients.connect import connect
from streams.errors import InconsistentGroupProtocolException
from tests.contracts.door.steps import ask
from tests.engines import until
from tests.streams.apps import COUNT, TEXT, records

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


def test_an_application_begins_anew(command: Command, servers: str, name: str, tmp_path: Path) -> None:
    source, out, state = f"{name}-in", f"{name}-out", ("--state-dir", str(tmp_path))
    command("topics", "create", source, out, "--partitions", "1")
    command("produce", source, text="a\nb\na\n")

    def run(since: int) -> None:
        builder = StreamsBuilder()
        words = builder.stream(source, key_serde=TEXT, value_serde=TEXT)
        counted = words.group_by(lambda _, word: word, key_serde=TEXT, value_serde=TEXT).count(store="counts")
        counted.to_stream().to(out, key_serde=TEXT, value_serde=COUNT)
        with KafkaStreams(builder, application_id=name, bootstrap_servers=servers, state_dir=str(tmp_path)) as app:
            assert app.wait_until_running(60_000)
            until(lambda: {row.key: row.value for row in records(servers, out)[since:]} == {"a": 2, "b": 1})
            refused = command("reset", "-a", name, "--input-topics", source, *state, code=1).output
            assert "is still active and has following members:" in refused

    run(0)
    before = json.loads(command("groups", "describe", name, "--json").output)
    shown = json.loads(command("reset", "-a", name, "--input-topics", source, *state, "--dry-run", "--json").output)
    assert shown["positions"] == [{"topic": source, "partition": 0, "before": 3, "after": 0}]
    assert len(shown["internal_topics"]) == 2 and shown["local_state"] == str(tmp_path / name)
    assert json.loads(command("groups", "describe", name, "--json").output) == before

    lines = command("reset", "-a", name, "--input-topics", source, *state).output.splitlines()
    deleted = [lines.index(f"Deleted topic {each}.") for each in shown["internal_topics"]]
    assert lines.index("Set 1 position.") > max(deleted)
    rows = json.loads(command("groups", "describe", name, "--json").output)
    assert [(row["topic"], row["committed"]) for row in rows] == [(source, 0)]
    listed = {row["topic"] for row in json.loads(command("topics", "list", "--json").output)}
    assert not listed & set(shown["internal_topics"]) and not (tmp_path / name).exists()
    again = len(records(servers, out))
    run(again)


def test_positions_are_set_and_a_member_that_is_dead_is_put_out(command: Command, servers: str, name: str) -> None:
    command("topics", "create", name)
    command("produce", name, text="1\n2\n3\n")
    protocols = (("tasks", write_subscription(Subscription((name,)))),)
    with closing(connect(servers, "the-dead-one")) as door, closing(door.link()) as link:
        joined = ask(link, JoinGroup(name, "", None, 45_000, 10_000, "consumer", protocols))
        assert isinstance(joined, JoinGroupReply) and joined.error is None
        assert "the-dead-one" in command("reset", "-a", name, "--input-topics", name, code=1).output
        assert "the-dead-one" in command("groups", "delete", name, code=1).output
        done = command("reset", "-a", name, "--input-topics", name, "--to-offset", "9", "--force").output
        assert "New offset (9) is higher than latest offset. Value will be set to 3" in done
    assert "3" in command("groups", "reset-offsets", name, "--topic", name, "--to-earliest").output
    for option, after in (("--to-earliest", 0), ("--to-latest", 3)):
        command("groups", "reset-offsets", name, "--topic", name, option, "--execute")
        (row,) = json.loads(command("groups", "describe", name, "--json").output)
        assert row["committed"] == after
    command("groups", "reset-offsets", name, "--all-topics", "--shift-by", "-2", "--execute")
    rows = json.loads(command("groups", "list", "--json").output)
    assert [(row["members"], row["lag"]) for row in rows if row["group"] == name] == [(0, 2)]
