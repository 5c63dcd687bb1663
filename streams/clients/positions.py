"""Positions as they are handed over to be committed, by a consumer or in a transaction."""

from __future__ import annotations

from collections.abc import Mapping

from streams.clients.api import Position
from streams.record import TopicPartition
from streams.validation import check_text, check_whole, mapping_of, partition_of


def positions_of(offsets: Mapping[TopicPartition, Position | int]) -> dict[TopicPartition, Position]:
    """The positions by partition, each checked.

    Args:
        offsets: the offset of the *next* record of each partition, alone or with text beside it.
    Raises:
        IllegalArgumentException: what is given is no such mapping.
    """
    return {
        (where := partition_of(partition)): _position(where, given)
        for partition, given in mapping_of(offsets, "offsets").items()
    }


def _position(partition: TopicPartition, given: object) -> Position:
    offset, metadata = given if isinstance(given, Position) else (given, "")
    if metadata is None:
        metadata = ""
    return Position(check_whole(offset, f"offset of {partition}"), check_text(metadata, f"metadata of {partition}"))
