"""`Materialized`: how a table is kept, and what becomes of it when an operator settles it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic

from streams.dsl.checks import check_fields, check_store, topic_settings
from streams.dsl.store_supplier import StoreSupplier, spec, window_segment
from streams.dsl.store_supplier import StoreType as Place
from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException, NullPointerException
from streams.serdes.base import Serde, SerdeFor, in_java
from streams.signatures import written
from streams.topology.plan import PlannedStore
from streams.topology.store import StoreKind
from streams.type_variables import K, KGiven, KStated, V, VGiven, VStated


@written
@dataclass(frozen=True)
class Materialized(Generic[KStated, VStated]):
    """How a table is kept.

    Args:
        store: the store's name; None: a generated one, and the table is not for queries.
        supplier: what the store is; it brings its own name.
        store_type: where it lives; None: as configured (on disk).
        key_serde, value_serde: None: those that came downstream.
        caching: updates of a key between two commits become one, in changelog and downstream.
        logging: settings of the changelog topic; None: no changelog.
        retention: how long a window store keeps windows (timedelta or ms); None: size and grace.
        ttl: entries of a table without windows expire when the store's stream time has moved on by so much since
            their timestamp (timedelta or ms): they are deleted, and what is below is told. None: they stay.
    Raises:
        TopologyException: the name is not allowed.
        IllegalArgumentException: the retention is negative, or the ttl not positive.
    """

    StoreType = Place

    store: str | None = None
    supplier: StoreSupplier | None = None
    store_type: Place | None = None
    key_serde: Serde[KStated] | None = None
    value_serde: Serde[VStated] | None = None
    caching: bool = True
    logging: Mapping[str, object] | None = field(default_factory=dict)
    retention: Duration | None = None
    ttl: Duration | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            store: str | None = None,
            supplier: StoreSupplier | None = None,
            store_type: Place | None = None,
            key_serde: SerdeFor[KStated] | None = None,
            value_serde: SerdeFor[VStated] | None = None,
            caching: bool = True,
            logging: Mapping[str, object] | None = ...,
            retention: Duration | None = None,
            ttl: Duration | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "store_type", Place.of(self.store_type))
        check_fields(self)
        if self.supplier is not None and self.store is not None and self.supplier.name != self.store:
            raise IllegalArgumentException(
                f"The store is named {self.store} and its supplier {self.supplier.name}; name it once."
            )
        if self.supplier is not None and self.store_type is not None:
            raise IllegalArgumentException("Cannot set store type when store supplier is pre-defined.")
        if self.retention is not None and to_ms(self.retention, "retention") < 0:
            raise IllegalArgumentException("Retention must not be negative.")
        if self.ttl is not None and to_ms(self.ttl, "ttl") <= 0:
            raise IllegalArgumentException("The ttl must be larger than zero.")

    @classmethod
    def as_(cls, what: str | StoreSupplier | Place) -> Materialized[KGiven, VGiven]:
        """A store by its name, by a supplier, or by the place where it lives."""
        if what is None:
            raise NullPointerException(
                'Materialized.as_(None): give the name of the store, as in Materialized("counts").'
                + in_java('Cannot invoke "String.isEmpty()" because "name" is null')
            )
        if isinstance(what, StoreSupplier):
            return Materialized(supplier=what)
        if isinstance(what, Place):
            return Materialized(store_type=what)
        return Materialized(check_store(what))

    @classmethod
    def with_(
        cls, key_serde: SerdeFor[KGiven] | None = None, value_serde: SerdeFor[VGiven] | None = None
    ) -> Materialized[KGiven, VGiven]:
        return Materialized(key_serde=key_serde, value_serde=value_serde)

    def with_key_serde(self, serde: SerdeFor[K] | None) -> Materialized[K, VStated]:
        return Materialized(self.store, self.supplier, self.store_type, serde, self.value_serde, *self._kept())

    def with_value_serde(self, serde: SerdeFor[V] | None) -> Materialized[KStated, V]:
        return Materialized(self.store, self.supplier, self.store_type, self.key_serde, serde, *self._kept())

    def _kept(self) -> tuple[bool, Mapping[str, object] | None, Duration | None, Duration | None]:
        return self.caching, self.logging, self.retention, self.ttl

    def with_logging_enabled(self, config: Mapping[str, object]) -> Materialized[KStated, VStated]:
        return replace(self, logging=topic_settings(config, "with_logging_enabled()"))

    def with_logging_disabled(self) -> Materialized[KStated, VStated]:
        return replace(self, logging=None)

    def with_caching_enabled(self) -> Materialized[KStated, VStated]:
        return replace(self, caching=True)

    def with_caching_disabled(self) -> Materialized[KStated, VStated]:
        return replace(self, caching=False)

    def with_retention(self, retention: Duration) -> Materialized[KStated, VStated]:
        return replace(self, retention=retention)

    def with_ttl(self, ttl: Duration) -> Materialized[KStated, VStated]:
        return replace(self, ttl=ttl)

    def with_store_type(self, store_type: Place) -> Materialized[KStated, VStated]:
        return replace(self, store_type=store_type)

    @property
    def queryable(self) -> str | None:
        """The store's name if the user gave one."""
        return self.supplier.name if self.supplier is not None else self.store

    @property
    def kept(self) -> bool:
        """Is there a store whether or not somebody below needs one? What expires must be somewhere."""
        return self.queryable is not None or self.ttl is not None

    @property
    def versioned(self) -> bool:
        """Does the store keep a history?"""
        return self.supplier is not None and self.supplier.kind is StoreKind.VERSIONED

    def inheriting(self, key_serde: Serde[Any] | None, value_serde: Serde[Any] | None = None) -> Materialized[Any, Any]:
        """With serdes that came downstream where none was given."""
        return replace(self, key_serde=self.key_serde or key_serde, value_serde=self.value_serde or value_serde)


