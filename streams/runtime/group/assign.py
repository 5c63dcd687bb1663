"""Who gets which task: sticky, balanced, and with regard to where a task's state already lies. Pure.

The rule, in order:

1. A task goes only to members that run the same code for it: its sub-topology's fingerprint is among theirs.
2. Loads differ by one at most among the members that can take the same tasks. Where tasks move, they move so that
   those with state come out even as well.
3. Within that, a task stays with its owner. When a member joins n tasks on m members, at most ceil(n/m) move.
4. A stateful task that must move goes where its state is freshest: to a member whose host holds a copy within
   `acceptable.recovery.lag` of the changelog's end, the smallest lag first.
5. What is left goes to the least loaded, task by task, so that the tasks of one sub-topology spread.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.topology.node import TaskId


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task to be placed."""

    id: TaskId
    stateful: bool
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """A member of the group, as its user data describes it.

    `positions` are the changelog positions (summed over the stores) of tasks whose state lies on the member's
    disk; members with the same `directory` share that disk.
    """

    id: str
    fingerprints: frozenset[bytes]
    owned: frozenset[TaskId] = frozenset()
    directory: str = ""
    positions: Mapping[TaskId, int] | None = None


@dataclass(frozen=True, slots=True)
class AssignSettings:
    """`acceptable_recovery_lag`: how far a copy may be behind and still count as caught up, in records."""

    acceptable_recovery_lag: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Where tasks belong, and why some have no place."""

    active: Mapping[str, tuple[TaskId, ...]]
    unplaced: Mapping[TaskId, str]


def assign(
    tasks: Sequence[TaskInfo],
    members: Sequence[MemberInfo],
    ends: Mapping[TaskId, int],
    settings: AssignSettings,
) -> Plan:
    """Places every task that can be placed.

    Args:
        tasks: all tasks of the application.
        members: all members of the group; the order does not matter.
        ends: changelog ends of stateful tasks, summed over the stores.
        settings: of the group's leader.
    """
    members = sorted(members, key=lambda member: member.id)
    placed: dict[str, list[TaskId]] = {member.id: [] for member in members}
    unplaced: dict[TaskId, str] = {}
    for group, able in alike(tasks, members):
        if not able:
            reason = "no member runs this version of its sub-topology"
            unplaced.update((task.id, reason) for task in group)
            continue
        assign_group(group, able, placed, fresh_copies(group, able, ends, settings))
    return Plan({member: tuple(sorted(ids)) for member, ids in placed.items()}, unplaced)


def alike(tasks: Iterable[TaskInfo], members: Sequence[MemberInfo]) -> list[tuple[list[TaskInfo], list[MemberInfo]]]:
    """Tasks with the members that can take them, the choosiest first."""
    groups: dict[tuple[int, ...], list[TaskInfo]] = defaultdict(list)
    able_of: dict[bytes, tuple[int, ...]] = {}
    for task in sorted(tasks, key=lambda task: task.id):
        able = able_of.get(task.fingerprint)
        if able is None:
            able = tuple(i for i, member in enumerate(members) if task.fingerprint in member.fingerprints)
            able_of[task.fingerprint] = able
        groups[able].append(task)
    ordered = sorted(groups.items(), key=lambda item: (len(item[0]), item[0]))
    return [(group, [members[i] for i in able]) for able, group in ordered]


def assign_group(
    group: Sequence[TaskInfo],
    able: Sequence[MemberInfo],
    placed: dict[str, list[TaskId]],
    fresh: Mapping[TaskId, Sequence[str]],
) -> None:
    """Assigns the tasks of one group on top of what its members have."""
    owner = {task: member.id for member in able for task in member.owned}
    own: dict[str, list[TaskInfo]] = {member.id: [] for member in able}
    free: list[TaskInfo] = []
    for task in group:
        holder = owner.get(task.id)
        (free if holder is None else own[holder]).append(task)
    drawn = {member: len(tasks) for member, tasks in own.items()}
    for task in free:
        for home in fresh.get(task.id, ())[:1]:
            drawn[home] += 1
    room = quotas({m: len(placed[m]) for m in own}, drawn, len(group))
    share = -(-sum(task.stateful for task in group) // len(able))
    for member, tasks in own.items():
        keep, give = kept(tasks, room[member], share)
        placed[member] += [task.id for task in keep]
        room[member] -= len(keep)
        free += give
    free = near_their_state(free, placed, room, fresh)
    with_state = {task.id for task in group if task.stateful}
    spread([t for t in free if t.stateful], placed, room, lambda m: len(with_state.intersection(placed[m])))
    spread([t for t in free if not t.stateful], placed, room, lambda m: len(placed[m]))


def spread(
    free: Iterable[TaskInfo], placed: dict[str, list[TaskId]], room: dict[str, int], load: Callable[[str], int]
) -> None:
    """Deals tasks out one by one, always to the member with the least load that has room."""
    heap = [(load(member), member) for member in sorted(room) if room[member] > 0]
    heapq.heapify(heap)
    for task in sorted(free, key=lambda task: task.id):
        least, member = heapq.heappop(heap)
        placed[member].append(task.id)
        room[member] -= 1
        if room[member] > 0:
            heapq.heappush(heap, (least + 1, member))


def quotas(loads: Mapping[str, int], drawn: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of `count` tasks each member takes, so that loads come out as even as they can.

    The lowest are filled first; where the division leaves a rest, those to whom most tasks are `drawn` (they own
    them or have their state) get one more.
    """
    level = 0
    while sum(max(0, level + 1 - load) for load in loads.values()) <= count:
        lowest = sorted(loads.values())
        level = max(level + 1, leap(lowest, count, level))
    room = {member: max(0, level - load) for member, load in loads.items()}
    rest = count - sum(room.values())
    can_take = [member for member, load in loads.items() if load <= level]
    can_take.sort(key=lambda member: (room[member] - drawn[member], member))
    for member in can_take[:rest]:
        room[member] += 1
    return room


