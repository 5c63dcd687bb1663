"""The bundled engine over TCP: who has its token is let in, whoever has not is told so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.errors import AuthorizationException, BrokerNotFoundException
from tests.engines import stop_broker, until

Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves `tmp_path/data` on TCP; gives the address that listens."""
    data, children = tmp_path / "data", list[subprocess.Popen[bytes]]()

    def start(listen: str = "127.0.0.1:0") -> str:
        command = [sys.executable, "-m", "broker_local.host.cli", "serve", str(data), "--listen", listen]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        children.append(child)
        until(lambda: listening(data, child.pid))
        return str(json.loads((data / "endpoint").read_text())["listen"][0])

    yield start
    stop_broker(data)
    for child in children:
        child.wait(60)


def listening(data: Path, pid: int) -> bool:
    try:
        return bool(json.loads((data / "endpoint").read_text())["pid"] == pid)
    except FileNotFoundError:
        return False


def test_clients_and_an_application_work_over_tcp(serve: Serve, tmp_path: Path) -> None:
    address = f"local://{serve()}?token={tmp_path / 'data' / 'endpoint'}"
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic("words", 2)
    builder = StreamsBuilder()
    words = builder.stream("words", key_serde=Serdes.string(), value_serde=Serdes.string())
    words.group_by_key().count(store="counts").to_stream().to("counts", value_serde=Serdes.long())
    app = KafkaStreams(builder, application_id="tcp", bootstrap_servers=address, state_dir=str(tmp_path / "state"))
    found: dict[str, int] = {}
    with app, Producer(bootstrap_servers=address, key_serializer="string", value_serializer="string") as producer:
        for key in "aba":
            producer.send(ProducerRecord("words", key=key, value="x"))
        producer.flush()
        with Consumer(
            bootstrap_servers=address,
            group_id="g",
            auto_offset_reset="earliest",
            key_deserializer="string",
            value_deserializer="long",
            metadata_max_age_ms=50,
        ) as consumer:
            consumer.subscribe(["counts"])
            while found != {"a": 2, "b": 1}:
                found.update((record.key, record.value) for record in consumer.poll(500))
    assert (tmp_path / "state" / "tcp").is_dir()


def test_a_broker_that_is_started_again_has_another_token_and_is_found(serve: Serve, tmp_path: Path) -> None:
    listens = serve()
    address = f"local://{listens}?token={tmp_path / 'data' / 'endpoint'}"
    with Producer(bootstrap_servers=address, value_serializer="string") as producer:
        producer.send(ProducerRecord("t", "before")).result(60)
        stop_broker(tmp_path / "data")
        sent = producer.send(ProducerRecord("t", "after"))
        assert serve(listens) == listens
        assert sent.result(60).offset == 1


def test_a_token_of_its_own_file(serve: Serve, tmp_path: Path) -> None:
    listens = serve()
    token = json.loads((tmp_path / "data" / "endpoint").read_text())["token"]
    (tmp_path / "token").write_text(token + "\n")
    with Admin(bootstrap_servers=f"local://{listens}?token={tmp_path / 'token'}") as admin:
        assert admin.list_topics() == ()


def test_a_wrong_token_is_refused_at_once(serve: Serve, tmp_path: Path) -> None:
    listens = serve()
    (tmp_path / "token").write_text("guessed")
    with (
        Admin(bootstrap_servers=f"local://{listens}?token={tmp_path / 'token'}") as admin,
        pytest.raises(AuthorizationException, match="the token is missing or wrong"),
    ):
        admin.list_topics()


def test_a_token_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        Admin(bootstrap_servers=f"local://127.0.0.1:9?token={tmp_path / 'none'}") as admin,
        pytest.raises(BrokerNotFoundException, match=r"token file .*none cannot be read: No such file"),
    ):
        admin.list_topics()
    (tmp_path / "endpoint").write_text('{"token": null}')
    with (
        Admin(bootstrap_servers=f"local://127.0.0.1:9?token={tmp_path / 'endpoint'}") as admin,
        pytest.raises(BrokerNotFoundException, match="has no token: its broker does not listen on TCP"),
    ):
        admin.list_topics()
