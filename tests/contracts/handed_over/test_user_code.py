"""What the user's code hands over inside a topology: the driver and a running application refuse the same, by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from streams import (
    LogAndContinueProcessingExceptionHandler,
    PunctuationType,
    Record,
    Serde,
    Serdes,
    Stores,
    StreamsBuilder,
    ValueAndTimestamp,
    Window,
    Windowed,
)
from streams.app import State
from streams.clients import Admin
from streams.errors import KafkaException
from streams.testing import TopologyTestDriver
from tests.streams.apps import TEXT, produce, records, running, topics, wait_for

_numbers = itertools.count()


def stream(builder: StreamsBuilder, **options: Any) -> Any:
    return builder.stream("in", key_serde=TEXT, value_serde=TEXT, **options)


def processing(act: Callable[[Any, Record[str, str]], object], *stores: Any) -> Callable[[StreamsBuilder], None]:
    """A topology whose processor acts on the odd record and passes the others on."""

    class Acting:
        def init(self, context: Any) -> None:
            self.context = context

        def process(self, record: Record[str, str]) -> None:
            if record.value == "odd":
                act(self.context, record)
            else:
                self.context.forward(record)

    def build(builder: StreamsBuilder) -> None:
        for store in stores:
            builder.add_state_store(store)
        made = stream(builder).process(Acting, *(store.name for store in stores))
        made.to("out", key_serde=TEXT, value_serde=TEXT)

    return build


def sent(**options: Any) -> Callable[[StreamsBuilder], None]:
    return lambda builder: stream(builder).to("out", key_serde=TEXT, value_serde=TEXT, **options)


def when_odd(given: object, else_: object) -> Callable[..., object]:
    return lambda topic, key, value, count: given if value == "odd" else else_


def text_for_bytes(value: str) -> Any:
    return value


ODD_SERDE: Any = Serde(
    "odd", lambda value: text_for_bytes(value) if value == "odd" else value.encode(), lambda data: data.decode()
)
CASES: dict[str, tuple[Callable[[StreamsBuilder], None], str]] = {
    "a time in a record": (
        processing(lambda context, record: context.forward(record.with_timestamp(record.timestamp / 2))),
        "Malformed Record: Invalid timestamp: 7.5 (float)",
    ),
    "headers in a record": (
        processing(lambda context, record: context.forward(record.with_headers([("h", "text")]))),
        "Malformed Record: Invalid header 'h': its value is 'text' (str)",
    ),
    "a kind of punctuation": (
        processing(lambda context, record: context.schedule(5, "WALL_CLOCK_TIME", print)),
        "Invalid type of punctuation: 'WALL_CLOCK_TIME' (str)",
    ),
    "a punctuator": (
        processing(lambda context, record: context.schedule(5, PunctuationType.STREAM_TIME, None)),
        "schedule() takes a function, got None",
    ),
    "a time of a window": (
        processing(
            lambda context, record: context.get_state_store("w").put("k", "v", 1.5),
            Stores.window_store_builder(Stores.in_memory_window_store("w", 10_000, 1_000, False), TEXT, TEXT),
        ),
        "Invalid window start: 1.5 (float)",
    ),
    "a time beside a value": (
        processing(
            lambda context, record: context.get_state_store("s").put("k", ValueAndTimestamp("v", 1.5)),
            Stores.timestamped_key_value_store_builder(Stores.in_memory_key_value_store("s"), TEXT, TEXT),
        ),
        "Invalid timestamp: 1.5 (float)",
    ),
    "a value without its time": (
        processing(
            lambda context, record: context.get_state_store("s").put("k", "v"),
            Stores.timestamped_key_value_store_builder(Stores.in_memory_key_value_store("s"), TEXT, TEXT),
        ),
        "Invalid value: 'v' (str). Give ValueAndTimestamp",
    ),
    "a session": (
        processing(
            lambda context, record: context.get_state_store("x").put(Windowed("k", Window(1.5, 2)), "v"),  # type: ignore[arg-type]
            Stores.session_store_builder(Stores.in_memory_session_store("x", 10_000), TEXT, TEXT),
        ),
        "Invalid end of a window: 1.5 (float)",
    ),
    "half a partition": (sent(partitioner=when_odd(0.0, 0)), "Invalid partition: 0.0 (float)"),
    "a true partition": (sent(partitioner=when_odd(False, 0)), "Invalid partition: False (bool)"),
    "a partition in text": (sent(partitioner=when_odd("0", 0)), "Invalid partition: '0' (str)"),
    "a negative partition": (sent(partitioner=when_odd(-1, 0)), "Invalid partition: -1."),
    "one of several partitions": (sent(partitioner=when_odd([0, "1"], [0])), "Invalid partition: '1' (str)"),
    "a partition that is not there": (sent(partitioner=when_odd(9, 0)), "The partitioner chose partition 9 of out"),
    "no topic": (
        lambda builder: stream(builder).to(lambda k, v, c: None if v == "odd" else "out"),
        "A topic name extractor must return the name of a topic, got None (NoneType)",
    ),
    "a bad topic": (
        lambda builder: stream(builder).to(lambda k, v, c: "a b" if v == "odd" else "out"),
        "Topic name is invalid: 'a b' contains",
    ),
    "what a serializer makes": (
        lambda builder: stream(builder).to("out", key_serde=TEXT, value_serde=ODD_SERDE),
        "odd: serialize returned str, expected bytes.",
    ),
}
ROWS = [("k", "before", 10), ("k", "odd", 15), ("k", "after", 20)]


def chain(error: BaseException | None) -> str:
    """All that an error and its causes say."""
    said = []
    while error is not None:
        said.append(f"{type(error).__name__}: {error}")
        error = error.__cause__
    return "\n".join(said)


def builder_of(build: Callable[[StreamsBuilder], None]) -> StreamsBuilder:
    builder = StreamsBuilder()
    build(builder)
    return builder


SERDES = {"default_key_serde": TEXT, "default_value_serde": TEXT}


@pytest.mark.parametrize(("build", "words"), CASES.values(), ids=CASES)
def test_the_driver_refuses_it_where_it_is_given(build: Callable[[StreamsBuilder], None], words: str) -> None:
    config = {name.replace("_", "."): serde for name, serde in SERDES.items()}
    with TopologyTestDriver(builder_of(build).build(), config) as driver:
        topic = driver.create_input_topic("in", TEXT, TEXT)
        topic.pipe_input("k", "before", 10)
        with pytest.raises(KafkaException) as caught:
            topic.pipe_input("k", "odd", 15)
        assert words in chain(caught.value)
        assert "offset=1" in str(caught.value)
        assert [each.value for each in driver.records_of("out")] == [b"before"]


@pytest.mark.parametrize(("build", "words"), CASES.values(), ids=CASES)
def test_an_application_refuses_it_with_the_same_words_and_good_records_go_on(
    address: str, build: Callable[[StreamsBuilder], None], words: str
) -> None:
    """What a serializer makes is the production handler's, which here says to fail; all else the processing one's."""
    name = f"user-code-{next(_numbers)}"
    heard: list[BaseException] = []

    class Listening(LogAndContinueProcessingExceptionHandler):
        def handle_error(self, context: Any, record: Any, error: Exception) -> Any:
            heard.append(error)
            return super().handle_error(context, record, error)

    with_topics(address)
    builder = builder_of(build)
    settings = {**SERDES, "processing_exception_handler": Listening}
    with running(builder, address, name, **settings) as app:
        produce_rows(address, ROWS)
        wait_for(lambda: app.failure is not None or len(values(address)) >= 2)
        assert app.failure is None, app.failure
    (error,) = heard
    assert words in chain(error)
    assert values(address) == ["before", "after"]


def with_topics(address: str) -> None:
    with Admin(bootstrap_servers=address) as admin:
        for topic in ("in", "out"):
            if topic in admin.list_topics():
                admin.delete_topic(topic)
    topics(address, **{"in": 1, "out": 1})


def produce_rows(address: str, rows: list[tuple[str, str, int]]) -> None:
    for key, value, timestamp in rows:
        produce(address, "in", [(key, value)], timestamp=timestamp)


def values(address: str) -> list[str]:
    return [record.value for record in records(address, "out", TEXT, TEXT)]


NO_TIMES = {
    "a float": (1.5, "1.5 (float)"),
    "text": ("5", "'5' (str)"),
    "nothing": (None, "None (NoneType)"),
    "True": (True, "True (bool)"),
    "too large": (2**63, "9223372036854775808 (int) does not fit into 64 bits"),
    "a naive datetime": (datetime(2024, 1, 1), "datetime.datetime(2024, 1, 1, 0, 0) (datetime) has no time zone"),
}


def extracting(time: object) -> StreamsBuilder:
    def extractor(record: Any, partition_time: int) -> Any:
        return time if record.value == "odd" else record.timestamp

    builder = StreamsBuilder()
    stream(builder, timestamp_extractor=extractor).to("out", key_serde=TEXT, value_serde=TEXT)
    return builder


@pytest.mark.parametrize(("time", "shown"), NO_TIMES.values(), ids=NO_TIMES)
def test_an_extractor_that_gives_no_time_is_named_with_the_record(address: str, time: object, shown: str) -> None:
    words = "The TimestampExtractor extracting.<locals>.extractor gave no timestamp for the record at offset 1 "
    with TopologyTestDriver(extracting(time).build()) as driver:
        topic = driver.create_input_topic("in", TEXT, TEXT)
        topic.pipe_input("k", "before", 10)
        with pytest.raises(KafkaException) as caught:
            topic.pipe_input("k", "odd", 15)
        assert str(caught.value).startswith(f"{words}of topic in, partition 0: Invalid timestamp: {shown}")
    with_topics(address)
    with running(extracting(time), address, f"user-code-{next(_numbers)}") as app:
        produce_rows(address, ROWS)
        wait_for(lambda: app.state is State.ERROR)
        assert chain(app.failure).count(f"{words}of topic in, partition 0: Invalid timestamp: {shown}") == 1
    assert values(address) in (["before"], [])


def test_an_extractor_may_give_a_datetime() -> None:
    with TopologyTestDriver(extracting(datetime(2024, 1, 1, tzinfo=UTC)).build()) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "odd", 15)
        assert [each.timestamp for each in driver.records_of("out")] == [1_704_067_200_000]


def test_a_partition_that_is_named_twice_gets_the_record_once() -> None:
    builder = StreamsBuilder()
    stream(builder).to("out", key_serde=TEXT, value_serde=TEXT, partitioner=lambda *asked: [0, 0])
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "v", 15)
        assert len(driver.records_of("out")) == 1


def test_bytes_of_another_kind_are_bytes() -> None:
    serde: Any = Serde("mine", lambda value: bytearray(value, "utf-8"), lambda data: data.decode())
    assert type(serde.encode("v")) is bytes and serde == Serde("mine", serde.encode, serde.decode)
    assert Serdes.string().encode("v") == b"v"
