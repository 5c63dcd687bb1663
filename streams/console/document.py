"""What the page shows, of all instances: one JSON document. It has no null: merge patches are made of two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

Known = float | UnsetType
"""A figure; it is left out where nobody knows it (yet)."""
TaskState = Literal["RUNNING", "RESTORING", "UNKNOWN", "NOBODY"]
"""UNKNOWN: whose it is does not answer. NOBODY: the group has given it to none."""


class TaskShown(Struct):
    """A task.

    Args:
        at: endpoint of the instance that has it; "": none that can be asked.
        rate: records that it reads, a second.
        lag: records that wait, and since when (s).
        restored: records, of so many to be restored, with the time left (s); while it is restored.
    """

    at: str
    state: TaskState
    rate: Known = UNSET
    lag: Known = UNSET
    lag_s: Known = UNSET
    restored: Known = UNSET
    to_restore: Known = UNSET
    left_s: Known = UNSET


class WorkerShown(Struct):
    """A worker: its state, what it does, and the shares of its time."""

    state: str
    doing: str
    shares: dict[str, float]


class InstanceShown(Struct):
    """An instance, also one that does not answer: then with what it was last seen to be.

    Args:
        seen_ms: when it last answered; 0: never.
        tasks: how many it has, of which so many run.
    """

    answers: bool
    seen_ms: int
    state: str
    client_id: str
    reasons: list[str]
    tasks: int
    running: int
    processed: int
    lag: int
    rate: Known
    workers: dict[str, WorkerShown]


class TopicShown(Struct):
    """A topic: records read and written a second, how far its readers are behind, in records and in seconds."""

    read: Known = UNSET
    written: Known = UNSET
    lag: Known = UNSET
    lag_s: Known = UNSET


class NodeShown(Struct):
    """A node: what it has dropped, by cause, and how old what it has sent was at most (s)."""

    dropped: dict[str, int] | UnsetType = UNSET
    fresh_s: Known = UNSET


class RebalanceShown(Struct):
    """One generation of the group.

    Args:
        moved: tasks that came to a worker which did not have them.
        took_ms: how long those waited that waited longest.
        workers: how many took part.
    """

    at_ms: int
    cause: str
    detail: str
    moved: int
    took_ms: float
    workers: int


class Totals(Struct):
    """The application as a whole. Counts are those of the processes that were last seen; rates are a second's."""

    processed: int
    dropped: dict[str, int]
    dead_letters: int
    restored: int
    to_restore: int
    rate: Known = UNSET
    written_rate: Known = UNSET
    lag: Known = UNSET
    lag_s: Known = UNSET
    fresh_s: Known = UNSET
    left_s: Known = UNSET


class Document(Struct):
    """All of it.

    Args:
        seen_by: the instance that has looked at all of them.
        state: of the instance that is worst.
        rebalances: by generation.
    """

    application: str
    seen_by: str
    at_ms: int
    state: str
    totals: Totals
    instances: dict[str, InstanceShown]
    tasks: dict[str, TaskShown]
    topics: dict[str, TopicShown]
    nodes: dict[str, NodeShown]
    rebalances: dict[str, RebalanceShown]


def plain(document: Document) -> Mapping[str, object]:
    """As dicts, lists, texts and numbers."""
    found: Mapping[str, object] = msgspec.to_builtins(document)
    return found
