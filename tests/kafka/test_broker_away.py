"""A broker that is killed and comes back: an application goes on, nothing is lost or doubled, no store is rebuilt."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.clients import Admin
from tests.engines import until
from tests.kafka.test_word_count import GUARANTEES, application, counted, expected, runs, write
from tests.kafka_broker import KafkaBroker, needed


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    needed()
    directory = tmp_path / "broker"
    directory.mkdir()
    one = KafkaBroker(directory)
    yield one
    one.stop()


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_an_application_goes_on_when_the_broker_is_back(
    broker: KafkaBroker, tmp_path: Path, guarantee: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Admin(bootstrap_servers=broker.address) as admin:
        for name in ("text-1", "counts-1"):
            admin.create_topic(name, 4)
    with closing(application(broker.address, 1, tmp_path / "state", guarantee)) as app:
        write(broker.address, 1)
        until(lambda: counted(broker.address, 1) == expected(1))
        broker.stop()
        broker.start()
        write(broker.address, 1)
        until(lambda: counted(broker.address, 1) == expected(2), 60.0)
        until(lambda: runs(app))
    assert [record.message for record in caplog.records if "is rebuilt" in record.message] == []
