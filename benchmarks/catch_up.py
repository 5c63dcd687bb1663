"""`python -m benchmarks catch-up`: an application that starts when months of data are there, in real processes.

The input is written first. Then the command is run so often, several windows' tasks catch up at once, and when all is
read every row of the output is compared with what a loop over the file gives. In the middle a process may be frozen or
killed, another may join, or all may be stopped and started again.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.answers import WrongOutput
from benchmarks.back_fills import BACK_FILLS, BackFill, Verdict, compared, out_of_order_ms, read_lines, read_output
from benchmarks.clocks import Rates, cpu_of
from benchmarks.engine import FOR_EVER, Engine
from benchmarks.figures import Figure, aligned, middle, wall_spread
from benchmarks.options import Options
from streams.clients import Admin, PartitionLag
from streams.record import TopicPartition

_turns = itertools.count(1)
ROOT = Path(__file__).resolve().parents[1]
BATCH = 500
LOOK_S = 0.1
PATIENCE_S = 600.0
PURGE_NEVER_MS = 2**31 - 1
"""What went through the repartition topics is looked at in the end."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the application is run.

    Args:
        processes: how many times the command is started.
        workers: its `--workers`.
        threads: of each worker.
        settings: further settings of the application, `max.task.skew.ms` among them.
        deed: what happens in the middle: "", "freeze", "kill", "join" or "restart".
        frozen_s: how long a process is frozen.
        partitions: of the input.
        empty: partitions of it that get no record.
        hot: the part of the records that goes to one partition; 0: all get the same.
        every: each so-manieth record is taken, over the whole time.
        embedded: `KafkaStreams` in a program in place of the command.
    """

    processes: int = 1
    workers: int = 1
    threads: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    deed: str = ""
    frozen_s: float = 15.0
    partitions: int = 4
    empty: int = 0
    hot: float = 0.0
    every: int = 1
    embedded: bool = False


class Ran(NamedTuple):
    """One run: the verdict on each output, disorder of the topics between, seconds of CPU and of the clock."""

    verdicts: Mapping[str, Verdict]
    disorder_ms: Mapping[str, int]
    worker_s: float
    broker_s: float
    wall_s: float
    said: Sequence[str]

    @property
    def complete(self) -> bool:
        return all(verdict.complete for verdict in self.verdicts.values())


class Runs:
    """Runs of one back-fill over input that is written once.

    Args:
        engine: where the topics lie.
        back_fill: what is run.
        asked: how.
    """

    def __init__(self, engine: Engine, back_fill: BackFill, asked: Asked) -> None:
        self.engine, self.back_fill, self.asked = engine, back_fill, asked
        self.lines = read_lines(back_fill.data)[:: asked.every]
        self.admin = Admin({"bootstrap.servers": engine.address})
        self.expected = {output.topic: output.expected(self.lines) for output in back_fill.outputs}
        self._fill()

    def _fill(self) -> None:
        """Batches in turns, as a producer without keys does; each partition is in order."""
        self.engine.forget(self.back_fill.topic)
        self.admin.create_topic(self.back_fill.topic, self.asked.partitions, FOR_EVER)
        places = self._places()
        for start in range(0, len(self.lines), BATCH):
            values: list[bytes | None] = list(self.lines[start : start + BATCH])
            times = [self.back_fill.time_of(value) for value in values if value is not None]
            self.engine.send(TopicPartition(self.back_fill.topic, next(places)), [None] * len(values), values, times)
        self.engine.settle()

    def _places(self) -> Iterator[int]:
        filled = self.asked.partitions - self.asked.empty
        due = 0.0
        turn = 0
        while True:
            due += self.asked.hot
            if due >= 1:
                due -= 1
                yield 0
            else:
                yield turn % filled
                turn += 1

    def run(self) -> Ran:
        """One run, from an application that has never run to the end of the input."""
        application = f"catch-up-{os.getpid()}-{next(_turns)}"
        for output in self.back_fill.outputs:
            self.engine.forget(output.topic)
            self.admin.create_topic(output.topic, self.asked.partitions, FOR_EVER)
        began, cpu, broker = time.monotonic(), _children_s(), cpu_of(self.engine.pid)
        with Fleet(self, application) as fleet:
            if self.asked.deed:
                fleet.until(lambda: fleet.read() * 2 >= len(self.lines))
                DEEDS[self.asked.deed](fleet)
            fleet.until(fleet.is_done)
            wall, broker = time.monotonic() - began, cpu_of(self.engine.pid) - broker
        verdicts = {
            output.topic: compared(read_output(self.engine.address, output), self.expected[output.topic])
            for output in self.back_fill.outputs
        }
        between = [topic for topic in self.admin.list_topics() if _is_between(topic, application)]
        disorder = {
            topic.removeprefix(f"{application}-"): out_of_order_ms(self.engine.address, topic) for topic in between
        }
        worker = _children_s() - cpu
        self.engine.forget(application)
        return Ran(verdicts, disorder, worker, broker, wall, fleet.warnings())

    def close(self) -> None:
        self.admin.close()


def _is_between(topic: str, application: str) -> bool:
    return topic.startswith(application) and topic.endswith("-repartition")


def _children_s() -> float:
    """CPU seconds of all processes that were started here and have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Fleet:
    """The processes of one run. A context manager that leaves none behind."""

    def __init__(self, runs: Runs, application: str) -> None:
        self.runs, self.application = runs, application
        self.running: list[subprocess.Popen[bytes]] = []
        self.logs: list[Path] = []

    def __enter__(self) -> Fleet:
        for _ in range(self.runs.asked.processes):
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self) -> None:
        asked, address = self.runs.asked, self.runs.engine.address
        settings = {
            "num.stream.threads": str(asked.threads),
            "repartition.purge.interval.ms": str(PURGE_NEVER_MS),
            **asked.settings,
        }
        pairs = [f"{name}={value}" for name, value in settings.items()]
        script = str(self.runs.back_fill.script)
        command = [sys.executable, "-m", "benchmarks.embedded", script, self.application, address, *pairs]
        if not asked.embedded:
            command = [sys.executable, "-m", "streams.cli.main", "run", script]
            command += ["--application-id", self.application, "--bootstrap-servers", address]
            command += ["--workers", str(asked.workers)] if asked.workers > 1 else []
            command += [word for pair in pairs for word in ("--config", pair)]
        self.logs.append(Path(self.runs.engine.directory) / f"{self.application}-{len(self.logs)}.log")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.logs[-1].open("wb") as log:
            self.running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))

    def read(self) -> int:
        """Records of the input that the application has committed."""
        return sum(row.committed or 0 for row in self._rows() if row.partition.topic == self.runs.back_fill.topic)

    def is_done(self) -> bool:
        rows = self._rows()
        behind = sum(row.end if row.lag is None else row.lag for row in rows)
        return bool(rows) and not behind and self.read() == len(self.runs.lines)

    def _rows(self) -> Sequence[PartitionLag]:
        admin = self.runs.admin
        if self.application not in {listed.group for listed in admin.list_groups()}:
            return ()
        return admin.describe_group(self.application).partitions

    def until(self, happened: Callable[[], bool]) -> None:
        """Waits until something is so; fails where a process ends by itself or it never comes."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            time.sleep(LOOK_S)
            ended = [at for at, process in enumerate(self.running) if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                log = self.logs[-1].read_text("utf-8", "replace")
                what = "a process ended by itself" if ended else "the application does not come to its end"
                raise RuntimeError(f"{what}:\n{log[-3_000:]}")

    def warnings(self) -> list[str]:
        """What the processes warned of."""
        lines = [line for log in self.logs for line in log.read_text("utf-8", "replace").splitlines()]
        return [line for line in lines if " WARNING " in line or " ERROR " in line]


def freeze(fleet: Fleet) -> None:
    """One process stands still for a while, as on a laptop that sleeps."""
    fleet.running[0].send_signal(signal.SIGSTOP)
    time.sleep(fleet.runs.asked.frozen_s)
    fleet.running[0].send_signal(signal.SIGCONT)


def kill(fleet: Fleet) -> None:
    """One process is killed, and another started."""
    victim = fleet.running.pop(0)
    victim.kill()
    victim.wait()
    fleet.start()


def join(fleet: Fleet) -> None:
    """One process more."""
    fleet.start()


def restart(fleet: Fleet) -> None:
    """All are stopped cleanly, and started again."""
    for process in fleet.running:
        process.terminate()
    for process in fleet.running:
        process.wait(60)
    stopped = len(fleet.running)
    fleet.running.clear()
    for _ in range(stopped):
        fleet.start()


DEEDS: Mapping[str, Callable[[Fleet], None]] = {deed.__name__: deed for deed in (freeze, kill, join, restart)}


# Rows of `run`

ROWS: Mapping[str, tuple[str, Asked]] = {
    "catch-up/command": ("back-fill of the flights, windows behind a repartition topic, every window right", Asked()),
    "catch-up/embedded": ("the same, `KafkaStreams` in a program", Asked(embedded=True)),
    "catch-up/two": ("the same by the command with two workers", Asked(workers=2)),
}


def measured(name: str, engine: Engine, options: Options) -> Iterator[Figure]:
    """Launch to the end of the input; CPU is that of all processes, their start with it.

    Raises:
        WrongOutput: a window is not right.
    """
    title, asked = ROWS[name]
    back_fill = BACK_FILLS["flights"]
    if options.records is not None:
        asked = replace(asked, every=max(1, len(read_lines(back_fill.data)) // options.records))
    asked = replace(asked, settings={key: str(value) for key, value in options.config.items()})
    with contextlib.closing(Runs(engine, back_fill, asked)) as runs:
        count = len(runs.lines)
        rates = []
        for _ in range(options.repeat):
            ran = runs.run()
            wrong = {topic: verdict for topic, verdict in ran.verdicts.items() if verdict.right != verdict.keys}
            if wrong or not ran.complete:
                raise WrongOutput(f"the output of {name} is wrong: {wrong}")
            ns = 1e9 / count
            rates.append(Rates(count, count / ran.wall_s, ran.worker_s * ns, ran.broker_s * ns))
    found, spread = middle(rates)
    yield Figure(
        *(name, title, "records", count, found.per_second, found.worker_ns, spread, found.broker_ns),
        wall=wall_spread(rates),
        run_per_second=found.per_second,
        run_ns=found.worker_ns,
    )


# The command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("name", choices=BACK_FILLS, help="which back-fill")
    parser.add_argument("--data", type=Path, default=None, help="a file of your own in place of the one carried here")
    parser.add_argument("--every", type=int, default=1, help="each so-manieth record only, over the whole time")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="how many times the application is started")
    parser.add_argument("--workers", type=int, default=1, help="`--workers` of each")
    parser.add_argument("--threads", type=int, default=1, help="`num.stream.threads` of each worker")
    parser.add_argument("--partitions", type=int, default=4, help="of the input")
    parser.add_argument("--empty", type=int, default=0, help="partitions that get no record")
    parser.add_argument("--hot", type=float, default=0.0, help="the part of the records that goes to one partition")
    parser.add_argument("--skew", default=None, help="`max.task.skew.ms`, or `off`")
    parser.add_argument("--config", action="append", default=[], metavar="NAME=VALUE", help="any other setting")
    deeds = parser.add_mutually_exclusive_group()
    deeds.add_argument("--freeze", type=float, default=None, metavar="SECONDS", help="stop a process for so long")
    for name in ("kill", "join", "restart"):
        deeds.add_argument(f"--{name}", action="store_true", help=f"in the middle: {DEEDS[name].__doc__}")


def asked_by(given: argparse.Namespace) -> Asked:
    settings = dict(pair.split("=", 1) for pair in given.config)
    if given.skew is not None:
        settings["max.task.skew.ms"] = "-1" if given.skew == "off" else given.skew
    deed = "freeze" if given.freeze else next((name for name in DEEDS if getattr(given, name, None) is True), "")
    return Asked(
        given.processes,
        given.workers,
        given.threads,
        settings,
        deed,
        given.freeze or 0.0,
        given.partitions,
        given.empty,
        given.hot,
        given.every,
    )


HEAD = ("run", "output", "right", "of", "more", "wrong", "missing", "lost", "worker s", "broker s", "wall s")


def main(given: argparse.Namespace) -> int:
    """Runs as often as asked; 1 where an output was not complete in one of them."""
    back_fill = BACK_FILLS[given.name]
    if given.data is not None:
        back_fill = back_fill._replace(data=given.data)
    incomplete = 0
    rows: list[tuple[str, ...]] = []
    with Engine() as engine, contextlib.closing(Runs(engine, back_fill, asked_by(given))) as runs:
        print(f"{len(runs.lines):,} records in {runs.asked.partitions} partitions; {runs.asked}", flush=True)
        for turn in range(1, given.runs + 1):
            ran = runs.run()
            incomplete += not ran.complete
            new = [_cells(turn, topic, verdict, ran) for topic, verdict in ran.verdicts.items()]
            rows += new
            print("  ".join(" ".join(cells) for cells in new), flush=True)
            for topic, ms in ran.disorder_ms.items():
                print(f"    {topic}: up to {ms / 3_600_000:.1f} h out of order")
            for warning in ran.said:
                print(f"    {warning}")
    print(f"\n{aligned([HEAD, *rows])}\n{given.runs - incomplete} of {given.runs} runs complete")
    return 1 if incomplete else 0


def _cells(turn: int, topic: str, verdict: Verdict, ran: Ran) -> tuple[str, ...]:
    counts = (verdict.right, verdict.keys, verdict.more, verdict.wrong + verdict.strange, verdict.missing, verdict.lost)
    seconds = (ran.worker_s, ran.broker_s, ran.wall_s)
    return (str(turn), topic, *(f"{count:,}" for count in counts), *(f"{each:.1f}" for each in seconds))
