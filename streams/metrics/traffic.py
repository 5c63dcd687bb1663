"""What flows through a topic: records, bytes as Kafka counts them, and how old records are. It costs per batch."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from streams.metrics.registry import Counter
from streams.metrics.sensor import Samples
from streams.record import Headers, RecordBatch

LOOKED_AT = 16
"""Records of a batch at most whose bytes are counted."""
EVERY = 8
"""Of larger batches one in so many is looked at: the others are taken to be alike."""
AGES_MS = 5
"""Between two looks at how old records are."""
_BESIDE = 8 + 8 + 4
"""Bytes that Kafka counts for a record's timestamp, offset and partition."""


class Bytes:
    """Counts bytes, of which some are estimated."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def read(self) -> int:
        """How many there are."""
        return round(self.value)


class Traffic:
    """What has been read from a topic, or sent to it.

    Args:
        records: counts records.
        bytes: counts their bytes.
        ages: takes how old they are (ms).
    """

    __slots__ = ("_aged_at", "_like_it", "_size", "ages", "bytes", "records")

    def __init__(self, records: Counter, bytes: Bytes, ages: Samples | None = None) -> None:
        self.records = records
        self.bytes = bytes
        self.ages = ages
        self._size = 0.0
        self._like_it, self._aged_at = 0, -AGES_MS

    def size(self, topic: str, batch: RecordBatch) -> float:
        """Bytes of a record of the batch, on average, about."""
        if self._like_it and len(batch.keys) > LOOKED_AT:
            self._like_it -= 1
        else:
            self._size, self._like_it = size_of(topic, batch), EVERY - 1
        return self._size

    def add(self, records: int, size: float) -> None:
        """So many more records of that size."""
        self.records.value += records
        self.bytes.value += records * size

    def leaves(self, topic: str, batch: RecordBatch, now: int) -> None:
        """A batch leaves for a topic, at that wall clock (ms)."""
        self.add(len(batch.keys), self.size(topic, batch))
        ages = self.ages
        if ages is not None and not 0 <= now - self._aged_at < AGES_MS:
            self._aged_at, at = now, ages.now_ms()
            ages.add(now - batch.timestamps[0], at)
            ages.add(now - batch.timestamps[-1], at)


def size_of(topic: str, batch: RecordBatch) -> float:
    """Bytes of a record of the batch, on average: exact up to `LOOKED_AT` records, else by so many of them."""
    count = len(batch.keys)
    if not count:
        return 0.0
    step = max(1, count // LOOKED_AT)
    keys, values = batch.keys[::step], batch.values[::step]
    data = sum(map(len, filter(None, chain(keys, values))))
    if batch.headers is not None:
        data += sum(map(_headers_size, batch.headers[::step]))
    return data / len(keys) + _BESIDE + len(topic.encode())


def _headers_size(headers: Headers | Iterable[tuple[str, bytes | None]]) -> int:
    return sum(len(key.encode()) + len(value or b"") for key, value in headers)
