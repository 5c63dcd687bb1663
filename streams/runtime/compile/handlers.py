"""What happens when a record cannot be read, processed or written: the handlers are asked, and their answers
done.

One object a task. Its functions are what the entry functions call inside an `except`; they return to go on
with the next record (*resume*), or raise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from statestore.engine import EngineError
from streams.dropped import Drop
from streams.errors import (
    ClassCastException,
    IllegalArgumentException,
    NullPointerException,
    StreamsException,
    TopologyException,
)
from streams.exception_handlers import Answer, DeadLetter, ErrorHandler, ErrorHandlerContext, Response, error_handler
from streams.operators.calls import refuse_unrun
from streams.processor import Record
from streams.record import Headers
from streams.runtime.compile.entry import CurrentRecord, Failed
from streams.runtime.compile.sources import Reread
from streams.serdes.base import Serde, in_java, incompatible, shown, type_name, wrong_serde

log = logging.getLogger("streams.runtime")

Guard = Callable[..., None]
T = TypeVar("T")

DESERIALIZATION = "deserialization.exception.handler"
PROCESSING = "processing.exception.handler"
PRODUCTION = "production.exception.handler"
BOTH = "Response.RESUME or Response.FAIL"


class RawRecord(NamedTuple):
    """A record as it was read (`processor.ConsumedRecord`), for the handler of one that cannot be decoded."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class UnsentRecord(NamedTuple):
    """A record that could not be written, for its handler."""

    topic: str
    key: object
    value: object
    timestamp: int
    headers: Headers


def answered(
    handler: ErrorHandler, context: ErrorHandlerContext, record: object, error: Exception, kind: str
) -> Response:
    """What a handler says.

    Args:
        kind: deserialization, processing or production, for messages.
    Raises:
        StreamsException: it raised, or returned no response.
    """
    try:
        response = handler(context, record, error)
        if not isinstance(response, Response):
            kinds = "Response.RESUME, Response.FAIL or Response.RETRY" if kind == "production" else BOTH
            raise NullPointerException(f"The {kind} exception handler returned {response!r}; return {kinds}.")
        if response.answer is Answer.RETRY and kind != "production":
            raise IllegalArgumentException(
                f"The {kind} exception handler returned Response.RETRY, which only a failed send may be answered; "
                f"return {BOTH}."
            )
    except Exception as fatal:
        raise StreamsException(f"Fatal user code error in {kind} error callback") from fatal
    return response


