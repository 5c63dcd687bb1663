"""What both sides of a left or outer stream join share: records that found no partner yet, ordered by time.

It is a way to use a key-value store of bytes, which keeps, logs and restores the rows; the value of a row is the list
of all that wait under its key.

    i64 timestamp | u8 side, 1 left, 0 right | key
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from statestore.api import KeyValueStore

_head = struct.Struct(">qB")
_HEAD = 9
_read_head: Callable[[bytes], tuple[int, int]] = _head.unpack_from

Sided = tuple[bool, bytes]
"""Is it a left value, and its bytes."""


class Waiting(NamedTuple):
    """All records of one side with one timestamp and key that wait for a partner."""

    row: bytes
    """What `remove` takes."""
    timestamp: int
    is_left: bool
    key: bytes
    values: Sequence[Sided]


class OuterStore:
    """The records of both sides that wait for a partner."""

    __slots__ = ("_read", "_store", "_write")

    def __init__(
        self,
        store: KeyValueStore,
        write: Callable[[list[Sided]], bytes],
        read: Callable[[bytes], Sequence[Sided]],
    ) -> None:
        """
        Args:
            store: keeps bytes.
            write, read: the bytes of a list of values.
        """
        self._store = store
        self._write = write
        self._read = read

    def add(self, key: bytes, timestamp: int, is_left: bool, value: bytes) -> None:
        """A record that has no partner yet."""
        row = _head.pack(timestamp, is_left) + key
        found = self._store.get(row)
        waiting = [] if found is None else list(self._values(found[0]))
        waiting.append((is_left, value))
        self._store.put(row, self._write(waiting), timestamp)

    def joined(self, key: bytes, timestamp: int, is_left: bool, at: int) -> None:
        """Those that wait there have found a partner. `at`: the timestamp of the record that found them."""
        row = _head.pack(timestamp, is_left) + key
        if self._store.get(row) is not None:
            self._store.delete(row, at)

    def remove(self, row: bytes, at: int) -> None:
        """Those of this row wait no more."""
        self._store.delete(row, at)

    def all(self, since: int = 0) -> Iterator[Waiting]:
        """All that wait, by timestamp, then the right side before the left, then key. `since`: none is older."""
        with self._store.range(_head.pack(since, 0), None) as rows:
            for row, values, _ in rows:
                timestamp, side = _read_head(row)
                yield Waiting(row, timestamp, side == 1, row[_HEAD:], self._values(values))

    def _values(self, data: object) -> Sequence[Sided]:
        assert isinstance(data, bytes)
        return self._read(data)
