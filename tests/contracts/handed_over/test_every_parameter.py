"""Every parameter of the clients, of an application and of the test driver with a table of values: an answer, or a
refusal with words. Nothing from further within."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.app import State
from streams.clients import Admin, Consumer, OffsetAndMetadata, Producer, ProducerRecord
from streams.errors import (
    IllegalArgumentException,
    IllegalStateException,
    NullPointerException,
    UnknownStateStoreException,
)
from streams.query.metadata import HostInfo
from streams.query.position import Position, PositionBound
from streams.query.requests import (
    KeyQuery,
    MultiVersionedKeyQuery,
    PrefixQuery,
    Query,
    RangeQuery,
    StateQueryRequest,
    TimestampedKeyQuery,
    TimestampedRangeQuery,
    VersionedKeyQuery,
    WindowKeyQuery,
    WindowRangeQuery,
)
from streams.query.stores import StoreQueryParameters
from streams.record import TopicPartition
from streams.state.key_value_store import ReadOnlyKeyValueStore, ReadOnlyVersionedKeyValueStore
from streams.state.window_store import ReadOnlySessionStore, ReadOnlyWindowStore
from streams.testing import TestRecord, TopologyTestDriver
from tests.streams.apps import every_kind
from tests.wrong import VALUES, faults, refusal

Calls = list[tuple[str, Callable[..., object]]]
TEXT = Serdes.string()
QUICK = [value for value in VALUES if value not in (None, 10**400)]
"""A timeout that is none waits for ever."""
_numbers = itertools.count()


@pytest.fixture
def topic(address: str) -> str:
    name = f"every-{next(_numbers)}"
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic(name, 2)
    return name


def of_producer(producer: Producer, topic: str) -> Calls:
    def sent(**fields: Any) -> None:
        producer.send(ProducerRecord(**{"topic": topic, "value": b"v", **fields})).exception(30)

    return [
        ("send(record)", producer.send),
        ("send(callback)", lambda x: producer.send(ProducerRecord(topic, b"v"), x)),
        ("ProducerRecord(topic)", lambda x: sent(topic=x)),
        ("ProducerRecord(value)", lambda x: sent(value=x)),
        ("ProducerRecord(key)", lambda x: sent(key=x)),
        ("ProducerRecord(partition)", lambda x: sent(partition=x)),
        ("ProducerRecord(timestamp)", lambda x: sent(timestamp=x)),
        ("ProducerRecord(headers)", lambda x: sent(headers=x)),
        ("ProducerRecord(a header)", lambda x: sent(headers=[("h", x)])),
        ("ProducerRecord(a header's name)", lambda x: sent(headers=[(x, b"")])),
        ("partitions_for", producer.partitions_for),
        ("flush", producer.flush),
    ]


def of_consumer(consumer: Consumer, topic: str) -> Calls:
    zero, there = TopicPartition(topic, 0), OffsetAndMetadata(0)

    def with_zero(call: Callable[[Any], object]) -> Callable[[Any], object]:
        def tried(value: Any) -> object:
            consumer.unsubscribe()
            consumer.assign([zero])
            return call(value)

        return tried

    def afresh(call: Callable[[Any], object]) -> Callable[[Any], object]:
        def tried(value: Any) -> object:
            consumer.unsubscribe()
            return call(value)

        return tried

    made: Calls = [
        ("seek(partition)", lambda x: consumer.seek(x, 0)),
        ("seek(offset)", lambda x: consumer.seek(zero, x)),
        ("seek(OffsetAndMetadata)", lambda x: consumer.seek(zero, OffsetAndMetadata(x))),
        ("seek_to_beginning", consumer.seek_to_beginning),
        ("seek_to_end", consumer.seek_to_end),
        ("pause", consumer.pause),
        ("resume", consumer.resume),
        ("position", consumer.position),
        ("current_lag", consumer.current_lag),
        ("commit_sync", consumer.commit_sync),
        ("commit_sync(offset)", lambda x: consumer.commit_sync({zero: x})),
        ("commit_sync(OffsetAndMetadata)", lambda x: consumer.commit_sync({zero: OffsetAndMetadata(x)})),
        ("commit_sync(metadata)", lambda x: consumer.commit_sync({zero: OffsetAndMetadata(0, x)})),
        ("commit_sync(partition)", lambda x: consumer.commit_sync({TopicPartition(topic, hashed(x)): there})),
        ("commit_sync(topic)", lambda x: consumer.commit_sync({TopicPartition(hashed(x), 0): there})),
        # what `int` takes cannot be read: it fails when it is called
        ("commit_async(callback)", lambda x: x is int or consumer.commit_async(x)),
        ("commit_async(offsets)", lambda x: consumer.commit_async({zero: x})),
        ("committed", consumer.committed),
        ("committed(partition)", lambda x: consumer.committed([x])),
        ("beginning_offsets", consumer.beginning_offsets),
        ("end_offsets(partition)", lambda x: consumer.end_offsets([x])),
        ("end_offsets(number)", lambda x: consumer.end_offsets([TopicPartition(topic, x)])),
        ("offsets_for_times", consumer.offsets_for_times),
        ("offsets_for_times(time)", lambda x: consumer.offsets_for_times({zero: x})),
        ("partitions_for", consumer.partitions_for),
    ]
    quick: Calls = [
        ("subscribe", afresh(consumer.subscribe)),
        ("subscribe(one)", afresh(lambda x: consumer.subscribe([x]))),
        ("subscribe(listener)", afresh(lambda x: consumer.subscribe([topic], x))),
        ("assign", afresh(consumer.assign)),
        ("assign(one)", afresh(lambda x: consumer.assign([x]))),
        ("assign(number)", afresh(lambda x: consumer.assign([TopicPartition(topic, x)]))),
    ]
    return quick + [(name, with_zero(call)) for name, call in made]


def of_admin(admin: Admin, topic: str) -> Calls:
    zero = TopicPartition(topic, 0)
    return [
        ("create_topic(name)", admin.create_topic),
        ("create_topic(partitions)", lambda x: x == 2**31 or admin.create_topic(f"made-{next(_numbers)}", x)),
        ("create_topic(configs)", lambda x: admin.create_topic(f"made-{next(_numbers)}", 1, x)),
        ("create_topic(a config)", lambda x: admin.create_topic(f"made-{next(_numbers)}", 1, {"retention.ms": x})),
        ("create_topic(a config's name)", lambda x: admin.create_topic(f"made-{next(_numbers)}", 1, {hashed(x): 1})),
        ("describe_topics", admin.describe_topics),
        ("describe_topics(one)", lambda x: admin.describe_topics([x])),
        ("alter_topic(name)", lambda x: admin.alter_topic(x, {})),
        ("alter_topic(configs)", lambda x: admin.alter_topic(topic, x)),
        ("delete_topic", admin.delete_topic),
        ("create_partitions(name)", lambda x: admin.create_partitions(x, 3)),
        ("create_partitions(total)", lambda x: x == 2**31 or admin.create_partitions(topic, x)),
        ("beginning_offsets", admin.beginning_offsets),
        ("end_offsets", admin.end_offsets),
        ("end_offsets(one)", lambda x: admin.end_offsets([x])),
        ("end_offsets(isolation)", lambda x: admin.end_offsets([zero], x)),
        ("offsets_for_times", admin.offsets_for_times),
        ("offsets_for_times(time)", lambda x: admin.offsets_for_times({zero: x})),
        ("delete_records", admin.delete_records),
        ("delete_records(before)", lambda x: admin.delete_records({zero: x})),
        ("describe_group", admin.describe_group),
        ("describe_groups", admin.describe_groups),
        ("describe_groups(one)", lambda x: admin.describe_groups([x])),
        ("reset_offsets(group)", lambda x: admin.reset_offsets(x, [topic], to_earliest=True)),
        ("reset_offsets(topics)", lambda x: admin.reset_offsets("g", x, to_earliest=True)),
        ("reset_offsets(to_offset)", lambda x: admin.reset_offsets("g", [topic], to_offset=x)),
        ("reset_offsets(to_datetime)", lambda x: admin.reset_offsets("g", [topic], to_datetime=x)),
        ("reset_offsets(shift_by)", lambda x: admin.reset_offsets("g", [topic], shift_by=x)),
        ("reset_offsets(to_latest)", lambda x: admin.reset_offsets("g", [topic], to_latest=x)),
        ("delete_group", admin.delete_group),
    ]


def hashed(value: Any) -> Any:
    """The value where it may be a key of a mapping."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


