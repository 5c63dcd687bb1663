"""`python -m tests.crash race --rows N --writers N --longest S --database sqlite|postgres`: what each cursor of a
source delivers while many write.

Transactions have 1 to 1,000 rows, half of them written at the beginning and half at the end. Nine of ten take less than
0.1 s, the others up to the longest; a fifth is rolled back. On PostgreSQL numbers come from a sequence of which each
session takes 32 at a time.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from streams.testing import ConnectTestDriver
from tests.engines import until
from tests.logs import quiet
from tests.postgres_server import running_server
from tests.streams.connect.jdbc.databases import Postgres, Sqlite

MOST_ROWS = 1_000
SHORT_S = 0.1
LONG = 10
ROLLED_BACK = 5
"""One transaction of so many is long; of so many one is rolled back."""
SILENT_S = 0.5
POSTGRES = {
    "transaction": {"mode": "transaction", "source.prepare": "true"},
    "incrementing": {"mode": "incrementing"},
    "timestamp": {"mode": "timestamp", "timestamp.column.name": "changed"},
    "timestamp, 100 ms behind": {
        "mode": "timestamp", "timestamp.column.name": "changed", "timestamp.delay.interval.ms": "100",
    },
    "timestamp+incrementing": {"mode": "timestamp+incrementing", "timestamp.column.name": "changed"},
}  # fmt: skip
SQLITE = {
    "changes": {"mode": "changes", "source.prepare": "true"},
    "incrementing": {"mode": "incrementing"},
    "timestamp": {"mode": "timestamp", "timestamp.column.name": "changed"},
}
Write = Callable[[range, float, bool], None]
"""Writes these amounts in one transaction that takes so many seconds, and stores them or not."""


class Delivered(NamedTuple):
    """What a cursor has delivered, of the rows that were committed."""

    committed: int
    lost: int
    doubled: int
    wrong: int
    """Rows that were rolled back."""


class Race:
    """Writers of `orders`, each row with an amount that none other has."""

    def __init__(self, rows: int, writers: int, longest_s: float, seed: int, writer: Callable[[], Write]) -> None:
        self._rows = rows
        self._longest = longest_s
        self._writer = writer
        self._lock = threading.Lock()
        self._next = 0
        self.committed: set[int] = set()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed * 1000 + number),)) for number in range(writers)
        ]

    def start(self) -> None:
        """Starts them."""
        for thread in self._threads:
            thread.start()

    @property
    def ended(self) -> bool:
        """Have all rows been written?"""
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, chance: random.Random) -> None:
        write = self._writer()
        while True:
            with self._lock:
                count = min(chance.randint(1, MOST_ROWS), self._rows - self._next)
                rows = range(self._next, self._next + count)
                self._next += count
            if not rows:
                return
            takes = chance.random() * (SHORT_S if chance.randrange(LONG) else self._longest)
            keeps = chance.randrange(ROLLED_BACK) > 0
            write(rows, takes, keeps)
            if keeps:
                with self._lock:
                    self.committed.update(rows)


def raced(race: Race, sources: Mapping[str, ConnectTestDriver]) -> dict[str, Delivered]:
    """What each source delivers while the writers write, and after."""
    found: dict[str, Counter[int]] = {name: Counter() for name in sources}

    def poll() -> int:
        before = sum(map(Counter.total, found.values()))
        for name, driver in sources.items():
            found[name].update(json.loads(record.value or b"")["amount"] for record in driver.poll())
        return sum(map(Counter.total, found.values())) - before

    poll()
    race.start()
    while not race.ended:
        poll()
    last = time.monotonic()

    def silent() -> bool:
        nonlocal last
        if poll():
            last = time.monotonic()
        return time.monotonic() - last > SILENT_S

    until(silent, 600)
    return {
        name: Delivered(
            len(race.committed),
            len(race.committed - counts.keys()),
            sum(count - 1 for count in counts.values()),
            len(counts.keys() - race.committed),
        )
        for name, counts in found.items()
    }


def on_postgres(database: Postgres, rows: int, writers: int, longest_s: float, seed: int) -> dict[str, Delivered]:
    """The race on a database of a server."""
    database.run(
        "create sequence numbers cache 32",
        "create table orders (id bigint primary key default nextval('numbers'), amount integer, "
        "changed timestamptz not null default clock_timestamp())",
    )

    def writer() -> Write:
        connection = database.connection()

        def write(amounts: range, takes_s: float, keeps: bool) -> None:
            half = (amounts.start + amounts.stop) // 2
            insert = "insert into orders (amount) select * from generate_series(%s::int, %s::int)"
            connection.execute("begin")
            connection.execute(insert, [amounts.start, half - 1])
            time.sleep(takes_s)
            connection.execute(insert, [half, amounts.stop - 1])
            connection.execute("commit" if keeps else "rollback")

        return write

    return _raced(database.settings, POSTGRES, Race(rows, writers, longest_s, seed, writer))


def on_sqlite(database: Sqlite, rows: int, writers: int, longest_s: float, seed: int) -> dict[str, Delivered]:
    """The race on a file, which one writer has at a time."""
    database.run(
        "pragma journal_mode=wal",
        "create table orders (id integer primary key, amount integer, changed timestamp not null)",
    )

    def write(amounts: range, takes_s: float, keeps: bool) -> None:
        with closing(sqlite3.connect(database.path, isolation_level=None, timeout=600)) as connection:
            connection.execute("begin immediate")
            insert = "insert into orders (amount, changed) values (?, strftime('%Y-%m-%d %H:%M:%f', 'now'))"
            connection.executemany(insert, [(amount,) for amount in amounts])
            time.sleep(takes_s)
            connection.execute("commit" if keeps else "rollback")

    return _raced(database.settings, SQLITE, Race(rows, writers, longest_s, seed, lambda: write))


def _raced(
    reached: Mapping[str, str], cursors: Mapping[str, Mapping[str, str]], race: Race
) -> dict[str, Delivered]:
    common = {
        "connector.class": "JdbcSource", "topic.prefix": "", "table.whitelist": "orders", "poll.interval.ms": "1",
        "batch.max.rows": "20000",  # who lags behind the writers sees all that they have committed meanwhile
    }  # fmt: skip
    converters = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
                  "key.converter": "JsonConverter"}  # fmt: skip
    with ExitStack() as stack, quiet():
        sources = {
            name: stack.enter_context(ConnectTestDriver({"name": name, **common, **converters, **reached, **settings}))
            for name, settings in cursors.items()
        }
        return raced(race, sources)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash race", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--longest", type=float, default=30.0, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    given = parser.parse_args(arguments)
    order = (given.rows, given.writers, given.longest, given.seed)
    began = time.monotonic()
    if given.database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="race-") as directory:
            found = on_sqlite(Sqlite(Path(directory) / "data.db"), *order)
    else:
        with running_server() as server:
            found = on_postgres(Postgres(server), *order)
    for name, each in found.items():
        print(f"{name}: of {each.committed:,} committed rows {each.lost:,} lost, {each.doubled:,} doubled, "
              f"{each.wrong:,} that were rolled back")  # fmt: skip
    print(f"{time.monotonic() - began:.0f} s")
    best = next(iter(found.values()))
    return int(best[1:] != (0, 0, 0))
