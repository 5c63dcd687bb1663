"""Configurations of connectors and workers as files: `.properties`, `.json` or `.yaml`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from streams.config.properties import entries_of
from streams.config.table import text_of
from streams.errors import ConfigException


def read_settings(path: Path) -> dict[str, str]:
    """The settings of a file, by dotted names.

    A JSON or YAML file is a mapping, or `{"name": …, "config": {…}}` as Kafka Connect's REST takes it.

    Args:
        path: ends with `.properties`, `.json`, `.yaml` or `.yml`.
    Raises:
        ConfigException: it cannot be read, or has another form; file and line are said.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigException(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigException(f"{path} is no text of UTF-8.") from None
    kind = path.suffix.lower()
    if kind == ".properties":
        return {name: value for _, name, value in entries_of(text)}
    if kind == ".json":
        return _of_mapping(path, _json(path, text))
    if kind in (".yaml", ".yml"):
        return _of_mapping(path, _yaml(path, text))
    raise ConfigException(f"{path}: settings are read from .properties, .json, .yaml and .yml files.")


def _json(path: Path, text: str) -> object:
    try:
        found: object = json.loads(text)
        return found
    except (json.JSONDecodeError, RecursionError) as error:
        where = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        said = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deep"
        raise ConfigException(f"{path}{where}: it is no JSON: {said}.") from None


def _yaml(path: Path, text: str) -> object:
    import yaml  # here, so that who has none does not pay for it

    try:
        found: object = yaml.safe_load(text)
        return found
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigException(f"{path}{where}: it is no YAML: {getattr(error, 'problem', error)}.") from None


def _of_mapping(path: Path, found: object) -> dict[str, str]:
    if not isinstance(found, Mapping):
        raise ConfigException(f"{path}: settings are a mapping of names to values.")
    given: dict[object, object] = dict(found)
    config = given.get("config")
    if isinstance(config, Mapping) and given.keys() <= {"name", "config"}:
        inner: dict[object, object] = dict(config)
        if "name" in given:
            if inner.get("name", given["name"]) != given["name"]:
                raise ConfigException(f"{path}: the connector has two names, {given['name']} and {inner['name']}.")
            inner["name"] = given["name"]
        given = inner
    return {str(name): value for name, said in given.items() if (value := _text(path, str(name), said)) is not None}


def _text(path: Path, name: str, said: object) -> str | None:
    """A value as it would stand in a `.properties` file."""
    if isinstance(said, list):
        entries: list[object] = said
        return ",".join(map(text_of, entries))
    if isinstance(said, Mapping):
        raise ConfigException(f"{path}: {name} is a mapping. Write its names with dots: {name}.… = …")
    return None if said is None else text_of(said)
