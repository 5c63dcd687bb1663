"""Many writers at the same time, transactions of all lengths, some rolled back: what each cursor delivers."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from streams.testing import ConnectTestDriver
from tests.engines import until
from tests.logs import quiet
from tests.streams.connect.jdbc.databases import Postgres, Sqlite
from tests.streams.connect.jdbc.test_source import source

WRITERS = 8
TRANSACTIONS = 30
ROLLED_BACK = 5
"""One of so many."""


class Race:
    """Writers of `orders`, each row with a number that none other has."""

    def __init__(self, seed: int, write: Callable[[random.Random, list[int]], bool]) -> None:
        self._write = write
        self._seed = seed
        self._lock = threading.Lock()
        self._next = 0
        self.committed: set[int] = set()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(WRITERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def ended(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, number: int) -> None:
        chance = random.Random(self._seed * 1000 + number)
        for _ in range(TRANSACTIONS):
            with self._lock:
                rows = list(range(self._next, self._next + chance.randint(1, 4)))
                self._next += len(rows)
            if self._write(chance, rows):
                with self._lock:
                    self.committed.update(rows)


def read(drivers: dict[str, ConnectTestDriver], race: Race) -> dict[str, Counter[int]]:
    """What each source delivers while the writers write, and after."""
    found: dict[str, Counter[int]] = {name: Counter() for name in drivers}

    def poll() -> int:
        count = 0
        for name, driver in drivers.items():
            amounts = [json.loads(record.value or b"")["amount"] for record in driver.poll()]
            found[name].update(amounts)
            count += len(amounts)
        return count

    race.start()
    while not race.ended:
        poll()
    last = time.monotonic()

    def silent() -> bool:
        nonlocal last
        if poll():
            last = time.monotonic()
        return time.monotonic() - last > 0.5

    until(silent)
    return found


def test_of_concurrent_writers_incrementing_loses_rows_and_transaction_none(postgres: Postgres) -> None:
    postgres.run(
        "create sequence numbers cache 32",
        "create table orders (id bigint primary key default nextval('numbers'), amount integer, "
        "changed timestamptz not null default clock_timestamp())",
    )

    def write(chance: random.Random, rows: list[int]) -> bool:
        with postgres.connection() as connection:
            connection.execute("begin")
            for row in rows:
                connection.execute("insert into orders (amount) values (%s)", [row])
            time.sleep(0.4 if chance.random() < 0.05 else chance.random() * 0.03)
            keeps = chance.randrange(ROLLED_BACK) > 0
            connection.execute("commit" if keeps else "rollback")
            return keeps

    with quiet():
        drivers = {
            "transaction": source(postgres, "transaction", source_prepare="true", batch_max_rows="50"),
            "incrementing": source(postgres, "incrementing"),
            "timestamp": source(postgres, "timestamp", timestamp_column_name="changed"),
        }
        drivers["transaction"].poll()
        race = Race(1, write)
        found = read(drivers, race)
        for driver in drivers.values():
            driver.close()
    assert found["transaction"] == Counter(race.committed)
    for name in ("incrementing", "timestamp"):
        lost = race.committed - set(found[name])
        assert len(lost) > len(race.committed) // 100, f"{name} was lucky"


def test_of_concurrent_writers_changes_loses_none(sqlite: Sqlite) -> None:
    sqlite.run("pragma journal_mode=wal", "create table orders (id integer primary key, amount integer)")

    def write(chance: random.Random, rows: list[int]) -> bool:
        connection = sqlite.connection()
        connection.execute("begin immediate")
        for row in rows:
            connection.execute("insert into orders (amount) values (?)", [row])
        time.sleep(chance.random() * 0.005)
        keeps = chance.randrange(ROLLED_BACK) > 0
        connection.execute("commit" if keeps else "rollback")
        connection.close()
        return keeps

    with source(sqlite, "changes", source_prepare="true", batch_max_rows="50") as driver:
        driver.poll()
        race = Race(2, write)
        found = read({"changes": driver}, race)
    assert found["changes"] == Counter(race.committed)
