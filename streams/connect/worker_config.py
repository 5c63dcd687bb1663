"""The settings of a worker, by Kafka Connect's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from streams.config.table import at_least, invalid, not_empty, one_of_in_any_case
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Importance, Type
from streams.connect.connector_config import prefixed
from streams.connect.converters.base import Converter, HeaderConverter
from streams.connect.plugins import converter_called, header_converter_called
from streams.errors import ConfigException, NotYetBuiltException

HIGH, LOW = Importance.HIGH, Importance.LOW
OFFSET_FILE = "offset.storage.file.filename"
CLIENTS = ("producer.", "consumer.", "admin.", "config.providers.")


def _servers(name: str, value: object) -> None:
    if value == ():
        raise ConfigException(f"Configuration '{name}' must not be empty. Valid values include: any non-empty value")


def _converter(name: str, value: object) -> None:
    try:
        converter_called(str(value))
    except LookupError as error:
        raise invalid(name, value, f"Class {value} could not be found. {error.args[0]}") from None


def _header_converter(name: str, value: object) -> None:
    try:
        header_converter_called(str(value))
    except LookupError as error:
        raise invalid(name, value, f"Class {value} could not be found. {error.args[0]}") from None


def _listeners(name: str, value: object) -> None:
    if value == ():
        raise ConfigException(
            "Invalid value for listeners, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443."
        )


def _headers(name: str, value: object) -> None:
    for entry in filter(None, str(value).split(",")):
        action, _, rest = entry.strip().partition(" ")
        if ":" not in rest or action.lower() not in ("set", "add", "setdate", "adddate"):
            raise ConfigException(
                f"Invalid format of header config '{entry}'. Expected: '[action] [header name]:[header value]'"
            )


# fmt: off
DEFINITION = ConfigDef(
    ConfigKey("bootstrap.servers", Type.LIST, REQUIRED, "The engine: local://DIR, memory://NAME.", _servers,
              HIGH),
    ConfigKey("key.converter", Type.STRING, REQUIRED, "The converter of keys, where a connector names none.",
              _converter, HIGH),
    ConfigKey("value.converter", Type.STRING, REQUIRED, "The converter of values, where a connector names none.",
              _converter, HIGH),
    ConfigKey("header.converter", Type.STRING, "SimpleHeaderConverter",
              "The converter of headers, where a connector names none.", _header_converter, LOW),
    ConfigKey("group.id", Type.STRING, "connect-standalone", "The worker's own name: of two with the same only one "
              "writes.", not_empty, HIGH),
    ConfigKey("offset.storage.topic", Type.STRING, "connect-offsets", "The compacted topic of the sources' positions.",
              not_empty, HIGH),
    ConfigKey("offset.storage.partitions", Type.INT, 25, "How many partitions it is made with.", at_least(1), LOW),
    ConfigKey("offset.flush.interval.ms", Type.LONG, 60_000, "How often sinks commit (ms).", None, LOW),
    ConfigKey("offset.flush.timeout.ms", Type.LONG, 5_000, "How long a commit may take (ms).", None, LOW),
    ConfigKey("task.shutdown.graceful.timeout.ms", Type.LONG, 5_000, "How long tasks may take to stop (ms).", None,
              LOW),
    ConfigKey("config.providers", Type.LIST, (), "Where secrets come from: names of providers.", None, LOW),
    ConfigKey("plugin.path", Type.LIST, None, "Has no effect: connectors are Python classes.", None, LOW),
    ConfigKey("plugin.discovery", Type.STRING, "hybrid_warn", "Has no effect: connectors are Python classes.",
              one_of_in_any_case("ONLY_SCAN", "SERVICE_LOAD", "HYBRID_WARN", "HYBRID_FAIL"), LOW),
    ConfigKey("topic.creation.enable", Type.BOOLEAN, True, "May topics be made?", None, LOW),
    ConfigKey("topic.tracking.enable", Type.BOOLEAN, True, "Keep which topics a connector uses?", None, LOW),
    ConfigKey("topic.tracking.allow.reset", Type.BOOLEAN, True, "May that be forgotten by REST?", None,
              LOW),
    ConfigKey("connector.client.config.override.policy", Type.STRING, "All",
              "Has no effect: connectors may override the settings of their clients.", None, LOW),
    ConfigKey("listeners", Type.LIST, None, "Where REST listens.", _listeners, LOW),
    ConfigKey("rest.advertised.listener", Type.STRING, None, "Has no effect: there is one listener.", None, LOW),
    ConfigKey("rest.advertised.host.name", Type.STRING, None, "The host at which other workers find REST.", None, LOW),
    ConfigKey("rest.advertised.port", Type.INT, None, "The port at which other workers find REST.", None, LOW),
    ConfigKey("admin.listeners", Type.LIST, None, "Where REST for operators listens.", None, LOW),
    ConfigKey("response.http.headers.config", Type.STRING, "", "Headers of REST's answers.", _headers, LOW),
    ConfigKey("client.id", Type.STRING, "", "The name of its clients.", None, LOW),
)
_DISTRIBUTED = ConfigDef(
    ConfigKey("group.id", Type.STRING, REQUIRED, "The name of the workers that share the work.", not_empty, HIGH),
    ConfigKey("config.storage.topic", Type.STRING, REQUIRED, "The compacted topic of connectors and tasks.", not_empty,
              HIGH),
    ConfigKey("offset.storage.topic", Type.STRING, REQUIRED, "The compacted topic of the sources' positions.",
              not_empty, HIGH),
    ConfigKey("status.storage.topic", Type.STRING, REQUIRED, "The compacted topic of what connectors and tasks do.",
              not_empty, HIGH),
    ConfigKey("status.storage.partitions", Type.INT, 5, "How many partitions it is made with.", at_least(1), LOW),
    ConfigKey("config.storage.replication.factor", Type.SHORT, 3, "Of that topic, on Apache Kafka.", None, LOW),
    ConfigKey("offset.storage.replication.factor", Type.SHORT, 3, "Of that topic, on Apache Kafka.", None, LOW),
    ConfigKey("status.storage.replication.factor", Type.SHORT, 3, "Of that topic, on Apache Kafka.", None, LOW),
    ConfigKey("session.timeout.ms", Type.INT, 10_000, "A worker that is silent for so long (ms) has lost its work.",
              at_least(1), HIGH),
    ConfigKey("heartbeat.interval.ms", Type.INT, None, "How often (ms) a worker says that it lives; 300 on the bundled "
              "engine, 3,000 on Apache Kafka.", None, HIGH),
    ConfigKey("rebalance.timeout.ms", Type.INT, 60_000, "So long (ms) workers are waited for in a rebalance.",
              at_least(1), HIGH),
    ConfigKey("scheduled.rebalance.max.delay.ms", Type.INT, 300_000, "Has no effect: what a worker has left goes on "
              "elsewhere at once.", None, LOW),
    ConfigKey("connect.protocol", Type.STRING, "sessioned", "Has no effect: workers share by a protocol of their own.",
              None, LOW),
    ConfigKey("exactly.once.source.support", Type.STRING, "enabled", "Has no effect: sources are exactly once always.",
              one_of_in_any_case("DISABLED", "PREPARING", "ENABLED"), LOW),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """A worker's checked settings.

    Args:
        config: parsed.
        given: as they were written.
    """

    config: Config
    given: Mapping[str, str]

    @property
    def bootstrap_servers(self) -> str:
        """The engine's address."""
        return ",".join(self.config.texts("bootstrap.servers"))

    def client(self, kind: str) -> dict[str, object]:
        """The settings that are handed to clients: `producer.`, `consumer.` or `admin.`, without that."""
        return {name.removeprefix(kind): value for name, value in self.given.items() if name.startswith(kind)}

    def converter(self, which: str, settings: Mapping[str, str]) -> Converter:
        """The converter of `key.converter` or `value.converter`, of the connector, else the worker's."""
        source = settings if settings.get(which) else self.given
        plugin = converter_called(source[which])
        found = prefixed(plugin.config_def, f"{which}.", source)
        return plugin.made(plugin.config_def.parse(found), which == "key.converter")

    def header_converter(self, settings: Mapping[str, str]) -> HeaderConverter:
        """The converter of headers, of the connector, else the worker's."""
        source = settings if settings.get("header.converter") else self.given
        plugin = header_converter_called(source.get("header.converter", "SimpleHeaderConverter"))
        return plugin.made(plugin.config_def.parse(prefixed(plugin.config_def, "header.converter.", source)))


