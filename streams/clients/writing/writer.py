"""Writing: idempotent batches, in order per partition, through retries and restarts, over any engine's transport."""

from __future__ import annotations

from collections.abc import Callable

from streams.clients.api import GroupMember, Sent, WriterSettings
from streams.clients.errors_by_number import exception
from streams.clients.writing.identity import Identities
from streams.clients.writing.partition_queue import NEVER, InFlightBatch, PartitionQueue, too_late
from streams.clients.writing.transport import NEWS, Lost, Outcome, Transport
from streams.errors import (
    DisconnectException,
    DuplicateSequenceException,
    FencedInstanceIdException,
    FencedMemberEpochException,
    IllegalArgumentException,
    KafkaException,
    KafkaStorageException,
    RetriableException,
    UnknownTopicOrPartitionException,
)
from streams.record import RecordBatch, TopicPartition

FOREVER_MS = 2**63 - 1
TOLD_AFTER_MS = 3_000


class BatchWriter:
    """A `Writer` over one transport.

    Args:
        transport: how batches are sent; its own.
        settings: acknowledgements, timeouts.
        identities: who writes.
    """

    def __init__(self, transport: Transport, settings: WriterSettings, identities: Identities) -> None:
        self._transport = transport
        self._monotonic_ms = transport.world.monotonic_ms
        self._settings = settings
        self._identities = identities
        self._queues: dict[TopicPartition, PartitionQueue] = {}
        self._busy: dict[TopicPartition, PartitionQueue] = {}
        self._out: dict[int, tuple[PartitionQueue, InFlightBatch]] = {}
        self._connection_number = 0
        self._callbacks: list[tuple[Callable[[Sent], None], Sent]] = []
        self._member: GroupMember | None = None
        self._counts: dict[str, tuple[int, float]] = {}
        self._unanswered = 0
        self._bytes = 0

    def bind(self, member: GroupMember | None) -> None:
        """See `Writer.bind`."""
        self._member = member

    def abort(self) -> int:
        """See `Writer.abort`."""
        # With the connection goes what is half sent and what would be answered; with the queues go the sequences, of
        # which nobody knows which were stored: what comes next has another producer id.
        self._transport.lost()
        self._identities.forget()
        return self.forget()

    def forget(self) -> int:
        """Forgets every batch without an answer, and all sequences. Answers that come later are nobody's. How many?"""
        forgotten = self._unanswered
        self._out.clear()
        self._queues.clear()
        self._busy.clear()
        self._callbacks.clear()
        self._unanswered = self._bytes = 0
        return forgotten

    def fail(self, error: KafkaException) -> None:
        """Every batch without an answer ends with this error; answers that come later are nobody's."""
        self._out.clear()
        for queue in list(self._busy.values()):
            while queue.batches:
                self._finish(queue, queue.batches.popleft(), error)
        self._queues.clear()

    def partitions_for(self, topic: str) -> int:
        """See `Writer.partitions_for`."""
        now = self._monotonic_ms()
        count, until = self._counts.get(topic, (0, 0.0))
        if now < until:
            return count
        count = self._transport.partitions_for(topic, self._settings.metadata_timeout_ms)
        self._counts[topic] = (count, now + self._settings.metadata_max_age_ms)
        return count

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        """See `Writer.send`."""
        if not batch.keys:
            raise IllegalArgumentException(f"{partition}: a batch without records cannot be sent.")
        queue = self._queues.get(partition)
        if queue is None:
            queue = PartitionQueue(partition, self._identities.identity(), self._settings.retry_backoff_ms)
            self._queues[partition] = queue
        deadline = self._monotonic_ms() + self._settings.delivery_timeout_ms
        in_flight = InFlightBatch(self._transport.pack(batch), deadline, done, self._member)
        queue.batches.append(in_flight)
        self._busy[partition] = queue
        self._unanswered += 1
        self._bytes += in_flight.size
        try:
            self._connect()
            self._send_queue(queue)
        except Lost:
            self._transport.lost()
            self._send_all()
        while self._bytes > self._settings.max_bytes_out:
            self._collect(100)
        self._run_callbacks()

    def await_acks(self, timeout_ms: int) -> int:
        """See `Writer.await_acks`."""
        deadline = self._monotonic_ms() + timeout_ms
        if not self._unanswered:
            self._notice_a_lost_connection()
            self._run_callbacks()  # of answers behind which the broker was gone
        while self._unanswered:
            wanted = min(deadline, self._due())
            left = wanted - self._monotonic_ms()
            heard = self._collect(int(left + 0.999) if left > 0.0 else 0)
            self._run_callbacks()
            now = self._monotonic_ms()
            if now >= deadline or (not heard and now < wanted):  # out of time, or woken
                break
        return self._unanswered

    def next_due(self) -> int:
        """See `Writer.next_due`."""
        due = self._due()
        return FOREVER_MS if due == NEVER else int(due) + 1

    def fileno(self) -> int:
        """See `Writer.fileno`."""
        return self._transport.fileno()

    def wake(self) -> None:
        """See `Writer.wake`."""
        self._transport.wake()

    def close(self) -> None:
        """See `Writer.close`."""
        self._out.clear()
        for queue in list(self._busy.values()):
            while queue.batches:
                lost = DisconnectException(
                    f"{queue.partition}: the producer was closed before the broker had answered; whether "
                    "the batch was stored is not known. Flush before closing."
                )
                self._finish(queue, queue.batches.popleft(), lost)
        self._transport.close()
        self._run_callbacks()

    # Out

    def _connect(self) -> None:
        """Over a new connection everything without an answer is to be sent again."""
        self._transport.connect()
        if self._connection_number != self._transport.number:
            self._connection_number = self._transport.number
            self._out.clear()
            for queue in self._busy.values():
                queue.cut_off()

    def _send_all(self) -> None:
        while True:
            try:
                self._connect()
                for queue in list(self._busy.values()):
                    self._send_queue(queue)
                self._transport.flush()
                return
            except Lost:
                self._transport.lost()

    def _send_queue(self, queue: PartitionQueue) -> None:
        identity = queue.identity
        if identity.producer is None:
            # No longer than the first batch may take: while this waits, nobody looks at its deadline.
            left = int(queue.batches[0].deadline - self._monotonic_ms())
            if left <= 0:  # its time is up, which is seen before anything is sent again (`_collect`)
                return
            identity.ask(left)
            self._connect()
        producer = identity.producer
        assert producer is not None
        queue.blocked = not self._transport.takes(queue.partition, producer)
        if queue.blocked:
            return
        acks, transaction = self._settings.acks, identity.transactional_id
        for batch in queue.to_send(self._monotonic_ms()):
            if not batch.data:
                batch.data = batch.packed.numbered(producer, batch.sequence, transaction is not None)
            ticket = self._transport.send(queue.partition, batch.data, acks, batch.member, transaction)
            if acks:
                self._out[ticket] = (queue, batch)
            else:
                queue.answered(batch, None, 0.0)
                self._finish(queue, batch, None)

    # In

    def _collect(self, timeout_ms: int) -> bool:
        """Takes answers, waits for the first; then sends what may leave now. Was anything heard?"""
        before = self._connection_number
        try:
            self._connect()
            if self._connection_number != before:  # another question has dialled anew: what was out is nowhere now
                self._send_all()
            outcomes = self._transport.receive(timeout_ms)
        except Lost:
            self._transport.lost()
            self._send_all()
            return True
        now = self._monotonic_ms()
        for outcome in outcomes:
            queue, batch = self._out.pop(outcome.ticket, (None, None))
            if queue is not None and batch is not None and batch.out:
                self._answer(queue, batch, outcome, now)
        for queue in list(self._busy.values()):
            for batch in queue.expired(now):
                error = too_late(queue.partition, batch, self._settings.delivery_timeout_ms, queue.refusal)
                self._finish(queue, batch, error)
        self._send_all()
        return bool(outcomes)

    def _notice_a_lost_connection(self) -> None:
        """One that the broker has closed would stay readable for whoever waits on `fileno`."""
        try:
            if self._transport.fileno() >= 0:
                self._transport.receive(0)
        except Lost:
            self._transport.lost()

    def _answer(self, queue: PartitionQueue, batch: InFlightBatch, outcome: Outcome, now: float) -> None:
        if outcome.lost:  # all that is out of a queue goes over one connection
            queue.cut_off()
            return
        error = exception(outcome.code, outcome.words, queue.partition) if outcome.code else None
        if isinstance(error, DuplicateSequenceException):  # stored long ago; only its offset is forgotten
            error = None
        if isinstance(error, (FencedMemberEpochException, FencedInstanceIdException)):
            self._fenced(batch.member, error, now)
            return
        if isinstance(error, UnknownTopicOrPartitionException):
            self._counts.pop(queue.partition.topic, None)
        parts = queue.divided(batch, error, now)
        if parts is not None:
            self._unanswered += 1
            self._bytes += parts[0].size + parts[1].size - batch.size
        elif queue.answered(batch, error, now):
            self._finish(queue, batch, error, outcome)
        elif isinstance(error, RetriableException):
            self._tell(error, now - queue.refused_since)

    def _tell(self, error: KafkaException, since_ms: float) -> None:
        """Tells of what is tried again: a disk that is full at once, what mostly passes (a leader that moves, a replica
        that is away) when it has lasted for a while."""
        if isinstance(error, KafkaStorageException):
            what = "The broker cannot write"
        elif since_ms >= TOLD_AFTER_MS:
            what = f"The broker takes nothing: {type(error).__name__}"
        else:
            return
        self._settings.troubled(
            "write",
            f"{what}: {str(error).rstrip('.')}. What is to be written waits, for delivery.timeout.ms at most, and is "
            "tried again by itself.",
        )

    def _fenced(self, member: GroupMember | None, error: KafkaException, now: float) -> None:
        """What one batch was told holds for all in the same name: none of them is sent again."""
        for queue in list(self._busy.values()):
            for batch in queue.fenced(member, now):
                self._finish(queue, batch, error)

    def _due(self) -> float:
        due = self._transport.next_due()
        return min(due, min((queue.next_due() for queue in self._busy.values()), default=NEVER))

    def _finish(
        self, queue: PartitionQueue, batch: InFlightBatch, error: KafkaException | None, outcome: Outcome = NEWS
    ) -> None:
        self._unanswered -= 1
        self._bytes -= batch.size
        if not queue.batches:
            self._busy.pop(queue.partition, None)
        self._callbacks.append((batch.done, batch.sent(queue.partition, outcome, error)))

    def _run_callbacks(self) -> None:
        while self._callbacks:
            callbacks, self._callbacks = self._callbacks, []
            for done, sent in callbacks:
                done(sent)
