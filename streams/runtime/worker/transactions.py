"""The transactions of one worker, one after the other (exactly-once). To those who send they are a writer like any.

A transaction begins with the first batch, or the first positions, after the end of the one before. So between two
commits that find something to do the engine knows of none.

The transactional id is `<application.id>-<uuid>`, with the UUID of the worker's instance directory, whose lock only one
process can hold: whoever starts in it fences the one before, and its transaction is aborted before anything is read.
A worker that is fenced all the same, twice within a minute, has a twin (a directory that was copied with its lock). It
takes another UUID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from streams.clients.api import (
    ConsumerGroupMetadata,
    Door,
    GroupMember,
    Position,
    Sent,
    TransactionalWriter,
    TransactionSettings,
    WriterSettings,
)
from streams.clock import Clock
from streams.errors import InvalidProducerEpochException, ProducerFencedException
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.directory import InstanceDirectory

log = logging.getLogger("streams.runtime.transactions")

TWICE_WITHIN_MS = 60_000
OLD = 2
"""A transaction that a commit is held back of may have this part of its time; then nothing more goes into it."""


class Transactions:
    """See the module.

    Args:
        owner: the worker's name, for messages.
        application_id: what the transactional id begins with.
        directory: has the UUID that it ends with.
        door: gives writers.
        settings: of the writers.
        clock: for the age of a transaction.
        timeout_ms: after which the engine aborts a transaction (`transaction.timeout.ms`).
        init_ms: how long a first answer is waited for.
        member: who the worker is in its group now; raises where it is nobody.
    """

    def __init__(
        self,
        owner: str,
        application_id: str,
        directory: InstanceDirectory,
        door: Door,
        settings: WriterSettings,
        clock: Clock,
        timeout_ms: int,
        init_ms: int,
        member: Callable[[], ConsumerGroupMetadata],
    ) -> None:
        self._owner = owner
        self._application_id = application_id
        self._directory = directory
        self._door = door
        self._settings = settings
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._init_ms = init_ms
        self._member = member
        self._bound: GroupMember | None = None
        self._fenced_at: float | None = None
        self._since: float | None = None
        self._ready = False
        self._writer = self._made()

    def _made(self) -> TransactionalWriter:
        name = f"{self._application_id}-{self._directory.uuid}"
        return self._door.transactional_writer(TransactionSettings(name, self._timeout_ms), self._settings)

    # one after the other

    @property
    def open(self) -> bool:
        """Has one begun?"""
        return self._since is not None

    @property
    def old(self) -> bool:
        """Has half of its time passed? What is done for it now may come too late."""
        return self._since is not None and self._clock.monotonic_ms() - self._since >= self._timeout_ms / OLD

    def ready(self) -> None:
        """To be called before tasks are taken: every earlier writer of this id is fenced, and what it left open is
        aborted.

        Raises:
            TimeoutException: no answer in time; call it again.
            KafkaException: the engine's, for good.
        """
        if not self._ready:
            self._writer.init(self._init_ms)
            self._ready = True

    def send_offsets(self, positions: Mapping[TopicPartition, Position], timeout_ms: int) -> None:
        """Has positions committed with the transaction, as the member that the worker is now.

        Raises:
            UnknownMemberIdException, IllegalGenerationException: it is none, or of an earlier generation.
            KafkaException: as `TransactionalWriter.send_offsets`.
        """
        member = self._member()
        self._begin()
        self._writer.send_offsets(member, positions, timeout_ms)

    def end(self, commit: bool, timeout_ms: int) -> None:
        """Commits or aborts, if one has begun. See `TransactionalWriter.end`."""
        if self._since is not None:
            self._writer.end(commit, timeout_ms)
            self._since = None

    def renew(self, reason: Exception) -> None:
        """The writer is worth nothing any more, and neither is its transaction: `ready` begins with another one.

        Args:
            reason: why.
        """
        self._writer.abort()
        self._writer.close()
        if isinstance(reason, (ProducerFencedException, InvalidProducerEpochException)):
            self._fenced()
        self._since, self._ready = None, False
        self._writer = self._made()
        self._writer.bind(self._bound)

    def _fenced(self) -> None:
        now = self._clock.monotonic_ms()
        if self._since is not None and now - self._since >= self._timeout_ms:
            log.warning(
                "%s had a transaction open for %d ms, and transaction.timeout.ms is %d: the broker has aborted it. "
                "Where functions or commits take so long, set producer.transaction.timeout.ms higher.",
                *(self._owner, now - self._since, self._timeout_ms),
            )
            return
        if self._fenced_at is not None and now - self._fenced_at < TWICE_WITHIN_MS:
            self._directory.new_uuid()
            self._fenced_at = None
        else:
            self._fenced_at = now

    def _begin(self) -> None:
        if self._since is None:
            self._writer.begin()
            self._since = self._clock.monotonic_ms()

    # as a `Writer`

    def bind(self, member: GroupMember | None) -> None:
        self._bound = member
        self._writer.bind(member)

    def abort(self) -> int:
        return self._writer.abort()

    def partitions_for(self, topic: str) -> int:
        return self._writer.partitions_for(topic)

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        self._begin()
        self._writer.send(partition, batch, done)

    def await_acks(self, timeout_ms: int) -> int:
        return self._writer.await_acks(timeout_ms)

    def next_due(self) -> int:
        return self._writer.next_due()

    def fileno(self) -> int:
        return self._writer.fileno()

    def wake(self) -> None:
        self._writer.wake()

    def close(self) -> None:
        self._writer.close()
