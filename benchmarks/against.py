"""This checkout beside another: the same jobs over the same records, in turns, so that the noise falls on both.

Three sides run: the other checkout, this one, and the other once more. What the other is beside itself says how much a
ratio is worth. Each side is a process with a broker of its own; all take the jobs of *this* checkout's benchmarks, and
`streams`, `statestore` and `broker_local` of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, NamedTuple, Self

from benchmarks.figures import Ratio, aligned, by_column, ratio
from benchmarks.options import Options

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("streams", "statestore", "broker_local")
OTHER, THIS, AGAIN = "other", "this", "other again"


class SideFailed(Exception):
    """A side could not run a job; the text says which and why."""


class Compared(NamedTuple):
    """One job on both sides.

    A ratio is that of the other's figure to this one's in one turn: above 1, this checkout is better.

    Args:
        name: the job.
        records: input records of a run.
        turns: how often each side ran it.
        other_ns: the other's worker CPU a record, the median.
        this_ns: ours.
        worker: the ratio of these.
        wall: of the times on the clock.
        broker: of the broker's CPU.
        itself: the worker's ratio of the other to itself: a ratio that is not beyond this spread says nothing.
        itself_wall: the same by the clock.
    """

    name: str
    records: int
    turns: int
    other_ns: float
    this_ns: float
    worker: Ratio
    wall: Ratio
    broker: Ratio
    itself: Ratio
    itself_wall: Ratio

    def as_json(self) -> Mapping[str, object]:
        """The row by its columns."""
        return by_column(self._asdict())


class Side:
    """A process over a checkout. A context manager that leaves none behind.

    Args:
        name: what it is called in an error.
        checkout: its directory. Its `.venv` is taken where it has one, else this interpreter.
    """

    def __init__(self, name: str, checkout: Path) -> None:
        for package in PACKAGES:
            if not (checkout / package).is_dir():
                raise SideFailed(f"{checkout} is no checkout of this project: it has no {package}/")
        self.name = name
        self._room = tempfile.TemporaryDirectory(prefix="streams-bench-side-")
        room = Path(self._room.name)
        for package in PACKAGES:
            (room / package).symlink_to(checkout.resolve() / package)
        (room / "benchmarks").symlink_to(ROOT / "benchmarks")
        own = checkout.resolve() / ".venv" / "bin" / "python"
        self._process = subprocess.Popen(
            [str(own) if own.exists() else sys.executable, "-m", "benchmarks.side"],
            cwd=room,
            env={**os.environ, "PYTHONPATH": str(room)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, options: Options) -> Mapping[str, Any]:
        """The figure of one run.

        Raises `SideFailed` where there is none.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"name": name, "records": options.records, "config": dict(options.config)}
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{json.dumps(order)}\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SideFailed(f"{self.name} ended; its message is above")
        answer = json.loads(line)
        if "error" in answer:
            raise SideFailed(f"{self.name}: {answer['error']}")
        figure: Mapping[str, Any] = answer["rows"][0]
        return figure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._room.cleanup()


@contextlib.contextmanager
def sides(checkout: Path) -> Iterator[Mapping[str, Side]]:
    """The three."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(Side(name, place))
            for name, place in ((OTHER, checkout), (THIS, ROOT), (AGAIN, checkout))
        }


def compared(running: Mapping[str, Side], name: str, options: Options) -> Compared:
    """Runs a job on all sides, in turns; who begins changes."""
    names = list(running)
    found: dict[str, list[Mapping[str, Any]]] = {side: [] for side in names}
    for turn in range(options.repeat):
        begins = turn % len(names)
        for side in names[begins:] + names[:begins]:
            found[side].append(running[side].run(name, options))
    return Compared(
        name,
        found[THIS][0]["records"],
        options.repeat,
        median(each["worker_ns"] for each in found[OTHER]),
        median(each["worker_ns"] for each in found[THIS]),
        turns(found[OTHER], found[THIS], "worker_ns"),
        turns(found[THIS], found[OTHER], "per_second"),
        turns(found[OTHER], found[THIS], "broker_ns"),
        turns(found[OTHER], found[AGAIN], "worker_ns"),
        turns(found[AGAIN], found[OTHER], "per_second"),
    )


def turns(over: Sequence[Mapping[str, Any]], under: Sequence[Mapping[str, Any]], column: str) -> Ratio:
    """Of one column, turn by turn; 0 where there is no figure."""
    return ratio([a[column] / b[column] if b[column] else 0.0 for a, b in zip(over, under, strict=True)])


HEAD = ("", "records x turns", "other ns", "this ns", "worker CPU", "wall", "broker CPU", "itself: CPU", "itself: wall")


def table(rows: Sequence[Compared]) -> str:
    """The rows as text, columns aligned: times as good as the other, the median and [lowest-highest]."""
    return aligned([HEAD, *(_cells(row) for row in rows)])


def _cells(row: Compared) -> tuple[str, ...]:
    ratios = (row.worker, row.wall, row.broker, row.itself, row.itself_wall)
    ns = (f"{row.other_ns:,.0f}", f"{row.this_ns:,.0f}")
    return (row.name, f"{row.records:,} x {row.turns}", *ns, *(str(each) for each in ratios))
