"""Runs text scripts against the group coordinator, and writes what it did.

A script is a list of commands; under each, after `----`, stands what comes of it. Times are milliseconds.

    join NAME [as=ID] [instance=ID] [protocols=p:meta,q:meta] [session=N] [rebalance=N] [peer=N]
    sync NAME [generation=N] [plan=ID:bytes,...]      heartbeat NAME [generation=N]
    leave NAME                                        commit NAME topic/partition=offset ... [generation=N]
    write NAME                                        is a batch in this member's name taken?
    gone PEER      time +N      restart      describe     committed

NAME is a name of the script's; it stands for the member id that its last join was given.
"""

from __future__ import annotations

from broker_local.base.error_codes import ErrorCode
from broker_local.coordinator import group as groups
from broker_local.coordinator.effects import Call, Effect, Record, Reply
from broker_local.coordinator.group_state import Group, GroupRecord, StateRecord, replay
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
    LeaveReply,
    MemberAssignment,
    Sync,
    SyncReply,
)
from broker_local.protocol.requests.request import Failure

WALL = 1_700_000_000_000


class Coordinator:
    """One group, a clock, and the names of a script."""

    def __init__(self) -> None:
        self.group = Group("g")
        self.now = 0
        self.records: list[GroupRecord] = []
        self.tickets: dict[int, str] = {}
        self.ids: dict[str, str] = {}
        self.instances: dict[str, str] = {}
        self.generations: dict[str, int] = {}

    def run(self, line: str) -> str:
        """Carries out one command; returns what came of it, a line each."""
        command, *words = line.split()
        names = [word for word in words if "=" not in word or "/" in word]
        options = dict(word.split("=", 1) for word in words if "=" in word and "/" not in word)
        if command == "time":
            self.now += int(words[0])
            return self._carry_out(groups.on_time(self.group, self.now, WALL + self.now))
        if command == "gone":
            return self._carry_out(groups.peer_gone(self.group, int(words[0]), self.now, WALL + self.now))
        if command == "restart":
            return self._restart()
        if command == "describe":
            return self._describe()
        if command == "committed":
            found = sorted(self.group.offsets.items())
            return "\n".join(f"{t}/{p} {each.offset} {each.metadata}".rstrip() for (t, p), each in found)
        return self._ask(command, names[0], names[1:], options)

    def _ask(self, command: str, name: str, more: list[str], options: dict[str, str]) -> str:
        ticket = len(self.tickets)
        self.tickets[ticket] = f"{command} {name}"
        call = Call(ticket, int(options.get("peer", "1")), f"client-{name}", self.now, WALL + self.now)
        member = options.get("as", self.ids.get(name, ""))
        instance = options.get("instance", self.instances.get(name))
        generation = int(options.get("generation", self.generations.get(name, -1)))
        if command == "write":
            refused = groups.fenced(self.group, member, instance)
            return "taken" if refused is None else ErrorCode(refused.error).name
        if command == "join":
            self.instances.update({name: instance} if instance else {})
            pairs = [each.split(":") for each in options.get("protocols", "range:m").split(",")]
            protocols = tuple(JoinProtocol(each, data.encode()) for each, data in pairs)
            session, rebalance = int(options.get("session", "10000")), int(options.get("rebalance", "60000"))
            kind = options.get("type", "consumer")
            request = Join("g", session, rebalance, member, instance, kind, protocols)
            return self._carry_out(groups.on_join(self.group, call, request, f"{name}-{ticket}"))
        if command == "sync":
            plan = [each.split(":") for each in options.get("plan", "").split(",") if each]
            rows = tuple(MemberAssignment(self.ids.get(who, who), data.encode()) for who, data in plan)
            return self._carry_out(groups.on_sync(self.group, call, Sync("g", generation, member, instance, rows)))
        if command == "heartbeat":
            return self._carry_out(groups.on_heartbeat(self.group, call, Heartbeat("g", generation, member, instance)))
        if command == "leave":
            leaver = Leaver("" if instance else member, instance)
            return self._carry_out(groups.on_leave(self.group, call, Leave("g", (leaver,))))
        parts = []
        for each in more:
            place, offset = each.split("=")
            topic, partition = place.split("/")
            parts.append(CommitPart(topic, int(partition), int(offset)))
        request_ = Commit("g", generation, member, instance, tuple(parts))
        return self._carry_out(groups.on_commit(self.group, call, request_))

    def _carry_out(self, effects: list[Effect]) -> str:
        lines = []
        for effect in effects:
            if isinstance(effect, Record):
                assert isinstance(effect.body, GroupRecord)
                self.records.append(effect.body)
                read = unpack(*pack(effect.body))
                assert isinstance(read, GroupRecord)
                replay(self.group, read)
                lines.append(f"record {_record(effect.body)}")
            elif isinstance(effect, Reply):
                lines.append(f"{self.tickets[effect.to]}: {self._reply(effect)}")
        return "\n".join(lines)

    def _reply(self, effect: Reply) -> str:
        body, name = effect.body, self.tickets[effect.to].split()[1]
        match body:
            case Failure():
                return ErrorCode(body.error).name
            case JoinReply():
                self.ids[name], self.generations[name] = body.member_id, body.generation
                members = " ".join(f"{each.member_id}={each.metadata.decode()}" for each in body.members)
                skip = " skip" if body.skip_assignment else ""
                leads = f" leads [{members}]{skip}" if body.member_id == body.leader else ""
                return f"{body.member_id} generation {body.generation} {body.protocol}{leads}"
            case SyncReply():
                return f"assigned '{body.assignment.decode()}'"
            case HeartbeatReply():
                return "ok"
            case LeaveReply():
                return " ".join(ErrorCode(each.error).name for each in body.members)
            case CommitReply():
                return " ".join(ErrorCode(each.error).name for each in body.parts)
            case _:
                return type(body).__name__

    def _restart(self) -> str:
        self.group = Group("g")
        for record in self.records:
            replay(self.group, record)
        groups.resume(self.group, self.now)
        return self._describe()

    def _describe(self) -> str:
        found = groups.describe(self.group)
        head = f"{found.state} generation {found.generation} {found.protocol_type} {found.protocol}".rstrip()
        rows = [f"  {each.member_id} {each.instance_id or '-'} '{each.assignment.decode()}'" for each in found.members]
        return "\n".join([head, *rows])


def _record(record: GroupRecord) -> str:
    if isinstance(record, StateRecord):
        if record.state is None:
            return "gone"
        members = " ".join(each.member_id for each in record.state.members) or "nobody"
        kind = "planned" if record.state.assigned else "joined"
        return f"generation {record.state.generation} {kind} {members}"
    offset = "gone" if record.committed is None else record.committed.offset
    return f"{record.topic}/{record.partition} {offset}"
