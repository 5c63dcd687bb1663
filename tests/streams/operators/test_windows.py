"""The maths of windows against the definitions, by brute force."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.operators import windows as w
from streams.record import Window

small = settings(max_examples=100, deadline=None)
times = st.integers(0, 200)


@st.composite
def shapes(draw: st.DrawFn) -> w.Aligned:
    size = draw(st.integers(1, 30))
    return w.Aligned(size, draw(st.integers(1, size)), draw(st.integers(0, 20)))


def brute_starts(shape: w.Aligned, ts: int) -> list[int]:
    return [s for s in range(ts + 1) if s % shape.advance == 0 and s <= ts < s + shape.size]


@small
@given(shapes(), times)
def test_a_record_is_in_the_windows_that_hold_its_timestamp(shape: w.Aligned, ts: int) -> None:
    assert list(w.starts(shape, ts)) == brute_starts(shape, ts)
    assert w.windows_for(shape, ts) == [Window(s, s + shape.size) for s in brute_starts(shape, ts)]


@small
@given(shapes(), times, st.integers(-50, 250))
def test_only_windows_that_end_after_the_close_time_are_open(shape: w.Aligned, ts: int, close: int) -> None:
    every = brute_starts(shape, ts)
    still_open = [s for s in every if s + shape.size > close]
    found, closed = w.opener(shape)(ts, close)
    assert list(found) == still_open
    assert closed == len(every) - len(still_open)


def test_javas_examples() -> None:
    assert list(w.starts(w.Aligned(12, 5, 0), 21)) == [10, 15, 20]
    assert list(w.starts(w.Aligned(12, 12, 0), 21)) == [12]
    assert list(w.starts(w.Aligned(10, 10, 0), 0)) == [0]
    assert w.windows_for(w.Unlimited(10), 9) == []
    assert w.windows_for(w.Unlimited(10), 10) == [Window(10, w.LONG_MAX)]
    assert w.opener(w.Unlimited(10))(11, 10**9) == ((10,), 0)


def test_custom_windows_are_asked_in_their_own_order() -> None:
    shape = w.Custom(lambda ts: [(ts + 1, ts + 11), (ts - 5, ts + 5)], 10, 3)
    assert w.windows_for(shape, 20) == [Window(21, 31), Window(15, 25)]
    assert w.opener(shape)(20, 25) == ([21], 1)
    assert w.end_of(shape, 21) == 31
    assert w.grace_of(shape) == 3


@small
@given(shapes(), st.lists(times, min_size=1, max_size=8, unique=True).map(sorted))
def test_each_window_is_emitted_once_when_its_end_is_reached(shape: w.Aligned, closes: list[int]) -> None:
    emitted: list[int] = []
    last = -1
    for close in closes:
        if w.emit_due(shape, last, close):
            low, high = w.emit_bounds(shape.size, last, close)
            emitted += [s for s in range(low, high + 1) if s % shape.advance == 0]
            last = close
    assert emitted == [s for s in range(0, closes[-1] + 1, shape.advance) if s + shape.size <= closes[-1]]


@small
@given(st.integers(0, 20), st.lists(times, min_size=1, max_size=8, unique=True).map(sorted))
def test_sliding_windows_close_after_their_end(difference: int, closes: list[int]) -> None:
    emitted: list[int] = []
    last = -1
    for close in closes:
        low, high = w.sliding_emit_bounds(difference, last, close)
        if high >= 0:
            emitted += range(low, high + 1)
            last = close
    assert emitted == [s for s in range(closes[-1]) if s + difference < closes[-1]]


def test_a_session_spans_what_it_joins() -> None:
    assert w.merged(7, []) == (7, 7)
    assert w.merged(7, [(9, 12), (1, 3)]) == (1, 12)
