"""What a group is: what of it lasts, and what goes on in it. Pure data, and the one function that changes what lasts.

`group.py` has the events. Whoever carries out their effects appends each record to the group log and hands it to
`replay`, so that a group read from the log is the group that was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from broker_local.coordinator.offsets import CommittedOffset, PartitionKey
from broker_local.protocol.requests.groups import JoinProtocol

EMPTY, PREPARING, COMPLETING, STABLE, DEAD = (
    "Empty",
    "PreparingRebalance",
    "CompletingRebalance",
    "Stable",
    "Dead",
)


# What lasts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the log keeps it. Timeouts are in milliseconds.

    `absent`: a static member that did not join the generation it is listed in. Its place is kept, but what it had may
    be others' now: until it joins again, as a new member in that place, it counts as none.
    """

    member_id: str
    instance_id: str | None
    client: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: tuple[JoinProtocol, ...]
    assignment: bytes = b""
    absent: bool = False

    def metadata(self, protocol: str) -> bytes:
        """What the member said under this protocol."""
        return next((each.metadata for each in self.protocols if each.name == protocol), b"")


@dataclass(frozen=True, slots=True)
class GroupState:
    """One generation. `assigned`: the leader's plan is in; `since`: wall clock (ms) of the last change."""

    generation: int = 0
    protocol_type: str = ""
    protocol: str = ""
    leader: str = ""
    members: tuple[Member, ...] = ()
    assigned: bool = False
    since: int = 0


@dataclass(frozen=True, slots=True)
class StateRecord:
    """The group is like this from now on; None: it is gone."""

    group: str
    state: GroupState | None


@dataclass(frozen=True, slots=True)
class OffsetRecord:
    """An offset was committed; None: it is forgotten."""

    group: str
    topic: str
    partition: int
    committed: CommittedOffset | None


GroupRecord = StateRecord | OffsetRecord


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Kafka's broker settings for groups, times in milliseconds; `grace_ms` is how long members are waited
    for after a restart of the broker, `max_bytes` bounds the metadata of all members of a group."""

    min_session_timeout_ms: int = 100
    max_session_timeout_ms: int = 1_800_000
    max_size: int = 10_000
    grace_ms: int = 10_000
    max_metadata: int = 4_096
    max_bytes: int = 64 * 1024 * 1024


# What does not last ------------------------------------------------------------------------------


@dataclass(slots=True)
class Candidate:
    """A member of the next generation; `parked` is the ticket of its join, None while it has not come."""

    member: Member
    parked: int | None = None


@dataclass(slots=True)
class Session:
    """When a member was heard of: by which connection (None: not since the broker started), and until when
    its silence is borne. None: it waits for us."""

    peer: int | None
    deadline: int | None


@dataclass(slots=True)
class Group:
    """A group: what lasts (`state`, `offsets`), and what is going on. Changed only by the functions of this
    module. `kind` is the protocol type of those who join."""

    name: str
    settings: GroupSettings = field(default_factory=GroupSettings)
    state: GroupState = field(default_factory=GroupState)
    offsets: dict[PartitionKey, CommittedOffset] = field(default_factory=dict)
    kind: str = ""
    candidates: dict[str, Candidate] | None = None
    join_deadline: int = 0
    syncs: dict[str, int] = field(default_factory=dict)
    sync_deadline: int | None = None
    unsynced: set[str] = field(default_factory=set)
    sessions: dict[str, Session] = field(default_factory=dict)
    statuses: dict[str, bytes] = field(default_factory=dict)
    """What members tell of themselves, also some that have gone; not kept over a restart."""

    @property
    def phase(self) -> str:
        """Kafka's word for where the group is."""
        if self.candidates is not None:
            return PREPARING
        if not self.state.members:
            return EMPTY
        return STABLE if self.state.assigned else COMPLETING

    @property
    def members(self) -> dict[str, Member]:
        """Who belongs to it now, those included that have only just asked to join."""
        if self.candidates is not None:
            return {name: each.member for name, each in self.candidates.items()}
        return {each.member_id: each for each in self.state.members}

    def find(self, member_id: str) -> Member | None:
        """One of `members`, by its id."""
        if self.candidates is not None:
            candidate = self.candidates.get(member_id)
            return None if candidate is None else candidate.member
        return next((each for each in self.state.members if each.member_id == member_id), None)


def replay(group: Group, record: GroupRecord) -> Group:
    """Applies a record of the group log: the only thing that changes what lasts."""
    if isinstance(record, StateRecord):
        group.state = record.state or GroupState()
        group.candidates = None
        alive = {member.member_id for member in group.state.members}
        group.sessions = {name: session for name, session in group.sessions.items() if name in alive}
    elif record.committed is None:
        group.offsets.pop((record.topic, record.partition), None)
    else:
        group.offsets[record.topic, record.partition] = record.committed
    return group
