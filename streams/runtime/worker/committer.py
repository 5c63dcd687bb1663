"""Commits and aborts the tasks of a worker, by the lists of its guarantee."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from streams.clock import Clock
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.abort import Abort
from streams.runtime.worker.commit import Commit, CommitStopped, Offsets
from streams.runtime.worker.guarantee import Guarantee, Outcome, run
from streams.runtime.worker.purge import Purge
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.tasks import Tasks
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
    ) -> None:
        self._owner = owner
        self.guarantee = guarantee
        self._tasks = tasks
        self._sender = sender
        self._purge = purge
        self._offsets = offsets
        self._clock = clock
        self._timeout_ms = timeout_ms

    def commit(self, asked: Sequence[StreamTask]) -> None:
        """Commits these tasks, and those that have to go with them; where output of a task was refused it is aborted.

        Raises:
            StreamsException: a flush failed, or what was refused ends the worker.
            KafkaException: acknowledgements or the group's answer did not come, or the group refuses.
        """
        tasks = self.guarantee.taking_part(asked, self._tasks.running)
        if not tasks:
            return
        now = self._clock.now_ms()
        purge = partial(self._purge.run, now_ms=now) if self._purge.due(now) else None
        try:
            run(self.guarantee.commit, Commit(tasks, self._sender, self._offsets, self._timeout_ms, now, purge))
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
        self.abort(reasons)

    def abort(self, tasks: Iterable[TaskId]) -> None:
        """Takes tasks back to their last commit."""
        run(self.guarantee.abort, Abort(self._tasks, tuple(tasks), self._clock.now_ms()))
