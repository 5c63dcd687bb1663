"""The bytes of a record batch; the same on the wire and on disk.

    byte 0                     the broker's part, written at append                       24
    | i64 base offset | u32 log epoch | i64 append time | u32 broker's sum |
    byte 24                    the producer's part: header                                62
    | u32 length | u32 producer's sum | u8 magic 0xB7 | u8 codec | u16 flags |
    | i64 producer id | i16 epoch | i32 sequence | u32 count | i64 span |
    | i64 first timestamp | i64 max timestamp | i64 cleaned at |
    byte 86                    payload: msgpack
    [ keys, values, timestamps, headers | nil, offset deltas | nil ]

Integers are little-endian. `length` counts the bytes behind itself. The producer's sum covers all bytes
behind itself; the broker's covers base offset, log epoch, append time, length and the producer's sum, so
that the length of a batch can be believed before its payload is there. Both are CRC-32 as zlib computes it.

`append time` is -1, or the time that stands for all timestamps of the batch (`LogAppendTime`). `span` is the
last record's offset less the base offset, also where compaction removed records: then the batch has *offset
deltas*. A marker, at which a transaction ends, has span 0, no records and the broker's flags. `cleaned at` is
-1, or the time of the compaction pass that first saw the tombstones in the batch.
Keys and values are bin or nil; timestamps and offset deltas are bin of `<q`; headers is one array of
[name, value] pairs a record.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

from broker_local.log import packer
from broker_local.log.payload import BadPayload, check_produced, unpack

MAGIC = 0xB7
CODEC_NONE, CODEC_LZ4 = 0, 1
CODECS = {CODEC_NONE: "none", CODEC_LZ4: "lz4"}
TRANSACTIONAL, KEYLESS, HEADED = 1, 2, 4
"""Flags: the batch belongs to a transaction; at least one record has no key; at least one has headers."""
KNOWN_FLAGS = TRANSACTIONAL | KEYLESS | HEADED
"""What a producer's batch may have."""
CONTROL, COMMIT = 8, 16
"""Flags of the broker's own batches: this is a marker, without records, at which its producer's transaction ends; it is
committed, else aborted."""

NO_PRODUCER = -1
NO_TIME = -1

PREFIX = 24
"""Bytes of the broker's part."""
HEADER = 86
"""Bytes before the payload."""
PRODUCED_HEADER = HEADER - PREFIX

_WHOLE = struct.Struct("<qIqIIIBBHqhiIqqqq")
_PRODUCED = struct.Struct("<IIBBHqhiIqqqq")
_TAIL = struct.Struct("<BBHqhiIqqqq")
_PLACE = struct.Struct("<qIq")
_SUM = struct.Struct("<I")
_TWO = struct.Struct("<II")

RecordHeaders = tuple[tuple[str, bytes | None], ...]
Columns = tuple[
    Sequence[bytes | None],
    Sequence[bytes | None],
    Sequence[int],
    Sequence[RecordHeaders] | None,
    Sequence[int],
    int,
]
"""Keys, values, timestamps, headers (None where no record has any), offsets, next offset."""


class BadBatch(ValueError):
    """The bytes are no valid batch. `position` is where in the file, set by whoever knows the file."""

    position = 0


class Torn(BadBatch):
    """The bytes end before the batch does; what is there may be right."""


class Unreadable(BadBatch):
    """The sums fit, so these are the bytes that were sent, but the payload is none that anybody can read: it was
    taken in by an engine that did not look."""


