"""`streams-app connect`, as it is typed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.engines import local_engine, until
from tests.streams.cli.conftest import Command
from tests.streams.connect.cluster import Cluster
from tests.streams.connect.conftest import records_of

ROOT = Path(__file__).parents[3]
STRINGS = "key.converter=StringConverter\nvalue.converter=StringConverter\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    config = {"connector.class": "FileSource", "file": str(tmp_path / "in.txt"), "topic": "lines"}
    file = tmp_path / "source.json"
    file.write_text(json.dumps({"name": "lines", "config": config}))
    return file


def test_a_configuration_that_is_right(command: Command, source: Path) -> None:
    result = command("connect", "validate", str(source))
    assert result.exit_code == 0
    assert result.output == f"{source}: lines (FileSource) is valid, exactly once.\n"


def test_all_that_is_wrong_with_a_configuration(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "bad.properties"
    file.write_text("name=bad\nconnector.class=FileSource\ntasks.max=0\nbatch.sise=7\n")
    result = command("connect", "validate", str(file))
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        f"{file}: bad (FileSource) has 2 errors:",
        "  tasks.max: Invalid value 0 for configuration tasks.max: Value must be at least 1",
        '  topic: Missing required configuration "topic" which has no default value.',
        "  (warning) The setting batch.sise is not known here and has no effect. Did you mean batch.size?",
    ]
    found = json.loads(command("connect", "validate", "--json", str(file)).output)[str(file)]
    assert (found["error_count"], sorted(found["errors"])) == (2, ["tasks.max", "topic"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name=a", "Connector config contains no connector type"),
        ("connector.class=Nothing", "Failed to find any class that implements Connector"),
        ("connector.class=json:loads", "it derives neither from SourceConnector nor from SinkConnector"),
    ],
)
def test_a_file_that_names_no_connector(command: Command, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "a.properties").write_text(text)
    result = command("connect", "validate", str(tmp_path / "a.properties"))
    assert result.exit_code == 2 and why in result.output


def test_what_has_to_be_run_in_a_database_is_printed_and_no_password(command: Command, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute("create table orders (id integer primary key, amount integer)")
    settings = {"connector.class": "JdbcSource", "mode": "changes", "topic.prefix": "db-",
                "connection.url": f"jdbc:sqlite:{tmp_path}/shop.db",
                "connection.password": "correct horse"}  # fmt: skip
    file = tmp_path / "shop.json"
    file.write_text(json.dumps({"name": "shop", "config": settings}))
    said = command("connect", "validate", str(file)).output
    assert f"{file}: shop (JdbcSource) is valid, exactly once.\n" in said
    statements = said.split("orders: this has to be run before:\n")[1]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.executescript(statements)
    assert "has to be run" not in command("connect", "validate", str(file)).output
    file.write_text(json.dumps({"name": "shop", "config": {**settings, "mode": "incrementing", "connection.url":
                                "postgresql://ann:battery-staple@db/shop"}}))  # fmt: skip
    for words in ([], ["--json"]):
        said = command("connect", "validate", *words, str(file)).output
        assert "loses rows" in said or "psycopg" in said
        assert "battery" not in said and "correct" not in said


def test_records_after_each_transform(command: Command, source: Path) -> None:
    config = json.loads(source.read_text())
    config["config"] |= {
        "transforms": "hoist,drop", "transforms.hoist.type": "HoistField$Value", "transforms.hoist.field": "line",
        "transforms.drop.type": "Filter", "transforms.drop.predicate": "never", "predicates": "never",
        "predicates.never.type": "HasHeaderKey", "predicates.never.name": "none",
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
    }  # fmt: skip
    source.write_text(json.dumps(config))
    result = command("connect", "dry-run", "--records", "1", str(source))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "record 1",
        "  read              lines  key=null  value=one",
        "  transforms.hoist  lines  key=null  value=Struct{line=one}",
        "  transforms.drop   lines  key=null  value=Struct{line=one}",
        '  written           lines  key=null  value={"line":"one"}',
    ]
    (line,) = command("connect", "dry-run", "-n", "1", "--json", str(source)).output.splitlines()
    assert [each["after"] for each in json.loads(line)][-1] == "written"
    assert command("topics", "list", "--json").output == "[]\n"


def test_a_database_is_looked_at_and_not_changed(command: Command, tmp_path: Path) -> None:
    """Also where the connector may prepare its tables."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.execute("create table orders (id integer primary key, amount integer)")
        shop.execute("insert into orders (amount) values (7), (8)")
        shop.commit()
        before = list(shop.iterdump())
        file = tmp_path / "source.properties"
        file.write_text(
            f"name=shop\nconnector.class=JdbcSource\nconnection.url=jdbc:sqlite:{tmp_path / 'shop.db'}\nmode=changes\n"
            "source.prepare=true\ntopic.prefix=\npoll.interval.ms=10\n"
        )
        result = command("connect", "dry-run", str(file))
        assert "record 2" in result.output and "Struct{id=1,amount=7}" in result.output
        assert list(shop.iterdump()) == before


