"""The broker: what it holds, and what comes of a request. No I/O but through its logs, no clock, no threads.

`handle` answers at once, or says what has to happen first (`waits.Later`). Whoever runs the broker (the
socket loop, or a link in the same process) parks those, asks again, and calls `turn` when `next_due` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

from broker_local.base.limits import MAX_GROUPS, MAX_OFFSETS, MAX_PARTITIONS, MAX_TOPICS, Counters
from broker_local.broker.waits import SYNCED, Answer, Instant, Key, Later
from broker_local.coordinator.coordinator import Coordinator
from broker_local.coordinator.group import RULES
from broker_local.coordinator.group_state import Group, GroupSettings, StateRecord, replay
from broker_local.coordinator.log import CoordinatorLog
from broker_local.coordinator.records import LogRecord, ProducerIds
from broker_local.log.log_manager import UPKEEP, Durability, LogManager, Upkeep
from broker_local.log.read_faults import ReadFaults

TICK_MS = 1_000

S = TypeVar("S")


class Peer(NamedTuple):
    """A connection: its number, and the name it said hello with."""

    id: int
    client: str


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
    topics: Mapping[str, str] = field(default_factory=dict)
    upkeep: Upkeep = UPKEEP
    creates_topics: bool = True
    deletes_topics: bool = True
    max_connections: int = 1_000
    max_topics: int = MAX_TOPICS
    max_partitions: int = MAX_PARTITIONS
    max_groups: int = MAX_GROUPS
    max_offsets: int = MAX_OFFSETS


@dataclass(slots=True)
class Broker:
    """What one broker holds.

    `woken` are the keys of `waits` whose time has come; `new_ids` gives text that nobody else has, for member
    ids; `name` is its version; `log` is the log of the coordinators, and `groups` the one of groups.
    """

    logs: LogManager
    settings: BrokerSettings
    new_ids: Callable[[], str]
    name: str = "broker_local 0.1"
    woken: dict[Key, None] = field(default_factory=dict)
    log: CoordinatorLog = field(init=False)
    groups: Coordinator[Group] = field(init=False)
    producer_ids: range = range(0)
    rotation: int = 0
    next_tick: int = 0
    next_expiry: int = 0
    next_flush: int = 0
    read_faults: ReadFaults = field(default_factory=ReadFaults)
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.log = CoordinatorLog(self.logs, self._replay)
        self.groups = Coordinator("group", RULES, self.log, self.durable, self.wake)

    def _replay(self, record: LogRecord) -> None:
        """Applies a record of the coordinators' log to what it is about."""
        if isinstance(record, ProducerIds):
            self.producer_ids = range(record.next_id, record.next_id)
            return
        group = self.groups.subjects.get(record.group)
        if group is None:
            group = self.groups.subjects[record.group] = Group(record.group, self.settings.group)
        replay(group, record)
        gone = isinstance(record, StateRecord) and record.state is None
        if gone and not group.offsets:
            self.groups.forget(record.group)

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
