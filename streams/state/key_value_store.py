"""Key-value and versioned stores: `KeyValueStore` and its kin.

A face encodes keys and decodes values; the rules are the store's own. `Hand` says on whose behalf it
writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic

from statestore import api
from streams import arguments
from streams.dropped import Drop
from streams.errors import IllegalArgumentException, NullPointerException, UnsupportedOperationException
from streams.operators.base import StoreAccess
from streams.record import ValueAndTimestamp, VersionedRecord
from streams.serdes.base import AnySerde
from streams.spelling import no_attribute
from streams.state.iterators import KeyValueIterator, Lease
from streams.type_variables import K, V
from streams.validation import check_instant, pairs, shown

NOT_PUT: Final = -(2**63)
"""What `VersionedKeyValueStore.put` returns for a version that is older than the history."""
VALID_TO_UNDEFINED: Final = -1
"""What it returns for the newest version."""


class Hand:
    """Who uses a store.

    Args:
        lease: ends when the task is closed.
        timestamp: the timestamp (ms) that a write without one of its own has in the changelog.
        origin: what a caching store keeps beside the value.
        read_only: why nothing may be written; None: it may.
        dropped: counts what a store refuses because it is too old.
    """

    __slots__ = ("dropped", "lease", "origin", "read_only", "timestamp")

    def __init__(
        self,
        lease: Lease,
        timestamp: Callable[[], int],
        origin: Callable[[], object] = lambda: None,
        read_only: str | None = None,
        dropped: Drop | None = None,
    ) -> None:
        self.lease = lease
        self.timestamp = timestamp
        self.origin = origin
        self.read_only = read_only
        self.dropped = dropped or Drop()

    def may_write(self) -> None:
        """
        Raises:
            UnsupportedOperationException: the store is only read.
        """
        if self.read_only is not None:
            raise UnsupportedOperationException(self.read_only)


class Keys(Generic[K]):
    """A store's name, whether it is open, and the bytes of its keys."""

    __slots__ = ("_hand", "_name", "_serde")

    def __init__(self, access: StoreAccess, hand: Hand) -> None:
        self._name = access.name
        self._serde: AnySerde = access.key_serde
        self._hand = hand

    def written(self, key: object) -> bytes:
        """
        Raises:
            NullPointerException: the key is None.
            InvalidStateStoreException: the store is closed.
        """
        self._hand.lease.check(self._name)
        if key is None:
            raise NullPointerException("key cannot be null")
        return self._serde.encode(key)

    def bound(self, key: object) -> bytes | None:
        """The bytes of a bound of a range; None is open."""
        self._hand.lease.check(self._name)
        return None if key is None else self._serde.encode(key)

    def read(self, raw: bytes) -> K:
        key: K = self._serde.decode(raw)
        return key


def plain(found: api.Found) -> Any:
    """The value alone."""
    return found[0]


def timestamped(found: api.Found) -> Any:
    """The value and its timestamp."""
    return ValueAndTimestamp(found[0], found[1])


def value_and_time(given: object) -> tuple[object, int]:
    """What a store of `ValueAndTimestamp` is given.

    Raises:
        IllegalArgumentException: it is none, or its timestamp is none.
    """
    if not isinstance(given, tuple) or len(given) != 2:
        raise IllegalArgumentException(f"Invalid value: {shown(given)}. Give ValueAndTimestamp(value, timestamp).")
    return given[0], check_instant(given[1])


class ReadOnlyKeyValueStore(Generic[K, V]):
    """A key-value store that is only read. Rows come in the order of the keys' bytes; bounds are inclusive,
    None is open.
    """

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(
        self,
        access: StoreAccess,
        store: api.KeyValueStore,
        hand: Hand,
        value: Callable[[api.Found], V] = plain,
    ) -> None:
        self._access = access
        self._store = store
        self._keys: Keys[K] = Keys(access, hand)
        self._hand = hand
        self._value = value

    @property
    def name(self) -> str:
        """The store's name."""
        return self._access.name

    @property
    def is_open(self) -> bool:
        """Its task is not closed."""
        return self._hand.lease.is_open

    def get(self, key: K) -> V | None:
        """The value, None if there is none.

        Raises:
            NullPointerException: the key is None.
        """
        found = self._store.get(self._keys.written(key))
        return None if found is None else self._value(found)

    def range(self, low: K | None, high: K | None) -> KeyValueIterator[K, V]:
        """`(key, value)` with low <= key <= high, by the keys' bytes."""
        return self._rows(self._store.range(self._keys.bound(low), self._keys.bound(high)))

    def reverse_range(self, low: K | None, high: K | None) -> KeyValueIterator[K, V]:
        """As `range`, from the last to the first."""
        return self._rows(self._store.range(self._keys.bound(low), self._keys.bound(high), True))

    def all(self) -> KeyValueIterator[K, V]:
        """All rows."""
        self._hand.lease.check(self.name)
        return self._rows(self._store.all())

    def reverse_all(self) -> KeyValueIterator[K, V]:
        """All rows, from the last to the first."""
        self._hand.lease.check(self.name)
        return self._rows(self._store.all(True))

    def prefix_scan(self, prefix: Any, serde: AnySerde | None = None) -> KeyValueIterator[K, V]:
        """Rows whose key's bytes begin with those of `prefix` (under `serde`; None: `prefix` under the
        key's).
        """
        self._hand.lease.check(self.name)
        written = arguments.serde(serde, "serde of prefix_scan()") or self._access.key_serde
        if prefix is None:
            raise NullPointerException("prefix cannot be null")
        start = written.encode(prefix)
        return self._rows(self._store.prefix_scan(start))

    def approximate_num_entries(self) -> int:
        """About how many rows there are."""
        self._hand.lease.check(self.name)
        return self._store.approximate_entries()

    def _rows(self, rows: api.RowIterator[tuple[bytes, object, int]]) -> KeyValueIterator[K, V]:
        read, value = self._keys.read, self._value

        def decoded(row: tuple[bytes, object, int]) -> tuple[K, V]:
            return read(row[0]), value((row[1], row[2]))

        return KeyValueIterator(self.name, rows, decoded, self._hand.lease)


