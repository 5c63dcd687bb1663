"""The parts of the Kafka door that need no broker: reports put together, messages taken as columns, settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("confluent_kafka")
pytest.importorskip("kafka")

from confluent_kafka import KafkaError, Message, Producer

from streams.clients.kafka.offsets import handle_of
from streams.clients.kafka.reader import columns, runs
from streams.clients.kafka.settings import connecting
from streams.clients.kafka.writer import outcomes
from streams.errors import RecordTooLargeException, TimeoutException
from streams.record import TopicPartition

ZERO = TopicPartition("t", 0)


@given(st.lists(st.one_of(st.none(), st.integers(1, 3)), min_size=1, max_size=30))
def test_every_record_of_a_batch_has_one_outcome_and_each_run_its_offsets(steps: list[int | None]) -> None:
    offsets: list[int | None] = []
    failed, at = {}, 0
    for index, step in enumerate(steps):  # a step over 1: somebody else's record lies between
        if step is None:
            failed[index] = KafkaError(10)
            offsets.append(None)
        else:
            at += step
            offsets.append(at)
    found: dict[int, int | None] = {}
    for sent in outcomes(ZERO, offsets, -1, failed):
        for index in range(*sent.part(len(steps)).indices(len(steps))):
            assert index not in found
            found[index] = None if sent.error is not None else sent.base_offset + index - max(sent.first, 0)
    assert found == {index: None if step is None else offsets[index] for index, step in enumerate(steps)}


def test_what_a_record_failed_with_is_kafkas_exception() -> None:
    failed = {0: KafkaError(10), 1: KafkaError(KafkaError._MSG_TIMED_OUT)}
    kinds = [type(sent.error) for sent in outcomes(ZERO, [None, None], -1, failed)]
    assert kinds == [RecordTooLargeException, TimeoutException]


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


def test_a_producer_is_known_to_librdkafka_by_the_name_that_it_was_given() -> None:
    assert handle_of(Producer({"client.id": "till", "bootstrap.servers": "127.0.0.1:9"}), "till") > 0


def test_logins_and_certificates_have_the_names_of_each_library() -> None:
    login = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="a" password="b\\"c";'
    found = connecting(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": login,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": "/ca.pem",
            "send.buffer.bytes": 1_000,
        }
    )
    assert found.librdkafka == {
        "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "a",
        "sasl.password": 'b"c', "ssl.ca.location": "/ca.pem", "socket.send.buffer.bytes": 1_000,
    }  # fmt: skip
    assert found.kafka_python == {
        "security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "a",
        "sasl_plain_password": 'b"c', "ssl_cafile": "/ca.pem",
    }  # fmt: skip
