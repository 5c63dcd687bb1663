"""Joins by foreign key, against Java's tests and the definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import Materialized, Stores, StreamsBuilder
from tests.streams.operators.running import UNCACHED, Event, Running, outputs


def pair(left: Any, right: Any) -> str:
    return f"({left},{'null' if right is None else right})"


def foreign(value: str) -> str | None:
    """What stands behind the bar; `none` is none."""
    key = value.split("|")[1]
    return None if key == "none" else key


def build(kind: str, materialized: bool = False) -> Any:
    def made(builder: StreamsBuilder) -> None:
        options = [Materialized("joined")] if materialized else []
        left, right = builder.table("left"), builder.table("right")
        getattr(left, kind)(right, foreign, pair, *options).to_stream().to("out")

    return made


RIGHTS: list[Event] = [("right", f"rhs{i}", f"rhsValue{i}", i) for i in (1, 2, 3)]


@pytest.mark.parametrize("materialized", [False, True])
@pytest.mark.parametrize("config", [{}, UNCACHED, {"topology.optimization": "all"}])
@pytest.mark.parametrize("kind", ["join", "left_join"])
def test_left_rows_meet_right_ones(kind: str, config: dict[str, object], materialized: bool) -> None:
    found = outputs(
        build(kind, materialized),
        [
            *RIGHTS,
            ("left", "lhs1", "lhsValue1|rhs1", 10),
            ("left", "lhs2", "lhsValue2|rhs2", 10),
            ("left", "lhs3", "lhsValue3|rhs1", 10),
            ("left", "lhs1", None, 11),
            ("left", "lhs1", None, 12),
        ],
        config,
    )
    assert found[3:] == [
        ["lhs1=(lhsValue1|rhs1,rhsValue1)@10"],
        ["lhs2=(lhsValue2|rhs2,rhsValue2)@10"],
        ["lhs3=(lhsValue3|rhs1,rhsValue1)@10"],
        ["lhs1=null@11"],
        [],
    ]


@pytest.mark.parametrize("kind", ["join", "left_join"])
def test_a_foreign_key_that_changes_and_changes_back(kind: str) -> None:
    moves: list[Event] = [("left", "lhs1", f"v|rhs{i}", 10 + i) for i in (1, 2, 1)]
    assert outputs(build(kind), [*RIGHTS, *moves])[3:] == [
        ["lhs1=(v|rhs1,rhsValue1)@11"],
        ["lhs1=(v|rhs2,rhsValue2)@12"],
        ["lhs1=(v|rhs1,rhsValue1)@11"],
    ]


@pytest.mark.parametrize(("kind", "alone", "gone"), [("join", False, "null"), ("left_join", True, None)])
def test_right_rows_come_and_go(kind: str, alone: bool, gone: str | None) -> None:
    found = outputs(
        build(kind),
        [
            ("left", "lhs1", "a|rhs1", 0),
            ("left", "lhs2", "b|rhs2", 1),
            ("left", "lhs3", "c|rhs1", 2),
            ("right", "rhs1", "R", 7),
            ("right", "rhs3", "nobody's", 8),
            ("right", "rhs1", None, 9),
        ],
    )
    assert found[:3] == [[f"lhs{i}=({v}|{k},null)@{i - 1}"] if alone else [] for i, v, k in
                         ((1, "a", "rhs1"), (2, "b", "rhs2"), (3, "c", "rhs1"))]
    assert found[3] == ["lhs1=(a|rhs1,R)@7", "lhs3=(c|rhs1,R)@7"]
    assert found[4] == []
    assert found[5] == [f"lhs1={gone or '(a|rhs1,null)'}@9", f"lhs3={gone or '(c|rhs1,null)'}@9"]


@pytest.mark.parametrize("kind", ["join", "left_join"])
def test_rows_that_never_joined(kind: str) -> None:
    left = kind == "left_join"
    found = outputs(
        build(kind),
        [
            ("left", "lhs1", "a|rhs1", 0),
            ("left", "lhs1", "a|rhs2", 1),
            ("right", "rhs9", "x", 2),
            ("right", "rhs3", "R", 3),
            ("left", "lhs1", "a|rhs3", 4),
            ("left", "lhs1", "a|rhs1", 5),
            ("left", "lhs1", None, 6),
            ("left", "lhs1", None, 7),
        ],
    )
    assert found == [
        ["lhs1=(a|rhs1,null)@0"] if left else [],
        ["lhs1=(a|rhs2,null)@1" if left else "lhs1=null@1"],
        [],
        [],
        ["lhs1=(a|rhs3,R)@4"],
        ["lhs1=(a|rhs1,null)@5" if left else "lhs1=null@5"],
        ["lhs1=null@6"],
        [],
    ]


def test_a_left_row_leaves_its_old_foreign_key() -> None:
    found = outputs(
        build("join"),
        [*RIGHTS, ("left", "lhs1", "v|rhs1", 5), ("left", "lhs1", "v|rhs2", 6), ("right", "rhs1", "new", 7)],
    )
    assert found[4:] == [["lhs1=(v|rhs2,rhsValue2)@6"], []]


@pytest.mark.parametrize("kind", ["join", "left_join"])
def test_rows_without_a_foreign_key(kind: str) -> None:
    with Running(build(kind)) as running:
        running.send("right", "rhs1", "R", 0)
        assert running.send("left", "a", "v|none", 1) == ([] if kind == "join" else ["a=(v|none,null)@1"])
        assert running.send("left", "a", "v|rhs1", 2) == ["a=(v|rhs1,R)@2"]
        assert running.send("left", "a", "v|none", 3) == ["a=null@3" if kind == "join" else "a=(v|none,null)@3"]
        assert running.dropped() == (2 if kind == "join" else 0)


def test_the_foreign_key_may_come_from_the_key() -> None:
    def made(builder: StreamsBuilder) -> None:
        left, right = builder.table("left"), builder.table("right")
        left.join(right, lambda key, value: key.split("-")[0], pair).to_stream().to("out")

    found = outputs(made, [("right", "p", "R", 1), ("left", "p-1", "v", 2)])
    assert found[1] == ["p-1=(v,R)@2"]


@pytest.mark.parametrize("kind", ["join", "left_join"])
def test_versions_that_are_not_the_newest_are_dropped(kind: str) -> None:
    def made(builder: StreamsBuilder) -> None:
        left, right = (
            builder.table(side, Materialized.as_(Stores.persistent_versioned_key_value_store(side, 300_000)))
            for side in ("left", "right")
        )
        getattr(left, kind)(right, foreign, pair).to_stream().to("out")

    with Running(made) as running:
        running.send("right", "x", "R", 10)
        assert running.send("left", "a", "v|x", 10) == ["a=(v|x,R)@10"]
        assert running.send("left", "a", "old|x", 5) == []
        assert running.send("right", "x", "old", 5) == []
        assert running.dropped() == 2
        assert running.send("right", "x", "new", 11) == ["a=(v|x,new)@11"]


left_rows = st.tuples(
    st.just("left"), st.sampled_from("ab"), st.none() | st.sampled_from(["v|x", "v|y", "w|x", "v|none"])
)
right_rows = st.tuples(st.just("right"), st.sampled_from("xy"), st.none() | st.sampled_from(["1", "2"]))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["join", "left_join"]), st.lists(left_rows | right_rows, max_size=20))
def test_the_result_is_what_the_join_of_both_tables_is(
    kind: str, updates: list[tuple[str, str, str | None]]
) -> None:
    tables: dict[str, dict[str, str | None]] = {"left": {}, "right": {}}
    result: dict[str, str] = {}
    with Running(build(kind)) as running:
        for at, (side, key, value) in enumerate(updates):
            tables[side][key] = value
            for line in running.send(side, key, value, at):
                changed, text = line.split("@")[0].split("=")
                result[changed] = text
            for each in "ab":
                row = tables["left"].get(each)
                found = None if row is None else tables["right"].get(foreign(row) or "")
                there = row is not None and (found is not None or kind == "left_join")
                assert result.get(each, "null") == (pair(row, found) if there else "null")
