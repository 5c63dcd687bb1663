"""The tables of settings against Kafka's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.config.clients import CONSUMER, PRODUCER
from streams.config.streams import DIFFERENT, SETTINGS
from streams.config.table import Setting, Type
from streams.errors import ConfigException

DATA = Path(__file__).parents[2] / "goldens" / "data"
RECORDED: dict[str, dict[str, Any]] = {
    version: json.loads((DATA / file).read_text("utf-8"))
    for version, file in (("4.3", "config.json"), ("4.4", "config-4.4.json"))
}
NEWEST = RECORDED["4.4"]
TABLES: dict[str, Mapping[str, Setting]] = {"streams": SETTINGS, "consumer": CONSUMER, "producer": PRODUCER}
OURS = {
    "health.hung.ms",
    "health.ready.share",
    "max.run.records",
    "max.task.skew.ms",
    "max.task.skew.wait.ms",
    "streams.fixes",
}
# Java's classes and their names have no meaning; `retries` of Java's maximum is "as long as it takes".
CLIENT_DEFAULTS_OF_OUR_OWN = {"metric.reporters", "bootstrap.servers", "partition.assignment.strategy"}


@pytest.mark.parametrize("version", RECORDED)
@pytest.mark.parametrize("kind", TABLES)
def test_every_setting_of_kafkas_is_known_with_its_type(kind: str, version: str) -> None:
    table = TABLES[kind]
    types = {row["name"]: row["type"] for row in RECORDED[version][kind]}
    assert {name: table[name].type.value for name in types if name in table} == types


@pytest.mark.parametrize("kind", TABLES)
def test_no_setting_is_of_nobody(kind: str) -> None:
    table = TABLES[kind]
    more = set(table) - {row["name"] for row in NEWEST[kind]}
    if kind == "streams":
        assert more == OURS | {name for name in table if name.startswith("__")}
    else:
        assert more == set()


@pytest.mark.parametrize("kind", TABLES)
def test_defaults_are_kafkas_but_for_the_listed(kind: str) -> None:
    table = TABLES[kind]
    different = DIFFERENT if kind == "streams" else CLIENT_DEFAULTS_OF_OUR_OWN
    wrong = {}
    for row in NEWEST[kind]:
        ours, java = table[row["name"]].default, row["default"]
        if row["name"] in different:
            assert not same_default(ours, java), f"{row['name']} is listed as different and is not"
        elif table[row["name"]].type is not Type.CLASS or java is None:
            if not same_default(ours, java):
                wrong[row["name"]] = (ours, java)
        elif type(ours).__name__ != java.rpartition(".")[2] and table[row["name"]].no_meaning is None:
            wrong[row["name"]] = (ours, java)
    assert wrong == {}


def same_default(ours: object, java: object) -> bool:
    if isinstance(java, list):
        return ours == tuple(java)
    return ours == java and type(ours) is type(java)


@pytest.mark.parametrize("version", RECORDED)
@pytest.mark.parametrize("kind", TABLES)
def test_bounds_and_words_are_kafkas(kind: str, version: str) -> None:
    """Where Kafka records a lower bound or a list of words, the values around it get the same answers."""
    for row in RECORDED[version][kind]:
        setting, valid = TABLES[kind][row["name"]], row.get("valid") or ""
        if found := re.fullmatch(r"\[(-?[\d.]+),\.\.\.(?:,(-?[\d.]+))?\]", valid):
            low, high = found.groups()
            setting.parse(low)
            refused(setting, number(low) - 1)
            if high is not None:
                setting.parse(high)
                refused(setting, number(high) + 1)
        elif words := re.fullmatch(r"(?:\(case insensitive\) )?\[([\w, .-]+)\]", valid):
            for word in words.group(1).split(", "):
                setting.parse(None if word == "null" else word)
            if setting.type is Type.STRING and row["name"] != "share.acquire.mode":
                refused(setting, "no-such-word")


def number(text: str) -> float:
    return float(text) if "." in text else int(text)


def refused(setting: Setting, value: object) -> None:
    with pytest.raises(ConfigException):
        setting.parse(str(value))


def test_every_setting_has_a_meaning() -> None:
    for table in TABLES.values():
        for setting in table.values():
            assert setting.doc.endswith((".", "…")), setting.name
            assert setting.not_built is None or setting.no_meaning is None
