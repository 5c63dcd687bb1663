"""What a declared type saves: values that can hold no float are not searched for NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import msgspec
import pytest

from streams import StreamsBuilder, StreamsException
from streams.serdes import Serde, Serdes
from streams.testing import TopologyTestDriver


class Event(msgspec.Struct):
    name: str | None
    at: int
    tags: tuple[str, ...] = ()
    marks: dict[str, list[int]] | None = None


@dataclass
class Order:
    id: str
    open: bool


class Point(NamedTuple):
    x: int
    y: int | None


class Priced(msgspec.Struct):
    price: float


class Nested(msgspec.Struct):
    event: Event


class Loose(msgspec.Struct):
    inner: object


@pytest.mark.parametrize("value", [Event(None, 3, ("a",), {"b": [1]}), Order("o", True), Point(1, None)])
def test_values_that_can_hold_no_float_are_written_by_the_encoder_alone(value: Any) -> None:
    serde = Serdes.json(type(value))
    assert serde.quick_class is type(value)
    assert serde.quick_encode is not None
    assert serde.quick_encode(value) == serde.encode(value)


@pytest.mark.parametrize("type_", [None, Priced, Nested, Loose, dict[str, int], int, float])
def test_what_may_hold_a_float_is_searched(type_: Any) -> None:
    assert Serdes.json(type_).quick_encode is None


def written(serde: Serde[Any], value: object, through_a_store: bool) -> bytes | None:
    """The bytes of the value, as they come out of a topology."""
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=Serdes.string(), value_serde=Serdes.string())
    mapped = stream.map_values(lambda _: value)
    if through_a_store:
        mapped = mapped.to_table(value_serde=serde).to_stream()
    mapped.to("out", value_serde=serde)
    with TopologyTestDriver(builder) as driver:
        driver.create_input_topic("in", Serdes.string(), Serdes.string()).pipe_input("k", "v")
        return driver.create_output_topic("out", Serdes.string(), Serdes.bytes()).read_value()


class Frozen(msgspec.Struct, frozen=True):
    name: str | None
    price: float
    tags: tuple[str, ...] = ()


class Chain(msgspec.Struct, frozen=True):
    next: Chain | None = None


class Holder(msgspec.Struct, frozen=True):
    event: Event


class Tagged(msgspec.Struct, frozen=True):
    tags: list[str]


@dataclass(frozen=True)
class Part:
    colour: Colour
    of: Frozen


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize("make", [Serdes.json, Serdes.msgpack])
def test_frozen_classes_of_plain_values_can_be_kept_as_they_are_read(make: Callable[..., Serde[Any]]) -> None:
    for type_ in (Frozen, Chain, Part, Point, int, str | None, tuple[Frozen, ...]):
        assert make(type_).immutable, type_
    for other in (None, Event, Order, Holder, Tagged, Loose, dict[str, int], list[Frozen]):
        assert not make(other).immutable, other


@pytest.mark.parametrize(("type_", "shared"), [(Frozen, True), (Priced, False)])
def test_a_joiner_gets_the_same_object_again_only_where_it_cannot_change_it(type_: Any, shared: bool) -> None:
    builder, met = StreamsBuilder(), list[object]()
    text, value = Serdes.string(), Serdes.json(type_)
    table = builder.table("table", key_serde=text, value_serde=value)
    stream = builder.stream("stream", key_serde=text, value_serde=text)
    stream.join(table, lambda _, row: met.append(row) or "").to("out", value_serde=text)
    with TopologyTestDriver(builder) as driver:
        rows = driver.create_input_topic("table", text, Serdes.bytes())
        asks = driver.create_input_topic("stream", text, text)
        rows.pipe_input("k", b'{"name":"n","price":1.5}')
        asks.pipe_input("k", "1")
        asks.pipe_input("k", "2")
        rows.pipe_input("k", b'{"name":"n","price":2.5}')
        asks.pipe_input("k", "3")
    assert [row.price for row in met] == [1.5, 1.5, 2.5]  # type: ignore[attr-defined]
    assert (met[0] is met[1]) is shared


@pytest.mark.parametrize("through_a_store", [False, True])
def test_values_of_another_class_are_searched_all_the_same(through_a_store: bool) -> None:
    serde = Serdes.json(Event)
    assert written(serde, Event(None, 1), through_a_store) == b'{"at":1,"marks":null,"name":null,"tags":[]}'
    assert written(serde, {"name": "n", "at": None}, False) == b'{"at":null,"name":"n"}'
    with pytest.raises(StreamsException) as failure:
        written(serde, {"name": "n", "at": math.nan}, through_a_store)
    assert any("does not write nan" in str(cause) for cause in causes(failure.value))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
