"""What is on its way, what has arrived, and what the production exception handler says of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from streams.clients.api import GroupMember, Sent, Writer
from streams.dropped import Drop
from streams.errors import (
    FencedInstanceIdException,
    FencedMemberEpochException,
    KafkaException,
    RecordTooLargeException,
    StreamsException,
    TaskCorruptedException,
    TaskMigratedException,
    TimeoutException,
)
from streams.exception_handlers import DeadLetter, DefaultProductionExceptionHandler, ErrorHandlerContext, Response
from streams.record import RecordBatch, TopicPartition
from streams.runtime.compile.handlers import PRODUCTION
from streams.runtime.compile.outbox import Outgoing
from streams.runtime.worker.sender import Sender
from streams.topology.node import TaskId
from tests.streams.runtime.estate import Engines

TASK = TaskId(0, 0)
OUT = TopicPartition("out", 0)


def outgoing(*values: bytes, topic: TopicPartition = OUT) -> Outgoing:
    keys: list[bytes | None] = [b"k"] * len(values)
    return Outgoing(topic, RecordBatch(keys, list(values), [7] * len(values), None, range(len(values)), len(values)))


class Case:
    """A sender over a writer, with a handler."""

    def __init__(self, writer: Writer, handler: object = DefaultProductionExceptionHandler) -> None:
        self.dropped = Drop()
        self.dead_letters: list[tuple[TaskId, DeadLetter]] = []
        config = {PRODUCTION: handler, "errors.dead.letter.queue.topic.name": None}
        self.sender = Sender(
            writer, config, self.dropped, lambda task, letter, last: self.dead_letters.append((task, letter))
        )


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    made.topic("out")
    made.topic("small", max_message_bytes="200")
    yield made
    made.close()


SMALL = TopicPartition("small", 0)
LARGE = b"x" * 1_000


def test_acknowledged_ends_are_known(engines: Engines) -> None:
    sender = Case(engines.writer).sender
    assert sender.end_of(OUT) is None
    assert sender.send(TASK, [outgoing(b"1", b"2"), outgoing(b"3")]) == 2
    assert sender.outstanding == 3
    sender.await_acks(10_000)
    assert sender.outstanding == 0 and sender.end_of(OUT) == 3
    sender.look()
    assert sender.take_refusals() == []


def test_what_the_broker_refuses_fails_the_task_by_default(engines: Engines) -> None:
    sender = Case(engines.writer).sender
    sender.send(TASK, [outgoing(LARGE, topic=SMALL)])
    sender.await_acks(10_000)
    ((task, error),) = sender.take_refusals()
    assert task == TASK and type(error) is StreamsException
    assert isinstance(error.__cause__, RecordTooLargeException)
    assert str(error).startswith("Error encountered sending record to topic small for task 0_0 due to:\nRecordTooLarge")
    assert str(error).endswith("Exception handler choose to FAIL the processing, no more records would be sent.")
    assert sender.take_refusals() == [] and sender.end_of(SMALL) is None


def test_what_may_be_let_go_is_counted_and_its_dead_letters_are_sent(engines: Engines) -> None:
    seen: list[tuple[object, ...]] = []

    def let_go(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
        seen.append((context.topic, context.partition, context.task_id, getattr(record, "value", None)))
        return Response.resume([DeadLetter("dead", b"k", b"v", 7, ())])

    case = Case(engines.writer, let_go)
    case.sender.send(TASK, [outgoing(LARGE, LARGE, topic=SMALL)])
    case.sender.await_acks(10_000)
    assert case.sender.take_refusals() == [] and case.dropped.value == 2
    assert [task for task, _ in case.dead_letters] == [TASK, TASK]
    assert seen == [("small", 0, TASK, LARGE)] * 2


class Failing:
    """A writer whose batches end as they are told to, or never."""

    def __init__(self, *ends: KafkaException | None) -> None:
        self.ends = list(ends)

    def bind(self, member: GroupMember | None) -> None: ...

    def abort(self) -> int:
        return 1

    def partitions_for(self, topic: str) -> int:
        return 1

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        if self.ends:
            done(Sent(partition, -1, -1, self.ends.pop(0)))

    def await_acks(self, timeout_ms: int) -> int:
        return 1

    def next_due(self) -> int:
        return 5

    def fileno(self) -> int:
        return -1

    def wake(self) -> None: ...
    def close(self) -> None: ...


class InEpochs(Failing):
    """A writer whose batches are stored at once, each in another life of the log."""

    def __init__(self, *epochs: int) -> None:
        super().__init__()
        self.epochs = list(epochs)

    def abort(self) -> int:
        return 0

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        done(Sent(partition, 10 - len(self.epochs), -1, None, log_epoch=self.epochs.pop(0)))


def retry(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
    return Response.retry()


def test_what_is_to_be_tried_again_takes_the_task_back() -> None:
    sender = Case(Failing(TimeoutException("late")), retry).sender
    sender.send(TASK, [outgoing(b"1")])
    ((_, error),) = sender.take_refusals()
    assert isinstance(error, TaskCorruptedException) and isinstance(error.__cause__, TimeoutException)
    assert "taken back to its last commit and tries again" in str(error)


def test_what_cannot_succeed_is_not_tried_again() -> None:
    sender = Case(Failing(RecordTooLargeException("large")), retry).sender
    sender.send(TASK, [outgoing(b"1")])
    ((_, error),) = sender.take_refusals()
    assert type(error) is StreamsException


def test_one_record_that_must_not_be_lost_speaks_for_its_batch() -> None:
    def some(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
        return Response.resume() if getattr(record, "value", None) == b"1" else Response.fail()

    case = Case(Failing(TimeoutException("late")), some)
    case.sender.send(TASK, [outgoing(b"1", b"2")])
    assert type(case.sender.take_refusals()[0].error) is StreamsException and case.dropped.value == 0


def test_acknowledgements_that_do_not_come_are_an_error() -> None:
    sender = Case(Failing()).sender
    sender.send(TASK, [outgoing(b"1")])
    assert sender.next_due() == 5
    with pytest.raises(TimeoutException, match="1 records were not acknowledged within 10 ms"):
        sender.await_acks(10)


def asked_in_vain(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
    raise AssertionError("the handler was asked")


def test_what_is_refused_because_the_worker_was_put_out_is_no_matter_for_a_handler() -> None:
    ends = (None, FencedMemberEpochException("out"), FencedMemberEpochException("out"))
    sender = Case(Failing(*ends), asked_in_vain).sender
    sender.send(TASK, [outgoing(b"1"), outgoing(b"2", b"3"), outgoing(b"4"), outgoing(b"5", b"6")])
    with pytest.raises(TaskMigratedException, match="The group has put this worker out, and its tasks are others'"):
        sender.look()
    with pytest.raises(TaskMigratedException):
        sender.await_acks(10)
    assert sender.take_refusals() == []
    assert sender.abort() == (3, 5)  # two refused, one without an answer
    sender.look()  # a new life
    assert sender.outstanding == 0 and sender.abort() == (1, 0)


def test_a_worker_whose_instance_id_another_one_has_ends() -> None:
    sender = Case(Failing(FencedInstanceIdException("another")), asked_in_vain).sender
    sender.send(TASK, [outgoing(b"1")])
    with pytest.raises(FencedInstanceIdException):
        sender.look()


def test_once_closed_no_handler_is_asked(engines: Engines) -> None:
    asked: list[Exception] = []

    def remember(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
        asked.append(error)
        return Response.fail()

    sender = Case(engines.writer, remember).sender
    sender.send(TASK, [outgoing(LARGE, topic=SMALL)])
    sender.close()
    sender.await_acks(10_000)
    assert not asked and sender.take_refusals() == [] and sender.outstanding == 0


def test_the_newest_epoch_that_an_answer_tells_of_is_that_of_the_log() -> None:
    sender = Case(InEpochs(3, 4, -1, 3)).sender
    assert sender.log_epoch_of(OUT) == -1
    found = []
    for _ in range(4):
        sender.send(TASK, [outgoing(b"1")])
        found.append(sender.log_epoch_of(OUT))
    assert found == [3, 4, 4, 4]
    sender.forget()
    assert sender.log_epoch_of(OUT) == -1


def test_an_offset_that_the_broker_no_longer_knows_moves_no_end() -> None:
    sender = Case(Failing(None)).sender
    sender.send(TASK, [outgoing(b"1")])
    assert sender.outstanding == 0 and sender.end_of(OUT) is None
