"""The topology as the page shows it: the picture, and which figures belong on which of its cards."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec import UNSET, Struct, UnsetType

from streams.topology.tools.drawing import parts_of
from streams.topology.tools.folding import Folded, closed, closed_card, folded, topic_card
from streams.topology.tools.outline import Outline
from streams.topology.tools.svg import live_svg

MANY = 60
"""A picture with more cards begins with its sub-topologies folded."""
OPEN, CLOSED = "\u25be ", "\u25b8 "
"""Before the title of what can be folded, or unfolded."""


class CardShown(Struct, omit_defaults=True):
    """What belongs on a card.

    Args:
        head: the operation or the topic.
        hover: its lines of the script, and its names.
        nodes: names of the nodes that it stands for.
        topic: its name on the engine.
        box: that it stands for, folded.
    """

    head: str
    hover: list[str]
    nodes: list[str]
    topic: str | UnsetType = UNSET
    box: int | UnsetType = UNSET


class BoxShown(Struct):
    """A sub-topology, or a global store with what fills it.

    Args:
        tasks: with what the names of its tasks begin.
        folded: it is one card.
    """

    title: str
    tasks: str | UnsetType = UNSET
    folded: bool = False


class Drawn(Struct):
    """The picture; its cards by what their `data-card` says; its boxes by their number. Cards are called by their
    place: their own names may be hostile."""

    picture: str
    cards: dict[str, CardShown]
    boxes: dict[str, BoxShown]


def drawn(outline: Outline, real_name: Callable[[str], str], fold: Collection[int] | None) -> Drawn:
    """The picture of a topology.

    Args:
        outline: the topology.
        real_name: gives the name of a topic on the engine: internal ones are prefixed.
        fold: numbers of boxes that are one card; None: as it begins.
    """
    whole = folded(outline)
    numbers = {box.number for box in whole.boxes}
    if fold is None:
        fold = numbers if len(whole.cards) > MANY and len(numbers) > 1 else ()
    shut = numbers.intersection(fold)
    content = _marked(closed(whole, shut), shut)
    marks = {card.id: str(place) for place, card in enumerate(content.cards)}
    topics = _topics(outline)
    stand_for = {closed_card(number): number for number in shut}
    return Drawn(
        live_svg(content, f"Topology of {outline.application_id}", marks),
        {
            marks[card.id]: CardShown(
                card.head,
                list(card.hover),
                list(card.nodes),
                real_name(topics[card.id]) if card.id in topics else UNSET,
                stand_for.get(card.id, UNSET),
            )
            for card in content.cards
        },
        {
            str(part.box): BoxShown(
                part.title,
                f"{outline.subtopologies[part.box].id}_" if part.box < len(outline.subtopologies) else UNSET,
                part.box in shut,
            )
            for part in parts_of(outline)
        },
    )


def _marked(content: Folded, shut: Collection[int]) -> Folded:
    """With a sign on what can be folded or unfolded."""
    ids = {closed_card(number) for number in shut}
    return content._replace(
        boxes=tuple(box._replace(title=OPEN + box.title) for box in content.boxes),
        cards=tuple(card._replace(head=CLOSED + card.head) if card.id in ids else card for card in content.cards),
    )


def _topics(outline: Outline) -> dict[str, str]:
    """Names of topics by their cards."""
    nodes = [node for sub in outline.subtopologies for node in sub.nodes]
    nodes += [store.source for store in outline.global_stores]
    return {topic_card(name): name for node in nodes for name in node.topics}
