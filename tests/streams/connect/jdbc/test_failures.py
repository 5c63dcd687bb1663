"""Workers whose database fails: it is away, it stops, it commits and does not say so, a predecessor hangs in it."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from streams.clients import Producer, ProducerRecord
from streams.connect.errors import ConnectException, RetriableException
from streams.connect.worker.standalone import StandaloneWorker
from streams.connect.worker.status import State, Status
from streams.testing import ConnectTestDriver
from tests.commit_cutter import CommitCutter
from tests.engines import until
from tests.postgres_server import PASSWORD, PostgresServer, needed, running_server
from tests.streams.connect.conftest import Start, records_of
from tests.streams.connect.jdbc.databases import Database, Postgres, Sqlite

PLAIN = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
SINK = {"name": "shop", "connector.class": "JdbcSink", "topics": "orders", **PLAIN}
TABLE = "create table orders (number integer, note text)"


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that the test stops and starts."""
    needed()
    with running_server() as made:
        yield made


def send(engine: str, first: int, end: int, key: bytes = b"k") -> None:
    with Producer(bootstrap_servers=engine, linger_ms=5) as producer:
        for number in range(first, end):
            producer.send(ProducerRecord("orders", json.dumps({"number": number}).encode(), key))


def status(worker: StandaloneWorker) -> Status:
    return worker.connectors["shop"].statuses[0]


def numbers(database: Database) -> list[object]:
    return [number for (number,) in database.rows("select number from orders")]


def test_the_last_change_of_a_key_counts_and_a_row_that_was_deleted_keeps_nothing(
    engine: str, start: Start, database: Database
) -> None:
    database.run("create table orders (id varchar(9) primary key, number integer, note text)",
                 "insert into orders values ('b', 0, 'old'), ('c', 0, 'old')")  # fmt: skip
    with Producer(bootstrap_servers=engine) as producer:
        for key, value in (
            (b"a", b'{"number": 1, "note": "x"}'), (b"c", b'{"number": 1}'), (b"a", b'{"number": 2}'), (b"b", None),
            (b"b", b'{"number": 3}'), (b"d", b'{"number": 4}'), (b"d", None),
        ):  # fmt: skip
            producer.send(ProducerRecord("orders", value, key))
    keyed = {"insert.mode": "upsert", "pk.mode": "record_key", "pk.fields": "id", "delete.enabled": "true"}
    start({**SINK, **keyed, **database.settings})
    until(lambda: database.rows('select "offset" from streams_offsets') == [(7,)])
    found = database.rows("select id, number, note from orders order by id")
    assert found == [("a", 2, "x"), ("b", 3, None), ("c", 1, "old")]


def test_rows_of_a_batch_keep_the_order_of_their_records(engine: str, start: Start, database: Database) -> None:
    database.run(TABLE)
    send(engine, 0, 5_000)
    start({**SINK, "batch.size": "700", **database.settings})
    until(lambda: len(numbers(database)) == 5_000)
    assert numbers(database) == list(range(5_000))


def test_a_poison_row_in_a_batch_is_named_and_the_others_are_stored(
    engine: str, start: Start, database: Database
) -> None:
    database.run("create table orders (number integer check (number <> 50), note text)")
    send(engine, 0, 100)
    letters = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters"}
    start({**SINK, **letters, **database.settings})
    until(lambda: len(numbers(database)) == 99)
    assert numbers(database) == [number for number in range(100) if number != 50]
    (letter,) = records_of(engine, "letters")
    assert letter.value == b'{"number": 50}'


def test_a_server_that_stops_at_once_loses_and_doubles_nothing(
    engine: str, start: Start, own_server: PostgresServer
) -> None:
    database = Postgres(own_server)
    database.run("create table orders (place bigserial, number integer)")
    send(engine, 0, 2_000)
    worker = start({**SINK, "batch.size": "50", **database.settings})
    done = 2_000
    for _ in range(3):
        until(lambda: status(worker).state is State.RUNNING)
        own_server.stop(signal.SIGQUIT)
        send(engine, done, done + 500)
        done += 500
        until(lambda: status(worker).state is State.RETRYING)
        assert status(worker).next_attempt_ms is not None
        own_server.start()
    until(lambda: len(numbers(database)) >= done)
    placed = database.rows("select number from orders order by place")
    assert placed == [(number,) for number in range(done)]
    assert status(worker).restarts == 0


