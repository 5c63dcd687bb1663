"""Requests about groups: to their coordinator, and what tools ask of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Sequence
from functools import partial

from broker_local.base import names
from broker_local.base.error_codes import ErrorCode
from broker_local.broker.broker import Broker, Peer, answered
from broker_local.broker.waits import Answer, Instant, Later, Steps, stable_key
from broker_local.coordinator import group as machine
from broker_local.coordinator.effects import Call, Effect, Record
from broker_local.coordinator.group_state import DEAD, Group
from broker_local.coordinator.offsets import chosen
from broker_local.coordinator.transaction_state import unstable
from broker_local.protocol.requests import groups as wire
from broker_local.protocol.requests.records import GroupMember
from broker_local.protocol.requests.request import NO_OFFSET, Failure

MAX_DESCRIBED = 64 * 1024 * 1024
"""Bytes of members' metadata and assignments in one answer."""
BATCH_ROWS = 1000
"""Offsets that are forgotten in one step."""


def _ask(
    broker: Broker,
    peer: Peer,
    name: str,
    at: Instant,
    event: Callable[[Group, Call], list[Effect]],
    make: bool,
) -> Answer:
    """Hands a request to the coordinator. `make`: the group comes to be by it."""
    wrong = names.problem(name)
    if wrong is not None:
        return Failure(ErrorCode.INVALID_GROUP_ID, f"Group id is invalid: {wrong}")
    groups = broker.groups.subjects
    group = groups.get(name)
    if group is None:
        if make and len(groups) >= broker.settings.max_groups:
            broker.counters.refused_groups += 1
            text = f"there are {len(groups)} groups, as many as this broker keeps: delete some"
            return Failure(ErrorCode.POLICY_VIOLATION, text)
        group = Group(name, broker.settings.group)
        if make:
            groups[name] = group
    ticket = broker.groups.ask(name, group, peer.id, peer.client, event, at.now, at.at)
    return answered(broker, broker.groups, ticket, at)


def join(broker: Broker, peer: Peer, request: wire.Join, at: Instant) -> Answer:
    """See `group.on_join`."""
    new_id = f"{peer.client}-{broker.new_ids().replace('-', '')}"
    return _ask(broker, peer, request.group, at, lambda g, c: machine.on_join(g, c, request, new_id), True)


def sync(broker: Broker, peer: Peer, request: wire.Sync, at: Instant) -> Answer:
    """See `group.on_sync`."""
    return _ask(broker, peer, request.group, at, lambda g, c: machine.on_sync(g, c, request), False)


def heartbeat(broker: Broker, peer: Peer, request: wire.Heartbeat, at: Instant) -> Answer:
    """See `group.on_heartbeat`."""
    return _ask(broker, peer, request.group, at, lambda g, c: machine.on_heartbeat(g, c, request), False)


def leave(broker: Broker, peer: Peer, request: wire.Leave, at: Instant) -> Answer:
    """See `group.on_leave`."""
    return _ask(broker, peer, request.group, at, lambda g, c: machine.on_leave(g, c, request), False)


def commit(broker: Broker, peer: Peer, request: wire.Commit, at: Instant) -> Answer:
    """See `group.on_commit`."""
    full = too_many_offsets(broker, request.group, request.offsets)
    if full is not None:
        return full
    return _ask(broker, peer, request.group, at, lambda g, c: machine.on_commit(g, c, request), True)


def too_many_offsets(broker: Broker, group: str, offsets: Sequence[wire.CommitPart]) -> Failure | None:
    """Why no more offsets are kept; None where there is room, or none of these is new."""
    groups = broker.groups.subjects
    known = groups[group].offsets if group in groups else {}
    fresh = sum((part.topic, part.partition) not in known for part in offsets)
    if not fresh or sum(len(each.offsets) for each in groups.values()) + fresh <= broker.settings.max_offsets:
        return None
    broker.counters.refused_offsets += fresh
    text = f"the groups have committed {broker.settings.max_offsets} offsets, as many as this broker keeps"
    return Failure(ErrorCode.POLICY_VIOLATION, f"{text}: delete groups that nobody needs")


def offsets_delete(broker: Broker, peer: Peer, request: wire.OffsetsDelete, at: Instant) -> Answer:
    """See `group.on_offsets_delete`."""
    if request.group not in broker.groups.subjects:
        return Failure(ErrorCode.GROUP_ID_NOT_FOUND, f"there is no group {request.group}")
    event = machine.on_offsets_delete
    return _ask(broker, peer, request.group, at, lambda g, c: event(g, c, request), False)


