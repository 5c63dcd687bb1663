"""Entries that expire on the store's stream time, against a table in a few lines of Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.api import Codec
from statestore.keyvalue import LayeredKeyValueStore
from statestore.memory import MemoryEngine
from streams import Materialized, Serdes, Stores, StreamsBuilder
from streams.errors import IllegalArgumentException
from streams.operators.base import StoreAccess
from streams.operators.expiry import Expiry
from tests.streams.operators.running import UNCACHED, Event, Running, shown

TTL = 10
BYTES: Any = Serdes.bytes()
BOTH = pytest.mark.parametrize("config", [UNCACHED, {}], ids=["uncached", "cached"])

Row = tuple[str, int]


class Model:
    """A table whose entries expire: what is there, and what an update brings about (key, value, timestamp)."""

    def __init__(self, counts: bool) -> None:
        self.counts = counts
        self.time = -1
        self.rows: dict[str, Row] = {}

    def update(self, key: str, value: str | None, ts: int) -> Iterator[tuple[str, str | None, int]]:
        if self.counts and value is None:
            return  # an aggregation drops it before it looks at the time
        self.time = max(self.time, ts)
        limit = self.time - TTL
        for ended, gone in sorted((at, k) for k, (_, at) in self.rows.items() if at <= limit):
            del self.rows[gone]
            yield gone, None, ended + TTL
        if self.counts:
            yield from self._count(key, ts, limit)
        elif value is None or ts <= limit:
            self.rows.pop(key, None)
            yield key, None, ts
        else:
            self.rows[key] = value, ts
            yield key, value, ts

    def _count(self, key: str, ts: int, limit: int) -> Iterator[tuple[str, str | None, int]]:
        before = self.rows.get(key)
        if before is None and ts <= limit:
            return
        self.rows[key] = row = ("1", ts) if before is None else (str(int(before[0]) + 1), max(before[1], ts))
        yield key, *row


def table(builder: StreamsBuilder) -> None:
    shown(builder.table("in", Materialized("t", ttl=TTL)))


def count(builder: StreamsBuilder) -> None:
    shown(builder.stream("in").group_by_key().count(Materialized("t").with_ttl(TTL)))


def text(rows: Any) -> list[str]:
    return [f"{key}={'null' if value is None else value}@{ts}" for key, value, ts in rows]


def kept(running: Running) -> dict[str, Row]:
    store = running.driver.get_timestamped_key_value_store("t")
    assert store is not None
    with store.all() as rows:
        return {key: (str(found.value), found.timestamp) for key, found in rows}


EVENTS = st.lists(
    st.tuples(
        st.just("in"),
        st.sampled_from("abcd"),
        st.sampled_from(["x", "y", None]),
        st.integers(0, 60),
    ),
    max_size=40,
)


@pytest.mark.parametrize("build", [table, count])
@settings(max_examples=60, deadline=None)
@given(events=EVENTS)
def test_what_is_passed_on_and_kept_is_the_models(build: Any, events: list[Event]) -> None:
    model = Model(build is count)
    with Running(build, UNCACHED) as running:
        for topic, key, value, ts in events:
            assert running.send(topic, key, value, ts) == text(model.update(key, value, ts))
            assert kept(running) == model.rows


@pytest.mark.parametrize("build", [table, count])
@settings(max_examples=60, deadline=None)
@given(events=EVENTS)
def test_with_a_cache_the_last_updates_are_the_models(build: Any, events: list[Event]) -> None:
    """A cache leaves out what nobody has seen; what it passes on leads to the same rows."""
    model = Model(build is count)
    below: dict[str, str] = {}
    with Running(build) as running:
        for topic, key, value, ts in events:
            for _ in model.update(key, value, ts):
                pass
            for result in running.send(topic, key, value, ts):
                changed, _, rest = result.partition("=")
                below[changed] = rest
            seen = {k: row for k, row in below.items() if not row.startswith("null@")}
            assert seen == {k: f"{value}@{at}" for k, (value, at) in model.rows.items()}
            assert kept(running) == model.rows


@settings(max_examples=60, deadline=None)
@given(events=EVENTS)
def test_the_changelog_leads_to_the_same_rows(events: list[Event]) -> None:
    model = Model(counts=False)
    with Running(table, UNCACHED) as running:
        for topic, key, value, ts in events:
            running.send(topic, key, value, ts)
            for _ in model.update(key, value, ts):
                pass
        restored: dict[str, Any] = {}
        for record in running.driver.records_of("app-t-changelog"):
            assert record.key is not None
            restored[record.key.decode()] = record.value
    assert {key for key, value in restored.items() if value is not None} == model.rows.keys()


@BOTH
def test_an_expired_entry_is_gone_before_the_record_that_moved_the_time(config: Any) -> None:
    with Running(count, config) as running:
        assert running.send("in", "a", "x", 0) == ["a=1@0"]
        assert running.send("in", "a", "x", 9) == ["a=2@9"]
        assert running.send("in", "b", "x", 18) == ["b=1@18"]
        if config:
            assert running.send("in", "a", "x", 19) == ["a=null@19", "a=1@19"]
        else:  # the flush sees the key's last state only
            assert running.send("in", "a", "x", 19) == ["a=1@19"]


@BOTH
def test_tables_below_learn_of_it(config: Any) -> None:
    def build(builder: StreamsBuilder) -> None:
        rows = builder.table("in", Materialized("t", ttl=TTL))
        shown(rows.group_by(lambda k, v: (v, v)).count(value_serde=Serdes.long()))

    with Running(build, config) as running:
        assert running.send("in", "a", "x", 0) == ["x=1@0"]
        assert running.send("in", "b", "x", 5) == ["x=2@5"]
        assert running.send("in", "c", "y", 10) == ["x=1@10", "y=1@10"]
        assert running.send("in", "c", "y", 16)[0] == "x=0@15"


@BOTH
def test_a_join_does_not_see_an_expired_row(config: Any) -> None:
    def build(builder: StreamsBuilder) -> None:
        rows = builder.table("in", Materialized("t", ttl=TTL))
        builder.stream("s").join(rows, lambda left, right: left + right).to("out")

    with Running(build, config) as running:
        running.send("in", "a", "x", 0)
        assert running.send("s", "a", "1", 100) == ["a=1x@100"]  # the stream does not move the table's time
        running.send("in", "b", "x", 10)
        assert running.send("s", "a", "2", 5) == []


@BOTH
@pytest.mark.parametrize("name", ["filter", "map", "join", "merged"])
def test_every_table_with_a_store_may_expire(name: str, config: Any) -> None:
    def build(builder: StreamsBuilder) -> None:
        rows = builder.table("in")
        ttl: Materialized[Any, Any] = Materialized("t", ttl=TTL)
        if name == "filter":
            shown(rows.filter(lambda k, v: v != "no", ttl))
        elif name == "map":
            shown(rows.map_values(lambda v: v, ttl))
        elif name == "join":
            shown(rows.join(builder.table("other"), lambda left, right: left, Materialized(ttl=TTL)))
        else:
            shown(builder.stream("in2").to_table(Materialized(ttl=TTL)))

    with Running(build, config) as running:
        topic = "in2" if name == "merged" else "in"
        if name == "join":
            running.send("other", "a", "x", 0)
            running.send("other", "b", "x", 0)
        assert running.send(topic, "a", "x", 0) == ["a=x@0"]
        assert running.send(topic, "b", "x", 10) == ["a=null@10", "b=x@10"]
        assert running.send(topic, "a", "x", 0) in (["a=null@0"], [])
        assert running.dropped() == 1


def test_cogrouped_streams_share_one_time() -> None:
    def build(builder: StreamsBuilder) -> None:
        def join(key: str, value: str, aggregate: str) -> str:
            return aggregate + value

        left, right = builder.stream("in").group_by_key(), builder.stream("in2").group_by_key()
        both = left.cogroup(join).cogroup(right, join)
        shown(both.aggregate(lambda: "", Materialized("t", ttl=TTL)))

    with Running(build, UNCACHED) as running:
        assert running.send("in", "a", "x", 0) == ["a=x@0"]
        assert running.send("in2", "a", "y", 3) == ["a=xy@3"]
        assert running.send("in2", "b", "y", 13) == ["a=null@13", "b=y@13"]
        assert running.send("in", "a", "z", 14) == ["a=z@14"]


def test_they_leave_in_the_order_of_their_timestamps() -> None:
    """Not in that of their first timestamps, which a restart would not know."""
    with Running(table, UNCACHED) as running:
        for key, ts in (("a", 0), ("b", 5), ("a", 8), ("c", 8)):
            running.send("in", key, "x", ts)
        assert running.send("in", "d", "x", 90) == ["b=null@15", "a=null@18", "c=null@18", "d=x@90"]


def test_late_records_are_counted() -> None:
    with Running(table, UNCACHED) as running:
        running.send("in", "a", "x", 100)
        assert running.send("in", "b", "x", 90) == ["b=null@90"]
        assert running.send("in", "b", "x", 91) == ["b=x@91"]
        assert running.dropped() == 1
    with Running(count, UNCACHED) as running:
        running.send("in", "a", "x", 100)
        assert running.send("in", "b", "x", 90) == []
        assert running.send("in", "a", "x", 1) == ["a=2@100"]
        assert running.dropped() == 1


def test_a_source_topic_does_not_stand_for_the_changelog() -> None:
    def names(ttl: int | None) -> set[str]:
        config = {"topology.optimization": "all"}
        with Running(lambda b: shown(b.table("in", Materialized("t", ttl=ttl))), {**UNCACHED, **config}) as running:
            running.send("in", "a", "x", 0)
            return running.driver.produced_topic_names()

    assert names(None) == {"out"}
    assert names(TTL) == {"out", "app-t-changelog"}


def stream(builder: StreamsBuilder) -> Any:
    return builder.stream("in").group_by_key()


REFUSED = {
    "windows": lambda b, m: stream(b).windowed_by(_windows()).count(m),
    "versions": lambda b, m: b.table("in", Materialized(supplier=_versions(), ttl=TTL)),
    "lru": lambda b, m: b.table("in", Materialized(supplier=Stores.lru_map("l", 5), ttl=TTL)),
    "global": lambda b, m: b.global_table("in", m),
    "no store": lambda b, m: b.table("in").filter(lambda k, v: True, m),
}


def _windows() -> Any:
    from streams import TimeWindows

    return TimeWindows.of_size_with_no_grace(10)


def _versions() -> Any:
    return Stores.persistent_versioned_key_value_store("v", 1000)


@pytest.mark.parametrize("name", REFUSED)
def test_where_nothing_can_expire_it_is_refused(name: str) -> None:
    with pytest.raises(IllegalArgumentException, match="ttl is for tables without windows"):
        REFUSED[name](StreamsBuilder(), Materialized(ttl=TTL))


class Place:
    """All that the index asks of a scope."""

    def __init__(self) -> None:
        self.value = -1

    def processor_metadata(self, name: str) -> Place:
        return self


@settings(max_examples=40, deadline=None)
@given(keys=st.lists(st.integers(0, 20), max_size=300), gap=st.integers(1, 5))
def test_the_store_is_read_no_more_often_than_it_is_written(keys: list[int], gap: int) -> None:
    store, reads = LayeredKeyValueStore("t", MemoryEngine(), Codec(bytes, bytes)), list[bytes]()  # type: ignore[arg-type]
    read = store.get
    store.get = lambda key: reads.append(key) or read(key)  # type: ignore[func-returns-value]
    access = StoreAccess("t", store, BYTES, BYTES, False, "kv")
    expiry = Expiry(Place(), access, 20)  # type: ignore[arg-type]
    for at, key in enumerate(keys):
        ts = at * gap
        if ts > expiry.time:
            expiry.advance(ts, None)
        expiry.put(b"%d" % key, b"x", ts)
    assert len(reads) <= 2 * len(keys)
    store.get(b"none")
    assert reads, "reads are counted"
