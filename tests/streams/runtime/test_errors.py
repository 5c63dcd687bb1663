"""What happens to records that cannot be read, processed or written; where a failure is said to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streams.errors import ProcessorStateException, SerializationException, StreamsException
from streams.exception_handlers import (
    DeadLetter,
    ErrorHandlerContext,
    LogAndContinueExceptionHandler,
    LogAndContinueProcessingExceptionHandler,
    Response,
)
from streams.operators import stateless
from streams.operators.aggregate import stream_count
from streams.operators.base import Call
from streams.processor import LogAndSkipOnInvalidTimestamp
from streams.topology.node import Node
from tests.streams.runtime.walking import LONGS, STRING, Walked, sink, source, step, table

DEAD = "errors.dead.letter.queue.topic.name"


def picky(value: str) -> str:
    if value.startswith("bad"):
        raise ValueError(f"refused {value}")
    return value


def walked(nodes: list[Node], **settings: object) -> Walked:
    return Walked(nodes, **settings)


def refusing() -> list[Node]:
    return [
        source(),
        step("before", "in", stateless.pass_through()),
        step("picky", "before", stateless.map_values(Call(picky, False))),
        step("other", "before", stateless.map_values(Call(lambda v: f"other {v}", False))),
        sink("picky other"),
    ]


def test_a_failure_names_task_node_topic_partition_and_offset() -> None:
    walk = walked(refusing())
    rows = [("k", "v", at) for at in range(5)] + [("k", "bad", 5), ("k", "v", 6)]
    walk.fetch("in", *rows)
    walk.task.run(0, most=2)
    with pytest.raises(StreamsException) as caught:
        walk.task.run(0)
    assert str(caught.value) == (
        "Exception caught in process. taskId=0_0, processor=picky, topic=in, partition=0, offset=5"
    )
    assert type(caught.value) is StreamsException
    assert isinstance(caught.value.__cause__, ValueError)


def test_resume_skips_the_rest_of_the_node_for_this_record_only() -> None:
    walk = walked(refusing(), processing_exception_handler=LogAndContinueProcessingExceptionHandler)
    assert walk.pipe("in", ("k", "a", 1), ("k", "bad", 2), ("k", "b", 3)) == [
        (b"k", b"a", 1),
        (b"k", b"other a", 1),
        (b"k", b"other bad", 2),
        (b"k", b"b", 3),
        (b"k", b"other b", 3),
    ]
    assert walk.dropped == 1


def test_what_a_generator_gave_before_it_failed_stays() -> None:
    def values(value: str) -> Any:
        yield value
        raise ValueError("then it failed")

    nodes = [source(), step("flat", "in", stateless.flat_map_values(Call(values, False))), sink("flat")]
    walk = walked(nodes, processing_exception_handler=lambda context, record, error: Response.RESUME)
    assert walk.pipe("in", ("k", "a", 1), ("k", "b", 2)) == [(b"k", b"a", 1), (b"k", b"b", 2)]


def test_the_handler_gets_context_record_and_error_and_may_send_a_dead_letter() -> None:
    asked: list[tuple[ErrorHandlerContext, Any, Exception]] = []

    def handler(context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        asked.append((context, record, error))
        return Response.resume([DeadLetter("dead", b"key", b"why", 7, (("h", b"x"),))])

    nodes = [
        source(),
        step("upper", "in", stateless.map_(lambda k, v: (k.upper(), v))),
        step("picky", "upper", stateless.map_values(Call(picky, False))),
    ]
    walk = walked(nodes, processing_exception_handler=handler)
    walk.pipe("in", ("k", "a", 1), ("k", "bad", 2, (("a", b"b"),)))
    context, record, error = asked[0]
    assert (context.topic, context.partition, context.offset, context.timestamp) == ("in", 0, 1, 2)
    assert context.processor_node_id == "picky"
    assert str(context.task_id) == "0_0"
    assert (context.source_raw_key, context.source_raw_value) == (b"k", b"bad")
    assert context.headers == (("a", b"b"),)
    assert (record.key, record.value, record.timestamp, record.headers) == ("K", "bad", 2, (("a", b"b"),))
    assert str(error) == "refused bad"
    assert walk.out == [("dead", (b"key", b"why", 7, (("h", b"x"),)))]


def test_dead_letters_of_a_handler_that_says_fail_outlive_the_abort() -> None:
    walk = walked(refusing(), **{DEAD: "dead"})
    with pytest.raises(StreamsException):
        walk.pipe("in", ("k", "bad", 1))
    walk.abort()
    assert walk.sent() == []
    assert [(topic, row[:2]) for topic, row in walk.out] == [("dead", (b"k", b"bad"))]


def test_a_later_node_s_failure_is_not_the_earlier_one_s() -> None:
    asked: list[str] = []

    def handler(context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        asked.append(context.processor_node_id)
        return Response.FAIL

    nodes = [
        source(),
        step("flat", "in", stateless.flat_map_values(Call(lambda v: [v], False))),
        step("picky", "flat", stateless.map_values(Call(picky, False))),
    ]
    with pytest.raises(StreamsException, match="processor=picky"):
        walked(nodes, processing_exception_handler=handler).pipe("in", ("k", "bad", 1))
    assert asked == ["picky"]


def test_a_handler_that_fails_is_fatal() -> None:
    def handler(context: ErrorHandlerContext, record: Any, error: Exception) -> Response:
        raise RuntimeError("handler")

    with pytest.raises(StreamsException, match="Fatal user code error in processing error callback") as caught:
        walked(refusing(), processing_exception_handler=handler).pipe("in", ("k", "bad", 1))
    assert isinstance(caught.value.__cause__, RuntimeError)


def numbers() -> list[Node]:
    return [source(value=LONGS), sink("in", value=LONGS)]


def n(value: int) -> bytes:
    return value.to_bytes(8, "big")


def test_a_record_that_cannot_be_read_fails_by_default() -> None:
    with pytest.raises(StreamsException, match="Deserialization exception handler is set to fail") as caught:
        walked(numbers()).pipe("in", ("k", n(1), 1), ("k", b"short", 2))
    assert str(caught.value).startswith(
        "The value at offset 1 of in-0 is not what Serdes.long() reads: b'short'. Give the source the value_serde that "
        "it was written with, or go on without such records: deserialization.exception.handler=LogAndContinueException"
    )
    assert isinstance(caught.value.__cause__, SerializationException)
    assert str(caught.value.__cause__) == "Size of data received by LongDeserializer is not 8"


def test_a_record_that_cannot_be_read_is_skipped_counted_and_buried() -> None:
    walk = walked(
        numbers(),
        deserialization_exception_handler=LogAndContinueExceptionHandler,
        **{DEAD: "dead"},
    )
    rows = [("k", n(1), 1), ("k", b"short", 99), ("k", n(2), 2)]
    assert walk.pipe("in", *rows) == [(b"k", n(1), 1), (b"k", n(2), 2)]
    assert walk.dropped == 1
    (letter,) = [row for topic, row in walk.out if topic == "dead"]
    assert letter[:3] == (b"k", b"short", 99)
    headers = dict(letter[3])
    assert headers["__streams.errors.offset"] == b"1"
    assert headers["__streams.errors.message"] == b"Size of data received by LongDeserializer is not 8"


def test_the_timestamp_of_a_record_that_cannot_be_read_does_not_count() -> None:
    walk = walked(numbers(), deserialization_exception_handler=LogAndContinueExceptionHandler)
    walk.pipe("in", ("k", n(1), 1), ("k", b"short", 99))
    assert walk.task.graph.current.current_stream_time() == 1


def test_negative_timestamps() -> None:
    with pytest.raises(StreamsException, match=r"has invalid \(negative\) timestamp"):
        walked([source(), sink("in")]).pipe("in", ("k", "a", 1), ("k", "b", -1))
    walk = walked([source(), sink("in")], default_timestamp_extractor=LogAndSkipOnInvalidTimestamp)
    assert walk.pipe("in", ("k", "a", 1), ("k", "b", -1), ("k", "c", 2)) == [(b"k", b"a", 1), (b"k", b"c", 2)]
    assert walk.dropped == 1
    assert walk.task.committable()


@pytest.mark.parametrize(("key", "value", "side"), [("k", 5, "value"), (5, "v", "key")])
def test_a_value_of_the_wrong_type_for_a_sink_is_the_failure_of_the_node_before(
    key: object, value: object, side: str
) -> None:
    nodes = [source(), step("map", "in", stateless.map_(lambda k, v: (key, value))), sink("map")]
    with pytest.raises(StreamsException, match="processor=map") as caught:
        walked(nodes).pipe("in", ("k", "a", 1))
    cause = caught.value.__cause__
    assert isinstance(cause, StreamsException)
    told, java = str(cause).split(" (Kafka Streams says: ")
    assert told == (
        f"The {side} serde of topic out is Serdes.string(), and does not write an int. Give the step that writes there "
        f"the serde that does, as in to('out', {side}_serde=…), or set default.{side}.serde, or map the {side} first."
    )
    assert java.startswith(
        f"ClassCastException while producing data to topic out. The {side} serializer Serdes.string() is not "
        f"compatible to the actual {side} type: int."
    )


def test_a_value_that_cannot_be_written_may_be_dropped() -> None:
    asked: list[Any] = []

    class Handler:
        def handle_serialization_error(self, context: Any, record: Any, error: Exception) -> Response:
            asked.append(record)
            return Response.RESUME

        def handle_error(self, context: Any, record: Any, error: Exception) -> Response:
            return Response.FAIL

    nodes = [source(), step("map", "in", stateless.map_values(Call(int, False))), sink("map", value=LONGS)]
    walk = walked(nodes, production_exception_handler=Handler)
    assert walk.pipe("in", ("k", "1", 1), ("k", str(2**70), 2), ("k", "3", 3)) == [(b"k", n(1), 1), (b"k", n(3), 3)]
    assert asked[0].value == 2**70
    assert walk.dropped == 1


def test_a_topic_name_extractor_or_partitioner_that_fails_is_the_source_s_failure() -> None:
    def refuse(*args: object) -> Any:
        raise ValueError("nowhere")

    for kind in ({"topic": refuse}, {"partitioner": refuse}):
        walk = walked([source(), sink("in", **kind)])  # type: ignore[arg-type]
        with pytest.raises(StreamsException, match="processor=in, topic=in, partition=0, offset=0"):
            walk.pipe("in", ("k", "a", 1))


def test_a_failure_in_a_flush_names_the_store() -> None:
    def refuse(key: object, value: object) -> None:
        raise ValueError("below")

    nodes = [
        source(),
        step("count", "in", stream_count("store"), "store"),
        step("refuse", "count", stateless.peek(refuse)),
    ]
    walk = Walked(nodes, [table(caching=True)])
    walk.pipe("in", ("k", "a", 1))
    with pytest.raises(ProcessorStateException) as caught:
        walk.task.flush()
    assert str(caught.value) == "test Failed to flush cache of store store"
    assert isinstance(caught.value.__cause__, ValueError)


def test_where_records_go_is_chosen_by_the_user() -> None:
    def topic(key: str, value: str, context: Any) -> str:
        assert (context.topic, context.offset) == ("in", int(value))
        return f"out-{int(value) % 2}"

    walk = walked([source(), sink("in", topic=topic)])
    walk.pipe("in", *(("k", str(at), at) for at in range(4)))
    assert [(where, row[1]) for where, row in walk.out] == [
        ("out-0", b"0"),
        ("out-0", b"2"),
        ("out-1", b"1"),
        ("out-1", b"3"),
    ]


def parts(walk: Walked) -> list[tuple[int, bytes]]:
    return [
        (outgoing.partition.partition, value)
        for outgoing in walk.task.outbox.due(0, idle=True)
        for value in outgoing.batch.values
    ]


@pytest.mark.parametrize(
    ("partitioner", "expected"),
    [
        (lambda topic, key, value, count: int(value) % count, [(0, b"0"), (1, b"1")]),
        (lambda topic, key, value, count: {0, 2}, [(0, b"0"), (0, b"1"), (2, b"0"), (2, b"1")]),
        (lambda topic, key, value, count: (), []),
    ],
)
def test_a_partitioner_gives_one_partition_several_or_none(
    partitioner: Callable[..., object], expected: list[tuple[int, bytes]]
) -> None:
    walk = Walked([source(), sink("in", partitioner=partitioner)], partitions={"out": 3})
    walk.fetch("in", ("k", "0", 0), ("k", "1", 1))
    walk.task.run(0)
    assert sorted(parts(walk)) == expected


def test_a_partition_that_is_not_there_is_refused() -> None:
    walk = Walked([source(), sink("in", partitioner=lambda *args: 3)], partitions={"out": 3})
    with pytest.raises(StreamsException) as caught:
        walk.pipe("in", ("k", "0", 0))
    assert "has partitions 0 to 2" in str(caught.value.__cause__)


def test_a_missing_serde_is_said_when_the_task_is_made_or_started() -> None:
    nothing: Any = None
    with pytest.raises(StreamsException, match=r"key serdes for source node in \(it reads in\)$"):
        walked([source(key=nothing)])
    with pytest.raises(StreamsException, match=r"value serdes for sink node sink \(it writes out\)$"):
        walked([source(), sink("in", value=nothing)])
    with pytest.raises(StreamsException, match="Failed to initialize value serdes for store store"):
        Walked([source()], [table(value=nothing)])
    walk = walked([source(key=nothing), sink("in", key=nothing)], default_key_serde=STRING)
    assert walk.pipe("in", ("k", "a", 1)) == [(b"k", b"a", 1)]
