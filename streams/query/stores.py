"""Read-only stores of a running application (interactive queries, v1): `KafkaStreams.store`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, get_origin

from streams.errors import (
    IllegalArgumentException,
    InvalidStateStoreException,
    NotYetBuiltException,
)
from streams.operators.base import StoreAccess
from streams.query import composite
from streams.query.instance import ANSWER_MS, Instance
from streams.query.requests import IsolationLevel, check_isolation, is_committed, present, store_name
from streams.state.iterators import Lease
from streams.state.key_value_store import (
    ReadOnlyKeyValueStore,
    ReadOnlyTimestampedKeyValueStore,
    ReadOnlyVersionedKeyValueStore,
)
from streams.state.store import Caller, StateStore
from streams.state.window_store import (
    ReadOnlySessionStore,
    ReadOnlyTimestampedWindowStore,
    ReadOnlyWindowStore,
)
from streams.topology.store import StoreKind, StoreSpec
from streams.type_variables import KAny, VAny
from streams.validation import LARGEST_PARTITION, check_flag, check_whole, shown

KEY_VALUE = frozenset({StoreKind.KEY_VALUE, StoreKind.TIMESTAMPED_KEY_VALUE, StoreKind.LRU})


class QueryableStoreTypes:
    """The kinds of read-only stores, by Java's names; the classes themselves do as well."""

    @staticmethod
    def key_value_store() -> type[ReadOnlyKeyValueStore[KAny, VAny]]:
        """Values without timestamps, also of a timestamped store."""
        return ReadOnlyKeyValueStore

    @staticmethod
    def timestamped_key_value_store() -> type[ReadOnlyTimestampedKeyValueStore[KAny, VAny]]:
        """Values with timestamps."""
        return ReadOnlyTimestampedKeyValueStore

    @staticmethod
    def versioned_key_value_store() -> type[ReadOnlyVersionedKeyValueStore[KAny, VAny]]:
        """Versions of values. Java has none."""
        return ReadOnlyVersionedKeyValueStore

    @staticmethod
    def window_store() -> type[ReadOnlyWindowStore[KAny, VAny]]:
        """Values without timestamps, also of a timestamped store."""
        return ReadOnlyWindowStore

    @staticmethod
    def timestamped_window_store() -> type[ReadOnlyTimestampedWindowStore[KAny, VAny]]:
        """Values with timestamps."""
        return ReadOnlyTimestampedWindowStore

    @staticmethod
    def session_store() -> type[ReadOnlySessionStore[KAny, VAny]]:
        """Sessions."""
        return ReadOnlySessionStore


@dataclass(frozen=True, slots=True)
class StoreQueryParameters:
    """Which store is wanted, and how (Java's `StoreQueryParameters`).

    Args:
        store_name: the store.
        queryable_store_type: one of `QueryableStoreTypes`; None: what it is.
        partition: the only one that is wanted; None: all that are here.
        stale_stores_enabled: also of standby tasks, which there are not yet, and of stores that are being restored:
            `store` refuses it.
        isolation_level: what is shown; None: what `default.interactive.query.isolation.level` says.
    """

    store_name: str
    queryable_store_type: type[StateStore] | None = None
    partition: int | None = None
    stale_stores_enabled: bool = False
    isolation_level: IsolationLevel | None = None

    def __post_init__(self) -> None:
        store_name(self.store_name)
        if self.queryable_store_type is not None:
            kind_of(self.queryable_store_type)
        if self.partition is not None:
            check_whole(self.partition, "partition", 0, LARGEST_PARTITION)
        check_flag(self.stale_stores_enabled, "stale_stores_enabled")
        check_isolation(self.isolation_level)

    @classmethod
    def of(cls, name: StoreQueryParameters | str, kind: type[StateStore] | None) -> StoreQueryParameters:
        """What `store(name, kind)` asks for, or `store(parameters)`.

        Raises:
            NullPointerException, IllegalArgumentException: the name is none, or the kind.
        """
        if not isinstance(name, StoreQueryParameters):
            return cls(name, kind)
        if kind is not None:
            raise IllegalArgumentException(f"StoreQueryParameters say the kind themselves; got {shown(kind)} beside.")
        return name

    @classmethod
    def from_name_and_type(cls, name: str, kind: type[StateStore] | None) -> Self:
        """This store, as this kind."""
        return cls(name, kind)

    def with_partition(self, partition: int) -> Self:
        """Only this one."""
        return replace(self, partition=partition)

    def enable_stale_stores(self) -> Self:
        """See `stale_stores_enabled`."""
        return replace(self, stale_stores_enabled=True)

    def with_isolation_level(self, level: IsolationLevel) -> Self:
        """As `StateQueryRequest.with_isolation_level`. Java has none."""
        return replace(self, isolation_level=present(level, "isolationLevel"))


class View(NamedTuple):
    """What a store is made of.

    Args:
        partition: the only one that is wanted; None: all.
        committed: what is shown.
        timeout_ms: how long a worker is waited for.
    """

    partition: int | None
    committed: bool
    timeout_ms: float