def key_value_store(m: Materialized[Any, Any], name: str) -> PlannedStore:
    """The table's store: versioned where the supplier is, else with timestamps.

    Raises:
        IllegalArgumentException: entries shall expire in a store that has another rule for what it keeps.
    """
    if m.versioned:
        _refuse_ttl(m, f"{name} is a versioned store; its history_retention says how long it keeps what.")
    if m.supplier is not None and m.supplier.kind is StoreKind.LRU:
        _refuse_ttl(m, f"{name} is an LRU store, which keeps the keys used last; take another store.")
    supplier = m.supplier or StoreSupplier(name, StoreKind.TIMESTAMPED_KEY_VALUE, _on_disk(m))
    kind = StoreKind.VERSIONED if m.versioned else StoreKind.TIMESTAMPED_KEY_VALUE
    return _planned(m, supplier, kind)


def window_store(
    m: Materialized[Any, Any], name: str, kind: StoreKind, retention_ms: int, size_ms: int, on_close: bool
) -> PlannedStore:
    """The store of a windowed aggregation (`kind` TIMESTAMPED_WINDOW or SESSION).

    As in Java a supplied store keeps rows as long as its supplier says, its changelog as long as the windows need.

    Args:
        on_close: results wait for the close of their window; a store that nobody supplied then lies by time.
    Raises:
        IllegalArgumentException: windows have a retention, not a ttl.
    """
    _refuse_ttl(m, f"{name} keeps windows; say retention=… for how long.")
    supplier = m.supplier or StoreSupplier(name, kind, _on_disk(m), retention_ms, size_ms, window_segment(retention_ms))
    planned = _planned(m, supplier, kind)
    by_time = on_close and m.supplier is None
    return replace(planned, spec=replace(planned.spec, time_first=by_time, log_retention_ms=retention_ms))


def _refuse_ttl(m: Materialized[Any, Any], why: str) -> None:
    if m.ttl is not None:
        raise IllegalArgumentException(f"ttl is for tables without windows, in a plain key-value store; {why}")


def unexpiring(m: Materialized[Any, Any], why: str) -> Materialized[Any, Any]:
    """`m`, where its entries shall not expire.

    Raises:
        IllegalArgumentException: they shall; `why` says why they cannot, and what to do.
    """
    _refuse_ttl(m, why)
    return m


def _on_disk(m: Materialized[Any, Any]) -> bool:
    return m.store_type is not Place.IN_MEMORY


def _planned(m: Materialized[Any, Any], supplier: StoreSupplier, kind: StoreKind) -> PlannedStore:
    store = spec(supplier, kind, m.key_serde, m.value_serde, m.caching, m.logging)
    return PlannedStore(
        store if m.ttl is None else replace(store, ttl_ms=to_ms(m.ttl, "ttl")),
        named=m.queryable is not None,
        anywhere=m.supplier is None and m.store_type is None,
    )
