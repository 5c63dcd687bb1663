"""Level pieces of edges in the gap between two layers: which runs above which.

Each has a level of its own unless it shares no x with the others there, or begins at the same place as they do. No two
edges run upon each other: one that comes down where another goes on down has to leave above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

LEVEL = 7.0
"""Distance of two levels, in pixels."""
NEAR = 4.0
"""Edges that are nearer than this look like one."""

Step = tuple[int, int]
"""An edge, and which of its gaps."""


class Lane(NamedTuple):
    """An edge in the gap: it comes in from above at `start` and leaves below at `end`."""

    step: Step
    start: float
    end: float


class Channel(NamedTuple):
    """The gap: from `top` to `bottom`, and the heights of the level pieces. Upright edges have none."""

    top: float
    bottom: float
    levels: Mapping[Step, float]


def channel(lanes: Sequence[Lane], top: float, margin: float) -> Channel:
    """Levels for the edges of a gap that begins at `top` and keeps `margin` free above and below."""
    bent = [lane for lane in lanes if abs(lane.start - lane.end) > 0.01]
    # Of those that go right the rightmost turns first, of those that go left the leftmost: they do not cross then.
    waiting = sorted(bent, key=lambda lane: -lane.start if lane.end > lane.start else lane.start)
    rows: list[list[Lane]] = []
    row_of: dict[Step, int] = {}
    while waiting:
        free = (lane for lane in waiting if not any(_before(other, lane) for other in waiting if other is not lane))
        lane = next(free, waiting[0])
        waiting.remove(lane)
        least = 1 + max(
            (row_of[other.step] for other in bent if other.step in row_of and _before(other, lane)), default=-1
        )
        at = next((i for i in range(least, len(rows)) if all(_beside(lane, other) for other in rows[i])), len(rows))
        if at == len(rows):
            rows.append([])
        rows[at].append(lane)
        row_of[lane.step] = at
    levels = {step: top + margin + row * LEVEL for step, row in row_of.items()}
    return Channel(top, top + 2 * margin + max(0, len(rows) - 1) * LEVEL, levels)


def _before(one: Lane, other: Lane) -> bool:
    """Does `one` come down where `other` goes on down?"""
    return abs(one.start - other.end) < NEAR and one.start != other.start


def _beside(one: Lane, other: Lane) -> bool:
    """May they have one level?"""
    if one.start == other.start:
        return True
    return max(one.start, one.end) + NEAR < min(other.start, other.end) or max(other.start, other.end) + NEAR < min(
        one.start, one.end
    )
