"""Lists, as Kafka's `ListSerializer` writes them.

inner of fixed width (numbers, UUIDs):
  u8 0 | i32 nulls | i32 index of a null * nulls | i32 size | the entries that are no nulls, back to back
any other inner:
  u8 1 | i32 size | (i32 length, -1 for null | bytes) * size
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

from streams.errors import SerializationException
from streams.serdes.base import AnySerde, Serde, SerdeFor, V, check_inner, wrong_type

_FIXED = b"\x00"
_VARIABLE = b"\x01"
_i32 = struct.Struct(">i")
_read_i32: Callable[[bytes, int], tuple[int]] = _i32.unpack_from


def list_of(inner: SerdeFor[V]) -> Serde[list[V]]:
    """Lists of what `inner` writes; entries may be None.

    Raises:
        NullPointerException: there is no inner serde.
        IllegalArgumentException: what is given for it is none.
    """
    return _list_of(check_inner(inner, "Serdes.list()", "list(Serdes.string())"))


@cache
def _list_of(inner: AnySerde) -> AnySerde:
    name = f"Serdes.list({inner.name})"
    width = inner.fixed_width

    def encode(value: list[object]) -> bytes:
        if not isinstance(value, list | tuple):
            raise wrong_type(name, "list", value)
        entries = [None if entry is None else inner.encode(entry) for entry in value]
        if width is None:
            return encode_variable(entries)
        nulls = [at for at, entry in enumerate(entries) if entry is None]
        head = struct.pack(f">{len(nulls) + 2}i", len(nulls), *nulls, len(entries))
        return b"".join((_FIXED, head, *(entry for entry in entries if entry is not None)))

    def decode(data: bytes) -> list[object]:
        try:
            entries = decode_variable(data) if data[:1] == _VARIABLE else _decode_fixed(data, width)
        except struct.error:
            raise SerializationException(f"Unable to deserialize a list: {len(data)} bytes end too early.") from None
        return [None if entry is None else inner.decode(entry) for entry in entries]

    return Serde(name=name, encode=encode, decode=decode)


def encode_variable(entries: list[bytes | None]) -> bytes:
    """A list whose entries carry their lengths."""
    parts = [_VARIABLE, _i32.pack(len(entries))]
    for entry in entries:
        parts.append(_i32.pack(-1 if entry is None else len(entry)))
        if entry is not None:
            parts.append(entry)
    return b"".join(parts)


def decode_variable(data: bytes) -> list[bytes | None]:
    """The entries of a list whose entries carry their lengths.

    Raises:
        SerializationException: it is no such list.
        struct.error: it ends too early.
    """
    if data[:1] != _VARIABLE:
        raise SerializationException(f"Invalid serialization strategy flag value {data[:1].hex() or 'missing'}")
    size = _count(data, 1)
    at = 5
    entries: list[bytes | None] = []
    for _ in range(size):
        (length,) = _read_i32(data, at)
        at += 4
        if length == -1:
            entries.append(None)
            continue
        entry = data[at : at + length]
        if length < 0 or len(entry) != length:
            raise SerializationException(f"End of data reached too early: an entry of {length} bytes at {at}.")
        entries.append(entry)
        at += length
    return entries


def _decode_fixed(data: bytes, width: int | None) -> list[bytes | None]:
    if data[:1] != _FIXED or width is None:
        raise SerializationException(
            f"Invalid serialization strategy flag value {data[:1].hex() or 'missing'} for this inner serde."
        )
    count = _count(data, 1)
    nulls = set(struct.unpack_from(f">{count}i", data, 5))
    at = 5 + 4 * count
    size = _count(data, at, len(nulls))
    at += 4
    if len(data) - at != width * (size - len(nulls)):
        raise SerializationException(
            f"A list of {size} entries of {width} bytes, {len(nulls)} null, in {len(data) - at} bytes."
        )
    entries: list[bytes | None] = []
    for index in range(size):
        if index in nulls:
            entries.append(None)
        else:
            entries.append(data[at : at + width])
            at += width
    return entries


def _count(data: bytes, at: int, spare: int = 0) -> int:
    """The count that stands at `at`, refused when the bytes behind it cannot hold as many entries."""
    (count,) = _read_i32(data, at)
    if not 0 <= count <= len(data) + spare:
        raise SerializationException(f"A list of {count} entries in {len(data)} bytes.")
    return count
