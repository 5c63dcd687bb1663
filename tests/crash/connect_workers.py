"""The workers of a pipeline, that are killed and frozen: one alone, or several that share."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from streams.connect.settings_files import read_settings
from tests.streams.connect.cluster import ROOT, Cluster

SESSION_S = 3.0
AWAKE_S = 1.5
"""So long who was frozen has for what it would do."""
COUNT = 3
"""Of those that share: two connectors with a task each, so that there is one to spare."""
FLUSH = "offset.flush.interval.ms=500\n"
ALONE = f"""bootstrap.servers={{engine}}
key.converter=StringConverter
value.converter=StringConverter
offset.storage.partitions=1
{FLUSH}"""
CONNECTORS = {"orders": "source", "priced": "sink"}
"""By name, the file of each: NAME.properties."""


class Workers(Protocol):
    """What runs the connectors of a directory."""

    def kill(self) -> None:
        """SIGKILL of one, and another one is started."""
        ...

    def zombie(self) -> None:
        """One is frozen for twice the session while another one takes over, and then goes on."""
        ...

    def told(self) -> str:
        """What was done beside."""
        ...

    def close(self) -> None:
        """Kills what is left."""
        ...


class Alone:
    """One worker, `connect standalone`.

    Args:
        engine: the engine's address.
        directory: where the connectors' files are.
        words: the words that run the command.
    """

    def __init__(self, engine: str, directory: Path, words: Sequence[str]) -> None:
        (directory / "worker.properties").write_text(ALONE.format(engine=engine))
        files = [str(directory / f"{name}.properties") for name in ("worker", *CONNECTORS.values())]
        self._command = [sys.executable, "-m", *words, "connect", "standalone", *files]
        self._log = directory / "worker.log"
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        """It, and it is started anew."""
        self.close()
        self._process = self._started()

    def zombie(self) -> None:
        """It is frozen while another one is started; then both are up, and the old one goes."""
        frozen = self._process
        frozen.send_signal(signal.SIGSTOP)
        self._process = self._started()
        time.sleep(2 * SESSION_S)
        frozen.send_signal(signal.SIGCONT)
        time.sleep(AWAKE_S)
        frozen.kill()
        frozen.wait()

    def told(self) -> str:
        """Nothing."""
        return ""

    def close(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.wait()


class Several:
    """Workers that share, `connect distributed`; one blow of two is for whoever runs the sink.

    Args:
        engine: the engine's address.
        directory: where the connectors' files are.
        words: the words that run the command.
        chance: who is struck.
    """

    def __init__(self, engine: str, directory: Path, words: Sequence[str], chance: random.Random) -> None:
        self._chance = chance
        self._moved = self._learned = 0
        session = f"session.timeout.ms={int(SESSION_S * 1000)}\n"
        self._cluster = Cluster(engine, directory, COUNT, session + FLUSH, words)
        for name, file in CONNECTORS.items():
            self._cluster.add(name, read_settings(directory / f"{file}.properties"))

    def _victim(self) -> tuple[str, str]:
        """A connector, and whoever runs its task; any of them, where nobody does at the moment."""
        connector = self._chance.choice(list(CONNECTORS))
        return connector, self._cluster.owner(connector) or self._chance.choice(self._cluster.addresses)

    def kill(self) -> None:
        """Whoever runs the source or the sink; it is started anew."""
        _, victim = self._victim()
        self._cluster.kill(victim)
        self._cluster.begin(victim)

    def zombie(self) -> None:
        """Whoever runs the source or the sink; it stays among the others."""
        connector, frozen = self._victim()
        self._cluster.freeze(frozen)
        time.sleep(2 * SESSION_S)
        self._moved += self._cluster.moved(connector, frozen)
        before = self._cluster.losses(frozen)
        self._cluster.signal(frozen, signal.SIGCONT)
        time.sleep(AWAKE_S)
        self._learned += self._cluster.losses(frozen) > before

    def told(self) -> str:
        """How many of those that were frozen were replaced meanwhile, and how many learned that when they woke up."""
        return f", {self._moved} of those frozen replaced meanwhile, {self._learned} told of it"

    def close(self) -> None:
        """Kills all."""
        self._cluster.kill_all()
