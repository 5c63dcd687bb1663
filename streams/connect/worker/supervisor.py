"""Keeps connectors and their tasks running: each in a thread of its own, begun anew after a failure, with growing
pauses.

A failed task is not failed for good: what it failed of is shown, and when it is tried again. Who is told that the task
is another worker's (`NotOwnedException`) leaves it to that one, and asks again. Of workers that do not know of each
other one that is fenced twice within a minute stays down: once may be the engine, which has aborted a transaction that
took too long; twice is another worker that runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from streams.clients.api import FENCED
from streams.connect.errors import ConnectException, RetriableException
from streams.connect.worker.runner import Runner, wait_ms
from streams.connect.worker.status import State, Status
from streams.connect.worker.tolerance import trace_of
from streams.errors import KafkaException
from streams.world import Thread, World

log = logging.getLogger("streams.connect.worker")

FIRST_PAUSE_MS = 1_000.0
LONGEST_PAUSE_MS = 60_000.0
"""How long a failed task rests: the first time, then twice as long each time, at most the longest."""
TWICE_WITHIN_MS = 60_000.0
STEADY_MS = 60_000.0
"""Who has worked so long without a failure begins with the first pause again."""


class NotOwnedException(ConnectException):
    """What is run here is to be run elsewhere, or not at all."""


class SupervisedTask:
    """One task, or a connector, with its thread.

    Args:
        name: for messages, such as `Task lines-0`.
        world: time and threads.
        make: makes a life of the task.
        status: what is told of it.
        hide: takes secrets out of what is told.
        alone: nobody sees to it that only one worker runs it.
        paused: does not begin before `pause(False)`.
    """

    def __init__(
        self,
        name: str,
        world: World,
        make: Callable[[], Runner],
        status: Status,
        hide: Callable[[str], str] = str,
        *,
        alone: bool = True,
        paused: bool = False,
    ) -> None:
        self.name = name
        self._alone = alone
        self._paused = paused
        self.status = status
        self._world = world
        self._make = make
        self._hide = hide
        self._stopping = False
        self._condition = world.condition()
        self._thread: Thread | None = None
        self._failures = 0
        self._fenced_at: float | None = None

    def start(self) -> None:
        """Begins its thread."""
        self._thread = self._world.start(f"connect-{self.name.rpartition(' ')[2]}", self._run)

    def stop(self) -> None:
        """Asks it to end; does not wait."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def pause(self, paused: bool) -> None:
        """Has it end in order and wait, or begin anew where it stood; does not wait."""
        with self._condition:
            self._paused = paused
            self._condition.notify_all()

    def ended(self, timeout_s: float) -> bool:
        """Waits for its end, at most so many seconds; has it come?"""
        return self._thread is None or self._thread.ended(timeout_s)

    def _run(self) -> None:
        while not self._stopping:
            if self._paused:
                self._wait_for_resume()
                continue
            began = self._world.monotonic_ms()
            error = self._live()
            if error is None:
                continue
            if isinstance(error, NotOwnedException):
                log.info("%s: %s", self.name, self._said(error))
                self.status.becomes(State.UNASSIGNED)
                self._pause(FIRST_PAUSE_MS)
                continue
            if self._world.monotonic_ms() - began > STEADY_MS:
                self._failures = 0
            if self._alone and isinstance(error, FENCED) and self._fenced_again():
                log.error(
                    "%s: another worker runs it (%s). It stays down here; end the other one, or give this worker "
                    "another group.id.", self.name, self._said(error),
                )  # fmt: skip
                self.status.hindered(State.FAILED, self._said(error), None)
                return
            self._rest(error)
        self.status.becomes(State.UNASSIGNED)

    def _wait_for_resume(self) -> None:
        self.status.becomes(State.PAUSED)
        with self._condition:
            self._condition.wait_for(lambda: self._stopping or not self._paused)

    def _live(self) -> Exception | None:
        """One life; what ended it, None: it was asked to."""
        runner: Runner | None = None
        try:
            runner = self._make()
            runner.start()
            self.status.works()
            while not self._stopping and not self._paused:
                self._work(runner)
            runner.finish()
        except Exception as error:
            return error
        finally:
            if runner is not None:
                with suppress(KafkaException):
                    runner.close()
        return None

    def _work(self, runner: Runner) -> None:
        try:
            wait = runner.step()
            if self.status.state is State.RETRYING and wait > 0:
                self.status.works()
        except RetriableException as error:
            wait = wait_ms(self.status.attempts)
            if not self.status.attempts:
                log.warning("%s tries again and again: %s", self.name, self._said(error))
            self.status.hindered(State.RETRYING, self._said(error), self._world.monotonic_ms() + wait)
        if wait:
            self._pause(wait)

    def _fenced_again(self) -> bool:
        now, before = self._world.monotonic_ms(), self._fenced_at
        self._fenced_at = now
        return before is not None and now - before < TWICE_WITHIN_MS

    def _rest(self, error: Exception) -> None:
        away = isinstance(error, RetriableException)
        longer = min(FIRST_PAUSE_MS * (1 << min(self._failures, 16)), LONGEST_PAUSE_MS)
        pause = wait_ms(self._failures) if away else longer
        self._failures += 1
        self.status.restarts += 1
        state = State.RETRYING if away else State.FAILED
        self.status.hindered(state, self._said(error), self._world.monotonic_ms() + pause)
        if isinstance(error, KafkaException):
            said = self._said(error).rstrip(".")
            log.error("%s is %s: %s. It is begun anew in %.1f s.", self.name, state.value, said, pause / 1000)
        else:
            trace = self._hide(trace_of(error))
            log.error("%s failed, and is begun anew in %.1f s.\n%s", self.name, pause / 1000, trace)
        self._pause(pause)

    def _pause(self, ms: float) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._stopping or self._paused, ms / 1000)

    def _said(self, error: BaseException) -> str:
        return self._hide(f"{type(error).__name__}: {error}")
