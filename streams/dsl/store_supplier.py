"""`StoreSupplier`: what a state store is, before it has serdes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from streams import arguments
from streams.errors import IllegalArgumentException
from streams.serdes.base import Serde
from streams.topology.store import StoreKind, StoreSpec
from streams.validation import check_flag

MINUTE_MS = 60_000
WINDOWS = frozenset({StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW})


class StoreType(Enum):
    """Where the DSL keeps stores that were given no supplier (Java's `BuiltInDslStoreSuppliers`)."""

    ROCKS_DB = "rocksDB"
    IN_MEMORY = "in_memory"

    @staticmethod
    def of(said: object) -> StoreType | None:
        """A place, or its word as in `default.dsl.store`; None stays None.

        Raises:
            IllegalArgumentException: there is no such place.
        """
        if said is None or isinstance(said, StoreType):
            return said
        found = next((place for place in StoreType if str(said).lower() == place.value.lower()), None)
        if found is None:
            words = ", ".join(place.value for place in StoreType)
            raise IllegalArgumentException(f"{said!r} is no place for a store; there are {words}.")
        return found


@dataclass(frozen=True, slots=True)
class StoreSupplier:
    """What a store is: kind, name and place. Made by `Stores`; times are in ms."""

    name: str
    kind: StoreKind
    persistent: bool = True
    retention_ms: int = 0
    window_ms: int = 0
    segment_ms: int = 0
    retain_duplicates: bool = False
    max_entries: int = 0

    def __post_init__(self) -> None:
        arguments.name(self.name, "name of StoreSupplier")
        check_flag(self.retain_duplicates, "retain_duplicates of StoreSupplier")

    def __str__(self) -> str:
        place = "RocksDb" if self.persistent else "InMemory"
        if self.kind not in WINDOWS:
            return f"{place}StoreSupplier{{name='{self.name}', kind={self.kind.value}}}"
        segment = f"segmentInterval={self.segment_ms}, " if self.persistent else ""
        return (
            f"{place}WindowBytesStoreSupplier{{name='{self.name}', retentionPeriod={self.retention_ms}, {segment}"
            f"windowSize={self.window_ms}, retainDuplicates={str(self.retain_duplicates).lower()}}}"
        )


def spec(
    supplier: StoreSupplier,
    kind: StoreKind,
    key_serde: Serde[Any] | None,
    value_serde: Serde[Any] | None,
    caching: bool,
    logging: Mapping[str, object] | None,
) -> StoreSpec:
    """A supplier's store as data. Versioned and duplicate-keeping stores are never cached.

    Args:
        kind: the store's, which may say more than the supplier's; an LRU store with timestamps is told by
            TIMESTAMPED_KEY_VALUE.
    """
    plain = supplier.kind is StoreKind.VERSIONED or supplier.retain_duplicates
    return StoreSpec(
        name=supplier.name,
        kind=StoreKind.LRU if supplier.kind is StoreKind.LRU else kind,
        key_serde=key_serde,
        value_serde=value_serde,
        caching=caching and not plain,
        logging=logging,
        persistent=supplier.persistent,
        retention_ms=supplier.retention_ms,
        window_ms=supplier.window_ms,
        segment_ms=supplier.segment_ms,
        retain_duplicates=supplier.retain_duplicates,
        max_entries=supplier.max_entries,
        timestamped=supplier.kind is StoreKind.LRU and kind is StoreKind.TIMESTAMPED_KEY_VALUE,
    )


def window_segment(retention_ms: int) -> int:
    """Length of a segment of a window or session store, in ms."""
    return max(retention_ms // 2, MINUTE_MS)
