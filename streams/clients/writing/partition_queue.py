"""The batches on their way to one partition: their order, their sequences, what an answer means for the rest.

Pure: no connection, no clock. Batches leave in the order they came, at most `MOST_OUT` without an answer, since
the broker remembers that many per producer and partition; only one until the first answer, since a broker that
knows nothing of a producer may take any sequence (`Identity.unchecked`). When one fails for the moment,
those behind it fail too (their sequence has a gap): the queue stops, waits for the answers still out, and sends all
from the first one again. When one fails for good its sequence is never filled: the queue goes on as its `Identity`
says, under a new producer id, or, in a transaction, with the same numbers. Where that is for what one record is, the
batch is sent again in halves, down to that record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice

from streams.clients.api import OF_ONE_RECORD, GroupMember, Sent
from streams.clients.writing.identity import Identity
from streams.clients.writing.transport import Outcome, Packed
from streams.errors import (
    ConcurrentTransactionsException,
    KafkaException,
    NotEnoughReplicasAfterAppendException,
    OutOfOrderSequenceException,
    RetriableException,
    TimeoutException,
)
from streams.record import TopicPartition

DOUBTFUL = (TimeoutException, NotEnoughReplicasAfterAppendException)
"""What a broker answers where it may have stored the batch all the same."""
MOST_OUT = 5
"""Batches of one queue without an answer; Kafka's `max.in.flight.requests.per.connection` with idempotence."""
SEQUENCES = 0x7FFFFFFF
ENDING_MS = 5.0
"""The pause where Kafka has yet to end the transaction before, which takes it milliseconds."""
NEVER = float("inf")


class InFlightBatch:
    """One batch until it has its last word."""

    __slots__ = ("data", "deadline", "done", "doubtful", "first", "member", "out", "packed", "part", "sequence")

    def __init__(
        self,
        packed: Packed,
        deadline: float,
        done: Callable[[Sent], None],
        member: GroupMember | None = None,
        first: int = 0,
        part: bool = False,
    ) -> None:
        self.packed = packed
        self.first = first  # which record of the batch that was handed over it begins with
        self.part = part  # of that batch, not all of it
        self.deadline = deadline  # ms, monotonic
        self.done = done
        self.member = member  # in whose name it was handed over, and stays
        self.data = b""  # as it is sent under `sequence`; made when it first leaves
        self.sequence = -1
        self.out = False
        self.doubtful = False  # it may be stored

    @property
    def size(self) -> int:
        """Its bytes, but for the header."""
        return self.packed.size

    def halves(self) -> tuple[InFlightBatch, InFlightBatch]:
        """The same records as two batches."""
        one, other = self.packed.halves()
        return (
            InFlightBatch(one, self.deadline, self.done, self.member, self.first, True),
            InFlightBatch(other, self.deadline, self.done, self.member, self.first + one.records, True),
        )

    def sent(self, partition: TopicPartition, outcome: Outcome, error: KafkaException | None) -> Sent:
        """What is told of it."""
        records = self.packed.records if self.part else -1
        return Sent(partition, outcome.offset, outcome.timestamp, error, self.first, records, outcome.log_epoch)


