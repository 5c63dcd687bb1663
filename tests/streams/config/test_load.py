"""Settings from files, variables and keywords, and who wins."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from streams.config import StreamsConfig
from streams.config.load import from_environment, from_file, from_pairs, load, merge
from streams.errors import ConfigException, NotYetBuiltException

SPRING = """
spring:
  application:
    name: shop
  kafka:
    bootstrap-servers: [kafka1:9092, "kafka2:9092"]
    clientId: shop-client
    security:
      protocol: SSL
    ssl:
      trust-store-location: /etc/trust.pem
      trust-store-type: PEM
    properties:
      request.timeout.ms: 10000
    listener:
      concurrency: 3
    producer:
      acks: all
      batch-size: 64KB
      key-serializer: org.apache.kafka.common.serialization.StringSerializer
      properties:
        linger.ms: 5
    consumer:
      auto-offset-reset: earliest
      fetch-max-wait: 2s
      heartbeat-interval: PT3S
      max-poll-records: 100
    streams:
      application-id: ${APP_ID:word-count}
      replication-factor: 1
      state-store-cache-max-size: 1MB
      auto-startup: true
      properties:
        num.stream.threads: 2
        default:
          key:
            serde: org.apache.kafka.common.serialization.Serdes$StringSerde
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "application.yaml"
    path.write_text(text, "utf-8")
    return path


def test_spring_boots_layout(tmp_path: Path) -> None:
    found = from_file(written(tmp_path, SPRING), {})
    assert found == {
        "bootstrap.servers": "kafka1:9092,kafka2:9092",
        "client.id": "shop-client",
        "security.protocol": "SSL",
        "ssl.truststore.location": "/etc/trust.pem",
        "ssl.truststore.type": "PEM",
        "request.timeout.ms": 10_000,
        "producer.acks": "all",
        "producer.batch.size": 65_536,
        "producer.linger.ms": 5,
        "consumer.auto.offset.reset": "earliest",
        "consumer.fetch.max.wait.ms": 2_000,
        "consumer.heartbeat.interval.ms": 3_000,
        "consumer.max.poll.records": 100,
        "application.id": "word-count",
        "replication.factor": 1,
        "statestore.cache.max.bytes": 1_048_576,
        "num.stream.threads": 2,
        "default.key.serde": "org.apache.kafka.common.serialization.Serdes$StringSerde",
    }
    config = StreamsConfig(found)
    assert config.get_list("bootstrap.servers") == ("kafka1:9092", "kafka2:9092")


def test_what_spring_users_write_is_read(tmp_path: Path) -> None:
    text = """
spring:
  kafka:
    properties:
    producer:
      acks: 1
      properties:
    consumer:
      properties:
        spring.json.trusted.packages: "*"
        "[max.poll.records]": 7
    listener:
      concurrency: 3
    template:
    ssl:
    streams:
      application-id: 42
      properties:
        spring.json.trusted.packages: com.acme
    admin:
"""
    found = from_file(written(tmp_path, text), {})
    assert found == {
        "producer.acks": 1,
        "consumer.max.poll.records": 7,
        "num.stream.threads": 3,
        "application.id": 42,
    }
    config = StreamsConfig(found)
    assert (config.get_string("application.id"), config["num.stream.threads"]) == ("42", 3)


SHARED_WITH_JAVA = """
spring:
  kafka:
    properties:
      request.timeout.ms: 20000
      metric.reporters: com.acme.Reporter
    ssl:
      trust-store-password: changeit
    producer:
      retries: 3
      compression-type: lz4
      batch-size: 32KB
    consumer:
      properties:
        client.rack: eu-1
        "[connections.max.idle.ms]": 300000
        fetch.min.bytes: 7
    streams:
      application-id: shop
      replication-factor: 1
      properties:
        probing.rebalance.interval.ms: 120000
        metrics.recording.level: INFO
"""


def test_what_harms_nobody_is_told_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, SHARED_WITH_JAVA)
    with caplog.at_level(logging.WARNING, "streams.config"):
        found = from_file(path, {})
    assert found == {
        "producer.batch.size": 32_768,
        "consumer.fetch.min.bytes": 7,
        "application.id": "shop",
        "replication.factor": 1,
        "metrics.recording.level": "INFO",
    }
    assert StreamsConfig(found).application_id == "shop"
    told = dict(re.findall(r"yaml:(\d+): (\S+) has no effect here", "\n".join(caplog.messages)))
    assert told == {
        "5": "spring.kafka.properties.request.timeout.ms",
        "6": "spring.kafka.properties.metric.reporters",
        "8": "spring.kafka.ssl.trust-store-password",
        "10": "spring.kafka.producer.retries",
        "11": "spring.kafka.producer.compression-type",
        "15": "spring.kafka.consumer.properties.client.rack",
        "16": "spring.kafka.consumer.properties.[connections.max.idle.ms]",
        "22": "spring.kafka.streams.properties.probing.rebalance.interval.ms",
    }
    assert "until delivery.timeout.ms is over; set that" in caplog.text
    assert "changeit" not in caplog.text


