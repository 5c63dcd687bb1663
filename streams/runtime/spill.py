"""When committed rows go to the databases, and how many at a time.

A task's mark goes with its last slice: under load it must be reached all the same, since what comes after the mark is
replayed after a death.
"""

from __future__ import annotations

from streams.runtime.roster import Roster

SPILL_EVERY_MS = 10_000
BUSY_SLICES = 4
"""Slices a turn of a task over its bound: more rows than its runs of a turn can commit."""
SPILL_TASK_BYTES = 16 * 1024 * 1024


def spill(roster: Roster, now: int, most_bytes: int) -> None:
    """Committed rows of one task to its database: a slice a turn, more where more is committed than that.

    Args:
        roster: the tasks.
        now: wall clock in ms.
        most_bytes: of all tasks together; above it the largest one is written at once.
    """
    sizes = [(place.committed_bytes, place) for place in roster.running]
    if not sizes:
        return
    size, due = max(sizes, key=lambda each: each[0])
    slices = BUSY_SLICES if size > SPILL_TASK_BYTES else 1
    if sum(each for each, _ in sizes) > most_bytes:
        slices = size
    elif size <= SPILL_TASK_BYTES:
        late = [(size, place) for size, place in sizes if now - place.spilled_at >= SPILL_EVERY_MS]
        if not late:
            return
        size, due = max(late, key=lambda each: each[0])
    for _ in range(slices):
        if not roster.spill(due):
            due.spilled_at = now
            return
