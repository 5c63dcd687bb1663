"""The group coordinator for one group, as Kafka's classic protocol means it: pure.

Events come in with the time; effects come out, in order: records to be appended to the group log, and
replies. A reply that follows a record may leave only when the record is as safe as the broker promises. What
lasts (generation, members, plan, offsets) is changed by `replay` alone, also while running: whoever carries
the effects out appends the record and hands it to `replay`. What does not last (who waits for an answer,
deadlines, sockets) lives beside it and starts anew after a restart.

    Empty --join--> PreparingRebalance --all joined, or time is up--> CompletingRebalance --plan--> Stable
      ^                   ^   |                                               |                        |
      +--- nobody left ---+---+--------- join, leave, a member dies ----------+------------------------+
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from broker_local.base.error_codes import ErrorCode
from broker_local.coordinator.coordinator import Rules
from broker_local.coordinator.effects import Call, Effect, Record, Reply
from broker_local.coordinator.group_state import (
    COMPLETING,
    EMPTY,
    PREPARING,
    STABLE,
    Candidate,
    Group,
    GroupState,
    Member,
    OffsetRecord,
    Session,
    StateRecord,
)
from broker_local.coordinator.offsets import CommittedOffset, PartitionKey, expired
from broker_local.protocol.requests import groups as wire
from broker_local.protocol.requests.records import GroupMember
from broker_local.protocol.requests.request import Failure

DEPARTED = 64
"""Of so many members that have gone the last words are kept."""


MAX_PROTOCOLS = 32
SMALL_METADATA = 4_096


def resume(group: Group, now: int) -> None:
    """After all records of the log were replayed: members have until the end of the grace period to come back.
    """
    for member in group.state.members:
        patience = member.session_timeout_ms
        if member.instance_id is None:
            patience = min(patience, group.settings.grace_ms)
        group.sessions[member.member_id] = Session(None, now + patience)
    if group.phase == COMPLETING:
        _expect_syncs(group, group.state, now)


# Events ------------------------------------------------------------------------------------------


def on_join(group: Group, call: Call, request: wire.Join, new_id: str) -> list[Effect]:
    """A client asks to be a member, or to stay one.

    Args:
        group: the group.
        call: where the request comes from.
        request: what it asks.
        new_id: a member id nobody has, to be given to a new member.
    """
    settings = group.settings
    if not settings.min_session_timeout_ms <= request.session_timeout_ms <= settings.max_session_timeout_ms:
        return _fail(call, ErrorCode.INVALID_SESSION_TIMEOUT, "the session timeout is not within the bounds")
    if len(request.protocols) > MAX_PROTOCOLS:
        text = f"{len(request.protocols)} protocols; a member has at most {MAX_PROTOCOLS}"
        return _fail(call, ErrorCode.INVALID_REQUEST, text)
    if _too_large(group, request):
        text = f"the members of group {group.name} have more than {settings.max_bytes} bytes of metadata together"
        return _fail(call, ErrorCode.GROUP_MAX_SIZE_REACHED, text)
    if not _protocols_fit(group, request):
        text = "the group speaks another protocol type, or no protocol that this member knows"
        return _fail(call, ErrorCode.INCONSISTENT_GROUP_PROTOCOL, text)
    members = group.members
    holder = _static(members, request.instance_id)
    if not request.member_id:
        if holder is not None:
            return _replace_static(group, call, request, holder, new_id)
        if len(members) >= settings.max_size:
            return _fail(call, ErrorCode.GROUP_MAX_SIZE_REACHED, f"the group has {len(members)} members")
        return _enter(group, call, request, _member(request, new_id, call.client))
    wrong = _unknown(group, request.member_id, request.instance_id)
    if wrong is not None:
        return [Reply(call.to, wrong)]
    member = _member(request, request.member_id, call.client)
    known = members[request.member_id]
    same = known.protocols == member.protocols
    phase = group.phase
    leads = request.member_id == group.state.leader
    if same and (phase == COMPLETING or (phase == STABLE and not leads)):
        _heard(group, call, known)
        return [Reply(call.to, _joined(group.state, known.member_id))]
    return _enter(group, call, request, member)


def on_sync(group: Group, call: Call, request: wire.Sync) -> list[Effect]:
    """A member asks for its part of the plan; the leader brings the plan."""
    wrong = _refused(group, request.member_id, request.instance_id, request.generation)
    if wrong is not None:
        return [Reply(call.to, wrong)]
    member = group.members[request.member_id]
    _heard(group, call, member)
    if group.phase == PREPARING:
        return _fail(call, ErrorCode.REBALANCE_IN_PROGRESS, "the group is rebalancing: join again")
    state = group.state
    if group.phase == STABLE:
        return [Reply(call.to, wire.SyncReply(state.protocol_type, state.protocol, member.assignment))]
    group.unsynced.discard(request.member_id)
    earlier = group.syncs.get(request.member_id)
    group.syncs[request.member_id] = call.to
    effects: list[Effect] = []
    if earlier is not None:
        effects.append(Reply(earlier, Failure(ErrorCode.REBALANCE_IN_PROGRESS, "asked again")))
    if request.member_id != state.leader:
        return effects
    plan = {each.member_id: each.assignment for each in request.assignments}
    members = tuple(replace(each, assignment=plan.get(each.member_id, b"")) for each in state.members)
    planned = replace(state, members=members, assigned=True, since=call.at)
    effects.append(Record(StateRecord(group.name, planned)))
    for each in members:
        ticket = group.syncs.pop(each.member_id, None)
        if ticket is not None:
            effects.append(Reply(ticket, wire.SyncReply(state.protocol_type, state.protocol, each.assignment)))
    return effects


def on_heartbeat(group: Group, call: Call, request: wire.Heartbeat) -> list[Effect]:
    """A member says that it lives; the answer tells it whether to join again."""
    wrong = _refused(group, request.member_id, request.instance_id, request.generation)
    if wrong is not None:
        return [Reply(call.to, wrong)]
    _heard(group, call, group.members[request.member_id])
    _told(group, request.member_id, request.status)
    if group.phase == PREPARING:
        return _fail(call, ErrorCode.REBALANCE_IN_PROGRESS, "the group is rebalancing: join again")
    return [Reply(call.to, wire.HeartbeatReply())]


def on_leave(group: Group, call: Call, request: wire.Leave) -> list[Effect]:
    """Members go: dynamic ones by their id, static ones by their instance id."""
    results: list[wire.LeftMember] = []
    gone: list[str] = []
    for leaver in request.members:
        members = group.members
        holder = _static(members, leaver.instance_id)
        if leaver.instance_id is not None and holder is not None and not leaver.member_id:
            error, name = ErrorCode.NONE, holder.member_id
        else:
            wrong = _unknown(group, leaver.member_id, leaver.instance_id)
            error, name = (ErrorCode.NONE if wrong is None else ErrorCode(wrong.error)), leaver.member_id
        if error == ErrorCode.NONE:
            gone.append(name)
        results.append(wire.LeftMember(leaver.member_id, leaver.instance_id, error))
    if gone:
        _told(group, gone[0], request.status)
    effects = _remove(group, gone, call.now, call.at)
    return [*effects, Reply(call.to, wire.LeaveReply(tuple(results)))]


def _told(group: Group, member_id: str, status: bytes) -> None:
    """Keeps what a member tells of itself, and the last words of a bounded number of those that have gone."""
    if not status:
        return
    statuses = group.statuses
    statuses.pop(member_id, None)  # the latest are at the end
    statuses[member_id] = status
    if len(statuses) <= DEPARTED:
        return
    members = group.members
    gone = [name for name in statuses if name not in members]
    for name in gone[: max(0, len(gone) - DEPARTED)]:
        del statuses[name]


def on_commit(group: Group, call: Call, request: wire.Commit) -> list[Effect]:
    """Positions are committed: by a member of this generation, or by anybody while there are no members."""
    if request.generation >= 0 or request.member_id or group.phase != EMPTY:
        wrong = _refused(group, request.member_id, request.instance_id, request.generation)
        if wrong is not None:
            return [Reply(call.to, wrong)]
        _heard(group, call, group.members[request.member_id])
        if group.phase == COMPLETING:
            return _fail(call, ErrorCode.REBALANCE_IN_PROGRESS, "the new generation has no plan yet")
    effects: list[Effect] = []
    results: list[wire.PartResult] = []
    for part in request.offsets:
        error = ErrorCode.NONE
        if len(part.metadata) > group.settings.max_metadata:
            error = ErrorCode.OFFSET_METADATA_TOO_LARGE
        else:
            committed = CommittedOffset(part.offset, part.metadata, part.log_epoch, call.at)
            effects.append(Record(OffsetRecord(group.name, part.topic, part.partition, committed)))
        results.append(wire.PartResult(part.topic, part.partition, error))
    return [*effects, Reply(call.to, wire.CommitReply(tuple(results)))]


def may_send_offsets(group: Group, member: GroupMember, generation: int) -> Failure | None:
    """Why offsets may not become part of a transaction in this name; None where they may. As in Kafka a generation that
    has no plan yet is no reason: what its member had before is what it commits; and it is no heartbeat: it comes by the
    connection of a producer, which says nothing of the member by closing."""
    if generation < 0 and not member.member_id:
        return None  # no member: whoever assigns partitions by hand
    return _refused(group, member.member_id, member.instance_id, generation)


def on_offsets_delete(group: Group, call: Call, request: wire.OffsetsDelete) -> list[Effect]:
    """Committed positions are taken away; only while the group is empty."""
    if group.phase != EMPTY:
        return _fail(call, ErrorCode.NON_EMPTY_GROUP, f"the group {group.name} has members")
    effects: list[Effect] = [
        Record(OffsetRecord(group.name, part.topic, part.partition, None))
        for part in request.parts
        if (part.topic, part.partition) in group.offsets
    ]
    results = tuple(wire.PartResult(part.topic, part.partition, ErrorCode.NONE) for part in request.parts)
    return [*effects, Reply(call.to, wire.OffsetsDeleteReply(results))]


def on_delete(group: Group) -> tuple[ErrorCode, list[Effect]]:
    """The group and its offsets are to be forgotten; refused while it has members."""
    if group.phase != EMPTY:
        return ErrorCode.NON_EMPTY_GROUP, []
    return ErrorCode.NONE, _forget(group, list(group.offsets), whole=True)


def forget_offsets(group: Group, parts: Iterable[wire.Part]) -> list[Effect]:
    """Topics were deleted, and with them what was committed for them."""
    keys = [(part.topic, part.partition) for part in parts]
    return _forget(group, [key for key in keys if key in group.offsets], whole=False)


def peer_gone(group: Group, peer: int, now: int, at: int) -> list[Effect]:
    """A connection closed: its dynamic members are gone, its static ones have until their session ends."""
    members = group.members
    mine = [name for name, session in group.sessions.items() if session.peer == peer and name in members]
    for name in mine:
        if members[name].instance_id is not None:
            _unpark(group, name)
            group.sessions[name] = Session(None, now + members[name].session_timeout_ms)
    return _remove(group, [name for name in mine if members[name].instance_id is None], now, at)


def on_time(group: Group, now: int, at: int) -> list[Effect]:
    """Deadlines that have passed: silent members, members that did not join or sync in time."""
    members = group.members
    silent = [
        name
        for name, session in group.sessions.items()
        if session.deadline is not None and session.deadline <= now and name in members
    ]
    effects = _remove(group, silent, now, at)
    if effects:
        return effects
    if group.candidates is not None and group.join_deadline <= now:
        return _close_joining(group, now, at)
    if group.phase == COMPLETING and group.sync_deadline is not None and group.sync_deadline <= now:
        return _remove(group, sorted(group.unsynced), now, at)
    return []


def next_due(group: Group) -> int | None:
    """When `on_time` has something to do next; None: never."""
    due = [session.deadline for session in group.sessions.values() if session.deadline is not None]
    if group.candidates is not None:
        due.append(group.join_deadline)
    elif group.phase == COMPLETING and group.sync_deadline is not None and group.unsynced:
        due.append(group.sync_deadline)
    return min(due, default=None)


def on_expiry(group: Group, at: int, retention_ms: int) -> list[Effect]:
    """Forgets offsets older than `retention_ms`, and the group with the last of them."""
    since = group.state.since if group.phase == EMPTY else None
    keys = expired(group.offsets, since, at, retention_ms)
    idle = since is not None and at - since >= retention_ms
    whole = idle and len(keys) == len(group.offsets)
    return _forget(group, keys, whole) if keys or whole else []


def not_recorded(group: Group, failed: Failure, now: int) -> list[Reply]:
    """The log took no more records: what they would have made so has not happened. New members whose joins
    failed never learnt their ids, and come again as others."""
    if group.candidates is None:
        return []
    lasting = {member.member_id for member in group.state.members}
    for name in [name for name, each in group.candidates.items() if each.parked is None]:
        if name not in lasting:
            del group.candidates[name]
            group.sessions.pop(name, None)
    if not group.candidates and not lasting:
        group.candidates = None
    return []


def describe(group: Group) -> wire.DescribedGroup:
    """The group as tools show it."""
    state, members = group.state, group.members
    return wire.DescribedGroup(
        group.name,
        ErrorCode.NONE,
        group.phase,
        state.protocol_type,
        state.protocol if group.phase in (STABLE, COMPLETING) else "",
        state.generation,
        state.leader,
        tuple(
            wire.DescribedMember(
                member.member_id,
                member.instance_id,
                member.client,
                member.metadata(state.protocol),
                member.assignment,
                group.statuses.get(member.member_id, b""),
            )
            for member in members.values()
        ),
        tuple(status for name, status in group.statuses.items() if name not in members),
    )


# Joining -----------------------------------------------------------------------------------------


def _enter(group: Group, call: Call, request: wire.Join, member: Member) -> list[Effect]:
    """The member waits for the next generation; the rebalance is begun where none is on."""
    effects = _prepare(group, call.now)
    assert group.candidates is not None
    group.kind = request.protocol_type
    kept = group.candidates.get(member.member_id)
    if kept is not None:
        if kept.parked is not None:
            effects.append(Reply(kept.parked, Failure(ErrorCode.REBALANCE_IN_PROGRESS, "asked again")))
        member = replace(member, assignment=kept.member.assignment)
    group.candidates[member.member_id] = Candidate(member, call.to)
    group.sessions[member.member_id] = Session(call.peer, None)
    group.join_deadline = max(group.join_deadline, call.now + member.rebalance_timeout_ms)
    return [*effects, *_complete_if_ready(group, call.now, call.at)]


def _prepare(group: Group, now: int) -> list[Effect]:
    """Begins a rebalance: those who wait for a plan are told to join again."""
    if group.candidates is not None:
        return []
    members = group.members
    again = Failure(ErrorCode.REBALANCE_IN_PROGRESS, "the group is rebalancing: join again")
    effects: list[Effect] = [Reply(ticket, again) for ticket in group.syncs.values()]
    group.syncs.clear()
    group.unsynced.clear()
    group.sync_deadline = None
    group.candidates = {name: Candidate(member) for name, member in members.items()}
    longest = max((member.rebalance_timeout_ms for member in members.values()), default=0)
    group.join_deadline = now + longest
    return effects


def _complete_if_ready(group: Group, now: int, at: int) -> list[Effect]:
    candidates = group.candidates
    if candidates is None or any(each.parked is None for each in candidates.values()):
        return []
    return _complete(group, now, at)


def _close_joining(group: Group, now: int, at: int) -> list[Effect]:
    """The time for joining is up: dynamic members that did not come are out; static ones stay."""
    assert group.candidates is not None
    late = [name for name, each in group.candidates.items() if each.parked is None and each.member.instance_id is None]
    for name in late:
        del group.candidates[name]
        group.sessions.pop(name, None)
    if group.candidates and all(each.parked is None for each in group.candidates.values()):
        # Only absent static members are left, and none of them could lead: wait for their sessions to end.
        group.join_deadline = now + max(e.member.rebalance_timeout_ms for e in group.candidates.values())
        return []
    return _complete(group, now, at)


def _complete(group: Group, now: int, at: int) -> list[Effect]:
    """The next generation: who waits is answered."""
    assert group.candidates is not None
    candidates, before = group.candidates, group.state
    if not candidates:
        empty = GroupState(before.generation + 1, before.protocol_type, since=at)
        return [Record(StateRecord(group.name, empty))]
    here = [name for name, each in candidates.items() if each.parked is not None]
    leader = before.leader if before.leader in here else here[0]
    members = tuple(replace(each.member, absent=each.parked is None) for each in candidates.values())
    state = GroupState(
        before.generation + 1,
        group.kind or before.protocol_type,
        _vote(candidates[leader].member, members),
        leader,
        members,
        assigned=False,
        since=at,
    )
    effects: list[Effect] = [Record(StateRecord(group.name, state))]
    for name, each in candidates.items():
        if each.parked is not None:
            effects.append(Reply(each.parked, _joined(state, name)))
            each.parked = None
            group.sessions[name].deadline = now + each.member.session_timeout_ms
    _expect_syncs(group, state, now)
    return effects


def _expect_syncs(group: Group, state: GroupState, now: int) -> None:
    group.unsynced = {member.member_id for member in state.members}
    group.sync_deadline = now + max(member.rebalance_timeout_ms for member in state.members)


def _vote(leader: Member, members: Sequence[Member]) -> str:
    """The protocol that all know and most like best; of equals, the one that stands first with the leader."""
    known = [{each.name for each in member.protocols} for member in members]
    common = [each.name for each in leader.protocols if all(each.name in names for names in known)]
    votes = dict.fromkeys(common, 0)
    for member in members:
        votes[next(each.name for each in member.protocols if each.name in votes)] += 1
    return max(common, key=lambda name: votes[name])


def _joined(state: GroupState, member_id: str, skip: bool = False) -> wire.JoinReply:
    leads = member_id == state.leader
    members = tuple(
        wire.JoinedMember(each.member_id, each.instance_id, each.metadata(state.protocol))
        for each in (state.members if leads else ())
    )
    return wire.JoinReply(
        state.generation,
        state.protocol_type,
        state.protocol,
        state.leader,
        member_id,
        members,
        skip and leads,
    )


def _replace_static(group: Group, call: Call, request: wire.Join, holder: Member, new_id: str) -> list[Effect]:
    """A static member was started again: it takes the place of its predecessor, which is fenced.

    Where that one had missed this generation, its plan rests on what it had told long before: there is a new one.
    """
    effects = _fence(group, holder.member_id)
    member = replace(_member(request, new_id, call.client), assignment=holder.assignment)
    state = group.state
    group.sessions.pop(holder.member_id, None)
    group.unsynced.discard(holder.member_id)
    members = tuple(member if each.member_id == holder.member_id else each for each in state.members)
    kept = group.phase == STABLE and not holder.absent
    if kept and _vote(_leader(state, members, member), members) == state.protocol:
        leader = new_id if state.leader == holder.member_id else state.leader
        same = replace(state, members=members, leader=leader, since=call.at)
        group.sessions[new_id] = Session(call.peer, call.now + member.session_timeout_ms)
        effects.append(Record(StateRecord(group.name, same)))
        effects.append(Reply(call.to, _joined(same, new_id, skip=True)))
        return effects
    effects.extend(_prepare(group, call.now))
    assert group.candidates is not None
    # In its predecessor's place: the order of members decides who leads.
    group.candidates = {
        (new_id if name == holder.member_id else name): (Candidate(member) if name == holder.member_id else each)
        for name, each in group.candidates.items()
    }
    return [*effects, *_enter(group, call, request, member)]


def _leader(state: GroupState, members: Sequence[Member], otherwise: Member) -> Member:
    return next((each for each in members if each.member_id == state.leader), otherwise)


def _fence(group: Group, member_id: str) -> list[Effect]:
    """Whatever this member waits for is answered: somebody else has its instance id now."""
    fenced = Failure(ErrorCode.FENCED_INSTANCE_ID, "another member with this group.instance.id has taken over")
    return [Reply(ticket, fenced) for ticket in _unpark(group, member_id)]


def _unpark(group: Group, member_id: str) -> list[int]:
    """The tickets this member waits with; it waits no longer."""
    tickets = []
    sync = group.syncs.pop(member_id, None)
    if sync is not None:
        tickets.append(sync)
    candidate = None if group.candidates is None else group.candidates.get(member_id)
    if candidate is not None and candidate.parked is not None:
        tickets.append(candidate.parked)
        candidate.parked = None
    return tickets


def _remove(group: Group, names: Iterable[str], now: int, at: int) -> list[Effect]:
    """Members are out; the others get a new generation."""
    out = [name for name in names if name in group.members]
    if not out:
        return []
    unknown = Failure(ErrorCode.UNKNOWN_MEMBER_ID, "the member is no longer part of the group")
    effects: list[Effect] = []
    for name in out:
        effects.extend(Reply(ticket, unknown) for ticket in _unpark(group, name))
        group.sessions.pop(name, None)
    effects.extend(_prepare(group, now))
    assert group.candidates is not None
    for name in out:
        group.candidates.pop(name, None)
    return [*effects, *_complete_if_ready(group, now, at)]


# Checks ------------------------------------------------------------------------------------------


def _member(request: wire.Join, member_id: str, client: str) -> Member:
    return Member(
        member_id,
        request.instance_id,
        client,
        request.session_timeout_ms,
        request.rebalance_timeout_ms,
        request.protocols,
    )


def _static(members: dict[str, Member], instance_id: str | None) -> Member | None:
    if instance_id is None:
        return None
    return next((each for each in members.values() if each.instance_id == instance_id), None)


def _protocols_fit(group: Group, request: wire.Join) -> bool:
    """Is there a protocol that this member and all the others know?"""
    if not request.protocol_type or not request.protocols:
        return False
    others = [
        member
        for member in group.members.values()
        if member.member_id != request.member_id
        and (request.instance_id is None or member.instance_id != request.instance_id)
    ]
    if others and request.protocol_type != (group.kind or group.state.protocol_type):
        return False
    common = {each.name for each in request.protocols}
    for member in others:
        common &= {each.name for each in member.protocols}
    return bool(common)


def _too_large(group: Group, request: wire.Join) -> bool:
    """Would the members' metadata, which the broker holds, be more than it may be? What is small always fits."""
    size = sum(len(each.metadata) for each in request.protocols)
    if size <= SMALL_METADATA:
        return False
    others = (member for member in group.members.values() if member.member_id != request.member_id)
    size += sum(len(each.metadata) for member in others for each in member.protocols)
    return size > group.settings.max_bytes


