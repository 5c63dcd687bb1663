"""The steps of a commit, in the order of its guarantee's list (decision 13). A process may die after each: nothing is
lost.

flush       caches go to changelogs and downstream, and what buffers took to their changelogs, the stores in the order
            of the topology, until nothing is left
send        outboxes and dead letters leave, and everything that was sent is acknowledged; where something was refused
            the commit ends here
offsets     positions are committed, with member and generation; exactly-once they go into the transaction
end         exactly-once: the transaction is committed, and with it all of the above
promote     uncommitted writes become committed, without I/O
changelogs  each store stands for its changelog up to what was acknowledged
purge       repartition topics are cut below what was committed, now and then
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from streams.clients.api import Position
from streams.record import TopicPartition
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.transactions import Transactions

Away = Callable[[], AbstractContextManager[None]]


class Offsets(Protocol):
    """Where positions are committed, as a member of the group."""

    def commit_now(self, offsets: Mapping[TopicPartition, Position], timeout_ms: int) -> None: ...


@dataclass(slots=True)
class Commit:
    """One commit of some tasks.

    Args:
        tasks: those that take part.
        sender: their output.
        offsets: the group.
        timeout_ms: how long acknowledgements and answers are waited for.
        now: wall clock in ms.
        purge: cuts repartition topics below these positions; None: not this time.
        transactions: of the worker; None: it has none.
        away: inside it others are waited for, and no task changes.
    """

    tasks: Sequence[StreamTask]
    sender: Sender
    offsets: Offsets
    timeout_ms: int
    now: int
    purge: Callable[[Mapping[TopicPartition, Position]], None] | None = None
    transactions: Transactions | None = None
    away: Away = nullcontext
    positions: dict[TopicPartition, Position] = field(default_factory=dict)


class CommitStopped(Exception):
    """Batches of these tasks were refused (`Sender.take_refusals`); they cannot be committed."""


def flush(commit: Commit) -> None:
    for task in commit.tasks:
        task.flush()


def send(commit: Commit) -> None:
    """Dead letters go with the output. What is refused may bring more of them: they too come before the offsets.

    Raises:
        CommitStopped: something was refused.
    """
    waiting = True
    while waiting:
        for task in commit.tasks:
            commit.sender.send(task.id, task.outbox.due(commit.now, True))
            commit.sender.send(task.id, task.dead_letters.due(commit.now, True), dead_letters=True)
        with commit.away():
            commit.sender.await_acks(commit.timeout_ms)
        waiting = any(task.dead_letters.held for task in commit.tasks)
    if commit.sender.refusals:
        raise CommitStopped


def _gather(commit: Commit) -> None:
    for task in commit.tasks:
        commit.positions.update(task.committable())


def offsets(commit: Commit) -> None:
    _gather(commit)
    with commit.away():
        commit.offsets.commit_now(commit.positions, commit.timeout_ms)


def add_offsets(commit: Commit) -> None:
    """Those of all tasks that take part."""
    assert commit.transactions is not None
    _gather(commit)
    if commit.positions:
        with commit.away():
            commit.transactions.send_offsets(commit.positions, commit.timeout_ms)


def end(commit: Commit) -> None:
    """From here on all of it is seen, and nothing of it comes again."""
    assert commit.transactions is not None
    with commit.away():
        commit.transactions.end(True, commit.timeout_ms)
    commit.sender.committed()


def promote(commit: Commit) -> None:
    for task in commit.tasks:
        task.committed()


def changelogs(commit: Commit) -> None:
    for task in commit.tasks:
        epochs = partial(_log_epoch, commit.sender, task)
        task.state.note_changelogs(commit.sender.end_of, epochs, commit.positions)


def _log_epoch(sender: Sender, task: StreamTask, changelog: TopicPartition) -> int:
    """By what was written to it, or, where it is a topic that the task reads, by that."""
    return max(sender.log_epoch_of(changelog), task.inbox.log_epoch_of(changelog))


def purge(commit: Commit) -> None:
    if commit.purge is not None:
        with commit.away():
            commit.purge(commit.positions)
