"""What the contract suite cannot see: errors, order of calls, entries that leave, sizes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from statestore.api import Codec
from statestore.cache_share import CacheShare
from statestore.engine import Scan
from statestore.keyvalue import LayeredKeyValueStore
from statestore.memory import MemoryEngine
from statestore.sizes import ENTRY_OVERHEAD
from tests.statestore.counting import Counting

LONG = Codec(
    encode=lambda value: struct.pack(">q", value),
    decode=lambda data: struct.unpack(">q", data)[0],
    exact=lambda value: type(value) is int and -(2**63) <= value < 2**63,
)


def store(caching: bool = True, cache_bytes: int = 1 << 20) -> LayeredKeyValueStore:
    return LayeredKeyValueStore("s", MemoryEngine(), LONG, caching=caching, share=CacheShare(cache_bytes))


@pytest.mark.parametrize("caching", [False, True])
def test_what_cannot_be_encoded_fails_at_the_put(caching: bool) -> None:
    rows = store(caching)
    rows.put(b"k", 1, 1)
    with pytest.raises(struct.error):
        rows.put(b"k", 2**63, 2)
    with pytest.raises(struct.error):
        rows.put(b"k", "text", 2)
    assert rows.get(b"k") == (1, 1)


@pytest.mark.parametrize("caching", [False, True])
def test_a_value_comes_back_as_its_serde_reads_it(caching: bool) -> None:
    rows = store(caching)
    rows.put(b"k", True, 1)
    found = rows.get(b"k")
    assert found == (1, 1) and type(found[0]) is int


def test_a_mutable_value_is_as_it_was_at_the_put() -> None:
    codec = Codec(lambda value: bytes(value), lambda data: list(data))  # type: ignore[call-overload]
    rows = LayeredKeyValueStore("s", MemoryEngine(), codec, caching=True)
    value = [1]
    rows.put(b"k", value, 1)
    value.append(2)
    found = rows.get(b"k")
    assert found == ([1], 1)
    found[0].append(3)  # type: ignore[attr-defined]
    assert rows.get(b"k") == ([1], 1)


@pytest.mark.parametrize("caching", [False, True])
def test_a_value_that_nobody_can_change_is_read_once_wherever_it_lies(caching: bool) -> None:
    read = []

    def decode(data: bytes) -> tuple[int, ...]:
        read.append(data)
        return tuple(data)

    def encode(value: object) -> bytes:
        return bytes(value)  # type: ignore[call-overload,no-any-return]

    def opened() -> LayeredKeyValueStore:
        return LayeredKeyValueStore("s", engine, Codec(encode, decode, immutable=True), caching=caching)

    engine = MemoryEngine()
    rows = opened()
    rows.put(b"k", [1], 1)
    first = rows.get(b"k")
    for step in (rows.life.flush, rows.life.commit, lambda: rows.life.spill(10, {})):
        step()
        found = rows.get(b"k")
        assert found == ((1,), 1) and first is not None
        assert found[0] is first[0]
    assert len(read) == 1
    rows.put(b"k", [2], 2)
    assert rows.get(b"k") == ((2,), 2)
    rows.life.abort()
    assert rows.get(b"k") == ((1,), 1)
    again = opened()
    read.clear()
    assert again.get(b"k") == again.get(b"k") == ((1,), 1)
    assert len(read) == 1


def test_rows_that_are_kept_as_objects_take_more_of_the_memory() -> None:
    sizes = []
    for immutable in (False, True):
        codec = Codec(lambda value: bytes(value), bytes, immutable=immutable)  # type: ignore[call-overload]
        rows = LayeredKeyValueStore("s", MemoryEngine(), codec)
        rows.put(b"k", b"x" * 100, 1)
        sizes.append(rows.life.uncommitted_bytes)
    assert sizes[1] > sizes[0] + 200


def test_what_the_quick_decoder_refuses_the_other_one_reads() -> None:
    codec = Codec(lambda value: bytes(value), lambda data: data[:1], quick_decode=lambda data: data[9])  # type: ignore[call-overload]
    for caching in (False, True):
        rows = LayeredKeyValueStore("s", MemoryEngine(), codec, caching=caching)
        rows.put(b"k", b"ab", 1)
        assert rows.get(b"k") == (b"a", 1)


def test_the_changelog_is_written_before_the_forward() -> None:
    rows, calls = store(), []
    rows.life.bind(lambda *row: calls.append("log"), lambda *row: calls.append("forward"), False)
    rows.put(b"a", 1, 1)
    rows.put(b"b", 1, 1)
    rows.life.flush()
    assert calls == ["log", "forward", "log", "forward"]


def test_the_order_is_that_of_the_last_update() -> None:
    rows, keys = store(), []
    rows.life.bind(None, lambda key, *_: keys.append(key), False)
    for key in (b"a", b"b", b"c", b"a"):
        rows.put(key, 1, 1)
    rows.life.flush()
    assert keys == [b"b", b"c", b"a"]


def test_puts_made_by_the_forwards_are_flushed_too() -> None:
    rows = store()
    logged, emitted = [], []

    def forward(key: bytes, new: object, old: object, timestamp: int, origin: object) -> None:
        emitted.append((key, new, old, origin))
        if timestamp < 3:
            rows.put(b"a", timestamp * 10, timestamp + 1)
            assert rows.get(b"b") == (2, 2)

    rows.life.bind(lambda *row: logged.append(row[0]), forward, True)
    rows.put(b"a", 1, 1, "origin")
    rows.put(b"b", 2, 2)
    rows.life.flush()
    assert emitted == [(b"a", 1, None, "origin"), (b"b", 2, None, None), (b"a", 20, 1, None)]
    assert logged == [b"a", b"b", b"a"]
    assert rows.life.dirty_bytes == 0


def test_without_a_listener_every_put_is_logged() -> None:
    rows, logged = store(), []
    rows.life.bind(lambda *row: logged.append(row), None, False)
    rows.put(b"a", None, 5)
    rows.life.flush()
    assert logged == [(b"a", None, 5, None)]


def test_old_values_only_where_asked_for() -> None:
    rows, emitted = store(), []
    rows.life.bind(None, lambda *change: emitted.append(change[1:3]), False)
    for value in (1, 2, None):
        rows.put(b"a", value, 1)
        rows.life.flush()
    assert emitted == [(1, None), (2, None), (None, None)]


def test_the_origin_is_that_of_the_last_update() -> None:
    rows, origins = store(), []
    rows.life.bind(None, lambda *change: origins.append(change[4]), False)
    rows.put(b"a", 1, 1, "first")
    rows.put(b"a", 2, 2)
    rows.put(b"b", 1, 1, "dropped")
    rows.life.abort()
    rows.put(b"b", 1, 1)
    rows.put(b"a", 2, 2, "second")
    rows.put(b"a", 3, 3)
    rows.life.flush()
    assert origins == [None, None]


def test_absence_and_small_stores_cost_no_read() -> None:
    engine = Counting()
    rows = LayeredKeyValueStore("s", engine, LONG)
    for number in range(100):
        assert rows.get(b"%d" % number) is None
        rows.put(b"%d" % number, number, 0)
    rows.life.commit()
    rows.life.spill(1000)
    assert rows.get(b"7") == (7, 0)
    assert rows.get(b"none") is None
    assert engine.reads == 0
    again = LayeredKeyValueStore("s", engine, LONG)
    for _ in range(3):
        assert again.get(b"none") is None
        assert again.get(b"7") == (7, 0)
    assert engine.reads == 2


def test_a_read_cache_that_forgets_asks_the_engine_again() -> None:
    rows = store(caching=False, cache_bytes=2000)
    for number in range(200):
        rows.put(b"%d" % number, number, 0)
        rows.life.commit()
        rows.life.spill(1000)
    assert [rows.get(b"%d" % number) for number in range(200)] == [(number, 0) for number in range(200)]


def test_spilling_in_slices_writes_the_marks_last() -> None:
    engine = MemoryEngine()
    rows = LayeredKeyValueStore("s", engine, LONG)
    for number in range(5):
        rows.put(b"%d" % number, number, 0)
    rows.life.commit()
    assert rows.life.spill(2, {b"offset": b"5"})
    assert engine.mark(b"offset") is None
    assert rows.life.spill(2, {b"offset": b"5"})
    assert not rows.life.spill(2, {b"offset": b"5"})
    assert engine.mark(b"offset") == b"5"
    assert not rows.life.spill(2, {b"offset": b"6"})
    assert engine.mark(b"offset") == b"6"


def test_rows_cannot_be_restored_over_uncommitted_writes() -> None:
    rows = store(caching=False)
    rows.put(b"a", 1, 1)
    with pytest.raises(ValueError, match="uncommitted"):
        rows.life.apply([(b"a", LONG.encode(2), 2)])
    rows.life.abort()
    rows.life.apply([(b"a", LONG.encode(2), 2)])
    assert rows.get(b"a") == (2, 2)


def test_sizes_follow_the_layers() -> None:
    rows = store()
    assert (rows.life.dirty_bytes, rows.life.uncommitted_bytes, rows.life.committed_bytes) == (0, 0, 0)
    for number in range(100):
        rows.put(b"%04d" % number, number, 0)
    assert rows.life.dirty_bytes == 1200
    assert rows.life.uncommitted_bytes == 100 * (12 + ENTRY_OVERHEAD)
    rows.life.flush()
    assert (rows.life.dirty_bytes, rows.life.uncommitted_bytes) == (0, 100 * (12 + ENTRY_OVERHEAD))
    rows.life.commit()
    assert (rows.life.uncommitted_bytes, rows.life.committed_bytes) == (0, 100 * (12 + ENTRY_OVERHEAD))
    rows.life.spill(50)
    assert rows.life.committed_bytes == 50 * (12 + ENTRY_OVERHEAD)


def test_iterators_close_what_they_hold() -> None:
    engine = MemoryEngine()
    rows = LayeredKeyValueStore("s", engine, LONG)
    for number in range(5):
        rows.put(b"%d" % number, number, 0)
    rows.life.commit()
    rows.life.spill(10)
    held: list[Scan] = []
    with rows.all() as opened:
        assert next(opened) == (b"0", 0, 0)
        held += engine._scans
        assert len(held) == 1
    assert list(engine._scans) == []
    assert list(opened) == []
    exhausted: Iterator[object] = iter(rows.all())
    assert len(list(exhausted)) == 5
    assert list(engine._scans) == []
    dropped = rows.all()
    next(dropped)
    del dropped
    assert list(engine._scans) == []


def test_a_range_with_bounds_the_wrong_way_round_is_empty() -> None:
    rows = store()
    rows.put(b"a", 1, 1)
    assert list(rows.range(b"b", b"a")) == []
    assert list(rows.range(b"a", b"a")) == [(b"a", 1, 1)]
