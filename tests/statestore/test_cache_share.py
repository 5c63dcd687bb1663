"""What read caches hold together, and how they share it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statestore.api import Codec, Store
from statestore.cache_share import EXPIRED, EXPIRED_BYTES, CacheShare, level
from statestore.cached_lru import CachedLruMap
from statestore.keyvalue import LayeredKeyValueStore
from statestore.memory import MemoryEngine
from statestore.session import LayeredSessionStore
from statestore.versioned import LayeredVersionedStore
from statestore.window import LayeredWindowStore
from tests.statestore.counting import Counting

NUMBER = Struct(">q")
LONG = Codec(NUMBER.pack, lambda data: NUMBER.unpack(data)[0], lambda value: type(value) is int)
TEXT = Codec(lambda value: str(value).encode(), lambda data: data.decode(), lambda value: type(value) is str)
FOREVER = 1 << 50
ROOM = 1 << 20


class Nowhere(MemoryEngine):
    """Keeps no rows, so that what is measured is the store's."""

    def write(self, rows: object, drops: object = (), marks: object = None) -> None:
        for _ in rows:  # type: ignore[attr-defined]  # any rows
            pass


def settle(store: Store) -> None:
    store.life.flush()
    store.life.commit()
    while store.life.spill(1000):
        pass


def filled(store: LayeredKeyValueStore, rows: int) -> LayeredKeyValueStore:
    for number in range(rows):
        store.put(b"%08d" % number, number, 0)
        if number % 500 == 499:
            settle(store)
    settle(store)
    return store


def key_value(share: CacheShare, engine: MemoryEngine | None = None) -> LayeredKeyValueStore:
    return LayeredKeyValueStore("s", engine or MemoryEngine(), LONG, share=share)


@given(st.lists(st.integers(0, 200), max_size=12), st.integers(0, 1000))
def test_whoever_wants_more_gets_what_all_get_who_do(others: list[int], most: int) -> None:
    """Poured out drop by drop: each that has not what it holds gets one, in turn, until there is none left."""
    got, wanted, left = [0] * (len(others) + 1), [*others, most + 1], most
    while left > len(got):
        for at, want in enumerate(wanted):
            if got[at] < want:
                got[at] += 1
                left -= 1
    assert abs(level(others, most) - got[-1]) <= 1 + len(others)


def test_one_alone_may_take_all_and_no_more() -> None:
    share = CacheShare(ROOM)
    store = filled(key_value(share), 10_000)
    assert ROOM / 2 <= share.held <= ROOM
    assert store.get(b"%08d" % 0) == (0, 0)


def test_a_new_store_takes_from_a_large_one_and_closing_gives_back() -> None:
    share = CacheShare(ROOM)
    large = filled(key_value(share), 10_000)
    alone = share.held
    small = filled(key_value(share), 500)
    engine = Counting()
    growing = key_value(share, engine)
    for _ in range(4):
        filled(growing, 1_500)
        settle(large)  # a worker comes by, also where nothing is written
        assert share.held <= ROOM
    assert engine.reads == 0
    kept = large._layers.base._portion.held, growing._layers.base._portion.held  # type: ignore[attr-defined]
    assert min(kept) >= ROOM / 8
    assert {small.get(b"%08d" % number) for number in range(500)} == {(number, 0) for number in range(500)}
    growing.life.close()
    small.life.close()
    assert share.held == kept[0]
    filled(large, 10_000)
    assert share.held > alone * 3 / 4
    large.life.close()
    assert share.held == 0


def test_what_nobody_holds_any_more_counts_no_more() -> None:
    share = CacheShare(ROOM)
    store = filled(key_value(share), 1_000)
    assert share.held > 0
    del store
    gc.collect()
    assert share.held == 0


def test_reading_alone_keeps_to_the_bound() -> None:
    engine = MemoryEngine()
    filled(key_value(CacheShare(0), engine), 10_000)
    share = CacheShare(ROOM)
    store = key_value(share, engine)
    for number in range(10_000):
        assert store.get(b"%08d" % number) == (number, 0)
        assert share.held <= ROOM
    assert share.held > ROOM / 3


