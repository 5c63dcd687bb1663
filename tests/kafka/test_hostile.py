"""Answers that no broker would give: nobody hangs, and nobody sees a traceback. These need no broker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.api import Heartbeat, Isolation
from streams.clients.connect import connect
from streams.errors import BrokerNotFoundException, DisconnectException
from streams.record import TopicPartition
from tests.contracts.door.steps import ask
from tests.kafka.hostile import NONSENSE, Answer, listening

pytest.importorskip("confluent_kafka")
pytest.importorskip("kafka")

everything = pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)


@everything
def test_whoever_answers_nonsense_at_once_is_said_to_be_no_broker(answer: Answer) -> None:
    with listening(answer) as servers, pytest.raises(BrokerNotFoundException) as told:
        Admin(bootstrap_servers=servers).list_topics()
    assert f"{servers} does not speak as a Kafka broker does" in str(told.value)


def test_whoever_says_nothing_is_waited_for_and_then_told_of() -> None:
    with listening(lambda _: None) as servers, pytest.raises(BrokerNotFoundException, match="not answered for 10 s"):
        Admin(bootstrap_servers=servers).list_topics()


@everything
def test_every_client_is_told_of_nonsense_behind_a_good_beginning(answer: Answer, tmp_path: Path) -> None:
    with listening(answer, introduces_itself=True) as servers:
        calls: list[Callable[[], object]] = [
            lambda: Admin(bootstrap_servers=servers).list_topics(),
            lambda: Producer(bootstrap_servers=servers).send(ProducerRecord("t", b"x")).result(20),
            lambda: _polled(servers),
            lambda: _run(servers, tmp_path),
        ]
        for call in calls:
            with pytest.raises(BrokerNotFoundException, match=servers):
                call()
        with closing(connect(servers)) as door, closing(door.link()) as link:
            assert isinstance(ask(link, Heartbeat("g", "m", None, 1)).error, DisconnectException)


@everything
def test_a_reader_goes_on_trying_and_can_be_closed(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with listening(answer, introduces_itself=True) as servers, closing(connect(servers)) as door:
        reader = door.reader(Isolation.READ_COMMITTED)
        reader.seek({TopicPartition("t", 0): 0})
        assert reader.poll(300) == []
    assert [record for record in caplog.records if record.exc_info] == []


def _polled(servers: str) -> None:
    with Consumer(bootstrap_servers=servers, group_id="g") as consumer:
        consumer.subscribe(["t"])
        consumer.poll(1_000)


def _run(servers: str, state: Path) -> None:
    builder = StreamsBuilder()
    builder.stream("in", key_serde=Serdes.string(), value_serde=Serdes.string()).to("out")
    settings = {"application.id": "x", "bootstrap.servers": servers, "state.dir": str(state)}
    with closing(KafkaStreams(builder.build(), settings)) as app:
        app.start()
        app.wait(20_000)
