"""What a transactional id is: what of it lasts, and what goes on with it. Pure data, and the one function that changes
what lasts.

`transaction.py` has the events. Whoever carries out their effects appends each record to the coordinators' log and
hands it to `replay`, so that a transaction read from the log is the transaction that was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from broker_local.coordinator.offsets import CommittedOffset, PartitionKey
from broker_local.protocol.requests.records import GroupMember

EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT = (
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
)
PREPARED = frozenset((PREPARE_COMMIT, PREPARE_ABORT))
IDLE = frozenset((EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT))
"""Nothing is written, and nothing has to be kept for an end."""

NEXT: Mapping[str, frozenset[str]] = {
    EMPTY: frozenset((EMPTY, ONGOING, COMPLETE_COMMIT, COMPLETE_ABORT)),
    ONGOING: frozenset((ONGOING, PREPARE_COMMIT, PREPARE_ABORT)),
    PREPARE_COMMIT: frozenset((COMPLETE_COMMIT,)),
    PREPARE_ABORT: frozenset((COMPLETE_ABORT,)),
    COMPLETE_COMMIT: frozenset((EMPTY, ONGOING, COMPLETE_COMMIT, COMPLETE_ABORT)),
    COMPLETE_ABORT: frozenset((EMPTY, ONGOING, COMPLETE_COMMIT, COMPLETE_ABORT)),
}
"""Which state may follow which. Where nothing was written an end has nothing to prepare."""

LAST_EPOCH = 2**15 - 2
"""The last epoch that a producer is given; the one above it is for fencing alone, so that this never needs another
producer id. Epochs have 16 bits."""


class ProducerIdentity(NamedTuple):
    """What names one transaction: every one has an epoch of its own."""

    producer_id: int
    epoch: int


class Ended(NamedTuple):
    """What the present identity was made of. `how`: COMMITTED, ABORTED (by its producer), FENCED (by the coordinator),
    RENEWED (its producer asked for another)."""

    producer: ProducerIdentity
    how: str


COMMITTED, ABORTED, FENCED, RENEWED = "committed", "aborted", "fenced", "renewed"


class PendingOffset(NamedTuple):
    """A position that is committed if its transaction is; `member` is who has sent it, in which generation."""

    topic: str
    partition: int
    committed: CommittedOffset
    member: GroupMember
    generation: int


@dataclass(frozen=True, slots=True)
class TransactionState:
    """A transactional id as the log keeps it.

    Args:
        state: Kafka's word.
        producer: who may write: of the transaction that goes on, else of the next.
        timeout_ms: how long a transaction may go on.
        since: wall clock (ms) at which the transaction began; where none goes on, of the last change.
        client: the name that its producer's connection said hello with.
        member: in whose name it writes, as its init or the last stamp said; once that one is put out of its group, its
            transaction is aborted.
        partitions: what it has written to, sorted.
        offsets: what becomes committed with it.
        following: while an end is prepared: who may write after it.
        how: while an end is prepared: what it will be to who asks for it again.
        ended: what the present producer was made of; None after an init that fences all before it.
        near: its producer is on this machine: where its connection closes its process has ended or let go.
    """

    state: str
    producer: ProducerIdentity
    timeout_ms: int
    since: int
    client: str = ""
    member: GroupMember | None = None
    partitions: tuple[PartitionKey, ...] = ()
    offsets: tuple[PendingOffset, ...] = ()
    following: ProducerIdentity | None = None
    how: str = ""
    ended: Ended | None = None
    near: bool = True

    @property
    def members(self) -> tuple[GroupMember, ...]:
        """All in whose names it goes on."""
        senders = dict.fromkeys(pending.member for pending in self.offsets if pending.member.member_id)
        return tuple(senders) if self.member is None else (self.member, *senders)


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """The transactional id is like this from now on; None: it is forgotten."""

    transactional_id: str
    state: TransactionState | None


@dataclass(frozen=True, slots=True)
class TransactionSettings:
    """Kafka's broker settings for transactions, in milliseconds. `patience_ms`: how long a closed connection of a
    transaction is waited for; `grace_ms`: how long its producer is after the broker itself has started."""

    max_timeout_ms: int = 900_000
    retention_ms: int = 7 * 24 * 3_600_000
    patience_ms: int = 200
    grace_ms: int = 10_000
    max_metadata: int = 4_096


@dataclass(slots=True)
class Transaction:
    """A transactional id: what lasts (`state`; None: nothing yet), and what is going on. Changed only by the functions
    of this module and of `transaction.py`.

    `peer` is the connection that it was last heard of by (None: it closed, or the broker has started since, or it is
    not of this machine and says nothing by closing); `lonely` until when its silence is borne then; `deadline` when
    its time is up. `ends` and `inits` are requests that wait for the end that is prepared. `marked`: its markers are
    written. `retry`: when the next try is due.
    """

    name: str
    settings: TransactionSettings = field(default_factory=TransactionSettings)
    state: TransactionState | None = None
    peer: int | None = None
    lonely: int | None = None
    deadline: int | None = None
    ends: list[int] = field(default_factory=list)
    inits: list[Waiting] = field(default_factory=list)
    marked: bool = False
    retry: int | None = None


class Waiting(NamedTuple):
    """An init that waits until the transaction before it has ended. `fresh`: a producer id that nobody has; `kept`: the
    identity that its sender goes on from."""

    ticket: int
    peer: int
    client: str
    timeout_ms: int
    member: GroupMember | None
    fresh: int
    near: bool
    kept: ProducerIdentity | None = None


def replay(transaction: Transaction, record: TransactionRecord) -> Transaction:
    """Applies a record of the log: the only thing that changes what lasts."""
    transaction.state = record.state
    transaction.marked = False
    return transaction


def following(producer: ProducerIdentity, fresh: int) -> ProducerIdentity:
    """Who writes after this one. `fresh` is another producer id, for where the epochs of this are used up."""
    if producer.epoch >= LAST_EPOCH:
        return ProducerIdentity(fresh, 0)
    return ProducerIdentity(producer.producer_id, producer.epoch + 1)


def exhausted(transaction: Transaction) -> bool:
    """Does whoever writes next need another producer id?"""
    state = transaction.state
    return state is None or state.producer.epoch >= LAST_EPOCH


def unstable(states: Iterable[TransactionState | None], group: str) -> set[PartitionKey]:
    """The partitions of which a group's positions hang on transactions that have not ended."""
    return {
        (pending.topic, pending.partition)
        for state in states
        if state is not None and state.state not in IDLE
        for pending in state.offsets
        if pending.member.group == group
    }
