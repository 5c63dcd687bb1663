"""The states of an application and how it may go from one to the next, as Java's `KafkaStreams.State`.

CREATED ─▶ REBALANCING ◀─▶ RUNNING
    │           │              │
    └───────────┼──────────────┼──▶ PENDING_SHUTDOWN ─▶ NOT_RUNNING
                └──────────────┴──▶ PENDING_ERROR ─▶ ERROR
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import Enum

from streams.errors import IllegalStateException
from streams.world import SYSTEM, World

log = logging.getLogger("streams.runtime.lifecycle")


class State(Enum):
    """Where an application is."""

    CREATED = "CREATED"
    REBALANCING = "REBALANCING"
    RUNNING = "RUNNING"
    PENDING_SHUTDOWN = "PENDING_SHUTDOWN"
    NOT_RUNNING = "NOT_RUNNING"
    PENDING_ERROR = "PENDING_ERROR"
    ERROR = "ERROR"

    @property
    def is_running_or_rebalancing(self) -> bool:
        return self in (State.RUNNING, State.REBALANCING)

    @property
    def is_final(self) -> bool:
        """Nothing comes after it."""
        return self in (State.NOT_RUNNING, State.ERROR)

    @property
    def has_completed_shutdown(self) -> bool:
        return self.is_final

    @property
    def is_ending(self) -> bool:
        return self in (State.PENDING_SHUTDOWN, State.PENDING_ERROR)


class WorkerState(Enum):
    """Java's states of a stream thread."""

    CREATED = "CREATED"
    STARTING = "STARTING"
    PARTITIONS_REVOKED = "PARTITIONS_REVOKED"
    PARTITIONS_ASSIGNED = "PARTITIONS_ASSIGNED"
    RUNNING = "RUNNING"
    PENDING_SHUTDOWN = "PENDING_SHUTDOWN"
    DEAD = "DEAD"


NEXT: Mapping[State, frozenset[State]] = {
    State.CREATED: frozenset({State.REBALANCING, State.PENDING_SHUTDOWN}),
    State.REBALANCING: frozenset({State.RUNNING, State.PENDING_SHUTDOWN, State.PENDING_ERROR}),
    State.RUNNING: frozenset({State.REBALANCING, State.PENDING_SHUTDOWN, State.PENDING_ERROR}),
    State.PENDING_SHUTDOWN: frozenset({State.NOT_RUNNING}),
    State.NOT_RUNNING: frozenset(),
    State.PENDING_ERROR: frozenset({State.ERROR}),
    State.ERROR: frozenset(),
}

Listener = Callable[[State, State], object]


class Lifecycle:
    """The state, its listener, and who waits for it. Safe to be used by any thread.

    Args:
        name: begins messages.
        world: how it is waited for.
    """

    def __init__(self, name: str, world: World = SYSTEM) -> None:
        self._name = name
        self._changed = world.condition()
        self.state = State.CREATED
        self.listener: Listener | None = None

    def go(self, new: State) -> bool:
        """Goes to a state; False where it may not be reached from the present one."""
        with self._changed:
            old = self.state
            if new is old or new not in NEXT[old]:
                return False
            self.state = new
            self._changed.notify_all()
            listener = self.listener
        if listener is not None:
            try:
                listener(new, old)
            except KeyboardInterrupt:
                raise
            except BaseException:  # also sys.exit(): in a worker's thread it would end that thread without a word
                log.exception("%s: the state listener failed at the change from %s to %s.", self._name, old, new)
        return True

    def must_go(self, new: State) -> None:
        """Goes to a state.

        Raises:
            IllegalStateException: it may not be reached from the present one; Java's words.
        """
        old = self.state
        if not self.go(new):
            raise IllegalStateException(
                f"Stream-client {self._name}: Unexpected state transition from {old.value} to {new.value}"
            )

    def wait_for(self, wanted: Callable[[State], bool], timeout_s: float | None) -> bool:
        """Waits until the state is as wanted; has it come to that?"""
        with self._changed:
            return self._changed.wait_for(lambda: wanted(self.state), timeout_s)
