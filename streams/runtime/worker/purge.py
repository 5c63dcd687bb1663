"""Repartition topics lose what has been processed (`repartition.purge.interval.ms`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from streams.clients.api import Admin, Position
from streams.clock import passed
from streams.errors import FencedMemberEpochException, KafkaException
from streams.record import TopicPartition
from streams.runtime.worker.sender import Sender, migrated
from streams.topology.node import SubTopology

log = logging.getLogger("streams.runtime.purge")


class Purge:
    """The purges of one worker.

    Args:
        owner: the worker's name, for messages.
        interval_ms: between two of them.
        now_ms: wall clock.
    """

    def __init__(
        self,
        owner: str,
        prefix: str,
        subtopologies: Iterable[SubTopology],
        admin: Admin,
        sender: Sender,
        interval_ms: int,
        now_ms: int,
    ) -> None:
        self._owner = owner
        self._inside = {f"{prefix}-{topic}" for sub in subtopologies for topic in sub.repartition_topics}
        self._admin = admin
        self._sender = sender
        self._interval_ms = interval_ms
        self._done_at = now_ms

    def due(self, now_ms: int) -> bool:
        """Has the interval passed?"""
        return passed(self._done_at, now_ms, self._interval_ms)

    def run(self, positions: Mapping[TopicPartition, Position], now_ms: int) -> None:
        """Deletes what lies before these positions.

        Raises:
            TaskMigratedException: the group has put the worker out.
        """
        self._done_at = now_ms
        before = {p: position.offset for p, position in positions.items() if p.topic in self._inside}
        try:
            self._admin.delete_records(before, self._sender.member)
        except FencedMemberEpochException as error:
            raise migrated(error) from error
        except KafkaException as error:  # the next purge does it
            log.warning("%s could not purge its repartition topics: %s", self._owner, error)
