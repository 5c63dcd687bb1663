"""What travels between the rooms: partitions, batches of raw records, single records, windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from streams.errors import IllegalArgumentException, StreamsException
from streams.names import check_topic
from streams.type_variables import KR, VR, K, V
from streams.validation import LARGEST, check_headers, check_instant, check_partition, check_timestamp, shown

R = TypeVar("R")

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


def partition_of(given: object) -> TopicPartition:
    """A partition that is handed over: a `TopicPartition`, or a pair of topic and number.

    Raises:
        IllegalArgumentException: it is none.
        InvalidTopicException: no topic has that name.
    """
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise IllegalArgumentException(f"Invalid partition: {shown(given)}. Give TopicPartition(topic, number).")
    topic, number = given
    return TopicPartition(check_topic(topic), check_partition(number))


def partitions_of(given: object) -> list[TopicPartition]:
    """Partitions that are handed over, in any iterable; raises as `partition_of`."""
    if isinstance(given, str | bytes | TopicPartition) or not isinstance(given, Iterable):
        raise IllegalArgumentException(f"Invalid partitions: {shown(given)}. Give a list of TopicPartition.")
    return [partition_of(each) for each in given]


def mapping_of(given: object, what: str) -> Mapping[object, object]:
    """A mapping that is handed over; raises IllegalArgumentException where it is none."""
    if not isinstance(given, Mapping):
        raise IllegalArgumentException(f"Invalid {what}: {shown(given)}. Give a mapping by TopicPartition.")
    return given


def times_of(given: object) -> dict[TopicPartition, int]:
    """Times that are handed over to be looked up, by partition: ms, or aware datetimes; raises as `partition_of`."""
    return {
        (where := partition_of(partition)): check_timestamp(time, f"time for {where}")
        for partition, time in mapping_of(given, "times").items()
    }


def _timestamp(given: object) -> int:
    try:
        time = check_instant(given)
        if time < 0:
            raise IllegalArgumentException(f"Timestamp may not be negative. Got: {time}")
        return time
    except IllegalArgumentException as error:
        raise StreamsException(f"Malformed Record: {error}") from error


def _headers(given: object) -> Headers:
    try:
        return check_headers(given)
    except IllegalArgumentException as error:
        raise StreamsException(f"Malformed Record: {error}") from error


@dataclass(frozen=True)  # no slots: `Record[str, int](…)` could not be made with them
class Record(Generic[K, V]):
    """One record as a processor sees it. Immutable: `with_key` and its siblings give changed copies.

    Args:
        key: the key, None where there is none.
        value: the value, None for a tombstone.
        timestamp: milliseconds since the epoch, not negative, or an aware datetime.
        headers: pairs of name and bytes (or None), or a mapping.
    Raises:
        StreamsException: timestamp or headers are none (`streams.validation`).
    """

    key: K
    value: V
    timestamp: int
    headers: Headers = ()

    def __post_init__(self) -> None:
        timestamp, headers = self.timestamp, self.headers
        if timestamp.__class__ is not int or not 0 <= timestamp <= LARGEST:
            self.__dict__["timestamp"] = _timestamp(timestamp)  # frozen for everybody else
        if headers.__class__ is not tuple or headers:
            self.__dict__["headers"] = _headers(headers)

    def with_key(self, key: KR) -> Record[KR, V]:
        """A copy with another key."""
        copied: Record[Any, V] = self
        return _copy(copied, key=key)

    def with_value(self, value: VR) -> Record[K, VR]:
        """A copy with another value."""
        copied: Record[K, Any] = self
        return _copy(copied, value=value)

    def with_timestamp(self, timestamp: int) -> Record[K, V]:
        """A copy with another timestamp, ms or an aware datetime; StreamsException where it is none."""
        return _copy(self, timestamp=_timestamp(timestamp))

    def with_headers(self, headers: Headers) -> Record[K, V]:
        """A copy with these headers instead of its own; StreamsException where they are none."""
        return _copy(self, headers=_headers(headers))


@dataclass(frozen=True)
class FixedKeyRecord(Generic[K, V]):
    """A record whose key cannot be changed: what a fixed-key processor gets and forwards (decision 30)."""

    key: K
    value: V
    timestamp: int
    headers: Headers = ()

    def __post_init__(self) -> None:
        timestamp, headers = self.timestamp, self.headers
        if timestamp.__class__ is not int or not 0 <= timestamp <= LARGEST:
            self.__dict__["timestamp"] = _timestamp(timestamp)  # frozen for everybody else
        if headers.__class__ is not tuple or headers:
            self.__dict__["headers"] = _headers(headers)

    def with_value(self, value: VR) -> FixedKeyRecord[K, VR]:
        """A copy with another value."""
        copied: FixedKeyRecord[K, Any] = self
        return _copy(copied, value=value)

    def with_timestamp(self, timestamp: int) -> FixedKeyRecord[K, V]:
        """A copy with another timestamp, ms or an aware datetime; StreamsException where it is none."""
        return _copy(self, timestamp=_timestamp(timestamp))

    def with_headers(self, headers: Headers) -> FixedKeyRecord[K, V]:
        """A copy with these headers instead of its own; StreamsException where they are none."""
        return _copy(self, headers=_headers(headers))


def _copy(record: R, **changed: object) -> R:
    """A copy without the checks of the constructor: what is not changed has passed them."""
    made = object.__new__(type(record))
    made.__dict__.update(record.__dict__, **changed)
    return made


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
