"""What is in the topics at the end, as one more client reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.clients.api import READER_DEFAULTS, Door, Isolation
from streams.record import TopicPartition
from streams.testing import SimulatedWorld

LONGEST_MS = 60_000


class Record(NamedTuple):
    """One record of a log."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


Logs = Mapping[TopicPartition, list[Record]]


class Unread(AssertionError):
    """A log cannot be read to its end."""


def read_all(
    world: SimulatedWorld, door: Door, partitions: Iterable[TopicPartition], isolation: Isolation
) -> dict[TopicPartition, list[Record]]:
    """All that is in these partitions, to their ends."""
    found: dict[TopicPartition, list[Record]] = {each: [] for each in partitions}
    missing = set(found)
    reader = door.reader(isolation, READER_DEFAULTS)
    admin = door.admin()
    reader.seek(admin.beginning_offsets(list(found)))
    admin.close()
    deadline = world.monotonic_ms() + LONGEST_MS
    while missing:
        if world.monotonic_ms() > deadline:
            raise Unread(f"not at the end after {LONGEST_MS} ms: {sorted(missing)}")
        for part in reader.poll(100):
            batch = part.batch
            if batch is not None:
                columns = zip(batch.offsets, batch.keys, batch.values, batch.timestamps, strict=True)
                found[part.partition] += [Record(*each) for each in columns]
            if part.caught_up_at is not None:
                missing.discard(part.partition)
    reader.close()
    return found


def of_topic(logs: Logs, topic: str) -> list[list[Record]]:
    """The partitions of a topic, in order."""
    return [logs[each] for each in sorted(logs) if each.topic == topic]


def last_values(logs: Logs, topic: str) -> dict[bytes, bytes]:
    """What a table of the topic holds: the last value of each key; what was deleted is not there."""
    found: dict[bytes, bytes] = {}
    for partition in of_topic(logs, topic):
        for record in partition:
            assert record.key is not None
            if record.value is None:
                found.pop(record.key, None)
            else:
                found[record.key] = record.value
    return found
