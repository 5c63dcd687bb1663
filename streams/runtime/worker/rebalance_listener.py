"""A worker's part in the rounds of its group: what it tells, what it is given, what it gives up (decision 18).

Rebalancing is cooperative: tasks that stay are not touched. What goes is committed and given up first, and then this
worker asks for a second round, in which those who wait for it get it. Where the broker gives no answer in the middle
of a round, the same news is handled again, until `task.timeout.ms` have passed.

A membership may also end unasked: the group has put this worker out, because it was frozen or its user's code slow, and
others have its tasks. What it did in that member's name and did not commit is then dropped, and it joins as another one
(decision 39).
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from streams.clients.api import GroupMember
from streams.clients.assignors import Subscription
from streams.clients.group_membership import GroupMembership, MembershipEvent
from streams.clients.member import Assigned, Failed, Lead, Lost, Rebalance
from streams.clock import Clock, passed
from streams.errors import KafkaException, UnknownTopicOrPartitionException
from streams.runtime.group.leader import ClusterMetadata
from streams.runtime.group.membership import NO_ENDPOINTS, Endpoints, WorkerInfo, read_task_assignment, write_info
from streams.runtime.group.task_plan import source_topics
from streams.runtime.state.directory import InstanceDirectory
from streams.runtime.worker.committer import Committer
from streams.runtime.worker.guarantee import Outcome
from streams.runtime.worker.lifecycle import WorkerLife, WorkerState
from streams.runtime.worker.rebalances import (
    GROUP,
    LOST,
    TASKS_MOVED,
    TOPIC_DELETED,
    TOPICS_CHANGED,
    Rebalances,
)
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.tasks import Tasks
from streams.topology.node import BuiltTopology, TaskId

log = logging.getLogger("streams.runtime.rounds")


@dataclass(frozen=True, slots=True)
class MemberIdentity:
    """Who a worker is to its group; `metadata_max_age_ms`: how often it looks for new topics and partitions."""

    name: str
    directory: InstanceDirectory
    built: BuiltTopology
    prefix: str
    endpoint: str
    metadata_max_age_ms: int


@dataclass(frozen=True, slots=True)
class Known:
    """What a worker knows of the whole group: where its tasks are, in which generation; -1: in none."""

    generation: int = -1
    endpoints: Endpoints = NO_ENDPOINTS


class RebalanceListener:
    """Handles the news of one membership.

    Args:
        membership: the place in the group.
        metadata: looks at the topics, and assigns for all when this member leads.
        tasks: the worker's tasks.
        sender: their output.
        me: who the worker is.
        life: its states.
        committer: commits what is given up.
        told: called with the generation in which the worker has its tasks; -1: it has lost its place.
        clock: the wall clock.
        timeout_ms: how long a silent broker is asked again.
        history: takes what there was.
    """

    def __init__(
        self,
        membership: GroupMembership,
        metadata: ClusterMetadata,
        tasks: Tasks,
        sender: Sender,
        me: MemberIdentity,
        life: WorkerLife,
        committer: Committer,
        told: Callable[[int], None],
        clock: Clock,
        timeout_ms: int,
        history: Rebalances,
    ) -> None:
        self.history = history
        self._membership = membership
        self._metadata = metadata
        self._tasks = tasks
        self._sender = sender
        self._me = me
        self._life = life
        self._committer = committer
        self._told = told
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._news: deque[MembershipEvent] = deque()
        self._unanswered_since: int | None = None
        self._sources: dict[str, int] = {}
        self._grown = False
        self._newcomer = True
        self.refusal = ""
        """Why the group gives it nothing to do."""
        self.known = Known()
        """Where tasks are, as this worker was told last. Any thread may look."""
        self._refreshed_at = clock.now_ms()

    def refresh_metadata(self, now: int) -> None:
        """Now and then: asks for a round where source topics have come, gone or grown (`metadata.max.age.ms`)."""
        if not passed(self._refreshed_at, now, self._me.metadata_max_age_ms):
            return
        self._refreshed_at = now
        try:
            _, found = self._survey()
        except KafkaException as error:
            if self._after(error) is not Outcome.LATER:
                raise
            log.info("%s could not look at the topics: %s", self._me.name, error)
            return
        if found != self._sources:
            log.info("%s asks for a round: the source topics are %s now.", self._me.name, found)
            self.ask(TOPICS_CHANGED)

    def _survey(self) -> tuple[tuple[str, ...], dict[str, int]]:
        """The names of all source topics, and those there are with their partitions."""
        existing = self._metadata.existing()
        topics = source_topics(self._me.built, existing, self._me.prefix)
        return topics, {topic: existing[topic] for topic in topics if topic in existing}

    def ask(self, cause: str = GROUP) -> None:
        """Asks for a round, at the next `handle`; why is one of `rebalances.CAUSES`."""
        self.history.because(cause)
        self._news.append(Rebalance())

    def handle(self) -> None:
        """Does what the group's news ask for.

        Raises:
            KafkaException: the membership has ended for good, or the broker has been silent for too long.
        """
        self._membership.owner_polled()
        fresh = self._membership.take()
        if fresh or self._news:
            with self.history.blocking():
                self._handle_all(fresh)

    def _handle_all(self, fresh: Sequence[MembershipEvent]) -> None:
        if fresh:
            self._news = deque(fresh)  # what could not be handled before is of an earlier round
            self._unanswered_since = None
        for each in fresh:
            if isinstance(each, Lost):  # the rest was meant for the member that is none any more
                self.lost(each.reason)
        while self._news:
            try:
                self._handle(self._news[0])
            except UnknownTopicOrPartitionException as error:
                if error.partition is None or not self._tasks.by_pattern(error.partition):
                    raise
                self._unanswered(error)  # it was deleted just now: what is handled again is handled without it
                return
            except KafkaException as error:
                if self._after(error) is not Outcome.LATER:
                    raise
                self._unanswered(error)
                return
            self._news.popleft()
            self._unanswered_since = None

    def _after(self, error: Exception) -> Outcome:
        return self._committer.guarantee.after(error).in_round

    def _unanswered(self, error: Exception) -> None:
        now = self._clock.now_ms()
        since = self._unanswered_since = self._unanswered_since or now
        if now - since >= self._timeout_ms:
            raise error
        log.warning("%s asks again: %s", self._me.name, error)

    def _handle(self, news: MembershipEvent) -> None:
        if isinstance(news, Lead):
            self.history.leads(news.members)
            self._membership.lead(self._metadata.lead(news.members).assignments)
        elif isinstance(news, Assigned):
            self._assigned(news)
        elif isinstance(news, Rebalance):
            self._rejoin()
        elif isinstance(news, Failed):
            raise news.error

    def gone(self, error: UnknownTopicOrPartitionException) -> None:
        """A partition that is read was deleted: where a pattern had found its topic its task goes on with the others,
        and a round is asked for, since there may be tasks too many now.

        Raises:
            UnknownTopicOrPartitionException: the topic was named.
        """
        partition = error.partition
        if partition is None or not self._tasks.by_pattern(partition):
            raise error
        if self._tasks.owns(partition):
            log.warning("%s reads %s no more: the topic was deleted.", self._me.name, partition)
            self._tasks.exclude(partition)
            self.ask(TOPIC_DELETED)

    def lost(self, reason: Exception) -> None:
        """The membership is over: drops all that was done in its name and is not committed, then asks to join again.

        The order matters. The old member leaves, so that the next life has another id and nothing that is still on its
        way can be taken for its work. What has no answer is forgotten before there is a new name to send it in. Tasks
        are closed as after a failure: their databases keep what was committed, which is a beginning of what the
        changelogs say whoever has written to them since.
        """
        self._membership.leave()
        tasks = list(self._tasks.ids)
        held = sum(sum(box.held.values()) for task in self._tasks.all for box in task.output)
        batches, records = self._committer.lost(reason)
        for task in tasks:
            self._tasks.give_up(task, clean=False)
        self.refusal = ""
        self.known = Known(endpoints=self.known.endpoints)
        self._told(-1)
        log.warning(
            "%s lost its place in the group: %s. It gives up %d tasks without a commit and drops %d records that were "
            "not sent and %d batches with %d records that were not acknowledged; who has the tasks now does it again.",
            *(self._me.name, str(reason).rstrip("."), len(tasks), held, batches, records),
        )
        self._life.become(WorkerState.PARTITIONS_REVOKED)
        self._newcomer = True
        self.history.because(LOST, type(reason).__name__)
        self._news = deque(() if self._life.stopping else (Rebalance(),))

    def _rejoin(self) -> None:
        self.history.begins()
        me = self._me
        info = WorkerInfo(
            me.directory.uuid,
            me.directory.directory_id,
            frozenset(me.built.fingerprint(sub.id) for sub in me.built.subtopologies),
            self._tasks.ids,
            {**self._tasks.copies(), **self._tasks.positions()},
            me.endpoint,
        )
        topics, sources = self._survey()
        self._grown = self._grown or sources != self._sources  # also where another member has seen it first
        self._sources = sources
        # Partitions follow from tasks: they are not said twice.
        self._membership.rejoin(Subscription(topics, write_info(info)))

    def _assigned(self, news: Assigned) -> None:
        settings = self._membership.settings
        self._sender.bind(GroupMember(settings.group, news.member_id, settings.instance_id))
        self._committer.ready()
        given = read_task_assignment(news.assignment)
        mine = frozenset(given.tasks)
        going = self._tasks.ids - mine
        if going:
            self._life.become(WorkerState.PARTITIONS_REVOKED)
            self._give_up(going)
        stay = mine & self._tasks.ids
        fresh = frozenset() if self._life.stopping else mine - stay
        self._life.become(WorkerState.PARTITIONS_ASSIGNED)
        endpoints = given.endpoints if given.endpoints.counts else replace(self.known.endpoints, owners={})
        if fresh or self._grown:
            partitions, now = self._metadata.task_plan().partitions, self._clock.now_ms()
            if not given.endpoints.counts:
                endpoints = Endpoints(counts=Counter(task.subtopology for task in partitions))
            for task in sorted(stay):
                self._tasks.extend(task, partitions[task], now)
            self._tasks.take({task: partitions[task] for task in sorted(fresh)}, now)
            self._grown = False
        self.refusal = given.refusal and f"has another topology than its group: {given.refusal}"
        if not self._sources.keys() >= {p.topic for p in self._tasks.partitions()}:
            _, self._sources = self._survey()  # the leader has made repartition topics since
        self.known = Known(news.generation, endpoints)
        self._told(news.generation)
        told = (self._me.name, len(mine), news.generation, len(fresh), len(going))
        log.info("%s has %d tasks in generation %d: %d new, %d given up.", *told)
        self.history.ended(self._clock.now_ms(), news.generation, len(mine), len(fresh), len(going))
        # A static member that has come back may have its predecessor's plan, in which others wait for what that one was
        # to give up: nobody else asks for the round in which they get it.
        inherited = self._newcomer and settings.instance_id is not None and given.again
        self._newcomer = False
        if going or inherited:
            self.ask(TASKS_MOVED)

    def _give_up(self, going: frozenset[TaskId]) -> None:
        committed = True
        try:
            self._committer.commit([task for task in self._tasks.running if task.id in going])
        except KafkaException as error:
            if self._committer.guarantee.after(error).revoking is not Outcome.GIVE_UP:
                raise
            name = self._me.name
            log.warning("%s gives tasks up without a commit; their owner does the rest again: %s", name, error)
            committed = False
            self._committer.left_uncommitted([task.id for task in self._tasks.running if task.id in going])
        for task in going & self._tasks.ids:
            self._tasks.give_up(task, committed)
