"""From an open store to the facade that fits its kind."""

from __future__ import annotations

from typing import Any

from streams.operators.base import StoreAccess
from streams.state.window_store import SessionFacade, TimestampedWindowFacade, WindowFacade
from streams.state.key_value_store import Hand, KeyValueFacade, TimestampedKeyValueFacade, VersionedFacade
from streams.topology.store import StoreKind, StoreSpec

Facade = KeyValueFacade | VersionedFacade | WindowFacade | SessionFacade


def facade(spec: StoreSpec, access: StoreAccess, hand: Hand) -> Facade:
    """The store as a user sees it. Buffers of suppress and of joins are shown as key-value stores of
    bytes.
    """
    store: Any = access.store
    kind = spec.kind
    if kind is StoreKind.TIMESTAMPED_KEY_VALUE or (kind is StoreKind.LRU and spec.timestamped):
        return TimestampedKeyValueFacade(access, store, hand)
    if kind is StoreKind.VERSIONED:
        return VersionedFacade(access, store, hand)
    if kind is StoreKind.WINDOW:
        return WindowFacade(access, store, hand, spec.window_ms)
    if kind is StoreKind.TIMESTAMPED_WINDOW:
        return TimestampedWindowFacade(access, store, hand, spec.window_ms)
    if kind is StoreKind.SESSION:
        return SessionFacade(access, store, hand)
    return KeyValueFacade(access, store, hand)