def _unknown(group: Group, member_id: str, instance_id: str | None) -> Failure | None:
    """Is this no member, or one whose instance id another one has?"""
    members = group.members
    holder = _static(members, instance_id)
    if holder is not None and holder.member_id != member_id:
        return Failure(
            ErrorCode.FENCED_INSTANCE_ID,
            f"another member with group.instance.id {instance_id} has taken over in group {group.name}",
        )
    member = members.get(member_id)
    if member is None or member.instance_id != instance_id or member.absent:
        why = "has missed a rebalance" if member is not None and member.absent else "is no member"
        return Failure(
            ErrorCode.UNKNOWN_MEMBER_ID, f"{member_id or 'nobody'} {why} of group {group.name}: join again"
        )
    return None


def _refused(group: Group, member_id: str, instance_id: str | None, generation: int) -> Failure | None:
    wrong = _unknown(group, member_id, instance_id)
    if wrong is None and generation != group.state.generation:
        text = f"generation {generation} of group {group.name} is over; it is at {group.state.generation}"
        wrong = Failure(ErrorCode.ILLEGAL_GENERATION, text)
    return wrong


def fenced(group: Group, member_id: str, instance_id: str | None) -> Failure | None:
    """Why nothing may be written in the name of a member; None while it is one. In a rebalance the candidates count:
    who was put out is out at once, who has not joined yet still has its partitions."""
    member = group.find(member_id)
    if member is not None and not member.absent:
        return None
    wrong = _unknown(group, member_id, instance_id)
    if wrong is None or wrong.error == ErrorCode.FENCED_INSTANCE_ID:
        return wrong
    return Failure(ErrorCode.FENCED_MEMBER_EPOCH, f"{wrong.message}, without any partition")


def _heard(group: Group, call: Call, member: Member) -> None:
    """The member lives, and this is its connection. Whoever waits for a join has no deadline."""
    candidate = None if group.candidates is None else group.candidates.get(member.member_id)
    waits = candidate is not None and candidate.parked is not None
    deadline = None if waits else call.now + member.session_timeout_ms
    group.sessions[member.member_id] = Session(call.peer, deadline)


def _forget(group: Group, keys: Iterable[PartitionKey], whole: bool) -> list[Effect]:
    effects: list[Effect] = [Record(OffsetRecord(group.name, *key, None)) for key in keys]
    if whole:
        effects.append(Record(StateRecord(group.name, None)))
    return effects


def _fail(call: Call, error: ErrorCode, message: str) -> list[Effect]:
    return [Reply(call.to, Failure(error, message))]


def _blank(group: Group) -> bool:
    """Is there nothing of it? It came to be by a request that came to nothing."""
    return not group.members and not group.offsets and not group.state.generation


RULES = Rules(resume, next_due, on_time, peer_gone, not_recorded, _blank)
