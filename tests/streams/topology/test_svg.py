"""Topologies as SVG: read as a browser reads them, from the text alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import order_address_table, returns, word_count
from streams import GlobalKTable, JoinWindows, KStream, KTable, Serdes, StreamsBuilder, Topology
from streams.processor import Processor, Record
from streams.topology.tools.folding import closed, closed_card, folded
from streams.topology.tools.outline import outline
from streams.topology.tools.outline_json import from_json, to_json
from streams.topology.tools.picture import WIDEST, wrapped
from streams.topology.tools.svg import live_svg, svg
from tests.streams.topology import shop

SVG = "{http://www.w3.org/2000/svg}"
S = Serdes.string()
LETTER = 0.602
"""Width by size of a letter of the widest usual monospaced font."""


class Rect(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Rect) -> bool:
        return (
            self.left - 0.11 <= other.left
            and self.top - 0.11 <= other.top
            and self.right + 0.11 >= other.right
            and self.bottom + 0.11 >= other.bottom
        )

    def meets(self, other: Rect) -> bool:
        """Have they more in common than a rim?"""
        return (
            self.left + 0.3 < other.right
            and other.left + 0.3 < self.right
            and self.top + 0.3 < other.bottom
            and other.top + 0.3 < self.bottom
        )


class Shown(NamedTuple):
    """What is to be seen: rims of cards with their texts, frames, words outside of cards, edges as corners."""

    page: Rect
    cards: list[tuple[Rect, list[Rect], str]]
    frames: list[Rect]
    words: list[Rect]
    edges: list[list[tuple[float, float]]]


def shown(picture: str) -> Shown:
    root = ElementTree.fromstring(picture)
    rects = root.findall(f"{SVG}rect")
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    edges = [path for path in root.findall(f"{SVG}path") if path.attrib["class"].startswith("edge")]
    return Shown(
        Rect(left, top, left + width, top + height),
        [
            (
                rect_of(group.find(f"{SVG}rect")),
                [words_of(text) for text in group.findall(f"{SVG}text")],
                group.findtext(f"{SVG}title") or "",
            )
            for group in root.findall(f"{SVG}g")
        ],
        [rect_of(rect) for rect in rects if rect.attrib["class"] == "frame"],
        [words_of(text) for text in root.findall(f"{SVG}text")],
        [corners(path.attrib["d"]) for path in edges],
    )


def rect_of(rect: ElementTree.Element | None) -> Rect:
    assert rect is not None
    x, y, width, height = (float(rect.attrib[side]) for side in ("x", "y", "width", "height"))
    return Rect(x, y, x + width, y + height)


def words_of(text: ElementTree.Element) -> Rect:
    size = {"head": 12, "title": 14}.get(text.attrib["class"], 10)
    behind = text.find(f"{SVG}tspan")
    width = len(text.text or "") * LETTER * size + (len(behind.text or "") * 10 * LETTER if behind is not None else 0)
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    left = x if text.attrib["text-anchor"] == "start" else x - width / 2
    return Rect(left, y - 0.76 * size, left + width, y + 0.2 * size)


def corners(path: str) -> list[tuple[float, float]]:
    """Of a line with round corners: where the corners would be."""
    points = [(kind, float(x), float(y)) for kind, x, y in re.findall(r"([MLQ])([-\d.]+) ([-\d.]+)", path)]
    kept = [(x, y) for kind, x, y in points if kind == "Q"]
    return [points[0][1:], *kept, points[-1][1:]]


def check(picture: str) -> Shown:
    """Nothing covers anything, and every edge leads from the rim of one card to another's past all others."""
    found = shown(picture)
    cards = [card for card, _, _ in found.cards]
    for one, other in combinations(cards, 2):
        assert not one.meets(other)
    for one, other in combinations(found.frames, 2):
        assert not one.meets(other)
    for card, texts, hover in found.cards:
        assert found.page.holds(card)
        assert hover
        assert all(card.holds(text) for text in texts)
        assert not any(one.meets(other) for one, other in pairwise(texts))
        assert all(frame.holds(card) or not frame.meets(card) for frame in found.frames)
    for words in found.words:
        assert found.page.holds(words)
        assert not any(words.meets(card) for card in cards)
    for edge in found.edges[2:]:  # the first two are the legend's
        start, end = (next(c for c in cards if on_rim(c, point)) for point in (edge[0], edge[-1]))
        foreign = [frame for frame in found.frames if not frame.holds(start) and not frame.holds(end)]
        for (x1, y1), (x2, y2) in pairwise(edge):
            assert min(abs(x1 - x2), abs(y1 - y2)) < 0.11
            piece = Rect(min(x1, x2) - 0.2, min(y1, y2) - 0.2, max(x1, x2) + 0.2, max(y1, y2) + 0.2)
            assert not any(piece.meets(thing) for thing in (*cards, *foreign, *found.words))
    return found


