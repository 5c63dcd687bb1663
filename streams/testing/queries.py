"""Interactive queries of the test driver: one task, one partition, everything committed after each record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from streams.clients.api import Isolation
from streams.record import TopicPartition
from streams.runtime.group.membership import Endpoints
from streams.runtime.state.stores import OpenStore
from streams.runtime.worker.mailbox import Answer
from streams.runtime.worker.rebalance_listener import Known
from streams.state.iterators import Lease
from streams.state.local_store import LocalStore, local_store
from streams.topology.node import BuiltTopology
from streams.world import SYSTEM

T = TypeVar("T")


class DriverStores:
    """The driver as a worker that queries ask.

    Args:
        built: the topology.
        stores: all stores, by name.
        applied: the offsets of the next records.
        lease: ends with the driver.
    """

    def __init__(
        self,
        built: BuiltTopology,
        stores: Callable[[], Mapping[str, OpenStore]],
        applied: Callable[[], Mapping[TopicPartition, int]],
        lease: Lease,
    ) -> None:
        self._stores = stores
        self._applied = applied
        self._lease = lease
        self._globals = frozenset(each.store.name for each in built.global_stores)
        self.known = Known(0, Endpoints({}, {sub.id: 1 for sub in built.subtopologies}))

    isolation = Isolation.READ_UNCOMMITTED

    @property
    def queryable(self) -> DriverStores:
        """It is its own."""
        return self

    def find(self, name: str, partition: int) -> LocalStore | None:
        """The one partition there is of a store."""
        found = self._stores().get(name)
        if found is None or partition != (-1 if name in self._globals else 0):
            return None
        return local_store(
            found.spec,
            partition,
            found.access,
            self._lease,
            self._applied,
            self._applied,
            lambda ends: True,
            _asked,
            lambda: True,
        )

    def all(self, name: str) -> dict[int, LocalStore]:
        """As `find`."""
        partition = -1 if name in self._globals else 0
        found = self.find(name, partition)
        return {} if found is None else {partition: found}


def _asked(question: Callable[[], T]) -> Answer[T]:
    answer: Answer[T] = Answer(SYSTEM.condition())
    answer.ask(question)
    return answer
