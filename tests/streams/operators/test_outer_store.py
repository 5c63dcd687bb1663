"""The store that both sides of an outer join share, against a sorted list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.api import Codec
from statestore.keyvalue import LayeredKeyValueStore
from statestore.memory import MemoryEngine
from streams.operators.outer_store import OuterStore

RAW = Codec(lambda value: bytes(value), bytes, lambda value: type(value) is bytes)  # type: ignore[call-overload]


def _write(values: list[tuple[bool, bytes]]) -> bytes:
    return json.dumps([[is_left, value.decode()] for is_left, value in values]).encode()


def _read(data: bytes) -> Sequence[tuple[bool, bytes]]:
    return [(is_left, value.encode()) for is_left, value in json.loads(data)]


def outer() -> tuple[OuterStore, LayeredKeyValueStore, list[Any]]:
    store = LayeredKeyValueStore("shared", MemoryEngine(), RAW, timestamped=False)
    log: list[Any] = []
    store.life.bind(lambda *row: log.append(row[:3]), None, False)
    return OuterStore(store, _write, _read), store, log


def test_right_before_left_and_the_list_of_a_key_in_the_order_of_arrival() -> None:
    waiting, _, _ = outer()
    waiting.add(b"k", 5, True, b"A")
    waiting.add(b"k", 5, True, b"B")
    waiting.add(b"z", 5, False, b"a")
    waiting.add(b"k", 3, True, b"C")
    rows = [(row.timestamp, row.is_left, row.key, list(row.values)) for row in waiting.all()]
    assert rows == [
        (3, True, b"k", [(True, b"C")]),
        (5, False, b"z", [(False, b"a")]),
        (5, True, b"k", [(True, b"A"), (True, b"B")]),
    ]
    assert [row.timestamp for row in waiting.all(4)] == [5, 5]


def test_keys_stand_as_in_java_and_a_partner_removes_the_whole_list() -> None:
    waiting, _, log = outer()
    waiting.add(b"k", 5, True, b"A")
    waiting.joined(b"k", 5, False, 8)
    waiting.joined(b"k", 5, True, 9)
    key = bytes.fromhex("000000000000000501") + b"k"
    assert log == [(key, _write([(True, b"A")]), 5), (key, None, 9)]
    assert list(waiting.all()) == []


def test_rows_may_be_removed_while_they_are_read() -> None:
    waiting, _, _ = outer()
    for ts in range(5):
        waiting.add(b"k", ts, True, b"A")
    for row in waiting.all():
        waiting.remove(row.row, 9)
    assert list(waiting.all()) == []


sided = st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from([b"a", b"b"]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(sided, st.sampled_from(["add", "joined", "commit"])), max_size=30))
def test_against_a_dict(actions: list[tuple[tuple[int, bool, bytes], str]]) -> None:
    waiting, store, _ = outer()
    model: dict[tuple[int, bool, bytes], list[tuple[bool, bytes]]] = {}
    for at, (cell, what) in enumerate(actions):
        ts, is_left, key = cell
        if what == "add":
            waiting.add(key, ts, is_left, b"%d" % at)
            model.setdefault(cell, []).append((is_left, b"%d" % at))
        elif what == "joined":
            waiting.joined(key, ts, is_left, ts)
            model.pop(cell, None)
        else:
            store.life.commit()
            store.life.spill(2)
        rows = [((row.timestamp, row.is_left, row.key), list(row.values)) for row in waiting.all()]
        assert rows == sorted(model.items())
