"""Rows of a suppress buffer and of its changelog (`BufferValue`, `ProcessorRecordContext`).

record context    i64 timestamp | i64 offset | i32 length | topic | i32 partition |
                  i32 headers, -1 for none | (i32 length | name | i32 length, -1 for null | value) * headers
buffer value      record context | prior | old | new
                  prior and new: i32 length, -1 for null | bytes
                  old:           i32 length, -1 for null, -2 for the same as prior | bytes
changelog value   buffer value | i64 buffer time        (record header `v` = 03)
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from streams.errors import NullPointerException, SerializationException
from streams.processor import RecordContext
from streams.record import Headers

_i32 = struct.Struct(">i")
_i64 = struct.Struct(">q")
_two_i64 = struct.Struct(">qq")
_two_i32 = struct.Struct(">ii")
_read_i32: Callable[[bytes, int], tuple[int]] = _i32.unpack_from
_read_i64: Callable[[bytes, int], tuple[int]] = _i64.unpack_from
_read_two_i64: Callable[[bytes, int], tuple[int, int]] = _two_i64.unpack_from
_read_two_i32: Callable[[bytes, int], tuple[int, int]] = _two_i32.unpack_from
_NULL = -1
_AS_PRIOR = -2

CHANGELOG_HEADER: tuple[str, bytes] = ("v", b"\x03")
"""Header of each changelog record: the version of its value."""


Context = tuple[str | None, int, int, int, Headers]
"""A record context: topic, partition, offset, timestamp and headers."""


class BufferValue(NamedTuple):
    """What a suppress buffer keeps for a key."""

    prior: bytes | None
    """The value before the first change that is buffered."""
    old: bytes | None
    """Of the latest change."""
    new: bytes | None
    """Of the latest change."""
    context: Context


def encode_context(context: Context) -> bytes:
    """The bytes of a record context.

    Raises:
        NullPointerException: it has no topic.
    """
    topic, partition, offset, timestamp, headers = context
    if topic is None:
        raise NullPointerException("The record context of a buffered record has no topic.")
    name = topic.encode()
    parts = [_two_i64.pack(timestamp, offset), _i32.pack(len(name)), name, _i32.pack(partition)]
    parts.append(_i32.pack(len(headers)))
    for key, value in headers:
        key_bytes = key.encode()
        parts += (_i32.pack(len(key_bytes)), key_bytes, _sized(value))
    return b"".join(parts)


def decode_context(data: bytes, at: int = 0) -> tuple[RecordContext, int]:
    """The record context that stands at `at`, and where it ends.

    Raises:
        SerializationException: it is cut off.
    """
    try:
        timestamp, offset = _read_two_i64(data, at)
        topic, at = _bytes_at(data, at + 16)
        partition, count = _read_two_i32(data, at)
        at += 8
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(count):
            key, at = _bytes_at(data, at)
            value, at = _bytes_at(data, at)
            headers.append(((key or b"").decode(), value))
        return RecordContext((topic or b"").decode(), partition, offset, timestamp, tuple(headers)), at
    except (struct.error, UnicodeDecodeError) as error:
        raise SerializationException(f"The record context of a buffered record is damaged: {error}.") from None


def encode_buffer_value(value: BufferValue) -> bytes:
    """The bytes of a buffer value."""
    prior, old, new, context = value
    if old is not None and old == prior:
        middle = _i32.pack(_AS_PRIOR)
    else:
        middle = _sized(old)
    return b"".join((encode_context(context), _sized(prior), middle, _sized(new)))


def decode_buffer_value(data: bytes, at: int = 0) -> tuple[BufferValue, int]:
    """The buffer value that stands at `at`, and where it ends.

    Raises:
        SerializationException: it is cut off.
    """
    context, at = decode_context(data, at)
    try:
        prior, at = _bytes_at(data, at)
        if _read_i32(data, at)[0] == _AS_PRIOR:
            old, at = prior, at + 4
        else:
            old, at = _bytes_at(data, at)
        new, at = _bytes_at(data, at)
    except struct.error as error:
        raise SerializationException(f"A buffered record is damaged: {error}.") from None
    return BufferValue(prior, old, new, context), at


def encode_changelog_value(value: BufferValue, buffer_time: int) -> bytes:
    """The value of the changelog record of a row.

    Args:
        value: the row.
        buffer_time: when it was buffered, ms of the buffer's own time.
    """
    return encode_buffer_value(value) + _i64.pack(buffer_time)


def decode_changelog_value(data: bytes) -> tuple[BufferValue, int]:
    """The row and its buffer time.

    Raises:
        SerializationException: it is cut off.
    """
    value, at = decode_buffer_value(data)
    if len(data) - at != 8:
        raise SerializationException(f"A buffered record ends with {len(data) - at} bytes, expected 8.")
    return value, _read_i64(data, at)[0]


def _sized(data: bytes | None) -> bytes:
    return _i32.pack(_NULL) if data is None else _i32.pack(len(data)) + data


def _bytes_at(data: bytes, at: int) -> tuple[bytes | None, int]:
    (length,) = _read_i32(data, at)
    at += 4
    if length == _NULL:
        return None, at
    found = data[at : at + length]
    if length < 0 or len(found) != length:
        raise SerializationException(f"A field of {length} bytes at {at} is cut off.")
    return found, at + length
