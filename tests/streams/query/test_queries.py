"""Queries with results by partition: every type, on the driver and on an application; positions, bounds, failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streams import Materialized, SessionWindows, Stores, StreamsBuilder, TimeWindows
from streams.clients import Producer, ProducerRecord
from streams.errors import (
    IllegalArgumentException,
    NullPointerException,
    StreamsNotStartedException,
    UnknownStateStoreException,
)
from streams.query.position import Position, PositionBound
from streams.query.requests import (
    IsolationLevel,
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
from streams.query.results import FailureReason, QueryResult
from streams.record import ValueAndTimestamp, VersionedRecord, Window, Windowed
from streams.testing import TopologyTestDriver
from tests.streams.apps import TEXT, produce, running, topics, wait_for

ROWS = [("a", "x", 10), ("b", "x", 20), ("ab", "x", 1_010), ("a", "y", 2_020)]


def stores() -> StreamsBuilder:
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    grouped = stream.group_by_key(key_serde=TEXT, value_serde=TEXT)
    grouped.count(store="counts")
    grouped.windowed_by(TimeWindows.of_size_and_grace(1_000, 60_000)).count(store="windows")
    grouped.windowed_by(SessionWindows.of_inactivity_gap_and_grace(100, 60_000)).count(store="sessions")
    versioned = Stores.persistent_versioned_key_value_store("versions", 60_000)
    stream.to_table(Materialized.as_(versioned).with_key_serde(TEXT).with_value_serde(TEXT))
    return builder


@pytest.fixture(scope="module")
def driver() -> Iterator[TopologyTestDriver]:
    with TopologyTestDriver(stores()) as made:
        topic = made.create_input_topic("in", TEXT, TEXT)
        for key, value, at in ROWS:
            topic.pipe_input(key, value, at)
        yield made


def ask(driver: Any, store: str, query: Query) -> QueryResult[Any]:
    result: QueryResult[Any] = driver.query(StateQueryRequest.in_store(store).with_query(query)).partition_results[0]
    return result


def rows(driver: Any, store: str, query: Query) -> list[Any]:
    with ask(driver, store, query).result as found:
        return list(found)


def test_keys_and_ranges(driver: TopologyTestDriver) -> None:
    assert ask(driver, "counts", KeyQuery.with_key("a")).result == 2
    assert ask(driver, "counts", KeyQuery.with_key("none")).result is None
    assert ask(driver, "counts", TimestampedKeyQuery.with_key("a").skip_cache()).result == ValueAndTimestamp(2, 2_020)
    every = [("a", 2), ("ab", 1), ("b", 1)]
    assert rows(driver, "counts", RangeQuery.with_no_bounds()) == every
    assert rows(driver, "counts", RangeQuery.with_no_bounds().with_descending_keys()) == every[::-1]
    assert rows(driver, "counts", RangeQuery.with_range("ab", "b").with_ascending_keys()) == every[1:]
    assert rows(driver, "counts", RangeQuery.with_lower_bound("ab")) == every[1:]
    assert rows(driver, "counts", RangeQuery.with_upper_bound("ab")) == every[:2]
    assert rows(driver, "counts", RangeQuery.with_range(None, None)) == every
    assert rows(driver, "counts", PrefixQuery.with_prefix("a").with_descending_keys()) == [("ab", 1), ("a", 2)]
    assert rows(driver, "counts", TimestampedRangeQuery.with_lower_bound("b")) == [("b", ValueAndTimestamp(1, 20))]


def test_windows_and_sessions(driver: TopologyTestDriver) -> None:
    query = WindowKeyQuery.with_key_and_window_start_range("a", 0, 5_000)
    assert rows(driver, "windows", query) == [(0, ValueAndTimestamp(1, 10)), (2_000, ValueAndTimestamp(1, 2_020))]
    ranged: WindowRangeQuery[str] = WindowRangeQuery.with_window_start_range(0, 1_000)
    assert rows(driver, "windows", ranged) == [
        (Windowed("a", Window(0, 1_000)), ValueAndTimestamp(1, 10)),
        (Windowed("ab", Window(1_000, 2_000)), ValueAndTimestamp(1, 1_010)),
        (Windowed("b", Window(0, 1_000)), ValueAndTimestamp(1, 20)),
    ]
    sessions = rows(driver, "sessions", WindowRangeQuery.with_key("a"))
    assert sessions == [(Windowed("a", Window(10, 10)), 1), (Windowed("a", Window(2_020, 2_020)), 1)]


def test_versions(driver: TopologyTestDriver) -> None:
    assert ask(driver, "versions", VersionedKeyQuery.with_key("a")).result == VersionedRecord("y", 2_020, None)
    assert ask(driver, "versions", VersionedKeyQuery.with_key("a").as_of(100)).result == VersionedRecord("x", 10, 2_020)
    assert ask(driver, "versions", VersionedKeyQuery.with_key("none")).result is None
    every = [VersionedRecord("y", 2_020, None), VersionedRecord("x", 10, 2_020)]
    query = MultiVersionedKeyQuery.with_key("a")
    assert list(ask(driver, "versions", query).result) == every
    assert list(ask(driver, "versions", query.with_ascending_timestamps()).result) == every[::-1]
    assert list(ask(driver, "versions", query.from_time(2_020)).result) == every[:1]
    assert list(ask(driver, "versions", query.to_time(2_000)).result) == every[1:]


def test_a_store_refuses_queries_of_other_kinds(driver: TopologyTestDriver) -> None:
    for store, query in (
        ("counts", WindowKeyQuery.with_key_and_window_start_range("a", 0, 1)),
        ("counts", VersionedKeyQuery.with_key("a")),
        ("windows", KeyQuery.with_key("a")),
        ("windows", WindowRangeQuery.with_key("a")),
        ("sessions", TimestampedKeyQuery.with_key("a")),
        ("versions", RangeQuery.with_no_bounds()),
    ):
        result = ask(driver, store, query)
        assert result.failure_reason is FailureReason.UNKNOWN_QUERY_TYPE
        assert "doesn't know how to execute" in result.failure_message
        with pytest.raises(IllegalArgumentException, match="Cannot get result for failed query"):
            _ = result.result


def test_positions_and_bounds(driver: TopologyTestDriver) -> None:
    request = StateQueryRequest.in_store("counts").with_query(KeyQuery.with_key("a"))
    assert driver.query(request).position == Position({"in": {0: 3}})
    for offset, reason in ((3, None), (4, FailureReason.NOT_UP_TO_BOUND)):
        bound = PositionBound.at(Position.of("in", 0, offset))
        result = driver.query(request.with_position_bound(bound)).partition_results[0]
        assert result.failure_reason is reason
        assert result.position == Position({"in": {0: 3}})
    elsewhere = PositionBound.at(Position.of("in", 1, 99))
    assert driver.query(request.with_position_bound(elsewhere)).partition_results[0].is_success
    assert driver.query(request.require_active().enable_execution_info()).partition_results[0].execution_info


def test_wrong_requests(driver: TopologyTestDriver) -> None:
    with pytest.raises(UnknownStateStoreException, match="There are: counts"):
        driver.query(StateQueryRequest.in_store("nothing").with_query(KeyQuery.with_key("a")))
    with pytest.raises(NullPointerException):
        KeyQuery.with_key(None)
    with pytest.raises(IllegalArgumentException, match="Invalid query"):
        StateQueryRequest.in_store("counts").with_query("a")  # type: ignore[arg-type]
    request = StateQueryRequest.in_store("counts").with_query(KeyQuery.with_key("a"))
    with pytest.raises(IllegalArgumentException, match="Invalid partition"):
        request.with_partitions([-1])
    result = driver.query(request.with_partitions([0, 1]))
    assert result.partition_results[0].is_success
    assert result.partition_results[1].failure_reason is FailureReason.NOT_PRESENT
    wrong = ask(driver, "counts", KeyQuery.with_key(1))
    assert wrong.failure_reason is FailureReason.STORE_EXCEPTION and "expected" in wrong.failure_message


def test_what_was_sent_is_read_by_its_position(servers: str, settings: dict[str, Any]) -> None:
    """A query with the position that the producer was told is answered only once the store has seen that record."""
    topics(servers, **{"in": 4})
    config = {"bootstrap.servers": servers, "key.serializer": TEXT, "value.serializer": TEXT}
    with running(stores(), servers, **settings) as app, Producer(config) as producer:
        late = 0
        for number in range(100):
            key = f"key-{number}"
            sent = producer.send(ProducerRecord("in", "x", key)).result()
            bound = PositionBound.at(Position.of_record(sent))
            request = (
                StateQueryRequest.in_store("counts")
                .with_query(KeyQuery.with_key(key))
                .with_partitions([sent.partition])
                .with_position_bound(bound)
            )
            while (result := app.query(request).partition_results[sent.partition]).is_failure:
                assert result.failure_reason is FailureReason.NOT_UP_TO_BOUND
                late += 1
            assert result.result == 1
            assert result.position.lacks(bound.position, sent.partition) is None
        assert late, "it was asked before it was there"


def test_committed_is_the_default_and_the_latest_is_shown_on_request(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1})
    with running(stores(), servers, **{**settings, "commit_interval_ms": 3_600_000}) as app:
        produce(servers, "in", [("a", "x")])
        request = StateQueryRequest.in_store("counts").with_query(KeyQuery.with_key("a"))
        latest = request.with_isolation_level(IsolationLevel.READ_UNCOMMITTED)
        wait_for(lambda: app.query(latest).partition_results[0].result == 1)
        assert app.query(request).partition_results[0].result is None
        ranged = latest.in_store("counts").with_query(RangeQuery.with_no_bounds())
        with app.query(ranged).partition_results[0].result as none:  # type: ignore[attr-defined]
            assert list(none) == []
        both = ranged.with_isolation_level(IsolationLevel.READ_UNCOMMITTED)
        with app.query(both).partition_results[0].result as one:  # type: ignore[attr-defined]
            assert list(one) == [("a", 1)]


def test_an_application_that_does_not_run_is_not_asked(servers: str, settings: dict[str, Any]) -> None:
    from streams import KafkaStreams

    app = KafkaStreams(stores(), application_id="app", bootstrap_servers=servers, **settings)
    with pytest.raises(StreamsNotStartedException):
        app.query(StateQueryRequest.in_store("counts").with_query(KeyQuery.with_key("a")))