def windows(share: CacheShare, caching: bool, retention: int = FOREVER) -> Callable[[int], None]:
    store = LayeredWindowStore("w", MemoryEngine(), LONG, retention=retention, caching=caching, share=share)
    put, every = store.put, 0

    def one(number: int) -> None:
        nonlocal every
        put(b"%08d" % number, number * 10, number, number)
        every += 1
        if every % 500 == 0:
            settle(store)

    return one


@pytest.mark.parametrize("caching", [False, True])
def test_stores_of_all_kinds_share_one_bound(caching: bool) -> None:
    share = CacheShare(ROOM)
    window = windows(share, caching)
    session = LayeredSessionStore("s", MemoryEngine(), TEXT, retention=FOREVER, caching=caching, share=share)
    versioned = LayeredVersionedStore("v", MemoryEngine(), TEXT, history_retention=FOREVER, share=share)
    lru = CachedLruMap("l", TEXT, 100, share=share)
    rows = key_value(share)
    stores = (session, versioned, lru, rows)
    for number in range(5_000):
        key = b"%08d" % number
        window(number)
        session.put(key, number, number + 5, "v", number)
        versioned.put(key, "v", number)
        lru.put(key, "v", number)
        rows.put(key, number, number)
        if number % 500 == 499:
            for store in stores:
                settle(store)
            assert share.held <= ROOM * 3 / 2  # until each has come by
    for store in (*stores, *stores):
        store.life.spill(0)
    assert ROOM / 4 < share.held <= ROOM


def test_what_only_a_cache_shows_has_a_bound_of_its_own() -> None:
    share = CacheShare(8 * EXPIRED_BYTES)
    before = EXPIRED.held
    one = windows(share, caching=True, retention=1_000)
    for number in range(60_000):
        one(number)
    assert EXPIRED_BYTES / 2 < EXPIRED.held <= EXPIRED_BYTES
    assert share.held < EXPIRED_BYTES * 3 / 2
    del one
    gc.collect()
    assert EXPIRED.held == before


def put_row(store: LayeredKeyValueStore | LayeredVersionedStore, number: int) -> None:
    store.put(b"key%07d" % number, 10**9 + number, 1_700_000_000_000 + number)


def put_window(store: LayeredWindowStore, number: int) -> None:
    time = 1_700_000_000_000 + number
    store.put(b"key%07d" % (number % 2_000), time // 2_000 * 10_000, 10**9 + number, time)


def put_session(store: LayeredSessionStore, number: int) -> None:
    time = 1_700_000_000_000 + number
    store.put(b"key%07d" % number, time, time + 500, 10**9 + number, time)


def read_window(store: LayeredWindowStore) -> None:
    with store.fetch_all(0, FOREVER) as rows:
        assert next(rows) is not None


def read_session(store: LayeredSessionStore) -> None:
    with store.find(b"key%07d" % 0, 0, FOREVER) as rows:
        assert next(rows) is not None


SHAPES = {
    "rows": (lambda share: key_value(share, Nowhere()), put_row, None),
    "versions": (
        lambda share: LayeredVersionedStore("v", Nowhere(), LONG, history_retention=FOREVER, share=share),
        put_row,
        None,
    ),
    "windows": (
        lambda share: LayeredWindowStore("w", Nowhere(), LONG, retention=FOREVER, share=share), put_window, None,
    ),
    "windows that are read by row": (
        lambda share: LayeredWindowStore("w", Nowhere(), LONG, retention=FOREVER, share=share), put_window, read_window,
    ),
    "sessions": (
        lambda share: LayeredSessionStore("s", Nowhere(), LONG, retention=FOREVER, share=share), put_session, None,
    ),
    "sessions that are read by key": (
        lambda share: LayeredSessionStore("s", Nowhere(), LONG, retention=FOREVER, share=share),
        put_session,
        read_session,
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_is_estimated_at_what_it_takes(shape: str) -> None:
    make, put, read = SHAPES[shape]
    share = CacheShare(FOREVER)
    store = make(share)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(60_000):
            put(store, number)
            if number == 0 and read is not None:
                read(store)
            if number % 500 == 499:
                assert store.life.uncommitted_bytes > 0  # asked once a run, which takes a sample
                settle(store)
        took = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert took * 0.8 < share.held < took * 1.4