class KeyValueStore(ReadOnlyKeyValueStore[K, V]):
    """A key-value store (Java's `KeyValueStore`)."""

    def put(self, key: K, value: V | None) -> None:
        """Sets the value; None deletes.

        Raises:
            NullPointerException: the key is None.
            UnsupportedOperationException: the store is only read.
        """
        self._put(self._keys.written(key), value)

    def put_if_absent(self, key: K, value: V | None) -> V | None:
        """Sets the value unless there is one; returns the one that was there."""
        raw = self._keys.written(key)
        found = self._store.get(raw)
        if found is None:
            self._put(raw, value)
            return None
        return self._value(found)

    def put_all(self, rows: Iterable[tuple[K, V | None]] | Mapping[K, V | None]) -> None:
        """`put` for each `(key, value)`, or for those of a mapping.

        Raises:
            IllegalArgumentException: something in it is no pair; none is put.
        """
        for key, value in pairs(rows, "rows"):
            self.put(key, value)

    def delete(self, key: K) -> V | None:
        """Deletes the row; returns the value that was there."""
        raw = self._keys.written(key)
        found = self._store.get(raw)
        self._put(raw, None)
        return None if found is None else self._value(found)

    def _put(self, raw: bytes, value: V | None) -> None:
        hand = self._hand
        hand.may_write()
        self._store.put(raw, value, hand.timestamp(), hand.origin())


class TimestampedKeyValueStore(KeyValueStore[K, ValueAndTimestamp[V]], Generic[K, V]):
    """A key-value store whose values are `ValueAndTimestamp` (Java's `TimestampedKeyValueStore`)."""

    def __init__(self, access: StoreAccess, store: api.KeyValueStore, hand: Hand) -> None:
        super().__init__(access, store, hand, timestamped)

    def _put(self, raw: bytes, value: ValueAndTimestamp[V] | None) -> None:
        hand = self._hand
        hand.may_write()
        if value is None:
            self._store.put(raw, None, hand.timestamp(), hand.origin())
        else:
            self._store.put(raw, *value_and_time(value), hand.origin())


class VersionedKeyValueStore(Generic[K, V]):
    """A store that keeps the versions of its values (Java's `VersionedKeyValueStore`)."""

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, access: StoreAccess, store: api.VersionedStore, hand: Hand) -> None:
        self._access = access
        self._store = store
        self._keys: Keys[K] = Keys(access, hand)
        self._hand = hand

    @property
    def name(self) -> str:
        """The store's name."""
        return self._access.name

    @property
    def is_open(self) -> bool:
        """Its task is not closed."""
        return self._hand.lease.is_open

    def put(self, key: K, value: V | None, timestamp: int) -> int:
        """Adds a version (None: a deletion) that is valid from `timestamp` (ms) on.

        Returns the time it is valid to, `VALID_TO_UNDEFINED` (-1) for the newest, `NOT_PUT` for one older
        than the history.
        """
        raw = self._keys.written(key)
        self._hand.may_write()
        written = self._store.put(raw, value, check_instant(timestamp))
        if written == NOT_PUT:
            self._hand.dropped.add()
        return written

    def delete(self, key: K, timestamp: int) -> VersionedRecord[V] | None:
        """Adds a deletion as of `timestamp`; returns what was valid then."""
        raw = self._keys.written(key)
        self._hand.may_write()
        return _version(self._store.delete(raw, check_instant(timestamp)))

    def get(self, key: K, as_of: int | None = None) -> VersionedRecord[V] | None:
        """The newest version, or the one that was valid at a time (ms); None where there is none."""
        when = None if as_of is None else check_instant(as_of, "as_of")
        return _version(self._store.get(self._keys.written(key), when))


def _version(found: Any) -> VersionedRecord[Any] | None:
    """As in Java, what a lookup returns does not say how long it was valid; only queries of versions do."""
    return None if found is None else VersionedRecord(found.value, found.timestamp)
