"""Where the cards of a folded topology go on a page, and the edges between them.

Two layouts in one: each sub-topology lays out its cards; then sub-topologies and topics are laid out as parts of the
page. An edge between the two crosses the sub-topology's rim at a gate, which is a part of both layouts. Parts of the
page that nothing joins stand side by side, in rows that fit a screen best.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from streams.topology.tools.drawing import Box
from streams.topology.tools.folding import Card, Folded
from streams.topology.tools.layered_layout import BEND, PORTS, Edge, Layout, Point, Size, layered, turned

BIG, SMALL = 7.3, 6.1
"""Width of a letter of the monospaced font, in pixels: of heads at 12 px, of all else at 10 px."""
HEAD_LINE, SMALL_LINE = 15.0, 12.0
WIDEST = 26
"""Letters on a line before a text is broken at a `-`, `.`, `_` or blank."""
PADDING = Size(7, 4)
GAP = Size(22, 22)
"""Between things on the page that no edge joins."""
TRIES = 16
"""So many layouts of a page are tried at most."""
SCREEN = Size(1440, 800)
"""What a laptop shows at once."""


class Frame(NamedTuple):
    """A sub-topology's rim, and the middle of its title."""

    corner: Point
    size: Size
    title: Point


class Picture(NamedTuple):
    """The page: centres and sizes of the cards, frames by number of the box, the arrows' corners from start to end."""

    centres: Mapping[str, Point]
    sizes: Mapping[str, Size]
    frames: Mapping[int, Frame]
    paths: Sequence[tuple[Point, ...]]
    size: Size


class _Gate(NamedTuple):
    """Where an edge of the page crosses the rim of a box: `other` is the part outside, `below` the lower rim."""

    id: str
    box: int
    other: str
    leaves: bool
    below: bool


def picture(folded: Folded) -> Picture:
    """Lays out a page. Where to cut circles is tried from several ends; what shows largest on a screen is kept."""
    parts = [*(f"box {box.number}" for box in folded.boxes), *(card.id for card in folded.cards if card.box is None)]
    orders = (parts[i : i + 1] + parts for i in range(max(1, min(len(folded.boxes), TRIES))))
    return min((_picture(folded, order) for order in orders), key=lambda found: _too_large(found.size))


def _too_large(size: Size) -> tuple[float, float]:
    """By how much it has to be made smaller for a screen; and of those that fit the smallest comes first."""
    return max(1.0, size.width / SCREEN.width, size.height / SCREEN.height), size.width * size.height


def _picture(folded: Folded, order: Sequence[str]) -> Picture:
    parts = list(dict.fromkeys(order))
    sizes = {card.id: card_size(card, _degree(folded, card.id)) for card in folded.cards}
    home = {card.id: f"box {card.box}" if card.box is not None else card.id for card in folded.cards}
    pairs = dict.fromkeys((home[a.start], home[a.end]) for a in folded.arrows if home[a.start] != home[a.end])
    edges = [Edge(*pair) for pair in pairs]
    back = {tuple(edges[i][:2]) for i in turned(parts, edges)}
    gates = {
        (part, pair): _Gate(f"\0{pair}", int(part[4:]), pair[1 - i], i == 0, (i == 0) != (pair in back))
        for pair in pairs
        for i, part in enumerate(pair)
        if part.startswith("box ")
    }
    inner = {
        box.number: _Inner(box, folded, sizes, home, [g for g in gates.values() if g.box == box.number])
        for box in folded.boxes
    }
    part_sizes = {part: inner[int(part[4:])].size if part.startswith("box ") else sizes[part] for part in parts}

    def at(part: str, pair: tuple[str, str]) -> float | None:
        return inner[int(part[4:])].gate(gates[part, pair]) if (part, pair) in gates else None

    outer = _page(part_sizes, [Edge(*pair, at(pair[0], pair), at(pair[1], pair)) for pair in pairs])
    outside = dict(zip(pairs, outer.paths, strict=True))
    centres = {id: outer.centres[id] for id in sizes if home[id] == id}
    frames: dict[int, Frame] = {}
    for number, box in inner.items():
        frames[number] = box.frame(outer.centres[f"box {number}"])
        centres |= box.centres(frames[number].corner)
    paths = []
    for arrow in folded.arrows:
        pair = (home[arrow.start], home[arrow.end])
        if pair[0] == pair[1]:
            box = inner[int(pair[0][4:])]
            paths.append(box.path(arrow.start, arrow.end, arrow.state, frames))
            continue
        before = _within(inner, frames, gates.get((pair[0], pair)), arrow.start)
        after = _within(inner, frames, gates.get((pair[1], pair)), arrow.end)
        paths.append(_straight([*before, *outside[pair], *after]))
    return Picture(centres, sizes, frames, paths, outer.size)


