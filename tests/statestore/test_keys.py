"""Keys and values in stores and changelogs are Java's, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import pytest

from statestore.api import Codec
from statestore.entries import Entries
from statestore.history import History, insert, pack, unpack
from statestore.keys import (
    session_key,
    session_key_index,
    session_key_time_first,
    split_session_key,
    split_window_key,
    window_key,
    window_key_index,
    window_key_time_first,
)

GOLDENS = Path(__file__).parent.parent / "goldens" / "data" / "bytes.json"


class Op(TypedDict, total=False):
    op: str
    value: str | None
    valid_from: int
    valid_to: int
    timestamp: int
    index: int


class Input(TypedDict, total=False):
    key: str
    start: int
    end: int
    seqnum: int
    value: str
    timestamp: int
    ops: list[Op]


class Case(TypedDict):
    input: Input
    hex: str


def cases(name: str) -> list[Case]:
    found: list[Case] = json.loads(GOLDENS.read_text())[name]
    assert found
    return found


@pytest.mark.parametrize(
    "name, make",
    [
        ("store.window_key", window_key),
        ("store.window_key_time_first", window_key_time_first),
        ("store.window_key_index", window_key_index),
    ],
)
def test_window_keys(name: str, make: Callable[[bytes, int, int], bytes]) -> None:
    for case in cases(name):
        given = case["input"]
        assert make(given["key"].encode(), given["start"], given["seqnum"]).hex() == case["hex"]


@pytest.mark.parametrize(
    "name, make",
    [
        ("store.session_key", session_key),
        ("store.session_key_time_first", session_key_time_first),
        ("store.session_key_index", session_key_index),
    ],
)
def test_session_keys(name: str, make: Callable[[bytes, int, int], bytes]) -> None:
    for case in cases(name):
        given = case["input"]
        assert make(given["key"].encode(), given["start"], given["end"]).hex() == case["hex"]


def test_keys_are_split_again() -> None:
    for case in cases("store.window_key"):
        given = case["input"]
        assert split_window_key(bytes.fromhex(case["hex"])) == (
            given["key"].encode(),
            given["start"],
            given["seqnum"],
        )
    for case in cases("store.session_key"):
        given = case["input"]
        assert split_session_key(bytes.fromhex(case["hex"])) == (
            given["key"].encode(),
            given["start"],
            given["end"],
        )


@pytest.mark.parametrize("exact", [None, lambda value: isinstance(value, str)])
def test_value_and_timestamp(exact: Callable[[object], bool] | None) -> None:
    codec = Codec(lambda value: str(value).encode(), lambda data: data.decode(), exact)
    timestamped, plain = Entries(codec, True), Entries(codec, False)
    for case in cases("store.value_and_timestamp"):
        value, at = case["input"]["value"], case["input"]["timestamp"]
        row = timestamped.row(timestamped.seal(value, at))
        assert row is not None and row.hex() == case["hex"]
        assert timestamped.open(timestamped.load(row)) == (value, at)
        assert timestamped.restored(value.encode(), at) == row
        assert plain.row(plain.seal(value, at)) == value.encode()


def built(ops: list[Op]) -> tuple[History, int]:
    """The versions that Java's calls on a segment value leave, and the end of the newest one."""
    history: History = ()
    end = 0
    for op in ops:
        value = op["value"]
        data = None if value is None else value.encode()
        start = op["valid_from"] if "valid_from" in op else op["timestamp"]
        if "valid_to" in op:
            if history and end != start:
                history, _ = insert(history, end, None)
            end = op["valid_to"]
        history, _ = insert(history, start, data)
    return history, end


def test_versioned_rows() -> None:
    for case in cases("store.versioned_segment"):
        history, end = built(case["input"]["ops"])
        assert pack(history, end).hex() == case["hex"]
        assert unpack(bytes.fromhex(case["hex"])) == history
