"""Joins of two tables, against Java's tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import Materialized, Stores, StreamsBuilder
from tests.streams.operators.running import TABLE_JOIN_INPUT, UNCACHED, Event, Running, numbered, outputs

RESULTS = {
    "join": "4:A-a@4 |5:B-a@5 |6:B-b@6 |7:null@7 |10:C-c@10 |11:null@11 |15:D-d@7 |16:null@7 |19:E-e@15 |"
    "20:null@14 |23:F-f@4",
    "left_join": "3:A-null@3 |4:A-a@4 |5:B-a@5 |6:B-b@6 |7:null@7 |9:C-null@9 |10:C-c@10 |11:C-null@11 |12:null@12 |"
    "15:D-d@7 |16:null@7 |19:E-e@15 |20:null@14 |22:F-null@4 |23:F-f@4",
    "outer_join": "3:A-null@3 |4:A-a@4 |5:B-a@5 |6:B-b@6 |7:null-b@7 |8:null@8 |9:C-null@9 |10:C-c@10 |"
    "11:C-null@11 |12:null@12 |14:null-d@7 |15:D-d@7 |16:null-d@7 |17:null@3 |18:null-e@14 |19:E-e@15 |"
    "20:null-e@14 |21:null@9 |22:F-null@4 |23:F-f@4",
}


def pair(left: Any, right: Any) -> str:
    return f"{'null' if left is None else left}-{'null' if right is None else right}"


@pytest.mark.parametrize("materialized", [False, True])
@pytest.mark.parametrize("config", [{}, UNCACHED])
@pytest.mark.parametrize("kind", RESULTS)
def test_javas_input(kind: str, config: dict[str, object], materialized: bool) -> None:
    def build(builder: StreamsBuilder) -> None:
        options = [Materialized("joined")] if materialized else []
        getattr(builder.table("left"), kind)(builder.table("right"), pair, *options).to_stream().to("out")

    assert numbered(outputs(build, TABLE_JOIN_INPUT, config)) == RESULTS[kind]


VERSIONED = {
    "join": "4:A-a@4 |5:B-a@5 |6:B-b@6 |7:null@7 |10:C-c@10 |11:null@11 |19:E-e@15",
    "left_join": "3:A-null@3 |4:A-a@4 |5:B-a@5 |6:B-b@6 |7:null@7 |9:C-null@9 |10:C-c@10 |11:C-null@11 |"
    "12:null@12 |19:E-e@15",
    "outer_join": "3:A-null@3 |4:A-a@4 |5:B-a@5 |6:B-b@6 |7:null-b@7 |8:null@8 |9:C-null@9 |10:C-c@10 |"
    "11:C-null@11 |12:null@12 |18:null-e@14 |19:E-e@15",
}


@pytest.mark.parametrize("kind", VERSIONED)
def test_tables_with_versions_leave_out_what_is_not_the_newest(kind: str) -> None:
    def build(builder: StreamsBuilder) -> None:
        tables = [
            builder.table(side, Materialized.as_(Stores.persistent_versioned_key_value_store(side, 300_000)))
            for side in ("left", "right")
        ]
        getattr(tables[0], kind)(tables[1], pair).to_stream().to("out")

    assert numbered(outputs(build, TABLE_JOIN_INPUT)) == VERSIONED[kind]


def test_a_join_of_joins() -> None:
    def build(builder: StreamsBuilder) -> None:
        left, right = builder.table("left"), builder.table("right")
        left.join(right, pair).join(right, pair).to_stream().to("out")

    found = numbered(outputs(build, TABLE_JOIN_INPUT[:13], UNCACHED))
    assert found.startswith("4:A-a-a@4,A-a-a@4 |5:B-a-a@5 |6:B-b-b@6,B-b-b@6 |7:null@7")


KEYS = st.sampled_from(["x", "y"])
VALUES = st.none() | st.sampled_from(["1", "2"])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(RESULTS)),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(["left", "right"]), KEYS, VALUES), max_size=15),
)
def test_the_result_is_what_the_join_of_both_tables_is(
    kind: str, derived: bool, updates: list[tuple[str, str, str | None]]
) -> None:
    """With views in between, too: the tables are filtered and mapped, and not materialised."""

    def build(builder: StreamsBuilder) -> None:
        left, right = builder.table("left"), builder.table("right")
        if derived:
            left = left.filter(lambda k, v: v != "2").map_values(lambda v: v + "!")
            right = right.filter_not(lambda k, v: v == "1")
        getattr(left, kind)(right, pair).to_stream().to("out")

    tables: dict[str, dict[str, str | None]] = {"left": {}, "right": {}}
    result: dict[str, str] = {}
    with Running(build, UNCACHED) as running:
        for at, (side, key, value) in enumerate(updates):
            tables[side][key] = value
            for line in running.send(side, key, value, at):
                changed, text = line.split("@")[0].split("=")
                result[changed] = text
    for key in ("x", "y"):
        left, right = tables["left"].get(key), tables["right"].get(key)
        if derived:
            left = None if left in (None, "2") else f"{left}!"
            right = None if right == "1" else right
        there = {"join": left and right, "left_join": left, "outer_join": left or right}[kind]
        assert result.get(key, "null") == (pair(left, right) if there else "null")


def test_records_without_a_key_are_dropped() -> None:
    def build(builder: StreamsBuilder) -> None:
        left = builder.stream("left").to_table()
        left.join(builder.table("right"), pair).to_stream().to("out")

    events: list[Event] = [("left", None, "A", 1), ("right", None, "a", 2)]
    with Running(build) as running:
        assert [running.send(*event) for event in events] == [[], []]
        assert running.dropped() == 2
