"""Where the parts of a directed graph go on a page: layers, order within a layer, places.

1. Edges that would close a circle are turned round. A part's layer is the longest path that leads to it.
2. An edge over several layers gets a bend in each, so that it runs between the parts and not across them.
3. Parts of a layer are ordered by the mean place of their neighbours, down and up in turn; the best order found stays.
4. Each part moves as near to the mean of its neighbours as its neighbours left and right allow.

(Sugiyama, Tagawa and Toda, 1981.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 12


class Size(NamedTuple):
    """Width and height, in pixels."""

    width: float
    height: float


class Point(NamedTuple):
    """A place; y grows downwards."""

    x: float
    y: float


GAP = Size(28, 36)


class Layout(NamedTuple):
    """Centres of the parts, bends of the edges by index, and the size of it all, whose corner is at 0, 0."""

    centres: Mapping[str, Point]
    bends: Mapping[int, tuple[Point, ...]]
    size: Size


class _Graph(NamedTuple):
    """Parts and bends in layers; `above` and `below` hold neighbours in the next layer only."""

    layers: list[list[str]]
    above: dict[str, list[str]]
    below: dict[str, list[str]]
    chains: dict[int, list[str]]


def layered(
    sizes: Mapping[str, Size],
    edges: Sequence[tuple[str, str]],
    gap: Size = GAP,
    last: Iterable[str] = (),
) -> Layout:
    """Lays a graph out.

    Args:
        sizes: the parts, in the order that decides where nothing else does.
        edges: from and to.
        gap: least distance between parts, and between layers.
        last: parts that belong on the last layer.
    """
    if not sizes:
        return Layout({}, {}, Size(0, 0))
    directed = _acyclic(list(sizes), edges)
    layer = _layers(list(sizes), directed, set(last))
    graph = _with_bends(list(sizes), edges, directed, layer)
    _order(graph)
    thin = Size(2, 2)
    xs = _places(graph, {name: sizes.get(name, thin).width for row in graph.layers for name in row}, gap.width)
    left = min(x - sizes.get(name, thin).width / 2 for name, x in xs.items())
    centres: dict[str, Point] = {}
    top = 0.0
    for row in graph.layers:
        height = max(sizes.get(name, thin).height for name in row)
        centres |= {name: Point(xs[name] - left, top + height / 2) for name in row}
        top += height + gap.height
    right = max(point.x + sizes.get(name, thin).width / 2 for name, point in centres.items())
    return Layout(
        {name: centres[name] for name in sizes},
        {index: tuple(centres[name] for name in chain) for index, chain in graph.chains.items()},
        Size(right, top - gap.height),
    )


def _acyclic(names: list[str], edges: Sequence[tuple[str, str]]) -> list[tuple[str, str] | None]:
    """The edges, those that go back to where a walk came from turned round; None for an edge to itself."""
    out: dict[str, list[int]] = {name: [] for name in names}
    for index, (start, _) in enumerate(edges):
        out[start].append(index)
    open_, done, back = set[str](), set[str](), set[int]()
    for root in names:
        stack = [(root, iter(out[root]))] if root not in done else []
        open_.update(name for name, _ in stack)
        while stack:
            name, rest = stack[-1]
            at = next(rest, None)
            if at is None:
                stack.pop()
                open_.discard(name)
                done.add(name)
                continue
            end = edges[at][1]
            if end in open_:
                back.add(at)
            elif end not in done:
                open_.add(end)
                stack.append((end, iter(out[end])))
    turned = [(end, start) if i in back else (start, end) for i, (start, end) in enumerate(edges)]
    return [None if start == end else (start, end) for start, end in turned]


def _layers(names: list[str], edges: Sequence[tuple[str, str] | None], last: set[str]) -> dict[str, int]:
    """The longest path to each part; a part without parents stands right above its first child."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    children: dict[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        if edge is not None:
            parents[edge[1]].append(edge[0])
            children[edge[0]].append(edge[1])
    layer = dict.fromkeys(names, 0)
    missing = {name: len(parents[name]) for name in names}
    ready = [name for name in names if not parents[name]]
    for name in ready:
        for child in children[name]:
            layer[child] = max(layer[child], layer[name] + 1)
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    bottom = max(layer.values())
    for name in names:
        if name in last and not children[name]:
            layer[name] = bottom
        elif not parents[name] and children[name]:
            layer[name] = min(layer[child] for child in children[name]) - 1
    return layer