def on_rim(card: Rect, point: tuple[float, float]) -> bool:
    x, y = point
    return card.left <= x <= card.right and min(abs(y - card.top), abs(y - card.bottom)) < 0.11


def drawn(build: Callable[[StreamsBuilder], None], title: str = "Topology") -> str:
    builder = StreamsBuilder()
    build(builder)
    return svg(outline(builder.build().built({}), "app"), title)


@pytest.mark.parametrize("module", [word_count, order_address_table, returns, shop], ids=lambda m: m.__name__)
def test_in_the_pictures_of_the_examples_nothing_covers_anything(module: object) -> None:
    check(drawn(module.topology))  # type: ignore[attr-defined]


def test_sixty_nodes_fit_a_laptops_screen_without_being_made_smaller() -> None:
    builder = StreamsBuilder()
    shop.topology(builder)
    topology = builder.build()
    assert sum(len(sub.nodes) for sub in topology.built({}).subtopologies) + 2 == 60  # two of the global table
    page = check(svg(outline(topology.built({}), "app"))).page
    assert page.right - page.left <= 1440
    assert page.bottom - page.top <= 900


OPERATIONS = ("map_values", "filter", "select_key", "merge", "join", "left_join", "count", "table join", "global", "fk")
STEPS = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 99), st.integers(0, 99)), max_size=14)


def random(builder: StreamsBuilder, steps: Sequence[tuple[str, int, int]], sources: int) -> None:
    streams: list[KStream[str, str]] = [builder.stream(f"in-{i}", key_serde=S, value_serde=S) for i in range(sources)]
    tables: list[KTable[str, str]] = [builder.table("facts", key_serde=S, value_serde=S)]
    world: GlobalKTable[str, str] = builder.global_table("world-of-a-very-long-name", key_serde=S, value_serde=S)
    windows = JoinWindows.of_time_difference_with_no_grace(timedelta(seconds=9))
    for number, (step, one, other) in enumerate(steps):
        stream, second = streams[one % len(streams)], streams[other % len(streams)]
        table, right = tables[one % len(tables)], tables[other % len(tables)]
        if step == "map_values":
            streams.append(stream.map_values(str.lower))
        elif step == "filter":
            streams.append(stream.filter(lambda k, v: True))
        elif step == "select_key":
            streams.append(stream.select_key(lambda k, v: v))
        elif step == "merge" and stream is not second:
            streams.append(stream.merge(second))
        elif step == "join":
            streams.append(stream.join(second, lambda a, b: a, windows))
        elif step == "left_join":
            streams.append(stream.left_join(right, lambda a, b: a))
        elif step == "count":
            counted = stream.group_by_key(key_serde=S, value_serde=S).count()
            tables.append(counted.map_values(str, value_serde=S))
        elif step == "table join" and table is not right:
            tables.append(table.join(right, lambda a, b: a))
        elif step == "fk" and table is not right:
            tables.append(table.join(right, lambda v: v, lambda a, b: a))
        elif step == "global":
            streams.append(stream.join(world, lambda k, v: k, lambda a, b: a))
        if other % 3 == 0:
            streams[-1].to(f"out-{number % 4}")


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 4))
def test_in_the_picture_of_any_topology_nothing_covers_anything(
    steps: list[tuple[str, int, int]], sources: int
) -> None:
    check(drawn(lambda builder: random(builder, steps, sources)))


class Echo(Processor[str, str, str, str]):
    def process(self, record: Record[str, str]) -> None:
        self.context().forward(record)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=6, unique=True),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5))),
)
def test_any_name_and_any_title_are_shown_as_they_are(names: list[str], ends: list[tuple[int, int]]) -> None:
    topology = Topology().add_source("the source", "in")
    for i, name in enumerate(names):
        above = dict.fromkeys(f"n{a} {names[a]}" for a, b in ends if b == i and a < i)
        topology.add_processor(f"n{i} {name}", Echo, *(above or {"the source"}))
    picture = svg(outline(topology.built({}), "app"), names[0])
    texts = "".join(ElementTree.fromstring(picture).itertext())
    for i, name in enumerate(names):
        plain = "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in name)
        assert f"n{i} {plain}" in texts
    if all(name.isascii() for name in names):
        check(picture)


