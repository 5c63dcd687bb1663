"""The README's walk, typed by a shell, line by line."""

from __future__ import annotations

import contextlib
import gzip
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients import Admin
from tests.docs.pages import ROOT, blocks
from tests.engines import stop_broker, until

WALK = [line.removeprefix("$ ") for line in blocks(ROOT / "README.md", "console")[0].text.splitlines()]
LINES = 400


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


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / ".streams").mkdir()
    shell = Shell(tmp_path)
    yield shell
    shell.end()
    stop_broker(tmp_path / ".streams")


def test_the_walk(shell: Shell) -> None:
    create, unpack, produce, run, consume, groups, describe = WALK
    shell.type(create)
    shell.type(unpack)
    text = (shell.directory / "text.txt").read_text("utf-8").splitlines()[:LINES]
    (shell.directory / "text.txt").write_text("\n".join(text) + "\n", "utf-8")
    with gzip.open(ROOT / "examples" / "data" / "text.txt.gz", "rt", encoding="utf-8") as whole:
        assert text[0] == whole.readline().rstrip("\n")
    shell.type(produce)

    first, second = shell.start(run), shell.start(run)
    with Admin(bootstrap_servers=f"local://{shell.directory / '.streams'}") as admin:
        until(lambda: len(owners(admin)) == 2 and finished(admin))
    words = shell.start(consume)
    wanted = Counter(word for line in text for word in words_of(line))
    assert words.stdout is not None
    counts: dict[str, int] = {}
    while counts != wanted:
        word, _, count = words.stdout.readline().rstrip("\n").partition("\t")
        counts[word] = int(count)
    words.send_signal(signal.SIGINT)
    assert words.wait(60) == 130

    shown = shell.type(groups)
    assert "Group word-count: Stable, 2 members, lag 0" in shown
    assert shown.count("words-in") == 4
    assert shell.type(describe).startswith("Topologies:\n   Sub-topology: 0\n    Source: KSTREAM-SOURCE-0000000000")

    first.send_signal(signal.SIGTERM)
    second.send_signal(signal.SIGINT)
    assert (first.wait(60), second.wait(60)) == (0, 130)


def words_of(line: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in line.lower()).split()


def owners(admin: Admin) -> set[str]:
    """Instances of the word count that have partitions."""
    if "word-count" not in {group.group for group in admin.list_groups()}:
        return set()
    return {row.member.client_id for row in admin.describe_group("word-count").partitions if row.member is not None}


def finished(admin: Admin) -> bool:
    """Everything is read: of the text, and of what was written from it."""
    rows = admin.describe_group("word-count").partitions
    return len(rows) == 8 and all(row.lag == 0 or row.end == 0 for row in rows)
