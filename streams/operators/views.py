"""How a node reads another table's current value (Java's value getters).

A view is data and says how; `bind` makes the functions for one task. Tables that are not materialised have no store
of their own: their value is computed from the parent's on each read, so a reader always sees the current state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from statestore.api import TimestampedValue, VersionedStore
from streams.errors import IllegalArgumentException
from streams.operators.base import Call, Code, Rec, Scope, ValueContext
from streams.operators.calls import holds, joined, keyed, refuse_unrun
from streams.record import Windowed
from streams.serdes.base import Serde

Get = Callable[[Any, bytes | None], TimestampedValue | None]
GetAsOf = Callable[[Any, bytes | None, int], TimestampedValue | None]
"""The key is what the table's keys are: a `Windowed` where it is windowed."""


class Getter(NamedTuple):
    """A bound view.

    `get(key, raw_key)` gives value and timestamp, or None; `raw_key` are the key's bytes where `raw_of` allows them,
    else None. `get_as_of(key, raw_key, ts)` gives what was valid at `ts`; only where `versioned`.
    """

    get: Get
    get_as_of: GetAsOf
    versioned: bool = False
    key_serde: Serde[object] | None = None
    """What the stores below write keys with; None where a reader's key bytes are of no use."""
    close: Callable[[], None] = lambda: None
    fetch: Callable[[bytes], TimestampedValue | None] | None = None
    """`get` for those who have the key's bytes, where nothing else is done with the key."""

    def look_up(self, code: Code, key: str, raw: str) -> str:
        """The text of a `get`; `raw` is what `raw_of` gave."""
        if self.fetch is not None and raw != "None":
            return f"{code.use(self.fetch, 'fetch')}({raw})"
        return f"{code.use(self.get, 'get')}({key}, {raw})"

    def raw_of(self, rec: Rec) -> str:
        """The text of the argument `raw_key` for this record."""
        serde = self.key_serde
        usable = rec.raw_key and serde is not None and serde.canonical and rec.key_serde == serde
        return rec.raw_key if usable else "None"


class View(Protocol):
    """How to read a table."""

    def bind(self, scope: Scope) -> Getter:
        """The getter for one task."""
        ...

    def stores(self) -> tuple[str, ...]:
        """The stores that a node with this view must be connected to."""
        ...


def _latest_only(get: Get) -> GetAsOf:
    def get_as_of(key: object, raw_key: bytes | None, ts: int) -> TimestampedValue | None:
        return get(key, raw_key)

    return get_as_of


@dataclass(frozen=True, slots=True)
class StoreView:
    """A materialised table: its key-value, timestamped or versioned store."""

    store: str

    def bind(self, scope: Scope) -> Getter:
        access = scope.table_store(self.store)
        if isinstance(access.store, VersionedStore):
            return _versioned(access.store, access.key_serde)
        encode, fetch = access.key_serde.encode, access.store.get

        def get(key: object, raw_key: bytes | None) -> TimestampedValue | None:
            return fetch(encode(key) if raw_key is None else raw_key)

        return Getter(get, _latest_only(get), False, access.key_serde, fetch=fetch)

    def stores(self) -> tuple[str, ...]:
        return (self.store,)


def _versioned(store: VersionedStore, key_serde: Serde[object]) -> Getter:
    encode, fetch = key_serde.encode, store.get

    def get(key: object, raw_key: bytes | None) -> TimestampedValue | None:
        found = fetch(encode(key) if raw_key is None else raw_key)
        return None if found is None else (found.value, found.timestamp)

    def get_as_of(key: object, raw_key: bytes | None, ts: int) -> TimestampedValue | None:
        found = fetch(encode(key) if raw_key is None else raw_key, ts)
        return None if found is None else (found.value, found.timestamp)

    return Getter(get, get_as_of, True, key_serde)


@dataclass(frozen=True, slots=True)
class WindowStoreView:
    """A windowed aggregation; keys are `Windowed`."""

    store: str

    def bind(self, scope: Scope) -> Getter:
        access = scope.window_store(self.store)
        encode, fetch = access.key_serde.encode, access.store.fetch

        def get(key: Windowed[object], raw_key: bytes | None) -> TimestampedValue | None:
            return fetch(encode(key.key), key.window.start)

        return Getter(get, _latest_only(get))

    def stores(self) -> tuple[str, ...]:
        return (self.store,)


@dataclass(frozen=True, slots=True)
class SessionStoreView:
    """A session aggregation; keys are `Windowed`, a session's timestamp is its end."""

    store: str

    def bind(self, scope: Scope) -> Getter:
        access = scope.session_store(self.store)
        encode, fetch = access.key_serde.encode, access.store.fetch_session

        def get(key: Windowed[object], raw_key: bytes | None) -> TimestampedValue | None:
            start, end = key.window
            found = fetch(encode(key.key), start, end)
            return None if found is None else (found, end)

        return Getter(get, _latest_only(get))

    def stores(self) -> tuple[str, ...]:
        return (self.store,)


