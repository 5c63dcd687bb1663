"""Instances that are put out of their group without knowing it, each in one of several ways, while others take over."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.crash.trial import Instance, Trial
from tests.streams.apps import wait_for

SESSION_MS = 2_000
POLL_MS = 3_000
SETTINGS = (
    "--config", f"consumer.session.timeout.ms={SESSION_MS}", "--config", f"consumer.max.poll.interval.ms={POLL_MS}",
)  # fmt: skip
BUSY_S = 10.0
"""Whoever counts has counted something by then."""
UNCACHED = ("--config", "statestore.cache.max.bytes=0")
"""Output then leaves at once, and not only at the commit."""
RARELY = ("--config", "commit.interval.ms=2000")
"""With the cache, a worker then has much in hand at any time."""


def start(one: Trial, *more: str, threads: int | None = None, workers: int = 1, **planted: str) -> Instance:
    """An instance whose session is short; with much in hand or little, with one thread or two if none is said."""
    (one.directory / "slow").mkdir(exist_ok=True)
    threads = threads or one.random.choice((1, 1, 2))
    hand = one.random.choice((UNCACHED, RARELY, ()))
    more = (*SETTINGS, *hand, "--config", f"num.stream.threads={threads}", *more)
    if workers > 1:
        more = (*more, "--workers", str(workers))
    return one.start(*more, members=threads * workers, SLOW=str(one.directory / "slow"), **planted)


def make(one: Trial) -> None:
    """Makes a zombie in one way or another, wakes it up, and waits until it has learnt that it was one."""
    settle(one)
    one.random.choice(KINDS)(one)


def settle(one: Trial) -> None:
    """Waits until all are in the group that are to be."""
    wait_for(lambda: _settled(one))


def _settled(one: Trial) -> bool:
    alive = one.alive()  # a static member that has ended is still in the group for its session
    return (
        all(each.is_up for each in alive) and one.members() == sum(each.members for each in alive) and one.is_stable()
    )


def frozen(one: Trial) -> None:
    """A process stands still for longer than its session."""
    zombie = one.random.choice(one.alive())
    told, before = _losses(zombie), one.members()
    zombie.signal(signal.SIGSTOP)
    _others_go_on(one, before)
    zombie.signal(signal.SIGCONT)
    _learns(zombie, told)


def slow(one: Trial) -> None:
    """The user's function takes longer than max.poll.interval.ms; the heartbeats go on."""
    before = one.members()
    zombie = next(each for each in one.random.sample(one.alive(), len(one.alive())) if _stands_still(one, each))
    told = _losses(zombie)
    _others_go_on(one, before)
    for mark in (one.directory / "slow").iterdir():
        mark.unlink()
    _learns(zombie, told)


def _stands_still(one: Trial, instance: Instance) -> bool:
    """Asks an instance to stand still; it cannot if it has no task that counts."""
    asked = one.directory / "slow" / str(instance.process.pid)
    asked.touch()
    deadline = time.monotonic() + BUSY_S
    while asked.exists():
        if time.monotonic() > deadline:
            asked.unlink(missing_ok=True)
            return asked.with_name(f"{asked.name}-taken").exists()
        time.sleep(0.02)
    return True


def frozen_while_the_broker_is_killed(one: Trial) -> None:
    """The broker that put it out is another one when it wakes up."""
    zombie = one.random.choice(one.alive())
    told, before = _losses(zombie), one.members()
    zombie.signal(signal.SIGSTOP)
    _others_go_on(one, before)
    one.kill_broker()
    _others_go_on(one, before)
    zombie.signal(signal.SIGCONT)
    _learns(zombie, told)


def frozen_while_the_broker_stands_still(one: Trial) -> None:
    """It wakes up before the broker does, which finds what it has sent among all the rest."""
    zombie = one.random.choice(one.alive())
    told, before = _losses(zombie), one.members()
    zombie.signal(signal.SIGSTOP)
    _others_go_on(one, before)
    thaw = one.engine.freeze()
    zombie.signal(signal.SIGCONT)
    time.sleep(one.random.uniform(0.1, SESSION_MS / 1000))
    thaw()
    _learns(zombie, told)


def static(one: Trial) -> None:
    """A member with an instance id misses a rebalance, and keeps its place."""
    name = f"static-{len(one.instances)}"
    longer = ("--config", "consumer.session.timeout.ms=9000", "--config", f"consumer.group.instance.id={name}")
    zombie = start(one, *longer, threads=1)
    settle(one)
    told, before = _losses(zombie), one.members()
    _stops_between_rounds(one, zombie)
    another = start(one, threads=1)
    # the round that takes the other one in has begun after the stop, and ends without the zombie, which stays a member
    wait_for(lambda: another.is_up)
    _others_go_on(one, before + 2)
    zombie.signal(signal.SIGCONT)
    _learns(zombie, told)
    settle(one)
    for each in (zombie, another):
        assert each.stop() == 0, each.said[-2000:]


def _stops_between_rounds(one: Trial, zombie: Instance) -> None:
    """Freezes it while no rebalance is on, so that it has joined none that is still to end."""
    while True:
        settle(one)
        zombie.signal(signal.SIGSTOP)
        if one.is_stable():
            return
        zombie.signal(signal.SIGCONT)


def worker_of_several(one: Trial) -> None:
    """One of the processes of `--workers 2` stands still."""
    several = start(one, threads=1, workers=2)
    settle(one)
    told, before = _losses(several), one.members()
    children = Path(f"/proc/{several.process.pid}/task/{several.process.pid}/children").read_text().split()
    zombie = int(one.random.choice(children))
    os.kill(zombie, signal.SIGSTOP)
    _others_go_on(one, before)
    os.kill(zombie, signal.SIGCONT)
    _learns(several, told)
    assert several.stop() == 0, several.said[-2000:]


KINDS = (
    frozen,
    slow,
    frozen_while_the_broker_is_killed,
    frozen_while_the_broker_stands_still,
    static,
    worker_of_several,
)


def _losses(instance: Instance) -> int:
    return instance.said.count("lost its place in the group")


def _learns(zombie: Instance, told: int) -> None:
    """Waits until it has said that it lost its place."""
    wait_for(lambda: _losses(zombie) > told)


def _others_go_on(one: Trial, before: int) -> None:
    """Waits until what a zombie had is someone else's, so that there are fewer members than before, and more input has
    been committed since."""
    wait_for(lambda: one.members() < before and one.is_stable())
    done = one.committed()
    wait_for(lambda: one.committed() > done)
    time.sleep(one.random.uniform(0.0, 0.5))
