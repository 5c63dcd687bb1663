"""Writing to Kafka in transactions: librdkafka's transactional producer, with a member's own name on the positions.

    init --> ready --begin--> open --end--> ready
                                |
                                +--fenced--> over

librdkafka asks an end that was asked for again by itself; where it gives up for the time, the same call goes on.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Mapping
from typing import NoReturn

import confluent_kafka as native
from confluent_kafka import KafkaError

from streams.clients.api import ConsumerGroupMetadata, GroupMember, Position, Sent, TransactionSettings, WriterSettings
from streams.clients.kafka.cluster import Cluster
from streams.clients.kafka.offsets import Refused, handle_of, send_offsets
from streams.clients.kafka.writer import KafkaWriter, error_of
from streams.errors import (
    IllegalArgumentException,
    IllegalStateException,
    InvalidProducerEpochException,
    InvalidTxnStateException,
    InvalidTxnTimeoutException,
    KafkaException,
    ProducerFencedException,
    TimeoutException,
)
from streams.record import RecordBatch, TopicPartition

OVER = (ProducerFencedException, InvalidProducerEpochException, InvalidTxnStateException)


class _State(enum.Enum):
    """Of the writer; see the drawing above."""

    NEW = "no init_transactions has returned"
    READY = "no transaction goes on"
    OPEN = "a transaction goes on"
    COMMITTING = "a commit was asked for, and its outcome is not known"
    ABORTING = "an abort was asked for, and its outcome is not known"


class KafkaTransactionalWriter:
    """A `TransactionalWriter` over a producer of its own.

    Args:
        settings: of the connections, by librdkafka's names.
        transaction: whose transactions, and how long one may take.
        writing: timeouts; `acks` is all.
        cluster: for what is asked of topics.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        transaction: TransactionSettings,
        writing: WriterSettings,
        cluster: Cluster,
    ) -> None:
        if writing.acks != -1:
            raise IllegalArgumentException(f"A transaction needs acks=all, not {writing.acks}.")
        self._transaction = transaction
        named = {"transactional.id": transaction.transactional_id, "transaction.timeout.ms": transaction.timeout_ms}
        longest = min(writing.delivery_timeout_ms, transaction.timeout_ms)
        self._writer = KafkaWriter({**settings, **named}, writing, cluster, longest)
        self._state = _State.NEW
        self._failure: KafkaException | None = None
        self._over: KafkaException | None = None

    # Transactions

    def init(self, timeout_ms: int) -> None:
        """See `TransactionalWriter.init`. librdkafka does it once for each producer: again it finds it done."""
        self._check_over()
        if self._state is _State.NEW:
            self._call(lambda producer: producer.init_transactions(timeout_ms / 1_000), "Call it again.")
            self._state = _State.READY
        elif self._state is not _State.READY:
            raise self._illegal("init", "End it first")

    def begin(self) -> None:
        """See `TransactionalWriter.begin`."""
        self._check_over()
        if self._state is not _State.READY:
            raise self._illegal("begin", "Call init first" if self._state is _State.NEW else "End it first")
        self._call(lambda producer: producer.begin_transaction(), "Call it again.")
        self._state, self._failure = _State.OPEN, None

    def send_offsets(
        self, member: ConsumerGroupMetadata, offsets: Mapping[TopicPartition, Position], timeout_ms: int
    ) -> None:
        """See `TransactionalWriter.send_offsets`."""
        self._check_open("send_offsets")
        if self._failure is not None:
            raise self._failure
        if not offsets:
            return
        producer = self._writer.opened()
        refused = send_offsets(handle_of(producer, self._writer.client_id), member, offsets, timeout_ms)
        if refused is None:
            return
        try:
            self._raise(refused, "Whether the offsets are part of the transaction is not known; send them again.")
        except TimeoutException:
            raise
        except KafkaException as error:
            self._fail(error)
            raise

    def end(self, commit: bool, timeout_ms: int) -> None:
        """See `TransactionalWriter.end`."""
        self._check_over()
        asked = _State.COMMITTING if commit else _State.ABORTING
        if self._state not in (_State.OPEN, asked):
            raise self._illegal("end", "Begin one first" if self._state is _State.READY else "Ask for the same again")
        deadline = self._writer.world.monotonic_ms() + timeout_ms
        if commit and self._state is _State.OPEN:
            if self._writer.await_acks(timeout_ms):
                raise TimeoutException(
                    f"{self._transaction.transactional_id}: not every record was acknowledged in {timeout_ms} ms."
                )
            if self._failure is not None:
                self._check_over()
                raise self._failure
        elif not commit:
            self._writer.forget()
        left_s = max(0.001, (deadline - self._writer.world.monotonic_ms()) / 1_000)
        words = "How the transaction ended is not known; ask again."
        before, self._state = self._state, asked
        try:
            if commit:
                self._failing(lambda producer: producer.commit_transaction(left_s), words)
            else:
                self._call(lambda producer: producer.abort_transaction(left_s), words)
        except TimeoutException:
            raise
        except KafkaException:
            self._state = before if before is not asked else _State.OPEN
            raise
        self._state, self._failure = _State.READY, None

    # Writing

    def bind(self, member: GroupMember | None) -> None:
        """See `Writer.bind`: transactions are bound by their positions."""

    def abort(self) -> int:
        """See `Writer.abort`."""
        name = self._transaction.transactional_id
        self._fail(KafkaException(f"{name}: what was out was given up, so the transaction can only be aborted."))
        return self._writer.forget()

    def partitions_for(self, topic: str) -> int:
        """See `Writer.partitions_for`."""
        return self._writer.partitions_for(topic)

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        """See `Writer.send`. A record that a broker refuses for what it is fails the transaction, as in Java."""
        self._check_open("send")
        if self._failure is not None:
            done(Sent(partition, -1, -1, self._failure))
            return

        def told(sent: Sent) -> None:
            if sent.error is not None:
                self._fail(sent.error)
            done(sent)

        self._writer.send(partition, batch, told)

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
        """See `Writer.close`. A transaction that goes on is aborted."""
        if self._state is _State.OPEN and self._over is None:
            with contextlib.suppress(KafkaException):  # the brokers abort it when its time is over
                self.end(False, 2_000)
        self._writer.close()

    # What fails

    def _call(self, call: Callable[[native.Producer], None], unknown: str) -> None:
        """Asks librdkafka; raises what the answer means.

        Args:
            unknown: what is not known where no answer came in time.
        """
        try:
            call(self._writer.opened())
        except native.KafkaException as failed:
            error: KafkaError = failed.args[0]
            self._raise(Refused(error.code(), error.str(), error.retriable(), error.fatal()), unknown)

    def _raise(self, refused: Refused, unknown: str) -> NoReturn:
        name, (code, words, retriable, fatal) = self._transaction.transactional_id, refused
        if code in (KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE) or retriable:
            raise TimeoutException(f"{name}: no answer in time. {unknown}")
        if code == InvalidTxnTimeoutException.code:
            raise InvalidTxnTimeoutException(
                f"{name}: {self._transaction.timeout_ms} ms is more than the brokers' transaction.max.timeout.ms."
            )
        if code in (KafkaError._STATE, KafkaError._CONFLICT) and not fatal:
            raise IllegalStateException(f"{name}: {words}")
        raised = self._writer.fatal() or error_of(code, words, name)
        if isinstance(raised, OVER):
            self._over = raised
        raise raised

    def _failing(self, call: Callable[[native.Producer], None], unknown: str) -> None:
        """As `_call`; what fails fails the transaction."""
        try:
            self._call(call, unknown)
        except TimeoutException:
            raise
        except KafkaException as error:
            self._fail(error)
            raise

    def _fail(self, error: KafkaException) -> None:
        if self._failure is None:
            self._failure = error
        if isinstance(error, OVER):
            self._over = error

    def _check_over(self) -> None:
        if self._over is not None:
            raise self._over

    def _check_open(self, call: str) -> None:
        self._check_over()
        if self._state is not _State.OPEN:
            raise self._illegal(call, "Call begin first")

    def _illegal(self, call: str, hint: str) -> IllegalStateException:
        name = self._transaction.transactional_id
        return IllegalStateException(f"{name}: {call}: {self._state.value}. {hint}.")
