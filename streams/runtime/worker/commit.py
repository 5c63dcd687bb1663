"""The commit, as a named list of steps in order (decision 13). A process may die after each: nothing is lost.

1 flush      caches go to changelogs and downstream, and what buffers took to their changelogs, the stores in the order
             of the topology, until nothing is left
2 send       outboxes and dead letters leave, and everything that was sent is acknowledged
3 offsets    positions are committed, with member and generation
4 settle     uncommitted writes become committed, without I/O
5 purge      repartition topics are cut below what was committed, now and then
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from streams.clients.api import Position
from streams.record import TopicPartition
from streams.runtime.tasks.task import Task
from streams.runtime.worker.sender import Sender


class Guarantee(Enum):
    """`processing.guarantee`."""

    AT_LEAST_ONCE = "at_least_once"


class Offsets(Protocol):
    """Where positions are committed, as a member of the group."""

    def commit_now(self, offsets: Mapping[TopicPartition, Position], timeout_ms: int) -> None: ...


@dataclass(slots=True)
class Commit:
    """One commit of some tasks.

    Args:
        tasks: those that have something to commit.
        sender: their output.
        offsets: the group.
        timeout_ms: how long acknowledgements and answers are waited for.
        now: wall clock in ms.
        purge: cuts repartition topics below these positions; None: not this time.
    """

    tasks: Sequence[Task]
    sender: Sender
    offsets: Offsets
    timeout_ms: int
    now: int
    purge: Callable[[Mapping[TopicPartition, Position]], None] | None = None
    positions: dict[TopicPartition, Position] = field(default_factory=dict)


def flush(commit: Commit) -> None:
    for task in commit.tasks:
        task.flush()


def send(commit: Commit) -> None:
    """Dead letters go with the output. What is refused may bring more of them: they too come before the offsets."""
    waiting = True
    while waiting:
        for task in commit.tasks:
            commit.sender.send(task.id, task.outbox.due(commit.now, True))
            commit.sender.send(task.id, task.dead_letters.due(commit.now, True), dead_letters=True)
        commit.sender.settle(commit.timeout_ms)
        waiting = any(task.dead_letters.held for task in commit.tasks)


def offsets(commit: Commit) -> None:
    for task in commit.tasks:
        commit.positions.update(task.committable())
    commit.offsets.commit_now(commit.positions, commit.timeout_ms)


def settle(commit: Commit) -> None:
    for task in commit.tasks:
        task.committed()


def purge(commit: Commit) -> None:
    if commit.purge is not None:
        commit.purge(commit.positions)


Step = Callable[[Commit], None]
STEPS: Mapping[Guarantee, tuple[Step, ...]] = {
    Guarantee.AT_LEAST_ONCE: (flush, send, offsets, settle, purge),
}


class Refused(Exception):
    """A batch of these tasks was refused; they cannot be committed."""


def run(commit: Commit, guarantee: Guarantee) -> None:
    """Runs the steps.

    Raises:
        Refused: the sender has refusals to be dealt with; nothing was committed.
        StreamsException: a flush failed.
        KafkaException: acknowledgements or the group's answer did not come, or the group refuses.
    """
    for step in STEPS[guarantee]:
        step(commit)
        if step is send and commit.sender.refusals:
            raise Refused()
