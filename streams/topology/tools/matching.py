"""Which thing of an old topology is which thing of a new one, where names were generated.

A generated name has a number that moves when an operator is put in before it, so it says nothing. What does say
something, from the strict to the lax: everything upstream of the thing; the operators that use it and the topics it
is fed from; the topics alone. A name that the user gave always means the same thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from streams.topology.tools.outline import NodeOutline, Outline

is_generated: Callable[[str], re.Match[str] | None] = re.compile(r"[A-Z]-[0-9]{10}").search


def plain(name: str) -> str:
    """A name without its generated numbers."""
    return re.sub(r"(?<=[A-Z]-)[0-9]{10}", "#", name)


class Shape(NamedTuple):
    """What a thing is, apart from its name: equal shapes are compared from the left."""

    upstream: object
    users: object
    feeds: object


def matched(old: Mapping[str, Shape], new: Mapping[str, Shape]) -> dict[str, str]:
    """Names of the new things by those of the old ones; things that are on one side only are left out."""
    found = {name: name for name in old if name in new and not is_generated(name)}
    for level in range(3):
        here = [name for name in old if name not in found]
        there = [name for name in new if name not in found.values()]
        for shape in dict.fromkeys(old[name][level] for name in here):
            olds = [name for name in here if old[name][level] == shape]
            news = [name for name in there if new[name][level] == shape]
            if len(olds) == len(news):
                found |= dict(zip(olds, news, strict=True))
            elif level < 2:
                found |= _some(olds, news)
    return found


def _some(olds: list[str], news: list[str]) -> dict[str, str]:
    """Several of one shape, and not equally many: those whose names agree, then in their order."""
    same = [name for name in olds if name in news]
    rest = zip((n for n in olds if n not in same), (n for n in news if n not in same), strict=False)
    return {**{name: name for name in same}, **dict(rest)}


class Shapes:
    """The shapes of one topology's stores and internal topics."""

    def __init__(self, outline: Outline) -> None:
        self._internal = outline.internal()
        self._nodes = {node.name: node for sub in outline.subtopologies for node in sub.nodes}
        self._nodes |= {node.name: node for store in outline.global_stores for node in (store.source, store.processor)}
        self._writers: dict[str, list[NodeOutline]] = {}
        self._users: dict[str, list[NodeOutline]] = {}
        for node in self._nodes.values():
            for topic in node.topics if node.kind == "sink" else ():
                self._writers.setdefault(topic, []).append(node)
            for store in node.stores:
                self._users.setdefault(store, []).append(node)
        self._upstream: dict[str, object] = {}

    def store(self, name: str, kind: str) -> Shape:
        """A store: by the processors that use it."""
        return self._shape((kind,), self._users.get(name, []))

    def topic(self, name: str) -> Shape:
        """A repartition topic: by the steps before the sinks that write it."""
        writers = [self._nodes[parent] for sink in self._writers.get(name, ()) for parent in sink.parents]
        return self._shape(("topic",), writers)

    def feeds(self, name: str) -> frozenset[str]:
        """Topics from outside whose records reach a node."""
        found, seen, waiting = set[str](), set[str](), [name]
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            node = self._nodes[at]
            found.update(topic for topic in node.topics if node.kind == "source" and topic not in self._internal)
            found.update([node.chosen] if node.kind == "source" and node.chosen else [])
            waiting += self._before(node)
        return frozenset(found)

    def _shape(self, kind: tuple[str, ...], nodes: list[NodeOutline]) -> Shape:
        feeds = frozenset(topic for node in nodes for topic in self.feeds(node.name))
        operators = tuple(sorted(plain(node.name) for node in nodes))
        upstream = tuple(sorted(str(self.upstream(node.name)) for node in nodes))
        return Shape((kind, upstream), (kind, operators, feeds), (kind, feeds))

    def upstream(self, name: str) -> object:
        """A node and all that leads to it, without numbers; equal for nodes that are fed alike."""
        if name not in self._upstream:
            self._upstream[name] = "again"  # where it goes in circles
            node = self._nodes[name]
            topics = tuple(t if t not in self._internal else plain(t) for t in node.topics)
            above = tuple(sorted(str(self.upstream(parent)) for parent in self._before(node)))
            self._upstream[name] = hash_of((plain(name), topics, node.chosen, above))
        return self._upstream[name]

    def _before(self, node: NodeOutline) -> list[str]:
        """Parents; for a source of an internal topic, the sinks that write it."""
        if node.kind != "source":
            return list(node.parents)
        return [sink.name for topic in node.topics if topic in self._internal for sink in self._writers.get(topic, ())]


def hash_of(thing: object) -> str:
    """A short text that is equal for equal things, in every process."""
    import hashlib

    return hashlib.blake2b(repr(thing).encode(), digest_size=12).hexdigest()
