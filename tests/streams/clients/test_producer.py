"""The public producer."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta

import pytest

from streams.clients import Admin, Consumer, Producer, ProducerRecord, RecordMetadata, TopicPartition
from streams.clients.connect import connect
from streams.errors import (
    ConfigException,
    IllegalArgumentException,
    IllegalStateException,
    InvalidTopicException,
    KafkaException,
    NotYetBuiltException,
    RecordTooLargeException,
    SerializationException,
)
from streams.partition import partition_for
from streams.serdes import Serdes
from tests.streams.clients.conftest import MakeConsumer
from tests.streams.clients.steps import read

PATIENCE_S = 20


def test_the_future_says_where_the_record_lies(producer: Producer, topic: str) -> None:
    metadata = producer.send(ProducerRecord(topic, b"v", b"k", 2, 17)).result(PATIENCE_S)
    assert (metadata.topic, metadata.partition, metadata.offset, metadata.timestamp) == (topic, 2, 0, 17)
    again = producer.send(ProducerRecord(topic, b"v", partition=2)).result(PATIENCE_S)
    assert again.offset == 1
    assert again.timestamp > 1_600_000_000_000


def test_a_value_a_key_and_headers_arrive(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    headers = (("a", b"1"), ("a", None))
    producer.send(ProducerRecord(topic, None, b"k", 0, 5, headers))
    producer.send(ProducerRecord(topic, b"v", None, 0, 6))
    producer.flush()
    one, two = read(consumer(), topic, 2)
    assert (one.key, one.value, one.timestamp, one.headers) == (b"k", None, 5, headers)
    assert (two.key, two.value, two.timestamp, two.headers) == (None, b"v", 6, ())


def test_keys_go_where_javas_murmur2_puts_them(producer: Producer, topic: str) -> None:
    for number in range(30):
        key = b"key-%d" % number
        metadata = producer.send(ProducerRecord(topic, b"v", key)).result(PATIENCE_S)
        assert metadata.partition == partition_for(key, 3)


def test_records_without_a_key_fill_a_batch_then_change_the_partition(address: str, topic: str) -> None:
    with Producer(bootstrap_servers=address, batch_size=500) as producer:
        futures = [producer.send(ProducerRecord(topic, b"x" * 84)) for _ in range(60)]
        producer.flush()
        used = [future.result(0).partition for future in futures]
    assert set(used) == {0, 1, 2}
    assert sum(one != two for one, two in itertools.pairwise(used)) == 11


def test_a_partitioner_of_ones_own_decides(address: str, topic: str) -> None:
    def vips_first(topic: str, key: object, value: object, partitions: int) -> int:
        if value == b"vip":
            return 0
        if not isinstance(key, bytes):
            raise ValueError("every record needs a key")
        return partition_for(key, partitions)

    with Producer({"bootstrap.servers": address, "partitioner.class": vips_first}) as producer:
        assert producer.send(ProducerRecord(topic, b"vip", b"key-2")).result(PATIENCE_S).partition == 0
        other = producer.send(ProducerRecord(topic, b"other", b"key-2")).result(PATIENCE_S)
        assert other.partition == partition_for(b"key-2", 3)
        with pytest.raises(ValueError, match="every record needs a key"):
            producer.send(ProducerRecord(topic, b"other"))


@pytest.mark.parametrize("number", [3, -1, 99])
def test_a_partition_that_does_not_exist_is_refused(address: str, topic: str, number: int) -> None:
    refused = pytest.raises(IllegalArgumentException, match=f"Invalid partition: {number}. Topic 't' has 3 part")
    with Producer(bootstrap_servers=address, partitioner_class=lambda *given: number) as producer, refused:
        producer.send(ProducerRecord(topic, b"v"))


def test_serializers_are_serdes_or_names_of_them(address: str, topic: str, consumer: MakeConsumer) -> None:
    settings = {"key.serializer": Serdes.string(), "value.serializer": "long"}
    with Producer({"bootstrap.servers": address, **settings}) as producer:
        producer.send(ProducerRecord(topic, 7, "k"))
    java = "org.apache.kafka.common.serialization."
    reader = consumer(
        key_deserializer=f"{java}StringDeserializer", value_deserializer=f"{java}LongDeserializer"
    )
    (record,) = read(reader, topic, 1)
    assert (record.key, record.value) == ("k", 7)


def test_what_is_no_bytes_is_refused_with_a_hint(producer: Producer, topic: str) -> None:
    with pytest.raises(SerializationException, match=r"the value is str, not bytes.*value.serializer"):
        producer.send(ProducerRecord(topic, "text"))


def test_errors_of_the_engine_come_at_the_future(address: str, admin: Admin) -> None:
    admin.create_topic("small", 1, {"max.message.bytes": 1_000})
    with Producer(bootstrap_servers=address, linger_ms=0, max_request_size=5_000) as producer:
        large = producer.send(ProducerRecord("small", b"x" * 2_000))
        fine = producer.send(ProducerRecord("small", b"y"))
        assert isinstance(large.exception(PATIENCE_S), RecordTooLargeException)
        assert fine.result(PATIENCE_S).offset == 0
        with pytest.raises(RecordTooLargeException, match=r"larger than 5000.*max.request.size"):
            producer.send(ProducerRecord("small", b"x" * 6_000)).result(0)
        with pytest.raises(InvalidTopicException):
            producer.send(ProducerRecord("no/topic", b"x")).result(0)


def test_a_callback_gets_metadata_or_the_error(producer: Producer, topic: str) -> None:
    heard: list[tuple[object, object]] = []
    done = threading.Event()

    def callback(metadata: object, error: object) -> None:
        heard.append((metadata, error))
        if len(heard) == 2:
            done.set()

    sent = producer.send(ProducerRecord(topic, b"v"), callback)
    producer.send(ProducerRecord("no/topic", b"v"), callback)
    assert done.wait(PATIENCE_S)
    assert (sent.result(0), None) in heard
    assert any(metadata is None and isinstance(error, InvalidTopicException) for metadata, error in heard)


def test_a_callback_may_send(producer: Producer, topic: str) -> None:
    second: Future[RecordMetadata] = Future()

    def callback(metadata: object, error: object) -> None:
        producer.send(ProducerRecord(topic, b"2", partition=0)).add_done_callback(
            lambda sent: second.set_result(sent.result(0))
        )

    producer.send(ProducerRecord(topic, b"1", partition=0), callback)
    assert second.result(PATIENCE_S).offset == 1


def test_flush_does_not_wait_for_linger(address: str, topic: str) -> None:
    with Producer(bootstrap_servers=address, linger_ms=3_600_000, delivery_timeout_ms=4_000_000) as producer:
        future = producer.send(ProducerRecord(topic, b"v"))
        assert not future.done()
        producer.flush(timedelta(seconds=PATIENCE_S))
        assert future.result(0).offset == 0


def test_closing_flushes(address: str, topic: str, consumer: MakeConsumer) -> None:
    producer = Producer(bootstrap_servers=address, linger_ms=3_600_000, delivery_timeout_ms=4_000_000)
    future = producer.send(ProducerRecord(topic, b"v"))
    producer.close()
    producer.close()
    assert future.result(0).offset == 0
    with pytest.raises(IllegalStateException, match="closed"):
        producer.send(ProducerRecord(topic, b"v"))
    with pytest.raises(IllegalStateException, match="closed"):
        producer.flush()


@pytest.mark.parametrize("acks", ["0", "1", "all", "-1"])
def test_every_kind_of_acks_stores_the_record(
    address: str, topic: str, consumer: MakeConsumer, acks: str
) -> None:
    with Producer(bootstrap_servers=address, acks=acks) as producer:
        offset = producer.send(ProducerRecord(topic, b"v", partition=0)).result(PATIENCE_S).offset
    assert offset == (-1 if acks == "0" else 0)
    assert [record.value for record in read(consumer(), topic, 1)] == [b"v"]


def test_threads_share_a_producer(producer: Producer, topic: str, consumer: MakeConsumer) -> None:
    def work(which: int) -> None:
        for number in range(200):
            producer.send(ProducerRecord(topic, b"%d" % number, b"%d" % which, which))

    threads = [threading.Thread(target=work, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    producer.flush()
    found = read(consumer(), topic, 600)
    for which in range(3):
        assert [int(r.value) for r in found if r.partition == which and isinstance(r.value, bytes)] == [*range(200)]


def test_a_full_buffer_holds_senders_back(address: str, topic: str) -> None:
    with Producer(bootstrap_servers=address, buffer_memory=4_000, batch_size=1_000, linger_ms=1) as producer:
        futures = [producer.send(ProducerRecord(topic, b"x" * 500, partition=0)) for _ in range(200)]
        producer.flush()
        assert [future.result(0).offset for future in futures] == list(range(200))


def test_a_topic_that_is_missing_is_made_by_a_send(producer: Producer, admin: Admin) -> None:
    assert producer.send(ProducerRecord("fresh", b"v")).result(PATIENCE_S).partition == 0
    assert producer.partitions_for("fresh") == 1
    assert "fresh" in admin.list_topics()


def test_a_record_is_checked_when_it_is_made() -> None:
    with pytest.raises(IllegalArgumentException, match="Invalid timestamp: -1"):
        ProducerRecord("t", b"v", timestamp=-1)
    with pytest.raises(IllegalArgumentException, match="Invalid partition: -2"):
        ProducerRecord("t", b"v", partition=-2)


@pytest.mark.parametrize(
    "call",
    [
        lambda producer: Producer(transaction_two_phase_commit_enable=True),
        lambda producer: producer.prepare_transaction(),
        lambda producer: producer.complete_transaction("prepared"),
        lambda producer: Producer(compression_type="lz4"),
    ],
)
def test_what_is_not_built_is_refused_by_name(producer: Producer, call: Callable[[Producer], object]) -> None:
    with pytest.raises(NotYetBuiltException, match=r"not built yet"):
        call(producer)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"acks": "2"}, "acks"),
        ({"lingerms": 3}, "Did you mean linger.ms"),
        ({"acks": "1", "enable.idempotence": True}, "Must set acks to all"),
        ({"max.in.flight.requests.per.connection": 6, "enable.idempotence": True}, "at most 5"),
        ({"transactional.id": "x", "acks": "1"}, "Cannot set a transactional.id without also enabling idempotence"),
        ({"transactional.id": "x", "enable.idempotence": False}, "without also enabling idempotence"),
        ({"transactional.id": "x", "max.in.flight.requests.per.connection": 6}, "without also enabling idempotence"),
        ({"transactional.id": ""}, "transactional.id"),
        ({"delivery.timeout.ms": 10}, "delivery.timeout.ms should be equal to or larger"),
        ({"value.serializer": "no-such"}, "value.serializer"),
        ({"partitioner.class": 7}, "partitioner.class"),
    ],
)
def test_wrong_settings_are_named(address: str, settings: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigException, match=text):
        Producer({"bootstrap.servers": address, **settings})


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(ConfigException, match=r"linger.ms is given twice"):
        Producer({"linger.ms": 1}, linger_ms=2)


def test_a_door_may_be_handed_in(address: str, topic: str) -> None:
    door = connect(address)
    with Producer(door=door) as producer, Consumer(door=door, auto_offset_reset="earliest") as reader:
        producer.send(ProducerRecord(topic, b"v", partition=1)).result(PATIENCE_S)
        reader.assign([TopicPartition(topic, 1)])
        assert [record.value for record in reader.poll(PATIENCE_S * 1_000)] == [b"v"]
    door.close()
    with pytest.raises(KafkaException):
        door.writer().partitions_for(topic)
