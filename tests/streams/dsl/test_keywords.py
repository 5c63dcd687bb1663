"""An option's fields are written twice, as a dataclass and as the keywords that checkers know: they say the same."""

from __future__ import annotations

import re
from dataclasses import fields as fields_of
from typing import Any, is_typeddict

import pytest

from streams import (
    Branched,
    Consumed,
    Grouped,
    Joined,
    Materialized,
    Named,
    Printed,
    Produced,
    Repartitioned,
    StreamJoined,
    TableJoined,
)
from streams.dsl import faces, fields

KINDS: dict[str, tuple[type[Any], ...]] = {
    "NamedFields": (Named,),
    "ConsumedFields": (Consumed,),
    "ProducedFields": (Produced,),
    "GroupedFields": (Grouped,),
    "RepartitionedFields": (Repartitioned,),
    "PrintedFields": (Printed,),
    "TableFields": (Named, Materialized),
    "SourceTableFields": (Consumed, Materialized),
    "JoinedFields": (Joined,),
    "StreamJoinedFields": (StreamJoined,),
    "ForeignKeyFields": (TableJoined, Materialized),
    "BranchedFields": (Branched,),
}
SHARED = {"SerdeFields"}
"""A part of others."""
KEYWORDS = {name: kind for room in (fields, faces) for name, kind in vars(room).items() if is_typeddict(kind)}


def said(annotation: object) -> str:
    """A type as text: what a keyword takes, None apart, with the variables by their plain names."""
    text = str(getattr(annotation, "__forward_arg__", annotation)).removesuffix(" | None")
    text = re.sub(r"\b(KO|VO|K|V)(?:Any|Stated)\b", r"\1", text)
    return text.replace("Serde[", "SerdeFor[").replace("Place", "StoreType")


@pytest.mark.parametrize("name", KINDS)
def test_keywords_are_the_fields_of_the_options(name: str) -> None:
    taken: dict[str, str] = {}
    for kind in KINDS[name]:
        for field in fields_of(kind):
            taken |= {each: said(field.type) for each in (field.name, field.metadata.get("also")) if each}
    assert {keyword: said(kind) for keyword, kind in KEYWORDS[name].__annotations__.items()} == taken


def test_all_keywords_are_compared() -> None:
    assert {*KEYWORDS} - SHARED == {*KINDS}
