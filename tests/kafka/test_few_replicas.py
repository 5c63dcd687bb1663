"""A topic that loses a replica that it has to have: what is written waits, somebody is told, nothing is lost."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import pytest

from streams.clients import Admin, Producer, ProducerRecord
from tests.engines import until
from tests.kafka_broker import KafkaCluster, needed


def test_what_is_written_with_too_few_replicas_waits_and_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    needed()
    caplog.set_level(logging.WARNING)
    with (
        closing(KafkaCluster(tmp_path, 3)) as cluster,
        Admin(bootstrap_servers=cluster.address) as admin,
        Producer(bootstrap_servers=cluster.address) as producer,
    ):
        admin.create_topic("strict", 1, {"min.insync.replicas": "3"})
        assert producer.send(ProducerRecord("strict", b"before")).result(60).offset == 0
        controller = cluster.controller()
        next(broker for broker in cluster.brokers if broker is not controller).stop()
        waiting = producer.send(ProducerRecord("strict", b"meanwhile"))
        until(lambda: any("The broker takes nothing: NotEnoughReplicas" in told for told in caplog.messages), 90.0)
        assert not waiting.done()
        admin.alter_topic("strict", {"min.insync.replicas": "2"})
        assert waiting.result(90).offset == 1
