"""One seed: a cluster, its faults, and whether all is right afterwards."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from streams.testing import SimulationStuck
from tests.simulation.application_run import ApplicationRun, draw
from tests.simulation.cluster import Cluster
from tests.simulation.logs import Unread
from tests.simulation.topologies import APPLICATIONS

AT_LEAST_ONCE, EXACTLY_ONCE = "at_least_once", "exactly_once_v2"
GUARANTEES = (AT_LEAST_ONCE,)
WORKLOADS = tuple(APPLICATIONS)


@dataclass
class Outcome:
    """What came of a seed.

    `problems`: what is wrong; none: all is right. `shown`: in words, what was simulated.
    """

    seed: int
    workload: str
    shown: str
    problems: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    records: int = 0
    digest: str = ""
    trace: list[str] = field(default_factory=list)


def simulate(
    seed: int,
    guarantee: str = AT_LEAST_ONCE,
    workload: str | None = None,
    allowed: frozenset[str] | None = None,
) -> Outcome:
    """Simulates a seed.

    Args:
        seed: of everything.
        guarantee: of the application.
        workload: its name; None: drawn.
        allowed: only faults of these kinds happen; None: all.
    """
    random = Random(f"{seed}:shape")
    names = [name for name, each in APPLICATIONS.items() if not each.exact_only or guarantee != AT_LEAST_ONCE]
    drawn = random.choice(names)
    shape = draw(random, guarantee)
    cluster = Cluster(seed, shape.durability)
    name = workload or drawn
    run = ApplicationRun(cluster, APPLICATIONS[name], shape)
    outcome = Outcome(seed, name, f"{name} {shape}", faults=cluster.faults, failures=cluster.failures)
    try:
        outcome.problems = cluster.world.run(lambda: run.main(allowed))
    except (SimulationStuck, Unread) as stuck:
        outcome.problems = [f"{type(stuck).__name__}: {stuck}"]
    outcome.problems += cluster.wrong
    outcome.trace = cluster.world.trace
    outcome.records = sum(map(len, run.logs.values()))
    said = [*outcome.trace, *outcome.problems, repr(sorted(cluster.faults.items())), repr(sorted(run.logs.items()))]
    outcome.digest = hashlib.sha256("\n".join(said).encode()).hexdigest()
    return outcome
