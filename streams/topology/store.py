"""A state store as data: what it is, not where it lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.serdes.base import Serde


class StoreKind(Enum):
    """What a store can do; the layout of its keys and values follows from it."""

    KEY_VALUE = "kv"
    TIMESTAMPED_KEY_VALUE = "timestamped_kv"
    VERSIONED = "versioned"
    WINDOW = "window"
    TIMESTAMPED_WINDOW = "timestamped_window"
    SESSION = "session"
    LRU = "lru"
    SUPPRESS_BUFFER = "suppress_buffer"
    OUTER_JOIN = "outer_join"
    JOIN_BUFFER = "join_buffer"


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """One state store.

    Args:
        name: the store's name.
        kind: what it is.
        key_serde, value_serde: None: the configured default.
        caching: Java's record cache is on.
        logging: settings of the changelog topic; None: no changelog.
        persistent: on disk (RocksDB), else in memory.
        retention_ms, window_ms, segment_ms: of windowed kinds; history retention of versioned ones, and how long the
            buffers of `suppress` and of joins with grace hold a record back.
        retain_duplicates: window stores of stream-stream joins.
        time_first: on disk its rows lie by time, not by key, as in the stores that Java makes for emission on close.
        log_retention_ms: how long the changelog of a windowed store keeps its rows, where it is not `retention_ms`.
        max_entries: of LRU stores.
        timestamped: an LRU store's values have timestamps (those of tables do); other kinds say it themselves.
        source_topic: the topic that serves as changelog (`reuse.ktable.source.topics`), or None.
        ttl_ms: entries expire after so much stream time (decision 25), or None.
    """

    name: str
    kind: StoreKind
    key_serde: Serde[object] | None = None
    value_serde: Serde[object] | None = None
    caching: bool = False
    logging: Mapping[str, object] | None = field(default_factory=dict)
    persistent: bool = True
    retention_ms: int = 0
    window_ms: int = 0
    segment_ms: int = 0
    retain_duplicates: bool = False
    time_first: bool = False
    log_retention_ms: int | None = None
    max_entries: int = 0
    source_topic: str | None = None
    ttl_ms: int | None = None
    timestamped: bool = False

    @property
    def has_timestamps(self) -> bool:
        """Its values have timestamps."""
        return self.timestamped or self.kind in (StoreKind.TIMESTAMPED_KEY_VALUE, StoreKind.TIMESTAMPED_WINDOW)

    @property
    def on_disk(self) -> bool:
        """Its rows lie in the task's database, and outlive the process. Suppress buffers and LRU maps live in memory,
        whatever else is said."""
        return self.persistent and self.kind not in (StoreKind.SUPPRESS_BUFFER, StoreKind.LRU)
