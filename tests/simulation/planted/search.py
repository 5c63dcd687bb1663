"""`python -m tests.simulation planted [NAME ...]`: at which seed each planted bug is found."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from tests.simulation.faults import Kinds
from tests.simulation.planted import Planted, applications, broker, planted, transactions
from tests.simulation.running import Wanted, run_all, run_one
from tests.simulation.simulation import Outcome

MOST = 2_000
SEEDS = Path(__file__).parent / "seeds.json"
BUGS: dict[str, Planted] = {each.name: each for each in (*broker.BUGS, *transactions.BUGS, *applications.BUGS)}


def wanted(bug: Planted, seed: int) -> Wanted:
    """How a seed is simulated to find a bug."""
    return Wanted(seed, bug.guarantee, bug.workload, Kinds(drawn=bug.faults))


def known() -> dict[str, int]:
    """At which seed each was found first."""
    found: dict[str, int] = json.loads(SEEDS.read_text()) if SEEDS.exists() else {}
    return found


def found_at(bug: Planted, seed: int) -> list[str]:
    """What is wrong at a seed with a bug."""
    with planted(bug):
        return finds(bug, run_one(wanted(bug, seed))[1])


def finds(bug: Planted, outcome: Outcome) -> list[str]:
    """What of an outcome shows a bug."""
    return [each for each in outcome.problems if bug.but is None or not each.startswith(bug.but)]


def search(bug: Planted, most: int, processes: int) -> tuple[int, str] | None:
    """The first seed at which it is found, where all is right without it; and what it is found by."""
    first = 1
    while first <= most:
        with planted(bug):
            several = run_all([wanted(bug, seed) for seed in range(first, most + 1)], processes)
            found = next(((one, outcome) for one, outcome in several if finds(bug, outcome)), None)
            several.close()
        if found is None:
            return None
        one, outcome = found
        if not run_one(one)[1].problems:
            return one.seed, finds(bug, outcome)[0]
        first = one.seed + 1
    return None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="of bugs; none: all")
    parser.add_argument("--seeds", type=int, default=MOST, help="how many are searched")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--record", action="store_true", help=f"writes the seeds to {SEEDS.name}")
    asked = parser.parse_args(arguments)
    missed = 0
    for name in asked.names or BUGS:
        began = time.monotonic()
        found = search(BUGS[name], asked.seeds, asked.processes)
        took = time.monotonic() - began
        if found is None:
            missed += 1
            print(f"{name}: not found in {asked.seeds} seeds, {took:.0f} s", flush=True)
            continue
        print(f"{name}: seed {found[0]}, {took:.0f} s: {found[1][:150]}", flush=True)
        if asked.record:
            SEEDS.write_text(json.dumps(dict(sorted({**known(), name: found[0]}.items())), indent=1) + "\n")
    return 1 if missed else 0
