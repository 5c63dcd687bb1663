"""Stores over HTTP: by any instance, whoever has the tasks; what is known absent, and what nobody can tell yet."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from streams import KafkaStreams, Repartitioned, StreamsBuilder
from streams.clients import Producer, ProducerRecord
from streams.errors import ConfigException
from streams.partition import partition_for
from streams.query.position import Position, PositionBound
from streams.query.requests import KeyQuery, StateQueryRequest
from streams.query.results import FailureReason
from streams.record import TopicPartition
from tests.streams.apps import TEXT, produce, topics, wait_for
from tests.streams.query.asking import get, key, serving
from tests.streams.query.test_queries import stores
from tests.streams.query.test_stores import tables

NAMES = [f"key-{number:04d}" for number in range(2_500)]


def other(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "state_dir": settings["state_dir"] + "-other"}


def test_keys_of_both_instances_are_answered_by_both(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 4})
    names = NAMES[:40]
    produce(servers, "in", [(name, "x") for name in names])
    with (
        serving(tables(), servers, **settings) as (one, first),
        serving(tables(), servers, **other(settings)) as (two, second),
    ):
        wait_for(lambda: len(one.tasks()) == len(two.tasks()) == 2)
        owners = set()
        for name in names:
            for endpoint in (first, second):
                wait_for(lambda: get(endpoint, key("counts", name)).status == 200)  # noqa: B023
                said = get(endpoint, key("counts", name))
                assert said.json["key"] == name and said.json["value"] == 1
                assert said.json["timestamp"] > 0 and said.json["position"]["in"]
                owners.add(said.headers["streams-source"])
        assert owners == {f"active; instance={first}", f"active; instance={second}"}
        lags = one.all_local_store_partition_lags()
        assert set(lags) == {"counts", "windows", "sessions", "latest"} and len(lags["counts"]) == 2
        assert {lag.offset_lag for lag in lags["counts"].values()} == {0}
        assert len(two.metadata_for_all_streams_clients()) == 2
        for endpoint in (first, second):
            for number in range(20):
                said = get(endpoint, key("counts", f"nobody-{number}"))
                assert said.status == 404
                assert said.headers["content-type"] == "application/problem+json"
                assert said.json["title"] == "absent"
            hosts = {each.host_info.port for each in one.streams_metadata_for_store("counts")}
            assert hosts == {int(each.rpartition(":")[2]) for each in (first, second)}
            # Two that disagree about an owner: who is asked by another does not ask a third, and says its generation.
            both = [get(each, key("counts", names[0]), {"Streams-Forwarded": "1"}) for each in (first, second)]
            assert sorted(said.status for said in both) == [200, 503]
            refused = next(said for said in both if said.status == 503)
            assert refused.json["title"] == "not here" and refused.json["epoch"] >= 1 and refused.headers["retry-after"]
            where = one.query_metadata_for_key("counts", names[0])
            assert where == two.query_metadata_for_key("counts", names[0]) and where.active_host.port in hosts


def test_a_range_goes_over_all_instances_each_key_once(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 4})
    produce(servers, "in", [(name, "x") for name in NAMES])
    with (
        serving(tables(), servers, **settings) as (one, first),
        serving(tables(), servers, **other(settings)) as (two, second),
    ):
        wait_for(lambda: len(one.tasks()) == len(two.tasks()) == 2)
        wait_for(lambda: get(first, "/stores/counts/count").json.get("count") == len(NAMES))
        for endpoint in (first, second):
            lines = get(endpoint, "/stores/counts/range").lines
            assert lines[-1] == {"cursor": None}
            assert sorted(line["key"] for line in lines[:-1]) == NAMES
            paged: list[str] = []
            cursor = None
            while True:
                query = {"limit": 700, **({"cursor": cursor} if cursor else {})}
                lines = get(endpoint if len(paged) % 1_400 else second, "/stores/counts/range", **query).lines
                paged += [line["key"] for line in lines[:-1]]
                cursor = lines[-1]["cursor"]
                if cursor is None:
                    break
            assert sorted(paged) == NAMES
            some = get(endpoint, "/stores/counts/range", prefix="key-00", reverse="true").lines[:-1]
            assert sorted(line["key"] for line in some) == [name for name in NAMES if name.startswith("key-00")]


def test_windows_sessions_versions_and_raw_values(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1})
    produce(servers, "in", [("a", "x")], timestamp=10)
    produce(servers, "in", [("a", "y")], timestamp=2_020)
    with serving(stores(), servers, **settings) as (_, endpoint):
        wait_for(
            lambda: (
                get(endpoint, key("counts", "a")).status == 200 and get(endpoint, key("counts", "a")).json["value"] == 2
            )
        )
        windows = get(endpoint, "/stores/windows/windows/a").lines
        assert [(line["window"]["start"], line["value"]) for line in windows[:-1]] == [(0, 1), (2_000, 1)]
        assert get(endpoint, key("windows", "a"), start=2_000).json["window"] == {"start": 2_000, "end": 3_000}
        assert get(endpoint, key("windows", "a"), start=1_000).status == 404
        assert get(endpoint, key("windows", "a")).status == 400
        sessions = get(endpoint, "/stores/sessions/sessions/a").lines
        assert [line["window"] for line in sessions[:-1]] == [{"start": t, "end": t} for t in (10, 2_020)]
        versions = get(endpoint, "/stores/versions/versions/a").lines
        assert [line["value"] for line in versions[:-1]] == ["y", "x"]
        assert get(endpoint, "/stores/versions/versions/a", as_of=100).json["value"] == "x"
        assert get(endpoint, key("counts", "a"), value_format="raw").body == (2).to_bytes(8, "big")
        assert get(endpoint, key("counts", "61"), key_format="hex").json["key"] == "a"
        every = get(endpoint, "/stores").json
        assert {each["name"]: each["partitions"] for each in every} == dict.fromkeys(
            ("counts", "windows", "sessions", "versions"), 1
        )
        state = get(endpoint, "/state").json
        assert state["application_id"] == "app" and state["state"] == "RUNNING" and state["tasks"] == ["0_0"]
        fresh = get(endpoint, key("counts", "a"), max_staleness="60s")
        assert fresh.status == 200 and int(fresh.headers["streams-staleness-ms"]) < 60_000


def test_wrong_requests_are_refused_by_name(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1})
    produce(servers, "in", [("a", "x")])
    with serving(tables(), servers, **settings) as (_, endpoint):
        wait_for(lambda: get(endpoint, key("counts", "a")).status == 200)

        def refused(path: str, status: int, words: str, **query: object) -> None:
            said = get(endpoint, path, **query)
            assert said.status == status and said.headers["content-type"] == "application/problem+json", said
            assert said.json["status"] == status and words in said.json["detail"], said.json

        refused(key("count", "a"), 404, "There are: counts, latest, sessions, windows")
        refused("/elsewhere", 404, "GET /stores shows")
        refused(key("counts", "a"), 400, "out, which the sub-topology of counts does not read", min_position="out:0:1")
        refused(key("counts", "a"), 400, "Invalid position", min_position="x")
        refused(key("counts", "a"), 400, "Leave it out", read="any")
        refused(key("counts", "zz"), 400, "is none of Serdes.string()", key_format="hex")
        refused(key("counts", "a"), 400, "there is no key_format", key_format="xml")
        refused(key("counts", "a"), 400, "Invalid isolation", isolation="dirty")
        refused("/stores/counts/windows/a", 400, "it has no windows")
        refused("/stores/counts/range", 400, "is no cursor", cursor="x!")
        cursor = get(endpoint, "/stores/counts/range", limit=1, prefix="").lines
        produce(servers, "in", [("b", "x")])
        wait_for(lambda: get(endpoint, key("counts", "b")).status == 200)
        cursor = get(endpoint, "/stores/counts/range", limit=1).lines[-1]["cursor"]
        refused("/stores/counts/range", 400, "cursor of another question", cursor=cursor, reverse="true")
        refused("/stores/latest/range", 400, "cursor of another", cursor=cursor)
        refused("/stores/counts/range", 400, "has 1 partitions, no 7", partition="7")
        late = get(endpoint, key("counts", "a"), min_position="in:0:99", timeout=50)
        assert late.status == 503 and late.headers["retry-after"] == "1" and late.json["title"] == "not up to bound"
        refused(key("windows", "a"), 400, "a key has several windows: give start=")
        refused(key("sessions", "a"), 400, "a key has several sessions: give start= and end=")
        refused(key("windows", "a"), 400, "Invalid start 'soon'", start="soon")
        refused(key("counts", "a"), 400, "Invalid duration '-1'", max_staleness="-1")
        refused(key("counts", "a"), 400, "Invalid timeout", timeout="long")
        posted = get(endpoint, key("counts", "a"), method="POST")
        assert (posted.status, posted.json["title"]) == (405, "wrong method") and "GET" in posted.json["detail"]
        strange = get(endpoint, key("counts", "a"), {"Host": "evil.example:80"})
        assert strange.status == 403
    another = stores()
    with serving(another, servers, **other(settings)) as (_, endpoint):
        said = get(endpoint, "/stores/counts/range", cursor=cursor)
        assert said.status == 400 and "cursor of another topology" in said.json["detail"]


class Holding:
    """A restore listener that holds the restore after its first records, until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def on_restore_start(self, partition: TopicPartition, store: str, start: int, end: int) -> None: ...

    def on_batch_restored(self, partition: TopicPartition, store: str, end: int, count: int) -> None:
        self.begun.set()
        assert self.go_on.wait(60)

    def on_restore_end(self, partition: TopicPartition, store: str, total: int) -> None: ...


