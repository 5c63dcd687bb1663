"""From a topology and the topics there are to tasks: which there are, what each reads, which topics they need. Pure.

Every member computes the same from the same counts; only the leader makes topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from streams.names import decorated_topic
from streams.record import TopicPartition
from streams.runtime.group.assign import TaskInfo
from streams.topology.copartition import pattern_topics, resolve, tasks
from streams.topology.node import BuiltTopology, InternalTopic, SubTopology, TaskId


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """An internal topic as it has to be: its real name, partitions and settings."""

    name: str
    kind: str
    partitions: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """All tasks of an application.

    Args:
        partitions: of each task: the source partitions it reads, under their real names.
        infos: the tasks, as the assignor wants them.
        topics: the internal topics they need.
    """

    partitions: Mapping[TaskId, tuple[TopicPartition, ...]]
    infos: tuple[TaskInfo, ...]
    topics: tuple[WantedTopic, ...]


def source_topics(built: BuiltTopology, existing: Mapping[str, int], prefix: str) -> tuple[str, ...]:
    """What the group's members subscribe to: real names of all source topics, internal ones among them."""
    found: dict[str, None] = {}
    for sub in built.subtopologies:
        for topic in (*sub.source_topics, *(t for ts in pattern_topics(sub, existing).values() for t in ts)):
            found[decorated_topic(prefix, topic) if topic in sub.repartition_topics else topic] = None
    return tuple(sorted(found))


def plan_tasks(built: BuiltTopology, existing: Mapping[str, int], prefix: str) -> TaskPlan:
    """Settles partition counts and lists the tasks.

    Args:
        built: the topology.
        existing: partitions of the topics there are, by their real names.
        prefix: of internal topics.
    Raises:
        MissingSourceTopicException: a source topic does not exist.
        TopologyException: topics that must have equally many partitions do not.
    """
    inside = {name for sub in built.subtopologies for name in sub.repartition_topics}
    outside = {name: count for name, count in existing.items() if name not in inside}
    made = {name: existing.get(decorated_topic(prefix, name), 0) for name in inside}
    decided = resolve(built, outside, lambda topic: decorated_topic(prefix, topic), made)
    counts = {**outside, **decided}
    partitions: dict[TaskId, tuple[TopicPartition, ...]] = {}
    infos: list[TaskInfo] = []
    topics: dict[str, WantedTopic] = {}
    for sub in built.subtopologies:
        total = max(tasks(sub, counts), most_of_patterns(sub, outside))
        read = topics_of(sub, outside)
        fingerprint = built.fingerprint(sub.id)
        for number in range(total):
            task = TaskId(sub.id, number)
            partitions[task] = tuple(
                TopicPartition(decorated_topic(prefix, topic) if topic in sub.repartition_topics else topic, number)
                for topic in read
                if number < counts.get(topic, 0)
            )
            infos.append(TaskInfo(task, bool(sub.changelogs), fingerprint))
        for topic, internal in sub.repartition_topics.items():
            wanted = as_wanted(internal, prefix, decided[topic])
            topics[wanted.name] = wanted
        sourced = {spec.name for spec in sub.stores if spec.source_topic is not None}
        for store, internal in sub.changelogs.items():
            if store not in sourced:
                wanted = as_wanted(internal, prefix, total)
                if pattern_topics(sub, outside):  # it may have been made for topics that are gone
                    wanted = replace(wanted, partitions=max(total, existing.get(wanted.name, 0)))
                topics[wanted.name] = wanted
    return TaskPlan(partitions, tuple(infos), tuple(topics.values()))


def topics_of(sub: SubTopology, existing: Mapping[str, int]) -> tuple[str, ...]:
    """Undecorated names of all that a sub-topology reads, those its patterns match among them."""
    matched = (topic for topics in pattern_topics(sub, existing).values() for topic in topics)
    return tuple(dict.fromkeys([*sub.source_topics, *matched]))


def most_of_patterns(sub: SubTopology, existing: Mapping[str, int]) -> int:
    matched = [topic for topics in pattern_topics(sub, existing).values() for topic in topics]
    return max((existing[topic] for topic in matched), default=0)


def as_wanted(internal: InternalTopic, prefix: str, partitions: int) -> WantedTopic:
    """An internal topic of the application with that prefix; what it is set to was settled when it was built."""
    settings = {name: str(value) for name, value in internal.config.items()}
    return WantedTopic(decorated_topic(prefix, internal.name), internal.kind, partitions, settings)
