"""What travels between the rooms: partitions, batches of raw records, single records, windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from streams.errors import IllegalArgumentException, StreamsException

K = TypeVar("K")
V = TypeVar("V")

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


def _refuse_negative(timestamp: int) -> None:
    if timestamp < 0:
        raise StreamsException(
            f"Malformed Record: its timestamp {timestamp} is negative. Give a timestamp of at least 0 ms."
        ) from IllegalArgumentException(f"Timestamp may not be negative. Got: {timestamp}")


@dataclass(frozen=True)  # no slots: `Record[str, int](…)` could not be made with them
class Record(Generic[K, V]):
    """One record as a processor sees it. Immutable: `with_key` and its siblings give changed copies.

    Args:
        key: the key, None where there is none.
        value: the value, None for a tombstone.
        timestamp: milliseconds since the epoch, not negative.
        headers: header pairs.
    Raises:
        StreamsException: the timestamp is negative.
    """

    key: K
    value: V
    timestamp: int
    headers: Headers = ()

    def __post_init__(self) -> None:
        _refuse_negative(self.timestamp)

    def with_key(self, key: Any) -> Record[Any, V]:
        """A copy with another key."""
        return replace(self, key=key)

    def with_value(self, value: Any) -> Record[K, Any]:
        """A copy with another value."""
        return replace(self, value=value)

    def with_timestamp(self, timestamp: int) -> Record[K, V]:
        """A copy with another timestamp, in ms; StreamsException where it is negative."""
        return replace(self, timestamp=timestamp)

    def with_headers(self, headers: Headers) -> Record[K, V]:
        """A copy with these headers instead of its own."""
        return replace(self, headers=tuple(headers))


@dataclass(frozen=True)
class FixedKeyRecord(Generic[K, V]):
    """A record whose key cannot be changed: what a fixed-key processor gets and forwards (decision 30)."""

    key: K
    value: V
    timestamp: int
    headers: Headers = ()

    def __post_init__(self) -> None:
        _refuse_negative(self.timestamp)

    def with_value(self, value: Any) -> FixedKeyRecord[K, Any]:
        """A copy with another value."""
        return replace(self, value=value)

    def with_timestamp(self, timestamp: int) -> FixedKeyRecord[K, V]:
        """A copy with another timestamp, in ms; StreamsException where it is negative."""
        return replace(self, timestamp=timestamp)

    def with_headers(self, headers: Headers) -> FixedKeyRecord[K, V]:
        """A copy with these headers instead of its own."""
        return replace(self, headers=tuple(headers))


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


class Windowed(NamedTuple):
    """A key inside a window; what windowed aggregations have as their key. A tuple, so equal and hashable."""

    key: Any
    window: Window

    def __str__(self) -> str:
        return f"[{self.key}@{self.window.start}/{self.window.end}]"


class ValueAndTimestamp(NamedTuple):
    """A value of a timestamped store and the timestamp (ms) it stands at."""

    value: Any
    timestamp: int


class VersionedRecord(NamedTuple):
    """One version in a versioned store: valid from `timestamp` to `valid_to` (None: still the newest)."""

    value: Any
    timestamp: int
    valid_to: int | None = None
