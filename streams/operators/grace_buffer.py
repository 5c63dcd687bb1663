"""What a stream-table join with a grace period holds back: records that leave in the order of time."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from statestore.api import KeyValueStore

_head = struct.Struct(">Bq")
_tail = struct.Struct(">i")
_HEAD = 9
_read_head: Callable[[bytes], tuple[int, int]] = _head.unpack_from
_TAIL = 4
_MAX_SEQUENCE = 0x7FFFFFFF


class GraceRow(NamedTuple):
    """A record that leaves a `GraceBuffer`."""

    key: bytes
    value: bytes
    timestamp: int


class GraceBuffer:
    """Records that wait until the buffer's time has moved on by a grace period; they leave by time, then key, then
    arrival.

    It is a way to use a key-value store, which keeps, logs and restores the rows:

        00 | i64 timestamp | key | i32 sequence, from 1
    """

    __slots__ = ("_grace", "_least", "_observed", "_sequence", "_store")

    def __init__(self, store: KeyValueStore, grace: int) -> None:
        self._store = store
        self._grace = grace
        self._observed = -1
        self._sequence = 0
        self._least = -1
        """No row is older."""

    def is_late(self, timestamp: int) -> bool:
        """Is a record older than the buffer's time by more than the grace period?"""
        return self._observed - self._grace > timestamp

    def put(self, key: bytes, timestamp: int, value: bytes, now: int = 0) -> None:
        """Takes a record that is not late. `now` is the timestamp of what is logged."""
        self._sequence = self._sequence % _MAX_SEQUENCE + 1
        row = _head.pack(0, timestamp) + key + _tail.pack(self._sequence)
        self._store.put(row, value, now)
        self._observed = max(self._observed, timestamp)
        self._least = min(self._least, timestamp)

    def due(self, now: int = 0) -> Iterator[GraceRow]:
        """The records whose time has come. Each is removed when the next one is asked for."""
        due = self._observed - self._grace
        if due < 0 or due < self._least:
            return
        low, high = _head.pack(0, max(self._least, 0)), _head.pack(0, due + 1)
        with self._store.range(low, high) as rows:
            for key, value, _ in rows:
                timestamp = _read_head(key)[1]
                self._least = timestamp
                assert isinstance(value, bytes)
                yield GraceRow(key[_HEAD:-_TAIL], value, timestamp)
                self._store.delete(key, now)
        self._least = due + 1
