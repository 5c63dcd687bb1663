"""Topics: which there are, making and deleting them, their settings."""

from __future__ import annotations

from dataclasses import dataclass

from broker_local.protocol.requests.request import Asks, Name, Reply, Small, SmallOrNone, Text, request


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic as it is. `topic_id` is another one when a topic was deleted and made again."""

    topic: Name
    error: int
    topic_id: Name
    partitions: Small


@dataclass(frozen=True, slots=True)
class MetadataReply(Reply):
    topics: tuple[TopicRow, ...]


@request(1, MetadataReply)
@dataclass(frozen=True, slots=True)
class Metadata(Asks[MetadataReply]):
    """Which topics there are (None: all). `create_missing` is for those about to send (decision 34)."""

    topics: tuple[Name, ...] | None = None
    create_missing: bool = False


@dataclass(frozen=True, slots=True)
class TopicResult:
    topic: Name
    error: int
    message: str


@dataclass(frozen=True, slots=True)
class TopicsReply(Reply):
    results: tuple[TopicResult, ...]


@dataclass(frozen=True, slots=True)
class NewTopic:
    """`partitions` -1: as many as `num.partitions` says."""

    topic: Name
    partitions: SmallOrNone
    configs: dict[str, Text]


@request(2, TopicsReply)
@dataclass(frozen=True, slots=True)
class TopicCreate(Asks[TopicsReply]):
    topics: tuple[NewTopic, ...]
    validate_only: bool = False


@request(3, TopicsReply)
@dataclass(frozen=True, slots=True)
class TopicDelete(Asks[TopicsReply]):
    topics: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Alteration:
    """Settings to be changed; None takes the topic's own value away."""

    topic: Name
    configs: dict[str, Text | None]


@request(4, TopicsReply)
@dataclass(frozen=True, slots=True)
class TopicAlter(Asks[TopicsReply]):
    topics: tuple[Alteration, ...]


@dataclass(frozen=True, slots=True)
class PartitionCount:
    topic: Name
    count: Small


@request(5, TopicsReply)
@dataclass(frozen=True, slots=True)
class PartitionsAdd(Asks[TopicsReply]):
    """`count` is how many there shall be afterwards, as in Kafka."""

    topics: tuple[PartitionCount, ...]


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """One setting; `own` tells whether the topic sets it itself."""

    name: Name
    value: Text
    own: bool


@dataclass(frozen=True, slots=True)
class TopicConfigRows:
    topic: Name
    error: int
    configs: tuple[ConfigRow, ...]


@dataclass(frozen=True, slots=True)
class TopicConfigsReply(Reply):
    topics: tuple[TopicConfigRows, ...]


@request(6, TopicConfigsReply)
@dataclass(frozen=True, slots=True)
class TopicConfigs(Asks[TopicConfigsReply]):
    topics: tuple[Name, ...]
