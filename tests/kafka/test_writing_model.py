"""Writing to Kafka against a model of its brokers: leaders move, connections break, answers lie about what was stored.

Whatever happens: what was acknowledged is there, once, in the order it was sent, at the offset that was told; a
transaction is there as a whole or not at all, with the positions that belong to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("kafka")

from streams.clients.api import (
    WRITER_DEFAULTS,
    ConsumerGroupMetadata,
    Position,
    Sent,
    TransactionSettings,
    WriterSettings,
)
from streams.clients.kafka import transport as transport_file
from streams.clients.kafka.coordinator import KafkaTransactionCoordinator, new_producer
from streams.clients.kafka.transport import KafkaTransport
from streams.clients.writing.identity import FreshIdentity, ProducerIds
from streams.clients.writing.partition_queue import PartitionQueue
from streams.clients.writing.transactional_writer import TransactionalBatchWriter
from streams.clients.writing.writer import TOLD_AFTER_MS, BatchWriter
from streams.errors import KafkaException, RecordTooLargeException, TimeoutException
from streams.record import RecordBatch, TopicPartition
from tests.kafka.fake_cluster import FEW, FEW_AFTER, LARGE, FakeCluster

PARTITIONS = [TopicPartition("t", 0), TopicPartition("t", 1), TopicPartition("u", 0)]
PATIENCE_MS = 30_000
SETTINGS = replace(WRITER_DEFAULTS, delivery_timeout_ms=20_000)


class Sender:
    """Sends batches, and keeps what it is told of each record."""

    def __init__(self, cluster: FakeCluster, writer: Any) -> None:
        self.cluster, self.writer = cluster, writer
        self.values: dict[TopicPartition, list[bytes]] = {partition: [] for partition in PARTITIONS}
        self.stored: dict[TopicPartition, dict[bytes, int]] = {partition: {} for partition in PARTITIONS}
        self.failed: dict[bytes, KafkaException] = {}
        self.count = 0

    def send(self, large: bool = False) -> None:
        """One batch of a few records, maybe one of them too large for the broker."""
        chance, partition = self.cluster.random, self.cluster.random.choice(PARTITIONS)
        values = [b"%d" % (self.count + at) for at in range(chance.randint(1, 4))]
        self.count += len(values)
        if large:
            values[chance.randrange(len(values))] = LARGE
        self.values[partition] += values
        batch = RecordBatch([None] * len(values), values, [1] * len(values), None, range(len(values)), len(values))

        def done(sent: Sent) -> None:
            part = sent.part(len(values))
            for at, value in enumerate(values[part]):
                assert (value not in self.stored[partition] and value not in self.failed) or value == LARGE
                if sent.error is None:
                    self.stored[partition][value] = sent.base_offset + at if sent.base_offset >= 0 else -1
                else:
                    self.failed[value] = sent.error

        self.writer.send(partition, batch, done)


def writer_of(cluster: FakeCluster, settings: WriterSettings = SETTINGS) -> BatchWriter:
    """A writer without transactions."""
    given: Any = cluster

    def ask(timeout_ms: int) -> tuple[int, int]:
        found: tuple[int, int] = cluster.call(lambda: new_producer(given), timeout_ms)
        return found

    return BatchWriter(KafkaTransport(given, settings), settings, ProducerIds(ask, bumps=True))


def written(seed: int, calls: int = 30) -> FakeCluster:
    """Writes without transactions, and looks at what there is."""
    cluster = FakeCluster(seed, PARTITIONS)
    writer = writer_of(cluster)
    sender = Sender(cluster, writer)
    for _ in range(calls):
        for _ in range(cluster.random.randint(0, 3)):
            sender.send(cluster.random.random() < 0.05)
        writer.await_acks(cluster.random.choice([0, 0, 5, 50]))
    cluster.calm = True
    assert writer.await_acks(PATIENCE_MS) == 0
    for partition, log in cluster.logs.items():
        there = [value for entry in log.entries for value in entry.values]
        sent = [value for value in sender.values[partition] if value != LARGE]
        assert set(sender.failed) <= {LARGE}, sender.failed
        assert there == sent
        places = {value: offset for offset, value in enumerate(there)}
        for value, offset in sender.stored[partition].items():
            assert offset in (-1, places[value])
    assert all(isinstance(error, RecordTooLargeException) for error in sender.failed.values())
    return cluster


def transacted(seed: int, version: int, transactions: int = 8) -> FakeCluster:
    """Writes in transactions; one that cannot be ended is given up for another writer, as applications do."""
    cluster = FakeCluster(seed, PARTITIONS, version)
    given: Any = cluster
    chance, kept, position = cluster.random, {partition: list[bytes]() for partition in PARTITIONS}, 0

    def opened() -> TransactionalBatchWriter:
        transaction = TransactionSettings("bank", 60_000)
        coordinator = KafkaTransactionCoordinator(given, transaction)
        transport = KafkaTransport(given, SETTINGS, None, coordinator)
        writer = TransactionalBatchWriter(transport, coordinator, transaction, SETTINGS, unchecked=True)
        writer.init(PATIENCE_MS)
        return writer

    writer = opened()
    for number in range(transactions):
        sender = Sender(cluster, writer)
        sender.count = number * 1_000
        writer.begin()
        for _ in range(chance.randint(0, 6)):
            sender.send(chance.random() < 0.02)
            writer.await_acks(chance.choice([0, 0, 5]))
        offsets = chance.random() < 0.7
        commit = chance.random() < 0.7
        try:
            if offsets:
                writer.send_offsets(ConsumerGroupMetadata("g"), {PARTITIONS[0]: Position(number + 1)}, PATIENCE_MS)
            writer.end(commit, PATIENCE_MS)
        except TimeoutException:
            raise
        except KafkaException:
            commit = False
            writer.end(False, PATIENCE_MS)
        if commit:
            position = number + 1 if offsets else position
            for partition, values in sender.values.items():
                kept[partition] += [value for value in values if value != LARGE]
        for partition, log in cluster.logs.items():
            assert log.values() == kept[partition], (number, commit)
        assert cluster.positions.get("g", {}).get(PARTITIONS[0], 0) == position
        assert not any(entry.open for log in cluster.logs.values() for entry in log.entries)
    return cluster


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_what_is_acknowledged_is_there_once_and_in_order(seed: int) -> None:
    written(seed)


@pytest.mark.parametrize("version", [1, 2])
@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_transaction_is_there_as_a_whole_or_not_at_all(version: int, seed: int) -> None:
    transacted(seed, version)


@pytest.mark.parametrize("short", [FEW, FEW_AFTER])
def test_too_few_replicas_are_waited_for_and_told_of(short: int) -> None:
    cluster = FakeCluster(0, PARTITIONS)
    cluster.calm, cluster.short = True, short
    told: list[str] = []
    writer = writer_of(cluster, replace(SETTINGS, troubled=lambda cause, words: told.append(words)))
    sender = Sender(cluster, writer)
    for _ in range(5):
        sender.send()
    assert writer.await_acks(TOLD_AFTER_MS - 500) == 5
    assert not told, "a broker that is started again is nothing to tell of"
    assert writer.await_acks(TOLD_AFTER_MS) == 5
    assert told and all(words.startswith("The broker takes nothing: NotEnoughReplicas") for words in told)
    cluster.short = 0
    assert writer.await_acks(PATIENCE_MS) == 0 and not sender.failed
    for partition, log in cluster.logs.items():
        assert [value for entry in log.entries for value in entry.values] == sender.values[partition]


@pytest.mark.parametrize("short", [FEW, FEW_AFTER])
def test_too_few_replicas_for_all_of_the_delivery_timeout(short: int) -> None:
    cluster = FakeCluster(0, PARTITIONS)
    cluster.calm, cluster.short = True, short
    writer = writer_of(cluster)
    sender = Sender(cluster, writer)
    sender.send()
    assert writer.await_acks(SETTINGS.delivery_timeout_ms - 1_000) == 1
    assert writer.await_acks(PATIENCE_MS) == 0
    for error in sender.failed.values():
        assert "NotEnoughReplicas" in f"{type(error).__name__}: {error}"
    assert len(sender.failed) == sender.count


def test_the_model_has_faults() -> None:
    assert sum(written(seed).faults for seed in range(10)) > 100
    assert sum(transacted(seed, 2).faults for seed in range(10)) > 100


def _renumbered(patch: pytest.MonkeyPatch) -> None:
    honest = PartitionQueue.cut_off

    def cut_off(self: PartitionQueue) -> None:
        honest(self)
        for batch in self.batches:
            if batch.sequence >= 0:
                batch.sequence, batch.data = self._next_sequence, b""
                self._next_sequence += batch.packed.records

    patch.setattr(PartitionQueue, "cut_off", cut_off)


def _not_alone(patch: pytest.MonkeyPatch) -> None:
    honest = FreshIdentity.__init__

    def init(self: FreshIdentity, *given: Any) -> None:
        honest(self, *given)
        self.alone = False

    patch.setattr(FreshIdentity, "__init__", init)


def _at_once(patch: pytest.MonkeyPatch) -> None:
    honest = PartitionQueue.__init__

    def known(self: PartitionQueue, *given: Any) -> None:
        honest(self, *given)
        self._known = True

    patch.setattr(PartitionQueue, "__init__", known)


def _not_drained(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KafkaTransport, "drain", lambda self, timeout_ms: None)
    patch.setattr(KafkaTransactionCoordinator, "_init", _no_bump(KafkaTransactionCoordinator._init))


def _no_bump(honest: Any) -> Any:
    async def init(self: Any, producer: tuple[int, int], goes_on: Any) -> Any:
        return producer if self._ended == producer else await honest(self, producer, goes_on)

    return init


def _one_request_a_partition(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transport_file, "_requests", lambda batches: [list(reversed(batches))])


@pytest.mark.parametrize(
    ("bug", "run"),
    [
        (_renumbered, written),
        (_not_alone, written),
        (_at_once, written),
        (_one_request_a_partition, written),
        (_not_drained, lambda seed: transacted(seed, 1)),
    ],
)
def test_planted_bugs_are_found(bug: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    with pytest.raises((AssertionError, KafkaException)):
        for seed in range(300):
            run(seed)
