"""Records on their way to becoming batches: columns per partition, closed by size or by time. Pure.

Source: Kafka's `RecordAccumulator`. A batch is closed when the next record would make it larger than
`batch.size`, and may leave when it is closed, when its first record is `linger.ms` old, or at a flush; it does
leave when its partition has room (batches without an answer are bounded), and until then it goes on filling.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from streams.clients.api import Sent
from streams.record import Headers, RecordBatch, RecordMetadata, TopicPartition

RECORD_OVERHEAD = 16
"""Bytes counted for a record besides its key, value and headers."""
NEVER = 2**63 - 1

Result = tuple["Future[RecordMetadata]", RecordMetadata | BaseException]


class ProducerBatch:
    """One batch that is being filled, or waits, or is out; the futures of its records are paired with them."""

    __slots__ = (
        *("_answered", "_headers", "_keys", "_timestamps", "_values"),
        *("futures", "opened_at", "partition", "size"),
    )

    def __init__(self, partition: TopicPartition, now: int) -> None:
        self.partition = partition
        self.opened_at = now
        self.size = 0
        self._answered = 0
        self.futures: list[Future[RecordMetadata]] = []
        self._keys: list[bytes | None] = []
        self._values: list[bytes | None] = []
        self._timestamps: list[int] = []
        self._headers: list[Headers] | None = None

    def add(
        self, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers, size: int
    ) -> Future[RecordMetadata]:
        """Puts a record at the end; the future is told where it comes to lie."""
        if headers and self._headers is None:
            self._headers = [()] * len(self._keys)
        if self._headers is not None:
            self._headers.append(headers)
        self._keys.append(key)
        self._values.append(value)
        self._timestamps.append(timestamp)
        self.size += size
        future: Future[RecordMetadata] = Future()
        self.futures.append(future)
        return future

    def batch(self) -> RecordBatch:
        """The records as a batch."""
        count = len(self._keys)
        return RecordBatch(self._keys, self._values, self._timestamps, self._headers, range(count), count)

    def answered(self, sent: Sent) -> bool:
        """Notes the fate of some of the records. Is that of all of them known now?"""
        part = sent.part(len(self.futures))
        self._answered += part.stop - part.start
        return self._answered >= len(self.futures)

    def results(self, sent: Sent) -> list[Result]:
        """What each future of the part is to become."""
        part = sent.part(len(self.futures))
        if sent.error is not None:
            return [(future, sent.error) for future in self.futures[part]]
        topic, partition = self.partition
        base = sent.base_offset
        return [
            (
                future,
                RecordMetadata(
                    topic,
                    partition,
                    -1 if base < 0 else base + index,
                    timestamp if sent.timestamp < 0 else sent.timestamp,
                ),
            )
            for index, (future, timestamp) in enumerate(zip(self.futures[part], self._timestamps[part], strict=True))
        ]


def size_of(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """How many bytes a record counts for."""
    size = RECORD_OVERHEAD + (len(key) if key else 0) + (len(value) if value else 0)
    for name, content in headers:
        size += len(name) + (len(content) if content else 0)
    return size


class RecordAccumulator:
    """The batches of all partitions that have not been sent.

    Args:
        batch_size: bytes of a batch, from which on it is closed.
        linger_ms: how long a batch waits for more records.
        max_in_flight: batches of one partition without an answer; more wait here, and fill.
    """

    def __init__(self, batch_size: int, linger_ms: int, max_in_flight: int) -> None:
        self._batch_size = batch_size
        self._linger_ms = linger_ms
        self._max_in_flight = max_in_flight
        self._queues: dict[TopicPartition, deque[ProducerBatch]] = {}
        self._out: dict[TopicPartition, int] = {}

    def add(
        self,
        partition: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
        size: int,
        now: int,
    ) -> tuple[Future[RecordMetadata], bool, bool]:
        """Takes a record in.

        Returns:
            Its future; was a batch opened for it, so that `next_due` may have changed; may a batch leave?
        """
        queue = self._queues.get(partition)
        if queue is None:
            queue = self._queues[partition] = deque()
        opened = not queue or queue[-1].size + size > self._batch_size
        if opened:
            queue.append(ProducerBatch(partition, now))
        last = queue[-1]
        future = last.add(key, value, timestamp, headers, size)
        may_leave = len(queue) > 1 or not self._linger_ms or last.size >= self._batch_size
        return future, opened, may_leave

    def leaving(self, now: int, flush: bool, partitions: Sequence[TopicPartition] | None = None) -> list[ProducerBatch]:
        """Takes out the batches that may leave now; `left` counts each until `back`.

        Args:
            now: the time, in the milliseconds that `add` was told.
            flush: open batches leave too, however young.
            partitions: look at these only.
        """
        gone: list[ProducerBatch] = []
        for partition in list(self._queues) if partitions is None else partitions:
            queue = self._queues.get(partition)
            out = self._out.get(partition, 0)
            while queue and out < self._max_in_flight:
                first = queue[0]
                full = len(queue) > 1 or first.size >= self._batch_size
                if not full and not flush and now < first.opened_at + self._linger_ms:
                    break
                gone.append(queue.popleft())
                out += 1
            if not queue:
                self._queues.pop(partition, None)
            self._out[partition] = out
        return gone

    def back(self, partition: TopicPartition) -> None:
        """One batch of the partition has its answer."""
        out = self._out.get(partition, 0) - 1
        if out > 0:
            self._out[partition] = out
        else:
            self._out.pop(partition, None)

    def drop(self, into: set[ProducerBatch]) -> None:
        """Gives all up: what has not left is put with what is out."""
        into.update(self.waiting())
        self._queues.clear()
        self._out.clear()

    def next_due(self) -> int:
        """When the next batch may leave because of its age; NEVER if none waits for that."""
        due = NEVER
        for partition, queue in self._queues.items():
            if self._out.get(partition, 0) < self._max_in_flight:
                due = min(due, queue[0].opened_at + self._linger_ms)
        return due

    def waiting(self) -> list[ProducerBatch]:
        """All batches that have not left, oldest first in each partition."""
        return [pending for queue in self._queues.values() for pending in queue]
