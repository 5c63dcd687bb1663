"""The rewrites of a plan: equal sources made one, and the optimisations that the configuration asks for.

They follow Kafka Streams step by step, because the names that come out (which repartition topic survives, whose
number a node keeps) depend on the way there, and names of topics must not change between implementations.
"""

from __future__ import annotations

import re
from dataclasses import replace

from streams.errors import StreamsException, TopologyException
from streams.topology.node import SourceNode
from streams.topology.plan import PlanNode, Repartition, StreamJoin, StreamSource, Windowed
from streams.topology.wiring import Wiring
from streams.topology.working import Work, find_above

_NOT_IN_THE_PLAN = -1


def merge_equal_sources(root: Work, wiring: Wiring) -> None:
    """One topic (set) or pattern is read by one source node, however often `stream()` named it.

    Args:
        root: what all sources hang from.
        wiring: whose co-partitioned groups follow.

    Raises:
        TopologyException: overlapping but unequal topics, or different reset policies.
    """
    by_topic: dict[object, tuple[Work, SourceNode]] = {}
    for work in list(root.children):
        if not isinstance(work.part, StreamSource):
            continue
        node = work.part.node
        keys: tuple[object, ...]
        if isinstance(node.topics, re.Pattern):
            keys = ((node.topics.pattern, node.topics.flags),)
        else:
            keys = node.topics
        for key in keys:
            main, main_node = by_topic.setdefault(key, (work, node))
            if main is work:
                continue
            main_topics = frozenset(main_node.topics) if isinstance(main_node.topics, tuple) else None
            if isinstance(node.topics, tuple) and frozenset(node.topics) != main_topics:
                raise TopologyException("Two source nodes are subscribed to overlapping but not equal input topics")
            if node.reset != main_node.reset:
                raise TopologyException("Can't configure different offset reset policies on the same input topic(s)")
            for child in list(work.children):
                work.remove_child(child)
                main.add_child(child)
            root.remove_child(work)
            wiring.replace_source(node.name, main_node.name)


def merge_repartitions(works: list[Work], wiring: Wiring) -> None:
    """Several repartitions below one change of the key become one, right below it, with the first one's topic.

    Args:
        works: all nodes, in the order they were added.
        wiring: whose co-partitioned groups follow.
    """
    below: dict[Work, dict[Work, None]] = {}
    for work in works:
        if work.node.key_changing:
            below[work] = {}
        elif isinstance(work.part, Repartition) and work.part.optimizable:
            changer = _key_changer(work)
            if changer is not None:
                below[changer][work] = None
    _move_below_merges(works, below)
    for changer, repartitions in below.items():
        if repartitions:
            _merge(changer, list(repartitions), wiring)


def _key_changer(work: Work) -> Work | None:
    either = find_above(work, lambda w: w.node.key_changing or w.node.value_changing)
    changer = find_above(work, lambda w: w.node.key_changing)
    return changer if either is changer else None


def _move_below_merges(works: list[Work], below: dict[Work, dict[Work, None]]) -> None:
    """Where changes of the key flow together before they are repartitioned, the merge counts instead."""
    merges: dict[Work, list[Work]] = {}
    for merge in (w for w in works if w.node.merge):
        merges[merge] = [
            changer
            for changer, repartitions in below.items()
            if all(_passes(r, merge) for r in repartitions) and _passes(merge, changer)
        ]
    done: list[Work] = []
    for merge, changers in merges.items():
        joined: dict[Work, None] = {}
        for changer in changers:
            joined.update(below[changer])
            done.append(changer)
        below[merge] = joined
    for changer in done:
        below.pop(changer, None)


def _passes(start: Work, through: Work) -> bool:
    return find_above(start, lambda w: through in w.parents) is not None


def _merge(changer: Work, repartitions: list[Work], wiring: Wiring) -> None:
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


def _single(changer: Work, parts: list[Repartition]) -> Work:
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
    return Work(node, part, changer.priority)


def single_store_self_joins(works: list[Work]) -> set[Work]:
    """Joins of a stream with itself, each rid of its second window; they need one store only."""
    joins = set()
    for work in works:
        part = work.part
        if not isinstance(part, StreamJoin) or len(work.parents) != 1:
            continue
        parent = next(iter(work.parents))
        for child in list(parent.children):
            if isinstance(child.part, Windowed) and child.name == part.other.windowed:
                parent.remove_child(child)
                joins.add(work)
    return joins


def keeping_null_keys(works: list[Work]) -> set[Work]:
    """Repartitions above a join that takes records without a key."""
    kept: set[Work] = set()
    waiting = [w for w in works if w.node.relaxed]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in kept:
                kept.add(parent)
                waiting.append(parent)
    return kept
