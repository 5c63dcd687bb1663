"""What queries see: the committed rows whatever is written meanwhile, page by page, and from another thread."""

from __future__ import annotations

import struct
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.api import Codec
from statestore.cache_share import CacheShare
from statestore.engine import Engine
from statestore.keyvalue import LayeredKeyValueStore
from statestore.lru import LruMap
from statestore.memory import MemoryEngine
from statestore.rocks import RocksEngine
from statestore.session import LayeredSessionStore
from statestore.versioned import LayeredVersionedStore
from statestore.window import LayeredWindowStore

LONG = Codec(
    encode=lambda value: struct.pack(">q", value),
    decode=lambda data: struct.unpack(">q", data)[0],
    exact=lambda value: type(value) is int,
)
FOREVER = 1 << 40
KEYS = [b"", b"a", b"a\0", b"ab", b"b", b"ba", b"c", b"\xff", b"\xff\xff"]
Row = tuple[Any, ...]


class Model:
    """A store and what it should show: rows by their identity."""

    def __init__(self, store: Any, put: Callable[[Any, int | None, int], None]) -> None:
        self.store, self._put = store, put
        self.latest: dict[Any, int] = {}
        self.committed: dict[Any, int] = {}

    def put(self, cell: Any, value: int | None, at: int) -> None:
        self._put(cell, value, at)
        if value is None:
            self.latest.pop(cell, None)
        else:
            self.latest[cell] = value

    def do(self, what: str) -> None:
        life = self.store.life
        if what == "commit":
            life.flush()
            life.commit()
            self.committed = dict(self.latest)
        elif what == "abort":
            life.abort()
            self.latest = dict(self.committed)
        elif what == "flush":
            life.flush()
        elif what == "spill":
            life.spill(2)
        elif what == "spill all":
            while life.spill(3):
                pass


def key_value(caching: bool) -> Model:
    store = LayeredKeyValueStore("s", MemoryEngine(), LONG, caching=caching, share=CacheShare(500))
    return Model(store, lambda key, value, at: store.put(key, value, at))


def lru(caching: bool) -> Model:
    store = LruMap("s", LONG, 1000)
    return Model(store, lambda key, value, at: store.put(key, value, at))


def window(caching: bool, one_by_one: bool = False) -> Model:
    store = LayeredWindowStore(
        "s",
        MemoryEngine(),
        LONG,
        retention=FOREVER,
        segment_interval=3,
        caching=caching,
        share=CacheShare(500),
        one_by_one=one_by_one,
    )
    return Model(store, lambda cell, value, at: store.put(cell[0], cell[1], value, at))


def session(caching: bool, one_by_one: bool = False) -> Model:
    store = LayeredSessionStore(
        "s",
        MemoryEngine(),
        LONG,
        retention=FOREVER,
        segment_interval=3,
        caching=caching,
        share=CacheShare(500),
        one_by_one=one_by_one,
    )

    def put(cell: Any, value: int | None, at: int) -> None:
        store.put(cell[0], cell[1], cell[1] + 1, value, at)

    return Model(store, put)


WHATS = st.sampled_from(["commit", "abort", "flush", "spill", "spill all"])
KEY_OPS = st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 9))) | WHATS, max_size=40)
TIMED = st.tuples(st.sampled_from(KEYS), st.integers(0, 11))
TIMED_OPS = st.lists(st.tuples(TIMED, st.one_of(st.none(), st.integers(0, 9))) | WHATS, max_size=40)
BOUND = st.one_of(st.none(), st.sampled_from(KEYS))


def run(model: Model, operations: list[Any]) -> None:
    for at, each in enumerate(operations):
        if isinstance(each, str):
            model.do(each)
        else:
            model.put(*each, at)


def pages(scan: Callable[[Any], Iterator[Row]], identity: Callable[[Row], Any], size: int) -> list[Row]:
    """All rows, read page by page, each page a scan of its own."""
    found: list[Row] = []
    while True:
        page = list(islice(scan(identity(found[-1]) if found else None), size))
        found += page
        if len(page) < size:
            return found


