"""Numbers as Java writes them: big-endian, two's complement or IEEE 754 (`LongSerializer` and its siblings)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from streams.errors import SerializationException
from streams.serdes.base import Serde, shown, wrong_size, wrong_type


def _whole(name: str, java: str, code: str, size: int) -> Serde[int]:
    """A serde for signed integers of `size` bytes."""
    layout = struct.Struct(f">{code}")
    pack, unpack = layout.pack, layout.unpack
    low, high = -(1 << (8 * size - 1)), (1 << (8 * size - 1)) - 1

    def encode(value: int) -> bytes:
        try:
            return pack(value)
        except struct.error:
            if not isinstance(value, int):
                raise wrong_type(name, "int", value) from None
            raise SerializationException(
                f"{name} holds {low} to {high}, got {shown(value)}. Use a wider serde."
            ) from None

    def decode(data: bytes) -> int:
        try:
            found: int = unpack(data)[0]
        except struct.error:
            raise wrong_size(f"{java}Deserializer", size) from None
        return found

    def exact(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return Serde(
        name=name,
        encode=encode,
        decode=decode,
        canonical=True,
        exact=exact,
        quick_encode=pack,
        fixed_width=size,
    )


def _floating(name: str, java: str, code: str, size: int, exact: Callable[[object], bool] | None) -> Serde[float]:
    """A serde for floating-point numbers of `size` bytes; integers are taken as numbers too."""
    layout = struct.Struct(f">{code}")
    pack, unpack = layout.pack, layout.unpack

    def encode(value: float) -> bytes:
        try:
            return pack(value)
        except struct.error:
            raise wrong_type(name, "float", value) from None
        except OverflowError:
            raise SerializationException(f"{shown(value)} is too large for {name}.") from None

    def decode(data: bytes) -> float:
        try:
            found: float = unpack(data)[0]
        except struct.error:
            raise wrong_size(f"{java}Deserializer", size) from None
        return found

    return Serde(
        name=name,
        encode=encode,
        decode=decode,
        # A NaN may carry bits that Java's writer drops: its bytes are written anew.
        canonical=False,
        exact=exact,
        quick_encode=pack,
        fixed_width=size,
    )


def _is_float(value: object) -> bool:
    return type(value) is float


INTEGER = _whole("Serdes.integer()", "Integer", "i", 4)
LONG = _whole("Serdes.long()", "Long", "q", 8)
SHORT = _whole("Serdes.short()", "Short", "h", 2)
DOUBLE = _floating("Serdes.double()", "Double", "d", 8, _is_float)
# 0.1 through 32 bits is another number: never kept in place of its bytes (decision 8).
FLOAT = _floating("Serdes.float()", "Float", "f", 4, None)


def _encode_boolean(value: bool) -> bytes:
    if value is True:
        return b"\x01"
    if value is False:
        return b"\x00"
    raise wrong_type("Serdes.boolean()", "bool", value)


def _decode_boolean(data: bytes) -> bool:
    if data == b"\x01":
        return True
    if data == b"\x00":
        return False
    if len(data) != 1:
        raise wrong_size("BooleanDeserializer", 1)
    raise SerializationException(f"Unexpected byte received by BooleanDeserializer: {data[0]}")


def _is_bool(value: object) -> bool:
    return type(value) is bool


BOOLEAN = Serde(
    name="Serdes.boolean()",
    encode=_encode_boolean,
    decode=_decode_boolean,
    canonical=True,
    exact=_is_bool,
)
