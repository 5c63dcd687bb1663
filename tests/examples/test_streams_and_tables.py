"""The examples of the DSL, each with what it says it gives."""

from __future__ import annotations

import pytest

from streams import Serdes
from streams.record import Headers
from streams.testing import TestRecord
from tests.examples.driving import by_window, driver_of, long, rows, text, topology_of, windowed


def test_word_count() -> None:
    with driver_of("word_count") as driver:
        lines = driver.create_input_topic("words-in", text, text)
        lines.pipe_value("The quick the")
        lines.pipe_value("QUICK!")
        assert rows(driver, "word-counts", long) == [("the", 1), ("quick", 1), ("the", 2), ("quick", 2)]


def test_stateless_steps() -> None:
    with driver_of("stateless") as driver:
        requests = driver.create_input_topic("requests", text, text)
        requests.pipe_value_list(["ok a.html 200", "bad", "ok b.html 503", "ok cd.html 301"])
        assert rows(driver, "failures") == [(None, "b.html 503")]
        assert rows(driver, "successes") == [(None, "a.html"), (None, "cd.html")]
        assert rows(driver, "letters") == [(None, "a"), (None, "c"), (None, "d")]


def test_aggregations() -> None:
    with driver_of("aggregations") as driver:
        amounts = driver.create_input_topic("amounts", text, long)
        for key, amount, time in (("alice", 3, 0), ("bob", 4, 1), ("alice", 5, 299_999), ("alice", 1, 300_000)):
            amounts.pipe_input(key, amount, time)
        assert rows(driver, "counts", long) == [("alice", 1), ("bob", 1), ("alice", 2), ("alice", 3)]
        assert rows(driver, "sums", long) == [("alice", 3), ("bob", 4), ("alice", 8), ("alice", 9)]
        assert rows(driver, "averages", Serdes.double()) == [("alice", 3), ("bob", 4), ("alice", 4), ("alice", 3)]
        assert by_window(rows(driver, "counts-5min", long, windowed(300_000))) == [
            ("alice", 0, 300_000, 1),
            ("bob", 0, 300_000, 1),
            ("alice", 0, 300_000, 2),
            ("alice", 300_000, 600_000, 1),
        ]


@pytest.mark.parametrize(("apart_ms", "joined"), [(-10_001, 0), (-10_000, 1), (0, 1), (10_000, 1), (10_001, 0)])
def test_join_within_10_seconds(apart_ms: int, joined: int) -> None:
    with driver_of("join_within_10_seconds") as driver:
        driver.create_input_topic("impressions", text, text).pipe_input("ad-7", "top of page", 20_000)
        driver.create_input_topic("clicks", text, text).pipe_input("ad-7", "alice", 20_000 + apart_ms)
        assert rows(driver, "clicked") == [("ad-7", "alice clicked at top of page")] * joined


def test_stream_or_table() -> None:
    with driver_of("stream_or_table") as driver:
        countries = driver.create_input_topic("countries", text, text)
        countries.pipe_key_value_list([("Rome", "Italy"), ("Paris", "France")])
        moves = driver.create_input_topic("moves", text, text)
        moves.pipe_key_value_list([("alice", "Rome"), ("bob", "Oslo"), ("alice", "Paris")])
        homes = driver.get_key_value_store("homes")
        assert homes is not None
        assert (homes.get("alice"), homes.get("bob")) == ("Paris", "Oslo")
        moves.pipe_input("bob", None)
        assert homes.get("bob") is None
        assert rows(driver, "visits", long) == [("alice", 1), ("bob", 1), ("alice", 2)]
        assert rows(driver, "homes") == [("alice", "Rome"), ("bob", "Oslo"), ("alice", "Paris"), ("bob", None)]
        assert rows(driver, "visited-countries") == [("alice", "Rome in Italy"), ("alice", "Paris in France")]


@pytest.mark.parametrize("name", ["copartitioning_repartition", "copartitioning_global_table"])
def test_both_ways_out_of_copartitioning_join(name: str) -> None:
    with driver_of(name) as driver:
        driver.create_input_topic("customers", text, text).pipe_input("7", "Alice")
        driver.create_input_topic("orders", text, text).pipe_key_value_list([("7", "a clock"), ("8", "a pen")])
        assert rows(driver, "orders-of-customers") == [("7", "a clock for Alice")]


def test_filter_by_length() -> None:
    with driver_of("filter_by_length") as driver:
        driver.create_input_topic("texts", text, text).pipe_value_list(["short", "long enough", "longer"])
        assert rows(driver, "long-texts") == [(None, "long enough"), (None, "longer")]


