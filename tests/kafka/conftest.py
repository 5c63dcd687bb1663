"""What the tests on a Kafka broker have in common."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from streams.clients import Admin
from tests.engines import local_engine

_numbers = itertools.count(os.getpid() * 1_000)  # a broker may outlive a run


@pytest.fixture
def servers(kafka_servers: str) -> str:
    """`bootstrap.servers` of a broker."""
    return kafka_servers


@pytest.fixture(params=["kafka", "bundled"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """`bootstrap.servers` of a Kafka broker, and of the bundled engine."""
    if request.param == "kafka":
        yield request.getfixturevalue("kafka_servers")
        return
    with local_engine(tmp_path / "engine") as address:
        yield address


@pytest.fixture
def number(servers: str) -> int:
    """Tells the topics of one word count, which are there, from those of others."""
    found = next(_numbers)
    with Admin(bootstrap_servers=servers) as admin:
        for name in (f"text-{found}", f"counts-{found}"):
            admin.create_topic(name, 4)
    return found


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened
