"""The pipeline: a database → a topic → a streams application → a topic → a database, exactly once all the way.

    python examples/connect/pipeline.py

It makes a shop's database (SQLite) of real order lines, in a directory that it deletes afterwards, and runs

    streams-app connect standalone worker.properties order_lines.json pieces.json
    streams-app --application-id pieces pipeline.py

The first connector reads every insert, update and delete of `order_lines` into `shop-order_lines`; the application,
which is this file too, keeps the pieces sold of each article; the second connector writes them to the table `pieces`,
where a row is found by its unique key. Meanwhile orders are changed and cancelled. At the end the table is what one
statement of SQL finds in the order lines.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypedDict

from streams import Serdes, StreamsBuilder
from streams.clients import Admin

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LINES = 20_000
PARTITIONS = 2
PATIENCE_S = 120.0
EXPECTED = """
    select stock_code, count(*) as lines, sum(quantity) as pieces
    from order_lines group by stock_code order by stock_code
"""
FOUND = "select stock_code, lines, pieces from pieces order by stock_code"


# The application


class OrderLine(TypedDict):
    """A row of `order_lines`, as the source connector writes it."""

    id: int
    invoice: str
    stock_code: str
    quantity: int


class Sold(TypedDict):
    """A row of `pieces`, without its key."""

    lines: int
    pieces: int


def add(_: str, line: OrderLine, sold: Sold) -> Sold:
    return Sold(lines=sold["lines"] + 1, pieces=sold["pieces"] + line["quantity"])


def subtract(_: str, line: OrderLine, sold: Sold) -> Sold | None:
    """Without a line the article has no row any more."""
    if sold["lines"] == 1:
        return None
    return Sold(lines=sold["lines"] - 1, pieces=sold["pieces"] - line["quantity"])


def topology(builder: StreamsBuilder) -> None:
    lines = builder.table("shop-order_lines", key_serde=Serdes.long(), value_serde=Serdes.json(OrderLine))
    (
        lines.group_by(
            lambda _, line: (line["stock_code"], line), key_serde=Serdes.string(), value_serde=Serdes.json(OrderLine)
        )
        .aggregate(lambda: Sold(lines=0, pieces=0), add, subtract, store="sold", value_serde=Serdes.json(Sold))
        .to_stream()
        .to("pieces-by-article", key_serde=Serdes.string(), value_serde=Serdes.json(Sold))
    )


# Running it


class Result(NamedTuple):
    """What the pipeline wrote, and what SQL finds in the order lines."""

    found: list[tuple[object, ...]]
    expected: list[tuple[object, ...]]


def make_shop(path: Path, lines: int) -> None:
    """The database: order lines, and an empty table of pieces."""
    with lzma.open(ROOT / "examples" / "data" / "orders.jsonl.xz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for _, line in zip(range(lines), file, strict=False)]
    with closing(sqlite3.connect(path)) as shop:
        shop.execute(
            "create table order_lines (id integer primary key, invoice text not null, stock_code text not null, "
            "quantity integer not null)"
        )
        shop.execute("create table pieces (stock_code text primary key, lines integer, pieces integer)")
        columns = "insert into order_lines (invoice, stock_code, quantity) values (:invoice, :stock_code, :quantity)"
        shop.executemany(columns, rows)
        shop.commit()


def change_orders(path: Path) -> None:
    """What happens in a shop: lines are corrected, moved to another article and cancelled."""
    with closing(sqlite3.connect(path, timeout=60)) as shop:
        for statement in (
            "update order_lines set quantity = quantity + 1 where id % 7 = 0",
            "update order_lines set stock_code = 'MOVED' where id % 101 = 0",
            "delete from order_lines where id % 11 = 0",
            "delete from order_lines where stock_code in (select min(stock_code) from order_lines)",
        ):
            shop.execute(statement)
            shop.commit()


def run(directory: Path, lines: int = LINES) -> Result:
    """Runs all of it in a directory."""
    shop, engine = directory / "shop.db", f"local://{directory / 'engine'}"
    make_shop(shop, lines)
    worker = directory / "worker.properties"
    text = (HERE / "worker.properties").read_text("utf-8")
    worker.write_text(text.replace("local://.streams", engine), "utf-8")
    with broker(directory / "engine"):
        with Admin({"bootstrap.servers": engine}) as admin:
            for topic in ("shop-order_lines", "pieces-by-article"):
                admin.create_topic(topic, PARTITIONS)
        connectors = [str(HERE / "order_lines.json"), str(HERE / "pieces.json")]
        eos = ["--config", "processing.guarantee=exactly_once_v2"]
        application = ["--application-id", "pieces", str(HERE / "pipeline.py"), "--bootstrap-servers", engine, *eos]
        with (
            running(directory, "worker", "connect", "standalone", str(worker), *connectors),
            running(directory, "application", *application),
        ):
            until(lambda: rows(shop, "select 1 from pieces limit 1"), "the first pieces are in the database")
            change_orders(shop)
            until(lambda: rows(shop, FOUND) == rows(shop, EXPECTED), "all pieces are in the database")
        return Result(rows(shop, FOUND), rows(shop, EXPECTED))


@contextlib.contextmanager
def running(directory: Path, name: str, *words: str) -> Iterator[None]:
    """`streams-app` with these words in a process of its own, stopped cleanly by SIGTERM."""
    log = directory / f"{name}.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", *words], cwd=directory, stdout=out, stderr=out, env=environment
        )
        try:
            yield
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{log.read_text('utf-8', 'replace')[-2_000:]}") from None
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


@contextlib.contextmanager
def broker(directory: Path) -> Iterator[None]:
    """The broker starts with the first client; here it is stopped at the end, since its directory goes."""
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(json.loads((directory / "endpoint").read_text("utf-8"))["pid"], signal.SIGTERM)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What a query of the shop's database gives."""
    with closing(sqlite3.connect(path, timeout=60)) as shop:
        return shop.execute(query).fetchall()


def until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not come within {PATIENCE_S:.0f} s that {what}.")
        time.sleep(0.1)


def main() -> int:
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="streams-pipeline-", ignore_cleanup_errors=True) as made:
        print(f"{LINES:,} order lines in {made}/shop.db", flush=True)
        result = run(Path(made))
    for code, lines, pieces in sorted(result.found, key=lambda row: -int(str(row[2])))[:5]:
        print(f"{code:>10}  {pieces:>6} pieces in {lines} lines")
    right = result.found == result.expected
    said = "equal to" if right else "NOT equal to"
    print(f"{len(result.found):,} articles: {said} what SQL finds in the order lines")
    print(f"The pipeline took {time.monotonic() - start:.0f} s.")
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
