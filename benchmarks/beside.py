"""Our runs and those of another system in turns: rates of both and their ratios."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.endtoend import Run
from benchmarks.figures import Ratio, by_column, ratio
from benchmarks.jobs import Job


class Beside(NamedTuple):
    """One job at one setting.

    `…_steady` is of the second half of the records, `…_run` from the first record to closed. Rates are records a second
    by the clock, `…_cpu` a CPU second of the client; `all_cpu` is the ratio of those a CPU second of client and broker,
    over the run.
    """

    name: str
    setting: str
    records: int
    turns: int
    ours_steady: float
    ours_run: float
    their_steady: float
    their_run: float
    ours_cpu: float
    their_cpu: float
    wall_steady: Ratio
    wall_run: Ratio
    cpu_steady: Ratio
    cpu_run: Ratio
    all_cpu: Ratio
    ours_mb: float
    their_mb: float
    ours_outputs: int
    their_outputs: int

    def as_json(self) -> Mapping[str, object]:
        """The row by its columns."""
        return by_column(self._asdict())


def row_of(job: Job, setting: str, count: int, ours: Sequence[Run], theirs: Sequence[Run], whole_cpu: bool) -> Beside:
    """The medians of a job's turns.

    Args:
        whole_cpu: the CPU of both brokers is known.
    """
    pairs = list(zip(ours, theirs, strict=True))
    first = [(a.stretch(job), b.stretch(job)) for a, b in pairs]
    return Beside(
        job.name,
        setting,
        count,
        len(pairs),
        median(a.per_second for a, _ in first),
        median(each.whole.per_second for each in ours),
        median(b.per_second for _, b in first),
        median(each.whole.per_second for each in theirs),
        median(1e9 / a.worker_ns for a, _ in first),
        median(1e9 / b.worker_ns for _, b in first),
        ratio([a.per_second / b.per_second for a, b in first]),
        ratio([a.whole.per_second / b.whole.per_second for a, b in pairs]),
        ratio([b.worker_ns / a.worker_ns for a, b in first]),
        ratio([b.whole.worker_ns / a.whole.worker_ns for a, b in pairs]),
        ratio([b.whole.all_ns / a.whole.all_ns for a, b in pairs]) if whole_cpu else Ratio(0, 0, 0),
        max(each.peak_mb for each in ours),
        max(each.peak_mb for each in theirs),
        ours[-1].outputs,
        theirs[-1].outputs,
    )


def shared_arguments(parser: argparse.ArgumentParser, names: Collection[str]) -> None:
    """What both commands take: which jobs and how often, a broker that runs, and how the rows are shown."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(names)}; all if none is given")
    parser.add_argument("--records", type=int, default=None, help="input records of a run")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the median is shown")
    parser.add_argument(
        "--bootstrap-servers", metavar="HOST:PORT", help="a broker that runs, in place of one of our own"
    )
    parser.add_argument("--broker-pid", type=int, default=0, help="its process, where it is on this machine")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--write", action="store_true", help="the table goes into docs/benchmarks.md")


HEAD = (
    *("", "", "records x turns", "ours k/s (run)", "their k/s (run)", "wall", "wall, run"),
    *(
        "ours k/CPU s",
        "their k/CPU s",
        "client CPU",
        "client CPU, run",
        "all CPU, run",
        "MB ours/theirs",
        "outputs ours/theirs",
    ),
)


def cells(row: Beside) -> tuple[str, ...]:
    """A row of the table."""

    def thousands(rate: float) -> str:
        return f"{rate / 1000:,.0f}"

    return (
        row.name,
        row.setting,
        f"{row.records:,} x {row.turns}",
        f"{thousands(row.ours_steady)} ({thousands(row.ours_run)})",
        f"{thousands(row.their_steady)} ({thousands(row.their_run)})",
        str(row.wall_steady),
        str(row.wall_run),
        thousands(row.ours_cpu),
        thousands(row.their_cpu),
        str(row.cpu_steady),
        str(row.cpu_run),
        str(row.all_cpu),
        f"{row.ours_mb:.0f} / {row.their_mb:.0f}",
        f"{row.ours_outputs:,} / {row.their_outputs:,}",
    )
