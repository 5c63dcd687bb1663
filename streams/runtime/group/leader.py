"""What the group's leader does in a rebalance: looks at the topics, makes the internal ones, assigns for all."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from streams.clients.api import Admin, Isolation
from streams.clients.assignors import Subscription
from streams.record import TopicPartition
from streams.runtime.group.assign import AssignSettings
from streams.runtime.group.internal_topics import NO_COPIES, make_topics
from streams.runtime.group.membership import Round, lead
from streams.runtime.group.task_plan import TaskPlan, WantedTopic, plan_tasks, source_topics
from streams.topology.copartition import pattern_topics
from streams.topology.node import BuiltTopology, TaskId

log = logging.getLogger("streams.runtime.leader")


class ClusterMetadata:
    """Knows the topology and looks at the topics; every member has one, the leader also makes topics.

    Args:
        built: the topology.
        admin: of the engine.
        prefix: of internal topics.
        settings: of the assignor.
        shared: internal topics that are needed where there are several members.
        copies: `replication.factor` of internal topics, where it is given.
    """

    def __init__(
        self,
        built: BuiltTopology,
        admin: Admin,
        prefix: str,
        settings: AssignSettings,
        shared: tuple[WantedTopic, ...] = (),
        copies: Mapping[str, str] = NO_COPIES,
    ) -> None:
        self._built = built
        self._admin = admin
        self._prefix = prefix
        self._settings = settings
        self._shared = shared
        self._copies = copies

    def existing(self) -> dict[str, int]:
        """Partitions of the topics that may be read: of all there are where a source is a pattern."""
        names = source_topics(self._built, {}, self._prefix)
        if any(pattern_topics(sub, {}) for sub in self._built.subtopologies):
            names = self._admin.list_topics()
        return {name: topic.partitions for name, topic in self._admin.describe_topics(names).items()}

    def task_plan(self) -> TaskPlan:
        """The tasks, by the topics there are now.

        Raises:
            MissingSourceTopicException, TopologyException: see `task_plan.plan_tasks`.
        """
        return plan_tasks(self._built, self.existing(), self._prefix)

    def lead(self, members: Mapping[str, Subscription]) -> Round:
        """Makes the internal topics and assigns for all.

        Raises:
            StreamsException: an internal topic exists with a wrong number of partitions, or loses what has to be kept.
        """
        planned = self.task_plan()
        make_topics(self._admin, planned.topics, self._copies)
        if len(members) > 1:
            make_topics(self._admin, self._shared, self._copies)
        answer = lead(members, planned.partitions, planned.infos, self._ends(planned), self._settings)
        for task, reason in answer.plan.unplaced.items():
            log.error("Task %s is run by nobody: %s.", task, reason)
        for member, reason in answer.unreadable.items():
            log.error("Member %s of the group gets no task: %s", member, reason)
        return answer

    def _ends(self, planned: TaskPlan) -> dict[TaskId, int]:
        """The changelog ends of every task, summed over its stores."""
        logs = {}
        changelogs = {topic.name for topic in planned.topics if topic.kind != "repartition"}
        names = {
            sub.id: [f"{self._prefix}-{topic.name}" for topic in sub.changelogs.values()]
            for sub in self._built.subtopologies
        }
        for info in planned.infos:
            own = [name for name in names[info.id.subtopology] if name in changelogs]
            logs[info.id] = [TopicPartition(name, info.id.partition) for name in own]
        ends = self._admin.end_offsets([p for parts in logs.values() for p in parts], Isolation.READ_UNCOMMITTED)
        return {task: sum(ends.get(p, 0) for p in parts) for task, parts in logs.items()}
