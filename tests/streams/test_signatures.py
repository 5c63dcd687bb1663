"""`help()` and editors show what a method takes: names and types, and each of its forms."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import pydoc
from collections.abc import Iterator
from typing import Any
from unittest.mock import create_autospec

import pytest

import streams
import streams.clients
import streams.testing
from streams import KStream, KTable, Materialized, Named, Serdes, StreamsBuilder, WindowStore
from streams.dsl.faces import SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream

ROOMS = (streams, streams.clients, streams.testing)
CLASSES: dict[str, type[Any]] = {
    name: thing for room in ROOMS for name in room.__all__ if inspect.isclass(thing := getattr(room, name))
} | {kind.__name__: kind for kind in (SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream)}
UNTOLD = {"args", "given", "arguments", "fields", "kwargs"}
"""Names that say nothing of what is taken."""


def methods(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """The public methods that are written in this project, but for those that refuse what is not built yet."""
    for name in dir(kind):
        method = inspect.unwrap(getattr(kind, name))
        ours = str(getattr(method, "__module__", "")).startswith("streams")
        if name.startswith("_") or not ours or not (inspect.isfunction(method) or inspect.ismethod(method)):
            continue
        if str(method.__annotations__.get("return")) not in ("NoReturn", "Never"):
            yield name, method


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_public_method_says_what_it_takes(kind: type[Any]) -> None:
    for name, method in methods(kind):
        signature = inspect.signature(method)
        parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
        assert not [p.name for p in parameters if p.kind is p.VAR_KEYWORD or p.name in UNTOLD], f"{name}{signature}"
        assert not [p.name for p in parameters if p.annotation is p.empty], f"{name}{signature}"
        assert signature.return_annotation is not signature.empty, f"{name}{signature}"
        assert "Unpack" not in str(signature) and "Unstated" not in str(signature), f"{name}{signature}"


def test_a_method_without_forms_is_one_line_with_its_keywords() -> None:
    assert str(inspect.signature(KStream.filter)) == (
        "(self, predicate: Callable[[K, V], object], *options: Named, name: str = ...) -> KStream[K, V]"
    )


def test_each_form_of_a_method_is_a_line() -> None:
    forms = str(inspect.signature(KStream.join)).split("\n")
    assert forms[0].startswith(
        "(self, other: KStream[K, VO], joiner: Callable[[V, VO], VR], windows: JoinWindows, "
        "*options: StreamJoined[K, V, VO], key_serde: SerdeFor[K] | None = ..., "
    )
    assert forms[1].startswith("join(self, other: KTable[K, VO], joiner: Callable[[V, VO], VR], *options: Joined[")
    assert "grace_period: Duration = ..." in forms[1] and "grace_period" not in forms[0]
    assert forms[2].startswith("join(self, other: GlobalKTable[KO, VO], key_selector: ")
    assert len(forms) == 6


def test_as_an_object_a_signature_has_the_parameters_of_all_forms() -> None:
    names = [*inspect.signature(KStream.join).parameters]
    assert names[:5] == ["self", "other", "joiner", "windows", "options"]
    assert {"key_serde", "value_serde", "other_value_serde", "store_name", "grace_period", "name"} <= {*names}
    assert [*inspect.signature(WindowStore.fetch).parameters] == ["self", "key_from", "key_to", "time_from", "time_to"]


def test_a_bound_method_is_shown_without_self() -> None:
    stream = StreamsBuilder().stream("in")
    forms = str(inspect.signature(stream.map_values)).split("\n")
    assert [form.split(",")[0] for form in forms] == ["(mapper: Callable[[V]", "map_values(mapper: Callable[[K"]
    inspect.signature(stream.join).bind(stream, print)
    with pytest.raises(TypeError, match="missing a required argument"):
        inspect.signature(stream.join).bind(stream)


def test_help_shows_them() -> None:
    told = pydoc.plain(pydoc.render_doc(KTable.join))
    assert "join(self, other: KTable[K, VO], joiner: Callable[[V, VO], VR]" in told
    assert "foreign_key: Callable[[V], KO | None]" in told
    assert "Joins rows of equal keys" in told
    assert "group_by(self, selector: Callable[[K, V], KR]" in pydoc.plain(pydoc.render_doc(KStream))


def test_what_reads_signatures_can_use_them() -> None:
    table = create_autospec(KTable)
    table.join(table, print, foreign_key=len, store="s")
    with pytest.raises(TypeError):
        table.join(nothing=1)
    signature = inspect.signature(KStream.to)
    assert signature == inspect.signature(KStream.to) != inspect.signature(KStream.filter)
    assert signature.replace(return_annotation=int).return_annotation is int
    assert [*pickle.loads(pickle.dumps(signature)).parameters] == [*signature.parameters]


def test_the_keywords_that_are_shown_are_those_that_are_taken() -> None:
    shown = {*inspect.signature(KTable.filter).parameters} - {"self", "predicate", "options"}
    assert shown == {field.name for kind in (Named, Materialized) for field in dataclasses.fields(kind)}
    builder = StreamsBuilder()
    serdes = {"key_serde": Serdes.string(), "value_serde": Serdes.string()}
    taken = {"name": "n", "store": "s", "caching": True, "logging": {}, "ttl": 5, **serdes}
    builder.table("in").filter(lambda key, value: True, **taken)