def test_a_store_that_is_being_restored_says_how_far(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 1})
    produce(servers, "in", [(name, "x") for name in NAMES])
    with serving(tables(), servers, **settings) as (_, endpoint):
        wait_for(lambda: get(endpoint, "/stores/counts/count").json.get("count") == len(NAMES))
    app = KafkaStreams(
        tables(), application_id="app", bootstrap_servers=servers, http="127.0.0.1:0", **other(settings)
    )
    holding = Holding()
    app.set_global_state_restore_listener(holding)
    with app:
        assert holding.begun.wait(60)
        said = get(app.endpoint, key("counts", NAMES[0]), timeout=50)
        assert (said.status, said.json["title"]) == (503, "restoring") and said.headers["retry-after"]
        assert said.json["to_restore"] == len(NAMES) and 0 <= said.json["restored"] <= len(NAMES)
        assert f"of {len(NAMES):,} records" in said.json["detail"]
        here = get(app.endpoint, "/stores/counts").json["here"]["0"]
        assert here["state"] == "RESTORING" and here["to_restore"] == len(NAMES)
        assert get(app.endpoint, "/stores/counts/range", timeout=50).status == 503
        holding.go_on.set()
        wait_for(lambda: get(app.endpoint, key("counts", NAMES[0])).status == 200)


