"""What the stores of users have in common: a name, the bytes of their keys, and on whose behalf they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from statestore import api
from streams.dropped import Drop
from streams.errors import IllegalArgumentException, NullPointerException, UnsupportedOperationException
from streams.operators.base import StoreAccess
from streams.record import ValueAndTimestamp
from streams.serdes.base import AnySerde
from streams.spelling import corrects_names
from streams.state.iterators import Lease
from streams.type_variables import K
from streams.validation import check_instant, shown


class Caller:
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


@corrects_names
class StateStore:
    """What all stores have (Java's `StateStore`)."""

    def __init__(self, access: StoreAccess[object], caller: Caller) -> None:
        self._access = access
        self._caller = caller

    @property
    def name(self) -> str:
        """The store's name."""
        return self._access.name

    @property
    def is_open(self) -> bool:
        """Its task is not closed."""
        return self._caller.lease.is_open


class Keys(Generic[K]):
    """The bytes of a store's keys, as long as it is open."""

    __slots__ = ("_caller", "_name", "_serde")

    def __init__(self, access: StoreAccess[object], caller: Caller) -> None:
        self._name = access.name
        self._serde: AnySerde = access.key_serde
        self._caller = caller

    def written(self, key: object) -> bytes:
        """
        Raises:
            NullPointerException: the key is None.
            InvalidStateStoreException: the store is closed.
        """
        self._caller.lease.check(self._name)
        if key is None:
            raise NullPointerException("key cannot be null")
        return self._serde.encode(key)

    def bound(self, key: object) -> bytes | None:
        """The bytes of a bound of a range; None is open."""
        self._caller.lease.check(self._name)
        return None if key is None else self._serde.encode(key)

    def read(self, raw: bytes) -> K:
        key: K = self._serde.decode(raw)
        return key


def plain(found: api.TimestampedValue) -> Any:
    """The value alone."""
    return found[0]


def timestamped(found: api.TimestampedValue) -> Any:
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
