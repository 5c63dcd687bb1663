"""`python -m benchmarks java`: W0 to W14 here and on Java's Kafka Streams, in turns, over the same records.

Java's runs over Apache Kafka, ours over our broker, or with `--on kafka` over the same broker and the same topics of
input; all processes are on this machine. Both outputs are checked against the same answer. Java commits every 30 s by
default and we ten times a second, so that both are also run at equal intervals; exactly once both commit every 100 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks import beside_java_times
from benchmarks.answers import compare, expected, found
from benchmarks.beside import HEAD, Beside, cells, row_of, shared_arguments
from benchmarks.beside_java_times import BesideTimes, Sides, Theirs
from benchmarks.clocks import Sample
from benchmarks.endtoend import Run, counted_input, processed, run_job, taken
from benchmarks.engine import Engine
from benchmarks.figures import Failed, aligned, as_json
from benchmarks.jobs import JOBS, Job
from benchmarks.kafka_java import Bench, NoJava, prepare, serving, versions
from benchmarks.options import Options
from benchmarks.page import write

NAMES = ("W0", "W1", "W2", "W2/cache0", "W2/million", "W3", "W4", "W5", "W6", "W7", "W8", "W9")
TIMES = tuple(beside_java_times.MEASURED)
FEWER = {"W4": 500_000, "W8": 300_000}
"""Input records of jobs that take Java long."""
OURS_MS = 100
"""Our default between two commits."""
PLACES = {"own": "java", "kafka": "java-on-kafka"}
"""Where the figures stand on the page, by what ours runs over."""


class Setting(NamedTuple):
    """How both run: Java's ms between two commits (None: its default), and whether exactly once."""

    title: str
    interval: int | None
    once: bool = False

    @property
    def java(self) -> dict[str, object]:
        """What Java is told; the rest is its default."""
        interval = {} if self.interval is None else {"commit.interval.ms": self.interval}
        return {**interval, **({"processing.guarantee": "exactly_once_v2"} if self.once else {})}

    @property
    def ours(self) -> dict[str, object]:
        """What we are told."""
        return {"commit.interval.ms": OURS_MS, **self.java}


INTERVALS = {
    "default": Setting("Java 30 s, ours 100 ms", None),
    "100": Setting("both 100 ms", 100),
    "1000": Setting("both 1 s", 1_000),
    "once": Setting("both 100 ms, exactly once", 100, True),
}


def java_run(bench: Bench, job: Job, count: int, config: Mapping[str, object]) -> Run:
    """Runs a job on Kafka Streams once.

    Raises:
        WrongOutput: what it gave is not what it must give.
    """
    topics = {dataset: bench.input(dataset, count) for dataset in job.inputs}
    total = processed(job, count) + (count if job.counted is not None else 0)  # its thread counts both sub-topologies
    answer = bench.run(job.name, topics, total, config)
    came = found(job.name, bench.read(answer["out"]))
    bench.drop(answer["application"])
    compare(f"{job.name} on Java", came, expected(job.name, count))
    samples = [Sample(at, worker, broker, int(done)) for at, worker, broker, done in answer["samples"]]
    return taken(samples, total, counted_input(job, count), answer["peak_mb"], came)


def beside(engine: Engine, bench: Bench, name: str, options: Options, intervals: Sequence[str]) -> Iterator[Beside]:
    """Runs a job on both at each interval, in turns; who begins changes."""
    job = JOBS[name]
    count = options.records or FEWER.get(name, job.records)
    filled = bench if engine.address == bench.servers else engine
    topics = {dataset: filled.input(dataset, count) for dataset in job.inputs}
    runs: dict[str, tuple[list[Run], list[Run]]] = {interval: ([], []) for interval in intervals}
    for turn in range(options.repeat):
        for interval in intervals:
            setting = INTERVALS[interval]
            ours, java = runs[interval]
            if turn % 2:
                java.append(java_run(bench, job, count, setting.java))
            own = Options(config={**options.config, **setting.ours})
            ours.append(run_job(engine, job, topics, count, turn, own))
            if not turn % 2:
                java.append(java_run(bench, job, count, setting.java))
    for interval, (ours, java) in runs.items():
        yield row_of(job, INTERVALS[interval].title, count, ours, java, bench.pid > 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    shared_arguments(parser, (*NAMES, *TIMES))
    parser.add_argument(
        "--interval",
        action="append",
        choices=INTERVALS,
        help="of W0 to W9: ms between commits of both (once: exactly once, 100 ms); all if none is given",
    )
    parser.add_argument(
        "--on", choices=PLACES, default="own", help="what ours runs over: our own broker, or the Kafka of Java's"
    )


def main(given: argparse.Namespace) -> int:
    """Runs what is asked for; 1 where a row failed, 2 where Java is not there."""
    known = (*NAMES, *TIMES)
    unknown = [name for name in given.names if name not in known]
    if unknown:
        print(f"There is no {', '.join(unknown)} on Java; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    options = Options(given.records, given.repeat)
    intervals = given.interval or list(INTERVALS)
    rows: list[Beside] = []
    times: list[BesideTimes] = []
    failed: list[Failed] = []
    try:
        java = prepare()
        with contextlib.ExitStack() as stack:
            bench = stack.enter_context(serving(java, given.bootstrap_servers, given.broker_pid))
            theirs = stack.enter_context(Engine(bench.servers, bench.pid))
            engine = theirs if given.on == "kafka" else stack.enter_context(Engine())
            sides = Sides(engine, Theirs(theirs, bench))
            for name in given.names or known:
                try:
                    if name in TIMES:
                        for time in beside_java_times.beside(name, sides, options):
                            times.append(time)
                            print("  ".join(beside_java_times.cells(time)), file=sys.stderr, flush=True)
                    else:
                        for row in beside(engine, bench, name, options, intervals):
                            rows.append(row)
                            print("  ".join(cells(row)), file=sys.stderr, flush=True)
                except RuntimeError as error:
                    failed.append(Failed(name, JOBS[name].title if name in JOBS else "", str(error)))
                    print(f"{name} FAILED: {error}", file=sys.stderr, flush=True)
                if given.write:  # after each job, so that what was measured is there if the rest is not
                    _write(PLACES[given.on], rows, times, failed, versions(java))
    except NoJava as error:
        print(error, file=sys.stderr)
        return 2
    settings = {**options._asdict(), "intervals": intervals, **versions(java)}
    if given.json:
        print(as_json([*rows, *times, *failed], settings))
    else:
        print("\n\n".join([*_tables(rows, times), *(f"{each.name} FAILED: {each.why}" for each in failed)]))
    return 1 if failed else 0


def _tables(rows: Sequence[Beside], times: Sequence[BesideTimes]) -> Iterator[str]:
    if rows:
        yield aligned([HEAD, *map(cells, rows)])
    if times:
        yield aligned([beside_java_times.HEAD, *map(beside_java_times.cells, times)])


def _write(
    place: str,
    rows: Sequence[Beside],
    times: Sequence[BesideTimes],
    failed: Sequence[Failed],
    settings: Mapping[str, str],
) -> None:
    """Into the tables of what was asked for."""
    faults = {each.name: f"{each.name}: {each.why}" for each in failed}
    for table, head, lines, names in (
        (place, HEAD, [cells(row) for row in rows], NAMES),
        (f"{place}-times", beside_java_times.HEAD, [beside_java_times.cells(row) for row in times], TIMES),
    ):
        missing = [faults[name] for name in names if name in faults]
        if lines or missing:
            write(table, head, lines, missing, settings)
