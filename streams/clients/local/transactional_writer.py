"""Writing to the bundled broker in transactions: all of one is seen together, or not at all.

    init --> ready --begin--> open --end--> (asked) --> ready
                               |               |
                               +--- fenced ----+--> over

An end that was asked for is asked again, with the same id and epoch, until its answer is known: the broker remembers it
until the next init. One connection carries all of it, so that the broker never sees an end before what it ends.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from broker_local.protocol.requests.groups import CommitPart
from broker_local.protocol.requests.request import Asks, Reply
from broker_local.protocol.requests.transactions import (
    EndTransaction,
    InitTransactions,
    ProducerIdReply,
    TransactionOffsets,
)
from streams.clients.api import (
    FENCED,
    OF_ONE_RECORD,
    ConsumerGroupMetadata,
    GroupMember,
    Position,
    Sent,
    TransactionSettings,
    WriterSettings,
)
from streams.clients.errors_by_number import exception
from streams.clients.local.connection import Connection
from streams.clients.local.identity import SharedIdentity
from streams.clients.local.writer import LocalWriter
from streams.errors import (
    BrokerNotFoundException,
    ConcurrentTransactionsException,
    IllegalArgumentException,
    IllegalStateException,
    KafkaException,
    KafkaStorageException,
    TimeoutException,
    TransactionAbortableException,
)
from streams.record import RecordBatch, TopicPartition

R = TypeVar("R", bound=Reply)

PASSING = (ConcurrentTransactionsException, KafkaStorageException)
"""What the broker answers for the moment: nothing was done, and the same is asked again."""


class _State(enum.Enum):
    """Of the writer; see the drawing above."""

    NEW = "no init_transactions has returned"
    READY = "no transaction goes on"
    OPEN = "a transaction goes on"
    COMMITTING = "a commit was asked for, and its outcome is not known"
    ABORTING = "an abort was asked for, and its outcome is not known"


class LocalTransactionalWriter:
    """A `TransactionalWriter` over one connection.

    Args:
        connection: its connection.
        transaction: whose transactions, and how long one may take.
        settings: timeouts; `acks` is all.
    """

    def __init__(self, connection: Connection, transaction: TransactionSettings, settings: WriterSettings) -> None:
        if settings.acks != -1:
            raise IllegalArgumentException(f"A transaction needs acks=all, not {settings.acks}.")
        self._connection = connection
        self._transaction = transaction
        self._settings = settings
        self._identity = SharedIdentity(transaction.transactional_id)
        self._writer = LocalWriter(connection, settings, self._identity)
        self._state = _State.NEW
        self._failure: KafkaException | None = None  # why this transaction cannot be committed
        self._over: KafkaException | None = None  # why nothing can be written by this writer any more
        self._sent = False  # has the broker heard of this transaction?
        self._owed: dict[str, KafkaException] = {}  # by group, why its positions are not known to be part of it

    # Transactions

    def init(self, timeout_ms: int) -> None:
        """See `TransactionalWriter.init`."""
        self._check_over()
        if self._state not in (_State.NEW, _State.READY):
            raise self._illegal("init", "End it first")
        producer_id, epoch = self._identity.producer or (-1, -1)
        name = self._transaction.transactional_id
        asked = InitTransactions(name, self._transaction.timeout_ms, producer_id, epoch)
        unknown = "Whether earlier producers are fenced is not known; call it again."
        self._begin_as(self._ask(asked, timeout_ms, unknown))

    def begin(self) -> None:
        """See `TransactionalWriter.begin`."""
        self._check_over()
        if self._state is not _State.READY:
            raise self._illegal("begin", "Call init first" if self._state is _State.NEW else "End it first")
        self._state = _State.OPEN

    def send_offsets(
        self, member: ConsumerGroupMetadata, offsets: Mapping[TopicPartition, Position], timeout_ms: int
    ) -> None:
        """See `TransactionalWriter.send_offsets`."""
        self._check_open("send_offsets")
        if self._failure is not None:
            raise self._failure
        if not offsets:
            return
        producer_id, epoch = self._own()
        asked = TransactionOffsets(
            self._transaction.transactional_id,
            producer_id,
            epoch,
            member.group_id,
            member.generation_id,
            member.member_id,
            member.group_instance_id,
            tuple(
                CommitPart(topic, number, position.offset, position.metadata)
                for (topic, number), position in offsets.items()
            ),
        )
        self._sent = True
        unknown = "Whether the offsets are part of the transaction is not known; send them again, or abort it."
        try:
            reply = self._ask(asked, timeout_ms, unknown)
            for part in reply.parts:
                if part.error:
                    raise exception(part.error, "", TopicPartition(part.topic, part.partition))
        except KafkaException as error:
            self._owed[member.group_id] = error
            raise
        self._owed.pop(member.group_id, None)

    def end(self, commit: bool, timeout_ms: int) -> None:
        """See `TransactionalWriter.end`."""
        self._check_over()
        deadline = self._connection.world.monotonic_ms() + timeout_ms
        asked = _State.COMMITTING if commit else _State.ABORTING
        if self._state is _State.OPEN:
            if commit:
                self._await_all(deadline, timeout_ms)
            else:
                self._writer.forget()
            if not self._sent:
                self._ended()
                return
            self._state = asked
        elif self._state is not asked:
            hint = "Call it the same way again" if self._state in (_State.COMMITTING, _State.ABORTING) else "Begin one"
            raise self._illegal(f"end(commit={commit})", hint)
        left = max(1, int(deadline - self._connection.world.monotonic_ms()))
        producer_id, epoch = self._own()
        request = EndTransaction(self._transaction.transactional_id, producer_id, epoch, commit)
        word = "committed" if commit else "aborted"
        reply = self._ask(request, left, f"Whether the transaction is {word} is not known; ask the same again.")
        self._begin_as(reply)

    def _await_all(self, deadline: float, timeout_ms: int) -> None:
        """Waits until everything is acknowledged; raises what keeps the transaction from being committed."""
        now = self._connection.world.monotonic_ms
        while self._failure is None:
            left = deadline - now()
            missing = self._writer.await_acks(max(0, int(left + 0.999)))
            if not missing:
                break
            if now() >= deadline:
                raise TimeoutException(
                    f"{missing} batches of the transaction of {self._transaction.transactional_id!r} were not "
                    f"acknowledged in {timeout_ms} ms; nothing of it is committed. Commit again, or abort it."
                )
        if self._failure is not None:
            raise self._failure
        for owed in self._owed.values():
            raise owed

    def _begin_as(self, reply: ProducerIdReply) -> None:
        self._identity.producer = (reply.producer_id, reply.epoch)
        self._ended()

    def _ended(self) -> None:
        self._writer.forget()
        self._state = _State.READY
        self._failure = None
        self._sent = False
        self._owed.clear()

    # Writing

    def bind(self, member: GroupMember | None) -> None:
        """See `Writer.bind`."""
        self._writer.bind(member)

    def abort(self) -> int:
        """See `Writer.abort`. The transaction cannot be committed any more."""
        forgotten = self._writer.forget()
        if self._sent and self._failure is None:
            self._failure = TransactionAbortableException(
                f"{forgotten} batches of the transaction of {self._transaction.transactional_id!r} were dropped "
                "without an answer: it can only be aborted."
            )
        return forgotten

    def partitions_for(self, topic: str) -> int:
        """See `Writer.partitions_for`."""
        return self._writer.partitions_for(topic)

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        """See `Writer.send`."""
        ended = self._over or self._failure
        if ended is not None:
            done(Sent(partition, -1, -1, ended))
            return
        self._check_open("send")
        self._sent = True
        self._writer.send(partition, batch, partial(self._done, done))

    def await_acks(self, timeout_ms: int) -> int:
        """See `Writer.await_acks`."""
        return self._writer.await_acks(timeout_ms)

    def next_due(self) -> int:
        """See `Writer.next_due`."""
        return self._writer.next_due()

    def fileno(self) -> int:
        """See `Writer.fileno`."""
        return self._writer.fileno()

    def wake(self) -> None:
        """See `Writer.wake`."""
        self._writer.wake()

    def close(self) -> None:
        """See `Writer.close`. A transaction that goes on is aborted by the broker."""
        self._writer.close()

    def _done(self, done: Callable[[Sent], None], sent: Sent) -> None:
        if sent.error is not None and not isinstance(sent.error, OF_ONE_RECORD):
            self._fail(sent.error)
        done(sent)

    # Failures

    def _fail(self, error: KafkaException) -> None:
        """The transaction cannot be committed; nothing more of it is sent, and nothing waited for."""
        if isinstance(error, FENCED):
            self._over = self._over or error
        if self._failure is None:
            self._failure = error
            self._writer.fail(error)

    def _check_over(self) -> None:
        if self._over is not None:
            raise self._over

    def _check_open(self, what: str) -> None:
        self._check_over()
        if self._state is not _State.OPEN:
            raise self._illegal(what, "Call begin first")

    def _illegal(self, what: str, hint: str) -> IllegalStateException:
        name = self._transaction.transactional_id
        return IllegalStateException(f"{what} of {name!r} is not possible now: {self._state.value}. {hint}.")

    def _own(self) -> tuple[int, int]:
        producer = self._identity.producer
        assert producer is not None
        return producer

    def _ask(self, request: Asks[R], timeout_ms: int, unknown: str) -> R:
        """Asks until there is an answer that is not for the moment only.

        Args:
            request: may be asked again, over another connection too.
            timeout_ms: how long.
            unknown: what is to be said where there is none.
        """
        world, name = self._connection.world, self._transaction.transactional_id
        deadline = world.monotonic_ms() + timeout_ms
        last = ""
        while True:
            left = int(deadline - world.monotonic_ms())
            if left <= 0:
                said = f"{type(request).__name__} of {name!r}: no answer from the broker in {timeout_ms} ms."
                raise TimeoutException(f"{said} {unknown}{last}")
            try:
                return self._connection.ask(request, name, left)
            except TimeoutException:
                continue
            except FENCED as error:
                self._over = error
                raise
            except PASSING as error:
                last = f" The broker's last answer was {type(error).__name__}: {error}"
                if isinstance(error, KafkaStorageException):
                    self._settings.troubled("write", f"The broker cannot write: {error}. It is asked again.")
            except BrokerNotFoundException as error:
                if self._connection.closed:
                    raise
                last = f" {error}"
            world.sleep(min(self._settings.retry_backoff_ms, max(1, left)))
