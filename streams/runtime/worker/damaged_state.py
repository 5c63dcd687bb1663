"""What a worker does about a damaged database.

Its rows are worth nothing then, and neither is what was made of them since the last commit. A task goes back to its
last commit and is restored from its changelogs; global stores are read from the beginning of their topics (decision
10). It is the same wherever the damage shows: on opening, in the look-up of a record, in a flush, in a slice of
restoring or of committed rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from statestore.engine import EngineDamaged
from streams.clock import Clock
from streams.runtime.worker.committer import Committer
from streams.runtime.worker.globals import Globals
from streams.runtime.worker.lifecycle import WorkerLife, WorkerState
from streams.runtime.worker.tasks import Tasks

log = logging.getLogger("streams.runtime.damage")


class DamagedState:
    """Rebuilds what was found damaged.

    Args:
        tasks, globals: of the worker.
        fill: starts global stores by what it is given, and reads them to their ends.
        life: of the worker.
        committer: takes tasks back to their last commit.
        clock: the wall clock.
    """

    def __init__(
        self,
        tasks: Tasks,
        globals: Globals,
        fill: Callable[[Callable[[int], None]], None],
        life: WorkerLife,
        committer: Committer,
        clock: Clock,
    ) -> None:
        self._tasks = tasks
        self._globals = globals
        self._fill = fill
        self._life = life
        self._committer = committer
        self._clock = clock

    def fill_globals(self) -> None:
        """Fills the global stores; once more, from nothing, where that shows their database to be damaged."""
        try:
            self._fill(self._globals.start)
        except Exception as error:
            if not (comes_of_damage(error) and self._globals.damaged):
                raise
            self._fill(self._globals.rebuild)

    def rebuilt(self, error: Exception) -> bool:
        """Has the error come of damage, and is what was damaged on its way again?

        Raises:
            ProcessorStateException: a damaged store has no changelog.
        """
        tasks, with_globals = self._tasks.damaged(), self._globals.damaged
        if not comes_of_damage(error) or not (tasks or with_globals):
            return False
        if with_globals:
            self._fill(self._globals.rebuild)
            # one of them has read it
            self._committer.abort([each.id for each in self._tasks.running])
        elif tasks:
            self._committer.abort_beside(tasks)
        for task in tasks:
            self._tasks.rebuild(task, self._clock.now_ms())
        self._life.become(WorkerState.PARTITIONS_ASSIGNED)
        return True

    def given_up(self, error: Exception) -> bool:
        """For a worker that ends: are there damaged tasks to be given up, so that the next start rebuilds them?"""
        tasks = self._tasks.damaged() if comes_of_damage(error) else []
        for task in tasks:
            self._tasks.give_up(task, clean=False)
        return bool(tasks)

    def commit_globals(self) -> None:
        """The last commit of the global stores; one that damage prevents does not matter, since they have topics."""
        try:
            self._globals.commit()
        except EngineDamaged as damage:
            log.warning("The global stores are rebuilt at the next start: %s.", damage)


def comes_of_damage(error: BaseException | None) -> bool:
    """Is damage the error, or what user code, handlers and flushes have made it of?"""
    while error is not None:
        if isinstance(error, EngineDamaged):
            return True
        error = error.__cause__ or error.__context__
    return False
