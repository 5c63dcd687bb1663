"""What travels between the rooms, as data: partitions, headers, batches of raw records, windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

from streams.type_variables import K, V

Headers = tuple[tuple[str, bytes | None], ...]
"""Header pairs in their order; a name may occur more than once."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Raw records of one partition as parallel columns (decision 1).

    `offsets` is a `range` when dense, else an `array('q')`; both index alike. `next_offset` is the position
    after the batch, past transaction markers and removed records; a batch may hold none and only move it.
    `headers` is None where no record of the batch has any.
    """

    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]
    headers: Sequence[Headers] | None
    offsets: Sequence[int]
    next_offset: int

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class RecordMetadata:
    """Where a record lies in the log.

    For a sent record `timestamp` is the record's timestamp in the log; for the record being processed
    (`context.record_metadata`) it is the record's own.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int = -1


class Window(NamedTuple):
    """A window: `start` and `end` in milliseconds since the epoch."""

    start: int
    end: int


class Windowed(NamedTuple, Generic[K]):
    """A key inside a window; what windowed aggregations have as their key. A tuple, so equal and hashable."""

    key: K
    window: Window

    def __str__(self) -> str:
        return f"[{self.key}@{self.window.start}/{self.window.end}]"


class ValueAndTimestamp(NamedTuple, Generic[V]):
    """A value of a timestamped store and the timestamp (ms) it stands at."""

    value: V
    timestamp: int


class VersionedRecord(NamedTuple, Generic[V]):
    """One version in a versioned store: valid from `timestamp` to `valid_to` (None: still the newest)."""

    value: V
    timestamp: int
    valid_to: int | None = None
