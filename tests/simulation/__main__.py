"""`python -m tests.simulation --seed S --runs N [--seeds M]`: the same seed gives the same trace, byte for byte."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.application import digest_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first simulation")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, counted from the first")
    parser.add_argument("--runs", type=int, default=200, help="of each seed")
    asked = parser.parse_args()
    unequal = 0
    for seed in range(asked.seed, asked.seed + asked.seeds):
        digests = {digest_of(seed) for _ in range(asked.runs)}
        print(f"seed {seed}: {asked.runs} runs, {len(digests)} traces: {min(digests)}", flush=True)
        unequal += len(digests) - 1
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
