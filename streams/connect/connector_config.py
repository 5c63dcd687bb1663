"""The settings that every connector has, and everything that is wrong with a configuration, setting by setting.

As Kafka Connect's `ConnectorConfig`, `SourceConnectorConfig`, `SinkConnectorConfig` and the validation of its herder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from streams.config.table import at_least, invalid, not_empty, one_of, one_of_in_any_case
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, ConfigValue, Importance, Type
from streams.connect.connector import SinkConnector, SourceConnector
from streams.connect.errors import ConnectException
from streams.connect.java_regex import compile_pattern
from streams.connect.plugins import (
    AbstractClass,
    connector_called,
    converter_called,
    header_converter_called,
    predicate_called,
    transform_called,
)
from streams.connect.transforms.chain import Stage
from streams.connect.transforms.checks import regex
from streams.errors import ConfigException, NotYetBuiltException

HIGH, LOW = Importance.HIGH, Importance.LOW
COMMON, TRANSFORMS, PREDICATES, ERRORS = "Common", "Transforms", "Predicates", "Error Handling"
CLIENTS = ("producer.override.", "consumer.override.", "admin.override.")
"""What stands before settings that are handed to the clients of a connector."""


class BadRequestException(ConnectException, ConfigException):
    """A configuration that cannot even be looked at: it names no connector, or one that is not there."""


def _aliases(name: str, value: object) -> None:
    entries = value if isinstance(value, tuple) else ()
    if len(set(entries)) != len(entries):
        raise invalid(name, value, "Duplicate alias provided.")


def _topics(name: str, value: object) -> None:
    if isinstance(value, tuple) and "" in value:
        raise ConfigException(f"Configuration '{name}' values must not be empty.")


def _pattern(name: str, value: object) -> None:
    if value:
        regex(name, value)


def _name(name: str, value: object) -> None:
    if isinstance(value, str):
        if not value:
            raise invalid(name, value, "String may not be empty")
        if not value.isprintable():
            raise invalid(name, ascii(value), "String may not contain control sequences")


# fmt: off
_COMMON = ConfigDef(
    ConfigKey("name", Type.STRING, REQUIRED, "The connector's name, its own in the worker.", _name, HIGH, group=COMMON),
    ConfigKey("connector.class", Type.STRING, REQUIRED,
              "What it is: a short name, a Java class, or package.module:Class.", None, HIGH, group=COMMON),
    ConfigKey("tasks.max", Type.INT, 1, "Into how many tasks the work may be divided.", at_least(1), HIGH,
              group=COMMON),
    ConfigKey("tasks.max.enforce", Type.BOOLEAN, True, "Refuse a connector that makes more?", None, LOW, group=COMMON),
    ConfigKey("key.converter", Type.STRING, None, "The converter of keys; else the worker's.", None, LOW, group=COMMON),
    ConfigKey("value.converter", Type.STRING, None, "The converter of values; else the worker's.", None, LOW,
              group=COMMON),
    ConfigKey("header.converter", Type.STRING, None, "The converter of headers; else the worker's.", None, LOW,
              group=COMMON),
    ConfigKey("transforms", Type.LIST, (), "The aliases of its transforms, in their order.", _aliases, LOW,
              group=TRANSFORMS),
    ConfigKey("predicates", Type.LIST, (), "The aliases of its predicates.", _aliases, LOW, group=PREDICATES),
    ConfigKey("config.action.reload", Type.STRING, "restart", "When a secret expires: restart, or none.",
              one_of("none", "restart"), LOW, group=COMMON),
    ConfigKey("errors.retry.timeout", Type.LONG, 0,
              "How long (ms) a step is tried again that says it may succeed; -1: for ever.", None, group=ERRORS),
    ConfigKey("errors.retry.delay.max.ms", Type.LONG, 60_000, "The longest wait (ms) before it is tried again.", None,
              group=ERRORS),
    ConfigKey("errors.tolerance", Type.STRING, "none", "none: an error ends the task; all: the record is passed over.",
              one_of("none", "all"), group=ERRORS),
    ConfigKey("errors.log.enable", Type.BOOLEAN, False, "Log each error and the record it is about?", None,
              group=ERRORS),
    ConfigKey("errors.log.include.messages", Type.BOOLEAN, False, "Log what is in the record too?", None,
              group=ERRORS),
)
_SOURCE = _COMMON + ConfigDef(
    ConfigKey("topic.creation.groups", Type.LIST, (), "Groups of settings for topics that are made.", _aliases, LOW),
    ConfigKey("exactly.once.support", Type.STRING, "requested",
              "required: refuse a connector that is not exactly once; requested: take it.",
              one_of_in_any_case("REQUIRED", "REQUESTED"), group="Exactly Once Support"),
    ConfigKey("transaction.boundary", Type.STRING, "poll", "What is one transaction: poll.",
              one_of_in_any_case("INTERVAL", "POLL", "CONNECTOR"), group="Exactly Once Support"),
    ConfigKey("transaction.boundary.interval.ms", Type.LONG, None, "How long a transaction takes, by interval.", None,
              LOW, group="Exactly Once Support"),
    ConfigKey("offsets.storage.topic", Type.STRING, None, "The topic of its positions; else the worker's.", not_empty,
              LOW),
)
_SINK = _COMMON + ConfigDef(
    ConfigKey("topics", Type.LIST, (), "The topics that are read.", _topics, HIGH, group=COMMON),
    ConfigKey("topics.regex", Type.STRING, "", "Or: a regular expression for them.", _pattern, HIGH, group=COMMON),
    ConfigKey("errors.deadletterqueue.topic.name", Type.STRING, "",
              "The topic of records that cannot be dealt with; empty: none.", None, group=ERRORS),
    ConfigKey("errors.deadletterqueue.topic.replication.factor", Type.SHORT, 3,
              "Has no effect: the bundled engine has one copy.", None, group=ERRORS),
    ConfigKey("errors.deadletterqueue.context.headers.enable", Type.BOOLEAN, False,
              "Say in headers where a dead letter comes from, and why?", None, group=ERRORS),
)
# fmt: on


@dataclass(slots=True)
class Validation:
    """A configuration with all that is wrong with it.

    Args:
        values: every setting, its value and its errors.
        connector: the class.
        warnings: what is odd and has no effect.
    """

    values: dict[str, ConfigValue]
    connector: type[SourceConnector] | type[SinkConnector]
    warnings: list[str] = field(default_factory=list)

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by setting."""
        return {name: value.errors for name, value in self.values.items() if value.errors}

    def check(self) -> None:
        """Refuses what is wrong.

        Raises:
            ConfigException: all that is wrong, a line each.
        """
        errors = [said for value in self.values.values() for said in value.errors]
        if errors:
            raise ConfigException(
                f"Connector configuration is invalid and contains the following {len(errors)} error(s):\n"
                + "\n".join(f"  {said}" for said in errors)
            )


