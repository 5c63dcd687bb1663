"""What a declared type saves: values that can hold no float are not searched for NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
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
