"""A drawing as SVG: one file that any browser shows, without a foreign program.

Two layouts in one: each box lays out what is in it; then boxes and topics are laid out as parts of a page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape

from streams.topology.drawing import Arrow, Box, Drawing, Figure, Look
from streams.topology.layered_layout import Layout, Point, Size, layered

LINE = 15.0
"""Height of a line of text, in pixels."""
LETTER = 7.3
"""Width of a letter of the text's monospaced font."""
WIDEST = 30
"""Letters on a line before a name is broken at a `-` or a blank."""
MARGIN = 20.0
TITLE = 26.0

_FILLS = {
    Look.SOURCE: ("#eaf6ea", "#4b8a4b"),
    Look.PROCESSOR: ("#ffffff", "#666666"),
    Look.SINK: ("#fdeaea", "#a85454"),
    Look.TOPIC: ("#e8f0fe", "#3b6fb6"),
    Look.INTERNAL_TOPIC: ("#f3e8fe", "#7a4fb0"),
    Look.STORE: ("#fdf3d8", "#b08a2e"),
}
_HEAD = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z" fill="#555"/></marker></defs>'
)


class _Placed(NamedTuple):
    """The page: centres of the figures, sizes, the boxes' corners and sizes, bends by arrow."""

    centres: dict[str, Point]
    sizes: dict[str, Size]
    boxes: dict[int, tuple[Point, Size]]
    bends: dict[int, tuple[Point, ...]]
    size: Size


def svg(drawing: Drawing) -> str:
    """The text of the picture."""
    placed = _place(drawing)
    width, height = placed.size.width + 2 * MARGIN, placed.size.height + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-MARGIN:.0f} {-MARGIN:.0f} {width:.0f} {height:.0f}" '
        'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="12">',
        _HEAD,
        f'<rect x="{-MARGIN:.0f}" y="{-MARGIN:.0f}" width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
    ]
    for box in drawing.boxes:
        corner, size = placed.boxes[box.number]
        parts.append(
            f'<rect x="{corner.x:.1f}" y="{corner.y:.1f}" width="{size.width:.1f}" height="{size.height:.1f}" '
            'rx="8" fill="#fafafa" stroke="#999"/>'
        )
    parts += [_line(arrow, placed, placed.bends.get(i, ())) for i, arrow in enumerate(drawing.arrows)]
    parts += [_title(box, placed.boxes[box.number][0]) for box in drawing.boxes]
    parts += [_shape(figure, placed.centres[figure.id], placed.sizes[figure.id]) for figure in drawing.figures]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _title(box: Box, corner: Point) -> str:
    """Over the arrows, with a rim that keeps them off."""
    return (
        f'<text x="{corner.x + 10:.1f}" y="{corner.y + 17:.1f}" font-weight="bold" paint-order="stroke" '
        f'stroke="#fafafa" stroke-width="5">{escape(box.title)}</text>'
    )


def _place(drawing: Drawing) -> _Placed:
    sizes = {figure.id: _size(figure) for figure in drawing.figures}
    home = {figure.id: figure.box for figure in drawing.figures}
    inner: dict[int, Layout] = {}
    bends: dict[int, tuple[Point, ...]] = {}
    local: dict[int, list[int]] = {}
    for box in drawing.boxes:
        local[box.number] = [i for i, a in enumerate(drawing.arrows) if home[a.start] == home[a.end] == box.number]
        here = {figure.id: sizes[figure.id] for figure in drawing.figures if figure.box == box.number}
        edges = [(drawing.arrows[i].start, drawing.arrows[i].end) for i in local[box.number]]
        sinks = [f.id for f in drawing.figures if f.box == box.number and f.look is Look.SINK]
        inner[box.number] = layered(here, edges, last=sinks)
    outer, outer_of = _page(drawing, inner, sizes, home)
    centres = {id: outer.centres[id] for id, box in home.items() if box is None}
    boxes: dict[int, tuple[Point, Size]] = {}
    for number, layout in inner.items():
        size = _boxed(layout)
        middle = outer.centres[f"box {number}"]
        corner = Point(middle.x - size.width / 2, middle.y - size.height / 2)
        boxes[number] = corner, size
        shift = Point(middle.x - layout.size.width / 2, corner.y + MARGIN / 2 + TITLE)
        centres |= {id: _moved(point, shift) for id, point in layout.centres.items()}
        for at, i in enumerate(local[number]):
            bends[i] = tuple(_moved(point, shift) for point in layout.bends.get(at, ()))
    bends |= {i: outer.bends.get(at, ()) for i, at in outer_of.items()}
    return _Placed(centres, sizes, boxes, bends, outer.size)


def _page(
    drawing: Drawing, inner: dict[int, Layout], sizes: dict[str, Size], home: dict[str, int | None]
) -> tuple[Layout, dict[int, int]]:
    """Boxes and topics on the page; and for each arrow between them, which edge of the page it is."""
    parts = {id: sizes[id] for id, box in home.items() if box is None}
    parts |= {f"box {number}": _boxed(layout) for number, layout in inner.items()}
    edges: dict[tuple[str, str], int] = {}
    of: dict[int, int] = {}
    for i, arrow in enumerate(drawing.arrows):
        ends = [id if home[id] is None else f"box {home[id]}" for id in (arrow.start, arrow.end)]
        if ends[0] != ends[1]:
            of[i] = edges.setdefault((ends[0], ends[1]), len(edges))
    return layered(parts, list(edges), gap=Size(36, 44)), of


