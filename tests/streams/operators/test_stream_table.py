"""Joins of a stream with a table or a global table, against Java's tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from streams import Joined, Materialized, Stores, StreamsBuilder
from tests.streams.operators.running import TABLE_JOIN_INPUT, Event, Running, numbered, outputs


def pair(left: Any, right: Any) -> str:
    return f"{left}-{'null' if right is None else right}"


def build(kind: str, history: int | None = None, grace: int | None = None) -> Any:
    def made(builder: StreamsBuilder) -> None:
        stream = builder.stream("left")
        if history is None:
            table = builder.table("right")
        else:
            store = Stores.persistent_versioned_key_value_store("history", timedelta(milliseconds=history))
            table = builder.table("right", Materialized.as_(store))
        options = [] if grace is None else [Joined(grace_period=timedelta(milliseconds=grace))]
        getattr(stream, kind)(table, pair, *options).to("out")

    return made


FIVE_MINUTES = 300_000


@pytest.mark.parametrize(
    ("kind", "history", "grace", "expected"),
    [
        ("join", None, None, "5:B-a@5 |15:D-d@6 |19:E-e@15"),
        ("left_join", None, None, "3:A-null@3 |5:B-a@5 |9:C-null@9 |15:D-d@6 |19:E-e@15 |22:F-null@4"),
        ("join", FIVE_MINUTES, None, "5:B-a@5 |15:D-b@6 |19:E-e@15 |22:F-a@4"),
        (
            "left_join",
            FIVE_MINUTES,
            None,
            "3:A-null@3 |5:B-a@5 |9:C-null@9 |15:D-b@6 |19:E-e@15 |22:F-a@4",
        ),
        ("join", FIVE_MINUTES, 2, "9:B-a@5 |15:D-b@6 |22:F-a@4"),
        ("left_join", FIVE_MINUTES, 2, "5:A-null@3 |9:B-a@5 |15:D-b@6 |19:C-null@9 |22:F-a@4"),
    ],
)
def test_javas_input(kind: str, history: int | None, grace: int | None, expected: str) -> None:
    assert numbered(outputs(build(kind, history, grace), TABLE_JOIN_INPUT)) == expected


def test_records_wait_for_the_grace_period() -> None:
    events: list[Event] = [("right", str(i), f"Y{i}", 0) for i in range(4)]
    events += [("left", str(i), f"X{i}", i) for i in range(4)]
    events += [("right", str(i), f"YY{i}", 0) for i in range(4)]
    events += [("left", str(i), f"X{i}", i) for i in range(4)]
    events += [("left", "5", "test", 7)]
    found = outputs(build("join", FIVE_MINUTES, 2), events)
    results = [r for results in found for r in results]
    assert results[:2] == ["0=X0-Y0@0", "1=X1-Y1@1"]
    assert results[2:4] == ["0=X0-YY0@0", "1=X1-YY1@1"]
    assert results[4:] == ["2=X2-YY2@2", "2=X2-YY2@2", "3=X3-YY3@3", "3=X3-YY3@3"]


def test_headers_wait_with_their_record() -> None:
    with Running(build("left_join", FIVE_MINUTES, 2)) as running:
        from streams.serdes import Serdes

        text = Serdes.string()
        left = running.driver.create_input_topic("left", text, text)
        out = running.driver.create_output_topic("out", text, text)
        left.pipe_input("k", "A", timestamp=1, headers=(("h", b"1"),))
        left.pipe_input("k", "B", timestamp=9)
        (record,) = out.read_records_to_list()
        assert (record.value, record.timestamp, tuple(record.headers)) == ("A-null", 1, (("h", b"1"),))


def test_what_is_dropped() -> None:
    for kind, dropped in (("join", 2), ("left_join", 1)):
        with Running(build(kind)) as running:
            running.send("left", "k", None, 1)
            found = running.send("left", None, "A", 1)
            assert found == ([] if kind == "join" else ["null=A-null@1"])
            assert running.dropped() == dropped


@pytest.mark.parametrize(("kind", "alone"), [("join", []), ("left_join", ["k=zz-null@3"])])
def test_a_global_table_is_looked_up_by_a_key_of_the_record(kind: str, alone: list[str]) -> None:
    def made(builder: StreamsBuilder) -> None:
        table = builder.global_table("right")
        getattr(builder.stream("left"), kind)(table, lambda k, v: None if v == "none" else v[:1], pair).to("out")

    with Running(made) as running:
        running.send("right", "a", "1", 5)
        assert running.send("left", "k", "ab", 2) == ["k=ab-1@2"]
        assert running.send("left", None, "ab", 2) == ["null=ab-1@2"]
        assert running.send("left", "k", "zz", 3) == alone
        assert running.send("left", "k", "none", 4) == ([] if kind == "join" else ["k=none-null@4"])
        assert running.dropped() == (1 if kind == "join" else 0)