def test_markup_in_names_and_lines_is_text() -> None:
    builder = StreamsBuilder()
    builder.stream(re.compile(r'<a>"&\d]]>')).filter(lambda k, v: v != "<b>&").to("out")
    root = ElementTree.fromstring(svg(outline(builder.build().built({}), "app"), "<i> & co"))
    texts = "".join(root.itertext())
    assert '<a>"&' in texts
    assert 'v != "<b>&"' in texts
    assert root.findtext(f"{SVG}title") == "<i> & co"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "style", "rect", "text", "tspan", "path", "g")
    }


def heads(picture: str) -> list[str]:
    groups = ElementTree.fromstring(picture).findall(f"{SVG}g")
    return [" ".join(" ".join(t.itertext()) for t in group.findall(f"{SVG}text[@class='head']")) for group in groups]


def test_a_card_shows_the_call_and_a_small_number() -> None:
    assert [" ".join(head.split()) for head in heads(drawn(word_count.topology))] == [
        "flat_map_values 1",
        "group_by 2",
        "count 3",
        "to_stream 7",
        "words-in",
        "counts-repartition",
        "word-counts",
    ]


def test_the_line_of_the_script_is_shown_on_hover() -> None:
    hovers = [hover for _, _, hover in shown(drawn(word_count.topology)).cards]
    lines = Path(word_count.__file__).read_text("utf-8").splitlines()
    number, line = next((i, line.strip()) for i, line in enumerate(lines, 1) if ".count(" in line)
    assert hovers[2].splitlines()[:2] == [f"word_count.py:{number}  {line}", "KSTREAM-AGGREGATE-0000000003"]
    assert "store counts: timestamped key-value, on disk, logged" in hovers[2]
    assert "builder.stream(" in hovers[4]
    assert "counts-repartition-filter" in hovers[5] or "counts-repartition-sink" in hovers[5]
    assert '.to("word-counts"' in hovers[6]


def test_two_calls_from_one_line_are_two_cards_and_one_call_of_many_nodes_is_one() -> None:
    def loop(builder: StreamsBuilder) -> None:
        stream: KStream[str, str] = builder.stream("a", key_serde=S, value_serde=S)
        other: KStream[str, str] = builder.stream("b", key_serde=S, value_serde=S)
        windows = JoinWindows.of_time_difference_with_no_grace(timedelta(seconds=9))
        for _ in range(3):
            stream = stream.map_values(str.lower)
        for _ in range(2):
            stream = stream.join(other, lambda x, y: x, windows)
        stream.to("c")

    words = [head.split()[0] for head in heads(drawn(loop))]
    assert words == ["map_values"] * 3 + ["join"] * 2 + ["a", "b", "c"]


def test_the_ends_of_a_foreign_key_join_are_one_card_a_subtopology() -> None:
    def keyed(builder: StreamsBuilder) -> None:
        left: KTable[str, str] = builder.table("left", key_serde=S, value_serde=S)
        right: KTable[str, str] = builder.table("right", key_serde=S, value_serde=S)
        left.join(right, lambda v: v, lambda a, b: a).to_stream().to("out")

    words = [head.split()[0] for head in heads(drawn(keyed))]
    assert sorted(words) == sorted(["table", "join", "to_stream", "table", "join", "left", "right", "out", "fk", "fk"])


def test_a_stream_that_is_only_copied_has_a_card() -> None:
    def copied(builder: StreamsBuilder) -> None:
        builder.stream("a").to("b")
        builder.stream("c").repartition().to("c-copy")
        builder.stream("d").to("d")

    picture = drawn(copied)
    check(picture)
    assert [head.split()[0] for head in heads(picture)].count("stream") == 3


def test_colours_follow_the_readers_system_and_touch_nothing_else_on_a_page() -> None:
    style = ElementTree.fromstring(drawn(word_count.topology)).findtext(f"{SVG}style") or ""
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    selectors = re.findall(r"([^{}]+)\{[^{}]*\}", light) + re.findall(r"([^{}]+)\{[^{}]*\}", dark.strip()[1:])
    assert all(part.startswith(".streams-topology ") for selector in selectors for part in selector.split(","))
    painted = re.compile(r"(\.streams-topology [^{}]+)\{(?:fill|stroke):#")
    assert set(painted.findall(light)) == set(painted.findall(dark))


