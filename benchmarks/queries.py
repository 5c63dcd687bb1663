"""How long answers over HTTP take while a job works at half of its highest rate, and whether it keeps up.

Two instances count by key. First they work off what is there, which gives their highest rate; then half of that comes
in, for a while without questions and for a while with them. Local answers are those of the instance that was asked.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.clocks import cpu_of
from benchmarks.counting import SCRIPT
from benchmarks.engine import Engine
from benchmarks.figures import aligned

PARTITIONS = 4
INSTANCES = 2
WARM_S = 3.0
BOUNDS_MS = {"local": 10.0, "forwarded": 20.0}
"""Which 99 of 100 answers keep."""
LONGEST_S = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what may be given."""
    parser.add_argument("--rate", type=int, default=2_000, help="questions a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--records", type=int, default=500_000, help="that are worked off first")
    parser.add_argument("--input", type=int, default=0, help="records a second; 0: half of the highest rate")
    parser.add_argument("--eos", action="store_true", help="exactly once")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def main(given: argparse.Namespace) -> int:
    """Measures; 0 if the bounds are kept and nothing has fallen behind."""
    with Engine() as engine:
        found = measured(engine, given)
    print(json.dumps(found) if given.json else aligned(rows(found)))
    return 0 if kept(found) else 1


def measured(engine: Engine, given: argparse.Namespace) -> Mapping[str, Any]:
    """All figures."""
    source, sink = engine.topic("asked-in", PARTITIONS), engine.topic("asked-out")
    feed = {"address": engine.address, "topic": source, "partitions": PARTITIONS}
    _child("feed", {**feed, "rate": given.records, "seconds": 1.0})
    total = engine.written(source)
    with _instances(engine, source, sink, given.eos) as (processes, endpoints):
        highest = _highest(processes, endpoints, total)
        rate = given.input or int(highest / 2)
        _child("feed", {**feed, "rate": rate, "seconds": WARM_S})
        without = _stretch(processes, endpoints, {**feed, "rate": rate, "seconds": given.seconds}, None)
        order = {"endpoints": endpoints, "rate": given.rate, "seconds": given.seconds}
        _child("ask", {**order, "seconds": WARM_S})
        asked = _stretch(processes, endpoints, {**feed, "rate": rate, "seconds": given.seconds}, order)
    return {"highest": highest, "input": rate, "rate": given.rate, "without": without, "with": asked}


