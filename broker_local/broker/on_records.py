"""Requests about records: produce, offsets, deletion. What is in a batch is looked at once, when it is
appended (`Partition.append`)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal, Unreadable
from broker_local.base.files import FileSlice
from broker_local.broker.broker import Broker, Peer, Purge
from broker_local.broker.on_groups import fenced_member
from broker_local.broker.on_transactions import joining
from broker_local.broker.waits import SYNCED, Answer, Instant, Later, Steps, end_key
from broker_local.log.format import Header
from broker_local.log.partition import Partition
from broker_local.log.topics import GROUP_TOPIC
from broker_local.protocol.codec import Body, FileBody
from broker_local.protocol.requests import records as wire
from broker_local.protocol.requests.request import Reply

FEW = 8
"""What concerns more partitions than this is done in steps."""


# Produce -----------------------------------------------------------------------------------------


def produce(broker: Broker, peer: Peer, request: wire.Produce, at: Instant) -> Answer:
    """Appends; in the mode `durable` the answer waits for the disk.

    Whether the sender is a member still is looked at here, in the loop that appends: from the moment a group has put
    a member out, nothing of it is taken, whenever it was sent.
    """
    if len(request.parts) > FEW:
        return Steps(_append_all(broker, peer, request, at))
    fenced = fenced_member(broker, request.member)
    if fenced is not None:
        return fenced
    rows: list[wire.ProducedPart] = []
    written: list[tuple[Partition, int]] = []
    begin = joining(broker, peer, request, request.parts, at)
    for part in request.parts:
        rows.append(_append(broker, part, begin, at, written))
    return _produced(broker, request, rows, written)


def _append_all(broker: Broker, peer: Peer, request: wire.Produce, at: Instant) -> Generator[None, None, Answer]:
    rows: list[wire.ProducedPart] = []
    written: list[tuple[Partition, int]] = []
    for part in request.parts:
        yield
        fenced = fenced_member(broker, request.member)  # it may have been put out since the last step
        if fenced is not None:
            return fenced
        begin = joining(broker, peer, request, (part,) if rows else request.parts, at)
        rows.append(_append(broker, part, begin, at, written))
    return _produced(broker, request, rows, written)


def _produced(
    broker: Broker, request: wire.Produce, rows: Sequence[wire.ProducedPart], written: list[tuple[Partition, int]]
) -> Answer:
    reply = wire.ProduceReply(tuple(rows))
    if not broker.durable or request.acks == 0 or not written:
        return reply
    if request.transactional_id is not None:  # what says that they belong to the transaction, too
        written.append((broker.log.partition, broker.log.end))
    return _when_durable(broker, written, reply)


def _append(
    broker: Broker,
    part: wire.ProducePart,
    begin: Callable[[Header], None] | None,
    at: Instant,
    written: list[tuple[Partition, int]],
) -> wire.ProducedPart:
    try:
        if part.topic == GROUP_TOPIC:
            raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{GROUP_TOPIC} is written by the broker alone")
        partition = open_or_create(broker, part.topic, part.partition)
        appended = partition.append(_bytes(part.batch), at.at, begin)
    except Refusal as refused:
        return wire.ProducedPart(part.topic, part.partition, refused.code, refused.message, -1, -1, -1)
    written.append((partition, partition.end))
    if not broker.durable:
        broker.wake(end_key(part.topic, part.partition))
    return wire.ProducedPart(
        part.topic,
        part.partition,
        ErrorCode.NONE,
        "",
        appended.base_offset,
        appended.timestamp,
        appended.log_start,
    )


def _bytes(body: Body) -> bytes | memoryview:
    if isinstance(body, FileBody):
        return b"".join(piece.read() if isinstance(piece, FileSlice) else piece for piece in body.pieces)
    return memoryview(body)


def open_or_create(broker: Broker, topic: str, partition: int) -> Partition:
    """The partition; a topic that does not exist is made with `num.partitions` (decision 34)."""
    settings = broker.settings
    if settings.creates_topics and topic not in broker.logs.topics and partition < settings.num_partitions:
        broker.logs.create_topic(topic, settings.num_partitions)
    return broker.logs.partition(topic, partition)


def _when_durable(broker: Broker, written: list[tuple[Partition, int]], reply: Reply) -> Answer:
    """The reply, once all that was written is on the disk, or deleted with its topic."""

    def again(at: Instant) -> Answer:
        return _when_durable(broker, written, reply)

    topics = broker.logs.topics
    for partition, end in written:
        topic = topics.get(partition.topic.name)
        if partition.durable_end < end and topic is not None and topic.id == partition.topic.id:
            return Later((SYNCED,), None, again)
    return reply


def readable_end(broker: Broker, partition: Partition, isolation: int) -> int:
    """How far a reader may read: in the mode `durable` only what is on the disk is shown (Kafka's high watermark), and
    with READ_COMMITTED nothing from the first open transaction on (its last stable offset)."""
    shown = partition.durable_end if broker.durable else partition.end
    return shown if isolation == wire.READ_UNCOMMITTED else min(shown, partition.last_stable_offset)


# Offsets -----------------------------------------------------------------------------------------


def list_offsets(broker: Broker, peer: Peer, request: wire.ListOffsets, at: Instant) -> Answer:
    """First, last, or by time."""
    return Steps(_list_all(broker, request))


def _list_all(broker: Broker, request: wire.ListOffsets) -> Generator[None, None, Answer]:
    rows: list[wire.ListedOffset] = []
    for part in request.parts:
        rows.append(_listed(broker, part, request.isolation))
        if len(rows) < len(request.parts):
            yield
    return wire.ListOffsetsReply(tuple(rows))


def _listed(broker: Broker, asked: wire.OffsetQuestion, isolation: int) -> wire.ListedOffset:
    topic, number = asked.topic, asked.partition
    try:
        partition = broker.logs.partition(topic, number)
    except Refusal as refused:
        return wire.ListedOffset(topic, number, refused.code, refused.message, -1, -1, -1, -1)
    offset, timestamp = -1, -1
    if asked.timestamp == wire.EARLIEST:
        offset = partition.log_start
    elif asked.timestamp == wire.LATEST:
        offset = readable_end(broker, partition, isolation)
    elif asked.timestamp < wire.LARGEST_TIMESTAMP:
        message = f"timestamp {asked.timestamp} means nothing"
        return wire.ListedOffset(topic, number, ErrorCode.INVALID_REQUEST, message, -1, -1, -1, -1)
    else:
        largest = asked.timestamp == wire.LARGEST_TIMESTAMP
        try:
            committed = isolation == wire.READ_COMMITTED
            found = partition.newest(committed) if largest else partition.offset_for_time(asked.timestamp, committed)
        except Unreadable as place:  # only this question asks for it
            message = f"{partition!r} cannot be asked for this time: {place}. Ask for a later one, or by offset"
            return wire.ListedOffset(topic, number, ErrorCode.CORRUPT_MESSAGE, message, -1, -1, -1, -1)
        if found is not None and found.offset < readable_end(broker, partition, isolation):
            offset, timestamp = found
    agrees_to = partition.end if asked.log_epoch < 0 else partition.end_of_epoch(asked.log_epoch)
    return wire.ListedOffset(
        topic, number, ErrorCode.NONE, "", offset, timestamp, partition.log_epoch, partition.end, agrees_to
    )


def delete_records(broker: Broker, peer: Peer, request: wire.DeleteRecords, at: Instant) -> Answer:
    """Moves the starts of logs."""
    return Steps(_delete_all(broker, request))


def _delete_all(broker: Broker, request: wire.DeleteRecords) -> Generator[None, None, Answer]:
    rows: list[wire.DeletedPart] = []
    for part in request.parts:
        if rows:
            yield
        fenced = fenced_member(broker, request.member)
        if fenced is not None:
            return fenced
        rows.append(_deleted(broker, part, request.member is not None))
    return wire.DeleteRecordsReply(tuple(rows))


def purge(broker: Broker) -> None:
    """Deletes what members have processed, where that is on the disk by now."""
    ready = [each for each in broker.purges if each.log_end <= broker.log.durable_end]
    broker.purges = [each for each in broker.purges if each.log_end > broker.log.durable_end]
    for each in ready:  # what is refused, as its topic is gone, is nobody's any more
        _deleted(broker, wire.DeletePart(each.topic, each.partition, each.before), False)


def _deleted(broker: Broker, part: wire.DeletePart, purges: bool) -> wire.DeletedPart:
    """`purges`: it rests on positions that were committed before."""
    try:
        if part.topic == GROUP_TOPIC:
            raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, f"{GROUP_TOPIC} is the broker's own")
        partition = broker.logs.partition(part.topic, part.partition)
        if not partition.topic.settings.deletes:
            said = f"Records of partition {partition!r} can not be deleted due to the configured policy"
            why = f"{said}: cleanup.policy of the topic is compact, without delete."
            raise Refusal(ErrorCode.POLICY_VIOLATION, why)
        if purges and broker.log.durable_end < broker.log.end:
            start = partition.deletable(part.before)
            broker.purges.append(Purge(broker.log.end, part.topic, part.partition, start))
            return wire.DeletedPart(part.topic, part.partition, ErrorCode.NONE, "", start)
        start = partition.delete_records(part.before)
    except Refusal as refused:
        return wire.DeletedPart(part.topic, part.partition, refused.code, refused.message, -1)
    broker.wake(end_key(part.topic, part.partition))
    return wire.DeletedPart(part.topic, part.partition, ErrorCode.NONE, "", start)
