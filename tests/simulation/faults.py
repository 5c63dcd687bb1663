"""What goes wrong in a simulated cluster, by kind: when, and how badly, is drawn from the seed.

A span has periods; about a quarter of them pass without a fault. In each of the others a few happen, of the kinds that
this seed has. At the end everything is mended, and stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import NamedTuple

from broker_local.base.mem_files import CHANGES, Plan
from tests.simulation.cluster import SESSION_MS, Cluster, Member

PERIOD_MS = 1_500
QUIET = 0.25
"""Share of the periods in which nothing happens."""
FOREVER_MS = 1e9
STEPS = 400
"""A process is killed or frozen within so many of its steps."""

Fault = Callable[[Cluster, Random], None]


def _one(cluster: Cluster, random: Random) -> Member | None:
    alive = [each for each in cluster.members if each.lives and each.fragile]
    return random.choice(alive) if alive else None


def _steps(random: Random) -> int:
    return 1 + int(STEPS * random.random() ** 2)


def kill_process(cluster: Cluster, random: Random) -> None:
    """At any step; started again soon, or later."""
    member = _one(cluster, random)
    if member is not None and member.process is not None:
        process, after = member.process, random.random() ** 2 * 3_000

        def die() -> None:
            process.kill()
            cluster.world.at(after, member.start)

        process.after(_steps(random), die)


def freeze_process(cluster: Cluster, random: Random) -> None:
    """At any step; it wakes when the group has done without it, or before."""
    member = _one(cluster, random)
    if member is not None and member.process is not None:
        process, span = member.process, random.random() * 3 * SESSION_MS

        def stop() -> None:
            process.freeze()
            cluster.world.at(span, process.wake)

        process.after(_steps(random), stop)


def leave(cluster: Cluster, random: Random) -> None:
    """One ends cleanly and comes back later."""
    member = _one(cluster, random)
    if member is not None:
        member.wanted = False

        def back() -> None:
            if not cluster.healed:
                member.wanted = True
                member.start()

        cluster.world.at(200 + random.random() * 2_000, back)


def join(cluster: Cluster, random: Random) -> None:
    """One more."""
    cluster.join()


def kill_broker(cluster: Cluster, random: Random) -> None:
    """At a write, of which a part is done, or between two."""
    broker, after = cluster.broker, 50 + random.random() ** 2 * 2_000
    cluster.unsynced_ms += after
    if random.random() < 0.7:
        broker.files.plan = Plan(1 + int(random.random() * 40), "kill", part=random.random())
    else:
        broker.kill()
    cluster.world.at(after, broker.start)


def restart_broker(cluster: Cluster, random: Random) -> None:
    """Cleanly."""
    cluster.broker.stop()
    cluster.world.at(50 + random.random() * 500, cluster.broker.start)


def freeze_broker(cluster: Cluster, random: Random) -> None:
    span = random.random() * 2 * SESSION_MS
    cluster.unsynced_ms += span
    cluster.broker.freeze()
    cluster.world.at(span, cluster.broker.wake)


def power_cut(cluster: Cluster, random: Random) -> None:
    """Of the whole machine: at a write or fsync of the broker, or between two."""
    back = 200 + random.random() * 500

    def cut() -> None:
        if not cluster.healed:
            cluster.cut_power()
            cluster.world.at(back, cluster.start_all)

    if random.random() < 0.7:
        calls = frozenset(("fsync",)) if random.random() < 0.6 else CHANGES
        cluster.broker.files.plan = Plan(1 + int(random.random() ** 2 * 30), "kill", part=random.random(), calls=calls)
        cluster.broker.at_kill = cut
    else:
        cut()


def power_cut_of_the_broker(cluster: Cluster, random: Random) -> None:
    """Its clients are elsewhere, and live on. Only under `durable`: else they know of what is lost."""
    back = 50 + random.random() * 500

    def cut() -> None:
        if not cluster.healed:
            cluster.broker.cut_power()
            cluster.world.at(back, cluster.broker.start)

    if cluster.durable:
        calls = frozenset(("fsync",)) if random.random() < 0.6 else CHANGES
        cluster.broker.files.plan = Plan(1 + int(random.random() ** 2 * 30), "kill", part=random.random(), calls=calls)
        cluster.broker.at_kill = cut


def cut_connections(cluster: Cluster, random: Random) -> None:
    """Some, or all."""
    share = random.random()
    for link in list(cluster.network.links):
        if random.random() < share:
            link.cut()


def slow_network(cluster: Cluster, random: Random) -> None:
    cluster.network.slow_ms = 10 + random.random() ** 2 * 2_000
    cluster.world.at(random.random() * PERIOD_MS, partial(setattr, cluster.network, "slow_ms", 0.0))


def slow_disk(cluster: Cluster, random: Random) -> None:
    cluster.broker.slow_fsync_ms = 20 + random.random() * 1_000
    cluster.unsynced_ms += 10 * cluster.broker.slow_fsync_ms
    cluster.world.at(random.random() * PERIOD_MS * 2, partial(setattr, cluster.broker, "slow_fsync_ms", 0.0))


def broken_disk(cluster: Cluster, random: Random) -> None:
    """EIO: the broker stops, until somebody has looked."""
    cluster.unsynced_ms = FOREVER_MS
    calls = frozenset(("fsync",)) if random.random() < 0.5 else frozenset(("fsync", "write", "rename", "create"))
    cluster.broker.files.plan = Plan(1 + int(random.random() * 20), "error", part=random.random(), calls=calls)
    cluster.world.at(500 + random.random() * PERIOD_MS, cluster.mend_disk)


def full_disk(cluster: Cluster, random: Random) -> None:
    """For a while, under the broker, or under the state as well."""
    cluster.unsynced_ms = FOREVER_MS
    calls = frozenset(("write", "create", "make_directory"))
    at = 1 + int(random.random() * 10)
    cluster.broker.files.plan = Plan(at, "full", part=random.random(), calls=calls, lasting=True)
    cluster.disk.full = random.random() < 0.3
    cluster.world.at(random.random() * PERIOD_MS, cluster.mend_disk)


def jump_clock(cluster: Cluster, random: Random) -> None:
    """The wall clock's, by seconds or by hours, forwards or back."""
    cluster.world.set_clock(int(random.choice((-1, 1)) * 10 ** (random.random() * 4 + 3)))


