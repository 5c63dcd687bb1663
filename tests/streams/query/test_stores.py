"""Read-only stores of a running application: every kind, from another thread, what is committed and what is here."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from streams import KafkaStreams, Materialized, SessionWindows, StreamsBuilder, TimeWindows
from streams.errors import (
    IllegalArgumentException,
    IllegalStateException,
    InvalidStateStoreException,
    InvalidStateStorePartitionException,
    NotYetBuiltException,
    NullPointerException,
    RetryAfterException,
    StreamsNotStartedException,
    StreamsStoppedException,
    UnknownStateStoreException,
)
from streams.query.requests import IsolationLevel
from streams.query.stores import QueryableStoreTypes, StoreQueryParameters
from streams.record import ValueAndTimestamp, Window, Windowed
from streams.state.key_value_store import (
    ReadOnlyKeyValueStore,
    ReadOnlyTimestampedKeyValueStore,
    ReadOnlyVersionedKeyValueStore,
)
from streams.state.window_store import ReadOnlySessionStore, ReadOnlyTimestampedWindowStore, ReadOnlyWindowStore
from tests.streams.apps import TEXT, produce, running, topics, wait_for

NAMES = [f"key-{number:04d}" for number in range(3_000)]


def tables() -> StreamsBuilder:
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    grouped = stream.group_by_key(key_serde=TEXT, value_serde=TEXT)
    grouped.count(store="counts")
    grouped.windowed_by(TimeWindows.of_size_and_grace(1_000, 60_000)).count(store="windows")
    grouped.windowed_by(SessionWindows.of_inactivity_gap_and_grace(500, 60_000)).count(store="sessions")
    stream.to_table(Materialized("latest", key_serde=TEXT, value_serde=TEXT))
    return builder


@pytest.fixture
def settings(settings: dict[str, Any]) -> dict[str, Any]:
    return settings


def test_every_kind_of_store_is_read(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 3})
    rows = [("alice", "a"), ("bob", "b"), ("alice", "c")]
    for at, row in enumerate(rows):
        produce(servers, "in", [row], timestamp=at * 1_000)
    with running(tables(), servers, **settings) as app:
        counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
        wait_for(lambda: (counts.get("alice"), counts.get("bob")) == (2, 1))
        assert counts.get("carol") is None
        assert counts.approximate_num_entries() == 2
        with counts.all() as every:
            assert dict(every) == {"alice": 2, "bob": 1}
        with counts.range("b", None) as some:
            assert list(some) == [("bob", 1)]
        with counts.prefix_scan("al") as some:
            assert list(some) == [("alice", 2)]
        timed = app.store("counts", ReadOnlyTimestampedKeyValueStore[str, int])
        assert timed.get("alice") == ValueAndTimestamp(2, 2_000)
        windows = app.store("windows", ReadOnlyWindowStore[str, int])
        assert windows.fetch("alice", 2_000) == 1
        assert windows.fetch("alice", 1_000) is None
        with windows.fetch("alice", 0, 10_000) as found:
            assert list(found) == [(0, 1), (2_000, 1)]
        with windows.backward_fetch("alice", 0, 10_000) as found:
            assert list(found) == [(2_000, 1), (0, 1)]
        with windows.fetch_all(1_000, 1_999) as found:
            assert list(found) == [(Windowed("bob", Window(1_000, 2_000)), 1)]
        with_time = app.store("windows", ReadOnlyTimestampedWindowStore[str, int])
        assert with_time.fetch("bob", 1_000) == ValueAndTimestamp(1, 1_000)
        sessions = app.store("sessions", ReadOnlySessionStore[str, int])
        with sessions.fetch("alice") as found:
            assert list(found) == [(Windowed("alice", Window(at, at)), 1) for at in (0, 2_000)]
        assert sessions.fetch_session("bob", 1_000, 1_000) == 1
        assert type(app.store("counts")) is ReadOnlyTimestampedKeyValueStore
        kind = QueryableStoreTypes.key_value_store()
        parameters = StoreQueryParameters.from_name_and_type("latest", kind).with_partition(0)
        in_one = app.store(parameters)
        assert isinstance(in_one, ReadOnlyKeyValueStore)
        with in_one.all() as every:
            assert len(list(every)) < 3


def test_versions_are_read(servers: str, settings: dict[str, Any]) -> None:
    from streams import Stores

    topics(servers, **{"in": 1})
    builder = StreamsBuilder()
    store = Stores.persistent_versioned_key_value_store("versions", 10_000)
    builder.table("in", Materialized.as_(store), key_serde=TEXT, value_serde=TEXT)
    for at, value in ((10, "old"), (20, "new")):
        produce(servers, "in", [("k", value)], timestamp=at)
    with running(builder, servers, **settings) as app:
        versions = app.store("versions", ReadOnlyVersionedKeyValueStore[str, str])
        wait_for(lambda: (found := versions.get("k")) is not None and found.value == "new")
        before = versions.get("k", 15)
        assert before is not None and (before.value, before.timestamp) == ("old", 10)


def test_a_global_store_is_read_everywhere(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 2, "names": 2})
    produce(servers, "names", [("1", "one"), ("2", "two")])
    builder = StreamsBuilder()
    names = builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names")
    builder.stream("in", key_serde=TEXT, value_serde=TEXT).join(
        names, lambda key, value: key, lambda value, name: name
    ).to("out", key_serde=TEXT, value_serde=TEXT)
    with running(builder, servers, **settings) as app:
        store = app.store("names", ReadOnlyKeyValueStore[str, str])
        assert (store.get("1"), store.get("2"), store.get("3")) == ("one", "two", None)
        with store.all() as every:
            assert dict(every) == {"1": "one", "2": "two"}


def test_long_ranges_come_in_pages_each_key_once_in_order(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 2})
    produce(servers, "in", [(name, "x") for name in NAMES])
    with running(tables(), servers, **settings) as app:
        counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
        wait_for(lambda: counts.approximate_num_entries() == len(NAMES))
        with counts.all() as every:
            rows = [key for key, _ in every]
        assert sorted(rows) == NAMES
        for partition in (0, 1):
            kind = QueryableStoreTypes.key_value_store()
            one = app.store(StoreQueryParameters("counts", kind, partition))
            assert isinstance(one, ReadOnlyKeyValueStore)
            with one.all() as up, one.reverse_all() as down:
                forwards, backwards = [key for key, _ in up], [key for key, _ in down]
            assert forwards == sorted(forwards) == backwards[::-1] and len(forwards) > 1_000


def test_what_is_not_committed_is_shown_only_on_request(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1})
    held = {**settings, "commit_interval_ms": 3_600_000}
    produce(servers, "in", [("alice", "a")])
    with running(tables(), servers, **held) as app:
        wait_for(lambda: app.summary().records == 1)
        assert app.store("counts", ReadOnlyKeyValueStore[str, int]).get("alice") is None
        parameters = StoreQueryParameters("counts").with_isolation_level(IsolationLevel.READ_UNCOMMITTED)
        latest = app.store(parameters)
        assert isinstance(latest, ReadOnlyTimestampedKeyValueStore)
        assert (found := latest.get("alice")) is not None and found.value == 1
    uncommitted = {**held, "default_interactive_query_isolation_level": "read_uncommitted"}
    produce(servers, "in", [("alice", "b")])
    with running(tables(), servers, **uncommitted) as app:
        counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
        wait_for(lambda: counts.get("alice") == 2)
        with counts.all() as every:
            assert list(every) == [("alice", 2)]


def test_wrong_questions_are_refused_by_name(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 2})
    app = KafkaStreams(tables(), application_id="app", bootstrap_servers=servers, **settings)
    with pytest.raises(StreamsNotStartedException):
        app.store("counts")
    with app:
        assert app.wait_until_running(60_000)
        with pytest.raises(UnknownStateStoreException, match=r"count .*There are: counts, latest, sessions, windows"):
            app.store("count")
        with pytest.raises(InvalidStateStoreException, match="does not accept the actual store type"):
            app.store("counts", ReadOnlyWindowStore)
        with pytest.raises(InvalidStateStoreException, match="ReadOnlyWindowStore"):
            app.store("counts", ReadOnlyWindowStore)
        with pytest.raises(IllegalArgumentException, match="Queries read"):
            app.store("counts", Materialized)  # type: ignore[type-var]
        with pytest.raises(NotYetBuiltException, match="there are none yet"):
            app.store(StoreQueryParameters("counts").enable_stale_stores())
        with pytest.raises(NullPointerException):
            app.store("counts", ReadOnlyKeyValueStore[str, int]).get(None)  # type: ignore[arg-type]
        with pytest.raises(InvalidStateStorePartitionException, match="partition 7 for store counts does not exist"):
            one = app.store(StoreQueryParameters("counts", None, 7))
            assert isinstance(one, ReadOnlyTimestampedKeyValueStore)
            one.get("alice")
        counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
    with pytest.raises(StreamsStoppedException):
        counts.get("alice")
    with pytest.raises(IllegalStateException, match="KafkaStreams is not running"):
        app.store("counts")


def test_a_store_that_is_being_restored_says_how_far(servers: str, settings: dict[str, Any], tmp_path: Any) -> None:
    topics(servers, **{"in": 1})
    produce(servers, "in", [(name, "x") for name in NAMES])
    with running(tables(), servers, **settings) as app:
        counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
        wait_for(lambda: counts.approximate_num_entries() == len(NAMES))
    fresh = {**settings, "state_dir": str(tmp_path / "fresh")}
    told: list[str] = []
    with KafkaStreams(tables(), application_id="app", bootstrap_servers=servers, **fresh) as app:
        counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
        while True:
            try:
                assert counts.get(NAMES[0]) == 1  # never wrong, never empty
                break
            except RetryAfterException as later:
                assert later.seconds > 0
                told.append(str(later))
    assert told


def test_user_code_in_the_worker_may_ask_too(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1, "out": 1})
    apps: list[KafkaStreams] = []
    seen: list[Any] = []
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.group_by_key(key_serde=TEXT, value_serde=TEXT).count(store="counts")

    def look(key: str, value: str) -> None:
        with apps[0].store("counts", ReadOnlyKeyValueStore[str, int]).all() as every:
            seen.append(list(every))

    stream.foreach(look)
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=servers, **settings)
    apps.append(app)
    with app:
        produce(servers, "in", [("a", "1")])
        wait_for(lambda: len(seen) == 1)
        wait_for(lambda: app.store("counts", ReadOnlyKeyValueStore[str, int]).get("a") == 1)
        produce(servers, "in", [("a", "1")])
        wait_for(lambda: len(seen) == 2)
    assert seen == [[], [("a", 1)]]


def test_a_worker_that_is_busy_is_waited_for_no_longer_than_it_is_said(
    servers: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single committed rows need no worker; a range gives up, and says so."""
    topics(servers, **{"in": 1})
    held, entered = threading.Event(), threading.Event()
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.group_by_key(key_serde=TEXT, value_serde=TEXT).count(store="counts")

    def block(key: str, value: str) -> None:
        if value == "block":
            entered.set()
            held.wait(30)

    stream.foreach(block)
    from streams.query.stores import store_of

    with running(builder, servers, **settings) as app:
        counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
        produce(servers, "in", [("a", "1")])
        wait_for(lambda: counts.get("a") == 1)
        produce(servers, "in", [("a", "block")])
        assert entered.wait(30)
        try:
            began = time.monotonic()
            assert counts.get("a") == 1
            soon = store_of(app._instance, StoreQueryParameters("counts"), True, 50)
            assert isinstance(soon, ReadOnlyTimestampedKeyValueStore)
            with pytest.raises(RetryAfterException, match="busy and has not answered within 50 ms") as raised:
                next(soon.all())
            assert raised.value.seconds > 0 and time.monotonic() - began < 10
        finally:
            held.set()
