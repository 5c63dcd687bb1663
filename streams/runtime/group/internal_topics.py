"""Internal topics: made by the group's leader before it hands out tasks, and checked where they exist."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from streams.clients.api import Admin
from streams.errors import InvalidReplicationFactorException, StreamsException, TopicExistsException
from streams.runtime.group.task_plan import WantedTopic

log = logging.getLogger("streams.runtime.internal")


CLEANUP, RETENTION = "cleanup.policy", "retention.ms"
COMPACT, DELETE = "compact", "delete"
NO_COPIES: Mapping[str, str] = {}


def make_topics(admin: Admin, wanted: Iterable[WantedTopic], copies: Mapping[str, str] = NO_COPIES) -> None:
    """Makes what is missing. A topic that is there with the right number of partitions, and keeps what has to be kept,
    is fine.

    Args:
        admin: of the engine.
        wanted: the topics.
        copies: `replication.factor`, where it is given.
    Raises:
        StreamsException: one is there with another number, in Java's words; it loses what has to be kept; or there are
            not enough brokers for so many copies.
    """
    wanted = list(wanted)
    known = admin.describe_topics(topic.name for topic in wanted)
    for topic in wanted:
        found = known.get(topic.name)
        if found is None:
            try:
                admin.create_topic(topic.name, topic.partitions, {**copies, **topic.settings})
                log.info("Created %s topic %s with %d partitions.", topic.kind, topic.name, topic.partitions)
                continue
            except TopicExistsException:  # another leader was quicker
                found = admin.describe_topics([topic.name])[topic.name]
            except InvalidReplicationFactorException as error:
                raise StreamsException(
                    f"Could not create topic {topic.name}. {error} Set replication.factor to the number of brokers at "
                    "most; -1 takes the brokers' default.replication.factor."
                ) from None
        if found.partitions != topic.partitions:
            raise StreamsException(
                f"Existing internal topic {topic.name} has invalid partitions: expected: {topic.partitions}; "
                f"actual: {found.partitions}. Use 'org.apache.kafka.tools.StreamsResetter' tool to clean up "
                f"invalid topics before processing. With the bundled engine: streams-app topics delete {topic.name}."
            )
        _check_kept(topic, found.settings)


def _check_kept(topic: WantedTopic, found: Mapping[str, str]) -> None:
    """Refuses a topic that would lose what has to be kept, in the words of Java's `InternalTopicManager.validate`. A
    shorter retention is told of: it may be meant."""
    policy, meant = (set(given.get(CLEANUP, DELETE).split(",")) for given in (found, topic.settings))
    for word, loses in ((DELETE, "records that a restore needs"), (COMPACT, "records that nobody has read yet")):
        if word in policy - meant:
            raise StreamsException(
                f"Cleanup policy (cleanup.policy) of existing internal topic {topic.name} should not contain "
                f'"{word}": the topic would lose {loses}. Set it right with streams-app topics alter {topic.name} '
                f"{CLEANUP}={topic.settings.get(CLEANUP, DELETE)}"
            )
    kept, needed = found.get(RETENTION), topic.settings.get(RETENTION)
    if DELETE in policy and kept != needed and needed is not None and kept is not None and _shorter(kept, needed):
        log.warning(
            "Retention time (retention.ms) of existing internal topic %s is %s but should be %s or larger: it loses "
            "records before their time. streams-app topics alter %s retention.ms=%s sets it right.",
            *(topic.name, kept, needed, topic.name, needed),
        )


def _shorter(kept: str, needed: str) -> bool:
    """Is less kept than is needed? -1: for ever."""
    return int(kept) >= 0 and (int(needed) < 0 or int(kept) < int(needed))
