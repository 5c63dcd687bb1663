"""Dead letters leave whatever the handler's answer is, by one rule, and before anything they stand for is committed."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streams import (
    DeadLetter,
    KafkaStreams,
    LogAndContinueExceptionHandler,
    LogAndContinueProcessingExceptionHandler,
    Processor,
    PunctuationType,
    Response,
    Serdes,
    StreamsBuilder,
)
from streams.clients import Admin, Producer, ProducerRecord
from streams.clients.local.door import forget
from streams.errors import RecordTooLargeException, StreamsException
from streams.partition import partition_for
from streams.processor import Record
from streams.runtime.tasks.dead_letters import fitting
from streams.testing import TopologyTestDriver
from tests.streams.apps import COUNT, TEXT, committed, produce, records, running, topics, wait_for

BYTES = Serdes.bytes()
numbers = itertools.count()
ERRORS = "__streams.errors."


@pytest.fixture
def servers() -> Iterator[str]:
    name = f"dead-letters-{next(numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture(params=["at_least_once", "exactly_once_v2"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "state_dir": str(tmp_path),
        "processing_guarantee": request.param,
        "commit_interval_ms": 20,
        "errors_dead_letter_queue_topic_name": "dead",
    }


def send(servers: str, topic: str, *rows: tuple[bytes | None, bytes | None, int]) -> None:
    with Producer({"bootstrap.servers": servers}) as producer:
        for key, value, timestamp in rows:
            producer.send(ProducerRecord(topic, value, key, timestamp=timestamp, headers=(("h", b"1"),))).result()


def letters(servers: str) -> list[Any]:
    return records(servers, "dead", BYTES, BYTES, "read_committed")


def said(record: Any) -> dict[str, str]:
    return {name.removeprefix(ERRORS): value.decode() for name, value in record.headers if name.startswith(ERRORS)}


def doubling() -> StreamsBuilder:
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=COUNT)
    stream.map_values(lambda v: 10 // v).to("out", key_serde=TEXT, value_serde=COUNT)
    return builder


def fails(builder: StreamsBuilder, servers: str, settings: dict[str, Any]) -> BaseException:
    """Runs until the application ends by an error."""
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=servers, **settings)
    app.start()
    with pytest.raises(StreamsException) as raised:
        app.wait(60_000)
    app.close()
    return raised.value


UNREADABLE, UNDIVIDED = b"not a number", bytes(8)


@pytest.mark.parametrize(("value", "error"), [(UNREADABLE, "Serialization"), (UNDIVIDED, "ZeroDivision")])
def test_a_record_that_ends_the_application_is_in_the_dead_letter_topic(
    servers: str, settings: dict[str, Any], value: bytes, error: str
) -> None:
    topics(servers, out=1, dead=3, **{"in": 1})
    send(servers, "in", (b"a", (5).to_bytes(8, "big"), 1), (b"b", value, 77))
    fails(doubling(), servers, settings)
    (letter,) = letters(servers)
    assert (letter.key, letter.value, letter.timestamp) == (b"b", value, 77)
    assert letter.partition == partition_for(b"b", 3)
    assert letter.headers[0] == ("h", b"1")
    words = said(letter)
    assert (words["topic"], words["partition"], words["offset"]) == ("in", "0", "1")
    assert error in words["exception"]
    assert committed(servers, "app", "in") <= 1
    fails(doubling(), servers, settings)
    assert len(letters(servers)) == 2  # at least once: the record is read again, and fails again


def test_the_dead_letter_of_a_punctuation_is_sent_too(servers: str, settings: dict[str, Any]) -> None:
    class Fails(Processor[str, str, str, str]):
        def init(self, context: Any) -> None:
            context.schedule(timedelta(milliseconds=10), PunctuationType.STREAM_TIME, self.punctuate)

        def punctuate(self, now: int) -> None:
            raise ValueError(f"at {now}")

        def process(self, record: Record[str, str]) -> None: ...

    builder = StreamsBuilder()
    builder.stream("in", key_serde=TEXT, value_serde=TEXT).process(Fails)
    topics(servers, dead=1, **{"in": 1})
    send(servers, "in", (b"a", b"x", 15))
    fails(builder, servers, settings)
    (letter,) = letters(servers)
    assert (letter.key, letter.value, letter.timestamp) == (None, None, 15)
    assert said(letter)["message"] == "at 15"


def test_the_dead_letter_of_a_value_that_cannot_be_serialised_holds_the_source_record(
    servers: str, settings: dict[str, Any]
) -> None:
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.map_values(lambda v: 2**70).to("out", key_serde=TEXT, value_serde=COUNT)
    topics(servers, dead=1, out=1, **{"in": 1})
    send(servers, "in", (b"a", b"x", 15))
    fails(builder, servers, settings)
    # As in Java, what the production handler fails is asked of the processing handler of the node before.
    found = letters(servers)
    assert [(letter.key, letter.value, letter.timestamp) for letter in found] == [(b"a", b"x", 15)] * 2
    kinds = [said(letter)["exception"].rpartition(".")[2] for letter in found]
    assert kinds == ["SerializationException", "StreamsException"]
    assert [said(letter)["topic"] for letter in found] == ["in", "in"]


@pytest.mark.parametrize("goes_on", [False, True])
def test_what_the_broker_refuses_is_in_the_dead_letter_topic(
    servers: str, settings: dict[str, Any], goes_on: bool
) -> None:
    def handler(context: Any, record: Any, error: Exception) -> Response:
        assert isinstance(error, RecordTooLargeException)
        return Response.resume([DeadLetter("dead", context.source_raw_key, context.source_raw_value, record.timestamp)])

    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.map_values(lambda v: v * 100).to("out", key_serde=TEXT, value_serde=TEXT)
    topics(servers, dead=3, **{"in": 1})
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic("out", 1, configs={"max.message.bytes": "1000"})
    send(servers, "in", (b"a", b"0123456789012", 15))
    if goes_on:
        with running(builder, servers, production_exception_handler=handler, **settings):
            wait_for(lambda: committed(servers, "app", "in") == 1)
            (letter,) = letters(servers)  # acknowledged before the position
    else:
        fails(builder, servers, settings)
        (letter,) = letters(servers)
        words = said(letter)
        assert (words["topic"], words["partition"], words["offset"]) == ("out", "0", "-1")
    assert (letter.key, letter.value, letter.timestamp) == (b"a", b"0123456789012" * 100, 15)
    assert letter.partition == partition_for(b"a", 3)


def test_one_rule_routes_the_dead_letters_of_all_handlers(servers: str, settings: dict[str, Any]) -> None:
    def large(value: str) -> str:
        return value * (200 if value.startswith("large") else 1)

    def picky(value: str) -> str:
        if value == "refused":
            raise ValueError(value)
        return value

    def goes_on(context: Any, record: Any, error: Exception) -> Response:
        return Response.resume([DeadLetter("dead", context.source_raw_key, b"letter", 9)])

    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.map_values(picky).map_values(large).to("out", key_serde=TEXT, value_serde=TEXT)
    topics(servers, dead=5, **{"in": 1})
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic("out", 1, configs={"max.message.bytes": "1000"})
    keys = [f"k{n}".encode() for n in range(20)]
    send(servers, "in", *[(key, value, 3) for key in keys for value in (b"refused", b"large value", b"\xff\xfe")])
    handlers: dict[str, Any] = {
        f"{kind}_exception_handler": goes_on for kind in ("processing", "production", "deserialization")
    }
    with running(builder, servers, **handlers, **settings):
        wait_for(lambda: committed(servers, "app", "in") == 60)
    found = letters(servers)
    assert {(r.key, r.partition) for r in found} == {(key, partition_for(key, 5)) for key in keys}
    assert {key: sum(r.key == key for r in found) >= 2 for key in keys} == dict.fromkeys(keys, True)


def test_a_dead_letter_topic_that_does_not_exist_is_made(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, out=1, **{"in": 1})
    send(servers, "in", (b"b", UNREADABLE, 77))
    fails(doubling(), servers, settings)
    assert [letter.value for letter in letters(servers)] == [UNREADABLE]


@pytest.mark.parametrize("handler", [LogAndContinueExceptionHandler, None])
def test_a_record_of_the_dead_letter_topic_is_not_buried_there_again(
    servers: str, settings: dict[str, Any], handler: Any
) -> None:
    """An application may read its own dead letters; one that fails again would come back for ever."""
    topics(servers, out=1, **{"in": 1})
    send(servers, "in", (b"b", UNREADABLE, 77))
    settings["errors_dead_letter_queue_topic_name"] = "in"
    if handler is None:
        fails(doubling(), servers, settings)
    else:
        with running(doubling(), servers, deserialization_exception_handler=handler, **settings):
            wait_for(lambda: committed(servers, "app", "in") == 1)
    assert len(records(servers, "in", BYTES, BYTES)) == 1


def test_a_dead_letter_gives_up_its_stack_trace_rather_than_its_record() -> None:
    headers = (("h", b"1"), (f"{ERRORS}stacktrace", b"t" * 500), (f"{ERRORS}message", b"m" * 500))
    letter = DeadLetter("dead", b"k", b"v" * 1_000, 1, headers)
    assert fitting(letter, 5_000) == letter
    shorter = dict(fitting(letter, 2_400).headers)
    assert len(shorter[f"{ERRORS}stacktrace"] or b"") < 400 and shorter[f"{ERRORS}message"] == b"m" * 500
    bare = fitting(letter, 1_200)
    assert bare == letter._replace(headers=(("h", b"1"),))


@pytest.mark.parametrize("missing", [150, 1_100])
def test_a_record_as_large_as_a_request_may_be_still_fits_into_a_dead_letter(
    servers: str, settings: dict[str, Any], missing: int
) -> None:
    topics(servers, out=1, dead=1, **{"in": 1})
    poison = b"x" * (1024 * 1024 - missing)
    send(servers, "in", (b"b", poison, 77), (b"c", (5).to_bytes(8, "big"), 78))
    with running(doubling(), servers, deserialization_exception_handler=LogAndContinueExceptionHandler, **settings):
        wait_for(lambda: committed(servers, "app", "in") == 2)
    (letter,) = letters(servers)
    assert letter.value == poison
    assert said(letter).get("offset") == ("0" if missing > 1_000 else None)


def test_a_dead_letter_that_is_too_large_all_the_same_is_no_reason_for_another(
    servers: str, settings: dict[str, Any]
) -> None:
    def handler(context: Any, record: Any, error: Exception) -> Response:
        return Response.fail([DeadLetter("dead", b"k", b"x" * 2_000_000, 1)])

    topics(servers, out=1, dead=1, **{"in": 1})
    send(servers, "in", (b"b", UNDIVIDED, 77))
    goes_on = {"processing_exception_handler": handler, "production_exception_handler": handler}
    error = fails(doubling(), servers, {**settings, **goes_on})
    assert isinstance(error.__cause__, ZeroDivisionError)  # the first error is what ends it
    assert letters(servers) == []


def test_dead_letters_that_could_not_be_sent_are_told(
    servers: str, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def handler(context: Any, record: Any, error: Exception) -> Response:
        return Response.fail([DeadLetter("dead", b"k", b"x" * 2_000_000, 1)])

    topics(servers, out=1, dead=1, **{"in": 1})
    send(servers, "in", (b"b", UNDIVIDED, 77))
    fails(doubling(), servers, {**settings, "processing_exception_handler": handler})
    (line,) = [r.getMessage() for r in caplog.records if "dead letters were sent" in r.getMessage()]
    assert "not all of its 1 dead letters" in line and "topic dead" in line and "RecordTooLargeException" in line


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (True, "returned True; return Response.RESUME or Response.FAIL"),
        (None, "returned None"),
        ("RESUME", "returned 'RESUME'"),
        (Response.RETRY, "returned Response.RETRY, which only a failed send may be answered"),
    ],
)
def test_a_handler_that_returns_something_else_is_told_what_to_return(given: Any, words: str) -> None:
    driver = TopologyTestDriver(doubling().build(), processing_exception_handler=lambda *args: given)
    with driver, pytest.raises(StreamsException, match="Fatal user code error in processing") as raised:
        driver.create_input_topic("in", TEXT, COUNT).pipe_input("a", 0)
    assert words in str(raised.value.__cause__)


@pytest.mark.parametrize(
    ("letter", "words"),
    [
        ("text", "A dead letter is a DeadLetter"),
        (ProducerRecord("dead", b"v"), "A dead letter is a DeadLetter"),
        (DeadLetter("no topic", b"k", b"v", 1), "Topic name is invalid"),
        (DeadLetter("dead", "k", b"v", 1), "The key of a dead letter is str, not bytes"),  # type: ignore[arg-type]
        (DeadLetter("dead", b"k", 7, 1), "The value of a dead letter is int, not bytes"),  # type: ignore[arg-type]
        (DeadLetter("dead", b"k", b"v", 1.5), "Invalid timestamp of a dead letter: 1.5"),  # type: ignore[arg-type]
        (DeadLetter("dead", b"k", b"v", -1), "Invalid timestamp of a dead letter: -1"),
        (DeadLetter("dead", b"k", b"v", 1, (("h", "x"),)), r"Invalid header 'h': its value is 'x'"),  # type: ignore[arg-type]
    ],
)
def test_a_dead_letter_that_cannot_be_sent_is_refused_inside_the_handler(letter: Any, words: str) -> None:
    handler = lambda *args: Response.resume([letter])  # noqa: E731
    with (
        TopologyTestDriver(doubling().build(), processing_exception_handler=handler) as driver,
        pytest.raises(StreamsException, match="Fatal user code error in processing") as raised,
    ):
        driver.create_input_topic("in", TEXT, COUNT).pipe_input("a", 0)
    assert words in str(raised.value.__cause__)


@pytest.mark.parametrize("handler", [LogAndContinueProcessingExceptionHandler, None])
def test_the_driver_shows_dead_letters_whatever_the_answer_was(handler: Any) -> None:
    config: dict[str, Any] = {"errors.dead.letter.queue.topic.name": "dead"}
    if handler is not None:
        config["processing.exception.handler"] = handler
    with TopologyTestDriver(doubling().build(), config) as driver:
        entry = driver.create_input_topic("in", TEXT, COUNT)
        if handler is None:
            with pytest.raises(StreamsException):
                entry.pipe_input("a", 0, 7)
        else:
            entry.pipe_input("a", 0, 7)
        letter = driver.create_output_topic("dead", TEXT, COUNT).read_record()
        assert (letter.key, letter.value, letter.timestamp) == ("a", 0, 7)


def test_dead_letters_of_a_global_table_are_told_and_not_sent(
    servers: str, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """As in Java (KIP-1270): each worker fills the table for itself, anew at each start, and would send its own."""
    caplog.set_level(logging.WARNING)
    builder = StreamsBuilder()
    table = builder.global_table("dim", key_serde=TEXT, value_serde=COUNT)
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.join(table, lambda k, v: k, lambda v, n: f"{v}{n}").to("out", key_serde=TEXT, value_serde=TEXT)
    topics(servers, out=1, dim=1, dead=1, **{"in": 1})
    send(servers, "dim", (b"a", UNREADABLE, 1), (b"b", (7).to_bytes(8, "big"), 1))
    produce(servers, "in", [("b", "x")])
    with running(builder, servers, deserialization_exception_handler=LogAndContinueExceptionHandler, **settings):
        wait_for(lambda: [r.value for r in records(servers, "out", TEXT, TEXT)] == ["x7"])
    assert letters(servers) == []
    assert "1 dead letters of global store" in caplog.text
