"""Requests about groups: carries out what the pure coordinator says, and keeps its log."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterable, Sequence
from contextlib import suppress
from functools import partial

from broker_local.base import names
from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, Refusal
from broker_local.base.files import FileSlice
from broker_local.broker.broker import STORAGE_RETRY_MS, Broker, Peer
from broker_local.broker.waits import SYNCED, Answer, Instant, Later, Steps
from broker_local.coordinator import group as coordinator
from broker_local.coordinator.group_log import LogRecord, ProducerIds, UnknownRecord, columns, records
from broker_local.coordinator.group_state import DEAD, Call, Effect, Group, GroupRecord, Record, StateRecord, replay
from broker_local.coordinator.offsets import chosen
from broker_local.log import format as batches
from broker_local.log.partition import Partition
from broker_local.log.topics import GROUP_TOPIC, INT_MAX
from broker_local.protocol.requests.groups import (
    Commit,
    Committed,
    CommittedPart,
    CommittedReply,
    DescribedGroup,
    GroupDelete,
    GroupDeleteReply,
    GroupDescribe,
    GroupDescribeReply,
    GroupResult,
    GroupRow,
    Groups,
    GroupsReply,
    Heartbeat,
    Join,
    Leave,
    OffsetsDelete,
    Part,
    Sync,
)
from broker_local.protocol.requests.records import GroupMember
from broker_local.protocol.requests.request import NO_OFFSET, Failure, Reply

LOG_SETTINGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * 1024 * 1024),
    "max.message.bytes": str(INT_MAX),
}
"""Of the group log. A group is one record, however much its members have to tell."""
READ_BYTES = 4 * 1024 * 1024
BATCH_ROWS = 1000
MAX_DESCRIBED = 64 * 1024 * 1024
"""Bytes of members' metadata and assignments in one answer."""


# The log -----------------------------------------------------------------------------------------


def load(broker: Broker, at: Instant) -> None:
    """Reads the group log: all groups are as they were, and their members have a while to come back.

    Raises:
        Corruption: the log is not what was written.
        Refusal: a newer broker wrote it.
    """
    with suppress(Refusal):  # a full disk: it comes to be, or gets today's settings, when there is space
        _log(broker)
        if broker.logs.topics[GROUP_TOPIC].config != LOG_SETTINGS:
            broker.logs.alter_topic(GROUP_TOPIC, LOG_SETTINGS)
    if GROUP_TOPIC not in broker.logs.topics:
        return
    log = _log(broker)
    offset = log.log_start
    while offset < log.end:
        found = log.read(offset, READ_BYTES)
        for piece in found.pieces:
            _load_piece(broker, piece.data)
        offset = found.next_offset
    for group in broker.groups.values():
        coordinator.resume(group, at.now)
        _note_due(broker, group)


def _load_piece(broker: Broker, piece: FileSlice) -> None:
    """Replays the batches of a piece of the log."""
    data, position = memoryview(piece.read()), 0
    try:
        while position < len(data):
            keys, values, *_ = batches.read(data, position)
            position += batches.peek(data, position).size
            for record in records(keys, values):
                _replay(broker, record)
    except batches.BadBatch as error:
        raise Corruption(piece.file.path, piece.position + position, str(error)) from error
    except UnknownRecord as error:
        raise Refusal(ErrorCode.UNSUPPORTED_VERSION, f"{piece.file.path}: {error}") from error


def _log(broker: Broker) -> Partition:
    if GROUP_TOPIC not in broker.logs.topics:
        broker.logs.create_topic(GROUP_TOPIC, 1, LOG_SETTINGS)
    return broker.logs.partition(GROUP_TOPIC, 0)


def append_records(broker: Broker, made: Sequence[LogRecord], at: Instant) -> None:
    """Appends to the log, then replays; raises Refusal (disk full) with nothing changed by what was
    refused.
    """
    log = _log(broker)
    for start in range(0, len(made), BATCH_ROWS):
        some = made[start : start + BATCH_ROWS]
        keys, values = columns(some)
        log.append(batches.write(keys, values, [at.at] * len(keys), None), at.at)
        for record in some:
            _replay(broker, record)


def _replay(broker: Broker, record: LogRecord) -> None:
    if isinstance(record, ProducerIds):
        broker.producer_ids = range(record.next_id, record.next_id)
        return
    group = broker.groups.get(record.group)
    if group is None:
        group = broker.groups[record.group] = Group(record.group, broker.settings.group)
    replay(group, record)
    gone = isinstance(record, StateRecord) and record.state is None
    if gone and not group.offsets:
        del broker.groups[record.group]
        broker.due.pop(record.group, None)


# Effects -----------------------------------------------------------------------------------------