def leap(lowest: Sequence[int], count: int, level: int) -> int:
    """A level that is certainly not too high, to get near the right one in few steps."""
    below = [load for load in lowest if load <= level] or lowest[:1]
    return min((count + sum(below)) // len(lowest), (count + sum(lowest)) // len(lowest))


def kept(tasks: Sequence[TaskInfo], room: int, share: int) -> tuple[list[TaskInfo], list[TaskInfo]]:
    """What an owner keeps and what it gives up.

    It keeps its share of the tasks with state first, then those without; within a kind it gives up from the
    sub-topologies of which it has most.
    """
    if len(tasks) <= room:
        return list(tasks), []
    counts: dict[int, int] = defaultdict(int)
    nth: dict[TaskId, int] = {}
    for task in tasks:
        counts[task.id.subtopology] += 1
        nth[task.id] = counts[task.id.subtopology]
    by_rank = sorted(tasks, key=lambda task: (not task.stateful, nth[task.id], task.id))
    stateful = [task for task in by_rank if task.stateful]
    ordered = [*stateful[:share], *by_rank[len(stateful) :], *stateful[share:]]
    return ordered[:room], ordered[room:]


def near_their_state(
    free: Sequence[TaskInfo],
    placed: dict[str, list[TaskId]],
    room: dict[str, int],
    fresh: Mapping[TaskId, Sequence[str]],
) -> list[TaskInfo]:
    """Puts stateful tasks where a fresh copy lies and there is room; gives those that are left."""
    left = []
    for task in free:
        home = next((m for m in fresh.get(task.id, ()) if room[m] > 0), None) if task.stateful else None
        if home is None:
            left.append(task)
        else:
            placed[home].append(task.id)
            room[home] -= 1
    return left


def fresh_copies(
    group: Sequence[TaskInfo],
    able: Sequence[MemberInfo],
    ends: Mapping[TaskId, int],
    settings: AssignSettings,
) -> dict[TaskId, list[str]]:
    """For every stateful task the members on whose disk a caught-up copy lies, the freshest first."""
    stateful = {task.id for task in group if task.stateful}
    disks: dict[str, dict[TaskId, int]] = defaultdict(dict)
    sharing: dict[str, list[str]] = defaultdict(list)
    for member in able:
        disk = disks[member.directory or member.id]
        sharing[member.directory or member.id].append(member.id)
        for task, position in (member.positions or {}).items():
            disk[task] = max(position, disk.get(task, -1))
    found: dict[TaskId, list[tuple[int, str]]] = defaultdict(list)
    for directory, disk in disks.items():
        for task, position in disk.items():
            lag = max(0, ends.get(task, position) - position)
            if task in stateful and lag <= settings.acceptable_recovery_lag:
                found[task] += [(lag, member) for member in sharing[directory]]
    return {task: [member for _, member in sorted(homes)] for task, homes in found.items()}


def hand_out(plan: Plan, owned: Mapping[str, frozenset[TaskId]]) -> tuple[dict[str, tuple[TaskId, ...]], bool]:
    """What is given out in this round: a task that is still owned elsewhere is withheld.

    Its owner works on until it learns of the new assignment, commits, gives the task up and asks for a second
    round (cooperative rebalancing, KIP-429).

    Returns:
        the tasks of each member, and whether a second round is due.
    """
    owner = {task: member for member, tasks in owned.items() for task in tasks}
    given = {
        member: tuple(task for task in tasks if owner.get(task, member) == member)
        for member, tasks in plan.active.items()
    }
    withheld = any(len(given[member]) < len(tasks) for member, tasks in plan.active.items())
    return given, withheld
