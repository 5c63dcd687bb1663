"""The core of all coordinators, with a subject that is no group: a till that counts what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker_local.base.error_codes import ErrorCode
from broker_local.base.mem_files import MemFiles, Plan
from broker_local.coordinator.coordinator import Coordinator, Rules
from broker_local.coordinator.effects import Call, Effect, Record, Reply
from broker_local.coordinator.log import CoordinatorLog
from broker_local.coordinator.offsets import CommittedOffset
from broker_local.coordinator.records import LogRecord, OffsetRecord
from broker_local.log.log_manager import LogManager
from broker_local.protocol.requests import request
from broker_local.protocol.requests.groups import HeartbeatReply

WALL = 1_700_000_000_000


@dataclass
class Till:
    """What lasts is `total`; whoever asks for more than there is waits until it is there, or time is up."""

    total: int = 0
    waiting: dict[int, tuple[int, int]] = field(default_factory=dict)
    forgotten: int = 0

    def give(self, call: Call, amount: int) -> list[Effect]:
        there = self.total + amount
        effects: list[Effect] = [Record(record(there)), Reply(call.to, HeartbeatReply())]
        for ticket, (wanted, _) in list(self.waiting.items()):
            if wanted <= there:
                del self.waiting[ticket]
                effects.append(Reply(ticket, HeartbeatReply()))
        return effects

    def await_(self, call: Call, amount: int, deadline: int) -> list[Effect]:
        self.waiting[call.to] = (amount, deadline)
        return []


def record(total: int) -> OffsetRecord:
    return OffsetRecord("till", "t", 0, CommittedOffset(total, "", -1, WALL))


def on_time(till: Till, now: int, at: int) -> list[Effect]:
    late = [ticket for ticket, (_, deadline) in till.waiting.items() if deadline <= now]
    for ticket in late:
        del till.waiting[ticket]
    return [Reply(ticket, request.Failure(ErrorCode.REQUEST_TIMED_OUT, "time is up")) for ticket in late]


def not_recorded(till: Till, failed: request.Failure, now: int) -> list[Reply]:
    """Who waits for more waits no longer."""
    till.forgotten += 1
    told = [Reply(ticket, failed) for ticket in till.waiting]
    till.waiting.clear()
    return told


RULES: Rules[Till] = Rules(
    resume=lambda till, now: None,
    next_due=lambda till: min((deadline for _, deadline in till.waiting.values()), default=None),
    on_time=on_time,
    peer_gone=lambda till, peer, now, at: [],
    not_recorded=not_recorded,
    blank=lambda till: not till.total and not till.waiting,
)


class Case:
    """One coordinator on files in memory."""

    def __init__(self, files: MemFiles | None = None, durable: bool = False) -> None:
        self.files = files or MemFiles()
        self.logs = LogManager(self.files, WALL)
        self.log = CoordinatorLog(self.logs, self.replay)
        self.woken: list[object] = []
        self.tills: Coordinator[Till] = Coordinator("till", RULES, self.log, durable, self.woken.append)
        self.log.load()

    def replay(self, made: LogRecord) -> None:
        assert isinstance(made, OffsetRecord) and made.committed is not None
        self.tills.subjects.setdefault(made.group, Till()).total = made.committed.offset

    def give(self, amount: int, peer: int = 1) -> int:
        till = self.tills.subjects.setdefault("till", Till())
        return self.tills.ask("till", till, peer, "me", lambda t, call: t.give(call, amount), 0, WALL)

    def await_(self, amount: int, deadline: int, peer: int = 1) -> int:
        till = self.tills.subjects.setdefault("till", Till())
        return self.tills.ask("till", till, peer, "me", lambda t, call: t.await_(call, amount, deadline), 0, WALL)

    def flush(self) -> None:
        flush = self.logs.begin_flush()
        assert flush is not None
        flush.run(self.files)
        self.logs.end_flush(flush)


def test_records_are_replayed_at_once_and_are_there_after_a_kill() -> None:
    case = Case()
    assert isinstance(case.tills.answer(case.give(3)), HeartbeatReply)
    case.give(4)
    assert case.tills.subjects["till"].total == 7
    assert Case(case.files.after_kill()).tills.subjects["till"].total == 7


def test_who_waits_is_woken_and_answered_in_order() -> None:
    case = Case()
    waits = case.await_(5, 100)
    assert case.tills.answer(waits) is None and case.woken == []
    gives = case.give(5)
    assert case.woken == [case.tills.key(gives), case.tills.key(waits)]
    assert isinstance(case.tills.answer(waits), HeartbeatReply)
    assert case.tills.answer(waits) is None, "a reply is given once"


def test_deadlines_are_the_subjects() -> None:
    case = Case()
    early, late = case.await_(5, 100), case.await_(9, 200)
    assert case.tills.next_due() == 100
    case.tills.on_time(150, WALL)
    found = case.tills.answer(early)
    assert isinstance(found, request.Failure) and found.error == ErrorCode.REQUEST_TIMED_OUT
    assert case.tills.answer(late) is None and case.tills.next_due() == 200


def test_with_durable_a_reply_waits_for_the_disk() -> None:
    case = Case(durable=True)
    ticket = case.give(1)
    assert case.tills.answer(ticket) is None
    case.flush()
    assert isinstance(case.tills.answer(ticket), HeartbeatReply)


def test_on_a_full_disk_nothing_has_happened_and_who_waits_is_told() -> None:
    case = Case()
    case.give(1)
    case.files.plan = Plan(1, "full", calls=frozenset(("write",)))
    found = case.tills.answer(case.give(2))
    assert isinstance(found, request.Failure) and found.error == ErrorCode.KAFKA_STORAGE_ERROR
    till = case.tills.subjects["till"]
    assert (till.total, till.forgotten) == (1, 1)


def test_a_connection_that_closes_gets_no_answers_and_a_subject_of_which_nothing_came_is_forgotten() -> None:
    case = Case()
    waits = case.await_(5, 100, peer=7)
    case.tills.peer_gone(7, 0, WALL)
    case.give(5)
    assert case.tills.answer(waits) is None and case.tills.key(waits) not in case.woken
    assert case.tills.asked == {1: {"till"}}
    empty = Case()
    empty.tills.ask("other", Till(), 1, "me", lambda till, call: [Reply(call.to, HeartbeatReply())], 0, WALL)
    assert empty.tills.subjects == {}