def _derived(parent: Getter, value: Callable[[object, object], object]) -> Getter:
    """A getter that turns the parent's value into another; None is absence."""
    parent_get, parent_as_of = parent.get, parent.get_as_of

    def get(key: object, raw_key: bytes | None) -> TimestampedValue | None:
        found = parent_get(key, raw_key)
        new = None if found is None else value(key, found[0])
        return None if found is None or new is None else (new, found[1])

    def get_as_of(key: object, raw_key: bytes | None, ts: int) -> TimestampedValue | None:
        found = parent_as_of(key, raw_key, ts)
        new = None if found is None else value(key, found[0])
        return None if found is None or new is None else (new, found[1])

    return parent._replace(get=get, get_as_of=get_as_of, fetch=None)


@dataclass(frozen=True, slots=True)
class FilteredView:
    """A filtered table that is not materialised."""

    parent: View
    predicate: Callable[[object, object], object]
    negate: bool = False

    def bind(self, scope: Scope) -> Getter:
        predicate, negate = self.predicate, self.negate
        return _derived(
            self.parent.bind(scope),
            lambda key, value: value if holds(predicate(key, value)) is not negate else None,
        )

    def stores(self) -> tuple[str, ...]:
        return self.parent.stores()


@dataclass(frozen=True, slots=True)
class MappedView:
    """A table with mapped values that is not materialised."""

    parent: View
    call: Call

    def bind(self, scope: Scope) -> Getter:
        return _derived(self.parent.bind(scope), keyed(self.call))

    def stores(self) -> tuple[str, ...]:
        return self.parent.stores()


@runtime_checkable
class Transformer(Protocol):
    """What `transform_values` makes of its supplier. `init` and `close` may be left out."""

    def transform(self, key: object, value: object) -> object: ...


def start_transformer(supplier: Callable[[], object], scope: Scope) -> tuple[Transformer, ValueContext]:
    """A fresh transformer, initialised with a context that refuses to forward."""
    transformer = supplier()
    if not isinstance(transformer, Transformer):
        raise IllegalArgumentException(f"{type(transformer).__name__} has no method transform(key, value).")
    context = scope.value_context()
    init = getattr(transformer, "init", None)
    if init is not None:
        refuse_unrun(init(context))
    return transformer, context


def stop_transformer(transformer: Transformer) -> None:
    """Closes it, where it can be closed."""
    close = getattr(transformer, "close", None)
    if close is not None:
        refuse_unrun(close())


@dataclass(frozen=True, slots=True)
class TransformedView:
    """A table with transformed values that is not materialised; each reader has a transformer of its own.

    The transformer's own stores are not the reader's: as in Java, it finds them only at the node that transforms.
    """

    parent: View
    supplier: Callable[[], object]
    own_stores: tuple[str, ...] = ()

    def bind(self, scope: Scope) -> Getter:
        parent = self.parent.bind(scope)
        transformer, context = start_transformer(self.supplier, scope)
        transform = transformer.transform

        def transformed(found: TimestampedValue | None, key: object) -> TimestampedValue | None:
            value, ts = (None, -1) if found is None else found
            context.timestamp = ts
            new = transform(key, value)
            return None if new is None else (new, ts)

        def close() -> None:
            stop_transformer(transformer)
            parent.close()

        return parent._replace(
            get=lambda key, raw_key: transformed(parent.get(key, raw_key), key),
            get_as_of=lambda key, raw_key, ts: transformed(parent.get_as_of(key, raw_key, ts), key),
            close=close,
            fetch=None,
        )

    def stores(self) -> tuple[str, ...]:
        return self.parent.stores()


@dataclass(frozen=True, slots=True)
class JoinedView:
    """A join of two tables that is not materialised. `kind` is `inner`, `left` or `outer`."""

    left: View
    right: View
    call: Call
    kind: str

    def bind(self, scope: Scope) -> Getter:
        left, right = self.left.bind(scope), self.right.bind(scope)
        left_get, right_get = left.get, right.get
        join = joined(self.call)
        needs_left, needs_right = self.kind != "outer", self.kind == "inner"

        def get(key: object, raw_key: bytes | None) -> TimestampedValue | None:
            ours = left_get(key, raw_key)
            if ours is None and needs_left:
                return None
            theirs = right_get(key, raw_key)
            if theirs is None and (needs_right or ours is None):
                return None
            left_value, left_ts = (None, -1) if ours is None else ours
            right_value, right_ts = (None, -1) if theirs is None else theirs
            value = join(key, left_value, right_value)
            return None if value is None else (value, max(left_ts, right_ts))

        def close() -> None:
            left.close()
            right.close()

        same = left.key_serde if left.key_serde == right.key_serde else None
        return Getter(get, _latest_only(get), False, same, close)

    def stores(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.left.stores() + self.right.stores()))


@dataclass(frozen=True, slots=True)
class SuppressedView:
    """A suppressed table: what was last emitted while a newer value is held back, else the parent's value."""

    buffer: str
    parent: View

    def bind(self, scope: Scope) -> Getter:
        parent = self.parent.bind(scope)
        access = scope.suppress_buffer(self.buffer)
        encode, prior, parent_get = access.key_serde.encode, access.store.prior, parent.get

        def get(key: object, raw_key: bytes | None) -> TimestampedValue | None:
            held = prior(encode(key) if raw_key is None else raw_key)
            if held is None:
                return parent_get(key, raw_key)
            return None if held[0] is None else held

        same = parent.key_serde if parent.key_serde == access.key_serde else None
        return Getter(get, _latest_only(get), False, same, parent.close)

    def stores(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.buffer, *self.parent.stores())))
