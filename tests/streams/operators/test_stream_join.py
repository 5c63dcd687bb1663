"""Joins of two streams, against Java's tests, brute force, and each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import JoinWindows, StreamJoined, StreamsBuilder
from tests.streams.operators.running import STREAM_JOIN_INPUT, Event, Running, flat, numbered, outputs

DAY = 86_400_000
WINDOWS = JoinWindows.of_time_difference_and_grace(10_000, DAY)

INNER = (
    "4:A-a@4 |5:B-a@5 |6:A-b@6,B-b@6 |9:C-a@9,C-b@9 |10:A-c@10,B-c@10,C-c@10 |14:A-d@14,B-d@14,C-d@14 |"
    "15:D-a@15,D-b@15,D-c@15,D-d@15"
)
NULL_KEYS: list[Event] = [("left", None, "E", 16), ("right", None, "e", 17)]


def pair(left: Any, right: Any) -> str:
    return f"{'null' if left is None else left}-{'null' if right is None else right}"


def plus(left: Any, right: Any) -> str:
    return f"{'null' if left is None else left}+{'null' if right is None else right}"


def joining(kind: str, windows: JoinWindows, joiner: Any = plus, **options: Any) -> Any:
    def build(builder: StreamsBuilder) -> None:
        left, right = builder.stream("left"), builder.stream("right")
        getattr(left, kind)(right, joiner, windows, StreamJoined(**options)).to("out")

    return build


@pytest.mark.parametrize("store", ["rocksDB", "in_memory"])
@pytest.mark.parametrize(
    ("kind", "more"),
    [("join", ""), ("left_join", " |16:E-null@16"), ("outer_join", " |16:E-null@16 |17:null-e@17")],
)
def test_javas_input(kind: str, more: str, store: str) -> None:
    build = joining(kind, WINDOWS, pair, store_type=store)
    assert numbered(outputs(build, [*STREAM_JOIN_INPUT, *NULL_KEYS])) == INNER + more


SELF_INPUT: list[Event] = [
    ("in", "0", value, ts)
    for value, ts in ((None, 1), ("A", 2), ("B", 3), (None, 4), ("C", 5), (None, 6), ("D", 7))
]


@pytest.mark.parametrize("config", [{}, {"topology.optimization": "single.store.self.join"}])
def test_a_stream_with_itself(config: dict[str, object]) -> None:
    def build(builder: StreamsBuilder) -> None:
        stream = builder.stream("in")
        stream.join(stream, pair, WINDOWS).to("out")

    assert numbered(outputs(build, SELF_INPUT, config)) == (
        "2:A-A@2 |3:B-A@3,A-B@3,B-B@3 |5:C-A@5,C-B@5,A-C@5,B-C@5,C-C@5 |7:D-A@7,D-B@7,D-C@7,A-D@7,B-D@7,C-D@7,D-D@7"
    )


small_times = st.integers(0, 60)
sided = st.tuples(st.sampled_from(["left", "right"]), st.sampled_from("ab"), small_times)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.lists(st.tuples(st.sampled_from("ab"), small_times)))
def test_one_store_gives_what_two_give(before: int, after: int, records: list[tuple[str, int]]) -> None:
    """As long as no record is so late that its store is about to forget it; Java is one ms off there, too."""
    windows = JoinWindows.of_time_difference_and_grace(12, 1000).before(before).after(after)

    def build(builder: StreamsBuilder) -> None:
        stream = builder.stream("in")
        stream.join(stream, pair, windows).to("out")

    events: list[Event] = [("in", key, str(at), ts) for at, (key, ts) in enumerate(records)]
    one = outputs(build, events, {"topology.optimization": "single.store.self.join"})
    assert one == outputs(build, events)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.lists(sided, max_size=15))
def test_an_inner_join_is_all_pairs_within_the_window(
    before: int, after: int, records: list[tuple[str, str, int]]
) -> None:
    windows = JoinWindows.of_time_difference_and_grace(12, 1000).before(before).after(after)
    events: list[Event] = [(side, key, str(at), ts) for at, (side, key, ts) in enumerate(records)]
    expected = sorted(
        f"{key}={i}+{j}@{max(ts, other_ts)}"
        for i, (side, key, ts) in enumerate(records)
        for j, (other, other_key, other_ts) in enumerate(records)
        if side == "left" and other == "right" and key == other_key and ts - before <= other_ts <= ts + after
    )
    assert sorted(flat(joining("join", windows), events)) == expected


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["left_join", "outer_join"]),
    st.integers(0, 12),
    st.integers(0, 12),
    st.lists(sided, max_size=15).map(lambda rows: sorted(rows, key=lambda row: row[2])),
)
def test_in_order_each_record_is_joined_or_comes_alone_once(
    kind: str, before: int, after: int, records: list[tuple[str, str, int]]
) -> None:
    windows = JoinWindows.of_time_difference_and_grace(12, 5).before(before).after(after)
    events: list[Event] = [(side, key, str(at), ts) for at, (side, key, ts) in enumerate(records)]
    joined = set()
    expected = []
    for i, (side, key, ts) in enumerate(records):
        for j, (other, other_key, other_ts) in enumerate(records):
            if side == "left" and other == "right" and key == other_key and ts - before <= other_ts <= ts + after:
                joined |= {i, j}
                expected.append(f"{key}={i}+{j}@{max(ts, other_ts)}")
    for i, (side, key, ts) in enumerate(records):
        if i not in joined and (side == "left" or kind == "outer_join"):
            expected.append(f"{key}={i}+null@{ts}" if side == "left" else f"{key}=null+{i}@{ts}")
    late: list[Event] = [("left", "end", "x", 500 + at) for at in range(3)]
    found = [result for result in flat(joining(kind, windows), [*events, *late]) if not result.startswith("end")]
    assert sorted(found) == sorted(expected)


def test_unjoined_records_come_when_their_window_has_closed() -> None:
    windows = JoinWindows.of_time_difference_and_grace(100, 10)
    events: list[Event] = [
        ("left", "0", "A0", 0),
        ("left", "0", "A0-0", 0),
        ("right", "1", "11", 0),
        ("right", "1", "12", 0),
        ("right", "1", "10", 111),
        ("right", "3", "100", 211),
        ("left", "2", "A2", 200),
        ("left", "2", "A2-0", 200),
        ("right", "2", "13", 201),
        ("right", "2", "14", 201),
        ("right", "3", "100", 1500),
    ]
    found = outputs(joining("outer_join", windows), events)
    assert found[4] == ["1=null+11@0", "1=null+12@0", "0=A0+null@0", "0=A0-0+null@0"]
    assert [r for results in found[5:10] for r in results] == [
        "2=A2+13@201",
        "2=A2-0+13@201",
        "2=A2+14@201",
        "2=A2-0+14@201",
    ]
    assert found[10] == ["1=null+10@111", "3=null+100@211"]


def test_they_come_before_the_record_that_closes_the_window() -> None:
    windows = JoinWindows.of_time_difference_with_no_grace(100)
    events: list[Event] = [("left", "0", "A0", 0), ("left", "1", "A1", 100), ("right", "1", "a1", 110)]
    assert flat(joining("left_join", windows), events) == ["0=A0+null@0", "1=A1+a1@110"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_either_side_brings_them_out(side: str) -> None:
    windows = JoinWindows.of_time_difference_with_no_grace(100)
    events: list[Event] = [
        ("left", "0", "A0", 1),
        ("left", "1", "A1", 2),
        ("left", "0", "A0-0", 3),
        ("right", "1", "a1", 3),
        (side, "2", "dummy", 401),
    ]
    found = outputs(joining("left_join", windows), events)
    assert found[3] == ["1=A1+a1@3"]
    assert found[4] == ["0=A0+null@1", "0=A0-0+null@3"]


def test_grace_holds_them_back() -> None:
    windows = JoinWindows.of_time_difference_and_grace(100, 10)
    events: list[Event] = [("left", "0", "A0", 1), ("right", "9", "x", 111), ("right", "9", "y", 112)]
    assert outputs(joining("left_join", windows), events) == [[], [], ["0=A0+null@1"]]


def test_windows_that_are_not_symmetrical() -> None:
    windows = JoinWindows.of_time_difference_with_no_grace(0).before(5).after(20)
    events: list[Event] = [
        ("left", "0", "A0", 29),
        ("left", "1", "A1", 30),
        ("right", "2", "12", 31),
        ("right", "3", "13", 36),
        ("right", "4", "14", 37),
        ("right", "5", "15", 50),
    ]
    found = outputs(joining("outer_join", windows), events)
    assert found[4] == ["2=null+12@31"]
    assert found[5] == ["0=A0+null@29", "3=null+13@36", "4=null+14@37"]


def test_a_late_record_that_can_have_no_partner_comes_alone_at_once() -> None:
    windows = JoinWindows.of_time_difference_and_grace(10, 100)
    events: list[Event] = [("right", "x", "x", 50), ("left", "0", "late", 30)]
    assert outputs(joining("left_join", windows), events) == [[], ["0=late+null@30"]]


def test_looking_for_them_is_throttled_by_the_wall_clock() -> None:
    config = {"__emit.interval.ms.kstreams.outer.join.spurious.results.fix__": 1000}
    with Running(joining("left_join", JoinWindows.of_time_difference_with_no_grace(10)), config) as running:
        assert running.send("left", "0", "A", 0) == []
        assert running.send("left", "1", "B", 50) == []
        running.driver.advance_wall_clock_time(1000)
        assert running.send("left", "2", "C", 51) == ["0=A+null@0"]


def test_what_is_dropped() -> None:
    with Running(joining("left_join", JoinWindows.of_time_difference_with_no_grace(10))) as running:
        assert running.send("left", "k", None, 1) == []
        assert running.send("right", None, "a", 1) == []
        assert running.send("left", None, "A", 1) == ["null=A+null@1"]
        assert running.dropped() == 2
