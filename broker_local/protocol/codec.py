"""Heads of frames: between frozen dataclasses and msgpack, strictly checked on the way in.

A record goes over the wire as a map from field name to value; a record inside another one as a list of its
values in the order of its fields. What a field may hold is read from its annotation, once, at import: `int`
is 64 bits signed, `Annotated[int, Range(low, high)]` narrower, `Annotated[str, MaxLength(n)]` text of at most n
characters, `tuple[X, ...]`, `X | None`, `dict[str, X]`, another record, or `Body`.

A `Body` is a run of raw bytes that travels behind the head; the head holds its length. What comes in is a
memoryview into the frame: a batch is never copied to be decoded.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, TypeVar, get_args, get_origin, get_type_hints

import msgpack

from broker_local.base.files import FileSlice

MAX_ROWS = 100_000
"""Most rows a list in a head may have."""
MAX_ASKED_ROWS = 20_000
"""Most rows that all lists of a request may have together: reading them may keep nobody waiting."""

I64 = (-(2**63), 2**63 - 1)


class BadHead(ValueError):
    """The bytes are no head of this record: the text says which field, and why."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of an integer, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class MaxLength:
    """Most characters of a text, most bytes of a bytes field."""

    length: int


@dataclass(frozen=True, slots=True)
class FileBody:
    """A body that still lies in files: its pieces, in order, and their length together, in bytes."""

    pieces: tuple[FileSlice | bytes, ...]
    length: int


Body = bytes | bytearray | memoryview | FileBody
EMPTY: memoryview = memoryview(b"")


class Bodies:
    """The raw bytes behind a head: taken off the front while the head is decoded.

    Args:
        data: what came behind the head, whole.
        most: rows that all lists of the head may have together; None: any number.
    """

    __slots__ = ("_data", "_left", "_taken")

    def __init__(self, data: memoryview, most: int | None = None) -> None:
        self._data = data
        self._left = most
        self._taken = 0

    def count(self, rows: int) -> None:
        """A list has so many rows; raises BadHead if that is more than are left."""
        if self._left is not None:
            self._left -= rows
            if self._left < 0:
                raise BadHead("the lists have too many rows together; ask for fewer at once")

    def take(self, length: int) -> memoryview:
        """The next `length` bytes; raises BadHead if there are fewer."""
        end = self._taken + length
        if end > len(self._data):
            raise BadHead(f"bodies: {length} bytes promised, {len(self._data) - self._taken} there")
        piece = self._data[self._taken : end]
        self._taken = end
        return piece

    def close(self) -> None:
        """Raises BadHead if bytes are left that no field spoke of."""
        if self._taken != len(self._data):
            raise BadHead(f"bodies: {len(self._data) - self._taken} bytes more than the head tells of")


Reading = Callable[[object, str, Bodies], object]
Writing = Callable[[typing.Any, list[Body]], object]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Codec:
    """How one record is read and written."""

    kind: type
    names: tuple[str, ...]
    required: int
    readings: tuple[Reading, ...]
    writings: tuple[Writing, ...]


def encode(record: object) -> tuple[bytes, list[Body]]:
    """The head's bytes and the bodies that follow them, in order."""
    codec = codec_of(type(record))
    bodies: list[Body] = []
    head = {name: write(getattr(record, name), bodies) for name, write in zip(codec.names, codec.writings, strict=True)}
    return msgpack.packb(head, use_bin_type=True), bodies


def decode(kind: type[R], head: bytes | memoryview, bodies: memoryview = EMPTY, rows: int | None = None) -> R:
    """The record of that kind that the head holds; raises BadHead if it is none, or has more than `rows` rows."""
    # A list may claim no more rows than there are bytes: the memory for them is taken before they are seen.
    most = min(MAX_ROWS if rows is None else rows, len(head))
    try:
        found = msgpack.unpackb(head, raw=False, strict_map_key=True, max_array_len=most, max_map_len=most)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise BadHead(f"no msgpack map: {str(error) or type(error).__name__}") from None
    if type(found) is not dict:
        raise BadHead(f"a map was expected, not {type(found).__name__}")
    codec = codec_of(kind)
    behind = Bodies(bodies, rows)
    values: dict[str, object] = {}
    for index, (name, read) in enumerate(zip(codec.names, codec.readings, strict=True)):
        if name in found:
            values[name] = read(found.pop(name), name, behind)
        elif index < codec.required:
            raise BadHead(f"{name} is missing")
    if found:
        raise BadHead(f"unknown field {next(iter(found))!r:.60}")
    behind.close()
    return kind(**values)


_codecs: dict[type, Codec] = {}


