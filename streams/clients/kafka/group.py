"""The way to Kafka's group coordinators: joins, syncs, heartbeats, commits, over `kafka-python`'s messages.

What may wait for other members (joins, syncs) and the heartbeats go over one connection for each group, as the broker
reads nothing behind them; commits, fetches of offsets and leaving over another, which they share.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from kafka.protocol.admin import ListGroupsRequest
from kafka.protocol.consumer import (
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    OffsetCommitRequest,
    OffsetFetchRequest,
    SyncGroupRequest,
)

from streams.clients import api
from streams.clients.errors_by_number import exception
from streams.clients.kafka.cluster import LOST, Answer, Asked, Cluster, Row
from streams.errors import (
    BrokerNotFoundException,
    DisconnectException,
    InconsistentGroupProtocolException,
    KafkaException,
    UnsupportedVersionException,
)
from streams.record import TopicPartition

MEMBER_ID_REQUIRED = 79
PLAIN_ASSIGNORS = {"range", "roundrobin", "sticky", "cooperative-sticky"}
NEWER_PROTOCOLS = ("consumer", "streams", "share")
"""Types of groups whose members are given partitions, or tasks, by the broker (KIP-848, KIP-1071, KIP-932)."""
UNSTABLE_OFFSET_COMMIT = 88
JOIN_SLACK_MS = 10_000
CLOSING_MS = 1_000
SENDING_MS = 200
"""A request is on its way so soon where the broker answers; where it does not, it goes on while answers are awaited."""
_MOVED = (14, *LOST)
"""Numbers of errors after which the coordinator is looked for, and asked, again."""


class KafkaGroupLink:
    """A `GroupLink` over connections of its own.

    Args:
        cluster: its connections.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._next = 0
        self._ready: list[tuple[int, api.GroupReply]] = []
        self._members: dict[tuple[str, str], None] = {}  # dynamic ones that have not left
        self._protocols: dict[str, tuple[str, str]] = {}
        self._unsent: set[int] = set()
        self._woken = False

    def send(self, request: api.GroupRequest) -> int:
        """See `GroupLink.send`."""
        ticket = self._next
        self._next += 1
        self._unsent.add(ticket)
        self._cluster.start(partial(self._answer, ticket, request))
        deadline = self._cluster.world.monotonic_ms() + SENDING_MS
        while ticket in self._unsent and self._cluster.world.monotonic_ms() < deadline:
            self._cluster.poll(10)
        self._cluster.poll(0)
        return ticket

    def receive(self, timeout_ms: int) -> list[tuple[int, api.GroupReply]]:
        """See `GroupLink.receive`."""
        world = self._cluster.world
        deadline = world.monotonic_ms() + timeout_ms
        while True:
            left = int(deadline - world.monotonic_ms() + 0.999)
            self._cluster.poll(0 if self._ready or self._woken else max(0, left))
            if self._ready or self._woken or left <= 0:
                break
        self._woken = False
        given, self._ready = self._ready, []
        return given

    def fileno(self) -> int:
        """See `GroupLink.fileno`."""
        return self._cluster.fileno()

    def next_due(self) -> int:
        """See `GroupLink.next_due`. An answer may have come while another request was sent."""
        return 0 if self._ready else self._cluster.next_due()

    def wake(self) -> None:
        """See `GroupLink.wake`."""
        self._woken = True
        self._cluster.wake()

    def close(self) -> None:
        """See `GroupLink.close`. Kafka does not look at connections, so dynamic members are told to leave."""
        if self._cluster.fileno() >= 0:
            for group, member in list(self._members):
                leaving = api.LeaveGroup(group, member, None)
                with contextlib.suppress(KafkaException):  # the group puts it out after its session timeout
                    self._cluster.run(partial(self._asked, leaving), CLOSING_MS)
        self._members.clear()
        self._cluster.close()

    async def _answer(self, ticket: int, request: api.GroupRequest) -> None:
        try:
            reply = await self._asked(request, ticket)
        except (BrokerNotFoundException, DisconnectException) as error:
            self._cluster.forget_coordinator(request.group)
            reply = api.failed(request, DisconnectException(f"Group {request.group!r}: {error}"))
        except KafkaException as error:
            reply = api.failed(request, error)
        except Exception as error:  # a fault of ours, or of the library's: nobody may wait for an answer for ever
            reply = api.failed(request, KafkaException(f"Group {request.group!r}: {type(error).__name__}: {error}"))
        self._unsent.discard(ticket)
        self._ready.append((ticket, reply))

    async def _asked(self, request: api.GroupRequest, ticket: int = -1) -> api.GroupReply:
        """Asks the coordinator; where that is another by now, asks that one."""
        while True:
            node = await self._cluster.coordinator(request.group)
            lane, timeout_ms = "", self._cluster.request_timeout_ms
            if isinstance(request, api.JoinGroup | api.SyncGroup | api.Heartbeat):
                lane = f"member of {request.group}"
            if isinstance(request, api.JoinGroup):
                timeout_ms = max(request.rebalance_timeout_ms, request.session_timeout_ms) + JOIN_SLACK_MS
                if not request.member_id:
                    await self._check_kind(node, request)
            connection = await self._cluster.connection(node, lane)
            if not isinstance(request, api.JoinGroup) or request.member_id or request.instance_id:
                self._unsent.discard(ticket)  # nothing is left to do for it but to wait
            answer = await self._cluster.over(connection, self._message(request), timeout_ms)
            code = _code(answer)
            if code in _MOVED or (isinstance(request, api.FetchOffsets) and _unstable(answer)):
                if code in LOST:
                    self._cluster.forget_coordinator(request.group)
                await self._cluster.sleep()
            elif isinstance(request, api.JoinGroup) and code == MEMBER_ID_REQUIRED:
                request = replace(request, member_id=answer.member_id)
            else:
                return self._noted(request, _reply(request, answer))

    async def _check_kind(self, node: int, request: api.JoinGroup) -> None:
        """A group of Kafka's newer protocols takes members of this one in, and gives out partitions as it likes: for
        tasks that is no use.

        Raises:
            InconsistentGroupProtocolException: it is such a group, and has members.
        """
        if not PLAIN_ASSIGNORS.isdisjoint(name for name, _ in request.protocols):
            return
        asked = ListGroupsRequest(states_filter=[], types_filter=list(NEWER_PROTOCOLS), min_version=5)
        try:
            rows = (await self._cluster.ask(asked, node)).groups
        except UnsupportedVersionException:  # a broker that has none of them
            return
        for row in rows:
            if row.group_id == request.group and row.group_state not in ("Empty", "Dead"):
                raise exception(InconsistentGroupProtocolException.code, _words(23), f"Group {request.group!r}")

    def _noted(self, request: api.GroupRequest, reply: api.GroupReply) -> api.GroupReply:
        if reply.error is None:
            if isinstance(request, api.JoinGroup) and isinstance(reply, api.JoinGroupReply):
                self._protocols[request.group] = (request.protocol_type, reply.protocol)
                if request.instance_id is None:
                    self._members[(request.group, reply.member_id)] = None
            elif isinstance(request, api.LeaveGroup):
                self._members.pop((request.group, request.member_id), None)
        return reply

    def _message(self, request: api.GroupRequest) -> Asked:
        """Kafka's form of a request."""
        match request:
            case api.JoinGroup():
                protocols = [
                    JoinGroupRequest.JoinGroupRequestProtocol(name=name, metadata=metadata)
                    for name, metadata in request.protocols
                ]
                return JoinGroupRequest(
                    group_id=request.group,
                    session_timeout_ms=request.session_timeout_ms,
                    rebalance_timeout_ms=request.rebalance_timeout_ms,
                    member_id=request.member_id,
                    group_instance_id=request.instance_id,
                    protocol_type=request.protocol_type,
                    protocols=protocols,
                    reason=None,
                    min_version=5,
                )
            case api.SyncGroup():
                kind, name = self._protocols.get(request.group, (None, None))
                return SyncGroupRequest(
                    group_id=request.group,
                    generation_id=request.generation,
                    member_id=request.member_id,
                    group_instance_id=request.instance_id,
                    protocol_type=kind,
                    protocol_name=name,
                    assignments=[
                        SyncGroupRequest.SyncGroupRequestAssignment(member_id=member, assignment=assignment)
                        for member, assignment in request.assignments.items()
                    ],
                    min_version=3,
                )
            case api.Heartbeat():
                return HeartbeatRequest(
                    group_id=request.group,
                    generation_id=request.generation,
                    member_id=request.member_id,
                    group_instance_id=request.instance_id,
                    min_version=3,
                )
            case api.LeaveGroup():
                # A static member leaves by its instance id alone: by then its member id may be another's.
                gone = LeaveGroupRequest.MemberIdentity(
                    member_id=request.member_id, group_instance_id=request.instance_id, reason=None
                )
                return LeaveGroupRequest(group_id=request.group, members=[gone], min_version=3)
            case api.CommitOffsets():
                return commit_request(
                    request.group, request.generation, request.member_id, request.instance_id, request.offsets
                )
            case api.FetchOffsets():
                return offset_fetch(request.group, request.partitions, request.require_stable)


