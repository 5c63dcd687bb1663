"""The steps of an abort, in the order of its guarantee's list (decision 14): tasks go back to their last commit, and
nothing that saw an aborted record survives. A process may die after each: it has committed nothing.

abandon  exactly-once: what was sent and has no answer is forgotten
end      exactly-once: the transaction is aborted: nobody will see anything of it
drop     input, output that was not sent, and processing go; dead letters stay
letters  exactly-once: dead letters go too, since whoever does it again has the same
revert   stores go back to what is committed, and all of that goes to the database
replay   the tasks are taken over anew, with the state that they have
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from streams.runtime.worker.commit import Away
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.tasks import Tasks
from streams.runtime.worker.transactions import Transactions
from streams.topology.node import TaskId


@dataclass(frozen=True, slots=True)
class Abort:
    """One abort of some tasks.

    Args:
        tasks: all of the worker.
        ids: those that take part.
        now: wall clock in ms.
        sender: their output.
        transactions: of the worker; None: it has none.
        timeout_ms: how long the engine's answer is waited for.
        away: inside it that is waited for, and no task changes.
    """

    tasks: Tasks
    ids: Sequence[TaskId]
    now: int
    sender: Sender
    transactions: Transactions | None
    timeout_ms: int
    away: Away = nullcontext


def abandon(abort: Abort) -> None:
    abort.sender.forget()


def end_aborted(abort: Abort) -> None:
    assert abort.transactions is not None
    with abort.away():
        abort.transactions.end(False, abort.timeout_ms)


def drop(abort: Abort) -> None:
    for id in abort.ids:
        abort.tasks.drop(id)


def letters(abort: Abort) -> None:
    for id in abort.ids:
        abort.tasks.by_id[id].dead_letters.drop()


def revert(abort: Abort) -> None:
    for id in abort.ids:
        abort.tasks.revert(id)


def replay(abort: Abort) -> None:
    abort.tasks.replay(abort.ids, abort.now)
