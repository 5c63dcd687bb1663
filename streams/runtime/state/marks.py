"""What a database remembers beside its rows: up to where in its changelog they stand.

    mark `changelog:<store>`     u8 version = 1 | u32 log epoch | i64 offset | topic id in UTF-8

Topic id and log epoch say of which log the offset is one: a topic that was deleted and made again, or a log that was
cut back, makes the offset worthless (decision 10). Integers are big-endian.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from statestore.engine import Engine

VERSION = 1
_HEAD = struct.Struct(">BIq")


class Mark(NamedTuple):
    """A position in one life of one log: the offset of the next changelog record to be applied."""

    topic_id: str
    log_epoch: int
    offset: int


def name_of(store: str) -> bytes:
    """The mark's name in the engine."""
    return b"changelog:" + store.encode()


def write_mark(mark: Mark) -> bytes:
    return _HEAD.pack(VERSION, mark.log_epoch, mark.offset) + mark.topic_id.encode()


def read_mark(engine: Engine, store: str) -> Mark | None:
    """The store's mark; None where there is none, or one of another version."""
    data = engine.mark(name_of(store))
    if data is None or len(data) < _HEAD.size or data[0] != VERSION:
        return None
    _, epoch, offset = _HEAD.unpack_from(data)
    return Mark(data[_HEAD.size :].decode("utf-8", "replace"), epoch, offset)
