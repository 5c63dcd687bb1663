"""Databases for the tests, a new one each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer, needed, running_server
from tests.streams.connect.jdbc.databases import Database, Postgres, Sqlite


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, for all tests of this process."""
    needed()
    with running_server() as made:
        yield made


@pytest.fixture
def sqlite(tmp_path: Path) -> Sqlite:
    """A file."""
    return Sqlite(tmp_path / "data.db")


@pytest.fixture
def postgres(server: PostgresServer) -> Postgres:
    """A database of the server."""
    return Postgres(server)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Either."""
    found: Database = request.getfixturevalue(request.param)
    return found
