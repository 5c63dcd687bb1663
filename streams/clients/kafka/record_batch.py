"""Kafka's record batches (magic 2), as a producer writes them.

    byte 0    i64 base offset | i32 length of the rest | i32 leader epoch | i8 magic 2 | u32 CRC-32C of the rest
    byte 21   i16 attributes (codec, transactional) | i32 last offset delta | i64 first timestamp | i64 max timestamp
              i64 producer id | i16 epoch | i32 sequence | i32 records
    byte 61   records: varint length | i8 0 | varint timestamp delta | varint offset delta
              varint key length (-1: none) | key | varint value length (-1: none) | value
              varint headers | varint name length | name | varint value length (-1: none) | value

Records may be compressed together. Big-endian; a varint is a zigzag number of 7 bits a byte, the lowest first.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple, TypeGuard

import google_crc32c

from streams.clients.kafka.compression import Codec
from streams.clients.writing.identity import Producer
from streams.record import Headers, RecordBatch

MAGIC = 2
TRANSACTIONAL = 0x10
_MOST_KEPT = 1 << 16
_HEAD = struct.Struct(">qiibI")
_REST = struct.Struct(">hiqqqhii")
_HEADER = 61


class _Varints(dict[int, bytes]):
    """Numbers as they are written; those that are usual are written once."""

    def __missing__(self, number: int) -> bytes:
        left, written = (number << 1) ^ (number >> 63), bytearray()
        while left > 0x7F:
            written.append((left & 0x7F) | 0x80)
            left >>= 7
        written.append(left)
        found = bytes(written)
        if len(self) < _MOST_KEPT:
            self[number] = found
        return found


_varints = _Varints()
_usual = [_varints[number] for number in range(1 << 13)]
"""The same for usual lengths and deltas: a list is quicker than a dict."""


class PackedRecords(NamedTuple):
    """The records of a batch as they are sent, whoever sends them and under whatever number."""

    batch: RecordBatch
    payload: bytes
    first_timestamp: int
    max_timestamp: int
    codec: Codec | None

    @property
    def records(self) -> int:
        """How many."""
        return len(self.batch.keys)

    @property
    def size(self) -> int:
        """Their bytes."""
        return len(self.payload)

    def numbered(self, producer: Producer, sequence: int, transactional: bool) -> bytes:
        """The batch as it is sent; see `Packed.numbered`."""
        count = self.records
        rest = _REST.pack(
            (TRANSACTIONAL if transactional else 0) | (0 if self.codec is None else self.codec.number),
            count - 1,
            self.first_timestamp,
            self.max_timestamp,
            *producer,
            sequence,
            count,
        )
        checksum = google_crc32c.extend(google_crc32c.value(rest), self.payload)
        head = _HEAD.pack(0, _HEADER - 12 + len(self.payload), -1, MAGIC, checksum)
        return b"".join((head, rest, self.payload))

    def halves(self) -> tuple[PackedRecords, PackedRecords]:
        """The records of a batch of at least two as two batches, in their order."""
        middle = self.records // 2
        parts = _part(self.batch, slice(middle)), _part(self.batch, slice(middle, None))
        return pack(parts[0], self.codec), pack(parts[1], self.codec)


def pack(batch: RecordBatch, codec: Codec | None = None) -> PackedRecords:
    """Writes the records of a batch of at least one."""
    first = batch.timestamps[0]
    deltas = [timestamp - first for timestamp in batch.timestamps]
    keys = batch.keys if _complete(batch.keys) else [key or b"" for key in batch.keys]
    values = batch.values if _complete(batch.values) else [value or b"" for value in batch.values]
    headers = None if batch.headers is None else list(map(_headers, batch.headers))
    usual = min(deltas) >= 0 and keys is batch.keys and values is batch.values
    try:
        payload = _written(_usual if usual else _varints, deltas, batch, keys, values, headers)
    except IndexError:
        payload = _written(_varints, deltas, batch, keys, values, headers)
    written = payload if codec is None else codec.compress(payload)
    return PackedRecords(batch, written, first, first + max(deltas), codec)


def _written(
    number: Mapping[int, bytes] | Sequence[bytes],
    deltas: Sequence[int],
    batch: RecordBatch,
    keys: Sequence[bytes],
    values: Sequence[bytes],
    headers: Sequence[bytes] | None,
) -> bytes:
    """The records, their numbers looked up in a table: the list has none below 0."""
    look = number.__getitem__
    key_lengths = map(len, keys) if keys is batch.keys else map(_length, batch.keys)
    value_lengths = map(len, values) if values is batch.values else map(_length, batch.values)
    pieces = zip(
        repeat(b"\0"),
        [number[delta] for delta in deltas],
        map(look, range(len(keys))),
        map(look, key_lengths),
        keys,
        map(look, value_lengths),
        values,
        headers or repeat(b"\0"),
    )
    return b"".join([piece for record in map(b"".join, pieces) for piece in (number[len(record)], record)])


def _complete(column: Sequence[bytes | None]) -> TypeGuard[Sequence[bytes]]:
    """Is there no None? Looking for one first would compare every one with it."""
    return all(column) or None not in column


def _length(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def _headers(headers: Headers) -> bytes:
    written = [_varints[len(headers)]]
    for name, value in headers:
        encoded = name.encode()
        written += (_varints[len(encoded)], encoded, _varints[_length(value)], value or b"")
    return b"".join(written)


def _part(batch: RecordBatch, rows: slice) -> RecordBatch:
    headers = None if batch.headers is None else batch.headers[rows]
    keys = batch.keys[rows]
    return RecordBatch(keys, batch.values[rows], batch.timestamps[rows], headers, range(len(keys)), len(keys))
