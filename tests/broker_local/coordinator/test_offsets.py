"""Which committed offsets are forgotten, and in which order they are shown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.coordinator.offsets import CommittedOffset, chosen, expired

keys = st.tuples(st.sampled_from(["t", "u"]), st.integers(0, 3))
committed = st.dictionaries(keys, st.builds(CommittedOffset, st.just(1), st.just(""), st.just(0), st.integers(0, 50)))


@given(committed, st.integers(0, 50), st.integers(0, 100), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_an_offset_goes_when_both_it_and_the_emptiness_are_old(
    offsets: dict[tuple[str, int], CommittedOffset], since: int, now: int, retention: int
) -> None:
    gone = expired(offsets, since, now, retention)
    for key, found in offsets.items():
        assert (key in gone) == (now - found.at >= retention and now - since >= retention)
    assert expired(offsets, None, now, retention) == []


@given(committed)
@settings(max_examples=50, deadline=None)
def test_all_are_shown_sorted_and_asked_ones_as_asked(offsets: dict[tuple[str, int], CommittedOffset]) -> None:
    assert [key for key, _ in chosen(offsets, None)] == sorted(offsets)
    asked = [("u", 3), ("t", 0), ("none", 9)]
    assert chosen(offsets, asked) == [(key, offsets.get(key)) for key in asked]
