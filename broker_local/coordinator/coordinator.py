"""What the coordinators of groups, and of whatever else has a log, have in common.

    event -> effects -> records are appended to the log and replayed -> replies, once what they rest on is safe

What an event comes to is decided by pure functions (`group.py`). Here it is carried out, in order: a reply that follows
a record leaves only when the record is in the log and, with `durable`, on the disk. Where the disk is full the record
has not happened, and who would have been answered is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from broker_local.base.faults import Refusal
from broker_local.coordinator.effects import Call, Effect, Marker, Record
from broker_local.coordinator.effects import Reply as ReplyTo
from broker_local.coordinator.log import CoordinatorLog
from broker_local.coordinator.records import LogRecord
from broker_local.protocol.requests.request import Failure, Reply

STORAGE_RETRY_MS = 1_000

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Rules(Generic[S]):
    """What happens to one subject (a group) by itself. Times are `now`, which never goes back, and
    `at`, the wall clock (ms).

    Args:
        resume: after a start all of its records were replayed; takes `now`.
        next_due: when `on_time` has something to do next (ms); None: never.
        on_time: what comes of deadlines that have passed; takes `now` and `at`.
        peer_gone: what comes of a connection that has closed; takes its number, `now` and `at`.
        not_recorded: a log took no more: what that would have made so has not happened; takes why, and `now`. Who
            waits because of it is to be told.
        blank: nothing is known of it that would have to be kept.
    """

    resume: Callable[[S, int], None]
    next_due: Callable[[S], int | None]
    on_time: Callable[[S, int, int], list[Effect]]
    peer_gone: Callable[[S, int, int, int], list[Effect]]
    not_recorded: Callable[[S, Failure, int], list[ReplyTo]]
    blank: Callable[[S], bool]


class Coordinator(Generic[S]):
    """All subjects of one kind, by name, and who waits for an answer about one.

    `asked` are the subjects about which a connection has asked something.

    Args:
        kind: what it coordinates.
        rules: of one of them.
        log: where what lasts is written.
        durable: does a reply wait until what it rests on is on the disk?
        wake: told that there is a reply, by its key.
        mark: appends a marker to the log of a partition; takes the wall clock (ms) as well.
    """

    def __init__(
        self,
        kind: str,
        rules: Rules[S],
        log: CoordinatorLog,
        durable: bool,
        wake: Callable[[Hashable], None],
        mark: Callable[[Marker, int], None] | None = None,
    ) -> None:
        self.subjects: dict[str, S] = {}
        self.asked: dict[int, set[str]] = {}
        self._kind = kind
        self._rules = rules
        self._log = log
        self._durable = durable
        self._wake = wake
        self._mark = mark
        self._due: dict[str, int] = {}
        self._tickets: dict[int, int] = {}  # requests without an answer, with the connection that asked
        self._replies: dict[int, tuple[int, Reply]] = {}  # and the end of the log that they rest on
        self._next_ticket = 0

    def ask(
        self, name: str, subject: S, peer: int, client: str, event: Callable[[S, Call], list[Effect]], now: int, at: int
    ) -> int:
        """Hands a request to a subject; returns the ticket with which `answer` has the reply."""
        ticket = self._next_ticket
        self._next_ticket += 1
        self._tickets[ticket] = peer
        self.carry_out(name, subject, event(subject, Call(ticket, peer, client, now, at)), now, at)
        if self._rules.blank(subject):
            self.forget(name)
        if name in self.subjects:
            self.heard(name, peer)
        return ticket

    def answer(self, ticket: int) -> Reply | None:
        """The reply, once there is one and what it rests on is as safe as promised; to be asked again when `key` is
        woken, or the log has become durable."""
        rests_on, reply = self._replies.get(ticket, (0, None))
        if reply is None or (rests_on and self._log.durable_end < rests_on):
            return None
        del self._replies[ticket]
        del self._tickets[ticket]
        return reply

    def key(self, ticket: int) -> Hashable:
        """What is woken when there is a reply."""
        return (self._kind, ticket)

    def carry_out(self, name: str, subject: S, effects: Iterable[Effect], now: int, at: int) -> Failure | None:
        """Appends the records and markers and lets the replies go, in order. If the disk is full, whoever waits is
        told, and so is the caller."""
        pending: list[LogRecord] = []
        failed: Failure | None = None
        for effect in effects:
            # Invariant: no reply leaves before the records that stand before it, and none after one that was not taken.
            if isinstance(effect, Record):
                pending.append(effect.body)
                continue
            failed = failed or self.write(pending, at)
            pending = []
            if isinstance(effect, Marker):
                failed = failed or self._marked(effect, at)
            else:
                self._reply(effect.to, failed or effect.body)
        failed = failed or self.write(pending, at)
        if failed is not None:
            for reply in self._rules.not_recorded(subject, failed, now):
                self._reply(reply.to, reply.body)
        self._note_due(name, subject)
        if failed is not None and name in self._due:
            self._due[name] = max(self._due[name], now + STORAGE_RETRY_MS)
        return failed

    def _marked(self, marker: Marker, at: int) -> Failure | None:
        assert self._mark is not None
        try:
            self._mark(marker, at)
        except Refusal as refused:
            return Failure(refused.code, refused.message)
        return None

    def heard(self, name: str, peer: int) -> None:
        """A connection has to do with a subject: it is told when that closes."""
        self.asked.setdefault(peer, set()).add(name)

    def write(self, made: Sequence[LogRecord], at: int) -> Failure | None:
        """Appends records that nobody waits for; tells why it could not."""
        try:
            if made:
                self._log.append(made, at)
        except Refusal as refused:
            return Failure(refused.code, refused.message)
        return None

    def forget(self, name: str) -> None:
        """There is no such subject any more."""
        self.subjects.pop(name, None)
        self._due.pop(name, None)

    # Time and connections

    def resume(self, now: int) -> None:
        """After a start: deadlines begin anew."""
        for name, subject in self.subjects.items():
            self._rules.resume(subject, now)
            self._note_due(name, subject)

    def next_due(self) -> int | None:
        """When `on_time` has something to do next (ms); None: never."""
        return min(self._due.values(), default=None)

    def on_time(self, now: int, at: int) -> None:
        """Deadlines that have passed."""
        for name in [name for name, due in self._due.items() if due <= now]:
            subject = self.subjects[name]
            self.carry_out(name, subject, self._rules.on_time(subject, now, at), now, at)

    def peer_gone(self, peer: int, now: int, at: int) -> None:
        """A connection closed: nobody waits for its answers."""
        for ticket in [ticket for ticket, owner in self._tickets.items() if owner == peer]:
            del self._tickets[ticket]
            self._replies.pop(ticket, None)
        for name in self.asked.pop(peer, ()):
            subject = self.subjects.get(name)
            if subject is not None:
                self.carry_out(name, subject, self._rules.peer_gone(subject, peer, now, at), now, at)

    def _reply(self, ticket: int, body: Reply) -> None:
        if ticket in self._tickets:
            self._replies[ticket] = (self._log.end if self._durable else 0, body)
            self._wake(self.key(ticket))

    def _note_due(self, name: str, subject: S) -> None:
        due = self._rules.next_due(subject)
        if due is None or name not in self.subjects:
            self._due.pop(name, None)
        else:
            self._due[name] = due
