"""Where a partition of a store is: here, on its way to here, at another instance, or nobody knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.clients.api import Isolation
from streams.errors import (
    InvalidStateStorePartitionException,
    StateStoreMigratedException,
    StreamsRebalancingException,
    UnknownStateStoreException,
)
from streams.names import decorated_topic
from streams.partition import partition_for
from streams.query.requests import store_name
from streams.serdes.base import AnySerde
from streams.serdes.choose import choose
from streams.state.local_store import INTERNAL, LocalStore, Restoring
from streams.topology.node import BuiltTopology, ProcessorNode, SinkNode, SourceNode, SubTopology, TaskId
from streams.topology.store import StoreSpec
from streams.world import SYSTEM, World

GLOBAL = -1
"""Stands for the partition of a global store, which every instance has whole."""
ANSWER_MS = 5_000
"""How long a worker is waited for."""


class Stores(Protocol):
    """The stores of one worker, and what its tasks are shown of what they read."""

    @property
    def isolation(self) -> Isolation: ...

    def find(self, name: str, partition: int) -> LocalStore | Restoring | None: ...

    def all(self, name: str) -> Mapping[int, LocalStore | Restoring]: ...


class Endpoints(Protocol):
    """Where the tasks of the group are."""

    @property
    def owners(self) -> Mapping[TaskId, str]: ...

    @property
    def counts(self) -> Mapping[int, int]: ...


class Known(Protocol):
    """What a worker knows of the group, in which generation (-1: it is in none)."""

    @property
    def generation(self) -> int: ...

    @property
    def endpoints(self) -> Endpoints: ...


class WorkerStores(Protocol):
    """A worker of this process; None: it has not begun."""

    @property
    def queryable(self) -> Stores | None: ...

    @property
    def known(self) -> Known | None: ...


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """At another instance.

    Args:
        endpoint: where that can be asked; "": it does not say.
        generation: in which this was so.
    """

    endpoint: str
    generation: int


Place = LocalStore | Restoring | Elsewhere


class Instance:
    """What this process knows of the application's stores.

    Args:
        built: the topology.
        config: the application's settings.
        workers: those of this process, now.
        check_running: raises where the application does not run.
        committed: what is shown where a query does not say it.
        endpoint: of this instance (`application.server`), or "".
        prefix: of internal topics.
        world: how is waited.
    """

    def __init__(
        self,
        built: BuiltTopology,
        config: Mapping[str, object],
        workers: Callable[[], Iterable[WorkerStores]],
        check_running: Callable[[], None],
        committed: bool = True,
        endpoint: str = "",
        prefix: str = "",
        world: World = SYSTEM,
    ) -> None:
        self.built = built
        self._config = config
        self.check_running = check_running
        self.committed = committed
        self.endpoint = endpoint
        self.prefix = prefix
        self.world = world
        self._workers = workers
        self.subs = {spec.name: sub for sub in built.subtopologies for spec in sub.stores}
        self.specs: dict[str, StoreSpec] = {
            spec.name: spec
            for spec in (
                *(spec for sub in built.subtopologies for spec in sub.stores),
                *(each.store for each in built.global_stores),
            )
            if spec.kind not in INTERNAL
        }

    def spec(self, name: str) -> StoreSpec:
        """The store of that name.

        Raises:
            NullPointerException, IllegalArgumentException: the name is None, or no text.
            UnknownStateStoreException: there is none; says which there are.
        """
        found = self.specs.get(store_name(name))
        if found is None:
            there = ", ".join(sorted(self.specs)) or "none"
            raise UnknownStateStoreException(
                f"Cannot get state store {name} because no such store is registered in the topology. "
                f"There are: {there}."
            )
        return found

    def serdes(self, spec: StoreSpec) -> tuple[AnySerde, AnySerde]:
        """Those of a store, or the default ones.

        Raises:
            ConfigException: there is none.
        """
        where = f"store {spec.name}"
        return choose(spec.key_serde, self._config, "key", where), choose(
            spec.value_serde, self._config, "value", where
        )

    def topic_name(self, topic: str) -> str:
        """The real name of a topic of the topology: internal ones are prefixed."""
        return decorated_topic(self.prefix, topic) if topic in self.built.internal_topics else topic

    def topics(self, sub: SubTopology) -> list[str]:
        """Real names of the topics that a sub-topology reads by name."""
        return [self.topic_name(topic) for topic in sub.source_topics]

    def read_by(self, name: str) -> tuple[list[str], list[re.Pattern[str]]]:
        """What fills a store: real names of topics, and patterns of such names."""
        sub = self.subs.get(name)
        if sub is None:
            sources = [each.source.topics for each in self.built.global_stores if each.store.name == name]
            return [topic for each in sources if not isinstance(each, re.Pattern) for topic in each], []
        sources = [node.topics for node in sub.nodes if isinstance(node, SourceNode)]
        return self.topics(sub), [each for each in sources if isinstance(each, re.Pattern)]

    def is_global(self, name: str) -> bool:
        """Has every instance all of it?"""
        return name not in self.subs

    def is_placed(self, name: str) -> bool:
        """Are all its keys for certain where Kafka's default partitioner puts them? So where the application itself
        writes all that the store is filled from, without another partitioner, and no processor of the user writes it.
        Of topics that others write nobody knows."""
        if self.is_global(name):
            return True
        sub, spec = self.subs[name], self.specs[name]
        sinks = [
            node for each in self.built.subtopologies for node in each.nodes if isinstance(node, SinkNode)
        ]
        for node in sub.nodes:
            if isinstance(node, ProcessorNode) and name in node.stores:
                return False
            if isinstance(node, SourceNode):
                topics = () if isinstance(node.topics, re.Pattern) else node.topics
                if not topics or node.key_serde is not spec.key_serde:
                    return False
                if any(topic not in sub.repartition_topics for topic in topics):
                    return False
                if any(sink.topic in topics and sink.partitioner is not None for sink in sinks):
                    return False
        return True

    @property
    def known(self) -> Known | None:
        """What the worker knows that was told last."""
        told = [each.known for each in self._workers()]
        return max((each for each in told if each is not None), key=lambda each: each.generation, default=None)

    @property
    def isolation(self) -> Isolation | None:
        """What tasks are shown of the topics that they read; None: no worker has begun."""
        begun = [each.queryable for each in self._workers() if each.queryable is not None]
        return begun[0].isolation if begun else None

    def count(self, name: str) -> int | None:
        """How many partitions a store has; None: nobody here knows yet."""
        if self.is_global(name):
            return 1
        known = self.known
        return None if known is None else known.endpoints.counts.get(self.subs[name].id)

    def partition(self, name: str, key: bytes, serde: AnySerde) -> int | None:
        """Which partition a key lies in by Kafka's default partitioner; None: nobody here knows how many there are."""
        if self.is_global(name):
            return GLOBAL
        count = self.count(name)
        if count is None:
            return None
        chosen = key if serde.partition_bytes is None else serde.partition_bytes(key)
        return partition_for(chosen, count)

    def here(self, name: str) -> dict[int, LocalStore | Restoring]:
        """What is here of a store."""
        found: dict[int, LocalStore | Restoring] = {}
        for worker in self._workers():
            if worker.queryable is not None:
                for partition, each in worker.queryable.all(name).items():
                    if isinstance(each, LocalStore) or partition not in found:
                        found[partition] = each
        return found

    def place(self, name: str, partition: int) -> Place:
        """Where a partition of a store is."""
        waiting: Restoring | None = None
        for worker in self._workers():
            found = None if worker.queryable is None else worker.queryable.find(name, partition)
            if isinstance(found, LocalStore):
                return found
            waiting = found or waiting
        if waiting is not None:
            return waiting
        known = self.known
        if known is None or self.is_global(name):
            return Elsewhere("", -1)
        return Elsewhere(known.endpoints.owners.get(TaskId(self.subs[name].id, partition), ""), known.generation)

    def local(self, name: str, partition: int) -> LocalStore:
        """A partition of a store that is here.

        Raises:
            StreamsRebalancingException: it is on its way: says how far it is restored.
            InvalidStateStorePartitionException: it is at another instance; says at which.
            StateStoreMigratedException: it may be anywhere.
        """
        found = self.place(name, partition)
        if isinstance(found, LocalStore):
            found.check()
            return found
        if isinstance(found, Restoring):
            raise StreamsRebalancingException(str(found))
        count = self.count(name)
        if count is not None and not 0 <= partition < count:
            raise InvalidStateStorePartitionException(
                f"The specified partition {partition} for store {name} does not exist. There are {count}."
            )
        if found.endpoint and found.endpoint != self.endpoint:
            raise InvalidStateStorePartitionException(
                f"The specified partition {partition} for store {name} does not exist here: {found.endpoint} has it."
            )
        raise StateStoreMigratedException(
            f"Partition {partition} of the state store {name} is not here, and who has it is not known: tasks may be "
            "handed out just now. Where other instances are to be named, set application.server."
        )

    def locals(self, name: str) -> Sequence[LocalStore]:
        """All partitions of a store that are here.

        Raises:
            StreamsRebalancingException: one is on its way: says how far it is restored. Or none is here, and the tasks
                are not handed out yet.
            StateStoreMigratedException: none is here.
        """
        found = self.here(name)
        for each in found.values():
            if isinstance(each, Restoring):
                raise StreamsRebalancingException(str(each))
        stores = [each for _, each in sorted(found.items()) if isinstance(each, LocalStore)]
        for store in stores:
            store.check()
        if not stores:
            known = self.known
            if known is None or known.generation < 0:
                why = "is not here: the group has not handed out its tasks yet"
                raise StreamsRebalancingException(f"The state store {name} {why}.")
            raise StateStoreMigratedException(f"The state store, {name}, may have migrated to another instance.")
        return stores
