"""From an open store to the face that fits its kind, and to the one that was asked for."""

from __future__ import annotations

from typing import Any, TypeVar, get_origin

from streams.errors import ClassCastException, IllegalArgumentException
from streams.operators.base import StoreAccess
from streams.state.key_value_store import Hand, KeyValueStore, TimestampedKeyValueStore, VersionedKeyValueStore
from streams.state.window_store import SessionStore, TimestampedWindowStore, WindowStore
from streams.topology.store import StoreKind, StoreSpec
from streams.validation import shown

Face = KeyValueStore[Any, Any] | VersionedKeyValueStore[Any, Any] | WindowStore[Any, Any] | SessionStore[Any, Any]
S = TypeVar("S")


def face(spec: StoreSpec, access: StoreAccess, hand: Hand) -> Face:
    """The store as a user sees it. Buffers of suppress and of joins are shown as key-value stores of
    bytes.
    """
    store: Any = access.store
    kind = spec.kind
    if kind is StoreKind.TIMESTAMPED_KEY_VALUE or (kind is StoreKind.LRU and spec.timestamped):
        return TimestampedKeyValueStore(access, store, hand)
    if kind is StoreKind.VERSIONED:
        return VersionedKeyValueStore(access, store, hand)
    if kind is StoreKind.WINDOW:
        return WindowStore(access, store, hand, spec.window_ms)
    if kind is StoreKind.TIMESTAMPED_WINDOW:
        return TimestampedWindowStore(access, store, hand, spec.window_ms)
    if kind is StoreKind.SESSION:
        return SessionStore(access, store, hand)
    return KeyValueStore(access, store, hand)


def of_kind(found: Any, kind: type[S], name: str) -> S:
    """The store as the kind that its user names, such as `KeyValueStore[str, int]`. Keys and values are not looked at.

    Raises:
        IllegalArgumentException: it is no kind of store.
        ClassCastException: the store is of another kind.
    """
    wanted: Any = get_origin(kind) or kind
    if not isinstance(wanted, type):
        raise IllegalArgumentException(
            f"Invalid kind of store: {shown(kind)}. Give a class, such as KeyValueStore[str, int]."
        )
    fits = isinstance(found, wanted)
    if not fits:
        raise ClassCastException(f"Store {name} is a {type(found).__name__}, not a {wanted.__name__}. Ask for that.")
    store: S = found
    return store
