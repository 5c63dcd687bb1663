"""`Stores`: suppliers say what a state store is, builders add serdes, caching and logging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Never

from streams import arguments
from streams.dsl.checks import check_fields, topic_settings
from streams.dsl.checks import supplier as check_supplier
from streams.dsl.store_supplier import MINUTE_MS, WINDOWS, StoreSupplier, StoreType, spec, window_segment
from streams.durations import Duration, iso, to_ms
from streams.errors import IllegalArgumentException, NotYetBuiltException, NullPointerException
from streams.serdes.base import Serde
from streams.topology.store import StoreKind, StoreSpec

_PLAIN = frozenset({StoreKind.KEY_VALUE, StoreKind.TIMESTAMPED_KEY_VALUE, StoreKind.LRU})


@dataclass(frozen=True, slots=True)
class KeyedStoreBuilder:
    """A store with serdes, as a topology takes it. Withers give changed copies.

    Caching is off and logging on, unless said otherwise.
    """

    supplier: StoreSupplier
    kind: StoreKind
    key_serde: Serde[Any] | None = None
    value_serde: Serde[Any] | None = None
    caching: bool = False
    logging: Mapping[str, object] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def name(self) -> str:
        """The store's name."""
        return self.supplier.name

    def with_caching_enabled(self) -> KeyedStoreBuilder:
        """Updates of a key between two commits become one, in changelog and downstream."""
        return replace(self, caching=True)

    def with_caching_disabled(self) -> KeyedStoreBuilder:
        return replace(self, caching=False)

    def with_logging_enabled(self, config: Mapping[str, object]) -> KeyedStoreBuilder:
        """With a changelog topic that has these settings."""
        return replace(self, logging=topic_settings(config, "with_logging_enabled()"))

    def with_logging_disabled(self) -> KeyedStoreBuilder:
        """Without a changelog: the store is empty after it was lost."""
        return replace(self, logging=None)

    def spec(self) -> StoreSpec:
        """The store as data."""
        return spec(self.supplier, self.kind, self.key_serde, self.value_serde, self.caching, self.logging)


