"""Many writers at the same time, transactions of all lengths, some rolled back: what each cursor delivers."""

from __future__ import annotations

from tests.crash.race import on_postgres, on_sqlite
from tests.streams.connect.jdbc.databases import Postgres, Sqlite

ROWS = 100_000
WRITERS = 16


def test_of_concurrent_writers_incrementing_loses_rows_and_transaction_none(postgres: Postgres) -> None:
    found = on_postgres(postgres, ROWS, WRITERS, 4.0, seed=1)
    committed = found["transaction"].committed
    assert committed > ROWS // 2
    assert found["transaction"] == (committed, 0, 0, 0)
    for name in ("incrementing", "timestamp"):
        assert found[name].lost > 0, f"{name} was lucky: {found[name]}"
    assert all(each.doubled == each.wrong == 0 for each in found.values())


def test_of_concurrent_writers_changes_loses_none(sqlite: Sqlite) -> None:
    found = on_sqlite(sqlite, ROWS // 5, WRITERS, 0.1, seed=2)
    committed = found["changes"].committed
    assert committed > ROWS // 10
    assert found["changes"] == (committed, 0, 0, 0)
