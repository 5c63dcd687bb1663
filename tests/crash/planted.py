"""Bugs to be planted into the writer, which whoever looks for zombies must find."""

from __future__ import annotations

from streams.clients.api import GroupMember, Sent
from streams.clients.writing.partition_queue import InFlightBatch, PartitionQueue
from streams.clients.writing.transport import Packed
from streams.clients.writing.writer import BatchWriter
from streams.errors import KafkaException
from streams.record import TopicPartition


def no_stamp() -> None:
    """Batches bear nobody's name."""

    def bind(self: BatchWriter, member: GroupMember | None) -> None: ...

    setattr(BatchWriter, "bind", bind)  # noqa: B010


def retried_refusal() -> None:
    """What was refused is sent again after the rejoin, in the name of the new member."""
    kept: list[tuple[BatchWriter, TopicPartition, Packed]] = []
    honest_bind, honest_fenced = BatchWriter.bind, BatchWriter._fenced

    def fenced(self: BatchWriter, member: GroupMember | None, error: KafkaException, now: float) -> None:
        for queue in self._busy.values():
            kept.extend((self, queue.partition, each.packed) for each in queue.batches if each.member == member)
        honest_fenced(self, member, error, now)

    def bind(self: BatchWriter, member: GroupMember | None) -> None:
        honest_bind(self, member)
        if member is None:
            return
        again = [each for each in kept if each[0] is self]
        kept[:] = [each for each in kept if each[0] is not self]
        for _, partition, packed in again:
            queue = self._queues.setdefault(partition, PartitionQueue(partition, self._identities.identity(), 100))
            in_flight = InFlightBatch(packed, self._monotonic_ms() + 60_000, forget, self._member)
            queue.batches.append(in_flight)
            self._busy[partition] = queue
            self._unanswered += 1
            self._bytes += in_flight.size

    def forget(sent: Sent) -> None: ...

    setattr(BatchWriter, "bind", bind)  # noqa: B010
    setattr(BatchWriter, "_fenced", fenced)  # noqa: B010


PLANTED = {"no-stamp": no_stamp, "retried-refusal": retried_refusal}
