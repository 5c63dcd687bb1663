"""Producer ids and transactions.

A transaction begins with the first batch or the first offsets that its producer sends (`Produce.transactional_id`): no
request says so. (Producer id, epoch) names one transaction; its end is answered with those of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from broker_local.protocol.codec import Range
from broker_local.protocol.requests.groups import CommitPart, Part, PartResult
from broker_local.protocol.requests.records import GroupMember
from broker_local.protocol.requests.request import Asks, Name, Reply, request

Epoch = Annotated[int, Range(-1, 2**15 - 1)]


@dataclass(frozen=True, slots=True)
class ProducerIdReply(Reply):
    """Who writes from now on."""

    producer_id: int
    epoch: int


@request(14, ProducerIdReply)
@dataclass(frozen=True, slots=True)
class ProducerId(Asks[ProducerIdReply]):
    """A new id for an idempotent producer. One with a transactional id asks for `InitTransactions` instead."""

    transactional_id: Name | None = None


@dataclass(frozen=True, slots=True)
class TransactionOffsetsReply(Reply):
    parts: tuple[PartResult, ...]


@request(40, TransactionOffsetsReply)
@dataclass(frozen=True, slots=True)
class TransactionOffsets(Asks[TransactionOffsetsReply]):
    """Positions of a group that become committed with the transaction, and by nothing else. Generation -1 with an empty
    member id: whoever sends this is no member (`assign`)."""

    transactional_id: Name
    producer_id: int
    epoch: Epoch
    group: Name
    generation: int
    member_id: Name
    instance_id: Name | None
    offsets: tuple[CommitPart, ...]


@request(41, ProducerIdReply)
@dataclass(frozen=True, slots=True)
class EndTransaction(Asks[ProducerIdReply]):
    """Commits or aborts. Asked again it is answered again, until the next init; never the other way."""

    transactional_id: Name
    producer_id: int
    epoch: Epoch
    commit: bool


@request(42, ProducerIdReply)
@dataclass(frozen=True, slots=True)
class InitTransactions(Asks[ProducerIdReply]):
    """Makes the sender the one producer of a transactional id; all before it are fenced, and a transaction that goes on
    is aborted first. With `producer_id` and `epoch` the sender goes on from those, and is refused where another one
    came in between. `member`: the transactions end with its membership.
    """

    transactional_id: Name
    timeout_ms: int
    producer_id: int = -1
    epoch: Epoch = -1
    member: GroupMember | None = None


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """One transactional id as tools list it: Kafka's word for its state, and who may write. `since` and `holder` as in
    `DescribedTransaction`."""

    transactional_id: Name
    state: Name
    producer_id: int
    epoch: int
    since: int
    holder: Name


@dataclass(frozen=True, slots=True)
class ListTransactionsReply(Reply):
    transactions: tuple[TransactionRow, ...]


@request(43, ListTransactionsReply)
@dataclass(frozen=True, slots=True)
class ListTransactions(Asks[ListTransactionsReply]):
    pass


@dataclass(frozen=True, slots=True)
class DescribedTransaction:
    """`since`: wall clock (ms) at which the transaction that goes on began, -1 where none does. `holder`: the name its
    producer's connection said hello with; `connected`: is that there? `groups`: whose positions are to be committed."""

    transactional_id: Name
    error: int
    state: Name
    producer_id: int
    epoch: int
    timeout_ms: int
    since: int
    holder: Name
    connected: bool
    member: GroupMember | None
    partitions: tuple[Part, ...]
    groups: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class DescribeTransactionsReply(Reply):
    transactions: tuple[DescribedTransaction, ...]


@request(44, DescribeTransactionsReply)
@dataclass(frozen=True, slots=True)
class DescribeTransactions(Asks[DescribeTransactionsReply]):
    """These transactional ids, and those whose transaction goes on in one of these partitions: readers of committed
    records wait for it there."""

    ids: tuple[Name, ...]
    partitions: tuple[Part, ...] = ()


@request(45, ProducerIdReply)
@dataclass(frozen=True, slots=True)
class AbortTransaction(Asks[ProducerIdReply]):
    """Aborts what goes on under a transactional id, and fences its producer: for tools."""

    transactional_id: Name
