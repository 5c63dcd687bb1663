"""The examples of the Processor API."""

from __future__ import annotations

from streams import Serdes
from tests.examples.driving import driver_of, long, rows, text, topology_of

HOUR = 3_600_000


def test_topology_by_hand() -> None:
    with driver_of("topology_by_hand") as driver:
        temperatures = driver.create_input_topic("temperatures", text, Serdes.double())
        temperatures.pipe_value_list([21.5, 20.0, 48.0, 41.0])
        assert rows(driver, "new-records", Serdes.double()) == [(None, 21.5), (None, 48.0)]
        assert rows(driver, "alarms", Serdes.double()) == [(None, 48.0), (None, 41.0)]


def test_topology_by_hand_as_text() -> None:
    assert str(topology_of("topology_by_hand").describe()) == (
        "Topologies:\n"
        "   Sub-topology: 0\n"
        "    Source: temperatures (topics: [temperatures])\n"
        "      --> highest-so-far\n"
        "    Processor: highest-so-far (stores: [highest])\n"
        "      --> alarms, new-records\n"
        "      <-- temperatures\n"
        "    Sink: alarms (topic: alarms)\n"
        "      <-- highest-so-far\n"
        "    Sink: new-records (topic: new-records)\n"
        "      <-- highest-so-far\n\n"
    )


def test_records_of_a_key_come_in_order() -> None:
    with driver_of("in_order") as driver:
        steps = driver.create_input_topic("steps", text, long)
        steps.pipe_key_value_list([("alice", 1), ("bob", 7), ("alice", 2), ("bob", 8)])
        assert rows(driver, "out-of-order", long) == []
        steps.pipe_key_value_list([("alice", 4), ("alice", 5)])
        assert rows(driver, "out-of-order", long) == [("alice", 4)]


def test_an_event_comes_once_an_hour() -> None:
    with driver_of("deduplicate") as driver:
        events = driver.create_input_topic("raw-events", text, text)
        for key, value, time in (("a", "1", 0), ("b", "2", 1), ("a", "3", HOUR - 1), ("a", "4", HOUR)):
            events.pipe_input(key, value, time)
        assert rows(driver, "events-once") == [("a", "1"), ("b", "2"), ("a", "4")]


def test_what_was_seen_long_ago_is_forgotten() -> None:
    with driver_of("deduplicate") as driver:
        events = driver.create_input_topic("raw-events", text, text)
        events.pipe_input("a", "1", 0)
        seen = driver.get_key_value_store("seen")
        assert seen is not None and seen.get("a") == 0
        events.pipe_input("b", "2", 2 * HOUR)
        assert seen.get("a") is None and seen.get("b") == 2 * HOUR
