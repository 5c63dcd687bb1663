"""The plan's graph while the rewrites change it: who is above and below whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.topology.plan import ROOT, Part, Plan, PlanNode


@dataclass(slots=True, eq=False)
class Work:
    """A plan's node with links that may be moved. Links keep the order in which they were made."""

    node: PlanNode
    part: Part
    priority: int
    parents: dict[Work, None] = field(default_factory=dict)
    children: dict[Work, None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that children hang from."""
        return self.node.name

    def add_child(self, child: Work) -> None:
        self.children[child] = None
        child.parents[self] = None

    def remove_child(self, child: Work) -> None:
        self.children.pop(child, None)
        child.parents.pop(self, None)

    def parent_names(self) -> tuple[str, ...]:
        return tuple(parent.name for parent in self.parents)


def working_copy(plan: Plan) -> list[Work]:
    """All nodes in the order they were added; the first is the root."""
    works = [Work(node, node.part, node.priority) for node in plan.nodes]
    for work in works:
        for parent in work.node.parents:
            works[parent].add_child(work)
    return works


def is_root(work: Work) -> bool:
    """Is it the node that all sources hang from?"""
    return work.node.id == ROOT


def find_above(start: Work, wanted: Callable[[Work], bool]) -> Work | None:
    """The node itself or the first one above it that is wanted, as Java searches: a direct parent ends the search,
    else the last parent's answer counts."""
    if wanted(start):
        return start
    found: Work | None = None
    for parent in start.parents:
        if wanted(parent):
            return parent
        found = find_above(parent, wanted)
    return found
