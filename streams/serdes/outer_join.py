"""The store that both sides of a left or outer stream join share, for records that found no partner yet
(`TimestampedKeyAndJoinSideSerializer`, `LeftOrRightValueSerializer`).

    key    i64 timestamp | u8 side, 1 left, 0 right | key
    value  u8 side | value; the changelog holds the list of them, as `Serdes.list` writes it
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from streams.errors import SerializationException
from streams.serdes.sequence import decode_variable, encode_variable

_head = struct.Struct(">qB")
_read_head: Callable[[bytes, int], tuple[int, int]] = _head.unpack_from
_LEFT = b"\x01"
_RIGHT = b"\x00"


class Waiting(NamedTuple):
    """A record that waits for a partner."""

    timestamp: int
    is_left: bool
    key: bytes


class Sided(NamedTuple):
    """A value and the side it came from."""

    is_left: bool
    value: bytes


def encode_key(waiting: Waiting) -> bytes:
    """Key of the store; keys sort by time."""
    timestamp, is_left, key = waiting
    return _head.pack(timestamp, is_left) + key


def decode_key(data: bytes) -> Waiting:
    """Reads a key of the store.

    Raises:
        SerializationException: it is cut off.
    """
    if len(data) < 9:
        raise SerializationException(f"A key of {len(data)} bytes is no key of an outer join's store.")
    timestamp, side = _read_head(data, 0)
    return Waiting(timestamp, side == 1, data[9:])


def encode_value(sided: Sided) -> bytes:
    """One value."""
    return (_LEFT if sided.is_left else _RIGHT) + sided.value


def decode_value(data: bytes) -> Sided:
    """Reads one value.

    Raises:
        SerializationException: it is empty.
    """
    if not data:
        raise SerializationException("A value of an outer join's store has no byte for its side.")
    return Sided(data[:1] == _LEFT, data[1:])


def encode_values(values: list[Sided]) -> bytes:
    """All values of a key."""
    return encode_variable([encode_value(value) for value in values])


def decode_values(data: bytes) -> list[Sided]:
    """Reads all values of a key.

    Raises:
        SerializationException: they are damaged.
    """
    try:
        entries = decode_variable(data)
    except struct.error:
        raise SerializationException(f"The values of an outer join's store end after {len(data)} bytes.") from None
    return [decode_value(entry) for entry in entries if entry is not None]
