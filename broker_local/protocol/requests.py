"""What can be asked of the broker, and what it answers: one frozen record per request and per reply.

Every request names its reply as the parameter of `Asks`, so that a client that sends one knows what it gets.
A request that fails as a whole is answered with a `Failure`; where single topics or partitions can fail,
their rows carry an `error` and a `message` of their own. The numbers of errors are in `errorcodes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Generic, TypeVar

from broker_local.protocol.heads import EMPTY, Body, Longest, Range, Stretch

R_co = TypeVar("R_co", covariant=True)

Name = Annotated[str, Longest(1000)]
Text = Annotated[str, Longest(32_767)]
Status = Annotated[bytes, Longest(1024)]
"""What a member tells of itself."""
Small = Annotated[int, Range(0, 2**31 - 1)]
SmallOrNone = Annotated[int, Range(-1, 2**31 - 1)]

EARLIEST, LATEST, LARGEST_TIMESTAMP = -2, -1, -3
"""Timestamps with a meaning of their own in `ListOffsets`, as in Kafka."""
READ_UNCOMMITTED, READ_COMMITTED = 0, 1
NO_OFFSET = -1


class Api(IntEnum):
    """Numbers of the requests. Those from 40 on are known and not built: they are refused by name."""

    HELLO = 0
    METADATA = 1
    TOPIC_CREATE = 2
    TOPIC_DELETE = 3
    TOPIC_ALTER = 4
    PARTITIONS_ADD = 5
    TOPIC_CONFIGS = 6
    PRODUCE = 10
    FETCH = 11
    LIST_OFFSETS = 12
    DELETE_RECORDS = 13
    PRODUCER_ID = 14
    JOIN = 20
    SYNC = 21
    HEARTBEAT = 22
    LEAVE = 23
    COMMIT = 24
    COMMITTED = 25
    GROUPS = 26
    GROUP_DESCRIBE = 27
    GROUP_DELETE = 28
    OFFSETS_DELETE = 29
    TRANSACTION_OFFSETS = 40
    TRANSACTION_END = 41


class Asks(Generic[R_co]):
    """A request that is answered with an `R_co`. Carries nothing; it tells the type checker."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """The request failed as a whole."""

    error: int
    message: str


# The connection ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HelloReply:
    """Who answers. `version` is the highest both sides know; `durability` is `process` or `durable`."""

    version: Small
    broker: Text
    durability: Text
    pid: int


@dataclass(frozen=True, slots=True)
class Hello(Asks[HelloReply]):
    """The first frame of a connection. Its layout never changes: it is what versions are settled with.

    `directory`: device and inode of the data directory that is meant, as `place.identity` gives them (None: whichever
    it is); the broker of another one refuses with INCONSISTENT_CLUSTER_ID.
    """

    minimum: Small
    maximum: Small
    client: Name
    token: Annotated[str, Longest(200)] | None = None
    directory: Annotated[str, Longest(100)] | None = None


# Topics ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic as it is. `topic_id` is another one when a topic was deleted and made again."""

    topic: Name
    error: int
    topic_id: Name
    partitions: Small


@dataclass(frozen=True, slots=True)
class MetadataReply:
    topics: tuple[TopicRow, ...]


@dataclass(frozen=True, slots=True)
class Metadata(Asks[MetadataReply]):
    """Which topics there are (None: all). `create_missing` is for those about to send (decision 34)."""

    topics: tuple[Name, ...] | None = None
    create_missing: bool = False


@dataclass(frozen=True, slots=True)
class TopicResult:
    topic: Name
    error: int
    message: str


@dataclass(frozen=True, slots=True)
class TopicsReply:
    results: tuple[TopicResult, ...]


@dataclass(frozen=True, slots=True)
class NewTopic:
    """`partitions` -1: as many as `num.partitions` says."""

    topic: Name
    partitions: SmallOrNone
    configs: dict[str, Text]


@dataclass(frozen=True, slots=True)
class TopicCreate(Asks[TopicsReply]):
    topics: tuple[NewTopic, ...]
    validate_only: bool = False


@dataclass(frozen=True, slots=True)
class TopicDelete(Asks[TopicsReply]):
    topics: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Alteration:
    """Settings to be changed; None takes the topic's own value away."""

    topic: Name
    configs: dict[str, Text | None]


