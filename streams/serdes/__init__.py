"""Serdes: how keys and values become bytes, as Kafka's own do."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Never, TypeVar, overload
from uuid import UUID

from streams.record import Windowed
from streams.serdes import custom, number, sequence, simple, windowed
from streams.serdes.base import Serde, SerdeFor, V
from streams.signatures import written
from streams.type_variables import K

__all__ = ["Serde", "Serdes"]

T = TypeVar("T")


@written
class Serdes:
    """Makes serdes. Two that are asked for alike are equal."""

    @staticmethod
    def string(encoding: str = "utf-8") -> Serde[str]:
        """Text; `encoding` is a name that Python knows."""
        return simple.string(encoding)

    @staticmethod
    def bytes() -> Serde[builtins.bytes]:
        """Bytes as they are."""
        return simple.BYTES

    byte_array = bytes

    @staticmethod
    def integer() -> Serde[int]:
        """Integers of 32 bits."""
        return number.INTEGER

    @staticmethod
    def long() -> Serde[int]:
        """Integers of 64 bits."""
        return number.LONG

    @staticmethod
    def short() -> Serde[int]:
        """Integers of 16 bits."""
        return number.SHORT

    @staticmethod
    def float() -> Serde[builtins.float]:
        """Floating-point numbers of 32 bits."""
        return number.FLOAT

    @staticmethod
    def double() -> Serde[builtins.float]:
        """Floating-point numbers of 64 bits, Python's own."""
        return number.DOUBLE

    @staticmethod
    def boolean() -> Serde[bool]:
        """One byte, 1 or 0."""
        return number.BOOLEAN

    @staticmethod
    def uuid() -> Serde[UUID]:
        """UUIDs as 36 characters."""
        return simple.UUID_TEXT

    @staticmethod
    def void() -> Serde[Never]:
        """None only."""
        return simple.VOID

    @staticmethod
    def list(inner: SerdeFor[V]) -> Serde[builtins.list[V]]:
        """Lists of what `inner` writes; entries may be None."""
        return sequence.list_of(inner)

    @overload
    @staticmethod
    def json(type: builtins.type[T]) -> Serde[T]: ...
    @overload
    @staticmethod
    def json(type: Any = None) -> Serde[Any]: ...
    @staticmethod
    def json(type: Any = None) -> Serde[Any]:
        """JSON: any value, or with a dataclass, TypedDict, NamedTuple or msgspec Struct only what fits it."""
        from streams.serdes.json import json

        return json(type)

    @overload
    @staticmethod
    def msgpack(type: builtins.type[T]) -> Serde[T]: ...
    @overload
    @staticmethod
    def msgpack(type: Any = None) -> Serde[Any]: ...
    @staticmethod
    def msgpack(type: Any = None) -> Serde[Any]:
        """MessagePack: any value, or with a type only what fits it."""
        from streams.serdes.msgpack import msgpack

        return msgpack(type)

    @staticmethod
    def time_windowed(
        inner: Serde[K], size_ms: timedelta | int | None = None, for_changelog: bool = False
    ) -> Serde[Windowed[K]]:
        """Keys in time or sliding windows of `size_ms` (ms or timedelta)."""
        return windowed.time_windowed(inner, size_ms, for_changelog)

    @staticmethod
    def session_windowed(inner: Serde[K]) -> Serde[Windowed[K]]:
        """Keys in session windows."""
        return windowed.session_windowed(inner)

    @staticmethod
    def of(
        serialize: Callable[..., Any],
        deserialize: Callable[..., V],
        *,
        name: str | None = None,
        canonical: bool = False,
    ) -> Serde[V]:
        """A serde made of two functions `(value)`, `(topic, value)` or `(topic, headers, value)`."""
        return custom.of(serialize, deserialize, name=name, canonical=canonical)
