"""Java's record cache to the byte: which rows give way, and that what is read is what was put, whatever has given way.

Sizes as in `LRUCacheEntry` and `NamedCache`: key, 25 bytes, the value's, and those of the record's context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.api import Codec
from statestore.cached import CachedKeyValue, CachedSession, CachedWindow
from statestore.keyvalue import LayeredKeyValueStore
from statestore.lru import LruMap
from statestore.memory import MemoryEngine
from statestore.record_cache import NO_CONTEXT, OVERHEAD, RecordCache, StoreCache, Written
from statestore.session import LayeredSessionStore
from statestore.window import LayeredWindowStore

TEXT = Codec(lambda value: str(value).encode(), lambda data: data.decode(), lambda value: type(value) is str)
ROW = 1 + OVERHEAD + NO_CONTEXT
"""Bytes of a row with a key of one byte and an empty value."""


def nothing(origin: object) -> int:
    return NO_CONTEXT


def cache_of(rows: int) -> tuple[RecordCache, StoreCache, list[list[bytes]]]:
    """A cache with room for so many rows, and what it has written, flush by flush."""
    flushed: list[list[bytes]] = []
    whole = RecordCache(rows * ROW, nothing)

    def write(written: Any) -> None:
        flushed.append([key for key, _ in written])

    return whole, StoreCache(whole, write), flushed


def put(part: StoreCache, *keys: bytes) -> None:
    for key in keys:
        part.put(key, b"", 0, 1, None)


def test_a_row_that_gives_way_takes_all_unwritten_rows_of_its_store_with_it_itself_first() -> None:
    _, part, flushed = cache_of(2)
    put(part, b"a", b"b", b"a")
    assert flushed == []
    put(part, b"c")
    assert flushed == [[b"b", b"a", b"c"]]


def test_a_row_that_was_read_is_used_and_stays() -> None:
    _, part, flushed = cache_of(2)
    put(part, b"a", b"b")
    assert part.get(b"a") is not None
    put(part, b"c")
    assert part.get(b"b") is None and part.get(b"a") is not None
    assert flushed == [[b"b", b"a", b"c"]]


def test_a_row_that_is_written_already_gives_way_in_silence() -> None:
    _, part, flushed = cache_of(2)
    put(part, b"a", b"b")
    assert part.flush() and not part.flush()
    put(part, b"c")
    assert flushed == [[b"a", b"b"]]
    assert part.get(b"a") is None


def test_what_is_put_into_a_cache_without_room_is_written_at_once() -> None:
    whole, part, flushed = cache_of(0)
    put(part, b"a", b"b")
    assert flushed == [[b"a"], [b"b"]]
    assert whole.size == 0


def test_stores_share_the_room_and_each_gives_way_for_its_own_rows() -> None:
    whole, one, flushed = cache_of(2)
    other_flushed: list[list[bytes]] = []
    other = StoreCache(whole, lambda written: other_flushed.append([key for key, _ in written]))
    put(one, b"a", b"b")
    put(other, b"x")
    assert other_flushed == [[b"x"]] and flushed == []
    assert whole.size == 2 * ROW
    other.clear()
    one.clear()
    assert whole.size == 0


def test_a_deletion_leaves_the_cache_when_it_has_been_written() -> None:
    whole, part, flushed = cache_of(2)
    part.put(b"a", None, 0, 1, None)
    assert part.get(b"a") is not None
    part.flush()
    assert part.get(b"a") is None
    assert whole.size == 0 and flushed == [[b"a"]]


def test_rows_that_are_put_while_others_are_written_give_way_too() -> None:
    whole = RecordCache(ROW, nothing)
    flushed: list[bytes] = []

    def write(written: Sequence[Written]) -> None:
        for key, _ in written:
            flushed.append(key)
            if key == b"a":
                part.put(b"z", b"", 0, 1, None)  # as a processor downstream does

    part = StoreCache(whole, write)
    put(part, b"a", b"b")
    part.flush()
    assert flushed == [b"a", b"z", b"b"]
    assert whole.size <= ROW


# What a range of windows uses. Backwards on disk: each segment from its beginning, the newest one in any case.

A10, B20, A150, B160, A250 = (b"a", 10), (b"b", 20), (b"a", 150), (b"b", 160), (b"a", 250)
Row = tuple[bytes, int]


@pytest.mark.parametrize(
    ("segment", "put", "keys", "times", "backwards", "first"),
    [
        pytest.param(100, [A250, B20, A150], (b"a",), (400, 500), False, A250, id="later than all rows"),
        pytest.param(100, [A250, B20, A150], (b"a",), (400, 500), True, B20, id="later than all rows, backwards"),
        pytest.param(100, [A10, B20, A150], (b"a",), (90, 200), False, A10, id="from within a segment"),
        pytest.param(100, [A10, B20, A150], (b"a",), (90, 200), True, B20, id="from within a segment, backwards"),
        pytest.param(100, [A150, A10, B160], (b"a", b"b"), (155, 200), False, A10, id="two keys"),
        pytest.param(100, [B160, A10, A150], (b"a", b"a"), (120, 200), False, B160, id="one key, given twice"),
        pytest.param(1, [B20, A150, B160], (b"a",), (100, 300), False, B20, id="in memory"),
        pytest.param(1, [B20, A150, B160], (b"a",), (100, 300), True, B160, id="in memory, backwards"),
        pytest.param(1, [B20, A10, A150], (b"a", b"b"), (100, 300), False, A10, id="in memory, two keys"),
    ],
)
def test_a_range_uses_the_rows_that_its_way_in_java_passes(
    segment: int, put: list[Row], keys: tuple[bytes, ...], times: tuple[int, int], backwards: bool, first: Row
) -> None:
    below = LayeredWindowStore(
        "s", MemoryEngine(), TEXT, retention=LONG, segment_interval=100, one_by_one=segment == 1
    )
    whole = RecordCache(LONG, nothing)
    store = CachedWindow(whole, below, TEXT, True, segment, False)
    gone: list[Row] = []
    store.life.bind(None, lambda key, start, *_: gone.append((key, start)), False)
    for row in put:
        store.put(*row, "", 0)
    whole.limit = whole.size
    if len(keys) == 1:
        list(store.fetch_range(keys[0], *times, backwards))
    else:
        list(store.fetch_keys(*keys, *times, backwards))
    store.put(b"c", 300, "", 0)
    assert gone[0] == first


# What is read is what was put.

Store = CachedKeyValue | CachedWindow | CachedSession
CELLS = st.tuples(st.sampled_from([b"a", b"ab", b"b"]), st.integers(0, 3), st.integers(0, 3))
STEPS = st.lists(
    st.tuples(st.just("put"), CELLS, st.none() | st.sampled_from(["", "x", "a longer text"]))
    | st.tuples(st.just("get"), CELLS, st.none())
    | st.tuples(st.just("flush"), CELLS, st.none()),
    max_size=40,
)
LONG = 1_000_000


class KeyValue:
    def __init__(self, cache: RecordCache, lru: bool) -> None:
        below = LruMap("s", TEXT, 100) if lru else LayeredKeyValueStore("s", MemoryEngine(), TEXT)
        self.store = CachedKeyValue(cache, below, TEXT, True)

    @staticmethod
    def cell(key: bytes, start: int, length: int) -> tuple[Any, ...]:
        return (key,)

    def get(self, key: bytes) -> object:
        found = self.store.get(key)
        return None if found is None else found[0]

    def all(self) -> dict[Any, object]:
        ahead = [(row[:1], row[1]) for row in self.store.all()]
        assert [(row[:1], row[1]) for row in self.store.all(True)] == ahead[::-1]
        assert [(row[:1], row[1]) for row in self.store.range(b"a", b"ab")] == [r for r in ahead if r[0] <= (b"ab",)]
        prefixed = [r for r in ahead if r[0][0].startswith(b"a")]
        assert [(row[:1], row[1]) for row in self.store.prefix_scan(b"a")] == prefixed
        return dict(ahead)


class Window:
    def __init__(self, cache: RecordCache, time_first: bool, in_memory: bool) -> None:
        below = LayeredWindowStore(
            "s",
            MemoryEngine(),
            TEXT,
            retention=LONG,
            segment_interval=2_000,
            one_by_one=in_memory,
            time_first=time_first,
        )
        self.store = CachedWindow(cache, below, TEXT, True, 1 if in_memory else 2_000, time_first)

    @staticmethod
    def cell(key: bytes, start: int, length: int) -> tuple[Any, ...]:
        return (key, start * 1_000)

    def get(self, key: bytes, start: int) -> object:
        found = self.store.fetch(key, start)
        return None if found is None else found[0]

    def all(self) -> dict[Any, object]:
        ahead = [(row[:2], row[2]) for row in self.store.all()]
        assert [(row[:2], row[2]) for row in self.store.all(True)] == ahead[::-1]
        for key in (b"a", b"ab"):
            of_key = sorted(row for row in ahead if row[0][0] == key and 1_000 <= row[0][1] <= 2_000)
            for backwards in (False, True):
                found = [((key, row[0]), row[1]) for row in self.store.fetch_range(key, 1_000, 2_000, backwards)]
                assert found == (of_key[::-1] if backwards else of_key)
        some = {row[0] for row in self.store.fetch_keys(b"ab", None, 0, LONG)}
        assert some == {cell[0] for cell, _ in ahead if cell[0] >= b"ab"}
        return dict(ahead)


class Session:
    def __init__(self, cache: RecordCache, in_memory: bool) -> None:
        below = LayeredSessionStore(
            "s", MemoryEngine(), TEXT, retention=LONG, segment_interval=2_000, one_by_one=in_memory
        )
        self.store = CachedSession(cache, below, TEXT, 1 if in_memory else 2_000)

    @staticmethod
    def cell(key: bytes, start: int, length: int) -> tuple[Any, ...]:
        return (key, start * 1_000, (start + length) * 1_000)

    def get(self, key: bytes, start: int, end: int) -> object:
        return self.store.fetch_session(key, start, end)

    def all(self) -> dict[Any, object]:
        ahead = [(row[:3], row[3]) for row in self.store.find_keys(None, None, 0, LONG)]
        assert [(row[:3], row[3]) for row in self.store.find_keys(None, None, 0, LONG, True)] == ahead[::-1]
        for key in (b"a", b"ab"):
            of_key = [row for row in ahead if row[0][0] == key and row[0][2] >= 2_000 and row[0][1] <= 3_000]
            assert sorted((row[:3], row[3]) for row in self.store.find(key, 2_000, 3_000)) == sorted(of_key)
            of_key = [row for row in ahead if row[0][0] == key]
            assert sorted((row[:3], row[3]) for row in self.store.fetch(key)) == sorted(of_key)
        ends = [row[0][2] for row in ((row[:3], row[3]) for row in self.store.find_all(0, LONG))]
        assert ends == sorted(ends)
        return dict(ahead)


KINDS: dict[str, Callable[[RecordCache], KeyValue | Window | Session]] = {
    "key-value": lambda cache: KeyValue(cache, False),
    "lru": lambda cache: KeyValue(cache, True),
    "window": lambda cache: Window(cache, False, False),
    "window by time": lambda cache: Window(cache, True, False),
    "window in memory": lambda cache: Window(cache, False, True),
    "session": lambda cache: Session(cache, False),
    "session in memory": lambda cache: Session(cache, True),
}


@pytest.mark.parametrize("kind", KINDS)
@given(steps=STEPS, limit=st.sampled_from([1, 60, 100, 150, 300, 10_000]))
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_was_put_whatever_has_given_way(
    kind: str, steps: list[tuple[str, tuple[bytes, int, int], str | None]], limit: int
) -> None:
    whole = RecordCache(limit, nothing)
    rows = KINDS[kind](whole)
    store: Any = rows.store
    emitted: dict[Any, object] = {}
    logged: dict[bytes, bytes | None] = {}

    def forward(*change: Any) -> None:
        *cell, new, old, _, _ = change
        assert emitted.get(tuple(cell)) == old
        emitted[tuple(cell)] = new

    store.life.bind(lambda key, data, timestamp, origin: logged.__setitem__(key, data), forward, True)
    now: dict[Any, object] = {}
    for at, (name, given_cell, value) in enumerate(steps):
        cell = rows.cell(*given_cell)
        if name == "put":
            store.put(*cell, value, at)
            now[cell] = value
        elif name == "flush":
            store.life.flush()
        assert rows.get(*cell) == now.get(cell)
        assert whole.size <= limit
    there = {cell: value for cell, value in now.items() if value is not None}
    assert rows.all() == there
    store.life.flush()
    assert store.life.dirty_bytes == 0
    assert rows.all() == there
    assert {cell: value for cell, value in emitted.items() if value is not None} == there
    assert sorted(data.decode() for data in logged.values() if data is not None) == sorted(map(str, there.values()))
    store.forget()
    assert rows.all() == there
