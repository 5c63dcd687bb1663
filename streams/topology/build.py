"""The last step: a graph becomes a `BuiltTopology`, which the runtime runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streams.config.application import StreamsConfig
from streams.errors import TopologyException
from streams.serdes.choose import default_serde
from streams.topology.checks import refuse_circles
from streams.topology.node import BuiltTopology, Node, SinkNode, SourceNode, SubTopology
from streams.topology.plan import PlannedStore, SerdeAround
from streams.topology.split import sub_topologies
from streams.topology.wiring import Wiring


def built(wiring: Wiring, config: Mapping[str, object] | None) -> BuiltTopology:
    """The sub-topologies, global stores and internal topics of a graph.

    Raises:
        ConfigException: a setting is unknown or has a wrong value.
        TopologyException: the graph goes in circles.
        StreamsException: what is configured as a default serde is none.
    """
    settings = StreamsConfig.of_topology(config)
    refuse_circles(wiring.nodes.values())
    if settings.in_memory_stores:
        _place_stores_in_memory(wiring)
    subs = tuple(_with_serdes(sub, wiring, settings) for sub in sub_topologies(wiring, settings))
    return BuiltTopology(
        subs,
        tuple(wiring.globals.values()),
        frozenset(wiring.internal_topics),
        tuple(wiring.nodes),
        dict(wiring.origins),
    )


def refuse_empty(topology: BuiltTopology) -> None:
    """An application must have something to do.

    Raises:
        TopologyException: there is neither a source nor a global store.
    """
    if not topology.subtopologies and not topology.global_stores:
        raise TopologyException(
            "Topology has no stream threads and no global threads, must subscribe to at least one source topic or "
            "global table."
        )


def _place_stores_in_memory(wiring: Wiring) -> None:
    """Puts the stores whose place nobody gave into memory."""
    for placed in wiring.stores.values():
        if isinstance(placed.origin, PlannedStore) and placed.origin.anywhere:
            placed.spec = replace(placed.spec, persistent=False)


def _with_serdes(sub: SubTopology, wiring: Wiring, config: StreamsConfig) -> SubTopology:
    if not any(node.name in wiring.arounds for node in sub.nodes):
        return sub
    return replace(sub, nodes=tuple(_settled(n, wiring.arounds.get(n.name), config) for n in sub.nodes))


def _settled(node: Node, around: SerdeAround | None, config: StreamsConfig) -> Node:
    """With the serde around the given one or the default; without either the runtime says what is missing."""
    if around is None or not isinstance(node, SourceNode | SinkNode):
        return node
    inner = around.inner or default_serde(config, "key" if around.side == "key" else "value")
    return node if inner is None else replace(node, value_serde=around.wrap(inner))
