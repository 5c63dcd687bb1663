"""Pipelines of real processes on PostgreSQL: table → topic → application → topic → table, and what SQL finds there.

The answers are computed another way: in plain Python, or by whoever made the data.
"""

from __future__ import annotations

import csv
import json
import lzma
import random
import threading
from collections import Counter
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from streams.clients import Admin
from tests.engines import local_engine, until
from tests.examples.driving import DATA, EXAMPLES, module_of
from tests.streams.connect.jdbc.databases import Postgres

PATIENCE_S = 300.0
WORKER = """bootstrap.servers={engine}
key.converter=StringConverter
value.converter=JsonConverter
value.converter.schemas.enable=false
"""


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    with local_engine(tmp_path / "engine") as address:
        yield address


def run(
    directory: Path, engine: str, postgres: Postgres, application: Path, connectors: list[dict[str, str]]
) -> ExitStack:
    """Starts a worker and an application, exactly once; they end with what is returned."""
    files = []
    for settings in connectors:
        files.append(directory / f"{settings['name']}.json")
        files[-1].write_text(json.dumps({**settings, **postgres.settings}))
    worker = directory / "worker.properties"
    worker.write_text(WORKER.format(engine=engine))
    running = module_of("connect/pipeline").running
    stack = ExitStack()
    stack.enter_context(running(directory, "worker", "connect", "standalone", str(worker), *map(str, files)))
    eos = ["--config", "processing.guarantee=exactly_once_v2", "--config", f"state.dir={directory / 'state'}"]
    words = ["--application-id", "pipeline", str(application), "--bootstrap-servers", engine, *eos]
    stack.enter_context(running(directory, "application", *words))
    return stack


def test_pieces_of_each_article_while_orders_change(postgres: Postgres, engine: str, tmp_path: Path) -> None:
    """The example for SQLite, on PostgreSQL: its application, and its connectors but for the mode."""
    with lzma.open(DATA / "orders.jsonl.xz", "rt") as file:
        lines = [json.loads(line) for line in islice(file, 10_000)]
    columns = "id bigserial primary key, invoice text not null, stock_code text not null, quantity integer not null"
    postgres.run(f"create table order_lines ({columns})",
                 "create table pieces (stock_code text primary key, lines integer, pieces integer)")  # fmt: skip
    with postgres.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into order_lines (invoice, stock_code, quantity) values (%s, %s, %s)",
            [(line["invoice"], line["stock_code"], line["quantity"]) for line in lines],
        )
    source, sink = (
        {**(found := json.loads((EXAMPLES / "connect" / f"{name}.json").read_text()))["config"], "name": found["name"]}
        for name in ("order_lines", "pieces")
    )
    with Admin(bootstrap_servers=engine) as admin:
        for topic in ("shop-order_lines", "pieces-by-article"):
            admin.create_topic(topic, 2)
    connectors = [{**source, "mode": "transaction"}, sink]
    with run(tmp_path, engine, postgres, EXAMPLES / "connect" / "pipeline.py", connectors):
        until(lambda: postgres.rows("select 1 from pieces limit 1"), PATIENCE_S)
        postgres.run("update order_lines set quantity = quantity + 1 where id % 7 = 0",
                     "update order_lines set stock_code = 'MOVED' where id % 101 = 0")  # fmt: skip
        expected: Counter[str] = Counter()
        for number, line in enumerate(lines, 1):
            code = "MOVED" if number % 101 == 0 else line["stock_code"]
            expected[code] += line["quantity"] + (number % 7 == 0)
        until(lambda: dict(postgres.rows("select stock_code, pieces from pieces")) == expected, PATIENCE_S)
    sql = "select stock_code, count(*), sum(quantity) from order_lines group by stock_code order by 1"
    assert postgres.rows("select stock_code, lines, pieces from pieces order by 1") == postgres.rows(sql)


ARRIVALS = """
from typing import TypedDict

from streams import Serdes, StreamsBuilder


class Flight(TypedDict):
    id: int
    destination: str
    delay: int


class Total(TypedDict):
    flights: int
    delay: int


def added(destination: str, flight: Flight, total: Total) -> Total:
    return Total(flights=total["flights"] + 1, delay=total["delay"] + flight["delay"])


def topology(builder: StreamsBuilder) -> None:
    flights = builder.stream("db-flights", key_serde=Serdes.string(), value_serde=Serdes.json(Flight))
    (
        flights.group_by_key()
        .aggregate(lambda: Total(flights=0, delay=0), added, store="arrivals", value_serde=Serdes.json(Total))
        .to_stream()
        .to("arrivals", key_serde=Serdes.string(), value_serde=Serdes.json(Total))
    )
"""
AIRPORT = {
    "transforms": "key,destination",
    "transforms.key.type": "ValueToKey",
    "transforms.key.fields": "destination",
    "transforms.destination.type": "ExtractField$Key",
    "transforms.destination.field": "destination",
}


def test_arrivals_of_four_weeks_from_concurrent_writers(postgres: Postgres, engine: str, tmp_path: Path) -> None:
    """458,388 flights: what is in the table at the end is what whoever made the data has counted."""
    with lzma.open(DATA / "arrivals.csv.xz", "rt") as file:
        flights = [(destination, int(delay)) for _, destination, delay in csv.reader(file)]
    postgres.run("create table flights (id bigserial primary key, destination text not null, delay integer not null)",
                 "create table arrivals (destination text primary key, flights integer, delay bigint)")  # fmt: skip
    (tmp_path / "arrivals.py").write_text(ARRIVALS)
    with Admin(bootstrap_servers=engine) as admin:
        for topic in ("db-flights", "arrivals"):
            admin.create_topic(topic, 2)
    source = {"name": "flights", "connector.class": "JdbcSource", "mode": "transaction", "source.prepare": "true",
              "topic.prefix": "db-", "table.whitelist": "flights", "poll.interval.ms": "100",
              "batch.max.rows": "5000"}  # fmt: skip
    sink = {"name": "arrivals", "connector.class": "JdbcSink", "topics": "arrivals", "insert.mode": "upsert",
            "pk.mode": "record_key", "pk.fields": "destination"}  # fmt: skip

    def write(number: int) -> None:
        """A share of the flights, in transactions of all sizes; some are rolled back and written again."""
        chance, mine, at = random.Random(number), flights[number::4], 0
        with postgres.connection() as connection:
            while at < len(mine):
                size = chance.choice([1, 10, 1_000, 10_000])
                connection.execute("begin")
                with connection.cursor().copy("copy flights (destination, delay) from stdin") as copy:
                    for row in mine[at : at + size]:
                        copy.write_row(row)
                keeps = chance.randrange(5) > 0
                connection.execute("commit" if keeps else "rollback")
                at += size if keeps else 0

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    with run(tmp_path, engine, postgres, tmp_path / "arrivals.py", [{**source, **AIRPORT}, sink]):
        until(lambda: postgres.rows("select 1 from pg_trigger where tgname = 'streams_streams_xid'"), PATIENCE_S)
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        until(lambda: postgres.rows("select sum(flights)::int from arrivals") == [(len(flights),)], PATIENCE_S)
    answer = json.loads((DATA / "expected" / "flights-cogroup-departures-arrivals.json").read_text())["rows"]
    found = postgres.rows("select destination, flights from arrivals")
    assert dict(found) == {airport: arrivals for airport, _, arrivals in answer if arrivals}
    delays: Counter[str] = Counter()
    for destination, delay in flights:
        delays[destination] += delay
    assert dict(postgres.rows("select destination, delay from arrivals")) == delays
