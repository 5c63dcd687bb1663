"""W12 and W13: how late a result is at a fixed rate, and how long a start takes."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.counting import Count, Ours, System, check, new_count, running, until
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
KEYS = 10_000
QUANTILES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
ONCE = {"processing.guarantee": "exactly_once_v2"}
START_RECORDS = 1_000


def measured(engine: Engine, options: Options) -> Iterator[Value]:
    """From the generator's send to the consumer's poll: without a job (the floor of the method), then with a count; and
    with one exactly once, to a consumer of what is committed."""
    topic = engine.topic("lat")
    rows = {"no job between": latencies(engine, topic, topic, options)}
    rows["count without cache"] = counted(Ours(engine), options, options.config)
    rows["the same exactly once"] = counted(Ours(engine), options, {**options.config, **ONCE})
    for title, found in rows.items():
        for quantile, ms in found.items():
            yield Value(f"W12/{quantile}", f"{RATE:,} records/s, {title}", ms, "ms")


def counted(system: System, options: Options, config: Mapping[str, object]) -> Mapping[str, float]:
    """The latencies of a count.

    Raises:
        WrongOutput: it counted wrongly.
    """
    count = new_count(system.engine, "lat", config=config)
    with running(system, count):
        found = latencies(system.engine, count.source, count.sink, options, committed=ONCE.items() <= config.items())
    total = _total(options)
    check(system.engine, count, [(b"c%05d" % (at % KEYS), at // KEYS + 1) for at in range(total)])
    return found


def _total(options: Options) -> int:
    return options.records or int((WARM_S + MEASURED_S) * RATE)


def latencies(engine: Engine, source: str, sink: str, options: Options, committed: bool = False) -> Mapping[str, float]:
    """Quantiles in ms, without the first seconds.

    Args:
        source: where the generator sends.
        sink: where the consumer polls; what comes out there has the order of what was sent.
        committed: the consumer is given only what is committed.
    """
    total = _total(options)
    base = {"address": engine.address, "broker": engine.pid, "total": total}
    consumer = _started("consume", {**base, "topic": sink, "committed": committed})
    try:
        sent = child("generate", {**base, "topic": source, "rate": RATE, "keys": KEYS})["times"]
        got = _answer(consumer)["times"]
    finally:
        consumer.kill()
        consumer.wait()
    cold = int(total * WARM_S / (WARM_S + MEASURED_S))
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
    system = Ours(engine)
    count = new_count(engine, "start", config=options.config)
    cold, *warm = (first_output(system, count, turn) for turn in range(1 + options.repeat))
    yield Value("W13/cold", "launch to first output, new application, broker running", cold, "s")
    yield Value("W13/warm", "the same again after a clean stop", sorted(warm)[len(warm) // 2], "s")


def first_output(system: System, count: Count, turn: int) -> float:
    """Seconds from the launch until a consumer that polls has the first record; some wait for the application.

    Args:
        turn: how often it has run.
    Raises:
        WrongOutput: it counted wrongly.
    """
    engine = system.engine
    now = int(time.time() * 1000)
    keys: list[bytes | None] = [b"k%d" % at for at in range(START_RECORDS)]
    engine.send(TopicPartition(count.source, 0), keys, [b"v"] * START_RECORDS, [now] * START_RECORDS)
    engine.settle()
    door = connect(engine.address, "first-output")
    reader = door.reader(Isolation.READ_UNCOMMITTED)
    reader.seek({TopicPartition(count.sink, 0): engine.written(count.sink)})
    launched = time.monotonic()
    process = system.launch(count)
    found: list[float] = []

    def has_come() -> bool:
        if any(fetched.batch is not None for fetched in reader.poll(1_000)):
            found.append(time.monotonic() - launched)
        return bool(found)

    try:
        until(engine, count, [process], has_come, "give anything")
        whole = (turn + 1) * START_RECORDS
        until(engine, count, [process], lambda: engine.written(count.sink) >= whole, "give all")
        check(engine, count, [(b"k%d" % at, turn + 1) for at in range(START_RECORDS)], turn * START_RECORDS)
        process.terminate()
        until(engine, count, [], lambda: process.poll() is not None, "end")
    finally:
        process.kill()
        process.wait()
        reader.close()
        door.close()
    return found[0]
