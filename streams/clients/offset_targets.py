"""Where the positions of a group are set anew, as `kafka-consumer-groups --reset-offsets` and Kafka's application reset
tool have it: a target is a function from the logs to offsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from streams.clients.api import Admin, Isolation
from streams.errors import GroupIdNotFoundException, IllegalArgumentException
from streams.record import TopicPartition


class Logs(NamedTuple):
    """What a target is found from: the logs of some partitions, and what their group has committed in them.

    `at` gives the first offset at or after a time (ms), the end of the log where there is none.
    """

    group: str
    first: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    committed: Mapping[TopicPartition, int]
    at: Callable[[int], Mapping[TopicPartition, int]]


Target = Callable[[Logs], Mapping[TopicPartition, int]]
"""For every partition of the logs an offset, which may lie outside of its log."""


class Move(NamedTuple):
    """One position: what is committed (None: nothing), what the target says, and that within the log."""

    partition: TopicPartition
    before: int | None
    wanted: int
    after: int

    @property
    def clipped(self) -> str:
        """What is said where the target lies outside of the log, in the words of Kafka's tool; "": it does not."""
        if self.wanted == self.after:
            return ""
        side = "lower than earliest" if self.wanted < self.after else "higher than latest"
        return f"{self.partition}: New offset ({self.wanted}) is {side} offset. Value will be set to {self.after}"


def earliest(logs: Logs) -> Mapping[TopicPartition, int]:
    """The first records that are still there."""
    return logs.first


def latest(logs: Logs) -> Mapping[TopicPartition, int]:
    """Behind the last records."""
    return logs.ends


def current(logs: Logs) -> Mapping[TopicPartition, int]:
    """What is committed, moved into the logs; where nothing is, the end, as in Kafka's tool."""
    return {partition: logs.committed.get(partition, end) for partition, end in logs.ends.items()}


def at_offset(number: int) -> Target:
    """The same offset everywhere."""
    return lambda logs: dict.fromkeys(logs.ends, number)


def at_time(ms: int) -> Target:
    """The first records at or after a time."""
    return lambda logs: logs.at(ms)


def shifted(by: int) -> Target:
    """So many records on, or back if negative, from what is committed."""

    def target(logs: Logs) -> Mapping[TopicPartition, int]:
        without = [str(partition) for partition in logs.ends if partition not in logs.committed]
        if without:
            raise IllegalArgumentException(
                f"Group {logs.group!r} has committed nothing for {', '.join(without)}, so there is nothing to shift."
            )
        return {partition: logs.committed[partition] + by for partition in logs.ends}

    return target


def moves(
    admin: Admin,
    group: str,
    partitions: Sequence[TopicPartition],
    committed: Mapping[TopicPartition, int],
    target: Target,
) -> list[Move]:
    """What a target means for partitions of a group. Nothing is changed.

    Args:
        admin: of the engine.
        group: its id.
        partitions: which.
        committed: what the group has committed.
        target: where to.
    Raises:
        IllegalArgumentException: the target has no meaning for one of them.
        UnknownTopicOrPartitionException: one does not exist.
    """
    first = admin.beginning_offsets(partitions)
    ends = admin.end_offsets(partitions, Isolation.READ_UNCOMMITTED)

    def at(ms: int) -> dict[TopicPartition, int]:
        found = admin.offsets_for_times(dict.fromkeys(partitions, ms))
        return {each: ends[each] if row is None else row.offset for each, row in found.items()}

    wanted = target(Logs(group, first, ends, committed, at))
    return [
        Move(each, committed.get(each), wanted[each], min(max(wanted[each], first[each]), ends[each]))
        for each in partitions
    ]


def committed_by(admin: Admin, group: str) -> dict[TopicPartition, int]:
    """What a group has committed; nothing where there is no such group."""
    try:
        return {each: position.offset for each, position in admin.describe_group(group).offsets.items()}
    except GroupIdNotFoundException:
        return {}
