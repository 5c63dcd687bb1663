"""A broker that comes back leads in a new epoch: what an application has on its disk is held against the old one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.clients import Admin
from streams.clients.api import Isolation, LogEnd
from streams.clients.connect import connect
from streams.record import TopicPartition
from tests.contracts.door.steps import write
from tests.engines import until
from tests.kafka.test_word_count import GUARANTEES, application, counted, expected, runs
from tests.kafka.test_word_count import write as put_words
from tests.kafka_broker import BEFORE_4, KafkaBroker, needed


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    needed()
    one = KafkaBroker(tmp_path_factory.mktemp("broker"))
    yield one
    one.stop()


def test_an_epoch_ends_where_the_next_leader_began(broker: KafkaBroker) -> None:
    zero = TopicPartition("epochs", 0)
    with closing(connect(broker.address)) as door, closing(door.admin()) as admin, closing(door.writer()) as writer:
        admin.create_topic("epochs", 1, {})
        write(writer, zero, b"a", b"b")
        before = admin.log_ends({zero: -1})[zero]
        broker.stop()
        broker.start()
        write(writer, zero, b"c")
        after = admin.log_ends({zero: before.log_epoch})[zero]
        elected = after.log_epoch > before.log_epoch
        assert elected or BEFORE_4  # there who is back before it is missed leads on
        assert after == LogEnd(3, after.log_epoch, 2 if elected else 3)
        assert admin.log_ends({zero: after.log_epoch})[zero].agrees_to == 3
        assert admin.log_ends({zero: after.log_epoch + 5})[zero].agrees_to == 0  # nobody knows of it
        with closing(door.reader(Isolation.READ_COMMITTED)) as reader:
            reader.seek({zero: 0})
            seen = reader.poll(10_000)
            while not seen or seen[-1].batch is None or seen[-1].batch.next_offset < 3:
                seen += reader.poll(10_000)
        assert seen[-1].log_epoch == after.log_epoch


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_what_was_written_under_several_leaders_is_taken_over_from_the_disk(
    broker: KafkaBroker, tmp_path: Path, guarantee: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    number = GUARANTEES.index(guarantee) + 1
    with Admin(bootstrap_servers=broker.address) as admin:
        for name in (f"text-{number}", f"counts-{number}"):
            admin.create_topic(name, 4)
    with closing(application(broker.address, number, tmp_path / "state", guarantee)) as app:
        _put_and_count(broker, number, 1)
        broker.stop()
        broker.start()
        _put_and_count(broker, number, 2)
        until(lambda: runs(app))
    with closing(application(broker.address, number, tmp_path / "state", guarantee)) as app:
        until(lambda: runs(app))
    assert [record.message for record in caplog.records if "is rebuilt" in record.message] == []


def _put_and_count(broker: KafkaBroker, number: int, times: int) -> None:
    put_words(broker.address, number)
    until(lambda: counted(broker.address, number) == expected(times), 60.0)