def commit_request(
    group: str, generation: int, member: str, instance: str | None, offsets: Mapping[TopicPartition, api.Position]
) -> Asked:
    """Commits positions in a member's name; in nobody's: -1 and ""."""
    of_topic = OffsetCommitRequest.OffsetCommitRequestTopic
    parts: defaultdict[str, list[Row]] = defaultdict(list)
    for (topic, number), position in offsets.items():
        part = of_topic.OffsetCommitRequestPartition(
            partition_index=number,
            committed_offset=position.offset,
            committed_leader_epoch=-1,
            committed_metadata=position.metadata,
        )
        parts[topic].append(part)
    return OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=generation,
        member_id=member,
        group_instance_id=instance,
        topics=[of_topic(name=topic, partitions=found) for topic, found in parts.items()],
        min_version=7,
        max_version=9,  # from 10 on topics have ids, and no names
    )


def offset_fetch(group: str, partitions: tuple[TopicPartition, ...] | None, require_stable: bool) -> Asked:
    """Asks for committed positions; None: for all of them."""
    of_group = OffsetFetchRequest.OffsetFetchRequestGroup
    topics: list[Row] | None = None
    if partitions is not None:
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        for topic, number in partitions:
            numbers[topic].append(number)
        topics = [
            of_group.OffsetFetchRequestTopics(name=topic, partition_indexes=found) for topic, found in numbers.items()
        ]
    asked = of_group(group_id=group, member_id=None, member_epoch=-1, topics=topics)
    return OffsetFetchRequest(groups=[asked], require_stable=require_stable, min_version=8, max_version=9)


