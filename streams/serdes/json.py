"""JSON: keys sorted, no spaces, UTF-8, shortest floats, no NaN (decision 29)."""

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
from streams.serdes.declared import is_immutable, without_floats

_encode = msgspec.json.Encoder(order="sorted").encode


def json(type_: Any = None) -> Serde[Any]:
    """Any JSON value, or, with a type, only what fits it.

    Args:
        type_: a dataclass, TypedDict, NamedTuple (written as an array), msgspec Struct, or any type that
            msgspec knows; None reads into dicts, lists, texts and numbers. Values of a class whose fields are
            declared to hold no floats are not searched for NaN: one that is there all the same is written as null.
    Raises:
        IllegalArgumentException: it is no type that msgspec knows.
    """
    with of_a_type("Serdes.json()", type_):
        return _json(type_)


@cache
def _json(type_: Any) -> Serde[Any]:
    name = label("json", type_)
    read = (msgspec.json.Decoder() if type_ is None else msgspec.json.Decoder(type_)).decode

    def encode(value: object) -> bytes:
        try:
            data = _encode(value)
        except TypeError as error:
            data = _with_other_keys(name, value, error)
        except (ValueError, OverflowError, RecursionError) as error:
            raise unfit(name, value, error) from None
        # The encoder writes null for NaN and the infinities; where no null was written there was none.
        # (`find` costs half of `in`, which tries whether its operand is a number.)
        if data.find(b"null") >= 0 and _may_hold_nan(value):
            refuse_not_a_number(name, value, infinities=True)
        return data

    def decode(data: bytes) -> object:
        try:
            return read(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(name, data, error) from None

    kind = None if type_ is None else without_floats(type_)
    return Serde(
        name=name,
        encode=encode,
        decode=decode,
        quick_encode=None if kind is None else _encode,
        quick_class=kind,
        quick_decode=read,
        immutable=type_ is not None and is_immutable(type_),
    )


def _with_other_keys(name: str, value: object, error: TypeError) -> bytes:
    """Encodes a value whose dicts have keys other than text (only text can be sorted by the encoder)."""
    try:
        return _encode(msgspec.to_builtins(value, str_keys=True))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise unfit(name, value, error) from None


def _may_hold_nan(value: object) -> bool:
    """Asks MessagePack, which keeps NaN, at a tenth of the cost of looking through the value."""
    try:
        return may_hold_nan(encode_as_it_is(value)) is not None
    except OverflowError:
        # JSON takes integers of any size.
        return True


def as_json(value: object) -> bytes:
    """A value of any serde as JSON, for people and other languages: bytes as base64, and what JSON has no word for as
    its text."""
    return _shown(value)


_shown = msgspec.json.Encoder(enc_hook=str).encode