FOR_EVER = (2**31, 2**63, timedelta.max)
"""How long it may be waited for a record, but not in a test."""


def test_a_producer(address: str, topic: str) -> None:
    with Producer(bootstrap_servers=address) as producer:
        assert faults(of_producer(producer, topic), QUICK) == []
        assert producer.send(ProducerRecord(topic, b"v")).result(30).topic == topic


def test_a_consumer(address: str, topic: str) -> None:
    with Consumer(bootstrap_servers=address, group_id=f"g-{topic}", default_api_timeout_ms=200) as consumer:
        assert faults(of_consumer(consumer, topic), QUICK) == []
        assert faults([("poll", lambda x: x in FOR_EVER or consumer.poll(x))]) == []


def test_an_admin(address: str, topic: str) -> None:
    with Admin(bootstrap_servers=address) as admin:
        assert faults(of_admin(admin, topic)) == []
        assert admin.describe_topics([topic])[topic].partitions >= 2


def test_after_close_each_call_is_refused(address: str, topic: str) -> None:
    producer, consumer = Producer(bootstrap_servers=address), Consumer(bootstrap_servers=address, group_id="g")
    admin = Admin(bootstrap_servers=address)
    for client in (producer, consumer, admin):
        client.close()
        client.close()
    zero = [TopicPartition(topic, 0)]
    for call in (
        lambda: producer.send(ProducerRecord(topic, b"v")),
        lambda: producer.partitions_for(topic),
        lambda: consumer.poll(0),
        lambda: consumer.subscribe([topic]),
        lambda: consumer.assign(zero),
        lambda: consumer.commit_sync(),
        lambda: consumer.position(zero[0]),
        lambda: consumer.end_offsets(zero),
        lambda: admin.list_topics(),
        lambda: admin.create_topic("later", 1),
        lambda: admin.end_offsets(zero),
    ):
        with pytest.raises(IllegalStateException, match="closed"):
            call()


