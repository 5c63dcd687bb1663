"""The bounds within which the broker stands, whatever its clients do, and how often each was met (guarantees.md)."""

from __future__ import annotations

import errno
from dataclasses import dataclass, fields
from typing import NamedTuple

MAX_HELD = 256 * 1024 * 1024
"""Memory for all connections: large frames that come in, replies that go out, requests that wait."""
MAX_QUEUED_BYTES = 16 * 1024 * 1024
MAX_QUEUED_CHUNKS = 4096
MAX_PARKED = 512
MAX_WAITING = 32 * 1024 * 1024
"""Replies of one connection that go out, and requests of it that wait: over it the connection is not read."""
WAITING_KEY = 512
"""Bytes that a request takes for each thing it waits for, roughly."""
STALLED_MS = 1_000
"""Where memory is short, a connection that moved no byte for so long gives way."""
FRAME_MS = 30_000
"""A frame that has begun ends within this time."""
HELLO_MS = 3_000
"""A connection says hello within this time."""
SLICE_MS = 20
"""Work for one request goes on for so long; then others are looked at."""
STRANGERS = 10
"""Of the connections, one in so many may be those of strangers: over TCP, without a token yet."""
MAX_TOPICS = 10_000
MAX_PARTITIONS = 50_000
"""Of all topics together: each is known by its durable end, and opened at a start after a kill."""
MAX_GROUPS = 10_000
MAX_OFFSETS = 500_000
"""Committed offsets of all groups together."""
RESERVED = 48
"""Descriptors kept for all but connections and logs: listeners, locks, atomic files, the child that compacts."""
LOG_FILES = 256
LENT_FILES = 1_024
"""Most files kept open for logs, and for replies that go out from them."""

NO_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE))
"""Errors after which nothing is wrong but the number of open files."""


class Bounds(NamedTuple):
    """Of the loop: bytes, and times in ms."""

    held: int = MAX_HELD
    stalled_ms: int = STALLED_MS
    frame_ms: int = FRAME_MS
    hello_ms: int = HELLO_MS


class Descriptors(NamedTuple):
    """How the descriptors of the process are shared out: among connections, files of logs, and files
    that replies go out from."""

    connections: int
    files: int = LOG_FILES
    lent: int = LENT_FILES


def share_out(limit: int, connections: int) -> Descriptors:
    """Shares out descriptors.

    Args:
        limit: how many the process may have open.
        connections: how many are wanted for them, `max.connections`.
    """
    left = max(limit - RESERVED, 16)
    files, lent = min(LOG_FILES, left // 4), min(LENT_FILES, left // 8)
    return Descriptors(min(connections, left - files - lent), files, lent)


@dataclass(slots=True)
class Counters:
    """How often the bounds were met since the start; `longest_pause_ms` and `most_held_bytes` are the highest seen."""

    longest_pause_ms: int = 0
    most_held_bytes: int = 0
    refused_connections: int = 0
    strangers_closed: int = 0
    unfinished_frames: int = 0
    closed_for_memory: int = 0
    out_of_descriptors: int = 0
    refused_topics: int = 0
    refused_groups: int = 0
    refused_offsets: int = 0

    def words(self) -> str:
        """Those that are not 0, for people."""
        found: list[tuple[str, int]] = [(each.name, getattr(self, each.name)) for each in fields(self)]
        return ", ".join(f"{name} {value}" for name, value in found if value) or "no bound was met"
