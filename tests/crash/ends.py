"""Where a pipeline's rows come from and where they end: files, SQLite, PostgreSQL; and a checker's own look at them.

A row that is written is a key and a number; one that comes out has a price beside. What is written is known exactly:
where a database broke off, it is asked what it has.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.commit_cutter import CommitCutter
from tests.postgres_server import PASSWORD, PostgresServer

if TYPE_CHECKING:
    import psycopg

KEYS = 7
CUT_SHARE = 3
"""So many of a hundred commits have their connection cut."""
LOCKED_S = 1.0
Out = tuple[str, int, int]
"""Key, number, price."""


def key_of(number: int) -> str:
    """The key of a row."""
    return f"k{number % KEYS}"


class Ends(Protocol):
    """Both ends of a pipeline."""

    source: str
    """The settings of the connector that reads, without its transforms and converters."""
    sink: str
    """And of the one that writes."""

    def write(self, numbers: range) -> int:
        """Writes rows; the number behind the last one that is there."""
        ...

    def count(self) -> int:
        """How many rows have come out."""
        ...

    def found(self) -> Iterable[Out]:
        """They, those of a key in the order in which they came."""
        ...

    def stop_at_once(self) -> None:
        """Stops the database, as if its machine lost its power, and starts it again."""
        ...

    def told(self) -> str:
        """What was done beside."""
        ...

    def close(self) -> None:
        """Ends it."""
        ...


class Files:
    """`CsvSource` and `FileSink`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._csv = (directory / "orders.csv").open("a")
        self._csv.write("key,number\n")
        self.source = (
            f"connector.class=CsvSource\nfile={directory}/orders.csv\ntopic=orders\nbatch.size=50\n"
            "types=number:int64\n"
        )
        self.sink = f"connector.class=FileSink\nfile={directory}/priced.json\nfile.max.ms=300\nformat=json\n"

    def write(self, numbers: range) -> int:
        """Adds lines."""
        self._csv.writelines(f"{key_of(number)},{number}\n" for number in numbers)
        self._csv.flush()
        return numbers.stop

    def count(self) -> int:
        """How many lines have come out."""
        return sum(1 for _ in self.found())

    def found(self) -> Iterable[Out]:
        """They, file by file: a file's name is by its offsets."""
        for file in sorted(self._directory.glob("priced.*.json")):
            for line in file.read_text().splitlines():
                row = json.loads(line)
                yield row["key"], row["number"], row["price"]

    def stop_at_once(self) -> None:
        """There is no server."""
        raise NotImplementedError

    def told(self) -> str:
        """Nothing."""
        return ""

    def close(self) -> None:
        """Closes the file."""
        self._csv.close()


_SINK = """connector.class=JdbcSink
insert.mode=insert
pk.mode=none
fields.whitelist=key,number,price
batch.size=200
"""
_SOURCE = """connector.class=JdbcSource
source.prepare=true
topic.prefix=
poll.interval.ms=50
batch.max.rows=50
"""
_TABLES = """
create table orders (id {numbered}, key text not null, number bigint not null);
create table priced (place {numbered}, key text, number bigint, price bigint);
"""
"""The second has no key of its own: nothing but the fence keeps a row from being there twice."""
_THERE = b"select coalesce((select number from orders order by id desc limit 1), -1) + 1"
"""The number behind the last row."""


class Sqlite:
    """One file, from which is read (`changes`) and into which is written."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "shop.db"
        with closing(self._connected()) as connection:
            connection.execute("pragma journal_mode=wal").fetchall()
            connection.executescript(_TABLES.format(numbered="integer primary key autoincrement"))
        url = f"connection.url=jdbc:sqlite:{self._path}\n"
        self.source = f"{url}{_SOURCE}mode=changes\ntable.whitelist=orders\n"
        self.sink = f"{url}{_SINK}"

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=LOCKED_S)

    def write(self, numbers: range) -> int:
        """Adds rows in one transaction; none where somebody holds the file."""
        with closing(self._connected()) as connection:
            try:
                connection.execute("begin immediate")
                rows = [(key_of(number), number) for number in numbers]
                connection.executemany("insert into orders (key, number) values (?, ?)", rows)
                connection.execute("commit")
                return numbers.stop
            except sqlite3.OperationalError:
                return numbers.start  # closing takes back what was written

    def count(self) -> int:
        """How many rows have come out."""
        with closing(self._connected()) as connection:
            return int(connection.execute("select count(*) from priced").fetchone()[0])

    def found(self) -> Iterable[Out]:
        """They, in the order in which they were written."""
        with closing(self._connected()) as connection:
            yield from connection.execute("select key, number, price from priced order by place")

    def stop_at_once(self) -> None:
        """There is no server."""
        raise NotImplementedError

    def told(self) -> str:
        """Nothing."""
        return ""

    def close(self) -> None:
        """There is no server."""


class Postgres:
    """A server of its own; the connectors reach it through a proxy that cuts their connections where they commit."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._server = PostgresServer()
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._server.start()
        self._name = self._server.database()
        self._cutter = CommitCutter(self._server.port, seed, CUT_SHARE)
        self._run(lambda each: each.execute(_TABLES.format(numbered="bigserial primary key").encode()))
        url = (
            f"connection.url=postgresql://streams@127.0.0.1:{self._cutter.port}/{self._name}?sslmode=disable\n"
            f"connection.password={PASSWORD}\n"
        )
        self.source = f"{url}{_SOURCE}mode=transaction\ntable.whitelist=orders\n"
        self.sink = f"{url}{_SINK}"

    def _run(self, action: Callable[[psycopg.Connection[tuple[object, ...]]], object]) -> None:
        import psycopg

        with psycopg.connect(self._server.conninfo(self._name)) as connection:
            action(connection)

    def write(self, numbers: range) -> int:
        """Adds rows in one transaction; where it broke off the database is asked what it has."""
        import psycopg

        rows = [(key_of(number), number) for number in numbers]
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._server.conninfo(self._name))
            connection = self._connection
            ((there,),) = connection.execute(_THERE).fetchall()
            assert there in (numbers.start, numbers.stop), f"{there} rows, {numbers.start} were acknowledged"
            if there == numbers.start:
                with connection.cursor() as cursor:
                    cursor.executemany("insert into orders (key, number) values (%s, %s)", rows)
            connection.commit()
            return numbers.stop
        except psycopg.Error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return numbers.start

    def count(self) -> int:
        """How many rows have come out; 0 while the server is away."""
        import psycopg

        counts: list[int] = []
        with suppress(psycopg.Error):
            self._run(lambda each: counts.extend(row[0] for row in each.execute("select count(*)::int from priced")))
        return counts[0] if counts else 0

    def found(self) -> Iterable[Out]:
        """They, in the order in which they were written."""
        rows: list[Out] = []
        self._run(lambda each: rows.extend(each.execute("select key, number, price from priced order by place")))
        return rows

    def stop_at_once(self) -> None:
        """Stops the server at once, and starts it again."""
        self._server.stop(signal.SIGQUIT)
        self._server.start()

    def told(self) -> str:
        """How many commits were cut."""
        return f", {self._cutter.before} commits cut before and {self._cutter.after} after the server heard of them"

    def close(self) -> None:
        """Ends the server."""
        if self._connection is not None:
            self._connection.close()
        self._cutter.close()
        self._server.remove()


def ends_of(database: str, directory: Path, seed: int) -> Ends:
    """Files (""), `sqlite` or `postgres`."""
    if database == "sqlite":
        return Sqlite(directory)
    return Postgres(directory, seed) if database == "postgres" else Files(directory)