@dataclass(frozen=True, slots=True)
class TopicAlter(Asks[TopicsReply]):
    topics: tuple[Alteration, ...]


@dataclass(frozen=True, slots=True)
class PartitionCount:
    topic: Name
    count: Small


@dataclass(frozen=True, slots=True)
class PartitionsAdd(Asks[TopicsReply]):
    """`count` is how many there shall be afterwards, as in Kafka."""

    topics: tuple[PartitionCount, ...]


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """One setting; `own` tells whether the topic sets it itself."""

    name: Name
    value: Text
    own: bool


@dataclass(frozen=True, slots=True)
class TopicConfigRows:
    topic: Name
    error: int
    configs: tuple[ConfigRow, ...]


@dataclass(frozen=True, slots=True)
class TopicConfigsReply:
    topics: tuple[TopicConfigRows, ...]


@dataclass(frozen=True, slots=True)
class TopicConfigs(Asks[TopicConfigsReply]):
    topics: tuple[Name, ...]


# Records -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GroupMember:
    """In whose name a worker writes. Who is no member of its group any more is refused, with FENCED_MEMBER_EPOCH, or
    FENCED_INSTANCE_ID where another one has its instance id."""

    group: Name
    member_id: Name
    instance_id: Name | None = None


@dataclass(frozen=True, slots=True)
class ProducedPart:
    """`append_time` is -1 unless the topic stamps records itself; a duplicate gets the first one's offset."""

    topic: Name
    partition: Small
    error: int
    message: str
    base_offset: int
    append_time: int
    log_start: int


@dataclass(frozen=True, slots=True)
class ProduceReply:
    parts: tuple[ProducedPart, ...]


@dataclass(frozen=True, slots=True)
class ProducePart:
    """One batch for one partition, as `format` writes it."""

    topic: Name
    partition: Small
    batch: Body


@dataclass(frozen=True, slots=True)
class Produce(Asks[ProduceReply]):
    """Batches to be appended, in this order. `acks` 0: *no reply is sent*; 1 and -1 (all) are the same
    here. `member` None: whoever sends this is bound to no group.
    """

    acks: Annotated[int, Range(-1, 1)]
    parts: tuple[ProducePart, ...]
    member: GroupMember | None = None


@dataclass(frozen=True, slots=True)
class FetchedPart:
    """What there is from the asked offset on: batches back to back, the first may begin before that offset.

    `next_offset` is the position after all of it (-1 with an error): a reader takes it as it is, since what lies
    before it may be nothing, or nothing that it may see. `readable_end` is how far this reader may read: what is shown,
    and for READ_COMMITTED the last stable offset; whoever has read up to it is caught up. `log_end` is where the next
    batch will lie, whatever may be seen of the log.
    `log_start` and `log_epoch` as the log has them; `diverged` is -1, or, with the error
    UNKNOWN_LEADER_EPOCH, the offset at which the reader's log and this one part. Below `tombstones_gone`
    compaction removed tombstones: who stopped reading below it may keep deleted keys.
    """

    topic: Name
    partition: Small
    error: int
    message: str
    next_offset: int
    readable_end: int
    log_end: int
    log_start: int
    log_epoch: int
    diverged: int
    tombstones_gone: int
    batches: Body

    @property
    def data(self) -> memoryview:
        """The batches as a client got them: a view into the frame."""
        return EMPTY if isinstance(self.batches, Stretch) else memoryview(self.batches)


@dataclass(frozen=True, slots=True)
class FetchReply:
    """Only the partitions that have something to tell: batches, a position that moved, an error, or an end that is
    news."""

    parts: tuple[FetchedPart, ...]


@dataclass(frozen=True, slots=True)
class FetchPosition:
    """Where a reader stands. `known_end` is the last `readable_end` it was told of this partition (-1: none): a
    partition whose end is another one by now is answered at once, with or without batches.
    `log_epoch` -1: the reader has none to compare."""

    topic: Name
    partition: Small
    offset: int
    max_bytes: Small
    log_epoch: int = -1
    known_end: int = -1


