"""What a user is told whose `bootstrap.servers` leads to no Kafka broker. These need none."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from streams.clients import Admin, Producer
from streams.clients.connect import connect
from streams.errors import BrokerNotFoundException, ConfigException, NotYetBuiltException
from tests.kafka_broker import free_port

pytest.importorskip("confluent_kafka")
pytest.importorskip("kafka")


def told(servers: str) -> str:
    """The words of the first call."""
    with closing(connect(servers)) as door, pytest.raises(BrokerNotFoundException) as caught:
        door.admin().list_topics()
    return str(caught.value)


def test_nobody_listens_there() -> None:
    servers = f"127.0.0.1:{free_port()}"
    assert f"{servers}: no broker could be reached" in told(servers)


def test_a_name_that_does_not_resolve() -> None:
    assert told("broker.invalid:9092").startswith("broker.invalid:9092: the name does not resolve.")


def test_another_service_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        servers = f"127.0.0.1:{server.getsockname()[1]}"
        assert f"{servers} does not speak as a Kafka broker does" in told(servers)
        thread.join()


@pytest.mark.parametrize("library", ["confluent_kafka", "kafka"])
def test_what_speaks_to_kafka_is_not_installed(library: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; from streams.clients.connect import connect; "
        "connect('127.0.0.1:9092')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ConfigException" in done.stderr and "pip install 'streams-app[kafka]'" in done.stderr


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"sasl.username": "alice"}, ConfigException, "librdkafka's name for what Kafka calls sasl.jaas.config"),
        ({"queue.buffering.max.ms": 5}, ConfigException, "librdkafka's name for what Kafka calls linger.ms"),
        ({"sasl.mechanism": "PLAIN"}, ConfigException, "security.protocol is PLAINTEXT"),
        ({"ssl.truststore.location": "/ca.pem"}, ConfigException, "security.protocol is PLAINTEXT"),
        (
            {"security.protocol": "SSL", "ssl.truststore.location": "/ca.jks"},
            ConfigException,
            "JKS, which only Java reads.*type=PEM",
        ),
        ({"security.protocol": "SASL_SSL"}, NotYetBuiltException, "sasl.mechanism=GSSAPI is not built yet"),
        (
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": "user=alice secret=x"},
            ConfigException,
            r"sasl\.jaas\.config \(its value is not shown\) names no user and password",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(
    given: dict[str, object], error: type[Exception], words: str
) -> None:
    for client in (Admin, Producer):
        with pytest.raises(error, match=words):
            client({"bootstrap.servers": "127.0.0.1:9092", **given})
