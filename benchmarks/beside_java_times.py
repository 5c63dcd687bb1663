"""W11 to W14 here and on Java's Kafka Streams, in turns: times, the shorter the better.

Java's application leaves its group when it ends, as ours does. Of the death of a process of `--workers` our supervisor
tells; Java has nothing like it, so that beside it stands an instance that is waited for.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.counting import Count, Ours, logged, new_count, settings_of
from benchmarks.engine import Engine
from benchmarks.failover import QUICK, taken_over
from benchmarks.figures import Ratio, by_column, ratio
from benchmarks.kafka_java import Bench
from benchmarks.latency import ONCE, RATE, counted, first_output
from benchmarks.options import Options
from benchmarks.restore import JOB, RECORDS, OursRestored, Store

Times = Mapping[str, float]
"""What one turn gave on one side: by title."""
Turn = Callable[[], Times]
NO_LINGER = {"producer.linger.ms": 0}


class BesideTimes(NamedTuple):
    """One time on both sides: the medians of the turns, and the ratio of theirs to ours turn by turn."""

    name: str
    title: str
    turns: int
    unit: str
    ours: float
    theirs: float
    ratio: Ratio

    def as_json(self) -> Mapping[str, object]:
        """The row by its columns."""
        return by_column(self._asdict())


HEAD = ("", "", "turns", "ours", "theirs", "unit", "theirs / ours")


def cells(row: BesideTimes) -> tuple[str, ...]:
    """A row of the table."""
    return row.name, row.title, str(row.turns), f"{row.ours:,.3g}", f"{row.theirs:,.3g}", row.unit, str(row.ratio)


class Theirs:
    """A `System` and a `Restorer`: Kafka Streams.

    Args:
        engine: over the broker that it has.
        bench: runs it.
    """

    workers = 1

    def __init__(self, engine: Engine, bench: Bench) -> None:
        self.engine, self._bench = engine, bench

    def launch(self, count: Count, place: int = 1) -> subprocess.Popen[bytes]:
        """See `System.launch`."""
        named = [f"orders={count.source}", f"out={count.sink}", f"application.id={count.application}"]
        command = self._bench.serve("W2", [*named, *settings_of(self.engine, count, place)])
        return logged(self.engine, count, command)

    def build(self, application: str, topics: Mapping[str, str], total: int) -> None:
        """See `Restorer.build`."""
        self.restore(application, topics, total)

    def restore(self, application: str, topics: Mapping[str, str], total: int) -> Mapping[str, Any]:
        """See `Restorer.restore`."""
        answer: Mapping[str, Any] = self._bench.rerun(JOB, application, topics, total, {})
        return answer


class Sides(NamedTuple):
    """Ours and theirs, each over its broker."""

    engine: Engine
    theirs: Theirs


def restored(sides: Sides, options: Options) -> tuple[Turn, Turn]:
    """W11."""
    count = options.records or RECORDS

    def side(system: OursRestored | Theirs) -> Turn:
        store = Store(system, count)

        def turn() -> Times:
            rates = store.restored().rates
            what = f"restore of {count:,} rows, first to last"
            return {what: rates.records / rates.per_second, f"{what}: CPU": rates.records * rates.worker_ns / 1e9}

        return turn

    return side(OursRestored(sides.engine, options.config)), side(sides.theirs)


def late(sides: Sides, options: Options) -> tuple[Turn, Turn]:
    """W12: Java with its defaults, and with what ours has: a batch does not wait for more."""
    rows: Mapping[str, Mapping[str, object]] = {
        "defaults": {},
        "producer.linger.ms=0": NO_LINGER,
        "exactly once, producer.linger.ms=0": {**NO_LINGER, **ONCE},
    }

    def side(system: Ours | Theirs) -> Turn:
        def turn() -> Times:
            return {
                f"{RATE:,} records/s through a count, {title}, {quantile}": ms
                for title, config in rows.items()
                for quantile, ms in counted(system, options, {**options.config, **config}).items()
            }

        return turn

    return side(Ours(sides.engine)), side(sides.theirs)


def started(sides: Sides, options: Options) -> tuple[Turn, Turn]:
    """W13."""

    def side(system: Ours | Theirs) -> Turn:
        def turn() -> Times:
            count = new_count(system.engine, "start", config=options.config)
            return {
                "launch to first output, new application": first_output(system, count, 0),
                "the same again after a clean stop": first_output(system, count, 1),
            }

        return turn

    return side(Ours(sides.engine)), side(sides.theirs)


def killed(sides: Sides, options: Options) -> tuple[Turn, Turn]:
    """W14."""
    rows: Mapping[str, tuple[int, Mapping[str, object]]] = {
        "kill -9 of one of two instances, session 6 s": (1, {}),
        "the same exactly once": (1, ONCE),
        "the same, ours a process of --workers": (2, {}),
    }

    def side(system: Callable[[int], Ours | Theirs]) -> Turn:
        def killed_in(system: Ours | Theirs, more: Mapping[str, object]) -> float:
            waited_for = QUICK if system.workers == 1 else {}
            return taken_over(system, {**options.config, **waited_for, **more})

        return lambda: {title: killed_in(system(workers), more) for title, (workers, more) in rows.items()}

    return side(lambda workers: Ours(sides.engine, workers)), side(lambda workers: sides.theirs)


MEASURED: Mapping[str, tuple[str, Callable[[Sides, Options], tuple[Turn, Turn]]]] = {
    "W11": ("s", restored),
    "W12": ("ms", late),
    "W13": ("s", started),
    "W14": ("s", killed),
}


def beside(name: str, sides: Sides, options: Options) -> Iterator[BesideTimes]:
    """Runs both in turns; who begins changes."""
    unit, prepare = MEASURED[name]
    ours, theirs = prepare(sides, options)
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for number in range(options.repeat):
        first = theirs() if number % 2 else {}
        own = ours()
        for title, other in (first or theirs()).items():
            found[title].append((own[title], other))
    for title, pairs in found.items():
        yield row_of(name, title, unit, pairs)


def row_of(name: str, title: str, unit: str, pairs: list[tuple[float, float]]) -> BesideTimes:
    """Of the turns, each ours and theirs."""
    middle = len(pairs) // 2
    ours, theirs = (sorted(column)[middle] for column in zip(*pairs, strict=True))
    return BesideTimes(name, title, len(pairs), unit, ours, theirs, ratio([b / a for a, b in pairs]))
