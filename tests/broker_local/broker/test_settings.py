"""Settings of the broker: read from texts and files, refused by name, and what they do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.broker.broker import BrokerSettings
from broker_local.broker.not_applicable import REASONS, reason
from broker_local.broker.properties import IN_DIRECTORY, read_properties
from broker_local.broker.settings import SETTINGS, WrongSetting, given, read_settings
from broker_local.broker.settings_page import page
from broker_local.log.topics import GROUP_TOPIC
from broker_local.log.topics import SETTINGS as TOPIC_SETTINGS
from broker_local.protocol.requests.groups import Commit, CommitPart
from broker_local.protocol.requests.topics import (
    Alteration,
    Metadata,
    NewTopic,
    TopicAlter,
    TopicConfigs,
    TopicCreate,
    TopicDelete,
)
from streams.clients import Admin, Producer, ProducerRecord, TopicPartition
from streams.errors import (
    BrokerNotFoundException,
    TopicDeletionDisabledException,
    UnknownTopicOrPartitionException,
)
from tests.broker_local.engines import Desk, batch
from tests.engines import local_engine, stop_broker, until

ROOT = Path(__file__).parents[3]
STOCK = """
############################# Server Basics #############################
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
#log.flush.interval.messages=10000
log.retention.hours=168
#log.retention.bytes=1073741824
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""
"""The `server.properties` that Kafka 4.3 comes with."""


def read(*pairs: str) -> BrokerSettings:
    return read_settings(None, [given("--config ", pair) for pair in pairs])


def test_the_defaults_that_are_shown_are_those_that_hold() -> None:
    for setting in SETTINGS.values():
        if setting.default:
            found = read(f"{setting.name}={setting.default}")
            assert (found, setting.name) == (
                BrokerSettings(topics=found.topics if setting.topic else {}),
                setting.name,
            )
            if setting.topic:
                assert found.topics == {setting.topic: TOPIC_SETTINGS[setting.topic].default}


@pytest.mark.parametrize(
    ("pairs", "retention"),
    [
        (["log.retention.hours=1"], "3600000"),
        (["log.retention.minutes=1", "log.retention.hours=1"], "60000"),
        (["log.retention.ms=1", "log.retention.minutes=1", "log.retention.hours=1"], "1"),
        (["log.retention.hours=-1"], "-1"),
        (["log.retention.ms=5", "log.retention.ms=7"], "7"),
    ],
)
def test_the_finest_unit_wins_and_of_one_name_the_last(pairs: list[str], retention: str) -> None:
    assert read(*pairs).topics == {"retention.ms": retention}


