"""One record through each door, and what it came to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from streams import Serdes, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.record import TopicPartition
from streams.testing import TopologyTestDriver
from tests.engines import until

RAW = Serdes.bytes()
_numbers = itertools.count()


class Taken(NamedTuple):
    """A record as it is read again."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes | None], ...]


class DriverDoor:
    """The test driver, with a topology that passes records on."""

    name = "driver"

    @contextmanager
    def opened(self) -> Iterator[DriverDoor]:
        builder = StreamsBuilder()
        builder.stream("t", key_serde=RAW, value_serde=RAW).to("out", key_serde=RAW, value_serde=RAW)
        with TopologyTestDriver(builder.build()) as self._driver:
            yield self

    def hand_over(self, key: Any, value: Any, timestamp: Any, headers: Any) -> None:
        self._driver.create_input_topic("t", RAW, RAW).pipe_raw(key, value, timestamp, headers)

    def taken(self, count: int) -> list[Taken]:
        return [Taken(*record) for record in self._driver.records_of("out")]


class EngineDoor:
    """A producer, and a consumer behind it."""

    def __init__(self, address: str) -> None:
        self.name = address.partition("://")[0]
        self._address = address

    @contextmanager
    def opened(self) -> Iterator[EngineDoor]:
        self.topic = f"handed-over-{next(_numbers)}"
        with Admin(bootstrap_servers=self._address) as admin:  # of any time, the last one too
            admin.create_topic(self.topic, 1, {"message.timestamp.after.max.ms": 2**63 - 1, "retention.ms": -1})
        with Producer(bootstrap_servers=self._address, linger_ms=20) as self._producer:
            yield self

    def hand_over(self, key: Any, value: Any, timestamp: Any, headers: Any) -> None:
        self._producer.send(ProducerRecord(self.topic, value, key, timestamp=timestamp, headers=headers))

    def taken(self, count: int) -> list[Taken]:
        self._producer.flush()
        found: list[Taken] = []
        with Consumer(bootstrap_servers=self._address) as consumer:
            consumer.assign([TopicPartition(self.topic, 0)])
            consumer.seek_to_beginning()

            def enough() -> bool:
                found.extend(Taken(r.key, r.value, r.timestamp, r.headers) for r in consumer.poll(50))  # type: ignore[arg-type]
                return len(found) >= count

            until(enough)
            assert consumer.position(TopicPartition(self.topic, 0)) == len(found)
        return found


Door = DriverDoor | EngineDoor


def said(call: Any, *arguments: Any, **keywords: Any) -> tuple[str, str]:
    """The exception that a call ends with: its name and its text."""
    with pytest.raises(Exception) as caught:
        call(*arguments, **keywords)
    return type(caught.value).__name__, str(caught.value)
