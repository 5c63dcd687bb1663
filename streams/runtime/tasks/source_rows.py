"""From the source topic of a table to the store it is the changelog of (`reuse.ktable.source.topics`).

A changelog holds rows; a source topic holds what anybody sent. So each record goes the way it went when it was
processed: decoded by the source's serdes, given its time by the source's extractor, written by the store's serdes. What
has been skipped on that way stays out: what cannot be decoded or written, and what has no timestamp. The positions that
are restored are committed, so a handler has let such a record go; it is not asked again, and no dead letter is sent
again. Java restores the bytes as they are (KAFKA-8037).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from streams.operators.base import StoreAccess
from streams.record import Headers, RecordBatch, TopicPartition
from streams.runtime.compile.timestamps import Reading, stamped
from streams.serdes.base import AnySerde

log = logging.getLogger("streams.runtime.restore")

Row = tuple[bytes, bytes | None, int]


class SourceRows:
    """Makes rows of a store from the records of its source topic.

    Args:
        partition: of the source topic.
        reading: serdes and timestamp extractor of the source.
        store: whose rows are made.
        partition_time: the highest timestamp (ms) before what is read, -1 if that is the start.
    """

    def __init__(
        self, partition: TopicPartition, reading: Reading, store: StoreAccess[object], partition_time: int
    ) -> None:
        self._partition = partition
        self._reading = reading
        self._store = store
        self._time = partition_time
        self._key = _rewritten(reading.key_serde, store.key_serde, partition.topic)
        self._value = _rewritten(reading.value_serde, store.value_serde, partition.topic)
        self._left_out = 0
        self._first = -1

    def rows(self, batch: RecordBatch, start: int, stop: int) -> list[Row]:
        """The rows of the records at offsets from `start` and below `stop`. A table has none without a key."""
        if not len(batch):
            return []
        times, faults = stamped(self._reading, self._partition, batch, self._time)
        self._time = max(self._time, *times)
        headers = batch.headers or [()] * len(batch)
        found: list[Row] = []
        for at, offset in enumerate(batch.offsets):
            key, value = batch.keys[at], batch.values[at]
            if key is None or not start <= offset < stop:
                continue
            try:
                row = self._key(key, headers[at]), None if value is None else self._value(value, headers[at]), times[at]
            except Exception:
                self._leave_out(offset)
                continue
            if at in faults:
                self._leave_out(offset)
            else:
                found.append(row)
        return found

    def _leave_out(self, offset: int) -> None:
        self._left_out += 1
        if self._first < 0:
            self._first = offset

    def tell(self) -> None:
        """Says what was left out, once a restore."""
        if self._left_out:
            log.warning(
                "Store %s was restored from %s without %d records that had been skipped when they were processed: they "
                "cannot be read, or have no timestamp. The first is at offset %d.",
                self._store.name,
                self._partition,
                self._left_out,
                self._first,
            )


def _rewritten(reads: AnySerde, writes: AnySerde, topic: str) -> Callable[[bytes, Headers], bytes]:
    """From the bytes that a source reads to those that the store keeps; raises what the serdes do.

    They differ also under one canonical serde: malformed text is read with replacement characters, and written so.
    """
    encode = writes.encoder(topic)
    return lambda data, headers: encode(reads.deserialize(topic, data, headers))
