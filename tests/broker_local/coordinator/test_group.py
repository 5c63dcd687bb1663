"""The group coordinator under any order of events: what must hold always."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.error_codes import ErrorCode
from broker_local.coordinator import group as groups
from broker_local.coordinator.effects import Call, Effect, Record, Reply
from broker_local.coordinator.group_state import (
    COMPLETING,
    EMPTY,
    PREPARING,
    STABLE,
    Group,
    GroupRecord,
    GroupState,
    StateRecord,
    replay,
)
from broker_local.coordinator.records import pack, unpack
from broker_local.protocol.requests.groups import (
    Commit,
    CommitPart,
    CommitReply,
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinProtocol,
    JoinReply,
    Leave,
    Leaver,
    MemberAssignment,
    Part,
    Sync,
    SyncReply,
)
from broker_local.protocol.requests.request import Failure

PARTITIONS = range(4)


class Actor:
    """A client as clumsy as the script says: it uses what it was last told."""

    def __init__(self, name: str, instance: str | None) -> None:
        self.name = name
        self.instance = instance
        self.member = ""
        self.generation = -1
        self.leads: tuple[str, ...] = ()
        self.next = "join"


class World:
    """One group and its clients. Every effect is checked as it comes."""

    def __init__(self) -> None:
        self.group = Group("g")
        self.now = 0
        self.records: list[GroupRecord] = []
        self.waiting: dict[int, tuple[str, Actor]] = {}
        self.next_ticket = 0
        self.actors = [Actor("a", None), Actor("b", None), Actor("c", "one"), Actor("d", "one")]
        self.plans: dict[int, dict[str, bytes]] = {}

    def call(self, kind: str, actor: Actor) -> Call:
        ticket = self.next_ticket
        self.next_ticket += 1
        self.waiting[ticket] = (kind, actor)
        return Call(ticket, self.actors.index(actor), actor.name, self.now, self.now)

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Record):
                if isinstance(effect.body, StateRecord):
                    self.check_state(effect.body)
                self.records.append(effect.body)
                replay(self.group, unpack(*pack(effect.body)))
            else:
                self.check(effect)

    def check_state(self, record: StateRecord) -> None:
        """A generation begins once, is planned once, and its plan stays."""
        before, state = self.group.state, record.state
        assert state is not None
        if not state.assigned:
            assert state.generation > before.generation
            return
        assert state.generation == before.generation
        plan = [member.assignment for member in state.members]
        assert not before.assigned or plan == [member.assignment for member in before.members]

    def check(self, reply: Reply) -> None:
        # Each request is answered once: the ticket is taken out.
        _, actor = self.waiting.pop(reply.to)
        body = reply.body
        state = self.group.state
        if isinstance(body, Failure):
            again = (ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION)
            if body.error not in again:
                actor.member, actor.generation = "", -1
            actor.next = "join"
        if isinstance(body, JoinReply):
            assert body.generation == state.generation
            ids = [member.member_id for member in body.members]
            assert body.member_id in [member.member_id for member in state.members]
            assert (ids == [m.member_id for m in state.members]) == (body.leader == body.member_id)
            actor.member, actor.generation, actor.leads = body.member_id, body.generation, tuple(ids)
            actor.next = "sync"
        elif isinstance(body, SyncReply):
            plan = self.plans[state.generation]
            assert state.assigned
            known = {member.member_id: member.assignment for member in state.members}
            assert actor.generation == state.generation
            assert body.assignment == known[actor.member]
            actor.next = "heartbeat"
            assert sorted(b"".join(plan.values())) == sorted(set(b"".join(plan.values())))
        elif isinstance(body, HeartbeatReply):
            assert self.group.phase != PREPARING
            assert actor.member in self.group.members and actor.generation == state.generation
        elif isinstance(body, CommitReply):
            assert actor.member in self.group.members and actor.generation == state.generation

    # Steps of a script

    def act(self, actor: Actor) -> None:
        """What a proper client does next: it waits for its answer, then does as it was told."""
        if not any(who is actor for _, who in self.waiting.values()):
            getattr(self, actor.next)(actor)

    def join(self, actor: Actor) -> None:
        call = self.call("join", actor)
        protocols = (JoinProtocol("range", actor.name.encode()),)
        request = Join("g", 1000, 2000, actor.member, actor.instance, "consumer", protocols)
        self.carry_out(groups.on_join(self.group, call, request, f"{actor.name}-{call.to}"))

    def sync(self, actor: Actor) -> None:
        plan = {
            member: bytes(p for p in PARTITIONS if p % len(actor.leads) == place)
            for place, member in enumerate(actor.leads)
        }
        if self.group.phase == COMPLETING and actor.member == self.group.state.leader:
            self.plans[self.group.state.generation] = plan
        rows = tuple(MemberAssignment(member, data) for member, data in plan.items())
        request = Sync("g", actor.generation, actor.member, actor.instance, rows)
        self.carry_out(groups.on_sync(self.group, self.call("sync", actor), request))

    def heartbeat(self, actor: Actor) -> None:
        request = Heartbeat("g", actor.generation, actor.member, actor.instance)
        self.carry_out(groups.on_heartbeat(self.group, self.call("heartbeat", actor), request))

    def leave(self, actor: Actor) -> None:
        leaver = Leaver(actor.member, actor.instance)
        self.carry_out(groups.on_leave(self.group, self.call("leave", actor), Leave("g", (leaver,))))

    def commit(self, actor: Actor) -> None:
        part = CommitPart("t", 0, self.next_ticket)
        request = Commit("g", actor.generation, actor.member, actor.instance, (part,))
        was = dict(self.group.offsets)
        if actor.member:
            self.carry_out(groups.on_commit(self.group, self.call("commit", actor), request))
            assert self.group.offsets == was or self.group.offsets["t", 0].offset == part.offset

    def forget(self, actor: Actor) -> None:
        """The client starts anew, over a new connection."""
        self.gone(actor)
        actor.member, actor.generation, actor.next = "", -1, "join"

    def gone(self, actor: Actor) -> None:
        peer = self.actors.index(actor)
        for ticket in [t for t, (_, who) in self.waiting.items() if who is actor]:
            del self.waiting[ticket]
        answered = groups.peer_gone(self.group, peer, self.now, self.now)
        # Who closed the connection is not there to be answered.
        self.carry_out(e for e in answered if isinstance(e, Record) or e.to in self.waiting)

    def time(self, by: int) -> None:
        self.now += by
        self.carry_out(groups.on_time(self.group, self.now, self.now))

    def restart(self) -> None:
        lasting = (self.group.state, dict(self.group.offsets))
        self.group = Group("g")
        for record in self.records:
            replay(self.group, record)
        assert (self.group.state, self.group.offsets) == lasting
        self.waiting.clear()
        groups.resume(self.group, self.now)

    def settle(self) -> None:
        """Time goes on until nothing is due: whoever was silent is out, and nobody waits for ever."""
        for _ in range(40):
            due = groups.next_due(self.group)
            if due is None:
                break
            self.now = max(self.now, due)
            self.carry_out(groups.on_time(self.group, self.now, self.now))
        assert groups.next_due(self.group) is None
        assert not self.waiting
        assert self.group.phase == EMPTY


STEPS = (*["act"] * 14, "join", "sync", "heartbeat", "commit", "commit", "leave", "forget", "gone")


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_any_script_keeps_the_rules(seed: int) -> None:
    world, chance = World(), random.Random(seed)
    for _ in range(150):
        name, number = chance.choice(STEPS), chance.randrange(4)
        if chance.random() < 0.05:
            name, number = "time", chance.choice([1, 300, 999, 2000])
        elif chance.random() < 0.02:
            name = "restart"
        if name == "time":
            world.time(number)
        elif name == "restart":
            world.restart()
        else:
            getattr(world, name)(world.actors[number])
        group = world.group
        assert set(group.sessions) == set(group.members)
        assert group.phase in (EMPTY, PREPARING, COMPLETING, STABLE)
        statics = [member.instance_id for member in group.members.values() if member.instance_id]
        assert len(statics) == len(set(statics))
    world.settle()


@given(st.permutations(range(3)), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_members_that_all_rejoin_come_to_one_plan(order: list[int], late: int) -> None:
    world = World()
    trio = world.actors[:3]
    for number in order:
        world.join(trio[number])
        for actor in trio:
            if actor.member and actor is not trio[number]:
                world.join(actor)
    waiting = {who.name for _, who in world.waiting.values()}
    for actor in trio:
        if actor.name not in waiting and world.group.phase == PREPARING:
            world.join(actor)
    assert world.group.phase == COMPLETING
    for actor in (*trio[late:], *trio[:late]):
        world.sync(actor)
    assert world.group.phase == STABLE
    owned = b"".join(member.assignment for member in world.group.state.members)
    assert sorted(owned) == list(PARTITIONS)


def commit_of(group: Group, text: str) -> list[Effect]:
    parts = (CommitPart("t", 0, 1, text), CommitPart("t", 1, 2))
    return groups.on_commit(group, Call(0, 0, "c", 0, 50), Commit("g", -1, "", None, parts))


def test_metadata_that_is_too_long_fails_its_partition_only() -> None:
    effects = commit_of(Group("g"), "x" * 4097)
    assert isinstance(effects[-1], Reply) and isinstance(effects[-1].body, CommitReply)
    errors = [part.error for part in effects[-1].body.parts]
    assert errors == [ErrorCode.OFFSET_METADATA_TOO_LARGE, ErrorCode.NONE]


def applied(group: Group, effects: Iterable[Effect]) -> list[GroupRecord]:
    records = [effect.body for effect in effects if isinstance(effect, Record)]
    for record in records:
        replay(group, record)
    return records


def test_offsets_of_an_empty_group_expire_and_the_group_with_them() -> None:
    group = Group("g")
    applied(group, commit_of(group, ""))
    assert groups.on_expiry(group, 149, 100) == []
    assert [type(record).__name__ for record in applied(group, groups.on_expiry(group, 150, 100))] == [
        "OffsetRecord",
        "OffsetRecord",
        "StateRecord",
    ]
    assert group.offsets == {} and group.state == GroupState()


def test_offsets_of_a_group_with_members_stay() -> None:
    group = Group("g")
    applied(group, commit_of(group, ""))
    join = Join("g", 1000, 1000, "", None, "consumer", (JoinProtocol("range", b""),))
    applied(group, groups.on_join(group, Call(1, 1, "c", 0, 60), join, "c-1"))
    assert groups.on_expiry(group, 10**12, 100) == []
    assert groups.on_delete(group)[0] == ErrorCode.NON_EMPTY_GROUP


def test_a_deleted_topic_takes_its_offsets_along() -> None:
    group = Group("g")
    applied(group, commit_of(group, ""))
    applied(group, groups.forget_offsets(group, [Part("t", 1), Part("other", 0)]))
    assert list(group.offsets) == [("t", 0)]


def test_a_session_timeout_out_of_bounds_is_refused() -> None:
    join = Join("g", 10**9, 1000, "", None, "consumer", (JoinProtocol("range", b""),))
    (reply,) = groups.on_join(Group("g"), Call(1, 1, "c", 0, 0), join, "c-1")
    assert isinstance(reply, Reply) and isinstance(reply.body, Failure)
    assert reply.body.error == ErrorCode.INVALID_SESSION_TIMEOUT
