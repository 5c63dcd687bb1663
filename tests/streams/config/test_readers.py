"""Nothing is taken and ignored: a setting has a reader, or is refused by name, or changes nothing and says so."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

import streams
import streams.config.streams
from broker_local.base.faults import Refusal
from broker_local.log.topics import SETTINGS as BROKERS
from broker_local.log.topics import parse
from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin, Consumer, Producer
from streams.config import StreamsConfig
from streams.config.clients import ADMIN, CONSUMER, PRODUCER
from streams.config.derived import READ_BY_CONSUMER, READ_BY_PRODUCER
from streams.config.streams import SETTINGS
from streams.config.table import Setting, Type, text_of
from streams.config.topics import TOPIC
from streams.errors import ConfigException, NotYetBuiltException
from streams.runtime.worker.settings import worker_settings

ROOT = Path(streams.__file__).parent
TABLES = ("config/clients.py", "config/topics.py", "config/docs_page.py", "config/spring.py")
CLIENTS: Mapping[str, Mapping[str, Setting]] = {"consumer": CONSUMER, "producer": PRODUCER, "admin": ADMIN}
MAKERS = {"consumer": Consumer, "producer": Producer, "admin": Admin}
OTHER: Mapping[Type, tuple[object, ...]] = {
    Type.BOOLEAN: (True, False),
    Type.STRING: ("x", "9", "read_committed", "LogAppendTime", "zstd", "INCREMENTAL", "CONSUMER", "explicit", "SSL",
                  "ES256", "NONE", "resolve_canonical_bootstrap_servers_only", "in_memory", "STREAMS", "min_traffic",
                  "DEBUG", "exactly_once_v2", "HEADERS", "READ_UNCOMMITTED", "all", "a:1", "2.4", "earliest", "1"),
    Type.LIST: (("compact",), ("all",), ("range",), ("x",)),
    Type.CLASS: ("string", Serdes.long(), print),
    Type.PASSWORD: ("x",),
    Type.DOUBLE: (0.25, 0.2, 0.6),
}  # fmt: skip


def another(setting: Setting) -> object:
    """A value that is allowed and not the default."""
    wholes = (1, 2, 7, 70_000)
    for value in OTHER.get(setting.type, wholes):
        try:
            parsed = setting.parse(value)
        except ConfigException:
            continue
        if parsed != setting.default and parsed not in setting.built_values:
            return value
    raise LookupError(setting.name)


@cache
def product() -> str:
    """The text of all that may read a setting: without the tables."""
    files = [path for path in ROOT.rglob("*.py") if not str(path).endswith(TABLES)]
    texts = [path.read_text("utf-8") for path in files if path.name != "streams.py"]
    own = (ROOT / "config" / "streams.py").read_text("utf-8")
    return "\n".join(texts) + own[: own.index("# fmt: off")] + own[own.index("# fmt: on") :]


def is_refused(setting: Setting) -> bool:
    """Is each value but the default refused, or but those that say what is done anyway?"""
    return (not setting.built or setting.of_kafka) and not is_moot(setting)


def is_moot(setting: Setting) -> bool:
    """May both be said, as neither asks for what is not done?"""
    return setting.no_meaning is not None and setting.built_values == (not setting.default,)


def test_what_both_may_be_said_of_is_a_short_list() -> None:
    tables = (SETTINGS, *CLIENTS.values())
    assert {name for table in tables for name, setting in table.items() if is_moot(setting)} == {
        "allow.auto.create.topics",
        "enable.metrics.push",
        "internal.throw.on.fetch.stable.offset.unsupported",
        "metadata.cluster.check.enable",
        "partitioner.adaptive.partitioning.enable",
        "topology.description.push.enabled",
    }


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if not is_refused(setting)])
def test_a_setting_of_an_application_is_read(name: str) -> None:
    if is_moot(SETTINGS[name]):
        return
    if name == "built.in.metrics.version":
        assert SETTINGS[name].check is not None, "there is one value"
        return
    if re.fullmatch(r"default\.(key|value)\.serde", name):
        config = StreamsConfig({"application.id": "a", name: "string"})
        assert config.default_key_serde() or config.default_value_serde()
        return
    text = product()
    constant = {value: each for each, value in vars(streams.config.streams).items() if isinstance(value, str)}.get(name)
    assert f'"{name}"' in text or (constant is not None and len(re.findall(rf"\b{constant}\b", text)) > 1)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in CLIENTS.items() for name in table])
def test_a_setting_of_a_client_is_read_or_refused(kind: str, name: str) -> None:
    setting = CLIENTS[kind][name]
    if is_moot(setting):
        return
    if not is_refused(setting):
        assert any(f'"{name}"' in path.read_text("utf-8") for path in (ROOT / "clients").glob("*.py"))
        return
    for servers in ("memory://settings", "local://"):
        with pytest.raises((ConfigException, NotYetBuiltException), match=re.escape(name)) as raised:
            MAKERS[kind]({"bootstrap.servers": servers, name: another(setting)})
        assert re.search("not built yet|has no meaning", str(raised.value))


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if is_refused(setting)])
def test_a_setting_of_an_application_without_a_reader_is_refused(name: str) -> None:
    with pytest.raises((ConfigException, NotYetBuiltException), match=re.escape(name)):
        StreamsConfig({"application.id": "a", name: another(SETTINGS[name])})


@pytest.mark.parametrize("prefix", ["consumer.", "main.consumer.", "restore.consumer.", "producer.", "admin.", ""])
def test_what_a_client_refuses_its_application_refuses(prefix: str) -> None:
    table = CLIENTS[prefix.rstrip(".").rpartition(".")[2] or "producer"]
    for name, setting in table.items():
        if is_refused(setting) and not (prefix == "" and name in (*SETTINGS, *CONSUMER)):
            with pytest.raises((ConfigException, NotYetBuiltException), match=re.escape(prefix + name)):
                StreamsConfig({"application.id": "a", prefix + name: another(setting)})


@pytest.mark.parametrize("name", TOPIC)
def test_a_setting_of_topics_is_one_of_the_brokers_or_refused(name: str) -> None:
    setting, value = TOPIC[name], another(TOPIC[name])
    if not is_refused(setting):
        text = ",".join(value) if isinstance(value, tuple) else text_of(value)
        assert name in BROKERS and parse({name: text}, {})
        return
    with pytest.raises(ConfigException, match=f"topic.{name} has no meaning for the bundled engine"):
        StreamsConfig({"application.id": "a", f"topic.{name}": value})
    with pytest.raises(Refusal):
        parse({name: text_of(value)}, {})


APPLICATIONS = [
    (kind, name, read)
    for kind, read in (("consumer", READ_BY_CONSUMER), ("producer", READ_BY_PRODUCER))
    for name, setting in CLIENTS[kind].items()
    if not is_refused(setting) and not is_moot(setting)
]


@pytest.mark.parametrize(("kind", "name", "read"), APPLICATIONS)
def test_an_applications_clients_read_what_the_page_says(kind: str, name: str, read: frozenset[str]) -> None:
    given = StreamsConfig({"application.id": "a", f"{kind}.{name}": another(CLIENTS[kind][name])})
    changed = worker_settings(given, "c", 1) != worker_settings(StreamsConfig(application_id="a"), "c", 1)
    assert changed == (name in read)


def test_heartbeats_are_fast_to_a_broker_that_is_near() -> None:
    def interval(**given: object) -> int:
        return worker_settings(StreamsConfig(application_id="a", **given), "c", 1).member.heartbeat_interval_ms

    assert interval() == interval(bootstrap_servers="memory://near") == 300
    assert interval(heartbeat_interval_ms=7) == 7
    assert interval(bootstrap_servers="far:9092") == CONSUMER["heartbeat.interval.ms"].default


@pytest.mark.parametrize("given", ["read_committed", "read_uncommitted"])
def test_an_application_reads_with_the_isolation_that_it_is_given(given: str) -> None:
    config = StreamsConfig({"application.id": "a", "consumer.isolation.level": given})
    assert worker_settings(config, "c", 1).isolation.value == given


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"producer.batch.size": 5}, ["producer.batch.size"]),
        ({"consumer.max.poll.records": 7, "producer.acks": "1"}, ["consumer.max.poll.records", "producer.acks"]),
        ({"restore.consumer.fetch.min.bytes": 7}, ["restore.consumer.fetch.min.bytes"]),
        ({"consumer.group.id": "other", "buffer.memory": 1}, ["consumer.group.id", "buffer.memory"]),
        ({"consumer.fetch.min.bytes": 7, "linger.ms": 3, "producer.batch.size": 16_384}, []),
    ],
)
def test_what_changes_nothing_in_an_application_is_told(
    given: dict[str, object], told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    builder = StreamsBuilder()
    builder.stream("in").to("out")
    with caplog.at_level(logging.WARNING, "streams.app"):
        KafkaStreams(builder, {"application.id": "a", "bootstrap.servers": "memory://told", **given})
    found = [re.findall(r"The setting (\S+) changes nothing in an application", each) for each in caplog.messages]
    assert [name for each in found for name in each] == told
