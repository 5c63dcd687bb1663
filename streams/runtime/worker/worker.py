"""A worker: one thread with its tasks, its clients, its place in the group and its directory (decision 19). What it
does is in `loop`; here is how it starts, how it ends, and what other threads may ask of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from streams.health import WorkerHealth
from streams.record import TopicPartition
from streams.runtime.worker.lifecycle import WorkerLife, WorkerState
from streams.runtime.worker.loop import Loop
from streams.runtime.worker.mailbox import Mailbox
from streams.runtime.worker.parts import WorkerParts
from streams.runtime.worker.queryable import Queryable
from streams.runtime.worker.rebalance_listener import Known
from streams.runtime.worker.rebalances import RebalanceRecord
from streams.runtime.worker.settings import WorkerSettings
from streams.topology.node import TaskId
from streams.world import SYSTEM, Thread

log = logging.getLogger("streams.runtime.worker")


class Worker:
    """See the module. Made by the application, run in a thread by `start`; `stop` may be called by any thread.

    Args:
        settings: of the worker.
        parts: what it is handed by the application.
        on_state: told of its states.
        on_error: told what has ended it.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        parts: WorkerParts,
        on_state: Callable[[Worker, WorkerState], None],
        on_error: Callable[[Worker, BaseException], None],
    ) -> None:
        self.settings = settings
        self.life = WorkerLife(partial(on_state, self))
        self._parts = parts
        self._on_error = on_error
        self._mailbox = Mailbox(self._wake, parts.door.world)
        self._made_ms = SYSTEM.monotonic_ms()
        self._thread: Thread | None = None
        self.loop: Loop | None = None
        """None until it has begun."""

    # from other threads

    def start(self) -> None:
        self._thread = self._parts.door.world.start(self.settings.name, self._live)

    def stop(self) -> None:
        """Asks for a clean end: commit, flush, leave the group."""
        self.life.stopping = True
        self._wake()

    def pause(self, paused: bool) -> None:
        """Processing rests, or goes on, from the next turn."""
        self._mailbox.put(partial(self.life.pause, paused))

    def _wake(self) -> None:
        if self.loop is not None:
            self.loop.reader.wake()

    def join(self, timeout_s: float | None) -> bool:
        """Waits for the end; has it come?"""
        return self._thread is None or self._thread.ended(timeout_s)

    @property
    def state(self) -> WorkerState:
        return self.life.state

    @property
    def alive(self) -> bool:
        return self.state is not WorkerState.DEAD

    @property
    def paused(self) -> bool:
        """Its processing rests."""
        return self.life.paused

    @property
    def instance(self) -> int:
        """The number of its instance directory."""
        return self._parts.directory.number

    @property
    def settled(self) -> bool:
        """It has tasks, and all of them run."""
        return self.state is WorkerState.RUNNING and bool(self.tasks())

    def progress(self) -> dict[str, tuple[int, int]]:
        """Stores that are being restored: records done and to be done."""
        return {} if self.loop is None else self.loop.progress()

    def lag(self) -> int:
        """Records that its tasks have not processed yet."""
        return 0 if self.loop is None else sum(task.inbox.lag for task in self.loop.tasks.all)

    def health(self) -> WorkerHealth:
        """How it is. Any thread may ask."""
        loop, name, state = self.loop, self.settings.short_name, self.state.value
        if loop is None:  # it connects, which waits for the engine
            return WorkerHealth(name, state, "BLOCKED", (SYSTEM.monotonic_ms() - self._made_ms) / 1_000)
        doing, since_ms = loop.measured.shares.now()
        tasks, rows = loop.tasks.all, list(self.progress().values())
        done, total = (sum(row[at] for row in rows) for at in (0, 1))
        return WorkerHealth(
            name, state, doing.name, since_ms / 1_000, len(tasks), sum(task.running for task in tasks), done, total
        )

    def rebalances(self) -> list[RebalanceRecord]:
        """The last rebalances that it has taken part in, oldest first."""
        return [] if self.loop is None else self.loop.rebalances.history.latest()

    def tasks(self) -> frozenset[TaskId]:
        """The tasks this worker has now."""
        return frozenset() if self.loop is None else self.loop.tasks.ids

    def running(self) -> dict[TaskId, bool]:
        """Its tasks, and whether they run, their stores restored. Any thread may ask."""
        return {} if self.loop is None else {task.id: task.running for task in self.loop.tasks.all}

    def partitions(self) -> tuple[TopicPartition, ...]:
        """What its tasks read."""
        return () if self.loop is None else self.loop.tasks.partitions()

    @property
    def queryable(self) -> Queryable | None:
        """Its stores, for queries; None until it has begun."""
        return None if self.loop is None else self.loop.queryable

    @property
    def known(self) -> Known | None:
        """Where the tasks of the group are, as it was told last; None until it has begun."""
        return None if self.loop is None else self.loop.rebalances.known

    # the thread

    def _live(self) -> None:
        failure: BaseException | None = None
        try:
            loop = self.open()
            while not self.life.stopping:
                loop.turn()
        except BaseException as error:
            failure = error
        try:
            self.close(failure is None)
        except Exception as error:
            log.exception("%s failed while it was closed.", self.settings.short_name)
            failure = failure or error
        try:
            if failure is not None:
                self._on_error(self, failure)
        finally:  # nobody waits for the end of a thread that has ended
            self._mailbox.close()
            self.life.become(WorkerState.DEAD)

    # what the thread does; who turns a worker by hand calls these by itself

    def open(self) -> Loop:
        """Makes the loop, and lets it begin."""
        self.life.become(WorkerState.STARTING)
        loop = self.loop = Loop(self.settings, self._parts, self.life, self._mailbox)
        loop.begin()
        return loop

    def close(self, clean: bool = True) -> None:
        """Ends the loop, if there is one. Not `clean`: without a commit."""
        if self.loop is not None:
            self.loop.close(clean)