class Stores:
    """Makes suppliers and builders of state stores; durations are timedelta or ms."""

    @staticmethod
    def persistent_key_value_store(name: str) -> StoreSupplier:
        """Key and value, on disk."""
        return StoreSupplier(_named(name), StoreKind.KEY_VALUE)

    @staticmethod
    def persistent_timestamped_key_value_store(name: str) -> StoreSupplier:
        """Key, value and timestamp, on disk."""
        return StoreSupplier(_named(name), StoreKind.TIMESTAMPED_KEY_VALUE)

    @staticmethod
    def persistent_versioned_key_value_store(
        name: str, history_retention: Duration, segment_interval: Duration | None = None
    ) -> StoreSupplier:
        """All versions of a key within `history_retention`, on disk.

        Raises:
            IllegalArgumentException: the retention is negative, or the segment interval not positive.
        """
        retention = to_ms(history_retention, "historyRetention")
        if retention < 0:
            raise IllegalArgumentException("historyRetention cannot be negative")
        segment = (
            _version_segment(retention) if segment_interval is None else to_ms(segment_interval, "segmentInterval")
        )
        if segment < 1:
            raise IllegalArgumentException("segmentInterval cannot be zero or negative")
        return StoreSupplier(_named(name), StoreKind.VERSIONED, retention_ms=retention, segment_ms=segment)

    @staticmethod
    def in_memory_key_value_store(name: str) -> StoreSupplier:
        """Key and value, in memory."""
        return StoreSupplier(_named(name), StoreKind.KEY_VALUE, persistent=False)

    @staticmethod
    def lru_map(name: str, max_cache_size: int) -> StoreSupplier:
        """The `max_cache_size` keys used last, in memory.

        Raises:
            IllegalArgumentException: the size is negative.
        """
        _named(name)
        if arguments.whole(max_cache_size, "Stores.lru_map(max_cache_size)") < 0:
            raise IllegalArgumentException("maxCacheSize cannot be negative")
        return StoreSupplier(name, StoreKind.LRU, persistent=False, max_entries=max_cache_size)

    @staticmethod
    def persistent_window_store(
        name: str, retention_period: Duration, window_size: Duration, retain_duplicates: bool = False
    ) -> StoreSupplier:
        """A value for each key and window start, on disk.

        Raises:
            IllegalArgumentException: a duration is negative, or the window larger than the retention.
        """
        return _window(StoreKind.WINDOW, name, retention_period, window_size, retain_duplicates, True)

    @staticmethod
    def persistent_timestamped_window_store(
        name: str, retention_period: Duration, window_size: Duration, retain_duplicates: bool = False
    ) -> StoreSupplier:
        """The same with the timestamp of each value."""
        return _window(StoreKind.TIMESTAMPED_WINDOW, name, retention_period, window_size, retain_duplicates, True)

    @staticmethod
    def in_memory_window_store(
        name: str, retention_period: Duration, window_size: Duration, retain_duplicates: bool = False
    ) -> StoreSupplier:
        """A value for each key and window start, in memory."""
        return _window(StoreKind.WINDOW, name, retention_period, window_size, retain_duplicates, False)

    @staticmethod
    def persistent_session_store(name: str, retention_period: Duration) -> StoreSupplier:
        """A value for each key and session, on disk.

        Raises:
            IllegalArgumentException: the retention is negative.
        """
        return _session(name, retention_period, True)

    @staticmethod
    def in_memory_session_store(name: str, retention_period: Duration) -> StoreSupplier:
        """A value for each key and session, in memory."""
        return _session(name, retention_period, False)

    @staticmethod
    def key_value_store_builder(
        supplier: StoreSupplier, key_serde: Serde[Any] | None, value_serde: Serde[Any] | None
    ) -> KeyedStoreBuilder:
        """A plain key-value store (or an LRU map)."""
        return KeyedStoreBuilder(_of(supplier, *_PLAIN), StoreKind.KEY_VALUE, key_serde, value_serde)

    @staticmethod
    def timestamped_key_value_store_builder(
        supplier: StoreSupplier, key_serde: Serde[Any] | None, value_serde: Serde[Any] | None
    ) -> KeyedStoreBuilder:
        """A key-value store whose values have timestamps."""
        return KeyedStoreBuilder(_of(supplier, *_PLAIN), StoreKind.TIMESTAMPED_KEY_VALUE, key_serde, value_serde)

    @staticmethod
    def versioned_key_value_store_builder(
        supplier: StoreSupplier, key_serde: Serde[Any] | None, value_serde: Serde[Any] | None
    ) -> KeyedStoreBuilder:
        """A key-value store with history.

        Raises:
            IllegalArgumentException: the supplier is of another kind.
        """
        return KeyedStoreBuilder(_of(supplier, StoreKind.VERSIONED), StoreKind.VERSIONED, key_serde, value_serde)

    @staticmethod
    def window_store_builder(
        supplier: StoreSupplier, key_serde: Serde[Any] | None, value_serde: Serde[Any] | None
    ) -> KeyedStoreBuilder:
        """A window store."""
        return KeyedStoreBuilder(_of(supplier, *WINDOWS), StoreKind.WINDOW, key_serde, value_serde)

    @staticmethod
    def timestamped_window_store_builder(
        supplier: StoreSupplier, key_serde: Serde[Any] | None, value_serde: Serde[Any] | None
    ) -> KeyedStoreBuilder:
        """A window store whose values have timestamps."""
        return KeyedStoreBuilder(_of(supplier, *WINDOWS), StoreKind.TIMESTAMPED_WINDOW, key_serde, value_serde)

    @staticmethod
    def session_store_builder(
        supplier: StoreSupplier, key_serde: Serde[Any] | None, value_serde: Serde[Any] | None
    ) -> KeyedStoreBuilder:
        """A session store."""
        return KeyedStoreBuilder(_of(supplier, StoreKind.SESSION), StoreKind.SESSION, key_serde, value_serde)

    @staticmethod
    def persistent_timestamped_key_value_store_with_headers(*args: object) -> Never:
        """Not built yet."""
        _no_headers("persistent_timestamped_key_value_store_with_headers")

    @staticmethod
    def persistent_timestamped_window_store_with_headers(*args: object) -> Never:
        """Not built yet."""
        _no_headers("persistent_timestamped_window_store_with_headers")

    @staticmethod
    def persistent_session_store_with_headers(*args: object) -> Never:
        """Not built yet."""
        _no_headers("persistent_session_store_with_headers")

    @staticmethod
    def timestamped_key_value_store_with_headers_builder(*args: object) -> Never:
        """Not built yet."""
        _no_headers("timestamped_key_value_store_with_headers_builder")

    @staticmethod
    def timestamped_window_store_with_headers_builder(*args: object) -> Never:
        """Not built yet."""
        _no_headers("timestamped_window_store_with_headers_builder")

    @staticmethod
    def session_store_with_headers_builder(*args: object) -> Never:
        """Not built yet."""
        _no_headers("session_store_with_headers_builder")


