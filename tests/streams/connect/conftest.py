"""A worker over an engine in memory, and what is in its topics."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from streams.clients import Admin, Consumer, ConsumerRecord, TopicPartition
from streams.clients.local.door import forget
from streams.connect.rest.serve import serve
from streams.connect.worker.standalone import StandaloneWorker
from tests.streams.connect import apps
from tests.streams.connect.asking import Answer, ask

Start = Callable[..., StandaloneWorker]
Ask = Callable[..., Answer]
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    apps.fresh()


@pytest.fixture
def engine() -> Iterator[str]:
    """The address of an engine."""
    name = f"connect-{next(_numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture
def start(engine: str) -> Iterator[Start]:
    """Starts workers of the same group, which end with the test."""
    running: list[StandaloneWorker] = []

    def made(*connectors: dict[str, str], **settings: str) -> StandaloneWorker:
        worker = StandaloneWorker(
            {
                "bootstrap.servers": engine,
                "key.converter": "StringConverter",
                "value.converter": "StringConverter",
                "offset.storage.partitions": "2",
                "offset.flush.interval.ms": "100",
                **{name.replace("_", "."): value for name, value in settings.items()},
            }
        )
        running.append(worker)
        for each in connectors:
            worker.add(each)
        return worker

    yield made
    for worker in running:
        worker.close()


@pytest.fixture
def rest(start: Start) -> Iterator[Ask]:
    """Asks a worker alone, whose REST listens."""
    worker = start(listeners="http://127.0.0.1:0")
    server = serve(worker.herder, "")
    assert server is not None
    server.start()
    yield partial(ask, worker.herder.group.worker_id)
    server.close()


def records_of(engine: str, topic: str) -> list[ConsumerRecord]:
    """All records of a topic that are committed."""
    with Admin(bootstrap_servers=engine) as admin:
        found = admin.describe_topics([topic])
        if topic not in found:
            return []
        parts = [TopicPartition(topic, number) for number in range(found[topic].partitions)]
    with Consumer(bootstrap_servers=engine, isolation_level="read_committed", auto_offset_reset="earliest") as consumer:
        consumer.assign(parts)
        records: list[ConsumerRecord] = []
        while more := consumer.poll(200):
            records += more
        return records
