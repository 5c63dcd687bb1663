"""Back-fills for tests: input that is there before the start, partitions that drift apart unless they are kept in step,
an application on an engine in memory, and what it must give.

`DRIFT` is what makes a test of it: one partition has ten times as many records for the same time as the others, so
that tasks in turn would soon be days apart.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder, TimeWindows
from streams.clients import Admin
from streams.clients.connect import connect
from streams.clients.local.door import forget
from streams.metrics.catalogue import COUNTED
from streams.record import RecordBatch, TopicPartition
from tests.streams.apps import committed, ends, lag, records, wait_for

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 978_307_200_000
"""2001-01-01."""
PARTITIONS = 4
BATCH = 500
KEPT = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}
"""Records of any time are taken and kept."""
INSIDE = {"topic.message.timestamp.after.max.ms": str(2**63 - 1)}
"""The same for the application's own topics."""
text, long = Serdes.string(), Serdes.long()

_numbers = itertools.count()


class Event(NamedTuple):
    """One record of the input."""

    time: int
    key: str
    value: str


Input = Mapping[int, Sequence[Event]]
"""By partition."""


def drifting(hours: int = 28 * 24, dense: int = 10_000, sparse: int = 1_000, keys: int = 7, seed: int = 1) -> Input:
    """Four partitions over the same time, each in order; the first has more records than the others."""
    draw = random.Random(seed)

    def part(count: int) -> list[Event]:
        times = sorted(START + draw.randrange(hours * HOUR) // MINUTE * MINUTE for _ in range(count))
        return [Event(time, f"source {draw.randrange(50)}", f"key {draw.randrange(keys)}") for time in times]

    return {partition: part(sparse if partition else dense) for partition in range(PARTITIONS)}


def flat(*inputs: Input) -> Iterator[Event]:
    """All events in the order of their time."""
    return iter(sorted(event for given in inputs for part in given.values() for event in part))


def in_windows(events: Iterable[Event], size: int) -> dict[tuple[str, int], int]:
    """How many of each value lie in each window."""
    return dict(Counter((event.value, event.time // size * size) for event in events))


@contextmanager
def engine() -> Iterator[str]:
    """The address of an engine in memory, gone after the block."""
    name = f"catch-up-{next(_numbers)}"
    try:
        yield f"memory://{name}"
    finally:
        forget(name)


def fill(address: str, topic: str, given: Input, partitions: int = PARTITIONS) -> None:
    """Makes the topic if it is not there, and sends the input in batches."""
    door = connect(address, "fill")
    writer, admin = door.writer(), door.admin()
    if topic not in admin.list_topics():
        admin.create_topic(topic, partitions, KEPT)
    errors: list[object] = []
    for partition, events in given.items():
        for start in range(0, len(events), BATCH):
            some = events[start : start + BATCH]
            keys, values = [event.key.encode() for event in some], [event.value.encode() for event in some]
            times = [event.time for event in some]
            batch = RecordBatch(keys, values, times, None, range(len(some)), len(some))
            writer.send(TopicPartition(topic, partition), batch, lambda sent: errors.append(sent.error))
    assert not writer.await_acks(30_000)
    assert not any(errors), errors
    writer.close()
    admin.close()
    door.close()


def outputs(address: str, *names: str) -> None:
    """Topics that keep records of any age."""
    with Admin({"bootstrap.servers": address}) as admin:
        for name in names:
            admin.create_topic(name, PARTITIONS, KEPT)


def all_read(address: str, application: str, *inputs: str) -> bool:
    """Is all input committed, and all that it led to?"""
    done = all(committed(address, application, topic) == ends(address, topic) for topic in inputs)
    return done and lag(address, application) == 0


@contextmanager
def started(builder: StreamsBuilder, address: str, **settings: object) -> Iterator[KafkaStreams]:
    """The application, running. Settings are spelt `max_task_skew_ms`."""
    given = {**INSIDE, "application.id": "app", "bootstrap.servers": address}
    given |= {name.replace("_", "."): value for name, value in settings.items()}
    with KafkaStreams(builder, given) as app:
        assert app.wait_until_running(60_000)
        yield app


@contextmanager
def caught_up(builder: StreamsBuilder, address: str, *inputs: str, **settings: object) -> Iterator[KafkaStreams]:
    """The application, once it has read all input and what it made of it."""
    with started(builder, address, **settings) as app:
        wait_for(lambda: app.failure is not None or all_read(address, "app", *inputs))
        assert app.failure is None, app.failure
        yield app


def windows_of(address: str, topic: str, size: int) -> dict[tuple[str, int], int]:
    """The last count of each window."""
    found = records(address, topic, Serdes.time_windowed(text, size), long)
    return {(row.key.key, row.key.window.start): row.value for row in found}


def dropped(app: KafkaStreams) -> int:
    """Records that were dropped, all tasks."""
    return total(app, "dropped-records-total")


def total(app: KafkaStreams, metric: str) -> int:
    group = COUNTED.get(metric, ("", ""))[0]
    found = app.metrics()
    return sum(int(str(found[name])) for name in found if name.name == metric and group in ("", name.group))


def counted(
    builder: StreamsBuilder, source: str, sink: str, size: int, grace: int, pause_s: float = 0, **how: Any
) -> None:
    """Counts the values of a topic in windows, behind a repartition topic.

    Args:
        pause_s: so long is taken for each record.
    """
    stream = builder.stream(source, key_serde=text, value_serde=text)

    def value_of(_: str, value: str) -> str:
        if pause_s:
            time.sleep(pause_s)
        return value

    (
        stream.group_by(value_of, key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(size, grace))
        .count(**how)
        .to_stream()
        .to(sink, value_serde=long)
    )


@pytest.fixture
def address() -> Iterator[str]:
    with engine() as made:
        yield made