def slow_functions(cluster: Cluster, random: Random) -> None:
    cluster.slow_ms = random.choice((20, 200, 2_000))
    cluster.world.at(random.random() * PERIOD_MS, partial(setattr, cluster, "slow_ms", 0.0))


FAULTS: Mapping[str, tuple[Fault, float]] = {
    "kill process": (kill_process, 3.0),
    "freeze process": (freeze_process, 2.0),
    "leave": (leave, 1.0),
    "join": (join, 1.0),
    "kill broker": (kill_broker, 1.5),
    "restart broker": (restart_broker, 0.5),
    "freeze broker": (freeze_broker, 0.5),
    "power cut": (power_cut, 1.0),
    "power cut of the broker": (power_cut_of_the_broker, 1.0),
    "cut connections": (cut_connections, 1.5),
    "slow network": (slow_network, 1.0),
    "slow disk": (slow_disk, 0.7),
    "broken disk": (broken_disk, 0.3),
    "full disk": (full_disk, 0.5),
    "clock jump": (jump_clock, 0.5),
    "slow functions": (slow_functions, 0.5),
}
"""By kind, with how often each is drawn."""


class Kinds(NamedTuple):
    """Which kinds of faults there are in a seed.

    Args:
        happen: of those that are drawn, only these happen; None: all. A failing seed is made smaller by it.
        drawn: only these are drawn; none: about half of all kinds, by the seed.
    """

    happen: frozenset[str] | None = None
    drawn: tuple[str, ...] = ()


ALL_KINDS = Kinds()


def schedule(cluster: Cluster, span_ms: int, wanted: Kinds) -> None:
    """Draws what happens within a span, and lets it happen."""
    random = cluster.random("faults")
    kinds = [name for name in FAULTS if random.random() < 0.5] or ["kill process"]
    kinds = list(wanted.drawn) or kinds
    weights = [FAULTS[name][1] for name in kinds]
    for period in range(max(1, span_ms // PERIOD_MS)):
        if random.random() < QUIET:
            continue
        for number in range(random.randint(1, 3)):
            (name,) = random.choices(kinds, weights)
            at = (period + random.random()) * PERIOD_MS
            chance = cluster.random(f"fault {period} {number}")
            if wanted.happen is None or name in wanted.happen:
                cluster.world.at(at, partial(_happen, cluster, name, chance))


def _happen(cluster: Cluster, name: str, random: Random) -> None:
    if not cluster.healed:
        cluster.faults[name] += 1
        FAULTS[name][0](cluster, random)
