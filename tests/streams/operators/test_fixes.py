"""`streams.fixes`: what Java does without, and what we do with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import (
    BufferConfig,
    EmitStrategy,
    Materialized,
    Serdes,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)
from streams.config.application import StreamsConfig
from streams.dsl.store_supplier import StoreType
from streams.errors import ConfigException
from tests.streams.operators.running import UNCACHED, flat, shown

WINDOWS: dict[str, Any] = {
    "tumbling": TimeWindows.of_size_and_grace(10, 5),
    "hopping": TimeWindows.of_size_with_no_grace(10).advance_by(5),
    "sliding": SlidingWindows.of_time_difference_with_no_grace(10),
    "sessions": SessionWindows.of_inactivity_gap_with_no_grace(10),
}
KINDS = pytest.mark.parametrize("kind", WINDOWS)
PLACES = pytest.mark.parametrize("place", StoreType)


def fixes(*names: str) -> dict[str, object]:
    return {**UNCACHED, "streams.fixes": ",".join(names) or "none"}


def closed(kind: str, place: StoreType, retention: int | None = None) -> Any:
    def build(builder: StreamsBuilder) -> None:
        windows: Any = builder.stream("in").group_by_key().windowed_by(WINDOWS[kind])
        kept: Materialized[Any, int] = Materialized(store_type=place, retention=retention)
        shown(windows.emit_strategy(EmitStrategy.on_window_close()).count(kept))

    return build


JUMP = [("in", "a", "x", 20), ("in", "a", "x", 23), ("in", "b", "x", 900_000)]


@PLACES
def test_java_loses_windows_on_a_jump_of_stream_time(place: StoreType) -> None:
    assert flat(closed("tumbling", place), JUMP, fixes()) == []


@KINDS
@PLACES
def test_with_the_fix_they_are_emitted(kind: str, place: StoreType) -> None:
    found = flat(closed(kind, place), JUMP, fixes("emit-final-keeps-windows"))
    assert found == flat(closed(kind, place, retention=10_000_000), JUMP, fixes())
    assert found


EVENTS = st.lists(
    st.tuples(st.just("in"), st.sampled_from("ab"), st.just("x"), st.integers(0, 200)), min_size=1, max_size=12
)


@KINDS
@settings(max_examples=40, deadline=None)
@given(events=EVENTS)
def test_what_is_emitted_is_what_a_store_that_forgets_nothing_emits(kind: str, events: list[Any]) -> None:
    if kind == "sessions":
        # A late record would merge with a closed session that a store with its usual retention shows no more.
        events.sort(key=lambda event: event[3])
    events = [*events, ("in", "z", "x", 100_000)]
    without = flat(closed(kind, StoreType.IN_MEMORY, retention=10_000_000), events, fixes())
    assert flat(closed(kind, StoreType.IN_MEMORY), events, fixes("emit-final-keeps-windows")) == without


def test_the_fix_does_not_wait_for_the_throttle() -> None:
    interval = "__emit.interval.ms.kstreams.windowed.aggregation__"
    events = [("in", "a", "x", at) for at in (0, 20, 40, 60)]
    assert flat(closed("tumbling", StoreType.ROCKS_DB), events, {**fixes(), interval: 1_000}) == []
    found = flat(closed("tumbling", StoreType.ROCKS_DB), events, {**fixes("all"), interval: 1_000})
    assert found == ["[a@0/10]=1@0", "[a@20/30]=1@20", "[a@40/50]=1@40"]


def group_sums(builder: StreamsBuilder) -> None:
    """Amounts of accounts, held back for a while, summed over all."""
    amounts = builder.table("in", value_serde=Serdes.string())
    held = amounts.suppress(Suppressed.until_time_limit(10, BufferConfig.unbounded()))
    grouped = held.group_by(lambda k, v: ("all", v))
    total = grouped.aggregate(
        lambda: 0, lambda k, v, a: a + int(v), lambda k, v, a: a - int(v), Materialized("s", value_serde=Serdes.long())
    )
    shown(total)


HELD = [("in", "z", "10", 0), ("in", "a", "5", 20), ("in", "a", "7", 21), ("in", "b", "1", 40)]


def test_java_subtracts_what_was_never_added() -> None:
    assert flat(group_sums, HELD, fixes()) == ["all=10@0", "all=12@21"]


def test_with_the_fix_the_sum_is_right() -> None:
    assert flat(group_sums, HELD, fixes("suppress-old-value")) == ["all=10@0", "all=17@21"]


ROWS = st.lists(
    st.tuples(
        st.just("in"), st.sampled_from("abc"), st.one_of(st.none(), st.integers(1, 9).map(str)), st.integers(0, 60)
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(events=ROWS)
def test_sums_below_a_suppress_are_those_of_the_rows(events: list[Any]) -> None:
    end = [("in", "z", "0", 1_000), ("in", "z", "0", 2_000)]
    found = flat(group_sums, [*events, *end], fixes("suppress-old-value"))
    rows = {key: int(value or 0) for _, key, value, _ in events}
    assert found[-1].split("@")[0] == f"all={sum(rows.values())}"


@pytest.mark.parametrize("value", ["no-such-fix", "all,suppress-old-value", "none,all"])
def test_what_is_no_fix_is_refused(value: str) -> None:
    with pytest.raises(ConfigException, match=r"Invalid value .* for configuration streams\.fixes"):
        StreamsConfig({"application.id": "app", "streams.fixes": value})


@pytest.mark.parametrize("value", ["none", "all", "suppress-old-value", ["suppress-old-value"], None])
def test_fixes_are_named(value: object) -> None:
    StreamsConfig({"application.id": "app", "streams.fixes": value})
