"""On a terminal there is one calm status line, and the log scrolls above it."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path

import pytest
from rich.console import Console

from streams.cli.terminal import Terminal, TerminalHandler
from streams.clients import Admin, Producer, ProducerRecord
from tests.engines import local_engine
from tests.streams.cli.screen import Screen

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120.0
WIDTH = 500
SCRIPT = """
from streams import Serdes
T = Serdes.string()
def topology(builder):
    lines = builder.stream("in", key_serde=T, value_serde=T)
    lines.peek(lambda key, value: print("seen", value) if value == "7" else None)
    lines.group_by_key().count()
"""
LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) [a-z._]+: \S")


class Seen:
    """A program on a terminal, and what a person sees of it."""

    def __init__(self, *arguments: str) -> None:
        self._end, other = pty.openpty()
        ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
        for size in ("COLUMNS", "LINES"):  # where they are set, they count for more than the terminal
            environment.pop(size, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", *arguments],
            stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(other)
        self.screen = Screen(WIDTH)

    def read_until(self, seen: Callable[[], object]) -> None:
        """Reads what is written until something is seen; fails with the screen where it does not come."""
        deadline = time.monotonic() + PATIENCE_S
        while not seen():
            assert time.monotonic() < deadline, "\n".join(self.screen.lines)
            if not self._read():
                assert seen(), "\n".join(self.screen.lines)
                return

    def _read(self) -> bool:
        ready, _, _ = select.select([self._end], [], [], 0.2)
        if not ready:
            return True
        try:
            data = os.read(self._end, 65_536)
        except OSError:  # the program has ended
            return False
        self.screen.write(data.decode("utf-8", "replace"))
        return bool(data)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.read_until(lambda: not self._read())
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._end)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with local_engine(tmp_path / "data") as address:
        yield address


@pytest.fixture
def run(tmp_path: Path, address: str) -> Iterator[Seen]:
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic("in", 1)
    script = tmp_path / "job.py"
    script.write_text(SCRIPT, "utf-8")
    seen = Seen("run", str(script), "-a", "jobs", "-b", address)
    yield seen
    seen.close()


def statuses(seen: Seen) -> list[str]:
    return [line for line in seen.screen.lines if "records/s" in line]


def test_the_log_scrolls_above_one_status_line_that_goes_at_the_end(run: Seen, address: str) -> None:
    run.read_until(lambda: any(line.startswith("jobs: RUNNING") for line in statuses(run)))
    with Producer(bootstrap_servers=address) as producer:
        for number in range(20):
            key = None if number % 5 == 0 else b"k"
            producer.send(ProducerRecord("in", str(number).encode(), key))
    run.read_until(lambda: any("dropped (4 null-key)" in line for line in statuses(run)))
    run.read_until(lambda: any("20 in all" in line for line in statuses(run)))
    assert len(statuses(run)) == 1  # however often it was written anew
    assert "seen 7" in run.screen.lines  # what the user's code prints has a line of its own
    assert run.screen.lines.index("seen 7") < next(i for i, x in enumerate(run.screen.lines) if "records/s" in x)
    run.read_until(lambda: any("dropped 4 records: 4 null-key" in line for line in run.screen.lines))
    assert run.end() == 130
    assert statuses(run) == []
    shown = run.screen.lines
    begins = [line for line in shown if re.match(r"\d{4}-", line)]
    assert begins and all(LOGGED.match(line) for line in begins)
    assert any("jobs has ended: 20 records processed, 4 dropped (4 null-key)." in line for line in shown)
    assert not any(re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", line) for line in shown)  # no long ids


def test_lines_of_many_threads_stay_whole() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, highlight=False)
    logger = logging.Logger("many")
    with Terminal(console) as terminal:
        logger.addHandler(TerminalHandler(terminal))
        threads = [
            threading.Thread(target=lambda n=n: [logger.info("thread %d line %d", n, i) for i in range(50)])  # type: ignore[misc]
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for number in range(50):
            terminal.show(f"status {number} " + "x" * 200)
        for thread in threads:
            thread.join()
        screen = Screen(60)
        screen.write(out.getvalue())
        assert [line for line in screen.lines if line.startswith("status")] == [screen.lines[-1]]
        assert screen.lines[-1].startswith("status 49 xxx") and len(screen.lines[-1]) == 60
    screen = Screen(60)
    screen.write(out.getvalue())
    expected = {f"thread {n} line {i}" for n in range(4) for i in range(50)}
    assert sorted(line for line in screen.lines if line) == sorted(expected)


def test_a_warning_has_a_colour_and_markup_is_only_text() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, highlight=False, color_system="standard")
    with Terminal(console) as terminal:
        logger = logging.Logger("one")
        logger.addHandler(TerminalHandler(terminal))
        logger.warning("topic=[in] [bold]")
    assert "\x1b[33mtopic=[in] [bold]\x1b[0m" in out.getvalue()
