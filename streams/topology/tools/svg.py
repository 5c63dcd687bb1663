"""A topology as SVG: one file that any browser shows, without a foreign program.

Light or dark as the reader's system is. What is pointed at tells the line of the script and the names of its nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from streams.topology.tools.drawing import Arrow, Look
from streams.topology.tools.folding import Card, Folded, folded
from streams.topology.tools.layered_layout import Point, Size
from streams.topology.tools.outline import Outline
from streams.topology.tools.picture import (
    BIG,
    HEAD_LINE,
    SMALL,
    SMALL_LINE,
    Picture,
    heads,
    letters,
    picture,
    smalls,
    wrapped,
)

MARGIN = 14.0
TITLE = 20.0
WIDEST_TITLE = 60
ENTRY = 18.0
"""Height of a row of the legend."""
ROUND = 4.0
"""Radius of an edge's corners."""
TIP = 7.0
"""Length of an arrow's tip; the gap in front of a layer holds it."""

_LOOKS = {
    Look.SOURCE: "op",
    Look.PROCESSOR: "op",
    Look.SINK: "op",
    Look.TOPIC: "topic",
    Look.INTERNAL_TOPIC: "topic own",
    Look.STORE: "store",
}
_LIGHT = {
    "text": "fill:#1b1f24",
    "text.small,.streams-topology .number": "fill:#57606a",
    ".page": "fill:#ffffff",
    ".frame": "fill:#f6f8fa;stroke:#b4bcc6",
    ".op": "fill:#ffffff;stroke:#57606a",
    ".topic": "fill:#ddeeff;stroke:#2f6fb5",
    ".own": "fill:#f1e6fd;stroke:#7d4fb8",
    ".store": "fill:#fff4d0;stroke:#9a7712",
    ".edge": "stroke:#57606a",
    ".state": "stroke:#9a7712",
    ".tip": "fill:#57606a",
    ".tip.state": "fill:#9a7712;stroke:none",
}
_DARK = {
    "text": "fill:#e6edf3",
    "text.small,.streams-topology .number": "fill:#a5b0bc",
    ".page": "fill:#0d1117",
    ".frame": "fill:#161b22;stroke:#484f58",
    ".op": "fill:#21262d;stroke:#8b949e",
    ".topic": "fill:#10325c;stroke:#58a6ff",
    ".own": "fill:#35205a;stroke:#bc8cff",
    ".store": "fill:#3d2f06;stroke:#d9a928",
    ".edge": "stroke:#8b949e",
    ".state": "stroke:#d9a928",
    ".tip": "fill:#8b949e",
    ".tip.state": "fill:#d9a928;stroke:none",
}
_LEGEND = (
    ("topic", "topic"),
    ("topic own", "internal topic"),
    ("op", "operation and number"),
    ("edge", "records"),
    ("edge state", "reads its store"),
)


