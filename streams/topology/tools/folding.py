"""A topology as its script says it: one card for each call, without the nodes that Kafka Streams adds for itself.

Nodes that one call made within a sub-topology are one card: a join with its windows, its two halves and their merge, or
the two ends of a foreign-key join. Sources, sinks and the filter before a repartition topic are seen in the arrows and
on the card of their topic. A store stands on the card that was the first to use it;
an arrow leads from there to others that do, unless records go that way too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from streams.topology.tools.drawing import Arrow, Box, Look, parts_of, store_note, topic_note, topics
from streams.topology.tools.outline import NodeOutline, Outline, StoreOutline

_generated = re.compile(r"(?:KSTREAM|KTABLE)-(.+)-(\d{10})").fullmatch
_generated_topic = re.compile(r"(?:KSTREAM|KTABLE)-(.+)-(\d{10})-(repartition|topic)").fullmatch
_generated_store = re.compile(r"(?:(?:KSTREAM|KTABLE)-.+|.+-STATE-STORE)-(\d{10})(?:-store)?").fullmatch


class Card(NamedTuple):
    """One thing to be drawn.

    Args:
        id: its name in the arrows.
        head: the operation, or the topic's name.
        number: of the node, where its name was generated; else empty.
        notes: small lines below: a given name, stores.
        hover: lines to be shown when it is pointed at.
        look: how it is drawn.
        box: number of the sub-topology's box; None: outside of all.
        nodes: names of the nodes that it stands for; of a topic those that read or write it.
    """

    id: str
    head: str
    number: str
    notes: tuple[str, ...]
    hover: tuple[str, ...]
    look: Look
    box: int | None
    nodes: tuple[str, ...] = ()


class Folded(NamedTuple):
    """The whole picture. Each pair of cards has at most one arrow of a kind."""

    boxes: tuple[Box, ...]
    cards: tuple[Card, ...]
    arrows: tuple[Arrow, ...]
    nodes: int
    """How many nodes were folded to these cards."""


def folded(outline: Outline) -> Folded:
    """The cards of a topology and the arrows between them."""
    notes = {topic.name: topic_note(topic) for sub in outline.subtopologies for topic in sub.topics}
    topics = _Topics(notes)
    boxes: list[Box] = []
    cards: list[Card] = []
    arrows: dict[Arrow, None] = {}
    nodes = 0
    for part in parts_of(outline):
        boxes.append(Box(part.box, part.title))
        nodes += len(part.nodes)
        inside = _Inside(part.box, part.nodes, part.stores, topics)
        cards += inside.cards()
        arrows |= dict.fromkeys(inside.arrows())
    shown = {id for arrow in arrows for id in arrow[:2]}
    return Folded(tuple(boxes), (*cards, *(card for card in topics.cards() if card.id in shown)), tuple(arrows), nodes)


def closed(content: Folded, boxes: Collection[int]) -> Folded:
    """The same with some boxes as one card each, which has their arrows from and to what is outside."""
    inside = {card.id: closed_card(card.box) for card in content.cards if card.box is not None and card.box in boxes}
    cards = [card for card in content.cards if card.id not in inside]
    for box in content.boxes:
        if box.number in boxes:
            mine = [card for card in content.cards if card.box == box.number]
            note = f"{len(mine)} operation{'s' * (len(mine) != 1)}"
            nodes, hover = _unique(name for card in mine for name in card.nodes), (box.title, *(c.head for c in mine))
            cards.append(Card(closed_card(box.number), box.title, "", (note,), hover, Look.PROCESSOR, None, nodes))
    arrows = (Arrow(inside.get(a.start, a.start), inside.get(a.end, a.end), a.state) for a in content.arrows)
    left = dict.fromkeys(arrow for arrow in arrows if arrow.start != arrow.end)
    open_boxes = tuple(box for box in content.boxes if box.number not in boxes)
    return Folded(open_boxes, tuple(cards), tuple(left), content.nodes)


class _Topics:
    """Topics by name, and which calls read or write them."""

    def __init__(self, notes: dict[str, str]) -> None:
        self._notes = notes
        self._calls: dict[str, list[NodeOutline]] = {}

    def internal(self, name: str) -> bool:
        return name in self._notes

    def touched(self, node: NodeOutline) -> Iterator[str]:
        """Identifiers of the topics of a source or sink."""
        for name in topics(node):
            self._calls.setdefault(name, []).append(node)
            yield topic_card(name)

    def cards(self) -> Iterator[Card]:
        for name, nodes in self._calls.items():
            note = self._notes.get(name)
            calls = [" ".join(filter(None, (operation(n), number(n)))) for n in nodes]
            hover = [name, *([note] if note else []), *(line for node in nodes for line in _said(node))]
            look = Look.TOPIC if note is None else Look.INTERNAL_TOPIC
            found = _generated_topic(name) if note else None
            touching = [*calls[:2], *([f"and {len(calls) - 2} more"] if calls[2:] else [])]
            small = [] if found else [note] if note else touching
            head = name if not found else found[3] if found[3] == "repartition" else found[1].lower().replace("-", " ")
            mark = str(int(found[2])) if found else ""
            yield Card(topic_card(name), head, mark, tuple(small), _unique(hover), look, None, _names(nodes))


class _Inside:
    """One sub-topology: which nodes have a card, and where the arrows of the others lead."""

    def __init__(
        self, box: int, nodes: tuple[NodeOutline, ...], stores: tuple[StoreOutline, ...], topics: _Topics
    ) -> None:
        self._box = box
        self._nodes = {node.name: node for node in nodes}
        self._topics = topics
        self._stores = {store.name: store for store in stores}
        self._children: dict[str, list[NodeOutline]] = {node.name: [] for node in nodes}
        for node in nodes:
            for parent in node.parents:
                self._children[parent].append(node)
        groups: dict[object, list[NodeOutline]] = {}
        for node in nodes:
            groups.setdefault(node.call or node.name, []).append(node)
        self._groups = {
            f"{box} {group[0].name}": group for group in groups.values() if not all(map(self._passing, group))
        }
        self._card = {node.name: id for id, group in self._groups.items() for node in group}
        for node in nodes:
            if node.kind == "source" and not self._seen_below(node):
                self._groups[f"{box} {node.name}"] = [node]
                self._card[node.name] = f"{box} {node.name}"
        self._users: dict[str, list[str]] = {name: [] for name in self._stores}
        for node in nodes:
            for name in node.stores:
                if name in self._users and self._card[node.name] not in self._users[name]:
                    self._users[name].append(self._card[node.name])

    def _passing(self, node: NodeOutline) -> bool:
        """Is it only on the way between a topic and what the script says?"""
        if node.kind != "processor":
            return True
        below = self._children[node.name]
        return bool(below) and all(
            child.kind == "sink" and child.call == node.call != 0 and all(map(self._topics.internal, child.topics))
            for child in below
        )

    def _seen_below(self, source: NodeOutline) -> bool:
        """Does each arrow from it end at a card? Else topic would follow on topic."""
        below = self._children[source.name]
        return bool(below) and all(child.name in self._card for child in below)

    def cards(self) -> Iterator[Card]:
        for id, group in self._groups.items():
            main = next((n for n in reversed(group) if n.kind == "processor"), group[0])
            own = [self._stores[name] for name, users in self._users.items() if users[:1] == [id]]
            given = () if number(main) or operation(main) == main.name else (main.name,)
            notes = _unique([*given, *(_short(store.name) for store in own)])
            told = [f"store {store.name}: {store_note(store)}" for store in own]
            hover = [line for node in (main, *group) for line in _said(node)]
            look = Look.SOURCE if main.kind == "source" else Look.PROCESSOR
            said = _unique([*hover, *told])
            yield Card(id, operation(main), number(main), notes, said, look, self._box, _names(group))
        for name, users in self._users.items():
            if not users:
                note = store_note(self._stores[name])
                yield Card(f"store {name}", name, "", (note,), (name, note), Look.STORE, self._box)

    def arrows(self) -> Iterator[Arrow]:
        plain = dict.fromkeys(self._plain())
        yield from plain
        for owner, *readers in filter(None, self._users.values()):
            yield from (Arrow(owner, reader, True) for reader in readers if Arrow(owner, reader) not in plain)

    def _plain(self) -> Iterator[Arrow]:
        for node in self._nodes.values():
            here = self._card.get(node.name)
            if node.kind == "source":
                for topic in self._topics.touched(node):
                    ends = [here] if here else [self._card[child.name] for child in self._children[node.name]]
                    yield from (Arrow(topic, end) for end in ends if end)
                continue
            above = [id for parent in node.parents for id in self._above(parent)]
            if node.kind == "sink":
                yield from (Arrow(id, topic) for topic in self._topics.touched(node) for id in above)
            elif here:
                yield from (Arrow(id, here) for id in above if id != here)

    def _above(self, name: str) -> list[str]:
        """Cards that a node stands for; a source without one is drawn from its topics already."""
        if name in self._card:
            return [self._card[name]]
        return [id for parent in self._nodes[name].parents for id in self._above(parent)]


def operation(node: NodeOutline) -> str:
    """What the script called; of a node that was added by hand its name, as that is what its author thinks of."""
    if node.operation and not (node.operation.startswith("add_") and node.kind == "processor"):
        return node.operation
    found = _generated(node.name)
    return found[1].lower() if found else node.name


def number(node: NodeOutline) -> str:
    """The number in a generated name, without its zeros."""
    found = _generated(node.name)
    return str(int(found[2])) if found else ""


def _short(store: str) -> str:
    found = _generated_store(store)
    return f"store {int(found[1]) if found else store}"


def _said(node: NodeOutline) -> list[str]:
    return [*([f"{node.place}  {node.code}"] if node.place else []), node.name]


def closed_card(box: int) -> str:
    """The identifier of the card that stands for a whole box."""
    return f"closed {box}"


def topic_card(name: str) -> str:
    """The identifier of a topic's card."""
    return f"topic {name}"


def _names(nodes: Iterable[NodeOutline]) -> tuple[str, ...]:
    return _unique(node.name for node in nodes)


def _unique(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))
