"""The table of the DSL against the classes it speaks of, both ways, and against Java's list."""

from __future__ import annotations

import inspect
import re

import pytest

import streams
from streams.dsl.faces import SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream
from streams.dsl.stores import KeyedStoreBuilder
from streams.errors import NotYetBuiltException
from streams.state.key_value_store import KeyValueStore, VersionedKeyValueStore
from streams.state.window_store import SessionStore, WindowStore
from tests.docs.java_api import JAVA
from tests.docs.pages import ROOT, rows

PAGE = ROOT / "docs" / "dsl.md"
TABLE = [row for row in rows(PAGE) if row[0] != "Kafka Streams"]
NAMES: dict[str, object] = {
    **{name: getattr(streams, name) for name in streams.__all__},
    "KeyedStoreBuilder": KeyedStoreBuilder,
    "KeyValueStore": KeyValueStore,
    "WindowStore": WindowStore,
    "SessionStore": SessionStore,
    "VersionedKeyValueStore": VersionedKeyValueStore,
    "TimeWindowedCogroupedKStream": TimeWindowedCogroupedKStream,
    "SessionWindowedCogroupedKStream": SessionWindowedCogroupedKStream,
}
OURS = re.compile(r"^`(?P<owner>[A-Z]\w+)(?:\.(?P<member>\w+))?(?P<call>\(.*\))?`$")
MEMBER = re.compile(r"\b([A-Z]\w+)(?:\([^`]*?\))?\.(\w+)")
NOT_YET = "not built yet: "
WHOLE = [
    "StreamsBuilder", "KStream", "BranchedKStream", "KTable", "GlobalKTable", "KGroupedStream", "KGroupedTable",
    "TimeWindowedKStream", "SessionWindowedKStream", "CogroupedKStream", "TimeWindowedCogroupedKStream",
    "SessionWindowedCogroupedKStream", "TimeWindows", "SlidingWindows", "SessionWindows", "UnlimitedWindows",
    "JoinWindows", "Suppressed", "BufferConfig", "EmitStrategy", "Topology", "Stores", "KeyValueStore", "WindowStore",
    "SessionStore", "VersionedKeyValueStore", "ProcessorContext",
]  # fmt: skip
INSIDE = {"size_ms", "grace_ms", "shape", "built", "spec", "name", "is_open", "BufferConfig"}
"""What the framework itself asks of these, and what Java has as a class inside another."""


def built_rows() -> list[list[str]]:
    return [row for row in TABLE if OURS.match(row[1])]


@pytest.mark.parametrize("row", built_rows(), ids=lambda row: row[1])
def test_what_the_page_names_is_there(row: list[str]) -> None:
    found = OURS.match(row[1])
    assert found is not None
    owner = NAMES[found["owner"]]
    if found["member"] is None:
        assert found["call"] is None or callable(owner)
        return
    fields = getattr(owner, "_fields", ()) or getattr(owner, "__annotations__", {})
    member = inspect.getattr_static(owner, found["member"], None)
    assert member is not None or found["member"] in fields, f"{owner} has no {found['member']}"
    if found["call"] is not None:
        assert not isinstance(member, property), f"{row[1]} is an attribute"
        check_keywords(getattr(owner, found["member"]), found["call"])
    else:
        assert not inspect.isfunction(member), f"{row[1]} is a method"


def check_keywords(method: object, call: str) -> None:
    """The number of positional arguments fits the method, as far as it says how many it takes."""
    assert callable(method)
    kinds = [p.kind for p in inspect.signature(method).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return
    arguments = [each for each in call.strip("()").split(", ") if each and "=" not in each]
    positional = sum(kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)
    assert len(arguments) <= positional, f"{call} has more arguments than {method} takes"


@pytest.mark.parametrize("owner", WHOLE)
def test_what_is_there_is_named_on_the_page(owner: str) -> None:
    named = {found[2] for row in TABLE for found in MEMBER.finditer(row[1]) if found[1] == owner}
    public = {name for name in dir(NAMES[owner]) if not name.startswith("_")}
    fields = set(getattr(NAMES[owner], "__slots__", ())) | set(getattr(NAMES[owner], "__dataclass_fields__", ()))
    assert public - named - fields - INSIDE == set()


@pytest.mark.parametrize("row", [row for row in TABLE if row[1].startswith(NOT_YET)], ids=lambda row: row[1])
def test_what_is_not_built_yet_says_so(row: list[str]) -> None:
    with pytest.raises(NotYetBuiltException):
        exec(row[1].removeprefix(NOT_YET).strip("`"), dict(NAMES))


def test_every_operation_of_kafka_streams_has_a_row() -> None:
    named = {found[1] for row in TABLE if (found := re.match(r"`(?:new )?([\w.]+)", row[0]))}
    wanted = {f"{owner}.{member}" for owner, members in JAVA.items() for member in members.split()}
    assert wanted - named == set()
