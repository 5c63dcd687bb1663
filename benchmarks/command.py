"""The command line: `list`, `run`, `growth`, `catch-up`, `java`, `peers`, `pauses`, `queries`, `restart`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from benchmarks import (
    against,
    beside_java,
    beside_peers,
    catch_up,
    connectors,
    endtoend,
    exactly_once,
    failover,
    growth,
    latency,
    page,
    pauses,
    queries,
    restart,
    restore,
    scaling,
    stages,
    ways,
)
from benchmarks.engine import Engine
from benchmarks.figures import (
    HEAD,
    VALUE_HEAD,
    Failed,
    Figure,
    Row,
    Value,
    aligned,
    as_json,
    cells,
    table,
    value_cells,
)
from benchmarks.jobs import JOBS
from benchmarks.kafka_java import Broker, NoJava, prepare
from benchmarks.options import Options

Measure = Callable[[Engine, Options], Iterator[Row]]


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
    found["W14"] = ("kill -9 of one who shares the work until all goes on", failover.measured)
    for name in ways.NAMES:
        found[f"ways/{name}"] = (f"by the command and embedded: {JOBS[name].title}", partial(ways.measured, name))
    for name in exactly_once.NAMES:
        title = f"exactly once of at least once: {JOBS[name].title}"
        found[f"once/{name}"] = (title, partial(exactly_once.measured, name))
    for name, (title, _) in catch_up.ROWS.items():
        found[name] = (title, partial(catch_up.measured, name))
    for name, title in connectors.TITLES.items():
        found[f"connect/{name}"] = (title, partial(connectors.measured, name))
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
    run.add_argument("--config", "-c", action="append", default=[], metavar="NAME=VALUE", help="a setting of the jobs")
    run.add_argument("--against", type=Path, metavar="PATH", help="another checkout, in turns; ratios instead of rates")
    run.add_argument("--on", choices=("own", "kafka"), default="own", help="what runs over: our own broker, or Kafka's")
    run.add_argument("--json", action="store_true", help="JSON instead of a table")
    run.add_argument("--write", action="store_true", help="the tables go into docs/benchmarks.md")
    curves = commands.add_parser("growth", help="how cost grows with keys, open windows, records held back")
    curves.add_argument("names", nargs="*", metavar="CURVE", help=f"{', '.join(growth.CURVES)}; all if none is given")
    curves.add_argument("--records", type=int, default=None, help="measured records at each size")
    curves.add_argument("--large", action="store_true", help="ten million keys as well (minutes, and a GB of disk)")
    curves.add_argument("--json", action="store_true", help="JSON instead of a table")
    curves.add_argument("--write", action="store_true", help="the table goes into docs/benchmarks.md")
    catch_up.add_arguments(commands.add_parser("catch-up", help="a back-fill by real processes, all of it compared"))
    pauses.add_arguments(commands.add_parser("pauses", help="how long one client of the broker waits for others"))
    queries.add_arguments(commands.add_parser("queries", help="how long answers over HTTP take meanwhile"))
    restart.add_arguments(commands.add_parser("restart", help="after kill -9, with much state: to the first record"))
    beside_java.add_arguments(commands.add_parser("java", help="beside Java's Kafka Streams, in turns"))
    beside_peers.add_arguments(commands.add_parser("peers", help="beside quixstreams and bytewax, in turns"))
    given = parser.parse_args(arguments)
    if given.command == "run":
        return _run(given)
    if given.command == "growth":
        return _growth(given)
    if given.command == "catch-up":
        return catch_up.main(given)
    if given.command == "peers":
        return beside_peers.main(given)
    if given.command == "java":
        return beside_java.main(given)
    if given.command == "restart":
        return restart.main(given)
    if given.command == "queries":
        return queries.main(given)
    if given.command == "pauses":
        return pauses.main(given)
    print(aligned([(name, title) for name, (title, _) in benchmarks().items()]))
    return 0


GROWTH_HEAD = ("", "", "ns a record")


def _growth(given: argparse.Namespace) -> int:
    rows: list[Figure] = []
    for name in given.names or growth.CURVES:
        for row in growth.measured(name, given.records, given.large):
            rows.append(row)
            _show(row, given.json)
            if given.write:
                page.write("growth", GROWTH_HEAD, [(each.name, each.title, f"{each.worker_ns:,.0f}") for each in rows])
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
    options = Options(given.records, given.repeat, config=dict(pair.split("=", 1) for pair in given.config))
    if given.against is not None:
        return _against(given.against, chosen, options, given.json)
    try:
        return _measure(chosen, options, given)
    except NoJava as error:
        print(error, file=sys.stderr)
        return 2


def _measure(chosen: Sequence[str], options: Options, given: argparse.Namespace) -> int:
    known = benchmarks()
    rows: list[Row] = []
    failed = 0
    with contextlib.ExitStack() as stack:
        kafka = stack.enter_context(Broker(prepare())) if given.on == "kafka" else None
        engine = stack.enter_context(Engine() if kafka is None else Engine(kafka.servers, kafka.pid))
        for name in chosen:
            try:
                for row in known[name][1](engine, options):
                    rows.append(row)
                    _show(row, given.json)
            except Exception as error:  # a row that fails ends nothing
                failed += 1
                rows.append(Failed(name, known[name][0], f"{type(error).__name__}: {error}"))
                _show(rows[-1], given.json)
            if given.write:
                _write(rows, options)
    print(as_json(rows, options._asdict()) if given.json else f"\n{table(rows)}")
    return 1 if failed else 0


def _write(rows: Sequence[Row], options: Options) -> None:
    """What there is so far goes into the page, so that it is there if the rest is not."""
    faults = [f"{row.name}: {row.why}" for row in rows if isinstance(row, Failed)]
    settings = {"runs of each": options.repeat, **options.config}
    page.write("run", HEAD, [cells(row) for row in rows if isinstance(row, Figure)], faults, settings)
    page.write("values", VALUE_HEAD, [value_cells(row) for row in rows if isinstance(row, Value)])


def _against(checkout: Path, chosen: Sequence[str], options: Options, quiet: bool) -> int:
    """Compares job by job; those which have no rate are left out, and said."""
    rows: list[against.Compared] = []
    failed: list[Failed] = []
    with against.sides(checkout) as running:
        for name in chosen:
            if name not in JOBS and name not in stages.STAGES:
                print(f"{name}: no rate in one process, not compared", file=sys.stderr)
                continue
            try:
                rows.append(against.compared(running, name, options))
                print(against.table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
            except against.SideFailed as error:
                failed.append(Failed(name, benchmarks()[name][0], str(error)))
                print(f"{name} failed: {error}", file=sys.stderr, flush=True)
    if quiet:
        print(as_json([*rows, *failed], {**options._asdict(), "against": str(checkout)}))
    else:
        print("\n".join(["", against.table(rows), *(f"{each.name} failed: {each.why}" for each in failed)]))
    return 1 if failed else 0