def test_title_and_legend_stand_above_the_picture() -> None:
    root = ElementTree.fromstring(drawn(shop.topology, "the shop"))
    words = ["".join(text.itertext()) for text in root.findall(f"{SVG}text")]
    assert words[:2] == ["the shop", "60 nodes, 5 sub-topologies. Point at one for its line."]
    assert words[2:7] == ["topic", "internal topic", "operation and number", "records", "reads its store"]


def test_a_notebook_shows_a_topology_as_a_picture() -> None:
    builder = StreamsBuilder()
    word_count.topology(builder)
    picture = builder.build()._repr_svg_()
    check(picture)
    assert "flat_map_values" in picture
    assert "<svg" in Topology()._repr_svg_()


def test_the_picture_of_the_docs_is_what_is_drawn() -> None:
    docs = Path(word_count.__file__).parents[1] / "docs"
    assert (docs / "pictures" / "word-count.svg").read_text("utf-8") == drawn(word_count.topology, "word_count")


def test_a_saved_description_draws_the_same_and_one_from_before_draws_its_nodes() -> None:
    builder = StreamsBuilder()
    shop.topology(builder)
    found = outline(builder.build().built({}), "app")
    saved = to_json(found)
    assert svg(from_json(saved)) == svg(found)
    before = re.sub(r',\s+"(operation|call|place|code)": [^\n]*?(?=,?\n)', "", saved)
    assert '"operation"' not in before
    picture = svg(from_json(before))
    check(picture)
    assert "mapvalues" in picture


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("KSTREAM-AGGREGATE-STATE-STORE-0000000003", ["KSTREAM-AGGREGATE-STATE-", "STORE-0000000003"]),
        ("x" * 40, ["x" * WIDEST, "x" * (40 - WIDEST)]),
        ("名" * 14, ["名" * 13, "名"]),
    ],
)
def test_long_names_are_broken_where_they_have_joints(text: str, lines: list[str]) -> None:
    assert wrapped(text) == lines


def test_a_picture_for_a_page_says_which_card_is_which_and_has_room_for_figures() -> None:
    builder = StreamsBuilder()
    builder.stream("clicks").filter(lambda key, value: True).to("out")
    found = outline(builder.build().built({}), "app")
    content = folded(found)
    marks = {card.id: f"\"<{place}>" for place, card in enumerate(content.cards)}
    root = ElementTree.fromstring(live_svg(content, "<i> & co", marks))
    groups = [each for each in root.iter() if "data-card" in each.attrib]
    assert [each.attrib["data-card"] for each in groups] == list(marks.values())
    for each in groups:
        live = [text for text in each if text.attrib.get("class") == "small live"]
        assert len(live) == 1 and not (live[0].text or "").strip()
    assert not [each for each in root.iter() if each.tag.endswith("style")]
    assert {node for card in content.cards for node in card.nodes} == {
        node.name for sub in found.subtopologies for node in sub.nodes
    }


def test_a_box_that_is_closed_is_one_card_with_the_arrows_of_all_that_were_in_it() -> None:
    builder = StreamsBuilder()
    shop.topology(builder)
    content = folded(outline(builder.build().built({}), "app"))
    numbers = [box.number for box in content.boxes]
    for shut in ({numbers[0]}, set(numbers[1:]), set(numbers)):
        found = closed(content, shut)
        assert {box.number for box in found.boxes} == set(numbers) - shut
        assert {card.id for card in found.cards if card.id.startswith("closed")} == {closed_card(n) for n in shut}
        stands_for = {c.id: c.id if c.box is None or c.box not in shut else closed_card(c.box) for c in content.cards}
        ends = {(stands_for[arrow.start], stands_for[arrow.end]) for arrow in content.arrows}
        assert {arrow[:2] for arrow in found.arrows} == {end for end in ends if end[0] != end[1]}
        assert {name for card in found.cards for name in card.nodes} == {n for c in content.cards for n in c.nodes}
        check_closed(live_svg(found, "shop", {card.id: card.id for card in found.cards}), len(found.cards))


def check_closed(picture: str, cards: int) -> None:
    root = ElementTree.fromstring(picture)
    rects = [rect_of(group.find(f"{SVG}rect")) for group in root.iter(f"{SVG}g") if "data-card" in group.attrib]
    assert len(rects) == cards
    assert not [pair for pair in combinations(rects, 2) if pair[0].meets(pair[1])]