class Header(NamedTuple):
    """What stands before the payload. Offsets and append time mean nothing before the broker has set them."""

    base_offset: int
    log_epoch: int
    append_time: int
    broker_sum: int
    length: int
    producer_sum: int
    magic: int
    codec: int
    flags: int
    producer_id: int
    epoch: int
    sequence: int
    records: int
    span: int
    first_timestamp: int
    max_timestamp: int
    cleaned_at: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch, both parts."""
        return PREFIX + 4 + self.length

    @property
    def next_offset(self) -> int:
        """The offset after the batch."""
        return self.base_offset + self.span + 1

    @property
    def newest(self) -> int:
        """The highest timestamp in the batch, in ms, as readers see it."""
        return self.append_time if self.append_time >= 0 else self.max_timestamp

    @property
    def last_sequence(self) -> int:
        """The sequence of the last record as it was produced; it goes on from 0 after 2^31 - 1."""
        return (self.sequence + self.span) & 0x7FFFFFFF


def _longs(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def _ints(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 8}q", data)


def _keyless(keys: Sequence[bytes | None]) -> bool:
    """Has at least one record no key? Looking for None first would compare every key with it."""
    return not all(keys) and None in keys


class PackedBatch(NamedTuple):
    """The records of a batch as they are sent, whoever sends them and under whatever number."""

    payload: bytes
    flags: int
    records: int
    first_timestamp: int
    max_timestamp: int

    @property
    def size(self) -> int:
        """Its bytes, but for the header."""
        return len(self.payload)

    def halves(self) -> tuple[PackedBatch, PackedBatch]:
        """The records of a batch of at least two as two batches, in their order."""
        keys, values, times, headers, _ = unpack(self.payload, self.records)
        timestamps, middle = _ints(times), self.records // 2
        first, last = slice(middle), slice(middle, None)
        return (
            pack(keys[first], values[first], timestamps[first], None if headers is None else headers[first]),
            pack(keys[last], values[last], timestamps[last], None if headers is None else headers[last]),
        )

    def numbered(
        self, producer: tuple[int, int] = (NO_PRODUCER, -1), sequence: int = -1, transactional: bool = False
    ) -> bytes:
        """Makes the producer's part of a batch.

        Args:
            producer: the id that the broker gave this producer, and its epoch; -1 and -1 for none.
            sequence: number of the first record, counted per producer and partition.
            transactional: the batch belongs to the producer's open transaction.
        Returns:
            The bytes to send.
        """
        payload, count = self.payload, self.records
        tail = _TAIL.pack(
            MAGIC, CODEC_NONE, self.flags | (TRANSACTIONAL * transactional), *producer, sequence, count,
            count - 1, self.first_timestamp, self.max_timestamp, NO_TIME,
        )  # fmt: skip
        return _TWO.pack(len(tail) + len(payload) + 4, crc32(payload, crc32(tail))) + tail + payload


def pack(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    timestamps: Sequence[int],
    headers: Sequence[RecordHeaders] | None,
) -> PackedBatch:
    """Makes the payload of a batch.

    Args:
        keys: one a record; bytes or None. All columns have one length of at least 1.
        values: bytes or None (a tombstone).
        timestamps: ms since the epoch.
        headers: pairs of name and value for each record, or None if no record has any.
    Raises:
        ValueError: no record, or columns of different lengths.
    """
    count = len(keys)
    others = (values, timestamps) if headers is None else (values, timestamps, headers)
    if not count or any(len(column) != count for column in others):
        raise ValueError(f"a batch needs columns of one length of at least 1, not {count} and {[*map(len, others)]}")
    payload = packer.pack((keys, values, _longs(timestamps), headers, None))
    flags = (KEYLESS * _keyless(keys)) | (HEADED * (headers is not None))
    return PackedBatch(payload, flags, count, timestamps[0], max(timestamps))


def write(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    timestamps: Sequence[int],
    headers: Sequence[RecordHeaders] | None,
    *,
    producer_id: int = NO_PRODUCER,
    epoch: int = -1,
    sequence: int = -1,
    transactional: bool = False,
) -> bytes:
    """Makes the producer's part of a batch in one go: `pack`, then `numbered`."""
    return pack(keys, values, timestamps, headers).numbered((producer_id, epoch), sequence, transactional)


