"""The steps of an abort, in the order of its guarantee's list (decision 14): tasks go back to their last commit, and
nothing that saw an aborted record survives. A process may die after each: it has committed nothing.

drop     input, output that was not sent, and processing go; dead letters stay
revert   stores go back to what is committed, and all of that goes to the database
replay   the tasks are taken over anew, with the state that they have
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.runtime.worker.tasks import Tasks
from streams.topology.node import TaskId


@dataclass(frozen=True, slots=True)
class Abort:
    """One abort of some tasks.

    Args:
        tasks: all of the worker.
        ids: those that take part.
        now: wall clock in ms.
    """

    tasks: Tasks
    ids: Sequence[TaskId]
    now: int


def drop(abort: Abort) -> None:
    for id in abort.ids:
        abort.tasks.drop(id)


def revert(abort: Abort) -> None:
    for id in abort.ids:
        abort.tasks.revert(id)


def replay(abort: Abort) -> None:
    for id in abort.ids:
        abort.tasks.replay(id, abort.now)
