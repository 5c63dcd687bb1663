"""W11: a store of as many keys as records is built again from its changelog."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.answers import WrongOutput
from benchmarks.clocks import Rates, Sample, between, resident_mb
from benchmarks.data import START
from benchmarks.endtoend import child
from benchmarks.engine import Engine
from benchmarks.figures import Figure, middle, wall_spread
from benchmarks.options import Options
from streams.record import TopicPartition

NAME = "W11"
TITLE = "restore of a count store, a key a record"
RECORDS = 500_000


def measured(engine: Engine, options: Options) -> Iterator[Figure]:
    """Builds the store once; then wipes the state and starts again, with one more record each time."""
    count = options.records or RECORDS
    topic = engine.topic("restored-input")
    engine.fill(topic, "each-once", count)
    order = {
        "name": "W2/each-once",
        "application": f"bench-{topic}",
        "address": engine.address,
        "broker": engine.pid,
        "topics": {"each-once": topic, "out": engine.topic("out")},
        "config": {"state.dir": f"{engine.directory}/state"},
    }
    child("job", {**order, "total": count})
    changelog = f"{order['application']}-counts-changelog"
    found: list[Rates] = []
    floors: list[Rates] = []
    peak = 0.0
    for turn in range(options.repeat):
        shutil.rmtree(Path(engine.directory) / "state")
        engine.send(TopicPartition(topic, 0), [b"sentinel"], [b"{}"], [START + count + turn])
        engine.settle()
        answer = child("restore", {**order, "total": 1})
        found.append(_rates(answer))
        if found[-1].records < count:
            raise WrongOutput(f"{found[-1].records:,} rows were restored where {count:,} are right")
        if options.floors:
            floors.append(_rates(child("read_back", {**order, "topic": changelog})))
        peak = max(peak, answer["peak_mb"])
    rates, spread = middle(found)
    yield Figure(
        NAME,
        TITLE,
        "records",
        rates.records,
        rates.per_second,
        rates.worker_ns,
        spread,
        rates.broker_ns,
        peak,
        resident_mb(engine.pid),
        middle(floors)[0].worker_ns if floors else 0.0,
        wall_spread(found),
    )
    engine.forget("restored-input")
    engine.forget(str(order["application"]))


def _rates(answer: Mapping[str, Any]) -> Rates:
    """From the first row to the last."""
    first, last = (Sample(at, worker, broker, int(done)) for at, worker, broker, done in answer["restored"])
    return between(first, last)
