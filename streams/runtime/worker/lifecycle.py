"""The states of an application and of a worker, and how they may go from one to the next, as Java's
`KafkaStreams.State` and `StreamThread.State`.

CREATED ─▶ REBALANCING ◀─▶ RUNNING
    │           │              │
    └───────────┼──────────────┼──▶ PENDING_SHUTDOWN ─▶ NOT_RUNNING
                └──────────────┴──▶ PENDING_ERROR ─▶ ERROR

CREATED ─▶ STARTING ─▶ PARTITIONS_REVOKED ◀─▶ PARTITIONS_ASSIGNED ◀─▶ RUNNING       a worker
              │                 │                      │                 │
              └─────────────────┴──────────────────────┴─────────────────┴──▶ PENDING_SHUTDOWN ─▶ DEAD
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


_REVOKED, _ASSIGNED = WorkerState.PARTITIONS_REVOKED, WorkerState.PARTITIONS_ASSIGNED
_ENDING, _DEAD = WorkerState.PENDING_SHUTDOWN, WorkerState.DEAD
WORKER_NEXT: Mapping[WorkerState, frozenset[WorkerState]] = {
    WorkerState.CREATED: frozenset({WorkerState.STARTING}),
    # RUNNING: there are only global stores, so there is no group. DEAD: it could not be made whole.
    WorkerState.STARTING: frozenset({_REVOKED, _ASSIGNED, WorkerState.RUNNING, _ENDING, _DEAD}),
    _REVOKED: frozenset({_ASSIGNED, _ENDING}),
    _ASSIGNED: frozenset({_REVOKED, WorkerState.RUNNING, _ENDING}),
    WorkerState.RUNNING: frozenset({_REVOKED, _ASSIGNED, _ENDING}),
    _ENDING: frozenset({_DEAD}),
    _DEAD: frozenset(),
}


class WorkerLife:
    """Where a worker is, and what was asked of it. Its thread changes the state; any thread may ask for its end.

    Args:
        told: called with each new state.
    """

    def __init__(self, told: Callable[[WorkerState], None]) -> None:
        self._told = told
        self.state = WorkerState.CREATED
        self.stopping = False
        self.paused = False
        """Processing rests (KIP-834)."""

    def pause(self, paused: bool) -> None:
        """Processing rests, or goes on."""
        self.paused = paused

    def become(self, new: WorkerState) -> None:
        """Goes to a state and says so. One that is ending does not listen to its group any more: it goes only to its
        end.

        Raises:
            IllegalStateException: the state cannot be reached from the present one.
        """
        old = self.state
        if new is old or (old is WorkerState.PENDING_SHUTDOWN and new is not WorkerState.DEAD):
            return
        if new not in WORKER_NEXT[old]:
            raise IllegalStateException(f"Unexpected state transition from {old.value} to {new.value}")
        self.state = new
        self._told(new)


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
