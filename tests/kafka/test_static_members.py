"""Static members over Kafka, as on the bundled engine: who comes back within its session finds its tasks where they
were, and nobody else hears of it."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from streams import KafkaStreams
from streams.clients import Admin
from streams.errors import FencedInstanceIdException
from tests.engines import until
from tests.kafka.test_word_count import GUARANTEES, application, counted, expected, runs, write

SESSION = {"session_timeout_ms": 30_000}


@pytest.fixture
def servers(either: str) -> str:
    return either


def settled(*apps: KafkaStreams) -> bool:
    """Have they come to rest, each with four tasks?"""
    return all(runs(app) and len(app.tasks()) == 4 for app in apps)


def generations(caplog: pytest.LogCaptureFixture) -> list[tuple[int, int]]:
    """Each time somebody was given tasks: how many, and in which generation."""
    found = (re.search(r"has (\d+) tasks in generation (\d+)", record.getMessage()) for record in caplog.records)
    return [(int(each[1]), int(each[2])) for each in found if each is not None]


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_rolling_restart_moves_no_task(
    servers: str, number: int, tmp_path: Path, guarantee: str, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "streams")
    write(servers, number)
    apps = {}

    def start(name: str) -> None:
        apps[name] = stack.enter_context(
            closing(application(servers, number, tmp_path / name, guarantee, group_instance_id=name, **SESSION))
        )

    for name in ("one", "two"):
        start(name)
    until(lambda: settled(*apps.values()) and counted(servers, number) == expected(1))
    had = {name: app.tasks() for name, app in apps.items()}
    last = max(generation for _, generation in generations(caplog))
    caplog.clear()
    for name in ("one", "two"):
        apps[name].close()
        write(servers, number)
        start(name)
        until(lambda: settled(*apps.values()))
        assert {each: app.tasks() for each, app in apps.items()} == had
    until(lambda: counted(servers, number) == expected(3))
    assert generations(caplog) == [(4, last), (4, last)]  # those that came back; the other never heard of it
    with Admin(bootstrap_servers=servers) as admin:
        members = admin.describe_group(f"count-{number}").members
    assert sorted(str(member.instance_id) for member in members) == ["one-1", "two-1"]


def test_who_closes_stays_a_member_until_its_session_has_run_out(
    servers: str, number: int, tmp_path: Path, stack: ExitStack
) -> None:
    first = stack.enter_context(
        closing(application(servers, number, tmp_path / "one", GUARANTEES[0], group_instance_id="one"))
    )
    until(lambda: runs(first))
    first.close()
    with Admin(bootstrap_servers=servers) as admin:
        assert [each.instance_id for each in admin.describe_group(f"count-{number}").members] == ["one-1"]
        until(lambda: not admin.describe_group(f"count-{number}").members)


def test_who_has_another_ones_place_fences_it(servers: str, number: int, tmp_path: Path, stack: ExitStack) -> None:
    first, second = (
        stack.enter_context(
            closing(application(servers, number, tmp_path / name, GUARANTEES[0], group_instance_id="one", **SESSION))
        )
        for name in ("first", "second")
    )
    until(lambda: first.failure or second.failure)
    ended, alive = (first, second) if first.failure else (second, first)
    assert isinstance(ended.failure, FencedInstanceIdException)
    assert f"count-{number}" in str(ended.failure) or "one-1" in str(ended.failure)
    until(lambda: runs(alive) and len(alive.tasks()) == 8)
