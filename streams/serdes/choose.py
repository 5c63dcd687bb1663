"""Which serde an operator uses: its own, or the default of the configuration.

Default serdes are None, as in Java: an operator that needs one and has none fails when it is made, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from streams.errors import ConfigException, KafkaException, StreamsException
from streams.serdes import Serde, Serdes
from streams.serdes.base import in_java

Side = Literal["key", "value"]

_NAMED: Mapping[str, Callable[[], Serde[Any]]] = {
    "string": Serdes.string,
    "bytes": Serdes.bytes,
    "byte_array": Serdes.bytes,
    "integer": Serdes.integer,
    "long": Serdes.long,
    "short": Serdes.short,
    "float": Serdes.float,
    "double": Serdes.double,
    "boolean": Serdes.boolean,
    "uuid": Serdes.uuid,
    "void": Serdes.void,
    "json": Serdes.json,
    "msgpack": Serdes.msgpack,
}
SERDE_NAMES = tuple(_NAMED)
"""Names of serdes that need no argument; a setting may be one of them."""

# What Java's configuration files say.
_JAVA_CLASSES = {
    "StringSerde": "string",
    "BytesSerde": "bytes",
    "ByteArraySerde": "bytes",
    "ByteBufferSerde": "bytes",
    "IntegerSerde": "integer",
    "LongSerde": "long",
    "ShortSerde": "short",
    "FloatSerde": "float",
    "DoubleSerde": "double",
    "BooleanSerde": "boolean",
    "UUIDSerde": "uuid",
    "VoidSerde": "void",
}


def named_serde(name: str) -> Serde[Any] | None:
    """The serde of that name (`string`, `json`, …, or Java's class name), None if there is none."""
    java = name.removeprefix("org.apache.kafka.common.serialization.").removeprefix("Serdes$")
    make = _NAMED.get(_JAVA_CLASSES.get(java, name))
    return None if make is None else make()


def default_serde(config: Mapping[str, object], side: Side) -> Serde[Any] | None:
    """The serde of `default.key.serde` or `default.value.serde`; None if it is not set.

    Raises:
        StreamsException: what is set is no serde.
    """
    setting = f"default.{side}.serde"
    given = config.get(setting)
    if given is None or isinstance(given, Serde):
        return given
    found = named_serde(given) if isinstance(given, str) else None
    if found is None:
        said = f"class {given.__qualname__}" if isinstance(given, type) else repr(given)
        raise StreamsException(
            f"Failed to configure {side} serde {said}: set {setting} to an object such as Serdes.string(), or to "
            f"one of the names {', '.join(SERDE_NAMES)}."
        ) from KafkaException(f"{said} is not an instance of Serde")
    return found


def choose(chosen: Serde[Any] | None, config: Mapping[str, object], side: Side, where: str) -> Serde[Any]:
    """The serde that is used: the one given, or the configured one.

    Args:
        chosen: given to the operator, or come downstream to it.
        config: the application's settings.
        side: key or value.
        where: what needs it, for the message: an operator's name, or `store counts`.
    Raises:
        ConfigException: there is none.
        StreamsException: what is configured is no serde.
    """
    found = chosen or default_serde(config, side)
    if found is None:
        raise ConfigException(
            f"{where} has no {side} serde. Give it one, {side}_serde=Serdes.string() for instance, or set "
            f"default.{side}.serde."
            + in_java(
                f"Please specify a {side} serde or set one through "
                f"StreamsConfig#DEFAULT_{side.upper()}_SERDE_CLASS_CONFIG"
            )
        )
    return found
