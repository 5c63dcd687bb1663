"""The messages and the store of a foreign-key join (`SubscriptionWrapperSerde`,
`SubscriptionResponseWrapperSerde`, `CombinedKeySchema`).

    registration  u8 version, 0x80 set without hash | u8 instruction | [16 hash] | primary key | i32 partition
    response      u8 version, 0x80 set without hash | [16 hash] | foreign value
    store key     i32 length of foreign key | foreign key | primary key

A registration of version 0 has no partition. Version 1 is written unless `upgrade.from` is older than 3.4.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from streams.errors import SerializationException, UnsupportedVersionException

CURRENT_VERSION = 1
_NO_HASH = 0x80
_i32 = struct.Struct(">i")
_read_i32: Callable[[bytes, int], tuple[int]] = _i32.unpack_from

_OLD_UPGRADES = frozenset(("2.4", "2.5", "2.6", "2.7", "2.8", "3.0", "3.1", "3.2", "3.3"))


def version_for(upgrade_from: object) -> int:
    """The version in which registrations are written under that setting `upgrade.from`."""
    return 0 if upgrade_from in _OLD_UPGRADES else CURRENT_VERSION


class Instruction(IntEnum):
    """What the right side does with a registration."""

    DELETE_KEY_NO_PROPAGATE = 0
    DELETE_KEY_AND_PROPAGATE = 1
    PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE = 2
    PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE = 3


class Registration(NamedTuple):
    """What a left row tells the right side about itself (Java's `SubscriptionWrapper`)."""

    hash: bytes | None
    """Of the left value, 16 bytes; None without a left value."""
    instruction: Instruction
    primary_key: bytes
    partition: int | None
    """Partition of the left row, where the answer goes; None in version 0."""
    version: int = CURRENT_VERSION


class Answer(NamedTuple):
    """What the right side answers (Java's `SubscriptionResponseWrapper`)."""

    hash: bytes | None
    """The registration's."""
    foreign_value: bytes | None


def encode_registration(registration: Registration) -> bytes:
    """The bytes of a registration in its own version.

    Raises:
        UnsupportedVersionException: there is no such version.
        SerializationException: version 1 has no partition.
    """
    hashed, instruction, primary_key, partition, version = registration
    if not 0 <= version <= CURRENT_VERSION:
        raise _unknown_version("SubscriptionWrapper", version)
    head = bytes((version | (_NO_HASH if hashed is None else 0), instruction)) + (hashed or b"")
    if version == 0:
        return head + primary_key
    if partition is None:
        raise SerializationException("A registration of a foreign-key join carries no partition.")
    return head + primary_key + _i32.pack(partition)


def decode_registration(data: bytes) -> Registration:
    """Reads a registration of either version.

    Raises:
        UnsupportedVersionException: it was written by a newer one.
        SerializationException: it is cut off, or the instruction is unknown.
    """
    version, hashed, at = _head("SubscriptionWrapper", data, CURRENT_VERSION, 2)
    try:
        instruction = Instruction(data[1])
    except ValueError:
        raise SerializationException(f"Unknown instruction {data[1]} of a foreign-key join.") from None
    if version == 0:
        return Registration(hashed, instruction, data[at:], None, 0)
    end = len(data) - 4
    if end < at:
        raise SerializationException(f"A registration of {len(data)} bytes is cut off.")
    (partition,) = _read_i32(data, end)
    return Registration(hashed, instruction, data[at:end], partition, version)


def encode_answer(answer: Answer) -> bytes:
    """The bytes of an answer; a foreign value without any byte cannot be told from none, as in Java."""
    hashed, value = answer
    return bytes((_NO_HASH if hashed is None else 0,)) + (hashed or b"") + (value or b"")


def decode_answer(data: bytes) -> Answer:
    """Reads an answer.

    Raises:
        UnsupportedVersionException: it was written by a newer version.
        SerializationException: it is cut off.
    """
    _, hashed, at = _head("SubscriptionResponseWrapper", data, 0, 1)
    return Answer(hashed, data[at:] or None)


def combined_key(foreign_key: bytes, primary_key: bytes) -> bytes:
    """Key of the subscription store."""
    return _i32.pack(len(foreign_key)) + foreign_key + primary_key


def combined_prefix(foreign_key: bytes) -> bytes:
    """What the keys of all rows with this foreign key begin with."""
    return _i32.pack(len(foreign_key)) + foreign_key


def split_combined_key(data: bytes) -> tuple[bytes, bytes]:
    """Foreign and primary key of a key of the subscription store.

    Raises:
        SerializationException: it is cut off.
    """
    if len(data) < 4 or not 0 <= _read_i32(data, 0)[0] <= len(data) - 4:
        raise SerializationException(f"A key of {len(data)} bytes is no key of a subscription store.")
    end = 4 + _read_i32(data, 0)[0]
    return data[4:end], data[end:]


def _head(name: str, data: bytes, newest: int, size: int) -> tuple[int, bytes | None, int]:
    """Version, hash, and where what follows them begins."""
    if len(data) < size:
        raise SerializationException(f"A {name} of {len(data)} bytes is cut off.")
    version = data[0] & 0x7F
    if version > newest:
        raise _unknown_version(name, version)
    if data[0] & _NO_HASH:
        return version, None, size
    hashed = data[size : size + 16]
    if len(hashed) != 16:
        raise SerializationException(f"A {name} of {len(data)} bytes is cut off in its hash.")
    return version, hashed, size + 16


def _unknown_version(name: str, version: int) -> UnsupportedVersionException:
    return UnsupportedVersionException(
        f"{name} is of an incompatible version {version}. Upgrade this instance before the others."
    )
