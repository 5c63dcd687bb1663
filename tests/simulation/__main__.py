"""Simulates seeds: a broker, an application and its clients in one process, with everything that goes wrong.

    python -m tests.simulation --seeds A:B                      with exactly_once_v2 and at_least_once in turn
    python -m tests.simulation --seeds A:B --guarantee at_least_once --workload word-count
    python -m tests.simulation --seeds 7:8 --trace              one seed again, with what happened
    python -m tests.simulation --seeds 1:21 --runs 20           the same seed gives the same run, byte for byte
    python -m tests.simulation planted [NAME ...]               searches planted bugs: at which seed each is found

Exit code 1: something is wrong. Each failing seed comes with the command that simulates it again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.simulation import running
from tests.simulation.faults import Kinds
from tests.simulation.planted import search
from tests.simulation.running import Wanted
from tests.simulation.simulation import GUARANTEES, WORKLOADS

RECORD = Path(__file__).parent / "record.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="1:101", help="A:B, from A up to before B")
    parser.add_argument("--guarantee", choices=GUARANTEES, help="of the application; both in turn, if none")
    parser.add_argument("--workload", choices=WORKLOADS, help="which is simulated; drawn, if none")
    parser.add_argument("--faults", help="of what is drawn only these kinds happen; commas between; `none`: none")
    parser.add_argument("--drawn", default="", help="only these kinds are drawn; commas between")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--runs", type=int, default=1, help="of each seed, all of which must be the same")
    parser.add_argument("--trace", action="store_true", help="what happened, line by line")
    parser.add_argument("--record", action="store_true", help=f"adds what was simulated to {RECORD.name}")
    asked = parser.parse_args(arguments)
    first, _, last = asked.seeds.partition(":")
    happen = None if asked.faults is None else frozenset(asked.faults.split(","))
    kinds = Kinds(happen, tuple(each for each in asked.drawn.split(",") if each))
    guarantees = (asked.guarantee,) if asked.guarantee else GUARANTEES
    wanted = [
        Wanted(seed, guarantees[seed % len(guarantees)], asked.workload, kinds)
        for seed in range(int(first), int(last or int(first) + 1))
    ]
    if asked.runs > 1:
        return _same(wanted, asked.runs, asked.processes)
    totals, wrong = running.Totals(), 0
    for one, outcome in running.run_all(wanted, asked.processes):
        totals.add(one, outcome)
        if asked.trace:
            print("\n".join(outcome.trace))
        if outcome.problems:
            wrong += 1
            print(f"seed {one.seed} is wrong: {outcome.shown}, {dict(outcome.faults)}")
            for problem in outcome.problems[:5]:
                print(f"    {problem}")
            print(f"    again: {one.command}", flush=True)
    print(totals.told())
    if asked.record:
        totals.write(RECORD)
    return 1 if wrong else 0


def _same(wanted: list[Wanted], runs: int, processes: int) -> int:
    digests: dict[Wanted, Counter[str]] = {}
    for one, outcome in running.run_all([each for each in wanted for _ in range(runs)], processes):
        digests.setdefault(one, Counter())[outcome.digest] += 1
    for one, found in digests.items():
        print(f"seed {one.seed}: {found.total()} runs, {len(found)} traces: {min(found)}")
    return 1 if any(len(found) > 1 for found in digests.values()) else 0


if __name__ == "__main__":
    sys.exit(search.main(sys.argv[2:]) if sys.argv[1:2] == ["planted"] else main())
