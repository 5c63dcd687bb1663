"""Connectors against loops by hand that move the same rows over the same engine and database, in turns.

A row is of 20,000 keys, and about 100 bytes of JSON. What comes out is compared with what must: each key's last row in
a table, each row once in a topic. PostgreSQL is a server of its own, of Debian's package, with `fsync`.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.answers import WrongOutput
from benchmarks.clocks import Rates, Sample, resident_mb, steady
from benchmarks.data import START
from benchmarks.endtoend import child
from benchmarks.engine import Engine
from benchmarks.figures import Figure, Row, Value, middle, wall_spread
from benchmarks.options import Options
from streams.record import TopicPartition
from tests.postgres_server import PASSWORD, PostgresServer

RECORDS = 200_000
KEYS = 20_000
CHUNK = 5_000
TITLES = {
    "topic-postgres": "a topic into PostgreSQL, upserts",
    "topic-sqlite": "a topic into SQLite, upserts, synchronous=FULL",
    "postgres-topic": "PostgreSQL into a topic, mode=transaction",
    "file-topic": "a file into a topic, lines",
    "start": "launch of a worker with 20 connectors until all their tasks run",
    "slow": "memory of a worker whose sink is ten times too slow",
}
PLAIN = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
SINK = {
    "connector.class": "JdbcSink", "insert.mode": "upsert", "pk.mode": "record_key", "pk.fields": "id",
    "table.name.format": "rows", **PLAIN,
}  # fmt: skip
SOURCE = {
    "connector.class": "JdbcSource", "mode": "transaction", "source.prepare": "true", "topic.prefix": "",
    "batch.max.rows": "5000", "poll.interval.ms": "10", **PLAIN, "key.converter": "JsonConverter",
    "key.converter.schemas.enable": "false",
}  # fmt: skip
TABLE = "create table rows (id varchar(9) primary key, number integer, price double precision, note text)"


def row(number: int) -> dict[str, object]:
    """A row, without its key."""
    return {"number": number, "price": number / 8, "note": f"row {number}, which says little but takes some room"}


def key(number: int) -> str:
    """Of a row."""
    return f"k{number % KEYS:05}"


def measured(name: str, engine: Engine, options: Options) -> Iterator[Row]:
    """A connector and the loop by hand, in turns.

    Raises:
        WrongOutput: a run has not given what it must.
    """
    if name in ("start", "slow"):
        yield from (_start if name == "start" else _slow)(engine, options)
        return
    count = options.records or RECORDS
    with ExitStack() as stack:
        server = None
        if "postgres" in name:
            server = PostgresServer({"fsync": "on"})
            stack.callback(server.remove)
            server.start()
        found: dict[str, list[Rates]] = {"worker": [], "by_hand": []}
        peak = 0.0
        for turn in range(options.repeat):
            for role in sorted(found, reverse=bool(turn % 2)) if options.floors else ["worker"]:
                case = _CASES[name](engine, count, server)
                order = {**case.order, "side": role, "total": count, "broker": engine.pid}
                answer = child("connector", order)
                case.check()
                found[role].append(steady([Sample(*each) for each in answer["samples"]], count))
                if role == "worker":
                    peak = max(peak, answer["peak_mb"])
        rates, spread = middle(found["worker"])
        floors = middle(found["by_hand"])[0] if options.floors else None
        yield Figure(
            f"connect/{name}", TITLES[name], "rows", rates.records, rates.per_second, rates.worker_ns, spread,
            rates.broker_ns, peak, resident_mb(engine.pid), floors.worker_ns if floors else 0.0,
            wall_spread(found["worker"]), outputs=count,
        )  # fmt: skip
        if floors is not None:
            pairs = zip(found["worker"], found["by_hand"], strict=True)
            share = median(100 * ours.per_second / by_hand.per_second for ours, by_hand in pairs)
            yield Value("", f"    of the loop by hand ({floors.per_second:,.0f}/s)", share, "% of the rate")


class Case:
    """One run's data.

    Args:
        order: what the child is told.
        expected: what must come out.
        found: what has come out.
    """

    def __init__(
        self, order: Mapping[str, Any], expected: Callable[[], object], found: Callable[[], object]
    ) -> None:
        self.order = order
        self._expected = expected
        self._found = found

    def check(self) -> None:
        """Raises WrongOutput."""
        if self._expected() != self._found():
            raise WrongOutput(f"{self.order['way']}: what came out is not what went in")


CONNECTORS = 20
SLOW_RECORDS, SLOW_BYTES = 200_000, 1_000


def _start(engine: Engine, options: Options) -> Iterator[Value]:
    """Files, and databases of SQLite, as sources and as sinks."""
    path = Path(engine.directory)
    (path / "lines.txt").write_text("one\n")
    with closing(sqlite3.connect(path / "start.db")) as connection:
        connection.execute("create table if not exists t (id integer primary key)")
    topic, url = engine.topic("start"), {"connection.url": f"jdbc:sqlite:{path / 'start.db'}"}

    def connector(number: int, name: str) -> dict[str, str]:
        kinds: list[dict[str, str]] = [
            {"connector.class": "FileSource", "file": str(path / "lines.txt"), "topic": topic},
            {"connector.class": "FileSink", "file": str(path / f"{name}.txt"), "topics": topic},  # one writes to a file
            {"connector.class": "JdbcSource", "mode": "incrementing", "topic.prefix": f"{topic}-", **PLAIN, **url},
            {"connector.class": "JdbcSink", "topics": f"{topic}-none", **PLAIN, **url},
        ]
        return {**kinds[number % len(kinds)], "name": name}

    took: list[float] = []
    for turn in range(options.repeat):
        given = [connector(number, f"c{turn}-{number}") for number in range(CONNECTORS)]
        launched = time.monotonic()
        order = {"side": "start", "address": engine.address, "topic": topic, "connectors": given}
        took.append(child("connector", order)["at"] - launched)
    yield Value("connect/start", TITLES["start"], median(took), "s")


def _slow(engine: Engine, options: Options) -> Iterator[Value]:
    count = options.records or SLOW_RECORDS
    topic, value = engine.topic("slow"), b"x" * SLOW_BYTES
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        keys: list[bytes | None] = [key(number).encode() for number in numbers]
        engine.send(TopicPartition(topic, 0), keys, [value] * len(keys), [START] * len(keys))
    engine.settle()
    order = {"side": "slow", "address": engine.address, "topic": topic, "broker": engine.pid, "total": count // 10}
    yield Value("connect/slow", TITLES["slow"], child("connector", order)["peak_mb"], "MB")


def _filled(engine: Engine, count: int) -> str:
    """A topic with the rows; the same for all runs."""
    topic = engine.topic("rows-in")
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        engine.send(
            TopicPartition(topic, 0),
            [key(number).encode() for number in numbers],
            [json.dumps(row(number)).encode() for number in numbers],
            [START + number for number in numbers],
        )
    engine.settle()
    return topic


def _last_rows(count: int) -> list[tuple[object, ...]]:
    rows = {key(number): (key(number), *row(number).values()) for number in range(count)}
    return [rows[each] for each in sorted(rows)]


_ALL = "select id, number, price, note from rows order by id"


def _topic_postgres(engine: Engine, count: int, server: PostgresServer | None) -> Case:
    assert server is not None
    import psycopg

    where = server.conninfo(server.database())
    with psycopg.connect(where) as connection:
        connection.execute(TABLE)
    settings = {**SINK, "connection.url": server.url(where.rpartition("=")[2]), "connection.password": PASSWORD}
    order = {"way": "topic-postgres", "address": engine.address, "topic": _filled(engine, count), "where": where,
             "settings": settings}  # fmt: skip

    def found() -> Sequence[tuple[object, ...]]:
        with psycopg.connect(where) as connection:
            return connection.execute(_ALL).fetchall()

    return Case(order, lambda: _last_rows(count), found)


def _topic_sqlite(engine: Engine, count: int, server: PostgresServer | None) -> Case:
    topic = _filled(engine, count)
    path = Path(engine.directory) / f"{topic}.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(TABLE)
    order = {"way": "topic-sqlite", "address": engine.address, "topic": topic, "where": str(path),
             "settings": {**SINK, "connection.url": f"jdbc:sqlite:{path}"}}  # fmt: skip

    def found() -> Sequence[tuple[object, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(_ALL).fetchall()

    return Case(order, lambda: _last_rows(count), found)


def _postgres_topic(engine: Engine, count: int, server: PostgresServer | None) -> Case:
    assert server is not None
    import psycopg

    database = server.database()
    where = server.conninfo(database)
    topic = engine.topic("rows")
    with psycopg.connect(where) as connection:
        # what mode=transaction needs is there for both, so that it is not measured
        connection.execute(
            f'create table "{topic}" (id bigserial primary key, number integer, price double precision, note text, '
            "streams_xid xid8 not null default pg_current_xact_id())".encode()
        )
        with connection.cursor().copy(f'copy "{topic}" (number, price, note) from stdin'.encode()) as copy:
            for number in range(count):
                copy.write_row(tuple(row(number).values()))
        connection.execute(f'create index on "{topic}" (streams_xid, id)'.encode())
    settings = {**SOURCE, "connection.url": server.url(database), "connection.password": PASSWORD,
                "table.whitelist": topic}  # fmt: skip
    order = {"way": "postgres-topic", "address": engine.address, "topic": topic, "where": where,
             "settings": settings}  # fmt: skip
    return Case(
        order,
        lambda: [{"id": number + 1, **row(number)} for number in range(count)],
        lambda: sorted((json.loads(value or b"") for _, value, _ in engine.read(topic)), key=lambda each: each["id"]),
    )


def _file_topic(engine: Engine, count: int, server: PostgresServer | None) -> Case:
    topic = engine.topic("lines")
    path = Path(engine.directory) / f"{topic}.txt"
    lines = [json.dumps(row(number)) for number in range(count)]
    path.write_text("\n".join(lines) + "\n")
    settings = {"connector.class": "FileSource", "file": str(path), "topic": topic}
    order = {"way": "file-topic", "address": engine.address, "topic": topic, "where": str(path), "settings": settings}
    return Case(order, lambda: lines, lambda: [(value or b"").decode() for _, value, _ in engine.read(topic)])


_CASES: Mapping[str, Callable[[Engine, int, PostgresServer | None], Case]] = {
    "topic-postgres": _topic_postgres,
    "topic-sqlite": _topic_sqlite,
    "postgres-topic": _postgres_topic,
    "file-topic": _file_topic,
}
