"""The buffer of a join with a grace period, against a sorted list."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.api import Codec
from statestore.keyvalue import LayeredKeyValueStore
from statestore.memory import MemoryEngine
from streams.operators.grace_buffer import GraceBuffer

RAW = Codec(lambda value: bytes(value), bytes, lambda value: type(value) is bytes)  # type: ignore[call-overload]

Row = tuple[bytes, bytes | None, int]


class Log:
    """A changelog: what was written."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __call__(self, key: bytes, value: bytes | None, timestamp: int, origin: object) -> None:
        self.rows.append((key, value, timestamp))


def grace_buffer(grace: int) -> tuple[GraceBuffer, LayeredKeyValueStore, Log]:
    store, log = LayeredKeyValueStore("late", MemoryEngine(), RAW, timestamped=False), Log()
    store.life.bind(log, None, False)
    return GraceBuffer(store, grace), store, log


def test_records_leave_when_time_has_moved_on_by_the_grace_period() -> None:
    late, _, log = grace_buffer(2)
    late.put(b"a", 0, b"0")
    assert list(late.due()) == []
    late.put(b"b", 1, b"1")
    late.put(b"c", 2, b"2")
    assert list(late.due()) == [(b"a", b"0", 0)]
    assert not late.is_late(0)
    late.put(b"d", 3, b"3")
    assert late.is_late(0)
    assert list(late.due()) == [(b"b", b"1", 1)]
    first = bytes.fromhex("000000000000000000") + b"a" + bytes.fromhex("00000001")
    assert log.rows[0] == (first, b"0", 0)
    assert (first, None, 0) in log.rows


def test_a_record_that_was_not_dealt_with_stays() -> None:
    late, _, _ = grace_buffer(0)
    late.put(b"a", 1, b"1")
    late.put(b"b", 1, b"2")
    due = late.due()
    assert next(due) == (b"a", b"1", 1)
    due.close()
    assert list(late.due()) == [(b"a", b"1", 1), (b"b", b"2", 1)]
    assert list(late.due()) == []


def test_a_buffer_goes_on_with_what_the_store_holds() -> None:
    late, store, _ = grace_buffer(5)
    late.put(b"a", 1, b"1")
    store.life.commit()
    again = GraceBuffer(store, 5)
    again.put(b"b", 6, b"2")
    assert list(again.due()) == [(b"a", b"1", 1)]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 6), st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(0, 20)), max_size=30))
def test_every_record_leaves_once_in_order(grace: int, records: list[tuple[bytes, int]]) -> None:
    late, _, _ = grace_buffer(grace)
    waiting: list[tuple[int, bytes, bytes]] = []
    observed = -1
    for at, (key, ts) in enumerate(records):
        assert late.is_late(ts) is (ts < observed - grace)
        if late.is_late(ts):
            continue
        value = b"%d" % at
        late.put(key, ts, value)
        observed = max(observed, ts)
        waiting.append((ts, key, value))
        expected = sorted((row for row in waiting if row[0] <= observed - grace), key=lambda row: row[:2])
        waiting = [row for row in waiting if row[0] > observed - grace]
        assert [(row.timestamp, row.key, row.value) for row in late.due()] == expected
