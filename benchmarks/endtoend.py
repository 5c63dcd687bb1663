"""Jobs from topic to topic: one worker process, one broker process, CPU counted apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.clocks import Rates, Sample, resident_mb, steady
from benchmarks.data import DATASETS, rows_of
from benchmarks.engine import Engine
from benchmarks.figures import Figure, middle
from benchmarks.floors import FLOORS
from benchmarks.jobs import JOBS, Job, words_of
from benchmarks.options import Options

TIMEOUT_S = 900.0


def measured(name: str, engine: Engine, options: Options) -> Iterator[Figure]:
    """Runs a job and its floor in turn."""
    job = JOBS[name]
    count = options.records or job.records
    topics = {dataset: engine.input(dataset, count) for dataset in job.inputs}
    total = expected(job, count)
    runs: list[Rates] = []
    floors: list[Rates] = []
    peak = 0.0
    for turn in range(options.repeat):
        order = {**ordered(engine, job, topics, total, turn), "config": dict(options.config), "relax": options.relax}
        answer = child("job", order)
        runs.append(_rates(answer["samples"], total))
        peak = max(peak, answer["peak_mb"])
        if options.floors and name in FLOORS:
            rows = sum(rows_of(dataset, count) for dataset in job.inputs)
            floors.append(_rates(child("floor", {**order, "total": rows})["samples"], rows))
        engine.forget("out")
        engine.forget(order["application"])
    rates, spread = middle(runs)
    unscaled = total / counted_input(job, count) if job.counted is None else 1.0
    yield Figure(
        name,
        job.title,
        job.unit,
        count,
        rates.per_second / unscaled,
        rates.worker_ns * unscaled,
        (spread[0] * unscaled, spread[1] * unscaled),
        rates.broker_ns * unscaled,
        peak,
        resident_mb(engine.pid),
        middle(floors)[0].worker_ns if floors else 0.0,
    )


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


def expected(job: Job, count: int) -> int:
    """Records that the counted tasks process: for a foreign-key join each order is asked about and answered."""
    if job.unit == "words":
        return sum(
            len(words_of((line or b"").decode()))
            for chunk in DATASETS[job.inputs[0]].rows(count)
            for line in chunk.values
        )
    rows = [rows_of(dataset, count) for dataset in job.inputs]
    return sum(rows) + (2 * count if job.name == "FK" else 0)


def counted_input(job: Job, count: int) -> int:
    """Records that a rate counts: all inputs of a join of equals, else what flows past the table."""
    return sum(rows_of(dataset, count) for dataset in job.inputs if dataset != "customers")


def _rates(samples: Sequence[Sequence[float]], total: int) -> Rates:
    return steady([Sample(at, worker, broker, int(done)) for at, worker, broker, done in samples], total)


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