def codec_of(kind: type) -> Codec:
    """The codec of a dataclass, made when it is first asked for."""
    codec = _codecs.get(kind)
    if codec is None:
        hints = get_type_hints(kind, include_extras=True)
        known = fields(kind)
        pairs = [_of(hints[field.name]) for field in known]
        optional = [field.default is not MISSING for field in known]
        codec = Codec(
            kind,
            tuple(field.name for field in known),
            optional.index(True) if True in optional else len(known),
            tuple(read for read, _ in pairs),
            tuple(write for _, write in pairs),
        )
        _codecs[kind] = codec
    return codec


def _same(value: object, bodies: list[Body]) -> object:
    return value


def _of(hint: object) -> tuple[Reading, Writing]:
    """Reading and writing for one annotation."""
    if hint == Body:
        return _read_body, _write_body
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _bounded(inner[0], inner[1]), _same
    if origin in (types.UnionType, typing.Union):
        return _optional(next(kind for kind in inner if kind is not type(None)))
    if origin is tuple:
        return _rows(inner[0])
    if origin is dict:
        return _table(inner[1])
    if hint is int:
        return _integer(*I64), _same
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint)
    if hint in (str, bytes, bool) and isinstance(hint, type):
        return _plain(hint), _same
    raise TypeError(f"a head cannot hold {hint!r}")


def _plain(kind: type) -> Reading:
    def read(value: object, name: str, bodies: Bodies) -> object:
        if type(value) is not kind:
            raise BadHead(f"{name} is {type(value).__name__}, not {kind.__name__}")
        return value

    return read


def _integer(low: int, high: int) -> Reading:
    def read(value: object, name: str, bodies: Bodies) -> object:
        if type(value) is not int:
            raise BadHead(f"{name} is {type(value).__name__}, not int")
        if not low <= value <= high:
            raise BadHead(f"{name} is {value}, not within {low} and {high}")
        return value

    return read


def _bounded(kind: type, bound: Range | MaxLength) -> Reading:
    if isinstance(bound, Range):
        return _integer(bound.low, bound.high)
    plain, longest = _plain(kind), bound.length

    def read(value: object, name: str, bodies: Bodies) -> object:
        plain(value, name, bodies)
        if isinstance(value, (str, bytes)) and len(value) > longest:
            raise BadHead(f"{name} has length {len(value)}, more than {longest}")
        return value

    return read


def _optional(hint: object) -> tuple[Reading, Writing]:
    inner_read, inner_write = _of(hint)

    def read(value: object, name: str, bodies: Bodies) -> object:
        return None if value is None else inner_read(value, name, bodies)

    def write(value: object, bodies: list[Body]) -> object:
        return None if value is None else inner_write(value, bodies)

    return read, write


def _rows(hint: object) -> tuple[Reading, Writing]:
    inner_read, inner_write = _of(hint)

    def read(value: object, name: str, bodies: Bodies) -> object:
        if type(value) is not list:
            raise BadHead(f"{name} is {type(value).__name__}, not a list")
        bodies.count(len(value))
        return tuple([inner_read(item, name, bodies) for item in value])

    def write(value: Sequence[object], bodies: list[Body]) -> object:
        return value if inner_write is _same else [inner_write(item, bodies) for item in value]

    return read, write


def _table(hint: object) -> tuple[Reading, Writing]:
    inner_read, _ = _of(hint)

    def read(value: object, name: str, bodies: Bodies) -> object:
        if type(value) is not dict:
            raise BadHead(f"{name} is {type(value).__name__}, not a map")
        bodies.count(len(value))
        for key, item in value.items():
            if type(key) is not str:
                raise BadHead(f"{name} has the key {key!r:.60}, which is no text")
            inner_read(item, f"{name}[{key:.60}]", bodies)
        return value

    return read, _same


def _record(kind: type) -> tuple[Reading, Writing]:
    codec = codec_of(kind)
    names, required, readings = codec.names, codec.required, codec.readings
    columns = tuple(zip(codec.names, codec.writings, strict=True))

    def read(value: object, name: str, bodies: Bodies) -> object:
        if type(value) is not list:
            raise BadHead(f"{name} is {type(value).__name__}, not a list")
        if not required <= len(value) <= len(names):
            raise BadHead(f"{name} has {len(value)} values, not {len(names)}")
        values = [read_one(item, inner, bodies) for item, inner, read_one in zip(value, names, readings, strict=False)]
        return kind(*values)

    def write(value: object, bodies: list[Body]) -> object:
        return [write_one(getattr(value, inner), bodies) for inner, write_one in columns]

    return read, write


def _read_body(value: object, name: str, bodies: Bodies) -> object:
    if type(value) is not int or value < 0:
        raise BadHead(f"{name} is {value!r:.60}, not a length")
    return bodies.take(value)


def _write_body(value: Body, bodies: list[Body]) -> object:
    bodies.append(value)
    return value.length if isinstance(value, FileBody) else len(value)
