"""Expiry, asynchronous steps and windows that close when idle, through the real worker: restart, crash, replay."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import Materialized, StreamsBuilder
from streams.errors import StreamsException
from streams.testing import forget
from tests.streams.apps import TEXT, ends, produce, records, running, topics, wait_for
from tests.streams.operators.test_expiry import TTL, Model, text
from tests.streams.operators.test_fixes import HELD, group_sums
from tests.streams.operators.test_idle import HOPPING, IDLE, SESSIONS, SLIDING, TUMBLING, closing, on_close, suppressed
from tests.streams.runtime.turned import NEVER_MS, Turned

ENDS = {"clean": (True, False), "crash": (False, False), "lost disk": (False, True), "moved": (True, True)}
WAYS = pytest.mark.parametrize("way", ENDS)
UNCACHED = {"statestore.cache.max.bytes": 0}


def table(builder: StreamsBuilder) -> None:
    builder.table("in", Materialized("t", ttl=TTL)).to_stream().to("out")


def count(builder: StreamsBuilder) -> None:
    counts = builder.stream("in").group_by_key().count(Materialized("t", ttl=TTL))
    counts.to_stream().map_values(lambda value: None if value is None else str(value)).to("out")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["x", None]), st.integers(0, 60)),
        st.sampled_from(list(ENDS)),
    ),
    min_size=2,
    max_size=14,
)


@pytest.mark.parametrize("build", [table, count])
@given(steps=STEPS)
@settings(max_examples=12, deadline=None)
def test_expiry_goes_on_where_it_was_whatever_ends_a_worker(build: Any, steps: list[Any]) -> None:
    model = Model(build is count)
    with tempfile.TemporaryDirectory() as home, Turned(build, Path(home) / "s", "in", **UNCACHED) as one:
        for step in steps:
            if isinstance(step, str):
                clean, wipe = ENDS[step]
                one.restart(clean, wipe and one.home.exists())
                continue
            one.send("in", *step)
            one.turn()
            assert one.out() == text(model.update(*step))


@given(steps=STEPS)
@settings(max_examples=12, deadline=None)
def test_what_was_not_committed_is_expired_again_in_the_same_order(steps: list[Any]) -> None:
    """The changelog is ahead of the offsets: all is processed again, and leads to the same table."""
    model = Model(counts=False)
    first = [row for step in steps if not isinstance(step, str) for row in text(model.update(*step))]
    with tempfile.TemporaryDirectory() as home:
        config = {**UNCACHED, "commit.interval.ms": NEVER_MS}
        with Turned(table, Path(home), "in", **config) as one:
            for step in steps:
                if not isinstance(step, str):
                    one.send("in", *step)
            one.turn()
            assert one.out() == first
            one.restart(clean=False)
            one.turn()
            again = one.out()
    # A replay meets later rows in the store: it may delete more often, but leads to the same rows.
    last = {row.partition("=")[0]: row for row in again}
    assert {k: row for k, row in last.items() if "=null@" not in row} == {
        key: f"{key}={value}@{ts}" for key, (value, ts) in model.rows.items()
    }


@WAYS
@pytest.mark.parametrize("cached", [True, False])
def test_the_stores_time_survives(way: str, cached: bool, tmp_path: Path) -> None:
    """The entry that held the time is deleted, so that only the commit tells it."""
    clean, wipe = ENDS[way]
    with Turned(table, tmp_path / "s", "in", **({} if cached else UNCACHED)) as one:
        for row in (("a", "x", 95), ("b", "y", 100), ("b", None, 100)):
            one.send("in", *row)
            one.turn()
        one.out()
        one.restart(clean, wipe)
        one.send("in", "c", "late", 90)
        one.turn()
        assert one.out() in ([], ["c=null@90"])
        assert one.total("dropped-records-total") == 1
        one.send("in", "c", "x", 105)
        one.turn()
        assert one.out() == ["a=null@105", "c=x@105"]


# asynchronous steps


@WAYS
def test_every_record_comes_once_and_in_order_over_restarts(way: str, tmp_path: Path) -> None:
    async def answer(key: str, value: str) -> str:
        await asyncio.sleep(0)
        return value.upper()

    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").map_values_async(answer, max_in_flight=4).to("out")

    clean, wipe = ENDS[way]
    with Turned(build, tmp_path / "s", "in") as one:
        expected = []
        for part in range(3):
            for at in range(10):
                one.send("in", f"k{at}", f"v{part}-{at}", at)
                expected.append(f"k{at}=V{part}-{at}@{at}")
            one.turn()
            one.restart(clean, wipe and one.home.exists())
        assert one.out() == expected


def test_a_failure_commits_nothing_of_its_run_and_the_next_worker_does_it_all(tmp_path: Path) -> None:
    broken = [True]

    async def answer(value: str) -> str:
        if value == "v5" and broken[0]:
            raise ValueError("no connection")
        return value

    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").map_values_async(answer, name="ask").to("out")

    with Turned(build, tmp_path / "s", "in") as one:
        for at in range(10):
            one.send("in", "k", f"v{at}", at)
        with pytest.raises(StreamsException, match="processor=ask, topic=in, partition=0, offset=5"):
            one.turn()
        broken[0] = False
        one.restart(clean=False)
        one.turn()
        assert one.out()[-10:] == [f"k=v{at}@{at}" for at in range(10)]


# windows that close when idle

KINDS = {"tumbling": TUMBLING, "hopping": HOPPING, "sliding": SLIDING, "sessions": SESSIONS}


@WAYS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [on_close, suppressed])
def test_no_window_is_emitted_twice_nor_takes_a_late_record_after_a_restart(
    kind: str, make: Any, way: str, tmp_path: Path
) -> None:
    clean, wipe = ENDS[way]
    with Turned(make(closing(KINDS[kind])), tmp_path / "s", "in") as one:
        for row in (("a", "x", 1), ("a", "x", 3), ("b", "x", 12)):
            one.send("in", *row)
            one.turn()
        one.wait(IDLE - 2)
        assert one.out() == []
        one.wait(1)
        emitted = one.out()
        assert "[a@0/10]=2@3" in emitted or "[a@1/3]=2@3" in emitted
        one.restart(clean, wipe)
        for row in (("a", "x", 2), ("b", "x", 12), ("c", "x", 100)):
            one.send("in", *row)
            one.turn()
        assert one.out() == []
        assert one.total("dropped-records-total") >= 2
        one.wait(IDLE)
        again = one.out()
        assert again and all(row.startswith("[c@") for row in again)


@pytest.mark.parametrize("make", [on_close, suppressed])
def test_windows_that_were_open_at_a_restart_close_without_input(make: Any, tmp_path: Path) -> None:
    with Turned(make(closing(TUMBLING)), tmp_path / "s", "in") as one:
        one.send("in", "a", "x", 1)
        one.turn()
        one.restart(clean=False, wipe=True)
        one.wait(IDLE)
        assert one.out() == ["[a@0/10]=1@1"]
        one.wait(IDLE)
        assert one.out() == []


@pytest.mark.parametrize("make", [on_close, suppressed])
def test_a_close_that_was_not_committed_is_done_again(make: Any, tmp_path: Path) -> None:
    with Turned(make(closing(TUMBLING)), tmp_path / "s", "in", **{"commit.interval.ms": 10 * IDLE}) as one:
        one.send("in", "a", "x", 1)
        one.turn()
        one.restart(clean=True)
        one.wait(IDLE)
        assert one.out() == ["[a@0/10]=1@1"]
        one.restart(clean=False)
        one.wait(IDLE)
        assert one.out() == ["[a@0/10]=1@1"]  # at least once
        one.restart(clean=True)
        one.wait(IDLE)
        assert one.out() == []


def test_what_came_while_the_worker_stood_still_is_not_late(tmp_path: Path) -> None:
    """A record lies in the topic when the worker wakes up, long after the windows should have closed."""
    with Turned(on_close(closing(TUMBLING)), tmp_path / "s", "in") as one:
        one.send("in", "a", "x", 1)
        one.turn()
        one.send("in", "a", "x", 2)
        one.clock.advance(10 * IDLE)
        one.turn()
        assert one.out() == []
        one.wait(IDLE)
        assert one.out() == ["[a@0/10]=2@2"]


def test_a_pause_is_no_silence(tmp_path: Path) -> None:
    with Turned(on_close(closing(TUMBLING)), tmp_path / "s", "in") as one:
        one.send("in", "a", "x", 1)
        one.turn()
        one.worker.pause(True)
        for _ in range(3):
            one.wait(IDLE)
        one.worker.pause(False)
        one.turn()
        assert one.out() == []
        one.wait(IDLE)
        assert one.out() == ["[a@0/10]=1@1"]


# fixes


@WAYS
@pytest.mark.parametrize("kind", KINDS)
def test_no_closed_window_is_lost_over_a_restart_nor_told_twice(kind: str, way: str, tmp_path: Path) -> None:
    clean, wipe = ENDS[way]
    fixes = {"streams.fixes": "emit-final-keeps-windows", **UNCACHED}
    with Turned(on_close(KINDS[kind]), tmp_path / "s", "in", **fixes) as one:
        for row in (("a", "x", 21), ("a", "x", 23)):
            one.send("in", *row)
            one.turn()
        one.restart(clean, wipe)
        one.send("in", "b", "x", 900_000)
        one.turn()
        found = one.out()
        assert found and all(row.startswith("[a@") for row in found)
        one.restart(clean, wipe and one.home.exists())
        one.send("in", "c", "x", 1_900_000)
        one.turn()
        again = one.out()
        assert again and all(row.startswith("[b@") for row in again)


@WAYS
def test_what_was_let_go_last_is_known_after_a_restart(way: str, tmp_path: Path) -> None:
    clean, wipe = ENDS[way]
    with Turned(group_sums, tmp_path / "s", "in", **{"streams.fixes": "all", **UNCACHED}) as one:
        for _, key, value, ts in HELD[:-1]:
            one.send("in", key, value, ts)
            one.turn()
            one.restart(clean, wipe and one.home.exists())
        one.send("in", *HELD[-1][1:])
        one.turn()
        assert one.out() == ["all=10@0", "all=17@21"]


# a whole application


def test_an_application_awaits_on_a_thread_of_its_own(tmp_path: Path) -> None:
    async def answer(value: str) -> str:
        await asyncio.sleep(0.001)
        return value.upper()

    servers = "memory://beyond-java"
    builder = StreamsBuilder()
    builder.stream("in", key_serde=TEXT, value_serde=TEXT).map_values_async(answer).to(
        "out", key_serde=TEXT, value_serde=TEXT
    )
    try:
        topics(servers, **{"in": 1, "out": 1})
        produce(servers, "in", [("k", f"v{at}") for at in range(300)])
        with running(builder, servers, state_dir=str(tmp_path)):
            wait_for(lambda: ends(servers, "out") >= 300)
        values = [record.value for record in records(servers, "out", value=TEXT)]
        assert values == [f"V{at}" for at in range(300)]
    finally:
        forget("beyond-java")
