"""`groups describe`: what the members of an application tell of themselves."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.cli.groups import json_rows, status_lines
from streams.clients import ConsumerGroupDescription, GroupMember
from streams.clients.local.door import forget
from streams.clients.status import MemberStatus
from streams.runtime.group.membership import PROTOCOL
from tests.streams.apps import wait_for
from tests.streams.cli.conftest import Command

_numbers = itertools.count()


@pytest.fixture
def engine() -> Iterator[str]:
    name = f"groups-{next(_numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture
def at(command: Command, engine: str) -> Command:
    return partial(command, engine=engine)


def test_what_an_application_drops_is_shown_also_afterwards(at: Command, engine: str, tmp_path: Path) -> None:
    at("topics", "create", "lines", "--partitions", "1")
    at("produce", "lines", input="1\n2\n")  # without keys
    builder = StreamsBuilder()
    builder.stream("lines", key_serde=Serdes.string(), value_serde=Serdes.string()).group_by_key().count()

    def described() -> dict[str, Any]:
        (row,) = json.loads(at("groups", "describe", "counts", "--json").output)
        return dict(row)

    settings = {"state_dir": str(tmp_path), "commit_interval_ms": 20, "heartbeat_interval_ms": 50}
    with KafkaStreams(builder, application_id="counts", bootstrap_servers=engine, **settings) as app:
        app.wait_until_running(30_000)
        wait_for(lambda: (described()["dropped"], described()["committed"]) == ({"null-key": 2}, 2))
        row = described()
        assert (row["state"], row["refusal"], row["lag"]) == ("RUNNING", None, 0)
        text = at("groups", "describe", "counts").output
        assert "Dropped: 2 null-key" in text and "State: 1 RUNNING" in text
    row = described()
    assert (row["state"], row["dropped"], row["member"]) == (None, {"null-key": 2}, None)
    assert "Dropped: 2 null-key" in at("groups", "describe", "counts").output


def test_an_instance_with_another_topology_says_why_it_is_idle(at: Command, engine: str, tmp_path: Path) -> None:
    at("topics", "create", "lines", "--partitions", "1")

    def counting(name: str) -> KafkaStreams:
        builder = StreamsBuilder()
        builder.stream("lines", key_serde=Serdes.string(), value_serde=Serdes.string()).group_by_key().count(name=name)
        settings = {"state_dir": str(tmp_path), "heartbeat_interval_ms": 50}
        return KafkaStreams(builder, application_id="counts", bootstrap_servers=engine, **settings)

    with counting("one") as first:
        assert first.wait_until_running(30_000)
        with counting("two"):

            def refusals() -> list[str]:
                rows = json.loads(at("groups", "describe", "counts", "--json").output)
                return [row["refusal"] for row in rows if row["topic"] is None and row["refusal"]]

            wait_for(refusals)
            (why,) = refusals()
            assert "has another topology than its group: 1 of its 1 sub-topologies" in why
            assert "until all instances run the same topology" in why
            assert "has another topology" in at("groups", "describe", "counts").output


def test_a_group_of_plain_consumers_tells_nothing_and_says_so(at: Command) -> None:
    at("produce", "lines", input="1\n")
    at("consume", "lines", "--group", "readers", "--from-beginning", "--max-records", "1")
    (row,) = json.loads(at("groups", "describe", "readers", "--json").output)
    assert (row["state"], row["dropped"], row["refusal"]) == (None, None, None)


def test_restores_and_what_holds_an_instance_up_have_lines_of_their_own() -> None:
    one = MemberStatus("p", "PARTITIONS_ASSIGNED", {"late": 2}, 1_000, 5_000, "The disk is full.")
    two = MemberStatus("q", "RUNNING")
    members = tuple(
        GroupMember(f"m{at}", None, f"client-{at}", "here", (), status) for at, status in enumerate((one, two))
    )
    found = ConsumerGroupDescription("g", "Stable", PROTOCOL, 1, "", members, (), {"late": 2})
    assert status_lines(found) == [
        "Dropped: 2 late",
        "State: 1 PARTITIONS_ASSIGNED, 1 RUNNING",
        "Restoring: 1000 of 5000 records",
        "client-0: The disk is full.",
    ]
    rows = json_rows(found)
    assert [row[-5:] for row in rows] == [
        ["PARTITIONS_ASSIGNED", {"late": 2}, "The disk is full.", 1_000, 5_000],
        ["RUNNING", {"late": 2}, None, 0, 0],
    ]


def test_an_engine_that_does_not_know_is_said_not_to() -> None:
    members = (GroupMember("m", None, "client", "here", ()),)
    found = ConsumerGroupDescription("g", "Stable", PROTOCOL, 1, "", members, ())
    assert status_lines(found) == [
        "State and dropped records: not known; the members have not told, or this engine does not tell"
    ]
    assert json_rows(found) == []