def test_a_consumer_in_two_threads_is_refused_in_the_second(address: str, topic: str) -> None:
    said: list[str | None] = []

    def in_the_middle_of_a_poll(data: bytes) -> bytes:
        thread = threading.Thread(target=lambda: said.append(refusal(consumer.poll, 0)))
        thread.start()
        thread.join()
        return data

    with Producer(bootstrap_servers=address) as producer:
        producer.send(ProducerRecord(topic, b"v", partition=0)).result(30)
    serde = Serdes.of(bytes, in_the_middle_of_a_poll)
    with Consumer(bootstrap_servers=address, auto_offset_reset="earliest", value_deserializer=serde) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        while not said:
            consumer.poll(1_000)
    assert said and said[0] is not None and "thread" in said[0]


@pytest.fixture
def driver() -> Iterator[TopologyTestDriver]:
    builder = StreamsBuilder()
    builder.stream("in", key_serde=TEXT, value_serde=TEXT).to("out")
    with TopologyTestDriver(builder.build(), {"default.key.serde": TEXT, "default.value.serde": TEXT}) as made:
        yield made


def test_the_test_driver(driver: TopologyTestDriver) -> None:
    topic = driver.create_input_topic("in", TEXT, TEXT)
    out = driver.create_output_topic("out", TEXT, TEXT)
    calls: Calls = [
        ("create_input_topic(topic)", lambda x: driver.create_input_topic(x, TEXT, TEXT)),
        ("create_input_topic(key_serde)", lambda x: driver.create_input_topic("in", x, TEXT).pipe_input("k", "v")),
        ("create_input_topic(value_serde)", lambda x: driver.create_input_topic("in", TEXT, x).pipe_input("k", "v")),
        ("create_input_topic(start)", lambda x: driver.create_input_topic("in", TEXT, TEXT, x)),
        ("create_input_topic(advance)", lambda x: driver.create_input_topic("in", TEXT, TEXT, 0, x)),
        ("create_output_topic(topic)", lambda x: driver.create_output_topic(x, TEXT, TEXT).is_empty),
        ("create_output_topic(serde)", lambda x: driver.create_output_topic("out", x, TEXT)),
        ("records_of", driver.records_of),
        ("create_input_topic", lambda x: driver.create_input_topic("in", TEXT, TEXT).pipe_raw(b"k", b"v", x)),
        ("advance_wall_clock_time", driver.advance_wall_clock_time),
        ("get_state_store", driver.get_key_value_store),
        ("pipe_input(key)", lambda x: topic.pipe_input(x, "v")),
        ("pipe_input(value)", lambda x: topic.pipe_input("k", x)),
        ("pipe_input(timestamp)", lambda x: topic.pipe_input("k", "v", x)),
        ("pipe_input(headers)", lambda x: topic.pipe_input(TestRecord("k", "v", 0, x))),
        ("pipe_value", topic.pipe_value),
        ("pipe_raw(key)", lambda x: topic.pipe_raw(x, b"v", 0)),
        ("pipe_raw(value)", lambda x: topic.pipe_raw(b"k", x, 0)),
        ("pipe_record_list", topic.pipe_record_list),
        ("pipe_key_value_list", topic.pipe_key_value_list),
        ("pipe_key_value_list(one)", lambda x: topic.pipe_key_value_list([x])),
        ("pipe_key_value_list(start)", lambda x: topic.pipe_key_value_list([("k", "v")], x)),
        ("pipe_value_list", topic.pipe_value_list),
        ("advance_time", topic.advance_time),
    ]
    assert faults(calls) == []
    topic.pipe_input("k", "last", 1)
    assert out.read_values_to_list()[-1] == "last"


