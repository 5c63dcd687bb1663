"""A record cache of few bytes: rows give way within a record, as in Java, where each of them is sent on and logged.

What `ThreadCache` does to the byte is in `tests/statestore/test_record_cache.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streams import Materialized, SessionWindows, SlidingWindows, StreamsBuilder, TimeWindows
from tests.streams.operators.running import Running, shown

WHOLE = 10_485_760
ROOMS = [1, 100, 200, 400, 10_000, 65_536, 65_537, WHOLE]
Event = tuple[str, str, int]
EVENTS: list[Event] = [
    ("a", "v v", 0),
    ("b", "v", 5),
    ("a", "v v v", 12),
    ("c", "v", 7),
    ("b", "v v", 31),
    ("a", "v", 30),
    ("a", "v", 3),
]


def single(builder: StreamsBuilder) -> Any:
    """A record is as many as it has words."""
    return builder.stream("in").flat_map_values(str.split).group_by_key()


def by_key(builder: StreamsBuilder) -> None:
    shown(single(builder).count(Materialized("store")))


def by_window(builder: StreamsBuilder) -> None:
    windows = TimeWindows.of_size_and_grace(10, 1_000).advance_by(5)
    shown(single(builder).windowed_by(windows).count(Materialized("store")))


def by_moment(builder: StreamsBuilder) -> None:
    windows = SlidingWindows.of_time_difference_and_grace(10, 1_000)
    shown(single(builder).windowed_by(windows).count(Materialized("store")))


def by_session(builder: StreamsBuilder) -> None:
    windows = SessionWindows.of_inactivity_gap_and_grace(10, 1_000)
    shown(single(builder).windowed_by(windows).count(Materialized("store")))


def results(build: Callable[[StreamsBuilder], None], room: int) -> tuple[list[list[str]], set[tuple[str, str]]]:
    """What came out for each event, and what the changelog leaves of each key."""
    left: dict[bytes | None, bytes | None] = {}
    with Running(build, {"statestore.cache.max.bytes": room}) as run:
        out = [run.send("in", *event) for event in EVENTS]
        for record in run.driver.records_of("app-store-changelog"):
            left[record.key] = record.value
    return out, {(str(key), str(value)) for key, value in left.items() if value is not None}


def last_of_each_key(out: list[list[str]]) -> dict[str, str]:
    return {key: rest for rows in out for row in rows for key, _, rest in [row.rpartition("=")]}


def test_with_room_a_record_sends_on_the_last_update_and_without_it_each() -> None:
    assert results(by_key, WHOLE)[0][0] == ["a=2@0"]
    assert results(by_key, 1)[0][0] == ["a=1@0", "a=2@0"]


def test_without_room_results_are_those_without_a_cache() -> None:
    for build in (by_key, by_window, by_moment):
        assert results(build, 1)[0] == results(build, 0)[0]


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("build", [by_key, by_window, by_moment, by_session])
def test_whatever_the_room_the_end_is_the_same(build: Callable[[StreamsBuilder], None], room: int) -> None:
    out, left = results(build, room)
    whole, left_of_whole = results(build, WHOLE)
    assert left == left_of_whole
    living = {key: rest for key, rest in last_of_each_key(out).items() if not rest.startswith("null")}
    assert living == {key: rest for key, rest in last_of_each_key(whole).items() if not rest.startswith("null")}
