"""What only the engine can refuse, in the middle of a batch: the record fails alone, the good ones beside it are stored
in their order."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from streams import Serdes, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition
from streams.errors import (
    InvalidRecordException,
    InvalidTimestampException,
    RecordTooLargeException,
    StreamsException,
)
from streams.exception_handlers import Response
from streams.record import RecordMetadata
from tests.engines import until
from tests.streams.apps import running

_numbers = itertools.count()
YEAR_2099 = 4_070_908_800_000
NOW = int(time.time() * 1000)

CASES: dict[str, tuple[Mapping[str, object], Mapping[str, Any], type[Exception]]] = {
    "no key in a compacted topic": ({"cleanup.policy": "compact"}, {"key": None}, InvalidRecordException),
    "the year 2099": ({}, {"timestamp": YEAR_2099}, InvalidTimestampException),
    "too large": ({"max.message.bytes": 2_000}, {"value": b"x" * 2_000}, RecordTooLargeException),
}


@pytest.fixture
def topic() -> str:
    return f"refused-{next(_numbers)}"


def stored(address: str, topic: str) -> list[tuple[int, object]]:
    """Offsets and values of a topic."""
    zero = TopicPartition(topic, 0)
    found: list[tuple[int, object]] = []
    with Consumer(bootstrap_servers=address) as consumer:
        consumer.assign([zero])
        consumer.seek_to_beginning()
        end = consumer.end_offsets([zero])[zero]
        until(lambda: found.extend((r.offset, r.value) for r in consumer.poll(20)) or consumer.position(zero) >= end)
    return found


@pytest.mark.parametrize(
    "bad", [{0}, {3}, {19}, {3, 4, 11}, set(range(20))], ids=lambda bad: "+".join(map(str, sorted(bad)))
)
@pytest.mark.parametrize(("config", "fields", "error"), CASES.values(), ids=CASES)
def test_a_record_that_the_engine_refuses_fails_alone(
    address: str,
    topic: str,
    config: Mapping[str, object],
    fields: Mapping[str, Any],
    error: type[Exception],
    bad: set[int],
) -> None:
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic(topic, 1, config)
    heard: list[tuple[RecordMetadata | None, BaseException | None]] = []
    with Producer(bootstrap_servers=address, linger_ms=600_000) as producer:
        sent = []
        for at in range(20):
            good: dict[str, Any] = {"value": b"%d" % at, "key": b"k", "timestamp": NOW, "headers": [("n", b"%d" % at)]}
            record = ProducerRecord(topic, **{**good, **(fields if at in bad else {})})
            sent.append(producer.send(record, lambda *said: heard.append(said)))
        producer.flush()
        assert [type(each.exception(0)) for each in sent] == [error if at in bad else type(None) for at in range(20)]
        offsets = [each.result(0).offset for at, each in enumerate(sent) if at not in bad]
        assert offsets == list(range(20 - len(bad)))
        assert len(heard) == 20
        later = producer.send(ProducerRecord(topic, b"later", b"k"))
        producer.flush()
        assert later.result(0).offset == 20 - len(bad)
    values = [b"%d" % at for at in range(20) if at not in bad]
    assert stored(address, topic) == list(enumerate([*values, b"later"]))


def test_a_batch_that_is_too_large_goes_in_parts(address: str, topic: str) -> None:
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic(topic, 1, {"max.message.bytes": 2_000})
    with Producer(bootstrap_servers=address, linger_ms=600_000, batch_size=1_000_000) as producer:
        sent = [producer.send(ProducerRecord(topic, b"%d" % at * 100)) for at in range(100)]
        producer.flush()
        assert [each.result(0).offset for each in sent] == list(range(100))
    assert [value for _, value in stored(address, topic)] == [b"%d" % at * 100 for at in range(100)]


@pytest.fixture
def asked() -> Iterator[list[Any]]:
    yield []


def test_an_application_loses_no_good_record_beside_a_refused_one(address: str, topic: str, asked: list[Any]) -> None:
    """The production handler is asked about the record that was refused, and about no other."""
    serde, out = Serdes.string(), f"{topic}-out"
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic(topic, 1)
        admin.create_topic(out, 1, {"cleanup.policy": "compact"})
    with Producer(bootstrap_servers=address) as producer:
        for at in range(40):
            producer.send(ProducerRecord(topic, b"%d" % at, b"k"))

    def handler(context: Any, record: Any, error: Exception) -> Response:
        asked.append((record.key, record.value, type(error)))
        return Response.RESUME

    builder = StreamsBuilder()
    records = builder.stream(topic, key_serde=serde, value_serde=serde)
    records.select_key(lambda key, value: None if value in ("7", "23") else key).to(
        out, key_serde=serde, value_serde=serde
    )
    with running(builder, address, topic, production_exception_handler=handler) as app:
        until(lambda: app.failure or len(stored(address, out)) == 38)
        assert app.failure is None
    assert [value for _, value in stored(address, out)] == [b"%d" % at for at in range(40) if at not in (7, 23)]
    assert asked == [(None, b"7", InvalidRecordException), (None, b"23", InvalidRecordException)]


def test_an_application_that_may_lose_none_says_which_topic_refused(address: str, topic: str) -> None:
    serde, out = Serdes.string(), f"{topic}-out"
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic(topic, 1)
        admin.create_topic(out, 1, {"cleanup.policy": "compact"})
    builder = StreamsBuilder()
    builder.stream(topic, key_serde=serde, value_serde=serde).to(out, key_serde=serde, value_serde=serde)
    with running(builder, address, topic) as app:
        with Producer(bootstrap_servers=address) as producer:
            producer.send(ProducerRecord(topic, b"v"))
        until(lambda: app.failure)
        assert isinstance(app.failure, StreamsException)
        assert f"Error encountered sending record to topic {out}" in str(app.failure)
