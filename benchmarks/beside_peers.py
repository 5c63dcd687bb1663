"""`python -m benchmarks peers`: W0 to W3 here and on other libraries for Python, where they are installed.

They run over Apache Kafka (`kafka_java.py`), as they know no other broker, in an environment of their own if you like.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.answers import CHECKS, Answer, Row, compare, expected, found, last, last_value
from benchmarks.beside import HEAD, Beside, cells, row_of, shared_arguments
from benchmarks.clocks import Sample
from benchmarks.endtoend import Run, run_job, taken
from benchmarks.engine import Engine
from benchmarks.figures import Failed, aligned, as_json
from benchmarks.jobs import JOBS
from benchmarks.kafka_java import Bench, NoJava, prepare, serving, versions
from benchmarks.options import Options
from benchmarks.page import write

NAMES = ("W0", "W1", "W2", "W3")
RECORDS = {"W0": 300_000, "W1": 300_000, "W2": 300_000, "W3": 100_000}
"""They need some ten times as long as we do."""
OURS = {"W2": "W2/cache0"}
"""What stands beside a peer's job: they give each update of a count, as we do without the cache."""
HERE = Path(__file__).resolve().parent / "peers"
RUN_S = 3_600.0


class Peer(NamedTuple):
    """A library: the program that runs on it, and how it is installed."""

    program: str
    install: str


PEERS: Mapping[str, Peer] = {
    "quixstreams": Peer("quix.py", "pip install quixstreams orjson"),
    "bytewax": Peer("flow.py", "pip install 'bytewax[kafka]' orjson"),
}


def version_of(python: str, name: str) -> str | None:
    """The version that an interpreter has; None where it has none."""
    code = f"import {name}; from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.split()[-1] if done.returncode == 0 else None


def peer_run(bench: Bench, python: str, peer: str, name: str, count: int) -> Run:
    """Runs a job on a peer once.

    Raises:
        WrongOutput: what it gave is not what it must give.
    """
    source, true = bench.input("orders", count), expected_of(name, count)
    application, out = bench.output()
    with tempfile.TemporaryDirectory(prefix="streams-bench-state-", ignore_cleanup_errors=True) as state:
        order = {
            "job": name,
            "total": count,
            "outputs": true.most,
            "servers": bench.servers,
            "broker": bench.pid,
            "application": application,
            "source": source,
            "out": out,
            "state": state,
        }
        done = subprocess.run(
            [python, str(HERE / PEERS[peer].program), json.dumps(order)],
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{peer} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    answer = json.loads(lines[-1])
    came = found_of(bench, name, out)
    bench.drop(application)
    compare(f"{name} on {peer}", came, true)
    samples = [Sample(at, worker, broker, int(seen)) for at, worker, broker, seen in answer["samples"]]
    return taken(samples, count, count, answer["peak_mb"], came)


def expected_of(name: str, count: int) -> Answer:
    """What must come. The timestamp of a window is each one's own."""
    return last_value(CHECKS[name].truth(count)) if name == "W3" else expected(OURS.get(name, name), count)


def found_of(bench: Bench, name: str, out: str) -> Answer:
    """What came. A window's start stands in its value."""
    return last(_windows(bench, out)) if name == "W3" else found(OURS.get(name, name), bench.read(out))


def _windows(bench: Bench, out: str) -> Iterator[Row]:
    for key, value, _ in bench.read(out):
        window = msgspec.json.decode(value or b"{}")
        yield ((key or b"").decode(), window["start"]), window["value"], 0


def beside(engine: Engine, bench: Bench, python: str, peer: str, told: str, name: str, options: Options) -> Beside:
    """Runs a job on both in turns; who begins changes."""
    job = JOBS[OURS.get(name, name)]
    count = options.records or RECORDS[name]
    topics = {dataset: engine.input(dataset, count) for dataset in job.inputs}
    ours, theirs = [], []
    for turn in range(options.repeat):
        if turn % 2:
            theirs.append(peer_run(bench, python, peer, name, count))
        ours.append(run_job(engine, job, topics, count, turn, Options()))
        if not turn % 2:
            theirs.append(peer_run(bench, python, peer, name, count))
    return row_of(job, told, count, ours, theirs, bench.pid > 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    shared_arguments(parser, NAMES)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has them")


def main(given: argparse.Namespace) -> int:
    """Runs what is asked for; 1 where a row failed, 2 where nothing could be run."""
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        print(f"There is no {', '.join(unknown)} on peers; there are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    there = {}
    for peer, (_, install) in PEERS.items():
        version = version_of(given.python, peer)
        if version is None:
            print(f"{peer} is not installed for {given.python}: {install}", file=sys.stderr)
        else:
            there[peer] = version
    if not there:
        return 2
    options = Options(given.records, given.repeat)
    rows: list[Beside] = []
    failed: list[Failed] = []
    try:
        java = prepare()
        with contextlib.ExitStack() as stack:
            bench = stack.enter_context(serving(java, given.bootstrap_servers, given.broker_pid))
            engine = stack.enter_context(Engine())
            for peer, version in there.items():
                for name in given.names or NAMES:
                    try:
                        rows.append(beside(engine, bench, given.python, peer, f"{peer} {version}", name, options))
                        print("  ".join(cells(rows[-1])), file=sys.stderr, flush=True)
                    except RuntimeError as error:
                        failed.append(Failed(name, peer, str(error)))
                        print(f"{name} on {peer} FAILED: {error}", file=sys.stderr, flush=True)
                    if given.write:
                        faults = [f"{each.name} on {each.title}: {each.why}" for each in failed]
                        write("peers", HEAD, [cells(row) for row in rows], faults, {**there, **versions(java)})
    except NoJava as error:
        print(error, file=sys.stderr)
        return 2
    faults = [f"{each.name} on {each.title}: {each.why}" for each in failed]
    if given.json:
        print(as_json([*rows, *failed], {**options._asdict(), **there, **versions(java)}))
    else:
        print("\n".join(["", aligned([HEAD, *map(cells, rows)]), *(f"FAILED: {each}" for each in faults)]))
    return 1 if failed else 0
