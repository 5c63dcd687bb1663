"""Every door the suite runs over."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from streams.clients.api import Door
from streams.clients.connect import connect
from streams.clients.local.door import forget
from tests.engines import local_engine

_numbers = itertools.count()


@pytest.fixture(scope="module", params=["memory", "local", "kafka"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine; the tests of a module share it, each with topics of its own."""
    if request.param == "kafka":
        yield request.getfixturevalue("kafka_servers")
    elif request.param == "local":
        with local_engine(tmp_path_factory.mktemp("engine")) as address:
            yield address
    else:
        name = f"contract-{next(_numbers)}"
        yield f"memory://{name}"
        forget(name)


@pytest.fixture
def on_kafka(address: str) -> bool:
    """Is it Kafka itself, and no bundled engine?"""
    return not address.startswith(("memory://", "local://"))


@pytest.fixture
def door(address: str) -> Iterator[Door]:
    """A door to the engine."""
    opened = connect(address, "contract")
    yield opened
    opened.close()


@pytest.fixture
def topic(door: Door) -> str:
    """A new topic of three partitions."""
    name = f"topic-{os.getpid()}-{next(_numbers)}"
    door.admin().create_topic(name, 3, {})
    return name
