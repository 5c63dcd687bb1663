"""The command line: `list`, `run`, `growth`, `catch-up`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial

from benchmarks import catch_up, endtoend, growth, latency, restore, scaling, stages
from benchmarks.engine import Engine
from benchmarks.figures import Row, aligned, as_json, table
from benchmarks.jobs import JOBS

Measure = Callable[[Engine, int | None, int], Iterator[Row]]
"""Takes the engine, the number of records (None: its own) and the repeats."""


def benchmarks() -> Mapping[str, tuple[str, Measure]]:
    """All by name: what it is, and what measures it."""
    found: dict[str, tuple[str, Measure]] = {}
    for name, stage in stages.STAGES.items():
        found[name] = (stage.title, partial(stages.measured, name))
    for name, job in JOBS.items():
        found[name] = (job.title, partial(endtoend.measured, name))
    found[restore.NAME] = (restore.TITLE, restore.measured)
    found["W12"] = ("latency at 5,000 records a second, with and without a job between", latency.measured)
    found["W13"] = ("launch of the command to the first output", latency.start)
    for name in scaling.NAMES:
        found[f"two/{name}"] = (f"two workers against one: {JOBS[name].title}", partial(scaling.measured, name))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="what there is (the default)")
    run = commands.add_parser("run", help="measure")
    run.add_argument("names", nargs="*", metavar="NAME", help="names or patterns (`W2*`); all if none is given")
    run.add_argument("--records", type=int, default=None, help="input records of a run")
    run.add_argument("--repeat", type=int, default=3, help="runs of each; the median is shown")
    run.add_argument("--json", action="store_true", help="JSON instead of a table")
    curves = commands.add_parser("growth", help="how cost grows with keys, open windows, records held back")
    curves.add_argument("names", nargs="*", metavar="CURVE", help=f"{', '.join(growth.CURVES)}; all if none is given")
    curves.add_argument("--records", type=int, default=None, help="measured records at each size")
    curves.add_argument("--large", action="store_true", help="ten million keys as well (minutes, and a GB of disk)")
    curves.add_argument("--json", action="store_true", help="JSON instead of a table")
    catch_up.add_arguments(commands.add_parser("catch-up", help="a back-fill by real processes, all of it compared"))
    given = parser.parse_args(arguments)
    if given.command == "run":
        return _run(given)
    if given.command == "growth":
        return _growth(given)
    if given.command == "catch-up":
        return catch_up.main(given)
    print(aligned([(name, title) for name, (title, _) in benchmarks().items()]))
    return 0


def _growth(given: argparse.Namespace) -> int:
    rows: list[Row] = []
    for name in given.names or growth.CURVES:
        for row in growth.measured(name, given.records, given.large):
            rows.append(row)
            _show(row, given.json)
    print(as_json(rows, {"records": given.records}) if given.json else f"\n{table(rows)}")
    return 0


def _show(row: Row, quiet: bool) -> None:
    """A row as soon as it is there."""
    if not quiet:
        print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)


def _run(given: argparse.Namespace) -> int:
    known = benchmarks()
    chosen = [name for name in known if not given.names or any(fnmatchcase(name, each) for each in given.names)]
    if not chosen:
        print(
            f"There is no {', '.join(given.names)}; `python -m benchmarks list` shows what there is.", file=sys.stderr
        )
        return 2
    rows: list[Row] = []
    with Engine() as engine:
        for name in chosen:
            for row in known[name][1](engine, given.records, given.repeat):
                rows.append(row)
                _show(row, given.json)
    settings = {"records": given.records, "repeat": given.repeat}
    print(as_json(rows, settings) if given.json else f"\n{table(rows)}")
    return 0
