"""MessagePack: keys sorted, shortest integers, no NaN (decision 29)."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from streams.serdes.base import Serde
from streams.serdes.canonical import (
    encode_as_it_is,
    label,
    may_hold_nan,
    of_a_type,
    refuse_not_a_number,
    unfit,
    unreadable,
)
from streams.serdes.declared import is_immutable

_encode = msgspec.msgpack.Encoder(order="sorted").encode


def msgpack(type_: Any = None) -> Serde[Any]:
    """Any MessagePack value, or, with a type, only what fits it.

    Args:
        type_: a dataclass, TypedDict, NamedTuple (written as an array), msgspec Struct, or any type that
            msgspec knows; None reads into dicts, lists, texts, bytes and numbers.
    Raises:
        IllegalArgumentException: it is no type that msgspec knows.
    """
    with of_a_type("Serdes.msgpack()", type_):
        return _msgpack(type_)


@cache
def _msgpack(type_: Any) -> Serde[Any]:
    name = label("msgpack", type_)
    read = (msgspec.msgpack.Decoder() if type_ is None else msgspec.msgpack.Decoder(type_)).decode

    def encode(value: object) -> bytes:
        try:
            data = _encode(value)
        except TypeError as error:
            data = _with_other_keys(name, value, error)
        except (ValueError, OverflowError, RecursionError) as error:
            raise unfit(name, value, error) from None
        if may_hold_nan(data) is not None:
            refuse_not_a_number(name, value, infinities=False)
        return data

    def decode(data: bytes) -> object:
        try:
            return read(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(name, data, error) from None

    return Serde(
        name=name,
        encode=encode,
        decode=decode,
        quick_decode=read,
        immutable=type_ is not None and is_immutable(type_),
    )


def _with_other_keys(name: str, value: object, error: TypeError) -> bytes:
    """Encodes a value whose dicts have keys other than text, which the encoder does not sort."""
    try:
        return encode_as_it_is(_sorted(msgspec.to_builtins(value, builtin_types=(bytes, bytearray))))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise unfit(name, value, error) from None


def _sorted(value: object) -> object:
    """The same value with the entries of each dict in the order of their keys' bytes."""
    if isinstance(value, dict):
        entries = ((encode_as_it_is(key), key, _sorted(entry)) for key, entry in value.items())
        return {key: entry for _, key, entry in sorted(entries, key=lambda item: item[0])}
    if isinstance(value, list | tuple):
        return [_sorted(entry) for entry in value]
    return value
