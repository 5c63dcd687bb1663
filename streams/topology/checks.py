"""Checks of the whole graph. The only file that uses networkx, which takes long to import: inside functions."""

from __future__ import annotations

from collections.abc import Iterable

from streams.errors import TopologyException
from streams.topology.node import Node, SourceNode


def refuse_circles(nodes: Iterable[Node]) -> None:
    """Records that come back to a node they left would never be done.

    Raises:
        TopologyException: naming the nodes of one circle.
    """
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for node in nodes:
        graph.add_node(node.name)
        for parent in () if isinstance(node, SourceNode) else node.parents:
            graph.add_edge(parent, node.name)
    if networkx.is_directed_acyclic_graph(graph):
        return
    circle = [edge[0] for edge in networkx.find_cycle(graph)]
    raise TopologyException(f"the nodes {' -> '.join([*circle, circle[0]])} go in a circle")
