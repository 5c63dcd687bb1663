"""Addresses of databases, in all the forms that `connection.url` takes.

| | |
|---|---|
| `sqlite:///data/orders.db` | a path from where the worker was started; `sqlite:////var/orders.db` from the root |
| `jdbc:sqlite:data/orders.db` | as Java's driver has it |
| `postgresql://ann:secret@db:5432/orders?sslmode=require` | as libpq has it; `postgres://` is the same |
| `jdbc:postgresql://db:5432/orders?user=ann&ssl=true` | as Java's driver has it |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from streams.connect.password import HIDDEN, passwords_in
from streams.errors import ConfigException

FORMS = "sqlite:///PATH, jdbc:sqlite:PATH, postgresql://HOST:PORT/DATABASE, jdbc:postgresql://HOST:PORT/DATABASE"
SQLITE, POSTGRES = "sqlite", "postgresql"

_OF_LIBPQ = {
    *("user", "password", "passfile", "connect_timeout", "options", "target_session_attrs", "load_balance_hosts"),
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslpassword", "sslcrl", "sslsni", "ssl_min_protocol_version"),
    *("gssencmode", "krbsrvname", "channel_binding", "keepalives", "keepalives_idle", "keepalives_interval"),
    *("keepalives_count", "tcp_user_timeout", "hostaddr", "service", "host", "port", "dbname"),
}
"""What libpq understands, and is handed over as it is."""
_OF_JAVA = {"connectTimeout": "connect_timeout", "gssEncMode": "gssencmode", "channelBinding": "channel_binding"}
"""What Java's driver calls otherwise."""
_SERVERS = {
    "any": "any", "primary": "read-write", "master": "read-write", "secondary": "standby", "slave": "standby",
    "preferSecondary": "prefer-standby", "preferSlave": "prefer-standby",
}  # fmt: skip
_WITHOUT_EFFECT = {
    *("ApplicationName", "application_name", "loginTimeout", "socketTimeout", "tcpKeepAlive", "tcpNoDelay", "autosave"),
    *("prepareThreshold", "preparedStatementCacheQueries", "preparedStatementCacheSizeMiB", "preferQueryMode"),
    *("reWriteBatchedInserts", "stringtype", "defaultRowFetchSize", "adaptiveFetch", "binaryTransfer", "readOnly"),
    *("cancelSignalTimeout", "logUnclosedConnections", "assumeMinServerVersion", "databaseMetadataCacheFields"),
}
"""What only Java's driver has, and what changes nothing in what is read and written here."""
_OF_SQLITE_WITHOUT_EFFECT = {"journal_mode", "busy_timeout", "synchronous", "cache", "cache_size"}
"""Settings of Java's driver for SQLite that the connectors set themselves."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Where a database is.

    Args:
        kind: `SQLITE` or `POSTGRES`.
        path: of a SQLite file.
        parameters: of a PostgreSQL connection, by libpq's names.
    """

    kind: str
    path: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)


def without_passwords(text: str) -> str:
    """An address as it may be shown; of one that is written wrongly nothing before the host."""
    for secret in sorted(passwords_in(text), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return re.sub(r"://\S*:\S*@", f"://{HIDDEN}@", text)


def parse_url(text: str) -> DatabaseUrl:
    """What an address says.

    >>> from streams.connect.jdbc.url import parse_url
    >>> parse_url("jdbc:sqlite:/var/orders.db").path, parse_url("sqlite:////var/orders.db").path
    ('/var/orders.db', '/var/orders.db')
    >>> dict(parse_url("jdbc:postgresql://db/orders?user=ann").parameters)
    {'host': 'db', 'dbname': 'orders', 'user': 'ann'}

    Raises:
        ConfigException: it is none, or has parameters that nobody knows; no password is in the message.
    """
    try:
        return _parse(text)
    except (LookupError, ValueError) as error:
        raise ConfigException(
            f"Invalid value {without_passwords(text)} for configuration connection.url: "
            f"{without_passwords(str(error.args[0]))}"
        ) from None


def _parse(text: str) -> DatabaseUrl:
    said = text.strip()
    is_java = said.startswith("jdbc:")
    said = said.removeprefix("jdbc:")
    scheme, colon, rest = said.partition(":")
    if colon and scheme == "sqlite":
        return _sqlite(rest, is_java)
    if colon and scheme in ("postgresql", "postgres"):
        return _postgres(rest, is_java)
    raise ValueError(f"Databases are SQLite and PostgreSQL. Forms are {FORMS}")


def _sqlite(rest: str, is_java: bool) -> DatabaseUrl:
    path, _, query = rest.partition("?")
    if not is_java:
        if not path.startswith("///"):
            raise ValueError("sqlite: is followed by three slashes and a path (sqlite:///orders.db), or by four where "
                             "the path begins at the root (sqlite:////var/orders.db)")  # fmt: skip
        path = unquote(path[3:])
    path = path.removeprefix("file:")
    if not path or path == ":memory:":
        raise ValueError("A database in memory is seen by nobody else, and gone with the worker. Name a file")
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name not in _OF_SQLITE_WITHOUT_EFFECT:
            raise ValueError(f"The parameter {name} is not known for SQLite. Leave it out")
    return DatabaseUrl(SQLITE, path)


def _postgres(rest: str, is_java: bool) -> DatabaseUrl:
    found: dict[str, str] = {}
    if rest.startswith("//"):
        split = urlsplit(f"postgresql:{rest}")
        user, at, hosts = split.netloc.rpartition("@")
        if at:
            name, _, password = user.partition(":")
            found.update({key: unquote(value) for key, value in (("user", name), ("password", password)) if value})
        found.update(_hosts(hosts))
        database, query = split.path.removeprefix("/"), split.query
    else:
        database, _, query = rest.partition("?")
        database = database.removeprefix("/")
    if database:
        found["dbname"] = unquote(database)
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.update(_parameter(name, value, found))
    if is_java and "sslmode" not in found and found.pop("ssl", "") == "true":
        found["sslmode"] = "verify-full"
    found.pop("ssl", None)
    return DatabaseUrl(POSTGRES, parameters=found)


def _hosts(netloc: str) -> dict[str, str]:
    """`a:5432,b`: names and ports, as libpq takes them."""
    if not netloc:
        return {}
    names, ports = [], []
    for entry in netloc.split(","):
        if entry.startswith("["):
            name, _, port = entry[1:].partition("]")
            port = port.removeprefix(":")
        else:
            name, _, port = entry.partition(":")
        if port and not port.isdecimal():
            raise ValueError("What follows the host and a colon is no port. A / or @ in a password is written %2F, %40")
        names.append(unquote(name))
        ports.append(port)
    found = {"host": ",".join(names)}
    return {**found, "port": ",".join(ports)} if any(ports) else found


def _parameter(name: str, value: str, found: Mapping[str, str]) -> dict[str, str]:
    if name == "ssl":
        return {"ssl": value.lower() or "true"}
    if name == "currentSchema":
        return {"options": f"{found.get('options', '')} -c search_path={value}".strip()}
    if name == "targetServerType":
        if value not in _SERVERS:
            raise ValueError(f"targetServerType is one of {', '.join(_SERVERS)}")
        return {"target_session_attrs": _SERVERS[value]}
    if name in _WITHOUT_EFFECT:
        return {}
    libpq = _OF_JAVA.get(name, name)
    if libpq not in _OF_LIBPQ:
        raise ValueError(f"The parameter {name} is not known for PostgreSQL. Leave it out")
    return {libpq: value}
