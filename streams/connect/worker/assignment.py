"""Which worker runs what: even, and what runs goes on where it runs. Pure.

What has to move from one that lives goes in two rounds: in the first nobody has it, and its owner ends it; in the
second another one gets it. So no task runs twice while workers know of each other; beyond that its transactional id, or
the sink's own fence, sees to it that only one writes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

from streams.connect.worker.config_state import TaskId
from streams.connect.worker.herder import Work

T = TypeVar("T", str, TaskId)


class Shares(NamedTuple):
    """What each member gets, and whether something waits for its owner to end it."""

    given: Mapping[str, Work]
    waits: bool


def assign(connectors: Collection[str], tasks: Collection[TaskId], owned: Mapping[str, Work]) -> Shares:
    """Shares connectors and tasks out.

    Args:
        connectors: all there are.
        tasks: all there are.
        owned: what each member runs, by its id.
    """
    mine, some_wait = spread(sorted(connectors), {name: work.connectors for name, work in owned.items()})
    ours, others_wait = spread(sorted(tasks), {name: work.tasks for name, work in owned.items()})
    return Shares({name: Work(mine[name], ours[name]) for name in owned}, some_wait or others_wait)


def spread(items: Sequence[T], owned: Mapping[str, Collection[T]]) -> tuple[dict[str, list[T]], bool]:
    """Deals things out evenly among members, who keep of their own what they may; and does one wait for its owner?

    Args:
        items: in their order.
        owned: by member.
    """
    given: dict[str, list[T]] = {member: [] for member in sorted(owned)}
    if not given:
        return given, False
    holders: dict[T, str] = {}
    for member in given:
        for item in owned[member]:
            holders.setdefault(item, member)
    each, more = divmod(len(items), len(given))
    held = {member: sum(holders.get(item) == member for item in items) for member in given}
    busiest = sorted(given, key=lambda name: (-held[name], name))
    rooms = {member: each + (place < more) for place, member in enumerate(busiest)}
    homeless: list[T] = []
    for item in items:
        holder = holders.get(item)
        if holder is not None and len(given[holder]) < rooms[holder]:
            given[holder].append(item)
        else:
            homeless.append(item)
    waits = False
    for item in homeless:
        member = min(given, key=lambda name: (len(given[name]) - rooms[name], name))
        if item in holders:
            waits = True  # its owner ends it first; the room is kept for it
            rooms[member] -= 1
        else:
            given[member].append(item)
    return given, waits
