"""What an operator may ask for when it is made: implements `operators.base.Scope` for one node of one
task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

from statestore.api import KeyValueStore, SessionStore, SuppressBuffer, VersionedStore, WindowStore
from streams.dropped import Drop
from streams.errors import ConfigException
from streams.metrics.registry import Counter
from streams.metrics.sensor import Sensor
from streams.operators.base import Outcome, ProcessorMetadata, RecordContext, StoreAccess
from streams.processor import PunctuationType
from streams.runtime.compile.contexts import GUIDE, TaskView, ValueContext
from streams.runtime.compile.punctuate import Schedule
from streams.serdes.base import AnySerde
from streams.serdes.choose import choose
from streams.topology.node import TaskId

T = TypeVar("T")


class Host(Protocol):
    """What a scope asks of its task."""

    id: TaskId
    view: TaskView

    def access(self, name: str) -> StoreAccess[object] | None:
        """An open store, global ones included; ConfigException: it lacks a serde."""
        ...

    def face(self, name: str, node: str, context: Any) -> Any:
        """The store as that node's processor sees it."""
        ...

    def listen(self, name: str, listener: Callable[..., None], sends_old: bool) -> None: ...

    def counter(self, name: str, node: str) -> Counter: ...

    def latency(self, name: str, node: str) -> Sensor | None: ...

    def drop(self, node: str, cause: str, time: Callable[[], int] | None = None, counted: bool = True) -> Drop: ...

    def shared(self, name: str, make: Callable[[], T]) -> T: ...

    def processor_metadata(self, name: str) -> ProcessorMetadata: ...

    def schedule(
        self,
        node: str,
        interval_ms: int,
        kind: PunctuationType,
        call: Callable[[int], object],
        start_ms: int | None = None,
    ) -> Schedule: ...

    def when_idle(self, node: str, after_ms: int, act: Callable[[], None]) -> None: ...

    def at_run_end(self, node: str, drain: Callable[[], Iterator[RecordContext]], width: int) -> None: ...


class NodeScope:
    """The scope of one node. `asks` becomes true when the operator takes `context`."""

    __slots__ = ("_host", "_stores", "asks", "node", "sends_old")

    def __init__(self, host: Host, node: str, stores: frozenset[str], sends_old: bool) -> None:
        self._host = host
        self._stores = stores
        self.node = node
        self.sends_old = sends_old
        self.asks = False

    @property
    def partition(self) -> int:
        return self._host.id.partition

    def key_value_store(self, name: str) -> StoreAccess[KeyValueStore]:
        found = self._access(name)
        return found.holding(found.store) if isinstance(found.store, KeyValueStore) else self._refuse(found)

    def table_store(self, name: str) -> StoreAccess[KeyValueStore | VersionedStore]:
        found = self._access(name)
        if isinstance(found.store, KeyValueStore | VersionedStore):
            return found.holding(found.store)
        self._refuse(found)

    def window_store(self, name: str) -> StoreAccess[WindowStore]:
        found = self._access(name)
        return found.holding(found.store) if isinstance(found.store, WindowStore) else self._refuse(found)

    def session_store(self, name: str) -> StoreAccess[SessionStore]:
        found = self._access(name)
        return found.holding(found.store) if isinstance(found.store, SessionStore) else self._refuse(found)

    def suppress_buffer(self, name: str) -> StoreAccess[SuppressBuffer]:
        found = self._access(name)
        return found.holding(found.store) if isinstance(found.store, SuppressBuffer) else self._refuse(found)

    def _refuse(self, found: StoreAccess[object]) -> NoReturn:
        raise ConfigException(
            f"Processor {self.node} cannot use StateStore {found.name}, which is a store of the kind {found.kind}."
        )

    def _access(self, name: str) -> StoreAccess[object]:
        found = self._host.access(name)
        if found is None:
            raise ConfigException(
                f"Processor {self.node} has no access to StateStore {name} as the store is not connected to the "
                f"processor. {GUIDE}"
            )
        return found

    def on_flush(self, name: str, listener: Callable[..., None]) -> None:
        self._host.listen(name, listener, self.sends_old)

    def serde(self, side: str, chosen: AnySerde | None) -> AnySerde:
        return choose(chosen, self._host.view.config, "key" if side == "key" else "value", self.node)

    def counter(self, name: str) -> Counter:
        return self._host.counter(name, self.node)

    def latency(self, name: str) -> Sensor | None:
        return self._host.latency(name, self.node)

    def drop(self, cause: str, time: Callable[[], int] | None = None, counted: bool = True) -> Drop:
        return self._host.drop(self.node, cause, time, counted)

    def shared(self, name: str, make: Callable[[], T]) -> T:
        return self._host.shared(name, make)

    def processor_metadata(self, name: str) -> ProcessorMetadata:
        return self._host.processor_metadata(name)

    def setting(self, name: str) -> object:
        return self._host.view.config.get(name)

    def now_ms(self) -> int:
        return self._host.view.current.now

    def stream_time(self) -> int:
        return self._host.view.current.current_stream_time()

    @property
    def context(self) -> Callable[[], RecordContext]:
        """See `Scope.context`: taking it says that this node asks."""
        self.asks = True
        return self._host.view.current.context

    def value_context(self) -> ValueContext:
        def store(name: str) -> Any:
            return self._host.face(name, self.node, context) if name in self._stores else None

        context = ValueContext(self.node, self._host.view, store, self._host.schedule)
        self.asks = True
        return context

    def schedule(self, interval_ms: int, kind: PunctuationType, call: Callable[[int], None]) -> Schedule:
        return self._host.schedule(self.node, interval_ms, kind, call)

    def when_idle(self, after_ms: int, act: Callable[[], None]) -> None:
        self._host.when_idle(self.node, after_ms, act)

    def at_run_end(self, drain: Callable[[], Iterator[RecordContext]], width: int) -> None:
        self._host.at_run_end(self.node, drain, width)

    def gather(
        self, asks: Sequence[Callable[[], Awaitable[object]]], most: int, timeout_ms: int | None
    ) -> list[Outcome]:
        from streams.runtime.compile.aio import gather  # asyncio takes its time to import

        return gather(asks, most, timeout_ms)
