"""Runs text scripts against the transaction coordinator, and writes what it did.

A script is a list of commands; under each, after `----`, stands what comes of it. Times are milliseconds.

    init NAME [timeout=N] [peer=N] [client=C] [member=GROUP:ID] [goes-on] [far] [producer=ID/EPOCH]
    write NAME topic/partition ... [peer=N]           the first batch of these partitions comes
    offsets NAME topic/partition=offset ... [group=G] [member=ID]
    commit NAME     abort NAME     end-by-tool
    safe            what is prepared is on the disk: markers are written, and once they are there it is completed
    markers         only the first half of that          full       from now on the logs take nothing      space
    gone PEER       out            time +N               restart    describe                               epoch N

NAME is a name of the script's; it stands for the producer id and epoch that its last answer gave it. Markers that are
written are told. With `process` as the first command all that is prepared is safe at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker_local.base.error_codes import ErrorCode
from broker_local.coordinator import transaction as machine
from broker_local.coordinator.effects import Call, Effect, Marker, Record, Reply
from broker_local.coordinator.group_state import OffsetRecord
from broker_local.coordinator.records import LogRecord, pack, unpack
from broker_local.coordinator.transaction_state import (
    PREPARED,
    ProducerIdentity,
    Transaction,
    TransactionRecord,
    exhausted,
    replay,
)
from broker_local.protocol.requests.groups import CommitPart
from broker_local.protocol.requests.records import GroupMember
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.requests.transactions import (
    EndTransaction,
    InitTransactions,
    ProducerIdReply,
    TransactionOffsets,
    TransactionOffsetsReply,
)

WALL = 1_700_000_000_000


class Case:
    """One transactional id, a clock, and the names of a script."""

    def __init__(self) -> None:
        self.transaction = Transaction("x")
        self.now = 0
        self.records: list[LogRecord] = []
        self.tickets: dict[int, str] = {}
        self.held: dict[str, ProducerIdentity] = {}
        self.process = False
        self.full = False
        self.fresh = 100

    def run(self, line: str) -> str:
        """Carries out one command; returns what came of it, a line each."""
        command, *words = line.split()
        names = [word for word in words if "=" not in word or "/" in word.split("=")[0]]
        options = dict(word.split("=", 1) for word in words if "=" in word and "/" not in word.split("=")[0])
        at = WALL + self.now
        match command:
            case "process":
                self.process = True
                return ""
            case "full" | "space":
                self.full = command == "full"
                return ""
            case "time":
                self.now += int(words[0])
                return self._carry_out(machine.on_time(self.transaction, self.now, WALL + self.now))
            case "gone":
                return self._carry_out(machine.peer_gone(self.transaction, int(words[0]), self.now, at))
            case "out":
                return self._carry_out(machine.member_out(self.transaction))
            case "safe" | "markers":
                return self._settle(command == "safe")
            case "restart":
                self._restart()
                return self._describe()
            case "epoch":
                assert self.transaction.state is not None
                producer = ProducerIdentity(self.transaction.state.producer.producer_id, int(words[0]))
                state = replace(self.transaction.state, producer=producer)
                self.held = dict.fromkeys(self.held, producer)
                return self._carry_out([Record(TransactionRecord("x", state))])
            case "describe":
                return self._describe()
        return self._ask(command, names[0] if names else "tool", names[1:], options)

    def _ask(self, command: str, name: str, more: Sequence[str], options: dict[str, str]) -> str:
        ticket = len(self.tickets)
        self.tickets[ticket] = f"{command} {name}"
        peer = int(options.get("peer", "1"))
        call = Call(ticket, peer, options.get("client", f"client-{name}"), self.now, WALL + self.now)
        held = self.held.get(name, ProducerIdentity(-1, -1))
        if "producer" in options:
            held = ProducerIdentity(*map(int, options["producer"].split(":")))
        transaction = self.transaction
        match command:
            case "init":
                named = options.get("member")
                goes_on = held if "goes-on" in more else ProducerIdentity(-1, -1)
                writer = None if named is None else GroupMember(*named.split(":"))
                timeout = int(options.get("timeout", "60000"))
                self.fresh += 1
                request = InitTransactions("x", timeout, *goes_on, writer)
                return self._carry_out(machine.on_init(transaction, call, request, self.fresh, "far" not in more))
            case "write":
                places = [(topic, int(number)) for topic, number in (each.split("/") for each in more)]
                came = machine.on_partition(transaction, peer, self.now, call.at, held, places)
                return _refused(came) if isinstance(came, Failure) else self._carry_out(came) or "joined before"
            case "offsets":
                rows = []
                for each in more:
                    place, offset = each.split("=")
                    topic, number = place.split("/")
                    rows.append(CommitPart(topic, int(number), int(offset)))
                group, member, generation = options.get("group", "g"), options.get("member", "m"), 1
                sent = TransactionOffsets("x", *held, group, generation, member, None, tuple(rows))
                return self._carry_out(machine.on_offsets(transaction, call, sent))
            case "commit" | "abort":
                end = EndTransaction("x", *held, command == "commit")
                fresh = 0
                if exhausted(transaction):
                    self.fresh += 1
                    fresh = self.fresh
                return self._carry_out(machine.on_end(transaction, call, end, fresh))
        return self._carry_out(machine.on_abort(transaction, call))

    def _carry_out(self, effects: Sequence[Effect]) -> str:
        lines: list[str] = []
        for effect in effects:
            if not isinstance(effect, Reply) and self.full:
                failed = Failure(ErrorCode.KAFKA_STORAGE_ERROR, "no space")
                told = machine.not_recorded(self.transaction, failed, self.now)
                replies = [*told, *(each for each in effects if isinstance(each, Reply))]
                return "\n".join(f"{self.tickets[each.to]}: {_refused(failed)}" for each in replies) or "not recorded"
            if isinstance(effect, Record):
                self.records.append(effect.body)
                read = unpack(*pack(effect.body))
                assert read == effect.body
                if isinstance(read, TransactionRecord):
                    replay(self.transaction, read)
                lines.append(f"record {_record(read)}")
            elif isinstance(effect, Marker):
                what = "commit" if effect.commit else "abort"
                lines.append(f"{what} {effect.topic}/{effect.partition} of {effect.producer_id}/{effect.epoch}")
            else:
                lines.append(f"{self.tickets[effect.to]}: {self._reply(effect)}")
        if self.process and self.transaction.state is not None and self.transaction.state.state in PREPARED:
            lines.append(self._settle(True))
        return "\n".join(lines)

    def _settle(self, whole: bool) -> str:
        transaction = self.transaction
        lines = [] if transaction.marked else [self._carry_out_once(machine.on_prepared(transaction))]
        if whole and transaction.marked:
            lines.append(self._carry_out_once(machine.on_marked(transaction, WALL + self.now)))
        return "\n".join(filter(None, lines))

    def _carry_out_once(self, effects: Sequence[Effect]) -> str:
        process, self.process = self.process, False
        came = self._carry_out(effects)
        self.process = process
        return came

    def _reply(self, effect: Reply) -> str:
        body, name = effect.body, self.tickets[effect.to].split()[1]
        match body:
            case Failure():
                return _refused(body)
            case ProducerIdReply():
                self.held[name] = ProducerIdentity(body.producer_id, body.epoch)
                return f"{body.producer_id}/{body.epoch}"
            case TransactionOffsetsReply():
                return " ".join(ErrorCode(each.error).name for each in body.parts)
            case _:
                return type(body).__name__

    def _restart(self) -> None:
        self.transaction = Transaction("x")
        for record in self.records:
            if isinstance(record, TransactionRecord):
                replay(self.transaction, record)
        machine.resume(self.transaction, self.now)

    def _describe(self) -> str:
        if self.transaction.state is None:
            return "nothing"
        found = machine.describe(self.transaction)
        places = " ".join(f"{each.topic}/{each.partition}" for each in found.partitions) or "-"
        since = "-" if found.since < 0 else f"{found.since - WALL:+d}"
        here = "connected" if found.connected else "away"
        groups = f" groups {' '.join(found.groups)}" if found.groups else ""
        head = f"{found.state} {found.producer_id}/{found.epoch} timeout {found.timeout_ms}"
        return f"{head} of {found.holder} {here} since {since} partitions {places}{groups}"


def _refused(failed: Failure) -> str:
    return ErrorCode(failed.error).name


def _record(record: LogRecord) -> str:
    if isinstance(record, OffsetRecord):
        assert record.committed is not None
        return f"offset {record.group} {record.topic}/{record.partition} {record.committed.offset}"
    assert isinstance(record, TransactionRecord)
    state = record.state
    if state is None:
        return "forgotten"
    ended = "" if state.ended is None else f" after {state.ended.producer.epoch} {state.ended.how}"
    places = "".join(f" {topic}/{number}" for topic, number in state.partitions)
    return f"{state.state} {state.producer.producer_id}/{state.producer.epoch}{places}{ended}"
