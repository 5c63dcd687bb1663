"""Sliding windows, against Java's tests and the definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import EmitStrategy, Materialized, SlidingWindows, StreamsBuilder
from tests.streams.operators.running import UNCACHED, Event, Running, flat, shown


def sliding(builder: StreamsBuilder, difference: int, grace: int, on_close: bool = False) -> Any:
    windows = SlidingWindows.of_time_difference_and_grace(difference, grace)
    grouped = builder.stream("in").group_by_key().windowed_by(windows)
    return grouped.emit_strategy(EmitStrategy.on_window_close()) if on_close else grouped


def events(key: str, *times: int) -> list[Event]:
    return [("in", key, str(at), ts) for at, ts in enumerate(times, 1)]


def table(results: list[str]) -> dict[str, str]:
    """The last value and timestamp of each window."""
    rows = (result.split("=") for result in results)
    return {window.split("@")[1].rstrip("]"): value for window, value in rows}


def reduced(on_close: bool = False) -> Any:
    def build(builder: StreamsBuilder) -> None:
        shown(sliding(builder, 10, 5, on_close).reduce(lambda a, b: f"{a}+{b}"))

    return build


def test_reduce_of_a_small_input() -> None:
    times = (10, 14, 15, 22, 26, 30)
    assert table(flat(reduced(), events("A", *times), UNCACHED)) == {
        "0/10": "1@10",
        "4/14": "1+2@14",
        "5/15": "1+2+3@15",
        "11/21": "2+3@15",
        "12/22": "2+3+4@22",
        "15/25": "3+4@22",
        "16/26": "4+5@26",
        "20/30": "4+5+6@30",
        "23/33": "5+6@30",
        "27/37": "6@30",
    }
    assert flat(reduced(True), events("A", *times)) == [
        "[A@0/10]=1@10",
        "[A@4/14]=1+2@14",
        "[A@5/15]=1+2+3@15",
        "[A@11/21]=2+3@15",
        "[A@12/22]=2+3+4@22",
    ]


def test_a_record_out_of_order_goes_into_all_windows_that_hold_it() -> None:
    def build(builder: StreamsBuilder) -> None:
        made = sliding(builder, 10, 50)
        shown(made.aggregate(lambda: "0", lambda k, v, agg: f"{agg}+{v}", Materialized(caching=False)))

    assert table(flat(build, events("A", 10, 20, 22, 15))) == {
        "0/10": "0+1@10",
        "5/15": "0+1+4@15",
        "10/20": "0+1+2+4@20",
        "11/21": "0+2+4@20",
        "12/22": "0+2+3+4@22",
        "16/26": "0+2+3@22",
        "21/31": "0+3@22",
    }


@pytest.mark.parametrize("config", [{}, UNCACHED])
def test_count(config: dict[str, object]) -> None:
    rows: list[Event] = [
        ("in", key, "v", ts) for key, ts in (("1", 100), ("1", 150), ("1", 500), ("2", 200), ("2", 150))
    ]
    found = flat(lambda builder: shown(sliding(builder, 100, 1000).count()), rows, config)
    last = {result.split("=")[0]: result.split("=")[1] for result in found}
    assert last == {
        "[1@0/100]": "1@100",
        "[1@50/150]": "2@150",
        "[1@101/201]": "1@150",
        "[1@400/500]": "1@500",
        "[2@50/150]": "1@150",
        "[2@100/200]": "2@200",
        "[2@151/251]": "1@200",
    }


def test_what_is_dropped() -> None:
    with Running(reduced()) as running:
        assert running.send("in", None, "v", 1) == []
        assert running.send("in", "k", None, 1) == []
        assert running.dropped() == 2
        running.send("in", "k", "v", 100)
        assert running.send("in", "k", "late", 84) == []
        assert running.dropped() == 3
        # Not late as such, but the window that ends with it has closed.
        assert running.send("in", "k", "just", 85) == []
        assert running.dropped() == 4


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 8), st.lists(st.integers(0, 40), max_size=15), st.booleans())
def test_every_combination_of_records_within_the_difference_has_a_window(
    difference: int, times: list[int], cached: bool
) -> None:
    """Windows end at a record (early ones share [0, difference]), or begin right after one that others follow."""

    def build(builder: StreamsBuilder) -> None:
        shown(sliding(builder, difference, 10_000).count())

    found = table(flat(build, events("k", *times), {} if cached else UNCACHED))
    starts = {max(0, ts - difference) for ts in times}
    starts |= {ts + 1 for ts in times if any(ts < other <= ts + 1 + difference for other in times)}
    expected = {}
    for start in starts:
        inside = [ts for ts in times if start <= ts <= start + difference]
        expected[f"{start}/{start + difference}"] = f"{len(inside)}@{max(inside)}"
    assert found == expected
