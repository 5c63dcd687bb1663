"""Streams that become tables."""

from __future__ import annotations

import pytest

from streams.operators.source_table import source_table
from streams.topology.store import StoreKind
from tests.streams.runtime.walking import STRING, Row, Walked, sink, source, step, table

ROWS: list[Row] = [("a", "1", 5), (None, "2", 3), ("a", "3", 4), ("b", None, 6), ("a", None, 7)]


def test_without_a_store_updates_pass() -> None:
    walk = Walked([source(), step("table", "in", source_table(None)), sink("table")])
    assert walk.pipe("in", *ROWS) == [(b"a", b"1", 5), (b"a", b"3", 4), (b"b", None, 6), (b"a", None, 7)]
    assert walk.dropped == 1
    walk = Walked([source(), step("table", "in", source_table(None, skip_null_key=False)), sink("table")])
    assert len(walk.pipe("in", *ROWS)) == 5


@pytest.mark.parametrize("caching", [False, True])
def test_the_last_update_in_offset_order_wins(caching: bool) -> None:
    walk = Walked(
        [source(), step("table", "in", source_table("store"), "store"), sink("table")],
        [table(value=STRING, caching=caching)],
    )
    out = walk.pipe("in", *ROWS[:4])
    walk.task.flush()
    out += walk.sent()
    if caching:
        # the deletion of what was never there is not let go
        assert out == [(b"a", b"3", 4)]
    else:
        assert out == [(b"a", b"1", 5), (b"a", b"3", 4), (b"b", None, 6)]
    store = walk.task.graph.face("store", "node", walk.task)
    assert store is not None
    assert tuple(store.get("a")) == ("3", 4)


def test_a_versioned_table_marks_what_is_not_the_newest() -> None:
    seen: list[tuple[object, object, object]] = []

    class Spy:
        def write_step(self, code, rec, down):  # type: ignore[no-untyped-def]
            code.line(f"{code.use(seen.append)}(({rec.value}, {rec.old}, {rec.latest}))")

        def close(self) -> None:
            pass

    walk = Walked(
        [
            source(),
            step("table", "in", source_table("store"), "store", sends_old=True),
            step("spy", "table", lambda scope: Spy()),
        ],
        [table(value=STRING, kind=StoreKind.VERSIONED, retention_ms=100)],
    )
    walk.pipe("in", ("a", "1", 100), ("a", "0", 50), ("a", "2", 200), ("a", "late", 10))
    assert seen == [("1", None, True), ("0", "1", False), ("2", "1", True)]
