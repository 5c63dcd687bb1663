"""Many seeds, in several processes, and what is told of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.logs import quiet
from tests.simulation.faults import ALL_KINDS, Kinds
from tests.simulation.simulation import Outcome, simulate


class Wanted(NamedTuple):
    """A seed, and how it is to be simulated."""

    seed: int
    guarantee: str
    workload: str | None = None
    kinds: Kinds = ALL_KINDS

    @property
    def command(self) -> str:
        """What simulates it again."""
        words = [f"python -m tests.simulation --seeds {self.seed}:{self.seed + 1} --guarantee {self.guarantee}"]
        words += [f"--workload {self.workload}"] if self.workload else []
        happen, drawn = self.kinds
        words += [f"--faults '{','.join(sorted(happen))}'"] if happen is not None else []
        words += [f"--drawn '{','.join(drawn)}'"] if drawn else []
        return " ".join(words)


def run_one(wanted: Wanted) -> tuple[Wanted, Outcome]:
    """Simulates one, with the logs out of the way."""
    with quiet():
        return wanted, simulate(wanted.seed, wanted.guarantee, wanted.workload, wanted.kinds)


def _alone_on_a_core(numbers: multiprocessing.Queue[int]) -> None:
    """Threads that take turns do so faster where they need not be told on another core."""
    cores, number = sorted(os.sched_getaffinity(0)), numbers.get()
    numbers.put(number)  # for who takes its place after a while
    os.sched_setaffinity(0, {cores[number % len(cores)]})


def run_all(wanted: Sequence[Wanted], processes: int) -> Iterator[tuple[Wanted, Outcome]]:
    """Simulates all, in so many processes; they come in the order in which they were asked for."""
    if processes == 1:
        yield from map(run_one, wanted)
        return
    context = multiprocessing.get_context("fork")
    numbers = context.Queue()
    for number in range(processes):
        numbers.put(number)
    with context.Pool(processes, _alone_on_a_core, (numbers,), maxtasksperchild=100) as pool:
        yield from pool.imap(run_one, wanted, chunksize=2)


@dataclass
class Totals:
    """What was simulated."""

    seeds: Counter[str] = field(default_factory=Counter)
    """By guarantee and application."""
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[int] = field(default_factory=list)
    records: int = 0
    quiet: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, wanted: Wanted, outcome: Outcome) -> None:
        """One more."""
        self.seeds[f"{wanted.guarantee} {outcome.workload}"] += 1
        self.faults.update(outcome.faults)
        self.records += outcome.records
        self.quiet += not outcome.faults
        if outcome.problems:
            self.wrong.append(wanted.seed)

    def told(self) -> str:
        """In words."""
        count, took = self.seeds.total(), time.monotonic() - self.began
        faults = ", ".join(f"{name} {number}" for name, number in self.faults.most_common())
        kinds = ", ".join(f"{name} {number}" for name, number in sorted(self.seeds.items()))
        return (
            f"{count} seeds in {took:.0f} s, {count / took:.1f} a second; {self.records} records checked; "
            f"{len(self.wrong)} wrong: {self.wrong[:20]}\n    {kinds}\n    faults: {faults}; none in {self.quiet} seeds"
        )

    def write(self, path: Path) -> None:
        """Adds it to the running total."""
        known = json.loads(path.read_text()) if path.exists() else {"seeds": {}, "faults": {}, "records": 0, "wrong": 0}
        for name, counted in (("seeds", self.seeds), ("faults", self.faults)):
            total = Counter(known[name]) + counted
            known[name] = dict(sorted(total.items()))
        known["records"] += self.records
        known["wrong"] += len(self.wrong)
        path.write_text(json.dumps(known, indent=1) + "\n")