class Kind(NamedTuple):
    """A kind of read-only stores: of which stores it is, and how it is made."""

    of: Callable[[StoreSpec], bool]
    make: Callable[[Instance, StoreSpec, View, StoreAccess[object], Caller], StateStore]


def _key_value(
    instance: Instance, spec: StoreSpec, view: View, access: StoreAccess[object], caller: Caller
) -> StateStore:
    parts = composite.Parts(instance, spec.name, *view, composite.key_value_of)
    return ReadOnlyKeyValueStore(access.holding(composite.CompositeKeyValue(parts)), caller)


def _timestamped(
    instance: Instance, spec: StoreSpec, view: View, access: StoreAccess[object], caller: Caller
) -> StateStore:
    parts = composite.Parts(instance, spec.name, *view, composite.key_value_of)
    return ReadOnlyTimestampedKeyValueStore(access.holding(composite.CompositeKeyValue(parts)), caller)


def _versioned(
    instance: Instance, spec: StoreSpec, view: View, access: StoreAccess[object], caller: Caller
) -> StateStore:
    parts = composite.Parts(instance, spec.name, *view, composite.versioned_of)
    return ReadOnlyVersionedKeyValueStore(access.holding(composite.CompositeVersioned(parts)), caller)


def _window(instance: Instance, spec: StoreSpec, view: View, access: StoreAccess[object], caller: Caller) -> StateStore:
    parts = composite.Parts(instance, spec.name, *view, composite.window_of)
    return ReadOnlyWindowStore(access.holding(composite.CompositeWindow(parts)), caller, spec.window_ms)


def _timestamped_window(
    instance: Instance, spec: StoreSpec, view: View, access: StoreAccess[object], caller: Caller
) -> StateStore:
    parts = composite.Parts(instance, spec.name, *view, composite.window_of)
    return ReadOnlyTimestampedWindowStore(access.holding(composite.CompositeWindow(parts)), caller, spec.window_ms)


def _session(
    instance: Instance, spec: StoreSpec, view: View, access: StoreAccess[object], caller: Caller
) -> StateStore:
    parts = composite.Parts(instance, spec.name, *view, composite.session_of)
    return ReadOnlySessionStore(access.holding(composite.CompositeSession(parts)), caller)


KINDS: Mapping[type[StateStore], Kind] = {
    ReadOnlyKeyValueStore: Kind(lambda spec: spec.kind in KEY_VALUE, _key_value),
    ReadOnlyTimestampedKeyValueStore: Kind(lambda spec: spec.kind in KEY_VALUE and spec.has_timestamps, _timestamped),
    ReadOnlyVersionedKeyValueStore: Kind(lambda spec: spec.kind is StoreKind.VERSIONED, _versioned),
    ReadOnlyWindowStore: Kind(lambda spec: spec.kind in (StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW), _window),
    ReadOnlyTimestampedWindowStore: Kind(lambda spec: spec.kind is StoreKind.TIMESTAMPED_WINDOW, _timestamped_window),
    ReadOnlySessionStore: Kind(lambda spec: spec.kind is StoreKind.SESSION, _session),
}


def natural(spec: StoreSpec) -> type[StateStore]:
    """The kind that shows all that a store has."""
    return [kind for kind, each in KINDS.items() if each.of(spec)][-1]


def kind_of(given: object) -> type[StateStore]:
    """The class that is meant by one such as `ReadOnlyKeyValueStore[str, int]`.

    Raises:
        IllegalArgumentException: it is no kind of store that is only read.
    """
    wanted = get_origin(given) or given
    if isinstance(wanted, type) and wanted in KINDS:
        return wanted
    known = ", ".join(each.__name__ for each in KINDS)
    raise IllegalArgumentException(f"Invalid kind of store: {shown(given)}. Queries read; give one of {known}.")


def store_of(
    instance: Instance, parameters: StoreQueryParameters, committed: bool, timeout_ms: float = ANSWER_MS
) -> StateStore:
    """A store that is only read: all of its partitions that are here, wherever tasks go meanwhile.

    Raises:
        UnknownStateStoreException: there is none of that name.
        InvalidStateStoreException: it is of another kind.
        NotYetBuiltException: stale stores are asked for.
    """
    spec = instance.spec(parameters.store_name)
    if parameters.stale_stores_enabled:
        raise NotYetBuiltException(
            "enable_stale_stores() reads standby tasks, and there are none yet; what is being restored would be read "
            "half. Leave it out."
        )
    given = parameters.queryable_store_type
    wanted = natural(spec) if given is None else kind_of(given)
    kind = KINDS[wanted]
    if not kind.of(spec):
        raise InvalidStateStoreException(
            f"Cannot get state store {spec.name} because the queryable store type [{wanted.__name__}] does not accept "
            f"the actual store type [{natural(spec).__name__}]. Ask for that."
        )
    view = View(parameters.partition, is_committed(parameters.isolation_level, committed), timeout_ms)
    key, value = instance.serdes(spec)
    access: StoreAccess[object] = StoreAccess(spec.name, None, key, value, False, spec.kind.value)
    return kind.make(instance, spec, view, access, Caller(Lease(), lambda: -1, read_only="A query does not write."))
