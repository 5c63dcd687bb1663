"""Who reads what: Kafka's `range` and `roundrobin` assignors, and the bytes that members of a group exchange.

Pure. The formats are those of Kafka's consumers, so that its tools can read a group of ours. All integers
are big-endian; a text is its length (int16) and UTF-8; bytes are their length (int32, -1 for none) and
themselves.

    subscription   int16 version | int32 n, n x text topic | bytes user data
                   | int32 n, n x (text topic, int32 m, m x int32 partition)   owned; from version 1 on
                   | later versions append fields, which are passed over
    assignment     int16 version | int32 n, n x (text topic, int32 m, m x int32 partition) | bytes user data

Source: `ConsumerProtocolSubscription.json`, `ConsumerProtocolAssignment.json`, `RangeAssignor` and
`RoundRobinAssignor` of Apache Kafka. Version 1 is written; every version from 0 on is read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from streams.errors import ConfigException, NotYetBuiltException, SerializationException
from streams.record import TopicPartition

VERSION = 1
LARGEST = 1 << 24
"""Most entries that a count may promise; checked before memory is taken."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a member brings to a rebalance.

    Args:
        topics: the topics it wants to read.
        user_data: bytes of its assignor's own.
        owned: the partitions it holds.
    """

    topics: tuple[str, ...]
    user_data: bytes = b""
    owned: tuple[TopicPartition, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a member is given: its partitions, and bytes of the assignor's own."""

    partitions: tuple[TopicPartition, ...] = ()
    user_data: bytes = b""


Assigned = dict[str, tuple[TopicPartition, ...]]
Assignor = Callable[[Mapping[str, Subscription], Mapping[str, int]], Assigned]
"""From the members' offers by member id, and the partition counts by topic, to everybody's partitions."""


# The assignors


def assign_range(members: Mapping[str, Subscription], counts: Mapping[str, int]) -> Assigned:
    """Each topic by itself: its partitions in order, cut into even pieces for its readers, sorted by id.

    The first readers get one more where it does not come out even. Topics without a count get nothing.
    """
    given: dict[str, list[TopicPartition]] = {member: [] for member in members}
    for topic in _topics(members):
        total = counts.get(topic, 0)
        readers = sorted(member for member, subscription in members.items() if topic in subscription.topics)
        each, more = divmod(total, len(readers))
        start = 0
        for index, member in enumerate(readers):
            stop = start + each + (index < more)
            given[member] += [TopicPartition(topic, partition) for partition in range(start, stop)]
            start = stop
    return {member: tuple(partitions) for member, partitions in given.items()}


def assign_round_robin(members: Mapping[str, Subscription], counts: Mapping[str, int]) -> Assigned:
    """All partitions of all topics in one row, dealt in turn; who does not read the topic is skipped."""
    given: dict[str, list[TopicPartition]] = {member: [] for member in members}
    circle = sorted(members)
    turn = 0
    for topic in _topics(members):
        for partition in range(counts.get(topic, 0)):
            while topic not in members[circle[turn]].topics:
                turn = (turn + 1) % len(circle)
            given[circle[turn]].append(TopicPartition(topic, partition))
            turn = (turn + 1) % len(circle)
    return {member: tuple(partitions) for member, partitions in given.items()}


def _topics(members: Mapping[str, Subscription]) -> list[str]:
    return sorted({topic for subscription in members.values() for topic in subscription.topics})


ASSIGNORS: Mapping[str, Assignor] = {"range": assign_range, "roundrobin": assign_round_robin}
"""By the names that they have on the wire."""

_KAFKA_NAMES = {
    "org.apache.kafka.clients.consumer.RangeAssignor": "range",
    "org.apache.kafka.clients.consumer.RoundRobinAssignor": "roundrobin",
    "org.apache.kafka.clients.consumer.StickyAssignor": "sticky",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor": "cooperative-sticky",
}
_NOT_BUILT = ("sticky", "cooperative-sticky")


