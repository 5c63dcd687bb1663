"""Workers that share connectors, each a process of its own, as they are started by the command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.engines import until
from tests.streams.connect.asking import Answer, ask

ROOT = Path(__file__).parents[3]
PROGRAM = ("streams.cli.main",)
PATIENCE_S = 60.0


class Cluster:
    """Workers of one group; one that was killed is begun anew. A context manager: leaving it kills those that are left.

    Args:
        engine: the engine's address.
        directory: for their settings and logs.
        count: how many.
        more: further settings, lines of a file of properties.
        words: the words that run the command: the program, or one with a bug planted.
    """

    def __init__(
        self, engine: str, directory: Path, count: int, more: str = "", words: Sequence[str] = PROGRAM
    ) -> None:
        self._engine = engine
        self._more = more
        self._directory = directory
        self._words = words
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for _ in range(count):
            self.begin(free_address())

    @property
    def addresses(self) -> list[str]:
        """HOST:PORT of those that have not been killed."""
        return list(self._processes)

    def begin(self, address: str) -> None:
        """Starts a worker, and waits until it answers."""
        file = self._directory / f"worker-{address}.properties"
        topics = "".join(f"{kind}.storage.topic=connect-{kind}\n" for kind in ("config", "offset", "status"))
        file.write_text(
            f"bootstrap.servers={self._engine}\nkey.converter=StringConverter\nvalue.converter=StringConverter\n"
            f"group.id=cluster\n{topics}offset.storage.partitions=1\nlisteners=http://{address}\n{self._more}"
        )
        command = [sys.executable, "-m", *self._words, "connect", "distributed", str(file)]
        with self._log(address).open("ab") as log:
            self._processes[address] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        until(lambda: self._answers(address), PATIENCE_S)

    def _log(self, address: str) -> Path:
        return self._directory / f"worker-{address}.log"

    def log(self, address: str) -> str:
        """What a worker has logged."""
        return self._log(address).read_text()

    def losses(self, address: str) -> int:
        """How often a worker has told that it was put out."""
        return self.log(address).count("has lost its place among the others")

    def _answers(self, address: str) -> bool:
        assert self._processes[address].poll() is None, self.log(address)
        try:
            return ask(address, "GET", "/connectors").status == 200
        except OSError:
            return False

    def signal(self, address: str, number: signal.Signals) -> None:
        """Sends a signal."""
        self._processes[address].send_signal(number)

    def freeze(self, address: str) -> None:
        """SIGSTOP, and it stands still; SIGCONT has it go on."""
        process = self._processes[address]
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)

    def kill(self, address: str) -> None:
        """SIGKILL, and it is gone."""
        process = self._processes.pop(address)
        process.kill()
        process.wait()

    def kill_all(self) -> None:
        """SIGKILL of those that are left."""
        for address in self.addresses:
            self.kill(address)

    def ask(self, method: str, path: str, body: object = None, but: str = "") -> Answer:
        """Asks any of them, but for one."""
        return ask(next(each for each in self._processes if each != but), method, path, body)

    def add(self, name: str, config: Mapping[str, str]) -> None:
        """Makes a connector."""
        answer = self.ask("POST", "/connectors", {"name": name, "config": dict(config)})
        assert answer.status == 201, answer

    def owner(self, connector: str, but: str = "") -> str:
        """Who runs the task of a connector; "": nobody. One of them is not asked."""
        answer = self.ask("GET", f"/connectors/{connector}/status", None, but)
        tasks = [] if answer.status != 200 else answer.body["tasks"]
        running = [task["worker_id"] for task in tasks if task["state"] == "RUNNING"]
        return running[0] if len(running) == 1 else ""

    def moved(self, connector: str, victim: str) -> bool:
        """Does another one run the task of a connector than the one that did, which is not asked?"""
        return self.owner(connector, victim) not in ("", victim)

    def close(self) -> None:
        """Ends all in order."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            assert process.wait(30) == 0
        self._processes = {}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_all()


def free_address() -> str:
    """HOST:PORT where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"
