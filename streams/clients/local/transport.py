"""Batches and transactions on their way to the bundled broker, over one connection."""

from __future__ import annotations

from collections.abc import Mapping

from broker_local.host.client import ConnectionLost
from broker_local.log.format import PackedBatch, pack
from broker_local.protocol.requests import records
from broker_local.protocol.requests.groups import CommitPart
from broker_local.protocol.requests.records import Produce, ProducePart, ProduceReply
from broker_local.protocol.requests.request import Failure, Reply
from broker_local.protocol.requests.topics import Metadata
from broker_local.protocol.requests.transactions import (
    EndTransaction,
    InitTransactions,
    ProducerIdReply,
    TransactionOffsets,
)
from streams.clients.api import ConsumerGroupMetadata, GroupMember, Position, TransactionSettings
from streams.clients.errors_by_number import exception
from streams.clients.local.connection import Connection
from streams.clients.writing.identity import Producer
from streams.clients.writing.partition_queue import NEVER
from streams.clients.writing.transport import Lost, Outcome
from streams.record import RecordBatch, TopicPartition


class LocalTransport:
    """A `Transport` over one connection, which is made again when it is lost.

    Args:
        connection: it.
    """

    def __init__(self, connection: Connection) -> None:
        self.world = connection.world
        self._connection = connection

    @property
    def number(self) -> int:
        """See `Transport.number`."""
        return self._connection.number

    def connect(self) -> None:
        """See `Transport.connect`."""
        self._connection.link()

    def lost(self) -> None:
        """See `Transport.lost`."""
        self._connection.lost()

    @property
    def closed(self) -> bool:
        """See `Transport.closed`."""
        return self._connection.closed

    def partitions_for(self, topic: str, timeout_ms: int) -> int:
        """See `Transport.partitions_for`."""
        (row,) = self._connection.ask(Metadata((topic,), create_missing=True), topic, timeout_ms).topics
        if row.error:
            raise exception(row.error, "", topic)
        return row.partitions

    def pack(self, batch: RecordBatch) -> PackedBatch:
        """See `Transport.pack`."""
        return pack(batch.keys, batch.values, batch.timestamps, batch.headers)

    def takes(self, partition: TopicPartition, producer: Producer) -> bool:
        """See `Transport.takes`."""
        return True

    def send(
        self,
        partition: TopicPartition,
        data: bytes,
        acks: int,
        member: GroupMember | None,
        transactional_id: str | None,
    ) -> int:
        """See `Transport.send`."""
        part = ProducePart(partition.topic, partition.partition, data)
        named = None if member is None else records.GroupMember(*member)
        try:
            return self._connection.link().send(Produce(acks, (part,), named, transactional_id))
        except ConnectionLost as error:
            raise Lost(str(error)) from error

    def flush(self) -> None:
        """See `Transport.flush`: it has left."""

    def receive(self, timeout_ms: int) -> list[Outcome]:
        """See `Transport.receive`."""
        try:
            replies = self._connection.receive(timeout_ms)
        except ConnectionLost as error:
            raise Lost(str(error)) from error
        return [_outcome(ticket, reply) for ticket, reply in replies]

    def drain(self, timeout_ms: int) -> None:
        """See `Transport.drain`: one connection carries all, in its order."""

    def next_due(self) -> float:
        """See `Transport.next_due`."""
        return 0.0 if self._connection.holds else NEVER

    def fileno(self) -> int:
        """See `Transport.fileno`."""
        return self._connection.fileno()

    def wake(self) -> None:
        """See `Transport.wake`."""
        self._connection.wake()

    def close(self) -> None:
        """See `Transport.close`."""
        self._connection.close()


def _outcome(ticket: int, reply: Reply) -> Outcome:
    if isinstance(reply, ProduceReply):
        (part,) = reply.parts
        return Outcome(ticket, part.error, part.message, part.base_offset, part.append_time)
    return Outcome(ticket, reply.error, reply.message) if isinstance(reply, Failure) else Outcome(ticket)


class LocalTransactionCoordinator:
    """A `TransactionCoordinator` over the same connection as what is written.

    Args:
        connection: it.
        transaction: whose transactions, and how long one may take.
    """

    def __init__(self, connection: Connection, transaction: TransactionSettings) -> None:
        self._connection = connection
        self._transaction = transaction

    def init(self, producer: Producer, timeout_ms: int) -> Producer:
        """See `TransactionCoordinator.init`."""
        name, longest = self._transaction.transactional_id, self._transaction.timeout_ms
        return _producer(self._connection.ask(InitTransactions(name, longest, *producer), name, timeout_ms))

    def add_offsets(
        self,
        producer: Producer,
        member: ConsumerGroupMetadata,
        offsets: Mapping[TopicPartition, Position],
        timeout_ms: int,
    ) -> None:
        """See `TransactionCoordinator.add_offsets`."""
        name = self._transaction.transactional_id
        asked = TransactionOffsets(
            name,
            *producer,
            member.group_id,
            member.generation_id,
            member.member_id,
            member.group_instance_id,
            tuple(
                CommitPart(topic, number, position.offset, position.metadata)
                for (topic, number), position in offsets.items()
            ),
        )
        for part in self._connection.ask(asked, name, timeout_ms).parts:
            if part.error:
                raise exception(part.error, "", TopicPartition(part.topic, part.partition))

    def end(self, producer: Producer, commit: bool, timeout_ms: int) -> Producer:
        """See `TransactionCoordinator.end`."""
        name = self._transaction.transactional_id
        return _producer(self._connection.ask(EndTransaction(name, *producer, commit), name, timeout_ms))


def _producer(reply: ProducerIdReply) -> Producer:
    return reply.producer_id, reply.epoch