def test_a_token_is_needed_and_opens(servers: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    topics(servers, **{"in": 2})
    names = NAMES[:10]
    produce(servers, "in", [(name, "x") for name in names])
    with pytest.raises(ConfigException, match="could be asked by other machines"):
        KafkaStreams(tables(), application_id="app", bootstrap_servers=servers, http="0.0.0.0:0")
    monkeypatch.setenv("STREAMS_APP_HTTP_TOKEN", "s3cret")
    with pytest.raises(ConfigException, match="name the one at which other instances find it"):
        KafkaStreams(tables(), application_id="app", bootstrap_servers=servers, http="0.0.0.0:0")
    with (
        serving(tables(), servers, **settings) as (one, first),
        serving(tables(), servers, **other(settings)) as (two, _),
    ):
        wait_for(lambda: len(one.tasks()) == len(two.tasks()) == 1)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
            said = get(first, key("counts", names[0]), headers)
            assert said.status == 401 and said.headers["www-authenticate"] == "Bearer"
        for name in names:  # of both: the token goes along
            wait_for(lambda: get(first, key("counts", name), {"Authorization": "Bearer s3cret"}).status == 200)  # noqa: B023


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_what_was_written_is_read_through_rebalances(servers: str, settings: dict[str, Any], guarantee: str) -> None:
    """Clients write, and ask any instance for their own write by its position, while instances come and go: never
    absent, never older than what they wrote."""
    topics(servers, **{"in": 6})
    settings["processing_guarantee"] = guarantee
    config = {"bootstrap.servers": servers, "key.serializer": TEXT, "value.serializer": TEXT}
    wrong: list[str] = []
    asked, done = [0], threading.Event()
    endpoints: list[str] = []

    def client(number: int) -> None:
        with Producer(config) as producer:
            count = 0
            while not done.is_set():
                count += 1
                name = f"client-{number}-{count % 7}"
                sent = producer.send(ProducerRecord("in", f"{count}", name)).result()
                position = f"in:{sent.partition}:{sent.offset}"
                while not done.is_set():
                    try:
                        said = get(
                            endpoints[count % len(endpoints)], key("latest", name), min_position=position, timeout=2_000
                        )
                    except OSError:
                        continue  # this instance has just ended
                    if said.status == 503:
                        assert said.headers["retry-after"]
                        continue
                    asked[0] += 1
                    if said.status != 200 or said.json["value"] != f"{count}":
                        wrong.append(f"{name} {position}: {said}")
                    break

    with serving(tables(), servers, **settings) as (_, first):
        endpoints.append(first)
        clients = [threading.Thread(target=client, args=(number,)) for number in range(6)]
        for each in clients:
            each.start()
        try:
            for round in range(4):
                with serving(tables(), servers, **other(settings)) as (two, second):
                    endpoints.append(second)
                    wait_for(lambda: len(two.tasks()) == 3)
                    time.sleep(0.5)
                    endpoints.remove(second) if round % 2 else None
                if second in endpoints:
                    endpoints.remove(second)
        finally:
            done.set()
            for each in clients:
                each.join()
    assert wrong == []
    assert asked[0] > 100


def elsewhere(name: str, count: int) -> int:
    """A partition in which Kafka's default partitioner does not put a key."""
    return (partition_for(name.encode(), count) + 1) % count


def test_a_key_that_its_writer_put_elsewhere_is_found_by_any_instance(servers: str, settings: dict[str, Any]) -> None:
    """Who writes a topic may have a partitioner of its own: what is not where Kafka's puts it is looked for everywhere,
    before anybody says that there is none."""
    topics(servers, **{"in": 4})
    names = NAMES[:12]
    for name in names:
        produce(servers, "in", [(name, "x")], timestamp=1_000, partition=elsewhere(name, 4))
    with (
        serving(tables(), servers, **settings) as (one, first),
        serving(tables(), servers, **other(settings)) as (two, second),
    ):
        wait_for(lambda: len(one.tasks()) == len(two.tasks()) == 2)
        wait_for(lambda: get(first, "/stores/counts/count").json.get("count") == len(names))
        for endpoint in (first, second):
            for name in names:
                said = get(endpoint, key("counts", name))
                assert (said.status, said.json["value"]) == (200, 1), said
                windows = get(endpoint, f"/stores/windows/windows/{name}")
                assert [line.get("value") for line in windows.lines] == [1, None]
                there, home = elsewhere(name, 4), partition_for(name.encode(), 4)
                assert get(endpoint, key("counts", name), partition=there).status == 200
                missed = get(endpoint, key("counts", name), partition=home)
                assert missed.status == 404 and missed.json["title"] == "absent"
            assert get(endpoint, key("counts", "nobody")).json["title"] == "absent"
            assert get(endpoint, "/stores/windows/windows/nobody").lines == [{"cursor": None}]
            assert get(endpoint, key("counts", names[0]), partition=4).status == 400


def test_a_key_that_may_be_at_an_instance_which_is_gone_is_not_called_absent(
    servers: str, settings: dict[str, Any]
) -> None:
    topics(servers, **{"in": 2})
    with (
        serving(tables(), servers, **settings) as (one, first),
        serving(tables(), servers, **other(settings)) as (two, _),
    ):
        wait_for(lambda: len(one.tasks()) == len(two.tasks()) == 1)
        here = int(min(one.tasks()).partition("_")[2])
        name = next(each for each in NAMES if partition_for(each.encode(), 2) == here)
        wait_for(lambda: get(first, key("counts", name)).status == 404)
        assert two._http is not None
        two._http.close()  # it does not answer any more, and the group does not know
        said = get(first, key("counts", name), timeout=200)
        assert said.status == 503 and said.json["title"] == "unreachable" and said.headers["retry-after"]
        assert get(first, key("counts", name), partition=here).status == 404


def test_what_the_application_has_placed_itself_is_asked_for_once(servers: str, settings: dict[str, Any]) -> None:
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.group_by(lambda key, value: value, key_serde=TEXT, value_serde=TEXT).count(store="own")
    stream.group_by_key(key_serde=TEXT, value_serde=TEXT).count(store="others")
    by_length = Repartitioned(key_serde=TEXT, value_serde=TEXT, partitioner=lambda _, key, v, count: len(key) % count)
    stream.repartition(by_length).group_by_key(key_serde=TEXT, value_serde=TEXT).count(store="by-length")
    topics(servers, **{"in": 2})
    produce(servers, "in", [(name, name) for name in ("a", "ab", "abc", "abcd")])
    with serving(builder, servers, **settings) as (app, endpoint):
        placed = {name: app._instance.is_placed(name) for name in ("own", "others", "by-length")}
        assert placed == {"own": True, "others": False, "by-length": False}
        for name in ("a", "ab", "abc", "abcd"):
            wait_for(lambda: get(endpoint, key("by-length", name)).status == 200)  # noqa: B023
        assert get(endpoint, key("by-length", "abcde")).status == 404


def test_no_answer_is_older_than_it_may_be(servers: str, settings: dict[str, Any]) -> None:
    """One writes numbers, and notes when each had arrived; the application stops for a while now and then."""
    topics(servers, **{"in": 1})
    builder = tables()
    builder.stream("stop", key_serde=TEXT, value_serde=TEXT).foreach(lambda key, value: time.sleep(0.3))
    topics(servers, stop=1)
    most_ms = 150
    arrived: list[float] = []  # of each number, when
    done = threading.Event()
    config = {"bootstrap.servers": servers, "key.serializer": TEXT, "value.serializer": TEXT}

    def write() -> None:
        with Producer(config) as producer:
            while not done.is_set():
                producer.send(ProducerRecord("in", str(len(arrived)), "k")).result()
                arrived.append(time.monotonic())
                if len(arrived) % 100 == 0:
                    producer.send(ProducerRecord("stop", "now", "k")).result()

    with serving(builder, servers, **settings) as (_, endpoint):
        writer = threading.Thread(target=write)
        writer.start()
        seen: dict[int, int] = {}
        try:
            wait_for(lambda: get(endpoint, key("latest", "k")).status == 200)
            end = time.monotonic() + 5
            while time.monotonic() < end or len(seen) < 2:
                asked = time.monotonic()
                said = get(endpoint, key("latest", "k"), max_staleness=f"{most_ms}ms", timeout=100)
                seen[said.status] = seen.get(said.status, 0) + 1
                if said.status == 200:
                    old = [number for number, at in enumerate(list(arrived)) if at < asked - most_ms / 1000]
                    assert int(said.json["value"]) >= (old[-1] if old else 0)
                    assert int(said.headers["streams-staleness-ms"]) <= most_ms
                else:
                    assert said.status == 503 and said.json["title"] in ("too stale", "retry later"), said
        finally:
            done.set()
            writer.join()
    assert seen[200] > 10, seen


def test_a_global_store_has_what_was_written_when_it_is_asked_by_position(
    servers: str, settings: dict[str, Any]
) -> None:
    topics(servers, **{"in": 1, "names": 3})
    builder = StreamsBuilder()
    builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names")
    builder.stream("in", key_serde=TEXT, value_serde=TEXT).to("out", key_serde=TEXT, value_serde=TEXT)
    config = {"bootstrap.servers": servers, "key.serializer": TEXT, "value.serializer": TEXT}
    with serving(builder, servers, **settings) as (app, endpoint), Producer(config) as producer:
        for number in range(60):
            name = f"n-{number % 5}"
            sent = producer.send(ProducerRecord("names", str(number), name)).result()
            position = f"names:{sent.partition}:{sent.offset}"
            said = get(endpoint, key("names", name), min_position=position, timeout=30_000)
            assert (said.status, said.json["value"]) == (200, str(number)), said
            bound = PositionBound.at(Position.of_record(sent).with_component("names", sent.partition, sent.offset + 1))
            asked = StateQueryRequest.in_store("names").with_query(KeyQuery.with_key(name)).with_position_bound(bound)
            result = app.query(asked).global_result
            assert result is not None and result.failure_reason is FailureReason.NOT_UP_TO_BOUND
        late = get(endpoint, key("names", "n-1"), min_position="names:0:99999", timeout=50)
        assert late.status == 503 and late.json["title"] == "not up to bound"
        assert "of names-0" in late.json["detail"]
        wrong = get(endpoint, key("names", "n-1"), min_position="in:0:1")
        assert wrong.status == 400 and "does not read" in wrong.json["detail"]


def test_a_cursor_goes_through_rebalances_without_gap_or_double(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, **{"in": 4})
    produce(servers, "in", [(name, "x") for name in NAMES])
    with serving(tables(), servers, **settings) as (_, first):
        wait_for(lambda: get(first, "/stores/counts/count").json.get("count") == len(NAMES))
        found: list[str] = []
        cursor = None

        def read(pages: int) -> None:
            nonlocal cursor
            for _ in range(pages):
                said = get(
                    first, "/stores/counts/range", limit=100, timeout=10_000, **({"cursor": cursor} if cursor else {})
                )
                assert said.status == 200, said
                found.extend(line["key"] for line in said.lines[:-1])
                cursor = said.lines[-1]["cursor"]
                if cursor is None:
                    return

        read(5)
        with serving(tables(), servers, **other(settings)) as (two, _):
            read(2)
            wait_for(lambda: len(two.tasks()) == 2)
            read(10)
        while cursor is not None:
            read(1)
        assert sorted(found) == NAMES
