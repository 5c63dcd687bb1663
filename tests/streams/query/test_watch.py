"""A watch tells every change, of any instance, and misses nothing over a reconnection."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams import Consumed, LogAndContinueExceptionHandler, Processor, Record, Stores, StreamsBuilder
from tests.streams.apps import COUNT, PATIENCE_S, TEXT, produce, topics, wait_for
from tests.streams.query.asking import get, key, serving
from tests.streams.query.test_http import other
from tests.streams.query.test_stores import tables


class Watching:
    """One who watches: events as they come, and the last id."""

    def __init__(self, endpoint: str, path: str, last: str = "") -> None:
        host, _, port = endpoint.rpartition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        self._connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
        self._answer = self._connection.getresponse()
        self.status, self.last = self._answer.status, last
        if self.status == 200:
            assert self._answer.headers["Content-Type"].startswith("text/event-stream")
            self._read_id()

    def _read_id(self) -> None:
        """The first event has an id and nothing else: from here on it watches."""
        line = self._answer.readline().decode()
        if line.startswith("id: "):
            self.last = line[4:].strip()

    def next(self) -> Any:
        """The data of the next event."""
        while True:
            line = self._answer.readline().decode()
            assert line, "the watch has ended"
            if line.startswith("id: "):
                self.last = line[4:].strip()
            elif line.startswith("data: "):
                return json.loads(line[6:])

    def close(self) -> None:
        self._connection.close()


@contextmanager
def watching(endpoint: str, path: str, last: str = "") -> Iterator[Watching]:
    made = Watching(endpoint, path, last)
    try:
        yield made
    finally:
        made.close()


def test_changes_of_all_instances_come_to_who_watches_one(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 4})
    with (
        serving(tables(), servers, **settings) as (one, first),
        serving(tables(), servers, **other(settings)) as (two, second),
    ):
        wait_for(lambda: len(one.tasks()) == len(two.tasks()) == 2)
        names = [f"key-{number}" for number in range(20)]
        with (
            watching(first, "/stores/latest/watch") as every,
            watching(second, "/stores/latest/watch?prefix=key-1") as some,
        ):
            produce(servers, "in", [(name, name.upper()) for name in names])
            told = {(event := every.next())["key"]: event["value"] for _ in names}
            assert told == {name: name.upper() for name in names}
            wanted = {name for name in names if name.startswith("key-1")}
            assert {some.next()["key"] for _ in wanted} == wanted


def test_what_came_meanwhile_is_told_to_who_comes_back(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 2})
    with serving(tables(), servers, **settings) as (_, endpoint):
        with watching(endpoint, "/stores/latest/watch") as before:
            produce(servers, "in", [("a", "1"), ("b", "1")])
            assert {before.next()["key"] for _ in range(2)} == {"a", "b"}
            last = before.last
        produce(servers, "in", [("a", "2"), ("c", "1")])
        wait_for(lambda: get(endpoint, key("latest", "c")).status == 200)
        with watching(endpoint, "/stores/latest/watch", last) as after:
            produce(servers, "in", [("d", "1")])
            told = sorted((event["key"], event["value"]) for event in (after.next() for _ in range(3)))
            assert told == [("a", "2"), ("c", "1"), ("d", "1")]


def test_windows_and_deletions_are_told(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1})
    with (
        serving(tables(), servers, **settings) as (_, endpoint),
        watching(endpoint, "/stores/windows/watch") as windows,
    ):
        produce(servers, "in", [("a", "x")], timestamp=1_500)
        event = windows.next()
        assert (event["key"], event["value"], event["window"]) == ("a", 1, {"start": 1_000, "end": 2_000})


def test_what_cannot_be_watched_says_so(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1})
    with serving(tables(), servers, **settings) as (_, endpoint):
        said = get(endpoint, "/stores/latest/watch", {"Last-Event-ID": "x"})
        assert said.status == 400 and "is no Last-Event-ID" in said.json["detail"]
        assert get(endpoint, "/stores/nothing/watch").status == 404


class Passing(Processor[str, str, None, None]):
    """Puts nothing anywhere."""

    def process(self, record: Record[str, str]) -> None: ...


def test_a_table_on_its_topic_and_a_global_table_are_watched_by_their_topics(
    servers: str, settings: dict[str, Any]
) -> None:
    topics(servers, **{"in": 2, "names": 2, "filled": 1})
    builder = StreamsBuilder()
    builder.table("in", key_serde=TEXT, value_serde=COUNT, store="latest")
    builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names")
    supplier = Stores.in_memory_key_value_store("filled")
    store = Stores.key_value_store_builder(supplier, TEXT, TEXT)
    builder.add_global_store(store, "filled", Consumed.with_(TEXT, TEXT), Passing)
    settings["topology_optimization"] = "reuse.ktable.source.topics"
    settings["deserialization_exception_handler"] = LogAndContinueExceptionHandler
    with serving(builder, servers, **settings) as (_, endpoint):
        with watching(endpoint, "/stores/latest/watch") as latest, watching(endpoint, "/stores/names/watch") as names:
            produce(servers, "in", [("a", 1)], COUNT)
            first = latest.next()
            assert (first["key"], first["value"]) == ("a", 1) and first["timestamp"] > 0
            produce(servers, "in", [("b", "no number")])  # which the application passes over, too
            produce(servers, "in", [("c", 3)], COUNT)
            assert latest.next()["key"] == "c"
            produce(servers, "names", [("x", "one"), ("x", None)])
            assert [names.next()["value"] for _ in range(2)] == ["one", None]
            last = names.last
        produce(servers, "names", [("y", "two")])
        with watching(endpoint, "/stores/names/watch", last) as names:
            assert names.next()["key"] == "y"
        said = get(endpoint, "/stores/filled/watch")
        assert said.status == 400 and "filled by a processor of the application" in said.json["detail"]
