"""The verdicts on an application, what systemd is told, and the log as JSON."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.cli.log_format import JsonFormatter
from streams.health import Bounds, WorkerHealth, judged, together
from streams.systemd import Notifications, Notifier, notifier
from tests.engines import until
from tests.streams.apps import produce, topics

BOUNDS = Bounds(hung_s=10, waits_s=300, ready_share=1.0)


def worker(state: str = "RUNNING", doing: str = "WAITING", since_s: float = 0.1, **more: int) -> WorkerHealth:
    return WorkerHealth("StreamThread-1", state, doing, since_s, **more)


@pytest.mark.parametrize(
    ("state", "one", "live", "ready", "started"),
    [
        ("RUNNING", worker(tasks=2, running=2), True, True, True),
        ("RUNNING", worker(), True, True, True),  # it has no task: others have all of them
        ("RUNNING", worker(doing="PROCESSING", since_s=11, tasks=1, running=1), False, True, True),
        ("RUNNING", worker(doing="PUNCTUATING", since_s=11, tasks=1, running=1), False, True, True),
        ("RUNNING", worker(doing="COMMITTING", since_s=11, tasks=1, running=1), True, True, True),
        ("RUNNING", worker(doing="COMMITTING", since_s=301, tasks=1, running=1), False, True, True),
        ("REBALANCING", worker("PARTITIONS_ASSIGNED", "RESTORING", tasks=2, running=1), True, False, True),
        ("REBALANCING", worker("PARTITIONS_ASSIGNED", tasks=2, running=2), True, True, True),
        ("REBALANCING", worker("STARTING", "BLOCKED", 60), True, False, False),
        ("REBALANCING", worker("STARTING", "BLOCKED", 301), False, False, False),
        ("PENDING_SHUTDOWN", worker("PENDING_SHUTDOWN", "COMMITTING"), True, False, True),
        ("ERROR", worker("DEAD"), False, False, False),
        ("NOT_RUNNING", worker("DEAD"), False, False, False),
    ],
)
def test_verdicts(state: str, one: WorkerHealth, live: bool, ready: bool, started: bool) -> None:
    health = judged(state, [one], BOUNDS)
    assert (health.live.ok, health.ready.ok, health.started.ok) == (live, ready, started)
    for verdict in (health.live, health.ready, health.started):
        assert verdict.ok is not bool(verdict.reasons)


def test_who_is_ready_may_be_set() -> None:
    half = Bounds(10, 300, 0.5)
    restoring = worker("PARTITIONS_ASSIGNED", tasks=4, running=2, restored=10, to_restore=1_000)
    assert judged("REBALANCING", [restoring], half).ready.ok
    reason = judged("REBALANCING", [restoring], BOUNDS).ready.reasons[0]
    assert reason == "2 of 4 tasks run; 10 of 1,000 records are restored."


def test_several_processes_are_well_where_all_are() -> None:
    well = judged("RUNNING", [worker(tasks=1, running=1)], BOUNDS)
    hangs = judged("RUNNING", [worker(doing="PROCESSING", since_s=20)], BOUNDS)
    both = together([well.answer("live")[1], hangs.answer("live")[1]])
    assert both["status"] == "DOWN" and both["reasons"] == list(hangs.live.reasons)
    workers = both["workers"]
    assert isinstance(workers, list) and len(workers) == 2
    assert together([well.answer("live")[1]])["status"] == "UP"
    assert together([])["status"] == "DOWN"


class Systemd:
    """The other end of `NOTIFY_SOCKET`."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._in = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._in.bind(self.address)
        self._in.setblocking(False)
        self.told: list[str] = []

    def look(self) -> list[str]:
        try:
            while True:
                self.told += self._in.recv(4_096).decode().splitlines()
        except BlockingIOError:
            return self.told

    def close(self) -> None:
        self._in.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path / "notify")
    yield made
    made.close()


def test_systemd_is_told_once_that_it_is_ready_and_fed_while_it_lives(systemd: Systemd) -> None:
    out = Notifier(systemd.address, watchdog_ms=1_000)
    out.look(0, False, True, "REBALANCING: 0 of 2 tasks run.")
    out.look(400, True, True, "RUNNING")
    out.look(600, True, True, "RUNNING")
    out.look(700, True, True, "RUNNING")
    out.look(5_000, True, False, "RUNNING")
    out.tell("STOPPING=1")
    own = f"X_PID={os.getpid()}"
    assert systemd.look() == [
        *("STATUS=REBALANCING: 0 of 2 tasks run.", "WATCHDOG=1", own),
        *("READY=1", "STATUS=RUNNING", own),
        *("WATCHDOG=1", own),
        *("STOPPING=1", own),
    ]


