"""Which sub-topologies have to advance in step of event time, so that what one writes is not late for another
(decision 40). Pure.

Records of several tasks meet in two places: in a topic that the application itself writes, in the order in which they
were sent, and in a sub-topology that reads such a topic beside another one. Where something behind that place keeps
time (windows, sessions, stream joins, grace buffers, `suppress`, versioned tables), those who meet there, and all who
write for them, form a set. A sub-topology that only reads one such topic is in none: its order is that of the topic.

    orders ─▶ 0 ─▶ R1 ┐
                      ├─▶ 2: join        sets: {0} meet in R1, {1} meet in R2, and {0, 1, 2} in 2, which takes in both
    refunds ▶ 1 ─▶ R2 ┘
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.topology.node import BuiltTopology, Node, ProcessorNode, SinkNode, SourceNode, StepNode, SubTopology
from streams.topology.store import StoreKind, StoreSpec

_KEEP_TIME = frozenset(
    {
        StoreKind.WINDOW,
        StoreKind.OUTER_JOIN,
        StoreKind.JOIN_BUFFER,
        StoreKind.VERSIONED,
        StoreKind.SUPPRESS_BUFFER,
    }
)
"""Stores whose user among the built-in steps keeps time."""
_OF_USERS = _KEEP_TIME | {StoreKind.TIMESTAMPED_WINDOW, StoreKind.SESSION}
"""Stores that refuse what is too old, whoever puts it."""


@dataclass(frozen=True, slots=True)
class AlignedSet:
    """Sub-topologies that advance in step.

    Args:
        subtopologies: their ids.
        topics: undecorated names of what they write for each other and for what keeps time.
        caches: names of the stores whose record caches hold back what goes to these topics.
        grace_ms: the smallest grace behind.
        hops: how many of these topics a record passes one after the other, at most: the disorder of each adds up.
        above: of each of them: those that write for it, directly or not, and for which it does not write.
    """

    subtopologies: frozenset[int]
    topics: frozenset[str]
    caches: frozenset[str]
    grace_ms: int
    hops: int
    above: Mapping[int, frozenset[int]]


def aligned_sets(built: BuiltTopology) -> tuple[AlignedSet, ...]:
    """The sets of a topology; none where nothing that keeps time reads what the application writes."""
    flows = _Flows(built)
    found: list[_Found] = []
    for topic, writers in flows.writers.items():
        found += _found(flows.with_above(writers), flows.grace_behind(flows.readers[topic]))
    for sub in built.subtopologies:
        sources = [(sub.id, node.name) for node in sub.nodes if isinstance(node, SourceNode)]
        if flows.above[sub.id] and _reads_several(sub):
            found += _found(flows.with_above({sub.id}), flows.grace_behind(sources))
    return tuple(flows.as_set(*each) for each in dict.fromkeys(found) if not _covered(each, found))


_Found = tuple[frozenset[int], int]
"""Members of a set, and its grace."""


def _found(members: frozenset[int], grace_ms: int | None) -> list[_Found]:
    return [] if grace_ms is None else [(members, grace_ms)]


def _covered(one: _Found, among: Iterable[_Found]) -> bool:
    """Is there another set with all its members and no larger a grace?"""
    return any(other != one and one[0] <= other[0] and other[1] <= one[1] for other in among)


def _reads_several(sub: SubTopology) -> bool:
    topics = [node.topics for node in sub.nodes if isinstance(node, SourceNode)]
    return sum(2 if isinstance(each, re.Pattern) else len(each) for each in topics) > 1


Place = tuple[int, str]
"""A node: its sub-topology and its name."""


class _Flows:
    """Who writes for whom, by topics that the application itself writes and reads."""

    def __init__(self, built: BuiltTopology) -> None:
        self._subs = {sub.id: sub for sub in built.subtopologies}
        self.readers: dict[str, list[Place]] = {}
        self.writers: dict[str, set[int]] = {}
        for sub in built.subtopologies:
            for node in sub.nodes:
                if isinstance(node, SinkNode) and isinstance(node.topic, str):
                    readers = list(_readers(built, node.topic))
                    if readers:
                        self.readers[node.topic] = readers
                        self.writers.setdefault(node.topic, set()).add(sub.id)
        self.above = {id: self._above(id) for id in self._subs}

    def _above(self, sub: int) -> frozenset[int]:
        """All that write for it, directly or not; itself only where it goes in a circle."""
        found: set[int] = set()
        waiting = [sub]
        while waiting:
            reader = waiting.pop()
            for topic, readers in self.readers.items():
                if any(id == reader for id, _ in readers):
                    fresh = self.writers[topic] - found
                    found |= fresh
                    waiting += fresh
        return frozenset(found)

    def with_above(self, subs: Iterable[int]) -> frozenset[int]:
        """These and all that write for them."""
        subs = frozenset(subs)
        return subs.union(*(self.above[id] for id in subs))

    def grace_behind(self, sources: Iterable[Place]) -> int | None:
        """The smallest grace of all nodes that keep time at or behind these sources; None: there is none."""
        graces: list[int] = []
        waiting, seen = list(sources), set(sources)
        while waiting:
            id, name = waiting.pop()
            sub = self._subs[id]
            node = next(node for node in sub.nodes if node.name == name)
            grace = _grace(node, sub.stores)
            if grace is not None:
                graces.append(grace)
            following = [(id, child) for child in sub.children(name)]
            if isinstance(node, SinkNode) and isinstance(node.topic, str):
                following += self.readers.get(node.topic, [])
            fresh = [place for place in following if place not in seen]
            seen.update(fresh)
            waiting += fresh
        return min(graces, default=None)

    def as_set(self, members: frozenset[int], grace_ms: int) -> AlignedSet:
        topics = frozenset(topic for topic, writers in self.writers.items() if self._concerns(topic, writers, members))
        above = {
            id: frozenset(other for other in self.above[id] if id not in self.above[other] and other != id)
            for id in members
        }
        caches = frozenset(name for id in members for name in self._caches(id, topics))
        return AlignedSet(members, topics, caches, grace_ms, self._hops(topics, above), above)

    def _hops(self, topics: frozenset[str], above: Mapping[int, frozenset[int]]) -> int:
        writers = frozenset[int]().union(*(self.writers[topic] for topic in topics))
        hops: dict[int, int] = {}
        for id in sorted(writers, key=lambda id: len(above[id])):  # those above come first, since they have fewer above
            hops[id] = 1 + max((hops[other] for other in above[id] & writers), default=0)
        return max(hops.values(), default=1)

    def _caches(self, id: int, topics: frozenset[str]) -> Iterator[str]:
        sub = self._subs[id]
        for spec in sub.stores:
            if spec.caching and self._writes(sub, [n.name for n in sub.nodes if spec.name in _stores(n)], topics):
                yield spec.name

    def _writes(self, sub: SubTopology, names: list[str], topics: frozenset[str]) -> bool:
        """Does what leaves these nodes come to one of the topics?"""
        by_name, seen = {node.name: node for node in sub.nodes}, set(names)
        while names:
            node = by_name[names.pop()]
            if isinstance(node, SinkNode) and node.topic in topics:
                return True
            fresh = set(sub.children(node.name)) - seen
            seen |= fresh
            names += fresh
        return False

    def _concerns(self, topic: str, writers: set[int], members: frozenset[int]) -> bool:
        inside = bool(writers) and writers <= members
        return inside and (
            any(id in members for id, _ in self.readers[topic]) or self.grace_behind(self.readers[topic]) is not None
        )


def _readers(built: BuiltTopology, topic: str) -> Iterator[Place]:
    for sub in built.subtopologies:
        for node in sub.nodes:
            if not isinstance(node, SourceNode):
                continue
            if topic in node.topics if isinstance(node.topics, tuple) else node.topics.fullmatch(topic):
                yield sub.id, node.name


def _stores(node: Node) -> tuple[str, ...]:
    return node.stores if isinstance(node, StepNode | ProcessorNode) else ()


def _grace(node: Node, stores: Iterable[StoreSpec]) -> int | None:
    """How late a record may be for this node, in ms; None: it keeps no time."""
    if not isinstance(node, StepNode | ProcessorNode):
        return None
    if isinstance(node, StepNode) and node.grace_ms is not None:
        return node.grace_ms
    kinds = _OF_USERS if isinstance(node, ProcessorNode) else _KEEP_TIME
    own = [spec for spec in stores if spec.name in node.stores and spec.kind in kinds]
    return min((max(spec.retention_ms - spec.window_ms, 0) for spec in own), default=None)