def svg(outline: Outline, title: str = "Topology") -> str:
    """The text of the picture.

    Args:
        outline: the topology.
        title: what stands above it.
    """
    content = folded(outline)
    placed = picture(content)
    heading = wrapped(title, WIDEST_TITLE)
    subs = len(outline.subtopologies)
    said = f"{content.nodes} nodes, {subs} sub-topolog{'y' if subs == 1 else 'ies'}. Point at one for its line."
    width = max(placed.size.width, letters(said) * SMALL, *(letters(line) * 1.2 * BIG for line in heading))
    legend, low = _legend(width, len(heading) * TITLE + SMALL_LINE)
    top = low + MARGIN
    shown = _shifted(placed, Point((width - placed.size.width) / 2, top))
    parts = [
        *_page(Size(width + 2 * MARGIN, top + placed.size.height + 2 * MARGIN), title, f"<style>{style()}</style>"),
        *(_text(Point(0, 14 + i * TITLE), line, "title", "start") for i, line in enumerate(heading)),
        _text(Point(0, len(heading) * TITLE + 8), said, "small", "start"),
        *legend,
        *_drawn(content, shown, {}),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


LIVE_LETTERS = 24
"""Room on a card for what is written there while it is looked at."""


def live_svg(content: Folded, title: str, marks: Mapping[str, str]) -> str:
    """A picture for a page that writes figures into it: each card has a line for them, of the class `live`, and says
    by `data-card` which it is, as each title of a box does by `data-box`. Without a style (the page has `style()`), a
    heading or a legend.

    Args:
        content: what is drawn.
        title: what those are told who do not see it.
        marks: by card, what `data-card` says; others are drawn without a line for figures.
    """
    room = tuple(
        card._replace(notes=(*card.notes, " " * LIVE_LETTERS)) if card.id in marks else card for card in content.cards
    )
    wider = content._replace(cards=room)
    placed = picture(wider)
    size = Size(placed.size.width + 2 * MARGIN, placed.size.height + 2 * MARGIN)
    return "\n".join([*_page(size, title, ""), *_drawn(wider, placed, marks), "</svg>"]) + "\n"


def _drawn(content: Folded, placed: Picture, marks: Mapping[str, str]) -> list[str]:
    """Frames, arrows and cards."""
    parts = []
    for box in content.boxes:
        frame = placed.frames[box.number]
        parts.append(_rect("frame", frame.corner, frame.size, 8))
    parts += [_edge(arrow, path) for arrow, path in zip(content.arrows, placed.paths, strict=True)]
    for box in content.boxes:
        at = placed.frames[box.number].title
        title = _text(Point(at.x, at.y + 4), box.title, "small", "middle")
        parts.append(f'<g class="fold" data-box="{box.number}">{title}</g>' if marks else title)
    for card in content.cards:
        parts.append(_card(card, placed.centres[card.id], placed.sizes[card.id], marks.get(card.id)))
    return parts


def _page(size: Size, title: str, head: str) -> list[str]:
    corner = f"{-MARGIN:.0f} {-MARGIN:.0f}"
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="streams-topology" width="{size.width:.0f}" '
        f'height="{size.height:.0f}" viewBox="{corner} {size.width:.0f} {size.height:.0f}" role="img">',
        f"<title>{_xml(title)}</title>",
        *filter(None, (head,)),
        _rect("page", Point(-MARGIN, -MARGIN), size, 0),
    ]


def style() -> str:
    """How pictures look. Each rule begins with their own class: a notebook's page is not to be changed by it."""
    fixed = (
        "text{font:10px 'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre}",
        "text.head{font-size:12px}",
        "text.title{font-size:14px;font-weight:bold}",
        ".edge{fill:none;stroke-width:1.2}",
        ".own,.streams-topology .edge.state{stroke-dasharray:4 3}",
        "g:hover>rect{stroke-width:2.5}",
    )
    whole = "".join(f".streams-topology {rule}" for rule in fixed)
    light, dark = (
        "".join(f".streams-topology {what}{{{paint}}}" for what, paint in paints.items()) for paints in (_LIGHT, _DARK)
    )
    return f"{whole}{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _legend(width: float, top: float) -> tuple[list[str], float]:
    """As many rows as the width asks for, and where the last one ends."""
    parts = []
    x, y = 0.0, top + 6
    for look, words in _LEGEND:
        wide = 30 + letters(words) * SMALL + 14
        if x and x + wide > width + 14:
            x, y = 0.0, y + ENTRY
        if look.startswith("edge"):
            line = (Point(x, y + 7), Point(x + 24, y + 7))
            parts.append(_edge(Arrow("", "", look == "edge state"), line))
        else:
            parts.append(_rect(look, Point(x, y + 1), Size(24, 12), 6 if look.startswith("topic") else 2))
        parts.append(_text(Point(x + 30, y + 11), words, "small", "start"))
        x += wide
    return parts, y + ENTRY


