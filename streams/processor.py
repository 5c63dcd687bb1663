"""What user code implements and what it is handed: processors and their context, extractors, partitioners.

All are Protocols: any class with these methods will do, and where there is one method, any callable.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar, overload, runtime_checkable

from streams.clock import Clock
from streams.errors import ConfigException, IllegalArgumentException, RetriableException, StreamsException
from streams.metrics import Metrics
from streams.names import check_topic
from streams.record import FixedKeyRecord, Headers, Record, RecordMetadata
from streams.serdes.base import Serde
from streams.validation import check_bytes, check_headers, check_timestamp
from streams.world import SYSTEM

KIn = TypeVar("KIn")
VIn = TypeVar("VIn")
KOut = TypeVar("KOut")
VOut = TypeVar("VOut")
KForward = TypeVar("KForward")
VForward = TypeVar("VForward")
KAny = TypeVar("KAny")
S = TypeVar("S")
VAny = TypeVar("VAny")
KTransformed = TypeVar("KTransformed", contravariant=True)
VTransformed = TypeVar("VTransformed", contravariant=True)
VOut_co = TypeVar("VOut_co", covariant=True)

log = logging.getLogger("streams.processor")


class PunctuationType(Enum):
    """Which clock a punctuation follows."""

    STREAM_TIME = "STREAM_TIME"
    """The highest timestamp that the task has seen; it moves only with records."""
    WALL_CLOCK_TIME = "WALL_CLOCK_TIME"
    """The clock of the machine (of the test driver: its own)."""


class Cancellable(Protocol):
    """A scheduled punctuation."""

    def cancel(self) -> None:
        """Ends it; calling it again does nothing."""
        ...


Punctuator = Callable[[int], object]
"""Called with the time (ms) when a punctuation is due; what it returns is ignored."""


class RecordContext(NamedTuple):
    """Where the record being processed came from."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: Headers = ()


class BaseContext(Protocol):
    """What both kinds of context have (decision 28: what an object has is an attribute)."""

    @property
    def application_id(self) -> str:
        """The setting `application.id`."""
        ...

    @property
    def task_id(self) -> object:
        """The task's id; as text `<sub-topology>_<partition>`."""
        ...

    @property
    def record_metadata(self) -> RecordMetadata | None:
        """Topic, partition and offset of the record being processed. None where there is none: in a punctuation (where
        Java has an empty one, of topic null and offset -1), for what it forwards, in `init` and `close`."""
        ...

    @property
    def state_dir(self) -> Path:
        """The task's directory for state."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The application's metrics."""
        ...

    @property
    def key_serde(self) -> Serde[Any] | None:
        """The default key serde."""
        ...

    @property
    def value_serde(self) -> Serde[Any] | None:
        """The default value serde."""
        ...

    def schedule(
        self,
        interval: timedelta | int,
        kind: PunctuationType,
        call: Punctuator,
        start: datetime | int | None = None,
    ) -> Cancellable:
        """Calls `call(time_ms)` every `interval` (timedelta or ms).

        Args:
            interval: at least 1 ms.
            kind: which clock.
            call: the punctuator.
            start: first time of the grid, as an aware datetime or ms since the epoch.
        Raises:
            IllegalArgumentException: the interval is less than 1 ms.
        """
        ...

    def commit(self) -> None:
        """Asks for a commit after this record."""
        ...

    @overload
    def get_state_store(self, name: str) -> Any: ...
    @overload
    def get_state_store(self, name: str, kind: type[S]) -> S: ...
    def get_state_store(self, name: str, kind: type[S] | None = None) -> Any:
        """The store of that name.

        Args:
            name: of the store.
            kind: what it is, with the types of its keys and values: `KeyValueStore[str, int]`. The kind is looked at
                once, the types are for checkers. None: nothing is known of it.
        Raises:
            StreamsException: it is not connected to this processor.
            ClassCastException: it is of another kind.
        """
        ...

    def current_stream_time_ms(self) -> int:
        """The highest timestamp the task has seen (ms), -1 before the first."""
        ...

    def current_system_time_ms(self) -> int:
        """The wall clock (ms), read once a run."""
        ...

    def app_configs(self) -> Mapping[str, object]:
        """All settings of the application."""
        ...

    def app_configs_with_prefix(self, prefix: str) -> Mapping[str, object]:
        """The settings that start with `prefix`, without it."""
        ...


class ProcessorContext(BaseContext, Protocol[KForward, VForward]):
    """What a processor is given in `init`."""

    def forward(self, record: Record[KForward, VForward], child: str | None = None) -> None:
        """Hands a record to all children, or to the one named `child`.

        Raises:
            StreamsException: no child has that name.
        """
        ...


class FixedKeyProcessorContext(BaseContext, Protocol[KForward, VForward]):
    """What a fixed-key processor is given in `init`."""

    def forward(self, record: FixedKeyRecord[KForward, VForward], child: str | None = None) -> None:
        """Hands a record to all children, or to the one named `child`."""
        ...


class Processor(Protocol[KIn, VIn, KOut, VOut]):
    """Processes the records of a node one by one. `init` and `close` may be left out."""

    def init(self, context: ProcessorContext[KOut, VOut]) -> None:
        """Called once before the first record."""

    def process(self, record: Record[KIn, VIn]) -> None:
        """Called for each record; forwards through the context."""
        ...

    def close(self) -> None:
        """Called once after the last record."""