def validate(given: Mapping[str, str]) -> Validation:
    """Looks at every setting of a connector.

    Args:
        given: by dotted names.
    Raises:
        BadRequestException: no connector is named, or one that is not there.
    """
    if "connector.class" not in given:
        raise BadRequestException(
            "Connector config contains no connector type. Set connector.class, e.g. connector.class=FileSource."
        )
    try:
        connector = connector_called(given["connector.class"])
    except LookupError as error:
        raise BadRequestException(
            f"Failed to find any class that implements Connector and which name matches {given['connector.class']}, "
            f"{error.args[0]}"
        ) from None
    common = _SINK if issubclass(connector, SinkConnector) else _SOURCE
    values = {value.name: value for value in (common + connector.config_def).validate(given)}
    found = Validation(values, connector)
    _validate_converters(given, values)
    _validate_predicates(given, values)
    _validate_transforms(given, values)
    if common is _SINK:
        _validate_topics(given, values)
    else:
        _validate_source(values)
    connector.validate(values)
    found.warnings.extend(_unknown(given, values))
    return found


def config_of(validation: Validation, given: Mapping[str, str]) -> Config:
    """The parsed settings of a validation without errors."""
    return Config({name: value.value for name, value in validation.values.items()}, dict(given))


def prefixed(definition: ConfigDef, prefix: str, given: Mapping[str, str]) -> dict[str, str]:
    """What of the settings is for a part, without the prefix; only what the part knows."""
    return {key.name: given[prefix + key.name] for key in definition if prefix + key.name in given}


def _part(values: dict[str, ConfigValue], prefix: str, definition: ConfigDef, given: Mapping[str, str]) -> bool:
    """Looks at the settings of a part; is nothing wrong?"""
    good = True
    for value in definition.validate(prefixed(definition, prefix, given)):
        named = f'"{value.name}"'
        value.errors = [
            said.replace(named, f'"{prefix}{value.name}"').replace(
                f"for configuration {value.name}:", f"for configuration {prefix}{value.name}:"
            )
            for said in value.errors
        ]
        value.name = prefix + value.name
        values[value.name] = value
        good = good and not value.errors
    return good


def _validate_converters(given: Mapping[str, str], values: dict[str, ConfigValue]) -> None:
    for name in ("key.converter", "value.converter", "header.converter"):
        said = values[name].value
        if not isinstance(said, str):
            continue
        try:
            plugin = header_converter_called(said) if name == "header.converter" else converter_called(said)
        except LookupError as error:
            values[name].errors.append(_no_class(name, said, error))
            continue
        _part(values, f"{name}.", plugin.config_def, given)


def _no_class(name: str, said: str, error: LookupError) -> str:
    if isinstance(error, AbstractClass):
        return str(error.args[0])
    return str(invalid(name, said, f"Class {said} could not be found. {error.args[0]}"))


def _typed(given: Mapping[str, str], values: dict[str, ConfigValue], name: str) -> str | None:
    """The value of `transforms.NAME.type`; None: it is missing, and that is said."""
    values[name] = ConfigValue(name, given.get(name))
    if given.get(name) is None:
        values[name].errors.append(f'Missing required configuration "{name}" which has no default value.')
    return given.get(name)


