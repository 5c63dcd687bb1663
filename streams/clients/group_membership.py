"""A membership that lives by itself: the pure member, its connection, and the mailbox of its owner.

The background thread sends the heartbeats and takes the answers; what concerns the owner (a consumer, a worker) waits
in the mailbox until it calls `take`, and `notify` is called when something was put there.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from streams.clients.api import (
    CommitOffsetsReply,
    ConsumerGroupMetadata,
    Door,
    FetchOffsets,
    FetchOffsetsReply,
    GroupLink,
    GroupReply,
    GroupRequest,
    Heartbeat,
    LeaveGroup,
    Position,
    Troubled,
    nobody,
)
from streams.clients.assignors import Subscription
from streams.clients.background import LOCK_S, background_of
from streams.clients.member import Assigned, Event, Failed, Lead, Lost, Member, MemberSettings, Rebalance, Send
from streams.errors import (
    BackgroundThreadException,
    IllegalGenerationException,
    KafkaException,
    KafkaStorageException,
    RebalanceInProgressException,
    RetriableException,
    TimeoutException,
    UnknownMemberIdException,
)
from streams.record import TopicPartition

log = logging.getLogger("streams.clients")

MembershipEvent = Assigned | Lead | Rebalance | Lost | Failed
Done = Callable[[KafkaException | None], None]

RETRY_MS = 100
LEAVE_S = 1.0
SILENT_MS = 3_000
"""A heartbeat that is not answered for so long is told of."""
_FINAL = (RebalanceInProgressException, IllegalGenerationException, UnknownMemberIdException)
"""Kinds of retriable errors that only a new membership can heal."""


class Reports(NamedTuple):
    """What is told of an owner, and to it. Both are called from the background thread and must not wait.

    Args:
        status: gives what heartbeats tell of the owner, at most 1 kB.
        troubled: takes the cause and the words of what keeps the owner from its work.
    """

    status: Callable[[], bytes]
    troubled: Troubled


NO_REPORTS = Reports(bytes, nobody)


class GroupMembership:
    """One place in one group. Used by its owner's thread; the background thread serves it meanwhile.

    Without `rejoin` it is no member, but can commit and fetch for a group that has none.

    Args:
        door: gives it a connection of its own, which it closes.
        settings: names and timeouts.
        notify: called from the background thread when the mailbox has got something; must not wait.
        reports: what is told with the heartbeats, and to the owner.
    """

    def __init__(
        self,
        door: Door,
        settings: MemberSettings,
        notify: Callable[[], None],
        reports: Reports = NO_REPORTS,
    ) -> None:
        self._reports = reports
        self._world = door.world
        self._background = background_of(self._world)
        self._link: GroupLink = door.link()
        self._member = Member(settings)
        self._notify = notify
        self._lock = self._world.condition()
        self._life = 0  # answers to requests of an earlier membership are passed over
        self._asked: dict[int, int | Callable[[GroupReply], None]] = {}
        self._sent_at: dict[int, int] = {}
        self._confirmed_at = -(1 << 62)
        self._events: deque[MembershipEvent] = deque()
        self._callbacks: deque[Callable[[], None]] = deque()
        self._interval_ms = 0
        self._auto_due = 0
        self._beat_at = self._silence_due = 0
        self._auto: Mapping[TopicPartition, Position] = {}
        self._auto_done: Mapping[TopicPartition, Position] = {}
        self._wanted = False  # a membership is what its owner counts on
        self._closed = False
        self._fault: BaseException | None = None
        self._background.add(self)

    @property
    def member_id(self) -> str:
        """The member's id, "" where it is none."""
        return self._member.member_id

    @property
    def generation(self) -> int:
        """The generation it is part of, -1 where it is none."""
        return self._member.generation

    @property
    def settings(self) -> MemberSettings:
        """What it was made of."""
        return self._member.settings

    def metadata(self) -> ConsumerGroupMetadata:
        """As whom positions are committed now, by a transaction.

        Raises:
            UnknownMemberIdException: the membership has ended.
        """
        with self._lock:  # else it could end in between, and be taken for nobody's
            if self._is_out():
                raise self._out_of_the_group()
            settings, member = self.settings, self._member
            return ConsumerGroupMetadata(settings.group, member.generation, member.member_id, settings.instance_id)

    @property
    def is_confirmed(self) -> bool:
        """The coordinator has counted this as a member within the session timeout; otherwise it may have put it out
        without its knowledge. Any thread may ask."""
        return self._background.now() - self._confirmed_at <= self.settings.session_timeout_ms

    def now(self) -> int:
        """Its clock: monotonic, in milliseconds."""
        return self._background.now()

    # Membership

    def rejoin(self, subscription: Subscription) -> None:
        """Joins the group, or joins anew. See `Member.rejoin`."""
        self._check_served()
        with self._lock:
            self._wanted = True
        self._ask_now(partial(self._member.rejoin, subscription))

    def lead(self, assignments: Mapping[str, bytes]) -> None:
        """Answers `Lead`. See `Member.lead`."""
        self._ask_now(partial(self._member.lead, assignments))

    def _ask_now(self, step: Callable[[int], list[Event]]) -> None:
        """Sends what the owner wants, and takes what is answered already: where the connection is lost that is so, and
        the background thread would not hear of it."""
        with self._lock:
            before = len(self._events)
            now = self._background.now()
            self._perform(step(now), now)
            self._receive()
            fresh = len(self._events) > before
        self._background.wake()
        if fresh:
            self._notify()

    def owner_polled(self) -> None:
        """The owner lives; to be called at least every `rebalance_timeout_ms`."""
        self._member.owner_polled(self._background.now())

    def take(self) -> list[MembershipEvent]:
        """The events since the last call, oldest first; runs the `done` of commits that have been answered."""
        self.run_callbacks()
        if not self._events:
            return []
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events

    def run_callbacks(self) -> None:
        """Runs the `done` of commits that have been answered.

        Raises:
            BackgroundThreadException: nobody beats for this membership any more.
        """
        self._check_served()
        while self._callbacks:
            self._callbacks.popleft()()

    def wait(self, timeout_s: float) -> None:
        """Waits until a commit has been answered, at most so many seconds."""
        with self._lock:
            self._lock.wait_for(lambda: self._callbacks or self._closed or self._fault, timeout_s)

    def leave(self) -> None:
        """Ends the membership, and waits a moment for the group to know."""
        with self._lock:
            events = self._member.leave(self._background.now())
            requests = [event.request for event in events if isinstance(event, Send)]
            self._life += 1
            self._wanted = False
            self._events.clear()
            if not requests or self._link.fileno() < 0:  # no broker is started to be told good-bye
                return
            left: list[GroupReply] = []
            self._send(self._with_status(requests[0]), left.append)
            self._receive()
            self._background.wake()
            self._lock.wait_for(lambda: left or self._closed or self._fault, LEAVE_S)

    def close(self, leave: bool = True) -> None:
        """Ends the membership and the connection. A second call does nothing.

        Args:
            leave: say so to the group; else it finds out by the closed connection.
        """
        with self._lock:
            if self._closed:
                return
            if leave:
                self.leave()
            self._closed = True
            self._link.close()
            self._lock.notify_all()
        self._background.remove(self)

    # Positions

    def commit(self, offsets: Mapping[TopicPartition, Position], done: Done | None = None) -> None:
        """Commits as this member, in its generation; `done` gets the error, if any, in a later `take`."""
        self._check_served()
        with self._lock:
            if self._is_out():
                self._committed(done, CommitOffsetsReply(self._out_of_the_group()))
                return
            request = self._member.commit(offsets)
            self._send(request, partial(self._committed, done))
        self._background.wake()

    def commit_now(self, offsets: Mapping[TopicPartition, Position], timeout_ms: int) -> None:
        """Commits and waits; tries again after passing errors.

        Raises:
            UnknownMemberIdException: the membership has ended.
            KafkaException: the coordinator's error, of the kinds in `streams.errors`.
            TimeoutException: no answer in time.
        """
        if self._is_out():
            raise self._out_of_the_group()
        if offsets:
            reply = self._ask(lambda: self._member.commit(offsets), timeout_ms)
            error = error_of(reply)
            if error is not None:
                raise error

    def committed(
        self, partitions: Iterable[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, Position]:
        """What the group has committed of these partitions; those without a commit are absent. What a transaction that
        has not ended would commit is waited for.

        Raises:
            TimeoutException: no answer in time.
        """
        wanted = tuple(partitions)
        if not wanted:
            return {}
        request = FetchOffsets(self.settings.group, wanted, require_stable=True)
        reply = self._ask(lambda: request, timeout_ms)
        if reply.error is not None:
            raise reply.error
        return dict(reply.offsets) if isinstance(reply, FetchOffsetsReply) else {}

    def commit_by_itself(self, interval_ms: int) -> None:
        """From now on the background thread commits what `safe` says, every `interval_ms` milliseconds."""
        self._interval_ms = interval_ms
        self._auto_due = self._background.now() + interval_ms

    def safe(self, offsets: Mapping[TopicPartition, Position]) -> None:
        """These positions may be committed: what lies before them has been dealt with."""
        self._check_served()
        self._auto = offsets

    # The background thread's side

    def fileno(self) -> int:
        """See `Polled.fileno`."""
        return self._link.fileno()

    def next_due(self) -> int:
        """See `Polled.next_due`."""
        due = min(self._member.next_due(), self._link.next_due())
        if self._member.waits_for_beat:
            due = min(due, max(self._beat_at + SILENT_MS, self._silence_due))
        return min(due, self._auto_due) if self._auto_waits() else due

    def poll_once(self, now: int) -> None:
        """See `Polled.poll_once`."""
        if not self._lock.acquire(timeout=LOCK_S):  # its owner connects; others must not wait with it
            return
        try:
            if self._closed:
                return
            before = len(self._events) + len(self._callbacks)
            self._look_for_silence(now)
            self._perform(self._member.on_time(now), now)
            if self._auto_waits() and now >= self._auto_due:
                self._auto_due = now + self._interval_ms
                positions = self._auto
                self._send(self._member.commit(positions), partial(self._committed_by_itself, positions))
            self._receive()
            fresh = len(self._events) + len(self._callbacks) > before
        finally:
            self._lock.release()
        if fresh:
            self._notify()

    def failed(self, error: BaseException) -> None:
        """See `Polled.failed`: the owner's next call raises it."""
        with self._lock:
            self._fault = error
            self._lock.notify_all()
        self._notify()

    def _check_served(self) -> None:
        if self._fault is not None:
            raise BackgroundThreadException(
                f"The membership in group {self.settings.group!r} has ended: the thread that sends its heartbeats and "
                f"commits failed: {self._fault!r}. Close this client and make another."
            ) from self._fault

    def _auto_waits(self) -> bool:
        return bool(self._interval_ms) and self._auto != self._auto_done and not self._is_out()

    def _is_out(self) -> bool:
        """Is its owner to be a member, and is it none? A group without members would take anybody's commit."""
        return self._wanted and self._member.generation < 0

    def _out_of_the_group(self) -> UnknownMemberIdException:
        return UnknownMemberIdException(f"Group {self.settings.group!r}: this is no member of it at present.")

    # Under the lock

    def _perform(self, events: list[Event], now: int) -> None:
        for event in events:
            if isinstance(event, Send):
                ticket = self._link.send(self._with_status(event.request))
                self._asked[ticket] = self._life
                self._sent_at[ticket] = now
                continue
            if isinstance(event, Lost | Failed):
                self._life += 1
                self._events.clear()  # what was told of the membership that is over means nothing any more
            self._events.append(event)

    def _with_status(self, request: GroupRequest) -> GroupRequest:
        """The request with the owner's status, where it has a place for that."""
        if isinstance(request, Heartbeat):
            self._beat_at = self._background.now()
        elif not isinstance(request, LeaveGroup):
            return request
        return replace(request, status=self._reports.status())

    def _look_for_silence(self, now: int) -> None:
        """Tells the owner of a heartbeat that is not answered, again every second."""
        if self._member.waits_for_beat and now >= self._beat_at + SILENT_MS:
            silent_s = (now - self._beat_at) / 1000
            self._reports.troubled(
                "broker",
                f"The broker has not answered for {silent_s:.0f} s. Is its process stopped, its machine overloaded or "
                "its disk stuck (the file endpoint in the data directory has its pid)? Work goes on when it answers.",
            )
            self._silence_due = now + 1_000

    def _send(self, request: GroupRequest, then: Callable[[GroupReply], None]) -> None:
        self._asked[self._link.send(request)] = then

    def _receive(self) -> None:
        while True:
            replies = self._link.receive(0)
            if not replies:
                return
            for ticket, reply in replies:
                error = error_of(reply)
                if isinstance(error, KafkaStorageException):
                    said = f"The broker cannot write for group {self.settings.group}: {str(error).rstrip('.')}"
                    self._reports.troubled("write", f"{said}. It is tried again by itself.")
                then = self._asked.pop(ticket, None)
                sent_at = self._sent_at.pop(ticket, 0)
                if isinstance(then, int):
                    if then == self._life:
                        if error is None or isinstance(error, RebalanceInProgressException):
                            self._confirmed_at = max(self._confirmed_at, sent_at)
                        now = self._background.now()
                        self._perform(self._member.on_reply(reply, now), now)
                elif then is not None:
                    then(reply)
            self._lock.notify_all()

    def _committed(self, done: Done | None, reply: GroupReply) -> None:
        if done is not None:
            self._callbacks.append(partial(done, error_of(reply)))

    def _committed_by_itself(self, positions: Mapping[TopicPartition, Position], reply: GroupReply) -> None:
        error = error_of(reply)
        if error is None:
            self._auto_done = positions
        elif not isinstance(error, RetriableException):
            log.warning("The automatic commit of group %s failed: %s", self.settings.group, error)

    def _ask(self, request: Callable[[], GroupRequest], timeout_ms: int) -> GroupReply:
        """Asks until the answer is not a passing error, or the time is over."""
        deadline = self._world.monotonic_ms() + timeout_ms
        while True:
            self._check_served()
            answers: list[GroupReply] = []
            with self._lock:
                self._send(request(), answers.append)
                self._receive()
                self._background.wake()
                while not answers and not self._closed and self._fault is None:
                    left = deadline - self._world.monotonic_ms()
                    if left <= 0 or not self._lock.wait(left / 1000):
                        break
            if not answers:
                self._check_served()
                raise TimeoutException(
                    f"Group {self.settings.group!r}: no answer from the coordinator in {timeout_ms} ms."
                )
            error = error_of(answers[0])
            passing = isinstance(error, RetriableException) and type(error) not in _FINAL
            if not passing or self._world.monotonic_ms() + RETRY_MS >= deadline:
                return answers[0]
            self._world.sleep(RETRY_MS)


def error_of(reply: GroupReply) -> KafkaException | None:
    """The error of an answer, or the first one of its partitions."""
    if reply.error is not None or not isinstance(reply, CommitOffsetsReply):
        return reply.error
    return next(iter(reply.errors.values()), None)
