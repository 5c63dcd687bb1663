"""Writing to the bundled broker: idempotent batches, in order per partition, through retries and restarts."""

from __future__ import annotations

from collections.abc import Callable

from broker_local.host.client import ConnectionLost, Link
from broker_local.log import format as batches
from broker_local.protocol.requests import records
from broker_local.protocol.requests.records import Produce, ProducePart, ProduceReply
from broker_local.protocol.requests.request import Failure, Reply
from broker_local.protocol.requests.topics import Metadata
from broker_local.protocol.requests.transactions import ProducerId
from streams.clients.api import GroupMember, Sent, WriterSettings
from streams.clients.local import errors
from streams.clients.local.lane import NEVER, Lane, Parcel, too_late
from streams.clients.local.connection import Connection
from streams.errors import (
    DisconnectException,
    DuplicateSequenceException,
    FencedInstanceIdException,
    FencedMemberEpochException,
    IllegalArgumentException,
    KafkaException,
    KafkaStorageException,
    UnknownTopicOrPartitionException,
)
from streams.record import RecordBatch, TopicPartition

METADATA_MAX_AGE_MS = 300_000
FOREVER_MS = 2**63 - 1


class LocalWriter:
    """A `Writer` over one connection.

    Args:
        connection: its connection.
        settings: acknowledgements, idempotence, timeouts.
    """

    def __init__(self, connection: Connection, settings: WriterSettings) -> None:
        self._connection = connection
        self._monotonic_ms = connection.world.monotonic_ms
        self._settings = settings
        self._lanes: dict[TopicPartition, Lane] = {}
        self._busy: dict[TopicPartition, Lane] = {}
        self._out: dict[int, tuple[Lane, Parcel]] = {}
        self._connection_number = 0
        self._told: list[tuple[Callable[[Sent], None], Sent]] = []
        self._producer: tuple[int, int] | None = None
        self._member: records.GroupMember | None = None
        self._counts: dict[str, tuple[int, float]] = {}
        self._parcels = 0
        self._bytes = 0

    def bind(self, member: GroupMember | None) -> None:
        """See `Writer.bind`."""
        self._member = None if member is None else records.GroupMember(*member)

    def abort(self) -> int:
        """See `Writer.abort`."""
        forgotten = self._parcels
        # With the connection goes what is half sent and what would be answered; with the lanes go the sequences, of
        # which nobody knows which were stored: what comes next has another producer id.
        self._connection.lost()
        self._out.clear()
        self._lanes.clear()
        self._busy.clear()
        self._told.clear()
        self._producer = None
        self._parcels = self._bytes = 0
        return forgotten

    def partitions_for(self, topic: str) -> int:
        """See `Writer.partitions_for`."""
        now = self._monotonic_ms()
        count, until = self._counts.get(topic, (0, 0.0))
        if now < until:
            return count
        asked = Metadata((topic,), create_missing=True)
        (row,) = self._connection.ask(asked, topic, self._settings.metadata_timeout_ms).topics
        if row.error:
            raise errors.exception(row.error, "", topic)
        self._counts[topic] = (row.partitions, now + METADATA_MAX_AGE_MS)
        return row.partitions

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        """See `Writer.send`."""
        if not batch.keys:
            raise IllegalArgumentException(f"{partition}: a batch without records cannot be sent.")
        lane = self._lanes.get(partition)
        if lane is None:
            settings = self._settings
            lane = Lane(partition, settings.idempotent, settings.retry_backoff_ms)
            self._lanes[partition] = lane
        deadline = self._monotonic_ms() + self._settings.delivery_timeout_ms
        packed = batches.pack(batch.keys, batch.values, batch.timestamps, batch.headers)
        parcel = Parcel(packed, deadline, done, self._member)
        lane.queue.append(parcel)
        self._busy[partition] = lane
        self._parcels += 1
        self._bytes += parcel.size
        try:
            self._send_lane(self._link(), lane)
        except ConnectionLost:
            self._connection.lost()
            self._send_all()
        while self._bytes > self._settings.max_bytes_out:
            self._collect(100)
        self._tell()

    def settle(self, timeout_ms: int) -> int:
        """See `Writer.settle`."""
        deadline = self._monotonic_ms() + timeout_ms
        if not self._parcels:
            self._notice_a_lost_connection()
        while self._parcels:
            wanted = min(deadline, self._due())
            left = wanted - self._monotonic_ms()
            heard = self._collect(int(left + 0.999) if left > 0.0 else 0)
            self._tell()
            now = self._monotonic_ms()
            if now >= deadline or (not heard and now < wanted):  # out of time, or woken
                break
        return self._parcels

    def next_due(self) -> int:
        """See `Writer.next_due`."""
        due = self._due()
        return FOREVER_MS if due == NEVER else int(due) + 1

    def fileno(self) -> int:
        """See `Writer.fileno`."""
        return self._connection.fileno()

    def wake(self) -> None:
        """See `Writer.wake`."""
        self._connection.wake()

    def close(self) -> None:
        """See `Writer.close`."""
        self._out.clear()
        for lane in list(self._busy.values()):
            while lane.queue:
                lost = DisconnectException(
                    f"{lane.partition}: the producer was closed before the broker had answered; whether "
                    "the batch was stored is not known. Flush before closing."
                )
                self._finish(lane, lane.queue.popleft(), lost)
        self._connection.close()
        self._tell()

    # Out

    def _link(self) -> Link:
        """The connection. Over a new one, everything without an answer is to be sent again."""
        link = self._connection.link()
        if self._connection_number != self._connection.number:
            self._connection_number = self._connection.number
            self._out.clear()
            for lane in self._busy.values():
                lane.cut_off()
        return link

    def _send_all(self) -> None:
        while True:
            try:
                link = self._link()
                for lane in list(self._busy.values()):
                    self._send_lane(link, lane)
                return
            except ConnectionLost:
                self._connection.lost()

    def _send_lane(self, link: Link, lane: Lane) -> None:
        if lane.producer is None and self._settings.idempotent:
            # No longer than the first batch may take: while this waits, nobody looks at its deadline.
            left = int(lane.queue[0].deadline - self._monotonic_ms())
            if left <= 0:  # its time is up, which is seen before anything is sent again (`_collect`)
                return
            lane.producer = self._producer_of(lane, left)
            link = self._link()
        producer_id, epoch = lane.producer or (batches.NO_PRODUCER, -1)
        acks = self._settings.acks
        topic, number = lane.partition
        for parcel in lane.to_send(self._monotonic_ms()):
            if not parcel.data:
                parcel.data = batches.numbered(
                    parcel.packed, producer_id=producer_id, epoch=epoch, sequence=parcel.sequence
                )
            correlation = link.send(Produce(acks, (ProducePart(topic, number, parcel.data),), parcel.member))
            if acks:
                self._out[correlation] = (lane, parcel)
            else:
                lane.answered(parcel, None, 0.0)
                self._finish(lane, parcel, None)

    def _producer_of(self, lane: Lane, timeout_ms: int) -> tuple[int, int]:
        """The writer's own id, or, for a lane whose sequences have a gap, another one."""
        if self._producer is None or lane.renewed:
            lane.renewed = False
            reply = self._connection.ask(ProducerId(), "", min(timeout_ms, self._settings.metadata_timeout_ms))
            self._producer = (reply.producer_id, reply.epoch)
        return self._producer

    # In

    def _collect(self, timeout_ms: int) -> bool:
        """Takes answers, waits for the first; then sends what may leave now. Was anything heard?"""
        try:
            self._link()
            replies = self._connection.receive(timeout_ms)
        except ConnectionLost:
            self._connection.lost()
            self._send_all()
            return True
        now = self._monotonic_ms()
        for correlation, reply in replies:
            lane, parcel = self._out.pop(correlation, (None, None))
            if lane is not None and parcel is not None and parcel.out:
                self._answer(lane, parcel, reply, now)
        for lane in list(self._busy.values()):
            for parcel in lane.expired(now):
                error = too_late(lane.partition, parcel, self._settings.delivery_timeout_ms, lane.refusal)
                self._finish(lane, parcel, error)
        self._send_all()
        return bool(replies)

    def _notice_a_lost_connection(self) -> None:
        """One that the broker has closed would stay readable for whoever waits on `fileno`."""
        try:
            if self._connection.fileno() >= 0:
                self._connection.receive(0)
        except ConnectionLost:
            self._connection.lost()

    def _answer(self, lane: Lane, parcel: Parcel, reply: Reply, now: float) -> None:
        offset, timestamp = -1, -1
        error: KafkaException | None = None
        if isinstance(reply, ProduceReply):
            (part,) = reply.parts
            if part.error:
                error = errors.exception(part.error, part.message, lane.partition)
            else:
                offset, timestamp = part.base_offset, part.append_time
        elif isinstance(reply, Failure):
            error = errors.exception(reply.error, reply.message, lane.partition)
        if isinstance(error, DuplicateSequenceException):  # stored long ago; only its offset is forgotten
            error = None
        if isinstance(error, (FencedMemberEpochException, FencedInstanceIdException)):
            self._fenced(parcel.member, error, now)
            return
        if isinstance(error, UnknownTopicOrPartitionException):
            self._counts.pop(lane.partition.topic, None)
        parts = lane.divided(parcel, error, now)
        if parts is not None:
            self._parcels += 1
            self._bytes += parts[0].size + parts[1].size - parcel.size
        elif lane.answered(parcel, error, now):
            self._finish(lane, parcel, error, offset, timestamp)
        elif isinstance(error, KafkaStorageException):
            self._settings.troubled(
                "write",
                f"The broker cannot write: {str(error).rstrip('.')}. What is to be written waits, for "
                "delivery.timeout.ms at most, and is tried again by itself.",
            )

    def _fenced(self, member: records.GroupMember | None, error: KafkaException, now: float) -> None:
        """What one batch was told holds for all in the same name: none of them is sent again."""
        for lane in list(self._busy.values()):
            for parcel in lane.fenced(member, now):
                self._finish(lane, parcel, error)

    def _due(self) -> float:
        if self._connection.holds:
            return 0.0
        return min((lane.next_due() for lane in self._busy.values()), default=NEVER)

    def _finish(
        self, lane: Lane, parcel: Parcel, error: KafkaException | None, offset: int = -1, timestamp: int = -1
    ) -> None:
        self._parcels -= 1
        self._bytes -= parcel.size
        if not lane.queue:
            self._busy.pop(lane.partition, None)
        self._told.append((parcel.done, parcel.sent(lane.partition, offset, timestamp, error)))

    def _tell(self) -> None:
        while self._told:
            told, self._told = self._told, []
            for done, sent in told:
                done(sent)
