"""How far a store has come, and how far a query wants it to be (KIP-796).

A position names the record that was applied last, by topic and partition; a store stands at what its task has committed
of the topics it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from streams.errors import IllegalArgumentException
from streams.record import RecordMetadata, TopicPartition
from streams.validation import check_partition, check_text, check_whole, shown

Offsets = Mapping[str, Mapping[int, int]]


class Lack(NamedTuple):
    """A record that is wanted and was not seen yet; `seen`: the last one that was."""

    topic: str
    partition: int
    wanted: int
    seen: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """Topic to partition to the offset of the last record that was applied (Java's `Position`).

    >>> from streams.query.position import Position
    >>> Position.of("orders", 0, 41).merge(Position.of("orders", 1, 7)).offsets
    {'orders': {0: 41, 1: 7}}
    """

    offsets: Offsets = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_offsets(self.offsets)

    @classmethod
    def empty_position(cls) -> Self:
        """Of nothing."""
        return cls()

    @classmethod
    def from_map(cls, offsets: Offsets) -> Self:
        """By topic and partition."""
        _check_offsets(offsets)
        return cls({topic: dict(rows) for topic, rows in offsets.items()})

    @classmethod
    def of(cls, topic: str, partition: int, offset: int) -> Self:
        """Of one record."""
        return cls({topic: {partition: offset}})

    @classmethod
    def of_record(cls, sent: RecordMetadata) -> Self:
        """Of a record that was sent: what a query must have seen to show it.

        Raises:
            IllegalArgumentException: where it lies is not known, as with `acks=0`.
        """
        if not isinstance(sent, RecordMetadata):
            raise IllegalArgumentException(
                f"Invalid metadata of a record: {shown(sent)}. Give what a send came to, `producer.send(…).result()`."
            )
        return cls.of(sent.topic, sent.partition, sent.offset)

    def with_component(self, topic: str, partition: int, offset: int) -> Position:
        """With one more; a later offset of the same partition wins."""
        return self.merge(Position.of(topic, partition, offset))

    def merge(self, other: Position) -> Position:
        """What has seen both."""
        _check_position(other)
        merged = {topic: dict(rows) for topic, rows in self.offsets.items()}
        for topic, rows in other.offsets.items():
            known = merged.setdefault(topic, {})
            for partition, offset in rows.items():
                known[partition] = max(offset, known.get(partition, offset))
        return Position(merged)

    def __str__(self) -> str:
        topics = (
            f"{topic}={{{', '.join(f'{p}={offset}' for p, offset in rows.items())}}}"
            for topic, rows in self.offsets.items()
        )
        return f"Position{{position={{{', '.join(topics)}}}}}"

    @property
    def is_empty(self) -> bool:
        """There is nothing in it."""
        return not self.offsets

    def lacks(self, bound: Position, partition: int | None) -> Lack | None:
        """What of a bound a partition of a store has not seen yet; None: nothing. Other partitions are no business of
        this one.

        Args:
            partition: None: the store has all of them, as a global one.
        """
        for topic, rows in bound.offsets.items():
            for number, wanted in rows.items():
                seen = self.offsets.get(topic, {}).get(number)
                if (partition is None or number == partition) and (seen is None or seen < wanted):
                    return Lack(topic, number, wanted, seen)
        return None


def _check_offsets(given: object) -> None:
    for topic, rows in _mapping(given).items():
        check_text(topic, "topic of a position")
        for partition, offset in _mapping(rows).items():
            check_partition(partition)
            check_whole(offset, f"offset of {topic}-{partition}")


def _mapping(given: object) -> Mapping[object, object]:
    if isinstance(given, Mapping):
        return given
    raise IllegalArgumentException(
        f"Invalid position: {shown(given)}. Give topics to partitions to offsets, as {{'orders': {{0: 41}}}}."
    )


def _check_position(given: object) -> None:
    if not isinstance(given, Position):
        raise IllegalArgumentException(f"Invalid position: {shown(given)}. Give one such as Position.of_record(sent).")


def applied(positions: Mapping[TopicPartition, int]) -> Position:
    """The position of who goes on at these offsets."""
    found: dict[str, dict[int, int]] = {}
    for (topic, partition), offset in positions.items():
        if offset > 0:
            found.setdefault(topic, {})[partition] = offset - 1
    return Position(found)


@dataclass(frozen=True, slots=True)
class PositionBound:
    """Where a store must be for a query to be answered (Java's `PositionBound`)."""

    position: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        _check_position(self.position)

    @classmethod
    def unbounded(cls) -> Self:
        """Wherever it is."""
        return cls()

    @classmethod
    def at(cls, position: Position) -> Self:
        """At this position or beyond."""
        return cls(position)

    def __str__(self) -> str:
        return f"PositionBound{{position={self.position}}}"

    @property
    def is_unbounded(self) -> bool:
        """It asks for nothing."""
        return self.position.is_empty
