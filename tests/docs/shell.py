"""A shell that types what a page shows, in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, blocks


def lines_typed(page: Path) -> list[list[str]]:
    """The lines of each console block of a page, without the prompt."""
    return [[line.removeprefix("$ ") for line in block.text.splitlines()] for block in blocks(page, "console")]


class Shell:
    """Types lines in a directory, as a user would who has the project's commands on the path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        self.running: list[subprocess.Popen[str]] = []

    def type(self, line: str) -> str:
        done = subprocess.run(
            line, shell=True, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def try_typing(self, line: str) -> str:
        """What a line prints, whether it succeeds or not."""
        return subprocess.run(
            line, shell=True, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=60
        ).stdout

    def start(self, line: str) -> subprocess.Popen[str]:
        """A line that goes on running: in the background, or until it is interrupted."""
        command = "exec " + line.removesuffix("&").strip()
        process = subprocess.Popen(
            command, shell=True, cwd=self.directory, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.running.append(process)
        return process

    def end(self) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
