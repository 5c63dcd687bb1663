"""Every operator of the DSL has an example in its docstring, and it does what it says."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import streams
from streams import Serdes, StreamsBuilder, StreamsConfig
from streams.dsl import faces
from streams.serdes.base import Serde
from streams.testing import TopologyTestDriver
from streams.topology.node import SinkNode

CLASSES = [kind for kind in vars(faces).values() if inspect.isclass(kind) and hasattr(kind, "_ref")] + [StreamsBuilder]
JSON: Serde[Any] = Serdes.json()
SETTINGS = {"default.key.serde": JSON, "default.value.serde": JSON, "statestore.cache.max.bytes": 0}


def run(builder: StreamsBuilder, *records: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """Pipes `(topic, key, value)` in, with a timestamp as a fourth item, and gives the pairs that come out of `out`."""
    with TopologyTestDriver(builder, SETTINGS) as driver:
        topics = {topic: driver.create_input_topic(topic, JSON, JSON) for topic in {record[0] for record in records}}
        for topic, key, value, *time in records:
            topics[topic].pipe_input(key, value, *time)
        keys, values = serdes(builder)
        return [(read(raw.key, keys), read(raw.value, values)) for raw in driver.records_of("out")]


def read(data: bytes | None, serde: Serde[Any]) -> Any:
    return None if data is None else serde.decode(data)


def serdes(builder: StreamsBuilder) -> tuple[Serde[Any], Serde[Any]]:
    """Those of the sink that writes to `out`."""
    built = builder.build(SETTINGS).built(StreamsConfig({"application.id": "a", **SETTINGS}))
    for node in (node for sub in built.subtopologies for node in sub.nodes):
        if isinstance(node, SinkNode) and (node.topic == "out" or callable(node.topic)):
            return node.key_serde or JSON, node.value_serde or JSON
    return JSON, JSON


def operators() -> Iterator[tuple[str, str]]:
    for kind in CLASSES:
        for name, member in vars(kind).items():
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                yield f"{kind.__name__}.{name}", inspect.getdoc(member) or ""


OPERATORS = dict(operators())


def failures(name: str, words: str) -> list[str]:
    """What an example prints that it does not say."""
    names = {each: getattr(streams, each) for each in streams.__all__}
    test = doctest.DocTestParser().get_doctest(words, {**names, "run": run}, name, None, 0)
    told: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    return told


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_has_an_example_that_runs(name: str) -> None:
    assert ">>> " in OPERATORS[name], f"{name} has no example in its docstring"
    assert failures(name, OPERATORS[name]) == []


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_says_what_it_takes(name: str) -> None:
    kind, _, method = name.partition(".")
    found = inspect.getattr_static(StreamsBuilder if kind == "StreamsBuilder" else getattr(faces, kind), method)
    takes = inspect.isfunction(found) and len(inspect.signature(found).parameters) > 1
    assert not takes or "\nArgs:\n" in OPERATORS[name]


def test_an_example_that_says_something_else_is_found() -> None:
    wrong = OPERATORS["KStream.filter"].replace("[('a', 2)]", "[('a', 1)]")
    assert len(failures("wrong", wrong)) == 1
    assert failures("right", OPERATORS["KStream.filter"]) == []


def test_all_classes_of_the_dsl_are_looked_at() -> None:
    assert {kind.__name__ for kind in CLASSES} >= {"KStream", "KTable", "GlobalKTable", "BranchedKStream"}
    assert len(OPERATORS) > 60
