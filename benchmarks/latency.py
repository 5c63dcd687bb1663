"""W12 and W13: how late a result is at a fixed rate, and how long a start takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.endtoend import child, command
from benchmarks.engine import Engine
from benchmarks.figures import Value
from benchmarks.options import Options
from streams.clients.api import Isolation
from streams.clients.connect import connect
from streams.record import TopicPartition

RATE = 5_000
"""Records a second."""
WARM_S, MEASURED_S = 3.0, 10.0
QUANTILES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
SCRIPT = """
from streams import Serdes, StreamsBuilder

def topology(builder: StreamsBuilder) -> None:
    records = builder.stream({source!r}, key_serde=Serdes.string(), value_serde=Serdes.bytes())
    records.group_by_key().count().to_stream().to({sink!r}, value_serde=Serdes.long())
"""
START_RECORDS = 1_000
LONGEST_S = 60.0


def measured(engine: Engine, options: Options) -> Iterator[Value]:
    """From the generator's send to the consumer's poll: without a job (the floor of the method), then with a count; and
    with one exactly once, to a consumer of what is committed."""
    rows: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        ("none", "no job between", {}),
        ("W2/cache0", "count without cache", {}),
        ("W2/cache0", "the same exactly once", {"processing.guarantee": "exactly_once_v2"}),
    )
    for name, title, config in rows:
        for quantile, ms in _latencies(engine, name, options.records, {**options.config, **config}).items():
            yield Value(f"W12/{quantile}", f"{RATE:,} records/s, {title}", ms, "ms")


def _latencies(
    engine: Engine, name: str, records: int | None, config: Mapping[str, str]
) -> Mapping[str, float]:
    source = engine.topic("lat-in")
    sink = source if name == "none" else engine.topic("lat-out")
    seconds = WARM_S + MEASURED_S
    total = records or int(seconds * RATE)
    base = {"address": engine.address, "broker": engine.pid, "total": total}
    job = None
    consumer = _started("consume", {**base, "topic": sink, "committed": "processing.guarantee" in config})
    if name != "none":
        topics = {"orders": source, "out": sink}
        order = {**base, "name": name, "application": f"bench-{source}", "topics": topics, "config": config}
        job = _started("wait", order)
    try:
        sent = child("generate", {**base, "topic": source, "rate": RATE})["times"]
        got = _answer(consumer)["times"]
    finally:
        for process in (consumer, job):
            if process is not None:
                process.kill()
                process.wait()
    cold = int(total * WARM_S / seconds)
    waits = sorted(late - early for early, late in zip(sent[cold:], got[cold:], strict=True))
    return {quantile: waits[min(len(waits) - 1, int(len(waits) * part))] * 1000 for quantile, part in QUANTILES}


def _started(role: str, order: Mapping[str, Any]) -> subprocess.Popen[str]:
    """A child that has said that it is ready."""
    process = subprocess.Popen(command(role, order), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        process.kill()
        raise RuntimeError(f"{role} did not start")
    return process


def _answer(process: subprocess.Popen[str]) -> Any:
    return json.loads(process.communicate(timeout=120)[0].splitlines()[-1])


def start(engine: Engine, options: Options) -> Iterator[Value]:
    """From the launch of the command to the first output: a new application, and the same again after a clean stop."""
    source, sink = engine.topic("start-in"), engine.topic("start-out")
    cold = _first_output(engine, source, sink)
    yield Value("W13/cold", "launch to first output, new application, broker running", cold, "s")
    warm = [_first_output(engine, source, sink) for _ in range(options.repeat)]
    yield Value("W13/warm", "the same again after a clean stop", sorted(warm)[len(warm) // 2], "s")


def _first_output(engine: Engine, source: str, sink: str) -> float:
    times = [int(time.time() * 1000)] * START_RECORDS
    engine.send(TopicPartition(source, 0), [b"k%d" % at for at in range(START_RECORDS)], [b"v"] * START_RECORDS, times)
    engine.settle()
    door = connect(engine.address, "first-output")
    reader = door.reader(Isolation.READ_UNCOMMITTED)
    out = TopicPartition(sink, 0)
    reader.seek({out: engine.written(sink)})
    script = Path(engine.directory) / "started.py"
    script.write_text(SCRIPT.format(source=source, sink=sink))
    log = Path(engine.directory) / "started.log"
    launched = time.monotonic()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streams.cli.main", str(script)),
                *(
                    "--application-id",
                    f"bench-{source}",
                    "--bootstrap-servers",
                    engine.address,
                    "--log-level",
                    "warning",
                ),
            ],
            stderr=stderr,
        )
    try:
        while not any(fetched.batch is not None for fetched in reader.poll(1_000)):
            ended = process.poll() is not None
            if ended or time.monotonic() - launched > LONGEST_S:
                said = log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
                what = "the command ended" if ended else f"no output within {LONGEST_S:g} s of the start"
                raise RuntimeError(f"{what}: {said[-1]}")
        return time.monotonic() - launched
    finally:
        process.terminate()
        process.wait()
        reader.close()
        door.close()
