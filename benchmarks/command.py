"""The command line: `list`, `run`, `growth`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial

from benchmarks import endtoend, stages
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
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="what there is (the default)")
    run = commands.add_parser("run", help="measure")
    run.add_argument("names", nargs="*", metavar="NAME", help="which, by name or pattern (`W2*`); all where none is given")
    run.add_argument("--records", type=int, default=None, help="input records of a run")
    run.add_argument("--repeat", type=int, default=3, help="runs of each; the median is shown")
    run.add_argument("--json", action="store_true", help="JSON instead of a table")
    given = parser.parse_args(arguments)
    known = benchmarks()
    if given.command != "run":
        print(aligned([(name, title) for name, (title, _) in known.items()]))
        return 0
    chosen = [name for name in known if not given.names or any(fnmatchcase(name, each) for each in given.names)]
    if not chosen:
        print(f"There is no benchmark {', '.join(given.names)}; `python -m benchmarks list` shows them.", file=sys.stderr)
        return 2
    rows: list[Row] = []
    with Engine() as engine:
        for name in chosen:
            for row in known[name][1](engine, given.records, given.repeat):
                rows.append(row)
                if not given.json:
                    print(table([row]).splitlines()[-1], flush=True)
    settings = {"records": given.records, "repeat": given.repeat}
    print(as_json(rows, settings) if given.json else f"\n{table(rows)}")
    return 0


