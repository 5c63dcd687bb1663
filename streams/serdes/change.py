"""Values of the repartition topic of a grouped table (`ChangedSerializer`).

inserted:  new value | u8 1
deleted:   old value | u8 0
both:      varint length of new | new value | old value | u8 2
read only: the same three with one byte more, `is the newest version`, before a flag of 4, 3 and 5
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from streams.errors import StreamsException
from streams.serdes.varint import decode_varint, encode_varint

T = TypeVar("T")

_OLD, _NEW, _BOTH, _OLD_LATEST, _NEW_LATEST, _BOTH_LATEST = range(6)

ONE_VALUE_UPGRADES = frozenset(("2.4", "2.5", "2.6", "2.7", "2.8", "3.0", "3.1", "3.2", "3.3", "3.4"))
"""Values of `upgrade.from` under which `both` is not written, since older instances cannot read it."""


class Change(NamedTuple, Generic[T]):
    """What became of a row: its new and its old value, and whether this is its newest version."""

    new: T | None
    old: T | None
    is_latest: bool = True


def change_encoder(encode: Callable[[T], bytes], both: bool = True) -> Callable[[T | None, T | None], bytes]:
    """Writes changes.

    Args:
        encode: the value serde's.
        both: may new and old value go into one record? Not under an old `upgrade.from`.
    Returns:
        `(new, old)` to bytes. It raises `StreamsException`, in Java's words, where that is not allowed.
    """

    def write(new: T | None, old: T | None) -> bytes:
        if new is None:
            if old is None:
                raise StreamsException("Both old and new values are null in ChangeSerializer, which is not allowed.")
            return encode(old) + b"\x00"
        if old is None:
            return encode(new) + b"\x01"
        if not both:
            raise StreamsException(
                f"Both old and new values are not null ({old} : {new}) in ChangeSerializer, "
                "which is not allowed unless upgrading."
            )
        new_bytes = encode(new)
        return b"".join((encode_varint(len(new_bytes)), new_bytes, encode(old), b"\x02"))

    return write


def split_change(data: bytes) -> Change[bytes]:
    """The parts of a change as bytes.

    Raises:
        StreamsException: the flag is unknown, in Java's words, or the data are cut off.
    """
    if not data:
        raise StreamsException("A change without any byte was read from a repartition topic.")
    flag = data[-1]
    end, latest = len(data) - 1, True
    if flag in (_OLD_LATEST, _NEW_LATEST, _BOTH_LATEST):
        end -= 1
        if end < 0:
            raise StreamsException("A change is cut off before its flag.")
        latest = data[end] == 1
    if flag in (_OLD, _OLD_LATEST):
        return Change(None, data[:end], latest)
    if flag in (_NEW, _NEW_LATEST):
        return Change(data[:end], None, latest)
    if flag in (_BOTH, _BOTH_LATEST):
        length, at = decode_varint(data, 0)
        if not 0 <= length <= end - at:
            raise StreamsException(f"A change of {len(data)} bytes cannot hold a new value of {length}.")
        return Change(data[at : at + length], data[at + length : end], latest)
    raise StreamsException(f"Encountered unknown byte value `{flag}` for encodingFlag in ChangedDeserializer.")


def change_decoder(decode: Callable[[bytes], T]) -> Callable[[bytes], Change[T]]:
    """Reads changes; `decode` is the value serde's."""

    def read(data: bytes) -> Change[T]:
        new, old, latest = split_change(data)
        return Change(None if new is None else decode(new), None if old is None else decode(old), latest)

    return read
