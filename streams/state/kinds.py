"""One table of the kinds of stores: how users see each, and how the test driver speaks of it.

What the runtime builds for a kind stands in `runtime.state.stores.LAYERS`, what a kind needs in a topology in
`topology.store`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar, get_origin

from statestore import api
from streams.errors import ClassCastException, IllegalArgumentException
from streams.operators.base import StoreAccess
from streams.state.key_value_store import KeyValueStore, TimestampedKeyValueStore, VersionedKeyValueStore
from streams.state.store import Caller, StateStore
from streams.state.window_store import SessionStore, TimestampedWindowStore, WindowStore
from streams.topology.store import StoreKind, StoreSpec
from streams.validation import shown

S = TypeVar("S")
Face = Callable[[StoreSpec, StoreAccess[object], Caller], StateStore]


class Kind(NamedTuple):
    """A kind of stores.

    Args:
        face: makes the store that a user sees.
        words: what Java calls it, and the test driver's method: `get_…` of them; None: it is the framework's own.
    """

    face: Face
    words: str | None = None

    @property
    def getter(self) -> str:
        """The test driver's method."""
        return "get_" + str(self.words).replace(" ", "_").replace("-", "_")


def face(spec: StoreSpec, access: StoreAccess[object], caller: Caller) -> StateStore:
    """The store as a user sees it. Of the buffers of `suppress` only the name is shown."""
    return KINDS[spec.kind].face(spec, access, caller)


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


def _key_value(spec: StoreSpec, access: StoreAccess[object], caller: Caller) -> StateStore:
    assert isinstance(access.store, api.KeyValueStore)
    held = access.holding(access.store)
    return TimestampedKeyValueStore(held, caller) if spec.has_timestamps else KeyValueStore(held, caller)


def _versioned(spec: StoreSpec, access: StoreAccess[object], caller: Caller) -> StateStore:
    assert isinstance(access.store, api.VersionedStore)
    return VersionedKeyValueStore(access.holding(access.store), caller)


def _window(spec: StoreSpec, access: StoreAccess[object], caller: Caller) -> StateStore:
    assert isinstance(access.store, api.WindowStore)
    held = access.holding(access.store)
    kind = TimestampedWindowStore if spec.has_timestamps else WindowStore
    return kind(held, caller, spec.window_ms)


def _session(spec: StoreSpec, access: StoreAccess[object], caller: Caller) -> StateStore:
    assert isinstance(access.store, api.SessionStore)
    return SessionStore(access.holding(access.store), caller)


def _unread(spec: StoreSpec, access: StoreAccess[object], caller: Caller) -> StateStore:
    return StateStore(access, caller)


KINDS: Mapping[StoreKind, Kind] = {
    StoreKind.KEY_VALUE: Kind(_key_value, "key-value store"),
    StoreKind.TIMESTAMPED_KEY_VALUE: Kind(_key_value, "timestamped key-value store"),
    StoreKind.VERSIONED: Kind(_versioned, "versioned key-value store"),
    StoreKind.WINDOW: Kind(_window, "window store"),
    StoreKind.TIMESTAMPED_WINDOW: Kind(_window, "timestamped window store"),
    StoreKind.SESSION: Kind(_session, "session store"),
    StoreKind.LRU: Kind(_key_value, "key-value store"),
    StoreKind.SUPPRESS_BUFFER: Kind(_unread),
    StoreKind.OUTER_JOIN: Kind(_key_value),
    StoreKind.JOIN_BUFFER: Kind(_key_value),
}
