"""Suppression, against Java's scenarios."""

from __future__ import annotations

from typing import Any

import pytest

from streams import (
    Materialized,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)
from streams.errors import StreamsException
from streams.serdes import Serdes
from tests.streams.operators.running import UNCACHED, Event, Running, flat, outputs, shown

BufferConfig = Suppressed.BufferConfig
UNBOUNDED = BufferConfig.unbounded()


def counts(suppressed: Suppressed | None) -> Any:
    """How many keys have each value."""

    def build(builder: StreamsBuilder) -> None:
        table = builder.table("in").group_by(lambda k, v: (v, k)).count()
        shown(table if suppressed is None else table.suppress(suppressed))

    return build


def events(text: str) -> list[Event]:
    rows = []
    for row in text.split(","):
        pair, ts = row.split("@")
        key, value = pair.split("=")
        rows.append(("in", key, None if value == "null" else value, int(ts)))
    return rows


INPUT = events("k1=v1@0,k1=v2@1,k2=v1@2,x=x@3,x=y@4")


def test_no_time_limit_passes_all() -> None:
    held = counts(Suppressed.until_time_limit(0, UNBOUNDED))
    assert flat(held, INPUT, UNCACHED) == flat(counts(None), INPUT, UNCACHED)


def test_updates_within_the_time_limit_become_one() -> None:
    held = counts(Suppressed.until_time_limit(2, UNBOUNDED))
    found = outputs(held, events("k1=v1@0,k1=v2@1,k2=v1@2,tick=tick@3"), UNCACHED)
    assert found == [[], [], ["v1=1@2"], ["v2=1@1"]]


@pytest.mark.parametrize("limit", [BufferConfig.max_records(1), BufferConfig.max_bytes(150)])
def test_a_full_buffer_emits_the_oldest(limit: Any) -> None:
    build = counts(Suppressed.until_time_limit(10**12, limit.emit_early_when_full()))
    found = flat(build, events("k1=v1@0,k1=v2@1,k2=v1@2,x=x@3"), UNCACHED)
    assert found == ["v1=0@1", "v2=1@1", "v1=1@2"]


def test_a_full_buffer_may_stop_the_application() -> None:
    suppressed = Suppressed.until_time_limit(10**12, BufferConfig.max_records(1).shut_down_when_full())
    with Running(counts(suppressed.with_name("held")), UNCACHED) as running:
        running.send("in", "k1", "v1", 0)
        with pytest.raises(StreamsException) as raised:
            running.send("in", "k2", "v2", 1)
        texts = [str(raised.value), str(raised.value.__cause__)]
        words = "held buffer exceeded its max capacity. Currently [2/1] records and ["
        assert any(words in text and "/9223372036854775807] bytes." in text for text in texts)


def windowed(windows: Any) -> Any:
    def build(builder: StreamsBuilder) -> None:
        stream = builder.stream("in", key_serde=Serdes.string(), value_serde=Serdes.string())
        table = stream.group_by_key().windowed_by(windows).count(Materialized(caching=False))
        shown(table.suppress(Suppressed.until_window_closes(UNBOUNDED)))

    return build


def at(*times: int, key: str = "k1") -> list[Event]:
    return [("in", key, "v", ts) for ts in times]


def test_final_results_of_tumbling_windows() -> None:
    windows = TimeWindows.of_size_and_grace(2, 1)
    assert flat(windowed(windows), at(0, 1, 2, 1, 0, 5, 0)) == ["[k1@0/2]=4@1", "[k1@2/4]=1@2"]


def test_a_jump_of_stream_time_loses_nothing() -> None:
    windows = TimeWindows.of_size_and_grace(2, 2)
    found = flat(windowed(windows), at(0, 1, 2, 0, 3, 0, 4, 0, 30))
    assert found == ["[k1@0/2]=4@1", "[k1@2/4]=2@3", "[k1@4/6]=1@4"]


def test_final_results_of_sliding_windows() -> None:
    windows = SlidingWindows.of_time_difference_and_grace(5, 15)
    assert flat(windowed(windows), at(10, 11, 10, 13, 10, 24, 5, 7, 90)) == [
        "[k1@5/10]=5@10",
        "[k1@6/11]=5@11",
        "[k1@8/13]=5@13",
        "[k1@11/16]=2@13",
        "[k1@12/17]=1@13",
        "[k1@19/24]=1@24",
    ]


def test_final_results_of_sessions() -> None:
    build = windowed(SessionWindows.of_inactivity_gap_with_no_grace(5))
    found = flat(build, [*at(0, 5, 1), *at(11, key="k2"), *at(5, 30)])
    assert found == ["[k1@0/5]=3@5", "[k2@11/11]=1@11"]


def test_what_was_never_seen_is_deleted_without_a_word_only_in_final_results() -> None:
    def build(builder: StreamsBuilder) -> None:
        builder.table("in").suppress(Suppressed.until_time_limit(5, UNBOUNDED)).to_stream().to("out")

    assert flat(build, events("a=x@0,a=null@1,tick=t@10"), UNCACHED) == ["a=null@1"]


def test_before_a_grouping() -> None:
    def build(builder: StreamsBuilder) -> None:
        held = builder.table("in").suppress(Suppressed.until_time_limit(10, UNBOUNDED))
        shown(held.group_by(lambda k, v: (k, v)).count())

    assert flat(build, events("A=a@0,tick=tick@10"), UNCACHED) == ["A=1@0"]


def test_a_join_sees_what_was_last_let_go() -> None:
    def build(builder: StreamsBuilder) -> None:
        right = builder.table("right").suppress(Suppressed.until_time_limit(10, UNBOUNDED))
        joined = builder.table("left").outer_join(right, lambda a, b: f"({a},{b})")
        joined.to_stream().to("out")

    found = outputs(
        build,
        [
            ("right", "B", "1", 0),
            ("right", "A", "1", 0),
            ("right", "tick", "tick", 10),
            ("right", "A", "2", 11),
            ("left", "A", "a", 12),
            ("left", "B", "b", 12),
            ("left", "A", "b", 13),
            ("right", "tick", "tick1", 21),
        ],
        UNCACHED,
    )
    assert found == [
        [],
        [],
        ["A=(None,1)@0", "B=(None,1)@0"],
        [],
        ["A=(a,1)@12"],
        ["B=(b,1)@12"],
        ["A=(b,1)@13"],
        ["tick=(None,tick1)@21", "A=(b,2)@13"],
    ]
