"""How a task is: its state in Kafka Connect's words, what keeps it from its work, and when it is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class State(Enum):
    """Kafka Connect's states, and `RETRYING`: the other side is away, and nothing is lost."""

    UNASSIGNED = "UNASSIGNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    RESTARTING = "RESTARTING"
    RETRYING = "RETRYING"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


@dataclass(slots=True)
class Status:
    """The state of one task, or of a connector. Written by its thread, read by all.

    Args:
        state: as it is now.
        cause: what keeps it from its work; "": nothing does.
        attempts: how often in a row it was tried in vain.
        next_attempt_ms: when it is tried again (monotonic clock); None: it is not.
        records: how many records it has stored, or written.
        restarts: how often it was begun anew.
        changed: is told after each change of it.
        used: is told of each topic that it uses, the first time.
    """

    state: State = State.UNASSIGNED
    cause: str = ""
    attempts: int = 0
    next_attempt_ms: float | None = None
    records: int = 0
    restarts: int = 0
    changed: Callable[[Status], None] = field(default=lambda status: None, repr=False, compare=False)
    used: Callable[[str], None] = field(default=lambda topic: None, repr=False, compare=False)
    topics: set[str] = field(default_factory=set, repr=False, compare=False)

    def works(self) -> None:
        """Nothing keeps it from its work."""
        if self.state is not State.RUNNING or self.attempts:
            self.becomes(State.RUNNING)

    def becomes(self, state: State) -> None:
        """It is in another state, of which nothing more is to be said."""
        self.state, self.cause, self.attempts, self.next_attempt_ms = state, "", 0, None
        self.changed(self)

    def uses(self, topic: str) -> None:
        """It has written to a topic, or read it."""
        if topic not in self.topics:
            self.topics.add(topic)
            self.used(topic)

    def hindered(self, state: State, cause: str, next_attempt_ms: float | None) -> None:
        """It could not do its work."""
        self.state, self.cause, self.next_attempt_ms = state, cause, next_attempt_ms
        self.attempts += 1
        self.changed(self)
