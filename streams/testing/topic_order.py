"""Which of several topics the driver's task takes a record from, as Java's `PartitionGroup` decides it.

The heads wait in a `java.util.PriorityQueue` by timestamp. Of equal ones the first is the one that this heap's array
has first, which is mostly, and with two always, the one that came first. Two repartition topics of one join are such
a case, and so are a foreign-key subscription and the update of the table that it asks.
"""

from __future__ import annotations

from typing import NamedTuple

from streams.record import TopicPartition


class _Head(NamedTuple):
    timestamp: int
    partition: TopicPartition


class TopicOrder:
    """The partitions that have records, in Java's order of ties."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[_Head] = []

    def __contains__(self, partition: TopicPartition) -> bool:
        return any(head.partition == partition for head in self._heap)

    def offer(self, partition: TopicPartition, timestamp: int) -> None:
        """The partition has a record again; its first one has this timestamp (ms)."""
        heap, added = self._heap, _Head(timestamp, partition)
        at = len(heap)
        heap.append(added)
        while at:
            above = (at - 1) // 2
            if added.timestamp >= heap[above].timestamp:
                break
            heap[at] = heap[above]
            at = above
        heap[at] = added

    def poll(self) -> TopicPartition | None:
        """The partition whose turn it is, no longer among them; None if there is none."""
        heap = self._heap
        if not heap:
            return None
        taken, moved = heap[0], heap.pop()
        if heap:
            self._sink(moved)
        return taken.partition

    def _sink(self, moved: _Head) -> None:
        """Puts what was last in the place of the first, and lets it sink."""
        heap, at = self._heap, 0
        while (below := 2 * at + 1) < len(heap):
            if below + 1 < len(heap) and heap[below].timestamp > heap[below + 1].timestamp:
                below += 1
            if moved.timestamp <= heap[below].timestamp:
                break
            heap[at] = heap[below]
            at = below
        heap[at] = moved
