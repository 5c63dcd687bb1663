"""Kafka's variable-length integers: seven bits a byte, lowest first (`ByteUtils`); signed ones in zig-zag."""

from __future__ import annotations

from streams.errors import SerializationException

_MOST_BYTES = 5
_MOST_BYTES_LONG = 10


def encode_varint(value: int) -> bytes:
    """A signed integer of 32 bits in 1 to 5 bytes (`writeVarint`)."""
    return encode_unsigned(((value << 1) ^ (value >> 31)) & 0xFFFFFFFF)


def encode_unsigned(value: int) -> bytes:
    """An integer from 0 to 2**64 - 1 in 1 to 10 bytes (`writeUnsignedVarint`, `writeUnsignedVarlong`)."""
    if value < 0x80:
        return bytes((value,))
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def decode_varint(data: bytes, at: int) -> tuple[int, int]:
    """The signed integer that stands at `at`, and where it ends.

    Raises:
        SerializationException: it has more than 5 bytes, or the data end before it does.
    """
    value, at = _decode(data, at, _MOST_BYTES)
    return (value >> 1) ^ -(value & 1), at


def decode_unsigned(data: bytes, at: int) -> tuple[int, int]:
    """The integer that `encode_unsigned` wrote at `at`, and where it ends.

    Raises:
        SerializationException: it has more than 10 bytes, or the data end before it does.
    """
    return _decode(data, at, _MOST_BYTES_LONG)


def _decode(data: bytes, at: int, most: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 7 * most, 7):
        if at >= len(data):
            raise SerializationException(f"A varint is cut off after {len(data)} bytes.")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise SerializationException(f"Varint is too long, the most significant bit in the {most}th byte is set.")
