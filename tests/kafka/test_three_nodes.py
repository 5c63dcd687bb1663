"""Three brokers, of which one is killed and stays away: an application goes on without it, and no store is rebuilt."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from streams.clients import Admin
from streams.clients.kafka.cluster import Cluster
from streams.world import SYSTEM
from tests.engines import until
from tests.kafka.test_word_count import GUARANTEES, application, counted, expected, runs, write
from tests.kafka_broker import KafkaBroker, KafkaCluster, needed

PATIENCE_S = 180.0
"""On a busy machine; seconds are the rule."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    needed()
    with closing(KafkaCluster(tmp_path_factory.mktemp("three"), 3)) as found:
        yield found


def coordinator(cluster: KafkaCluster, group: str) -> KafkaBroker:
    """The broker that coordinates a group."""
    with closing(Cluster(cluster.address, "test", {}, SYSTEM)) as asked:
        number = asked.call(partial(asked.coordinator, group))
    return next(broker for broker in cluster.brokers if broker.number == number)


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_an_application_goes_on_while_the_coordinator_of_its_group_is_away(
    cluster: KafkaCluster, tmp_path: Path, guarantee: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It leads partitions too, of inputs, outputs and changelogs."""
    caplog.set_level(logging.INFO)
    servers, number = cluster.address, GUARANTEES.index(guarantee)
    with Admin(bootstrap_servers=servers) as admin:
        for name in (f"text-{number}", f"counts-{number}"):
            admin.create_topic(name, 4)
    with ExitStack() as stack:
        app = stack.enter_context(closing(application(servers, number, tmp_path, guarantee)))

        def once_more(times: int) -> None:
            write(servers, number)
            until(lambda: counted(servers, number) == expected(times), PATIENCE_S)

        once_more(1)
        for times in (2, 4):  # the coordinator, and the one after it
            gone = coordinator(cluster, f"count-{number}")
            gone.stop()
            once_more(times)
            gone.start()
            once_more(times + 1)
        until(lambda: runs(app), PATIENCE_S)
    assert [record.message for record in caplog.records if "rebuilt" in record.message] == []
