"""The graph while it grows: nodes, stores and who uses them, with Java's checks and texts.

Both the DSL's rewrite and a topology made by hand end here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from streams.errors import TopologyException
from streams.topology.node import GlobalStore, Node, ProcessorNode, SinkNode, SourceNode, StepNode
from streams.topology.origin import Origin
from streams.topology.plan import SerdeAround
from streams.topology.store import StoreSpec


@dataclass(slots=True)
class PlacedStore:
    """A store, the object it came from, and the processors that use it, in order."""

    spec: StoreSpec
    origin: object
    users: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Wiring:
    """Everything that was added, in the order it was added."""

    nodes: dict[str, Node] = field(default_factory=dict)
    stores: dict[str, PlacedStore] = field(default_factory=dict)
    globals: dict[str, GlobalStore] = field(default_factory=dict)
    """By store name."""
    internal_topics: dict[str, int | None] = field(default_factory=dict)
    """Undecorated name and fixed number of partitions."""
    source_topic_of: dict[str, str] = field(default_factory=dict)
    """Stores whose changelog is a source topic."""
    copartitioned: list[frozenset[str]] = field(default_factory=list)
    arounds: dict[str, SerdeAround] = field(default_factory=dict)
    """By node: the value serde still waits for the configured default."""
    used: dict[str, dict[str, None]] = field(default_factory=dict)
    """By processor: names of its stores, in the order they were connected."""
    origin: Origin | None = None
    """The call of the script whose nodes are added now."""
    origins: dict[str, Origin] = field(default_factory=dict)
    """By node."""
    _roots: dict[str, str] = field(default_factory=dict)

    def add_source(self, node: SourceNode) -> None:
        """Adds a source.

        Raises:
            TopologyException: no topics, a name used twice, or a topic that another source has.
        """
        self._fresh(node.name)
        if isinstance(node.topics, re.Pattern):
            self._check_pattern(node.topics)
        else:
            if not node.topics:
                raise TopologyException("topics cannot be empty")
            for i, topic in enumerate(node.topics):
                self._check_topic(topic)
                if topic in node.topics[:i]:
                    raise TopologyException(f"Topic {topic} has already been registered by another source.")
        self._place(node, ())

    def add_step(self, node: StepNode | ProcessorNode) -> None:
        """Adds a processor below its parents."""
        self._fresh(node.name)
        self._check_parents(node.name, node.parents)
        self._place(node, node.parents)

    def add_sink(self, node: SinkNode) -> None:
        """Adds a sink below its parents."""
        self._fresh(node.name)
        self._check_parents(node.name, node.parents)
        self._place(node, node.parents)

    def add_store(self, spec: StoreSpec, origin: object, *processors: str) -> None:
        """Adds a store and connects it. `origin`: the same object may come again, another one may not."""
        placed = self.stores.get(spec.name)
        if placed is not None and placed.origin is not origin:
            raise TopologyException(f"A different StateStore has already been added with the name {spec.name}")
        if spec.name in self.globals:
            raise TopologyException(f"A different GlobalStateStore has already been added with the name {spec.name}")
        if placed is None:
            self.stores[spec.name] = PlacedStore(spec, origin)
        for processor in processors:
            self.connect(processor, (spec.name,))

    def connect(self, processor: str, stores: Iterable[str]) -> None:
        """Lets a processor use stores; all users of a store belong to one sub-topology."""
        for store in stores:
            if store in self.globals:
                raise TopologyException(
                    f"Global StateStore {store} can be used by a Processor without being specified; "
                    "it should not be explicitly passed."
                )
            if store not in self.stores:
                raise TopologyException(f"StateStore {store} is not added yet.")
            node = self.nodes.get(processor)
            if node is None:
                raise TopologyException(f"Processor {processor} is not added yet.")
            if isinstance(node, SourceNode | SinkNode):
                raise TopologyException(f"cannot connect a state store {store} to a source node or a sink node.")
            placed = self.stores[store]
            if placed.users:
                self._unite(placed.users[0], processor)
            if processor not in placed.users:
                placed.users.append(processor)
            self.used.setdefault(processor, {})[store] = None

    def add_global(self, store: GlobalStore) -> None:
        """Adds a store that every instance fills from a topic."""
        source, processor, name = store.source, store.processor, store.store.name
        self._fresh(source.name)
        self._fresh(processor.name)
        if name in self.stores:
            raise TopologyException(f"A different StateStore has already been added with the name {name}")
        if name in self.globals:
            raise TopologyException(f"A different GlobalStateStore has already been added with the name {name}")
        if source.name == processor.name:
            raise TopologyException("sourceName and processorName must be different.")
        for topic in source.topics if isinstance(source.topics, tuple) else ():
            self._check_topic(topic)
        self._place(source, ())
        self._place(processor, (source.name,))
        self.used.setdefault(processor.name, {})[name] = None
        self.globals[name] = store

    def serve_from_topic(self, store: str, topic: str) -> None:
        """The source topic is the store's changelog: nothing is logged, restoring reads the topic."""
        placed = self.stores[store]
        placed.spec = replace(placed.spec, logging=None, source_topic=topic)
        self.source_topic_of[store] = topic

    def replace_source(self, old: str, new: str) -> None:
        """One source takes another's place in the co-partitioned groups."""
        self.copartitioned = [group - {old} | {new} if old in group else group for group in self.copartitioned]

    def root(self, name: str) -> str:
        """One node that stands for the whole connected group."""
        while self._roots[name] != name:
            self._roots[name] = self._roots[self._roots[name]]
            name = self._roots[name]
        return name

    def global_names(self) -> frozenset[str]:
        """Names of the nodes that fill global stores."""
        return frozenset(n for g in self.globals.values() for n in (g.source.name, g.processor.name))

    def source_topics(self, name: str) -> tuple[str, ...]:
        """Topics that a source node names; none for a pattern."""
        node = self.nodes.get(name)
        return node.topics if isinstance(node, SourceNode) and isinstance(node.topics, tuple) else ()

    def reads_pattern(self, name: str) -> bool:
        """Is it a source with a pattern?"""
        node = self.nodes.get(name)
        return isinstance(node, SourceNode) and isinstance(node.topics, re.Pattern)

    def finished(self, name: str) -> Node:
        """A node with the stores that were connected to it."""
        node = self.nodes[name]
        if isinstance(node, StepNode | ProcessorNode):
            return replace(node, stores=tuple(self.used.get(name, ())))
        return node

    def _place(self, node: Node, parents: tuple[str, ...]) -> None:
        self.nodes[node.name] = node
        if self.origin is not None:
            self.origins[node.name] = self.origin
        self._roots[node.name] = node.name
        for parent in parents:
            self._unite(parent, node.name)

    def _unite(self, one: str, other: str) -> None:
        self._roots[self.root(other)] = self.root(one)

    def _fresh(self, name: str) -> None:
        if name in self.nodes:
            raise TopologyException(f"Processor {name} is already added.")

    def _check_parents(self, name: str, parents: tuple[str, ...]) -> None:
        if not parents:
            raise TopologyException("predecessorNames cannot be empty")
        for parent in parents:
            if parent == name:
                raise TopologyException(f"Parent node {parent} is unknown (self-reference).")
            if parent not in self.nodes:
                raise TopologyException(f"Parent node {parent} is unknown.")
            if isinstance(self.nodes[parent], SinkNode):
                raise TopologyException(f"Sink {parent} cannot be used a parent.")

    def _sources(self) -> Iterable[SourceNode]:
        return (n for n in self.nodes.values() if isinstance(n, SourceNode))

    def _check_topic(self, topic: str) -> None:
        for source in self._sources():
            if isinstance(source.topics, re.Pattern):
                if source.topics.fullmatch(topic):
                    raise TopologyException(f"Topic {topic} matches a Pattern already registered by another source.")
            elif topic in source.topics:
                raise TopologyException(f"Topic {topic} has already been registered by another source.")

    def _check_pattern(self, pattern: re.Pattern[str]) -> None:
        for source in self._sources():
            if isinstance(source.topics, tuple) and any(pattern.fullmatch(t) for t in source.topics):
                raise TopologyException(
                    f"Pattern {pattern.pattern} will match a topic that has already been registered by another source."
                )