def worker_config(given: Mapping[str, str], distributed: bool = False) -> WorkerConfig:
    """Checks the settings of a worker.

    Args:
        given: by dotted names.
        distributed: is it one of several?
    Raises:
        ConfigException: one is missing, or not allowed.
        NotYetBuiltException: one is known, but not built yet.
    """
    if OFFSET_FILE in given:
        raise ConfigException(
            f"The setting {OFFSET_FILE} has no meaning here: positions in a file are not written together with the "
            "records, so that a crash in between doubles or loses some. They are kept in the topic "
            "offset.storage.topic (connect-offsets), in the same transaction. Leave it out."
        )
    found = WorkerConfig((DEFINITION + _DISTRIBUTED if distributed else DEFINITION).parse(given), dict(given))
    for name in ("admin.listeners", "response.http.headers.config"):
        if given.get(name):
            raise NotYetBuiltException(f"{name}={given[name]} is not built yet. Leave it out.")
    for which in ("key.converter", "value.converter"):
        found.converter(which, {})
    found.header_converter({})
    return found


def warnings(given: Mapping[str, str]) -> Iterator[str]:
    """What is set and nobody reads."""
    converters = ("key.converter.", "value.converter.", "header.converter.")
    known = DEFINITION + _DISTRIBUTED
    for name in given:
        if name not in known.keys and not name.startswith((*CLIENTS, *converters)):
            near = get_close_matches(name, known.keys, 1, 0.8)
            hint = f" Did you mean {near[0]}?" if near else ""
            yield f"The setting {name} is not known to a worker and has no effect.{hint}"
