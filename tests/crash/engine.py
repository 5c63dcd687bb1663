"""What the instances of a trial work on, and what is done to its brokers."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.crash.faults import BROKER
from tests.engines import broker_pid, stop_broker


class Engine(Protocol):
    """An engine in a trial.

    Attributes:
        address: of its brokers.
        settings: arguments of instances that work on it.
        command: a part of the command line of a broker.
        starts_within_s: how long a broker takes to start, on a busy machine.
        may_be_missed: an instance that begins while no broker is there says so and ends.
        done: what was done to its brokers, by name.
    """

    address: str
    settings: tuple[str, ...]
    command: str
    starts_within_s: float
    may_be_missed: bool
    done: Counter[str]

    def torment(self, chance: random.Random) -> int:
        """Ends brokers in one way or another; they are back, or come back by themselves. How many were they?"""

    def kill(self) -> None:
        """Kills a broker. The next one is on its way, or comes when it is needed."""

    def revive(self, doomed: bool = False) -> None:
        """Waits until brokers are there that come by themselves only, and has those back that have ended.

        Args:
            doomed: the one that came after the last `kill` is to die at a call that is not yet made.
        """

    def freeze(self) -> Callable[[], None]:
        """Has a broker stand still until what comes back is called."""

    def close(self) -> None:
        """Ends it."""


class BundledEngine:
    """A broker that whoever needs it starts.

    Args:
        directory: of its data.
    """

    command, starts_within_s, may_be_missed = BROKER, 6.0, False

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.address = f"local://{directory}"
        self.settings: tuple[str, ...] = ()
        self.done = Counter[str]()

    def torment(self, chance: random.Random) -> int:
        """See `Engine.torment`."""
        self.kill()
        return 1

    def kill(self) -> None:
        """See `Engine.kill`."""
        stop_broker(self._directory, signal.SIGKILL)

    def revive(self, doomed: bool = False) -> None:
        """See `Engine.revive`: it comes by itself, and after one that dies later comes another."""

    def freeze(self) -> Callable[[], None]:
        """See `Engine.freeze`."""
        pid = broker_pid(self._directory)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        return lambda: os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """See `Engine.close`."""
        if broker_pid(self._directory) is not None:
            stop_broker(self._directory)
