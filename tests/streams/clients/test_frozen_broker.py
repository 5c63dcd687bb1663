"""A broker that does not answer: times run out where the settings say so, and all goes on when it answers again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients import Admin, Producer, ProducerRecord
from streams.errors import TimeoutException
from tests.engines import broker_pid, local_engine


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


def test_sending_to_an_unknown_topic_waits_no_longer_than_it_may(engine: tuple[str, int]) -> None:
    address, pid = engine
    with Producer(bootstrap_servers=address, max_block_ms=200) as producer:
        producer.send(ProducerRecord("t", b"1")).result(20)
        os.kill(pid, signal.SIGSTOP)
        failed = producer.send(ProducerRecord("elsewhere", b"1"))
        assert isinstance(failed.exception(0), TimeoutException)
        os.kill(pid, signal.SIGCONT)
        assert producer.send(ProducerRecord("elsewhere", b"1")).result(20).offset == 0
