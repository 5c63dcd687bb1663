"""One member of a group, pure: replies and the time go in, requests and events come out.

Used by `Consumer` and by the worker. It holds no clock and no connection: every method takes `now`
(milliseconds of any clock that never goes back) and returns events; whoever drives it sends what a `Send`
holds and hands every answer to `on_reply`.

              rejoin             JoinGroupReply         SyncGroupReply
    IDLE ───────────────▶ JOINING ─────────▶ SYNCING ───────────────▶ STABLE
      ▲                     ▲   │   as leader    ▲                      │
      │ Lost, Failed        │   └─▶ LEADING ─────┘ lead                 │ Rebalance
      └── from anywhere     └──────────────── rejoin ────── CALLED ◀────┘

In CALLED the group waits for this member: its owner gives up what it must, then calls `rejoin`. The member
goes on sending heartbeats until it does. Source: Kafka's classic protocol, `AbstractCoordinator` and
`ConsumerCoordinator`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.clients.api import (
    CommitOffsets,
    GroupReply,
    GroupRequest,
    Heartbeat,
    HeartbeatReply,
    JoinGroup,
    JoinGroupReply,
    LeaveGroup,
    Position,
    SyncGroup,
    SyncGroupReply,
)
from streams.clients.assignors import Subscription, read_subscription, write_subscription
from streams.config.clients import ClientConfig
from streams.errors import (
    IllegalGenerationException,
    KafkaException,
    RebalanceInProgressException,
    RetriableException,
    SerializationException,
    TimeoutException,
    UnknownMemberIdException,
)
from streams.record import TopicPartition

NEVER = 2**63 - 1
"""What `next_due` says where nothing is due."""


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """What a member is made of.

    Args:
        group: the group's id.
        protocols: names of the assignors it can work with, the best first.
        instance_id: `group.instance.id` of a static member, else None.
        session_timeout_ms: without a heartbeat for so long the coordinator drops the member.
        heartbeat_interval_ms: how often it sends one.
        rebalance_timeout_ms: how long the group waits for it in a rebalance; its owner must also show itself
            (`owner_polled`) that often, else the member leaves (`max.poll.interval.ms`).
        retry_backoff_ms: the pause before something is asked again.
    """

    group: str
    protocols: tuple[str, ...]
    instance_id: str | None
    session_timeout_ms: int
    heartbeat_interval_ms: int
    rebalance_timeout_ms: int
    retry_backoff_ms: int

    @classmethod
    def of(cls, group: str, protocols: tuple[str, ...], config: ClientConfig) -> MemberSettings:
        """From the settings of a consumer."""
        instance = config["group.instance.id"]
        return cls(
            group,
            protocols,
            None if instance is None else str(instance),
            config.number("session.timeout.ms"),
            config.number("heartbeat.interval.ms"),
            config.number("max.poll.interval.ms"),
            config.number("retry.backoff.ms"),
        )


@dataclass(frozen=True, slots=True)
class Assigned:
    """A rebalance has ended: the assignment's bytes are for this member, in this generation."""

    generation: int
    member_id: str
    protocol: str
    assignment: bytes


@dataclass(frozen=True, slots=True)
class Lead:
    """This member is to assign for all: answer with `lead`."""

    generation: int
    protocol: str
    members: Mapping[str, Subscription]


@dataclass(frozen=True, slots=True)
class Rebalance:
    """The group is rebalancing: give up what must be given up, then `rejoin`."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The membership has ended without being asked; partitions are no longer owned, commits would fail.

    `rejoin` makes a new one.
    """

    reason: KafkaException


@dataclass(frozen=True, slots=True)
class Failed:
    """The membership has ended for good; the owner should raise `error`."""

    error: KafkaException


@dataclass(frozen=True, slots=True)
class Send:
    """A request to be sent; its answer goes to `on_reply`."""

    request: GroupRequest


Event = Assigned | Lead | Rebalance | Lost | Failed | Send


