"""Timestamps of a fetched batch: the records' own, or what a timestamp extractor makes of them.

Extraction looks ahead of processing, but does nothing ahead (decision 3): what fails becomes a mark at its
index, and is dealt with when processing reaches the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streams.errors import IllegalArgumentException, StreamsException
from streams.processor import (
    FailOnInvalidTimestamp,
    LogAndSkipOnInvalidTimestamp,
    TimestampExtractor,
    UsePartitionTimeOnInvalidTimestamp,
    WallclockTimestampExtractor,
)
from streams.record import Headers, RecordBatch, TopicPartition
from streams.runtime.compile.entry import Fault
from streams.serdes.base import Serde
from streams.validation import LARGEST, check_instant

_OWN = (FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, UsePartitionTimeOnInvalidTimestamp)
"""Extractors that take a record's own timestamp unless it is negative."""


class Seen(NamedTuple):
    """A record as an extractor sees it (`processor.ConsumedRecord`)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: object
    value: object
    headers: Headers


class Reading(NamedTuple):
    """What the extraction of a source needs."""

    extractor: TimestampExtractor
    key_serde: Serde[object]
    value_serde: Serde[object]

    @property
    def wall_clock(self) -> bool:
        """Timestamps are the time of processing."""
        return type(self.extractor) is WallclockTimestampExtractor


class Stamped(NamedTuple):
    """Timestamps of a batch. Where one could not be had, the partition's time stands, and `faults` says
    why.
    """

    timestamps: Sequence[int]
    faults: Mapping[int, Fault]


def stamped(reading: Reading, partition: TopicPartition, batch: RecordBatch, partition_time: int) -> Stamped:
    """The timestamps of a batch's records.

    Args:
        partition_time: the highest timestamp of the partition before this batch, -1 if there is none.
    """
    if reading.wall_clock or (type(reading.extractor) in _OWN and min(batch.timestamps) >= 0):
        return Stamped(batch.timestamps, {})
    times: list[int] = []
    faults: dict[int, Fault] = {}
    for at in range(len(batch)):
        time = _extracted(reading, partition, batch, at, partition_time)
        if isinstance(time, Fault):
            faults[at] = time
            time = partition_time
        partition_time = max(partition_time, time)
        times.append(time)
    return Stamped(times, faults)


def _extracted(
    reading: Reading, partition: TopicPartition, batch: RecordBatch, at: int, partition_time: int
) -> int | Fault:
    headers = () if batch.headers is None else batch.headers[at]
    try:
        key = reading.key_serde.deserialize(partition.topic, batch.keys[at], headers)
        value = reading.value_serde.deserialize(partition.topic, batch.values[at], headers)
    except Exception:
        # The source will fail on it again, when it is its turn; until then it has the partition's time.
        return partition_time
    record = Seen(*partition, batch.offsets[at], batch.timestamps[at], key, value, headers)
    try:
        time = reading.extractor(record, partition_time)
    except StreamsException as error:
        return Fault(error)
    except Exception as error:
        return _fault(f"Fatal user code error in TimestampExtractor callback for record {record}.", error)
    if time.__class__ is not int or time > LARGEST:
        try:
            time = check_instant(time)
        except IllegalArgumentException as error:
            named = getattr(reading.extractor, "__qualname__", type(reading.extractor).__qualname__)
            return _fault(
                f"The TimestampExtractor {named} gave no timestamp for the record at offset {record.offset} of topic "
                f"{record.topic}, partition {record.partition}: {error}",
                error,
            )
    return time if time >= 0 else Fault(None)


def _fault(said: str, cause: Exception) -> Fault:
    failure = StreamsException(said)
    failure.__cause__ = cause
    return Fault(failure)