def _shifted(placed: Picture, by: Point) -> Picture:
    def moved(point: Point) -> Point:
        return Point(point.x + by.x, point.y + by.y)

    return placed._replace(
        centres={id: moved(point) for id, point in placed.centres.items()},
        frames={
            number: frame._replace(corner=moved(frame.corner), title=moved(frame.title))
            for number, frame in placed.frames.items()
        },
        paths=[tuple(map(moved, path)) for path in placed.paths],
    )


def _card(card: Card, at: Point, size: Size, mark: str | None) -> str:
    round_ = 10 if card.look in (Look.TOPIC, Look.INTERNAL_TOPIC) else 3
    corner = Point(at.x - size.width / 2, at.y - size.height / 2)
    lines, small = heads(card), smalls(card)
    y = at.y - (len(lines) * HEAD_LINE + len(small) * SMALL_LINE) / 2
    texts = []
    for i, line in enumerate(lines):
        number = card.number if i == len(lines) - 1 else ""
        texts.append(_text(Point(at.x, y + 11 + i * HEAD_LINE), line, "head", "middle", number))
    y += len(lines) * HEAD_LINE
    last = len(small) - 1 if mark is not None else -1
    for i, line in enumerate(small):
        texts.append(_text(Point(at.x, y + 9 + i * SMALL_LINE), line, "small live" if i == last else "small", "middle"))
    hover = "\n".join(map(_xml, card.hover))
    tag = "" if mark is None else f' class="card" data-card={quoteattr(_plain(mark))}'
    return f"<g{tag}><title>{hover}</title>{_rect(_LOOKS[card.look], corner, size, round_)}{''.join(texts)}</g>"


def _rect(look: str, corner: Point, size: Size, round_: float) -> str:
    return (
        f'<rect class="{look}" x="{corner.x:.1f}" y="{corner.y:.1f}" width="{size.width:.1f}" '
        f'height="{size.height:.1f}" rx="{round_:.0f}"/>'
    )


def _text(at: Point, words: str, look: str, anchor: str, number: str = "") -> str:
    behind = f' <tspan class="number" font-size="10">{number}</tspan>' if number else ""
    return f'<text class="{look}" x="{at.x:.1f}" y="{at.y:.1f}" text-anchor="{anchor}">{_xml(words)}{behind}</text>'


def _edge(arrow: Arrow, points: Sequence[Point]) -> str:
    """A line of level and upright pieces with small round corners, and a tip at its end."""
    if len(points) < 2:
        return ""
    state = " state" if arrow.state else ""
    path = [f"M{points[0].x:.1f} {points[0].y:.1f}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        one, other = _near(at, before), _near(at, after)
        path.append(f"L{one.x:.1f} {one.y:.1f}Q{at.x:.1f} {at.y:.1f} {other.x:.1f} {other.y:.1f}")
    end, last = points[-1], list(pairwise(points))[-1]
    path.append(f"L{end.x:.1f} {end.y:.1f}")
    along = _near(end, last[0], TIP, 1.0)
    dx, dy = (end.x - along.x) / 2, (end.y - along.y) / 2
    tip = f"M{end.x:.1f} {end.y:.1f}L{along.x - dy:.1f} {along.y + dx:.1f}L{along.x + dy:.1f} {along.y - dx:.1f}Z"
    return f'<path class="edge{state}" d="{"".join(path)}"/><path class="tip{state}" d="{tip}"/>'


def _near(corner: Point, towards: Point, radius: float = ROUND, most: float = 0.5) -> Point:
    """A place on the way from a corner to the next one, at most this part of it away."""
    dx, dy = towards.x - corner.x, towards.y - corner.y
    length = abs(dx) + abs(dy)
    part = min(radius, length * most) / length if length else 0.0
    return Point(corner.x + dx * part, corner.y + dy * part)


def _xml(text: str) -> str:
    """Escaped, and without the control characters that no XML document may hold."""
    return escape(_plain(text))


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)
