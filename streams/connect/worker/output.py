"""Records of a source as batches: columns by topic and partition, and who has what where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.clients.api import Writer
from streams.connect.worker.codec import Row
from streams.partition import partition_for
from streams.record import Headers, RecordBatch, TopicPartition

BATCH_BYTES = 512 * 1024
OVERHEAD = 32
"""Bytes counted for a record besides key and value."""


class _Columns:
    __slots__ = ("headers", "keys", "size", "timestamps", "values")

    def __init__(self) -> None:
        self.keys: list[bytes | None] = []
        self.values: list[bytes | None] = []
        self.timestamps: list[int] = []
        self.headers: list[Headers] | None = None
        self.size = 0

    def batch(self) -> RecordBatch:
        count = len(self.keys)
        return RecordBatch(self.keys, self.values, self.timestamps, self.headers, range(count), count)


class Output:
    """Gathers the records of one transaction.

    Args:
        writer: knows how many partitions a topic has.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._turn = 0
        self._open: dict[TopicPartition, _Columns] = {}
        self._full: list[tuple[TopicPartition, RecordBatch]] = []
        self._names: dict[str, list[TopicPartition]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Adds records; without a partition the key decides, as Kafka's producer does, and without a key it is one
        partition after the other, a transaction each."""
        open_ = self._open
        where: TopicPartition | None = None
        columns: _Columns | None = None
        for topic, partition, key, value, timestamp, headers in rows:
            if where is None or partition is not None or key is not None or topic != where.topic:
                where, columns = self._where(topic, partition, key), None
            if columns is None:
                columns = open_.get(where)
                if columns is None:
                    columns = open_[where] = _Columns()
            columns.keys.append(key)
            columns.values.append(value)
            columns.timestamps.append(timestamp)
            if headers and columns.headers is None:
                columns.headers = [()] * (len(columns.keys) - 1)
            if columns.headers is not None:
                columns.headers.append(headers)
            columns.size += OVERHEAD + (0 if key is None else len(key)) + (0 if value is None else len(value))
            if columns.size >= BATCH_BYTES:
                del open_[where]
                self._full.append((where, columns.batch()))
                columns = None
            if partition is not None or key is not None:
                where = None

    def _where(self, topic: str, partition: int | None, key: bytes | None) -> TopicPartition:
        names = self._names.get(topic)
        if names is None:
            count = self._writer.partitions_for(topic)
            names = self._names[topic] = [TopicPartition(topic, number) for number in range(count)]
        if partition is None:
            return names[self._turn % len(names) if key is None else partition_for(key, len(names))]
        return names[partition] if partition < len(names) else TopicPartition(topic, partition)

    def batches(self) -> Iterator[tuple[TopicPartition, RecordBatch]]:
        """All that was gathered; then it is empty."""
        full, self._full = self._full, []
        open_, self._open = self._open, {}
        yield from full
        for where, columns in open_.items():
            yield where, columns.batch()
        self._turn += 1
        self._names.clear()  # partitions may have been added since
