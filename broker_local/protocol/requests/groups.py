"""Groups: membership, assignments, committed offsets, and what tools ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from broker_local.protocol.codec import MaxLength, Range
from broker_local.protocol.requests.request import Asks, Name, Reply, Small, Text, request

Status = Annotated[bytes, MaxLength(1024)]
"""What a member tells of itself."""


@dataclass(frozen=True, slots=True)
class JoinedMember:
    member_id: Name
    instance_id: Name | None
    metadata: bytes


@dataclass(frozen=True, slots=True)
class JoinReply(Reply):
    """`members` is empty but for the leader. `skip_assignment`: the leader may sync without a plan."""

    generation: int
    protocol_type: Name
    protocol: Name
    leader: Name
    member_id: Name
    members: tuple[JoinedMember, ...]
    skip_assignment: bool


@dataclass(frozen=True, slots=True)
class JoinProtocol:
    name: Name
    metadata: bytes


@request(20, JoinReply)
@dataclass(frozen=True, slots=True)
class Join(Asks[JoinReply]):
    """Answered when all members have joined. A `member_id` of "" asks for a new one."""

    group: Name
    session_timeout_ms: Small
    rebalance_timeout_ms: Small
    member_id: Name
    instance_id: Name | None
    protocol_type: Name
    protocols: tuple[JoinProtocol, ...]


@dataclass(frozen=True, slots=True)
class SyncReply(Reply):
    protocol_type: Name
    protocol: Name
    assignment: bytes


@dataclass(frozen=True, slots=True)
class MemberAssignment:
    member_id: Name
    assignment: bytes


@request(21, SyncReply)
@dataclass(frozen=True, slots=True)
class Sync(Asks[SyncReply]):
    """Answered when the leader has brought the plan; only the leader's `assignments` count."""

    group: Name
    generation: int
    member_id: Name
    instance_id: Name | None
    assignments: tuple[MemberAssignment, ...] = ()


@dataclass(frozen=True, slots=True)
class HeartbeatReply(Reply):
    pass


@request(22, HeartbeatReply)
@dataclass(frozen=True, slots=True)
class Heartbeat(Asks[HeartbeatReply]):
    """`status` is what the member tells of itself, for `GroupDescribe`; the broker does not read it. Failure
    REBALANCE_IN_PROGRESS: join again."""

    group: Name
    generation: int
    member_id: Name
    instance_id: Name | None
    status: Status = b""


@dataclass(frozen=True, slots=True)
class LeftMember:
    member_id: Name
    instance_id: Name | None
    error: int


@dataclass(frozen=True, slots=True)
class LeaveReply(Reply):
    members: tuple[LeftMember, ...]


@dataclass(frozen=True, slots=True)
class Leaver:
    """A static member may leave by its instance id alone (`member_id` "")."""

    member_id: Name
    instance_id: Name | None = None


@request(23, LeaveReply)
@dataclass(frozen=True, slots=True)
class Leave(Asks[LeaveReply]):
    """`status`: the last that the first of them tells of itself."""

    group: Name
    members: tuple[Leaver, ...]
    status: Status = b""


@dataclass(frozen=True, slots=True)
class PartResult:
    topic: Name
    partition: Small
    error: int


@dataclass(frozen=True, slots=True)
class CommitReply(Reply):
    parts: tuple[PartResult, ...]


@dataclass(frozen=True, slots=True)
class CommitPart:
    topic: Name
    partition: Small
    offset: Annotated[int, Range(0, 2**63 - 1)]
    metadata: Text = ""
    log_epoch: int = -1


@request(24, CommitReply)
@dataclass(frozen=True, slots=True)
class Commit(Asks[CommitReply]):
    """Generation -1 with an empty member id commits for an empty group (tools, `assign`), as in Kafka."""

    group: Name
    generation: int
    member_id: Name
    instance_id: Name | None
    offsets: tuple[CommitPart, ...]


@dataclass(frozen=True, slots=True)
class CommittedPart:
    """`offset` -1: nothing is committed."""

    topic: Name
    partition: Small
    offset: int
    metadata: Text
    log_epoch: int


@dataclass(frozen=True, slots=True)
class CommittedReply(Reply):
    parts: tuple[CommittedPart, ...]


@dataclass(frozen=True, slots=True)
class Part:
    topic: Name
    partition: Small


@request(25, CommittedReply)
@dataclass(frozen=True, slots=True)
class Committed(Asks[CommittedReply]):
    """What is committed for these partitions (None: for all that have something). `require_stable`: not before all
    transactions have ended that would commit something else for them."""

    group: Name
    parts: tuple[Part, ...] | None = None
    require_stable: bool = False


@dataclass(frozen=True, slots=True)
class GroupRow:
    group: Name
    protocol_type: Name
    state: Name


@dataclass(frozen=True, slots=True)
class GroupsReply(Reply):
    groups: tuple[GroupRow, ...]


@request(26, GroupsReply)
@dataclass(frozen=True, slots=True)
class Groups(Asks[GroupsReply]):
    pass


@dataclass(frozen=True, slots=True)
class DescribedMember:
    member_id: Name
    instance_id: Name | None
    client: Name
    metadata: bytes
    assignment: bytes
    status: bytes = b""


@dataclass(frozen=True, slots=True)
class DescribedGroup:
    """`state` is Kafka's word: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead. `departed`: the last words
    of those that are members no more, as far as the broker still has them."""

    group: Name
    error: int
    state: Name
    protocol_type: Name
    protocol: Name
    generation: int
    leader: Name
    members: tuple[DescribedMember, ...]
    departed: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupDescribeReply(Reply):
    groups: tuple[DescribedGroup, ...]


@request(27, GroupDescribeReply)
@dataclass(frozen=True, slots=True)
class GroupDescribe(Asks[GroupDescribeReply]):
    groups: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class GroupResult:
    group: Name
    error: int


@dataclass(frozen=True, slots=True)
class GroupDeleteReply(Reply):
    groups: tuple[GroupResult, ...]


@request(28, GroupDeleteReply)
@dataclass(frozen=True, slots=True)
class GroupDelete(Asks[GroupDeleteReply]):
    groups: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class OffsetsDeleteReply(Reply):
    parts: tuple[PartResult, ...]


@request(29, OffsetsDeleteReply)
@dataclass(frozen=True, slots=True)
class OffsetsDelete(Asks[OffsetsDeleteReply]):
    """Takes committed offsets away; the group must be empty."""

    group: Name
    parts: tuple[Part, ...]
