"""TLS to Kafka's brokers: Kafka's `ssl.` settings as a context of Python's `ssl`, and by librdkafka's names.

Stores are PEM, in a file or inline, as Kafka's own clients read them (KIP-651); Java's and PKCS12 are refused.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from streams.config.clients import CONSUMER
from streams.errors import ConfigException, NotYetBuiltException

_block = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.S).finditer
_CERTIFICATE, _KEY = "CERTIFICATE", "PRIVATE KEY"
_UNREAD = ("ssl.cipher.suites", "ssl.enabled.protocols", "ssl.protocol")
_CONVERTED = "openssl pkcs12 -in STORE -out STORE.pem -nodes writes a PEM file of it"


class Tls(NamedTuple):
    """TLS by librdkafka's names, and as Python has it."""

    librdkafka: Mapping[str, object]
    context: ssl.SSLContext


def tls(given: Mapping[str, object]) -> Tls:
    """What a client's settings say of TLS.

    Args:
        given: parsed values by Kafka's names.
    Raises:
        ConfigException: they contradict each other, or what they name cannot be read.
        NotYetBuiltException: they are Kafka's, but not built yet.
    """
    for name in _UNREAD:
        if given.get(name) and given[name] != CONSUMER[name].default:
            raise NotYetBuiltException(f"{name} is not built yet: TLS 1.2 and 1.3 are spoken. Leave it out.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    native: dict[str, object] = {}
    trusted = _read(given, "ssl.truststore", ("ssl.truststore.certificates",))
    if trusted is None:
        context.load_default_certs()
    else:
        native["ssl.ca.pem"] = _trust(context, trusted)
    own = _read(given, "ssl.keystore", ("ssl.keystore.key", "ssl.keystore.certificate.chain"))
    password = given.get("ssl.key.password")
    if own is not None:
        native.update(_identity(context, own, None if password is None else str(password)))
    elif password is not None:
        raise ConfigException("ssl.key.password is given, but no key: give ssl.keystore.location or ssl.keystore.key.")
    algorithm = str(given.get("ssl.endpoint.identification.algorithm", "https") or "")
    if algorithm.lower() not in ("https", ""):
        raise ConfigException(
            f"Invalid value {algorithm} for configuration ssl.endpoint.identification.algorithm: use https, or leave "
            "it empty, so that the name in the broker's certificate is not checked."
        )
    if not algorithm:
        native["ssl.endpoint.identification.algorithm"] = "none"
        context.check_hostname = False
    return Tls(native, context)


class _Store(NamedTuple):
    """The blocks of PEM of a store, and what it is called in messages."""

    name: str
    certificates: list[str]
    keys: list[str]


def _read(given: Mapping[str, object], store: str, inline: tuple[str, ...]) -> _Store | None:
    """A store from where the settings have it; None: they name none."""
    location, kind = given.get(f"{store}.location"), str(given.get(f"{store}.type") or "JKS").upper()
    texts = [name for name in inline if given.get(name) is not None]
    if location is None and not texts:
        if given.get(f"{store}.password") is not None:
            raise ConfigException(f"{store}.password is given, but no store: give {store}.location.")
        return None
    if kind != "PEM":
        raise ConfigException(
            f"{store}.type is {kind}, which {'only Java reads' if kind == 'JKS' else 'is not built yet'}. Set "
            f"{store}.type=PEM, and give a PEM file or {' and '.join(inline)} ({_CONVERTED})."
        )
    if given.get(f"{store}.password") is not None:
        raise ConfigException(
            f"{store}.password is given, but a PEM store has none: the key's own is ssl.key.password. Leave it out."
        )
    if location is not None and texts:
        raise ConfigException(f"{store}.location and {texts[0]} are both given: leave one of them out.")
    if texts and len(texts) < len(inline):
        missing = next(name for name in inline if name not in texts)
        raise ConfigException(f"{texts[0]} is given, but {missing} is not: they belong together.")
    if location is None:
        return _blocks(" and ".join(texts), "\n".join(str(given[name]) for name in texts))
    try:
        return _blocks(f"{store}.location={location}", Path(str(location)).expanduser().read_text("ascii"))
    except OSError as error:
        raise ConfigException(f"{store}.location={location}: it cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigException(
            f"{store}.location={location}: it is no PEM file, which is text ({_CONVERTED})."
        ) from None


def _blocks(name: str, text: str) -> _Store:
    """The blocks of PEM in a text. Inline they may stand in one line, as Kafka allows: they are laid out anew."""
    certificates: list[str] = []
    keys: list[str] = []
    for found in _block(text):
        kind, body = found[1], found[2]
        if ":" not in body:  # no headers
            packed = "".join(body.replace("\\n", "\n").split())
            body = "\n" + "".join(f"{packed[at : at + 64]}\n" for at in range(0, len(packed), 64))
        block = f"-----BEGIN {kind}-----{body}-----END {kind}-----\n"
        if kind == _CERTIFICATE:
            certificates.append(block)
        elif kind.endswith(_KEY):
            keys.append(block)
    if not certificates:
        raise ConfigException(f"{name}: it holds no certificate (-----BEGIN CERTIFICATE-----).")
    return _Store(name, certificates, keys)


def _trust(context: ssl.SSLContext, store: _Store) -> str:
    trusted = "".join(store.certificates)
    try:
        context.load_verify_locations(cadata=trusted)
    except (ssl.SSLError, ValueError):
        raise ConfigException(f"{store.name}: a certificate in it is damaged.") from None
    return trusted


def _identity(context: ssl.SSLContext, store: _Store, password: str | None) -> dict[str, object]:
    """Who this client is: its key and its certificates, its own first."""
    if len(store.keys) != 1:
        raise ConfigException(f"{store.name}: one private key is needed, and it holds {len(store.keys)}.")
    (key,), chain = store.keys, "".join(store.certificates)
    if "ENCRYPTED" in key and password is None:
        raise ConfigException(f"{store.name}: its key is encrypted. Give ssl.key.password.")
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # Python's ssl reads keys from files only; mode 0600
        file.write(chain + key)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=password or "")
        except ssl.SSLError as error:
            why = "the key belongs to another certificate" if "MISMATCH" in str(error) else "it cannot be read"
            raise ConfigException(
                f"{store.name}: the private key is not accepted: {why}. Is ssl.key.password right?"
            ) from None
    named: dict[str, object] = {"ssl.certificate.pem": chain, "ssl.key.pem": key}
    if password is not None:
        named["ssl.key.password"] = password
    return named


