"""Where the parts of a directed graph go on a page, and edges between them that are level or upright and cross no part.

1. Edges that would close a circle are turned round. A part's layer is the longest path that leads to it.
2. An edge over several layers gets a bend in each, so that it runs between the parts and not across them.
3. Parts of a layer are ordered by the mean place of their neighbours, down and up in turn; the best order found stays.
4. Each part moves as near to the mean of its neighbours as its neighbours left and right allow.
5. Edges are routed by `channels`: upright across a layer, level only in the gaps between layers.

(Sugiyama, Tagawa and Toda, 1981.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from streams.topology.tools.channels import Channel, Lane, channel

SWEEPS = 12
PORTS = 11.0
"""Distance of two edges on a side of a part, where the part is wide enough."""


class Size(NamedTuple):
    """Width and height, in pixels."""

    width: float
    height: float


class Point(NamedTuple):
    """A place; y grows downwards."""

    x: float
    y: float


GAP = Size(18, 9)
BEND = 6.0
"""Width that is kept free for an edge that runs across a layer."""


class Edge(NamedTuple):
    """From and to. `out` and `into`: how far right of the part's centre it ends, None: wherever it is best."""

    start: str
    end: str
    out: float | None = None
    into: float | None = None


class Layout(NamedTuple):
    """Centres of the parts, each edge's corners from start to end, and the size of it all, whose corner is at 0, 0."""

    centres: Mapping[str, Point]
    paths: Sequence[tuple[Point, ...]]
    size: Size


class _Graph(NamedTuple):
    """Parts and bends in layers; `above` and `below` hold neighbours in the next layer only.

    With each neighbour stands how far right of the own centre it would be were the edge upright.
    """

    layers: list[list[str]]
    above: dict[str, list[tuple[str, float]]]
    below: dict[str, list[tuple[str, float]]]
    chains: dict[int, list[str]]
    """By edge, downwards, from part to part."""


def layered(
    sizes: Mapping[str, Size],
    edges: Sequence[Edge],
    gap: Size = GAP,
    first: Collection[str] = (),
    last: Collection[str] = (),
) -> Layout:
    """Lays a graph out.

    Args:
        sizes: the parts, in the order that decides where nothing else does.
        edges: from and to; edges from a part to itself have an empty path.
        gap: least distance between parts, and between a layer and the first level piece of an edge.
        first, last: parts that have the uppermost or lowest layer to themselves.
    """
    if not sizes:
        return Layout({}, [()] * len(edges), Size(0, 0))
    back = turned(list(sizes), edges)
    directed = [
        edge._replace(start=edge.end, end=edge.start, out=edge.into, into=edge.out) if i in back else edge
        for i, edge in enumerate(edges)
    ]
    layer = _layers(list(sizes), directed, first, last)
    graph = _with_bends(list(sizes), directed, layer)
    _order(graph, sizes)
    widths = {name: sizes[name].width if name in sizes else BEND for row in graph.layers for name in row}
    xs = _places(graph, widths, gap.width)
    left = min(x - widths[name] / 2 for name, x in xs.items())
    xs = {name: x - left for name, x in xs.items()}
    ends = _ports(graph, directed, sizes, xs)
    channels, ys, height = _rows(graph, sizes, ends, gap.height)
    centres = {name: Point(xs[name], ys[name]) for name in sizes}
    paths: list[tuple[Point, ...]] = [() for _ in edges]
    for index, chain in graph.chains.items():
        down = _path(index, chain, ends, channels, centres, sizes)
        paths[index] = down[::-1] if index in back else down
    right = max(x + widths[name] / 2 for name, x in xs.items())
    return Layout(centres, paths, Size(right, height))


def turned(names: Sequence[str], edges: Sequence[Edge]) -> set[int]:
    """Indices of the edges that lead back to where a walk came from."""
    out: dict[str, list[int]] = {name: [] for name in names}
    for index, edge in enumerate(edges):
        out[edge.start].append(index)
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
            end = edges[at].end
            if end == name:
                continue
            if end in open_:
                back.add(at)
            elif end not in done:
                open_.add(end)
                stack.append((end, iter(out[end])))
    return back