def test_a_file_for_apache_kafka_serves_the_bundled_engine_where_that_is_asked_for(tmp_path: Path) -> None:
    text = SHARED_WITH_JAVA.replace("  kafka:\n", "  kafka:\n    bootstrap-servers: kafka:9092\n", 1)
    path = written(tmp_path, text)
    assert from_file(path, {})["request.timeout.ms"] == 20_000
    config = load(file=path, environment={}, pairs=["bootstrap.servers=local://here"])
    assert (config["bootstrap.servers"], config.application_id) == (("local://here",), "shop")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("security.protocol", "SASL_SSL"),
        ("replication.factor", 3),
        ("consumer.interceptor.classes", "com.acme.Drop"),
        ("topic.min.insync.replicas", 2),
        ("num.standby.replicas", 1),
    ],
)
def test_what_would_change_a_guarantee_is_refused_by_name(tmp_path: Path, name: str, value: object) -> None:
    text = f"spring:\n  kafka:\n    streams:\n      application-id: a\n      properties:\n        {name}: {value}\n"
    with pytest.raises((ConfigException, NotYetBuiltException), match=re.escape(name)):
        load(file=written(tmp_path, text), environment={})


def test_elsewhere_than_in_such_a_file_what_has_no_meaning_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "application.id: a\nproducer.retries: 3\n")
    with pytest.raises(ConfigException, match=r"producer\.retries has no meaning here: a batch is sent again until"):
        load(file=path, environment={})


def test_properties_files_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "application.properties"
    path.write_text(
        "# of the shop\n"
        "spring.kafka.streams.application-id = word-count\n"
        "spring.kafka.bootstrap-servers: a:1,\\\n"
        "    b:2\n"
        "! listeners\n"
        "spring.kafka.listener.concurrency 2\n"
        "spring.kafka.client-id=caf\\u00e9\n"
        "spring.kafka.streams.properties.state.dir=C\\:\\\\data\n",
        "utf-8",
    )
    assert from_file(path, {}) == {
        "application.id": "word-count",
        "bootstrap.servers": "a:1,b:2",
        "num.stream.threads": "2",
        "client.id": "café",
        "state.dir": "C:\\data",
    }
    path.write_text("application.id=a\n\ncommit.interval.ms=soon\n", "utf-8")
    with pytest.raises(ConfigException, match=r"application\.properties:3: Invalid value soon for .*commit\.interval"):
        from_file(path, {})


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("application.id: a\n\ncommit.interval.ms: soon\n", 3, "Invalid value soon"),
        ("a: 1\n---\nconsumer:\n  fetch.min.byte: 5\n", 1, "Unknown configuration a"),
        ("application.id: a\n---\nconsumer:\n  fetch.min.byte: 5\n", 4, "Did you mean consumer.fetch.min.bytes"),
        ("spring:\n  kafka:\n    streams:\n      aplication-id: x\n", 4, "Did you mean .*streams.application-id"),
        ("spring:\n  kafka:\n    producer:\n      batch-size: 3XB\n", 4, "is no amount"),
        ("spring:\n  kafka:\n    producer:\n      properties:\n        acks: 7\n", 5, "Invalid value 7"),
        ("spring:\n  kafka:\n    listener:\n      concurrency: 0\n", 4, "Value must be at least 1"),
        ("application.id: a\nclient.id: ${absent}\n", 2, "absent"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, why: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigException, match=why) as raised:
        from_file(path, {})
    assert f"{path}:{line}" in str(raised.value)


def test_placeholders_stand_for_the_environment_and_other_entries(tmp_path: Path) -> None:
    assert from_file(written(tmp_path, SPRING), {"APP_ID": "orders"})["application.id"] == "orders"
    text = "application.id: ${team}-${STAGE}\nteam: shop\nclient.id: ${nothing}\n"
    with pytest.raises(ConfigException, match=r"placeholder \$\{nothing\} in .* has no value"):
        from_file(written(tmp_path, text), {"STAGE": "test"})
    circle = "client.id: ${state.dir}\nstate.dir: ${client.id}\n"
    with pytest.raises(ConfigException, match="lead round in a circle"):
        from_file(written(tmp_path, circle), {})


