"""Keys inside windows, as they stand in output topics (`WindowKeySchema`, `SessionKeySchema`).

time and sliding windows:   inner key | i64 start            (the end is not written: the size is known)
session windows:            inner key | i64 end | i64 start
changelog of a time window: inner key | i64 start | i32 sequence
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException, KafkaException, SerializationException
from streams.record import Window, Windowed
from streams.serdes.base import Serde, check_inner, shown, wrong_type
from streams.type_variables import K
from streams.validation import check_flag

_i64 = struct.Struct(">q")
_two = struct.Struct(">qq")
# A NamedTuple's own constructor takes its fields by name, which costs three times as much.
_new = tuple.__new__
NO_END = (1 << 63) - 1
"""The end of a window whose size is unknown or leads past the end of time, as in Java."""


def time_windowed(inner: Serde[K], size: Duration | None = None, for_changelog: bool = False) -> Serde[Windowed[K]]:
    """Keys in time or sliding windows.

    Args:
        inner: writes the key itself.
        size: of the windows, ms or timedelta (0: sliding windows of one moment); None: windows that are read end at
            `NO_END`.
        for_changelog: keys are read as they stand in a window store's changelog.
    Raises:
        NullPointerException: there is no inner serde.
        IllegalArgumentException: what is given for it is none, the size is negative, or `for_changelog` is neither
            True nor False.
    """
    check_inner(inner, "Serdes.time_windowed()", "time_windowed(Serdes.string(), size)")
    size_ms = None if size is None else to_ms(size, "size")
    if size_ms is not None and size_ms < 0:
        raise IllegalArgumentException(f"The window size must not be negative, got {size_ms} ms.")
    return _time_windowed(inner, size_ms, check_flag(for_changelog, "for_changelog"))


@cache
def _time_windowed(inner: Serde[K], size_ms: int | None, for_changelog: bool) -> Serde[Windowed[K]]:
    name = f"Serdes.time_windowed({inner.name}{'' if size_ms is None else f', {size_ms}'})"
    tail = 12 if for_changelog else 8
    pack = _i64.pack
    unpack_from: Callable[[bytes, int], tuple[int]] = _i64.unpack_from
    inner_encode, inner_decode = inner.encode, inner.decode

    def encode(value: Windowed[K]) -> bytes:
        try:
            key, window = value
            return inner_encode(key) + pack(window[0])
        except (ValueError, TypeError, struct.error, LookupError) as error:
            raise _unfit(name, value, error) from error

    def decode(data: bytes) -> Windowed[K]:
        at = len(data) - tail
        if at < 0:
            raise SerializationException(f"Size of data received for {name} is less than {tail}")
        start = unpack_from(data, at)[0]
        end = NO_END if size_ms is None or start > NO_END - size_ms else start + size_ms
        return _new(Windowed, (inner_decode(data[:at]), _new(Window, (start, end))))

    def inner_bytes(data: bytes) -> bytes:
        return data[:-tail]

    return Serde(
        name=name,
        encode=encode,
        decode=decode,
        canonical=inner.canonical and not for_changelog,
        partition_bytes=inner_bytes,
    )


def session_windowed(inner: Serde[K]) -> Serde[Windowed[K]]:
    """Keys in session windows.

    Args:
        inner: writes the key itself.
    Raises:
        NullPointerException: there is no inner serde.
        IllegalArgumentException: what is given for it is none.
    """
    check_inner(inner, "Serdes.session_windowed()", "session_windowed(Serdes.string())")
    return _session_windowed(inner)


@cache
def _session_windowed(inner: Serde[K]) -> Serde[Windowed[K]]:
    name = f"Serdes.session_windowed({inner.name})"
    pack = _two.pack
    unpack_from: Callable[[bytes, int], tuple[int, int]] = _two.unpack_from
    inner_encode, inner_decode = inner.encode, inner.decode

    def encode(value: Windowed[K]) -> bytes:
        try:
            key, window = value
            return inner_encode(key) + pack(window[1], window[0])
        except (ValueError, TypeError, struct.error, LookupError) as error:
            raise _unfit(name, value, error) from error

    def decode(data: bytes) -> Windowed[K]:
        at = len(data) - 16
        if at < 0:
            raise SerializationException(f"Size of data received for {name} is less than 16")
        end, start = unpack_from(data, at)
        return _new(Windowed, (inner_decode(data[:at]), _new(Window, (start, end))))

    def inner_bytes(data: bytes) -> bytes:
        return data[:-16]

    return Serde(name=name, encode=encode, decode=decode, canonical=inner.canonical, partition_bytes=inner_bytes)


def _unfit(name: str, value: object, error: Exception) -> Exception:
    """The error for what could not be written: the inner serde's own where the value is a windowed key."""
    if not isinstance(value, Windowed):
        return wrong_type(name, "Windowed", value)
    if value.key is None:
        return SerializationException(f"{name} cannot write a window without a key.")
    if isinstance(error, KafkaException):
        return error
    return SerializationException(
        f"{name} cannot write {shown(value)}: a window has a start and an end, whole ms of 64 bits."
    )