def test_a_driver_takes_a_topology_and_settings() -> None:
    builder = StreamsBuilder()
    builder.stream("in").to("out")
    assert faults([("TopologyTestDriver(topology)", TopologyTestDriver)]) == []
    assert faults([("TopologyTestDriver(config)", lambda x: TopologyTestDriver(builder.build(), x).close())]) == []


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return {
        "application.id": "every",
        "bootstrap.servers": f"memory://every-{next(_numbers)}",
        "state.dir": str(tmp_path),
    }


@contextmanager
def running(settings: dict[str, Any]) -> Iterator[KafkaStreams]:
    with Admin(bootstrap_servers=settings["bootstrap.servers"]) as admin:
        admin.create_topic("in", 2)
        admin.create_topic("rows", 2)
    with KafkaStreams(every_kind(), settings) as app:
        assert app.wait_until_running(60_000)
        yield app


def of_application(app: KafkaStreams, settings: dict[str, Any]) -> Calls:
    return [
        ("KafkaStreams(topology)", lambda x: KafkaStreams(x, settings)),
        ("KafkaStreams(config)", lambda x: KafkaStreams(every_kind(), x)),
        ("KafkaStreams(a setting)", lambda x: KafkaStreams(every_kind(), settings, state_dir=x)),
        ("KafkaStreams(http)", lambda x: KafkaStreams(every_kind(), settings, http=x)),
        ("set_state_listener", app.set_state_listener),
        ("set_uncaught_exception_handler", app.set_uncaught_exception_handler),
        ("set_global_state_restore_listener", app.set_global_state_restore_listener),
        ("set_standby_update_listener", app.set_standby_update_listener),
        ("remove_stream_thread", app.remove_stream_thread),
    ]


