"""The plan's graph while the rewrites change it: who is above and below whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.topology.plan import ROOT, Part, Plan, PlanNode


@dataclass(slots=True, eq=False)
class EditableNode:
    """A plan's node with links that may be moved. Links keep the order in which they were made."""

    node: PlanNode
    part: Part
    priority: int
    parents: dict[EditableNode, None] = field(default_factory=dict)
    children: dict[EditableNode, None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that children hang from."""
        return self.node.name

    def add_child(self, child: EditableNode) -> None:
        self.children[child] = None
        child.parents[self] = None

    def remove_child(self, child: EditableNode) -> None:
        self.children.pop(child, None)
        child.parents.pop(self, None)

    def parent_names(self) -> tuple[str, ...]:
        return tuple(parent.name for parent in self.parents)


def editable_copy(plan: Plan) -> list[EditableNode]:
    """All nodes in the order they were added; the first is the root."""
    entries = [EditableNode(node, node.part, node.priority) for node in plan.nodes]
    for entry in entries:
        for parent in entry.node.parents:
            entries[parent].add_child(entry)
    return entries


def is_root(entry: EditableNode) -> bool:
    """Is it the node that all sources hang from?"""
    return entry.node.id == ROOT


def find_above(start: EditableNode, wanted: Callable[[EditableNode], bool]) -> EditableNode | None:
    """The node itself or the first one above it that is wanted, as Java searches: a direct parent ends the search,
    else the last parent's answer counts."""
    if wanted(start):
        return start
    found: EditableNode | None = None
    for parent in start.parents:
        if wanted(parent):
            return parent
        found = find_above(parent, wanted)
    return found
