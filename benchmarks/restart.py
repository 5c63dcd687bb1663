"""How long an application with much state stands still after `kill -9`: from the launch of the command to the first
record that it processes, and to the first output that a reader sees, and where that time goes.

Every key is counted once; then random keys come at a steady rate, so that the kill falls into the middle of work. The
records that wait for it are sent while nothing runs. At the end the last count of *every* key is compared with how
often it was sent.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from benchmarks.engine import Engine
from benchmarks.figures import aligned
from streams.clients.api import Isolation
from streams.clients.connect import connect
from streams.record import TopicPartition

SCRIPT = """
from benchmarks.restart import timed
timed()
from streams import Serdes

def topology(builder):
    text, count = Serdes.string(), Serdes.long()
    keys = builder.stream({source!r}, key_serde=text, value_serde=Serdes.bytes())
    keys.group_by_key(key_serde=text, value_serde=Serdes.bytes()).count(store="counts").to_stream().to({sink!r})
"""
P, T = ParamSpec("P"), TypeVar("T")
TIMES = "RESTART_TIMES"
BATCH = 1_000
WAITING = 200
"""Records that wait when the command is launched."""
LONGEST_S = 1_200.0
STEPS = (
    ("database opened", "statestore.rocks", "RocksEngine._open"),
    ("asked to join", "streams.clients.group_membership", "GroupMembership.rejoin"),
    ("tasks given", "streams.runtime.worker.tasks", "Tasks.take"),
    ("positions fetched", "streams.clients.group_membership", "GroupMembership.committed"),
    ("transactions begun", "streams.runtime.worker.transactions", "Transactions.ready"),
    ("restored a slice", "streams.runtime.tasks.restore", "Restorer.step"),
    ("tasks started", "streams.runtime.worker.tasks", "Tasks.start_restored"),
)


def timed() -> None:
    """In the application: notes when each step began and ended, in a file that is named by the environment."""
    from importlib import import_module

    from streams.runtime.tasks.task import StreamTask

    file = open(os.environ[TIMES], "a", encoding="utf-8", buffering=1)  # noqa: SIM115  (as long as the process runs)

    def note(name: str, began: float, ended: float) -> None:
        file.write(json.dumps([name, began, ended, time.process_time()]) + "\n")

    def wrapped(name: str, honest: Callable[P, T]) -> Callable[P, T]:
        def call(*given: P.args, **named: P.kwargs) -> T:
            began = time.time()
            try:
                return honest(*given, **named)
            finally:
                note(name, began, time.time())

        return call

    note("script loaded", time.time(), time.time())
    for name, module, path in STEPS:
        of, method = path.split(".")
        owner = getattr(import_module(module), of)
        setattr(owner, method, wrapped(name, getattr(owner, method)))
    honest = StreamTask.run

    def run(self: StreamTask, *given: int, **named: int) -> int:
        began = time.time()
        count = honest(self, *given, **named)
        if count:
            note("first record processed", began, time.time())
            StreamTask.run = honest  # type: ignore[method-assign]  # the first is enough
        return count

    StreamTask.run = run  # type: ignore[method-assign]  # in this process alone, which is measured


class Restart(NamedTuple):
    """Seconds since the launch, how long each step took in all, and how often it was taken. `cpu` is the application's
    until the first record: on an idle machine, not much less than the time."""

    processed: float
    seen: float
    cpu: float
    steps: dict[str, tuple[float, float, int]]


class Job:
    """A count over so many keys."""

    def __init__(self, engine: Engine, keys: int, partitions: int, config: list[str]) -> None:
        self.engine = engine
        self.keys, self.partitions, self.config = keys, partitions, config
        self.exactly = any(each.endswith("exactly_once_v2") for each in config)
        self.source, self.sink = engine.topic("restart-in", partitions), engine.topic("restart-out", partitions)
        self.sent = array("I", bytes(4 * keys))
        self.total = 0
        directory = Path(engine.directory)
        self.script, self.log, self.times = (directory / f"restart.{end}" for end in ("py", "log", "times"))
        self.script.write_text(SCRIPT.format(source=self.source, sink=self.sink), "utf-8")

    def send(self, chosen: range | list[int]) -> None:
        """One record of each of these keys; the same key always into the same partition."""
        rows: list[list[bytes | None]] = [[] for _ in range(self.partitions)]
        for key in chosen:
            rows[key % self.partitions].append(b"k%08d" % key)
            self.sent[key] += 1
        now = int(time.time() * 1_000)
        for number, part in enumerate(rows):
            if part:
                self.engine.send(TopicPartition(self.source, number), part, [b"x"] * len(part), [now] * len(part))
        self.total += len(chosen)

    def fill(self) -> None:
        """Every key once."""
        for start in range(0, self.keys, BATCH * self.partitions):
            self.send(range(start, min(self.keys, start + BATCH * self.partitions)))
            self.engine.look()
        self.engine.settle()

    def launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "streams.cli.main", "run", str(self.script), "-a", f"bench-{self.source}"]
        settings = ["statestore.cache.max.bytes=0", f"state.dir={self.engine.directory}/state", *self.config]
        command += ["-b", self.engine.address, *(part for each in settings for part in ("-c", each))]
        environment = {**os.environ, TIMES: str(self.times), "PYTHONPATH": str(Path(__file__).parents[1])}
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def until_counted(self, process: subprocess.Popen[bytes]) -> None:
        """Waits until all that was sent is counted."""
        deadline = time.monotonic() + LONGEST_S
        while self.engine.written(self.sink) < self.total:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"it does not come to an end: {self.log.read_text('utf-8')[-2000:]}")
            time.sleep(0.2)

    def restarted(self, process: subprocess.Popen[bytes], draw: random.Random, rate: int, work_s: float) -> Restart:
        """Kills it in the middle of work, and starts it again."""
        ends = time.monotonic() + work_s
        while time.monotonic() < ends:
            self.send(draw.choices(range(self.keys), k=max(1, rate // 20)))
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.send(draw.choices(range(self.keys), k=WAITING))
        self.engine.settle()
        time.sleep(0.5)  # what a dead one had open is over: its successor is not to be measured waiting for that
        self.times.unlink(missing_ok=True)
        door = connect(self.engine.address, "restart")
        reader = door.reader(Isolation.READ_COMMITTED)
        places = [TopicPartition(self.sink, number) for number in range(self.partitions)]
        reader.seek({place: end.offset for place, end in door.admin().log_ends(dict.fromkeys(places, -1)).items()})
        launched = time.time()
        self.process = self.launch()
        deadline = time.monotonic() + 120
        while not any(each.batch is not None and len(each.batch) for each in reader.poll(1_000)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no output: {self.log.read_text('utf-8')[-2000:]}")
        seen = time.time() - launched
        door.close()
        return self._told(launched, seen)

    def _told(self, launched: float, seen: float) -> Restart:
        steps: dict[str, tuple[float, float, int]] = {}
        cpu: dict[str, float] = {}
        for line in self.times.read_text("utf-8").splitlines():
            name, began, ended, cpu[name] = json.loads(line)
            _, took, times = steps.get(name, (0.0, 0.0, 0))
            steps[name] = (ended - launched, took + ended - began, times + 1)
        first = "first record processed"
        return Restart(steps[first][0], seen, cpu[first], steps)

    def check(self) -> list[str]:
        """The last count of every key against how often it was sent; below exactly-once it may be higher."""
        last = array("I", bytes(4 * self.keys))
        for key, value, _ in self.engine.read(self.sink):
            if key is not None and value is not None:
                at = int(key[1:])
                last[at] = int.from_bytes(value) if self.exactly else max(last[at], int.from_bytes(value))
        wrong = [
            key
            for key, (sent, counted) in enumerate(zip(self.sent, last, strict=True))
            if (sent != counted if self.exactly else counted < sent)
        ]
        return [f"k{key:08d}: {last[key]} counted, {self.sent[key]} sent" for key in wrong[:10]] + (
            [f"{len(wrong)} keys in all"] if len(wrong) > 10 else []
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=1, help="tasks of the one worker")
    parser.add_argument("--rate", type=int, default=5_000, help="records a second before the kill")
    parser.add_argument("--work", type=float, default=8.0, metavar="SECONDS", help="how long they come")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--config", "-c", action="append", default=[], metavar="NAME=VALUE", help="of the application")


def main(given: argparse.Namespace) -> int:
    draw = random.Random(given.seed)
    print(f"{given.keys:,} keys, {given.partitions} tasks, seed {given.seed} {' '.join(given.config)}", flush=True)
    with Engine() as engine:
        job = Job(engine, given.keys, given.partitions, given.config)
        job.fill()
        process = job.launch()
        try:
            job.until_counted(process)
            found: list[Restart] = []
            for _ in range(given.runs):
                found.append(job.restarted(process, draw, given.rate, given.work))
                process = job.process
                last = found[-1]
                times = f"processed after {last.processed:.3f} s ({last.cpu:.3f} of CPU), seen after {last.seen:.3f} s"
                print(times, flush=True)
            job.until_counted(process)
            process.terminate()
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        wrong = job.check()
    found.sort(key=lambda each: each.processed)
    for what, one in (("the middle one", found[len(found) // 2]), ("the slowest", found[-1])):
        print(f"{what}:\n{aligned(list(rows(one)))}")
    for each in wrong:
        print(f"WRONG: {each}")
    print(f"exit code {code}; {'WRONG' if wrong else 'every key counted as often as it was sent'}")
    return 1 if wrong or code else 0


def rows(one: Restart) -> Iterator[tuple[str, ...]]:
    """The steps of one restart in the order in which they ended."""
    for name, (ended, took, times) in sorted(one.steps.items(), key=lambda each: each[1][0]):
        yield name, f"at {ended:7.3f} s", f"{took * 1_000:8.1f} ms", f"{times} times"
    yield "first output seen", f"at {one.seen:7.3f} s", "", ""