def committed(broker: Broker, peer: Peer, request: wire.Committed, at: Instant) -> Answer:
    """What a group has committed. With `require_stable` the answer waits for transactions that say more of it."""
    if request.require_stable and _unstable(broker, request):
        again = partial(committed, broker, peer, request)
        return Later((stable_key(request.group),), None, again)
    group = broker.groups.subjects.get(request.group)
    keys = None if request.parts is None else [(part.topic, part.partition) for part in request.parts]
    rows = [
        wire.CommittedPart(topic, partition, NO_OFFSET, "", -1)
        if found is None
        else wire.CommittedPart(topic, partition, found.offset, found.metadata, found.log_epoch)
        for (topic, partition), found in chosen({} if group is None else group.offsets, keys)
    ]
    return wire.CommittedReply(tuple(rows))


def _unstable(broker: Broker, request: wire.Committed) -> bool:
    found = unstable(broker.open_transactions().values(), request.group)
    return bool(found) and (
        request.parts is None or any((part.topic, part.partition) in found for part in request.parts)
    )


def list_groups(broker: Broker, peer: Peer, request: wire.Groups, at: Instant) -> Answer:
    """All groups, by name."""
    found = sorted(broker.groups.subjects.items())
    return wire.GroupsReply(tuple(wire.GroupRow(name, group.state.protocol_type, group.phase) for name, group in found))


def group_describe(broker: Broker, peer: Peer, request: wire.GroupDescribe, at: Instant) -> Answer:
    """Groups as tools show them."""
    return Steps(_describe(broker, request))


def _describe(broker: Broker, request: wire.GroupDescribe) -> Generator[None, None, Answer]:
    rows, size = [], 0
    for name in dict.fromkeys(request.groups):
        yield
        group = broker.groups.subjects.get(name)
        row = wire.DescribedGroup(name, ErrorCode.GROUP_ID_NOT_FOUND, DEAD, "", "", -1, "", ())
        if group is not None:
            row = machine.describe(group)
        size += sum(len(member.metadata) + len(member.assignment) for member in row.members)
        if size > MAX_DESCRIBED:
            return Failure(ErrorCode.MESSAGE_TOO_LARGE, "that is too much for one answer: describe fewer groups")
        rows.append(row)
    return wire.GroupDescribeReply(tuple(rows))


def group_delete(broker: Broker, peer: Peer, request: wire.GroupDelete, at: Instant) -> Answer:
    """Forgets empty groups and what they committed."""
    return Steps(_delete(broker, request, at))


def _delete(broker: Broker, request: wire.GroupDelete, at: Instant) -> Generator[None, None, Answer]:
    rows = []
    for name in request.groups:
        yield
        group = broker.groups.subjects.get(name)
        error = ErrorCode.GROUP_ID_NOT_FOUND
        if group is not None:
            error, effects = machine.on_delete(group)
            failed = broker.groups.write([each.body for each in effects if isinstance(each, Record)], at.at)
            error = error if failed is None else ErrorCode(failed.error)
        rows.append(wire.GroupResult(name, error))
    return wire.GroupDeleteReply(tuple(rows))


def fenced_member(broker: Broker, member: GroupMember | None) -> Failure | None:
    """Why nothing is to be written in this member's name; None where it is a member, or nobody is named."""
    if member is None:
        return None
    group = broker.groups.subjects.get(member.group) or Group(member.group)
    return machine.fenced(group, member.member_id, member.instance_id)


# Time and topics ---------------------------------------------------------------------------------


def expire(broker: Broker, at: Instant) -> None:
    """Forgets committed offsets that are too old."""
    for group in list(broker.groups.subjects.values()):
        effects = machine.on_expiry(group, at.at, broker.settings.offsets_retention_ms)
        if effects:
            broker.groups.carry_out(group.name, group, effects, at.now, at.at)


def topics_gone(broker: Broker, topics: Container[str], at: Instant) -> Generator[None, None, None]:
    """Topics were deleted: what was committed for them goes as well, bit by bit."""
    for group in list(broker.groups.subjects.values()):
        yield
        parts = [wire.Part(name, number) for name, number in group.offsets if name in topics]
        for start in range(0, len(parts), BATCH_ROWS):
            yield
            if broker.groups.subjects.get(group.name) is group:
                gone = machine.forget_offsets(group, parts[start : start + BATCH_ROWS])
                broker.groups.carry_out(group.name, group, gone, at.now, at.at)