def test_an_application(settings: dict[str, Any]) -> None:
    assert faults(of_application(KafkaStreams(every_kind(), settings), settings)) == []
    with running(settings) as app:
        assert faults(of_application(app, settings)) == []
    last: Calls = [("wait", app.wait), ("wait_until_running", app.wait_until_running), ("close", app.close)]
    assert faults(last, QUICK) == []


STORES = ("counts", "windows", "sessions", "versions")
ASKED = (*VALUES, 2**63 - 1, -(2**63))
POSITION = Position.of("in", 0, 1)
QUERIES: list[tuple[str, Callable[[Any], Query]]] = [
    ("KeyQuery(key)", KeyQuery),
    ("KeyQuery(cache_skipped)", lambda x: KeyQuery("k", x)),
    ("KeyQuery.with_key", KeyQuery.with_key),
    ("TimestampedKeyQuery(key)", TimestampedKeyQuery),
    ("TimestampedKeyQuery.with_key", TimestampedKeyQuery.with_key),
    ("RangeQuery(lower)", RangeQuery),
    ("RangeQuery(upper)", lambda x: RangeQuery(None, x)),
    ("RangeQuery(order)", lambda x: RangeQuery(None, None, x)),
    ("RangeQuery.with_range", lambda x: RangeQuery.with_range(x, x)),
    ("RangeQuery.with_lower_bound", RangeQuery.with_lower_bound),
    ("TimestampedRangeQuery.with_upper_bound", TimestampedRangeQuery.with_upper_bound),
    ("PrefixQuery(prefix)", PrefixQuery),
    ("PrefixQuery(order)", lambda x: PrefixQuery("k", x)),
    ("PrefixQuery.with_prefix", PrefixQuery.with_prefix),
    ("VersionedKeyQuery(key)", VersionedKeyQuery),
    ("VersionedKeyQuery(as_of_timestamp)", lambda x: VersionedKeyQuery("k", x)),
    ("VersionedKeyQuery.as_of", lambda x: VersionedKeyQuery.with_key("k").as_of(x)),
    ("MultiVersionedKeyQuery(key)", MultiVersionedKeyQuery),
    ("MultiVersionedKeyQuery(from_timestamp)", lambda x: MultiVersionedKeyQuery("k", x)),
    ("MultiVersionedKeyQuery(to_timestamp)", lambda x: MultiVersionedKeyQuery("k", None, x)),
    ("MultiVersionedKeyQuery(order)", lambda x: MultiVersionedKeyQuery("k", None, None, x)),
    ("MultiVersionedKeyQuery.from_time", lambda x: MultiVersionedKeyQuery.with_key("k").from_time(x)),
    ("MultiVersionedKeyQuery.to_time", lambda x: MultiVersionedKeyQuery.with_key("k").to_time(x)),
    ("WindowKeyQuery(key)", lambda x: WindowKeyQuery(x, 0, 1)),
    ("WindowKeyQuery(time_from)", lambda x: WindowKeyQuery("k", x, 1)),
    ("WindowKeyQuery(time_to)", lambda x: WindowKeyQuery("k", 0, x)),
    ("with_key_and_window_start_range(key)", lambda x: WindowKeyQuery.with_key_and_window_start_range(x, 0, 1)),
    ("with_key_and_window_start_range(from)", lambda x: WindowKeyQuery.with_key_and_window_start_range("k", x, 1)),
    ("WindowRangeQuery(key)", WindowRangeQuery),
    ("WindowRangeQuery(time_from)", lambda x: WindowRangeQuery(None, x, 1)),
    ("WindowRangeQuery(time_from alone)", lambda x: WindowRangeQuery(None, x)),
    ("WindowRangeQuery(key and time)", lambda x: WindowRangeQuery(x, 0, 1)),
    ("WindowRangeQuery.with_key", WindowRangeQuery.with_key),
    ("WindowRangeQuery.with_window_start_range", lambda x: WindowRangeQuery.with_window_start_range(0, x)),
    ("with_query", lambda x: x),
]
ONE = StateQueryRequest.in_store("counts").with_query(KeyQuery.with_key("k"))
REQUESTS: list[tuple[str, Callable[[Any], StateQueryRequest]]] = [
    ("in_store", lambda x: StateQueryRequest.in_store(x).with_query(KeyQuery("k"))),
    ("StateQueryRequest(store_name)", lambda x: StateQueryRequest(x, KeyQuery("k"))),
    ("StateQueryRequest(query)", lambda x: StateQueryRequest("counts", x)),
    ("StateQueryRequest(partitions)", lambda x: replace(ONE, partitions=x)),
    ("StateQueryRequest(position_bound)", lambda x: replace(ONE, position_bound=x)),
    ("StateQueryRequest(requires_active)", lambda x: replace(ONE, requires_active=x)),
    ("StateQueryRequest(isolation_level)", lambda x: replace(ONE, isolation_level=x)),
    ("StateQueryRequest(execution_info_enabled)", lambda x: replace(ONE, execution_info_enabled=x)),
    ("with_partitions", ONE.with_partitions),
    ("with_partitions(one)", lambda x: ONE.with_partitions([x])),
    ("with_position_bound", ONE.with_position_bound),
    ("with_isolation_level", ONE.with_isolation_level),
    ("PositionBound.at", lambda x: ONE.with_position_bound(PositionBound.at(x))),
    ("Position", lambda x: ONE.with_position_bound(PositionBound.at(Position(x)))),
    ("Position.from_map", lambda x: ONE.with_position_bound(PositionBound.at(Position.from_map(x)))),
    ("Position.of(topic)", lambda x: ONE.with_position_bound(PositionBound.at(Position.of(hashed(x), 0, 1)))),
    ("Position.of(partition)", lambda x: ONE.with_position_bound(PositionBound.at(Position.of("in", hashed(x), 1)))),
    ("Position.of(offset)", lambda x: ONE.with_position_bound(PositionBound.at(Position.of("in", 0, x)))),
    ("Position.of_record", lambda x: ONE.with_position_bound(PositionBound.at(Position.of_record(x)))),
    ("Position.merge", lambda x: ONE.with_position_bound(PositionBound.at(POSITION.merge(x)))),
    ("query", lambda x: x),
]


