"""`python -m tests.crash run`: kills instances and brokers of a word count at random, or makes zombies of instances,
and compares every count, every row of the changelog and every row of the stores with the truth."""

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

from tests.crash import zombies
from tests.crash.planted import PLANTED
from tests.crash.trial import Trial, begin, kill_at_random, kill_instance, trial
from tests.crash.verdict import Evidence, wrong

SHOWN = 20
"""Problems that are printed; the others are counted."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash run", description=__doc__)
    parser.add_argument("--kills", "--instances", type=int, help="how many instances are killed; 20 without zombies")
    parser.add_argument("--broker-kills", "--brokers", type=int, help="how many brokers are killed; 5 without zombies")
    parser.add_argument("--zombies", type=int, default=0, help="how many are put out of the group, and woken up again")
    parser.add_argument("--planted", default="", choices=PLANTED, help="a bug that must be found")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--rate", type=int, help="lines a second; 1000, with zombies 300")
    parser.add_argument("--running", type=int, help="how many instances run at a time; 2, with zombies 3")
    parser.add_argument("--directory", type=Path, default=None, help="where everything lies; it is kept")
    asked = parser.parse_args(arguments)
    haunted = asked.zombies > 0
    kills = (0 if haunted else 20) if asked.kills is None else asked.kills
    broker_kills = (0 if haunted else 5) if asked.broker_kills is None else asked.broker_kills
    what = f"{kills} instances and {broker_kills} brokers are killed, {asked.zombies} zombies are made"
    print(f"seed {asked.seed}: {what}", flush=True)
    if asked.planted:
        os.environ["PLANTED"] = asked.planted
    with tempfile.TemporaryDirectory(prefix="crash-") as made:
        directory = asked.directory or Path(made)
        directory.mkdir(parents=True, exist_ok=True)
        with trial(directory, asked.seed) as one:
            began = time.monotonic()
            one.feed_on(asked.rate or (300 if haunted else 1000))
            if haunted:
                haunt(one, asked.zombies, kills, broker_kills, asked.running or 3)
            else:
                kill_at_random(one, kills, broker_kills, asked.running or 2)
            return judged(one, began)


def haunt(one: Trial, number: int, kills: int = 0, broker_kills: int = 0, running: int = 3) -> None:
    """Makes zombies, and kills between them, in an order from the seed."""
    begin_again = partial(zombies.start, one)
    deeds: list[Callable[[], object]] = [partial(zombies.make, one)] * number
    deeds += [partial(kill_instance, one, begin_again)] * kills
    deeds += [one.kill_broker] * broker_kills
    begin(one, begin_again, running)
    for deed in one.random.sample(deeds, len(deeds)):
        deed()
        assert not one.fallen(), one.fallen()[0].said[-2000:]


def judged(one: Trial, began: float) -> int:
    one.rest()
    fallen = one.fallen()
    codes = one.stop_all()
    evidence = one.evidence()
    print(report(evidence))
    lost = sum(each.said.count("lost its place in the group") for each in one.instances)
    print(f"{'memberships lost and made anew':<36}{lost:>12,}")
    print(f"exit codes of clean stops: {codes}; {time.monotonic() - began:.0f} s")
    problems = wrong(evidence) + [f"ended by itself: {each.said[-2000:]}" for each in fallen]
    for problem in problems[:SHOWN]:
        print(f"WRONG: {problem}")
    if len(problems) > SHOWN:
        print(f"WRONG: {len(problems) - SHOWN} more")
    if not problems and not any(codes):
        print(
            "at-least-once: no count below the true one, no update taken back, no acknowledged line lost, "
            "stores equal their changelog"
        )
    return 1 if problems or any(codes) else 0


def report(evidence: Evidence) -> str:
    truth = evidence.truth
    more = {word: evidence.counts.get(word, 0) - count for word, count in truth.items()}
    rows = [
        ("lines acknowledged", len(evidence.acknowledged)),
        ("lines in the input", len(evidence.input)),
        ("words, truly", truth.total()),
        ("words, counted", sum(evidence.counts.values())),
        ("different words", len(truth)),
        ("  counted exactly", sum(not extra for extra in more.values())),
        ("  counted more than once for some", sum(extra > 0 for extra in more.values())),
        ("  counted too low", sum(extra < 0 for extra in more.values())),
        ("rows in the databases", len(evidence.stored)),
        ("rows in the changelog", len(evidence.updates)),
        ("rows in the changelog, folded", len(evidence.changelog)),
    ]
    return "\n".join(f"{name:<36}{value:>12,}" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())
