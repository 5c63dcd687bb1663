"""Committed offsets of a group, and when they expire: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PartitionKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """A committed position; `at` is the wall clock of the commit, in milliseconds."""

    offset: int
    metadata: str
    log_epoch: int
    at: int


def expired(
    offsets: Mapping[PartitionKey, CommittedOffset], empty_since: int | None, now: int, retention_ms: int
) -> list[PartitionKey]:
    """Which offsets are to be forgotten.

    As in Kafka (KIP-211): nothing while the group has members; else an offset goes when `retention_ms` have
    passed since it was committed and since the group became empty.

    Args:
        offsets: what is committed.
        empty_since: wall clock (ms) at which the last member went; None while there are members.
        now: wall clock, ms.
        retention_ms: `offsets.retention.minutes`, in milliseconds.
    """
    if empty_since is None:
        return []
    return [key for key, found in offsets.items() if now - max(found.at, empty_since) >= retention_ms]


def chosen(
    offsets: Mapping[PartitionKey, CommittedOffset], keys: Iterable[PartitionKey] | None
) -> list[tuple[PartitionKey, CommittedOffset | None]]:
    """The offsets of these partitions, in this order (None: of all that have one, sorted)."""
    if keys is None:
        return [(key, offsets[key]) for key in sorted(offsets)]
    return [(key, offsets.get(key)) for key in keys]
