"""The nodes of a topology, as frozen data (decision 37), and the topology that is built of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Never

from streams.processor import TimestampExtractor
from streams.serdes.base import Serde
from streams.topology.origin import Origin
from streams.topology.store import StoreSpec

StepFactory = Callable[[Never], object]
"""A StepMaker of `operators.base`; this room carries it and does not know it (only `runtime.compile.fuse` casts)."""


class TaskId(NamedTuple):
    """`<sub-topology>_<partition>`."""

    subtopology: int
    partition: int

    def __str__(self) -> str:
        return f"{self.subtopology}_{self.partition}"


@dataclass(frozen=True, slots=True)
class SourceNode:
    """Reads topics. `timestamps` None: the configured extractor; serdes None: the configured defaults.

    `reset` is `earliest`, `latest`, `none`, `by_duration:<ms>`, or None for the consumer's setting.
    """

    name: str
    topics: tuple[str, ...] | re.Pattern[str]
    key_serde: Serde[object] | None = None
    value_serde: Serde[object] | None = None
    timestamps: TimestampExtractor | None = None
    reset: str | None = None


@dataclass(frozen=True, slots=True)
class StepNode:
    """A built-in step. `stores` are the names of those it may open.

    `grace_ms`: it aggregates windows, which close so long after their end.
    """

    name: str
    parents: tuple[str, ...]
    stores: tuple[str, ...]
    make: StepFactory
    sends_old: bool = False
    grace_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ProcessorNode:
    """A user's processor. `supplier()` gives a fresh one for each task."""

    name: str
    parents: tuple[str, ...]
    stores: tuple[str, ...]
    supplier: Callable[[], object]
    fixed_key: bool = False


@dataclass(frozen=True, slots=True)
class SinkNode:
    """Writes a topic, or the topic that `topic(key, value, record_context)` chooses.

    `partitioner(topic, key, value, partitions)` gives a partition, a set of them, or None for the default
    (murmur2 of the key's bytes; of the inner key where `windowed_key`).
    """

    name: str
    parents: tuple[str, ...]
    topic: str | Callable[..., str]
    key_serde: Serde[object] | None = None
    value_serde: Serde[object] | None = None
    partitioner: Callable[..., object] | None = None


Node = SourceNode | StepNode | ProcessorNode | SinkNode


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """A topic that the application makes for itself.

    `name` is without the `<application.id>-` prefix. `partitions` None: decided at start (the sources of a
    repartition topic's writers; the number of tasks for a changelog).
    """

    name: str
    kind: str
    """`repartition`, `changelog`, `windowed_changelog` or `versioned_changelog`."""
    partitions: int | None
    config: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class GlobalStore:
    """A store that every instance fills from all partitions of one topic.

    `processor` None: keys and values are put as they are read; else the user's processor does it.
    """

    store: StoreSpec
    source: SourceNode
    processor: StepNode | ProcessorNode


@dataclass(frozen=True, slots=True)
class SubTopology:
    """Nodes and stores that are run together by one task a partition.

    `nodes` are in the order they were added, which is also the order of every node's children. Topics are
    undecorated where internal: `repartition_topics` maps the undecorated name to its topic.
    """

    id: int
    nodes: tuple[Node, ...]
    stores: tuple[StoreSpec, ...]
    source_topics: tuple[str, ...]
    repartition_topics: Mapping[str, InternalTopic]
    changelogs: Mapping[str, InternalTopic]
    """By store name."""
    copartitioned: tuple[frozenset[str], ...]
    """Groups of (undecorated) source topics that must have the same number of partitions."""
    copartitioned_patterns: tuple[frozenset[str], ...] = ()
    """Beside each of these groups: names of source nodes with a pattern whose topics belong to it."""

    def children(self, name: str) -> tuple[str, ...]:
        """Names of the nodes that `name` forwards to, in the order they were added."""
        return tuple(n.name for n in self.nodes if not isinstance(n, SourceNode) and name in n.parents)


@dataclass(frozen=True, slots=True)
class BuiltTopology:
    """All that the runtime needs to know of a topology."""

    subtopologies: tuple[SubTopology, ...]
    global_stores: tuple[GlobalStore, ...]
    internal_topics: frozenset[str]
    """Undecorated names: wherever a source or sink names one, the runtime prefixes `<application.id>-`."""
    order: tuple[str, ...] = ()
    """Names of the nodes of all sub-topologies, in the order they were added."""
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)
    """By node: the call of the script that it came from."""

    def fingerprint(self, subtopology: int) -> bytes:
        """Of number, names, topics and stores of a sub-topology: equal where a task may move between members."""
        import hashlib

        sub = next(s for s in self.subtopologies if s.id == subtopology)
        nodes = [(n.name, _shape(n)) for n in sub.nodes]
        text = repr((sub.id, nodes, [(s.name, s.kind.value) for s in sub.stores]))
        return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _shape(node: Node) -> object:
    if isinstance(node, SourceNode):
        return node.topics.pattern if isinstance(node.topics, re.Pattern) else node.topics
    if isinstance(node, SinkNode):
        return (node.parents, node.topic if isinstance(node.topic, str) else "chosen")
    return (node.parents, node.stores)
