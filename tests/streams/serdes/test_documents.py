"""JSON and MessagePack: canonical, typed, and honest about what they cannot write."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import ClassCastException, SerializationException
from streams.serdes import Serde, Serdes


@dataclass(frozen=True)
class Order:
    id: str
    amount: float
    tags: tuple[str, ...] = ()


class Row(TypedDict):
    id: str
    amount: float


class Point(NamedTuple):
    x: int
    y: int | None


class Event(msgspec.Struct):
    name: str
    at: int = 0


TYPED: list[tuple[Any, Any]] = [
    (Order, Order("a", 1.5, ("x", "y"))),
    (Row, {"id": "a", "amount": 2.0}),
    (Point, Point(1, None)),
    (Event, Event("e", 3)),
    (list[Order], [Order("a", 1.0)]),
    (dict[str, int], {"a": 1}),
]
KINDS: list[Callable[..., Serde[Any]]] = [Serdes.json, Serdes.msgpack]
DOCUMENTS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.text(),
        st.floats(allow_nan=False, width=64),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)
FINITE = DOCUMENTS.filter(lambda value: "inf" not in repr(value))


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(("type_", "value"), TYPED)
def test_typed_values_come_back_as_they_were(make: Callable[..., Serde[Any]], type_: Any, value: Any) -> None:
    serde = make(type_)
    again = serde.decode(serde.encode(value))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize("make", KINDS)
def test_data_that_do_not_fit_the_type_are_named(make: Callable[..., Serde[Any]]) -> None:
    data = make().encode({"id": 3, "amount": 1.0})
    with pytest.raises(SerializationException, match=r"\(Order\) cannot read .*Expected `str`, got `int`"):
        make(Order).decode(data)


@pytest.mark.parametrize("make", KINDS)
def test_documents_come_back_and_equal_ones_are_equal_bytes(make: Callable[..., Serde[Any]]) -> None:
    serde = make()

    @settings(max_examples=80, deadline=None)
    @given(FINITE)
    def there_and_back(value: Any) -> None:
        data = serde.encode(value)
        assert serde.decode(data) == value
        assert serde.encode(turned(value)) == data
        assert serde.encode(serde.decode(data)) == data

    there_and_back()


def turned(value: Any) -> Any:
    """The same value, its dicts filled the other way round."""
    if isinstance(value, dict):
        return {key: turned(entry) for key, entry in reversed(value.items())}
    return [turned(entry) for entry in value] if isinstance(value, list) else value


@settings(max_examples=80, deadline=None)
@given(FINITE)
def test_any_json_reader_reads_it(value: Any) -> None:
    assert json.loads(Serdes.json().encode(value)) == value


def test_the_form_of_json() -> None:
    assert Serdes.json().encode({"b": [1, 2.50, None], "a": "é", "c": {"z": 1, "y": 2}}) == (
        '{"a":"é","b":[1,2.5,null],"c":{"y":2,"z":1}}'.encode()
    )
    assert Serdes.json().encode({2: "b", 10: "a"}) == b'{"10":"a","2":"b"}'
    assert Serdes.json(Order).encode(Order("a", 1.0)) == b'{"amount":1.0,"id":"a","tags":[]}'
    assert Serdes.json().decode(b"null") is None
    assert Serdes.json().encode({"a": None, "b": 1 << 70}) == b'{"a":null,"b":1180591620717411303424}'


def test_messagepack_sorts_other_keys_too() -> None:
    serde = Serdes.msgpack()
    assert serde.encode({2: 1, -1: 2, 300: 3}) == serde.encode({300: 3, 2: 1, -1: 2})
    assert serde.decode(serde.encode({2: {5: 1, 3: 2}})) == {2: {5: 1, 3: 2}}


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [1, x], lambda x: {"a": {"b": (x,)}}, lambda x: Order("a", x)])
def test_nan_is_refused_wherever_it_is(make: Callable[..., Serde[Any]], wrap: Callable[[float], Any]) -> None:
    with pytest.raises(SerializationException, match="does not write nan"):
        make().encode(wrap(math.nan))


def test_json_has_no_infinity_and_messagepack_has() -> None:
    for number in (math.inf, -math.inf):
        with pytest.raises(SerializationException, match=r"does not write -?inf"):
            Serdes.json().encode({"a": None, "b": number})
        assert Serdes.msgpack().decode(Serdes.msgpack().encode({"b": number})) == {"b": number}


@pytest.mark.parametrize("make", KINDS)
def test_what_has_no_form_is_refused(make: Callable[..., Serde[Any]]) -> None:
    with pytest.raises(ClassCastException, match="cannot write object"):
        make().encode(object())
    with pytest.raises(ClassCastException, match="cannot write"):
        make().encode({"deep": object()})
    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    with pytest.raises(ClassCastException):
        make().encode(round_and_round)


@pytest.mark.parametrize("make", KINDS)
def test_documents_are_no_canonical_key_bytes(make: Callable[..., Serde[Any]]) -> None:
    assert not make().canonical
    assert make().exact is None
