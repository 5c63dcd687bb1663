"""Strategies for the records of `requests.py`, from their annotations."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from broker_local.protocol.codec import I64, Body, MaxLength, Range


def records_of(kind: type) -> st.SearchStrategy[Any]:
    """Any record of that kind."""
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in fields(kind)})


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that the annotation allows."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint == Body:
        return st.binary(max_size=20)
    if origin is Annotated:
        return _bounded(inner[0], inner[1])
    if origin in (types.UnionType, Union):
        return st.none() | values_of(inner[0])
    if origin is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), values_of(inner[1]), max_size=2)
    if is_dataclass(hint):
        return records_of(hint)
    return {
        int: st.integers(*I64),
        str: st.text(max_size=9),
        bytes: st.binary(max_size=9),
        bool: st.booleans(),
    }[hint]


def _bounded(kind: type, bound: Range | MaxLength) -> st.SearchStrategy[Any]:
    if isinstance(bound, Range):
        return st.integers(bound.low, bound.high)
    return st.text(max_size=9) if kind is str else st.binary(max_size=9)
