"""Every setting of Kafka's clients, given to ours on Apache Kafka: it changes something, or is refused by its name.

What a setting changes is looked for in what a client goes by afterwards: its own settings, and how it reaches brokers;
or in the words with which it refuses.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import streams
from streams.clients import Admin
from streams.clients.api import ReaderSettings, WriterSettings
from streams.clients.settings import admin_settings, consumer_settings, producer_settings
from streams.config.clients import ADMIN, CONSUMER, PRODUCER
from streams.config.table import Setting
from streams.errors import ConfigException, KafkaException
from tests.kafka.hostile import listening
from tests.streams.config.test_readers import another, is_moot

pytest.importorskip("confluent_kafka")
pytest.importorskip("kafka")

from streams.clients.kafka import oauthbearer
from streams.clients.kafka.cluster import Cluster
from streams.clients.kafka.oauthbearer import Refresh, TokenProvider
from streams.clients.kafka.settings import Reaching, connecting
from streams.world import SYSTEM

Given = Mapping[str, object]
TABLES: Mapping[str, Mapping[str, Setting]] = {"consumer": CONSUMER, "producer": PRODUCER, "admin": ADMIN}
READERS: Mapping[str, Callable[[Given, Given], Any]] = {
    "consumer": consumer_settings,
    "producer": producer_settings,
    "admin": admin_settings,
}
EACH = [(kind, name) for kind, table in TABLES.items() for name in table]
LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";'
TOKENS = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.token.endpoint.url": "https://provider/token",
    "sasl.oauthbearer.client.credentials.client.id": "id",
    "sasl.oauthbearer.client.credentials.client.secret": "secret",
}
VALUES: Given = {
    "bootstrap.servers": "other:9092",
    "sasl.jaas.config": LOGIN,
    "sasl.mechanism": "PLAIN",
    "sasl.oauthbearer.token.endpoint.url": "https://other/token",
    "ssl.endpoint.identification.algorithm": "",
}
"""Where not any value will do."""
AROUND: tuple[tuple[str, Given], ...] = (
    (r"sasl\.(jaas\.config|mechanism)", {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}),
    (r"sasl\..*", TOKENS),
    (r"ssl\.truststore\.type", {"security.protocol": "SSL", "ssl.truststore.location": "nowhere.pem"}),
    (r"ssl\.keystore\.type", {"security.protocol": "SSL", "ssl.keystore.location": "nowhere.pem"}),
    (r"ssl\..*", {"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.keystore.type": "PEM"}),
    (r"compression\.gzip\.level", {"compression.type": "gzip"}),
    (r"compression\.lz4\.level", {"compression.type": "lz4"}),
    (r"compression\.zstd\.level", {"compression.type": "zstd"}),
    (r"transaction\.timeout\.ms", {"transactional.id": "t"}),
    (r"(auto\.commit\.interval\.ms|enable\.auto\.commit|group\.instance\.id)", {"group.id": "g"}),
)  # fmt: skip
"""What has to be said for a setting to mean anything."""


def around(name: str) -> dict[str, object]:
    found = next((given for pattern, given in AROUND if re.fullmatch(pattern, name)), {})
    return {"bootstrap.servers": "broker:9092", **{each: value for each, value in found.items() if each != name}}


def shown(value: Any) -> Any:
    """What can be compared of what a client goes by."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: shown(getattr(value, each.name))
            for each in fields(value)
            if each.name not in ("troubled", "connections")
        }
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return shown(value._asdict())
    if isinstance(value, Mapping):
        return {name: shown(each) for name, each in value.items() if name != "oauth_cb"}
    if isinstance(value, TokenProvider):
        return {name: shown(each) for name, each in vars(value).items() if name != "_lock"}
    if isinstance(value, ssl.SSLContext):
        return value.check_hostname
    return value


def effect(kind: str, given: Given) -> object:
    """What a client goes by with these settings, or the words with which it refuses them."""
    try:
        read = READERS[kind](given, {})
        return shown(read), shown(connecting(read.connections))
    except KafkaException as error:
        return f"{type(error).__name__}: {error}"


def passed_over(kind: str, name: str) -> bool:
    """Is a setting taken, and changes nothing?"""
    given = around(name)
    value = VALUES.get(name, another(TABLES[kind][name]))
    return effect(kind, given) == effect(kind, {**given, name: value})


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_a_setting_changes_something_or_is_refused_by_its_name(kind: str, name: str) -> None:
    setting = TABLES[kind][name]
    if is_moot(setting):  # both may be said, and the table says why neither changes anything
        assert setting.no_meaning
        return
    assert not passed_over(kind, name)
    given = {**around(name), name: VALUES.get(name, another(setting))}
    said = effect(kind, given)
    if isinstance(said, str):
        assert name in said or re.match(r"ssl\.(truststore|keystore)|partition\.assignment", name), said