def _validate_predicates(given: Mapping[str, str], values: dict[str, ConfigValue]) -> None:
    for alias in _listed(values["predicates"]):
        prefix = f"predicates.{alias}."
        said = _typed(given, values, f"{prefix}type")
        if said is None:
            continue
        try:
            plugin = predicate_called(said)
        except LookupError as error:
            values[f"{prefix}type"].errors.append(_no_class(f"{prefix}type", said, error))
            continue
        _part(values, prefix, plugin.config_def, given)


_STAGE = ConfigDef(
    ConfigKey("predicate", Type.STRING, "", "The alias of the predicate that says for which records."),
    ConfigKey("negate", Type.BOOLEAN, False, "For those that the predicate does not name?"),
)


def _validate_transforms(given: Mapping[str, str], values: dict[str, ConfigValue]) -> None:
    for alias in _listed(values["transforms"]):
        prefix = f"transforms.{alias}."
        said = _typed(given, values, f"{prefix}type")
        _part(values, prefix, _STAGE, given)
        errors = values[f"{prefix}type"].errors
        if f"{prefix}negate" in given and f"{prefix}predicate" not in given:
            errors.append(
                f"Config '{prefix}negate' was provided but there is no config '{prefix}predicate' defining a "
                "predicate to be negated."
            )
        predicate = given.get(f"{prefix}predicate")
        if predicate is not None and predicate not in _listed(values["predicates"]):
            values[f"{prefix}predicate"].errors.append(
                str(invalid(f"{prefix}predicate", predicate, "It is none of those that `predicates` names"))
            )
        if said is None:
            continue
        try:
            plugin = transform_called(said)
        except LookupError as error:
            errors.append(_no_class(f"{prefix}type", said, error))
            continue
        if _part(values, prefix, plugin.config_def, given):
            try:
                plugin.made(plugin.config_def.parse(prefixed(plugin.config_def, prefix, given)))
            except ConfigException as error:
                errors.append(f"{alias}: {error}")


def _listed(value: ConfigValue) -> tuple[str, ...]:
    return tuple(map(str, value.value)) if isinstance(value.value, tuple) and not value.errors else ()


def _validate_topics(given: Mapping[str, str], values: dict[str, ConfigValue]) -> None:
    topics, pattern = values["topics"], values["topics.regex"]
    both = (topics, pattern)
    has_topics, has_pattern = bool(given.get("topics", "").strip()), bool(given.get("topics.regex", "").strip())
    if has_topics and has_pattern:
        for value in both:
            value.errors.append("topics and topics.regex are mutually exclusive options, but both are set.")
    elif not has_topics and not has_pattern:
        for value in both:
            value.errors.append("Must configure one of topics or topics.regex")
    letters = values["errors.deadletterqueue.topic.name"].value
    if not isinstance(letters, str) or not letters:
        return
    if letters in _listed(topics):
        topics.errors.append(
            f"The DLQ topic '{letters}' may not be included in the list of topics "
            f"('topics=[{', '.join(_listed(topics))}]') consumed by the connector"
        )
    if has_pattern and not pattern.errors and compile_pattern(str(pattern.value)).fullmatch(letters):
        pattern.errors.append(
            f"The DLQ topic '{letters}' may not be matched by the regex for the topics "
            f"('topics.regex={pattern.value}') consumed by the connector"
        )


def _validate_source(values: dict[str, ConfigValue]) -> None:
    boundary = values["transaction.boundary"]
    if isinstance(boundary.value, str) and boundary.value.lower() != "poll":
        boundary.errors.append(
            f"{NotYetBuiltException.__name__}: transaction.boundary={boundary.value} is not built yet. What poll() "
            "returns is one transaction: leave it out."
        )
    groups = values["topic.creation.groups"]
    if groups.value:
        groups.errors.append(
            f"{NotYetBuiltException.__name__}: topic.creation.groups is not built yet. Make the topic beforehand: "
            "streams-app topics create NAME --partitions N."
        )


def _unknown(given: Mapping[str, str], values: Mapping[str, ConfigValue]) -> Iterator[str]:
    for name in given:
        if name in values or name.startswith(CLIENTS):
            continue
        near = get_close_matches(name, values, 1, 0.8)
        yield f"The setting {name} is not known here and has no effect." + (f" Did you mean {near[0]}?" if near else "")


# What is made of it


def stages_of(config: Config, given: Mapping[str, str]) -> list[Stage]:
    """The transforms of a checked configuration.

    Raises:
        ConfigException: a transform refuses its settings.
    """
    found = []
    for alias in config.texts("transforms"):
        prefix = f"transforms.{alias}."
        plugin = transform_called(given[f"{prefix}type"])
        transform = plugin.made(plugin.config_def.parse(prefixed(plugin.config_def, prefix, given)))
        named = given.get(f"{prefix}predicate")
        predicate = None
        if named is not None:
            where = f"predicates.{named}."
            which = predicate_called(given[f"{where}type"])
            predicate = which.made(which.config_def.parse(prefixed(which.config_def, where, given)))
        negate = str(given.get(f"{prefix}negate", "false")).strip().lower() == "true"
        found.append(Stage(alias, transform, predicate, negate))
    return found