def _within(
    inner: Mapping[int, _Inner], frames: Mapping[int, Frame], gate: _Gate | None, card: str
) -> tuple[Point, ...]:
    """The part of an edge between a card and the gate through which it leaves or comes."""
    if gate is None:
        return ()
    ends = (card, gate.id) if gate.leaves else (gate.id, card)
    return inner[gate.box].path(*ends, False, frames)


class _Inner:
    """The layout of one sub-topology. Its title is a part of it, so that no edge runs through the words."""

    def __init__(
        self, box: Box, folded: Folded, sizes: Mapping[str, Size], home: Mapping[str, str], gates: list[_Gate]
    ) -> None:
        self._number = box.number
        here = [card.id for card in folded.cards if card.box == box.number]
        parts = {"\0title": Size(letters(box.title) * SMALL, SMALL_LINE)} | {id: sizes[id] for id in here}
        parts |= {gate.id: Size(BEND, 0) for gate in gates}
        ends: dict[tuple[str, str, bool], None] = {}
        for arrow in folded.arrows:
            if home[arrow.start] == home[arrow.end] == f"box {box.number}":
                ends[arrow.start, arrow.end, arrow.state] = None
        for gate in gates:
            for arrow in folded.arrows:
                inside, outside = (arrow.start, arrow.end) if gate.leaves else (arrow.end, arrow.start)
                if inside in here and home[outside] == gate.other:
                    ends[(inside, gate.id, False) if gate.leaves else (gate.id, inside, False)] = None
        below = {gate.id for gate in gates if gate.below}
        above = {gate.id for gate in gates} - below
        # What comes from below or leaves above is laid out the other way round.
        self._turned = {end for end in ends if end[0] in below or end[1] in above}
        self._ends = list(ends)
        edges = [Edge(end[1], end[0]) if end in self._turned else Edge(end[0], end[1]) for end in ends]
        self._parts = parts
        self._layout = layered(parts, edges, first=["\0title", *above], last=below)
        foot = 0.0 if below else GAP.height / 2
        self.size = Size(self._layout.size.width + GAP.width, self._layout.size.height + foot)

    def gate(self, gate: _Gate) -> float:
        """How far right of the middle it is."""
        return self._layout.centres[gate.id].x - self._layout.size.width / 2

    def frame(self, centre: Point) -> Frame:
        corner = Point(centre.x - self.size.width / 2, centre.y - self.size.height / 2)
        title = self._layout.centres["\0title"]
        return Frame(corner, self.size, _moved(title, self._shift(corner)))

    def centres(self, corner: Point) -> dict[str, Point]:
        shift = self._shift(corner)
        return {id: _moved(point, shift) for id, point in self._layout.centres.items() if not id.startswith("\0")}

    def path(self, start: str, end: str, state: bool, frames: Mapping[int, Frame]) -> tuple[Point, ...]:
        at = self._ends.index((start, end, state))
        points = self._layout.paths[at]
        if (start, end, state) in self._turned:
            points = points[::-1]
        shift = self._shift(frames[self._number].corner)
        return tuple(_moved(point, shift) for point in points)

    def _shift(self, corner: Point) -> Point:
        return Point(corner.x + GAP.width / 2, corner.y)


def _page(sizes: Mapping[str, Size], edges: Sequence[Edge]) -> Layout:
    """Each connected group laid out by itself; the groups in rows."""
    laid = [
        (group, layered({id: sizes[id] for id in sizes if id in group}, _among(edges, group)))
        for group in _groups(sizes, edges)
    ]
    laid.sort(key=lambda each: (-each[1].size.height, -each[1].size.width))
    groups, layouts = [group for group, _ in laid], [layout for _, layout in laid]
    corners, size = _rows([layout.size for layout in layouts])
    centres: dict[str, Point] = {}
    paths: dict[tuple[str, str], tuple[Point, ...]] = {}
    for group, layout, corner in zip(groups, layouts, corners, strict=True):
        centres |= {id: _moved(point, corner) for id, point in layout.centres.items()}
        for edge, path in zip(_among(edges, group), layout.paths, strict=True):
            paths[edge[:2]] = tuple(_moved(point, corner) for point in path)
    return Layout(centres, [paths[edge[:2]] for edge in edges], size)


