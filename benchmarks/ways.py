"""Two ways of running a job: by the command, and `KafkaStreams` embedded in a program. In turns, both from outside.

How far a run is, is what its group has committed; CPU is that of the process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.clocks import Sample, cpu_of, resident_mb
from benchmarks.endtoend import Run, checked, counted_input, ordered, taken
from benchmarks.engine import Engine
from benchmarks.figures import Figure, Row, Value, middle, ratio, wall_spread
from benchmarks.jobs import JOBS, Job
from benchmarks.options import Options
from streams.clients import Admin
from streams.errors import GroupIdNotFoundException

NAMES = ("W1", "W2", "W6")
ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
from benchmarks.jobs import JOBS

def topology(builder):
    JOBS[{name!r}].build(builder, {topics!r})
"""
LOOK_S = 0.05
PATIENCE_S = 600.0
WAYS: Mapping[str, tuple[str, ...]] = {
    "command": ("-m", "streams.cli.main", "run"),
    "embedded": ("-m", "benchmarks.embedded"),
}


def measured(name: str, engine: Engine, options: Options) -> Iterator[Row]:
    """Both ways, and what the embedded one does beside the command: above 1, it is the better."""
    job = JOBS[name]
    count = options.records or job.records
    topics = {dataset: engine.input(dataset, count) for dataset in job.inputs}
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for turn in range(options.repeat):
        for way in sorted(WAYS, reverse=bool(turn % 2)):
            runs[way].append(_run(engine, job, topics, count, turn, way))
    for way, found in runs.items():
        rates, spread = middle([each.steady for each in found])
        whole, _ = middle([each.whole for each in found])
        yield Figure(
            f"{way}/{name}",
            job.title,
            job.unit,
            count,
            rates.per_second,
            rates.worker_ns,
            spread,
            rates.broker_ns,
            max(each.peak_mb for each in found),
            wall=wall_spread(each.steady for each in found),
            run_per_second=whole.per_second,
            run_ns=whole.worker_ns,
            outputs=found[-1].outputs,
            digest=found[-1].digest,
        )
    pairs = list(zip(runs["command"], runs["embedded"], strict=True))
    cpu = ratio([command.whole.worker_ns / embedded.whole.worker_ns for command, embedded in pairs])
    title = f"embedded beside the command, CPU of the run [{cpu.low:.2f}-{cpu.high:.2f}]"
    yield Value(f"embedded/{name}", title, cpu.middle, "times as good")


def _run(engine: Engine, job: Job, topics: Mapping[str, str], count: int, turn: int, way: str) -> Run:
    order = ordered(engine, job, topics, 0, turn)
    application = f"{way}-{order['application']}"
    script = Path(engine.directory) / f"{application.replace('-', '_')}.py"
    script.write_text(SCRIPT.format(name=job.name, topics=order["topics"]))
    process = subprocess.Popen(
        [sys.executable, *WAYS[way], str(script), *_told(way, application, engine.address)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    admin = Admin({"bootstrap.servers": engine.address})
    try:
        samples, peak = _watched(process, admin, application, engine.pid)
        process.terminate()
        samples.append(Sample(time.monotonic(), _ended(process), cpu_of(engine.pid), samples[-1].done))
    finally:
        process.kill()
        process.communicate()
        admin.close()
    came = checked(engine, job, order["topics"]["out"], count)
    engine.forget("out")
    engine.forget(application)
    return taken(samples, samples[-1].done, counted_input(job, count), peak, came)


def _told(way: str, application: str, servers: str) -> list[str]:
    if way == "embedded":
        return [application, servers, "auto.offset.reset=earliest"]
    told = ["--application-id", application, "--bootstrap-servers", servers, "--log-level", "error"]
    return [*told, "--config", "auto.offset.reset=earliest"]


def _watched(process: subprocess.Popen[str], admin: Admin, application: str, broker: int) -> tuple[list[Sample], float]:
    """Samples until nothing is left to read, and the most memory that the process has had."""
    samples = [Sample(time.monotonic(), 0.0, cpu_of(broker), 0)] * 2
    while True:
        done, left = _progress(admin, application)
        now = Sample(time.monotonic(), cpu_of(process.pid), cpu_of(broker), done)
        if not done:
            samples.pop()  # the last one before the first record is the one that counts
        samples.append(now)
        if done and not left:
            return samples, resident_mb(process.pid)
        if process.poll() is not None or now.at - samples[0].at > PATIENCE_S:
            process.kill()
            said = (process.communicate()[1] or "").strip().splitlines() or ["it said nothing"]
            raise RuntimeError(f"{application} did not come to its end: {said[-1]}")
        time.sleep(LOOK_S)


def _progress(admin: Admin, application: str) -> tuple[int, int]:
    """Records that the group has committed, and those that are left."""
    with contextlib.suppress(GroupIdNotFoundException):
        rows = admin.describe_group(application).partitions
        return sum(row.committed or 0 for row in rows), sum(row.end if row.lag is None else row.lag for row in rows)
    return 0, 0


def _ended(process: subprocess.Popen[str]) -> float:
    """Waits for a process; the CPU seconds of its whole life."""
    assert process.stderr is not None
    process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the process ended with exit code {process.returncode}")
    return used.ru_utime + used.ru_stime
