"""One row a setting: its name, type, default, check and meaning, and how a given value is understood.

Types and texts are those of Kafka's `ConfigDef`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum

from streams.durations import to_ms
from streams.errors import ConfigException, NotYetBuiltException


class Type(Enum):
    """What kind of value a setting takes. A list may be text with commas; numbers and truth values may be
    text, and a text may be a whole number."""

    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    INT = "INT"
    SHORT = "SHORT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    LIST = "LIST"
    CLASS = "CLASS"
    """An object, or the name of one."""
    PASSWORD = "PASSWORD"


Check = Callable[[str, object], None]
"""`(name, value)`: raises `ConfigException` for a value that is not allowed."""

Resolve = Callable[[str], object]
"""From the name of a thing to the thing; raises `LookupError`."""

_digits = re.compile(r"[+-]?[0-9]{1,40}").fullmatch
_BITS = {Type.SHORT: 16, Type.INT: 32, Type.LONG: 64}
_SAID = {
    Type.SHORT: "a 16-bit integer (short)",
    Type.INT: "a 32-bit integer",
    Type.LONG: "a 64-bit integer (long)",
    Type.DOUBLE: "a double",
    Type.STRING: "a string",
    Type.PASSWORD: "a string",
}
"""Types in the words of Kafka's `ConfigDef.parseType`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Args:
        name: dotted, Kafka's.
        type: of its value.
        default: as a parsed value.
        doc: one line of meaning.
        check: of a parsed value.
        resolve: for `CLASS`: from a name to the object.
        required: must it be given?
        not_built: why a value other than the default is refused for now; None: it is built.
        built_values: values other than the default that work although `not_built` is said.
        no_meaning: why it can never have a meaning here; None: it has one.
        of_kafka: it is about connections to Apache Kafka, or what only Apache Kafka does: the bundled engine refuses
            it. With `not_built` it works on Apache Kafka, and is to come for the bundled engine.
    """

    name: str
    type: Type
    default: object
    doc: str
    check: Check | None = None
    resolve: Resolve | None = None
    required: bool = False
    not_built: str | None = None
    built_values: tuple[object, ...] = ()
    no_meaning: str | None = None
    of_kafka: bool = False

    @property
    def built(self) -> bool:
        """Does every allowed value work?"""
        return self.not_built is None and self.no_meaning is None

    def parse(self, given: object, name: str | None = None) -> object:
        """The value that is meant.

        Args:
            given: as it was written; None (an empty entry of a file) means the default.
            name: with its prefix, for messages.
        Raises:
            ConfigException: it is not allowed.
        """
        shown = name or self.name
        value = self.default if given is None else _parse(self, shown, given)
        if self.check is not None:
            self.check(shown, value)
        return value

    def refuse_unbuilt(self, value: object, name: str | None = None, bundled: bool = True) -> None:
        """Refuses a parsed value that does not work here (decision 38): nothing is taken and ignored.

        Args:
            value: as `parse` gave it.
            name: with its prefix, for messages.
            bundled: is it for the bundled engine?
        Raises:
            ConfigException: it can never have a meaning here.
            NotYetBuiltException: it is known, but not built yet.
        """
        works = not bundled and self.no_meaning is None if self.of_kafka else self.built
        if works or value == self.default or value in self.built_values:
            return
        shown = name or self.name
        if self.no_meaning is not None:
            raise ConfigException(f"The setting {shown} has no meaning here: {self.no_meaning}. Leave it out.")
        if self.not_built is None:
            raise ConfigException(
                f"The setting {shown} has no meaning for the bundled engine: it is about connections to Apache Kafka, "
                "or what only Kafka does. Leave it out."
            )
        said = "[hidden]" if self.type is Type.PASSWORD else text_of(value)
        raise NotYetBuiltException(
            f"{shown}={said} comes with {self.not_built}; not built yet. "
            f"Leave it out, or set it to {text_of(self.default)}."
        )


def of_kafka(
    name: str,
    kind: Type,
    default: object,
    doc: str,
    check: Check | None = None,
    no_meaning: str | None = None,
    built_values: tuple[object, ...] = (),
) -> Setting:
    """A setting about connections to Apache Kafka, or of what only Apache Kafka does; with `no_meaning` none of ours
    does it either."""
    return Setting(name, kind, default, doc, check, no_meaning=no_meaning, built_values=built_values, of_kafka=True)


def invalid(name: str, value: object, why: str) -> ConfigException:
    """The error for a value that is not allowed, with Kafka's words."""
    return ConfigException(f"Invalid value {text_of(value)} for configuration {name}: {why}")


