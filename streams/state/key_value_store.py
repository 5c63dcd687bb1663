"""Key-value and versioned stores: `KeyValueStore` and its kin.

A store of a user encodes keys and decodes values; the rules are those of the store below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic

from statestore import api
from streams import arguments
from streams.errors import NullPointerException
from streams.html_table import first_rows
from streams.operators.base import StoreAccess
from streams.record import ValueAndTimestamp, VersionedRecord
from streams.serdes.base import AnySerde
from streams.state.iterators import KeyValueIterator
from streams.state.store import Caller, Keys, StateStore, plain, timestamped, value_and_time
from streams.type_variables import K, V
from streams.validation import check_instant, pairs

NOT_PUT: Final = -(2**63)
"""What `VersionedKeyValueStore.put` returns for a version that is older than the history."""
VALID_TO_UNDEFINED: Final = -1
"""What it returns for the newest version."""


class ReadOnlyKeyValueStore(StateStore, Generic[K, V]):
    """A key-value store that is only read. Rows come in the order of the keys' bytes; bounds are inclusive,
    None is open.
    """

    def __init__(
        self,
        access: StoreAccess[api.ReadableKeyValue],
        caller: Caller,
        value: Callable[[api.TimestampedValue], V] = plain,
    ) -> None:
        super().__init__(access, caller)
        self._store = access.store
        self._keys: Keys[K] = Keys(access, caller)
        self._value = value

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
        self._caller.lease.check(self.name)
        return self._rows(self._store.all())

    def reverse_all(self) -> KeyValueIterator[K, V]:
        """All rows, from the last to the first."""
        self._caller.lease.check(self.name)
        return self._rows(self._store.all(True))

    def prefix_scan(self, prefix: Any, serde: AnySerde | None = None) -> KeyValueIterator[K, V]:
        """Rows whose key's bytes begin with those of `prefix` (under `serde`; None: `prefix` under the key's).
        """
        self._caller.lease.check(self.name)
        written = arguments.serde(serde, "serde of prefix_scan()") or self._access.key_serde
        if prefix is None:
            raise NullPointerException("prefix cannot be null")
        start = written.encode(prefix)
        return self._rows(self._store.prefix_scan(start))

    def approximate_num_entries(self) -> int:
        """About how many rows there are."""
        self._caller.lease.check(self.name)
        return self._store.approximate_entries()

    def _repr_html_(self) -> str:
        """The first rows, as a notebook shows them."""
        return first_rows(self.name, ("Key", "Value"), self.all)

    def _rows(self, rows: api.RowIterator[tuple[bytes, object, int]]) -> KeyValueIterator[K, V]:
        read, value = self._keys.read, self._value

        def decoded(row: tuple[bytes, object, int]) -> tuple[K, V]:
            return read(row[0]), value((row[1], row[2]))

        return KeyValueIterator(self.name, rows, decoded, self._caller.lease)


class ReadOnlyTimestampedKeyValueStore(ReadOnlyKeyValueStore[K, ValueAndTimestamp[V]], Generic[K, V]):
    """A key-value store that is only read, and whose values are `ValueAndTimestamp`."""

    def __init__(self, access: StoreAccess[api.ReadableKeyValue], caller: Caller) -> None:
        super().__init__(access, caller, timestamped)


class KeyValueStore(ReadOnlyKeyValueStore[K, V]):
    """A key-value store (Java's `KeyValueStore`)."""

    def __init__(
        self,
        access: StoreAccess[api.KeyValueStore],
        caller: Caller,
        value: Callable[[api.TimestampedValue], V] = plain,
    ) -> None:
        super().__init__(access, caller, value)
        self._written = access.store

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
        caller = self._caller
        caller.may_write()
        self._written.put(raw, value, caller.timestamp(), caller.origin())


class TimestampedKeyValueStore(KeyValueStore[K, ValueAndTimestamp[V]], Generic[K, V]):
    """A key-value store whose values are `ValueAndTimestamp` (Java's `TimestampedKeyValueStore`)."""

    def __init__(self, access: StoreAccess[api.KeyValueStore], caller: Caller) -> None:
        super().__init__(access, caller, timestamped)

    def _put(self, raw: bytes, value: ValueAndTimestamp[V] | None) -> None:
        caller = self._caller
        caller.may_write()
        if value is None:
            self._written.put(raw, None, caller.timestamp(), caller.origin())
        else:
            self._written.put(raw, *value_and_time(value), caller.origin())


class ReadOnlyVersionedKeyValueStore(StateStore, Generic[K, V]):
    """A store that keeps the versions of its values, and is only read."""

    def __init__(self, access: StoreAccess[api.ReadableVersions], caller: Caller) -> None:
        super().__init__(access, caller)
        self._store = access.store
        self._keys: Keys[K] = Keys(access, caller)

    def get(self, key: K, as_of: int | None = None) -> VersionedRecord[V] | None:
        """The newest version, or the one that was valid at a time (ms); None where there is none."""
        when = None if as_of is None else check_instant(as_of, "as_of")
        return _version(self._store.get(self._keys.written(key), when))


class VersionedKeyValueStore(ReadOnlyVersionedKeyValueStore[K, V]):
    """A store that keeps the versions of its values (Java's `VersionedKeyValueStore`)."""

    def __init__(self, access: StoreAccess[api.VersionedStore], caller: Caller) -> None:
        super().__init__(access, caller)
        self._written = access.store

    def put(self, key: K, value: V | None, timestamp: int) -> int:
        """Adds a version (None: a deletion) that is valid from `timestamp` (ms) on.

        Returns the time it is valid to, `VALID_TO_UNDEFINED` (-1) for the newest, `NOT_PUT` for one older
        than the history.
        """
        raw = self._keys.written(key)
        self._caller.may_write()
        written = self._written.put(raw, value, check_instant(timestamp))
        if written == NOT_PUT:
            self._caller.dropped.add()
        return written

    def delete(self, key: K, timestamp: int) -> VersionedRecord[V] | None:
        """Adds a deletion as of `timestamp`; returns what was valid then."""
        raw = self._keys.written(key)
        self._caller.may_write()
        return _version(self._written.delete(raw, check_instant(timestamp)))


def _version(found: api.VersionedRecord | None) -> VersionedRecord[Any] | None:
    """As in Java, what a lookup returns does not say how long it was valid; only queries of versions do."""
    return None if found is None else VersionedRecord(found.value, found.timestamp)
