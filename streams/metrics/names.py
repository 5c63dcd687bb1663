"""What a metric is called: Kafka's groups, tags and recording levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

CLIENT_GROUP = "stream-metrics"
THREAD_GROUP = "stream-thread-metrics"
UPDATER_GROUP = "stream-state-updater-metrics"
TASK_GROUP = "stream-task-metrics"
NODE_GROUP = "stream-processor-node-metrics"
TOPIC_GROUP = "stream-topic-metrics"
STORE_GROUP = "stream-state-metrics"
CACHE_GROUP = "stream-record-cache-metrics"

Tags = tuple[tuple[str, str], ...]


class RecordingLevel(IntEnum):
    """Kafka's `Sensor.RecordingLevel`: what is recorded at a level is so at all that come after it."""

    INFO = 0
    DEBUG = 1
    TRACE = 2


class MetricName(NamedTuple):
    """What a metric is called: equal names are one metric."""

    name: str
    group: str
    tags: Tags = ()

    @property
    def tag_map(self) -> Mapping[str, str]:
        """The tags as a mapping."""
        return MappingProxyType(dict(self.tags))

    def __str__(self) -> str:
        tags = ",".join(f"{key}={value}" for key, value in self.tags)
        return f"{self.group}:{self.name}" + (f"{{{tags}}}" if tags else "")


class Metric:
    """One metric of a registry.

    Args:
        name: what it is called.
        description: one line.
        read: gives its value; any thread may ask.
        level: from which on it is recorded.
    """

    __slots__ = ("description", "level", "line", "line_of_all", "name", "read")

    def __init__(
        self,
        name: MetricName,
        description: str,
        read: Callable[[], object],
        level: RecordingLevel = RecordingLevel.INFO,
    ) -> None:
        self.name = name
        self.description = description
        self.read = read
        self.level = level
        self.line: str | None = None
        """How its line in the text for Prometheus begins, once somebody has asked for that."""
        self.line_of_all: str | None = None
        """The same where it is summed up over tasks."""

    @property
    def value(self) -> object:
        """Its value at this moment."""
        return self.read()


def tags_of(tags: Mapping[str, str]) -> Tags:
    """Tags in their order; underscores become dashes, as Kafka writes them."""
    return tuple(sorted((key.replace("_", "-"), value) for key, value in tags.items()))
