"""Writing in transactions: all of one is seen together, or not at all.

    init --> ready --begin--> open --end--> (asked) --> ready
                               |               |
                               +--- fenced ----+--> over

An end that was asked for is asked again, with the same id and epoch, until its answer is known: the broker remembers it
until the next init. The engine never sees an end before what it ends (`Transport.drain`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

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
from streams.clients.writing.identity import NOBODY, Producer, SharedIdentity
from streams.clients.writing.transport import TransactionCoordinator, Transport
from streams.clients.writing.writer import BatchWriter
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

T = TypeVar("T")

PASSING = (ConcurrentTransactionsException, KafkaStorageException)
"""What the broker answers for the moment: nothing was done, and the same is asked again."""


class _State(enum.Enum):
    """Of the writer; see the drawing above."""

    NEW = "no init_transactions has returned"
    READY = "no transaction goes on"
    OPEN = "a transaction goes on"
    COMMITTING = "a commit was asked for, and its outcome is not known"
    ABORTING = "an abort was asked for, and its outcome is not known"


class TransactionalBatchWriter:
    """A `TransactionalWriter` over one transport.

    Args:
        transport: how batches are sent; its own.
        coordinator: who keeps its transactions.
        transaction: whose transactions, and how long one may take.
        settings: timeouts; `acks` is all.
        unchecked: see `Identity`.
    """

    def __init__(
        self,
        transport: Transport,
        coordinator: TransactionCoordinator,
        transaction: TransactionSettings,
        settings: WriterSettings,
        unchecked: bool = False,
    ) -> None:
        if settings.acks != -1:
            raise IllegalArgumentException(f"A transaction needs acks=all, not {settings.acks}.")
        self._transport = transport
        self._coordinator = coordinator
        self._transaction = transaction
        self._settings = settings
        self._identity = SharedIdentity(transaction.transactional_id, unchecked)
        self._writer = BatchWriter(transport, settings, self._identity)
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
        asked = partial(self._coordinator.init, self._identity.producer or NOBODY)
        unknown = "Whether earlier producers are fenced is not known; call it again."
        self._begin_as(self._ask("InitTransactions", asked, timeout_ms, unknown))

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
        asked = partial(self._coordinator.add_offsets, self._own(), member, offsets)
        self._sent = True
        unknown = "Whether the offsets are part of the transaction is not known; send them again, or abort it."
        try:
            self._ask("TransactionOffsets", asked, timeout_ms, unknown)
        except KafkaException as error:
            self._owed[member.group_id] = error
            raise
        self._owed.pop(member.group_id, None)

    def end(self, commit: bool, timeout_ms: int) -> None:
        """See `TransactionalWriter.end`."""
        self._check_over()
        deadline = self._transport.world.monotonic_ms() + timeout_ms
        asked = _State.COMMITTING if commit else _State.ABORTING
        if self._state is _State.OPEN:
            if commit:
                self._await_all(deadline, timeout_ms)
            else:
                self._writer.forget()
                self._transport.drain(timeout_ms)
            if not self._sent:
                self._ended()
                return
            self._state = asked
        elif self._state is not asked:
            hint = "Call it the same way again" if self._state in (_State.COMMITTING, _State.ABORTING) else "Begin one"
            raise self._illegal(f"end(commit={commit})", hint)
        left = max(1, int(deadline - self._transport.world.monotonic_ms()))
        asked_for = partial(self._coordinator.end, self._own(), commit)
        word = "committed" if commit else "aborted"
        unknown = f"Whether the transaction is {word} is not known; ask the same again."
        self._begin_as(self._ask("EndTransaction", asked_for, left, unknown))

    def _await_all(self, deadline: float, timeout_ms: int) -> None:
        """Waits until everything is acknowledged; raises what keeps the transaction from being committed."""
        now = self._transport.world.monotonic_ms
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

    def _begin_as(self, producer: Producer) -> None:
        self._identity.producer = producer
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

    def _own(self) -> Producer:
        producer = self._identity.producer
        assert producer is not None
        return producer

    def _ask(self, what: str, ask: Callable[[int], T], timeout_ms: int, unknown: str) -> T:
        """Asks until there is an answer that is not for the moment only.

        Args:
            what: its name.
            ask: asks, so many ms long; may be asked again, over another connection too.
            timeout_ms: how long.
            unknown: what is to be said where there is none.
        """
        world, name = self._transport.world, self._transaction.transactional_id
        deadline = world.monotonic_ms() + timeout_ms
        last = ""
        while True:
            left = int(deadline - world.monotonic_ms())
            if left <= 0:
                said = f"{what} of {name!r}: no answer from the broker in {timeout_ms} ms."
                raise TimeoutException(f"{said} {unknown}{last}")
            try:
                return ask(left)
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
                if self._transport.closed:
                    raise
                last = f" {error}"
            world.sleep(min(self._settings.retry_backoff_ms, max(1, left)))
