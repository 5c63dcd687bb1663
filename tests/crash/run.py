"""`python -m tests.crash run`: kills instances and brokers of a word count, makes zombies of instances, lets disks
fail, and compares every count, every row of the changelog and every row of the stores with the truth.

With `--eos` the instances run under exactly-once, each update of a count is a record of its own, and what a reader of
committed records sees of every word must be 1, 2, 3, … to the number of times that it came. With `--plain` it is no
application that is killed but copiers that anybody could write: a consumer, and a producer with transactions.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.crash import copying, deeds, zombies
from tests.crash.faults import can_be_planned
from tests.crash.planted import PLANTED
from tests.crash.planted_exactly import PLANTED_EXACTLY
from tests.crash.trial import Instance, Made, Trial, begin, made_bundled, trial
from tests.crash.verdict import Evidence, not_exactly_once, wrong
from tests.streams import apps

SHOWN = 20
"""Problems that are printed; the others are counted."""

Start = Callable[..., Instance]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of("run", __doc__ or "", [*PLANTED, *PLANTED_EXACTLY])
    parser.add_argument("--disk-faults", type=int, default=0, help="how often a disk is full, or fails")
    parser.add_argument("--plain", action="store_true", help="copiers with transactions, no application")
    asked = parser.parse_args(arguments)
    return tried(asked)


def parser_of(command: str, description: str, planted: Sequence[str]) -> argparse.ArgumentParser:
    """What can be asked for on any engine.

    Args:
        planted: names of bugs for it.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tests.crash {command}", description=description)
    parser.add_argument("--kills", "--instances", type=int, help="how many instances are killed; 20 if nothing is said")
    parser.add_argument("--broker-kills", "--brokers", type=int, help="how many brokers are; 5 if nothing is said")
    parser.add_argument("--double-kills", type=int, default=0, help="how often the next one is killed as it recovers")
    parser.add_argument("--zombies", type=int, default=0, help="how many are put out of the group, and woken up again")
    parser.add_argument("--eos", action="store_true", help="under exactly_once_v2: every record is checked")
    parser.add_argument("--planted", default="", choices=planted, help="a bug that must be found")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--rate", type=int, default=300, help="lines a second")
    parser.add_argument("--running", type=int, help="how many instances run at a time; 2, with zombies 3")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two deeds at most")
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS", help="more of it on a busy machine")
    parser.add_argument("--directory", type=Path, default=None, help="where everything lies; it is kept")
    parser.set_defaults(disk_faults=0, plain=False)
    return parser


def tried(asked: argparse.Namespace, engine: Made = made_bundled) -> int:
    """Does what was asked for; the exit code."""
    apps.PATIENCE_S = asked.patience
    if asked.kills is None and asked.broker_kills is None:
        others = asked.zombies or asked.double_kills or asked.disk_faults
        asked.kills, asked.broker_kills = (0, 0) if others else (20, 5)
    quotas = {
        "instances": asked.kills or 0,
        "brokers": asked.broker_kills or 0,
        "twice": asked.double_kills,
        "zombies": asked.zombies,
        "disks": asked.disk_faults,
    }
    print(
        f"seed {asked.seed}: {', '.join(f'{name} {number}' for name, number in quotas.items() if number)}", flush=True
    )
    if asked.planted:
        os.environ["PLANTED"] = asked.planted
    with tempfile.TemporaryDirectory(prefix="crash-") as made:
        directory = asked.directory or Path(made)
        directory.mkdir(parents=True, exist_ok=True)
        if asked.plain:
            return copying.run(directory, asked.seed, quotas, asked.rate, asked.pause)
        with trial(directory, asked.seed, exactly=asked.eos, planned=can_be_planned(), engine=engine) as one:
            began = time.monotonic()
            one.feed_on(asked.rate)
            start = partial(zombies.start, one) if asked.zombies else one.start
            torment(one, start, quotas, asked.running or (3 if asked.zombies else 2), asked.pause)
            return judged(one, began)


def torment(one: Trial, start: Start, quotas: dict[str, int], running: int, pause_s: float) -> None:
    """Does one deed after the other, in an order from the seed, until there are as many as were asked for."""
    kinds: dict[str, Callable[[Trial, Start], object]] = {
        "instances": deeds.kill,
        "brokers": deeds.kill_broker,
        "twice": deeds.kill_twice,
        "zombies": lambda one, start: zombies.make(one),
        "disks": deeds.fail_disk,
    }
    begin(one, start, running)
    while left := {name: most - one.kills[name] for name, most in quotas.items() if most > one.kills[name]}:
        time.sleep(one.random.uniform(0.1, pause_s))
        name = one.random.choices([*left], [*left.values()])[0]
        kinds[name](one, start)
        if name == "zombies":
            one.kills["zombies"] += 1
        one.begin_again(start)
        assert not one.fallen(), one.fallen()[0].said[-3000:]


def judged(one: Trial, began: float) -> int:
    fallen = one.fallen()
    try:
        one.rest(2 * apps.PATIENCE_S)
    except AssertionError as error:
        print(f"WRONG: it does not come to rest: {error}")
    codes = one.stop_all()
    evidence = one.evidence()
    print(report(evidence, one))
    print(f"exit codes of clean stops: {codes}; {time.monotonic() - began:.0f} s")
    problems = not_exactly_once(evidence) if one.exactly else wrong(evidence)
    problems += [f"ended by itself: {each.said[-2000:]}" for each in fallen]
    for problem in problems[:SHOWN]:
        print(f"WRONG: {problem}")
    if len(problems) > SHOWN:
        print(f"WRONG: {len(problems) - SHOWN} more")
    if not problems and not any(codes):
        print(
            "exactly-once: every word counted 1, 2, 3, … to what it came to, once each, in output, changelog and stores"
            if one.exactly
            else "at-least-once: no count below the true one, no update taken back, no acknowledged line lost, "
            "stores equal their changelog"
        )
    return 1 if problems or any(codes) else 0


def report(evidence: Evidence, one: Trial) -> str:
    truth = evidence.truth
    more = {word: evidence.counts.get(word, 0) - count for word, count in truth.items()}
    said = [each.said for each in one.instances]
    rows = [
        ("instances killed", one.kills["instances"]),
        ("brokers killed", one.kills["brokers"]),
        ("killed again while recovering", one.kills["twice"]),
        ("zombies woken up", one.kills["zombies"]),
        ("disks that failed", one.kills["disks"]),
        *((f"  brokers: {what}", number) for what, number in sorted(one.engine.done.items())),
        ("instances that found no broker", len(one.began_in_vain)),
        ("memberships lost and made anew", sum(each.count("lost its place in the group") for each in said)),
        ("tasks taken back to their last commit", sum(each.count("to its last commit") for each in said)),
        ("stores rebuilt", sum(each.count("rebuilt from its changelog") for each in said)),
        ("lines acknowledged", len(evidence.acknowledged)),
        ("lines in the input", len(evidence.input)),
        ("words, truly", truth.total()),
        ("words, counted", sum(evidence.counts.values())),
        ("different words", len(truth)),
        ("  counted exactly", sum(not extra for extra in more.values())),
        ("  counted more than once for some", sum(extra > 0 for extra in more.values())),
        ("  counted too low", sum(extra < 0 for extra in more.values())),
        ("records in the output, committed", len(evidence.outputs)),
        ("records in the output, aborted", evidence.aborted),
        ("rows in the databases", len(evidence.stored)),
        ("rows in the changelog", len(evidence.updates)),
        ("rows in the changelog, folded", len(evidence.changelog)),
    ]
    return "\n".join(f"{name:<40}{value:>12,}" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())
