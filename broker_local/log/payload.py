"""The payload of a batch, held against what it has to be: the one look of whoever takes a batch in
and of whoever reads it.

    [ keys, values, timestamps, headers | nil, offset deltas | nil ]

A sum says that bytes are those that were sent, not that anybody can read them. So the broker unpacks a batch before
it acknowledges it, by the same function that its readers call: what is acknowledged can be read. msgspec checks each
item's kind while it makes it, in C, and costs no more than to make them unchecked.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

Pairs = tuple[tuple[str, bytes | None], ...]
"""The headers of one record."""


class BadPayload(ValueError):
    """The bytes are not the five columns of a batch; the text says which item is not what it has to be."""


class Payload(NamedTuple):
    """The five columns as they are stored: timestamps and deltas are i64, little-endian, back to back."""

    keys: list[bytes | None]
    values: list[bytes | None]
    timestamps: bytes
    headers: list[Pairs] | None
    deltas: bytes | None


_Columns = tuple[list[bytes | None], list[bytes | None], bytes, list[Pairs] | None, bytes | None]
_KeyedColumns = tuple[list[bytes], list[bytes | None], bytes, list[Pairs] | None, bytes | None]

_any = msgspec.msgpack.Decoder(_Columns)
_keyed = msgspec.msgpack.Decoder(_KeyedColumns)
_COLUMNS = ("keys", "values", "timestamps", "headers", "deltas")


def unpack(data: bytes | memoryview, count: int) -> Payload:
    """The columns of `count` records.

    Raises:
        BadPayload: they are not what a reader can read.
    """
    try:
        payload = Payload(*_any.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPayload(_said(error)) from error
    _agree(payload, count)
    return payload


def check_produced(data: bytes | memoryview, count: int, *, keyless: bool, headed: bool) -> None:
    """Holds what a producer sent against its header: what the broker does before it appends.

    Args:
        data: the payload.
        count: records, as the header says.
        keyless: the header says that a record may have no key.
        headed: the header says that there are headers.
    Raises:
        BadPayload: it is not what a reader can read, or not what the header says.
    """
    try:
        payload = Payload(*(_any if keyless else _keyed).decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPayload(_said(error)) from error
    _agree(payload, count)
    if payload.deltas is not None:
        raise BadPayload("it has offset deltas, which only compaction writes")
    if headed is not (payload.headers is not None):
        raise BadPayload("the flag of headers and the column of headers do not agree")


def _agree(payload: Payload, count: int) -> None:
    """Have all columns one item a record?"""
    keys, values, timestamps, headers, deltas = payload
    others = count if headers is None else len(headers)
    if not count == len(keys) == len(values) == others or len(timestamps) != 8 * count:
        found = f"{len(keys)} keys, {len(values)} values, {len(timestamps)} bytes of timestamps"
        raise BadPayload(f"the header says {count} records, the columns have {found}, headers of {others}")
    if deltas is not None and len(deltas) != 8 * count:
        raise BadPayload(f"the header says {count} records, there are {len(deltas)} bytes of offset deltas")


def _said(error: Exception) -> str:
    """msgspec's words, with the column's name for its number."""
    text = str(error)
    for at, name in enumerate(_COLUMNS):
        text = text.replace(f"`$[{at}]", f"`{name}")
    return text
