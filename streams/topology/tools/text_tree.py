"""A drawing for a terminal: each sub-topology as a tree from its topics down."""

from __future__ import annotations

from collections.abc import Iterator

from streams.topology.tools.drawing import Drawing, Figure, Look


def text_tree(drawing: Drawing) -> str:
    """The trees. A node with several parents is drawn under the first, and named under the others."""
    figures = {figure.id: figure for figure in drawing.figures}
    return "\n".join("\n".join([box.title, *_Tree(drawing, figures, box.number).lines(), ""]) for box in drawing.boxes)


class _Tree:
    """One box. `_drawn` remembers what needs only to be named from now on."""

    def __init__(self, drawing: Drawing, figures: dict[str, Figure], box: int) -> None:
        self._figures = figures
        self._box = box
        self._children: dict[str, list[str]] = {}
        self._stores: dict[str, list[str]] = {}
        for arrow in drawing.arrows:
            (self._stores if arrow.state else self._children).setdefault(arrow.start, []).append(arrow.end)
        self._drawn: set[str] = set()

    def lines(self) -> Iterator[str]:
        outside = [figure for figure in self._figures.values() if figure.box is None]
        for topic in outside:
            readers = [child for child in self._children.get(topic.id, ()) if self._figures[child].box == self._box]
            if readers:
                yield f"  {_named(topic)}"
                yield from self._below(readers, "  ")

    def _below(self, ids: list[str], indent: str) -> Iterator[str]:
        for i, id in enumerate(ids):
            last = i == len(ids) - 1
            figure = self._figures[id]
            stores = "".join(f"  [{self._figures[store].name}]" for store in self._stores.get(id, ()))
            again = id in self._drawn and figure.box is not None and bool(self._children.get(id))
            yield f"{indent}{'└─ ' if last else '├─ '}{_named(figure)}{stores}{'  (see above)' if again else ''}"
            if not again and figure.box is not None:
                self._drawn.add(id)
                yield from self._below(self._children.get(id, []), indent + ("   " if last else "│  "))


def _named(figure: Figure) -> str:
    if figure.look not in (Look.TOPIC, Look.INTERNAL_TOPIC):
        return figure.name
    return f"({figure.name})" + (f"  {figure.note}" if figure.note else "")
