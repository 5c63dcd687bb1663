"""From Kafka's settings of connections to the names that librdkafka and `kafka-python` have for them, and to what our
own connections go by."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import NamedTuple

from streams.clients.kafka.oauthbearer import TokenProvider
from streams.clients.kafka.tls import tls
from streams.config.clients import CONSUMER, ClientConfig
from streams.errors import ConfigException, NotYetBuiltException

_LONG = 2_147_483_647
_NUMBERS = {
    "connections.max.idle.ms": ("connections.max.idle.ms", 0, _LONG),  # 0: never
    "request.timeout.ms": ("socket.timeout.ms", 2_000, 300_000),
    "socket.connection.setup.timeout.ms": ("socket.connection.setup.timeout.ms", 1_000, _LONG),
    "receive.buffer.bytes": ("socket.receive.buffer.bytes", 0, 100_000_000),  # 0: the system's own
    "send.buffer.bytes": ("socket.send.buffer.bytes", 0, 100_000_000),
}
"""Kafka's names, librdkafka's, and what librdkafka takes at least and at most."""
_PAUSES = ("reconnect.backoff.ms", "reconnect.backoff.max.ms")
_BUFFERS = {"receive.buffer.bytes": socket.SO_RCVBUF, "send.buffer.bytes": socket.SO_SNDBUF}
_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
}
"""Mechanisms, and the login module that `sasl.jaas.config` has for each."""
_LEVELS = {"gzip": "compression.gzip.level", "lz4": "compression.lz4.level", "zstd": "compression.zstd.level"}
_login = re.compile(r"\s*([\w.]+)\s+(?:required|requisite|sufficient|optional)\b(.*);\s*$", re.S | re.I).match
_option = re.compile(r"""([\w.]+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;"']+)""")


class Reaching(NamedTuple):
    """How our own connections are made and kept.

    Args:
        request_timeout_ms: how long an answer may take, before its connection counts as lost.
        connect_timeout_ms: how long a connection may take.
        max_idle_ms: one that was not heard of for so long is not used again; negative: it is.
        pause_ms: the first pause before it is tried to connect again; it doubles.
        longest_pause_ms: up to this.
        socket_options: of each socket, as `setsockopt` has them.
    """

    request_timeout_ms: int
    connect_timeout_ms: int
    max_idle_ms: int
    pause_ms: int
    longest_pause_ms: int
    socket_options: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Reaching:
        """From parsed values by Kafka's names."""
        config = ClientConfig(CONSUMER, given)
        longest = config.number("reconnect.backoff.max.ms")
        return cls(
            config.number("request.timeout.ms"),
            config.number("socket.connection.setup.timeout.ms"),
            config.number("connections.max.idle.ms"),
            min(config.number("reconnect.backoff.ms"), longest),
            longest,
            tuple(
                (socket.SOL_SOCKET, option, size)
                for name, option in _BUFFERS.items()
                if isinstance(size := given.get(name), int) and size >= 0
            ),
        )


AS_KAFKA = Reaching.of({})
"""With Kafka's defaults."""


class Connecting(NamedTuple):
    """How brokers are reached, by the names of each library and by our own; the codec of what is written, and its
    level."""

    librdkafka: Mapping[str, object]
    kafka_python: Mapping[str, object]
    reaching: Reaching
    compression: str = "none"
    level: int | None = None