def _rows(sizes: Sequence[Size]) -> tuple[list[Point], Size]:
    """Corners of things in rows, with the breadth of the page that shows them largest on a screen."""
    ends = list(accumulate(size.width + GAP.width for size in sizes))
    least = max((size.width for size in sizes), default=0.0)
    rows = [_broken(sizes, max(least, end)) for end in ends]
    none: tuple[list[Point], Size] = ([], Size(0, 0))
    return min(rows, key=lambda row: _too_large(row[1]), default=none)


def _broken(sizes: Sequence[Size], wide: float) -> tuple[list[Point], Size]:
    """In rows of this breadth; in a row, what is low enough stands below another if there is the breadth for it."""
    corners = []
    columns: list[tuple[Point, float]] = []
    """Where the next one below would begin, and how broad it may be."""
    x = y = row = right = 0.0
    for size in sizes:
        under = next((c for c in columns if size.width <= c[1] and c[0].y + size.height <= y + row), None)
        if under is None and x and x + size.width > wide:
            x, y, row, columns = 0.0, y + row + GAP.height, 0.0, []
        if under is None:
            columns = [(corner, min(broad, x - GAP.width - corner.x)) for corner, broad in columns]
            under = Point(x, y), wide - x
        else:
            columns.remove(under)
        corner, broad = under
        corners.append(corner)
        columns.append((Point(corner.x, corner.y + size.height + GAP.height), broad))
        end = corner.x + size.width
        x, row, right = max(x, end + GAP.width), max(row, corner.y + size.height - y), max(right, end)
    return corners, Size(right, y + row)


def _among(edges: Iterable[Edge], group: set[str]) -> list[Edge]:
    return [edge for edge in edges if edge.start in group]


def _groups(sizes: Mapping[str, Size], edges: Sequence[Edge]) -> list[set[str]]:
    group_of = {id: {id: None} for id in sizes}
    for edge in edges:
        one, other = group_of[edge.start], group_of[edge.end]
        if one is not other:
            one |= other
            group_of |= dict.fromkeys(other, one)
    return [set(group) for group in {id(group): group for group in group_of.values()}.values()]


def _straight(points: Iterable[Point]) -> tuple[Point, ...]:
    """Without the corners that are none."""
    kept: list[Point] = []
    for point in points:
        if kept and abs(kept[-1].x - point.x) < 0.01 and abs(kept[-1].y - point.y) < 0.01:
            continue
        if len(kept) > 1 and abs(kept[-2].x - kept[-1].x) < 0.01 and abs(kept[-1].x - point.x) < 0.01:
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _moved(point: Point, by: Point) -> Point:
    return Point(point.x + by.x, point.y + by.y)


def _degree(folded: Folded, id: str) -> int:
    ins, outs = (sum(1 for arrow in folded.arrows if arrow[side] == id) for side in (1, 0))
    return max(ins, outs)


def card_size(card: Card, edges: int) -> Size:
    """Room for the text, and for so many edges on one side."""
    head = heads(card)
    widths = [letters(line) * BIG for line in head[:-1]]
    widths.append(letters(head[-1]) * BIG + (letters(card.number) + 1) * SMALL * bool(card.number))
    widths += [letters(line) * SMALL for line in smalls(card)]
    width = max(*widths, PORTS * (edges - 1)) + 2 * PADDING.width
    return Size(width, len(head) * HEAD_LINE + len(smalls(card)) * SMALL_LINE + 2 * PADDING.height)


def heads(card: Card) -> list[str]:
    """The lines of the head; the number stands behind the last."""
    return wrapped(card.head)


def smalls(card: Card) -> list[str]:
    """The lines below."""
    return [line for note in card.notes for line in wrapped(note)]


def wrapped(text: str, widest: int = WIDEST) -> list[str]:
    """Lines of at most so many letters, broken behind a `-`, `.`, `_` or blank where there is one."""
    lines = []
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    while letters(text) > widest:
        most = next(i for i in range(len(text), 0, -1) if letters(text[:i]) <= widest)
        cut = max(text.rfind(mark, most // 2, most) for mark in "-._ ")
        at = cut + 1 if cut >= 0 else most
        lines.append(text[:at].rstrip())
        text = text[at:]
    return [*lines, text]


def letters(text: str) -> int:
    """Width of a text in letters of the monospaced font: signs of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
