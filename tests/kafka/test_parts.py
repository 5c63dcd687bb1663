"""The parts of the Kafka door that need no broker: batches as they are written, messages taken as columns, settings."""

from __future__ import annotations

import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("confluent_kafka")
pytest.importorskip("kafka")

import cramjam
import lz4.frame
from confluent_kafka import KafkaError, Message
from kafka.record.memory_records import MemoryRecords

from streams.clients.kafka.cluster import NEVER, Cluster
from streams.clients.kafka.compression import codec
from streams.clients.kafka.reader import columns, runs, truncated
from streams.clients.kafka.record_batch import pack
from streams.clients.kafka.settings import connecting
from streams.record import Headers, RecordBatch, TopicPartition
from streams.world import SYSTEM

ZERO = TopicPartition("t", 0)


Times = st.integers(0, 2**62)
Bytes = st.none() | st.binary(max_size=200)
Headers_ = st.lists(st.tuples(st.text(max_size=5), Bytes), max_size=3).map(tuple)
Rows = st.lists(st.tuples(Bytes, Bytes, Times, Headers_), min_size=1, max_size=50)


@given(Rows, st.booleans(), st.booleans())
def test_a_batch_is_read_by_others_as_it_was_written(
    rows: list[tuple[bytes | None, bytes | None, int, Headers]], headed: bool, transactional: bool
) -> None:
    keys, values, times, headers = (list(column) for column in zip(*rows, strict=True))
    batch = RecordBatch(keys, values, times, headers if headed else None, range(len(rows)), len(rows))
    whole = pack(batch)
    parts = [(whole, 0)] if len(rows) < 2 else [(whole, 0), *zip(whole.halves(), (0, len(rows) // 2), strict=True)]
    for part, begin in parts:
        written = MemoryRecords(part.numbered((7, 3), 5, transactional)).next_batch()
        assert written.validate_crc()
        assert (written.producer_id, written.producer_epoch, written.base_sequence) == (7, 3, 5)
        assert written.is_transactional == transactional
        found = [(each.key, each.value, each.timestamp, tuple(each.headers)) for each in written]
        some = rows[begin : begin + part.records]
        assert found == [(*row[:3], row[3] if headed else ()) for row in some]
        assert written.max_timestamp == max(row[2] for row in some)


@pytest.mark.parametrize("name", ["gzip", "snappy", "lz4", "zstd"])
def test_what_is_compressed_is_read_by_others(name: str) -> None:
    values = [b"v%d" % (number % 7) * 20 for number in range(2_000)]
    batch = RecordBatch([b"k"] * 2_000, values, [5] * 2_000, None, range(2_000), 2_000)
    packed = pack(batch, codec(name))
    assert packed.size < 20_000
    written = packed.numbered((7, 3), 5, True)
    (number,) = struct.unpack_from(">h", written, 21)
    assert number == 0x10 | {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[name]
    unpacked = {
        "gzip": gzip.decompress,
        "snappy": lambda data: bytes(cramjam.snappy.decompress_raw(data)),
        "lz4": lz4.frame.decompress,
        "zstd": lambda data: bytes(cramjam.zstd.decompress(data)),
    }[name]
    assert unpacked(written[61:]) == pack(batch).payload


def message(offset: int, partition: int = 0, error: KafkaError | None = None) -> Message:
    headers = [("h", b"1")] if offset == 5 else None
    return Message("t", partition, offset, b"k", b"v", headers, error, (1, 7))


def test_messages_are_taken_by_partition_with_their_offsets_and_headers() -> None:
    end = message(7, 1, KafkaError(KafkaError._PARTITION_EOF))
    found = runs([message(4), message(2, 1), message(5), end])
    assert [(partition, len(records), len(errors)) for partition, records, errors in found] == [
        (ZERO, 2, 0), (TopicPartition("t", 1), 1, 1),
    ]  # fmt: skip
    batch = columns([message(4), message(5)])
    assert (batch.offsets, batch.next_offset) == (range(4, 6), 6)
    assert batch.headers == ((), (("h", b"1"),))
    sparse = columns([message(1), message(9)])
    assert (list(sparse.offsets), sparse.next_offset, sparse.headers) == ([1, 9], 10, None)


def test_where_a_log_was_cut_back_is_read_from_what_the_library_says() -> None:
    told = "Partition log truncation detected at offset 15: broker end offset is 10 (offset leader epoch 0)."
    assert (truncated(ZERO, 15, told).position, truncated(ZERO, 15, told).diverged_at) == (15, 10)
    assert truncated(ZERO, 15, "other words").diverged_at == 0  # nothing is passed over


def test_logins_have_the_names_of_each_library() -> None:
    login = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="a" password="b\\"c";'
    found = connecting(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": login,
            "send.buffer.bytes": 1_000,
        }
    )
    assert found.librdkafka == {
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "a",
        "sasl.password": 'b"c', "socket.send.buffer.bytes": 1_000,
    }  # fmt: skip
    assert found.kafka_python == {
        "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "a",
        "sasl_plain_password": 'b"c',
    }  # fmt: skip


def test_what_was_begun_is_due_until_somebody_drives_it() -> None:
    cluster = Cluster("127.0.0.1:9", "till", {}, SYSTEM)
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    cluster.poll(0)
    assert cluster.next_due() == NEVER
    cluster.start(work)
    assert cluster.next_due() <= SYSTEM.monotonic_ms()  # whoever waits for answers comes back at once
    cluster.poll(0)
    assert (done, cluster.next_due()) == ([1], NEVER)
    cluster.close()
