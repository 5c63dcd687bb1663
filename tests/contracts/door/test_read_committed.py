"""Consumers with `isolation.level=read_committed`, over every engine: what they are given, and where they
stand, while transactions go on, are committed and aborted."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from streams.clients import Admin, Consumer, Isolation, OffsetAndTimestamp, Producer, ProducerRecord, TopicPartition
from streams.clients.api import ConsumerGroupMetadata
from streams.errors import TimeoutException
from tests.engines import until

_numbers = itertools.count(os.getpid() * 1_000)  # an engine may outlive a run


@pytest.fixture
def bank(address: str) -> Iterator[Producer]:
    """A producer of transactions, with one that has begun."""
    with Producer(bootstrap_servers=address, transactional_id=f"reading-{next(_numbers)}") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        yield producer


@pytest.fixture
def plain(address: str) -> Iterator[Producer]:
    """A producer without."""
    with Producer(bootstrap_servers=address) as producer:
        yield producer


def consumer(address: str, isolation: str = "read_committed", **settings: object) -> Consumer:
    given = {name.replace("_", "."): value for name, value in settings.items()}
    config = {"bootstrap.servers": address, "isolation.level": isolation, "auto.offset.reset": "earliest", **given}
    return Consumer(config)


def put(producer: Producer, where: TopicPartition, value: bytes, timestamp: int = 1_000) -> None:
    producer.send(ProducerRecord(where.topic, value, partition=where.partition, timestamp=timestamp)).result(20)


def take(reader: Consumer, count: int) -> list[object]:
    found: list[object] = []
    while len(found) < count:
        found += [record.value for record in reader.poll(1_000)]
    return found


def test_a_reader_waits_at_an_open_transaction_and_goes_on_at_its_end(
    address: str, topic: str, bank: Producer, plain: Producer
) -> None:
    zero = TopicPartition(topic, 0)
    with consumer(address) as reader, consumer(address, "read_uncommitted") as other:
        for each in (reader, other):
            each.assign([zero])
        put(plain, zero, b"before")
        put(bank, zero, b"in it")
        put(plain, zero, b"behind")
        assert take(other, 3) == [b"before", b"in it", b"behind"]
        assert take(reader, 1) == [b"before"]
        assert reader.poll(50) == []
        while reader.current_lag(zero) is None:  # librdkafka tells of it with the next empty answer
            assert reader.poll(50) == []
        assert (reader.position(zero), reader.end_offsets([zero])[zero], reader.current_lag(zero)) == (1, 1, 0)
        assert (other.end_offsets([zero])[zero], other.current_lag(zero)) == (3, 0)
        bank.commit_transaction()
        assert take(reader, 2) == [b"in it", b"behind"]
        end = reader.end_offsets([zero])[zero]
        while reader.position(zero) < end:  # the position is past what ends a transaction
            assert reader.poll(1_000) == []
        assert reader.current_lag(zero) == 0


def test_what_was_aborted_is_left_out_and_the_position_goes_past_it(
    address: str, topic: str, bank: Producer, plain: Producer
) -> None:
    zero = TopicPartition(topic, 0)
    with consumer(address) as reader:
        reader.assign([zero])
        for _ in range(3):
            put(bank, zero, b"never")
        bank.abort_transaction()
        end = 4
        until(lambda: reader.end_offsets([zero])[zero] == end)  # Kafka answers before its markers are in the log
        while reader.position(zero) < end:
            assert reader.poll(1_000) == []
        put(plain, zero, b"after")
        assert take(reader, 1) == [b"after"]


def test_seeks_go_no_further_than_the_open_transaction(
    address: str, topic: str, bank: Producer, plain: Producer
) -> None:
    zero = TopicPartition(topic, 0)
    put(plain, zero, b"a")
    put(plain, zero, b"b")
    put(bank, zero, b"in it")
    with consumer(address) as reader:
        reader.assign([zero])
        reader.seek_to_end([zero])
        assert reader.position(zero) == 2
        reader.seek(zero, 1)
        assert take(reader, 1) == [b"b"]
        reader.seek(zero, 2)  # the first record of the transaction
        assert reader.poll(50) == []
        bank.commit_transaction()
        assert take(reader, 1) == [b"in it"]
        reader.seek_to_beginning([zero])
        assert take(reader, 3) == [b"a", b"b", b"in it"]


def test_times_find_what_is_committed(
    on_kafka: bool, address: str, topic: str, bank: Producer, plain: Producer
) -> None:
    zero = TopicPartition(topic, 0)
    put(plain, zero, b"a", 1_000)
    put(bank, zero, b"never", 2_000)
    put(plain, zero, b"b", 3_000)
    times = {zero: 1_500}
    with consumer(address) as reader, consumer(address, "read_uncommitted") as other:
        assert other.offsets_for_times(times) == {zero: OffsetAndTimestamp(1, 2_000)}
        assert reader.offsets_for_times(times) == {zero: None}
        bank.abort_transaction()
        found = OffsetAndTimestamp(2, 3_000)
        if on_kafka:  # its index of times knows nothing of aborts; who reads on from there skips what was aborted
            found = OffsetAndTimestamp(1, 2_000)
            until(lambda: reader.offsets_for_times(times) != {zero: None})  # the partition hears of the end by and by
        assert reader.offsets_for_times(times) == {zero: found}
        reader.assign([zero])
        reader.seek(zero, found.offset)
        assert take(reader, 1) == [b"b"]
    with Admin(bootstrap_servers=address) as admin:
        assert admin.end_offsets([zero], Isolation.READ_COMMITTED) == {zero: 4}


def test_positions_that_hang_on_a_transaction_are_waited_for(
    address: str, topic: str, bank: Producer, plain: Producer
) -> None:
    zero, group = TopicPartition(topic, 0), f"waits-{next(_numbers)}"
    for value in (b"a", b"b", b"c"):
        put(plain, zero, value)
    bank.send_offsets_to_transaction({zero: 2}, ConsumerGroupMetadata(group))
    with consumer(address, group_id=group, default_api_timeout_ms=100) as reader:
        reader.assign([zero])
        assert reader.poll(10) == []  # not from the beginning: what is committed is not known yet
        with pytest.raises(TimeoutException):
            reader.committed([zero])
        bank.commit_transaction()
        assert take(reader, 1) == [b"c"]
