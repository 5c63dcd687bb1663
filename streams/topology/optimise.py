"""The rewrites of a plan: equal sources made one, and the optimisations that the configuration asks for.

They follow Kafka Streams step by step, because the names that come out (which repartition topic survives, whose
number a node keeps) depend on the way there, and names of topics must not change between implementations.
"""

from __future__ import annotations

import re
from dataclasses import replace

from streams.errors import StreamsException, TopologyException
from streams.topology.editable_graph import EditableNode, find_above
from streams.topology.node import SourceNode
from streams.topology.plan import PlanNode, Repartition, StreamJoin, StreamSource, Windowed
from streams.topology.wiring import Wiring

_NOT_IN_THE_PLAN = -1


def merge_equal_sources(root: EditableNode, wiring: Wiring) -> None:
    """One topic (set) or pattern is read by one source node, however often `stream()` named it.

    Args:
        root: what all sources hang from.
        wiring: whose co-partitioned groups follow.

    Raises:
        TopologyException: overlapping but unequal topics, or different reset policies.
    """
    by_topic: dict[object, tuple[EditableNode, SourceNode]] = {}
    for entry in list(root.children):
        if not isinstance(entry.part, StreamSource):
            continue
        node = entry.part.node
        keys: tuple[object, ...]
        if isinstance(node.topics, re.Pattern):
            keys = ((node.topics.pattern, node.topics.flags),)
        else:
            keys = node.topics
        for key in keys:
            main, main_node = by_topic.setdefault(key, (entry, node))
            if main is entry:
                continue
            main_topics = frozenset(main_node.topics) if isinstance(main_node.topics, tuple) else None
            if isinstance(node.topics, tuple) and frozenset(node.topics) != main_topics:
                raise TopologyException("Two source nodes are subscribed to overlapping but not equal input topics")
            if node.reset != main_node.reset:
                raise TopologyException("Can't configure different offset reset policies on the same input topic(s)")
            for child in list(entry.children):
                entry.remove_child(child)
                main.add_child(child)
            root.remove_child(entry)
            wiring.replace_source(node.name, main_node.name)


def merge_repartitions(entries: list[EditableNode], wiring: Wiring) -> None:
    """Several repartitions below one change of the key become one, right below it, with the first one's topic.

    Args:
        entries: all nodes, in the order they were added.
        wiring: whose co-partitioned groups follow.
    """
    below: dict[EditableNode, dict[EditableNode, None]] = {}
    for entry in entries:
        if entry.node.key_changing:
            below[entry] = {}
        elif isinstance(entry.part, Repartition) and entry.part.optimizable:
            changer = _key_changer(entry)
            if changer is not None:
                below[changer][entry] = None
    _move_below_merges(entries, below)
    for changer, repartitions in below.items():
        if repartitions:
            _merge(changer, list(repartitions), wiring)


def _key_changer(entry: EditableNode) -> EditableNode | None:
    either = find_above(entry, lambda w: w.node.key_changing or w.node.value_changing)
    changer = find_above(entry, lambda w: w.node.key_changing)
    return changer if either is changer else None


def _move_below_merges(entries: list[EditableNode], below: dict[EditableNode, dict[EditableNode, None]]) -> None:
    """Where changes of the key flow together before they are repartitioned, the merge counts instead."""
    merges: dict[EditableNode, list[EditableNode]] = {}
    for merge in (w for w in entries if w.node.merge):
        merges[merge] = [
            changer
            for changer, repartitions in below.items()
            if all(_passes(r, merge) for r in repartitions) and _passes(merge, changer)
        ]
    done: list[EditableNode] = []
    for merge, changers in merges.items():
        joined: dict[EditableNode, None] = {}
        for changer in changers:
            joined.update(below[changer])
            done.append(changer)
        below[merge] = joined
    for changer in done:
        below.pop(changer, None)


def _passes(start: EditableNode, through: EditableNode) -> bool:
    return find_above(start, lambda w: through in w.parents) is not None


def _merge(changer: EditableNode, repartitions: list[EditableNode], wiring: Wiring) -> None:
    parts = [r.part for r in repartitions if isinstance(r.part, Repartition)]
    single = _single(changer, parts)
    for old in repartitions:
        child = find_above(old, lambda w: changer in w.parents)
        if child is None:
            raise StreamsException(f"Found a null keyChangingChild node for {old.name}")
        single.add_child(child)
        changer.remove_child(child)
        parents = list(old.parents)
        for below in list(old.children):
            for parent in parents:
                parent.add_child(below)
        for parent in parents:
            parent.remove_child(old)
        for below in list(old.children):
            old.remove_child(below)
        wiring.replace_source(old.name, single.name)
    changer.add_child(single)


def _single(changer: EditableNode, parts: list[Repartition]) -> EditableNode:
    first = parts[0]
    part = replace(
        first,
        sink=f"{first.topic}-sink",
        filter=f"{first.topic}-filter",
        source=f"{first.topic}-source",
        key_serde=next((p.key_serde for p in parts if p.key_serde is not None), None),
        value_serde=next((p.value_serde for p in parts if p.value_serde is not None), None),
        partitioner=None,
    )
    node = PlanNode(_NOT_IN_THE_PLAN, part.source, part, (), changer.priority, origin=changer.node.origin)
    return EditableNode(node, part, changer.priority)


def single_store_self_joins(entries: list[EditableNode]) -> set[EditableNode]:
    """Joins of a stream with itself, each rid of its second window; they need one store only."""
    joins = set()
    for entry in entries:
        part = entry.part
        if not isinstance(part, StreamJoin) or len(entry.parents) != 1:
            continue
        parent = next(iter(entry.parents))
        for child in list(parent.children):
            if isinstance(child.part, Windowed) and child.name == part.other.windowed:
                parent.remove_child(child)
                joins.add(entry)
    return joins


def keeping_null_keys(entries: list[EditableNode]) -> set[EditableNode]:
    """Repartitions above a join that takes records without a key."""
    kept: set[EditableNode] = set()
    waiting = [w for w in entries if w.node.relaxed]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in kept:
                kept.add(parent)
                waiting.append(parent)
    return kept
