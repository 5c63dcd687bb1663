"""What the clients of an application are given, against what Java gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.config import StreamsConfig
from streams.config.derived import Settings, admin_settings, consumer_settings, producer_settings
from streams.errors import ConfigException, IllegalArgumentException

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "goldens" / "data" / "config.json").read_text("utf-8")
)
BASE: dict[str, object] = {"application.id": "app", "bootstrap.servers": "localhost:9092"}
KINDS = ("main_consumer", "restore_consumer", "global_consumer", "producer", "admin")
# The assignor is chosen by the runtime; ours sends at once (decision 33).
NOT_OURS = {"partition.assignment.strategy"}


def settings(kind: str, config: StreamsConfig, exactly_once: bool) -> Settings:
    if kind == "producer":
        return producer_settings(config, "client", exactly_once)
    if kind == "admin":
        return admin_settings(config, "client")
    if kind == "main_consumer":
        return consumer_settings(config, "main", "client", exactly_once)
    if kind == "restore_consumer":
        return consumer_settings(config, "restore", "client", exactly_once)
    return consumer_settings(config, "global", "client", exactly_once)


def plain(value: object) -> object:
    return value if value is None else str(value).lower()


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
@pytest.mark.parametrize("kind", KINDS)
def test_clients_get_what_java_gives_them(guarantee: str, kind: str) -> None:
    made = settings(kind, StreamsConfig(BASE), guarantee == "exactly_once_v2")
    java = {
        name: plain(row["streams"])
        for name, row in RECORDED["client_configs"][guarantee][kind].items()
        if row["known_to_client"] and name not in NOT_OURS
    }
    if kind == "producer":
        assert java.pop("linger.ms") == "100"
        assert made.pop("linger.ms") == 0
    made.pop("bootstrap.servers", None)
    assert {name: plain(value) for name, value in made.items()} == java


OVERRIDES = {
    said: answers
    for said, answers in RECORDED["user_overrides"].items()
    if not any(refused in said for refused in ("my.own.key", "group.protocol=consumer", "transactional.id"))
}
"""What is unknown or not built is refused by name."""


@pytest.mark.parametrize("said", OVERRIDES)
def test_what_the_user_says_counts_as_in_java(said: str) -> None:
    guarantee, _, pair = said.partition(": ")
    name, _, value = pair.partition("=")
    config = StreamsConfig({**BASE, name: value})
    plain_name = name
    for prefix in ("main.consumer.", "restore.consumer.", "consumer.", "producer."):
        plain_name = plain_name.removeprefix(prefix)
    for kind in KINDS:
        java = OVERRIDES[said][kind]
        made = settings(kind, config, guarantee == "exactly_once_v2").get(plain_name)
        assert plain(made) == plain(java), kind


def test_a_static_member_has_the_workers_number() -> None:
    config = StreamsConfig({**BASE, "consumer.group.instance.id": "one"})
    assert consumer_settings(config, "main", "c", False, worker=2)["group.instance.id"] == "one-2"
    assert "group.instance.id" not in consumer_settings(config, "restore", "c", False)


def test_the_specific_beats_the_general() -> None:
    config = StreamsConfig(
        {
            **BASE,
            "fetch.min.bytes": 1,
            "consumer.fetch.min.bytes": 2,
            "restore.consumer.fetch.min.bytes": 3,
        }
    )
    assert consumer_settings(config, "main", "c", False)["fetch.min.bytes"] == 2
    assert consumer_settings(config, "restore", "c", False)["fetch.min.bytes"] == 3


def test_exactly_once_bounds_requests_and_time() -> None:
    config = StreamsConfig({**BASE, "max.in.flight.requests.per.connection": "6"})
    with pytest.raises(ConfigException, match="Can't exceed 5 when exactly-once processing is enabled"):
        producer_settings(config, "c", True)
    assert producer_settings(config, "c", False)["max.in.flight.requests.per.connection"] == 6
    config = StreamsConfig({**BASE, "commit.interval.ms": 20_000})
    with pytest.raises(
        IllegalArgumentException, match="Transaction timeout 10000 was set lower than streams commit interval 20000"
    ):
        producer_settings(config, "c", True)
