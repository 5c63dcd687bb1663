"""What is to be seen of a topology: figures, arrows between them, and a box around each sub-topology.

Every format (Mermaid, Graphviz, SVG, text) writes the same drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from streams.names import CHANGELOG_SUFFIX
from streams.topology.tools.outline import GlobalOutline, NodeOutline, Outline, StoreOutline, TopicOutline


class Look(Enum):
    """What a figure stands for, and so how it looks."""

    SOURCE = "source"
    PROCESSOR = "processor"
    SINK = "sink"
    TOPIC = "topic"
    INTERNAL_TOPIC = "internal topic"
    STORE = "store"


class Figure(NamedTuple):
    """One thing. `box` is the number of its box, None: it stands outside of all."""

    id: str
    name: str
    note: str
    look: Look
    box: int | None


class Arrow(NamedTuple):
    """From one figure to another. `state`: between a processor and its store, both ways."""

    start: str
    end: str
    state: bool = False


class Box(NamedTuple):
    """A sub-topology, or a global store with what fills it."""

    number: int
    title: str


class Drawing(NamedTuple):
    """The whole picture. Figures come in the order in which the script added them."""

    boxes: tuple[Box, ...]
    figures: tuple[Figure, ...]
    arrows: tuple[Arrow, ...]


def drawing(outline: Outline) -> Drawing:
    """What is to be seen of a topology."""
    parts = parts_of(outline)
    ids = _Ids()
    figures = [figure for part in parts for figure in _inside(part, ids)]
    notes = {topic.name: topic_note(topic) for sub in outline.subtopologies for topic in sub.topics}
    arrows: list[Arrow] = []
    for part in parts:
        for node in part.nodes:
            arrows += _arrows(node, ids)
            for name in topics(node):
                if ids.add("topic", name):
                    look = Look.INTERNAL_TOPIC if name in notes else Look.TOPIC
                    figures.append(Figure(ids.of("topic", name), name, notes.get(name, ""), look, None))
                topic, here = ids.of("topic", name), ids.of("node", node.name)
                arrows.append(Arrow(topic, here) if node.kind == "source" else Arrow(here, topic))
    return Drawing(tuple(Box(part.box, part.title) for part in parts), tuple(figures), tuple(arrows))


class Part(NamedTuple):
    """A sub-topology, or a global store with what fills it, and the number of its box."""

    box: int
    title: str
    nodes: tuple[NodeOutline, ...]
    stores: tuple[StoreOutline, ...]


class _Ids:
    """Short identifiers, the same for the same thing: names of nodes, topics and stores may be equal."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def add(self, what: str, name: str) -> bool:
        """Was it new?"""
        if (what, name) in self._known:
            return False
        self._known[what, name] = f"{what}_{sum(1 for kind, _ in self._known if kind == what)}"
        return True

    def of(self, what: str, name: str) -> str:
        return self._known[what, name]

    def has(self, what: str, name: str) -> bool:
        return (what, name) in self._known


def parts_of(outline: Outline) -> list[Part]:
    """What has a box of its own."""
    subs = [Part(box, f"Sub-topology {sub.id}", sub.nodes, sub.stores) for box, sub in enumerate(outline.subtopologies)]
    return [*subs, *(_global(len(subs) + i, store) for i, store in enumerate(outline.global_stores))]


def _global(box: int, store: GlobalOutline) -> Part:
    return Part(box, "Global store (on every instance)", (store.source, store.processor), (store.store,))


def _inside(part: Part, ids: _Ids) -> Iterator[Figure]:
    for node in part.nodes:
        ids.add("node", node.name)
        yield Figure(ids.of("node", node.name), node.name, "", Look(node.kind), part.box)
    for store in part.stores:
        ids.add("store", store.name)
        yield Figure(ids.of("store", store.name), store.name, store_note(store), Look.STORE, part.box)


def _arrows(node: NodeOutline, ids: _Ids) -> list[Arrow]:
    here = ids.of("node", node.name)
    down = [Arrow(ids.of("node", parent), here) for parent in node.parents]
    return down + [Arrow(here, ids.of("store", store), True) for store in node.stores if ids.has("store", store)]


def topics(node: NodeOutline) -> tuple[str, ...]:
    """The topics of a source or sink, and what stands in the place of those that are found while it runs."""
    if not node.chosen:
        return node.topics
    return (*node.topics, f"topics like {node.chosen}" if node.kind == "source" else f"chosen by {node.chosen}")


def store_note(store: StoreOutline) -> str:
    """Kind, place and changelog of a store."""
    place = "on disk" if store.persistent else "in memory"
    usual = store.changelog == store.name + CHANGELOG_SUFFIX
    log = "logged" if usual else f"changelog {store.changelog}" if store.changelog else "not logged"
    kind = store.kind.replace("_", " ").replace("kv", "key-value")
    return f"{kind}, {place}, {log}"


def topic_note(topic: TopicOutline) -> str:
    """Kind and number of partitions of an internal topic."""
    return topic.kind if topic.partitions is None else f"{topic.kind}, {topic.partitions} partitions"
