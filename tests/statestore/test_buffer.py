"""The buffer of suppress, against a small model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.api import Codec
from statestore.buffer import NEVER, ChangeBuffer, Parts, RowFormat

TEXT = Codec(lambda value: str(value).encode(), bytes.decode, lambda value: type(value) is str)
LISTS = Codec(lambda value: json.dumps(value).encode(), json.loads)


def _write(parts: Parts) -> bytes:
    values = [None if value is None else value.decode() for value in parts[:3]]
    return json.dumps([values, parts.context, parts.time]).encode()


def _read(data: bytes) -> Parts:
    values, context, time = json.loads(data)
    prior, old, new = (None if value is None else value.encode() for value in values)
    return Parts(prior, old, new, context, time)


def _stamp(context: Any) -> int:
    return int(context)


FORMAT = RowFormat(_write, _read, _stamp, lambda context: 20)

Row = tuple[bytes, bytes | None, int]


class Log:
    """A changelog: what was written, and the latest of each key."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __call__(self, key: bytes, value: bytes | None, timestamp: int, origin: object) -> None:
        self.rows.append((key, value, timestamp))


def buffer(codec: Codec = TEXT) -> tuple[ChangeBuffer, Log]:
    made, log = ChangeBuffer("held", codec, FORMAT), Log()
    made.bind(log, None, False)
    return made, log


def drain(held: ChangeBuffer) -> list[tuple[bytes, object, object]]:
    out = []
    while held.min_time != NEVER:
        key, row = held.first()
        held.drop_first()
        out.append((key, row.old, row.new))
    return out


def test_rows_leave_by_time_then_key() -> None:
    held, _ = buffer()
    held.put(b"b", 5, None, "1", 5)
    held.put(b"a", 5, None, "2", 5)
    held.put(b"c", 3, None, "3", 3)
    assert held.min_time == 3
    assert drain(held) == [(b"c", None, "3"), (b"a", None, "2"), (b"b", None, "1")]
    assert held.min_time == NEVER


def test_an_update_keeps_time_and_prior_and_replaces_the_rest() -> None:
    held, _ = buffer()
    held.put(b"k", 1, "before", "one", 1)
    held.put(b"k", 9, "one", "two", 9)
    assert held.min_time == 1
    assert held.prior(b"k") == ("before", -1)
    assert held.prior(b"other") is None
    key, row = held.first()
    assert (key, row.old, row.new, row.timestamp) == (b"k", "one", "two", 9)
    assert len(held) == 1


def test_what_can_change_is_kept_as_it_was() -> None:
    held, _ = buffer(LISTS)
    value = [1]
    held.put(b"k", 1, None, value, 1)
    value.append(2)
    assert held.first()[1].new == [1]


def test_bytes_are_counted_as_java_counts_them() -> None:
    held, _ = buffer()
    held.measure()
    held.put(b"key", 1, None, "vvvv", 1, 1)
    assert held.bytes_held == 8 + 3 + 20 + 4
    held.put(b"key", 1, "vvvv", "ww", 2, 2)
    assert held.bytes_held == 8 + 3 + 20 + 4 + 2
    held.put(b"k", 2, "same", "x", 3, 3)
    assert held.bytes_held == 37 + 8 + 1 + 20 + 4 + 1
    held.drop_first()
    assert held.bytes_held == 34


def test_counting_may_begin_late() -> None:
    held, _ = buffer()
    held.put(b"key", 1, None, "vvvv", 1, 1)
    assert held.bytes_held == 0
    assert held.measure() == 35
    assert held.measure() == 35


def test_a_flush_logs_the_last_state_of_each_key_once() -> None:
    held, log = buffer()
    held.put(b"a", 1, None, "1", 1, 1, now=7)
    held.put(b"a", 1, "1", "2", 2, 2, now=8)
    held.put(b"b", 2, None, "3", 2, 2, now=8)
    held.drop_first(now=9)
    held.flush()
    assert log.rows == [(b"a", None, 9), (b"b", _write(Parts(None, None, b"3", 2, 2)), 9)]
    held.flush()
    assert len(log.rows) == 2


def test_restoring_over_uncommitted_writes_is_refused() -> None:
    held, _ = buffer()
    held.put(b"a", 1, None, "1", 1)
    with pytest.raises(ValueError, match="held has uncommitted writes"):
        held.apply([])


puts = st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 6), st.sampled_from([None, "x", "yy"]))
steps = st.lists(st.one_of(puts, st.sampled_from(["drop", "commit", "abort", "restart"])), max_size=25)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_commits_aborts_and_restarts(actions: list[Any]) -> None:
    """The model: a dict, a copy of it at the last commit, and the fold of the log at the last commit."""
    held, log = buffer()
    held.measure()
    rows: dict[bytes, tuple[int, str | None]] = {}
    kept = dict(rows)
    committed = 0
    for action in actions:
        if action == "drop":
            if rows:
                key = min(rows, key=lambda each: (rows[each][0], each))
                assert held.first()[0] == key
                held.drop_first()
                del rows[key]
        elif action == "commit":
            held.flush()
            held.commit()
            kept, committed = dict(rows), len(log.rows)
        elif action == "abort":
            held.abort()
            rows = dict(kept)
            del log.rows[committed:]
        elif action == "restart":
            fresh, _ = buffer()
            fresh.bind(log, None, False)
            fresh.measure()
            del log.rows[committed:]
            fresh.apply(log.rows)
            held, rows = fresh, dict(kept)
        else:
            key, time, new = action
            held.put(key, time, None, new, time, time)
            rows[key] = (rows[key][0] if key in rows else time, new)
        assert len(held) == len(rows)
        assert held.min_time == min((time for time, _ in rows.values()), default=NEVER)
        sizes = sum(8 + 1 + 20 + len(new or "") for _, new in rows.values())
        assert held.bytes_held == sizes
    assert drain(held) == [(key, None, new) for key, (_, new) in sorted(rows.items(), key=lambda r: (r[1][0], r[0]))]
