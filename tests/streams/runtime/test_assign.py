"""The assignor, by properties: valid, balanced, sticky, near the state."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.runtime.group.assign import AssignSettings, MemberInfo, Plan, TaskInfo, assign, hand_out, quotas
from streams.topology.node import TaskId

SETTINGS = AssignSettings(acceptable_recovery_lag=100)
CODE = b"v1"


def tasks_of(counts: list[int], stateless: frozenset[int] = frozenset()) -> list[TaskInfo]:
    """Tasks of sub-topologies with so many partitions; some of them have no state."""
    return [TaskInfo(TaskId(s, p), s not in stateless, CODE) for s, count in enumerate(counts) for p in range(count)]


def stateful_loads(plan: Plan, tasks: list[TaskInfo]) -> list[int]:
    with_state = {task.id for task in tasks if task.stateful}
    return [len(with_state.intersection(ids)) for ids in plan.active.values()]


def member(name: str, plan: Plan | None = None, **more: object) -> MemberInfo:
    owned = frozenset(plan.active.get(name, ())) if plan is not None else frozenset()
    return MemberInfo(name, frozenset({CODE}), owned, **more)  # type: ignore[arg-type]


def moved(before: Plan, after: Plan) -> int:
    owner = {task: name for name, tasks in before.active.items() for task in tasks}
    return sum(owner.get(task) != name for name, tasks in after.active.items() for task in tasks)


def loads(plan: Plan) -> list[int]:
    return [len(tasks) for tasks in plan.active.values()]


counts = st.lists(st.integers(1, 12), min_size=1, max_size=4)
kinds = st.frozensets(st.integers(0, 3), max_size=3)


@given(counts, kinds, st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_every_task_has_one_place_and_loads_differ_by_one(sub: list[int], stateless: frozenset[int], n: int) -> None:
    tasks = tasks_of(sub, stateless)
    plan = assign(tasks, [member(f"m{i}") for i in range(n)], {}, SETTINGS)
    assert sorted(t for ids in plan.active.values() for t in ids) == sorted(t.id for t in tasks)
    assert max(loads(plan)) - min(loads(plan)) <= 1
    assert max(stateful_loads(plan, tasks)) - min(stateful_loads(plan, tasks)) <= 1


@given(counts, kinds, st.integers(1, 9), st.data())
@settings(max_examples=100, deadline=None)
def test_a_join_moves_at_most_its_share_and_a_leave_moves_only_what_is_orphaned(
    sub: list[int], stateless: frozenset[int], n: int, data: st.DataObject
) -> None:
    tasks = tasks_of(sub, stateless)
    names = [f"m{i}" for i in range(n)]
    plan = assign(tasks, [member(name) for name in names], {}, SETTINGS)
    for _ in range(4):
        if data.draw(st.booleans()) or len(names) == 1:
            names.append(f"m{data.draw(st.integers(100, 10**6))}")
            names = sorted(set(names))
            after = assign(tasks, [member(name, plan) for name in names], {}, SETTINGS)
            assert moved(plan, after) <= math.ceil(len(tasks) / len(names))
        else:
            gone = names.pop(data.draw(st.integers(0, len(names) - 1)))
            after = assign(tasks, [member(name, plan) for name in names], {}, SETTINGS)
            assert moved(plan, after) <= len(plan.active[gone]) + len(names)
            stay = {name: set(plan.active[name]) - set(after.active[name]) for name in names}
            assert not any(stay.values())
        assert max(loads(after)) - min(loads(after)) <= 1
        plan = after


def test_nothing_moves_when_nothing_changes() -> None:
    tasks = tasks_of([7, 5])
    names = ["a", "b", "c"]
    plan = assign(tasks, [member(name) for name in names], {}, SETTINGS)
    assert moved(plan, assign(tasks, [member(name, plan) for name in names], {}, SETTINGS)) == 0


def test_both_kinds_of_tasks_are_shared_when_a_member_joins() -> None:
    tasks = tasks_of([4, 4], frozenset({0}))
    alone = assign(tasks, [member("a")], {}, SETTINGS)
    both = assign(tasks, [member("a", alone), member("b")], {}, SETTINGS)
    assert stateful_loads(both, tasks) == [2, 2]
    assert loads(both) == [4, 4]


def test_an_orphan_goes_where_its_state_is_freshest() -> None:
    tasks = tasks_of([3])
    ends = {t.id: 1000 for t in tasks}
    positions: Mapping[TaskId, int] = {TaskId(0, 1): 950}
    members = [member("a"), member("b", positions=positions), member("c", positions={TaskId(0, 1): 990})]
    assert TaskId(0, 1) in assign(tasks, members, ends, SETTINGS).active["c"]


def test_a_copy_that_is_too_far_behind_counts_for_nothing() -> None:
    tasks = tasks_of([1])
    members = [member("a"), member("b", positions={TaskId(0, 0): 10})]
    assert assign(tasks, members, {TaskId(0, 0): 1000}, SETTINGS).active["a"] == (TaskId(0, 0),)


def test_workers_of_one_host_share_its_disk() -> None:
    tasks = tasks_of([1])
    left = member("y", positions={TaskId(0, 0): 1000}, directory="host-1")
    members = [member("a", directory="host-2"), member("x", directory="host-1"), left]
    placed = assign(tasks, members, {TaskId(0, 0): 1000}, SETTINGS).active
    assert placed["x"] + placed["y"] == (TaskId(0, 0),)


def test_a_task_goes_only_to_members_with_the_same_code() -> None:
    old, new = TaskInfo(TaskId(0, 0), True, b"old"), TaskInfo(TaskId(1, 0), True, b"new")
    gone = TaskInfo(TaskId(2, 0), True, b"gone")
    members = [MemberInfo("a", frozenset({b"old", b"new"})), MemberInfo("b", frozenset({b"new"}))]
    plan = assign([old, new, gone], members, {}, SETTINGS)
    assert plan.active == {"a": (old.id,), "b": (new.id,)}
    assert list(plan.unplaced) == [gone.id]


def test_a_task_that_is_owned_elsewhere_is_withheld_until_it_is_given_up() -> None:
    plan = Plan({"a": (TaskId(0, 0),), "b": (TaskId(0, 1),)}, {})
    owned = {"a": frozenset({TaskId(0, 0), TaskId(0, 1)}), "b": frozenset[TaskId]()}
    assert hand_out(plan, owned) == ({"a": (TaskId(0, 0),), "b": ()}, True)
    owned = {"a": frozenset({TaskId(0, 0)}), "b": frozenset()}
    assert hand_out(plan, owned) == ({"a": (TaskId(0, 0),), "b": (TaskId(0, 1),)}, False)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_quotas_fill_the_lowest_first(load: list[int], count: int) -> None:
    loads = {f"m{i}": n for i, n in enumerate(load)}
    room = quotas(loads, dict.fromkeys(loads, 0), count)
    model = dict(loads)
    for _ in range(count):
        lowest = min(model, key=lambda m: model[m])
        model[lowest] += 1
    assert sorted(loads[m] + room[m] for m in loads) == sorted(model.values())