class FixedKeyProcessor(Protocol[KIn, VIn, VOut]):
    """As `Processor`, but the key stays as it is, so that no repartitioning follows. `init` and `close` may
    be left out."""

    def init(self, context: FixedKeyProcessorContext[KIn, VOut]) -> None:
        """Called once before the first record."""

    def process(self, record: FixedKeyRecord[KIn, VIn]) -> None:
        """Called for each record; forwards through the context."""
        ...

    def close(self) -> None:
        """Called once after the last record."""


class ContextualProcessor(Generic[KAny, VAny, KOut, VOut]):
    """A base for processors that only want to keep their context."""

    context: ProcessorContext[KOut, VOut]

    def init(self, context: ProcessorContext[KOut, VOut]) -> None:
        self.context = context

    def process(self, record: Record[KAny, VAny]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no method process(record)")

    def close(self) -> None:
        pass


class ContextualFixedKeyProcessor(Generic[KAny, VAny, VOut]):
    """A base for fixed-key processors that only want to keep their context."""

    context: FixedKeyProcessorContext[KAny, VOut]

    def init(self, context: FixedKeyProcessorContext[KAny, VOut]) -> None:
        self.context = context

    def process(self, record: FixedKeyRecord[KAny, VAny]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no method process(record)")

    def close(self) -> None:
        pass


class ProcessesRecords(Protocol[KIn, VIn]):
    """A processor without `init` and `close`; what it forwards is not known."""

    def process(self, record: Record[KIn, VIn]) -> object:
        """Called for each record."""
        ...


class ProcessesFixedKeyRecords(Protocol[KIn, VIn]):
    """A fixed-key processor without `init` and `close`; what it forwards is not known."""

    def process(self, record: FixedKeyRecord[KIn, VIn]) -> object:
        """Called for each record."""
        ...


class ValueTransformerWithKey(Protocol[KTransformed, VTransformed, VOut_co]):
    """Gives a row of a table its new value (`KTable.transform_values`). It may have `init(context)` and `close()`."""

    def transform(self, key: KTransformed, value: VTransformed, /) -> VOut_co:
        """The new value; called for deleted rows too, with the value None."""
        ...


ProcessorSupplier = Callable[[], Processor[KAny, VAny, KOut, VOut]]
"""A class, or anything callable without arguments, that gives a fresh processor at each call. An attribute or
classmethod `stores` on it names the store builders that the processor brings along (decision 30)."""

FixedKeyProcessorSupplier = Callable[[], FixedKeyProcessor[KAny, VAny, VOut]]
"""The same for fixed-key processors."""


@runtime_checkable
class ConnectedStoreProvider(Protocol):
    """A supplier that brings its stores along. `stores` may also be a plain attribute."""

    def stores(self) -> Iterable[Any]:
        """The store builders."""
        ...


StreamPartitioner = Callable[[str, KAny, VAny, int], int | Iterable[int] | None]
"""`(topic, key, value, partitions)` gives one partition, several (multicast; none: the record is dropped),
or None for the default partitioner."""

TopicNameExtractor = Callable[[KAny, VAny, RecordContext], str]
"""`(key, value, record_context)` gives the topic a record goes to."""


class ConsumedRecord(Protocol):
    """A record as a timestamp extractor sees it: decoded, with its own timestamp, which may be negative."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> Any: ...
    @property
    def value(self) -> Any: ...
    @property
    def headers(self) -> Headers: ...


TimestampExtractor = Callable[[ConsumedRecord, int], int]
"""`(record, partition_time)` gives the record's timestamp in ms; a negative one drops the record.
`partition_time` is the highest timestamp of the partition so far, -1 if there is none."""


class FailOnInvalidTimestamp:
    """Takes the record's timestamp and fails on a negative one. The default."""

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        if record.timestamp >= 0:
            return record.timestamp
        raise StreamsException(
            f"Input record {record} has invalid (negative) timestamp. Possibly because a pre-0.10 producer "
            "client was used to write this record to Kafka without embedding a timestamp, or because the "
            "input topic was created before upgrading the Kafka cluster to 0.10+. Use a different "
            "TimestampExtractor to process this data."
        )


class LogAndSkipOnInvalidTimestamp:
    """Takes the record's timestamp; a record with a negative one is logged and dropped."""

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        if record.timestamp < 0:
            log.warning(
                "Input record %s will be dropped because it has an invalid (negative) timestamp.", record
            )
        return record.timestamp


class UsePartitionTimeOnInvalidTimestamp:
    """Takes the record's timestamp, or the partition's time where that is negative."""

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        if record.timestamp >= 0:
            return record.timestamp
        if partition_time < 0:
            raise StreamsException(
                f"Could not infer new timestamp for input record {record} because partition time is unknown."
            )
        return partition_time


class WallclockTimestampExtractor:
    """Takes the wall clock at the time of processing.

    Args:
        clock: whose; the runtime reads its own once a run instead of calling this.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SYSTEM

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        return self.clock.now_ms()


# What happens on an error: handlers are callables `(context, record, error) -> Response`, or classes with
# Java's method `handle_error` (or `handle`), as decision 30 says.


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
    """The dead letter that the built-in handlers write: the source record's bytes, its headers, and what
    failed.

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