def test_where_nobody_wants_to_know_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    out = notifier()
    assert not out.wanted
    out.look(0, True, True, "RUNNING")
    gone = Notifier("/nowhere/at/all", 1_000)
    gone.look(0, True, True, "RUNNING")  # what does not arrive fails nobody


def test_a_supervisor_is_ready_when_all_its_workers_are_and_starves_when_one_is_silent(systemd: Systemd) -> None:
    gathered = Notifications(Notifier(systemd.address, watchdog_ms=1_000))
    path = gathered.environment["NOTIFY_SOCKET"]

    def told(pid: int, text: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(f"{text}\nX_PID={pid}".encode(), path)

    told(1, "READY=1\nWATCHDOG=1")
    gathered.look(100, [1, 2])
    assert "READY=1" not in systemd.look()
    told(2, "READY=1\nWATCHDOG=1")
    gathered.look(200, [1, 2])
    assert systemd.look().count("READY=1") == 1
    told(1, "WATCHDOG=1")
    gathered.look(1_000, [1, 2])
    before = systemd.look().count("WATCHDOG=1")
    gathered.look(1_900, [1, 2])
    assert systemd.look().count("WATCHDOG=1") == before, "the second has been silent for longer than a watchdog waits"
    gathered.look(1_950, [1])
    assert systemd.look().count("WATCHDOG=1") == before + 1, "it has ended, and another one may take its place"


SCRIPT = """
from streams import Serdes, StreamsBuilder
topology = StreamsBuilder()
topology.stream("words", key_serde=Serdes.string(), value_serde=Serdes.string()).foreach(
    lambda key, value: 1 / len(value)
)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_of_systemd_is_ready_and_logs_json(workers: int, tmp_path: Path, systemd: Systemd) -> None:
    script, servers = tmp_path / "job.py", f"local://{tmp_path / 'data'}"
    script.write_text(SCRIPT)
    topics(servers, words=2)
    produce(servers, "words", [("k", "a")])
    command = [sys.executable, "-m", "streams.cli.entry", "run", str(script), "-a", "app", "-b", servers]
    environment = {**os.environ, "NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "2000000"}
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "-w", str(workers), "--log-format", "json"], env=environment, stderr=out
        )
        try:
            until(lambda: "READY=1" in systemd.look() and systemd.look().count("WATCHDOG=1") > 1)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert "STOPPING=1" in systemd.look()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[0]["message"].startswith("application app, data in ")
    running = [line for line in lines if line["message"] == "StreamThread-1 is RUNNING."]
    assert len({line["process"] for line in running}) == workers
    assert {line["application"] for line in running} == {"app"}
    assert all({"time", "level", "logger", "thread", "process"} <= line.keys() for line in running)


def test_a_failure_is_told_in_json_to_the_last_line(tmp_path: Path) -> None:
    script, servers = tmp_path / "job.py", f"local://{tmp_path / 'data'}"
    script.write_text(SCRIPT)
    topics(servers, words=1)
    produce(servers, "words", [("k", "")])
    command = [sys.executable, "-m", "streams.cli.entry", "run", str(script), "-a", "app", "-b", servers]
    ended = subprocess.run([*command, "--log-format", "json"], stderr=subprocess.PIPE, timeout=60, check=False)
    assert ended.returncode == 1
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    (worker,) = [line for line in lines if line.get("code") == "worker-failed"]
    assert "ZeroDivisionError" in worker["exception"] and f"{script}:5" in worker["exception"]
    assert lines[-1]["code"] == "application-failed" and "processor=KSTREAM-FOREACH" in lines[-1]["message"]


def test_a_line_of_json_has_code_place_and_exception() -> None:
    record = logging.LogRecord("streams.x", logging.ERROR, "", 0, "%s failed\nbadly", ("it",), None)
    record.__dict__ |= {"code": "worker-failed", "task": "0_1", "topic": "words", "partition": 3, "offset": 17}
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        record.exc_info = sys.exc_info()
    line = JsonFormatter(brief=False).format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert found["message"] == "it failed\nbadly" and found["level"] == "ERROR"
    assert [found[name] for name in ("code", "task", "topic", "partition", "offset")] == [
        *("worker-failed", "0_1", "words", 3, 17)
    ]
    assert "ZeroDivisionError" in found["exception"]
