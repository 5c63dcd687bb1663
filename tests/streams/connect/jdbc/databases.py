"""Databases of the tests: a file of SQLite, and a database of a PostgreSQL server, behind one face."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from tests.postgres_server import PASSWORD, PostgresServer

Rows = list[tuple[object, ...]]


class Database(Protocol):
    """What a test does with a database, past the connectors."""

    kind: str
    settings: dict[str, str]
    """How a connector reaches it."""

    def run(self, *statements: str) -> None:
        """Runs statements, each by itself."""
        ...

    def rows(self, query: str) -> Rows:
        """What a query gives."""
        ...


class Sqlite:
    """A file."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = {"connection.url": f"jdbc:sqlite:{path}"}

    def connection(self) -> sqlite3.Connection:
        """A connection of the test's own, which commits each statement."""
        return sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)

    def run(self, *statements: str) -> None:
        """Runs statements."""
        with closing(self.connection()) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str) -> Rows:
        """What a query gives; nothing, where there is no such table yet."""
        with closing(self.connection()) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []


class Postgres:
    """A database of a server."""

    kind = "postgresql"

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.name = server.database()
        self.settings = {"connection.url": server.url(self.name), "connection.password": PASSWORD}

    def connection(self):  # type: ignore[no-untyped-def]
        """A connection of the test's own, which commits each statement."""
        import psycopg

        return psycopg.connect(self.server.conninfo(self.name), autocommit=True)

    def run(self, *statements: str) -> None:
        """Runs statements."""
        with self.connection() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, query: str) -> Rows:
        """What a query gives; nothing, where there is no such table yet."""
        import psycopg

        with self.connection() as connection:
            try:
                found: Sequence[tuple[object, ...]] = connection.execute(query.encode()).fetchall()
            except psycopg.errors.UndefinedTable:
                return []
        return list(found)
