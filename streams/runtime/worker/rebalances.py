"""The rebalances that a worker has taken part in: when, why, what moved, and how long its tasks waited."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass

from streams.metrics.catalogue import DESCRIPTIONS
from streams.metrics.names import THREAD_GROUP
from streams.metrics.registry import Metrics
from streams.runtime.worker.time_shares import Doing, TimeShares

KEPT = 100

STARTED = "started"
TOPICS_CHANGED = "topics-changed"
TOPIC_DELETED = "topic-deleted"
TASKS_MOVED = "tasks-moved"
"""The second round of one: those who wait for tasks that were given up in the first get them."""
LOST = "lost"
"""The group has put the worker out."""
MEMBER_JOINED = "member-joined"
MEMBER_LEFT = "member-left"
GROUP = "group"
"""Another member has joined, left or been put out; only the leader of the group sees which."""

CAUSES = (STARTED, TOPICS_CHANGED, TOPIC_DELETED, TASKS_MOVED, LOST, MEMBER_JOINED, MEMBER_LEFT, GROUP)


@dataclass(frozen=True, slots=True)
class RebalanceRecord:
    """One of them.

    Args:
        at_ms: when it was over (wall clock).
        worker: whose view this is.
        cause: one of `CAUSES`.
        detail: more about that; "": nothing.
        generation: of the group.
        tasks: that the worker has now.
        new: of them that it did not have.
        given_up: that it has no more.
        took_ms: from the first word of it to the last task taken.
    """

    at_ms: int
    worker: str
    cause: str
    detail: str
    generation: int
    tasks: int
    new: int
    given_up: int
    took_ms: float


class Rebalances:
    """See the module. The worker's thread writes, any may look.

    Args:
        worker: whose.
        metrics: where they are counted.
        told: called with how long one took.
        shares: where the time goes that the worker waits for its group.
    """

    def __init__(self, worker: str, metrics: Metrics, told: Callable[[float], None], shares: TimeShares) -> None:
        self._worker = worker
        self._scope = metrics.scope(thread_id=worker)
        self._now = metrics.sampling.now_ms
        self._told = told
        self._shares = shares
        self._cause, self._detail = "", ""
        self._began: float | None = None
        self._members: frozenset[str] = frozenset()
        self._kept: deque[RebalanceRecord] = deque(maxlen=KEPT)

    def blocking(self) -> AbstractContextManager[None]:
        """In the block the worker does what its group has asked for, and nothing else."""
        return self._shares.during(Doing.BLOCKED)

    def because(self, cause: str, detail: str = "") -> None:
        """The worker asks for one."""
        self._cause, self._detail = cause, detail

    def begins(self) -> None:
        """It takes part in one; who has asked, if not itself, is not known yet."""
        if self._began is None:
            self._began = self._now()
            self._cause = self._cause or GROUP

    def leads(self, members: Collection[str]) -> None:
        """It leads the group, and sees who is in it."""
        now = frozenset(members)
        if self._cause in ("", GROUP) and self._members and now != self._members:
            self._cause = MEMBER_JOINED if now - self._members else MEMBER_LEFT
            self._detail = ", ".join(sorted(now ^ self._members))
        self._members = now

    def ended(self, at_ms: int, generation: int, tasks: int, new: int, given_up: int) -> None:
        """It has what it was given."""
        took = 0.0 if self._began is None else self._now() - self._began
        cause = self._cause or GROUP
        self._kept.append(
            RebalanceRecord(at_ms, self._worker, cause, self._detail, generation, tasks, new, given_up, took)
        )
        here, name = self._scope.within(cause=cause), "rebalances-total"
        here.counter(name, THREAD_GROUP, DESCRIPTIONS[THREAD_GROUP, name]).add()
        self._told(took)
        self._began, self._cause, self._detail = None, "", ""

    def latest(self) -> list[RebalanceRecord]:
        """The last hundred, oldest first."""
        return list(self._kept)
