"""Commits and aborts the tasks of a worker, by the lists of its guarantee."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from streams.clock import Clock
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.abort import Abort
from streams.runtime.worker.commit import Away, Commit, CommitStopped, Offsets
from streams.runtime.worker.guarantee import Guarantee, Outcome, run
from streams.runtime.worker.purge import Purge
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.tasks import Tasks
from streams.runtime.worker.transactions import Transactions
from streams.topology.node import TaskId

log = logging.getLogger("streams.runtime.worker")


class Committer:
    """See the module.

    Args:
        owner: the worker's name, for messages.
        guarantee: says how.
        tasks, sender, purge: of the worker.
        offsets: the group.
        clock: the wall clock.
        timeout_ms: how long acknowledgements and answers are waited for.
        transactions: of the worker; None: its guarantee has none.
        away: inside it engines are waited for, and no task changes.
    """

    def __init__(
        self,
        owner: str,
        guarantee: Guarantee,
        tasks: Tasks,
        sender: Sender,
        purge: Purge,
        offsets: Offsets,
        clock: Clock,
        timeout_ms: int,
        transactions: Transactions | None = None,
        away: Away = nullcontext,
    ) -> None:
        self._owner = owner
        self.guarantee = guarantee
        self._tasks = tasks
        self._sender = sender
        self._purge = purge
        self._offsets = offsets
        self._clock = clock
        self._timeout_ms = timeout_ms
        self.transactions = transactions
        self._away = away

    def commit(self, asked: Sequence[StreamTask]) -> None:
        """Commits these tasks, and those that have to go with them; where output of a task was refused it is aborted.

        Raises:
            StreamsException: a flush failed, or what was refused ends the worker.
            KafkaException: acknowledgements or the group's answer did not come, or the group refuses.
        """
        transactions = self.transactions
        tasks = self.guarantee.taking_part(asked, [task for task in self._tasks.running if task.commit_needed])
        if not tasks and (transactions is None or not transactions.open):
            return
        now = self._clock.now_ms()
        purge = partial(self._purge.run, now_ms=now) if self._purge.due(now) else None
        one = Commit(tasks, self._sender, self._offsets, self._timeout_ms, now, purge, transactions, self._away)
        try:
            run(self.guarantee.commit, one)
        except CommitStopped:
            self.handle_refusals()

    def handle_refusals(self) -> None:
        """Batches that did not arrive: their tasks are aborted, or the worker ends.

        Raises:
            StreamsException: the worker ends.
        """
        mine = [each for each in self._sender.take_refusals() if each.task in self._tasks.ids]  # or others' by now
        for _, error in mine:
            if self.guarantee.after(error).working is not Outcome.ABORT:
                raise error
        if mine:
            self.take_back(dict(mine))

    def take_back(self, reasons: Mapping[TaskId, Exception]) -> None:
        """Aborts tasks, and says why."""
        for task, error in reasons.items():
            log.warning("%s takes task %s back to its last commit: %s", self._owner, task, error)
        self.abort(list(reasons))

    def abort(self, tasks: Sequence[TaskId]) -> None:
        """Takes tasks back to their last commit, and those that have to go with them."""
        self._abort(self._with(tasks))

    def abort_beside(self, tasks: Sequence[TaskId]) -> None:
        """Takes those back to their last commit that have to go with tasks whose own state is worth nothing."""
        others = [id for id in self._with(tasks) if id not in tasks]
        if self.transactions is not None or others:
            self._abort(others)

    def _with(self, tasks: Sequence[TaskId]) -> Sequence[TaskId]:
        return self.guarantee.taking_part(tasks, [task.id for task in self._tasks.running])

    def _abort(self, ids: Sequence[TaskId]) -> None:
        if self.transactions is not None:
            told = self._owner, len(ids), self._unsent(ids), self._sender.outstanding
            log.warning(
                "%s aborts its transaction: %d tasks go back to their last commit; %d records were not sent, and %d "
                "not acknowledged.",
                *told,
            )
        now, timeout_ms = self._clock.now_ms(), self._timeout_ms
        run(self.guarantee.abort, Abort(self._tasks, ids, now, self._sender, self.transactions, timeout_ms, self._away))

    def ready(self) -> None:
        """To be called before tasks are taken (decision 15.1).

        Raises:
            TimeoutException: no answer in time; call it again.
            KafkaException: the engine's, for good.
        """
        if self.transactions is not None:
            self.transactions.ready()

    def lost(self, reason: Exception) -> tuple[int, int]:
        """The membership is over, or the transactional id another's: nothing that is on its way counts.

        Returns:
            How many batches and records were not stored, or nobody knows.
        """
        dropped = self._sender.abort()
        if self.transactions is not None:
            self.transactions.renew(reason)
        return dropped

    def left_uncommitted(self, going: Sequence[TaskId]) -> None:
        """These tasks go to others without a commit: exactly-once all others go back with them."""
        if self.transactions is not None:
            self.abort(going)

    def end_uncommitted(self, timeout_ms: int) -> None:
        """The worker ends, and what it has not committed is nobody's: exactly-once its transaction is aborted, and dead
        letters that whoever does it again has too are dropped.

        Raises:
            KafkaException: the engine's.
        """
        if self.transactions is None:
            return
        for task in self._tasks.all:
            task.dead_letters.drop()
        self._sender.forget()
        with self._away():
            self.transactions.end(False, timeout_ms)

    def end_letters(self, timeout_ms: int) -> None:
        """What was sent since, the last dead letters, is committed by itself.

        Raises:
            KafkaException: the engine's.
        """
        if self.transactions is not None:
            self.transactions.end(True, timeout_ms)

    def _unsent(self, ids: Collection[TaskId]) -> int:
        return sum(sum(self._tasks.by_id[id].outbox.held.values()) for id in ids)
