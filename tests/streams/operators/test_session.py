"""Sessions, against Java's tests and a brute-force model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import EmitStrategy, SessionWindows, StreamsBuilder
from streams.serdes import Serdes
from tests.streams.operators.running import UNCACHED, Event, Running, flat, shown

D01: list[Event] = [
    ("in", key, value, ts)
    for key, value, ts in (("1", "1", 10), ("1", "2", 15), ("1", "3", 600), ("2", "1", 600), ("2", "2", 599))
]


def sessions(builder: StreamsBuilder, gap: int, grace: int = 0, on_close: bool = False) -> Any:
    windows = SessionWindows.of_inactivity_gap_and_grace(gap, grace)
    grouped = builder.stream("in").group_by_key().windowed_by(windows)
    return grouped.emit_strategy(EmitStrategy.on_window_close()) if on_close else grouped


@pytest.mark.parametrize("config", [{}, UNCACHED])
def test_a_session_that_grows_is_deleted_and_put_anew(config: dict[str, object]) -> None:
    assert flat(lambda builder: shown(sessions(builder, 500).count()), D01, config) == [
        "[1@10/10]=1@10",
        "[1@10/10]=null@10",
        "[1@10/15]=2@15",
        "[1@600/600]=1@600",
        "[2@600/600]=1@600",
        "[2@600/600]=null@600",
        "[2@599/600]=2@600",
    ]


def test_reduce_and_aggregate() -> None:
    def reduce(builder: StreamsBuilder) -> None:
        shown(sessions(builder, 500).reduce(lambda a, b: f"{a}+{b}"))

    def aggregate(builder: StreamsBuilder) -> None:
        made = sessions(builder, 500)
        shown(made.aggregate(lambda: "0", lambda k, v, agg: f"{agg}+{v}", lambda k, a, b: f"{a}+{b}"))

    assert flat(reduce, D01)[2] == "[1@10/15]=1+2@15"
    # The merger is applied to the first aggregate, too.
    assert flat(aggregate, D01)[2] == "[1@10/15]=0+0+1+2@15"


def test_emission_on_close() -> None:
    assert flat(lambda builder: shown(sessions(builder, 500, on_close=True).count()), D01) == ["[1@10/15]=2@15"]


def test_two_sessions_become_one() -> None:
    events: list[Event] = [("in", "john", "v", ts) for ts in (0, 11, 5)]
    found = flat(lambda builder: shown(sessions(builder, 10, 100).count()), events)
    assert found[2:] == ["[john@0/0]=null@0", "[john@11/11]=null@11", "[john@0/11]=3@11"]


def test_records_of_one_timestamp_update_their_session() -> None:
    events: list[Event] = [("in", "k", "v", ts) for ts in (10, 11, 11, 12)]
    assert flat(lambda builder: shown(sessions(builder, 0).count()), events) == [
        "[k@10/10]=1@10",
        "[k@11/11]=1@11",
        "[k@11/11]=2@11",
        "[k@12/12]=1@12",
    ]


@pytest.mark.parametrize(("grace", "last_time"), [(0, 10), (1, 11)])
def test_late_records_are_dropped(grace: int, last_time: int) -> None:
    with Running(lambda builder: shown(sessions(builder, 10, grace).count())) as running:
        running.send("in", "other", "v", last_time)
        assert running.send("in", "k", "v", 0) == ["[k@0/0]=1@0"]
        running.send("in", "other", "v", last_time + 1)
        assert running.dropped() == 0
        assert running.send("in", "late", "v", 0) == []
        assert running.dropped() == 1
        running.send("in", None, "v", 0)
        assert running.dropped() == 2


@pytest.mark.parametrize(("config", "kept"), [({}, (("h", b"1"),)), (UNCACHED, ())])
def test_only_a_cache_keeps_the_headers_of_a_record(config: dict[str, object], kept: object) -> None:
    """As in Java, which forwards new records without headers where there is no cache."""
    with Running(lambda builder: shown(sessions(builder, 10).count()), config) as running:
        text = Serdes.string()
        running.driver.create_input_topic("in", text, text).pipe_input("k", "v", timestamp=1, headers=(("h", b"1"),))
        (record,) = running.driver.create_output_topic("out", text, text).read_records_to_list()
        assert tuple(record.headers) == kept


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), max_size=20))
def test_sessions_are_what_lies_no_further_apart_than_the_gap(gap: int, records: list[tuple[str, int]]) -> None:
    table: dict[str, str] = {}
    with Running(lambda builder: shown(sessions(builder, gap, 1000).count()), UNCACHED) as running:
        for key, ts in records:
            for result in running.send("in", key, "v", ts):
                session, value = result.rsplit("@", 1)[0].split("=")
                if value == "null":
                    del table[session]
                else:
                    table[session] = value
    expected: dict[str, str] = {}
    for key in "ab":
        times = sorted(ts for k, ts in records if k == key)
        group: list[int] = []
        for ts in [*times, 10**9]:
            if group and ts - group[-1] > gap:
                expected[f"[{key}@{group[0]}/{group[-1]}]"] = str(len(group))
                group = []
            group.append(ts)
    assert table == expected
