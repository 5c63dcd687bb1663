"""What happens on an error: a handler is a callable `(context, record, error) -> Response`, or a class with Java's
method `handle_error` (or `handle`), as decision 30 says.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NamedTuple

from streams.errors import ConfigException, IllegalArgumentException, RetriableException
from streams.names import check_topic
from streams.record import Headers
from streams.validation import check_bytes, check_headers, check_timestamp

log = logging.getLogger("streams.processor")


class DeadLetter(NamedTuple):
    """A record for a dead letter topic (KIP-1034). It leaves whatever the handler's answer is, and is acknowledged
    before the position behind the record that failed is committed, or before the application ends.

    Args:
        topic: where to; a topic that does not exist is made, as for other output.
        key: chooses the partition, as the default partitioner does; None: any.
        value: the record's content.
        timestamp: milliseconds since the epoch.
        headers: pairs of name and bytes.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()


class Answer(Enum):
    """What a handler decides."""

    RESUME = "RESUME"
    """Drop the record and go on."""
    FAIL = "FAIL"
    """Stop."""
    RETRY = "RETRY"
    """Do it again; only for a failed send whose error is retriable."""


@dataclass(frozen=True, slots=True)
class Response:
    """A handler's answer, and the records it wants in a dead letter topic.

    `Response.RESUME` (also `CONTINUE`, Java's older word), `Response.FAIL` and `Response.RETRY` are ready
    made; `Response.resume([letter])` and `Response.fail([letter])` add dead letters.

    Raises:
        IllegalArgumentException, InvalidTopicException, SerializationException: something else is given as a dead
            letter, or one cannot be sent as it is.
    """

    answer: Answer
    dead_letters: tuple[DeadLetter, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "dead_letters", tuple(map(_checked, self.dead_letters)))

    RESUME: ClassVar[Response]
    CONTINUE: ClassVar[Response]
    FAIL: ClassVar[Response]
    RETRY: ClassVar[Response]

    @staticmethod
    def resume(dead_letters: Iterable[DeadLetter] | None = None) -> Response:
        """Drop the record and go on."""
        return Response(Answer.RESUME, tuple(dead_letters or ()))

    @staticmethod
    def fail(dead_letters: Iterable[DeadLetter] | None = None) -> Response:
        """Stop; the dead letters are sent first."""
        return Response(Answer.FAIL, tuple(dead_letters or ()))

    @staticmethod
    def retry() -> Response:
        """Do it again."""
        return Response(Answer.RETRY)


def _checked(letter: object) -> DeadLetter:
    """As `Response` says: it is refused inside the handler that makes it, not when it is to leave."""
    if not isinstance(letter, DeadLetter):
        raise IllegalArgumentException(
            f"A dead letter is a DeadLetter(topic, key, value, timestamp, headers), not {letter!r}."
        )
    return DeadLetter(
        check_topic(letter.topic),
        check_bytes(letter.key, "The key of a dead letter", "Give bytes or None."),
        check_bytes(letter.value, "The value of a dead letter", "Give bytes or None."),
        check_timestamp(letter.timestamp, "timestamp of a dead letter"),
        check_headers(letter.headers),
    )


Response.RESUME = Response.CONTINUE = Response(Answer.RESUME)
Response.FAIL = Response(Answer.FAIL)
Response.RETRY = Response(Answer.RETRY)

DeserializationHandlerResponse = ProcessingHandlerResponse = ProductionExceptionHandlerResponse = Response


@dataclass(frozen=True, slots=True)
class ErrorHandlerContext:
    """Where an error happened.

    Args:
        topic: source topic of the record being processed; None inside a punctuation, as partition and offset.
        headers: the source record's.
        processor_node_id: name of the node.
        task_id: as text `<sub-topology>_<partition>`.
        timestamp: of the record, ms.
        source_raw_key: the source record's key as it was read.
        source_raw_value: the source record's value as it was read.

    Where a record was refused when it was sent, its source is not known any more: topic, partition, key and value are
    then those of the record itself, and the offset is -1.
    """

    topic: str | None
    partition: int
    offset: int
    headers: Headers
    processor_node_id: str
    task_id: object
    timestamp: int
    source_raw_key: bytes | None = None
    source_raw_value: bytes | None = None


ErrorHandler = Callable[[ErrorHandlerContext, Any, Exception], Response]
"""`(context, record, error)`: the record is a `ConsumedRecord` of bytes where reading failed, a `Record`
where processing failed, and the record to be sent where sending failed."""

DEAD_LETTER_SETTING = "errors.dead.letter.queue.topic.name"


