"""What is done to the instances and the broker of a trial, one deed after the other, and counted in `Trial.kills`.

Whoever is to die at some place of its own choosing (a step, a call) is started so, and waited for; if it never comes
there it is killed as any other. In the end as many run as before.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress

from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from streams.runtime.worker.guarantee import AT_LEAST_ONCE
from tests.crash.faults import INSTANCE, Plan, Planned
from tests.crash.trial import YOUNG, Instance, Trial
from tests.streams.apps import wait_for

Start = Callable[..., Instance]
STATE, DATA = "/data/state/", "/data/"
DIES_WITHIN_S = 6.0
ABORTS = 0.3
INSTANCE_CALLS, BROKER_CALLS = 120, 400
"""Of its first seconds; whoever does not come so far ends as in other kills."""
RECOVERY_CALLS = 25
TAKE_OVER_CALLS = 30


def kill(one: Trial, start: Start) -> None:
    """Kills an instance: at random, after a step of a commit or an abort, or at a call that changes a file."""
    kinds = [_at_random, _at_random, _after_a_step]
    if one.faults is not None:
        kinds.append(_at_a_call)
    one.random.choice(kinds)(one, start)


def _at_random(one: Trial, start: Start) -> None:
    """The next one has an abort in its life, or has none."""
    _one_dies(one, start)
    if one.random.random() < ABORTS:
        start(PLANTED="refused")
    else:
        start()


def _after_a_step(one: Trial, start: Start) -> None:
    step, planted = _some_step(one)
    _one_dies(one, start)
    doomed = start(KILLED_AFTER=step, **planted)
    _dies(one, doomed)
    start()


def _some_step(one: Trial) -> tuple[str, dict[str, str]]:
    """A step of a commit or of an abort with its number, and what is planted so that it comes to it."""
    guarantee = EXACTLY_ONCE if one.exactly else AT_LEAST_ONCE
    aborts = one.random.random() < 0.4
    steps = guarantee.abort if aborts else guarantee.commit
    step, number = one.random.choice(steps)[0], 1 if aborts else one.random.randint(1, 12)
    return f"{step}:{number}", {"PLANTED": "refused"} if aborts else {}


def _at_a_call(one: Trial, start: Start) -> None:
    _one_dies(one, start)
    _starts_with(one, Plan("kill", _some(one, INSTANCE_CALLS), STATE, INSTANCE), start)
    start()


def kill_twice(one: Trial, start: Start) -> None:
    """Kills an instance, and the one that takes its place while it takes over; or the broker, and the next one while it
    recovers."""
    if one.faults is not None and one.random.random() < 0.4:
        _broker_at_a_call(one, RECOVERY_CALLS)
    else:
        _one_dies(one, start)
        which = one.random.randrange(3 if one.faults is not None else 2)
        if which == 0:
            doomed = start()
            with suppress(subprocess.TimeoutExpired):
                doomed.process.wait(one.random.uniform(0.2, 1.5))
            _dies(one, doomed, 0.0)
        elif which == 1:
            _dies(one, start(KILLED_TAKING_OVER=str(one.random.randint(1, TAKE_OVER_CALLS))))
        else:
            _starts_with(one, Plan("kill", one.random.randint(1, RECOVERY_CALLS), STATE, INSTANCE), start)
        start()
    one.kills["twice"] += 1


def kill_broker(one: Trial, start: Start) -> None:
    """Kills a broker at a call that changes a file, or while an instance is amidst a commit or an abort, or ends it in
    another way that its engine has."""
    how = one.random.random()
    if one.faults is not None and how < 0.4:
        _broker_at_a_call(one, BROKER_CALLS)
    elif how < 0.6:
        _broker_in_a_commit(one, start)
    else:
        one.kills["brokers"] += one.engine.torment(one.random)


def _broker_in_a_commit(one: Trial, start: Start) -> None:
    """An instance stands still after a step, and goes on when the broker has gone."""
    step, planted = _some_step(one)
    asked = one.directory / f"held-{len(one.instances)}"
    taken = asked.with_name(f"{asked.name}-taken")
    asked.touch()
    _one_dies(one, start)
    held = start(HELD_AFTER=step, HELD=str(asked), **planted)
    with suppress(AssertionError):
        wait_for(lambda: taken.exists() or not held.runs, 2 * DIES_WITHIN_S)
    one.kills["brokers"] += one.engine.torment(one.random)
    for mark in (asked, taken):
        mark.unlink(missing_ok=True)


def _broker_at_a_call(one: Trial, most: int) -> None:
    assert one.faults is not None
    planned = one.faults.plan(Plan("kill", _some(one, most), DATA, one.engine.command))
    one.engine.kill()
    one.kills["brokers"] += 1
    try:
        wait_for(lambda: planned.pid is not None and not _runs(planned.pid), one.engine.starts_within_s)
        one.kills["brokers"] += 1
        one.engine.revive()
    except AssertionError:
        planned.withdraw()
        one.engine.revive(doomed=True)


def fail_disk(one: Trial, start: Start) -> None:
    """The disk of an instance's state is full or fails, once or from then on; or the broker's is full for one call.
    The instance may end with an error, and another takes its place."""
    assert one.faults is not None
    fault = one.random.choice(("full", "error"))
    if fault == "full" and one.random.random() < 0.3:
        one.faults.plan(Plan("full", _some(one, BROKER_CALLS), DATA, one.engine.command))
        one.kill_broker()
        one.kills["brokers"] += 1
    else:
        _one_dies(one, start)
        plan = Plan(fault, _some(one, INSTANCE_CALLS), STATE, INSTANCE, one.random.random() < 0.5)
        planned, ill = _with(one, plan, start)
        ill.has_bad_disk = True
        with suppress(subprocess.TimeoutExpired):
            ill.process.wait(one.random.uniform(1.0, 5.0))
        planned.withdraw()
        if ill.runs:
            _dies(one, ill, 0.0)
        start()
    one.kills["disks"] += 1


# how


def _some(one: Trial, most: int) -> int:
    """A number up to this; small ones are likelier."""
    return int(most ** one.random.random())


def _one_dies(one: Trial, start: Start) -> None:
    """Kills one that works, or may not work yet."""

    def works() -> bool:
        one.begin_again(start)
        return any(instance.is_up for instance in one.alive())

    wait_for(works)
    assert not one.fallen(), one.fallen()[0].said[-3000:]
    some = [instance for instance in one.alive() if instance.is_up or one.random.random() < YOUNG]
    one.random.choice(some).kill()
    one.kills["instances"] += 1


def _with(one: Trial, plan: Plan, start: Start) -> tuple[Planned, Instance]:
    assert one.faults is not None
    planned = one.faults.plan(plan)
    instance = start()
    with suppress(AssertionError):
        wait_for(lambda: planned.pid is not None, DIES_WITHIN_S)
    return planned, instance


def _starts_with(one: Trial, plan: Plan, start: Start) -> None:
    planned, doomed = _with(one, plan, start)
    _dies(one, doomed)
    planned.withdraw()


def _dies(one: Trial, doomed: Instance, patience_s: float = DIES_WITHIN_S) -> None:
    """Waits for its end, and brings it about at last."""
    with suppress(subprocess.TimeoutExpired):
        doomed.process.wait(patience_s)
    if doomed.runs:
        doomed.kill()
    one.kills["instances"] += 1


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
