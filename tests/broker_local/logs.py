"""What the storage tests share: batches, reading a log back, and a topic's partition on files in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import msgpack

from broker_local.base.files import Files, Handles
from broker_local.log import format as batches
from broker_local.log import topics
from broker_local.log.partition import Partition
from broker_local.log.recovery import NOTHING, LogCheckpoint
from broker_local.log.segment import Piece
from broker_local.log.topics import Topic

ID = "0" * 31 + "1"
NOW = 1_700_000_000_000
HERE = f"topics/{ID}/0"


@dataclass(frozen=True)
class Row:
    """One record as a reader sees it."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


def topic(**config: object) -> Topic:
    """A topic; settings are given with underscores for dots."""
    given = {name.replace("_", "."): str(value) for name, value in config.items()}
    return Topic("t", ID, 4, given, topics.parse(given))


def batch(
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None = None,
    timestamp: int = NOW,
    *,
    producer_id: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    transactional: bool = False,
) -> bytes:
    """A producer's batch; keys are `k` where none are given."""
    return batches.write(
        keys if keys is not None else [b"k"] * len(values),
        values,
        [timestamp + at for at in range(len(values))],
        None,
        producer_id=producer_id,
        epoch=epoch,
        sequence=sequence,
        transactional=transactional,
    )


def poisoned(
    payload: object,
    count: int,
    *,
    keyless: bool = True,
    headed: bool = False,
    at: int = NOW,
    producer: tuple[int, int, int] = (-1, -1, -1),
    transactional: bool = False,
) -> bytes:
    """A producer's batch with right sums and a right header over any payload; bytes are taken as they are."""
    data = payload if isinstance(payload, bytes) else msgpack.packb(payload)
    flags = batches.KEYLESS * keyless | batches.HEADED * headed | batches.TRANSACTIONAL * transactional
    tail = batches._TAIL.pack(batches.MAGIC, 0, flags, *producer, count, count - 1, at, at, -1)
    return batches._TWO.pack(len(tail) + len(data) + 4, crc32(data, crc32(tail))) + tail + data


def open_partition(files: Files, known: LogCheckpoint = NOTHING, **config: object) -> Partition:
    """The partition 0 of a topic, as a start of the engine opens it."""
    return Partition(Handles(files, 4), topic(**config), 0, known)


def sync(files: Files, partition: Partition) -> None:
    """Makes all of it durable."""
    end = partition.end
    partition.checkpoint()
    for path in partition.take_unsynced():
        files.fsync(path)
    partition.synced(end)


def rows(pieces: Sequence[Piece], since: int = 0) -> list[Row]:
    """Decodes what a read gave."""
    found: list[Row] = []
    for piece, _ in pieces:
        data, at = piece.read(), 0
        assert len(data) == piece.length
        while at < len(data):
            header = batches.peek(data, at)
            keys, values, times, _, offsets, _ = batches.read(data, at)
            found += [Row(*row) for row in zip(offsets, keys, values, times, strict=True)]
            at += header.size
    return [row for row in found if row.offset >= since]


def read_all(partition: Partition, since: int | None = None, max_bytes: int = 1 << 20) -> list[Row]:
    """Reads a log to its end, as a consumer does."""
    position = partition.log_start if since is None else since
    found: list[Row] = []
    while position < partition.end:
        pieces, next_offset = partition.read(position, max_bytes)
        assert next_offset > position, f"nothing at {position}, and the log ends at {partition.end}"
        found += rows(pieces, position)
        position = next_offset
    return found