class Handlers:
    """The three handlers of a task.

    Args:
        config: settings, of which the three handlers and the dead letter topic are read.
        current: knows the record in hand.
        task_id: for messages.
        dead_letter: takes the dead letters, whatever the answer is; the last argument: it ends the worker.
        drop: the count of what a node drops for a cause: the kind of handler.
        buffering: nodes that serialise for themselves (`stores.buffering`).
    Raises:
        ConfigException: a handler can be called in no known way.
    """

    def __init__(
        self,
        config: Mapping[str, object],
        current: CurrentRecord,
        task_id: object,
        dead_letter: Callable[[DeadLetter, bool], None],
        drop: Callable[[str, str], Drop],
        buffering: Mapping[str, bool],
    ) -> None:
        self._buffering = buffering
        self._current = current
        self._task_id = task_id
        self._dead_letter = dead_letter
        self._drop = drop
        self._reading = error_handler(config[DESERIALIZATION], config)
        self._processing = error_handler(config[PROCESSING], config)
        self._writing = error_handler(config[PRODUCTION], config, "handle_serialization_error")

    def _context(self, node: str) -> ErrorHandlerContext:
        here = self._current.context()
        key, value = self._current.raw()
        return ErrorHandlerContext(
            topic=here.topic,
            partition=here.partition,
            offset=here.offset,
            headers=here.headers,
            processor_node_id=node,
            task_id=self._task_id,
            timestamp=here.timestamp if here.timestamp >= 0 else self._current.now,
            source_raw_key=key,
            source_raw_value=value,
        )

    def _asked(self, handler: ErrorHandler, node: str, record: object, error: Exception, kind: str) -> Response:
        """The handler's answer; its dead letters are on their way.

        Raises:
            Failed: there is no answer, or a dead letter cannot be sent.
        """
        try:
            response = answered(handler, self._context(node), record, error, kind)
            for letter in response.dead_letters:
                self._dead_letter(letter, response.answer is Answer.FAIL)
        except StreamsException as fatal:
            raise Failed(node, fatal, final=True) from None
        if response.answer is Answer.RESUME:
            self._drop(node, kind).add()
        return response

    def guard(self, node: str) -> Guard:
        """For errors that a node raised: `guard(error, key, value, timestamp, headers)`.

        It raises `Failed` where the handler says so, and for what a later node has failed with already.
        """

        def guard(error: Exception, key: object, value: object, timestamp: int, headers: Headers | None) -> None:
            if isinstance(error, Failed):
                raise error
            wrong_types = False
            if isinstance(error, ClassCastException):
                fed_by_source = self._buffering.get(node)
                if error.serde is None or fed_by_source is not None:
                    error, wrong_types = _wrong_types(node, key, value, error), True
                    if fed_by_source is not False:  # Java asks the handler of the node before, if there is one
                        raise Failed(node, error, final=True, wrong_types=True)
                else:
                    error = incompatible("key", error.serde, error)  # a value is told by its store (`codec_of`)
            if isinstance(error, TopologyException | EngineError):  # it is not the record that is wrong
                raise Failed(node, error)
            record = Record(key, value, max(timestamp, 0), headers or ())
            response = self._asked(self._processing, node, record, error, "processing")
            if response.answer is not Answer.RESUME:
                raise Failed(node, error, wrong_types=wrong_types)

        return guard

    def in_punctuation(self, node: str, error: Exception) -> Exception | None:
        """For what a punctuation raised: the cause of the end, or None to go on."""
        if isinstance(error, Failed):
            return error.error
        if isinstance(error, TopologyException | EngineError):
            return error
        try:
            response = self._asked(self._processing, node, None, error, "processing")
        except Failed as fatal:
            raise fatal.error from fatal.error.__cause__
        return None if response.answer is Answer.RESUME else error

    def unreadable(
        self, node: str, key_serde: Serde[object], value_serde: Serde[object]
    ) -> Callable[[Exception], Reread | None]:
        """For a record that a source could not decode: `unreadable(error)`.

        It may have been the quick decoder that could not. Then the record is what the proper one reads, and its
        bytes are those that this serde writes, which need not be those that came.
        """

        def unreadable(error: Exception) -> Reread | None:
            current = self._current
            here = current.context()
            key, value = current.raw()
            topic = here.topic or ""
            side, data, serde = "key", key, key_serde
            try:
                read_key = key_serde.deserialize(topic, key, here.headers)
                side, data, serde = "value", value, value_serde
                read_value = value_serde.deserialize(topic, value, here.headers)
                key = key_serde.serialize(topic, read_key, here.headers) if key_serde.canonical else key
                value = value_serde.serialize(topic, read_value, here.headers) if value_serde.canonical else value
            except Exception as proper:
                error = proper
            else:
                return key, read_key, value, read_value
            record = RawRecord(topic, here.partition, here.offset, here.timestamp, key, value, here.headers)
            response = self._asked(self._reading, node, record, error, "deserialization")
            if response.answer is not Answer.RESUME:
                failure = StreamsException(
                    f"The {side} at offset {here.offset} of {topic}-{here.partition} is not what {serde} reads: "
                    f"{shown(data)}. Give the source the {side}_serde that it was written with, or go on without such "
                    f"records: {DESERIALIZATION}=LogAndContinueExceptionHandler."
                    + in_java(
                        "Deserialization exception handler is set to fail upon a deserialization error. If you "
                        "would rather have the streaming pipeline continue after a deserialization error, please "
                        f"set the {DESERIALIZATION} appropriately."
                    )
                )
                failure.__cause__ = error
                raise Failed(node, failure, final=True)
            current.unread()
            return None

        return unreadable

    def unwritable(
        self, node: str, parent: Guard, topic: str, key_serde: Serde[object], value_serde: Serde[object]
    ) -> Guard:
        """For a record that a sink could not encode: `unwritable(error, key, value, timestamp, headers)`.

        As in Java, a handler that says *fail* makes it an error of the node before the sink.
        """

        def unwritable(error: Exception, key: object, value: object, timestamp: int, headers: Headers | None) -> None:
            try:
                refuse_unrun(key)
                refuse_unrun(value)
                side, error = _proper(error, topic, key_serde, key, value_serde, value, headers or ())
                if isinstance(error, ClassCastException):
                    serde, thing = (key_serde, key) if side == "key" else (value_serde, value)
                    raise wrong_serde(topic, side, serde, thing) from error
                record = UnsentRecord(topic, key, value, timestamp, headers or ())
                response = self._asked(self._writing, node, record, error, "production")
                if response.answer is not Answer.RESUME:
                    raise StreamsException(
                        f"Unable to serialize record. ProducerRecord(topic=[{topic}], timestamp=[{timestamp}])"
                    ) from error
            except StreamsException as failure:
                parent(failure, key, value, timestamp, headers)

        return unwritable


def _proper(
    error: Exception,
    topic: str,
    key_serde: Serde[object],
    key: object,
    value_serde: Serde[object],
    value: object,
    headers: Headers,
) -> tuple[str, Exception]:
    """Which side cannot be written, and the error with its proper words (see `Serde.quick_encode`)."""
    for side, serde, thing in (("key", key_serde, key), ("value", value_serde, value)):
        try:
            serde.serialize(topic, thing, headers)
        except Exception as proper:
            return side, proper
    return "value", error


def _wrong_types(node: str, key: object, value: object, error: ClassCastException) -> StreamsException:
    failure = StreamsException(
        f"{node} cannot use what it was given, a key of type {type_name(key)} and a value of type {type_name(value)}: "
        f"{error} Look at the serdes of the steps before it (key_serde=, value_serde=, or the defaults), and at what "
        "its function makes of them."
        + in_java(
            f"ClassCastException invoking processor: {node}. Do the Processor's input types match the "
            "deserialized types? Check the Serde setup and change the default Serdes in StreamConfig or provide "
            "correct Serdes via method parameters. Make sure the Processor can accept the deserialized input of "
            f"type key: {type_name(key)}, and value: {type_name(value)}."
        )
    )
    failure.__cause__ = error
    return failure
