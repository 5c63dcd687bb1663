"""Requests about records: produce, fetch, offsets, deletion, producer ids. What is in a batch is looked at
once, when it is appended (`Partition.append`)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from broker_local.broker import Broker, Peer
from broker_local.errorcodes import ErrorCode
from broker_local.faults import Refused, Unreadable
from broker_local.files import FileSlice
from broker_local.grouplog import ProducerIds
from broker_local.heads import EMPTY, Body, Stretch
from broker_local.on_groups import append_records, fenced_member
from broker_local.partition import Partition
from broker_local.readfaults import READ_ERRORS
from broker_local.requests import (
    EARLIEST,
    LARGEST_TIMESTAMP,
    LATEST,
    DeletedPart,
    DeletePart,
    DeleteRecords,
    DeleteRecordsReply,
    Failure,
    Fetch,
    FetchedPart,
    FetchPosition,
    FetchReply,
    ListedOffset,
    ListOffsets,
    ListOffsetsReply,
    OffsetQuestion,
    Produce,
    ProducedPart,
    ProducePart,
    ProduceReply,
    ProducerId,
    ProducerIdReply,
    Reply,
)
from broker_local.topics import GROUP_TOPIC
from broker_local.waits import SYNCED, Answer, Instant, Key, Later

ID_BLOCK = 1000
"""Producer ids are taken from the log in blocks: what is left of one at a stop is never given out."""


def code_of(refused: Refused) -> ErrorCode:
    """The number of what storage refused."""
    return ErrorCode[refused.code]


def end_key(topic: str, partition: int) -> Key:
    """What is woken when there is more to read in a partition."""
    return ("end", topic, partition)


# Produce -----------------------------------------------------------------------------------------


def produce(broker: Broker, peer: Peer, request: Produce, at: Instant) -> Answer:
    """Appends; in the mode `durable` the answer waits for the disk.

    Whether the sender is a member still is looked at here, in the loop that appends: from the moment a group has put
    a member out, nothing of it is taken, whenever it was sent.
    """
    fenced = fenced_member(broker, request.member)
    if fenced is not None:
        return fenced
    rows: list[ProducedPart] = []
    written: list[tuple[Partition, int]] = []
    for part in request.parts:
        rows.append(_append(broker, part, at, written))
    reply = ProduceReply(tuple(rows))
    if not broker.durable or request.acks == 0 or not written:
        return reply
    return _when_durable(broker, written, reply)


def _append(broker: Broker, part: ProducePart, at: Instant, written: list[tuple[Partition, int]]) -> ProducedPart:
    try:
        if part.topic == GROUP_TOPIC:
            raise Refused("INVALID_TOPIC_EXCEPTION", f"{GROUP_TOPIC} is written by the broker alone")
        partition = open_or_create(broker, part.topic, part.partition)
        appended = partition.append(_bytes(part.batch), at.at)
    except Refused as refused:
        return ProducedPart(part.topic, part.partition, code_of(refused), refused.message, -1, -1, -1)
    written.append((partition, partition.end))
    if not broker.durable:
        broker.wake(end_key(part.topic, part.partition))
    return ProducedPart(
        part.topic,
        part.partition,
        ErrorCode.NONE,
        "",
        appended.base_offset,
        appended.timestamp,
        appended.log_start,
    )


def _bytes(body: Body) -> bytes | memoryview:
    if isinstance(body, Stretch):
        return b"".join(piece.read() if isinstance(piece, FileSlice) else piece for piece in body.pieces)
    return memoryview(body)


def open_or_create(broker: Broker, topic: str, partition: int) -> Partition:
    """The partition; a topic that does not exist is made with `num.partitions` (decision 34)."""
    settings = broker.settings
    if settings.creates_topics and topic not in broker.store.topics and partition < settings.num_partitions:
        broker.store.create_topic(topic, settings.num_partitions)
    return broker.store.partition(topic, partition)


def _when_durable(broker: Broker, written: list[tuple[Partition, int]], reply: Reply) -> Answer:
    """The reply, once all that was written is on the disk, or deleted with its topic."""

    def again(at: Instant) -> Answer:
        return _when_durable(broker, written, reply)

    topics = broker.store.topics
    for partition, end in written:
        topic = topics.get(partition.topic.name)
        if partition.durable_end < end and topic is not None and topic.id == partition.topic.id:
            return Later((SYNCED,), None, again)
    return reply


# Fetch -------------------------------------------------------------------------------------------


class _Taken(NamedTuple):
    """What one look at all positions found: rows, bytes of batches, and whether something cannot wait."""

    parts: list[FetchedPart]
    size: int
    urgent: bool


def fetch(broker: Broker, peer: Peer, request: Fetch, at: Instant) -> Answer:
    """One long poll over all positions."""
    return _look(broker, request, at.now + request.max_wait_ms, at)


def _look(broker: Broker, request: Fetch, deadline: int, at: Instant) -> Answer:
    taken = _take(broker, request, at.now)
    if taken.urgent or taken.size >= max(1, request.min_bytes) or at.now >= deadline:
        return FetchReply(tuple(taken.parts))
    keys = tuple(end_key(each.topic, each.partition) for each in request.positions)
    return Later(keys, deadline, partial(_look, broker, request, deadline))


def _take(broker: Broker, request: Fetch, now: int) -> _Taken:
    """Looks at all positions, each time beginning with another one, so that none goes hungry."""
    positions = request.positions
    broker.rotation += 1
    first = broker.rotation % len(positions) if positions else 0
    left, urgent, parts = request.max_bytes, False, list[FetchedPart]()
    for position in (*positions[first:], *positions[:first]):
        part = _part(broker, position, now, left, none_yet=left == request.max_bytes)
        if part is None:
            continue
        size = part.batches.length if isinstance(part.batches, Stretch) else 0
        urgent = urgent or not size
        left -= size
        parts.append(part)
    return _Taken(parts, request.max_bytes - left, urgent)


def _readable(
    broker: Broker, partition: Partition, position: FetchPosition, most: int, end: int, now: int
) -> list[FileSlice]:
    """What is to be sent of a position.

    Raises:
        Refused: as `Partition.read`; KAFKA_STORAGE_ERROR, the disk cannot read what lies there.
    """
    faults = broker.read_faults
    try:
        slices = partition.read(position.offset, most, end)
    except OSError as error:
        if error.errno not in READ_ERRORS:
            raise
        raise Refused("KAFKA_STORAGE_ERROR", faults.note(error.filename or repr(partition), error, now)) from error
    for at, piece in enumerate(slices):
        said = faults.said(piece.file.path, now)
        if said is not None:
            if at:  # what comes before can be read
                return slices[:at]
            raise Refused("KAFKA_STORAGE_ERROR", said)
    return slices


def _part(broker: Broker, position: FetchPosition, now: int, left: int, none_yet: bool) -> FetchedPart | None:
    """What there is to say of one position; None: nothing."""
    topic, number = position.topic, position.partition
    try:
        partition = broker.store.partition(topic, number)
    except Refused as refused:
        return FetchedPart(topic, number, code_of(refused), refused.message, -1, -1, -1, -1, -1, -1, EMPTY)
    end = readable_end(broker, partition)
    slices: list[FileSlice] = []
    error, message, diverged = ErrorCode.NONE, "", -1
    if 0 <= position.log_epoch < partition.log_epoch:
        kept = partition.end_of_epoch(position.log_epoch)
        if position.offset > kept:
            error, diverged = ErrorCode.UNKNOWN_LEADER_EPOCH, kept
            message = f"{partition!r} was cut back to offset {kept}; the reader stands at {position.offset}"
    if error == ErrorCode.NONE:
        try:
            if none_yet or left > 0:
                slices = _readable(broker, partition, position, min(position.max_bytes, max(left, 0)), end, now)
        except Refused as refused:
            error, message = code_of(refused), refused.message
    if not slices and error == ErrorCode.NONE and (position.offset < end or position.known_end == end):
        return None
    batches = Stretch(tuple(slices), sum(each.length for each in slices))
    return FetchedPart(
        topic,
        number,
        error,
        message,
        end,
        partition.end,
        partition.log_start,
        partition.log_epoch,
        diverged,
        partition.tombstones_gone,
        batches if slices else EMPTY,
    )


def readable_end(broker: Broker, partition: Partition) -> int:
    """How far anybody may read: in the mode `durable` only what is on the disk is shown."""
    return partition.durable_end if broker.durable else partition.last_stable_offset


# Offsets -----------------------------------------------------------------------------------------


def list_offsets(broker: Broker, peer: Peer, request: ListOffsets, at: Instant) -> Answer:
    """First, last, or by time."""
    return ListOffsetsReply(tuple(_listed(broker, part) for part in request.parts))


def _listed(broker: Broker, asked: OffsetQuestion) -> ListedOffset:
    topic, number = asked.topic, asked.partition
    try:
        partition = broker.store.partition(topic, number)
    except Refused as refused:
        return ListedOffset(topic, number, code_of(refused), refused.message, -1, -1, -1, -1)
    offset, timestamp = -1, -1
    if asked.timestamp == EARLIEST:
        offset = partition.log_start
    elif asked.timestamp == LATEST:
        offset = readable_end(broker, partition)
    elif asked.timestamp < LARGEST_TIMESTAMP:
        message = f"timestamp {asked.timestamp} means nothing"
        return ListedOffset(topic, number, ErrorCode.INVALID_REQUEST, message, -1, -1, -1, -1)
    else:
        largest = asked.timestamp == LARGEST_TIMESTAMP
        try:
            found = partition.newest() if largest else partition.offset_for_time(asked.timestamp)
        except Unreadable as place:  # only this question asks for it
            message = f"{partition!r} cannot be asked for this time: {place}. Ask for a later one, or by offset"
            return ListedOffset(topic, number, ErrorCode.CORRUPT_MESSAGE, message, -1, -1, -1, -1)
        if found is not None and found.offset < readable_end(broker, partition):
            offset, timestamp = found
    return ListedOffset(topic, number, ErrorCode.NONE, "", offset, timestamp, partition.log_epoch, partition.end)


def delete_records(broker: Broker, peer: Peer, request: DeleteRecords, at: Instant) -> Answer:
    """Moves the starts of logs."""
    fenced = fenced_member(broker, request.member)
    if fenced is not None:
        return fenced
    return DeleteRecordsReply(tuple(_deleted(broker, part) for part in request.parts))


def _deleted(broker: Broker, part: DeletePart) -> DeletedPart:
    try:
        if part.topic == GROUP_TOPIC:
            raise Refused("INVALID_TOPIC_EXCEPTION", f"{GROUP_TOPIC} is the broker's own")
        partition = broker.store.partition(part.topic, part.partition)
        if not partition.topic.settings.deletes:
            said = f"Records of partition {partition!r} can not be deleted due to the configured policy"
            raise Refused("POLICY_VIOLATION", f"{said}: cleanup.policy of the topic is compact, without delete.")
        start = partition.delete_records(part.before)
    except Refused as refused:
        return DeletedPart(part.topic, part.partition, code_of(refused), refused.message, -1)
    broker.wake(end_key(part.topic, part.partition))
    return DeletedPart(part.topic, part.partition, ErrorCode.NONE, "", start)


# Producers ---------------------------------------------------------------------------------------


def producer_id(broker: Broker, peer: Peer, request: ProducerId, at: Instant) -> Answer:
    """An id that no producer of this directory ever had."""
    if request.transactional_id is not None:
        text = "transactional.id: transactions come with exactly-once; not built yet"
        return Failure(ErrorCode.UNSUPPORTED_VERSION, text)
    if not broker.producer_ids:
        first = broker.producer_ids.stop
        try:
            append_records(broker, [ProducerIds(first + ID_BLOCK)], at)
        except Refused as refused:
            return Failure(code_of(refused), refused.message)
        broker.producer_ids = range(first, first + ID_BLOCK)
    given, broker.producer_ids = broker.producer_ids[0], broker.producer_ids[1:]
    return ProducerIdReply(given, 0)
