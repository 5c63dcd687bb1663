"""`kill -9` of the broker under load: clients come back by themselves, what was acknowledged is there, once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.clients import Consumer, Producer, ProducerRecord, TopicPartition
from streams.clients.api import Isolation, Sent
from streams.clients.connect import connect
from tests.contracts.door.steps import batch, read_until, records
from tests.engines import broker_pid, local_engine, stop_broker, until

BATCHES = 400


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    with local_engine(tmp_path / "data"):
        yield tmp_path / "data"


def test_batches_of_a_writer_are_stored_once_and_in_order(directory: Path) -> None:
    door = connect(f"local://{directory}")
    with closing(door):
        door.admin().create_topic("t", 2, {})
        partitions = [TopicPartition("t", 0), TopicPartition("t", 1)]
        writer, sent = door.writer(), list[Sent]()
        for number in range(BATCHES):
            writer.send(partitions[number % 2], batch([b"%d" % number]), sent.append)
            if number in (50, 51, 200, 350):
                stop_broker(directory, signal.SIGKILL)
        until(lambda: writer.await_acks(100) == 0)
        assert all(each.error is None for each in sent)
        reader = door.reader(Isolation.READ_UNCOMMITTED)
        reader.seek(dict.fromkeys(partitions, 0))
        seen = read_until(
            reader, lambda seen: sum(len(each.batch) for each in seen if each.batch is not None) >= BATCHES
        )
        for which, partition in enumerate(partitions):
            expected = [(at, b"%d" % number) for at, number in enumerate(range(which, BATCHES, 2))]
            assert records(seen, partition) == expected
            assert [each.base_offset for each in sent if each.partition == partition] == list(range(BATCHES // 2))


def test_a_reader_that_waits_goes_on_behind_what_it_has_seen(directory: Path) -> None:
    with closing(connect(f"local://{directory}")) as door:
        door.admin().create_topic("t", 1, {})
        writer, reader, only = door.writer(), door.reader(Isolation.READ_UNCOMMITTED), TopicPartition("t", 0)
        reader.seek({only: 0})
        seen: list[tuple[int, bytes | None]] = []
        for number in range(6):
            writer.send(only, batch([b"%d" % number]), lambda sent: None)
            until(lambda: writer.await_acks(100) == 0)
            seen += records(read_until(reader, lambda seen: records(seen, only)), only)
            stop_broker(directory, signal.SIGKILL)
        assert seen == [(number, b"%d" % number) for number in range(6)]


def test_a_producer_and_a_group_live_through_it(directory: Path) -> None:
    address, count = f"local://{directory}", 3_000
    with Producer(bootstrap_servers=address, linger_ms=1) as producer, Consumer(
        bootstrap_servers=address, group_id="g", auto_offset_reset="earliest", enable_auto_commit=False,
        heartbeat_interval_ms=200,
    ) as consumer:  # fmt: skip
        producer.partitions_for("t")
        consumer.subscribe(["t"])
        killer = threading.Thread(target=_kill_twice, args=(directory,))
        values: list[bytes] = []
        futures = []
        for number in range(count):
            futures.append(producer.send(ProducerRecord("t", b"%d" % number)))
            if number == 500:
                killer.start()
            if number % 50 == 0:
                values += [record.value for record in consumer.poll(10) if isinstance(record.value, bytes)]
        producer.flush(60_000)
        assert [future.result(0).offset for future in futures] == list(range(count))
        killer.join()
        generation = consumer.group_metadata().generation_id

        def all_read() -> bool:
            values.extend(record.value for record in consumer.poll(100) if isinstance(record.value, bytes))
            return len(values) >= count

        until(all_read)
        assert values == [b"%d" % number for number in range(count)]
        consumer.commit_sync()
        assert consumer.group_metadata().generation_id == generation  # the group remembered its member
        only = TopicPartition("t", 0)
        committed = consumer.committed([only])[only]
        assert committed is not None
        assert committed.offset == count


def _kill_twice(directory: Path) -> None:
    first = broker_pid(directory)
    stop_broker(directory, signal.SIGKILL)
    until(lambda: broker_pid(directory) not in (None, first))
    stop_broker(directory, signal.SIGKILL)
