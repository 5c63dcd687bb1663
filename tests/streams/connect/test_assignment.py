"""How connectors and tasks are shared out."""

from __future__ import annotations

import random
from collections import Counter

from streams.connect.worker.assignment import Shares, assign
from streams.connect.worker.config_state import TaskId
from streams.connect.worker.herder import Work

NOTHING = Work((), ())
TASKS = [TaskId("a", number) for number in range(4)]


def settled(tasks: list[TaskId], owned: dict[str, Work]) -> dict[str, Work]:
    """What members have when nothing waits any more; no task is had by two on the way."""
    for _ in range(3):
        shares = assign(["a"], tasks, owned)
        given = Counter(task for work in shares.given.values() for task in work.tasks)
        assert not given or max(given.values()) == 1
        holders = {task: member for member, work in owned.items() for task in work.tasks}
        for member, work in shares.given.items():
            assert all(holders.get(task, member) == member for task in work.tasks)
        owned = dict(shares.given)
        if not shares.waits:
            return owned
    raise AssertionError("something waits for ever")


def tasks_of(shares: Shares, member: str) -> list[TaskId]:
    return sorted(shares.given[member].tasks)


def test_work_is_even() -> None:
    shares = assign(["a"], TASKS, {"m1": NOTHING, "m2": NOTHING})
    assert sorted(len(work.tasks) for work in shares.given.values()) == [2, 2]
    assert not shares.waits


def test_what_runs_goes_on_where_it_runs() -> None:
    owned = {"m1": Work(["a"], TASKS[2:]), "m2": Work([], TASKS[:2])}
    shares = assign(["a"], TASKS, owned)
    assert (tasks_of(shares, "m1"), tasks_of(shares, "m2")) == (TASKS[2:], TASKS[:2])


def test_what_moves_is_ended_first() -> None:
    shares = assign(["a"], TASKS, {"m1": Work(["a"], TASKS), "m2": NOTHING})
    assert (tasks_of(shares, "m1"), tasks_of(shares, "m2"), shares.waits) == (TASKS[:2], [], True)
    shares = assign(["a"], TASKS, {"m1": Work(["a"], TASKS[:2]), "m2": NOTHING})
    assert (tasks_of(shares, "m2"), shares.waits) == (TASKS[2:], False)


def test_what_a_dead_worker_had_goes_to_another_at_once() -> None:
    shares = assign(["a"], TASKS, {"m2": Work([], TASKS[2:])})
    assert (tasks_of(shares, "m2"), shares.waits) == (TASKS, False)


def test_two_that_claim_the_same_do_not_both_have_it() -> None:
    shares = assign([], TASKS[:1], {"m1": Work([], TASKS[:1]), "m2": Work([], TASKS[:1])})
    assert sorted(len(work.tasks) for work in shares.given.values()) == [0, 1]


def test_many_groups_come_to_an_even_end() -> None:
    chance = random.Random(7)
    for _ in range(300):
        tasks = [TaskId("a", number) for number in range(chance.randrange(12))]
        members = [f"m{number}" for number in range(chance.randrange(1, 5))]
        claims: dict[str, list[TaskId]] = {member: [] for member in members}
        for task in tasks:
            if chance.random() < 0.7:
                claims[chance.choice(members)].append(task)
        end = settled(tasks, {member: Work([], claimed) for member, claimed in claims.items()})
        counts = [len(work.tasks) for work in end.values()]
        assert sum(counts) == len(tasks) and max(counts) - min(counts) <= 1
