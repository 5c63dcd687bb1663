"""A worker of several that stands still with a sink's rows in its hands, until another one has written them."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from streams.clients import Admin, Producer, ProducerRecord
from tests.engines import local_engine, until
from tests.streams.connect.asking import ask
from tests.streams.connect.cluster import Cluster
from tests.streams.connect.jdbc.databases import Database

ROWS = 4_000
SESSION = "3000"
TABLE = {
    "sqlite": "create table numbers (place integer primary key autoincrement, number bigint)",
    "postgresql": "create table numbers (place bigserial primary key, number bigint)",
}
"""Without a key of its own: nothing but the fence keeps a row from being there twice."""
SINK = {
    "connector.class": "JdbcSink",
    "topics": "numbers",
    "insert.mode": "insert",
    "pk.mode": "none",
    "fields.whitelist": "number",
    "batch.size": "4",
    "value.converter": "JsonConverter",
    "value.converter.schemas.enable": "false",
    "consumer.override.max.poll.records": str(ROWS),  # all are in its hands at once
    "consumer.override.session.timeout.ms": SESSION,
    "consumer.override.heartbeat.interval.ms": "300",
}


def write(engine: str, numbers: range) -> None:
    with Producer(bootstrap_servers=engine) as producer:
        for number in numbers:
            producer.send(ProducerRecord("numbers", json.dumps({"number": number}).encode()))


def stored(database: Database) -> list[int]:
    return [int(str(number)) for (number,) in database.rows("select number from numbers order by place")]


def is_held(database: Database) -> bool:
    """Does somebody hold the file? A server breaks up the transaction of one that is frozen; a file nobody else can."""
    if database.kind == "postgresql":
        return False
    path = database.settings["connection.url"].removeprefix("jdbc:sqlite:")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError:
            return True
    return False


def test_a_worker_that_was_frozen_with_rows_in_its_hands_learns_it(database: Database, tmp_path: Path) -> None:
    """Another one takes the task over and writes all of them. The first one goes on where it stood: the fence, its
    connection that was ended, or its group tells it first. It stores nothing, and is a worker among others again, who
    takes over in its turn."""
    if database.kind == "sqlite":
        database.run("pragma journal_mode=wal")
    database.run(TABLE[database.kind])
    more = f"session.timeout.ms={SESSION}\n"
    with local_engine(tmp_path / "engine") as engine, Cluster(engine, tmp_path, 2, more) as cluster:
        with Admin(bootstrap_servers=engine) as admin:
            admin.create_topic("numbers", 1)
        write(engine, range(ROWS))
        cluster.add("numbers", {**SINK, **database.settings})
        until(lambda: stored(database), 60)
        frozen = cluster.owner("numbers") or cluster.addresses[0]
        cluster.freeze(frozen)
        while is_held(database):
            cluster.signal(frozen, signal.SIGCONT)
            cluster.freeze(frozen)
        assert 0 < len(stored(database)) < ROWS
        until(lambda: cluster.moved("numbers", frozen), 60)
        until(lambda: len(stored(database)) >= ROWS, 60)
        other = cluster.owner("numbers", frozen)
        assert not cluster.losses(frozen)
        cluster.signal(frozen, signal.SIGCONT)
        until(lambda: cluster.losses(frozen), 60)
        until(lambda: runner_of(frozen) == other, 60)
        write(engine, range(ROWS, ROWS + 100))
        until(lambda: len(stored(database)) >= ROWS + 100, 60)
        cluster.kill(other)
        until(lambda: cluster.owner("numbers") == frozen, 60)
        write(engine, range(ROWS + 100, ROWS + 200))
        until(lambda: len(stored(database)) >= ROWS + 200, 60)
        cluster.close()
    assert stored(database) == list(range(ROWS + 200))


def runner_of(address: str) -> str:
    """Who runs the task, as this worker knows it."""
    tasks = ask(address, "GET", "/connectors/numbers/status").body["tasks"]
    return str(tasks[0]["worker_id"]) if tasks and tasks[0]["state"] == "RUNNING" else ""