def of_questions(asked: Any) -> Calls:
    """All that an application is asked, and so the test driver."""

    def ask(store: str, made: Callable[[Any], Query]) -> Callable[[Any], object]:
        return lambda x: asked.query(StateQueryRequest.in_store(store).with_query(made(x)))

    def send(made: Callable[[Any], StateQueryRequest]) -> Callable[[Any], object]:
        return lambda x: asked.query(made(x))

    return [
        *((f"{name} of {store}", ask(store, made)) for name, made in QUERIES for store in STORES),
        *((name, send(made)) for name, made in REQUESTS),
        ("store", asked.store),
        ("store(kind)", lambda x: asked.store("counts", x)),
        ("store(parameters, kind)", lambda x: asked.store(StoreQueryParameters("counts"), x)),
        ("StoreQueryParameters(store_name)", lambda x: asked.store(StoreQueryParameters(x))),
        ("StoreQueryParameters(queryable_store_type)", lambda x: asked.store(StoreQueryParameters("counts", x))),
        ("StoreQueryParameters(partition)", lambda x: asked.store(StoreQueryParameters("counts", None, x))),
        ("StoreQueryParameters(stale_stores)", lambda x: asked.store(StoreQueryParameters("counts", None, None, x))),
        ("with_isolation_level", lambda x: asked.store(StoreQueryParameters("counts").with_isolation_level(x))),
        ("from_name_and_type(name)", lambda x: asked.store(StoreQueryParameters.from_name_and_type(x, None))),
        ("with_partition", lambda x: asked.store(StoreQueryParameters("counts").with_partition(x))),
        ("HostInfo.build_from_endpoint", HostInfo.build_from_endpoint),
    ]


def of_metadata(app: KafkaStreams) -> Calls:
    return [
        ("query_metadata_for_key(store)", lambda x: app.query_metadata_for_key(x, "k")),
        ("query_metadata_for_key(key)", lambda x: app.query_metadata_for_key("counts", x)),
        # what `int` takes cannot be read: it fails when it is called
        ("query_metadata_for_key(how)", lambda x: x is int or app.query_metadata_for_key("counts", "k", x)),
        ("streams_metadata_for_store", app.streams_metadata_for_store),
    ]


