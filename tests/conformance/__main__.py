"""`python -m tests.conformance [DIR] [--only NAME] [--json] [--on driver|runtime|kafka] [--partitions N] [--crash [N]]`

Runs every case in DIR (default: the shipped ones), prints a line per failing case with the first difference, and
`passed/total` last. Exit status 1 on any difference.

With `--on runtime` the cases run through a worker over `memory://` (see `on_runtime`). With `--crash N` it dies every N
events (default: 7): at each step of a commit in turn, or `--at` one of them; the disk is kept and lost in turn, or as
`--disk` says; with `--restoring` whoever takes over dies, too, in the middle of that; `--guarantee exactly_once_v2` is
what they then work under. What is left out is listed by
reason, and it is told how many expectations are Java's own answers.

With `--on kafka --servers host:port` they run on Kafka's brokers, where nobody else may have topics of their names:
these are deleted before and after. `--sample` takes few of them, that use each word of SPEC.md; `--events N` so many
events of each.

With `--random N --seed S` it makes N topologies instead, lets Kafka Streams' own test driver answer them (`recorder/`:
needs `java`, `javac` and, once, `mvn`), compares, and writes each difference, reduced, into DIR (default:
`differences`). The same N and S give the same cases; `--from K` begins at the K-th. It ends with the counts: the same,
differing as docs/differences-from-java.md says (by row), other, without an answer of Java; exit status 1 for one of the
last two. `--planted NAME` puts a bug into the product, which has to be found (`planted.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from streams.runtime.worker.make_worker import GUARANTEES
from tests.conformance import random_run
from tests.conformance.drive import Differs, load, run
from tests.conformance.java import CannotRecord
from tests.conformance.on_runtime import BETWEEN, Way, left_out, run_on_runtime, steps_of
from tests.conformance.planted import PLANTED
from tests.conformance.sample import sample

SHIPPED = Path(__file__).parent / "cases"
MOST_NAMES = 6
"""Of the cases that are left out for one reason, in the list."""


def way_of(options: argparse.Namespace) -> Way:
    """How the cases are run on the runtime."""
    guarantee = GUARANTEES[options.guarantee]
    crashes = options.crash, options.at, options.disk, options.restoring
    return Way(options.partitions, *crashes, guarantee, options.servers)


def those_that_run(paths: list[Path], options: argparse.Namespace) -> list[Path]:
    """On the runtime; says what is left out."""
    out: dict[str, list[str]] = defaultdict(list)
    run = []
    for path in paths:
        case = load(path)
        reason = left_out(case, way_of(options))
        if reason is None:
            run.append(path)
        else:
            out[reason].append(case["name"])
    for reason, names in sorted(out.items()) if not options.json else ():
        whole = options.names or len(names) <= MOST_NAMES
        shown = ", ".join(names) if whole else f"{', '.join(names[:MOST_NAMES])}, ..."
        print(f"left out, {len(names)}: {reason} ({shown})")
    return run


def first_difference(path: Path, options: argparse.Namespace) -> str | None:
    try:
        if options.on != "driver":
            wanted = run_on_runtime(load(path), way_of(options), options.events)
            options.from_java += wanted.from_java
        else:
            run(load(path))
    except Differs as difference:
        return str(difference)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def random_topologies(options: argparse.Namespace) -> int:
    """`--random`; exit status 2 where Java cannot be asked."""
    if options.planted:
        PLANTED[options.planted](setattr)
    numbers = range(options.first, options.first + options.random)
    directory = None if options.no_reduce else options.dir or Path("differences")
    compare = random_run.on_runtime if options.on == "runtime" else random_run.on_driver
    try:
        found = random_run.run_random(numbers, options.seed, directory, compare, print)
    except CannotRecord as error:
        print(f"cannot ask Java: {error}", file=sys.stderr)
        return 2
    if options.coverage:
        print(*found.coverage.lines(), sep="\n")
    for name in found.unanswered:
        print(f"Java did not end in time: {name}")
    print(f"seed {options.seed}, from {options.first}: {found.cases} topologies")
    print(f"end in an error in Java: {found.errors}")
    print(f"the same: {found.same}")
    print(f"as docs/differences-from-java.md says: {found.named}")
    for words, times in sorted(found.excused.items()):
        print(f"    {words}: {times}")
    print(f"other: {len(found.differing)}")
    print(f"without an answer: {len(found.unanswered)}")
    return 1 if found.differing or found.unanswered else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("dir", nargs="?", type=Path)
    parser.add_argument("--only", help="one case, by name")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--on", choices=("driver", "runtime", "kafka"), default="driver")
    parser.add_argument("--servers", help="of Kafka, for --on kafka")
    parser.add_argument("--sample", action="store_true", help="few cases that use each word of SPEC.md")
    parser.add_argument("--events", type=int, metavar="N", help="of each case, not on the driver (default: all)")
    parser.add_argument("--names", action="store_true", help="name all cases that are left out")
    parser.add_argument("--partitions", type=int, default=1, help="of every topic, on the runtime")
    parser.add_argument("--random", type=int, metavar="N", help="make N random topologies and ask Java")
    parser.add_argument("--seed", type=int, default=0, help="of the random topologies")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="K", help="the first random topology")
    parser.add_argument("--no-reduce", action="store_true", help="only name the differing random topologies")
    parser.add_argument("--planted", choices=PLANTED, help="a bug that the random topologies must find")
    parser.add_argument("--coverage", action="store_true", help="print how often each word of SPEC.md was drawn")
    parser.add_argument("--crash", type=int, nargs="?", const=7, default=0, metavar="N", help="die every N events")
    parser.add_argument("--guarantee", choices=GUARANTEES, default="at_least_once", help="on the runtime")
    places = dict.fromkeys(step for each in GUARANTEES.values() for step in steps_of(each))
    parser.add_argument("--at", choices=(BETWEEN, *places), help="where to die (default: at all of them in turn)")
    parser.add_argument("--disk", choices=("kept", "lost", "in turn"), default="in turn", help="at each death")
    parser.add_argument("--restoring", action="store_true", help="die in the middle of restoring, too")
    parser.set_defaults(from_java=0)
    options = parser.parse_args(arguments)
    if (options.on == "kafka") != (options.servers is not None):
        parser.error("--on kafka and --servers host:port go together")
    if options.random is not None:
        return random_topologies(options)
    directory = options.dir or SHIPPED
    paths = sorted(directory.glob("*.json.gz"))
    if options.only is not None:
        paths = [path for path in paths if path.name == f"{options.only}.json.gz"]
        if not paths:
            parser.error(f"no case {options.only} in {directory}")
    if options.on != "driver":
        paths = those_that_run(paths, options)
    if options.sample:
        chosen = {*sample(map(load, paths))}
        paths = [path for path in paths if path.name.removesuffix(".json.gz") in chosen]
    failures = {}
    for path in paths:
        found = first_difference(path, options)
        if found is not None:
            failures[path.name.removesuffix(".json.gz")] = found
            if not options.json:
                print(f"FAIL {path.name.removesuffix('.json.gz')}: {found}")
    passed = len(paths) - len(failures)
    if options.json:
        print(json.dumps({"passed": passed, "total": len(paths), "failures": failures}, ensure_ascii=False))
    else:
        if options.on != "driver":
            print(f"{options.from_java} of them must give what Java recorded, the others what their tasks give alone")
        print(f"{passed}/{len(paths)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
