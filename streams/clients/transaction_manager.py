"""The transactions of one producer: what it may do now, and what an error makes of that.

Source: Kafka's `TransactionManager`; states, their names and the texts of wrong turns are those of its.

    UNINITIALIZED --init--> READY --begin--> IN_TRANSACTION --commit--> COMMITTING_TRANSACTION --> READY
                                                  | a record failed
                                                  v
                                           ABORTABLE_ERROR --abort--> ABORTING_TRANSACTION --> READY

    FATAL_ERROR from everywhere: another producer has taken over, or the engine has ended the transaction by itself.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.clients.api import FENCED, ConsumerGroupMetadata, Position, TransactionalWriter
from streams.errors import (
    CommitFailedException,
    IllegalGenerationException,
    IllegalStateException,
    InvalidProducerEpochException,
    KafkaException,
    ProducerFencedException,
    TimeoutException,
    TransactionAbortableException,
    UnknownMemberIdException,
)
from streams.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator


class State(enum.Enum):
    """What a producer is about."""

    UNINITIALIZED = enum.auto()
    READY = enum.auto()
    IN_TRANSACTION = enum.auto()
    COMMITTING_TRANSACTION = enum.auto()
    ABORTING_TRANSACTION = enum.auto()
    ABORTABLE_ERROR = enum.auto()
    FATAL_ERROR = enum.auto()


_FIRST = {
    State.UNINITIALIZED: "Call init_transactions() first",
    State.READY: "Call begin_transaction() first",
    State.IN_TRANSACTION: "End the transaction that goes on first, by commit_transaction() or abort_transaction()",
    State.COMMITTING_TRANSACTION: "Call commit_transaction() again until it returns: its outcome is not known yet",
    State.ABORTING_TRANSACTION: "Call abort_transaction() again until it returns",
}
"""What to do in a state instead of what is not allowed in it."""


class TransactionManager:
    """Used under the lock of its producer.

    Args:
        writer: writes the transactions.
        transactional_id: whose they are.
    """

    def __init__(self, writer: TransactionalWriter, transactional_id: str) -> None:
        self._writer = writer
        self._name = transactional_id
        self._error: KafkaException | None = None
        self._unanswered: set[str] = set()  # groups whose positions may or may not be part of the transaction
        self.state = State.UNINITIALIZED
        self.number = 0
        """How many transactions have ended."""

    @property
    def can_abort(self) -> bool:
        """Does a transaction go on that nobody has asked to end?"""
        return self.state in (State.IN_TRANSACTION, State.ABORTABLE_ERROR)

    def init(self, timeout_ms: int) -> None:
        """See `Producer.init_transactions`."""
        self._check_error()
        if self.state is not State.UNINITIALIZED:
            raise self._wrong("INITIALIZING", "It is called once, before the first transaction")
        with self._noting():
            self._writer.init(timeout_ms)
        self.state = State.READY

    def begin(self) -> None:
        """See `Producer.begin_transaction`."""
        self._check_error()
        if self.state is not State.READY:
            raise self._wrong("IN_TRANSACTION")
        self._writer.begin()
        self.state = State.IN_TRANSACTION

    def check_send(self) -> None:
        """May a record be sent now?"""
        if self.state is State.IN_TRANSACTION:
            return
        self._check_error()
        if self.state is State.UNINITIALIZED:
            raise IllegalStateException(
                "Cannot add a partition to a transaction before completing a call to initTransactions. "
                "Call init_transactions(), and begin_transaction(), before send()."
            )
        said = f"Cannot add a partition to a transaction while in state {self.state.name}"
        raise IllegalStateException(f"{said}. {_FIRST[self.state]}.")

    def send_offsets(
        self, offsets: Mapping[TopicPartition, Position], metadata: ConsumerGroupMetadata, timeout_ms: int
    ) -> None:
        """See `Producer.send_offsets_to_transaction`."""
        self._check_error()
        if self.state is not State.IN_TRANSACTION:
            said = f"Cannot send offsets if a transaction is not in progress (currentState= {self.state.name})"
            raise IllegalStateException(f"{said}. {_FIRST[self.state]}.")
        self._unanswered.add(metadata.group_id)
        try:
            with self._noting():
                self._writer.send_offsets(metadata, offsets, timeout_ms)
            self._unanswered.discard(metadata.group_id)
        except (UnknownMemberIdException, IllegalGenerationException) as error:
            raise CommitFailedException(
                f"Transaction offset Commit failed due to consumer group metadata mismatch: {str(error).rstrip('.')}. "
                "Call abort_transaction(), and poll: the partitions belong to another consumer by now, or will be "
                "assigned anew. Take consumer.group_metadata() anew for each transaction."
            ) from error

    def begin_commit(self) -> None:
        """A commit is asked for: no record goes in any more."""
        self._check_error()
        if self.state not in (State.IN_TRANSACTION, State.COMMITTING_TRANSACTION):
            raise self._wrong("COMMITTING_TRANSACTION")
        if self._unanswered:
            raise IllegalStateException(
                "Cannot attempt operation `commitTransaction` because the previous call to "
                f"`sendOffsetsToTransaction` for {', '.join(sorted(self._unanswered))} timed out and must be retried. "
                "Call send_offsets_to_transaction() again, or abort_transaction()."
            )
        self.state = State.COMMITTING_TRANSACTION

    def not_committed(self) -> None:
        """The engine was not asked yet, and will not be: the transaction goes on."""
        if self.state is State.COMMITTING_TRANSACTION:
            self.state = State.IN_TRANSACTION

    def commit(self, timeout_ms: int) -> None:
        """Asks the engine to commit; `begin_commit` was called, and all records have left."""
        self._check_error()
        if self.state is not State.COMMITTING_TRANSACTION:  # another thread has given up meanwhile
            raise self._wrong("COMMITTING_TRANSACTION", "Call commit_transaction() again")
        with self._noting():
            self._writer.end(True, timeout_ms)
        self._ended()

    def begin_abort(self) -> None:
        """An abort is asked for."""
        if self.state is not State.ABORTABLE_ERROR:
            self._check_error()
        if not self.can_abort and self.state is not State.ABORTING_TRANSACTION:
            if self.state is State.COMMITTING_TRANSACTION:
                raise IllegalStateException(
                    "Cannot attempt operation `abortTransaction` because the previous call to `commitTransaction` "
                    f"timed out and must be retried. {_FIRST[self.state]}."
                )
            raise self._wrong("ABORTING_TRANSACTION")
        self.state = State.ABORTING_TRANSACTION

    def abort(self, timeout_ms: int) -> None:
        """Asks the engine to abort; `begin_abort` was called."""
        with self._noting():
            self._writer.end(False, timeout_ms)
        self._ended()

    def failed(self, error: KafkaException) -> None:
        """Something of the transaction failed for good: it can only be aborted, or not even that."""
        if isinstance(error, FENCED):
            if self.state is not State.FATAL_ERROR:
                self._error = error
            self.state = State.FATAL_ERROR
        elif self.state in (State.IN_TRANSACTION, State.COMMITTING_TRANSACTION):
            self._error = error
            self.state = State.ABORTABLE_ERROR

    def _ended(self) -> None:
        self._error = None
        self._unanswered.clear()
        self.state = State.READY
        self.number += 1

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Of what the engine refuses the state takes notice; of a timeout nothing is known."""
        try:
            yield
        except (TimeoutException, IllegalStateException):
            raise
        except KafkaException as error:
            self.failed(error)
            raise

    def _check_error(self) -> None:
        error = self._error
        if error is None:
            return
        said = str(error).rstrip(".")
        who = f"Producer with transactionalId '{self._name}'"
        last = "Close this producer; one that is made anew goes on after init_transactions()."
        match error:
            case ProducerFencedException():
                fenced = "has been fenced by another producer with the same transactionalId, or by the engine"
                raise ProducerFencedException(f"{who} {fenced}: {said}. {last}") from error
            case InvalidProducerEpochException():
                old = "attempted to produce with an old epoch"
                raise InvalidProducerEpochException(f"{who} {old}: {said}. {last}") from error
        state = "Cannot execute transactional method because we are in an error state"
        if self.state is State.FATAL_ERROR:
            raise type(error)(f"{state}: {said}. {last}") from error
        hint = "Call abort_transaction(), then begin the next"
        raise TransactionAbortableException(f"{state}: {type(error).__name__}: {said}. {hint}.") from error

    def _wrong(self, to: str, hint: str = "") -> IllegalStateException:
        return IllegalStateException(
            f"TransactionalId {self._name}: Invalid transition attempted from state {self.state.name} to state {to}. "
            f"{hint or _FIRST[self.state]}."
        )
