"""A connector's run in a process of its own, and the loops by hand that do the same work.

The loops keep their offset with their rows, in one transaction, as the connectors do; they fence nobody, check nothing
and survive nothing.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.clocks import peak_mb, sample
from benchmarks.engine import FOR_EVER
from streams.clients.api import Isolation, TransactionalWriter
from streams.clients.connect import connect
from streams.clients.settings import producer_settings
from streams.connect.connector import SinkConnector, SinkTask
from streams.connect.records import SinkRecord
from streams.connect.worker.standalone import StandaloneWorker
from streams.connect.worker.status import State
from streams.record import RecordBatch, TopicPartition

EVERY_S = 0.02
LONGEST_S = 60.0
BATCH = 2_000
PAGE = 5_000
ANSWER_MS = 60_000
_UPSERT = "on conflict (id) do update set number = excluded.number, price = excluded.price, note = excluded.note"
_NAMES = "insert into rows (id, number, price, note)"
_OFFSETS = "create table positions (id integer primary key, place bigint)"


class Row(msgspec.Struct):
    """What a record's value is."""

    number: int
    price: float
    note: str


def worker(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Runs a connector until it has done all rows."""
    settings = {"bootstrap.servers": order["address"], "key.converter": "StringConverter",
                "value.converter": "StringConverter", "group.id": f"bench-{order['topic']}"}  # fmt: skip
    with StandaloneWorker(settings) as running:
        name = f"bench-{order['topic']}"
        given = {"name": name, **order["settings"]}
        if given["connector.class"].endswith("Sink"):
            given["topics"] = order["topic"]
        samples = [sample(order["broker"], 0)]
        task = running.add(given)
        moved = time.monotonic()
        while samples[-1].done < order["total"]:
            time.sleep(EVERY_S)
            samples.append(sample(order["broker"], sum(each.records for each in task.statuses)))
            if samples[-1].done != samples[-2].done:
                moved = samples[-1].at
            elif samples[-1].at - moved > LONGEST_S:
                raise RuntimeError(f"it stands still at {samples[-1].done}: {task.statuses[0].cause}")
    return {"samples": samples, "peak_mb": peak_mb()}


class SlowSink(SinkConnector):
    """A sink that takes 4,000 rows a second."""


class SlowSinkTask(SinkTask):
    """Sleeps."""

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Takes its time."""
        time.sleep(len(records) / 4_000)


SlowSink.task_class = SlowSinkTask


def slow(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """A worker whose sink is slow."""
    settings = {"connector.class": "benchmarks.connector_runs:SlowSink"}
    return worker({**order, "settings": settings})


def start(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """When all tasks of many connectors run."""
    settings = {"bootstrap.servers": order["address"], "key.converter": "StringConverter",
                "value.converter": "StringConverter", "group.id": f"start-{order['connectors'][0]['name']}"}
    with StandaloneWorker(settings) as running:
        added = running.add_all(order["connectors"])
        while any({status.state for status in each.statuses} != {State.RUNNING} for each in added):
            time.sleep(0.005)
        return {"at": time.monotonic()}


def by_hand(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same rows by hand."""
    samples = [sample(order["broker"], 0)]
    for done in _LOOPS[order["way"]](order):
        samples.append(sample(order["broker"], done))
    return {"samples": samples, "peak_mb": peak_mb()}


def _batches(order: Mapping[str, Any]) -> Iterator[tuple[list[tuple[str, int, float, str]], int]]:
    """The rows of a topic in batches, each with the offset behind."""
    door = connect(order["address"], "by-hand")
    reader = door.reader(Isolation.READ_COMMITTED)
    reader.seek({TopicPartition(order["topic"], 0): 0})
    decode = msgspec.json.Decoder(Row).decode
    rows: list[tuple[str, int, float, str]] = []
    done = 0
    while done < order["total"]:
        for fetched in reader.poll(100):
            if fetched.batch is None:
                continue
            for key, value in zip(fetched.batch.keys, fetched.batch.values, strict=True):
                assert key is not None and value is not None
                each = decode(value)
                rows.append((key.decode(), each.number, each.price, each.note))
                if len(rows) == BATCH:
                    done += BATCH
                    yield rows, done
                    rows = []
        if rows and done + len(rows) == order["total"]:
            done += len(rows)
            yield rows, done
    reader.close()
    door.close()


def _topic_postgres(order: Mapping[str, Any]) -> Iterator[int]:
    import psycopg
    from psycopg.types.numeric import Int8Dumper

    sql = f"{_NAMES} select * from unnest(%s::text[], %s::integer[], %s::double precision[], %s::text[]) {_UPSERT}"
    with psycopg.connect(order["where"], autocommit=True, prepare_threshold=None) as connection:
        connection.adapters.register_dumper(int, Int8Dumper)
        connection.execute(_OFFSETS)
        connection.execute("insert into positions values (1, 0)")
        for rows, offset in _batches(order):
            last = {row[0]: row for row in rows}
            connection.execute("begin")
            connection.execute(sql, list(map(list, zip(*(last[key] for key in sorted(last)), strict=True))))
            connection.execute("update positions set place = %s where id = 1", [offset])
            connection.execute("commit")
            yield offset


def _topic_sqlite(order: Mapping[str, Any]) -> Iterator[int]:
    with closing(sqlite3.connect(order["where"], isolation_level=None)) as connection:
        connection.execute("pragma journal_mode=wal").fetchall()
        connection.execute("pragma synchronous=full").fetchall()
        connection.execute(_OFFSETS)
        connection.execute("insert into positions values (1, 0)")
        for rows, offset in _batches(order):
            last = {row[0]: row for row in rows}
            connection.execute("begin immediate")
            connection.executemany(f"{_NAMES} values (?, ?, ?, ?) {_UPSERT}", [last[key] for key in sorted(last)])
            connection.execute("update positions set place = ? where id = 1", [offset])
            connection.execute("commit")
            yield offset


class _Transactions:
    """Sends batches, each in a transaction of the engine, with a position beside."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        name = f"by-hand-{order['topic']}"
        settings = producer_settings({"transactional.id": name}, {})
        assert settings.transaction is not None
        self._door = connect(order["address"], "by-hand")
        self._out = TopicPartition(order["topic"], 0)
        self._positions = TopicPartition(name, 0)
        self._door.admin().create_topic(name, 1, FOR_EVER)
        self._writer: TransactionalWriter = self._door.transactional_writer(settings.transaction, settings.writer)
        self._writer.init(ANSWER_MS)

    def send(self, values: list[bytes | None], position: object) -> None:
        """One of them."""
        self._writer.begin()
        now, count = int(time.time() * 1000), len(values)
        self._writer.send(
            self._out, RecordBatch([None] * count, values, [now] * count, None, range(count), count), _sent
        )
        place: list[bytes | None] = [json.dumps(position).encode()]
        self._writer.send(self._positions, RecordBatch([b"place"], place, [now], None, range(1), 1), _sent)
        self._writer.await_acks(ANSWER_MS)
        self._writer.end(True, ANSWER_MS)

    def close(self) -> None:
        self._writer.close()
        self._door.close()


def _postgres_topic(order: Mapping[str, Any]) -> Iterator[int]:
    import psycopg

    encode = msgspec.json.encode
    sql = (
        f'select id, number, price, note, streams_xid::text from "{order["topic"]}" where (streams_xid, id) > '
        "(%s::text::xid8, %s) and streams_xid < pg_snapshot_xmin(pg_current_snapshot()) "
        f"order by streams_xid, id limit {PAGE}"
    ).encode()
    out, done, place = _Transactions(order), 0, ("0", 0)
    with psycopg.connect(order["where"], autocommit=True, prepare_threshold=None) as connection:
        while done < order["total"]:
            rows = connection.execute(sql, place).fetchall()
            values: list[bytes | None] = [
                encode({"id": each[0], "number": each[1], "price": each[2], "note": each[3]}) for each in rows
            ]
            place = (rows[-1][-1], rows[-1][0])
            out.send(values, place)
            done += len(rows)
            yield done
    out.close()


def _file_topic(order: Mapping[str, Any]) -> Iterator[int]:
    out, done = _Transactions(order), 0
    with Path(order["where"]).open("rb") as file:
        while done < order["total"]:
            values: list[bytes | None] = []
            for line in file:
                values.append(line.rstrip(b"\n").decode().encode())
                if len(values) == BATCH:
                    break
            out.send(values, done)
            done += len(values)
            yield done
    out.close()


def _sent(sent: object) -> None:
    pass


_LOOPS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[int]]] = {
    "topic-postgres": _topic_postgres,
    "topic-sqlite": _topic_sqlite,
    "postgres-topic": _postgres_topic,
    "file-topic": _file_topic,
}
RUNS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "worker": worker, "by_hand": by_hand, "start": start, "slow": slow,
}  # fmt: skip