def refused_by(error: BaseException) -> str | None:
    """Why a connection has no TLS, and what to do; None: for another reason than TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code, said = error.verify_code, error.verify_message.rstrip(".")
        if code in (62, 64):
            what = "Use a name in bootstrap.servers and advertised.listeners that the certificate has"
        elif code in (9, 10):
            what = "Renew the broker's certificate, or set this machine's clock"
        else:
            what = (
                "Give the certificates of those who signed it by ssl.truststore.location or "
                "ssl.truststore.certificates, with ssl.truststore.type=PEM"
            )
        return f"the broker's certificate is not trusted: {said}. {what}."
    said = str(error)
    if "WRONG_VERSION_NUMBER" in said or "RECORD_LAYER_FAILURE" in said or "UNEXPECTED_EOF" in said:
        return "the port does not speak TLS. Set security.protocol=PLAINTEXT or SASL_PLAINTEXT, or give TLS's port."
    if "ALERT" in said.upper():
        return (
            f"the broker does not accept this client's certificate, or its TLS: {_alert(said)}. Give one that it "
            "trusts by ssl.keystore.location or ssl.keystore.certificate.chain and ssl.keystore.key."
        )
    return None


def _alert(said: str) -> str:
    found = re.search(r"\balert[ _]([a-z _]+?)\b(?: \(|$|[:\]])", said, re.I)
    return found[1].strip().replace("_", " ").lower() if found else said
