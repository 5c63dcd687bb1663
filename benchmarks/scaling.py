"""Two workers on two cores against one: the same two partitions, by one process and by two."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from benchmarks.clocks import Sample
from benchmarks.endtoend import checked, command, ordered, processed
from benchmarks.engine import Engine
from benchmarks.figures import Value
from benchmarks.jobs import JOBS
from benchmarks.options import Options

NAMES = ("W0", "W1", "W2")
PARTITIONS = 2


class Pace(NamedTuple):
    """Of one run: records a second by all workers, and the broker's CPU for each second of a worker's."""

    per_second: float
    broker_share: float


def measured(name: str, engine: Engine, options: Options) -> Iterator[Value]:
    """The ratio of the rates, and how near it comes to the limit 2 / (1 + b).

    Raises:
        WrongOutput: what both gave together is not what they must give.
    """
    job = JOBS[name]
    count = options.records or job.records
    topics = {dataset: engine.input(dataset, count, PARTITIONS) for dataset in job.inputs}
    ratios, shares, limits = [], [], []
    for turn in range(options.repeat):
        paces = []
        for workers in (1, 2):
            order = ordered(engine, job, topics, processed(job, count), turn)
            paces.append(_pace(order, workers))
            checked(engine, job, order["topics"]["out"], count)
            engine.forget("out")
            engine.forget(order["application"])
        one, two = paces
        ratios.append(two.per_second / one.per_second)
        shares.append(two.broker_share)
        limits.append(2 / (1 + two.broker_share))
    title = f"two workers against one: {job.title}"
    yield Value(f"two/{name}", title, median(ratios), "times the rate")
    yield Value("", "    the broker's CPU for each second of a worker's, and the limit 2 / (1 + b)", median(shares), "")
    yield Value("", "    of which is reached", 100 * median(ratios) / median(limits), "%")


def _pace(order: Mapping[str, Any], workers: int) -> Pace:
    """Starts the workers, lets them go when each has its share of the tasks, and takes their common stretch."""
    started = [
        subprocess.Popen(
            command("job", {**order, "wait": True, "tasks": PARTITIONS // workers}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(workers)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"a worker of {order['name']} did not start")
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [json.loads(process.communicate(timeout=600)[0].splitlines()[-1]) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    return together([[Sample(*row) for row in answer["samples"]] for answer in answers])


def together(runs: Sequence[Sequence[Sample]]) -> Pace:
    """The middle of the stretch in which all were at work: from a quarter to three quarters of it."""
    first = max(next(each.at for each in run if each.done > run[0].done) for run in runs)
    last = min(next(each.at for each in run if each.done == run[-1].done) for run in runs)
    begin, end = first + (last - first) / 4, last - (last - first) / 4
    records = worker = broker = seconds = 0.0
    for run in runs:
        inner = [each for each in run if begin <= each.at <= end]
        if len(inner) < 2:
            inner = list(run)
        seconds = inner[-1].at - inner[0].at
        records += (inner[-1].done - inner[0].done) / seconds
        worker += (inner[-1].worker - inner[0].worker) / seconds
        broker = max(broker, (inner[-1].broker - inner[0].broker) / seconds)
    return Pace(records, broker / max(worker, 1e-9))
