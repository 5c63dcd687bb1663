"""What `json` and `msgpack` share: values whose equal keys must become equal bytes (decision 29)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from streams.errors import ClassCastException, IllegalArgumentException, SerializationException
from streams.serdes.base import refused, shown, type_name

encode_as_it_is = msgspec.msgpack.Encoder().encode
"""MessagePack without an order."""

may_hold_nan = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]").search
"""Finds, in MessagePack, a 64-bit float with all bits of the exponent set (inside a text it may be something
else)."""


@contextmanager
def of_a_type(what: str, type_: object) -> Iterator[None]:
    """Making a serde of a type fails in many ways where it is no type, or holds one that cannot be read.

    Raises:
        IllegalArgumentException: it failed.
    """
    try:
        yield
    except Exception as error:
        raise IllegalArgumentException(
            f"{what} takes a dataclass, TypedDict, NamedTuple, msgspec Struct or other type to read into, got "
            f"{shown(type_)}: {error}"
        ) from error


def refuse_not_a_number(name: str, value: object, infinities: bool) -> None:
    """Refuses NaN anywhere in a value; it is unlike itself, so that no two keys with it could be equal.

    Args:
        name: the serde, for the message.
        value: what was encoded.
        infinities: are infinities refused too (JSON has no word for them)?
    Raises:
        SerializationException: there is one.
    """
    todo: list[object] = [value if _is_plain(value) else msgspec.to_builtins(value)]
    while todo:
        found = todo.pop()
        if isinstance(found, float):
            if math.isnan(found) or (infinities and math.isinf(found)):
                raise SerializationException(
                    f"{name} does not write {found!r}, found in {shown(value)}. Use None, or a number."
                )
        elif isinstance(found, Mapping):
            todo.extend(found.values())
        elif isinstance(found, list | tuple | set | frozenset):
            todo.extend(found)
        elif not _is_plain(found):
            todo.append(msgspec.to_builtins(found))


def _is_plain(value: object) -> bool:
    return value is None or isinstance(
        value, str | bytes | bytearray | memoryview | int | float | dict | list | tuple | set | frozenset
    )


def unfit(name: str, value: object, error: Exception) -> ClassCastException:
    """The error for a value of a type that has no form here."""
    return refused(name, value, f"{name} cannot write {type_name(value)} {shown(value)}: {error}")


def unreadable(name: str, data: bytes, error: Exception) -> SerializationException:
    """The error for data that is malformed, or not of the type that was asked for."""
    return SerializationException(f"{name} cannot read {shown(data)}: {error}")


def label(kind: str, type_: object) -> str:
    """What messages call the serde, e.g. `Serdes.json(Order)`."""
    return f"Serdes.{kind}({'' if type_ is None else getattr(type_, '__name__', str(type_))})"
