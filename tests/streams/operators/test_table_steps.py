"""Filters, mapped and transformed values of tables, against Java's tests."""

from __future__ import annotations

from typing import Any

import pytest

from streams import Materialized, Stores, StreamsBuilder
from streams.serdes import Serdes
from tests.streams.operators.running import UNCACHED, Event, Running, flat, outputs, shown

TEXT = Serdes.string()


def events(text: str) -> list[Event]:
    rows = []
    for row in text.split(","):
        pair, ts = row.split("@")
        key, value = pair.split("=")
        rows.append(("in", key, None if value == "null" else value, int(ts)))
    return rows


INPUT = events("A=1@10,B=2@5,C=3@8,D=4@14,A=null@18,B=null@15")


def changes(table: Any) -> Any:
    """What comes and what goes of each row, as text."""
    grouped = table.group_by(lambda key, value: (key, value))
    return grouped.aggregate(str, lambda k, v, text: f"{text}+{v}", lambda k, v, text: f"{text}-{v}")


def even(key: str, value: str) -> bool:
    return int(value) % 2 == 0


@pytest.mark.parametrize("store", [None, "kept"])
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("filter", ["A=null@10", "B=2@5", "C=null@8", "D=4@14", "A=null@18", "B=null@15"]),
        ("filter_not", ["A=1@10", "B=null@5", "C=3@8", "D=null@14", "A=null@18", "B=null@15"]),
    ],
)
def test_a_row_that_is_filtered_out_is_a_deletion(method: str, expected: list[str], store: str | None) -> None:
    def build(builder: StreamsBuilder) -> None:
        options = [] if store is None else [Materialized(store)]
        shown(getattr(builder.table("in"), method)(even, *options))

    assert flat(build, INPUT, UNCACHED) == expected


@pytest.mark.parametrize("store", [None, "kept"])
def test_with_old_values_nothing_is_said_about_rows_that_never_were(store: str | None) -> None:
    """The grouping below asks for old values; the counts show new and old value of each update."""

    def build(builder: StreamsBuilder) -> None:
        options = [] if store is None else [Materialized(store)]
        table = builder.table("in").filter(even, *options)
        shown(changes(table))

    found = outputs(build, events("A=1@5,B=1@10,C=1@15,A=2@15,B=2@8,A=3@20,A=null@10,B=null@20"), UNCACHED)
    assert found == [[], [], [], ["A=+2@15"], ["B=+2@8"], ["A=+2-2@20"], [], ["B=+2-2@20"]]


def test_map_values_is_not_called_for_deletions() -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(builder.table("in").map_values(lambda v: v + "!"))

    assert flat(build, events("A=1@1,A=null@2"), UNCACHED) == ["A=1!@1", "A=null@2"]


class Exclaim:
    """A transformer that is called for deletions, too."""

    def transform(self, key: str, value: str | None) -> str:
        return f"{key}->{'null' if value is None else value}!"


def test_transform_values_is_called_for_deletions() -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(builder.table("in").transform_values(Exclaim))

    assert flat(build, events("A=a@5,B=b@10,D=null@15"), UNCACHED) == [
        "A=A->a!@5",
        "B=B->b!@10",
        "D=D->null!@15",
    ]


class Counting:
    """Counts in a store how often it is asked."""

    def init(self, context: Any) -> None:
        self.store = context.get_state_store("asked")

    def transform(self, key: str, value: str | None) -> str | None:
        asked = (self.store.get("all") or 0) + 1
        self.store.put("all", asked)
        return None if value is None else str(asked)


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        # asked for the new value and for the old one: 1, 2 | 3, 4
        (None, ["A=+1@5", "A=+1-4+3@15"]),
        # asked for the new value; the old one comes from the store
        ("kept", ["A=+1@5", "A=+1-1+2@15"]),
    ],
)
def test_old_values_of_a_transformer_with_a_memory(store: str | None, expected: list[str]) -> None:
    def build(builder: StreamsBuilder) -> None:
        supplier = Stores.in_memory_key_value_store("asked")
        builder.add_state_store(Stores.key_value_store_builder(supplier, Serdes.string(), Serdes.long()))
        options: list[object] = [] if store is None else [Materialized(store)]
        table = builder.table("in").transform_values(Counting, "asked", *options)
        shown(changes(table))

    assert flat(build, events("A=a@5,A=b@15"), UNCACHED) == expected


def test_a_join_looks_through_derived_tables() -> None:
    """Neither side is materialised: the other value is computed when it is looked up."""

    def build(builder: StreamsBuilder) -> None:
        left = builder.table("left").map_values(lambda v: v * 2)
        right = builder.table("in").transform_values(Exclaim).filter(lambda k, v: "null" not in v)
        left.join(right, lambda a, b: f"{a}{b}").to_stream().to("out")

    rows: list[Event] = [("in", "k", "x", 1), ("left", "k", "a", 2), ("in", "k", None, 3), ("left", "k", "b", 4)]
    assert outputs(build, rows, UNCACHED) == [[], ["k=aak->x!@2"], ["k=null@3"], []]


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], ["k=1@20", "k=3@25"]), ([Materialized.with_(TEXT, TEXT)], ["k=1@20", "k=3@25", "k=5@25"])],
    ids=["versions go through", "versions end"],
)
@pytest.mark.parametrize("step", ["map_values", "filter", "transform_values"])
def test_a_described_result_without_a_store_is_no_versioned_table(
    step: str, options: list[Any], expected: list[str]
) -> None:
    """Below it an update that is not the newest of its key counts as any other."""

    class Same:
        def transform(self, key: str, value: str) -> str:
            return value

    given: dict[str, Any] = {
        "map_values": lambda value: value,
        "filter": lambda key, value: True,
        "transform_values": Same,
    }

    def build(builder: StreamsBuilder) -> None:
        supplier = Stores.persistent_versioned_key_value_store("versions", 1_000)
        table = getattr(builder.table("in", supplier=supplier), step)(given[step], *options)
        grouped = table.group_by(lambda key, value: (key, value))
        shown(grouped.reduce(lambda total, value: value, lambda total, value: total))

    assert flat(build, events("k=1@20,k=3@25,k=5@24"), UNCACHED) == expected


@pytest.mark.parametrize("kind", ["join", "outer_join"])
def test_a_transformer_writes_its_stores_under_the_time_of_the_update_it_is_given(kind: str) -> None:
    """The update of a join has the higher time of both sides, whichever came last."""

    class Remembers:
        def init(self, context: Any) -> None:
            self.store = context.get_state_store("seen")

        def transform(self, key: str, value: str) -> str:
            self.store.put(key, value)
            return value

    def build(builder: StreamsBuilder) -> None:
        builder.add_state_store(Stores.key_value_store_builder(Stores.in_memory_key_value_store("seen"), TEXT, TEXT))
        joined = getattr(builder.table("left"), kind)(builder.table("right"), lambda left, right: f"{left}{right}")
        shown(joined.transform_values(Remembers, "seen"))

    with Running(build) as running:
        running.send("left", "k", "a", 212)
        running.send("right", "k", "b", 163)
        assert running.driver.records_of("app-seen-changelog")[-1].timestamp == 212
