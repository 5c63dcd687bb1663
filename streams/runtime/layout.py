"""What a task reads off its sub-topology: who forwards to whom, which source a topic belongs to, the order
of flushes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.errors import StreamsException
from streams.runtime.fuse import Graph
from streams.topology.node import SinkNode, SourceNode, SubTopology


def graph_of(topology: SubTopology) -> Graph:
    """The nodes with their children; every node after its parents."""
    children: dict[str, list[str]] = {node.name: [] for node in topology.nodes}
    waiting: dict[str, int] = dict.fromkeys(children, 0)
    for node in topology.nodes:
        if not isinstance(node, SourceNode):
            for parent in dict.fromkeys(node.parents):
                children[parent].append(node.name)
                waiting[node.name] += 1
    order: list[str] = []
    ready = [name for name, parents in waiting.items() if not parents]
    while ready:
        name = ready.pop(0)
        order.append(name)
        for child in children[name]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return Graph(
        tuple(order),
        tuple(node.name for node in topology.nodes if isinstance(node, SourceNode)),
        children,
        frozenset(node.name for node in topology.nodes if isinstance(node, SinkNode)),
    )


def flush_order(topology: SubTopology) -> tuple[str, ...]:
    """Names of the stores in the order of the nodes that use them, those without a user last."""
    by_name = {node.name: node for node in topology.nodes}
    users = (by_name[name] for name in graph_of(topology).order)
    used = (store for node in users for store in getattr(node, "stores", ()))
    return tuple(dict.fromkeys([*used, *(spec.name for spec in topology.stores)]))


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
