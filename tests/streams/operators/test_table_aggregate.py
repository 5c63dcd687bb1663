"""Aggregation of grouped tables, against Java's tests."""

from __future__ import annotations

from typing import Any

import pytest

from streams import Materialized, Stores, StreamsBuilder
from streams.operators.table_steps import select_changes
from streams.serdes.change import Change
from tests.streams.operators.running import UNCACHED, Event, flat, shown


def events(text: str) -> list[Event]:
    """`A=1@10,B=null@15`."""
    rows = []
    for row in text.split(","):
        pair, ts = row.split("@")
        key, value = pair.split("=")
        rows.append(("in", None if key == "null" else key, None if value == "null" else value, int(ts)))
    return rows


def text_sum(table: Any, selector: Any) -> Any:
    grouped = table.group_by(selector)
    return grouped.aggregate(lambda: "0", lambda k, v, agg: f"{agg}+{v}", lambda k, v, agg: f"{agg}-{v}")


def identity(builder: StreamsBuilder) -> None:
    shown(text_sum(builder.table("in"), lambda k, v: (k, v)))


@pytest.mark.parametrize("config", [{}, UNCACHED])
def test_what_goes_is_subtracted_before_what_comes_is_added(config: dict[str, object]) -> None:
    found = flat(identity, events("A=1@10,B=2@15,A=3@20,B=4@18,C=5@5,D=6@25,B=7@15,C=8@10"), config)
    assert found == [
        "A=0+1@10",
        "B=0+2@15",
        "A=0+1-1+3@20",
        "B=0+2-2+4@18",
        "C=0+5@5",
        "D=0+6@25",
        "B=0+2-2+4-4+7@18",
        "C=0+5-5+8@10",
    ]


REPARTITIONED = "A=1@10,A=null@15,A=1@12,B=2@20,null=3@25,B=4@23,NULL=5@24,B=7@22"


def by_value(key: str, value: str) -> Any:
    return None if key == "NULL" else (value, value)


def test_rows_move_from_group_to_group() -> None:
    found = flat(lambda builder: shown(text_sum(builder.table("in"), by_value)), events(REPARTITIONED), UNCACHED)
    assert found == [
        "1=0+1@10",
        "1=0+1-1@15",
        "1=0+1-1+1@15",
        "2=0+2@20",
        "2=0+2-2@23",
        "4=0+4@23",
        "4=0+4-4@23",
        "7=0+7@22",
    ]


def test_versions_that_are_not_the_newest_are_left_out() -> None:
    def build(builder: StreamsBuilder) -> None:
        store = Stores.persistent_versioned_key_value_store("history", 300_000)
        shown(text_sum(builder.table("in", Materialized.as_(store)), by_value))

    found = flat(build, events(REPARTITIONED), UNCACHED)
    assert found == ["1=0+1@10", "1=0+1-1@15", "2=0+2@20", "2=0+2-2@23", "4=0+4@23"]


def test_count() -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(builder.table("in").group_by(lambda k, v: (v, v)).count())

    found = flat(build, events("A=green@10,B=green@9,A=blue@12,C=yellow@15,D=green@11"), UNCACHED)
    assert found == ["green=1@10", "green=2@10", "green=1@12", "blue=1@12", "yellow=1@15", "green=2@12"]


def test_one_record_removes_and_adds() -> None:
    def build(builder: StreamsBuilder) -> None:
        grouped = builder.table("in").group_by(lambda k, v: (k[0], v))
        made = grouped.aggregate(
            lambda: "", lambda k, v, agg: agg + v, lambda k, v, agg: agg.replace(v, "", 1)
        )
        shown(made)

    found = flat(build, events("11=1@10,12=2@8,11=null@12,12=2@6"), UNCACHED)
    assert found == ["1=1@10", "1=12@10", "1=2@12", "1=2@12"]


@pytest.mark.parametrize(("upgrade", "counts"), [(None, ["1@8", "1@9"]), ("3.3", ["1@8", "0@9", "1@9"])])
def test_older_instances_get_two_records(upgrade: str | None, counts: list[str]) -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(builder.table("in").group_by(lambda k, v: (k, v)).count())

    config = UNCACHED if upgrade is None else {**UNCACHED, "upgrade.from": upgrade}
    assert [r.split("=")[1] for r in flat(build, events("1=x@8,1=x@9"), config)] == counts


def test_reduce() -> None:
    def build(builder: StreamsBuilder) -> None:
        table = builder.table("in").map_values(lambda v: str(int(float(v))))
        reduced = table.group_by(lambda k, v: (k, v)).reduce(
            lambda a, b: str(int(a) + int(b)), lambda a, b: str(int(a) - int(b))
        )
        shown(reduced)

    found = flat(build, events("A=1.1@10,B=2.2@11,A=2.6@30,B=1.3@30,A=5.7@50,B=6.2@20"), UNCACHED)
    assert found == ["A=1@10", "B=2@11", "A=2@30", "B=1@30", "A=5@50", "B=6@30"]


def test_none_deletes_the_group() -> None:
    def build(builder: StreamsBuilder) -> None:
        grouped = builder.table("in").group_by(lambda k, v: ("g", v))
        made = grouped.aggregate(
            lambda: "", lambda k, v, agg: None if v == "stop" else agg + v, lambda k, v, agg: agg
        )
        shown(made)

    assert flat(build, events("a=x@1,b=stop@2,c=y@3"), UNCACHED) == ["g=x@1", "g=null@2", "g=y@3"]


def test_rows_without_a_key_are_dropped_by_the_table() -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(builder.stream("in").to_table(Materialized("t")).group_by(lambda k, v: (v, v)).count())

    assert flat(build, events("null=1@1"), UNCACHED) == []


def pairs(new: Any, old: Any, together: bool = True) -> list[tuple[object, Change[object]]]:
    return [tuple(selected) for selected in select_changes(new, old, together)]  # type: ignore[misc]


def test_which_records_a_selector_makes() -> None:
    assert pairs(("k", 1), ("k", 2)) == [("k", Change(1, 2))]
    assert pairs(("k", 1), ("k", 2), together=False) == [("k", Change(None, 2)), ("k", Change(1, None))]
    assert pairs(("b", 1), ("a", 2)) == [("a", Change(None, 2)), ("b", Change(1, None))]
    assert pairs(("k", None), ("k", 2)) == [("k", Change(None, 2))]
    assert pairs(None, (None, 2)) == []
    # Equal in Python, but not to Java.
    assert pairs((1, "x"), (True, "y")) == [(True, Change(None, "y")), (1, Change("x", None))]
