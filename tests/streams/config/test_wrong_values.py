"""Every setting against a table of values, most of them wrong: it is taken, or refused by its name in Kafka's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.clients.settings import admin_settings, consumer_settings, producer_settings
from streams.config import StreamsConfig
from streams.config.clients import ADMIN, CONSUMER, PREFIXES, PRODUCER
from streams.config.streams import SETTINGS
from streams.config.table import Setting
from streams.errors import (
    ConfigException,
    InvalidGroupIdException,
    InvalidTopicException,
    NotYetBuiltException,
    StreamsException,
)

VALUES: tuple[object, ...] = (
    *("", " ", "x", "1", "-1", "1.5", "1_0", "٣", "nan", "true", "a,b", "\ud800", "9" * 50, "\0", "no.module:thing"),
    *(b"x", bytearray(b"x"), -1, 0, 1, 1.5, 2**31, 2**63, 10**400, float("nan"), float("inf"), True),
    *([], (), [None], [1], ["\ud800"], {}, {"a": 1}, {1}, object(), object, int, print, lambda: None, lambda *a: None),
    *(datetime.now(UTC), timedelta.max, timedelta(-1), Path("x"), ConfigException("x"), StreamsConfig),
)  # fmt: skip
REFUSALS = (ConfigException, NotYetBuiltException, StreamsException, InvalidTopicException, InvalidGroupIdException)
SERVERS = ("memory://wrong", "localhost:9092")
READERS: Mapping[str, Callable[[Mapping[str, object]], object]] = {
    "consumer": lambda config: consumer_settings(config, {}),
    "producer": lambda config: producer_settings(config, {}),
    "admin": lambda config: admin_settings(config, {}),
    "application": StreamsConfig,
}
TABLES = {"consumer": CONSUMER, "producer": PRODUCER, "admin": ADMIN, "application": SETTINGS}


def refusal(read: Callable[[Mapping[str, object]], object], config: Mapping[str, object], name: str) -> str:
    """Why it was refused; empty: it was taken. Anything else that is raised is a fault."""
    try:
        read(config)
    except REFUSALS as error:
        assert name.rpartition("consumer.")[2].rpartition("producer.")[2] in str(error) or name in str(error)
        return str(error)
    return ""


def tried(kind: str, name: str, setting: Setting) -> None:
    read = READERS[kind]
    base: dict[str, object] = {"application.id": "a"} if kind == "application" else {}
    taken = [
        value
        for servers in SERVERS
        for value in VALUES
        if not refusal(read, {"bootstrap.servers": servers, **base, name: value}, name)
    ]
    assert len(taken) < len(VALUES) * len(SERVERS), f"{name} ({setting.type}) takes everything"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in TABLES.items() for name in table])
def test_a_setting_is_taken_or_refused_by_its_name(kind: str, name: str) -> None:
    tried(kind, name, TABLES[kind][name])


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_setting_with_a_prefix_is_taken_or_refused_by_its_name(prefix: str) -> None:
    for name, setting in PREFIXES[prefix].items():
        tried("application", prefix + name, setting)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("config", [None, 5, "a=b", [("a", 1)], {5: 1}, {None: 1}, {"": 1}, {"\ud800": 1}, {("a",): 2}])
def test_what_is_no_mapping_of_names_is_refused(kind: str, config: object) -> None:
    given = {"application.id": "a", **config} if isinstance(config, dict) and kind == "application" else config
    with pytest.raises(ConfigException):
        READERS[kind](given)  # type: ignore[arg-type]
