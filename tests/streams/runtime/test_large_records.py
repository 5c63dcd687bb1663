"""Records over `max.request.size` never leave: the production exception handler has its word on each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.clients.api import Writer
from streams.clients.local.door import forget, memory_door
from streams.clients.request_size import LARGEST
from streams.dropped import Drop
from streams.errors import RecordTooLargeException
from streams.exception_handlers import DefaultProductionExceptionHandler, ErrorHandlerContext, Response
from streams.record import RecordBatch, TopicPartition
from streams.runtime.compile.handlers import PRODUCTION
from streams.runtime.compile.outbox import Outgoing
from streams.runtime.worker.sender import Sender
from streams.topology.node import TaskId

TASK = TaskId(0, 0)
OUT = TopicPartition("out", 0)


def outgoing(*values: bytes) -> Outgoing:
    count = len(values)
    headers = [(("place", bytes((at,))),) for at in range(count)]
    return Outgoing(OUT, RecordBatch([b"k"] * count, values, [7] * count, headers, range(count), count))


@pytest.fixture
def writer() -> Iterator[Writer]:
    door = memory_door("large-records", "test")
    made = door.writer()
    yield made
    made.close()
    door.close()
    forget("large-records")


def let_go(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
    return Response.resume()


def sender_over(writer: Writer, handler: object, dropped: Drop, largest: int) -> Sender:
    config = {PRODUCTION: handler, "errors.dead.letter.queue.topic.name": None}
    return Sender(writer, config, dropped, lambda task, letter: None, largest)


def test_only_the_large_ones_are_let_go(writer: Writer) -> None:
    dropped = Drop()
    sender = sender_over(writer, let_go, dropped, 500)
    sender.send(TASK, [outgoing(b"1", b"x" * 1_000, b"2"), outgoing(b"y" * 1_000)])
    sender.await_acks(10_000)
    assert sender.end_of(OUT) == 2
    assert dropped.value == 2
    assert sender.take_refusals() == []


def test_they_fail_the_task_by_default(writer: Writer) -> None:
    sender = sender_over(writer, DefaultProductionExceptionHandler, Drop(), 500)
    sender.send(TASK, [outgoing(b"x" * 1_000)])
    ((task, error),) = sender.take_refusals()
    assert task == TASK
    assert isinstance(error.__cause__, RecordTooLargeException)
    assert "which is larger than 500" in str(error)
    assert sender.outstanding == 0


def test_the_default_is_kafkas(writer: Writer) -> None:
    dropped = Drop()
    sender = sender_over(writer, let_go, dropped, LARGEST)
    sender.send(TASK, [outgoing(b"x" * (LARGEST - 150)), outgoing(b"x" * LARGEST)])
    sender.await_acks(10_000)
    assert sender.end_of(OUT) == 1
    assert dropped.value == 1
