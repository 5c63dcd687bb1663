"""The broker: what it holds, and what comes of a request. No I/O but through its logs, no clock, no threads.

`handle` answers at once, or says what has to happen first (`waits.Later`). Whoever runs the broker (the
socket loop, or a link in the same process) parks those, asks again, and calls `turn` when `next_due` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.base.limits import MAX_GROUPS, MAX_OFFSETS, MAX_PARTITIONS, MAX_TOPICS, Counters
from broker_local.broker.waits import SYNCED, Answer, Instant, Key, Later, end_key, stable_key
from broker_local.coordinator import group, transaction
from broker_local.coordinator.coordinator import Coordinator
from broker_local.coordinator.effects import Marker
from broker_local.coordinator.group_state import Group, GroupSettings, StateRecord, replay
from broker_local.coordinator.log import CoordinatorLog
from broker_local.coordinator.records import LogRecord, ProducerIds
from broker_local.coordinator.transaction_state import (
    ONGOING,
    PREPARED,
    Transaction,
    TransactionRecord,
    TransactionSettings,
    TransactionState,
)
from broker_local.coordinator.transaction_state import replay as replay_transaction
from broker_local.log.log_manager import UPKEEP, Durability, LogManager, Upkeep
from broker_local.log.partition import Partition
from broker_local.log.read_faults import ReadFaults

TICK_MS = 1_000

S = TypeVar("S")


class Peer(NamedTuple):
    """A connection: its number, and the name it said hello with. `near`: from this machine, where one that is closed
    says that its process has ended or let go; over a network it may be neither."""

    id: int
    client: str
    near: bool = True


class Purge(NamedTuple):
    """Records that a member has processed, to be deleted once the coordinators' log is on the disk up to `log_end`:
    after a power cut its group would else stand where there is nothing any more."""

    log_end: int
    topic: str
    partition: int
    before: int


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Settings of the broker as a whole; times in milliseconds. `topics`: defaults of topics' settings by name,
    where they are not Kafka's."""

    durability: Durability = "process"
    flush_interval_ms: int = 1_000
    num_partitions: int = 1
    offsets_retention_ms: int = 7 * 24 * 3_600_000
    offsets_check_ms: int = 600_000
    group: GroupSettings = field(default_factory=GroupSettings)
    transaction: TransactionSettings = field(default_factory=TransactionSettings)
    topics: Mapping[str, str] = field(default_factory=dict)
    upkeep: Upkeep = UPKEEP
    creates_topics: bool = True
    deletes_topics: bool = True
    max_connections: int = 1_000
    max_topics: int = MAX_TOPICS
    max_partitions: int = MAX_PARTITIONS
    max_groups: int = MAX_GROUPS
    max_offsets: int = MAX_OFFSETS
    max_transactional_ids: int = MAX_GROUPS


@dataclass(slots=True)
class Broker:
    """What one broker holds.

    `woken` are the keys of `waits` whose time has come; `new_ids` gives text that nobody else has, for member
    ids; `name` is its version; `log` is the log of the coordinators, and `groups` and `transactions` are they.

    Of transactional ids `ongoing` are those with a transaction; `ending` those whose end is decided, with the end of
    the log that says so; `marked` where their markers lie, once they are written. `unreconciled`: logs that may have a
    transaction which its coordinator does not know; `synced`: what an end rests on may have become durable;
    `unheeded`: members may be out whose transactions are not aborted yet. `purges` wait for what they rest on.
    """

    logs: LogManager
    settings: BrokerSettings
    new_ids: Callable[[], str]
    name: str = "broker_local 0.1"
    woken: dict[Key, None] = field(default_factory=dict)
    log: CoordinatorLog = field(init=False)
    groups: Coordinator[Group] = field(init=False)
    transactions: Coordinator[Transaction] = field(init=False)
    ongoing: dict[str, None] = field(default_factory=dict)
    ending: dict[str, int] = field(default_factory=dict)
    marked: dict[str, list[tuple[Partition, int]]] = field(default_factory=dict)
    unreconciled: list[Partition] = field(default_factory=list)
    synced: bool = False
    unheeded: bool = False
    purges: list[Purge] = field(default_factory=list)
    producer_ids: range = range(0)
    rotation: int = 0
    next_tick: int = 0
    next_expiry: int = 0
    next_flush: int = 0
    read_faults: ReadFaults = field(default_factory=ReadFaults)
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.log = CoordinatorLog(self.logs, self._replay)
        self.groups = Coordinator("group", group.RULES, self.log, self.durable, self.wake)
        self.transactions = Coordinator(
            "transaction", transaction.RULES, self.log, self.durable, self.wake, self._mark
        )

    def _replay(self, record: LogRecord) -> None:
        """Applies a record of the coordinators' log to what it is about."""
        if isinstance(record, ProducerIds):
            self.producer_ids = range(record.next_id, record.next_id)
            return
        if isinstance(record, TransactionRecord):
            self._replay_transaction(record)
            return
        found = self.groups.subjects.get(record.group)
        if found is None:
            found = self.groups.subjects[record.group] = Group(record.group, self.settings.group)
        replay(found, record)
        gone = isinstance(record, StateRecord) and record.state is None
        if gone and not found.offsets:
            self.groups.forget(record.group)

    def _replay_transaction(self, record: TransactionRecord) -> None:
        name, known = record.transactional_id, self.transactions.subjects
        found = known.get(name)
        if found is None:
            found = known[name] = Transaction(name, self.settings.transaction)
        before = found.state
        state = replay_transaction(found, record).state
        self.ongoing.pop(name, None)
        self.ending.pop(name, None)
        self.marked.pop(name, None)
        if state is None:
            self.transactions.forget(name)
        elif state.state == ONGOING:
            self.ongoing[name] = None
        elif state.state in PREPARED:
            self.ending[name] = self.log.end
        elif before is not None:
            for pending in before.offsets:
                self.wake(stable_key(pending.member.group))

    def open_transactions(self) -> dict[str, TransactionState]:
        """By transactional id: those that go on, and those that are being ended."""
        found = ((name, self.transactions.subjects[name].state) for name in (*self.ongoing, *self.ending))
        return {name: state for name, state in found if state is not None}

    def _mark(self, marker: Marker, at: int) -> None:
        """Appends a marker to the log of a partition, if that is there and does not have it yet."""
        try:
            partition = self.logs.partition(marker.topic, marker.partition)
        except Refusal as refused:
            if refused.code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                return
            raise
        if partition.end_transaction(marker.producer_id, marker.epoch, marker.commit, at):
            self.wake(end_key(marker.topic, marker.partition))

    def wake(self, key: Key) -> None:
        """Whoever waits for this is to be asked again."""
        self.woken[key] = None

    def take_woken(self) -> tuple[Key, ...]:
        """The keys woken since it was last asked."""
        keys = tuple(self.woken)
        self.woken.clear()
        return keys

    @property
    def durability(self) -> str:
        """`process` or `durable`."""
        return self.settings.durability

    @property
    def durable(self) -> bool:
        """Is nothing acknowledged or served before it is on the disk?"""
        return self.settings.durability == "durable"


def answered(broker: Broker, coordinator: Coordinator[S], ticket: int, at: Instant) -> Answer:
    """What a coordinator answers to what it was asked, or the wait for it."""
    reply = coordinator.answer(ticket)
    if reply is not None:
        return reply
    keys = (coordinator.key(ticket), SYNCED) if broker.durable else (coordinator.key(ticket),)
    return Later(keys, None, partial(answered, broker, coordinator, ticket))
