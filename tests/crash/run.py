"""`python -m tests.crash.run`: kills instances and brokers of a word count at random, and compares with the truth."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.trial import Trial, kill_at_random, trial
from tests.crash.verdict import Evidence, wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.run", description=__doc__)
    parser.add_argument("--instances", type=int, default=20, help="how many instances are killed")
    parser.add_argument("--brokers", type=int, default=5, help="how many brokers are killed")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--rate", type=int, default=1000, help="lines a second")
    parser.add_argument("--running", type=int, default=2, help="how many instances run at a time")
    parser.add_argument("--directory", type=Path, default=None, help="where everything lies; it is kept")
    asked = parser.parse_args()
    print(f"seed {asked.seed}: {asked.instances} instances and {asked.brokers} brokers are killed", flush=True)
    with tempfile.TemporaryDirectory(prefix="crash-") as made:
        directory = asked.directory or Path(made)
        directory.mkdir(parents=True, exist_ok=True)
        with trial(directory, asked.seed) as one:
            return judged(one, asked.instances, asked.brokers, asked.rate, asked.running)


def judged(one: Trial, instances: int, brokers: int, rate: int, running: int) -> int:
    began = time.monotonic()
    one.feed_on(rate)
    kill_at_random(one, instances, brokers, running)
    one.rest()
    fallen = one.fallen()
    codes = one.stop_all()
    evidence = one.evidence()
    print(report(evidence))
    print(f"exit codes of clean stops: {codes}; {time.monotonic() - began:.0f} s")
    problems = wrong(evidence) + [f"ended by itself: {each.said[-2000:]}" for each in fallen]
    for problem in problems:
        print(f"WRONG: {problem}")
    if not problems and not any(codes):
        print("at-least-once: no count below the true one, no acknowledged line lost, stores equal their changelog")
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
        ("rows in the changelog, folded", len(evidence.changelog)),
    ]
    return "\n".join(f"{name:<36}{value:>12,}" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())
