"""The text of `Topology.describe()`, to the letter as Kafka Streams writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from streams.topology.javahash import TreeOrder, hash_order
from streams.topology.node import SinkNode, SourceNode
from streams.topology.split import groups
from streams.topology.wiring import Wiring


@dataclass(frozen=True, slots=True)
class NodeDescription:
    """One node: `kind` is `Source`, `Processor` or `Sink`; `detail` is what stands in parentheses."""

    name: str
    kind: str
    detail: str
    predecessors: tuple[str, ...]
    successors: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.kind}: {self.name} ({self.detail})"
        if self.kind != "Sink":
            text += f"\n      --> {_names(self.successors)}"
        if self.kind != "Source":
            text += f"\n      <-- {_names(self.predecessors)}"
        return text


@dataclass(frozen=True, slots=True)
class SubTopologyDescription:
    """One sub-topology, or one global store with its source and its processor."""

    id: int
    nodes: tuple[NodeDescription, ...]
    is_global: bool = False

    def __str__(self) -> str:
        mark = " for global store (will not generate tasks)" if self.is_global else ""
        end = "" if self.is_global else "\n"
        return f"Sub-topology: {self.id}{mark}\n" + "".join(f"    {node}\n" for node in self.nodes) + end


@dataclass(frozen=True, slots=True)
class TopologyDescription:
    """All sub-topologies and global stores; `str()` is Kafka Streams' text."""

    subtopologies: tuple[SubTopologyDescription, ...]
    global_stores: tuple[SubTopologyDescription, ...]

    def __str__(self) -> str:
        parts = sorted((*self.subtopologies, *self.global_stores), key=lambda part: part.id)
        return "Topologies:\n " + "".join(f"  {part}" for part in parts)


def describe(wiring: Wiring) -> TopologyDescription:
    """Describes what was added so far."""
    apart = wiring.global_names()
    subs, stores = [], []
    for number, names in enumerate(groups(wiring)):
        if apart & set(names):
            stores.append(_global_store(wiring, number, names))
        else:
            subs.append(_sub_topology(wiring, number, names))
    return TopologyDescription(tuple(subs), tuple(stores))


@dataclass(slots=True, eq=False)
class _Sized:
    """A node while its size grows: 1 plus the sizes of its children, a child counted once per path."""

    name: str
    kind: str
    detail: str
    size: int = 1
    before: TreeOrder[_Sized] = field(default_factory=lambda: TreeOrder(_compare))
    after: TreeOrder[_Sized] = field(default_factory=lambda: TreeOrder(_compare))

    def grow(self, size: int) -> None:
        self.size += size
        for node in self.before:
            node.grow(size)

    def described(self) -> NodeDescription:
        return NodeDescription(
            self.name,
            self.kind,
            self.detail,
            tuple(n.name for n in self.before),
            tuple(n.name for n in self.after),
        )


def _compare(one: _Sized, other: _Sized) -> int:
    if one is other:
        return 0
    if one.size != other.size:
        return other.size - one.size
    return -1 if one.name < other.name else 1


def _sub_topology(wiring: Wiring, number: int, names: list[str]) -> SubTopologyDescription:
    nodes = {name: _sized(wiring, name) for name in hash_order(names)}
    for name, node in nodes.items():
        declared = wiring.nodes[name]
        for parent in () if isinstance(declared, SourceNode) else declared.parents:
            above = nodes[parent]
            node.before.add(above)
            above.after.add(node)
            above.grow(node.size)
    by_size = sorted(nodes.values(), key=lambda node: (-node.size, node.name))
    return SubTopologyDescription(number, tuple(node.described() for node in by_size))


def _sized(wiring: Wiring, name: str) -> _Sized:
    node = wiring.nodes[name]
    if isinstance(node, SourceNode):
        topics = node.topics
        listed = topics.pattern if isinstance(topics, re.Pattern) else f"[{', '.join(hash_order(topics, copied=True))}]"
        return _Sized(name, "Source", f"topics: {listed}")
    if isinstance(node, SinkNode):
        chosen = f"topic: {node.topic}" if isinstance(node.topic, str) else f"extractor class: {said(node.topic)}"
        return _Sized(name, "Sink", chosen)
    stores = hash_order(wiring.used.get(name, ()), copied=True)
    return _Sized(name, "Processor", f"stores: [{', '.join(stores)}]")


def _global_store(wiring: Wiring, number: int, names: list[str]) -> SubTopologyDescription:
    store = next(g for g in wiring.globals.values() if g.source.name in names)
    source = _sized(wiring, store.source.name)
    processor = _sized(wiring, store.processor.name)
    source.after.add(processor)
    processor.before.add(source)
    return SubTopologyDescription(number, (source.described(), processor.described()), is_global=True)


def said(thing: object) -> str:
    """How a user's callable is called in texts: its own `str()` if it has one, else its name or its class's."""
    own = type(thing)
    if own.__str__ is not object.__str__ or (own.__repr__ is not object.__repr__ and not hasattr(thing, "__name__")):
        return str(thing)
    name = getattr(thing, "__name__", None)
    return name if isinstance(name, str) else own.__name__


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