def test_a_sink_is_shown_what_lies_in_its_topics(command: Command, tmp_path: Path) -> None:
    command("produce", "lines", input="one\ntwo\n")
    file = tmp_path / "sink.yaml"
    file.write_text("name: out\nconnector.class: FileSink\ntopics: lines\nfile: /tmp/none\n")
    result = command("connect", "dry-run", "-n", "1", str(file))
    assert result.output.splitlines() == ["record 1", "  read  lines  key=null  value=one"]


def test_plugins(command: Command) -> None:
    found = json.loads(command("connect", "plugins", "--json").output)
    assert {row["kind"] for row in found} == {"source", "sink", "transform", "predicate", "converter"}


def test_a_worker_alone_needs_files_or_rest(command: Command, tmp_path: Path) -> None:
    (tmp_path / "worker.properties").write_text(f"bootstrap.servers=memory://w\n{STRINGS}")
    result = command("connect", "standalone", str(tmp_path / "worker.properties"))
    assert result.exit_code == 2 and "Give files of connectors, or listeners=http://127.0.0.1:8083" in result.output


def test_a_worker_that_shares_names_its_topics(command: Command, tmp_path: Path) -> None:
    (tmp_path / "worker.properties").write_text(f"bootstrap.servers=memory://w\n{STRINGS}group.id=g\n")
    result = command("connect", "distributed", str(tmp_path / "worker.properties"))
    assert result.exit_code == 2 and 'Missing required configuration "offset.storage.topic"' in result.output


def test_positions_in_a_file_are_refused(command: Command, source: Path, tmp_path: Path) -> None:
    worker = tmp_path / "worker.properties"
    worker.write_text(f"bootstrap.servers=memory://w\n{STRINGS}offset.storage.file.filename=/tmp/x\n")
    result = command("connect", "standalone", str(worker), str(source))
    assert result.exit_code == 2
    assert "offset.storage.file.filename has no meaning here" in result.output


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    with local_engine(tmp_path / "engine") as address:
        yield address


def written(directory: Path) -> list[str]:
    """The lines of all files that a sink has finished."""
    files = sorted(each for each in directory.iterdir() if each.name.startswith("out."))
    return [line for file in files for line in file.read_text().splitlines()]


