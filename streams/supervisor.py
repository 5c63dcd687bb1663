"""A supervisor and its worker processes, spawned, never forked (decision 19).

A worker that dies by a signal is started again; one that fails by itself ends the instance, since it would fail again.

A signal to the supervisor stops all cleanly, frozen ones too, within `STOP_MS`; what still lives then is killed,
and by a second signal at once. Nobody outlives it: a worker's standard input is a pipe that ends with the supervisor,
however that ends.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from socket import socket
from types import FrameType
from typing import NamedTuple

from streams.systemd import Notifications, notifier
from streams.world import SYSTEM

log = logging.getLogger("streams.cli.supervise")

LOOK_MS = 20
BACKOFF_MS = 1_000
"""A worker that was killed is started again, but not more often than this."""
STOP_MS = 10_000
"""For a clean end: commit, flush, leave the group. A worker that is killed in it loses nothing but time: what it had
not committed is done again."""


class WorkerProcess(NamedTuple):
    """Which of the worker processes one is.

    Args:
        number: from 1; one that is started again has the number of the one before.
        name: no other process has it, nor has one had it before.
    """

    number: int
    name: str


class Supervisor:
    """Runs worker processes. Made in the main thread: from then on it takes SIGTERM and SIGINT.

    Args:
        command: gives the command of one of them; it calls `end_with_supervisor`.
        workers: how many.
        died: is called when one was ended by a signal, before it is started again; must not raise.
        doors: for each of them a socket that listens, which it is handed as `--http-socket`; one that is started again
            has the same. None: they have none.
    """

    def __init__(
        self,
        command: Callable[[WorkerProcess], Sequence[str]],
        workers: int,
        died: Callable[[WorkerProcess], None],
        doors: Sequence[socket] = (),
    ) -> None:
        self._command = command
        self._died = died
        self._doors = doors
        self._places: dict[int, WorkerProcess] = {}
        """By process id: which of the workers it is."""
        self._notified = Notifications(notifier())
        self._running: list[subprocess.Popen[bytes]] = []
        self._asked: list[int] = []
        self._stop_by: float | None = None
        self._code = 0
        signal.signal(signal.SIGTERM, self._take)
        signal.signal(signal.SIGINT, self._take)
        for number in range(1, workers + 1):
            self._start(number)
        self._started = SYSTEM.monotonic_ms()

    def run(self) -> int:
        """Until all have ended.

        Returns:
            The exit code: that of a worker that failed, 130 if it was interrupted, else 0.
        """
        while self._running:
            SYSTEM.sleep(LOOK_MS)
            self._notified.look(SYSTEM.monotonic_ms(), {process.pid for process in self._running})
            for process in [p for p in self._running if p.poll() is not None]:
                self._running.remove(process)
                self._ended(process)
            if self._stop_by is not None and SYSTEM.monotonic_ms() >= self._stop_by:
                why = f"has not ended within {STOP_MS // 1000} s and is killed: what it had not committed is done again"
                self._kill(why)
        if self._asked and self._asked[0] == signal.SIGINT:
            return 128 + signal.SIGINT
        return self._code

    def _start(self, number: int) -> None:
        if self._stop_by is None:
            place = WorkerProcess(number, SYSTEM.new_id())
            door = [self._doors[number - 1].fileno()] if self._doors else []
            command = [*self._command(place), *(f"--http-socket={descriptor}" for descriptor in door)]
            env = {**os.environ, **self._notified.environment}
            made = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, pass_fds=door, env=env)
            self._places[made.pid] = place
            self._running.append(made)
            if self._stop_by is not None:  # a signal has come in between
                self._stop()

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        place = self._places.pop(process.pid)
        if self._stop_by is not None:
            return
        if process.returncode < 0:
            log.warning("Worker %d was ended by signal %d and is started again.", process.pid, -process.returncode)
            self._died(place)
            SYSTEM.sleep(max(0.0, BACKOFF_MS - (SYSTEM.monotonic_ms() - self._started)))
            self._started = SYSTEM.monotonic_ms()
            self._start(place.number)
        elif process.returncode > 0:
            self._code = process.returncode
            self._stop()

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._asked.append(number)
        if len(self._asked) > 1:
            self._kill("is killed by a second signal")
        else:
            self._stop()

    def _stop(self) -> None:
        """Asks all for a clean end. One that is stopped (SIGSTOP, Ctrl-Z) is woken for it."""
        if self._stop_by is None:
            self._stop_by = SYSTEM.monotonic_ms() + STOP_MS
            self._notified.stopping()
        for process in self._running:
            for number in (signal.SIGTERM, signal.SIGCONT):
                process.send_signal(number)

    def _kill(self, why: str) -> None:
        self._stop_by = float("inf")
        for process in self._running:
            if process.poll() is None:
                log.warning("Worker %d %s.", process.pid, why)
                process.kill()


def end_with_supervisor() -> None:
    """For a worker: once its supervisor is gone it asks itself for a clean end, and is killed where none comes."""
    SYSTEM.start("supervisor-watch", _watch)


def _watch() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    log.warning("The supervisor has ended, and so does this worker.")
    os.kill(os.getpid(), signal.SIGTERM)
    SYSTEM.sleep(STOP_MS)
    os.kill(os.getpid(), signal.SIGKILL)