def test_the_applications_name_is_its_id_where_it_has_no_other(tmp_path: Path) -> None:
    text = "spring.application.name: shop\nspring.kafka.bootstrap-servers: local://data\n"
    assert from_file(written(tmp_path, text), {}) == {"application.id": "shop", "bootstrap.servers": "local://data"}


def test_documents_of_a_profile_count_when_it_is_active(tmp_path: Path) -> None:
    text = """
spring.kafka.client-id: plain
---
spring:
  config.activate.on-profile: prod
  kafka.client-id: prod
"""
    path = written(tmp_path, text)
    assert from_file(path, {})["client.id"] == "plain"
    assert from_file(path, {"SPRING_PROFILES_ACTIVE": "eu, prod"})["client.id"] == "prod"


def test_plain_dotted_names(tmp_path: Path) -> None:
    found = from_file(written(tmp_path, "application.id: a\nconsumer:\n  fetch.min.bytes: 5\n"), {})
    assert found == {"application.id": "a", "consumer.fetch.min.bytes": 5}
    assert from_file(written(tmp_path, "---\n"), {}) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "is no YAML"),
        ("- a\n- b\n", "holds no names and values"),
        ("!!python/object/apply:os.system ['true']", "is no YAML"),
        ("spring.kafka.bootstrap-serverz: x", r"Did you mean spring\.kafka\.bootstrap-servers"),
        ("spring.kafka.consumer.fetch-max-wait: soon", "is no amount"),
        ("spring.kafka.producer.batch-size: 3XB", "is no amount"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigException, match=why):
        from_file(written(tmp_path, text), {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigException, match=r"no\.yaml cannot be read"):
        from_file(tmp_path / "no.yaml")


def test_variables() -> None:
    found = from_environment(
        {
            "STREAMS_APP_COMMIT_INTERVAL_MS": "5",
            "STREAMS_APP_CONSUMER_FETCH_MIN_BYTES": "6",
            "STREAMS_APP_MAIN_CONSUMER_MAX_POLL_RECORDS": "7",
            "STREAMS_APP_RACK_AWARE_ASSIGNMENT_NON_OVERLAP_COST": "8",
            "STREAMS_APP_TOPIC_RETENTION_MS": "9",
            "STREAMS_APP_WORKERS": "2",
            "HOME": "/root",
        },
        besides=("STREAMS_APP_WORKERS",),
    )
    assert found == {
        "commit.interval.ms": "5",
        "consumer.fetch.min.bytes": "6",
        "main.consumer.max.poll.records": "7",
        "rack.aware.assignment.non_overlap_cost": "8",
        "topic.retention.ms": "9",
    }


@pytest.mark.parametrize(
    ("variable", "why"),
    [
        ("STREAMS_APP_COMIT_INTERVAL_MS", "STREAMS_APP_COMIT_INTERVAL_MS names no setting.*commit_interval_ms"),
        ("STREAMS_APP_CONSUMER_FETCH_MIN_BITES", "Did you mean STREAMS_APP_CONSUMER_FETCH_MIN_BYTES"),
    ],
)
def test_variables_that_name_nothing(variable: str, why: str) -> None:
    with pytest.raises(ConfigException, match=why):
        from_environment({variable: "1"})


def test_pairs() -> None:
    assert from_pairs(["a.b = 1", "c=d=e"]) == {"a.b ".strip(): " 1", "c": "d=e"}
    with pytest.raises(ConfigException, match="Write name=value"):
        from_pairs(["nonsense"])


def test_later_sources_win(tmp_path: Path) -> None:
    path = written(tmp_path, "application.id: file\ncommit.interval.ms: 2\npoll.ms: 2\ntask.timeout.ms: 2\n")
    found = load(
        script={"application.id": "script", "commit.interval.ms": 1, "num.stream.threads": 1},
        file=path,
        environment={"STREAMS_APP_POLL_MS": "3", "STREAMS_APP_TASK_TIMEOUT_MS": "3"},
        pairs=["task.timeout.ms=4"],
        keywords={"max_run_records": 5},
    )
    assert (found.application_id, found["num.stream.threads"], found["commit.interval.ms"]) == ("file", 1, 2)
    assert (found["poll.ms"], found["task.timeout.ms"], found["max.run.records"]) == (3, 4, 5)
    assert merge({"a": 1}, None, {"a": 2}) == {"a": 2}