def rewrite(
    header: Header,
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    timestamps: Sequence[int],
    headers: Sequence[RecordHeaders] | None,
    deltas: Sequence[int],
    cleaned_at: int,
) -> bytes:
    """Makes both parts of a batch of which compaction kept some records, or none.

    Offsets, producer, sequence and append time stay; a batch without records only moves the reader's
    position and keeps its producer's last sequence. It belongs to no transaction any more: what compaction has passed
    is decided.

    Args:
        header: the batch's header before.
        keys: of the records that stay; `values`, `timestamps`, `headers` alike.
        deltas: each record's offset less the base offset.
        cleaned_at: time (ms) of the pass that first saw the tombstones in the batch, -1 if it has none.
    """
    dense = len(deltas) == header.span + 1
    holes = None if dense else _longs(deltas)
    payload = packer.pack((keys, values, _longs(timestamps), headers, holes))
    first = timestamps[0] if keys else header.first_timestamp
    newest = max(timestamps) if keys else header.max_timestamp
    flags = HEADED * (headers is not None)
    tail = _TAIL.pack(
        MAGIC, CODEC_NONE, flags, header.producer_id, header.epoch, header.sequence, len(keys), header.span,
        first, newest, cleaned_at,
    )  # fmt: skip
    batch = _TWO.pack(len(tail) + len(payload) + 4, crc32(payload, crc32(tail))) + tail + payload
    return seal(batch, header.base_offset, header.log_epoch, header.append_time) + batch


def marker(producer_id: int, epoch: int, commit: bool, now: int) -> bytes:
    """Makes a batch without records at which the transaction of a producer ends, as a producer's part.

    Args:
        producer_id: whose transaction.
        epoch: its epoch.
        commit: it is committed; else aborted.
        now: the time (ms). It counts as no record's.
    """
    payload = packer.pack(((), (), b"", None, b""))
    flags = CONTROL | (COMMIT * commit)
    tail = _TAIL.pack(MAGIC, CODEC_NONE, flags, producer_id, epoch, -1, 0, 0, now, NO_TIME, NO_TIME)
    return _TWO.pack(len(tail) + len(payload) + 4, crc32(payload, crc32(tail))) + tail + payload


def seal(batch: bytes | memoryview, base_offset: int, log_epoch: int, append_time: int = NO_TIME) -> bytes:
    """Makes the broker's part, which goes before the producer's.

    Args:
        batch: the producer's part.
        base_offset: offset of the first record.
        log_epoch: epoch of the log.
        append_time: time of the append in ms if the topic has `LogAppendTime`, else -1.
    Returns:
        24 bytes.
    """
    place = _PLACE.pack(base_offset, log_epoch, append_time)
    return place + _SUM.pack(crc32(batch[:8], crc32(place)))


def _believable(header: Header) -> None:
    if header.magic != MAGIC:
        raise BadBatch(f"magic is {header.magic:#04x}, not {MAGIC:#04x}")
    if header.length < PRODUCED_HEADER - 4:
        raise BadBatch(f"length {header.length} is shorter than a header")
    if header.span < 0 or header.records > header.span + 1 or header.records * 10 > header.length:
        said = f"{header.records} records over {header.span + 1} offsets"
        raise BadBatch(f"{said} do not fit into {header.length} bytes")


def peek(buffer: bytes | memoryview, position: int = 0) -> Header:
    """Reads the header of a batch, both parts, and checks the broker's sum; the payload need not be there.

    Raises:
        Torn: fewer bytes than a header.
        BadBatch: the broker's sum does not fit, or the fields cannot be.
    """
    if len(buffer) - position < HEADER:
        raise Torn(f"{len(buffer) - position} bytes are fewer than a header of {HEADER}")
    header = Header._make(_WHOLE.unpack_from(buffer, position))
    place = buffer[position : position + 20]
    if crc32(buffer[position + PREFIX : position + PREFIX + 8], crc32(place)) != header.broker_sum:
        raise BadBatch("the broker's sum does not fit the header")
    _believable(header)
    return header


