"""Tumbling and hopping windows, against Java's tests."""

from __future__ import annotations

from typing import Any

import pytest

from streams import (
    EmitStrategy,
    Materialized,
    Serdes,
    SessionWindows,
    Stores,
    StreamsBuilder,
    TimeWindows,
    UnlimitedWindows,
)
from streams.errors import IllegalArgumentException
from streams.operators.windowed import window_count
from streams.operators.windows import Unlimited
from tests.streams.operators.running import UNCACHED, Event, Running, flat, outputs, shown

C01: list[Event] = [
    ("in", key, value, ts)
    for key, value, ts in (
        ("1", "1", 10),
        ("1", "2", 15),
        ("1", "3", 500),
        ("2", "10", 550),
        ("2", "20", 500),
        ("2", "30", 1000),
    )
]


def windowed(builder: StreamsBuilder, windows: Any, on_close: bool = False) -> Any:
    grouped = builder.stream("in").group_by_key().windowed_by(windows)
    return grouped.emit_strategy(EmitStrategy.on_window_close()) if on_close else grouped


@pytest.mark.parametrize("config", [{}, UNCACHED])
def test_count_of_tumbling_windows(config: dict[str, object]) -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(windowed(builder, TimeWindows.of_size_with_no_grace(500)).count())

    assert flat(build, C01, config) == [
        "[1@0/500]=1@10",
        "[1@0/500]=2@15",
        "[1@500/1000]=1@500",
        "[2@500/1000]=1@550",
        "[2@500/1000]=2@550",
        "[2@1000/1500]=1@1000",
    ]


def test_reduce_and_aggregate() -> None:
    def reduce(builder: StreamsBuilder) -> None:
        shown(windowed(builder, TimeWindows.of_size_with_no_grace(500)).reduce(lambda a, b: f"{a}+{b}"))

    def aggregate(builder: StreamsBuilder) -> None:
        made = windowed(builder, TimeWindows.of_size_with_no_grace(500))
        shown(made.aggregate(lambda: "0", lambda k, v, agg: f"{agg}+{v}"))

    values = ["1", "1+2", "3", "10", "10+20", "30"]
    assert [result.split("=")[1].split("@")[0] for result in flat(reduce, C01)] == values
    assert [result.split("=")[1].split("@")[0] for result in flat(aggregate, C01)] == [f"0+{v}" for v in values]


def test_emission_on_close() -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(windowed(builder, TimeWindows.of_size_with_no_grace(500), True).count())

    assert flat(build, C01) == ["[1@0/500]=2@15", "[1@500/1000]=1@500", "[2@500/1000]=2@550"]


def text_sum(builder: StreamsBuilder, windows: TimeWindows, on_close: bool = False, start: str = "0") -> None:
    made = windowed(builder, windows, on_close)
    shown(made.aggregate(lambda: start, lambda k, v, agg: f"{agg}+{v}", Materialized(caching=False)))


def test_late_windows_are_left_out_one_by_one() -> None:
    windows = TimeWindows.of_size_and_grace(10, 90).advance_by(5)
    events: list[Event] = [("in", "k", "100", 100), *(("in", "k", str(t), t) for t in (0, 1, 2, 3, 4, 5, 6))]
    events += [("in", "k", "105", 105), ("in", "k", "106", 106)]
    with Running(lambda builder: text_sum(builder, windows, start="")) as running:
        found = [result for event in events for result in running.send(*event)]
        assert running.dropped() == 7
    assert found == [
        "[k@95/105]=+100@100",
        "[k@100/110]=+100@100",
        "[k@5/15]=+5@5",
        "[k@5/15]=+5+6@6",
        "[k@100/110]=+100+105@105",
        "[k@105/115]=+105@105",
        "[k@100/110]=+100+105+106@106",
        "[k@105/115]=+105+106@106",
    ]
    assert flat(lambda builder: text_sum(builder, windows, True, ""), events) == ["[k@5/15]=+5+6@6"]


