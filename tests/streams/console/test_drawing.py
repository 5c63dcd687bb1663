"""The topology as the page is told it: what belongs on which card, and what is folded."""

from __future__ import annotations

from collections.abc import Collection
from xml.etree import ElementTree

from streams import Serdes, StreamsBuilder
from streams.console.drawing import CLOSED, MANY, OPEN, Drawn, drawn
from streams.topology.tools.outline import Outline, outline
from tests.streams.topology import shop

S = Serdes.string()


def of_shop() -> Outline:
    builder = StreamsBuilder()
    shop.topology(builder)
    return outline(builder.build().built({}), "shop")


def real_name(topic: str) -> str:
    return f"shop-{topic}"


def told(fold: Collection[int] | None) -> Drawn:
    return drawn(of_shop(), real_name, fold)


def titles(picture: str) -> dict[str, str]:
    """Of what can be folded, by box."""
    groups = [each for each in ElementTree.fromstring(picture).iter() if "data-box" in each.attrib]
    return {each.attrib["data-box"]: "".join(each.itertext()) for each in groups}


def test_each_node_and_topic_has_a_card() -> None:
    whole = of_shop()
    found = told(())
    nodes = {node.name for sub in whole.subtopologies for node in sub.nodes}
    nodes |= {node.name for store in whole.global_stores for node in (store.source, store.processor)}
    without = nodes - {name for card in found.cards.values() for name in card.nodes}
    assert without == {"KSTREAM-FILTER-0000000029", "sold-repartition-filter"}  # they stand before repartition topics
    topics = {card.topic for card in found.cards.values() if isinstance(card.topic, str)}
    assert {real_name(name) for name in ("orders", "regions", "shipped-orders")} < topics


def test_what_is_folded_is_one_card_that_says_so() -> None:
    found = told({0})
    assert [number for number, box in found.boxes.items() if box.folded] == ["0"]
    (card,) = (card for card in found.cards.values() if card.box == 0)
    assert card.head == f"{CLOSED}Sub-topology 0" and card.nodes
    assert "0" not in titles(found.picture)
    assert all(title.startswith(OPEN) for title in titles(found.picture).values())
    assert len(titles(found.picture)) == len(found.boxes) - 1


def test_what_is_unknown_is_folded_by_nobody() -> None:
    assert told({99, -1}) == told(())


def test_a_large_topology_begins_folded() -> None:
    def begun(count: int) -> Drawn:
        builder = StreamsBuilder()
        for n in range(count):
            builder.stream(f"in-{n}", key_serde=S, value_serde=S).map_values(str).to(f"out-{n}")
        return drawn(outline(builder.build().built({}), "app"), real_name, None)

    assert {box.folded for box in begun(2).boxes.values()} == {False}
    many = begun(MANY // 3 + 1)
    assert {box.folded for box in many.boxes.values()} == {True}
    assert [box.tasks for box in many.boxes.values()][:2] == ["0_", "1_"]
