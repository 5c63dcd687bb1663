"""W11: a store of as many keys as records is built again from its changelog."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from benchmarks.answers import WrongOutput
from benchmarks.clocks import Rates, Sample, between, resident_mb
from benchmarks.data import DATASETS, START
from benchmarks.endtoend import child
from benchmarks.engine import Engine
from benchmarks.figures import Figure, middle, wall_spread
from benchmarks.options import Options
from streams.record import TopicPartition

NAME = "W11"
TITLE = "restore of a count store, a key a record"
JOB, DATASET = "W2/each-once", "each-once"
RECORDS = 500_000
AGAIN = 1_000
"""Keys that come once more after each restore, whose counts tell whether it was right."""


class Restorer(Protocol):
    """What runs the job: this library, or Java's."""

    engine: Engine
    """Where the topics are."""

    def build(self, application: str, topics: Mapping[str, str], total: int) -> None:
        """Runs the job to the end of so many records."""
        ...

    def restore(self, application: str, topics: Mapping[str, str], total: int) -> Mapping[str, Any]:
        """The same from an empty directory. Gives the samples before the first row `restored` and after the last."""
        ...


class OursRestored:
    """A `Restorer`: this library."""

    def __init__(self, engine: Engine, config: Mapping[str, object]) -> None:
        self.engine, self._config = engine, config

    def build(self, application: str, topics: Mapping[str, str], total: int) -> None:
        """See `Restorer.build`."""
        child("job", self.order(application, topics, total))

    def restore(self, application: str, topics: Mapping[str, str], total: int) -> Mapping[str, Any]:
        """See `Restorer.restore`."""
        shutil.rmtree(Path(self.engine.directory) / "state")
        return child("restore", self.order(application, topics, total))

    def order(self, application: str, topics: Mapping[str, str], total: int) -> dict[str, Any]:
        """What a child is told."""
        return {
            "name": JOB,
            "application": application,
            "address": self.engine.address,
            "broker": self.engine.pid,
            "topics": topics,
            "config": {"state.dir": f"{self.engine.directory}/state", **self._config},
            "total": total,
        }


class Restored(NamedTuple):
    """One restore, whose rows were right."""

    rates: Rates
    peak_mb: float


class Store:
    """A store that has been built once, and is restored again and again.

    Args:
        system: what runs the job.
        count: keys, which are all there is in the input.
    """

    def __init__(self, system: Restorer, count: int) -> None:
        self._system, self._count = system, count
        topic = system.engine.topic("restored-input")
        system.engine.fill(topic, DATASET, count)
        self.application = f"bench-{topic}"
        self.topics = {DATASET: topic, "out": system.engine.topic("restored-out")}
        self._again = next(iter(DATASETS[DATASET].rows(count))).keys[:AGAIN]
        self._turn = 0
        system.build(self.application, self.topics, count)

    def restored(self) -> Restored:
        """Loses its rows and has them restored; then some keys come once more.

        Raises:
            WrongOutput: rows are missing, or keys were counted wrongly.
        """
        engine, keys = self._system.engine, self._again
        self._turn += 1
        times = [START + self._count + self._turn] * len(keys)
        engine.send(TopicPartition(self.topics[DATASET], 0), keys, [b"{}"] * len(keys), times)
        engine.settle()
        answer = self._system.restore(self.application, self.topics, len(keys))
        first, last = (Sample(at, worker, broker, int(done)) for at, worker, broker, done in answer["restored"])
        rates = between(first, last)
        if rates.records < self._count:
            raise WrongOutput(f"{rates.records:,} rows were restored where {self._count:,} are right")
        counts = {key: value for key, value, _ in engine.read(self.topics["out"])}
        wrong = [key for key in keys if counts.get(key) != (1 + self._turn).to_bytes(8)]
        if wrong or len(counts) != self._count:
            raise WrongOutput(f"after a restore {len(wrong)} keys of {len(keys)} went on from a wrong count")
        return Restored(rates, answer["peak_mb"])


def measured(engine: Engine, options: Options) -> Iterator[Figure]:
    """Builds the store once, and restores it."""
    system = OursRestored(engine, options.config)
    store = Store(system, options.records or RECORDS)
    found: list[Restored] = []
    floors: list[Rates] = []
    for _ in range(options.repeat):
        found.append(store.restored())
        if options.floors:
            order = system.order(store.application, store.topics, 0)
            answer = child("read_back", {**order, "topic": f"{store.application}-counts-changelog"})
            floors.append(between(*(Sample(*each) for each in answer["restored"])))
    rates, spread = middle([each.rates for each in found])
    yield Figure(
        NAME,
        TITLE,
        "records",
        rates.records,
        rates.per_second,
        rates.worker_ns,
        spread,
        rates.broker_ns,
        max(each.peak_mb for each in found),
        resident_mb(engine.pid),
        middle(floors)[0].worker_ns if floors else 0.0,
        wall_spread(each.rates for each in found),
    )
    engine.forget("restored-input")
    engine.forget(store.application)
