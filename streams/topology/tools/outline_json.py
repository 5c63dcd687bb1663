"""An outline as JSON, and back.

{"format": 1, "application_id": "app",
 "subtopologies": [{"id": 0, "fingerprint": "…", "nodes": [{"name", "kind", "parents", "topics", "chosen", "stores",
                               "operation", "call", "place", "code"}],
                    "stores": [{"name", "kind", "persistent", "changelog", "retention_ms", "window_ms"}],
                    "topics": [{"name", "kind", "partitions", "config": {"name": "value"}}]}],
 "global_stores": [{"source": node, "processor": node, "store": store}]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Never

from streams.errors import IllegalArgumentException
from streams.topology.tools.outline import GlobalOutline, NodeOutline, Outline, StoreOutline, SubOutline, TopicOutline

FORMAT = 1


def to_json(outline: Outline) -> str:
    """The outline as one JSON document, indented."""
    whole = {
        "format": FORMAT,
        "application_id": outline.application_id,
        "subtopologies": [_sub_row(sub) for sub in outline.subtopologies],
        "global_stores": [
            {name: part._asdict() for name, part in store._asdict().items()} for store in outline.global_stores
        ],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False)


def from_json(text: str) -> Outline:
    """Reads what `to_json` wrote.

    Raises:
        IllegalArgumentException: it is no such document, with the place where it goes wrong.
    """
    try:
        whole = _Row(json.loads(text), "the document")
    except ValueError as error:
        raise IllegalArgumentException(f"It is no JSON: {error}.") from error
    if whole.number("format") != FORMAT:
        raise IllegalArgumentException(
            f"It has format {whole.number('format')}, and {FORMAT} is what this version reads. Save it again with "
            "`streams-app topology describe --json`."
        )
    return Outline(
        whole.text("application_id"),
        tuple(_sub(row) for row in whole.rows("subtopologies")),
        tuple(
            GlobalOutline(_node(row.row("source")), _node(row.row("processor")), _store(row.row("store")))
            for row in whole.rows("global_stores")
        ),
    )


def _sub_row(sub: SubOutline) -> dict[str, object]:
    return {
        "id": sub.id,
        "fingerprint": sub.fingerprint,
        "nodes": [node._asdict() for node in sub.nodes],
        "stores": [store._asdict() for store in sub.stores],
        "topics": [{**topic._asdict(), "config": dict(topic.config)} for topic in sub.topics],
    }


def _sub(row: _Row) -> SubOutline:
    return SubOutline(
        row.number("id"),
        tuple(map(_node, row.rows("nodes"))),
        tuple(map(_store, row.rows("stores"))),
        tuple(map(_topic, row.rows("topics"))),
        row.text("fingerprint"),
    )


def _node(row: _Row) -> NodeOutline:
    return NodeOutline(
        row.text("name"),
        row.text("kind"),
        row.texts("parents"),
        row.texts("topics"),
        row.text_or_none("chosen"),
        row.texts("stores"),
        row.text_or_none("operation") or "",
        row.number_or_none("call") or 0,
        row.text_or_none("place") or "",
        row.text_or_none("code") or "",
    )


def _store(row: _Row) -> StoreOutline:
    return StoreOutline(
        row.text("name"),
        row.text("kind"),
        row.truth("persistent"),
        row.text_or_none("changelog"),
        row.number("retention_ms"),
        row.number("window_ms"),
    )


def _topic(row: _Row) -> TopicOutline:
    config = row.row("config")
    return TopicOutline(
        row.text("name"),
        row.text("kind"),
        row.number_or_none("partitions"),
        tuple(sorted((name, config.text(name)) for name in config.names())),
    )


class _Row:
    """An object of the document whose fields are asked for with their type."""

    def __init__(self, found: object, where: str) -> None:
        if not isinstance(found, Mapping):
            raise IllegalArgumentException(f"{where} is no object. {_HINT}")
        self._fields: Mapping[object, object] = found
        self._where = where

    def names(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self._fields)

    def text(self, name: str) -> str:
        found = self._fields.get(name)
        return found if isinstance(found, str) else self._refuse(name, "a text")

    def text_or_none(self, name: str) -> str | None:
        return None if self._fields.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        found = self._fields.get(name)
        return found if isinstance(found, int) else self._refuse(name, "a whole number")

    def number_or_none(self, name: str) -> int | None:
        return None if self._fields.get(name) is None else self.number(name)

    def truth(self, name: str) -> bool:
        found = self._fields.get(name)
        return found if isinstance(found, bool) else self._refuse(name, "true or false")

    def texts(self, name: str) -> tuple[str, ...]:
        found = self._list(name)
        return tuple(one if isinstance(one, str) else self._refuse(name, "a list of texts") for one in found)

    def row(self, name: str) -> _Row:
        return _Row(self._fields.get(name), f"`{name}` of {self._where}")

    def rows(self, name: str) -> tuple[_Row, ...]:
        return tuple(_Row(one, f"entry {i} of `{name}`") for i, one in enumerate(self._list(name)))

    def _list(self, name: str) -> list[object]:
        found = self._fields.get(name)
        return found if isinstance(found, list) else self._refuse(name, "a list")

    def _refuse(self, name: str, wanted: str) -> Never:
        raise IllegalArgumentException(
            f"`{name}` of {self._where} is {self._fields.get(name)!r}, where {wanted} is expected. {_HINT}"
        )


_HINT = "A saved description is what `streams-app topology describe --json` prints."
