"""A store of a task that runs in this process, as queries see it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, Protocol, TypeVar

from statestore import api
from streams.errors import StateStoreMigratedException
from streams.operators.base import StoreAccess
from streams.record import TopicPartition
from streams.state.iterators import Lease
from streams.topology.store import StoreKind, StoreSpec

T = TypeVar("T")
Found = TypeVar("Found", covariant=True)
Reads = TypeVar("Reads")

INTERNAL = frozenset({StoreKind.SUPPRESS_BUFFER, StoreKind.OUTER_JOIN, StoreKind.JOIN_BUFFER})
"""The framework's own, whose rows mean nothing to others."""


class Ask(Protocol):
    """Has a question answered by the thread that owns the task."""

    def __call__(self, question: Callable[[], T]) -> Answer[T]: ...


class Answer(Protocol[Found]):
    """What comes of a question to the owner of a task. Any thread may wait for it, or leave it."""

    def result(self, timeout_ms: float) -> Found:
        """The answer, or what the question raised; `TimeoutException` where it has not come in that time."""
        ...

    def then(self, told: Callable[[], None]) -> None:
        """`told` is called when it has come, by the thread that answers, or now."""
        ...

    def leave(self) -> None:
        """Nobody waits for it any more."""
        ...


class Isolated(NamedTuple, Generic[Reads]):
    """A store as it was committed, and as it is now."""

    committed: Reads
    latest: Reads

    def at(self, committed: bool) -> Reads:
        """Its rows under one isolation or the other."""
        return self.committed if committed else self.latest


@dataclass(frozen=True, slots=True)
class LocalStore:
    """See the module. It is worth something as long as its task runs here; `check` says so after each reading.

    Of the kinds of store (`key_value` to `versioned`) at most one is there; none: it cannot be queried.

    Args:
        spec: the store.
        partition: of the task; -1: a global store.
        access: its serdes.
        lease: ends when the task is closed, aborted or moves.
        applied: up to where its task has its source partitions committed: the offsets of the next records.
        reads: what its task reads.
        reached: whether the committed state has all that lies before these offsets; for the owner's thread.
        ask: has a question answered by the owner.
        confirmed: the group has confirmed lately that the task is here.
    """

    spec: StoreSpec
    partition: int
    access: StoreAccess[object]
    lease: Lease
    applied: Callable[[], Mapping[TopicPartition, int]]
    reads: Callable[[], Collection[TopicPartition]]
    reached: Callable[[Mapping[TopicPartition, int]], bool]
    ask: Ask
    confirmed: Callable[[], bool]
    key_value: Isolated[api.KeyValueReads] | None = None
    window: Isolated[api.WindowReads] | None = None
    session: Isolated[api.SessionReads] | None = None
    versioned: Isolated[api.VersionedReads] | None = None

    @property
    def name(self) -> str:
        """The store's name."""
        return self.spec.name

    @property
    def here(self) -> bool:
        """Its task is still here, as far as anybody knows."""
        return self.lease.is_open and self.confirmed()

    def check(self) -> None:
        """To be called after a reading: was it one?

        Raises:
            StateStoreMigratedException: the task has moved meanwhile, or may have.
        """
        if not self.lease.is_open:
            raise StateStoreMigratedException(
                f"The state store {self.name} of partition {self.partition} has moved to another instance, or is "
                "taken back to its last commit."
            )
        if not self.confirmed():
            raise StateStoreMigratedException(
                f"The group has not confirmed lately that partition {self.partition} of {self.name} is still here."
            )


def local_store(
    spec: StoreSpec,
    partition: int,
    access: StoreAccess[object],
    lease: Lease,
    applied: Callable[[], Mapping[TopicPartition, int]],
    reads: Callable[[], Collection[TopicPartition]],
    reached: Callable[[Mapping[TopicPartition, int]], bool],
    ask: Ask,
    confirmed: Callable[[], bool],
) -> LocalStore:
    """See `LocalStore` for the arguments."""
    made, store = LocalStore(spec, partition, access, lease, applied, reads, reached, ask, confirmed), access.store
    if spec.kind in INTERNAL:
        return made
    if isinstance(store, api.KeyValueStore):
        return replace(made, key_value=Isolated(store.committed, store.latest))
    if isinstance(store, api.WindowStore):
        return replace(made, window=Isolated(store.committed, store.latest))
    if isinstance(store, api.SessionStore):
        return replace(made, session=Isolated(store.committed, store.latest))
    if isinstance(store, api.VersionedStore):
        return replace(made, versioned=Isolated(store.committed, store.latest))
    return made


@dataclass(frozen=True, slots=True)
class Restoring:
    """A store of a task that is here and does not run yet.

    Args:
        done, total: records that have been and are to be read into it.
    """

    name: str
    partition: int
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        far = f": {self.done:,} of {self.total:,} records" if self.total else ""
        return f"The state store {self.name} of partition {self.partition} is being restored{far}."