def test_grace_ends_with_stream_time() -> None:
    windows = TimeWindows.of_size_and_grace(10, 90)
    with Running(lambda builder: text_sum(builder, windows, start="")) as running:
        found = [running.send("in", "k", str(t), t) for t in (200, 100, 101, 102, 103, 104, 105, 6)]
        assert running.dropped() == 7
    assert found == [["[k@200/210]=+200@200"], [], [], [], [], [], [], []]


C05: list[Event] = [
    ("in", key, value, ts)
    for key, value, ts in (
        ("A", "1", 0),
        ("A", "2", 5),
        ("A", "3", 10),
        ("B", "4", 6),
        ("B", "5", 11),
        ("B", "6", 15),
        ("C", "7", 25),
    )
]


def test_windows_that_the_store_has_forgotten_are_not_emitted() -> None:
    """As in Java: with the default retention and no cache a jump of stream time loses closed windows."""
    without = TimeWindows.of_size_with_no_grace(10).advance_by(5)
    first = ["[A@0/10]=0+1+2@5", "[A@5/15]=0+2+3@10", "[B@5/15]=0+4+5@11"]
    assert flat(lambda builder: text_sum(builder, without, True), C05) == [*first, "[B@15/25]=0+6@15"]
    with_grace = TimeWindows.of_size_and_grace(10, 5).advance_by(5)
    assert flat(lambda builder: text_sum(builder, with_grace, True), C05) == [
        "[A@0/10]=0+1+2@5",
        "[B@0/10]=0+4@6",
        "[A@10/20]=0+3@10",
        "[B@10/20]=0+5+6@15",
    ]


def test_a_cache_keeps_closed_windows_until_they_are_emitted() -> None:
    windows = TimeWindows.of_size_with_no_grace(10).advance_by(5)

    def build(builder: StreamsBuilder) -> None:
        shown(windowed(builder, windows, True).aggregate(lambda: "0", lambda k, v, agg: f"{agg}+{v}"))

    assert flat(build, C05) == [
        "[A@0/10]=0+1+2@5",
        "[A@5/15]=0+2+3@10",
        "[B@5/15]=0+4+5@11",
        "[A@10/20]=0+3@10",
        "[B@10/20]=0+5+6@15",
        "[B@15/25]=0+6@15",
    ]


def test_emission_is_throttled_by_the_wall_clock() -> None:
    windows = TimeWindows.of_size_with_no_grace(10)
    throttled = {"__emit.interval.ms.kstreams.windowed.aggregation__": 1000}
    with Running(lambda builder: text_sum(builder, windows, True), throttled) as running:
        assert running.send("in", "k", "a", 0) == []
        assert running.send("in", "k", "b", 10) == []
        running.driver.advance_wall_clock_time(999)
        assert running.send("in", "k", "c", 11) == []
        running.driver.advance_wall_clock_time(1)
        assert running.send("in", "k", "d", 12) == ["[k@0/10]=0+a@0"]


def test_unlimited_windows() -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(windowed(builder, UnlimitedWindows.of().start_on(10)).count())

    events: list[Event] = [("in", "k", "v", ts) for ts in (9, 10, 5000, 11)]
    end = 2**63 - 1
    assert flat(build, events) == [f"[k@10/{end}]=1@10", f"[k@10/{end}]=2@5000", f"[k@10/{end}]=3@5000"]


def test_a_null_key_is_dropped_and_a_null_value_counts() -> None:
    def build(builder: StreamsBuilder) -> None:
        shown(windowed(builder, TimeWindows.of_size_with_no_grace(10)).count())

    with Running(build) as running:
        assert running.send("in", None, "v", 1) == []
        assert running.send("in", "k", None, 1) == ["[k@0/10]=1@1"]
        assert running.dropped() == 1


def test_none_deletes_the_window() -> None:
    def build(builder: StreamsBuilder) -> None:
        made = windowed(builder, TimeWindows.of_size_with_no_grace(10))
        shown(made.aggregate(lambda: "", lambda k, v, agg: None if v == "stop" else agg + v))

    events: list[Event] = [("in", "k", v, 1) for v in ("a", "stop", "b")]
    assert outputs(build, events) == [["[k@0/10]=a@1"], ["[k@0/10]=null@1"], ["[k@0/10]=b@1"]]


