"""A broker that does not answer: times run out where the settings say so, and all goes on when it answers again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.background import background_of
from streams.errors import TimeoutException
from streams.world import SYSTEM
from tests.engines import broker_pid, local_engine, until
from tests.streams.clients.test_group_membership import Counting


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[str, int]]:
    with local_engine(tmp_path / "data") as address:
        with Admin(bootstrap_servers=address) as admin:
            admin.create_topic("t", 1)
        pid = broker_pid(tmp_path / "data")
        assert pid is not None
        try:
            yield address, pid
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_record_fails_after_its_delivery_timeout_and_the_next_ones_do_not(engine: tuple[str, int]) -> None:
    address, pid = engine
    settings = {"bootstrap.servers": address, "delivery.timeout.ms": 300, "request.timeout.ms": 200, "linger.ms": 0}
    with Producer(settings) as producer:
        assert producer.send(ProducerRecord("t", b"1")).result(20).offset == 0
        os.kill(pid, signal.SIGSTOP)
        lost = [producer.send(ProducerRecord("t", b"%d" % number)) for number in (2, 3)]
        assert all(isinstance(future.exception(20), TimeoutException) for future in lost)
        assert "Whether they were stored is not known" in str(lost[0].exception(0))
        os.kill(pid, signal.SIGCONT)
        offsets = [producer.send(ProducerRecord("t", b"%d" % number)).result(20).offset for number in (4, 5)]
        assert offsets[1] == offsets[0] + 1


def test_a_record_fails_in_its_time_though_another_producer_id_is_being_asked_for(engine: tuple[str, int]) -> None:
    address, pid = engine
    settings = {"bootstrap.servers": address, "delivery.timeout.ms": 400, "request.timeout.ms": 200, "linger.ms": 0}
    with Producer(settings) as producer:
        assert producer.send(ProducerRecord("t", b"1")).result(20).offset == 0
        os.kill(pid, signal.SIGSTOP)
        first = producer.send(ProducerRecord("t", b"2"))
        sent_at = time.monotonic()
        until(lambda: time.monotonic() > sent_at + 0.2)
        second = producer.send(ProducerRecord("t", b"3"))  # it waits behind the first, whose sequence is never filled
        assert isinstance(first.exception(20), TimeoutException)
        assert isinstance(second.exception(20), TimeoutException)
        os.kill(pid, signal.SIGCONT)


def test_sending_to_an_unknown_topic_waits_no_longer_than_it_may(engine: tuple[str, int]) -> None:
    address, pid = engine
    with Producer(bootstrap_servers=address, max_block_ms=200) as producer:
        producer.send(ProducerRecord("t", b"1")).result(20)
        os.kill(pid, signal.SIGSTOP)
        failed = producer.send(ProducerRecord("elsewhere", b"1"))
        assert isinstance(failed.exception(0), TimeoutException)
        os.kill(pid, signal.SIGCONT)
        assert producer.send(ProducerRecord("elsewhere", b"1")).result(20).offset == 0


def is_held(producer: Producer) -> bool:
    """Is some thread inside the producer?"""
    if producer._lock.acquire(blocking=False):
        producer._lock.release()
        return False
    return True


def test_a_producer_that_waits_for_its_broker_holds_nobody_else_up(engine: tuple[str, int]) -> None:
    address, pid = engine
    other = Counting(2**62)
    with Producer(bootstrap_servers=address, max_block_ms=3_000) as producer:
        producer.send(ProducerRecord("t", b"1")).result(20)
        os.kill(pid, signal.SIGSTOP)
        waiting = threading.Thread(target=lambda: producer.send(ProducerRecord("elsewhere", b"1")).exception(20))
        waiting.start()
        until(lambda: is_held(producer))
        background = background_of(SYSTEM)
        background.add(other)
        other.due = 0
        background.wake()
        assert other.polled.wait(2)
        assert waiting.is_alive()
        background.remove(other)
        os.kill(pid, signal.SIGCONT)
        waiting.join()


def test_closing_a_consumer_takes_no_longer_than_it_may(engine: tuple[str, int]) -> None:
    address, pid = engine
    consumer = Consumer(bootstrap_servers=address, group_id="g", auto_offset_reset="earliest")
    consumer.subscribe(["t"])
    until(lambda: consumer.poll(50) or consumer.assignment())
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    consumer.close(200)
    assert time.monotonic() - started < 10


def test_a_running_application_says_that_its_broker_does_not_answer(
    engine: tuple[str, int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address, pid = engine
    builder = StreamsBuilder()
    builder.stream("t", key_serde=Serdes.bytes(), value_serde=Serdes.bytes()).foreach(lambda key, value: None)
    with KafkaStreams(builder, application_id="app", bootstrap_servers=address, state_dir=str(tmp_path)) as app:
        assert app.wait_until_running(60_000)
        os.kill(pid, signal.SIGSTOP)
        until(lambda: "The broker has not answered for" in app.summary().trouble)
        os.kill(pid, signal.SIGCONT)
        until(lambda: not app.summary().trouble)
        assert app.state.value in ("RUNNING", "REBALANCING")
    told = [r.getMessage() for r in caplog.records if r.name == "streams.troubles"]
    assert told and all(line.startswith("app: The broker has not answered for") for line in told)
    assert "Work goes on when it answers" in told[0]