def text_of(value: object) -> str:
    """A value as Kafka's messages write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(text_of(entry) for entry in value)}]"
    return str(value)


_SECRET = ("password", "secret", "jaas", "passphrase", "ssl.keystore.key")
_user = re.compile(r"//[^/@\s]+@")


def is_secret(name: str) -> bool:
    """Is the value of a setting of this name never to be shown?"""
    return any(word in name.lower() for word in _SECRET)


def shown_text(name: str, value: object) -> str:
    """A value for people's eyes: secrets are hidden, and so is who logs in at an address; of an object its name."""
    if is_secret(name) and value is not None:
        return "[hidden]"
    if isinstance(value, list | tuple):
        return ",".join(shown_text(name, entry) for entry in value)
    if value is None or isinstance(value, str | int | float):
        return _user.sub("//[hidden]@", text_of(value))
    if isinstance(value, timedelta):
        return str(to_ms(value, name))
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"{kind.__module__}.{getattr(kind, '__qualname__', '')}"


def _parse(setting: Setting, name: str, given: object) -> object:
    kind = setting.type
    value = given.strip() if isinstance(given, str) and kind is not Type.PASSWORD else given
    if kind is Type.BOOLEAN:
        return _boolean(name, value)
    if kind in _BITS:
        return _whole(name, kind, value)
    if kind is Type.DOUBLE:
        return _double(name, kind, value)
    if kind is Type.LIST:
        return _list(name, value)
    if kind is Type.CLASS:
        return _object(setting, name, value)
    if kind is Type.STRING and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # `acks=1`, `client.id: 7`: YAML and Python write them so
    if not isinstance(value, str):
        raise _other(name, kind, "[hidden]" if kind is Type.PASSWORD else value, value)
    _check_encodable(name, value)
    return value