def of_stores(asked: Any) -> Calls:
    """The read-only stores themselves."""
    counts = asked.store("counts", ReadOnlyKeyValueStore[Any, Any])
    windows = asked.store("windows", ReadOnlyWindowStore[Any, Any])
    sessions = asked.store("sessions", ReadOnlySessionStore[Any, Any])
    versions = asked.store("versions", ReadOnlyVersionedKeyValueStore[Any, Any])
    return [
        ("get", counts.get),
        ("range(low)", lambda x: counts.range(x, None)),
        ("range(high)", lambda x: counts.reverse_range(None, x)),
        ("prefix_scan", counts.prefix_scan),
        ("prefix_scan(serde)", lambda x: counts.prefix_scan("k", x)),
        ("windows.fetch(key)", lambda x: windows.fetch(x, 0)),
        ("windows.fetch(time)", lambda x: windows.fetch("k", x)),
        ("windows.fetch(time_from)", lambda x: windows.fetch("k", x, 1)),
        ("windows.fetch(key_from)", lambda x: windows.fetch(x, None, 0, 1)),
        ("windows.backward_fetch(time_to)", lambda x: windows.backward_fetch("k", 0, x)),
        ("windows.fetch_all", lambda x: windows.fetch_all(x, 1)),
        ("sessions.fetch", sessions.fetch),
        ("sessions.fetch_session(key)", lambda x: sessions.fetch_session(x, 0, 1)),
        ("sessions.fetch_session(start)", lambda x: sessions.fetch_session("k", x, 1)),
        ("sessions.find_sessions(key)", lambda x: sessions.find_sessions(x, 0, 1)),
        ("sessions.find_sessions(time)", lambda x: sessions.find_sessions("k", x, 1)),
        ("versions.get", versions.get),
        ("versions.get(as_of)", lambda x: versions.get("k", x)),
    ]


def test_questions_to_an_application(settings: dict[str, Any]) -> None:
    """What is wrong is said whether it runs or not."""
    app = KafkaStreams(every_kind(), settings)
    assert faults(of_questions(app) + of_metadata(app), ASKED) == []
    with running(settings) as app:
        stores = of_stores(app)
        assert faults(of_questions(app) + of_metadata(app) + stores, ASKED) == []
        assert app.state is State.RUNNING
    assert faults(of_questions(app) + of_metadata(app) + stores, ASKED) == []


def test_questions_to_the_test_driver() -> None:
    with TopologyTestDriver(every_kind().build()) as driver:
        stores = of_stores(driver)
        assert faults(of_questions(driver) + stores, ASKED) == []
    assert faults(of_questions(driver) + stores, ASKED) == []


def test_a_wrong_question_is_told_whether_it_runs_or_not(settings: dict[str, Any]) -> None:
    def check(app: Any) -> None:
        for wrong in ("", 1, b"x", KeyQuery("k")):
            with pytest.raises(IllegalArgumentException, match=r"Invalid request: .* StateQueryRequest\.in_store"):
                app.query(wrong)
        for call in (app.query, app.store, app.streams_metadata_for_store, KeyQuery, StateQueryRequest.in_store):
            with pytest.raises(NullPointerException):
                call(None)
        with pytest.raises(IllegalArgumentException, match="Queries read; give one of ReadOnlyKeyValueStore"):
            app.store("counts", int)
        for ask in (app.streams_metadata_for_store, lambda x: app.query_metadata_for_key(x, "k")):
            with pytest.raises(UnknownStateStoreException, match="There are: counts"):
                ask("count")
        with pytest.raises(IllegalArgumentException, match="takes a function, got 5"):
            app.query_metadata_for_key("counts", "k", 5)

    check(KafkaStreams(every_kind(), settings))
    with running(settings) as app:
        check(app)
    check(app)
