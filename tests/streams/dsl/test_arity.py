"""Which form a user's function takes (decision 26)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streams import StreamsBuilder
from streams.dsl import arity
from streams.errors import NullPointerException, TopologyException


class Doubling:
    def __call__(self, value: int) -> int:
        return 2 * value


def with_default(value: int, cache: object = None) -> int:
    return value


def keyword_only(value: int, *, unit: str) -> int:
    return value


SHORT: list[Callable[..., object]] = [
    lambda v: v,
    lambda v, cache=None: v,
    lambda *args: args,
    lambda v=1, k=2: v,
    round,
    str.split,
    len,
    int,
    str,
    dict,
    Doubling(),
    with_default,
]
LONG: list[Callable[..., object]] = [lambda k, v: v, lambda k, v, *rest: v, lambda k, v, x=1: v, "{}:{}".__add__]


@pytest.mark.parametrize("fn", SHORT, ids=lambda fn: getattr(fn, "__name__", "object"))
def test_the_shorter_form_wins_where_it_fits(fn: Callable[..., object]) -> None:
    assert not arity.either(fn, arity.VALUE_FORMS, "map_values", "").with_key


@pytest.mark.parametrize("fn", LONG[:3])
def test_else_the_longer_one_is_taken(fn: Callable[..., object]) -> None:
    assert arity.either(fn, arity.VALUE_FORMS, "map_values", "").with_key


@pytest.mark.parametrize("fn", [lambda: 1, lambda a, b, c: 1, keyword_only, "text"])
def test_what_fits_neither_is_named(fn: Callable[..., object]) -> None:
    with pytest.raises(TopologyException, match="map_values"):
        arity.either(fn, arity.VALUE_FORMS, "map_values", "")


def test_a_function_of_one_form_is_checked_when_it_is_given() -> None:
    with pytest.raises(TopologyException, match="lambda key, value: …"):
        StreamsBuilder().stream("a").filter(lambda v: True)  # type: ignore[misc, arg-type]
    with pytest.raises(TopologyException, match=r"aggregate\(\) takes a function of \(\)"):
        StreamsBuilder().stream("a").group_by_key().aggregate(lambda x: x, lambda k, v, a: a)  # type: ignore[misc]


def test_the_function_is_never_called() -> None:
    def refuse(value: object) -> object:
        raise AssertionError("called while the topology was built")

    StreamsBuilder().stream("a").map_values(refuse)


def test_none_is_refused_with_javas_words() -> None:
    with pytest.raises(NullPointerException, match="mapper cannot be null"):
        StreamsBuilder().stream("a").map_values(None)  # type: ignore[call-overload]


def test_none_in_place_of_a_function_is_told_in_pythons_words_and_then_in_javas() -> None:
    nothing: Any = None
    with pytest.raises(NullPointerException) as raised:
        StreamsBuilder().stream("a").map_values(nothing)
    assert str(raised.value) == "mapper is None, and has to be given. (Kafka Streams says: mapper cannot be null)"