def _code(answer: Answer) -> int:
    """The number of what ails an answer as a whole, or all its parts."""
    code = getattr(answer, "error_code", None)
    if code:
        return int(code)
    if (members := getattr(answer, "members", None)) and hasattr(members[0], "error_code"):
        return int(members[0].error_code)
    if groups := getattr(answer, "groups", None):
        return int(groups[0].error_code)
    codes = [part.error_code for topic in getattr(answer, "topics", None) or () for part in topic.partitions]
    return int(codes[0]) if codes and all(each in _MOVED for each in codes) else 0


def _unstable(answer: Answer) -> bool:
    """Does some transaction have yet to end, before which the positions are not told?"""
    topics = (topic for group in getattr(answer, "groups", None) or () for topic in group.topics)
    return any(part.error_code == UNSTABLE_OFFSET_COMMIT for topic in topics for part in topic.partitions)


def _reply(request: api.GroupRequest, answer: Answer) -> api.GroupReply:
    """The door's form of an answer."""
    code, where = _code(answer), f"Group {request.group!r}"
    if code:
        return api.failed(request, exception(code, _words(code), where))
    match request:
        case api.JoinGroup():
            return api.JoinGroupReply(
                None,
                answer.member_id,
                answer.generation_id,
                answer.leader,
                answer.protocol_name or "",
                {member.member_id: bytes(member.metadata) for member in answer.members},
                bool(getattr(answer, "skip_assignment", False)),
            )
        case api.SyncGroup():
            return api.SyncGroupReply(None, bytes(answer.assignment))
        case api.CommitOffsets():
            refused = {
                TopicPartition(topic.name, part.partition_index): exception(part.error_code, "", topic.name)
                for topic in answer.topics
                for part in topic.partitions
                if part.error_code
            }
            return api.CommitOffsetsReply(None, refused)
        case api.FetchOffsets():
            (row,) = answer.groups
            return fetched_offsets(row)
        case api.Heartbeat():
            return api.HeartbeatReply(None)
        case api.LeaveGroup():
            return api.LeaveGroupReply(None)


def fetched_offsets(row: Row) -> api.FetchOffsetsReply:
    """The committed positions in the answer for a group."""
    positions: dict[TopicPartition, api.Position] = {}
    for topic in row.topics:
        for part in topic.partitions:
            where = TopicPartition(topic.name, part.partition_index)
            if part.error_code:
                return api.FetchOffsetsReply(exception(part.error_code, "", where))
            if part.committed_offset >= 0:
                positions[where] = api.Position(part.committed_offset, part.metadata or "")
    return api.FetchOffsetsReply(None, positions)


def _words(code: int) -> str:
    if code == 23:
        return "it is in use by members of another kind or with no assignor in common; give another application id"
    return ""
