"""The text beside a committed offset (`TopicPartitionMetadata`), Base64 of:

    u8 2 | i64 partition time | [i32 entries | (i32 length | name | i64 value) * entries]

The entries are what operators must keep, e.g. up to where an emit-on-close operator has emitted. Version
1 ends after the time. Text that nobody can read means that nothing is known.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

UNKNOWN = -1
"""The partition time when none is known."""

_NOTHING: Mapping[str, int] = MappingProxyType({})
_head = struct.Struct(">Bq")
_i32 = struct.Struct(">i")
_i64 = struct.Struct(">q")
_read_head: Callable[[bytes, int], tuple[int, int]] = _head.unpack_from
_read_i32: Callable[[bytes, int], tuple[int]] = _i32.unpack_from
_read_i64: Callable[[bytes, int], tuple[int]] = _i64.unpack_from


class OffsetMetadata(NamedTuple):
    """What is committed beside an offset."""

    partition_time: int = UNKNOWN
    """Highest timestamp of the partition so far, ms."""
    processor_metadata: Mapping[str, int] = _NOTHING
    """By name of a store or operator."""


def encode_offset_metadata(partition_time: int, metadata: Mapping[str, int] = _NOTHING) -> str:
    """The text to be committed with an offset."""
    parts = [_head.pack(2, partition_time)]
    if metadata:
        parts.append(_i32.pack(len(metadata)))
        for name, value in metadata.items():
            name_bytes = name.encode()
            parts += (_i32.pack(len(name_bytes)), name_bytes, _i64.pack(value))
    return binascii.b2a_base64(b"".join(parts), newline=False).decode("ascii")


def raw_bytes(text: str) -> bytes:
    """The bytes that a committed text stands for.

    Raises:
        ValueError: it is no Base64.
    """
    return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)


def decode_offset_metadata(text: str) -> OffsetMetadata:
    """Reads what was committed; nothing is known where it cannot be read."""
    try:
        data = raw_bytes(text)
        version, time = _read_head(data, 0)
        if version == 1:
            return OffsetMetadata(time)
        if version != 2:
            return OffsetMetadata()
        return OffsetMetadata(time, _metadata(data) if len(data) > _head.size else _NOTHING)
    except (ValueError, struct.error):
        return OffsetMetadata()


def _metadata(data: bytes) -> Mapping[str, int]:
    (count,) = _read_i32(data, _head.size)
    at = _head.size + 4
    found: dict[str, int] = {}
    for _ in range(count):
        (length,) = _read_i32(data, at)
        end = at + 4 + length
        if length < 0 or end > len(data):
            raise ValueError(f"a name of {length} bytes")
        found[data[at + 4 : end].decode()] = _read_i64(data, end)[0]
        at = end + 8
    return found