@dataclass(frozen=True, slots=True)
class Fetch(Asks[FetchReply]):
    """One long poll over all positions: answered at once if `min_bytes` are there, an end is news or a
    position is wrong, else when that becomes so, else empty after `max_wait_ms`. At least one whole batch is
    given, whatever `max_bytes` says."""

    positions: tuple[FetchPosition, ...]
    max_wait_ms: Small
    min_bytes: Small = 1
    max_bytes: Small = 50 * 1024 * 1024
    isolation: Annotated[int, Range(0, 1)] = READ_UNCOMMITTED


@dataclass(frozen=True, slots=True)
class ListedOffset:
    """`offset` -1: there is no record with such a timestamp. `log_end` as in `FetchedPart`."""

    topic: Name
    partition: Small
    error: int
    message: str
    offset: int
    timestamp: int
    log_epoch: int
    log_end: int


@dataclass(frozen=True, slots=True)
class ListOffsetsReply:
    parts: tuple[ListedOffset, ...]


@dataclass(frozen=True, slots=True)
class OffsetQuestion:
    """`timestamp`: the first offset with at least that timestamp (ms), or EARLIEST, LATEST,
    LARGEST_TIMESTAMP.
    """

    topic: Name
    partition: Small
    timestamp: int


@dataclass(frozen=True, slots=True)
class ListOffsets(Asks[ListOffsetsReply]):
    """With READ_COMMITTED, LATEST is the last stable offset, and no time finds what lies behind it."""

    parts: tuple[OffsetQuestion, ...]
    isolation: Annotated[int, Range(0, 1)] = READ_UNCOMMITTED


@dataclass(frozen=True, slots=True)
class DeletedPart:
    topic: Name
    partition: Small
    error: int
    message: str
    log_start: int


@dataclass(frozen=True, slots=True)
class DeleteRecordsReply:
    parts: tuple[DeletedPart, ...]


@dataclass(frozen=True, slots=True)
class DeletePart:
    """Everything before `before` may go; -1: everything."""

    topic: Name
    partition: Small
    before: int


@dataclass(frozen=True, slots=True)
class DeleteRecords(Asks[DeleteRecordsReply]):
    """`member` as in `Produce`."""

    parts: tuple[DeletePart, ...]
    member: GroupMember | None = None


@dataclass(frozen=True, slots=True)
class ProducerIdReply:
    producer_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class ProducerId(Asks[ProducerIdReply]):
    """A new id for an idempotent producer. A transactional id is refused: transactions are not built yet."""

    transactional_id: Name | None = None


# Groups ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JoinedMember:
    member_id: Name
    instance_id: Name | None
    metadata: bytes


@dataclass(frozen=True, slots=True)
class JoinReply:
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
class SyncReply:
    protocol_type: Name
    protocol: Name
    assignment: bytes


@dataclass(frozen=True, slots=True)
class MemberAssignment:
    member_id: Name
    assignment: bytes


@dataclass(frozen=True, slots=True)
class Sync(Asks[SyncReply]):
    """Answered when the leader has brought the plan; only the leader's `assignments` count."""

    group: Name
    generation: int
    member_id: Name
    instance_id: Name | None
    assignments: tuple[MemberAssignment, ...] = ()


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    pass


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
class LeaveReply:
    members: tuple[LeftMember, ...]


@dataclass(frozen=True, slots=True)
class Leaver:
    """A static member may leave by its instance id alone (`member_id` "")."""

    member_id: Name
    instance_id: Name | None = None


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
class CommitReply:
    parts: tuple[PartResult, ...]


@dataclass(frozen=True, slots=True)
class CommitPart:
    topic: Name
    partition: Small
    offset: Annotated[int, Range(0, 2**63 - 1)]
    metadata: Text = ""
    log_epoch: int = -1


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
class CommittedReply:
    parts: tuple[CommittedPart, ...]


@dataclass(frozen=True, slots=True)
class Part:
    topic: Name
    partition: Small


@dataclass(frozen=True, slots=True)
class Committed(Asks[CommittedReply]):
    """What is committed for these partitions (None: for all that have something)."""

    group: Name
    parts: tuple[Part, ...] | None = None


@dataclass(frozen=True, slots=True)
class GroupRow:
    group: Name
    protocol_type: Name
    state: Name


