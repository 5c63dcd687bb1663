"""Plugins, their settings, and what is wrong with a configuration, as REST tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from streams.config.table import text_of
from streams.connect.config_def import REQUIRED, ConfigDef, ConfigKey, ConfigValue, Type
from streams.connect.connector import SinkConnector
from streams.connect.connector_config import Validation
from streams.connect.errors import NotFoundException
from streams.connect.password import HIDDEN, Password
from streams.connect.plugins import (
    ALIASES,
    CONNECTORS,
    CONVERTERS,
    PREDICATES,
    SIDED,
    SIMPLE_HEADERS,
    WHOLE,
    config_def_of,
    connector_called,
    converter_called,
    header_converter_called,
    predicate_called,
    transform_called,
)

Body = dict[str, object]


def connector_bodies(version: str) -> list[Body]:
    """All connectors, by their short names and by those of Java."""
    return [
        {"class": each, "type": type_of(connector_called(each)), "version": version}
        for name in CONNECTORS
        for each in (name, *(alias for alias, meant in ALIASES.items() if meant == name and "." in alias))
    ]


def type_of(made: type) -> str:
    """`source` or `sink`."""
    return "sink" if issubclass(made, SinkConnector) else "source"


def other_bodies(version: str) -> Iterator[Body]:
    """Converters, transforms and predicates, by the names of Java."""
    for name in CONVERTERS:
        for kind in ("converter", "header_converter"):
            yield {"class": converter_called(name).name, "type": kind, "version": version}
    yield {"class": header_converter_called(SIMPLE_HEADERS).name, "type": "header_converter", "version": version}
    for name in (*SIDED, *WHOLE):
        both = (f"{name}$Key", f"{name}$Value") if name in SIDED else (name,)
        for each in both:
            yield {"class": transform_called(each).name, "type": "transformation", "version": version}
    for name in PREDICATES:
        yield {"class": predicate_called(name).name, "type": "predicate", "version": version}


def plugin_keys(name: str) -> list[Body]:
    """The settings of a plugin.

    Raises:
        NotFoundException: there is none of that name.
    """
    tries: Sequence[Callable[[], ConfigDef]] = (
        lambda: config_def_of(connector_called(name)),
        lambda: transform_called(name).config_def,
        lambda: predicate_called(name).config_def,
        lambda: converter_called(name).config_def,
        lambda: header_converter_called(name).config_def,
    )
    for each in tries:
        try:
            return [key_body(key, -1) for key in each()]
        except LookupError:
            continue
    raise NotFoundException(f"Unknown plugin {name}.")


def key_body(key: ConfigKey, order: int) -> Body:
    """A setting, as forms are made of it."""
    default = None if key.default is REQUIRED or key.default is None else shown(key.default)
    return {
        "name": key.name,
        "type": key.type.name,
        "required": key.required,
        "default_value": default,
        "importance": key.importance.value,
        "documentation": key.doc,
        "group": key.group,
        "order_in_group": order,
        "width": "NONE",
        "display_name": key.display_name or key.name,
        "dependents": [],
    }


def shown(value: object) -> str:
    """A value as text, hidden where it is a secret."""
    return HIDDEN if isinstance(value, Password) else text_of(value)


def validation_body(name: str, validation: Validation, hide: Callable[[str], str]) -> Body:
    """A configuration with all that is wrong with it."""
    values = list(validation.values.values())
    keys = [value.key or ConfigKey(value.name, Type.STRING, REQUIRED, "") for value in values]
    groups = list(dict.fromkeys(key.group for key in keys if key.group))
    configs = [
        {"definition": {**key_body(key, number), "name": value.name}, "value": value_body(value, hide)}
        for number, (key, value) in enumerate(zip(keys, values, strict=True), 1)
    ]
    count = sum(map(len, validation.errors.values()))
    return {"name": name, "error_count": count, "groups": groups, "configs": configs}


def value_body(value: ConfigValue, hide: Callable[[str], str]) -> Body:
    """A setting's value, and what is wrong with it."""
    return {
        "name": value.name,
        "value": None if value.value is None else hide(shown(value.value)),
        "recommended_values": [shown(each) for each in value.recommended],
        "errors": value.errors,
        "visible": value.visible,
    }