class PartitionQueue:
    """One partition of one writer.

    Args:
        partition: which.
        identity: who writes.
        backoff_ms: the pause before the queue is sent again.
    """

    def __init__(self, partition: TopicPartition, identity: Identity, backoff_ms: float) -> None:
        self.partition = partition
        self.identity = identity
        self.batches: deque[InFlightBatch] = deque()
        self.refusal: KafkaException | None = None
        """The broker's last answer, while it was not that a batch is stored."""
        self.refused_since = 0.0
        """Since when it has been so, in monotonic milliseconds."""
        self.blocked = False
        """Nothing of it can leave before its transport has news."""
        self._numbered = identity.numbered
        self._backoff_ms = backoff_ms
        self._retry_at = 0.0
        self._next_sequence = 0
        self._known = not identity.unchecked
        self._stopped = False
        self._out = 0

    def to_send(self, now: float) -> list[InFlightBatch]:
        """The batches that may leave now, in order; marks them as out and numbers new ones."""
        most = MOST_OUT if self._known else 1
        if self._stopped or now < self._retry_at or self._out >= most:
            return []
        leaving: list[InFlightBatch] = []
        for batch in self.batches:
            if self._out >= most:
                break
            alone = batch.doubtful and self.identity.alone
            if alone and self._out:
                break
            if batch.out:
                continue
            if self._numbered and batch.sequence < 0:
                batch.sequence = self._next_sequence
                self._next_sequence = (self._next_sequence + batch.packed.records) & SEQUENCES
            batch.out = True
            self._out += 1
            leaving.append(batch)
            if alone:
                break
        return leaving

    def answered(self, batch: InFlightBatch, error: KafkaException | None, now: float) -> bool:
        """Takes the answer to one batch. Was that its last word? It has then left the queue."""
        self._back(batch)
        if self.refusal is None:
            self.refused_since = now
        self.refusal = error
        if error is None:
            self._known = self._known or not self._stopped
            self.batches.remove(batch)
            self._go_on(now)
            return True
        if now < batch.deadline:
            if isinstance(error, OutOfOrderSequenceException) and (self._stopped or self.identity.renews):
                if not self._stopped:  # nothing before it failed: the broker has lost what was before
                    self._number_anew(self.identity.renew())
                self._stop(now)
                return False
            if isinstance(error, RetriableException):
                batch.doubtful = batch.doubtful or isinstance(error, DOUBTFUL)
                ending = self.identity.alone and isinstance(error, ConcurrentTransactionsException)
                self._stop(now - max(0.0, self._backoff_ms - ENDING_MS) if ending else now)
                return False
        at = self.batches.index(batch)
        del self.batches[at]
        self._skip(at, batch, not batch.doubtful and not isinstance(error, RetriableException))
        self._stop(now)
        return True

    def divided(
        self, batch: InFlightBatch, error: KafkaException | None, now: float
    ) -> tuple[InFlightBatch, InFlightBatch] | None:
        """Puts its halves in the place of a batch that is refused for what single records are; None: it is not.

        So those that nothing is wrong with are stored, in their place. There is nothing to wait for between the tries.
        """
        if not isinstance(error, OF_ONE_RECORD) or batch.packed.records == 1 or now >= batch.deadline:
            return None
        self._back(batch)
        at = self.batches.index(batch)
        del self.batches[at]
        both = batch.halves()
        self.batches.insert(at, both[1])
        self.batches.insert(at, both[0])
        self._skip(at, batch, not batch.doubtful)
        self._stop(now - self._backoff_ms)
        return both

    def expired(self, now: float) -> list[InFlightBatch]:
        """Takes out the batches whose time is over."""
        late = 0
        while late < len(self.batches) and now >= self.batches[late].deadline:
            late += 1
        return self._without(list(islice(self.batches, late)), now)

    def fenced(self, member: GroupMember | None, now: float) -> list[InFlightBatch]:
        """Takes out the batches in the name of a member that is none any more."""
        return self._without([batch for batch in self.batches if batch.member == member], now)

    def cut_off(self) -> None:
        """The connection is lost: everything without an answer is to be sent again, at once, as it was."""
        for batch in self.batches:
            batch.doubtful = batch.doubtful or batch.out
            batch.out = False
        self._out = 0
        self._stopped = False
        self._retry_at = 0.0

    def next_due(self) -> float:
        """When there is something to do without an answer, in monotonic milliseconds."""
        if not self.batches:
            return NEVER
        deadline = self.batches[0].deadline
        waits = self._retry_at > 0.0 and not self._stopped and not self._out and not self.blocked
        return min(deadline, self._retry_at) if waits else deadline

    def _without(self, gone: list[InFlightBatch], now: float) -> list[InFlightBatch]:
        """Takes batches out for good."""
        if gone:
            at = self.batches.index(gone[0])
            for batch in gone:
                self.batches.remove(batch)
                self._back(batch)
            self._skip(at, gone[0], False)
            self._stop(now)
        return gone

    def _back(self, batch: InFlightBatch) -> None:
        self._out -= batch.out
        batch.out = False

    def _stop(self, now: float) -> None:
        self._stopped = True
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        """A stopped queue starts again when nothing of it is out."""
        if self._stopped and not self._out:
            self._stopped = False
            self._retry_at = now + self._backoff_ms

    def _skip(self, at: int, gone: InFlightBatch, certain: bool) -> None:
        """A batch that stood at this place is not sent again.

        Args:
            certain: it is not stored.
        """
        if gone.sequence < 0:  # it had no number yet, and so has none behind it
            return
        anew = self.identity.skip(at, gone.sequence, certain)
        if anew is not None:
            self._number_anew(anew)

    def _number_anew(self, anew: tuple[int, int]) -> None:
        """From some place on batches are numbered when they leave. Answers still out are to the old numbers; `_stop`
        waits for them before anything leaves."""
        at, self._next_sequence = anew
        self._known = (self._known and bool(at or self._next_sequence)) or not self.identity.unchecked
        for batch in islice(self.batches, at, None):
            batch.sequence = -1
            batch.data = b""


def too_late(
    partition: TopicPartition, batch: InFlightBatch, delivery_timeout_ms: int, refusal: KafkaException | None = None
) -> TimeoutException:
    """The error of a batch whose time is over.

    Args:
        refusal: what the broker answered last.
    """
    why = "" if refusal is None else f" The broker's last answer was {type(refusal).__name__}: {refusal}"
    return TimeoutException(
        f"Expiring {batch.packed.records} record(s) for {partition}: {delivery_timeout_ms} ms has passed since "
        f"batch creation. Whether they were stored is not known; raise delivery.timeout.ms to try longer.{why}"
    )
