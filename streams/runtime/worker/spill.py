"""When committed rows go to the databases, and how many at a time; and what happens at the bound on all rows in memory.

A task's mark goes with its last slice: under load it must be reached all the same, since what comes after the mark is
replayed after a death.

`statestore.uncommitted.max.bytes` bounds the state changes of a process, committed or not, that are not in its
databases yet. Where they reach it the worker commits, and then writes all that is committed. Where the commit is held
back, as between two generations of the group, it stops taking input: processing stands still, and the memory does not
grow. The bound is soft: what is in hand is finished, so that it may be passed by a few runs.
"""

from __future__ import annotations

from collections.abc import Callable

from streams.clock import passed
from streams.runtime.state.memory import Total
from streams.runtime.worker.tasks import Tasks

SPILL_EVERY_MS = 10_000
BUSY_SLICES = 4
"""Slices a turn of a task over its bound: more rows than its runs of a turn can commit."""
SPILL_TASK_BYTES = 24 * 1024 * 1024


class Spill:
    """Writes the committed rows of one worker.

    Args:
        worker: its name, for what is told.
        tasks: the worker's tasks.
        rows: what all workers of the process hold.
        most_bytes: the bound on that; negative: there is none.
        tell: takes the words about why nothing is processed.
    """

    def __init__(
        self, worker: str, tasks: Tasks, rows: Total, most_bytes: int, tell: Callable[[str], object]
    ) -> None:
        self._worker = worker
        self._tasks = tasks
        self._rows = rows
        self._most = most_bytes
        self._tell = tell
        self.full = False
        """Nothing may be processed: the bound is reached, and what is not committed could not be."""

    def must_commit(self) -> bool:
        """Is the bound reached, and is there something here to be committed?"""
        uncommitted = sum(task.state.uncommitted_bytes for task in self._tasks.running)
        self._note(uncommitted + sum(task.state.committed_bytes for task in self._tasks.running))
        return self._over and uncommitted > 0

    def turn(self, now: int) -> None:
        """Committed rows of one task to its database: a slice, more where more is committed than that; over the bound
        all of them.

        Args:
            now: wall clock in ms.
        """
        self.must_commit()  # what is held is noted also where the commit was due anyway and nobody has asked
        self._spill(now)
        self.full = self._over and self.must_commit()
        if self.full:
            self._tell(
                f"{self._worker} processes nothing: state changes of {self._rows.value:,} bytes wait for a commit, and "
                f"statestore.uncommitted.max.bytes is {self._most:,}. It goes on by itself after the commit."
            )

    def close(self) -> None:
        """The worker holds nothing any more."""
        self._note(0)

    def _note(self, size: int) -> None:
        self._rows.note(self, size)

    @property
    def _over(self) -> bool:
        return 0 <= self._most < self._rows.value

    def _spill(self, now: int) -> None:
        sizes = [(task.state.committed_bytes, task) for task in self._tasks.running]
        if not sizes:
            return
        if self._over:
            for size, task in sizes:
                while size and self._tasks.spill(task):
                    pass
                task.state.spilled_at = now
            return
        size, due = max(sizes, key=lambda each: each[0])
        slices = BUSY_SLICES if size > SPILL_TASK_BYTES else 1
        if size <= SPILL_TASK_BYTES:
            late = [(size, task) for size, task in sizes if passed(task.state.spilled_at, now, SPILL_EVERY_MS)]
            if not late:
                return
            size, due = max(late, key=lambda each: each[0])
        for _ in range(slices):
            if not self._tasks.spill(due):
                due.state.spilled_at = now
                return
