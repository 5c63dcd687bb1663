"""Real processes that die, or whose disk is full or fails, at one of the calls with which they change files.

`faults.c` is loaded before the C library, so that it sees what Python and RocksDB alike ask the system for: writes,
fsyncs, renames, cuts, removals. A kill at a write leaves half of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

Fault = Literal["kill", "full", "error", "count"]
SOURCE = Path(__file__).with_name("faults.c")
INSTANCE, BROKER = "streams.cli.main", "broker_local.host.cli"
"""What is in the command line of the one and of the other."""


class Plan(NamedTuple):
    """One fault, for the next process of a kind.

    Args:
        fault: `kill`, `full` (ENOSPC), `error` (EIO), or `count`: none, and the calls are counted.
        at: number of the call, from 1.
        under: a part of the paths that count.
        whom: a part of the process's command line.
        lasting: later calls fail too.
    """

    fault: Fault
    at: int
    under: str
    whom: str
    lasting: bool = False

    def text(self) -> str:
        return f"{self.fault} {self.at} {int(self.lasting)} {self.under} {self.whom}"


def can_be_planned() -> bool:
    """Is there a compiler, and a system whose loader does as it is told?"""
    return shutil.which("cc") is not None and os.uname().sysname == "Linux"


class Faults:
    """Plans that processes take as they start, one each.

    Args:
        directory: an empty one.
    """

    def __init__(self, directory: Path) -> None:
        self._plans = directory / "plans"
        self._plans.mkdir(parents=True)
        self._library = directory / "faults.so"
        self._number = 0
        command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)

    def environment(self) -> dict[str, str]:
        """What a process needs, so that it and those that it starts take plans."""
        return {"CRASH_PLANS": str(self._plans), "LD_PRELOAD": str(self._library)}

    @contextmanager
    def for_children(self) -> Iterator[None]:
        """Processes that this one starts take plans."""
        before = {name: os.environ.get(name) for name in self.environment()}
        os.environ.update(self.environment())
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def plan(self, plan: Plan) -> Planned:
        """Lays a plan out."""
        self._number += 1
        path = self._plans / f"plan-{self._number:06d}"
        waiting = path.with_name(f".{path.name}")  # those are not taken
        waiting.write_text(plan.text())
        waiting.rename(path)
        return Planned(path)


class Planned:
    """A plan that was laid out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def pid(self) -> int | None:
        """The process that has taken it."""
        taken = next(iter(self._path.parent.glob(f"{self._path.name}.*")), None)
        return None if taken is None else int(taken.suffix[1:])

    def counted(self) -> int:
        """How many calls the process has made; it has come to its end."""
        pid = self.pid
        assert pid is not None
        return int(self._path.with_name(f"{self._path.name}.{pid}").read_text())

    def withdraw(self) -> None:
        """Nobody is to take it any more."""
        self._path.unlink(missing_ok=True)
