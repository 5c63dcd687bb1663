"""Positions in a transaction, by the C function of librdkafka that confluent-kafka calls too.

confluent-kafka ends the text of a position with a NUL, which Kafka Streams in Java cannot read, and takes the member
that commits from a consumer that has joined, which ours never does. So the same library is called by `ctypes`, with
what its header promises and nothing else; only where a producer keeps its handle is confluent-kafka's own matter, and
held against the name that the producer was given (`handle_of`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import CDLL, POINTER, Structure, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import NamedTuple

from confluent_kafka import Producer, cimpl

from streams.clients.api import ConsumerGroupMetadata, Position
from streams.errors import UnsupportedVersionException
from streams.record import TopicPartition


class _TopicPartition(Structure):
    """`rd_kafka_topic_partition_t`."""

    _fields_ = (
        ("topic", c_char_p),
        ("partition", c_int32),
        ("offset", c_int64),
        ("metadata", c_void_p),
        ("metadata_size", c_size_t),
        ("opaque", c_void_p),
        ("err", c_int),
        ("private", c_void_p),
    )


class Refused(NamedTuple):
    """librdkafka's error: its number, its words, and whether the same call may succeed later, or never again."""

    code: int
    words: str
    retriable: bool
    fatal: bool


def _library() -> CDLL:
    """librdkafka as confluent-kafka has loaded it."""
    library = CDLL(cimpl.__file__)
    for name, result, *arguments in (
        ("rd_kafka_name", c_char_p, c_void_p),
        ("rd_kafka_topic_partition_list_new", c_void_p, c_int),
        ("rd_kafka_topic_partition_list_add", POINTER(_TopicPartition), c_void_p, c_char_p, c_int32),
        ("rd_kafka_topic_partition_list_destroy", None, c_void_p),
        ("rd_kafka_consumer_group_metadata_new_with_genid", c_void_p, c_char_p, c_int32, c_char_p, c_char_p),
        ("rd_kafka_consumer_group_metadata_destroy", None, c_void_p),
        ("rd_kafka_send_offsets_to_transaction", c_void_p, c_void_p, c_void_p, c_void_p, c_int),
        ("rd_kafka_mem_malloc", c_void_p, c_void_p, c_size_t),
        ("rd_kafka_error_code", c_int, c_void_p),
        ("rd_kafka_error_string", c_char_p, c_void_p),
        ("rd_kafka_error_is_retriable", c_int, c_void_p),
        ("rd_kafka_error_is_fatal", c_int, c_void_p),
        ("rd_kafka_error_destroy", None, c_void_p),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def handle_of(producer: Producer, client_id: str) -> int:
    """librdkafka's handle of a producer: the first thing behind the head that every object has.

    Raises:
        UnsupportedVersionException: this release of confluent-kafka keeps something else there.
    """
    handle = c_void_p.from_address(id(producer) + object.__basicsize__).value
    name = None if handle is None else _librdkafka.rd_kafka_name(handle)
    if name is None or not name.decode().startswith(client_id):
        raise UnsupportedVersionException(
            "This release of confluent-kafka is another than the one that this was built for: install confluent-kafka "
            "2.16, or set processing.guarantee=at_least_once."
        )
    return int(handle or 0)


def send_offsets(
    handle: int, member: ConsumerGroupMetadata, offsets: Mapping[TopicPartition, Position], timeout_ms: int
) -> Refused | None:
    """Has positions committed with the transaction that goes on; what was refused, None: nothing."""
    library = _librdkafka
    positions = library.rd_kafka_topic_partition_list_new(len(offsets))
    instance = None if member.group_instance_id is None else member.group_instance_id.encode()
    named = library.rd_kafka_consumer_group_metadata_new_with_genid(
        member.group_id.encode(), member.generation_id, member.member_id.encode(), instance
    )
    try:
        for (topic, number), position in offsets.items():
            row = library.rd_kafka_topic_partition_list_add(positions, topic.encode(), number).contents
            text = position.metadata.encode()
            row.offset = position.offset
            if text:
                row.metadata = library.rd_kafka_mem_malloc(handle, len(text))  # freed with the list
                row.metadata_size = len(text)
                ctypes.memmove(row.metadata, text, len(text))
        error = library.rd_kafka_send_offsets_to_transaction(handle, positions, named, timeout_ms)
    finally:
        library.rd_kafka_topic_partition_list_destroy(positions)
        library.rd_kafka_consumer_group_metadata_destroy(named)
    if not error:
        return None
    try:
        return Refused(
            library.rd_kafka_error_code(error),
            library.rd_kafka_error_string(error).decode("utf-8", "replace"),
            bool(library.rd_kafka_error_is_retriable(error)),
            bool(library.rd_kafka_error_is_fatal(error)),
        )
    finally:
        library.rd_kafka_error_destroy(error)


_librdkafka = _library()
