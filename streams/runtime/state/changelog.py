"""Up to where a store has its changelog, and how its database remembers that beside the rows.

    mark `changelog:<store>`     u8 version = 1 | u32 log epoch | i64 offset | topic id in UTF-8

Topic id and log epoch say of which log the offset is one: a topic that was deleted and made again, or a log that was
cut back, makes the offset worthless (decision 10). Integers are big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from statestore.api import Layered
from statestore.engine import Engine
from statestore.keys import observed_mark, store_prefix
from streams.record import TopicPartition

VERSION = 1
_HEAD = struct.Struct(">BIq")


class Mark(NamedTuple):
    """A position in one life of one log: the offset of the next changelog record to be applied."""

    topic_id: str
    log_epoch: int
    offset: int


@dataclass(slots=True)
class Changelog:
    """A store's changelog, and up to where the store has it.

    Args:
        partition: the changelog, or the source topic that serves as one.
        topic_id: of the topic; "" until a restore has looked at it.
        log_epoch: of the log that the store was filled from.
        offset: of the next record to be applied.
    """

    partition: TopicPartition
    topic_id: str = ""
    log_epoch: int = 0
    offset: int = 0

    def mark(self) -> Mark:
        """The position, as the database remembers it."""
        return Mark(self.topic_id, self.log_epoch, self.offset)


def mark_name(store: str) -> bytes:
    """The mark's name in the engine."""
    return b"changelog:" + store.encode()


def write_mark(mark: Mark) -> bytes:
    return _HEAD.pack(VERSION, mark.log_epoch, mark.offset) + mark.topic_id.encode()


def read_mark(engine: Engine, store: str) -> Mark | None:
    """The store's mark; None where there is none, or one of another version."""
    data = engine.mark(mark_name(store))
    if data is None or len(data) < _HEAD.size or data[0] != VERSION:
        return None
    _, epoch, offset = _HEAD.unpack_from(data)
    return Mark(data[_HEAD.size :].decode("utf-8", "replace"), epoch, offset)


def wipe(engine: Engine, store: str, layers: Layered, mark: str | None = None) -> None:
    """Empties one store of a database.

    Args:
        layers: the store; what it has read goes too.
        mark: the name its mark goes by, if not the store's.
    """
    number = engine.number(store)
    # The mark goes with the rows: a death right afterwards must not leave an empty store that says it is full.
    rows = store_prefix(number)
    gone = {mark_name(mark or store): b"", observed_mark(rows): b""}
    engine.write((), [(rows, store_prefix(number + 1))], gone)
    layers.apply(())
