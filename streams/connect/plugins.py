"""What can be named in a configuration: connectors, converters, transforms and predicates, by short names, by those of
Kafka's Java classes, and by `package.module:Class` for one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from streams.config.classes import imported
from streams.connect.config_def import Config, ConfigDef
from streams.connect.connector import SinkConnector, SourceConnector
from streams.connect.converters.base import Converter, HeaderConverter, OfHeaders
from streams.connect.predicates.base import Predicate
from streams.connect.transforms.base import Side, Transform

_TRANSFORMS_PACKAGE = "org.apache.kafka.connect.transforms."
_PREDICATES_PACKAGE = f"{_TRANSFORMS_PACKAGE}predicates."
_STORAGE = "org.apache.kafka.connect.storage."
_CONVERTERS_PACKAGE = "org.apache.kafka.connect.converters."
_JSON = "org.apache.kafka.connect.json."
OWN = "Give package.module:Class for one of your own."

SIDED: Mapping[str, str] = {
    "Cast": "cast",
    "ExtractField": "extract_field",
    "Flatten": "flatten",
    "HeaderFrom": "header_from",
    "HoistField": "hoist_field",
    "InsertField": "insert_field",
    "MaskField": "mask_field",
    "ReplaceField": "replace_field",
    "SetSchemaMetadata": "set_schema_metadata",
    "TimestampConverter": "timestamp_converter",
}
"""Transforms of a key or a value (`Cast$Key`, `Cast$Value`), with their files."""
WHOLE: Mapping[str, str] = {
    "DropHeaders": "drop_headers",
    "Filter": "filter",
    "InsertHeader": "insert_header",
    "RegexRouter": "regex_router",
    "TimestampRouter": "timestamp_router",
    "ValueToKey": "value_to_key",
}
"""Transforms of a record, with their files."""
PREDICATES: Mapping[str, str] = {
    "HasHeaderKey": "has_header_key",
    "RecordIsTombstone": "record_is_tombstone",
    "TopicNameMatches": "topic_name_matches",
}
CONVERTERS: Mapping[str, tuple[str, str]] = {
    "StringConverter": (_STORAGE, "string"),
    "ByteArrayConverter": (_CONVERTERS_PACKAGE, "byte_array"),
    "BooleanConverter": (_CONVERTERS_PACKAGE, "number"),
    "ShortConverter": (_CONVERTERS_PACKAGE, "number"),
    "IntegerConverter": (_CONVERTERS_PACKAGE, "number"),
    "LongConverter": (_CONVERTERS_PACKAGE, "number"),
    "FloatConverter": (_CONVERTERS_PACKAGE, "number"),
    "DoubleConverter": (_CONVERTERS_PACKAGE, "number"),
    "JsonConverter": (_JSON, "json"),
}
"""Converters with their Java packages and their files."""
SIMPLE_HEADERS = "SimpleHeaderConverter"
CONNECTORS: Mapping[str, str] = {
    "CsvSource": "streams.connect.file.csv_source",
    "FileSink": "streams.connect.file.sink",
    "FileSource": "streams.connect.file.source",
    "JdbcSink": "streams.connect.jdbc.sink",
    "JdbcSource": "streams.connect.jdbc.source",
}
"""Connectors by their short names, with their files."""
ALIASES: Mapping[str, str] = {
    **dict.fromkeys(
        ("FileStreamSource", "FileStreamSourceConnector", "org.apache.kafka.connect.file.FileStreamSourceConnector"),
        "FileSource",
    ),
    **dict.fromkeys(
        ("FileStreamSink", "FileStreamSinkConnector", "org.apache.kafka.connect.file.FileStreamSinkConnector"),
        "FileSink",
    ),
    **{
        f"{package}Jdbc{kind}Connector": f"Jdbc{kind}"
        for package in ("", "io.confluent.connect.jdbc.", "io.aiven.connect.jdbc.", "io.aiven.kafka.connect.jdbc.")
        for kind in ("Source", "Sink")
    },
}
"""Names of Java's connectors, and which of ours stands for each."""


@dataclass(frozen=True, slots=True)
class TransformPlugin:
    """A transform by its name: its settings, and how one is made."""

    name: str
    config_def: ConfigDef
    made: Callable[[Config], Transform]


@dataclass(frozen=True, slots=True)
class PredicatePlugin:
    """A predicate by its name."""

    name: str
    config_def: ConfigDef
    made: Callable[[Config], Predicate]


@dataclass(frozen=True, slots=True)
class ConverterPlugin:
    """A converter by its name."""

    name: str
    config_def: ConfigDef
    made: Callable[[Config, bool], Converter]


@dataclass(frozen=True, slots=True)
class HeaderConverterPlugin:
    """A converter of headers by its name."""

    name: str
    config_def: ConfigDef
    made: Callable[[Config], HeaderConverter]