def _layers(names: list[str], edges: Sequence[Edge], first: Collection[str], last: Collection[str]) -> dict[str, int]:
    """The longest path to each part; a part without parents stands right above its first child."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    children: dict[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        if edge.start != edge.end:
            parents[edge.end].append(edge.start)
            children[edge.start].append(edge.end)
    layer = dict.fromkeys(names, 0)
    missing = {name: len(parents[name]) for name in names}
    ready = [name for name in names if not parents[name]]
    for name in ready:
        for child in children[name]:
            layer[child] = max(layer[child], layer[name] + 1)
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    for name in names:
        if not parents[name] and children[name]:
            layer[name] = min(layer[child] for child in children[name]) - 1
    top, bottom = min(layer.values()), max(layer.values())
    layer |= dict.fromkeys(first, top - 1) | dict.fromkeys(last, bottom + 1)
    rows = {row: i for i, row in enumerate(sorted(set(layer.values())))}
    return {name: rows[row] for name, row in layer.items()}


def _with_bends(names: list[str], edges: Sequence[Edge], layer: dict[str, int]) -> _Graph:
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in names:
        rows[layer[name]].append(name)
    above: dict[str, list[tuple[str, float]]] = {name: [] for name in names}
    below: dict[str, list[tuple[str, float]]] = {name: [] for name in names}
    chains: dict[int, list[str]] = {}
    for index, edge in enumerate(edges):
        if edge.start == edge.end:
            continue
        bends = [f"\0{index}.{at}" for at in range(layer[edge.start] + 1, layer[edge.end])]
        for at, name in enumerate(bends, layer[edge.start] + 1):
            rows[at].append(name)
            above[name], below[name] = [], []
        chains[index] = [edge.start, *bends, edge.end]
        for one, other in pairwise(chains[index]):
            shift = (edge.out or 0.0) * (one == edge.start) - (edge.into or 0.0) * (other == edge.end)
            below[one].append((other, shift))
            above[other].append((one, -shift))
    return _Graph([row for row in rows if row], above, below, chains)


def _order(graph: _Graph, sizes: Mapping[str, Size]) -> None:
    """Orders the layers in place: sweeps by barycentre; the order with the fewest crossings stays."""
    best, fewest = [list(row) for row in graph.layers], _crossings(graph)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = graph.above if downwards else graph.below
        rows = graph.layers if downwards else graph.layers[::-1]
        for fixed, row in pairwise(rows):
            place = {name: float(i) for i, name in enumerate(fixed)}
            here = {name: float(i) for i, name in enumerate(row)}
            wide = {name: sizes[name].width + 1 if name in sizes else BEND for name in fixed}
            row.sort(
                key=lambda name: _mean([place[n] - 0.9 * shift / wide[n] for n, shift in neighbours[name]], here[name])
            )
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
        ends = [end for name in row for end in sorted(place[n] for n, _ in graph.below[name])]
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
            wanted = [_mean([xs[n] - shift for n, shift in neighbours[name]], xs[name]) for name in row]
            steps = [widths[a] / 2 + gap + widths[b] / 2 for a, b in pairwise(row)]
            xs |= dict(zip(row, nearest(wanted, steps), strict=True))
    return xs


def _ports(
    graph: _Graph, edges: Sequence[Edge], sizes: Mapping[str, Size], xs: Mapping[str, float]
) -> dict[tuple[int, int], tuple[float, float]]:
    """By edge and step of its chain: where the step begins and ends, left to right, as near to upright as it can be."""
    starts: dict[tuple[int, int], float] = {}
    ends: dict[tuple[int, int], float] = {}
    for side, found, other in ((0, starts, {}), (1, ends, starts), (0, starts, ends), (1, ends, starts)):
        asked: dict[str, list[tuple[float, tuple[int, int], float | None]]] = {}
        for index, chain in graph.chains.items():
            for at, step in enumerate(pairwise(chain)):
                fixed = _fixed(edges[index], chain, at + side)
                wanted = other.get(
                    (index, at), xs[step[1 - side]] + (_fixed(edges[index], chain, at + 1 - side) or 0.0)
                )
                asked.setdefault(step[side], []).append((wanted, (index, at), fixed))
        for name, rows in asked.items():
            found |= _side(xs[name], sizes[name].width if name in sizes else 0.0, sorted(rows, key=lambda row: row[:2]))
    return {step: (starts[step], ends[step]) for step in starts}


def _fixed(edge: Edge, chain: list[str], at: int) -> float | None:
    """How far right of its centre the part at this place of the chain has the edge; None: anywhere."""
    return edge.out if at == 0 else edge.into if at == len(chain) - 1 else None


def _side(
    centre: float, width: float, rows: Sequence[tuple[float, tuple[int, int], float | None]]
) -> dict[tuple[int, int], float]:
    """Places on one side of a part for edges that come from the wanted places."""
    free = [(wanted, step) for wanted, step, fixed in rows if fixed is None]
    room = max(0.0, width / 2 - 8)
    distance = min(PORTS, 2 * room / max(1, len(free) - 1))
    placed = nearest([wanted for wanted, _ in free], [distance] * (len(free) - 1)) if free else []
    for i in range(len(placed)):
        low, high = centre - room + i * distance, centre + room - (len(placed) - 1 - i) * distance
        placed[i] = min(max(placed[i], low), high)
    held = {step: centre + fixed for _, step, fixed in rows if fixed is not None}
    return held | {step: x for (_, step), x in zip(free, placed, strict=True)}


def _rows(
    graph: _Graph, sizes: Mapping[str, Size], ends: Mapping[tuple[int, int], tuple[float, float]], gap: float
) -> tuple[list[Channel], dict[str, float], float]:
    """The channel below each layer, the heights of the parts' centres, and the height of it all."""
    lanes: list[list[Lane]] = [[] for _ in graph.layers]
    row_of = {name: i for i, row in enumerate(graph.layers) for name in row}
    for index, chain in graph.chains.items():
        for at, name in enumerate(chain[:-1]):
            lanes[row_of[name]].append(Lane((index, at), *ends[index, at]))
    ys: dict[str, float] = {}
    channels = []
    top = 0.0
    for row, here in zip(graph.layers, lanes, strict=True):
        height = max(sizes[name].height if name in sizes else 0.0 for name in row)
        ys |= dict.fromkeys(row, top + height / 2)
        channels.append(channel(here, top + height, gap))
        top = channels[-1].bottom
    return channels, ys, channels[-1].top


def _path(
    index: int,
    chain: list[str],
    ends: Mapping[tuple[int, int], tuple[float, float]],
    channels: Sequence[Channel],
    centres: Mapping[str, Point],
    sizes: Mapping[str, Size],
) -> tuple[Point, ...]:
    """An edge's corners, downwards; two corners of a step that is upright are left out."""
    start, end = chain[0], chain[-1]
    levels = {step: y for each in channels for step, y in each.levels.items() if step[0] == index}
    points = [Point(ends[index, 0][0], centres[start].y + sizes[start].height / 2)]
    for at in range(len(chain) - 1):
        x, to = ends[index, at]
        if (index, at) in levels:
            points += [Point(x, levels[index, at]), Point(to, levels[index, at])]
    points.append(Point(ends[index, len(chain) - 2][1], centres[end].y - sizes[end].height / 2))
    return tuple(points)


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
