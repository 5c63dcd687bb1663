"""Stores as users see them: typed, under Java's names, by kind."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.memory import MemoryEngine
from streams.dropped import Drop
from streams.errors import (
    ClassCastException,
    IllegalArgumentException,
    InvalidStateStoreException,
    NoSuchElementException,
    NullPointerException,
    UnsupportedOperationException,
)
from streams.record import ValueAndTimestamp, VersionedRecord, Window, Windowed
from streams.runtime.state.stores import Engines, count_refused, open_store
from streams.state.iterators import Lease
from streams.state.key_value_store import NOT_PUT, VALID_TO_UNDEFINED
from streams.state.kinds import face
from streams.state.store import Caller
from streams.topology.store import StoreKind
from tests.streams.runtime.walking import LONGS, table

KINDS = {
    StoreKind.KEY_VALUE: {},
    StoreKind.LRU: {"max_entries": 100},
    StoreKind.TIMESTAMPED_KEY_VALUE: {},
    StoreKind.VERSIONED: {"retention_ms": 100},
    StoreKind.WINDOW: {"retention_ms": 1_000_000, "window_ms": 10},
    StoreKind.TIMESTAMPED_WINDOW: {"retention_ms": 1_000_000, "window_ms": 10},
    StoreKind.SESSION: {"retention_ms": 1_000_000},
}


def make(kind: StoreKind, read_only: str | None = None, **fields: Any) -> tuple[Any, Caller]:
    spec = table("store", LONGS, kind=kind, **{**KINDS[kind], **fields})
    dropped = Drop()

    def refused() -> None:
        dropped.value += 1

    store = open_store(spec, Engines(MemoryEngine(), MemoryEngine()), {}, "log", True)
    count_refused(store, refused)
    caller = Caller(Lease(), lambda: 77, read_only=read_only, dropped=dropped)
    return face(spec, store.access, caller), caller


keys = st.text("abé", max_size=2)


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(),
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "put_if_absent", "delete", "put_all"]), keys, st.none() | st.integers(-9, 9)),
        max_size=25,
    ),
)
def test_a_key_value_store_is_a_map_in_the_order_of_its_keys_bytes(data: st.DataObject, steps: Any) -> None:
    store, _ = make(StoreKind.KEY_VALUE)
    model: dict[str, int] = {}
    for step, key, value in steps:
        before = model.get(key)
        if step == "put_if_absent":
            assert store.put_if_absent(key, value) == before
            value = value if before is None else before
        elif step == "delete":
            assert store.delete(key) == before
            value = None
        elif step == "put_all":
            store.put_all([(key, value)])
        else:
            store.put(key, value)
        if value is None:
            model.pop(key, None)
        else:
            model[key] = value
    rows = sorted(model.items(), key=lambda row: row[0].encode())
    assert list(store.all()) == rows
    assert list(store.reverse_all()) == rows[::-1]
    assert store.approximate_num_entries() == len(rows)
    low, high = data.draw(st.none() | keys), data.draw(st.none() | keys)
    within = [
        row
        for row in rows
        if (low is None or row[0].encode() >= low.encode()) and (high is None or row[0].encode() <= high.encode())
    ]
    assert list(store.range(low, high)) == within
    assert list(store.reverse_range(low, high)) == within[::-1]
    assert list(store.prefix_scan("a")) == [row for row in rows if row[0].startswith("a")]


def test_timestamped_values() -> None:
    store, _ = make(StoreKind.TIMESTAMPED_KEY_VALUE)
    store.put("a", ValueAndTimestamp(5, 100))
    assert store.get("a") == ValueAndTimestamp(5, 100)
    assert store.put_if_absent("a", ValueAndTimestamp(6, 1)) == ValueAndTimestamp(5, 100)
    with store.all() as rows:
        assert list(rows) == [("a", ValueAndTimestamp(5, 100))]
    assert store.delete("a") == ValueAndTimestamp(5, 100)
    assert store.get("a") is None


def test_versions() -> None:
    store, caller = make(StoreKind.VERSIONED)
    assert store.put("a", 1, 200) == VALID_TO_UNDEFINED
    assert store.put("a", 0, 150) == 200
    assert store.put("b", 0, 99) == NOT_PUT
    assert caller.dropped.value == 1
    assert store.get("a") == VersionedRecord(1, 200)
    assert store.get("a", 160) == VersionedRecord(0, 150)
    assert store.delete("a", 220) == VersionedRecord(1, 200)
    assert store.get("a") is None


@pytest.mark.parametrize("kind", [StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW])
def test_windows(kind: StoreKind) -> None:
    store, caller = make(kind)
    wrap = (lambda v: ValueAndTimestamp(v, 77)) if kind is StoreKind.TIMESTAMPED_WINDOW else (lambda v: v)
    for key, value, start in (("a", 1, 0), ("a", 2, 10), ("b", 3, 10), ("a", 4, 30)):
        store.put(key, wrap(value), start)
    assert store.fetch("a", 10) == wrap(2)
    assert store.fetch("a", 11) is None
    assert list(store.fetch("a", 0, 10)) == [(0, wrap(1)), (10, wrap(2))]
    assert list(store.backward_fetch("a", 0, 10)) == [(10, wrap(2)), (0, wrap(1))]
    windowed = lambda key, start: Windowed(key, Window(start, start + 10))  # noqa: E731
    assert list(store.fetch("a", "b", 10, 10)) == [(windowed("a", 10), wrap(2)), (windowed("b", 10), wrap(3))]
    assert len(list(store.fetch(None, None, 0, 99))) == 4
    assert {row[0] for row in store.fetch_all(0, 10)} == {windowed("a", 0), windowed("a", 10), windowed("b", 10)}
    assert [row[1] for row in store.all()] == [row[1] for row in list(store.backward_all())[::-1]]
    assert len(list(store.backward_fetch_all(10, 30))) == 3
    store.put("a", None, 10)
    assert store.fetch("a", 10) is None
    with pytest.raises(IllegalArgumentException, match="fetch takes"):
        store.fetch("a")
    store.put("a", wrap(1), 100_000_000)
    store.put("a", wrap(1), 5)
    assert caller.dropped.value == 1


def test_sessions() -> None:
    store, caller = make(StoreKind.SESSION)
    session = lambda key, start, end: Windowed(key, Window(start, end))  # noqa: E731
    for key, start, end, value in (("a", 0, 5, 1), ("a", 20, 30, 2), ("b", 3, 9, 3)):
        store.put(session(key, start, end), value)
    assert store.fetch_session("a", 20, 30) == 2
    assert store.fetch_session("a", 20, 31) is None
    assert list(store.find_sessions("a", 5, 20)) == [(session("a", 0, 5), 1), (session("a", 20, 30), 2)]
    assert [row[1] for row in store.backward_find_sessions("a", 5, 20)] == [2, 1]
    assert len(list(store.find_sessions(None, None, 0, 99))) == 3
    assert [row[1] for row in store.find_sessions(0, 10)] == [1, 3]
    assert list(store.fetch("b")) == [(session("b", 3, 9), 3)]
    assert len(list(store.fetch("a", "b"))) == 3
    assert [row[1] for row in store.backward_fetch("a")] == [2, 1]
    assert len(list(store.backward_fetch("a", "b"))) == 3
    for ends in (("a", None), (None, "b"), (None, None)):
        assert len(list(store.fetch(*ends))) == len(list(store.backward_fetch(*ends))) == 3
    assert [row[0].key for row in store.fetch("b", None)] == ["b"]
    with pytest.raises(NullPointerException):
        store.fetch(None)
    store.remove(session("a", 0, 5))
    assert store.fetch_session("a", 0, 5) is None
    with pytest.raises(NullPointerException, match="sessionKey cannot be null"):
        store.put(None, 1)
    store.put(session("a", 0, 100_000_000), 1)
    store.put(session("a", 0, 1), 1)
    assert caller.dropped.value == 1


@pytest.mark.parametrize("kind", list(KINDS))
def test_null_keys_wrong_keys_closed_and_read_only_stores_are_refused(kind: StoreKind) -> None:
    def write(store: Any, key: object) -> None:
        if kind is StoreKind.SESSION:
            store.put(Windowed(key, Window(0, 1)), 1)
        elif kind in (StoreKind.KEY_VALUE, StoreKind.LRU):
            store.put(key, 1)
        elif kind is StoreKind.TIMESTAMPED_KEY_VALUE:
            store.put(key, ValueAndTimestamp(1, 1))
        else:
            store.put(key, ValueAndTimestamp(1, 1) if kind is StoreKind.TIMESTAMPED_WINDOW else 1, 1)

    store, caller = make(kind)
    assert store.name == "store" and store.is_open
    with pytest.raises(NullPointerException, match="key cannot be null"):
        write(store, None)
    with pytest.raises(ClassCastException):
        write(store, 5)
    caller.lease.is_open = False
    assert not store.is_open
    with pytest.raises(InvalidStateStoreException, match=r"Store store is currently closed\."):
        write(store, "a")
    store, _ = make(kind, read_only="Global store is read only")
    with pytest.raises(UnsupportedOperationException, match="Global store is read only"):
        write(store, "a")


def test_iterators_are_context_managers_and_warn_when_left_open() -> None:
    store, _ = make(StoreKind.KEY_VALUE)
    store.put_all((str(at), at) for at in range(3))
    with store.all() as rows:
        assert rows.has_next()
        assert rows.peek_next_key() == "0"
        assert next(rows) == ("0", 0)
    assert list(rows) == []
    assert not rows.has_next()
    with pytest.raises(NoSuchElementException):
        rows.peek_next_key()
    left = store.all()
    next(left)
    with pytest.warns(ResourceWarning, match="An iterator over the store store was left open"):
        del left
        gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(store.all())) == 3
        gc.collect()


def test_writing_while_iterating_shows_the_store_as_it_was() -> None:
    store, _ = make(StoreKind.KEY_VALUE)
    store.put_all((str(at), at) for at in range(5))
    with store.all() as rows:
        seen = []
        for key, value in rows:
            seen.append((key, value))
            store.delete(key)
            store.put(f"{key}x", 9)
    assert seen == [(str(at), at) for at in range(5)]
