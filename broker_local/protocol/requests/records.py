"""Records: appending, fetching and deleting them, and looking for offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from broker_local.protocol.codec import EMPTY, Body, FileBody, Range
from broker_local.protocol.requests.request import Asks, Name, Reply, Small, request

EARLIEST, LATEST, LARGEST_TIMESTAMP = -2, -1, -3
"""Timestamps with a meaning of their own in `ListOffsets`, as in Kafka."""
READ_UNCOMMITTED, READ_COMMITTED = 0, 1


@dataclass(frozen=True, slots=True)
class GroupMember:
    """In whose name a worker writes. Who is no member of its group any more is refused, with FENCED_MEMBER_EPOCH, or
    FENCED_INSTANCE_ID where another one has its instance id."""

    group: Name
    member_id: Name
    instance_id: Name | None = None


@dataclass(frozen=True, slots=True)
class ProducedPart:
    """`append_time` is -1 unless the topic stamps records itself; a duplicate gets the first one's offset."""

    topic: Name
    partition: Small
    error: int
    message: str
    base_offset: int
    append_time: int
    log_start: int


@dataclass(frozen=True, slots=True)
class ProduceReply(Reply):
    parts: tuple[ProducedPart, ...]


@dataclass(frozen=True, slots=True)
class ProducePart:
    """One batch for one partition, as `format` writes it."""

    topic: Name
    partition: Small
    batch: Body


@request(10, ProduceReply)
@dataclass(frozen=True, slots=True)
class Produce(Asks[ProduceReply]):
    """Batches to be appended, in this order. `acks` 0: *no reply is sent*; 1 and -1 (all) are the same
    here. `member` None: whoever sends this is bound to no group. `transactional_id`: all batches belong to the
    transaction that goes on under it; the first one begins it.
    """

    acks: Annotated[int, Range(-1, 1)]
    parts: tuple[ProducePart, ...]
    member: GroupMember | None = None
    transactional_id: Name | None = None


@dataclass(frozen=True, slots=True)
class FetchedPart:
    """What there is from the asked offset on: batches back to back, the first may begin before that offset.

    `next_offset` is the position after all of it (-1 with an error): a reader takes it as it is, since what lies
    before it may be nothing, or nothing that it may see. `readable_end` is how far this reader may read: what is shown,
    and for READ_COMMITTED the last stable offset; whoever has read up to it is caught up. `log_end` is where the next
    batch will lie, whatever may be seen of the log.
    `log_start` and `log_epoch` as the log has them; `diverged` is -1, or, with the error
    UNKNOWN_LEADER_EPOCH, the offset at which the reader's log and this one part. Below `tombstones_gone`
    compaction removed tombstones: who stopped reading below it may keep deleted keys.
    """

    topic: Name
    partition: Small
    error: int
    message: str
    next_offset: int
    readable_end: int
    log_end: int
    log_start: int
    log_epoch: int
    diverged: int
    tombstones_gone: int
    batches: Body

    @property
    def data(self) -> memoryview:
        """The batches as a client got them: a view into the frame."""
        return EMPTY if isinstance(self.batches, FileBody) else memoryview(self.batches)


@dataclass(frozen=True, slots=True)
class FetchReply(Reply):
    """Only the partitions that have something to tell: batches, a position that moved, an
    error, or an end that is news."""

    parts: tuple[FetchedPart, ...]


@dataclass(frozen=True, slots=True)
class FetchPosition:
    """Where a reader stands. `known_end` is the last `readable_end` it was told of this partition (-1: none): a
    partition whose end is another one by now is answered at once, with or without batches.
    `log_epoch` -1: the reader has none to compare."""

    topic: Name
    partition: Small
    offset: int
    max_bytes: Small
    log_epoch: int = -1
    known_end: int = -1


@request(11, FetchReply)
@dataclass(frozen=True, slots=True)
class Fetch(Asks[FetchReply]):
    """One long poll over all positions: answered at once if `min_bytes` are there, an end is news or a
    position is wrong, else when that becomes so, else empty after `max_wait_ms`. At least one whole batch is
    given, whatever `max_bytes` says."""

    positions: tuple[FetchPosition, ...]
    max_wait_ms: Small
    min_bytes: Small = 1
    max_bytes: Small = 50 * 1024 * 1024
    isolation: Annotated[int, Range(0, 1)] = READ_UNCOMMITTED


@dataclass(frozen=True, slots=True)
class ListedOffset:
    """`offset` -1: there is no record with such a timestamp. `log_end` as in `FetchedPart`. `agrees_to`: up to there
    whoever last saw the log in the epoch that was asked for has what is in it; nothing was cut off: its end."""

    topic: Name
    partition: Small
    error: int
    message: str
    offset: int
    timestamp: int
    log_epoch: int
    log_end: int
    agrees_to: int = -1


@dataclass(frozen=True, slots=True)
class ListOffsetsReply(Reply):
    parts: tuple[ListedOffset, ...]


@dataclass(frozen=True, slots=True)
class OffsetQuestion:
    """`timestamp`: the first offset with at least that timestamp (ms), or EARLIEST, LATEST, LARGEST_TIMESTAMP.
    `log_epoch`: the log is held against this epoch of it (-1: there is none to compare)."""

    topic: Name
    partition: Small
    timestamp: int
    log_epoch: int = -1


@request(12, ListOffsetsReply)
@dataclass(frozen=True, slots=True)
class ListOffsets(Asks[ListOffsetsReply]):
    """With READ_COMMITTED, LATEST is the last stable offset, and no time finds what lies behind it."""

    parts: tuple[OffsetQuestion, ...]
    isolation: Annotated[int, Range(0, 1)] = READ_UNCOMMITTED


@dataclass(frozen=True, slots=True)
class DeletedPart:
    topic: Name
    partition: Small
    error: int
    message: str
    log_start: int


@dataclass(frozen=True, slots=True)
class DeleteRecordsReply(Reply):
    parts: tuple[DeletedPart, ...]


@dataclass(frozen=True, slots=True)
class DeletePart:
    """Everything before `before` may go; -1: everything."""

    topic: Name
    partition: Small
    before: int


@request(13, DeleteRecordsReply)
@dataclass(frozen=True, slots=True)
class DeleteRecords(Asks[DeleteRecordsReply]):
    """`member` as in `Produce`."""

    parts: tuple[DeletePart, ...]
    member: GroupMember | None = None
