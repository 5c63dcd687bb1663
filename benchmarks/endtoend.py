"""Jobs from topic to topic: one worker process, one broker process, CPU counted apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.answers import Answer, compare, expected, found
from benchmarks.clocks import Rates, Sample, between, resident_mb, scaled, steady
from benchmarks.data import rows_of
from benchmarks.engine import Engine
from benchmarks.figures import Figure, middle, wall_spread
from benchmarks.jobs import JOBS, Job
from benchmarks.options import Options

TIMEOUT_S = 900.0


def measured(name: str, engine: Engine, options: Options) -> Iterator[Figure]:
    """Runs a job and its floor in turn."""
    job = JOBS[name]
    count = options.records or job.records
    topics = {dataset: engine.input(dataset, count) for dataset in job.inputs}
    runs: list[Run] = []
    floors: list[Rates] = []
    for turn in range(options.repeat):
        runs.append(run_job(engine, job, topics, count, turn, options))
        if options.floors:
            floors.append(_run_floor(engine, job, topics, count, turn))
    rates, spread = middle([each.stretch(job) for each in runs])
    whole, _ = middle([each.whole for each in runs])
    yield Figure(
        name,
        job.title,
        job.unit,
        count,
        rates.per_second,
        rates.worker_ns,
        spread,
        rates.broker_ns,
        max(each.peak_mb for each in runs),
        resident_mb(engine.pid),
        middle(floors)[0].worker_ns if floors else 0.0,
        wall_spread(each.stretch(job) for each in runs),
        whole.per_second,
        whole.worker_ns,
        runs[-1].outputs,
        runs[-1].digest,
    )


class Run(NamedTuple):
    """One run whose output was right: its steady half and all from the first record to closed, by input records."""

    steady: Rates
    whole: Rates
    peak_mb: float
    outputs: int
    digest: str

    def stretch(self, job: Job) -> Rates:
        """What the job is judged by."""
        return self.whole if job.whole else self.steady


def taken(samples: Sequence[Sample], total: int, counted: int, peak_mb: float, came: Answer) -> Run:
    """A run by its samples: before the start, before the first record, and so on to closed.

    Args:
        total: records that were processed.
        counted: those that a rate counts.
    """
    part = counted / total
    steady_half, whole = steady(samples[1:-1], total), between(samples[1], samples[-1])
    return Run(scaled(steady_half, part), scaled(whole, part), peak_mb, came.most, came.digest)


def run_job(engine: Engine, job: Job, topics: Mapping[str, str], count: int, turn: int, options: Options) -> Run:
    """Runs a job once.

    Raises:
        WrongOutput: what it gave is not what it must give.
    """
    total = processed(job, count)
    order = {**ordered(engine, job, topics, total, turn), "config": dict(options.config), "relax": options.relax}
    answer = child("job", order)
    came = checked(engine, job, order["topics"]["out"], count)
    engine.forget("out")
    engine.forget(order["application"])
    samples = [Sample(at, worker, broker, int(done)) for at, worker, broker, done in answer["samples"]]
    return taken(samples, total, counted_input(job, count), answer["peak_mb"], came)


def _run_floor(engine: Engine, job: Job, topics: Mapping[str, str], count: int, turn: int) -> Rates:
    rows = sum(rows_of(dataset, count) for dataset in job.inputs)
    order = ordered(engine, job, topics, rows, turn)
    samples = [Sample(*row) for row in child("floor", order)["samples"]]
    checked(engine, job, order["topics"]["out"], count)
    engine.forget("out")
    whole = job.whole or len(job.inputs) > 1  # it takes a table first, or one input faster than the other
    rates = between(samples[0], samples[-1]) if whole else steady(samples, rows)
    return scaled(rates, counted_input(job, count) / rows)


def checked(engine: Engine, job: Job, out: str, count: int) -> Answer:
    """The answer in an output topic, which is the right one.

    Raises:
        WrongOutput: it is not.
    """
    answer = job.answer or job.name
    came = found(answer, engine.read(out))
    compare(job.name, came, expected(answer, count))
    return came


def ordered(engine: Engine, job: Job, topics: Mapping[str, str], total: int, turn: int) -> dict[str, Any]:
    """What a child is told."""
    out = engine.topic("out")
    return {
        "name": job.name,
        "application": f"bench-{out}-{turn}",
        "address": engine.address,
        "broker": engine.pid,
        "topics": {**topics, "out": out},
        "total": total,
    }


def processed(job: Job, count: int) -> int:
    """Records that the counted tasks process: for a foreign-key join each order is asked about and answered."""
    if job.unit == "words":
        return expected(job.answer or job.name, count).most
    rows = [rows_of(dataset, count) for dataset in job.inputs]
    return sum(rows) + (2 * count if job.name == "FK" else 0)


def counted_input(job: Job, count: int) -> int:
    """Records that a rate counts: words, all inputs of a join of equals, else what flows past the table."""
    if job.unit == "words":
        return processed(job, count)
    return sum(rows_of(dataset, count) for dataset in job.inputs if dataset != "customers")


def child(role: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Runs a child to its end; its answer."""
    done = subprocess.run(command(role, order), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{role} {order.get('name', '')} failed: {said[-1]}")
    answer: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def command(role: str, order: Mapping[str, Any]) -> list[str]:
    """The command line of a child."""
    return [sys.executable, "-m", "benchmarks.child", json.dumps({**order, "role": role})]
