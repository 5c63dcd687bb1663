"""`--workers N`: a supervisor and N worker processes, spawned, never forked (decision 19).

Each worker is the same command with one worker. One that dies by a signal is started again; one that fails by
itself ends the instance, since it would fail again. A signal to the supervisor stops all cleanly.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

log = logging.getLogger("streams.cli.supervise")

LOOK_SECONDS = 0.1
BACKOFF_SECONDS = 1.0
"""A worker that was killed is started again, but not more often than this."""


def command(arguments: Sequence[str]) -> list[str]:
    """This command for one worker."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("--workers", "-w"):
            skip = True
        elif not argument.startswith(("--workers=", "-w")):
            kept.append(argument)
    if kept[:1] != ["run"]:
        kept.insert(0, "run")
    return [sys.executable, "-m", "streams.cli.main", *kept, "--worker-of", str(os.getpid())]


def supervise(arguments: Sequence[str], workers: int) -> int:
    """Runs the workers until all have ended; gives the exit code."""
    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)

    line = command(arguments)
    running = [subprocess.Popen(line, start_new_session=True) for _ in range(workers)]
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    code, started = 0, time.monotonic()
    while running:
        time.sleep(LOOK_SECONDS)
        for process in [p for p in running if p.poll() is not None]:
            running.remove(process)
            if process.returncode < 0 and not asked:
                log.warning("Worker %d was ended by signal %d and is started again.", process.pid, -process.returncode)
                time.sleep(max(0.0, BACKOFF_SECONDS - (time.monotonic() - started)))
                started = time.monotonic()
                running.append(subprocess.Popen(line, start_new_session=True))
            elif process.returncode > 0 and not asked:
                code = process.returncode
                stop(signal.SIGTERM, None)
    if asked and asked[0] == signal.SIGINT:
        return 130
    return code
