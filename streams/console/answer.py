"""What one instance says of itself: the JSON of `GET /console/instance`.

Counts are totals and not rates: who looks twice can work out any rate, and hold it against what is known to be true.
What an older version does not say has its default, and what a newer one says besides is passed over.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct, UnsetType


class TaskAnswer(Struct, frozen=True, omit_defaults=True):
    """A task that the instance has.

    Args:
        running: its stores are restored and it is at work.
        read, written: records, by topic, since it came.
        lag: records that wait, by topic.
        lag_s: since when, by topic (s).
        restores: records restored and to be restored, by store.
    """

    running: bool = False
    read: dict[str, int] = {}
    written: dict[str, int] = {}
    lag: dict[str, int] = {}
    lag_s: dict[str, float] = {}
    restores: dict[str, tuple[int, int]] = {}


class NodeAnswer(Struct, frozen=True, omit_defaults=True):
    """A node, in all tasks of the instance.

    Args:
        dropped: records, by cause.
        fresh_s: how old what it has sent was, at most (s).
    """

    dropped: dict[str, int] = {}
    fresh_s: float | UnsetType = UNSET


class WorkerAnswer(Struct, frozen=True, omit_defaults=True):
    """A worker of the instance.

    Args:
        state: Kafka's, as `RUNNING`.
        doing: what it does now, and since when (s).
        shares: of its time, by what it does; together 1.
    """

    state: str = ""
    doing: str = ""
    since_s: float = 0.0
    shares: dict[str, float] = {}


class RebalanceAnswer(Struct, frozen=True, omit_defaults=True):
    """A rebalance, as one worker has seen it: see `runtime.worker.rebalances`."""

    generation: int
    at_ms: int = 0
    worker: str = ""
    cause: str = ""
    detail: str = ""
    new: int = 0
    given_up: int = 0
    took_ms: float = 0.0


class Answer(Struct, frozen=True, omit_defaults=True):
    """The whole.

    Args:
        process: told from one that was there before it at the same endpoint.
        looked_ms: when it looked, by a clock that never goes back.
        generation: of the group; -1: it is in none.
        trouble: what keeps it from its work; "": nothing.
        reasons: why it is not live or not ready.
        processed, dead_letters: records, since it started.
        dropped: records, by cause, since it started.
        tasks, nodes, workers: by their names.
        rebalances: the last ones, oldest first.
    """

    process: str = ""
    looked_ms: float = 0.0
    state: str = "UNKNOWN"
    client_id: str = ""
    generation: int = -1
    trouble: str = ""
    reasons: list[str] = []
    processed: int = 0
    dead_letters: int = 0
    dropped: dict[str, int] = {}
    tasks: dict[str, TaskAnswer] = {}
    nodes: dict[str, NodeAnswer] = {}
    workers: dict[str, WorkerAnswer] = {}
    rebalances: list[RebalanceAnswer] = []


_read = msgspec.json.Decoder(Answer)


def read_answer(body: bytes) -> Answer | None:
    """What an instance has said; None: it is nothing of the kind."""
    try:
        return _read.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
