"""Spring Boot's names for Kafka's settings, as an `application.yaml` has them.

`spring.kafka.<name>` is for all clients, `.producer`, `.consumer` and `.admin` for one kind, `.streams` for the
application; below `properties` stand Kafka's own names. Spring's names may be written with dashes, underscores or
capitals. Durations and sizes may have units. `spring.kafka.listener.concurrency` is the number of threads of an
instance (`num.stream.threads`, which wins where both are given).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from streams.config.table import located, unknown
from streams.errors import ConfigException

_ROOT = "spring.kafka."

_COMMON: Mapping[str, str] = {
    "bootstrap-servers": "bootstrap.servers",
    "client-id": "client.id",
    "security.protocol": "security.protocol",
    "ssl.key-password": "ssl.key.password",
    "ssl.key-store-certificate-chain": "ssl.keystore.certificate.chain",
    "ssl.key-store-key": "ssl.keystore.key",
    "ssl.key-store-location": "ssl.keystore.location",
    "ssl.key-store-password": "ssl.keystore.password",
    "ssl.key-store-type": "ssl.keystore.type",
    "ssl.protocol": "ssl.protocol",
    "ssl.trust-store-certificates": "ssl.truststore.certificates",
    "ssl.trust-store-location": "ssl.truststore.location",
    "ssl.trust-store-password": "ssl.truststore.password",
    "ssl.trust-store-type": "ssl.truststore.type",
}

_KINDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "producer": (
        "producer.",
        {
            "acks": "acks",
            "batch-size": "batch.size",
            "buffer-memory": "buffer.memory",
            "compression-type": "compression.type",
            "retries": "retries",
        },
    ),
    "consumer": (
        "consumer.",
        {
            "auto-commit-interval": "auto.commit.interval.ms",
            "auto-offset-reset": "auto.offset.reset",
            "enable-auto-commit": "enable.auto.commit",
            "fetch-max-wait": "fetch.max.wait.ms",
            "fetch-min-size": "fetch.min.bytes",
            "group-id": "group.id",
            "heartbeat-interval": "heartbeat.interval.ms",
            "isolation-level": "isolation.level",
            "max-poll-interval": "max.poll.interval.ms",
            "max-poll-records": "max.poll.records",
        },
    ),
    "admin": ("admin.", {"operation-timeout": "default.api.timeout.ms"}),
    "streams": (
        "",
        {
            "application-id": "application.id",
            "replication-factor": "replication.factor",
            "state-dir": "state.dir",
            "state-store-cache-max-size": "statestore.cache.max.bytes",
            "cache-max-size-buffering": "statestore.cache.max.bytes",
        },
    ),
}

_THREADS = "listener.concurrency"

# Spring's own machinery: it makes beans and listeners of them, and a streams application has neither.
_SPRINGS_OWN = ("listener.", "template.", "jaas.", "retry.", "bulkhead.")
_SECTIONS = ("properties", "ssl", "security", *(name.rstrip(".") for name in _SPRINGS_OWN), "streams.cleanup")
_SPRINGS_OWN_NAMES = {
    "producer": ("key-serializer", "value-serializer", "transaction-id-prefix"),
    "consumer": ("key-deserializer", "value-deserializer"),
    "admin": ("fail-fast", "auto-create", "modify-topic-configs", "close-timeout"),
    "streams": ("auto-startup", "cleanup.on-startup", "cleanup.on-shutdown"),
}

_UNITS_OF_TIME = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_UNITS_OF_SIZE = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_TIMES = (*("auto-commit-interval", "fetch-max-wait", "heartbeat-interval", "max-poll-interval", "operation-timeout"),)
_SIZES = ("batch-size", "buffer-memory", "fetch-min-size", "state-store-cache-max-size", "cache-max-size-buffering")

_amount = re.compile(r"([+-]?\d+)\s*([A-Za-z]*)").fullmatch
_iso = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE).fullmatch
_humps = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def from_spring(
    entries: Mapping[str, object], where: Callable[[str], str] = lambda name: ""
) -> tuple[dict[str, object], list[str], dict[str, str]]:
    """Kafka's settings out of Spring's.

    Args:
        entries: the whole file, flat: `spring.kafka.streams.application-id` and so on.
        where: the file and the line of an entry, for messages.
    Returns:
        settings by Kafka's names (those of a client with its prefix), the entries below `spring.kafka` that only mean
        something to Spring, and the entry of each setting.
    Raises:
        ConfigException: a name below `spring.kafka` is unknown, or an amount has no sense.
    """
    found: dict[str, object] = {}
    unused: list[str] = []
    origins: dict[str, str] = {}
    for name in ("spring", "spring.kafka"):
        if entries.get(name) is not None:
            raise ConfigException(f"{where(name)}: {name} holds names and values, and not {entries[name]!r}.")
    general = [name for name in entries if name.startswith(_ROOT) and name[len(_ROOT) :].split(".")[0] not in _KINDS]
    general.sort(key=lambda name: name != _ROOT + _THREADS)
    special = [name for name in entries if name.startswith(_ROOT) and name not in set(general)]
    for name in (*general, *special):
        if entries[name] is None and _is_section(name[len(_ROOT) :]):
            continue  # `properties:` with nothing below it
        with located(where(name)):
            setting = _setting_of(name[len(_ROOT) :])
            if setting is None:
                unused.append(name)
            else:
                found[setting[0]] = setting[1](name, entries[name])
                origins[setting[0]] = name
    application = entries.get("spring.application.name")
    if "application.id" not in found and application is not None:
        # As Spring does: the application's name, where the streams have none of their own.
        found["application.id"] = str(application)
        origins["application.id"] = "spring.application.name"
    return found, unused, origins


Convert = Callable[[str, object], object]


def _is_section(name: str) -> bool:
    kind, _, rest = name.partition(".")
    return name in _KINDS or name in _SECTIONS or (kind in _KINDS and rest in _SECTIONS)


def _setting_of(name: str) -> tuple[str, Convert] | None:
    """Kafka's name and how the value is read; None where it is Spring's own."""
    kind, _, rest = name.partition(".")
    if kind not in _KINDS:
        kind, rest = "", name
    if rest.startswith("properties."):
        own_name = rest.removeprefix("properties.").strip("[]")  # `"[a.b]"` is how Spring writes a key with dots
        if own_name.startswith("spring."):
            return None  # of Spring's serializers, as `spring.json.trusted.packages`
        return (_KINDS[kind][0] if kind else "") + own_name, _as_it_is
    plain = _humps.sub("-", rest).replace("_", "-").lower()
    if kind == "" and plain == _THREADS:
        return "num.stream.threads", _as_it_is
    if kind == "" and plain.startswith(_SPRINGS_OWN):
        return None
    if kind and plain in _SPRINGS_OWN_NAMES[kind]:
        return None
    prefix, own = _KINDS[kind] if kind else ("", {})
    setting = own.get(plain, _COMMON.get(plain))
    if setting is None:
        start = f"{_ROOT}{kind}." if kind else _ROOT
        raise unknown(_ROOT + name, (start + known for known in (*own, *_COMMON)))
    return prefix + setting, _duration if plain in _TIMES else _size if plain in _SIZES else _as_it_is


def _as_it_is(name: str, value: object) -> object:
    return ",".join(str(entry) for entry in value) if isinstance(value, list) else value


def _duration(name: str, value: object) -> object:
    """Milliseconds of `500`, `5s`, `PT5S`."""
    if not isinstance(value, str):
        return value
    iso = _iso(value.strip())
    if iso is not None and any(iso.groups()):
        days, hours, minutes, seconds = (float(part or 0) for part in iso.groups())
        return int((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000)
    return int(_scaled(name, value, _UNITS_OF_TIME, "ms"))


def _size(name: str, value: object) -> object:
    """Bytes of `1024`, `64KB`."""
    return int(_scaled(name, value, _UNITS_OF_SIZE, "B")) if isinstance(value, str) else value


def _scaled(name: str, value: str, units: Mapping[str, float], unit: str) -> float:
    match = _amount(value.strip())
    if match is not None:
        factor = units.get(match.group(2) or unit)
        if factor is not None:
            return int(match.group(1)) * factor
    raise ConfigException(f"{name}={value} is no amount. Write a number with one of the units {', '.join(units)}.")
