"""A disk that cannot read is told: to the log, and to whoever asks, who is not cut off again and again."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.host.client import ConnectionLost
from broker_local.log.read_faults import FADES_MS, LINE_MS, ReadFaults
from broker_local.protocol.requests.records import Fetch, FetchedPart, FetchPosition, Produce, ProducePart
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from tests.broker_local.engines import batch, values_in
from tests.broker_local.host.test_server import Running

LARGE = b"x" * 200_000
FAILED = OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path)
    link = server.link()
    link.call(TopicCreate((NewTopic("bad", 1, {}), NewTopic("good", 1, {}))))
    for topic in ("bad", "good"):
        link.call(Produce(-1, (ProducePart(topic, 0, batch(LARGE)),)))
    yield server
    server.stop()


def fetched(server: Running, *topics: str) -> dict[str, FetchedPart]:
    """What a fresh client is told; {}: it is cut off."""
    link = server.link()
    positions = tuple(FetchPosition(topic, 0, 0, 1 << 20) for topic in topics)
    try:
        return {part.topic: part for part in link.call(Fetch(positions, 100)).parts}
    except ConnectionLost:
        return {}
    finally:
        link.close()


def log_of(server: Running, topic: str) -> Path:
    home = Path(server.path).parent / "data" / "topics" / str(server.broker.logs.topics[topic].id)
    (path,) = home.rglob("*.log")
    return path


@pytest.mark.parametrize("call", ["sendfile", "pread"])
def test_an_error_of_the_disk_is_told_and_the_broker_goes_on(
    running: Running, call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = os.stat(log_of(running, "bad")).st_ino
    real = getattr(os, call)

    def failing(*arguments: Any) -> Any:
        file = arguments[1] if call == "sendfile" else arguments[0]
        if os.fstat(file).st_ino == wanted:
            raise FAILED
        return real(*arguments)

    monkeypatch.setattr(os, call, failing)
    if call == "pread":  # small slices are read, and sent with the head
        monkeypatch.setattr("broker_local.host.server.SMALL_SLICE", 1 << 30)
    first = fetched(running, "bad")
    assert first == {} or first["bad"].error == ErrorCode.KAFKA_STORAGE_ERROR
    told = fetched(running, "bad", "good")
    assert told["bad"].error == ErrorCode.KAFKA_STORAGE_ERROR and "Input/output error" in told["bad"].message
    assert [r.levelno for r in caplog.records if "cannot be read" in r.getMessage()] == [logging.ERROR]
    assert [value for _, value in values_in(told["good"].data)] == [LARGE]


def test_a_fault_fades_and_is_logged_once_an_interval(caplog: pytest.LogCaptureFixture) -> None:
    faults = ReadFaults()
    said = faults.note("topics/1/0/00.log", FAILED, 1_000)
    assert faults.said("topics/1/0/00.log", 1_000 + FADES_MS - 1) == said and "broker-local check" in said
    assert faults.said("topics/1/0/00.log", 1_000 + FADES_MS) is None
    assert faults.said("topics/1/0/01.log", 1_000) is None
    faults.note("topics/1/0/00.log", FAILED, 1_000 + LINE_MS - 1)
    assert len(caplog.records) == 1
    faults.note("topics/1/0/00.log", FAILED, 1_000 + LINE_MS)
    assert len(caplog.records) == 2