def dead_letter(context: ErrorHandlerContext, error: Exception, topic: str) -> DeadLetter:
    """The dead letter that the built-in handlers write: the source record's bytes, its headers, and what failed.

    Added headers (UTF-8): `__streams.errors.exception`, `.message`, `.stacktrace`, `.topic`, `.partition`,
    `.offset`. Source: Java's `ExceptionHandlerUtils`.
    """
    said = {
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": str(error),
        "stacktrace": "".join(traceback.format_exception(error)),
        "topic": context.topic or "",
        "partition": str(context.partition),
        "offset": str(context.offset),
    }
    added = tuple(
        (f"__streams.errors.{name}", text.encode("utf-8", "replace")) for name, text in said.items()
    )
    return DeadLetter(
        topic, context.source_raw_key, context.source_raw_value, max(context.timestamp, 0), context.headers + added
    )


class _BuiltIn:
    """The settings and the answer that all built-in handlers share."""

    __slots__ = ("_topic",)

    def __init__(self, dead_letter_topic: str | None = None) -> None:
        self._topic = dead_letter_topic

    def configure(self, config: Mapping[str, object]) -> None:
        """Takes the dead letter topic from the settings, unless it was given."""
        topic = config.get(DEAD_LETTER_SETTING)
        if self._topic is None and topic is not None:
            self._topic = str(topic)

    def _letters(self, context: ErrorHandlerContext, error: Exception) -> tuple[DeadLetter, ...]:
        """None for a record of the dead letter topic itself: it is there already, and would come again for ever."""
        return () if self._topic in (None, context.topic) else (dead_letter(context, error, str(self._topic)),)


def _where(context: ErrorHandlerContext) -> str:
    return (
        f"taskId: {context.task_id}, topic: {context.topic}, partition: {context.partition}, "
        f"offset: {context.offset}"
    )


class LogAndFailExceptionHandler(_BuiltIn):
    """Deserialization: logs the error and stops. The default."""

    def handle_error(self, context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        log.error("Exception caught during Deserialization, %s", _where(context), exc_info=error)
        return Response.fail(self._letters(context, error))


class LogAndContinueExceptionHandler(_BuiltIn):
    """Deserialization: logs the error and drops the record."""

    def handle_error(self, context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        log.warning("Exception caught during Deserialization, %s", _where(context), exc_info=error)
        return Response.resume(self._letters(context, error))


class LogAndFailProcessingExceptionHandler(_BuiltIn):
    """Processing: logs the error and stops. The default."""

    def handle_error(self, context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        log.error(
            "Exception caught during message processing, processor node: %s, %s",
            context.processor_node_id,
            _where(context),
            exc_info=error,
        )
        return Response.fail(self._letters(context, error))


class LogAndContinueProcessingExceptionHandler(_BuiltIn):
    """Processing: logs the error and goes on with the next record; what was forwarded already stays."""

    def handle_error(self, context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        log.warning(
            "Exception caught during message processing, processor node: %s, %s",
            context.processor_node_id,
            _where(context),
            exc_info=error,
        )
        return Response.resume(self._letters(context, error))


class DefaultProductionExceptionHandler(_BuiltIn):
    """Sending: tries again where the error is retriable, else stops. The default."""

    def handle_error(self, context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        if isinstance(error, RetriableException):
            return Response.RETRY
        return Response.fail(self._letters(context, error))

    def handle_serialization_error(
        self, context: ErrorHandlerContext, record: Any, error: Exception
    ) -> Response:
        return Response.fail(self._letters(context, error))


def error_handler(
    handler: object, config: Mapping[str, object], method: str = "handle_error"
) -> ErrorHandler:
    """What to call for a handler: a callable, a class, or an object with Java's method.

    Args:
        handler: a class is called without arguments first; `configure(config)` is called where it exists.
        config: the application's settings.
        method: `handle_error`, or `handle_serialization_error`, which falls back to `handle_error`.
    Raises:
        ConfigException: it has no such method and cannot be called.
    """
    made = handler() if isinstance(handler, type) else handler
    configure = getattr(made, "configure", None)
    if callable(configure):
        configure(config)
    for name in dict.fromkeys((method, "handle_error", "handle")):
        found: ErrorHandler | None = getattr(made, name, None)
        if callable(found):
            return found
    if callable(made):
        call: ErrorHandler = made
        return call
    raise ConfigException(
        f"The exception handler {handler!r} can be called neither as (context, record, error) nor by its "
        f"method {method}(context, record, error) -> Response. Give one that can."
    )
