"""Headers and timestamps as Java keeps them beside a value in a local store. It waits for stores that keep headers.

headers                      varint count | (varint length | name | varint length, -1 for null | value) * count
                             (no header: no byte at all)
value, timestamp, headers    varint length of headers | headers | i64 timestamp | value
aggregation, headers         varint length of headers | headers | value
"""

from __future__ import annotations

import struct

from streams.errors import SerializationException
from streams.record import Headers
from streams.serdes.varint import decode_varint, encode_varint

_i64 = struct.Struct(">q")


def encode_headers(headers: Headers) -> bytes:
    """The bytes of headers."""
    if not headers:
        return b""
    parts = [encode_varint(len(headers))]
    for name, value in headers:
        name_bytes = name.encode()
        parts += (encode_varint(len(name_bytes)), name_bytes)
        parts += (encode_varint(-1),) if value is None else (encode_varint(len(value)), value)
    return b"".join(parts)


def decode_headers(data: bytes) -> Headers:
    """Reads headers.

    Raises:
        SerializationException: they are cut off.
    """
    if not data:
        return ()
    count, at = decode_varint(data, 0)
    found: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        name, at = _field(data, at)
        value, at = _field(data, at)
        if name is None:
            raise SerializationException("A header without a name.")
        found.append((name.decode(), value))
    return tuple(found)


def timestamped(timestamp: int, value: bytes) -> bytes:
    """A timestamped key-value or window store's value; `timestamp` in ms."""
    return _i64.pack(timestamp) + value


def with_headers(headers: Headers, value: bytes) -> bytes:
    """A session store's value under `dsl.store.format=HEADERS`."""
    written = encode_headers(headers)
    return encode_varint(len(written)) + written + value


def with_timestamp_and_headers(headers: Headers, timestamp: int, value: bytes) -> bytes:
    """A key-value or window store's value under `dsl.store.format=HEADERS`; `timestamp` in ms."""
    return with_headers(headers, timestamped(timestamp, value))


def split_headers(data: bytes) -> tuple[Headers, bytes]:
    """Headers and what follows them.

    Raises:
        SerializationException: they are cut off.
    """
    length, at = decode_varint(data, 0)
    if not 0 <= length <= len(data) - at:
        raise SerializationException(f"Headers of {length} bytes in a value of {len(data)}.")
    return decode_headers(data[at : at + length]), data[at + length :]


def _field(data: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(data, at)
    if length == -1:
        return None, at
    found = data[at : at + length]
    if length < 0 or len(found) != length:
        raise SerializationException(f"A header's field of {length} bytes at {at} is cut off.")
    return found, at + length