@dataclass(frozen=True, slots=True)
class GroupsReply:
    groups: tuple[GroupRow, ...]


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
class GroupDescribeReply:
    groups: tuple[DescribedGroup, ...]


@dataclass(frozen=True, slots=True)
class GroupDescribe(Asks[GroupDescribeReply]):
    groups: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class GroupResult:
    group: Name
    error: int


@dataclass(frozen=True, slots=True)
class GroupDeleteReply:
    groups: tuple[GroupResult, ...]


@dataclass(frozen=True, slots=True)
class GroupDelete(Asks[GroupDeleteReply]):
    groups: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class OffsetsDeleteReply:
    parts: tuple[PartResult, ...]


@dataclass(frozen=True, slots=True)
class OffsetsDelete(Asks[OffsetsDeleteReply]):
    """Takes committed offsets away; the group must be empty."""

    group: Name
    parts: tuple[Part, ...]


# The table ---------------------------------------------------------------------------------------

Request = (
    Hello
    | Metadata
    | TopicCreate
    | TopicDelete
    | TopicAlter
    | PartitionsAdd
    | TopicConfigs
    | Produce
    | Fetch
    | ListOffsets
    | DeleteRecords
    | ProducerId
    | Join
    | Sync
    | Heartbeat
    | Leave
    | Commit
    | Committed
    | Groups
    | GroupDescribe
    | GroupDelete
    | OffsetsDelete
)
Reply = (
    HelloReply
    | MetadataReply
    | TopicsReply
    | TopicConfigsReply
    | ProduceReply
    | FetchReply
    | ListOffsetsReply
    | DeleteRecordsReply
    | ProducerIdReply
    | JoinReply
    | SyncReply
    | HeartbeatReply
    | LeaveReply
    | CommitReply
    | CommittedReply
    | GroupsReply
    | GroupDescribeReply
    | GroupDeleteReply
    | OffsetsDeleteReply
    | Failure
)


@dataclass(frozen=True, slots=True)
class Spec:
    """One API: its records, and the versions of them that this broker speaks."""

    request: type[Request]
    reply: type[Reply]
    lowest: int = 1
    highest: int = 1


APIS: dict[Api, Spec] = {
    Api.HELLO: Spec(Hello, HelloReply),
    Api.METADATA: Spec(Metadata, MetadataReply),
    Api.TOPIC_CREATE: Spec(TopicCreate, TopicsReply),
    Api.TOPIC_DELETE: Spec(TopicDelete, TopicsReply),
    Api.TOPIC_ALTER: Spec(TopicAlter, TopicsReply),
    Api.PARTITIONS_ADD: Spec(PartitionsAdd, TopicsReply),
    Api.TOPIC_CONFIGS: Spec(TopicConfigs, TopicConfigsReply),
    Api.PRODUCE: Spec(Produce, ProduceReply),
    Api.FETCH: Spec(Fetch, FetchReply),
    Api.LIST_OFFSETS: Spec(ListOffsets, ListOffsetsReply),
    Api.DELETE_RECORDS: Spec(DeleteRecords, DeleteRecordsReply),
    Api.PRODUCER_ID: Spec(ProducerId, ProducerIdReply),
    Api.JOIN: Spec(Join, JoinReply),
    Api.SYNC: Spec(Sync, SyncReply),
    Api.HEARTBEAT: Spec(Heartbeat, HeartbeatReply),
    Api.LEAVE: Spec(Leave, LeaveReply),
    Api.COMMIT: Spec(Commit, CommitReply),
    Api.COMMITTED: Spec(Committed, CommittedReply),
    Api.GROUPS: Spec(Groups, GroupsReply),
    Api.GROUP_DESCRIBE: Spec(GroupDescribe, GroupDescribeReply),
    Api.GROUP_DELETE: Spec(GroupDelete, GroupDeleteReply),
    Api.OFFSETS_DELETE: Spec(OffsetsDelete, OffsetsDeleteReply),
}
API_OF: dict[type, Api] = {spec.request: api for api, spec in APIS.items()}
PROTOCOL_VERSION = 2
"""What `Hello` settles: the version of the frames and of the meaning of all APIs together."""
