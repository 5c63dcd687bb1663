"""What a task reads off its sub-topology: who forwards to whom, which source a topic belongs to, the order
of flushes.

Nodes are in the order they were added, so every node stands after its parents.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.errors import StreamsException
from streams.runtime.compile.fuse import Graph
from streams.topology.javahash import hash_order
from streams.topology.node import ProcessorNode, SinkNode, SourceNode, StepNode, SubTopology


def graph_of(topology: SubTopology) -> Graph:
    """The nodes with their children, in the order they were added."""
    children: dict[str, list[str]] = {node.name: [] for node in topology.nodes}
    for node in topology.nodes:
        if not isinstance(node, SourceNode):
            for parent in dict.fromkeys(node.parents):
                children[parent].append(node.name)
    return Graph(
        tuple(children),
        tuple(node.name for node in topology.nodes if isinstance(node, SourceNode)),
        children,
        frozenset(node.name for node in topology.nodes if isinstance(node, SinkNode)),
    )


def flush_order(topology: SubTopology) -> tuple[str, ...]:
    """Names of the stores as Java flushes them: in the order in which the nodes that use them were added, and for one
    node in that of its hash set."""
    users = (node for node in topology.nodes if isinstance(node, StepNode | ProcessorNode))
    return tuple(dict.fromkeys(store for node in users for store in hash_order(node.stores)))


def source_of(topology: SubTopology, topic: str, topic_name: Callable[[str], str]) -> tuple[int, SourceNode]:
    """The source that reads a topic, and its place among the sources. Topics that are named go before
    patterns.

    Raises:
        StreamsException: there is none.
    """
    sources = [node for node in topology.nodes if isinstance(node, SourceNode)]
    for place, node in enumerate(sources):
        if isinstance(node.topics, tuple) and topic in map(topic_name, node.topics):
            return place, node
    for place, node in enumerate(sources):
        if isinstance(node.topics, re.Pattern) and node.topics.fullmatch(topic):
            return place, node
    raise StreamsException(f"No source of sub-topology {topology.id} reads the topic {topic}.")