def connecting(given: Mapping[str, object]) -> Connecting:
    """What a client's settings say of its connections.

    Args:
        given: parsed values by Kafka's names; others are passed over.
    Raises:
        ConfigException: they contradict each other, or are none that can be read here.
        NotYetBuiltException: they are Kafka's, but not built yet.
    """
    native: dict[str, object] = {
        theirs: min(max(number, least), most)
        for ours, (theirs, least, most) in _NUMBERS.items()
        if isinstance(number := given.get(ours), int)
    }
    if given.get("client.rack"):
        native["client.rack"] = given["client.rack"]
    reaching = Reaching.of(given)
    for name, pause in zip(_PAUSES, (reaching.pause_ms, reaching.longest_pause_ms), strict=True):
        if not given.keys().isdisjoint(_PAUSES):  # both: librdkafka refuses a first pause longer than the longest
            native[name] = min(pause, 3_600_000)
    plain: dict[str, object] = {}
    protocol = str(given.get("security.protocol") or "PLAINTEXT").upper()
    native["security.protocol"] = plain["security_protocol"] = protocol
    for part, needed in (("ssl.", "SSL"), ("sasl.", "SASL")):
        meant = sorted(name for name in given if name.startswith(part) and given[name] is not None)
        if meant and needed not in protocol.split("_"):
            raise ConfigException(
                f"{meant[0]} is given, but security.protocol is {protocol}: set it to SSL, SASL_SSL or SASL_PLAINTEXT."
            )
    if protocol.startswith("SASL"):
        _sasl(given, native, plain)
    if protocol.endswith("SSL"):
        secured = tls(given)
        native.update(secured.librdkafka)
        plain["ssl_context"] = secured.context
    return Connecting(native, plain, reaching, *_compressed(given))


def _compressed(given: Mapping[str, object]) -> tuple[str, int | None]:
    codec = str(given.get("compression.type") or "none")
    level = given.get(_LEVELS.get(codec, ""))
    return codec, level if isinstance(level, int) else None


def _sasl(given: Mapping[str, object], native: dict[str, object], plain: dict[str, object]) -> None:
    mechanism = str(given.get("sasl.mechanism") or "GSSAPI").upper()
    if mechanism not in _MODULES:
        raise NotYetBuiltException(
            f"sasl.mechanism={mechanism} is not built yet{'' if given.get('sasl.mechanism') else ', and the default'}; "
            f"{', '.join(_MODULES)} work. Set sasl.mechanism to one."
        )
    for name in given if mechanism != "OAUTHBEARER" else ():
        if name.startswith(("sasl.oauthbearer.", "sasl.login.")) and given[name] != CONSUMER[name].default:
            raise ConfigException(
                f"{name} is given, but sasl.mechanism is {mechanism}: it is OAUTHBEARER's. Leave it out."
            )
    native["sasl.mechanism"] = plain["sasl_mechanism"] = mechanism
    options = _options(mechanism, given.get("sasl.jaas.config"))
    if mechanism == "OAUTHBEARER":
        provider = TokenProvider(given, options)
        native["oauth_cb"], plain["sasl_oauth_token_provider"] = provider.for_librdkafka, provider
        return
    if not {"username", "password"} <= options.keys():
        raise _unreadable(mechanism)
    if options.get("tokenauth", "").lower() == "true":
        raise NotYetBuiltException("tokenauth in sasl.jaas.config (delegation tokens) is not built yet. Leave it out.")
    user, password = options["username"], options["password"]
    native.update({"sasl.username": user, "sasl.password": password})
    plain.update(sasl_plain_username=user, sasl_plain_password=password)


def _options(mechanism: str, jaas: object) -> dict[str, str]:
    """The options of `sasl.jaas.config`, as Kafka's documentation has it."""
    if jaas is None and mechanism == "OAUTHBEARER":
        return {}
    found = _login(str(jaas or ""))
    if found is None:
        raise _unreadable(mechanism)
    module = _MODULES[mechanism].rpartition(".")[2]
    if found[1].rpartition(".")[2] != module:
        raise ConfigException(
            f"sasl.mechanism is {mechanism}, whose login module is {module}, but sasl.jaas.config has {found[1]}."
        )
    options = {}
    for name, value in _option.findall(found[2]):
        options[name] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] in "\"'" else value
    return options


def _unreadable(mechanism: str) -> ConfigException:
    what, form = "user and password", ' username="USER" password="PASSWORD"'
    if mechanism == "OAUTHBEARER":
        what, form = "login module", ""
    return ConfigException(
        f"sasl.jaas.config (its value is not shown) names no {what}. For sasl.mechanism={mechanism} it has the form "
        f"{_MODULES[mechanism]} required{form};"
    )
