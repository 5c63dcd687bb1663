"""What writing asks of an engine's protocol: batches in its form, sent and answered, and transactions coordinated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from streams.clients.api import ConsumerGroupMetadata, GroupMember, Position
from streams.clients.writing.identity import Producer
from streams.record import RecordBatch, TopicPartition
from streams.world import World


class Packed(Protocol):
    """The records of a batch as they are sent, whoever sends them and under whatever number."""

    @property
    def records(self) -> int:
        """How many."""
        ...

    @property
    def size(self) -> int:
        """Its bytes, but for the header."""
        ...

    def numbered(self, producer: Producer, sequence: int, transactional: bool) -> bytes:
        """The batch as it is sent.

        Args:
            producer: who sends it; -1 and -1 for nobody.
            sequence: number of the first record, counted per producer and partition; -1 for nobody's.
            transactional: it belongs to the producer's open transaction.
        """
        ...

    def halves(self) -> tuple[Packed, Packed]:
        """The records of a batch of at least two as two batches, in their order."""
        ...


class Outcome(NamedTuple):
    """The answer to one batch: why it is not stored (Kafka's number, 0 where it is, and the engine's words), or the
    offset of its first record and the log's append time (ms; -1: the records' own times hold), and `Sent.log_epoch`.
    `lost`: no answer comes, and whether it is stored is not known."""

    ticket: int
    code: int = 0
    words: str = ""
    offset: int = -1
    timestamp: int = -1
    log_epoch: int = -1
    lost: bool = False


NEWS = Outcome(-1)
"""Nobody's answer: what could not leave may be able to now."""


class Lost(Exception):
    """The connection is lost, and with it all answers that were to come; the next `connect` makes another."""


class Transport(Protocol):
    """The way to whoever stores batches, over one connection or several."""

    world: World

    @property
    def number(self) -> int:
        """Which connection it is, counted; over a new one nothing is answered that was sent before."""
        ...

    def connect(self) -> None:
        """Makes a connection where there is none.

        Raises:
            BrokerNotFoundException: nobody could be reached.
        """
        ...

    def lost(self) -> None:
        """Gives all connections up, with what is half sent and what would be answered."""
        ...

    def partitions_for(self, topic: str, timeout_ms: int) -> int:
        """How many partitions a topic has, which is made where it is missing."""
        ...

    def pack(self, batch: RecordBatch) -> Packed:
        """A batch in the engine's form."""
        ...

    def takes(self, partition: TopicPartition, producer: Producer) -> bool:
        """May a batch for this partition leave now? Where it may not, `receive` tells when it may."""
        ...

    def send(
        self,
        partition: TopicPartition,
        data: bytes,
        acks: int,
        member: GroupMember | None,
        transactional_id: str | None,
    ) -> int:
        """Sends a batch, in its order and after those before it; never waits. The ticket that its outcome bears.

        Raises:
            Lost.
        """
        ...

    def flush(self) -> None:
        """What was sent leaves now; else it may wait until `receive`."""
        ...

    def receive(self, timeout_ms: int) -> Sequence[Outcome]:
        """Takes the outcomes that are there; waits for the first.

        Raises:
            Lost.
        """
        ...

    def drain(self, timeout_ms: int) -> None:
        """Waits until nobody takes in any more what has left, where something sent later could be taken in before."""
        ...

    def next_due(self) -> float:
        """When `receive` has work that `fileno` does not tell of, in monotonic milliseconds."""
        ...

    def fileno(self) -> int:
        """Readable when there is something to receive; -1 where there is no connection."""
        ...

    @property
    def closed(self) -> bool:
        """Was it closed for good?"""
        ...

    def wake(self) -> None:
        """Ends a waiting `receive`, or the next one. From any thread."""
        ...

    def close(self) -> None:
        """Closes for good."""
        ...


class TransactionCoordinator(Protocol):
    """Who keeps the transactions of one transactional id. Each call asks until there is an answer, or `timeout_ms` are
    over (TimeoutException); asked again it is the same question."""

    def init(self, producer: Producer, timeout_ms: int) -> Producer:
        """Fences earlier producers, and ends what they left open; who writes now.

        Args:
            producer: who has written, as far as is known; -1 and -1: nobody.
        """
        ...

    def add_offsets(
        self,
        producer: Producer,
        member: ConsumerGroupMetadata,
        offsets: Mapping[TopicPartition, Position],
        timeout_ms: int,
    ) -> None:
        """Makes positions part of the transaction that goes on."""
        ...

    def end(self, producer: Producer, commit: bool, timeout_ms: int) -> Producer:
        """Commits or aborts; who writes the next transaction, whose sequences begin at 0."""
        ...
