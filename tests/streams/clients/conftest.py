"""The engine inside this process that the tests of the public clients share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from streams.clients import Admin, Consumer, Producer
from streams.clients.local.door import forget

_numbers = itertools.count()


@pytest.fixture
def address() -> Iterator[str]:
    """An engine of the test's own."""
    name = f"clients-{next(_numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture
def admin(address: str) -> Iterator[Admin]:
    with Admin(bootstrap_servers=address) as admin:
        yield admin


@pytest.fixture
def topic(admin: Admin) -> str:
    """A topic of three partitions."""
    admin.create_topic("t", 3)
    return "t"


@pytest.fixture
def producer(address: str) -> Iterator[Producer]:
    with Producer(bootstrap_servers=address, linger_ms=0) as producer:
        yield producer


MakeConsumer = Callable[..., Consumer]


@pytest.fixture
def consumer(address: str) -> Iterator[MakeConsumer]:
    """Makes consumers that are closed with the test."""
    made: list[Consumer] = []

    def make(group: str | None = "g", **settings: object) -> Consumer:
        given: dict[str, object] = {"auto_offset_reset": "earliest", "heartbeat_interval_ms": 20, **settings}
        if group is not None:
            given["group_id"] = group
        dotted = {name.replace("_", "."): value for name, value in given.items()}
        made.append(Consumer({"bootstrap.servers": address, **dotted}))
        return made[-1]

    yield make
    for each in made:
        each.close()
