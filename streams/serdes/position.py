"""How far a store has come, by topic and partition (`PositionSerde`). It waits for queries that ask for a position.

    u8 0 | i32 topics | (i32 length | topic | i32 partitions | (i32 partition | i64 offset) * partitions) * topics

Java allots eight times what each number needs; the zero bytes left behind it are written here too, so that
the bytes are the same, and read over.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from streams.errors import SerializationException

_i32 = struct.Struct(">i")
_row = struct.Struct(">iq")
_read_i32: Callable[[bytes, int], tuple[int]] = _i32.unpack_from
_read_row: Callable[[bytes, int], tuple[int, int]] = _row.unpack_from

Position = Mapping[str, Mapping[int, int]]
"""Topic to partition to the offset of the last record that was applied."""


def encode_position(position: Position) -> bytes:
    """The bytes of a position."""
    parts = [b"\x00", _i32.pack(len(position))]
    allotted = 8 + 32
    for topic, offsets in position.items():
        name = topic.encode()
        parts += (_i32.pack(len(name)), name, _i32.pack(len(offsets)))
        parts += (_row.pack(partition, offset) for partition, offset in offsets.items())
        allotted += 32 + len(name) + 32 + 96 * len(offsets)
    return b"".join(parts).ljust(allotted, b"\x00")


def decode_position(data: bytes) -> dict[str, dict[int, int]]:
    """Reads a position.

    Raises:
        SerializationException: it is damaged, or of another version.
    """
    if data[:1] != b"\x00":
        raise SerializationException(f"A position of version {data[:1].hex() or 'none'} cannot be read.")
    try:
        (topics,) = _read_i32(data, 1)
        at = 5
        position: dict[str, dict[int, int]] = {}
        for _ in range(topics):
            (length,) = _read_i32(data, at)
            end = at + 4 + length
            if length < 0 or end > len(data):
                raise SerializationException(f"A topic's name of {length} bytes at {at} in a position.")
            offsets = position[data[at + 4 : end].decode()] = {}
            (partitions,) = _read_i32(data, end)
            at = end + 4
            for _ in range(partitions):
                partition, offset = _read_row(data, at)
                offsets[partition] = offset
                at += _row.size
    except (struct.error, UnicodeDecodeError) as error:
        raise SerializationException(f"A position is damaged: {error}.") from None
    return position
