"""Who holds a reader of committed records back: a transaction that has been open for long in a partition that it reads.

The broker is asked now and then, over the reader's own connection, and nobody waits for its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from broker_local.protocol.requests.groups import Part
from broker_local.protocol.requests.transactions import DescribeTransactions, DescribeTransactionsReply
from streams.record import TopicPartition
from streams.world import World

PATIENCE_MS = 10_000
"""A transaction that is open for longer is told; so long it is between two looks, too."""


class HeldBack:
    """The looks of one reader.

    Args:
        world: time.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._due = world.monotonic_ms() + PATIENCE_MS
        self._request = -1

    def question(self, read: Iterable[TopicPartition]) -> DescribeTransactions | None:
        """What to ask the broker about the partitions that are read; None: nothing for the moment."""
        now = self._world.monotonic_ms()
        if now < self._due:
            return None
        self._due = now + PATIENCE_MS
        parts = tuple(Part(each.topic, each.partition) for each in read)
        return DescribeTransactions((), parts) if parts else None

    def sent(self, request: int) -> None:
        """The question went out under this number."""
        self._request = request

    def told(self, request: int, reply: object, positions: Mapping[TopicPartition, int]) -> str | None:
        """What there is to say where this reply answers the question; None: nothing.

        Args:
            request: the number that the reply answers.
            reply: what came.
            positions: where the reader stands.
        """
        if request != self._request or not isinstance(reply, DescribeTransactionsReply):
            return None
        oldest = min(reply.transactions, key=lambda row: row.since, default=None)
        if oldest is None or self._world.now_ms() - oldest.since < PATIENCE_MS:
            return None
        places = [TopicPartition(part.topic, part.partition) for part in oldest.partitions]
        partition = next((each for each in places if each in positions), None)
        if partition is None:
            return None
        since = datetime.fromtimestamp(oldest.since / 1000, UTC).isoformat(" ", "seconds")
        return (
            f"{partition}: reading waits at offset {positions[partition]} for transaction {oldest.transactional_id}, "
            f"which {oldest.holder} has had open since {since}. It ends by itself after {oldest.timeout_ms} ms, or by "
            f"`streams-app transactions abort {oldest.transactional_id}`."
        )
