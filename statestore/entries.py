"""What the upper layers hold for a key, and its two forms of bytes.

An entry is a tuple `(value, timestamp)` where the value is exact (decision 8) or None (deleted, or known to
be absent), and bytes otherwise:

    raw entry            timestamp(8, big-endian) ‖ value
    row of the engine    the same in timestamped stores, value alone in plain ones
    changelog            value alone; the timestamp is the record's
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from statestore.api import Codec, TimestampedValue

Entry = TimestampedValue | bytes

ABSENT: Final[TimestampedValue] = (None, -1)
UNKNOWN_TIME: Final = -1
"""The timestamp of rows that a plain store reads back: it keeps none."""

_TIME = Struct(">q")
packed_time = _pack = _TIME.pack
"""What a raw entry begins with."""
unpack_time: Callable[[bytes], tuple[int]] = _TIME.unpack_from
_unpack = unpack_time
"""The timestamp of a raw entry, in a tuple."""


class Entries:
    """Makes entries of values and bytes, and back, for one store."""

    __slots__ = ("_decode", "_timestamped", "_unreadable", "encode", "exact", "keeps", "quick_decode")

    def __init__(self, codec: Codec, timestamped: bool) -> None:
        self.encode, self._decode, self._unreadable = codec.encode, codec.decode, codec.unreadable
        self.quick_decode = codec.quick_decode or codec.decode
        self.exact: Callable[[object], bool] = codec.exact or _never
        self.keeps = codec.immutable
        """A value that was decoded once may be kept in place of its bytes."""
        self._timestamped = timestamped

    @property
    def ever_exact(self) -> bool:
        """May a value be kept in place of its bytes?"""
        return self.exact is not _never

    def seal(self, value: object, timestamp: int) -> Entry:
        """The entry for a value that is put; what `encode` raises passes through."""
        if value is None or self.exact(value):
            return (value, timestamp)
        return sealed(self.encode(value), timestamp)

    def seal_logged(self, value: object, timestamp: int) -> tuple[Entry, bytes | None]:
        """`seal`, and the bytes for the changelog, encoded once."""
        if value is None:
            return (None, timestamp), None
        data = self.encode(value)
        if self.exact(value):
            return (value, timestamp), data
        return _pack(timestamp) + data, data

    def open(self, entry: Entry) -> TimestampedValue | None:
        """Value and timestamp; None if there is no value."""
        if isinstance(entry, bytes):
            try:
                return self.quick_decode(entry[8:]), _unpack(entry)[0]
            except Exception:
                return self.decode(entry[8:]), _unpack(entry)[0]
        return None if entry[0] is None else entry

    def decode(self, data: bytes) -> object:
        """The value of these bytes; the codec's `unreadable` says what to raise where there is none."""
        try:
            return self._decode(data)
        except Exception as error:
            raise self._unreadable(error) from error

    def data(self, entry: Entry) -> bytes | None:
        """The value's bytes, as the changelog has them."""
        if isinstance(entry, bytes):
            return entry[8:]
        value = entry[0]
        return None if value is None else self.encode(value)

    def row(self, entry: Entry) -> bytes | None:
        """The engine's row."""
        if isinstance(entry, bytes):
            return entry if self._timestamped else entry[8:]
        value, timestamp = entry
        if value is None:
            return None
        return _pack(timestamp) + self.encode(value) if self._timestamped else self.encode(value)

    def load(self, row: bytes | None) -> Entry:
        """The entry of a row read from the engine."""
        if row is None:
            return ABSENT
        raw = row if self._timestamped else _pack(UNKNOWN_TIME) + row
        if not self.ever_exact:
            return raw
        value = self.decode(raw[8:])
        return (value, _unpack(raw)[0]) if self.exact(value) else raw

    def restored(self, value: bytes | None, timestamp: int) -> bytes | None:
        """The engine's row of a changelog record."""
        if value is None:
            return None
        return _pack(timestamp) + value if self._timestamped else value

    def restored_entry(self, value: bytes, timestamp: int) -> Entry:
        """The entry of a changelog record."""
        return _pack(timestamp) + value


def _never(value: object) -> bool:
    return False


def sealed(data: bytes, timestamp: int) -> Entry:
    """The entry that keeps a value's bytes."""
    return _pack(timestamp) + data


def is_deleted(entry: Entry) -> bool:
    """The entry says that there is no row."""
    return not isinstance(entry, bytes) and entry[0] is None


def timestamp_of(entry: Entry) -> int:
    """The timestamp of a put, deletions included, in ms."""
    if isinstance(entry, bytes):
        return _unpack(entry)[0]
    return entry[1]
