"""From Kafka's settings of connections to the names that librdkafka and `kafka-python` have for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from streams.errors import ConfigException, NotYetBuiltException

_SAME = (
    "client.dns.lookup", "client.rack", "connections.max.idle.ms", "reconnect.backoff.ms", "reconnect.backoff.max.ms",
    "socket.connection.setup.timeout.ms",
)  # fmt: skip
_RENAMED = {"receive.buffer.bytes": "socket.receive.buffer.bytes", "send.buffer.bytes": "socket.send.buffer.bytes"}
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_login = re.compile(r"\.(?:Plain|Scram)LoginModule\s+(?:required|requisite|sufficient)\s(.*);\s*$", re.S).search
_option = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')


class Connecting(NamedTuple):
    """How brokers are reached, by the names of each library."""

    librdkafka: Mapping[str, object]
    kafka_python: Mapping[str, object]


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
        meant = sorted(name for name in given if name.startswith(part))
        if meant and needed not in protocol:
            raise ConfigException(
                f"{meant[0]} is given, but security.protocol is {protocol}: set it to SSL, SASL_SSL or SASL_PLAINTEXT."
            )
    if protocol.startswith("SASL"):
        _sasl(given, native, plain)
    if protocol.endswith("SSL"):
        _ssl(given, native, plain)
    return Connecting(native, plain)


def _sasl(given: Mapping[str, object], native: dict[str, object], plain: dict[str, object]) -> None:
    mechanism = str(given.get("sasl.mechanism") or "GSSAPI").upper()
    if mechanism not in _MECHANISMS:
        raise NotYetBuiltException(
            f"sasl.mechanism={mechanism} is not built yet; {', '.join(_MECHANISMS)} work. Set sasl.mechanism to one."
        )
    user, password = _credentials(given.get("sasl.jaas.config"))
    native.update({"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password})
    plain.update(sasl_mechanism=mechanism, sasl_plain_username=user, sasl_plain_password=password)


def _credentials(jaas: object) -> tuple[str, str]:
    """User and password of `sasl.jaas.config`, as Kafka's documentation has it."""
    found = _login(str(jaas or ""))
    options = dict(_option.findall(found[1])) if found else {}
    if not {"username", "password"} <= options.keys():
        raise ConfigException(
            "sasl.jaas.config (its value is not shown) names no user and password. It has the form "
            'org.apache.kafka.common.security.plain.PlainLoginModule required username="USER" password="PASSWORD"; '
            "with scram.ScramLoginModule for SCRAM."
        )
    user, password = (re.sub(r"\\(.)", r"\1", options[name]) for name in ("username", "password"))
    return user, password


def _ssl(given: Mapping[str, object], native: dict[str, object], plain: dict[str, object]) -> None:
    for inline in ("ssl.truststore.certificates", "ssl.keystore.certificate.chain", "ssl.keystore.key"):
        if given.get(inline) is not None:
            raise NotYetBuiltException(
                f"{inline} is not built yet: give a PEM file by ssl.truststore.location or ssl.keystore.location."
            )
    trusted, own = _pem(given, "ssl.truststore"), _pem(given, "ssl.keystore")
    if trusted is not None:
        native["ssl.ca.location"] = plain["ssl_cafile"] = trusted
    if own is not None:
        native["ssl.certificate.location"] = native["ssl.key.location"] = own
        plain["ssl_certfile"] = plain["ssl_keyfile"] = own
    if given.get("ssl.key.password") is not None:
        native["ssl.key.password"] = plain["ssl_password"] = str(given["ssl.key.password"])
    if not given.get("ssl.endpoint.identification.algorithm", "https"):
        native["ssl.endpoint.identification.algorithm"], plain["ssl_check_hostname"] = "none", False


def _pem(given: Mapping[str, object], store: str) -> str | None:
    location, kind = given.get(f"{store}.location"), str(given.get(f"{store}.type") or "JKS").upper()
    if location is None:
        return None
    if kind != "PEM":
        raise ConfigException(
            f"{store}.type is {kind}, which only Java reads. Give {store}.location a PEM file and set {store}.type=PEM."
        )
    return str(location)
