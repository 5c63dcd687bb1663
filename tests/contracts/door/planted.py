"""Bugs to be planted into the writer and the reader, which the model must find."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from broker_local.host.client import ConnectionLost, RequestFailed
from broker_local.protocol.requests import groups as wire
from broker_local.protocol.requests.transactions import EndTransaction
from streams.clients.api import ConsumerGroupMetadata, Isolation, Position, ReaderSettings
from streams.clients.local import door
from streams.clients.local.connection import Connection
from streams.clients.local.reader import LocalReader
from streams.clients.local.transport import LocalTransactionCoordinator
from streams.clients.writing import transactional_writer
from streams.clients.writing.identity import NOBODY, Producer, SharedIdentity
from streams.clients.writing.transactional_writer import TransactionalBatchWriter
from streams.clients.writing.writer import BatchWriter
from streams.errors import KafkaException
from streams.record import TopicPartition

Patch = pytest.MonkeyPatch


def late_answers(patch: Patch) -> None:
    """Answers to what was forgotten are taken for answers."""
    honest = BatchWriter.forget

    def forget(self: BatchWriter) -> int:
        out, unanswered = dict(self._out), self._unanswered
        found = honest(self)
        self._out.update(out)
        self._unanswered = unanswered - len(out) if not out else 0
        return found

    patch.setattr(BatchWriter, "forget", forget)


def sequences_go_on(patch: Patch) -> None:
    """The next transaction goes on with the sequences of the last one."""
    honest = BatchWriter.forget

    def forget(self: BatchWriter) -> int:
        queues = dict(self._queues)
        found = honest(self)
        for queue in queues.values():
            queue.batches.clear()
            queue._out = 0
        self._queues.update(queues)
        return found

    patch.setattr(BatchWriter, "forget", forget)


def batches_stay(patch: Patch) -> None:
    """What was not sent of an aborted transaction is sent in the next."""
    honest = BatchWriter.forget

    def forget(self: BatchWriter) -> int:
        left = [(queue, batch) for queue in self._busy.values() for batch in queue.batches if not batch.out]
        found = honest(self)
        for queue, batch in left:
            queue.identity.skip(0, 0, True)
            batch.sequence, batch.data, batch.out = -1, b"", False
            queue.batches.clear()
            queue.batches.append(batch)
            self._queues[queue.partition] = self._busy[queue.partition] = queue
            self._unanswered += 1
            self._bytes += batch.size
            queue._out, queue._next_sequence, queue._stopped = 0, 0, False
        return found

    patch.setattr(BatchWriter, "forget", forget)


def acknowledgements_are_not_waited_for(patch: Patch) -> None:
    """A commit is asked for while batches are out."""

    def await_all(self: TransactionalBatchWriter, deadline: float, timeout_ms: int) -> None:
        if self._failure is not None:
            raise self._failure

    patch.setattr(TransactionalBatchWriter, "_await_all", await_all)


def epoch_stays(patch: Patch) -> None:
    """The next transaction is written under the identity of the last."""
    honest = TransactionalBatchWriter._begin_as

    def begin_as(self: TransactionalBatchWriter, producer: Producer) -> None:
        before = self._identity.producer
        honest(self, producer)
        self._identity.producer = before or self._identity.producer

    patch.setattr(TransactionalBatchWriter, "_begin_as", begin_as)


def a_lost_answer_is_taken_for_a_good_one(patch: Patch) -> None:
    """An end whose answer is lost is believed to be done: the writer goes on under a new epoch."""
    honest = LocalTransactionCoordinator.end

    def end(self: LocalTransactionCoordinator, producer: Producer, commit: bool, timeout_ms: int) -> Producer:
        asked = EndTransaction(self._transaction.transactional_id, *producer, commit)
        try:
            reply = self._connection.link().call(asked, timeout_ms)
            return reply.producer_id, reply.epoch
        except ConnectionLost:
            self._connection.lost()
            return self.init(NOBODY, timeout_ms)
        except RequestFailed:
            return honest(self, producer, commit, timeout_ms)

    patch.setattr(LocalTransactionCoordinator, "end", end)


def a_failed_batch_is_passed_over(patch: Patch) -> None:
    """What was not stored does not keep the rest from being committed."""

    def fail(self: TransactionalBatchWriter, error: KafkaException) -> None:
        if isinstance(error, transactional_writer.FENCED):
            self._over = self._over or error

    patch.setattr(TransactionalBatchWriter, "_fail", fail)


def refused_offsets_are_passed_over(patch: Patch) -> None:
    """A commit goes on without the positions that were refused."""
    honest = TransactionalBatchWriter._await_all

    def await_all(self: TransactionalBatchWriter, deadline: float, timeout_ms: int) -> None:
        self._owed.clear()
        honest(self, deadline, timeout_ms)

    patch.setattr(TransactionalBatchWriter, "_await_all", await_all)


def offsets_are_committed_at_once(patch: Patch) -> None:
    """Positions are committed when they are sent, not with the transaction."""
    honest = LocalTransactionCoordinator.add_offsets

    def add_offsets(
        self: LocalTransactionCoordinator,
        producer: Producer,
        member: ConsumerGroupMetadata,
        offsets: Mapping[TopicPartition, Position],
        timeout_ms: int,
    ) -> None:
        honest(self, producer, member, offsets, timeout_ms)
        rows = tuple(wire.CommitPart(topic, number, each.offset) for (topic, number), each in offsets.items())
        self._connection.ask(wire.Commit(member.group_id, -1, "", None, rows))

    patch.setattr(LocalTransactionCoordinator, "add_offsets", add_offsets)


def identity_is_not_told(patch: Patch) -> None:
    """Batches do not say that they belong to a transaction."""

    def init(self: SharedIdentity, transactional_id: str, unchecked: bool) -> None:
        self.transactional_id = None
        self.unchecked = self.alone = unchecked
        self.numbered = True
        self.producer = None

    patch.setattr(SharedIdentity, "__init__", init)


def everything_is_shown(patch: Patch) -> None:
    """Readers of committed records are shown all."""

    class Dirty(LocalReader):
        def __init__(self, connection: Connection, isolation: Isolation, settings: ReaderSettings) -> None:
            super().__init__(connection, Isolation.READ_UNCOMMITTED, settings)

    patch.setattr(door, "LocalReader", Dirty)


PLANTED: Mapping[str, tuple[Callable[[Patch], None], int]] = {
    bug.__name__.replace("_", "-"): (bug, seed)
    for bug, seed in (
        (late_answers, 4),
        (sequences_go_on, 1),
        (batches_stay, 2),
        (acknowledgements_are_not_waited_for, 0),
        (epoch_stays, 0),
        (a_lost_answer_is_taken_for_a_good_one, 1),
        (a_failed_batch_is_passed_over, 0),
        (refused_offsets_are_passed_over, 12),
        (offsets_are_committed_at_once, 0),
        (identity_is_not_told, 0),
        (everything_is_shown, 0),
    )
}
"""Each with a seed that finds it."""
