"""`StreamsConfig`: the checked settings of one application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from streams.config.clients import ADMIN, CONSUMER, PREFIXES, PRODUCER, is_bundled
from streams.config.derived import admin_settings, check_exactly_once, consumer_settings, producer_settings
from streams.config.streams import EXACTLY_ONCE_V2, SETTINGS, optimizations
from streams.config.table import Setting, invalid, is_secret, named, text_of, unknown
from streams.errors import ConfigException, NotYetBuiltException
from streams.serdes.base import Serde
from streams.serdes.choose import default_serde

CLIENT_TAG = "client.tag."
_TAG_KEY_LENGTH, _TAG_VALUE_LENGTH = 20, 30

_OLDER_NAMES = {
    "cache.max.bytes.buffering": "statestore.cache.max.bytes",
    "default.deserialization.exception.handler": "deserialization.exception.handler",
    "default.production.exception.handler": "production.exception.handler",
}

_UNPREFIXED: Mapping[str, Setting] = MappingProxyType(
    {name: setting for name, setting in {**ADMIN, **PRODUCER, **CONSUMER}.items() if name != "group.protocol"}
)
"""Settings of clients that may be given without a prefix; `group.protocol` is the application's own there."""
_KEYWORDS = {name.replace(".", "_"): name for name in (*_UNPREFIXED, *SETTINGS)}


def dotted(keyword: str) -> str:
    """The setting that a keyword means: `commit_interval_ms` is `commit.interval.ms`.

    Raises:
        ConfigException: there is none, with the nearest that is.
    """
    found = _KEYWORDS.get(keyword)
    if found is None:
        raise unknown(keyword, _KEYWORDS)
    return found


def check_setting(name: str, value: object) -> tuple[Setting, object] | None:
    """Holds one setting against its table, whether it works here or not.

    Returns:
        its row and the value that is meant; None for a tag, which may have any name.
    Raises:
        ConfigException: it is unknown, or its value is not allowed.
    """
    return None if name.startswith(CLIENT_TAG) else StreamsConfig.of_topology(None)._take(name, value)[:2]


def _put(place: dict[str, object], name: str, given: object, parsed: object) -> object:
    """Keeps a client's setting, unless it was given empty: then the client has its default, or what Streams says."""
    if given is not None:
        place[name] = parsed
    return parsed


