"""What Kafka Connect 4.4 answered, case by case; and that the comparison tells when something is off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.goldens.connect.cases import GOOD_WORKER, SOURCE
from tests.goldens.connect.compare import differences, rows

Row = dict[str, Any]
ROWS = rows()
DIFFERS: Mapping[str, tuple[str, ...]] = {
    "Java puts the exception where the value belongs, and its message where the setting belongs": (
        '"class": "org.apache.kafka.connect.transforms.Cast$Value", "config": {"spec": "a:nothing"}',
        '"config": {"target.type": "string", "format": "bbb"}',
    ),
    "Java names the field by where an object lies": ('"config": {"static.field": "s"}',),
    "Java writes of bytes where they lie (`[B@44ebcd03`), not what they are; ours refuses": (
        'storage.StringConverter", "config": {}, "key": false, "schema": {"type": "bytes"}',
        'storage.StringConverter", "config": {}, "key": false, "schema": {"type": "struct", "fields": [{"field": "id"',
    ),
    "Java keeps positions in a file; ours in a topic, with the records": (
        json.dumps({each: value for each, value in GOOD_WORKER.items() if not each.startswith("offset.")}),
    ),
    "Java finds out when the worker starts that a class is no converter": ('"value.converter": "java.lang.String"',),
    "REST of its own for operators is not built, and refused by name": ('"admin.listeners": "x"',),
    "Java finds out when the connector starts that there is no such predicate": ('"transforms.a.predicate": "p"',),
    "groups of settings for topics that are made are not built yet": (
        json.dumps({**SOURCE, "topic.creation.groups": "a"}),
    ),
}
"""Where ours is meant to be another: the reason, and what the row of the case has in it."""


def name(row: Row) -> str:
    """The row without its answer."""
    return json.dumps({each: value for each, value in row.items() if each != "java"})


EXCUSED = {mark for marks in DIFFERS.values() for mark in marks}


def kind_of(row: Row) -> str:
    """What it is about."""
    return str(row.get("class", row["kind"]))


@pytest.mark.parametrize("kind", sorted(set(map(kind_of, ROWS))))
def test_it_is_as_in_java(kind: str) -> None:
    parted = {}
    for row in ROWS:
        if kind_of(row) == kind and not any(mark in name(row) for mark in EXCUSED) and (found := differences(row)):
            parted[name(row)[:300]] = found
    assert parted == {}


def test_what_is_excused_does_differ() -> None:
    for mark in EXCUSED:
        found = [row for row in ROWS if mark in name(row)]
        assert found, mark
        assert any(differences(row) for row in found), mark


def test_enough_was_recorded() -> None:
    kinds = Counter(row["kind"] for row in ROWS)
    records = sum(len(row.get("records", ())) for row in ROWS)
    assert records >= 1_500
    assert kinds["converter"] + kinds["header"] >= 250
    wrong = [row for row in ROWS if "error" in row["java"] or row["java"].get("errors")]
    assert sum(row["kind"] in ("connector", "worker") or not row.get("records", True) for row in wrong) >= 80


def changed(row: Row, at: tuple[Any, ...], to: object) -> Row:
    """A copy of a row in which Java would have answered something else."""
    copy: Row = json.loads(json.dumps(row))
    inner: Any = copy
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = to
    return copy


@pytest.mark.parametrize(
    ("at", "to"),
    [
        (("java", "records", 0, "value", 1, 0, 1), "other"),
        (("java", "records", 0, "value_schema", "fields", 0, "schema", "type"), "int64"),
        (("java", "records", 0, "topic"), "elsewhere"),
        (("java", "records", 0, "headers", 0, "key"), "another"),
        (("java", "records", 3), {"error": {"class": "DataException", "message": "No."}}),
        (("java", "records", 5, "error", "message"), "Another message"),
        (("java",), {"error": {"class": "ConfigException", "message": "No."}}),
    ],
    ids=str,
)
def test_a_difference_is_seen(at: tuple[Any, ...], to: object) -> None:
    row = next(row for row in ROWS if kind_of(row).endswith("Cast$Value") and "id:string" in str(row["config"]))
    assert differences(row) == []
    assert differences(changed(row, at, to)) != []


def test_another_byte_is_seen() -> None:
    row = next(row for row in ROWS if kind_of(row).endswith("JsonConverter") and row.get("value"))
    assert differences(row) == []
    assert differences(changed(row, ("java", "bytes"), "AAAA")) != []


@pytest.mark.parametrize(
    "errors",
    [{}, {"tasks.max": ["Another message"]}, {"tasks.max": ["Invalid value 0"], "file": ["No."]}],
    ids=str,
)
def test_another_setting_that_is_wrong_is_seen(errors: object) -> None:
    row = next(row for row in ROWS if row["config"].get("tasks.max") == "0")
    assert differences(row) == []
    assert differences(changed(row, ("java", "errors"), errors)) != []
