"""Kafka's variable-length integers: zig-zag, seven bits a byte, lowest first (`ByteUtils.writeVarint`)."""

from __future__ import annotations

from streams.errors import SerializationException


def encode_varint(value: int) -> bytes:
    """A signed integer of 32 bits in 1 to 5 bytes."""
    rest = ((value << 1) ^ (value >> 31)) & 0xFFFFFFFF
    if rest < 0x80:
        return bytes((rest,))
    parts = bytearray()
    while rest >= 0x80:
        parts.append(rest & 0x7F | 0x80)
        rest >>= 7
    parts.append(rest)
    return bytes(parts)


def decode_varint(data: bytes, at: int) -> tuple[int, int]:
    """The integer that stands at `at`, and where it ends.

    Raises:
        SerializationException: it has more than 5 bytes, or the data end before it does.
    """
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            raise SerializationException(f"A varint is cut off after {len(data)} bytes.")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
    raise SerializationException("Varint is too long, the most significant bit in the 5th byte is set.")