def _check_encodable(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise invalid(
            name, ascii(value), f"It has a lone surrogate at character {error.start}, which UTF-8 cannot hold"
        ) from None


def _other(name: str, kind: Type, shown: object, value: object) -> ConfigException:
    return invalid(name, shown, f"Expected value to be {_SAID[kind]}, but it was a {type(value).__name__}")


def _boolean(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise invalid(name, value, "Expected value to be either true or false")


def _whole(name: str, kind: Type, value: object) -> int:
    if isinstance(value, timedelta):
        value = to_ms(value, name)
    found = value
    if isinstance(value, str):
        if _digits(value) is None:
            raise invalid(name, value, f"Not a number of type {kind.value}")
        found = int(value)
    if isinstance(found, bool) or not isinstance(found, int):
        raise _other(name, kind, value, value)
    bits = _BITS[kind]
    if not -1 << bits - 1 <= found < 1 << bits - 1:
        raise invalid(name, value, f"Not a number of type {kind.value}")
    return found


def _double(name: str, kind: Type, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _other(name, kind, value, value)
    try:
        found = float(value) if not isinstance(value, str) or "_" not in value else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):  # no bound would hold it: it is neither below nor above any
        raise invalid(name, value, f"Not a number of type {kind.value}")
    return found


def _list(name: str, value: object) -> tuple[object, ...]:
    if isinstance(value, str):
        return tuple(entry.strip() for entry in value.split(",")) if value else ()
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray | Mapping):
        return tuple(value)
    raise invalid(name, value, "Expected a comma separated list.")


def _object(setting: Setting, name: str, value: object) -> object:
    if not isinstance(value, str) or setting.resolve is None:
        return value
    try:
        return setting.resolve(value)
    except LookupError as error:
        hint = f" {error.args[0]}" if error.args and error.args[0] else ""
        raise invalid(name, value, f"Class {value} could not be found.{hint}") from None


# Checks


def at_least(low: float) -> Check:
    """A number of at least `low`."""

    def check(name: str, value: object) -> None:
        if isinstance(value, int | float) and value < low:
            raise invalid(name, value, f"Value must be at least {low}")

    return check


def between(low: float, high: float) -> Check:
    """A number from `low` to `high`, both included."""

    def check(name: str, value: object) -> None:
        at_least(low)(name, value)
        if isinstance(value, int | float) and value > high:
            raise invalid(name, value, f"Value must be no more than {high}")

    return check


def one_of(*allowed: str | None) -> Check:
    """One of these words."""

    def check(name: str, value: object) -> None:
        if value not in allowed:
            words = ", ".join("null" if word is None else word for word in allowed)
            raise invalid(name, value, f"String must be one of: {words}")

    return check


def one_of_in_any_case(*allowed: str) -> Check:
    """One of these words, in small or capital letters."""

    def check(name: str, value: object) -> None:
        if value is None or str(value).upper() not in allowed:
            words = ", ".join(allowed)
            raise invalid(name, value, f"String must be one of (case insensitive): {words}")

    return check


def at_most(size: int) -> Check:
    """A list of at most `size` entries."""

    def check(name: str, value: object) -> None:
        if isinstance(value, tuple) and len(value) > size:
            raise invalid(name, value, f"exceeds maximum list size of [{size}].")

    return check


def texts(name: str, value: object) -> None:
    """A list of text, none of it empty."""
    for entry in value if isinstance(value, tuple) else ():
        if not isinstance(entry, str) or not entry:
            raise invalid(name, value, f"Its entries are text, and {entry!r} is none")
        _check_encodable(name, entry)


def not_empty(name: str, value: object) -> None:
    """Text with at least one character."""
    if value == "":
        raise invalid(name, value, "String must be non-empty")


def named(settings: object) -> dict[str, object]:
    """A copy of settings that were handed over.

    Raises:
        ConfigException: they are no mapping, or one of them has no name.
    """
    if not isinstance(settings, Mapping):
        raise ConfigException(f"Settings are a mapping of names to values, got {settings!r}.")
    for name in settings:
        if not isinstance(name, str):
            raise ConfigException(f"The name of a setting is text, got {name!r}.")
    return dict(settings)


@contextmanager
def located(where: str) -> Iterator[None]:
    """Puts the file and the line in front of what is wrong with a setting."""
    try:
        yield
    except ConfigException as error:
        raise type(error)(f"{where}: {error}") from None


def table(settings: Iterable[Setting]) -> dict[str, Setting]:
    """Settings by their names."""
    return {setting.name: setting for setting in settings}


OF_LIBRDKAFKA: Mapping[str, str] = {
    "auto.commit.enable": "enable.auto.commit",
    "compression.codec": "compression.type",
    "fetch.wait.max.ms": "fetch.max.wait.ms",
    "message.max.bytes": "max.request.size",
    "message.timeout.ms": "delivery.timeout.ms",
    "metadata.broker.list": "bootstrap.servers",
    "queue.buffering.max.kbytes": "buffer.memory",
    "queue.buffering.max.ms": "linger.ms",
    "request.required.acks": "acks",
    "sasl.mechanisms": "sasl.mechanism",
    "sasl.password": "sasl.jaas.config",
    "sasl.username": "sasl.jaas.config",
    "ssl.ca.location": "ssl.truststore.location",
    "ssl.certificate.location": "ssl.keystore.location",
    "ssl.key.location": "ssl.keystore.location",
}
"""librdkafka's own names for what Kafka has another name for."""


def unknown(name: str, known: Mapping[str, object] | Iterable[str]) -> ConfigException:
    """The error for a setting that nobody knows, with the nearest one that is."""
    near = get_close_matches(name, list(known), 1, 0.6)
    hint = f" Did you mean {near[0]}?" if near else " The documentation lists the known ones."
    plain = next((theirs for theirs in OF_LIBRDKAFKA if name == theirs or name.endswith(f".{theirs}")), None)
    if plain is not None:
        hint = f" It is librdkafka's name for what Kafka calls {OF_LIBRDKAFKA[plain]}."
    said = name if name.isprintable() and name else repr(name)
    return ConfigException(f"Unknown configuration {said}.{hint}")
