"""The test driver: its cycle, its topics, its clock and its stores."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams import Serdes, StreamsBuilder, Topology
from streams.errors import (
    IllegalArgumentException,
    IllegalStateException,
    InvalidStateStoreException,
    NoSuchElementException,
    NullPointerException,
    StreamsException,
    UnsupportedOperationException,
)
from streams.processor import PunctuationType, Record
from streams.record import ValueAndTimestamp
from streams.testing import TestRecord, TopologyTestDriver

STRING, LONG = Serdes.string(), Serdes.long()


def word_count(**store: Any) -> Topology:
    builder = StreamsBuilder()
    words = builder.stream("text", key_serde=STRING, value_serde=STRING).flat_map_values(str.split)
    counts = words.group_by(lambda key, word: word, key_serde=STRING, value_serde=STRING).count(store="counts", **store)
    counts.to_stream().to("counts-out", key_serde=STRING, value_serde=LONG)
    return builder.build()


def test_word_count_through_its_repartition_topic() -> None:
    with TopologyTestDriver(word_count(), application_id="app") as driver:
        text = driver.create_input_topic("text", STRING, STRING)
        counts = driver.create_output_topic("counts-out", STRING, LONG)
        text.pipe_input("a", "to be or not to be", timestamp=10)
        assert counts.read_key_values_to_list() == [
            ("to", 1),
            ("be", 1),
            ("or", 1),
            ("not", 1),
            ("to", 2),
            ("be", 2),
        ]
        assert driver.produced_topic_names() == {"app-counts-repartition", "app-counts-changelog", "counts-out"}
        assert [record.key for record in driver.records_of("app-counts-repartition")][:2] == [b"to", b"be"]
        store = driver.get_key_value_store("counts")
        assert store is not None and store.get("to") == 2
        stamped = driver.get_timestamped_key_value_store("counts")
        assert stamped is not None and stamped.get("to") == ValueAndTimestamp(2, 10)
        with stamped.all() as rows:
            assert [key for key, _ in rows] == ["be", "not", "or", "to"]


def test_a_cache_never_hides_an_update_in_the_driver() -> None:
    """Each record is committed by itself, so a cached table lets go of one update a record."""
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=STRING, value_serde=STRING)
    stream.flat_map_values(str.split).group_by_key().count().to_stream().to("out", value_serde=LONG)
    with TopologyTestDriver(builder.build()) as driver:
        out = driver.create_output_topic("out", STRING, LONG)
        driver.create_input_topic("in", STRING, STRING).pipe_input("k", "three of them")
        assert out.read_key_values_to_list() == [("k", 3)]
    with TopologyTestDriver(builder.build(), {"statestore.cache.max.bytes": 0}) as driver:
        out = driver.create_output_topic("out", STRING, LONG)
        driver.create_input_topic("in", STRING, STRING).pipe_input("k", "three of them")
        assert out.read_values_to_list() == [1, 2, 3]


def identity() -> Topology:
    builder = StreamsBuilder()
    builder.stream("in", key_serde=STRING, value_serde=STRING).to("out")
    return builder.build()


def test_timestamps_of_piped_records() -> None:
    with TopologyTestDriver(identity(), initial_wall_clock_time=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) as driver:
        out = driver.create_output_topic("out", STRING, STRING)
        topic = driver.create_input_topic("in", STRING, STRING, auto_advance=timedelta(milliseconds=5))
        topic.pipe_input("a", "1")
        topic.pipe_input("b", "2")
        topic.advance_time(100)
        topic.pipe_input("c", "3")
        topic.pipe_input("d", "4", datetime(1970, 1, 1, tzinfo=UTC))
        topic.pipe_key_value_list([("e", "5"), ("f", "6")], start_timestamp=7, advance=3)
        topic.pipe_value_list(["g"], 20)
        assert [record.timestamp for record in out.read_records_to_list()] == [1000, 1005, 1110, 0, 7, 10, 20]
        with pytest.raises(IllegalArgumentException, match="advance must be positive"):
            topic.advance_time(-1)


def test_reading_takes_records_away() -> None:
    with TopologyTestDriver(identity()) as driver:
        topic = driver.create_input_topic("in", STRING, STRING)
        out = driver.create_output_topic("out", STRING, STRING)
        assert out.is_empty and out.queue_size == 0
        with pytest.raises(NoSuchElementException, match="Uninitialized topic: out"):
            out.read_value()
        records = [TestRecord("k", "v", 1, (("h", b"x"),)), TestRecord(None, None, 2)]
        topic.pipe_record_list(records)
        assert out.queue_size == 2
        assert out.read_record() == records[0]
        assert out.read_record() == records[1]
        with pytest.raises(NoSuchElementException, match="Empty topic: out"):
            out.read_key_value()
        topic.pipe_key_value_list([("a", "1"), ("a", "2"), ("b", "3")])
        assert out.read_key_values_to_map() == {"a": "2", "b": "3"}
        topic.pipe_value("x")
        with pytest.raises(IllegalStateException, match="Null keys not allowed"):
            out.read_key_values_to_map()


def test_a_topic_that_is_not_read_is_refused() -> None:
    with TopologyTestDriver(identity()) as driver:
        topic = driver.create_input_topic("missing", STRING, STRING)
        with pytest.raises(IllegalArgumentException, match="Unknown topic: missing"):
            topic.pipe_input("k", "v")


def test_output_topics_that_are_read_again_go_round() -> None:
    builder = StreamsBuilder()
    builder.stream("in", key_serde=STRING, value_serde=LONG).map_values(lambda v: v - 1).to("back", value_serde=LONG)
    builder.stream("back", key_serde=STRING, value_serde=LONG).filter(lambda k, v: v > 0).to("in")
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", STRING, LONG).pipe_input("k", 3)
        assert driver.create_output_topic("back", STRING, LONG).read_values_to_list() == [2, 1, 0]
        assert driver.create_output_topic("in", STRING, LONG).read_values_to_list() == [2, 1]


class Ticking:
    def init(self, context: Any) -> None:
        self.context = context
        context.schedule(timedelta(seconds=1), PunctuationType.WALL_CLOCK_TIME, self.tick)

    def tick(self, now: int) -> None:
        self.context.forward(Record("tick", str(now), now))

    def process(self, record: Any) -> None:
        self.context.forward(record.with_value(str(self.context.current_system_time_ms())))


def test_the_wall_clock_moves_only_when_told_to() -> None:
    builder = StreamsBuilder()
    builder.stream("in", key_serde=STRING, value_serde=STRING).process(Ticking).to("out")
    with TopologyTestDriver(builder.build(), default_key_serde=STRING, default_value_serde=STRING) as driver:
        out = driver.create_output_topic("out", STRING, STRING)
        topic = driver.create_input_topic("in", STRING, STRING)
        topic.pipe_input("k", "v", 5_000)
        assert out.read_values_to_list() == ["0"]
        driver.advance_wall_clock_time(999)
        assert out.is_empty
        driver.advance_wall_clock_time(timedelta(milliseconds=2500))
        topic.pipe_input("k", "v", 5_000)
        assert out.read_values_to_list() == ["3499", "3499"]


def test_stores_have_methods_of_their_kind() -> None:
    with TopologyTestDriver(word_count()) as driver:
        assert driver.get_state_store("missing") is None
        with pytest.raises(IllegalArgumentException, match="Store counts is a timestamped key-value store and should"):
            driver.get_state_store("counts")
        assert driver.get_window_store("counts") is None
        assert driver.get_session_store("counts") is None
        assert driver.get_versioned_key_value_store("counts") is None
        assert set(driver.get_all_state_stores()) == {"counts"}
        store = driver.get_key_value_store("counts")
        assert store is not None
        with pytest.raises(NullPointerException, match="key cannot be null"):
            store.get(None)
    with pytest.raises(InvalidStateStoreException, match=r"Store counts is currently closed\."):
        store.get("a")


def test_global_tables_are_applied_at_once_and_only_read() -> None:
    class Writes:
        def init(self, context: Any) -> None:
            self.store = context.get_state_store("names")

        def process(self, record: Any) -> None:
            self.store.put("a", "b")

    builder = StreamsBuilder()
    names = builder.global_table("names-in", key_serde=STRING, value_serde=STRING, store="names")
    stream = builder.stream("in", key_serde=STRING, value_serde=STRING)
    stream.left_join(names, lambda key, value: value, lambda value, name: f"{value}={name}").to(
        "out", value_serde=STRING
    )
    stream.filter(lambda key, value: value == "write").process(Writes)
    with TopologyTestDriver(builder.build()) as driver:
        topic = driver.create_input_topic("in", STRING, STRING)
        names_in = driver.create_input_topic("names-in", STRING, STRING)
        out = driver.create_output_topic("out", STRING, STRING)
        topic.pipe_input("k", "x")
        names_in.pipe_input("x", "Xaver")
        names_in.pipe_input(None, "dropped")
        topic.pipe_input("k", "x")
        assert out.read_values_to_list() == ["x=None", "x=Xaver"]
        store = driver.get_key_value_store("names")
        assert store is not None and store.get("x") == "Xaver"
        dropped = [value for name, value in driver.metrics().items() if name.name == "dropped-records-total"]
        assert sum(int(str(value)) for value in dropped) == 1
        with pytest.raises(StreamsException) as caught:
            topic.pipe_input("k", "write")
        assert isinstance(caught.value.__cause__, UnsupportedOperationException)
        assert str(caught.value.__cause__) == "Global store is read only"


def test_time_goes_on_in_stream_time_punctuations_before_the_commit() -> None:
    order: list[str] = []

    class Noting:
        def init(self, context: Any) -> None:
            context.schedule(10, PunctuationType.STREAM_TIME, lambda now: order.append(f"tick {now}"))

        def process(self, record: Any) -> None:
            order.append(f"process {record.value}")

    builder = StreamsBuilder()
    builder.stream("in", key_serde=STRING, value_serde=STRING).process(Noting)
    with TopologyTestDriver(builder.build()) as driver:
        topic = driver.create_input_topic("in", STRING, STRING)
        for value, time in (("a", 5), ("b", 6), ("c", 10)):
            topic.pipe_input("k", value, time)
    assert order == ["process a", "tick 5", "process b", "process c", "tick 10"]


def test_topics_that_match_a_pattern_can_be_piped_to() -> None:
    builder = StreamsBuilder()
    builder.stream(re.compile("in-.*"), key_serde=STRING, value_serde=STRING).to(
        "out", key_serde=STRING, value_serde=STRING
    )
    with TopologyTestDriver(builder.build(), application_id="app") as driver:
        out = driver.create_output_topic("out", STRING, STRING)
        for topic in ("in-a", "in-b", "in-a"):
            driver.create_input_topic(topic, STRING, STRING).pipe_input("k", topic)
        assert out.read_key_values_to_list() == [("k", "in-a"), ("k", "in-b"), ("k", "in-a")]
        with pytest.raises(IllegalArgumentException, match="Unknown topic: other"):
            driver.create_input_topic("other", STRING, STRING).pipe_input("k", "v")
