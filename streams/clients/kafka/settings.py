"""From Kafka's settings of connections to the names that librdkafka and `kafka-python` have for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from streams.clients.kafka.oauthbearer import TokenProvider
from streams.clients.kafka.tls import tls
from streams.errors import ConfigException, NotYetBuiltException

_SAME = (
    "client.dns.lookup", "client.rack", "connections.max.idle.ms", "reconnect.backoff.ms", "reconnect.backoff.max.ms",
    "socket.connection.setup.timeout.ms",
)  # fmt: skip
_RENAMED = {"receive.buffer.bytes": "socket.receive.buffer.bytes", "send.buffer.bytes": "socket.send.buffer.bytes"}
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


class Connecting(NamedTuple):
    """How brokers are reached, by the names of each library; the codec of what is written, and its level."""

    librdkafka: Mapping[str, object]
    kafka_python: Mapping[str, object]
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
    native: dict[str, object] = {name: given[name] for name in _SAME if given.get(name) is not None}
    native.update({theirs: given[ours] for ours, theirs in _RENAMED.items() if given.get(ours) not in (None, -1)})
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
    return Connecting(native, plain, *_compressed(given))


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