def test_a_sink_is_back_within_two_seconds_of_its_database(
    engine: str, start: Start, own_server: PostgresServer
) -> None:
    database = Postgres(own_server)
    database.run(TABLE)
    worker = start({**SINK, **database.settings})
    send(engine, 0, 1)
    until(lambda: numbers(database) == [0])
    own_server.stop()
    send(engine, 1, 2)
    until(lambda: status(worker).attempts >= 5)
    assert "does not answer" in status(worker).cause
    own_server.start()
    began = time.monotonic()
    until(lambda: numbers(database) == [0, 1])
    assert time.monotonic() - began < 2


def test_a_source_is_retrying_while_its_database_is_away(
    engine: str, start: Start, own_server: PostgresServer
) -> None:
    database = Postgres(own_server)
    database.run("create table orders (id serial primary key, number integer)")
    database.run("insert into orders (number) values (1)")
    settings = {"name": "shop", "connector.class": "JdbcSource", "mode": "transaction", "source.prepare": "true",
                "topic.prefix": "", "poll.interval.ms": "50", **PLAIN, "key.converter": "JsonConverter"}  # fmt: skip
    worker = start({**settings, **database.settings})
    until(lambda: len(records_of(engine, "orders")) == 1)
    own_server.stop()
    until(lambda: status(worker).state is State.RETRYING)
    own_server.start()
    began = time.monotonic()
    database.run("insert into orders (number) values (2)")
    until(lambda: len(records_of(engine, "orders")) == 2)
    assert time.monotonic() - began < 2
    until(lambda: status(worker).state is State.RUNNING)


@pytest.mark.parametrize("seed", range(3))
def test_a_commit_whose_answer_is_lost_is_asked_for(
    engine: str, start: Start, postgres: Postgres, seed: int
) -> None:
    """Into a table without a key, where nothing but the offsets keeps a row from being written twice."""
    postgres.run(TABLE)
    send(engine, 0, 1_500)
    cutter = CommitCutter(postgres.server.port, seed, 30)
    url = {"connection.url": f"postgresql://streams@127.0.0.1:{cutter.port}/{postgres.name}?sslmode=disable"}
    try:
        start({**SINK, "batch.size": "50", **postgres.settings, **url})
        until(lambda: len(numbers(postgres)) >= 1_500, 60)
    finally:
        cutter.close()
    assert numbers(postgres) == list(range(1_500))
    assert cutter.before and cutter.after


def test_a_predecessor_that_hangs_within_its_transaction_is_broken_up(postgres: Postgres) -> None:
    postgres.run(
        TABLE, "create table hangs (id integer)", "insert into hangs values (1)",
        "create function hang() returns trigger language plpgsql as "
        "$$begin if exists (select 1 from hangs) then perform pg_sleep(600); end if; return new; end$$",
        "create trigger hang before insert on orders for each row execute function hang()",
    )  # fmt: skip
    failed: list[Exception] = []
    old = ConnectTestDriver({**SINK, **postgres.settings})

    def hang() -> None:
        try:
            old.pipe_input("orders", b'{"number": 1, "note": "of the old one"}')
        except RetriableException as error:
            failed.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    until(lambda: postgres.rows("select 1 from pg_stat_activity where wait_event = 'PgSleep'"))
    postgres.run("delete from hangs")
    began = time.monotonic()
    with ConnectTestDriver({**SINK, **postgres.settings}) as new:
        new.pipe_input("orders", b'{"number": 1, "note": "of the new one"}')
        took = time.monotonic() - began
        thread.join(10)
        assert failed and took < 5
        with pytest.raises(ConnectException, match="is written by another task"):
            old.pipe_input("orders", b'{"number": 1, "note": "of the old one"}')
        new.pipe_input("orders", b'{"number": 2}')
    assert postgres.rows("select number, note from orders") == [(1, "of the new one"), (2, None)]


