"""How a task is: its state in Kafka Connect's words, what keeps it from its work, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Kafka Connect's states, and `RETRYING`: the other side is away, and nothing is lost."""

    UNASSIGNED = "UNASSIGNED"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


@dataclass(slots=True)
class Status:
    """The state of one task. Written by its thread, read by all.

    Args:
        state: as it is now.
        cause: what keeps it from its work; "": nothing does.
        attempts: how often in a row it was tried in vain.
        next_attempt_ms: when it is tried again (monotonic clock); None: it is not.
        records: how many records it has stored, or written.
        restarts: how often it was begun anew.
    """

    state: State = State.UNASSIGNED
    cause: str = ""
    attempts: int = 0
    next_attempt_ms: float | None = None
    records: int = 0
    restarts: int = 0

    def works(self) -> None:
        """Nothing keeps it from its work."""
        self.state, self.cause, self.attempts, self.next_attempt_ms = State.RUNNING, "", 0, None

    def hindered(self, state: State, cause: str, next_attempt_ms: float | None) -> None:
        """It could not do its work."""
        self.state, self.cause, self.next_attempt_ms = state, cause, next_attempt_ms
        self.attempts += 1