@settings(max_examples=150, deadline=None)
@given(
    make=st.sampled_from([key_value, lru]),
    caching=st.booleans(),
    operations=KEY_OPS,
    low=BOUND,
    high=BOUND,
    prefix=st.sampled_from(KEYS),
    backwards=st.booleans(),
    size=st.integers(1, 4),
)
def test_keys_are_shown_as_they_were_committed(
    make: Any, caching: bool, operations: list[Any], low: Any, high: Any, prefix: bytes, backwards: bool, size: int
) -> None:
    model = make(caching)
    run(model, operations)
    for reads, rows in ((model.store.committed, model.committed), (model.store.latest, model.latest)):
        assert {key: reads.get(key)[0] for key in KEYS if reads.get(key) is not None} == rows
        wanted = sorted(
            (
                (key, value)
                for key, value in rows.items()
                if (low is None or low <= key) and (high is None or key <= high) and key.startswith(prefix)
            ),
            reverse=backwards,
        )
        found = pages(lambda after: reads.scan(low, high, prefix, backwards, after), lambda row: row[0], size)  # noqa: B023
        assert [row[:2] for row in found] == wanted


@settings(max_examples=150, deadline=None)
@given(
    caching=st.booleans(),
    one_by_one=st.booleans(),
    operations=TIMED_OPS,
    low=BOUND,
    high=BOUND,
    times=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    backwards=st.booleans(),
    size=st.integers(1, 4),
)
def test_windows_are_shown_as_they_were_committed(
    caching: bool,
    one_by_one: bool,
    operations: list[Any],
    low: Any,
    high: Any,
    times: tuple[int, int],
    backwards: bool,
    size: int,
) -> None:
    model = window(caching, one_by_one)
    run(model, operations)
    for reads, rows in ((model.store.committed, model.committed), (model.store.latest, model.latest)):
        for key, start in rows:
            assert reads.fetch(key, start)[0] == rows[key, start]
        assert reads.fetch(b"nobody", 1) is None
        by_time = one_by_one and not (low is not None and low == high)
        wanted = sorted(
            (
                (key, start, value)
                for (key, start), value in rows.items()
                if (low is None or low <= key) and (high is None or key <= high) and times[0] <= start <= times[1]
            ),
            key=lambda row: (row[1], row[0]) if by_time else (row[1] // 3, row[0] + struct.pack(">qi", row[1], 0)),
            reverse=backwards,
        )
        found = pages(lambda after: reads.scan(low, high, *times, backwards, after), lambda row: row[:2], size)  # noqa: B023
        assert [row[:3] for row in found] == wanted


@settings(max_examples=100, deadline=None)
@given(
    caching=st.booleans(),
    one_by_one=st.booleans(),
    operations=TIMED_OPS,
    low=BOUND,
    high=BOUND,
    times=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    backwards=st.booleans(),
    size=st.integers(1, 4),
)
def test_sessions_are_shown_as_they_were_committed(
    caching: bool,
    one_by_one: bool,
    operations: list[Any],
    low: Any,
    high: Any,
    times: tuple[int, int],
    backwards: bool,
    size: int,
) -> None:
    model = session(caching, one_by_one)
    run(model, operations)
    for reads, rows in ((model.store.committed, model.committed), (model.store.latest, model.latest)):
        for key, start in rows:
            assert reads.fetch_session(key, start, start + 1) == rows[key, start]
        wanted = {
            (key, start, start + 1, value)
            for (key, start), value in rows.items()
            if (low is None or low <= key)
            and (high is None or key <= high)
            and times[0] <= start + 1
            and start <= times[1]
        }
        whole = list(reads.scan(low, high, *times, backwards))
        found = pages(lambda after: reads.scan(low, high, *times, backwards, after), lambda row: row[:3], size)  # noqa: B023
        assert found == whole and set(found) == wanted and len(found) == len(wanted)


def test_expired_windows_are_not_shown_by_the_time_that_was_committed() -> None:
    store = LayeredWindowStore("s", MemoryEngine(), LONG, retention=10, segment_interval=5)
    store.put(b"k", 0, 1, 0)
    store.life.commit()
    store.put(b"k", 50, 2, 0)
    assert store.fetch(b"k", 0) is None
    assert store.committed.fetch(b"k", 0) == (1, 0)
    assert [row[1] for row in store.committed.scan(None, None, 0, 100)] == [0]
    store.life.commit()
    assert store.committed.fetch(b"k", 0) is None
    assert [row[1] for row in store.committed.scan(None, None, 0, 100)] == [50]


def test_versions_are_shown_as_they_were_committed() -> None:
    store = LayeredVersionedStore("s", MemoryEngine(), LONG, history_retention=100)
    store.put(b"k", 1, 10)
    store.life.commit()
    store.put(b"k", 2, 20)
    shown = store.committed.get(b"k")
    assert shown is not None and (shown.value, shown.timestamp, shown.valid_to) == (1, 10, None)
    latest = store.latest.get(b"k", 15)
    assert latest is not None and (latest.value, latest.valid_to) == (1, 20)
    assert [each.value for each in store.committed.versions(b"k", 0, 100)] == [1]
    assert [each.value for each in store.latest.versions(b"k", 0, 100)] == [2, 1]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = RocksEngine(str(tmp_path / "database"))
    yield made
    made.close()


class Meanwhile(MemoryEngine):
    """An engine whose owner does something while another thread's `get` is between two of its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], None] | None = None
        self.after: Callable[[], None] | None = None

    def get(self, key: bytes) -> bytes | None:
        for moment in ("before", "after"):
            if moment == "after":
                found = super().get(key)
            what, _ = getattr(self, moment), setattr(self, moment, None)
            if what is not None:
                what()
        return found


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["rows", "windows"])
def test_what_the_owner_does_while_a_row_is_read_neither_hides_it_nor_is_undone(kind: str, moment: str) -> None:
    engine = Meanwhile()

    def opened() -> Any:
        """The store, with nothing in its read cache."""
        if kind == "rows":
            return LayeredKeyValueStore("s", engine, LONG, share=CacheShare(10_000))
        return LayeredWindowStore("s", engine, LONG, retention=FOREVER, share=CacheShare(10_000))

    cell = (b"k",) if kind == "rows" else (b"k", 5)
    store = opened()

    def put(value: int) -> None:
        store.put(*cell, value, value)

    def read() -> Any:
        return store.committed.get(*cell) if kind == "rows" else store.committed.fetch(*cell)

    def own() -> Any:
        return store.get(*cell) if kind == "rows" else store.fetch(*cell)

    def spill() -> None:
        while store.life.spill(10):
            pass

    def commit_and_spill(value: int) -> None:
        put(value)
        store.life.commit()
        spill()

    commit_and_spill(1)
    store = opened()
    setattr(engine, moment, lambda: commit_and_spill(2))
    assert read() in ((1, 1), (2, 2))
    assert own() == (2, 2), "the read cache holds what was read before it was written"
    store = opened()
    put(3)
    store.life.commit()
    setattr(engine, moment, spill)  # what is committed leaves its layer
    assert read() == (3, 3)
    engine.before = engine.after = None
    spill()
    assert read() == own() == (3, 3)


@pytest.mark.parametrize("share", [100, 1 << 20])
def test_a_committed_row_may_be_read_from_any_thread_while_its_owner_works(engine: Engine, share: int) -> None:
    """Never absent, never older than what was read before, never what is not committed."""
    rows = LayeredKeyValueStore("rows", engine, LONG, share=CacheShare(share))
    windows = LayeredWindowStore("windows", engine, LONG, retention=FOREVER, share=CacheShare(share))
    keys = [b"%d" % number for number in range(40)]
    committed = [0]

    def put(value: int) -> None:
        for at, key in enumerate(keys):
            rows.put(key, value, value)
            windows.put(key, at, value, value)
        rows.get(keys[0])  # what the owner reads goes to its read cache

    put(0)
    rows.life.commit()
    windows.life.commit()
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        seen = dict.fromkeys(keys, 0)
        while not done.is_set():
            for at, key in enumerate(keys):
                for found in (rows.committed.get(key), windows.committed.fetch(key, at)):
                    before = committed[0]
                    if found is None:
                        wrong.append(f"{key!r} absent")
                    elif not isinstance(found[0], int) or found[0] > before + 1:
                        wrong.append(f"{key!r} is {found[0]}, committed {before}")
                found = rows.committed.get(key)
                if found is not None and isinstance(found[0], int):
                    if found[0] < seen[key]:
                        wrong.append(f"{key!r} went back from {seen[key]} to {found[0]}")
                    seen[key] = found[0]

    readers = [threading.Thread(target=read) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for reader in readers:
        reader.start()
    try:
        for value in range(1, 150):
            put(value)
            if value % 3 == 0:
                rows.life.abort()
                windows.life.abort()
                put(value)
            rows.life.commit()
            windows.life.commit()
            committed[0] = value
            if value % 2:
                while rows.life.spill(7):
                    pass
                while windows.life.spill(7):
                    pass
    finally:
        sys.setswitchinterval(interval)
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert {rows.get(key) for key in keys} == {(149, 149)}, "reading has put nothing outdated into the read cache"