class Phase(enum.Enum):
    """Where a member is; the picture above."""

    IDLE = "idle"
    JOINING = "joining"
    LEADING = "leading"
    SYNCING = "syncing"
    STABLE = "stable"
    CALLED = "called"


_BEATING = (Phase.LEADING, Phase.SYNCING, Phase.STABLE, Phase.CALLED)


class Member:
    """A member of one group.

    Args:
        settings: its names and timeouts.
    """

    def __init__(self, settings: MemberSettings) -> None:
        self.settings = settings
        self.phase = Phase.IDLE
        self.member_id = ""
        self.generation = -1
        self._subscription = Subscription(())
        self._protocol = ""
        self._again = False  # rejoin was called while a join was out
        self._beat_out = False
        self._beat_due = NEVER
        self._retry_due = NEVER  # the join or sync failed for the moment
        self._owner_due = NEVER

    # What the owner does

    def rejoin(self, subscription: Subscription, now: int) -> list[Event]:
        """Joins, or joins anew with another subscription; while a join is out the new subscription follows it."""
        self._subscription = subscription
        self.owner_polled(now)
        if self.phase in (Phase.JOINING, Phase.LEADING, Phase.SYNCING):
            self._again = True
            return []
        return self._join(now)

    def lead(self, assignments: Mapping[str, bytes], now: int) -> list[Event]:
        """Answers `Lead`: everybody's assignment, by member id. Nothing is sent if that rebalance is over."""
        if self.phase is not Phase.LEADING:
            return []
        return self._sync(assignments)

    def owner_polled(self, now: int) -> None:
        """The owner is alive: it has polled."""
        self._owner_due = now + self.settings.rebalance_timeout_ms

    def leave(self, now: int) -> list[Event]:
        """Ends the membership. A static member only falls silent, for its successor to take its place."""
        known = self.member_id and self.settings.instance_id is None
        request = LeaveGroup(self.settings.group, self.member_id, None)
        self._reset()
        return [Send(request)] if known else []

    def commit(self, offsets: Mapping[TopicPartition, Position]) -> CommitOffsets:
        """The request that commits these positions as this member, in its generation."""
        settings = self.settings
        return CommitOffsets(
            settings.group, self.member_id, settings.instance_id, self.generation, dict(offsets)
        )

    # What the world does

    def on_reply(self, reply: GroupReply, now: int) -> list[Event]:
        """Takes the answer to a request that a `Send` held. One that no longer matters is passed over."""
        if isinstance(reply, HeartbeatReply):
            self._beat_out = False
        react = _TRANSITIONS.get((self.phase, type(reply)))
        return [] if react is None else react(self, reply, now)

    def on_time(self, now: int) -> list[Event]:
        """Does what is due: a heartbeat, another try, or leaving because the owner has not polled."""
        if self.phase is not Phase.IDLE and now >= self._owner_due:
            return self._owner_is_gone(now)
        if now >= self._retry_due:
            return self._join(now)
        if now >= self._beat_due and self.phase in _BEATING and not self._beat_out:
            self._beat_out = True
            self._beat_due = now + self.settings.heartbeat_interval_ms
            settings = self.settings
            return [Send(Heartbeat(settings.group, self.member_id, settings.instance_id, self.generation))]
        return []

    @property
    def waits_for_beat(self) -> bool:
        """A heartbeat is out, and not answered."""
        return self._beat_out and self.phase in _BEATING

    def next_due(self) -> int:
        """When `on_time` has something to do, NEVER if nothing is due."""
        if self.phase is Phase.IDLE:
            return NEVER
        beat = self._beat_due if self.phase in _BEATING and not self._beat_out else NEVER
        return min(beat, self._retry_due, self._owner_due)

    # The steps

    def _join(self, now: int) -> list[Event]:
        settings = self.settings
        self.phase = Phase.JOINING
        self._again = False
        self._retry_due = NEVER
        metadata = write_subscription(self._subscription)
        protocols = tuple((name, metadata) for name in settings.protocols)
        return [
            Send(
                JoinGroup(
                    settings.group,
                    self.member_id,
                    settings.instance_id,
                    settings.session_timeout_ms,
                    settings.rebalance_timeout_ms,
                    "consumer",
                    protocols,
                )
            )
        ]

    def _sync(self, assignments: Mapping[str, bytes]) -> list[Event]:
        settings = self.settings
        self.phase = Phase.SYNCING
        request = SyncGroup(
            settings.group, self.member_id, settings.instance_id, self.generation, dict(assignments)
        )
        return [Send(request)]

    def _joined(self, reply: GroupReply, now: int) -> list[Event]:
        assert isinstance(reply, JoinGroupReply)
        if reply.error is not None:
            return self._refused(reply.error, now)
        self.member_id, self.generation = reply.member_id, reply.generation
        self._protocol = reply.protocol
        self._beat_due = now + self.settings.heartbeat_interval_ms
        if reply.leader != reply.member_id or reply.skip_assignment:
            return self._sync({})
        try:
            subscriptions = {member: read_subscription(data) for member, data in reply.members.items()}
        except SerializationException as error:
            self._reset()
            return [Failed(error)]
        self.phase = Phase.LEADING
        return [Lead(reply.generation, reply.protocol, subscriptions)]

    def _synced(self, reply: GroupReply, now: int) -> list[Event]:
        assert isinstance(reply, SyncGroupReply)
        if reply.error is not None:
            return self._refused(reply.error, now)
        self.phase = Phase.STABLE
        assigned = Assigned(self.generation, self.member_id, self._protocol, reply.assignment)
        return [assigned, *self._call()] if self._again else [assigned]

    def _call(self) -> list[Event]:
        self.phase = Phase.CALLED
        return [Rebalance()]

    def _heartbeat_answered(self, reply: GroupReply, now: int) -> list[Event]:
        assert isinstance(reply, HeartbeatReply)
        return [] if reply.error is None else self._refused(reply.error, now)

    def _refused(self, error: KafkaException, now: int) -> list[Event]:
        """What an error means depends on its kind alone, and on whether an answer was awaited."""
        if isinstance(error, (UnknownMemberIdException, IllegalGenerationException)):
            keep = self.member_id if isinstance(error, IllegalGenerationException) else ""
            self._reset()
            self.member_id = keep
            return [Lost(error)]
        if isinstance(error, RebalanceInProgressException) and self.phase is not Phase.JOINING:
            return self._call() if self.phase in (Phase.STABLE, Phase.SYNCING) else []
        if isinstance(error, RetriableException):
            if self.phase in (Phase.JOINING, Phase.SYNCING):
                self.phase = Phase.JOINING
                self._retry_due = now + self.settings.retry_backoff_ms
            else:
                self._beat_due = now + self.settings.retry_backoff_ms
            return []
        self._reset()
        return [Failed(error)]

    def _owner_is_gone(self, now: int) -> list[Event]:
        reason = TimeoutException(
            f"Group {self.settings.group!r}: member {self.member_id!r} was not polled for "
            f"{self.settings.rebalance_timeout_ms} ms and has left. Poll more often, take fewer records at "
            "once (max.poll.records), or raise max.poll.interval.ms."
        )
        return [*self.leave(now), Lost(reason)]

    def _reset(self) -> None:
        self.phase = Phase.IDLE
        self.member_id = ""
        self.generation = -1
        self._again = self._beat_out = False
        self._beat_due = self._retry_due = self._owner_due = NEVER


_TRANSITIONS: Mapping[tuple[Phase, type], Callable[[Member, GroupReply, int], list[Event]]] = {
    (Phase.JOINING, JoinGroupReply): Member._joined,
    (Phase.SYNCING, SyncGroupReply): Member._synced,
    **{(phase, HeartbeatReply): Member._heartbeat_answered for phase in _BEATING},
}