class StreamsConfig(Mapping[str, object]):
    """The settings of an application: known, of the right type, allowed and built. Does not change.

    As a mapping it gives every setting of Kafka Streams, with its default where it was not given.

    Args:
        settings: by dotted name; prefixed ones too (`consumer.fetch.min.bytes`).
        keywords: the same with underscores: `commit_interval_ms=50`. They win over `settings`.
    Raises:
        ConfigException: a setting is unknown, missing, or its value not allowed.
        NotYetBuiltException: a value is known, but not built yet.
    """

    __slots__ = ("_originals", "_prefixed", "_unprefixed", "_values")

    def __init__(self, settings: Mapping[str, object] | None = None, /, **keywords: object) -> None:
        given = {} if settings is None else named(settings)
        self._read({**given, **{dotted(name): value for name, value in keywords.items()}}, SETTINGS)

    @classmethod
    def of(cls, settings: Mapping[str, object] | StreamsConfig | None) -> StreamsConfig:
        """`settings` themselves where they have been checked already."""
        return settings if isinstance(settings, StreamsConfig) else cls(settings)

    @classmethod
    def of_topology(cls, settings: Mapping[str, object] | StreamsConfig | None) -> StreamsConfig:
        """The settings a topology is built with: the application need not have a name yet."""
        if isinstance(settings, StreamsConfig):
            return settings
        made = cls.__new__(cls)
        made._read({} if settings is None else named(settings), {})
        return made

    def _read(self, given: Mapping[str, object], required: Mapping[str, Setting]) -> None:
        self._originals = MappingProxyType(dict(given))
        self._values: dict[str, object] = {name: setting.default for name, setting in SETTINGS.items()}
        self._unprefixed: dict[str, object] = {}
        self._prefixed: dict[str, dict[str, object]] = {prefix: {} for prefix in PREFIXES}
        for name, setting in required.items():
            if setting.required and given.get(name) is None:
                raise ConfigException(f'Missing required configuration "{name}" which has no default value.')
        read: list[tuple[Setting, object, str]] = []
        for name, value in given.items():
            if not name.startswith(CLIENT_TAG):
                read.append(self._take(name, value))
        for older, name in _OLDER_NAMES.items():
            if older in given and name not in given:
                self._values[name] = self._values[older]
        if self._values["dsl.store.suppliers.class"] is not None:
            # Java's newer setting beats the older one.
            self._values["default.dsl.store"] = self._values["dsl.store.suppliers.class"]
        self._check_together(given)
        bundled = is_bundled(self._values["bootstrap.servers"])
        for setting, parsed, name in read:
            setting.refuse_unbuilt(parsed, name, bundled)

    def _take(self, name: str, value: object) -> tuple[Setting, object, str]:
        """Parses one setting into its place."""
        setting = SETTINGS.get(name)
        if setting is not None:
            parsed = self._values[name] = setting.parse(value)
            if name in _UNPREFIXED:
                _put(self._unprefixed, name, value, _UNPREFIXED[name].parse(value))
            return setting, parsed, name
        setting = _UNPREFIXED.get(name)
        if setting is not None:
            return setting, _put(self._unprefixed, name, value, setting.parse(value)), name
        for prefix, table in PREFIXES.items():
            rest = name.removeprefix(prefix)
            if rest != name:
                if rest not in table:
                    raise unknown(name, (prefix + known for known in table))
                parsed = table[rest].parse(value, name)
                return table[rest], _put(self._prefixed[prefix], rest, value, parsed), name
        raise unknown(name, (*SETTINGS, *_UNPREFIXED))

    def _check_together(self, given: Mapping[str, object]) -> None:
        """What Java checks between settings."""
        tags = {name.removeprefix(CLIENT_TAG): value for name, value in given.items() if name.startswith(CLIENT_TAG)}
        for key, value in tags.items():
            if len(key) > _TAG_KEY_LENGTH:
                raise invalid(CLIENT_TAG + key, key, f"Tag key exceeds maximum length of {_TAG_KEY_LENGTH}.")
            if len(str(value)) > _TAG_VALUE_LENGTH:
                raise invalid(CLIENT_TAG + key, value, f"Tag value exceeds maximum length of {_TAG_VALUE_LENGTH}.")
        wanted = self.get_list("rack.aware.assignment.tags")
        missing = [tag for tag in wanted if tag not in tags]
        if missing:
            raise invalid(
                "rack.aware.assignment.tags",
                wanted,
                f"Contains invalid value {text_of(missing)} which doesn't have corresponding tag set "
                f"via [{CLIENT_TAG}] prefix.",
            )
        static = self._unprefixed.get("group.instance.id") or self._prefixed["consumer."].get("group.instance.id")
        if self.get_string("group.protocol").lower() == "streams" and static is not None:
            raise ConfigException(
                "Streams rebalance protocol does not support static membership. Please set "
                "group.protocol=classic or remove group.instance.id from the configuration."
            )
        if self.exactly_once:
            check_exactly_once(self)
        if tags:
            raise NotYetBuiltException(
                f"{CLIENT_TAG}{next(iter(tags))} comes with rack-aware assignment; not built yet. Leave it out."
            )

    def __getitem__(self, name: str) -> object:
        try:
            return self._values[name]
        except KeyError:
            raise unknown(name, self._values) from None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def get(self, name: str, default: object = None) -> object:
        """The setting, or `default` where there is none of that name."""
        return self._values.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = {name: "[hidden]" if is_secret(name) else value for name, value in self._originals.items()}
        return f"StreamsConfig({shown})"

    @property
    def originals(self) -> Mapping[str, object]:
        """What was given, as it was given."""
        return self._originals

    def originals_with_prefix(self, prefix: str) -> dict[str, object]:
        """What was given under `prefix`, the prefix taken off."""
        return {
            name[len(prefix) :]: value
            for name, value in self._originals.items()
            if name.startswith(prefix) and len(name) > len(prefix)
        }

    def is_given(self, name: str) -> bool:
        """Was it given, or is it the default?"""
        return name in self._originals

    def unprefixed(self) -> Mapping[str, object]:
        """The clients' settings that were given without a prefix, parsed."""
        return MappingProxyType(self._unprefixed)

    def prefixed(self, prefix: str) -> Mapping[str, object]:
        """The settings that were given under a prefix of `PREFIXES`, parsed."""
        return MappingProxyType(self._prefixed[prefix])

    # Typed reading: each raises ConfigException where the setting is unknown or of another type.

    def get_int(self, name: str) -> int:
        """A whole number; durations are ms."""
        value = self[name]
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._other_type(name, "whole number")

    get_long = get_int

    def get_boolean(self, name: str) -> bool:
        """A truth value."""
        value = self[name]
        if isinstance(value, bool):
            return value
        raise self._other_type(name, "truth value")

    def get_string(self, name: str) -> str:
        """Text that is set."""
        value = self[name]
        if isinstance(value, str):
            return value
        raise self._other_type(name, "text")

    def find_string(self, name: str) -> str | None:
        """Text, or None where there is none."""
        return None if self[name] is None else self.get_string(name)

    def get_list(self, name: str) -> tuple[object, ...]:
        """A list."""
        value = self[name]
        if isinstance(value, tuple):
            return value
        raise self._other_type(name, "list")

    def _other_type(self, name: str, wanted: str) -> ConfigException:
        return ConfigException(f"The setting {name} is no {wanted}, but {SETTINGS[name].type.value}.")

    # What Java's class has too: defaults, and what the clients of the application are given

    def default_key_serde(self) -> Serde[Any] | None:
        """The serde of keys where none is given; None if it is not set."""
        return default_serde(self, "key")

    def default_value_serde(self) -> Serde[Any] | None:
        """The serde of values where none is given; None if it is not set."""
        return default_serde(self, "value")

    def get_main_consumer_configs(self, client_id: str, worker: int = 0) -> dict[str, object]:
        """Settings of the consumer of input; `worker` is its number in the process."""
        return consumer_settings(self, "main", client_id, self.exactly_once, worker)

    def get_restore_consumer_configs(self, client_id: str) -> dict[str, object]:
        """Settings of the consumer of changelogs."""
        return consumer_settings(self, "restore", client_id, self.exactly_once)

    def get_global_consumer_configs(self, client_id: str) -> dict[str, object]:
        """Settings of the consumer of global tables."""
        return consumer_settings(self, "global", client_id, self.exactly_once)

    def get_producer_configs(self, client_id: str) -> dict[str, object]:
        """Settings of the producer."""
        return producer_settings(self, client_id, self.exactly_once)

    def get_admin_configs(self, client_id: str) -> dict[str, object]:
        """Settings of the admin."""
        return admin_settings(self, client_id)

    # What several rooms ask for

    @property
    def application_id(self) -> str:
        """The setting `application.id`."""
        return self.get_string("application.id")

    @property
    def exactly_once(self) -> bool:
        """Is the guarantee `exactly_once_v2`?"""
        return self["processing.guarantee"] == EXACTLY_ONCE_V2

    @property
    def optimizations(self) -> frozenset[str]:
        """Names of the optimisations that are on."""
        return optimizations(self.get_string("topology.optimization"))

    def topic_settings(self) -> dict[str, str]:
        """The settings of internal topics that were given with the prefix `topic.`, as texts."""
        given = self._prefixed["topic."].items()
        return {name: ",".join(value) if isinstance(value, tuple) else text_of(value) for name, value in given}

    @property
    def internal_topic_prefix(self) -> str:
        """What the names of internal topics begin with: the application id, unless it is overridden."""
        return self.find_string("__internal.override.topic.prefix__") or self.application_id

    @property
    def in_memory_stores(self) -> bool:
        """Does the DSL keep its stores in memory unless told otherwise?"""
        return self["default.dsl.store"] == "in_memory"
