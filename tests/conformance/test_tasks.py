"""What is expected of crashes rests on `tasks`; this rests on Java's answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.__main__ import SHIPPED
from tests.conformance.drive import load, short
from tests.conformance.on_runtime import BETWEEN, BY_RULE, STEPS, Way, by_rule, left_out
from tests.logs import quiet

EVENTS = 40
REPEATS = "send"
"""A death after this step is the only one that repeats results, and does things twice."""

AGGREGATE = "an aggregate's own time begins anew: what would have been late is taken, a window closes later"
JOIN = "an outer join's own time begins anew, and when it looks for rows without a match: these come sooner or later"
GRACE_JOIN = "the time of a join with grace begins anew: a late record waits for a version of the table all the same"
SCHEDULE = "a punctuation is scheduled anew, one by stream time at once; processors forget what they keep in memory"
CACHE = "expired rows that only the record cache still showed are gone with it"
SMALL_CACHE = "a record cache of few bytes begins empty: other rows give way, and results come in other pieces"
BEGINS_ANEW = {
    "cogroup_sessions": AGGREGATE,
    "null_put_session_uncached": AGGREGATE,
    "null_put_window_in_memory_uncached": AGGREGATE,
    "random_4faece73": AGGREGATE,
    "random_76ab1606": AGGREGATE,
    "session_reduce_in_memory": AGGREGATE,
    "sessions_closed_emit_throttled": AGGREGATE,
    "timestamps_from_the_value": AGGREGATE,
    "joins_in_a_chain_with_repartition": JOIN,
    "stream_stream_left": JOIN,
    "stream_stream_left_no_grace_in_memory": JOIN,
    "stream_stream_left_throttled": JOIN,
    "stream_stream_outer": JOIN,
    "stream_versioned_table_left_join_with_grace": GRACE_JOIN,
    "random_16da68bd": JOIN,
    "random_666e887b": JOIN,
    "context_in_punctuations": SCHEDULE,
    "punctuate_stream_time": SCHEDULE,
    "punctuations_due_at_one_time": SCHEDULE,
    "ticks_until_cancelled": SCHEDULE,
    "small_cache_of_sliding_windows_in_memory": SMALL_CACHE,
    "small_cache_of_sliding_windows_uses_rows_before": SMALL_CACHE,
    "small_cache_of_sliding_windows_uses_whole_segments": SMALL_CACHE,
    "window_store_read_beyond_retention_cached": CACHE,
    "window_store_read_beyond_retention_cached_in_memory": CACHE,
}
"""All cases to which a death that repeats nothing makes a difference, in Java too."""


def in_any_order(rows: list[list[Any]]) -> list[list[Any]]:
    return [sorted(each, key=short) for each in rows]


def recorded(case: Any, most: int = EVENTS) -> list[list[Any]]:
    return in_any_order(case["expect"]["outputs"][:most])


def differing(way: Way) -> Iterator[str]:
    """The cases whose tasks do not give what Java recorded."""
    seen = 0
    with quiet():
        for path in sorted(SHIPPED.glob("*.json.gz")):
            case = load(path)
            if left_out(case, way) is None and case["name"] not in BY_RULE:
                seen += 1
                if in_any_order(by_rule(case, way, EVENTS)) != recorded(case):
                    yield case["name"]
    assert seen > 150


def test_tasks_by_themselves_give_what_java_recorded() -> None:
    assert list(differing(Way())) == []


@pytest.mark.parametrize("at", [BETWEEN, "flush", "offsets"])
def test_a_death_that_repeats_nothing_changes_nothing_but_what_begins_anew(at: str) -> None:
    assert at in (BETWEEN, *STEPS)
    found = set(differing(Way(crashes=3, at=at)))
    assert found <= BEGINS_ANEW.keys()
    assert len(found) > 15


def test_a_death_after_all_was_acknowledged_repeats_and_loses_nothing() -> None:
    repeated = 0
    with quiet():
        for path in sorted(SHIPPED.glob("*.json.gz")):
            case, way = load(path), Way(crashes=20, at=REPEATS)
            known = left_out(case, way) is None and case["name"] not in BY_RULE
            if known and len(case["events"]) > 10:
                *before, last = by_rule(case, way, 11)  # the tenth event is the one in which it dies
                *as_before, wanted = recorded(case, 11)
                assert in_any_order(before) == as_before, case["name"]
                assert [row for row in wanted if row not in last] == [], case["name"]
                repeated += len(last) > len(wanted)
    assert repeated > 20
