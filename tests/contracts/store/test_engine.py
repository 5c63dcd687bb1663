"""Every engine is an ordered map with atomic writes and scans that stay as they were opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statestore.engine import Engine
from tests.contracts.store.places import RUNS, place

KEYS = st.binary(max_size=3)
WRITES = st.tuples(
    st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3)), max_size=5),
    st.lists(st.tuples(KEYS, KEYS).map(lambda pair: (min(pair), max(pair))), max_size=1),
)


def expected(rows: dict[bytes, bytes], low: bytes, high: bytes | None, backwards: bool) -> list[object]:
    return sorted((row for row in rows.items() if low <= row[0] and (high is None or row[0] < high)), reverse=backwards)


@pytest.mark.parametrize("kind", ["memory", "rocks"])
@given(
    steps=st.lists(WRITES | st.tuples(KEYS, st.none() | KEYS, st.booleans()), max_size=15),
)
@RUNS
def test_rows_and_scans(kind: str, steps: list[tuple[object, ...]]) -> None:
    with place(kind) as where:
        engine: Engine = where.engine
        prefix = b"\0\7"
        rows: dict[bytes, bytes] = {}
        opened: list[tuple[Iterator[tuple[bytes, bytes]], list[object]]] = []
        for step in steps:
            if len(step) == 2:
                writes, drops = step
                engine.write(
                    [(prefix + key, value) for key, value in writes],  # type: ignore[attr-defined]
                    [(prefix + low, prefix + high) for low, high in drops],  # type: ignore[attr-defined]
                    {b"n": str(len(rows)).encode()},
                )
                assert engine.mark(b"n") == str(len(rows)).encode()
                for low, high in drops:  # type: ignore[attr-defined]
                    rows = {key: value for key, value in rows.items() if not low <= key[2:] < high}
                for key, value in writes:  # type: ignore[attr-defined]
                    if value is None:
                        rows.pop(prefix + key, None)
                    else:
                        rows[prefix + key] = value
            else:
                low, end, backwards = step
                bounds = prefix + low, None if end is None else prefix + end  # type: ignore[operator]
                scan = engine.scan(bounds[0], bounds[1], bool(backwards))
                opened.append((scan, expected(rows, bounds[0], bounds[1], bool(backwards))))
        for scan, want in opened:
            assert list(scan) == want
        for key in rows:
            assert engine.get(key) == rows[key]
        where.reopen()
        assert list(where.engine.scan(prefix, None)) == expected(rows, prefix, None, False)


@pytest.mark.parametrize("kind", ["memory", "rocks"])
def test_store_numbers_last(kind: str) -> None:
    with place(kind) as where:
        assert [where.engine.number(name) for name in ("b", "a", "b")] == [0, 1, 0]
        where.reopen()
        assert [where.engine.number(name) for name in ("c", "a", "b")] == [2, 1, 0]


@pytest.mark.parametrize("kind", ["memory", "rocks"])
def test_a_write_that_fails_leaves_nothing(kind: str) -> None:
    def rows() -> Iterator[tuple[bytes, bytes | None]]:
        yield b"\0\0a", b"1"
        raise ArithmeticError

    with place(kind) as where:
        with pytest.raises(ArithmeticError):
            where.engine.write(rows(), marks={b"m": b"1"})
        assert where.engine.get(b"\0\0a") is None
        assert where.engine.mark(b"m") is None
