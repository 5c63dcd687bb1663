"""From outboxes to the writer: what is on its way, what has arrived, what was refused.

Acknowledgements of changelog batches move the position of their store; errors that the writer did not get rid of go
to the production exception handler. Where the group has put the worker out it is not asked: all tasks have moved.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from streams.clients.api import FENCED, OF_ONE_RECORD, GroupMember, Sent, Writer
from streams.clients.request_size import LARGEST, check_request_size
from streams.dropped import Drop
from streams.errors import (
    FencedInstanceIdException,
    FencedMemberEpochException,
    KafkaException,
    OutOfOrderSequenceException,
    RetriableException,
    StreamsException,
    TaskCorruptedException,
    TaskMigratedException,
    TimeoutException,
    TransactionAbortableException,
    TransactionAbortedException,
)
from streams.exception_handlers import Answer, DeadLetter, ErrorHandlerContext, error_handler
from streams.record import RecordBatch, TopicPartition
from streams.runtime.compile.handlers import PRODUCTION, UnsentRecord, answered
from streams.runtime.compile.outbox import BATCH_BYTES, Outgoing
from streams.runtime.worker.client_metrics import ClientMetrics
from streams.topology.node import TaskId

log = logging.getLogger("streams.runtime.sender")

MEMBER_ENDED = (FencedMemberEpochException, FencedInstanceIdException)
WRITER_ENDED = (*MEMBER_ENDED, *FENCED)
OF_THE_TRANSACTION = (TransactionAbortableException, TransactionAbortedException, OutOfOrderSequenceException)
"""Only an abort helps, and it does."""


class Refusal(NamedTuple):
    """A batch that did not arrive: whose it was, and what becomes of its task."""

    task: TaskId
    error: StreamsException


class OnItsWay(NamedTuple):
    """A batch that is not acknowledged yet: whose it is, and the lowest timestamp in it."""

    task: TaskId
    partition: TopicPartition
    oldest: int


class Sender:
    """The output of one worker.

    Args:
        writer: where to.
        config: names the production exception handler.
        dropped: counts records that the handler let go.
        dead_letter: takes the dead letters of a task; the last argument: of an error that ends the worker.
        largest: bytes of a request with one record at most (`max.request.size`).
        aside: where that goes which is no task's output; None: to the same writer.
        transactional: output is written in transactions. It is seen by nobody before they are committed, and of a batch
            that is never stored no transaction can be committed.
    """

    def __init__(
        self,
        writer: Writer,
        config: Mapping[str, object],
        dropped: Drop,
        dead_letter: Callable[[TaskId, DeadLetter, bool], None],
        largest: int = LARGEST,
        aside: Writer | None = None,
        transactional: bool = False,
    ) -> None:
        self._writer = writer
        self._handler = error_handler(config[PRODUCTION], config)
        self._dropped = dropped
        self._dead_letter = dead_letter
        self._largest = largest
        self._aside = aside
        self._transactional = transactional
        self._doomed = False
        """The transaction cannot be committed, and that has been told."""
        self._ends: dict[TopicPartition, int] = {}
        self._log_epochs: dict[TopicPartition, int] = {}
        self._on_its_way: dict[int, OnItsWay] = {}
        self._in_parts: dict[int, int] = {}
        """Records without an answer of the batches that were divided."""
        self.watched: frozenset[str] = frozenset()
        """Topics whose batches are known by their age until others can read them."""
        self._unseen: dict[tuple[TaskId, TopicPartition], int] = {}
        """What is stored of them and in no committed transaction yet: the lowest timestamps."""
        self.refusals: list[Refusal] = []
        self.measured: ClientMetrics | None = None
        """Counts what is sent; None: nobody does."""
        self._closed = False
        self._fenced: KafkaException | None = None
        self.member: GroupMember | None = None
        """In whose name output leaves."""
        self.outstanding = 0
        """Records without an answer."""
        self._unsure = 0
        """Records in them, and in the batches that the group's word has refused."""
        self._fenced_batches = 0

    def bind(self, member: GroupMember) -> None:
        """All output bears the name of this member from now on, and is refused once it is none (decision 39)."""
        self._bind(member)

    def _bind(self, member: GroupMember | None) -> None:
        self.member = member
        self._writer.bind(member)
        if self._aside is not None:
            self._aside.bind(member)

    def abort(self) -> tuple[int, int]:
        """The membership is over, and all that was sent in its name: nothing of it is sent again, and no answer counts.

        Returns:
            How many batches and records were not stored, or nobody knows.
        """
        dropped = self.forget()
        if self._aside is not None:
            self._aside.abort()
        self._bind(None)
        return dropped

    def forget(self) -> tuple[int, int]:
        """Nothing of what has no answer is sent again, and no answer counts; where it is written in a transaction, that
        is aborted. Returns as `abort`."""
        dropped = self._writer.abort() + self._fenced_batches, self._unsure
        self._doomed = False
        if self.measured is not None:
            self.measured.forgotten()
        self.outstanding = self._unsure = self._fenced_batches = 0
        self._fenced = None
        self._ends.clear()
        self._log_epochs.clear()
        self._on_its_way.clear()
        self._unseen.clear()
        self._in_parts.clear()
        self.refusals.clear()
        return dropped

    def committed(self) -> None:
        """The transaction is: everybody can read what was sent."""
        self._unseen.clear()

    def send(self, task: TaskId, batches: Iterable[Outgoing], dead_letters: bool = False) -> int:
        """Sends batches of a task; returns how many.

        Args:
            dead_letters: that is what they hold. Where one of them is refused the handler is asked as ever, but has
                no dead letters for dead letters.
        """
        count = 0
        for partition, whole in batches:
            # A batch of several records holds at most BATCH_BYTES, so most need not be looked at.
            look = len(whole) == 1 or self._largest < 2 * BATCH_BYTES
            batch = self._fitting(task, partition, whole, dead_letters) if look else whole
            if not len(batch):
                continue
            self.outstanding += len(batch)
            self._unsure += len(batch)
            if partition.topic in self.watched:
                self._on_its_way[id(batch)] = OnItsWay(task, partition, min(batch.timestamps))
            count += 1
            at = 0.0 if self.measured is None else self.measured.sent(partition, batch)
            self._writer.send(partition, batch, partial(self._sent, task, batch, dead_letters, at))
        return count

    def tell(self, partition: TopicPartition, batch: RecordBatch) -> None:
        """Sends a batch that is no task's output. If it does not arrive, that is only logged."""
        if self._aside is None:
            self.outstanding += len(batch)
        (self._aside or self._writer).send(partition, batch, partial(self._told, len(batch)))

    def _told(self, records: int, sent: Sent) -> None:
        part = sent.part(records)
        if self._aside is None:
            self.outstanding -= part.stop - part.start
        if isinstance(sent.error, MEMBER_ENDED):
            self._fenced = sent.error
        elif sent.error is not None and not self._closed:
            log.warning("A record to %s did not arrive: %s", sent.partition, sent.error)

    def look(self) -> None:
        """Takes the acknowledgements that have arrived; does not wait.

        Raises:
            TaskMigratedException: the group has put the worker out.
            FencedInstanceIdException: another worker has its `group.instance.id`.
            KafkaException: the transaction is lost: another writer has its id, or the engine has ended it.
        """
        if self.outstanding:
            self._writer.await_acks(0)
        if self._aside is not None:
            self._aside.await_acks(0)
        self._raise_fenced()

    def await_acks(self, timeout_ms: int) -> None:
        """Waits until everything is acknowledged or refused.

        Raises:
            TaskMigratedException, FencedInstanceIdException, KafkaException: as `look`.
            TimeoutException: something is still on its way.
        """
        left = self._writer.await_acks(timeout_ms) if self.outstanding else 0
        self._raise_fenced()
        if left:
            raise TimeoutException(
                f"{self.outstanding} records were not acknowledged within {timeout_ms} ms. "
                "Is the broker alive and its disk writable?"
            )

    def next_due(self) -> int:
        """When the writer wants to be looked after, in ms of the monotonic clock."""
        return self._writer.next_due()

    def end_of(self, partition: TopicPartition) -> int | None:
        """The offset after the last acknowledged record of a partition; None: nothing was sent there."""
        return self._ends.get(partition)

    def log_epoch_of(self, partition: TopicPartition) -> int:
        """A life of a partition's log in which all up to there lies in it (`Sent.log_epoch`); -1: it is not told."""
        return self._log_epochs.get(partition, -1)

    def reaches(self, partition: TopicPartition, offset: int) -> bool:
        """Has something been sent to a watched partition that lies at this offset or after it, or may?"""
        waits = any(each.partition == partition for each in self._on_its_way.values())
        waits = waits or any(unseen == partition for _, unseen in self._unseen)
        return waits or self._ends.get(partition, 0) > offset

    @property
    def withholds(self) -> bool:
        """Is something stored in watched topics that others cannot read before it is committed?"""
        return bool(self._unseen)

    def unseen(self, task: TaskId) -> int | None:
        """The lowest timestamp of what a task has sent to watched topics and others cannot read yet; None: nothing."""
        out = [each.oldest for each in self._on_its_way.values() if each.task == task]
        return min([*out, *(oldest for (owner, _), oldest in self._unseen.items() if owner == task)], default=None)

    def take_refusals(self) -> list[Refusal]:
        """What was refused since the last call."""
        found, self.refusals = self.refusals, []
        return found

    def close(self) -> None:
        """Whatever becomes of what is still out, its tasks have been given up: no handler is asked."""
        self._closed = True

    def _raise_fenced(self) -> None:
        if isinstance(self._fenced, FencedMemberEpochException):
            raise migrated(self._fenced)
        if self._fenced is not None:
            raise self._fenced

    def _sent(self, task: TaskId, whole: RecordBatch, dead_letters: bool, at: float, sent: Sent) -> None:
        part = sent.part(len(whole))
        batch = whole if part.stop - part.start == len(whole) else _chosen(whole, list(range(part.start, part.stop)))
        self.outstanding -= len(batch)
        left = self._in_parts.pop(id(whole), len(whole)) - len(batch)
        if self.measured is not None:
            self.measured.answered(len(batch), at, sent.error is not None, not left)
        if left:
            self._in_parts[id(whole)] = left
        else:
            out = self._on_its_way.pop(id(whole), None)
            if out is not None and self._transactional:
                where = out.task, out.partition
                self._unseen[where] = min(out.oldest, self._unseen.get(where, out.oldest))
        if self._closed:
            return
        if isinstance(sent.error, WRITER_ENDED if self._transactional else MEMBER_ENDED):
            self._fenced = sent.error  # no handler is asked: nothing that this worker has sent counts
            self._fenced_batches += 1
            return
        self._unsure -= len(batch)
        if sent.error is None:
            if sent.base_offset >= 0:
                end = sent.base_offset + len(batch)
                self._ends[sent.partition] = max(end, self._ends.get(sent.partition, 0))
                if sent.log_epoch >= 0:
                    self._log_epochs[sent.partition] = max(sent.log_epoch, self.log_epoch_of(sent.partition))
            return
        if self._transactional and not isinstance(sent.error, OF_ONE_RECORD):
            self._doom(task, batch, sent, sent.error, dead_letters)
            return
        error = self._judged(task, batch, sent, sent.error, dead_letters)
        if error is not None:
            self.refusals.append(Refusal(task, error))

    def _doom(self, task: TaskId, batch: RecordBatch, sent: Sent, error: KafkaException, dead_letters: bool) -> None:
        """A batch that is not stored, for another reason than what its records are: the transaction cannot be
        committed, and all that comes after it ends the same way. So the handler is asked only once."""
        if self._doomed:
            return
        self._doomed = True
        failure: StreamsException | None
        if isinstance(error, OF_THE_TRANSACTION):
            failure = _caused(TaskCorruptedException(f"The transaction cannot be committed: {error}"), error)
        else:
            failure = self._judged(task, batch, sent, error, dead_letters)
        if failure is None:
            failure = _caused(
                StreamsException(
                    f"{len(batch)} records to topic {sent.partition.topic} of task {task} cannot be let go, as the "
                    f"production exception handler says: the transaction that they are part of cannot be committed "
                    f"without them. {type(error).__name__}: {error}"
                ),
                error,
            )
        self.refusals.append(Refusal(task, failure))

    def _fitting(
        self, task: TaskId, partition: TopicPartition, batch: RecordBatch, dead_letters: bool
    ) -> RecordBatch:
        """The batch without the records that are too large to be sent; the handler has its word on those."""
        headers = batch.headers or [()] * len(batch)
        errors = [
            check_request_size(key, value, own, self._largest)
            for key, value, own in zip(batch.keys, batch.values, headers, strict=True)
        ]
        for at, error in enumerate(errors):
            if error is not None:
                sent = Sent(partition, -1, -1, error)
                failure = self._judged(task, _chosen(batch, [at]), sent, error, dead_letters)
                if failure is not None:
                    self.refusals.append(Refusal(task, failure))
        fitting = [at for at, error in enumerate(errors) if error is None]
        return batch if len(fitting) == len(batch) else _chosen(batch, fitting)

    def _judged(
        self, task: TaskId, batch: RecordBatch, sent: Sent, error: KafkaException, dead_letters: bool
    ) -> StreamsException | None:
        """The handler's word on every record of a batch; None where all are let go."""
        topic, partition = sent.partition
        words = (
            f"Error encountered sending record to topic {topic} for task {task} due to:\n"
            f"{type(error).__name__}: {error}"
        )
        answers = set()
        try:
            for at, timestamp in enumerate(batch.timestamps):
                headers = batch.headers[at] if batch.headers is not None else ()
                key, value = batch.keys[at], batch.values[at]
                record = UnsentRecord(topic, key, value, timestamp, headers)
                context = ErrorHandlerContext(topic, partition, -1, headers, "", task, timestamp, key, value)
                response = answered(self._handler, context, record, error, "production")
                answers.add(response.answer)
                for letter in () if dead_letters else response.dead_letters:
                    self._dead_letter(task, letter, response.answer is Answer.FAIL)
        except StreamsException as fatal:
            return fatal
        if answers == {Answer.RESUME}:
            log.warning("%s\nThe production exception handler lets %d records go.", words, len(batch))
            self._dropped.add(len(batch))
            return None
        if Answer.FAIL not in answers and isinstance(error, RetriableException):
            return _caused(
                TaskCorruptedException(f"{words}\nThe task is taken back to its last commit and tries again."), error
            )
        return _caused(
            StreamsException(
                f"{words}\nException handler choose to FAIL the processing, no more records would be sent."
            ),
            error,
        )


def migrated(cause: FencedMemberEpochException) -> TaskMigratedException:
    """What it means to a worker that something was refused in its name."""
    failure = TaskMigratedException(f"The group has put this worker out, and its tasks are others' now: {cause}")
    failure.__cause__ = cause
    return failure


def _chosen(batch: RecordBatch, places: list[int]) -> RecordBatch:
    """Some records of a batch that is to be sent."""
    return RecordBatch(
        [batch.keys[at] for at in places],
        [batch.values[at] for at in places],
        [batch.timestamps[at] for at in places],
        None if batch.headers is None else [batch.headers[at] for at in places],
        range(len(places)),
        len(places),
    )


def _caused(failure: StreamsException, cause: Exception) -> StreamsException:
    failure.__cause__ = cause
    return failure
