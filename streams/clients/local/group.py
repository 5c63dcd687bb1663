"""The way to the bundled broker's group coordinator."""

from __future__ import annotations

from broker_local.host.client import ConnectionLost
from broker_local.protocol.requests import groups as wire
from broker_local.protocol.requests.request import NO_OFFSET, Failure
from streams.clients import api
from streams.clients.errors_by_number import exception
from streams.clients.local.connection import Connection
from streams.errors import BrokerNotFoundException, DisconnectException
from streams.record import TopicPartition

NEVER = 2**63 - 1


class LocalGroupLink:
    """A `GroupLink` over one connection.

    Args:
        connection: its connection; closing it ends the dynamic members that joined through it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = 0
        self._out: dict[int, tuple[int, api.GroupRequest]] = {}
        self._ready: list[tuple[int, api.GroupReply]] = []

    def send(self, request: api.GroupRequest) -> int:
        """See `GroupLink.send`."""
        ticket = self._next
        self._next += 1
        try:
            self._out[self._connection.link().send(to_wire(request))] = (ticket, request)
        except (ConnectionLost, BrokerNotFoundException):
            self._cut_off()
            self._ready.append((ticket, api.failed(request, _disconnected(request.group))))
        return ticket

    def receive(self, timeout_ms: int) -> list[tuple[int, api.GroupReply]]:
        """See `GroupLink.receive`."""
        try:
            # Also where nothing is asked: a connection that the broker has closed would stay readable.
            connected = self._connection.fileno() >= 0
            waits = connected or self._out
            replies = self._connection.receive(0 if self._ready else timeout_ms) if waits else []
        except ConnectionLost:
            self._cut_off()
            replies = []
        for correlation, reply in replies:
            asked = self._out.pop(correlation, None)
            if asked is not None:
                ticket, request = asked
                self._ready.append((ticket, from_wire(request, reply)))
        given, self._ready = self._ready, []
        return given

    def fileno(self) -> int:
        """See `GroupLink.fileno`."""
        return self._connection.fileno()

    def next_due(self) -> int:
        """See `GroupLink.next_due`: the broker does the waiting."""
        return NEVER

    def wake(self) -> None:
        """See `GroupLink.wake`."""
        self._connection.wake()

    def close(self) -> None:
        """See `GroupLink.close`."""
        self._out.clear()
        self._connection.close()

    def _cut_off(self) -> None:
        self._connection.lost()
        for ticket, request in self._out.values():
            self._ready.append((ticket, api.failed(request, _disconnected(request.group))))
        self._out.clear()


def _disconnected(group: str) -> DisconnectException:
    return DisconnectException(f"Group {group!r}: the connection to the coordinator was lost.")


Asked = wire.Join | wire.Sync | wire.Heartbeat | wire.Leave | wire.Commit | wire.Committed


def to_wire(request: api.GroupRequest) -> Asked:
    """The broker's form of a request."""
    match request:
        case api.JoinGroup():
            return wire.Join(
                request.group,
                request.session_timeout_ms,
                request.rebalance_timeout_ms,
                request.member_id,
                request.instance_id,
                request.protocol_type,
                tuple(wire.JoinProtocol(name, metadata) for name, metadata in request.protocols),
            )
        case api.SyncGroup():
            plan = tuple(wire.MemberAssignment(name, data) for name, data in request.assignments.items())
            return wire.Sync(request.group, request.generation, request.member_id, request.instance_id, plan)
        case api.Heartbeat():
            return wire.Heartbeat(
                request.group, request.generation, request.member_id, request.instance_id, request.status
            )
        case api.LeaveGroup():
            return wire.Leave(request.group, (wire.Leaver(request.member_id, request.instance_id),), request.status)
        case api.CommitOffsets():
            rows = tuple(
                wire.CommitPart(topic, number, position.offset, position.metadata)
                for (topic, number), position in request.offsets.items()
            )
            return wire.Commit(
                request.group, request.generation, request.member_id, request.instance_id, rows
            )
        case api.FetchOffsets():
            wanted = request.partitions
            parts = None if wanted is None else tuple(wire.Part(topic, number) for topic, number in wanted)
            return wire.Committed(request.group, parts, request.require_stable)


def from_wire(request: api.GroupRequest, reply: object) -> api.GroupReply:
    """The door's form of an answer."""
    match reply:
        case Failure():
            return api.failed(request, exception(reply.error, reply.message, f"Group {request.group!r}"))
        case wire.JoinReply():
            members = {member.member_id: member.metadata for member in reply.members}
            return api.JoinGroupReply(
                None,
                reply.member_id,
                reply.generation,
                reply.leader,
                reply.protocol,
                members,
                reply.skip_assignment,
            )
        case wire.SyncReply():
            return api.SyncGroupReply(None, reply.assignment)
        case wire.HeartbeatReply():
            return api.HeartbeatReply(None)
        case wire.LeaveReply():
            code = next((member.error for member in reply.members if member.error), 0)
            return api.LeaveGroupReply(exception(code, "", f"Group {request.group!r}") if code else None)
        case wire.CommitReply():
            refused = {
                TopicPartition(part.topic, part.partition): exception(part.error, "", part.topic)
                for part in reply.parts
                if part.error
            }
            return api.CommitOffsetsReply(None, refused)
        case wire.CommittedReply():
            positions = {
                TopicPartition(part.topic, part.partition): api.Position(part.offset, part.metadata)
                for part in reply.parts
                if part.offset != NO_OFFSET
            }
            return api.FetchOffsetsReply(None, positions)
        case _:
            raise TypeError(f"no answer to {type(request).__name__}: {type(reply).__name__}")
