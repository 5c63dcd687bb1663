"""What the two sides of a foreign-key join send each other, as it is between the operators and the topics' serdes.

A left row registers with the partition of the foreign key that it names (`serdes.foreign_key.Registration`); the right
side answers to the partition of the left row.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from streams.serdes.base import AnySerde, Serde, wrong_type
from streams.serdes.foreign_key import (
    Answer,
    Registration,
    decode_answer,
    decode_registration,
    encode_answer,
    encode_registration,
)


class Answered(NamedTuple):
    """An answer of the right side. Its record's key is the left row's, as bytes."""

    hash: bytes | None
    """Of the left value that had registered; None without one."""
    foreign_value: object
    """The right row's value, or None."""
    partition: int | None = None
    """Where the left row lives. It is not written."""


@cache
def registration_serde() -> Serde[Registration]:
    """Of the registration topic and of the store of registrations."""
    return Serde(
        name="Registrations",
        encode=encode_registration,
        decode=decode_registration,
        exact=lambda value: type(value) is Registration,
    )


@cache
def answer_serde(foreign_value: AnySerde) -> Serde[Answered]:
    """Of the response topic.

    Args:
        foreign_value: the right table's value serde.
    """

    def encode_as(topic: str, headers: tuple[tuple[str, bytes | None], ...], value: Answered) -> bytes:
        if not isinstance(value, Answered):
            raise wrong_type("an answer", "Answered", value)
        return encode_answer(Answer(value.hash, foreign_value.serialize(topic, value.foreign_value, headers)))

    def decode_as(topic: str, headers: tuple[tuple[str, bytes | None], ...], data: bytes) -> Answered:
        answer = decode_answer(data)
        return Answered(answer.hash, foreign_value.deserialize(topic, answer.foreign_value, headers))

    return Serde(
        name=f"Answers({foreign_value.name})",
        encode=lambda value: encode_as("", (), value),
        decode=lambda data: decode_as("", (), data),
        encode_with=encode_as if foreign_value.encode_with is not None else None,
        decode_with=decode_as if foreign_value.decode_with is not None else None,
    )


def answer_partition(topic: str, key: object, value: Answered, partitions: int) -> int | None:
    """The partitioner of the response topic: where the left row lives; by key for one that did not say."""
    return value.partition
