"""How a consumer takes part in its group: subscription, rebalances, listener. Eager, as `range` and `roundrobin` are.

In a rebalance everything is given up first, then the group joins, and its leader assigns.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streams.clients.api import Admin
from streams.clients.assignors import ASSIGNORS, Assignment, Subscription, read_assignment, write_assignment
from streams.clients.group_membership import GroupMembership
from streams.clients.member import Assigned, Failed, Lead, Lost, Rebalance
from streams.record import TopicPartition

log = logging.getLogger("streams.clients")

MISSING_TOPIC_MS = 1_000
"""How often a topic is looked for that is subscribed to and does not exist."""

Partitions = list[TopicPartition]


class ConsumerRebalanceListener(Protocol):
    """Told about the partitions that come and go; called by the thread that polls, inside `poll`."""

    def on_partitions_revoked(self, partitions: Partitions) -> None:
        """These are given up; their offsets can still be committed."""

    def on_partitions_assigned(self, partitions: Partitions) -> None:
        """These are read from now on; possibly none."""

    def on_partitions_lost(self, partitions: Partitions) -> None:
        """These are another member's already; to commit them would fail. By default as if revoked."""
        self.on_partitions_revoked(partitions)


class Subscriber:
    """One consumer's part in its group.

    Args:
        membership: of its group.
        admin: for partition counts and topic names.
        metadata_max_age_ms: how often topics are looked at again.
        owned: the partitions that are read now.
        assign: reads these partitions and no others.
        commit: commits what has been read, as far as that is automatic; must not raise.
    """

    def __init__(
        self,
        membership: GroupMembership,
        admin: Admin,
        metadata_max_age_ms: int,
        owned: Callable[[], set[TopicPartition]],
        assign: Callable[[Iterable[TopicPartition]], None],
        commit: Callable[[], None],
    ) -> None:
        self._membership = membership
        self._admin = admin
        self._max_age_ms = metadata_max_age_ms
        self._owned = owned
        self._assign = assign
        self._commit = commit
        self._topics: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self._listener: ConsumerRebalanceListener | None = None
        self._joined = False
        self._led: Mapping[str, int] | None = None  # partition counts that the leader assigned by
        self._refresh_at = 0

    @property
    def active(self) -> bool:
        """Is there a subscription?"""
        return bool(self._topics) or self._pattern is not None

    @property
    def topics(self) -> frozenset[str]:
        """The topics that are subscribed to; with a pattern, those that it has found."""
        return self._topics

    def subscribe(
        self,
        topics: frozenset[str],
        pattern: re.Pattern[str] | None,
        listener: ConsumerRebalanceListener | None,
    ) -> None:
        """Changes the subscription; the group is joined, or joined anew, at the next step."""
        self._listener = listener
        changed = topics != self._topics if pattern is None else pattern != self._pattern
        self._pattern = pattern
        if pattern is None:
            self._topics = topics
        if changed and self._joined:
            self._refresh_at = 0
            self._rejoin()

    def step(self) -> None:
        """Handles what has happened in the group. Called at each turn of a poll."""
        self._membership.owner_polled()
        if not self._joined:
            self._refresh(self._membership.now())
            self._joined = True
            self._membership.rejoin(Subscription(tuple(sorted(self._topics))))
        for event in self._membership.take():
            match event:
                case Rebalance():
                    self._rejoin()
                case Lost(reason):
                    log.warning("%s", reason)
                    self._lose()
                    self._membership.rejoin(Subscription(tuple(sorted(self._topics))))
                case Lead():
                    self._lead(event)
                case Assigned():
                    self._take(event)
                case Failed(error):
                    self._lose()
                    self._joined = False
                    raise error
        now = self._membership.now()
        if now >= self._refresh_at and self._refresh(now):
            self._rejoin()

    def next_due(self) -> int:
        """When `step` should be called at the latest, in ms of the monotonic clock."""
        return self._refresh_at

    def end(self) -> None:
        """Gives everything up and leaves the group."""
        if self._joined:
            self._give_up()
            self._membership.leave()
            self._joined = False
        self._topics, self._pattern, self._led = frozenset(), None, None

    # Rebalances

    def _rejoin(self) -> None:
        self._give_up()
        self._membership.rejoin(Subscription(tuple(sorted(self._topics))))

    def _give_up(self) -> None:
        owned = sorted(self._owned())
        self._commit()
        if owned and self._listener is not None:
            self._listener.on_partitions_revoked(owned)
        self._membership.safe({})
        self._assign(())
        self._led = None

    def _lose(self) -> None:
        owned = sorted(self._owned())
        self._membership.safe({})
        self._assign(())
        self._led = None
        if owned and self._listener is not None:
            lost = getattr(self._listener, "on_partitions_lost", self._listener.on_partitions_revoked)
            lost(owned)

    def _lead(self, event: Lead) -> None:
        wanted = {topic for subscription in event.members.values() for topic in subscription.topics}
        counts = self._counts(wanted)
        given = ASSIGNORS[event.protocol](event.members, counts)
        self._led = counts
        self._membership.lead({member: write_assignment(Assignment(parts)) for member, parts in given.items()})

    def _take(self, event: Assigned) -> None:
        assigned = read_assignment(event.assignment).partitions
        self._assign(assigned)
        if self._listener is not None:
            self._listener.on_partitions_assigned(sorted(assigned))

    # Topics

    def _refresh(self, now: int) -> bool:
        """Looks at the topics again; is there a reason to join anew?"""
        changed = False
        if self._pattern is not None:
            found = frozenset(filter(self._pattern.fullmatch, self._admin.list_topics()))
            changed = found != self._topics
            self._topics = found
        counts = self._counts(self._topics if self._led is None else self._led.keys() | self._topics)
        if self._led is not None and any(counts.get(topic) != count for topic, count in self._led.items()):
            changed = True
        if self._led is not None and counts.keys() - self._led.keys():
            changed = True
        complete = self._pattern is None and self._topics <= counts.keys()
        self._refresh_at = now + (self._max_age_ms if complete else min(MISSING_TOPIC_MS, self._max_age_ms))
        return changed and self._joined

    def _counts(self, topics: Iterable[str]) -> dict[str, int]:
        return {name: topic.partitions for name, topic in self._admin.describe_topics(topics).items()}