def produced(batch: bytes | memoryview, own: bool = False) -> Header:
    """Reads the header of a producer's part and checks its length, fields and sum: what the broker does at append.

    Args:
        batch: the bytes.
        own: the broker made it, and may give it flags of its own.
    Raises:
        BadBatch: the bytes are no batch a producer may send.
    """
    if len(batch) < PRODUCED_HEADER:
        raise Torn(f"{len(batch)} bytes are fewer than a header of {PRODUCED_HEADER}")
    header = Header._make((-1, 0, NO_TIME, 0, *_PRODUCED.unpack_from(batch, 0)))
    if header.length + 4 != len(batch):
        raise BadBatch(f"length says {header.length + 4} bytes, there are {len(batch)}")
    _believable(header)
    if not own and (header.records != header.span + 1 or header.cleaned_at != NO_TIME):
        raise BadBatch("a producer's batch has a record at each of its offsets and was never compacted")
    if not own and header.flags & ~KNOWN_FLAGS:
        raise BadBatch(f"flags {header.flags:#06x} are unknown")
    if crc32(batch[8:] if isinstance(batch, memoryview) else memoryview(batch)[8:]) != header.producer_sum:
        raise BadBatch("the producer's sum does not fit the bytes")
    return header


def check_outline(header: Header, batch: bytes | memoryview) -> None:
    """Looks at the payload of a producer's part once, before it is appended: can every reader read it?

    What the header says of timestamps stays the producer's word: the times of single records are not looked at.

    Raises:
        Unreadable: the text says which item is not what it has to be.
    """
    flags = header.flags
    try:
        check_produced(
            memoryview(batch)[PRODUCED_HEADER:],
            header.records,
            keyless=bool(flags & KEYLESS),
            headed=bool(flags & HEADED),
        )
    except BadPayload as error:
        raise Unreadable(f"the payload cannot be read: {error}") from error


def verify(buffer: bytes | memoryview, position: int = 0) -> Header:
    """Checks both sums of a batch without decoding it.

    Raises:
        Torn: the bytes end before the batch does.
        BadBatch: a sum does not fit.
    """
    header = peek(buffer, position)
    end = position + header.size
    if end > len(buffer):
        raise Torn(f"the batch ends {end - len(buffer)} bytes after what is there")
    if crc32(memoryview(buffer)[position + PREFIX + 8 : end]) != header.producer_sum:
        raise BadBatch("the producer's sum does not fit the bytes")
    return header


def read(buffer: bytes | memoryview, position: int = 0) -> Columns:
    """Decodes one batch, both parts, after checking sums and lengths.

    Args:
        buffer: one or more batches back to back.
        position: where the batch begins.
    Returns:
        Keys, values, timestamps, headers, offsets (a `range` when dense, else an `array('q')`), next offset.
    Raises:
        Torn: the bytes end before the batch does.
        Unreadable: the bytes are those that were sent, and no batch.
        BadBatch: damage, or a codec that is not built.
    """
    return decode(verify(buffer, position), buffer, position)


def decode(header: Header, buffer: bytes | memoryview, position: int = 0) -> Columns:
    """Decodes the payload of a batch whose sums were checked; else as `read`."""
    count, base = header.records, header.base_offset
    if header.codec != CODEC_NONE:
        name = CODECS.get(header.codec, f"number {header.codec}")
        raise BadBatch(f"codec {name} is not built yet; send batches uncompressed")
    try:
        payload = unpack(memoryview(buffer)[position + HEADER : position + header.size], count)
        keys, values, times, headers, deltas = payload
        timestamps: Sequence[int] = _ints(times)
        offsets: Sequence[int] = (
            range(base, base + count) if deltas is None else array("q", map(base.__add__, _ints(deltas)))
        )
    except (BadPayload, OverflowError) as error:
        raise Unreadable(f"the payload cannot be read: {error}") from error
    if header.append_time >= 0:
        timestamps = [header.append_time] * count
    return keys, values, timestamps, headers, offsets, header.next_offset