def carry_out(broker: Broker, group: Group, effects: Iterable[Effect], at: Instant) -> None:
    """Appends the records and lets the replies go, in order. If the disk is full, whoever waits is told."""
    pending: list[GroupRecord] = []
    failed: Failure | None = None
    for effect in effects:
        if isinstance(effect, Record):
            pending.append(effect.body)
            continue
        failed = failed or _write(broker, pending, at)
        _reply(broker, effect.to, failed or effect.body)
    failed = failed or _write(broker, pending, at)
    if failed is not None:
        coordinator.not_recorded(group)
    _note_due(broker, group)
    if failed is not None and group.name in broker.due:
        broker.due[group.name] = max(broker.due[group.name], at.now + STORAGE_RETRY_MS)


def _write(broker: Broker, pending: list[GroupRecord], at: Instant) -> Failure | None:
    if not pending:
        return None
    made, pending[:] = list(pending), []
    try:
        append_records(broker, made, at)
    except Refusal as refused:
        return Failure(refused.code, refused.message)
    return None


def _reply(broker: Broker, ticket: int, body: Reply) -> None:
    if ticket in broker.tickets:
        broker.replies[ticket] = (_log(broker).end if broker.durable else 0, body)
        broker.wake(("ticket", ticket))


def _note_due(broker: Broker, group: Group) -> None:
    due = coordinator.next_due(group)
    if due is None or group.name not in broker.groups:
        broker.due.pop(group.name, None)
    else:
        broker.due[group.name] = due


def _collect(broker: Broker, ticket: int, at: Instant) -> Answer:
    """The reply for a ticket, once there is one and what it rests on is as safe as promised."""
    found = broker.replies.get(ticket)
    if found is not None and (not broker.durable or _log(broker).durable_end >= found[0]):
        del broker.replies[ticket]
        del broker.tickets[ticket]
        return found[1]
    keys = (("ticket", ticket), SYNCED) if broker.durable else (("ticket", ticket),)
    return Later(keys, None, partial(_collect, broker, ticket))


def _ask(
    broker: Broker,
    peer: Peer,
    name: str,
    at: Instant,
    event: Callable[[Group, Call], list[Effect]],
    make: bool,
) -> Answer:
    """Hands a request to the coordinator of its group. `make`: the group comes to be by it."""
    wrong = names.problem(name)
    if wrong is not None:
        return Failure(ErrorCode.INVALID_GROUP_ID, f"Group id is invalid: {wrong}")
    group = broker.groups.get(name)
    if group is None:
        if make and len(broker.groups) >= broker.settings.max_groups:
            broker.counters.refused_groups += 1
            text = f"there are {len(broker.groups)} groups, as many as this broker keeps: delete some"
            return Failure(ErrorCode.POLICY_VIOLATION, text)
        group = Group(name, broker.settings.group)
        if make:
            broker.groups[name] = group
    ticket = broker.next_ticket
    broker.next_ticket += 1
    broker.tickets[ticket] = peer.id
    carry_out(broker, group, event(group, Call(ticket, peer.id, peer.client, at.now, at.at)), at)
    if make and not group.members and not group.offsets and not group.state.generation:
        broker.groups.pop(name, None)
    if name in broker.groups:
        broker.asked.setdefault(peer.id, set()).add(name)
    return _collect(broker, ticket, at)


# Requests ----------------------------------------------------------------------------------------


def join(broker: Broker, peer: Peer, request: Join, at: Instant) -> Answer:
    """See `group.on_join`."""
    new_id = f"{peer.client}-{broker.new_ids()}"
    return _ask(broker, peer, request.group, at, lambda g, c: coordinator.on_join(g, c, request, new_id), True)


def sync(broker: Broker, peer: Peer, request: Sync, at: Instant) -> Answer:
    """See `group.on_sync`."""
    return _ask(broker, peer, request.group, at, lambda g, c: coordinator.on_sync(g, c, request), False)


def heartbeat(broker: Broker, peer: Peer, request: Heartbeat, at: Instant) -> Answer:
    """See `group.on_heartbeat`."""
    return _ask(broker, peer, request.group, at, lambda g, c: coordinator.on_heartbeat(g, c, request), False)


def leave(broker: Broker, peer: Peer, request: Leave, at: Instant) -> Answer:
    """See `group.on_leave`."""
    return _ask(broker, peer, request.group, at, lambda g, c: coordinator.on_leave(g, c, request), False)


def commit(broker: Broker, peer: Peer, request: Commit, at: Instant) -> Answer:
    """See `group.on_commit`."""
    full = _too_many_offsets(broker, request)
    if full is not None:
        return full
    return _ask(broker, peer, request.group, at, lambda g, c: coordinator.on_commit(g, c, request), True)


def _too_many_offsets(broker: Broker, request: Commit) -> Failure | None:
    """Why no more offsets are kept; None where there is room, or the request names none that is new."""
    group = broker.groups.get(request.group)
    known = {} if group is None else group.offsets
    fresh = sum((part.topic, part.partition) not in known for part in request.offsets)
    if not fresh or sum(len(each.offsets) for each in broker.groups.values()) + fresh <= broker.settings.max_offsets:
        return None
    broker.counters.refused_offsets += fresh
    text = f"the groups have committed {broker.settings.max_offsets} offsets, as many as this broker keeps"
    return Failure(ErrorCode.POLICY_VIOLATION, f"{text}: delete groups that nobody needs")


