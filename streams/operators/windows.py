"""Windows as data, and their maths: pure functions of shape and time. All times are in ms since the epoch.

A shape says which windows a record belongs to; a window aggregation updates them in ascending order of their start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from streams.record import Window

LONG_MAX: Final = 2**63 - 1
"""Where an unlimited window ends."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Tumbling (advance equals size) and hopping windows [start, end), aligned to the epoch.

    Args:
        size: length of a window.
        advance: distance between the starts of two windows; 0 < advance <= size.
        grace: how long after its end a window still takes records.
    """

    size: int
    advance: int
    grace: int


@dataclass(frozen=True, slots=True)
class Unlimited:
    """The one window that starts at `start` and never ends."""

    start: int = 0


@dataclass(frozen=True, slots=True)
class Custom:
    """Windows of the user's making.

    Args:
        windows_for: from a timestamp to the (start, end) of its windows, in the order in which they are updated.
        size: the nominal length.
        grace: how long after its end a window still takes records.
    """

    windows_for: Callable[[int], Iterable[tuple[int, int]]]
    size: int
    grace: int


Shape = Aligned | Unlimited | Custom


def aligned_starts(ts: int, size: int, advance: int) -> range:
    """Starts of the windows that hold `ts`, ascending. None of them is negative."""
    first = max(0, ts - size + advance) // advance * advance
    return range(first, ts + 1, advance)


def windows_for(shape: Shape, ts: int) -> Sequence[Window]:
    """The windows that a record at `ts` belongs to, in the order in which they are updated."""
    if isinstance(shape, Aligned):
        size = shape.size
        return [Window(start, start + size) for start in aligned_starts(ts, size, shape.advance)]
    if isinstance(shape, Unlimited):
        return [Window(shape.start, LONG_MAX)] if ts >= shape.start else []
    return [Window(start, end) for start, end in shape.windows_for(ts)]


def starts(shape: Shape, ts: int) -> Sequence[int]:
    """Starts of the windows that a record at `ts` belongs to."""
    if isinstance(shape, Aligned):
        return aligned_starts(ts, shape.size, shape.advance)
    return [window.start for window in windows_for(shape, ts)]


def grace_of(shape: Shape) -> int:
    """How long after its end a window still takes records; an unlimited one never ends."""
    return 0 if isinstance(shape, Unlimited) else shape.grace


def size_of(shape: Shape) -> int:
    """The nominal length of its windows."""
    return LONG_MAX if isinstance(shape, Unlimited) else shape.size


def end_of(shape: Shape, start: int) -> int:
    """The end of the window that starts at `start`, as a windowed key names it."""
    return min(start + size_of(shape), LONG_MAX)


Opener = Callable[[int, int], tuple[Sequence[int], int]]


def opener(shape: Shape) -> Opener:
    """`(ts, close_time)` to the starts of a record's windows that are still open, in order, and how many are not.

    A window is closed when its end is not after `close_time` (observed stream time - grace).
    """
    if isinstance(shape, Aligned):
        return _aligned_opener(shape.size, shape.advance)
    if isinstance(shape, Unlimited):
        first, only = shape.start, (shape.start,)
        return lambda ts, close_time: (only, 0) if ts >= first else ((), 0)
    chosen = shape.windows_for

    def custom(ts: int, close_time: int) -> tuple[Sequence[int], int]:
        windows = list(chosen(ts))
        still_open = [start for start, end in windows if end > close_time]
        return still_open, len(windows) - len(still_open)

    return custom


def _aligned_opener(size: int, advance: int) -> Opener:
    lead = advance - size

    def open_starts(ts: int, close_time: int) -> tuple[Sequence[int], int]:
        first = (ts + lead) // advance * advance if ts + lead > 0 else 0
        if first + size > close_time:
            return range(first, ts + 1, advance), 0
        # the first multiple of the advance above close_time - size
        opened = min((close_time - size) // advance * advance + advance, ts // advance * advance + advance)
        return range(opened, ts + 1, advance), (opened - first) // advance

    return open_starts


def emit_bounds(size: int, last_close: int, close_time: int) -> tuple[int, int]:
    """Which window starts (both inclusive) are emitted when the close time moves; none if the second is below 0.

    Args:
        size: of the windows.
        last_close: the close time up to which windows have been emitted; -1 if none.
        close_time: observed stream time - grace; windows whose end is not after it are closed.
    """
    low = 0 if last_close < 0 else max(0, last_close - size) + 1
    return low, close_time - size


def emit_due(shape: Aligned, last_close: int, close_time: int) -> bool:
    """May windows have closed between `last_close` and `close_time`? Saves a look at the store.

    While it says no, the operator's `last_close` stays where it is, as Java's does.
    """
    low, high = emit_bounds(shape.size, last_close, close_time)
    if high < 0:
        return False
    return last_close < 0 or starts(shape, high) != starts(shape, low - 1)


def sliding_emit_bounds(difference: int, last_close: int, close_time: int) -> tuple[int, int]:
    """The same for sliding windows [start, start + difference], whose end belongs to them."""
    low = 0 if last_close < 0 else max(0, last_close - difference)
    return low, close_time - difference - 1


def session_emit_bounds(last_close: int, close_time: int) -> tuple[int, int]:
    """Which session ends (both inclusive) are emitted when the close time moves."""
    return max(0, last_close), close_time - 1


def merged(ts: int, sessions: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Start and end of the session that a record at `ts` and the (start, end) it joins become."""
    start = end = ts
    for other_start, other_end in sessions:
        start = min(start, other_start)
        end = max(end, other_end)
    return start, end