def assignor_names(setting: object) -> tuple[str, ...]:
    """Reads `partition.assignment.strategy`: names or Kafka's class names, as a list or with commas.

    Raises:
        ConfigException: one is unknown, or there is none.
        NotYetBuiltException: one is known, but not built yet.
    """
    parts = setting if isinstance(setting, list | tuple) else str(setting).split(",")
    names = tuple(_KAFKA_NAMES.get(str(part).strip(), str(part).strip()) for part in parts)
    for name in names:
        if name in _NOT_BUILT:
            raise NotYetBuiltException(
                f"partition.assignment.strategy={name}: the sticky assignors of plain consumers are not built "
                f"yet. Use one or more of: {', '.join(ASSIGNORS)}."
            )
    unknown = [name for name in names if name not in ASSIGNORS]
    if unknown or not names:
        raise ConfigException(
            f"Invalid value {setting!r} for configuration partition.assignment.strategy: "
            f"{', '.join(map(repr, unknown)) or 'no name'} is not an assignor. "
            f"Use one or more of: {', '.join(ASSIGNORS)}."
        )
    return names


# The bytes


def write_subscription(subscription: Subscription) -> bytes:
    """The bytes of a subscription, as Kafka's consumer subscription of version 1."""
    parts = [struct.pack(">hi", VERSION, len(subscription.topics))]
    parts += [_text(topic) for topic in subscription.topics]
    parts.append(_blob(subscription.user_data))
    parts.append(_partitions(subscription.owned))
    return b"".join(parts)


def read_subscription(data: bytes) -> Subscription:
    """Reads a consumer subscription of any version.

    Raises:
        SerializationException: the bytes are none.
    """
    cursor = _Cursor(data, "subscription")
    version = cursor.version()
    topics = tuple(cursor.text() for _ in range(cursor.count()))
    user_data = cursor.blob()
    owned = cursor.partitions() if version >= 1 else ()
    return Subscription(topics, user_data, owned)


def write_assignment(assignment: Assignment) -> bytes:
    """The bytes of an assignment, as Kafka's consumer assignment of version 1."""
    body = _partitions(assignment.partitions)
    return struct.pack(">h", VERSION) + body + _blob(assignment.user_data)


def read_assignment(data: bytes) -> Assignment:
    """Reads a consumer assignment of any version; no bytes at all are an empty assignment.

    Raises:
        SerializationException: the bytes are none.
    """
    if not data:
        return Assignment()
    cursor = _Cursor(data, "assignment")
    cursor.version()
    return Assignment(cursor.partitions(), cursor.blob())


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _blob(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def _partitions(partitions: Iterable[TopicPartition]) -> bytes:
    by_topic: dict[str, list[int]] = {}
    for topic, partition in partitions:
        by_topic.setdefault(topic, []).append(partition)
    parts = [struct.pack(">i", len(by_topic))]
    for topic, numbers in by_topic.items():
        parts.append(_text(topic) + struct.pack(f">i{len(numbers)}i", len(numbers), *numbers))
    return b"".join(parts)


class _Cursor:
    """Reads forward through bytes from outside; every length is checked before it is used."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    def _take(self, size: int) -> bytes:
        if size < 0 or self._at + size > len(self._data):
            raise SerializationException(
                f"Damaged {self._what} of a group member: {size} bytes wanted at byte {self._at} "
                f"of {len(self._data)}. Another kind of client may be using this group.id."
            )
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def _int(self, form: str, size: int) -> int:
        (value,) = struct.unpack(form, self._take(size))
        return int(value)

    def version(self) -> int:
        version = self._int(">h", 2)
        if version < 0:
            raise SerializationException(f"Damaged {self._what} of a group member: its version is {version}.")
        return version

    def count(self) -> int:
        count = self._int(">i", 4)
        if not 0 <= count <= min(LARGEST, len(self._data)):
            raise SerializationException(f"Damaged {self._what} of a group member: a count is {count}.")
        return count

    def text(self) -> str:
        data = self._take(self._int(">h", 2))
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise SerializationException(f"Damaged {self._what} of a group member: {error}.") from error

    def blob(self) -> bytes:
        size = self._int(">i", 4)
        return b"" if size == -1 else self._take(size)

    def partitions(self) -> tuple[TopicPartition, ...]:
        found: list[TopicPartition] = []
        for _ in range(self.count()):
            topic = self.text()
            found += [TopicPartition(topic, self._int(">i", 4)) for _ in range(self.count())]
        return tuple(found)
