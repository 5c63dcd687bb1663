"""Addresses of databases in all their forms, and that no password of them is shown."""

from __future__ import annotations

import pytest

from streams.connect.jdbc.url import DatabaseUrl, parse_url
from streams.connect.password import Secrets
from streams.errors import ConfigException

SECRETS = ("correct-horse", "p%2Fq%40r", "a:b:c", "tr0ub4dor&3")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///orders.db", "orders.db"),
        ("sqlite:////var/lib/orders.db", "/var/lib/orders.db"),
        ("sqlite:///my%20orders.db", "my orders.db"),
        ("jdbc:sqlite:orders.db", "orders.db"),
        ("jdbc:sqlite:/var/lib/orders.db", "/var/lib/orders.db"),
        ("jdbc:sqlite:file:orders.db?journal_mode=WAL", "orders.db"),
    ],
)
def test_files(text: str, path: str) -> None:
    assert parse_url(text) == DatabaseUrl("sqlite", path)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("postgresql://db/orders", {"host": "db", "dbname": "orders"}),
        ("postgres://ann@db:5433/orders", {"host": "db", "port": "5433", "dbname": "orders", "user": "ann"}),
        (
            "postgresql://ann:a%2Fb%40c@db/orders?sslmode=require&connect_timeout=3",
            {"host": "db", "dbname": "orders", "user": "ann", "password": "a/b@c", "sslmode": "require",
             "connect_timeout": "3"},
        ),
        ("jdbc:postgresql://db:5432/orders?user=ann&password=x%26y",
         {"host": "db", "port": "5432", "dbname": "orders", "user": "ann", "password": "x&y"}),
        ("jdbc:postgresql:orders", {"dbname": "orders"}),
        ("jdbc:postgresql://one:5432,two:5433/orders?targetServerType=primary",
         {"host": "one,two", "port": "5432,5433", "dbname": "orders", "target_session_attrs": "read-write"}),
        ("jdbc:postgresql://[::1]:5432/orders", {"host": "::1", "port": "5432", "dbname": "orders"}),
        ("jdbc:postgresql://db/orders?ssl=true", {"host": "db", "dbname": "orders", "sslmode": "verify-full"}),
        ("jdbc:postgresql://db/orders?ssl=true&sslmode=require", {"host": "db", "dbname": "orders",
                                                                  "sslmode": "require"}),
        ("jdbc:postgresql://db/orders?currentSchema=shop&stringtype=unspecified&reWriteBatchedInserts=true",
         {"host": "db", "dbname": "orders", "options": "-c search_path=shop"}),
    ],
)  # fmt: skip
def test_servers(text: str, parameters: dict[str, str]) -> None:
    assert parse_url(text) == DatabaseUrl("postgresql", parameters=parameters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jdbc:mysql://db/orders", "Databases are SQLite and PostgreSQL"),
        ("orders.db", "Databases are SQLite and PostgreSQL"),
        ("sqlite://orders.db", "three slashes"),
        ("sqlite:///:memory:", "seen by nobody else"),
        ("jdbc:sqlite:", "seen by nobody else"),
        ("jdbc:sqlite:orders.db?foreign_keys=on", "foreign_keys"),
        ("postgresql://db/orders?colour=blue", "colour"),
        ("postgresql://ann:se/cret@db/orders", "is no port"),
    ],
)
def test_what_is_no_address_is_refused_and_no_password_is_told(text: str, said: str) -> None:
    with pytest.raises(ConfigException, match=r"connection\.url") as refused:
        parse_url(text)
    assert said in str(refused.value)
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "form",
    ["postgresql://ann:{}@db/orders", "jdbc:postgresql://db/orders?password={}", "jdbc:postgresql:o?a=b&password={}"],
)
def test_passwords_in_addresses_are_secrets(secret: str, form: str) -> None:
    if "&" in secret and "?" in form:
        secret = secret.replace("&", "%26")
    url = form.format(secret)
    hide = Secrets({"connection.url": url}, {"connection.url": url}).hide
    assert secret not in hide(f"Connecting to {url} failed: no password {secret}.")
    assert "db" in hide(url) or "postgresql:o" in hide(url)