def _hold(path: Path) -> None:
    """Begins to write to a file, and stands still."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("begin immediate")
    connection.execute("insert into orders (number) values (-1)")
    os.kill(os.getpid(), signal.SIGSTOP)


def test_a_frozen_writer_holds_the_file_its_successor_waits_and_names_it(sqlite: Sqlite) -> None:
    sqlite.run("pragma journal_mode=wal", TABLE)
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(sqlite.path,))
    holder.start()

    def stopped() -> bool:
        return Path(f"/proc/{holder.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    until(stopped)
    with ConnectTestDriver({**SINK, **sqlite.settings}) as driver:
        for _ in range(3):
            with pytest.raises(RetriableException) as waits:
                driver.pipe_input("orders", b'{"number": 1}')
            assert f"process {holder.pid}" in str(waits.value)
        holder.kill()
        holder.join()
        driver.pipe_input("orders", b'{"number": 1}')
    assert numbers(sqlite) == [1]


def test_a_disk_that_is_full_is_waited_for(sqlite: Sqlite) -> None:
    sqlite.run("pragma journal_mode=wal", TABLE)
    with ConnectTestDriver({**SINK, **sqlite.settings}) as driver:
        driver.pipe_input("orders", b'{"number": 0}')
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (sqlite.path.with_name("data.db-wal").stat().st_size, hard))
        try:
            with pytest.raises(RetriableException, match=r"data\.db"):
                driver.pipe_input("orders", b'{"number": 1}')
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        driver.pipe_input("orders", b'{"number": 1}')
    assert numbers(sqlite) == [0, 1]


PLANTED = [f"s3cret{place}{odd}" for place, odd in enumerate(["", "/", "@", ":", "%41", "'", " x", '"', "é", "{}"] * 2)]


def reached(postgres: Postgres, place: int, secret: str) -> dict[str, str]:
    """A database, with a wrong password in one of the places where one may stand."""
    where = f"127.0.0.1:{postgres.server.port}/{postgres.name}"
    written = quote(secret, safe="")
    return [
        {"connection.url": f"postgresql://streams@{where}", "connection.password": secret},
        {"connection.url": f"postgresql://streams:{written}@{where}"},
        {"connection.url": f"jdbc:postgresql://{where}?user=streams&password={written}"},
        {"connection.url": f"postgresql://streams@{where}", "connection.password": f"${{env:SECRET_{place}}}"},
    ][place % 4]


def test_planted_passwords_are_never_shown(
    engine: str, start: Start, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in logs, whatever their level, nor in causes, nor by `repr`. Each is a wrong one, so that all tasks fail."""
    with caplog.at_level(logging.DEBUG):
        worker = StandaloneWorker(
            {
                "bootstrap.servers": engine, "key.converter": "StringConverter", "value.converter": "StringConverter",
                "config.providers": "env",
                "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
            },
            environment={f"SECRET_{place}": secret for place, secret in enumerate(PLANTED)},
        )  # fmt: skip
        with worker:
            for place, secret in enumerate(PLANTED):
                name = {"name": f"shop{place}", "connector.class": "JdbcSource", "mode": "bulk", "topic.prefix": "t"}
                worker.add({**name, **reached(postgres, place, secret)})
            tasks = [task for each in worker.connectors.values() for task in each.tasks]
            until(lambda: all(task.status.state is State.FAILED for task in tasks))
            causes = [task.status.cause for task in tasks]
            shown = [caplog.text, *causes, repr(worker.connectors), repr([vars(task) for task in tasks])]
    assert len(PLANTED) == 20 and all("refuses user 'streams'" in cause for cause in causes)
    for secret in PLANTED:
        for text in shown:
            assert secret not in text and quote(secret, safe="") not in text


def test_a_wrong_password_is_told_and_never_shown(
    engine: str, start: Start, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "wrong horse"
    with caplog.at_level(logging.DEBUG):
        worker = start({**SINK, **postgres.settings, "connection.password": secret})
        send(engine, 0, 1)
        until(lambda: status(worker).state is State.FAILED)
    assert "refuses user 'streams'" in status(worker).cause
    assert "connection.password" in status(worker).cause
    for text in (caplog.text, status(worker).cause):
        assert secret not in text and PASSWORD not in text
