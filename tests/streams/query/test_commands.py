"""`streams-app state` and `query` beside running instances, and `--http` with several workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import arguments_of, cli
from streams.clients import Admin
from tests.engines import local_engine, until
from tests.kafka_broker import free_port
from tests.streams.apps import produce, topics, wait_for
from tests.streams.cli.test_workers import workers
from tests.streams.query.asking import get, key, serving
from tests.streams.query.test_queries import ROWS, stores

ROOT = Path(__file__).resolve().parents[3]


def command(engine: str, *arguments: str) -> Result:
    environment = {"STREAMS_APP_BOOTSTRAP_SERVERS": engine}
    return CliRunner().invoke(cli, arguments_of(arguments), env=environment, prog_name="streams-app")


def test_a_running_application_is_asked_by_its_group(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 2})
    for name, value, at in ROWS:
        produce(servers, "in", [(name, value)], timestamp=at)
    other = {**settings, "state_dir": settings["state_dir"] + "-other"}
    with serving(stores(), servers, **settings) as (one, first), serving(stores(), servers, **other) as (two, second):
        wait_for(lambda: len(one.tasks()) == len(two.tasks()) == 1)
        wait_for(lambda: get(first, "/stores/counts/count").json.get("count") == 3)

        def asked(*arguments: str) -> Result:
            return command(servers, "query", "-a", "app", *arguments)

        for name, count in (("a", 2), ("b", 1), ("ab", 1)):
            found = asked("counts", name, "--json")
            assert found.exit_code == 0, found.output
            row = json.loads(found.stdout)
            assert (row["key"], row["value"]) == (name, count) and row["position"]
        assert asked("counts", "a").stdout == "a\t2\n"
        absent = asked("counts", "nobody")
        assert absent.exit_code == 1 and "counts has no 'nobody'" in absent.output
        rows = asked("counts", "--prefix", "a", "--json").stdout.splitlines()
        assert sorted(json.loads(row)["key"] for row in rows) == ["a", "ab"]
        assert sorted(asked("counts", "--from", "ab", "--to", "b").stdout.splitlines()) == ["ab\t1", "b\t1"]
        assert asked("windows", "a", "--window").stdout == "a\t0..1000\t1\na\t2000..3000\t1\n"
        assert asked("sessions", "a", "--window", "--from", "1000").stdout == "a\t2020..2020\t1\n"
        state = command(servers, "state", "-a", "app", "--json")
        assert state.exit_code == 0, state.output
        told = json.loads(state.stdout)
        assert {str(row["instance"]) for row in told} == {first, second}
        assert sorted(task for row in told for task in row["tasks"]) == ["0_0", "0_1"]
        shown = command(servers, "state", "-a", "app").stdout
        assert "counts" in shown and "RUNNING" in shown
        for arguments, code, words in (
            (("count", "a"), 2, "There are: counts"),
            (("counts",), 2, "Give a KEY"),
            (("counts", "a", "--prefix", "x"), 2, "A KEY has one row"),
            (("counts", "zz", "--key-format", "hex"), 2, "is none of Serdes.string()"),
            (("counts", "a", "--min-position", "elsewhere:0:1"), 2, "does not read"),
        ):
            wrong = asked(*arguments)
            assert (wrong.exit_code, words in wrong.output) == (code, True), wrong.output


def test_nobody_to_be_asked_is_said(servers: str, settings: dict[str, Any]) -> None:
    from tests.streams.apps import running

    topics(servers, **{"in": 1})
    nobody = command(servers, "query", "-a", "app", "counts", "a")
    assert nobody.exit_code == 1 and "No instance of app runs" in nobody.output
    with running(stores(), servers, **settings):
        mute = command(servers, "state", "-a", "app")
        assert mute.exit_code == 1 and "start them with --http" in mute.output


SCRIPT = """
from streams import Serdes
def topology(builder):
    text = Serdes.string()
    builder.table("in", key_serde=text, value_serde=text, store="latest")
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with local_engine(tmp_path / "data") as made:
        yield made


def test_a_supervisor_listens_and_has_its_workers_answer(tmp_path: Path, address: str) -> None:
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic("in", 4)
    names = [f"key-{number}" for number in range(20)]
    produce(address, "in", [(name, name.upper()) for name in names])
    script = tmp_path / "job.py"
    script.write_text(SCRIPT, "utf-8")
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", "-a", "app", str(script), "-b", address, "--workers", "2",
             "--http", f"127.0.0.1:{port}"],
            stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    endpoint = f"127.0.0.1:{port}"
    try:

        def answered(name: str, known: tuple[int, ...] = (200, 503)) -> bool:
            try:
                said = get(endpoint, key("latest", name), timeout=5_000)
            except OSError:
                return False
            assert said.status in known, said
            return said.status == 200 and bool(said.json["value"] == name.upper())

        for name in names:
            until(lambda: answered(name, (200, 404, 503)))  # noqa: B023
        sources = {get(endpoint, key("latest", name)).headers.get("streams-source") for name in names}
        assert len(sources - {None}) == 2, "both workers have tasks, and both answer"
        killed = workers(process)[0]
        os.kill(killed, signal.SIGKILL)
        for name in names:  # never absent
            until(lambda: answered(name))  # noqa: B023
        assert get(endpoint, key("latest", "nobody"), timeout=20_000).status == 404
        found = command(address, "query", "-a", "app", "latest", names[0])
        assert found.stdout == f"{names[0]}\t{names[0].upper()}\n", found.output
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text("utf-8")
