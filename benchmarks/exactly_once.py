"""A job exactly once against the same at least once, in turns, both with a commit every 100 ms."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.endtoend import Run, run_job
from benchmarks.engine import Engine
from benchmarks.figures import Value
from benchmarks.jobs import JOBS
from benchmarks.options import Options

NAMES = ("W1", "W2", "W3", "W9")
GUARANTEES = ("at_least_once", "exactly_once_v2")


def measured(name: str, engine: Engine, options: Options) -> Iterator[Value]:
    """What exactly-once is of at-least-once: by records a second, by the worker's CPU and by the broker's.

    Raises:
        WrongOutput: what a run gave is not what it must give.
    """
    job = JOBS[name]
    count = options.records or job.records
    topics = {dataset: engine.input(dataset, count) for dataset in job.inputs}
    runs: list[dict[str, Run]] = []
    for turn in range(options.repeat):
        pair: dict[str, Run] = {}
        for guarantee in sorted(GUARANTEES, reverse=bool(turn % 2)):
            own = {"commit.interval.ms": "100", **options.config, "processing.guarantee": guarantee}
            pair[guarantee] = run_job(engine, job, topics, count, turn, options._replace(config=own))
        runs.append(pair)
    least, once = ([pair[guarantee].stretch(job) for pair in runs] for guarantee in GUARANTEES)
    pairs = list(zip(least, once, strict=True))
    title = f"exactly once of at least once: {job.title}"
    yield Value(f"once/{name}", title, 100 * median(b.per_second / a.per_second for a, b in pairs), "% of the rate")
    shares = [100 * a.worker_ns / b.worker_ns for a, b in pairs]
    yield Value("", f"    by the worker's CPU, {min(shares):.0f} to {max(shares):.0f}", median(shares), "%")
    yield Value("", "    the broker's CPU for a record", median(b.broker_ns / a.broker_ns for a, b in pairs), "times")