def _with_bends(
    names: list[str],
    edges: Sequence[tuple[str, str]],
    directed: Sequence[tuple[str, str] | None],
    layer: dict[str, int],
) -> _Graph:
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in names:
        rows[layer[name]].append(name)
    above: dict[str, list[str]] = {name: [] for name in names}
    below: dict[str, list[str]] = {name: [] for name in names}
    chains: dict[int, list[str]] = {}
    for index, edge in enumerate(directed):
        if edge is None:
            continue
        chain = [f"\0{index}.{at}" for at in range(layer[edge[0]] + 1, layer[edge[1]])]
        for at, name in enumerate(chain, layer[edge[0]] + 1):
            rows[at].append(name)
            above[name], below[name] = [], []
        path = [edge[0], *chain, edge[1]]
        for one, other in pairwise(path):
            below[one].append(other)
            above[other].append(one)
        chains[index] = chain if edge == tuple(edges[index]) else chain[::-1]
    return _Graph([row for row in rows if row], above, below, chains)


def _order(graph: _Graph) -> None:
    """Orders the layers in place: sweeps by barycentre; the order with the fewest crossings stays."""
    best, fewest = [list(row) for row in graph.layers], _crossings(graph)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = graph.above if downwards else graph.below
        rows = graph.layers if downwards else graph.layers[::-1]
        for fixed, row in pairwise(rows):
            place = {name: float(i) for i, name in enumerate(fixed)}
            here = {name: float(i) for i, name in enumerate(row)}
            row.sort(key=lambda name: _mean([place[n] for n in neighbours[name]], here[name]))
        crossings = _crossings(graph)
        if crossings < fewest:
            best, fewest = [list(row) for row in graph.layers], crossings
    graph.layers[:] = best


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(graph: _Graph) -> int:
    total = 0
    for row, under in pairwise(graph.layers):
        place = {name: i for i, name in enumerate(under)}
        ends = [end for name in row for end in sorted(place[n] for n in graph.below[name])]
        total += sum(1 for i, end in enumerate(ends) for later in ends[i + 1 :] if later < end)
    return total


def _places(graph: _Graph, widths: Mapping[str, float], gap: float) -> dict[str, float]:
    """Centres along the layers."""
    xs: dict[str, float] = {}
    for row in graph.layers:
        at = -sum(widths[name] + gap for name in row) / 2
        for name in row:
            xs[name] = at + widths[name] / 2
            at += widths[name] + gap
    for sweep in range(SWEEPS):
        neighbours = graph.above if sweep % 2 == 0 else graph.below
        for row in graph.layers if sweep % 2 == 0 else graph.layers[::-1]:
            wanted = [_mean([xs[n] for n in neighbours[name]], xs[name]) for name in row]
            steps = [widths[a] / 2 + gap + widths[b] / 2 for a, b in pairwise(row)]
            xs |= dict(zip(row, nearest(wanted, steps), strict=True))
    return xs


def nearest(wanted: Sequence[float], steps: Sequence[float]) -> list[float]:
    """Places in the given order, at least `steps` apart, with the least squared distance from those wanted.

    Neighbours that would come too near are pooled to a block that stands at their mean (isotonic regression).
    """
    offsets = [0.0]
    for step in steps:
        offsets.append(offsets[-1] + step)
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            total, count = total + blocks[-1][0], count + blocks[-1][1]
            blocks.pop()
        blocks.append((total, count))
    flat = [total / count for total, count in blocks for _ in range(count)]
    return [place + offset for place, offset in zip(flat, offsets, strict=True)]
