"""The settings that both connectors for databases have, by the names of Confluent's and Aiven's, and what they open."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.config.table import at_least, invalid, one_of
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, ConfigValue, Importance, Type
from streams.connect.jdbc.dialect import Dialect
from streams.connect.jdbc.sqlite import SqliteDialect
from streams.connect.jdbc.url import POSTGRES, SQLITE, parse_url, without_passwords

HIGH, LOW = Importance.HIGH, Importance.LOW
NAME_BYTES = 30
"""So much of a connector's name is in that of its sessions: PostgreSQL keeps 63 bytes."""


def _url(name: str, value: object) -> None:
    if isinstance(value, str) and parse_url(value).kind == POSTGRES and find_spec("psycopg") is None:
        raise invalid(name, without_passwords(value), "PostgreSQL needs psycopg: pip install 'streams-app[postgres]'")


def _zone(name: str, value: object) -> None:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(name, value, "There is no time zone of that name") from None


# fmt: off
CONNECTION = ConfigDef(
    ConfigKey("connection.url", Type.STRING, REQUIRED,
              "sqlite:///PATH, jdbc:sqlite:PATH, postgresql://HOST/DATABASE or jdbc:postgresql://HOST/DATABASE.", _url,
              HIGH),
    ConfigKey("connection.user", Type.STRING, None, "The user; else the one of the address.", None, HIGH),
    ConfigKey("connection.password", Type.PASSWORD, None, "The password; else the one of the address.", None, HIGH),
    ConfigKey("connection.attempts", Type.INT, 3,
              "Has no effect: a database that is away is asked again for as long as it is.", at_least(1), LOW),
    ConfigKey("connection.backoff.ms", Type.LONG, 10_000, "Has no effect: it is asked again within a second.", None,
              LOW),
    ConfigKey("dialect.name", Type.STRING, "", "Has no effect: the address says what database it is.", None, LOW),
    ConfigKey("db.timezone", Type.STRING, "UTC", "In which points in time without a zone are, in the database.", _zone),
    ConfigKey("quote.sql.identifiers", Type.STRING, "always", "Names are always written in quotes.",
              one_of("always", "never", "ALWAYS", "NEVER"), LOW),
)
# fmt: on


def dialect_of(config: Config, *, writes: bool, numeric_mapping: str = "none") -> Dialect:
    """The dialect of a configuration's database.

    Args:
        config: checked.
        writes: is it for a sink?
        numeric_mapping: how decimals become numbers of records.
    Raises:
        UnsupportedOperationException: the library for it is not installed.
    """
    url = parse_url(config.text("connection.url"))
    if url.kind == SQLITE:
        return SqliteDialect(url.path, writes, numeric_mapping)
    from streams.connect.jdbc.postgres import PostgresDialect  # an extra

    given = {"user": config.text("connection.user"), "password": config.password("connection.password") or ""}
    parameters = {**url.parameters, **{name: value for name, value in given.items() if value}}
    return PostgresDialect(parameters, config.text("db.timezone"), numeric_mapping)


def session_name(connector: str, task: int, own: str) -> str:
    """What a session is called: `connect/CONNECTOR/TASK/ID`, at most 63 bytes, and like no other."""
    short = connector.encode("ascii", "replace").decode()[:NAME_BYTES]
    return f"connect/{short}/{task}/{own[:12]}"


def refuse(values: Mapping[str, ConfigValue], name: str, why: str) -> None:
    """Adds what is wrong with a setting."""
    value = values[name]
    if not value.errors:
        value.errors.append(str(invalid(name, value.shown, why)))


def text(values: Mapping[str, ConfigValue], name: str) -> str:
    """A setting's value as text, "" where it could not be read."""
    value = values[name].value
    return "" if value is None else str(value)


def texts(values: Mapping[str, ConfigValue], name: str) -> tuple[str, ...]:
    """The entries of a list."""
    value = values[name].value
    return tuple(filter(None, map(str, value))) if isinstance(value, tuple) else ()