def offsets_delete(broker: Broker, peer: Peer, request: OffsetsDelete, at: Instant) -> Answer:
    """See `group.on_offsets_delete`."""
    if request.group not in broker.groups:
        return Failure(ErrorCode.GROUP_ID_NOT_FOUND, f"there is no group {request.group}")
    event = coordinator.on_offsets_delete
    return _ask(broker, peer, request.group, at, lambda g, c: event(g, c, request), False)


def committed(broker: Broker, peer: Peer, request: Committed, at: Instant) -> Answer:
    """What a group has committed."""
    group = broker.groups.get(request.group)
    keys = None if request.parts is None else [(part.topic, part.partition) for part in request.parts]
    rows = [
        CommittedPart(topic, partition, NO_OFFSET, "", -1)
        if found is None
        else CommittedPart(topic, partition, found.offset, found.metadata, found.log_epoch)
        for (topic, partition), found in chosen({} if group is None else group.offsets, keys)
    ]
    return CommittedReply(tuple(rows))


def list_groups(broker: Broker, peer: Peer, request: Groups, at: Instant) -> Answer:
    """All groups, by name."""
    found = sorted(broker.groups.items())
    return GroupsReply(tuple(GroupRow(name, group.state.protocol_type, group.phase) for name, group in found))


def group_describe(broker: Broker, peer: Peer, request: GroupDescribe, at: Instant) -> Answer:
    """Groups as tools show them."""
    return Steps(_describe(broker, request))


def _describe(broker: Broker, request: GroupDescribe) -> Generator[None, None, Answer]:
    rows, size = [], 0
    for name in dict.fromkeys(request.groups):
        yield
        group = broker.groups.get(name)
        row = DescribedGroup(name, ErrorCode.GROUP_ID_NOT_FOUND, DEAD, "", "", -1, "", ())
        if group is not None:
            row = coordinator.describe(group)
        size += sum(len(member.metadata) + len(member.assignment) for member in row.members)
        if size > MAX_DESCRIBED:
            return Failure(ErrorCode.MESSAGE_TOO_LARGE, "that is too much for one answer: describe fewer groups")
        rows.append(row)
    return GroupDescribeReply(tuple(rows))


def group_delete(broker: Broker, peer: Peer, request: GroupDelete, at: Instant) -> Answer:
    """Forgets empty groups and what they committed."""
    return Steps(_delete(broker, request, at))


def _delete(broker: Broker, request: GroupDelete, at: Instant) -> Generator[None, None, Answer]:
    rows = []
    for name in request.groups:
        yield
        group = broker.groups.get(name)
        error = ErrorCode.GROUP_ID_NOT_FOUND
        if group is not None:
            error, effects = coordinator.on_delete(group)
            failed = _write(broker, [each.body for each in effects if isinstance(each, Record)], at)
            error = error if failed is None else ErrorCode(failed.error)
        rows.append(GroupResult(name, error))
    return GroupDeleteReply(tuple(rows))


def fenced_member(broker: Broker, member: GroupMember | None) -> Failure | None:
    """Why nothing is to be written in this member's name; None where it is a member, or nobody is named."""
    if member is None:
        return None
    group = broker.groups.get(member.group) or Group(member.group)
    return coordinator.fenced(group, member.member_id, member.instance_id)


# Time, sockets, topics ---------------------------------------------------------------------------


def peer_gone(broker: Broker, peer: int, at: Instant) -> None:
    """A connection closed."""
    for ticket in [ticket for ticket, owner in broker.tickets.items() if owner == peer]:
        del broker.tickets[ticket]
        broker.replies.pop(ticket, None)
    for name in broker.asked.pop(peer, ()):
        group = broker.groups.get(name)
        if group is None:
            continue
        effects = coordinator.peer_gone(group, peer, at.now, at.at)
        if effects:
            carry_out(broker, group, effects, at)
        else:
            _note_due(broker, group)


def on_time(broker: Broker, at: Instant) -> None:
    """Members and rebalances whose time is up."""
    for name in [name for name, due in broker.due.items() if due <= at.now]:
        group = broker.groups[name]
        carry_out(broker, group, coordinator.on_time(group, at.now, at.at), at)


def expire(broker: Broker, at: Instant) -> None:
    """Forgets committed offsets that are too old."""
    for group in list(broker.groups.values()):
        effects = coordinator.on_expiry(group, at.at, broker.settings.offsets_retention_ms)
        if effects:
            carry_out(broker, group, effects, at)


def topics_gone(broker: Broker, topics: Container[str], at: Instant) -> Generator[None, None, None]:
    """Topics were deleted: what was committed for them goes as well, bit by bit."""
    for group in list(broker.groups.values()):
        yield
        parts = [Part(name, number) for name, number in group.offsets if name in topics]
        for start in range(0, len(parts), BATCH_ROWS):
            yield
            if broker.groups.get(group.name) is group:
                carry_out(broker, group, coordinator.forget_offsets(group, parts[start : start + BATCH_ROWS]), at)