BuiltInDslStoreSuppliers = StoreType
"""Java's name for it."""


def _no_headers(method: str) -> Never:
    raise NotYetBuiltException(
        f"Stores.{method}, stores that keep the headers of records, are not built yet; use the same without headers."
    )


def _named(name: str) -> str:
    if name is None:
        raise NullPointerException("name cannot be null")
    return name


def _of(supplier: StoreSupplier, *kinds: StoreKind) -> StoreSupplier:
    if supplier is None:
        raise NullPointerException("supplier cannot be null")
    check_supplier(supplier, "The builder of a store")
    if supplier.kind not in kinds:
        raise IllegalArgumentException(
            f"The store {supplier.name} is a {supplier.kind.value} store; the builder takes "
            f"{' or '.join(sorted(kind.value for kind in kinds))} stores."
        )
    return supplier


def _version_segment(retention_ms: int) -> int:
    if retention_ms <= MINUTE_MS:
        return max(retention_ms // 3, 2_000)
    if retention_ms <= 5 * MINUTE_MS:
        return max(retention_ms // 5, 20_000)
    if retention_ms <= 60 * MINUTE_MS:
        return max(retention_ms // 12, 60_000)
    return max(retention_ms // 24, 300_000)


def _window(
    kind: StoreKind, name: str, retention: Duration, size: Duration, duplicates: bool, persistent: bool
) -> StoreSupplier:
    _named(name)
    retention_ms = to_ms(retention, "retentionPeriod")
    size_ms = to_ms(size, "windowSize")
    if retention_ms < 0:
        raise IllegalArgumentException("retentionPeriod cannot be negative")
    if size_ms < 0:
        raise IllegalArgumentException("windowSize cannot be negative")
    if size_ms > retention_ms:
        raise IllegalArgumentException(
            f"The retention period of the window store {name} must be no smaller than its window size. "
            f"Got size=[{iso(size_ms)}], retention=[{iso(retention_ms)}]"
        )
    return StoreSupplier(name, kind, persistent, retention_ms, size_ms, window_segment(retention_ms), duplicates)


def _session(name: str, retention: Duration, persistent: bool) -> StoreSupplier:
    retention_ms = to_ms(retention, "retentionPeriod")
    if retention_ms < 0:
        raise IllegalArgumentException("retentionPeriod cannot be negative")
    segment = window_segment(retention_ms)
    return StoreSupplier(_named(name), StoreKind.SESSION, persistent, retention_ms, segment_ms=segment)
