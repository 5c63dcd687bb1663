"""Internal topics: made by the group's leader before it hands out tasks, and checked where they exist."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from streams.clients.api import Admin
from streams.errors import StreamsException, TopicExistsException
from streams.runtime.group.task_plan import WantedTopic

log = logging.getLogger("streams.runtime.internal")


def make_topics(admin: Admin, wanted: Iterable[WantedTopic]) -> None:
    """Makes what is missing. A topic that is there with the right number of partitions is fine.

    Raises:
        StreamsException: one is there with another number, in Java's words.
    """
    wanted = list(wanted)
    known = admin.describe_topics(topic.name for topic in wanted)
    for topic in wanted:
        found = known.get(topic.name)
        if found is None:
            try:
                admin.create_topic(topic.name, topic.partitions, topic.settings)
                log.info("Created %s topic %s with %d partitions.", topic.kind, topic.name, topic.partitions)
                continue
            except TopicExistsException:  # another leader was quicker
                found = admin.describe_topics([topic.name])[topic.name]
        if found.partitions != topic.partitions:
            raise StreamsException(
                f"Existing internal topic {topic.name} has invalid partitions: expected: {topic.partitions}; "
                f"actual: {found.partitions}. Use 'org.apache.kafka.tools.StreamsResetter' tool to clean up "
                f"invalid topics before processing. With the bundled engine: streams-app topics delete {topic.name}."
            )
