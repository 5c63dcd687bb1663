"""Up to where a store has its changelog, and how its database remembers that beside the rows.

    mark `changelog:<store>`     u8 version = 2 | u32 log epoch | i64 offset | i64 reach | topic id in UTF-8

Topic id and log epoch say of which log the offsets are: a topic that was deleted and made again makes them worthless,
and so does a power cut that cut the log back before them (decisions 10 and 21).

Committed rows come into the database in slices, and the offset moves with the last of them. The *reach* comes with the
first: no row of the database is of a record behind it. So a store is ahead of its log if, and only if, its
reach may be, whenever it was that it died. Integers are big-endian. Version 1 has no reach.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from statestore.api import Layered
from statestore.engine import Engine
from statestore.keys import observed_mark, store_prefix
from streams.clients.api import LogEnd
from streams.record import TopicPartition

VERSION = 2
_HEAD = struct.Struct(">BIqq")
_HEADS = {1: struct.Struct(">BIq"), VERSION: _HEAD}
ANYWHERE = 2**63 - 1
"""The reach of a mark that does not tell."""


class Mark(NamedTuple):
    """A position in one life of one log: the offset of the next changelog record to be applied, and the one before
    which all records lie that rows of the database are of."""

    topic_id: str
    log_epoch: int
    offset: int
    reach: int


@dataclass(slots=True)
class Changelog:
    """A store's changelog, and up to where the store has it.

    Args:
        partition: the changelog, or the source topic that serves as one.
        topic_id: of the topic; "" until a restore has looked at it.
        log_epoch: a life of the log in which all before `offset` lies in it.
        offset: of the next record to be applied.
        reach: of the database, as in its mark.
    """

    partition: TopicPartition
    topic_id: str = ""
    log_epoch: int = 0
    offset: int = 0
    reach: int = 0

    def mark(self) -> Mark:
        """The position, as the database remembers it once all rows up to it are there."""
        self.reach = max(self.offset, self.reach)
        return Mark(self.topic_id, self.log_epoch, self.offset, self.reach)


def mark_name(store: str) -> bytes:
    """The mark's name in the engine."""
    return b"changelog:" + store.encode()


def write_mark(mark: Mark) -> bytes:
    return _HEAD.pack(VERSION, mark.log_epoch, mark.offset, mark.reach) + mark.topic_id.encode()


def read_mark(engine: Engine, store: str) -> Mark | None:
    """The store's mark; None where there is none, or one of another version."""
    data = engine.mark(mark_name(store))
    head = _HEADS.get(data[0]) if data else None
    if not data or head is None or len(data) < head.size:
        return None
    fields: tuple[int, ...] = head.unpack_from(data)
    epoch, offset, reach = (*fields[1:], ANYWHERE)[:3]
    return Mark(data[head.size :].decode("utf-8", "replace"), epoch, offset, reach)


def reaching(engine: Engine, store: str, log: Changelog) -> dict[bytes, bytes]:
    """What goes with rows of what `log` stands for while not all of them are in the database: how far they reach.

    The offset stays where it is. A store without a mark gets one at 0: what is there of it before its first one must
    not look like nothing.
    """
    if not log.topic_id or log.reach >= log.offset:
        return {}
    before = read_mark(engine, store)
    log.reach = log.offset
    at = 0 if before is None else before.offset
    return {mark_name(store): write_mark(Mark(log.topic_id, log.log_epoch, at, log.reach))}


def beyond(mark: Mark, end: LogEnd) -> str | None:
    """Why a mark of this topic is worth nothing now that its log ends there; None: the log has all that is before it.

    That the log has another epoch says only that the power was cut, or that a leader was elected; what counts is where
    the log was cut.
    """
    if mark.offset > end.offset:
        return f"its offset {mark.offset} lies behind the end of its changelog, {end.offset}"
    if mark.log_epoch != end.log_epoch and mark.reach > end.agrees_to:
        held = "may hold" if mark.reach == ANYWHERE else f"was filled up to offset {mark.reach}, and holds"
        return (
            f"its changelog was cut back to offset {end.agrees_to} in a power cut, or by an unclean election of its "
            f"leader; the store {held} what came after"
        )
    return None


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
