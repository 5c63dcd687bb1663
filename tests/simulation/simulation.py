"""One seed: a cluster, its faults, and whether all is right afterwards."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from tests.simulation import application_run, client_run
from tests.simulation.application_run import ApplicationRun
from tests.simulation.client_run import ClientRun
from tests.simulation.cluster import Cluster
from tests.simulation.faults import ALL_KINDS, Kinds
from tests.simulation.random_topologies import random_application
from tests.simulation.topologies import APPLICATIONS

AT_LEAST_ONCE, EXACTLY_ONCE = "at_least_once", "exactly_once_v2"
GUARANTEES = (EXACTLY_ONCE, AT_LEAST_ONCE)
CLIENTS, RANDOM = "clients", "random"
"""Producers and consumers without an application; an application with a random topology."""
WORKLOADS = (CLIENTS, RANDOM, *APPLICATIONS)


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
    kinds: Kinds = ALL_KINDS,
) -> Outcome:
    """Simulates a seed.

    Args:
        seed: of everything.
        guarantee: of the application.
        workload: its name; None: drawn.
        kinds: of faults.
    """
    random = Random(f"{seed}:shape")
    exact = guarantee != AT_LEAST_ONCE
    names = [name for name, each in APPLICATIONS.items() if exact or not each.exact_only]
    name = workload or Random(f"{seed}:workload").choice([CLIENTS, CLIENTS, *([RANDOM] if exact else []), *names])
    run: ApplicationRun | ClientRun
    if name == CLIENTS:
        plan = client_run.draw(random)
        cluster = Cluster(seed, plan.durability)
        run, shown = ClientRun(cluster, plan), repr(plan)
    else:
        shape = application_run.draw(random, guarantee)
        if name == RANDOM:  # what is sent stays, one record after the other
            shape = replace(shape, durability="durable", cache_bytes=0)
        cluster = Cluster(seed, shape.durability)
        application = random_application(seed) if name == RANDOM else APPLICATIONS[name]
        run, shown = ApplicationRun(cluster, application, shape), f"{application.name} {shape}"
    outcome = Outcome(seed, name, f"{name} {shown}", faults=cluster.faults, failures=cluster.failures)
    try:
        outcome.problems = cluster.world.run(lambda: run.main(kinds))
    except Exception as failed:
        outcome.problems = [f"{type(failed).__name__}: {failed}"]
    outcome.problems += cluster.wrong
    if not cluster.faults["broken disk"]:
        outcome.problems += [f"the broker stopped for good: {each}" for each in cluster.broker.stops]
    outcome.trace = cluster.world.trace
    outcome.records = sum(map(len, run.logs.values()))
    said = [*outcome.trace, *outcome.problems, repr(sorted(cluster.faults.items())), repr(sorted(run.logs.items()))]
    outcome.digest = hashlib.sha256("\n".join(said).encode()).hexdigest()
    return outcome