def test_emission_on_close_needs_aligned_windows() -> None:
    with pytest.raises(IllegalArgumentException, match="ON_WINDOW_CLOSE strategy is only supported"):
        window_count("store", Unlimited(0), emit_on_close=True)


HOUR = 3_600_000


@pytest.mark.parametrize(("cached", "expected"), [(True, ["[a@0/60000]=2@20", "[b@0/60000]=1@10"]), (False, [])])
@pytest.mark.parametrize("supplied", [False, True])
def test_closed_windows_are_emitted_from_the_cache_after_a_jump_of_any_length(
    cached: bool, expected: list[str], supplied: bool
) -> None:
    """The record that closes them lies beyond retention and segment: the store has forgotten them, not the cache."""

    def build(builder: StreamsBuilder) -> None:
        windows = windowed(builder, TimeWindows.of_size_with_no_grace(60_000), True)
        store = Stores.persistent_timestamped_window_store("kept", 60_000, 60_000, False)
        given = Materialized.as_(store) if supplied else Materialized("kept")
        shown(windows.count(given if cached else given.with_caching_disabled()))

    events = [("in", "a", "x", 0), ("in", "b", "x", 10), ("in", "a", "x", 20), ("in", "c", "x", HOUR)]
    assert flat(build, events) == expected


def test_what_a_store_refuses_is_counted_when_its_cache_is_flushed() -> None:
    """Two streams of a cogroup have a time each, their store has one: late for it is not late for the stream."""

    def build(builder: StreamsBuilder) -> None:
        def count(key: str, value: str, number: int) -> int:
            return number + 1

        first, second = builder.stream("in").group_by_key(), builder.stream("other").group_by_key()
        windows = first.cogroup(count).cogroup(second, count).windowed_by(TimeWindows.of_size_with_no_grace(1))
        shown(windows.aggregate(lambda: 0, Materialized("counts", value_serde=Serdes.long())))

    with Running(build) as running:
        assert running.send("in", "a", "x", HOUR) == [f"[a@{HOUR}/{HOUR + 1}]=1@{HOUR}"]
        assert running.send("other", "a", "x", 0) == ["[a@0/1]=1@0"]
        assert running.dropped() == 1
        assert len(running.driver.records_of("app-counts-changelog")) == 2


def test_a_supplied_store_on_disk_gives_its_closed_windows_by_key() -> None:
    def build(builder: StreamsBuilder) -> None:
        windows = windowed(builder, TimeWindows.of_size_with_no_grace(10).advance_by(5), True)
        store = Stores.persistent_timestamped_window_store("kept", 1_000, 10, False)
        shown(windows.count(Materialized.as_(store)))

    events = [("in", "b", "x", 7), ("in", "a", "x", 7), ("in", "c", "x", 100)]
    assert flat(build, events)[-4:] == ["[a@0/10]=1@7", "[a@5/15]=1@7", "[b@0/10]=1@7", "[b@5/15]=1@7"]


def test_the_changelog_of_a_supplied_store_keeps_what_the_windows_need() -> None:
    """As in Java the store keeps rows as long as its supplier says; its changelog knows nothing of that."""

    def retention(windows: Any, *options: Any) -> str:
        builder = StreamsBuilder()
        builder.stream("in").group_by_key().windowed_by(windows).count(*options)
        (log,) = builder.build().built().subtopologies[0].changelogs.values()
        return str(log.config["retention.ms"])

    day, size = 86_400_000, 60_000
    tumbling = TimeWindows.of_size_and_grace(size, 5_000)
    store = Stores.persistent_timestamped_window_store("kept", 10 * day, size, False)
    assert retention(tumbling) == retention(tumbling, Materialized.as_(store)) == str(day + size + 5_000)
    assert retention(tumbling, Materialized("kept", retention=2 * day)) == str(3 * day)
    sessions = SessionWindows.of_inactivity_gap_and_grace(size, 5_000)
    assert retention(sessions, Materialized.as_(Stores.persistent_session_store("kept", 10 * day))) == str(
        day + size + 5_000
    )