def _stretch(
    processes: Sequence[subprocess.Popen[bytes]],
    endpoints: Sequence[str],
    feed: Mapping[str, Any],
    ask: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    """What goes on while records come in, and perhaps questions."""
    _until_idle(processes, endpoints)
    cpu, done, began = _cpu(processes), _sum(endpoints, "processed"), time.monotonic()
    feeder = _started("feed", feed)
    asker = None if ask is None else _started("ask", ask)
    lags: list[int] = []
    while feeder.poll() is None or (asker is not None and asker.poll() is None):
        time.sleep(0.5)
        lags.append(_sum(endpoints, "lag"))
    seconds = time.monotonic() - began
    answer: Mapping[str, Any] = {} if asker is None else _answer(asker)
    half = len(lags) // 2
    return {
        "sent": _answer(feeder)["sent"],
        "processed_per_second": (_sum(endpoints, "processed") - done) / seconds,
        "cpu_per_second": (_cpu(processes) - cpu) / seconds,
        "lag_first_half": max(lags[:half], default=0),
        "lag_second_half": max(lags[half:], default=0),
        "answered": sum(map(len, answer.get("waits", {}).values())),
        "others": answer.get("others", {}),
        "ms": {kind: quantiles(waits) for kind, waits in answer.get("waits", {}).items()},
        "seconds": seconds,
    }


def quantiles(waits: Sequence[float]) -> Mapping[str, float]:
    """Of waits in order."""
    if not waits:
        return {}
    return {name: waits[min(len(waits) - 1, int(len(waits) * part))] for name, part in (("p50", 0.5), ("p99", 0.99))}


def kept(found: Mapping[str, Any]) -> bool:
    """Are the bounds kept, and has nothing fallen behind?"""
    asked = found["with"]
    late = [kind for kind, bound in BOUNDS_MS.items() if asked["ms"].get(kind, {}).get("p99", bound) > bound]
    grows = asked["lag_second_half"] > 2 * max(asked["lag_first_half"], found["input"])
    return not late and not grows and not asked["others"] and asked["answered"] > 0


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """As a table."""
    without, asked = found["without"], found["with"]
    shown = [
        ("", "without questions", "with them"),
        ("highest rate, records/s", f"{found['highest']:,.0f}", ""),
        ("records/s in", f"{found['input']:,}", f"{found['input']:,}"),
        *(
            (title, f"{without[name]:,.1f}", f"{asked[name]:,.1f}")
            for title, name in (
                ("records/s processed", "processed_per_second"),
                ("CPU seconds/s of the instances", "cpu_per_second"),
                ("most lag in the first half, records", "lag_first_half"),
                ("in the second", "lag_second_half"),
            )
        ),
        ("questions/s answered", "", f"{asked['answered'] / asked['seconds']:,.0f} of {found['rate']:,}"),
        ("other answers", "", str(asked["others"] or "none")),
    ]
    for kind, each in asked["ms"].items():
        told = ", ".join(f"{name} {ms:.1f} ms" for name, ms in each.items())
        shown.append((f"{kind} answers", "", f"{told} (bound {BOUNDS_MS[kind]:.0f})"))
    return shown


@contextmanager
def _instances(
    engine: Engine, source: str, sink: str, eos: bool
) -> Iterator[tuple[list[subprocess.Popen[bytes]], list[str]]]:
    """Instances that run; and where they are asked."""
    script = Path(engine.directory) / "asked.py"
    script.write_text(SCRIPT.format(source=source, sink=sink))
    with ExitStack() as stack:
        endpoints = [f"127.0.0.1:{_free_port()}" for _ in range(INSTANCES)]
        processes = []
        for number, endpoint in enumerate(endpoints):
            settings = {"state.dir": f"{engine.directory}/state-{number}"}
            if eos:
                settings["processing.guarantee"] = "exactly_once_v2"
            command = [sys.executable, "-m", "streams.cli.main", "run", str(script), "--http", endpoint]
            command += ["--application-id", f"asked-{source}", "--bootstrap-servers", engine.address]
            command += [part for name, value in settings.items() for part in ("--config", f"{name}={value}")]
            log = stack.enter_context((Path(engine.directory) / f"asked-{number}.log").open("wb"))
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(_end, process)
            processes.append(process)
        yield processes, endpoints


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _highest(processes: Sequence[subprocess.Popen[bytes]], endpoints: Sequence[str], total: int) -> float:
    """The rate at which they work off what is there, while all of them have something."""
    samples: list[tuple[float, int]] = []
    end = time.monotonic() + LONGEST_S
    while not samples or samples[-1][1] < total:
        _check(processes, end)
        samples.append((time.monotonic(), _sum(endpoints, "processed")))
        time.sleep(0.05)
    inner = [each for each in samples if 0.1 * total <= each[1] <= 0.8 * total] or samples
    (first, before), (last, after) = inner[0], inner[-1]
    return (after - before) / max(1e-3, last - first)


def _until_idle(processes: Sequence[subprocess.Popen[bytes]], endpoints: Sequence[str]) -> None:
    end = time.monotonic() + LONGEST_S
    while _sum(endpoints, "lag"):
        _check(processes, end)
        time.sleep(0.05)


def _check(processes: Sequence[subprocess.Popen[bytes]], end: float) -> None:
    if any(each.poll() is not None for each in processes):
        raise RuntimeError("an instance has ended")
    if time.monotonic() > end:
        raise RuntimeError(f"the instances are not done within {LONGEST_S:.0f} s")


def _sum(endpoints: Sequence[str], what: str) -> int:
    """A figure of `/state`, of all instances that answer."""
    found = 0
    for endpoint in endpoints:
        try:
            with urllib.request.urlopen(f"http://{endpoint}/state", timeout=10) as answer:
                found += int(json.load(answer)[what])
        except OSError:
            continue  # it has not begun
    return found


def _cpu(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    return sum(cpu_of(each.pid) for each in processes)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _started(role: str, order: Mapping[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.asking", json.dumps({**order, "role": role})]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _answer(process: subprocess.Popen[str]) -> Mapping[str, Any]:
    said = process.communicate(timeout=LONGEST_S)[0]
    if process.returncode:
        raise RuntimeError("a client failed")
    answer: Mapping[str, Any] = json.loads(said.splitlines()[-1])
    return answer


def _child(role: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
    return _answer(_started(role, order))