def test_orders_with_an_address_table() -> None:
    with driver_of("order_address_table") as driver:
        driver.create_input_topic("addresses", text, text).pipe_input("alice", "Rome")
        driver.create_input_topic("orders", text, text).pipe_key_value_list([("alice", "a clock"), ("bob", "a pen")])
        assert rows(driver, "shipments") == [("alice", "a clock send to Rome")]


def test_orders_with_a_global_address_table() -> None:
    with driver_of("order_address_global") as driver:
        driver.create_input_topic("addresses", text, text).pipe_input("alice", "Rome")
        driver.create_input_topic("orders", text, text).pipe_input("order-1", "alice/a clock")
        assert rows(driver, "shipments") == [("order-1", "a clock send to Rome")]


def test_two_jobs_are_one_topology_of_two_parts() -> None:
    described = str(topology_of("two_jobs").describe())
    assert "Sub-topology: 0" in described and "Sub-topology: 1" in described
    with driver_of("two_jobs") as driver:
        driver.create_input_topic("left", text, text).pipe_value("hello")
        assert rows(driver, "left-upper") == [(None, "HELLO")]
        assert rows(driver, "right-reversed") == []
        driver.create_input_topic("right", text, text).pipe_value("hello")
        assert rows(driver, "right-reversed") == [(None, "olleh")]


def test_windows_on_two_clocks() -> None:
    with driver_of("two_clocks") as driver:
        driver.advance_wall_clock_time(600_000)
        events = driver.create_input_topic("events", text, Serdes.json())
        events.pipe_value_list([{"at": 30_000}, {"at": 90_000}])
        assert by_window(rows(driver, "per-minute-happened", long, windowed(60_000))) == [
            ("all", 0, 60_000, 1),
            ("all", 60_000, 120_000, 1),
        ]
        assert by_window(rows(driver, "per-minute-processed", long, windowed(60_000))) == [
            ("all", 600_000, 660_000, 1),
            ("all", 600_000, 660_000, 2),
        ]


def test_hourly_revenue() -> None:
    with driver_of("hourly_revenue") as driver:
        sales = driver.create_input_topic("sales", text, long)
        for shop, cents, time in (
            ("rome", 1250, 0),
            ("rome", 50, 3_599_999),
            ("paris", 300, 1),
            ("rome", 7, 3_600_000),
        ):
            sales.pipe_input(shop, cents, time)
        assert by_window(rows(driver, "hourly-revenue", long, windowed(3_600_000))) == [
            ("rome", 0, 3_600_000, 1250),
            ("rome", 0, 3_600_000, 1300),
            ("paris", 0, 3_600_000, 300),
            ("rome", 3_600_000, 7_200_000, 7),
        ]


def test_final_results_come_once() -> None:
    with driver_of("final_results") as driver:
        visits = driver.create_input_topic("visits", text, text)
        for page, visitor, second in (("/home", "alice", 0), ("/home", "bob", 59), ("/home", "alice", 89)):
            visits.pipe_input(page, visitor, second * 1000)
        assert rows(driver, "visits-per-minute", long, windowed(60_000)) == []
        visits.pipe_input("/home", "alice", 30_000)  # late, within the grace
        visits.pipe_input("/home", "carol", 1_000_000)
        assert by_window(rows(driver, "visits-per-minute", long, windowed(60_000))) == [
            ("/home", 0, 60_000, 3),
            ("/home", 60_000, 120_000, 1),
        ]
        assert by_window(rows(driver, "sessions", long, Serdes.session_windowed(text))) == [
            ("bob", 59_000, 59_000, 1),
            ("alice", 0, 89_000, 3),
        ]


@pytest.mark.parametrize(
    ("headers", "topic"),
    [
        ((("aggregate", b"order"), ("type", b"order-placed")), "order-events"),
        ((("aggregate", b"customer"),), "customer-events"),
        ((("aggregate", b"../../etc"),), "unknown-events"),
        ((), "unknown-events"),
    ],
)
def test_events_go_where_their_header_says(headers: Headers, topic: str) -> None:
    with driver_of("events_by_header") as driver:
        events = driver.create_input_topic("events", text, Serdes.json())
        events.pipe_input(TestRecord("7", {"n": 1}, 5, headers))
        assert driver.produced_topic_names() == {topic}
        out = driver.create_output_topic(topic, text, Serdes.json())
        assert out.read_record() == TestRecord("7", {"n": 1}, 5, headers)
