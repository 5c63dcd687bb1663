"""What settings a connector, a transform or a converter has, and what is wrong with those that were given.

As `org.apache.kafka.common.config.ConfigDef`: every setting is looked at, and all that is wrong is told, setting by
setting; the words are Kafka's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.config.table import Check, Resolve, Setting, Type, invalid
from streams.connect.password import HIDDEN, Password
from streams.errors import ConfigException

__all__ = ["Config", "ConfigDef", "ConfigKey", "ConfigValue", "Importance", "Required", "Type"]


class Importance(Enum):
    """How much a setting matters."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Required(Enum):
    """The default of a setting that has none: it must be given."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One setting.

    Args:
        name: dotted.
        type: of its value.
        default: as a parsed value; `REQUIRED`: it must be given.
        doc: what it means.
        check: of a parsed value.
        importance: how much it matters.
        resolve: for `Type.CLASS`: from a name to the object.
        group: under which heading it is shown.
        recommended: values to choose from.
        display_name: what a form calls it; "": its name.
    """

    name: str
    type: Type
    default: object
    doc: str
    check: Check | None = None
    importance: Importance = Importance.MEDIUM
    resolve: Resolve | None = None
    group: str | None = None
    recommended: tuple[object, ...] = ()
    display_name: str = ""

    @property
    def required(self) -> bool:
        """Must it be given?"""
        return self.default is REQUIRED

    def parse(self, given: object) -> object:
        """The value that is meant; a password as a `Password`.

        Raises:
            ConfigException: it is not allowed.
        """
        value = given
        if given is not None:
            value = Setting(self.name, self.type, None, self.doc, resolve=self.resolve).parse(given)
        if self.type is Type.PASSWORD and isinstance(value, str):
            value = Password(value)
        if self.check is not None:
            self.check(self.name, value)
        return value


@dataclass(slots=True)
class ConfigValue:
    """A setting as it was given: its parsed value (None where that could not be had), what is wrong with it, and what
    it is (None: nobody has defined it, or somebody else)."""

    name: str
    value: object
    recommended: tuple[object, ...] = ()
    errors: list[str] = field(default_factory=list)
    visible: bool = True
    key: ConfigKey | None = None

    @property
    def shown(self) -> object:
        """The value, hidden where it is a secret."""
        return HIDDEN if isinstance(self.value, Password) else self.value


class ConfigDef:
    """The settings of a connector, a task, a transform or a converter, in the order in which they are shown.

    >>> from streams.connect.config_def import REQUIRED, ConfigDef, ConfigKey, Type
    >>> lines = ConfigDef(ConfigKey("file", Type.STRING, REQUIRED, "What is read."))
    >>> lines.validate({})[0].errors
    ['Missing required configuration "file" which has no default value.']

    Args:
        keys: the settings.
    """

    __slots__ = ("keys",)

    def __init__(self, *keys: ConfigKey) -> None:
        self.keys: Mapping[str, ConfigKey] = {key.name: key for key in keys}

    def __iter__(self) -> Iterator[ConfigKey]:
        return iter(self.keys.values())

    def __add__(self, other: ConfigDef) -> ConfigDef:
        return ConfigDef(*self, *other)

    def validate(self, given: Mapping[str, object]) -> list[ConfigValue]:
        """Every setting with its value and what is wrong with it; those that nobody knows are not looked at.

        Args:
            given: by name, mostly text.
        """
        return [_validated(key, given) for key in self]

    def parse(self, given: Mapping[str, object]) -> Config:
        """The settings, checked.

        Raises:
            ConfigException: one is missing, or not allowed; the first of them is named.
        """
        values: dict[str, object] = {}
        for key in self:
            found = _validated(key, given)
            if found.errors:
                raise ConfigException(found.errors[0])
            values[key.name] = found.value
        return Config(values, dict(given))


def _validated(key: ConfigKey, given: Mapping[str, object]) -> ConfigValue:
    found = ConfigValue(key.name, None, key.recommended, key=key)
    if key.name not in given and key.required:
        found.errors.append(f'Missing required configuration "{key.name}" which has no default value.')
        return found
    try:
        found.value = key.parse(given[key.name]) if key.name in given else key.default
    except ConfigException as error:
        found.errors.append(str(error))
    return found


@dataclass(frozen=True, slots=True)
class Config:
    """Checked settings: parsed values by name, and all that was given, as it was written.

    What was given may hold secrets: it is handed on, never shown.
    """

    values: Mapping[str, object]
    originals: Mapping[str, object] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> object:
        return self.values[name]

    def text(self, name: str) -> str:
        """Text, "" where there is none."""
        value = self.values[name]
        return "" if value is None else str(value)

    def number(self, name: str) -> int:
        """A whole number; durations are ms."""
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def flag(self, name: str) -> bool:
        """A truth value."""
        return bool(self.values[name])

    def texts(self, name: str) -> tuple[str, ...]:
        """The entries of a list."""
        value = self.values[name]
        assert isinstance(value, list | tuple)
        return tuple(map(str, value))

    def password(self, name: str) -> str | None:
        """A secret in the clear, None where there is none. For the other side only: never print it."""
        value = self.values[name]
        return value.value if isinstance(value, Password) else None


def missing(name: str, value: object = None) -> ConfigException:
    """The error for a setting that is needed here, although it is not always."""
    return invalid(name, value, "It is needed here")