def test_a_process_that_is_killed_loses_and_doubles_nothing(engine: str, source: Path, tmp_path: Path) -> None:
    """Lines are added while the worker runs, is killed, and is started again; the sink's files have each line once."""
    worker = tmp_path / "worker.properties"
    worker.write_text(f"bootstrap.servers={engine}\n{STRINGS}offset.storage.partitions=1\n")
    sink = tmp_path / "sink.properties"
    sink.write_text(
        f"name=out\nconnector.class=FileSink\ntopics=lines\nfile={tmp_path / 'out.txt'}\nfile.max.ms=100\n"
        "consumer.override.session.timeout.ms=6000\n"
    )
    lines = ["one", "two"]
    arguments = [sys.executable, "-m", "streams.cli.main", "connect", "standalone", worker, source, sink]

    def life(ending: signal.Signals) -> int:
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seen = len(written(tmp_path))
        with (tmp_path / "in.txt").open("a") as growing:
            for _ in range(3_000):
                lines.append(f"line {len(lines)}")
                growing.write(f"{lines[-1]}\n")
        until(lambda: len(written(tmp_path)) > seen or process.poll() is not None, 60)
        os.kill(process.pid, ending)
        process.communicate()
        return process.returncode

    for _ in range(2):
        assert life(signal.SIGKILL) == -signal.SIGKILL
    assert life(signal.SIGTERM) == 0
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: len(written(tmp_path)) >= len(lines), 60)
    finally:
        process.terminate()
        process.wait()
    assert written(tmp_path) == lines


def test_workers_that_are_killed_lose_and_double_nothing(engine: str, tmp_path: Path) -> None:
    """Whoever runs the source, then the sink, is killed while lines are added; others go on, each line comes once."""
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    lines = ["one", "two"]
    cluster = Cluster(engine, tmp_path, 2)
    source = {"connector.class": "FileSource", "file": str(tmp_path / "in.txt"), "topic": "lines"}
    sink = {"connector.class": "FileSink", "topics": "lines", "file": str(tmp_path / "out.txt"), "file.max.ms": "100"}
    cluster.add("source", source)
    cluster.add("sink", sink)

    def more_than(seen: int) -> bool:
        return len(written(tmp_path)) > seen

    for connector in ("source", "sink", "source", "sink"):
        until(partial(cluster.owner, connector), 60)
        seen = len(written(tmp_path))
        with (tmp_path / "in.txt").open("a") as growing:
            for _ in range(3_000):
                lines.append(f"line {len(lines)}")
                growing.write(f"{lines[-1]}\n")
        until(partial(more_than, seen), 60)
        victim = cluster.owner(connector) or cluster.addresses[0]
        cluster.kill(victim)
        until(partial(cluster.moved, connector, victim), 60)
        cluster.begin(victim)
    until(lambda: len(written(tmp_path)) >= len(lines), 60)
    cluster.close()
    assert sorted(written(tmp_path)) == sorted(lines)
    assert written(tmp_path) == lines


def test_a_worker_that_was_frozen_comes_back_and_doubles_nothing(engine: str, tmp_path: Path) -> None:
    """It is stopped for longer than its session: another one reads on meanwhile, and what it had begun is undone."""
    (tmp_path / "in.txt").write_text("")
    cluster = Cluster(engine, tmp_path, 2, "session.timeout.ms=6000\n")
    config = {"connector.class": "FileSource", "file": str(tmp_path / "in.txt"), "topic": "lines", "batch.size": "50"}
    cluster.add("source", config)
    until(lambda: cluster.owner("source"), 60)
    frozen = cluster.owner("source")
    lines: list[str] = []

    def grow() -> None:
        with (tmp_path / "in.txt").open("a") as growing:
            for _ in range(5_000):
                lines.append(f"line {len(lines)}")
                growing.write(f"{lines[-1]}\n")

    grow()
    cluster.freeze(frozen)
    grow()
    until(lambda: cluster.moved("source", frozen), 60)
    cluster.signal(frozen, signal.SIGCONT)
    grow()
    until(lambda: len(records_of(engine, "lines")) >= len(lines), 60)
    until(lambda: cluster.ask("GET", "/connectors/source/status", None, cluster.owner("source")).status == 200, 60)
    cluster.close()
    until(lambda: [record.value.decode() for record in records_of(engine, "lines")] == lines)