def test_a_setting_that_nobody_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not passed_over("admin", "sasl.login.refresh.min.period.seconds")
    monkeypatch.setattr(oauthbearer.Refresh, "of", lambda given: Refresh(0.8, 0.05, 60, 300))
    assert passed_over("admin", "sasl.login.refresh.min.period.seconds")


@pytest.mark.parametrize("settings", [ReaderSettings, WriterSettings])
def test_what_a_client_hands_its_engine_is_read_there(settings: type[Any]) -> None:
    root = Path(streams.__file__).parent / "clients"
    text = "".join(path.read_text("utf-8") for room in ("kafka", "writing") for path in (root / room).glob("*.py"))
    assert [each.name for each in fields(settings) if f".{each.name}" not in text] == []


def test_both_libraries_have_the_same_numbers() -> None:
    given = {
        "connections.max.idle.ms": -1,
        "reconnect.backoff.ms": 5_000,
        "reconnect.backoff.max.ms": 2_000,
        "request.timeout.ms": 7_000,
        "socket.connection.setup.timeout.ms": 3_000,
        "receive.buffer.bytes": -1,
        "send.buffer.bytes": 70_000,
        "client.rack": "east",
    }
    found = connecting(given)
    assert found.librdkafka == {
        "security.protocol": "PLAINTEXT",
        "connections.max.idle.ms": 0,
        "reconnect.backoff.ms": 2_000,
        "reconnect.backoff.max.ms": 2_000,
        "socket.timeout.ms": 7_000,
        "socket.connection.setup.timeout.ms": 3_000,
        "socket.receive.buffer.bytes": 0,
        "socket.send.buffer.bytes": 70_000,
        "client.rack": "east",
    }
    assert found.reaching == Reaching(7_000, 3_000, -1, 2_000, 2_000, ((socket.SOL_SOCKET, socket.SO_SNDBUF, 70_000),))


def test_a_first_pause_is_never_longer_than_the_longest() -> None:
    assert connecting({"reconnect.backoff.max.ms": 20}).librdkafka == {
        "security.protocol": "PLAINTEXT",
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 20,
    }


def test_the_pause_before_connecting_again_doubles_up_to_the_longest() -> None:
    with socket.socket() as taken:  # and nobody listens
        taken.bind(("127.0.0.1", 0))
        reaching = Reaching.of({"reconnect.backoff.ms": 40, "reconnect.backoff.max.ms": 100})
        cluster = Cluster(f"127.0.0.1:{taken.getsockname()[1]}", "c", {}, SYSTEM, reaching)
        pauses = [cluster.pause_ms]
        for _ in range(3):
            with pytest.raises(KafkaException):
                cluster.call(cluster.brokers)
            pauses.append(cluster.pause_ms)
        cluster.close()
    assert pauses == [40, 40, 80, 100]


class Later:
    """The machine's world, some time on."""

    ahead_ms = 0

    def monotonic_ms(self) -> float:
        return SYSTEM.monotonic_ms() + self.ahead_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(SYSTEM, name)


def test_a_connection_that_was_idle_for_too_long_is_not_used_again(servers: str) -> None:
    later = Later()
    world: Any = later
    cluster = Cluster(servers, "c", {}, world, Reaching.of({"connections.max.idle.ms": 60_000}))
    used = [cluster.call(cluster.connection)]
    for later.ahead_ms in (50_000, 70_000, 120_000):
        used.append(cluster.call(cluster.connection))
        cluster.call(cluster.brokers)
    cluster.close()
    assert used[0] is used[1] is used[2] is used[3]
    cluster = Cluster(servers, "c", {}, world, Reaching.of({"connections.max.idle.ms": 60_000}))
    used = [cluster.call(cluster.connection)]
    later.ahead_ms += 61_000
    used.append(cluster.call(cluster.connection))
    cluster.close()
    assert used[0] is not used[1]


def test_an_answer_may_take_as_long_as_it_is_given() -> None:
    with (
        listening(lambda _: None, introduces_itself=True) as address,
        pytest.raises(KafkaException, match=r"timed out after (199|200) ms"),
    ):
        Admin(bootstrap_servers=address, request_timeout_ms=200).list_topics()


@pytest.mark.parametrize(
    ("life", "chance", "after"),
    [
        (3_600, 0.0, 2_880),
        (3_600, 1.0, 3_060),
        (1_000, 1.0, 700),  # 300 s before its end at the latest
        (365, 0.0, 65),
        (361, 0.0, 61),
        (300, 0.0, 240),  # too short a life for both bounds
    ],
)
def test_a_token_is_renewed_when_kafkas_own_clients_renew_it(life: int, chance: float, after: int) -> None:
    assert Refresh.of({}).at(1_000.0, 1_000.0 + life, chance) == pytest.approx(1_000 + after)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_what_is_of_tokens_is_refused_beside_a_password(mechanism: str) -> None:
    given = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": LOGIN,
        "sasl.login.refresh.window.factor": 0.6,
    }
    with pytest.raises(ConfigException, match=f"sasl.login.refresh.window.factor is given, .* is {mechanism}"):
        connecting(given)
