"""A topology as plain data: what `topology describe --json` saves, what is drawn, and what is compared.

Nothing in it can be called, so it can be kept beside an application and read years later. Names of internal topics
are without the `<application.id>-` prefix.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple

from streams.topology.describe import said
from streams.topology.node import BuiltTopology, GlobalStore, InternalTopic, Node, SinkNode, SourceNode, SubTopology
from streams.topology.origin import Origin
from streams.topology.store import StoreSpec


class NodeOutline(NamedTuple):
    """One node. `kind` is `source`, `processor` or `sink`."""

    name: str
    kind: str
    parents: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    """Read by a source, written by a sink."""
    chosen: str | None = None
    """A source's pattern, or what chooses a sink's topic."""
    stores: tuple[str, ...] = ()
    operation: str = ""
    """The method that the script called for it; empty: not known, as in what an earlier version saved."""
    call: int = 0
    """Equal for all nodes of one call; 0: not known."""
    place: str = ""
    """File and line of the call: `word_count.py:27`. Without directories, so that it is the same on every machine."""
    code: str = ""
    """That line."""


class StoreOutline(NamedTuple):
    """One store. `changelog` None: nothing is logged."""

    name: str
    kind: str
    persistent: bool
    changelog: str | None
    retention_ms: int = 0
    window_ms: int = 0


class TopicOutline(NamedTuple):
    """One internal topic. `partitions` None: as many as its sub-topology's sources have."""

    name: str
    kind: str
    partitions: int | None
    config: tuple[tuple[str, str], ...] = ()


class SubOutline(NamedTuple):
    """One sub-topology, with the internal topics it reads or logs to."""

    id: int
    nodes: tuple[NodeOutline, ...]
    stores: tuple[StoreOutline, ...]
    topics: tuple[TopicOutline, ...]
    fingerprint: str
    """Equal where tasks may move between an old and a new version."""


class GlobalOutline(NamedTuple):
    """One store that every instance fills from a topic."""

    source: NodeOutline
    processor: NodeOutline
    store: StoreOutline


class Outline(NamedTuple):
    """A whole topology."""

    application_id: str
    subtopologies: tuple[SubOutline, ...]
    global_stores: tuple[GlobalOutline, ...] = ()

    def internal(self) -> frozenset[str]:
        """Names of all internal topics."""
        return frozenset(topic.name for sub in self.subtopologies for topic in sub.topics)


def outline(topology: BuiltTopology, application_id: str) -> Outline:
    """The data of a built topology."""
    return Outline(
        application_id,
        tuple(_sub(topology, sub) for sub in topology.subtopologies),
        tuple(_global(store, topology.origins) for store in topology.global_stores),
    )


def _sub(topology: BuiltTopology, sub: SubTopology) -> SubOutline:
    changelogs = {name: topic.name for name, topic in sub.changelogs.items()}
    own = [topic for topic in sub.changelogs.values() if topic.name not in sub.source_topics]
    return SubOutline(
        sub.id,
        tuple(_node(node, topology.origins) for node in sub.nodes),
        tuple(_store(spec, changelogs.get(spec.name)) for spec in sub.stores),
        tuple(_topic(topic) for topic in (*sub.repartition_topics.values(), *own)),
        topology.fingerprint(sub.id).hex(),
    )


def _global(store: GlobalStore, origins: Mapping[str, Origin]) -> GlobalOutline:
    topics = store.source.topics
    processor = _node(store.processor, origins)
    return GlobalOutline(
        _node(store.source, origins),
        processor._replace(stores=(store.store.name,)),
        _store(store.store, topics[0] if isinstance(topics, tuple) else None),
    )


def _node(node: Node, origins: Mapping[str, Origin]) -> NodeOutline:
    found = origins.get(node.name)
    if found is None:
        return _bare(node)
    return _bare(node)._replace(
        operation=found.operation,
        call=found.call,
        place=f"{PurePath(found.file).name}:{found.line}",
        code=linecache.getline(found.file, found.line).strip(),
    )


def _bare(node: Node) -> NodeOutline:
    if isinstance(node, SourceNode):
        if isinstance(node.topics, re.Pattern):
            return NodeOutline(node.name, "source", chosen=node.topics.pattern)
        return NodeOutline(node.name, "source", topics=node.topics)
    if isinstance(node, SinkNode):
        if isinstance(node.topic, str):
            return NodeOutline(node.name, "sink", node.parents, (node.topic,))
        return NodeOutline(node.name, "sink", node.parents, chosen=said(node.topic))
    return NodeOutline(node.name, "processor", node.parents, stores=node.stores)


def _store(spec: StoreSpec, changelog: str | None) -> StoreOutline:
    return StoreOutline(spec.name, spec.kind.value, spec.persistent, changelog, spec.retention_ms, spec.window_ms)


def _topic(topic: InternalTopic) -> TopicOutline:
    config = tuple(sorted((name, str(value)) for name, value in topic.config.items()))
    return TopicOutline(topic.name, topic.kind, topic.partitions, config)
