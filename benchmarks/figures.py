"""Figures: what a benchmark gives, and how they are shown."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import NamedTuple, Protocol

from benchmarks.clocks import Rates

FOREIGN = ("msgpack", "msgspec", "rocksdict", "murmurhash2")


class Figure(NamedTuple):
    """One row: the median of the repeats, by the worker's CPU.

    `spread` is the lowest and the highest of the worker's ns a record, `wall` of the records a second. A memory of 0
    was not measured; a `floor` of 0: there is none, else the worker's ns of the loop by hand. `run_…` is from the first
    record to closed. `outputs` are records of the output, `digest` is of what must be the same in each run.
    """

    name: str
    title: str
    unit: str
    records: int
    per_second: float
    worker_ns: float
    spread: tuple[float, float]
    broker_ns: float = 0.0
    peak_mb: float = 0.0
    broker_mb: float = 0.0
    floor_ns: float = 0.0
    wall: tuple[float, float] = (0.0, 0.0)
    run_per_second: float = 0.0
    run_ns: float = 0.0
    outputs: int = 0
    digest: str = ""

    def as_json(self) -> Mapping[str, object]:
        """The row by its columns, with the rates that follow from them."""
        return {
            **self._asdict(),
            "per_worker_cpu_second": rate(self.worker_ns),
            "per_broker_cpu_second": rate(self.broker_ns),
            "of_floor": round(self.worker_ns / self.floor_ns, 2) if self.floor_ns else None,
        }


class Value(NamedTuple):
    """A figure that is no rate: a latency, a time."""

    name: str
    title: str
    value: float
    unit: str

    def as_json(self) -> Mapping[str, object]:
        return self._asdict()


class Shown(Protocol):
    """What can be shown as JSON."""

    def as_json(self) -> Mapping[str, object]: ...


class Ratio(NamedTuple):
    """Of two figures turn by turn: the median, the lowest and the highest; above 1, ours is better."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} [{self.low:.2f}-{self.high:.2f}]" if self.middle else ""


def ratio(found: Sequence[float]) -> Ratio:
    """Of the turns."""
    return Ratio(median(found), min(found), max(found))


def by_column(columns: Mapping[str, object]) -> Mapping[str, object]:
    """A row with ratios, as it is written as JSON."""
    return {name: each._asdict() if isinstance(each, Ratio) else each for name, each in columns.items()}


class Failed(NamedTuple):
    """A row that could not be measured."""

    name: str
    title: str
    why: str

    def as_json(self) -> Mapping[str, object]:
        return self._asdict()


Row = Figure | Value | Failed


def rate(ns: float) -> int:
    """Records a second at so many ns a record; 0 where there is no figure."""
    return round(1e9 / ns) if ns > 0 else 0


def middle(rates: Sequence[Rates]) -> tuple[Rates, tuple[float, float]]:
    """The medians, and the spread of the worker's ns."""
    ns = [each.worker_ns for each in rates]
    return (
        Rates(
            rates[0].records,
            median(each.per_second for each in rates),
            median(ns),
            median(each.broker_ns for each in rates),
        ),
        (min(ns), max(ns)),
    )


def wall_spread(rates: Iterable[Rates]) -> tuple[float, float]:
    """The lowest and the highest rate by the clock."""
    found = [each.per_second for each in rates]
    return min(found), max(found)


def versions() -> Mapping[str, str]:
    """What was measured with."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in FOREIGN:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


HEAD = (
    *("", "", "records/s", "(spread)", "/worker CPU s", "ns", "(spread)", "run: records/s", "run: ns"),
    *("broker ns", "MB", "outputs", "x floor"),
)


def table(rows: Iterable[Row]) -> str:
    """The rows as text, columns aligned."""
    figures, values, failed = [], [], []
    for row in rows:
        if isinstance(row, Figure):
            figures.append(cells(row))
        elif isinstance(row, Failed):
            failed.append(f"{row.name}  {row.title}  FAILED: {row.why}")
        else:
            values.append(value_cells(row))
    blocks = []
    if figures:
        blocks.append(aligned([HEAD, *figures]))
    if values:
        blocks.append(aligned(values))
    blocks += failed
    return "\n\n".join(blocks)


def cells(row: Figure) -> tuple[str, ...]:
    """A row of the table, as `HEAD` has it."""
    low, high = row.spread
    slow, fast = row.wall
    return (
        row.name,
        row.title,
        f"{row.per_second:,.0f}",
        f"{slow:,.0f}-{fast:,.0f}" if fast else "",
        f"{rate(row.worker_ns):,}",
        f"{row.worker_ns:,.0f}",
        f"{low:,.0f}-{high:,.0f}",
        f"{row.run_per_second:,.0f}" if row.run_ns else "",
        f"{row.run_ns:,.0f}" if row.run_ns else "",
        f"{row.broker_ns:,.0f}" if row.broker_ns else "",
        f"{row.peak_mb:,.0f}" if row.peak_mb else "",
        f"{row.outputs:,}" if row.outputs else "",
        f"{row.worker_ns / row.floor_ns:.2f}" if row.floor_ns else "",
    )


VALUE_HEAD = ("", "", "value", "unit")


def value_cells(row: Value) -> tuple[str, ...]:
    """A row of the other table."""
    shown = f"{row.value:,.3g}" if row.value < 100 else f"{row.value:,.0f}"
    return row.name, row.title, shown, row.unit


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines; the first two columns flush left, the others right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[:2] = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_json(rows: Iterable[Shown], settings: Mapping[str, object]) -> str:
    """The rows with versions and settings."""
    content = {"versions": versions(), "settings": settings, "rows": [row.as_json() for row in rows]}
    return json.dumps(content, indent=2)
