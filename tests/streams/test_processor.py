"""Timestamp extractors and error handlers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import pytest

from streams.clock import ManualClock
from streams.errors import ConfigException, SerializationException, StreamsException, TimeoutException
from streams.exception_handlers import (
    Answer,
    DeadLetter,
    DefaultProductionExceptionHandler,
    ErrorHandlerContext,
    LogAndContinueExceptionHandler,
    LogAndContinueProcessingExceptionHandler,
    LogAndFailExceptionHandler,
    LogAndFailProcessingExceptionHandler,
    Response,
    dead_letter,
    error_handler,
)
from streams.processor import (
    ContextualFixedKeyProcessor,
    ContextualProcessor,
    FailOnInvalidTimestamp,
    LogAndSkipOnInvalidTimestamp,
    UsePartitionTimeOnInvalidTimestamp,
    WallclockTimestampExtractor,
)
from streams.record import Headers


@dataclass(frozen=True)
class Consumed:
    topic: str = "orders"
    partition: int = 0
    offset: int = 7
    timestamp: int = 100
    key: Any = "k"
    value: Any = "v"
    headers: Headers = ()


GOOD, BAD = Consumed(), Consumed(timestamp=-1)
WHERE = ErrorHandlerContext("orders", 2, 7, (("h", b"1"),), "KSTREAM-MAP-0000000001", "0_2", 100, b"key", b"value")


def test_failing_on_a_negative_timestamp() -> None:
    assert FailOnInvalidTimestamp()(GOOD, 5) == 100
    with pytest.raises(StreamsException) as raised:
        FailOnInvalidTimestamp()(BAD, 5)
    text = str(raised.value)
    assert text.startswith(f"Input record {BAD} has invalid (negative) timestamp. Possibly because a pre-0.10 producer")
    assert text.endswith("Use a different TimestampExtractor to process this data.")


def test_skipping_a_negative_timestamp(caplog: pytest.LogCaptureFixture) -> None:
    assert LogAndSkipOnInvalidTimestamp()(GOOD, 5) == 100
    assert caplog.records == []
    assert LogAndSkipOnInvalidTimestamp()(BAD, 5) == -1
    assert "will be dropped because it has an invalid (negative) timestamp" in caplog.text


def test_the_partitions_time_for_a_negative_timestamp() -> None:
    assert UsePartitionTimeOnInvalidTimestamp()(GOOD, 5) == 100
    assert UsePartitionTimeOnInvalidTimestamp()(BAD, 5) == 5
    with pytest.raises(StreamsException, match="because partition time is unknown"):
        UsePartitionTimeOnInvalidTimestamp()(BAD, -1)


def test_the_wall_clock_is_the_one_that_is_given() -> None:
    clock = ManualClock(40)
    extract = WallclockTimestampExtractor(clock)
    clock.advance(2)
    assert extract(BAD, 5) == 42
    assert WallclockTimestampExtractor()(BAD, 5) > 1_600_000_000_000


HANDLERS = [
    (LogAndFailExceptionHandler, Answer.FAIL, logging.ERROR),
    (LogAndContinueExceptionHandler, Answer.RESUME, logging.WARNING),
    (LogAndFailProcessingExceptionHandler, Answer.FAIL, logging.ERROR),
    (LogAndContinueProcessingExceptionHandler, Answer.RESUME, logging.WARNING),
]


@pytest.mark.parametrize(("kind", "answer", "level"), HANDLERS)
def test_logging_handlers_answer_and_say_where(
    kind: type[Any], answer: Answer, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    response = error_handler(kind, {})(WHERE, GOOD, ValueError("no"))
    assert response == Response(answer)
    (record,) = caplog.records
    assert record.levelno == level
    assert "taskId: 0_2, topic: orders, partition: 2, offset: 7" in record.getMessage()


@pytest.mark.parametrize("kind", [kind for kind, _, _ in HANDLERS])
def test_built_in_handlers_answer_with_a_dead_letter_of_the_source_record(kind: type[Any]) -> None:
    call = error_handler(kind(), {"errors.dead.letter.queue.topic.name": "bad"})
    (letter,) = call(WHERE, GOOD, ValueError("no")).dead_letters
    assert (letter.topic, letter.key, letter.value, letter.timestamp) == ("bad", b"key", b"value", 100)
    assert letter.headers[0] == ("h", b"1")


def test_what_a_dead_letter_says() -> None:
    try:
        raise SerializationException("unreadable é")
    except SerializationException as error:
        letter = dead_letter(WHERE, error, "bad")
    said = dict(letter.headers[1:])
    stack = said.pop("__streams.errors.stacktrace")
    assert stack is not None
    assert b"test_what_a_dead_letter_says" in stack
    assert said == {
        "__streams.errors.exception": b"streams.errors.SerializationException",
        "__streams.errors.message": "unreadable é".encode(),
        "__streams.errors.topic": b"orders",
        "__streams.errors.partition": b"2",
        "__streams.errors.offset": b"7",
    }


def test_failed_sends_are_tried_again_where_that_may_help() -> None:
    handler = DefaultProductionExceptionHandler(dead_letter_topic="bad")
    assert handler.handle_error(WHERE, GOOD, TimeoutException("slow")) is Response.RETRY
    failed = handler.handle_error(WHERE, GOOD, ValueError("no"))
    assert (failed.answer, len(failed.dead_letters)) == (Answer.FAIL, 1)
    unwritten = error_handler(handler, {}, "handle_serialization_error")(WHERE, GOOD, TimeoutException("slow"))
    assert unwritten.answer is Answer.FAIL


def test_responses() -> None:
    letter = DeadLetter("bad", None, b"x", 0)
    assert Response.resume() == Response.RESUME == Response.CONTINUE
    assert Response.resume([letter]).dead_letters == (letter,)
    assert Response.fail([letter]) == replace(Response.FAIL, dead_letters=(letter,))
    assert Response.retry() == Response.RETRY


def test_handlers_are_callables_or_have_javas_methods() -> None:
    def plain(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
        return Response.RESUME

    class Older:
        def handle(self, context: ErrorHandlerContext, record: object, error: Exception) -> Response:
            return Response.FAIL

    class Both:
        def handle_error(self, context: ErrorHandlerContext, record: object, error: Exception) -> Response:
            return Response.FAIL

        def handle_serialization_error(
            self, context: ErrorHandlerContext, record: object, error: Exception
        ) -> Response:
            return Response.RESUME

    assert error_handler(plain, {})(WHERE, GOOD, ValueError()) is Response.RESUME
    assert error_handler(Older, {})(WHERE, GOOD, ValueError()) is Response.FAIL
    assert error_handler(Both(), {})(WHERE, GOOD, ValueError()) is Response.FAIL
    assert error_handler(Both(), {}, "handle_serialization_error")(WHERE, GOOD, ValueError()) is Response.RESUME
    with pytest.raises(ConfigException, match="can be called neither as"):
        error_handler(object(), {})


def test_contextual_processors_keep_their_context_and_want_a_process() -> None:
    for kind in (ContextualProcessor, ContextualFixedKeyProcessor):
        processor: Any = kind()
        context: Any = object()
        processor.init(context)
        assert processor.context is context
        processor.close()
        with pytest.raises(NotImplementedError, match=r"has no method process\(record\)"):
            processor.process(None)