def _boxed(layout: Layout) -> Size:
    return Size(max(layout.size.width, 190.0) + 2 * MARGIN, layout.size.height + TITLE + 1.5 * MARGIN)


def _moved(point: Point, by: Point) -> Point:
    return Point(point.x + by.x, point.y + by.y)


def wrapped(text: str) -> list[str]:
    """Lines of at most `WIDEST` letters, broken behind a `-`, `.`, `_` or blank where there is one."""
    lines = []
    while len(text) > WIDEST:
        cut = max(text.rfind(mark, WIDEST // 2, WIDEST) for mark in "-._ ")
        at = cut + 1 if cut >= 0 else WIDEST
        lines.append(text[:at].rstrip())
        text = text[at:]
    return [*lines, text]


def _words(figure: Figure) -> list[tuple[str, bool]]:
    """Lines of a figure, and whether each belongs to the note."""
    return [(line, False) for line in wrapped(figure.name)] + (
        [(line, True) for line in wrapped(figure.note)] if figure.note else []
    )


def _size(figure: Figure) -> Size:
    words = _words(figure)
    width = max(len(line) for line, _ in words) * LETTER + 20
    height = len(words) * LINE + 14
    if figure.look in (Look.TOPIC, Look.INTERNAL_TOPIC):
        return Size(width, height + 14)  # the lid
    if figure.look is Look.STORE:
        return Size(width * 1.15 + 10, height * 1.3 + 6)  # the corners of an ellipse hold no text
    return Size(width, height)


def _shape(figure: Figure, at: Point, size: Size) -> str:
    fill, stroke = _FILLS[figure.look]
    paint = f'fill="{fill}" stroke="{stroke}"'
    left, top = at.x - size.width / 2, at.y - size.height / 2
    down = 0.0
    if figure.look in (Look.TOPIC, Look.INTERNAL_TOPIC):
        dashes = ' stroke-dasharray="5 3"' if figure.look is Look.INTERNAL_TOPIC else ""
        outline = _cylinder(left, top, size, paint + dashes)
        down = 5.0
    elif figure.look is Look.STORE:
        outline = (
            f'<ellipse cx="{at.x:.1f}" cy="{at.y:.1f}" rx="{size.width / 2:.1f}" ry="{size.height / 2:.1f}" {paint}/>'
        )
    else:
        round_ = 3 if figure.look is Look.PROCESSOR else 14
        outline = (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{size.width:.1f}" height="{size.height:.1f}" '
            f'rx="{round_}" {paint}/>'
        )
    return f"<g>{outline}{_text(_words(figure), Point(at.x, at.y + down))}</g>"


def _cylinder(left: float, top: float, size: Size, paint: str) -> str:
    lid, right, bottom, half = 7.0, left + size.width, top + size.height, size.width / 2
    arc = f"A{half:.1f} {lid} 0 0"
    stroke = paint.split(" ", 1)[1]
    return (
        f'<path d="M{left:.1f} {top + lid:.1f} {arc} 1 {right:.1f} {top + lid:.1f} V{bottom - lid:.1f} '
        f'{arc} 1 {left:.1f} {bottom - lid:.1f} Z" {paint}/>'
        f'<path d="M{left:.1f} {top + lid:.1f} {arc} 0 {right:.1f} {top + lid:.1f}" fill="none" {stroke}/>'
    )


def _text(words: list[tuple[str, bool]], at: Point) -> str:
    first = at.y - (len(words) - 1) * LINE / 2 + 4
    return "".join(
        f'<text x="{at.x:.1f}" y="{first + i * LINE:.1f}" text-anchor="middle" fill="{colour}">{escape(line)}</text>'
        for i, (line, colour) in enumerate((line, "#666" if note else "#111") for line, note in words)
    )


def _line(arrow: Arrow, placed: _Placed, bends: Iterable[Point]) -> str:
    """From edge to edge of the figures, through the bends."""
    start, end = placed.centres[arrow.start], placed.centres[arrow.end]
    between = list(bends)
    points = [
        _edge(start, between[0] if between else end, placed.sizes[arrow.start]),
        *between,
        _edge(end, between[-1] if between else start, placed.sizes[arrow.end]),
    ]
    path = " L".join(f"{point.x:.1f} {point.y:.1f}" for point in points)
    dashes = ' stroke-dasharray="4 3" marker-start="url(#tip)"' if arrow.state else ""
    return f'<path d="M{path}" fill="none" stroke="#555"{dashes} marker-end="url(#tip)"/>'


def _edge(centre: Point, towards: Point, size: Size) -> Point:
    """Where the figure's rim is crossed: the middle of its upper or lower side, or a side where the other is level."""
    if abs(towards.y - centre.y) < size.height / 2:
        side = size.width / 2 if towards.x > centre.x else -size.width / 2
        return Point(centre.x + side, centre.y)
    return Point(centre.x, centre.y + (size.height / 2 if towards.y > centre.y else -size.height / 2))