class AbstractClass(LookupError):
    """A class that only its kinds can be made of; the message names them."""


def _found(room: str, file: str, name: str) -> object:
    return getattr(import_module(f"streams.connect.{room}.{file}"), name)


def _own(name: str, kind: str, *methods: str) -> type:
    """The user's class, which has these methods.

    Raises:
        LookupError: there is none of that name, or it lacks one.
    """
    found = imported(name, OWN)
    if not isinstance(found, type):
        raise LookupError(f"{name} is no class.")
    lacking = [method for method in methods if not callable(getattr(found, method, None))]
    if lacking:
        raise LookupError(f"Class {found.__qualname__} does not implement {kind}: it has no {', '.join(lacking)}.")
    return found


def config_def_of(made: object) -> ConfigDef:
    """The settings that a class says it has; those of one that says nothing: none."""
    found: object = getattr(made, "config_def", None)
    return found if isinstance(found, ConfigDef) else ConfigDef()


def transform_called(name: str) -> TransformPlugin:
    """The transform of a name.

    Raises:
        LookupError: there is none; `AbstractClass`: the name is that of both sides.
    """
    short, _, side = name.removeprefix(_TRANSFORMS_PACKAGE).partition("$")
    if short in SIDED and side in ("Key", "Value"):
        made = _found("transforms", SIDED[short], short)
        where = Side(side)
        return TransformPlugin(f"{_TRANSFORMS_PACKAGE}{short}${side}", config_def_of(made), _sided(made, where))
    if short in SIDED and not side and name.startswith(_TRANSFORMS_PACKAGE):
        both = f"{name}$Key, {name}$Value"
        raise AbstractClass(f"This class is abstract and cannot be created. Did you mean {both}?")
    if short in WHOLE and not side:
        made = _found("transforms", WHOLE[short], short)
        return TransformPlugin(f"{_TRANSFORMS_PACKAGE}{short}", config_def_of(made), _of_config(made))
    if short in SIDED:
        raise LookupError(f"Did you mean {short}$Key, {short}$Value?")
    own = _own(name, "Transform", "apply")
    return TransformPlugin(name, config_def_of(own), _of_config(own))


def _sided(made: object, side: Side) -> Callable[[Config], Transform]:
    assert callable(made)
    return lambda config: made(config, side)


def _of_config(made: object) -> Callable[[Config], Transform]:
    assert callable(made)
    return lambda config: made(config)


def predicate_called(name: str) -> PredicatePlugin:
    """The predicate of a name; LookupError: there is none."""
    short = name.removeprefix(_PREDICATES_PACKAGE)
    if short in PREDICATES:
        made = _found("predicates", PREDICATES[short], short)
        full = f"{_PREDICATES_PACKAGE}{short}"
    else:
        made, full = _own(name, "Predicate", "test"), name
    assert callable(made)
    return PredicatePlugin(full, config_def_of(made), lambda config: made(config))


def converter_called(name: str) -> ConverterPlugin:
    """The converter of a name, such as `JsonConverter`; LookupError: there is none."""
    short = name.rpartition(".")[2]
    known = CONVERTERS.get(short)
    if known is not None and name in (short, f"{known[0]}{short}"):
        made, full = _found("converters", known[1], short), f"{known[0]}{short}"
    else:
        made, full = _own(name, "the Converter interface", "from_connect_data", "to_connect_data"), name
    assert callable(made)
    return ConverterPlugin(full, config_def_of(made), lambda config, is_key: made(config, is_key))


def header_converter_called(name: str) -> HeaderConverterPlugin:
    """The converter of headers of a name; LookupError: there is none."""
    if name.removeprefix(_STORAGE) == SIMPLE_HEADERS:
        made, full = _found("converters", "simple_header", SIMPLE_HEADERS), f"{_STORAGE}{SIMPLE_HEADERS}"
        assert callable(made)
        return HeaderConverterPlugin(full, config_def_of(made), lambda config: made(config))
    plugin = converter_called(name)
    return HeaderConverterPlugin(plugin.name, plugin.config_def, lambda config: OfHeaders(plugin.made(config, False)))


def connector_called(name: str) -> type[SourceConnector] | type[SinkConnector]:
    """The connector of a name; LookupError: there is none."""
    short = ALIASES.get(name, name)
    if short in CONNECTORS:
        found = getattr(import_module(CONNECTORS[short]), short)
    elif ":" in name:
        found = imported(name, OWN)
    else:
        raise LookupError(f"available connectors are: {', '.join(CONNECTORS)}. {OWN}")
    if not isinstance(found, type) or not issubclass(found, SourceConnector | SinkConnector):
        raise LookupError(f"it derives neither from SourceConnector nor from SinkConnector. {OWN}")
    return found