def test_roll_and_durability_and_groups() -> None:
    assert read("log.roll.hours=2").topics == {"segment.ms": "7200000"}
    assert read("log.roll.ms=9", "log.roll.hours=2").topics == {"segment.ms": "9"}
    assert read("log.flush.interval.messages=1").durability == "durable"
    assert read_settings("process", [given("", "log.flush.interval.messages=1")]).durability == "process"
    assert read("offset.metadata.max.bytes=0").group.max_metadata == 0
    assert read("transaction.max.timeout.ms=5").transaction.max_timeout_ms == 5
    assert read("transactional.id.expiration.ms=7").transaction.retention_ms == 7
    assert read("auto.create.topics.enable=FALSE").creates_topics is False


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["log.retention.ms"], "--config log.retention.ms: give NAME=VALUE"),
        (["log.retention.ms=soon"], "ms=soon: give a number from 1 to 9223372036854775807, or -1"),
        (["log.retention.ms=0"], "give a number from 1"),
        (["log.retention.ms=١"], "give a number from 1"),
        (["num.partitions=0"], "give a number from 1 to 10000"),
        (["log.cleanup.policy=shred"], "Valid values are delete, compact"),
        (["log.cleaner.min.cleanable.ratio=2"], "between 0 and 1"),
        (["delete.topic.enable=yes"], "give true or false"),
        (["log.flush.interval.messages=10000"], "give 1 (durable"),
        (["log.cleaner.min.compaction.lag.ms=2", "log.cleaner.max.compaction.lag.ms=1"], "lag.ms exceeds"),
        (["group.min.session.timeout.ms=2", "group.max.session.timeout.ms=1"], "exceeds group.max.session.timeout.ms"),
        (["log.retension.ms=5"], "there is no setting log.retension.ms; did you mean log.retention.ms?"),
        (["retention.ms=5"], "retention.ms is a setting of a topic; its default is set by log.retention.ms"),
        (["max.message.bytes=5"], "is a setting of a topic; its default is set by message.max.bytes"),
        (["zebra=5"], "there is no setting zebra; `broker-local settings` lists those there are"),
        (["num.io.threads=8"], "num.io.threads has no meaning for the bundled engine: one loop serves all clients"),
        (["min.insync.replicas=1"], "one copy of each log"),
        (["log.segment.bytes=5", "log.segment.bytes=500"], "log.segment.bytes=5: Value must be at least 14"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(pairs: list[str], said: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        read(*pairs)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_every_line_of_the_stock_file_is_known_or_refused_with_a_reason() -> None:
    names = [line.partition("=")[0] for line in STOCK.splitlines() if line and line[0] != "#"]
    assert [name for name in names if name not in SETTINGS and reason(name) is None] == []
    assert [name for name in names if name in SETTINGS] == [
        "num.partitions",
        "log.retention.hours",
        "log.segment.bytes",
        "log.retention.check.interval.ms",
    ]


def test_no_setting_is_both_known_and_refused() -> None:
    assert [name for name in SETTINGS if reason(name) is not None] == []
    assert [why for why in REASONS.values() if why.endswith(".") or "\n" in why] == []


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "server.properties"
    path.write_text("# a comment\n\n! another\n log.retention.hours = 24 \nnum.partitions=3\nnum.partitions=4\n")
    found = read_settings(None, read_properties(str(path)))
    assert (found.topics, found.num_partitions) == ({"retention.ms": "86400000"}, 4)
    path.write_text("num.partitions=3\nlog.dirs=/var\n")
    with pytest.raises(WrongSetting, match=r"server.properties, line 2: log.dirs=/var: .* argument of `serve`"):
        read_properties(str(path))
    path.write_text("num.partitions\n")
    with pytest.raises(WrongSetting, match=r"line 1: num.partitions: give NAME=VALUE"):
        read_properties(str(path))
    path.write_bytes(b"num.partitions=\xff\n")
    with pytest.raises(WrongSetting, match="no text in UTF-8: byte 15"):
        read_properties(str(path))
    with pytest.raises(WrongSetting, match="cannot be read: Is a directory"):
        read_properties(str(tmp_path))


def test_the_page_is_made_from_the_tables() -> None:
    shown = ROOT / "docs" / "broker-settings.md"
    assert shown.read_text("utf-8") == page(), "python -m broker_local.broker.settings_page > docs/broker-settings.md"


def settings_of(desk: Desk, topic: str) -> dict[str, tuple[str, bool]]:
    (found,) = desk.ask(TopicConfigs((topic,))).topics
    return {row.name: (row.value, row.own) for row in found.configs}


def test_topics_have_the_brokers_defaults_and_their_own_win() -> None:
    desk = Desk(settings=read("log.retention.ms=5000", "log.segment.bytes=300", "log.cleanup.policy=compact"))
    made = desk.ask(TopicCreate((NewTopic("a", 1, {}), NewTopic("b", 1, {"retention.ms": "7"})))).results
    assert [each.error for each in made] == [ErrorCode.NONE] * 2
    assert settings_of(desk, "a")["retention.ms"] == ("5000", False)
    assert settings_of(desk, "a")["cleanup.policy"] == ("compact", False)
    assert settings_of(desk, "b")["retention.ms"] == ("7", True)
    a, b = (desk.broker.logs.topic(name).settings for name in "ab")
    assert (a.retention_ms, a.segment_bytes, a.compacts, b.retention_ms) == (5000, 300, True, 7)
    desk.ask(TopicAlter((Alteration("b", {"retention.ms": None}),)))
    assert desk.broker.logs.topic("b").settings == a


def test_the_defaults_of_the_next_broker_hold_for_topics_that_are_there() -> None:
    desk = Desk(settings=read("log.retention.ms=5000"))
    own = {"min.compaction.lag.ms": "50"}
    desk.ask(TopicCreate((NewTopic("a", 1, {}), NewTopic("b", 1, own))))
    desk.broker.logs.close()
    again = Desk(desk.files, read("log.retention.ms=6000", "log.cleaner.max.compaction.lag.ms=40"))
    assert settings_of(again, "a")["retention.ms"] == ("6000", False)
    # A contradiction between a topic and newer defaults is no damage; the topic is told when it is changed.
    (refused,) = again.ask(TopicAlter((Alteration("b", {"retention.ms": "1"}),))).results
    assert refused.error == ErrorCode.INVALID_CONFIG and "min.compaction.lag.ms" in refused.message


def test_the_brokers_own_topic_keeps_its_settings() -> None:
    desk = Desk(settings=read("message.max.bytes=10", "log.message.timestamp.type=LogAppendTime"))
    assert desk.ask(Commit("g", -1, "", None, (CommitPart("t", 0, 3, "x" * 100),))).parts[0].error == ErrorCode.NONE
    assert desk.broker.logs.topic(GROUP_TOPIC).settings.max_message_bytes == 2**31 - 1  # a group is one record
    assert desk.produce("t", 0, batch(b"a")).error == ErrorCode.MESSAGE_TOO_LARGE


def test_topics_are_made_and_deleted_as_the_broker_lets_them() -> None:
    desk = Desk(settings=read("auto.create.topics.enable=false", "delete.topic.enable=false"))
    unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert desk.ask(Metadata(("t",), True)).topics[0].error == unknown
    assert desk.produce("t", 0, batch(b"a")).error == unknown
    desk.ask(TopicCreate((NewTopic("t", 1, {}),)))
    assert desk.produce("t", 0, batch(b"a")).error == ErrorCode.NONE
    assert desk.ask(TopicDelete(("t",))).results[0].error == ErrorCode.TOPIC_DELETION_DISABLED
    assert desk.ask(TopicDelete(("absent",))).results[0].error == ErrorCode.TOPIC_DELETION_DISABLED


def test_logs_are_looked_at_as_often_as_is_said() -> None:
    desk = Desk(settings=read("log.retention.check.interval.ms=200", "log.retention.ms=1000", "log.segment.bytes=150"))
    desk.produce("t", 0, batch(b"a"))
    log = desk.broker.logs.partition("t", 0)
    desk.sync()
    desk.time(1)
    desk.time(900)
    assert (log.log_start, log.end) == (0, 1)
    desk.time(199)
    assert (log.log_start, log.end) == (0, 1)
    desk.time(1)
    assert (log.log_start, log.end) == (1, 1)


def serving(*words: str) -> subprocess.Popen[str]:
    """A broker in the foreground, once it listens."""
    command = [sys.executable, "-m", "broker_local.host.cli", "serve", *words]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.readline()
    return child


def test_settings_of_files_and_of_the_command_line(tmp_path: Path) -> None:
    directory, other = tmp_path / "data", tmp_path / "other.properties"
    directory.mkdir()
    (directory / IN_DIRECTORY).write_text("num.partitions=2\nlog.retention.ms=5\nauto.create.topics.enable=false\n")
    other.write_text("num.partitions=3\nlog.retention.ms=6\n")
    child = serving(
        str(directory), "--properties", str(other),
        "--config", "num.partitions=4", "--config", "delete.topic.enable=false",
    )  # fmt: skip
    with Admin(bootstrap_servers=f"local://{directory}") as admin:
        assert admin.create_topic("t").partitions == 4
        assert admin.describe_topics(["t"])["t"].settings == {}
        with pytest.raises(TopicDeletionDisabledException, match=r"delete.topic.enable is false"):
            admin.delete_topic("t")
    with Producer(bootstrap_servers=f"local://{directory}", max_block_ms=200) as producer:
        failed = producer.send(ProducerRecord("absent", b"a")).exception(30)
        assert isinstance(failed, UnknownTopicOrPartitionException)
    child.terminate()
    assert child.communicate(timeout=60)[1] == "" and child.returncode == 0


def test_users_of_the_engine_configure_it_by_a_file_in_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with local_engine(directory) as address:
        directory.mkdir()
        (directory / IN_DIRECTORY).write_text("num.partitions=5\nlog.retention.bytes=many\n")
        with Admin(bootstrap_servers=address) as admin:
            with pytest.raises(BrokerNotFoundException) as caught:
                admin.list_topics()
            said = f"did not start: {directory}/{IN_DIRECTORY}, line 2: log.retention.bytes=many: Not a number"
            assert said in str(caught.value)
            assert "\n" not in str(caught.value)
            (directory / IN_DIRECTORY).write_text("num.partitions=5\nlog.retention.check.interval.ms=10\n")
            assert admin.create_topic("t").partitions == 5
            with Producer(bootstrap_servers=address) as producer:
                producer.send(ProducerRecord("t", b"a", partition=0, timestamp=1_000)).result(30)
            until(lambda: admin.beginning_offsets([TopicPartition("t", 0)])[TopicPartition("t", 0)] == 1)
        stop_broker(directory)


def test_the_settings_are_listed() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "broker_local.host.cli", "settings"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line.partition("=")[0] for line in out.splitlines() if not line.startswith(" ")] == list(SETTINGS)
