"""What can be asked (KIP-796 and those after it): queries of one kind of store each, and the request around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Generic, Self, TypeVar

from streams.durations import Instant
from streams.errors import IllegalArgumentException, NullPointerException
from streams.query.position import PositionBound
from streams.type_variables import K
from streams.validation import LARGEST, LARGEST_PARTITION, check_flag, check_instant, check_text, check_whole, shown

R = TypeVar("R")


class IsolationLevel(Enum):
    """What a query is shown."""

    READ_COMMITTED = "READ_COMMITTED"
    READ_UNCOMMITTED = "READ_UNCOMMITTED"


class Order(Enum):
    """In which order rows come."""

    ANY = "ANY"
    ASCENDING = "ASCENDING"
    DESCENDING = "DESCENDING"


def present(value: R | None, what: str) -> R:
    """
    Raises:
        NullPointerException: it is None.
    """
    if value is None:
        raise NullPointerException(f"{what} cannot be null.")
    return value


def _check_order(given: object) -> None:
    if not isinstance(given, Order):
        raise IllegalArgumentException(f"Invalid order: {shown(given)}. Give one of {', '.join(map(str, Order))}.")


def check_isolation(given: object) -> None:
    """
    Raises:
        IllegalArgumentException: it is no level, nor None.
    """
    if given is not None and not isinstance(given, IsolationLevel):
        raise IllegalArgumentException(
            f"Invalid isolation level: {shown(given)}. Give one of {', '.join(map(str, IsolationLevel))}."
        )


def is_committed(level: IsolationLevel | None, by_default: bool) -> bool:
    """Is only shown what is committed?"""
    return by_default if level is None else level is IsolationLevel.READ_COMMITTED


def _check_ms(given: object, what: str) -> None:
    check_whole(given, what, -LARGEST - 1)


def store_name(given: object) -> str:
    """The name of a store.

    Raises:
        NullPointerException: it is None.
        IllegalArgumentException: it is no text.
    """
    return check_text(present(given, "storeName"), "name of a store")


class Query:
    """One of the queries of this module. What it is made of is checked when it is made."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class KeyQuery(Query, Generic[K]):
    """The value of one key of a key-value store."""

    key: K
    cache_skipped: bool = False

    def __post_init__(self) -> None:
        present(self.key, "the key")
        check_flag(self.cache_skipped, "cache_skipped")

    @classmethod
    def with_key(cls, key: K) -> Self:
        """Of this key."""
        return cls(key)

    def skip_cache(self) -> Self:
        """Not what only the record cache knows. What is committed has left it, so that this changes a query of
        uncommitted rows alone."""
        return replace(self, cache_skipped=True)


@dataclass(frozen=True, slots=True)
class TimestampedKeyQuery(Query, Generic[K]):
    """Value and timestamp of one key of a timestamped key-value store."""

    key: K
    cache_skipped: bool = False

    def __post_init__(self) -> None:
        present(self.key, "the key")
        check_flag(self.cache_skipped, "cache_skipped")

    @classmethod
    def with_key(cls, key: K) -> Self:
        """Of this key."""
        return cls(key)

    def skip_cache(self) -> Self:
        """See `KeyQuery.skip_cache`."""
        return replace(self, cache_skipped=True)


@dataclass(frozen=True, slots=True)
class RangeQuery(Query, Generic[K]):
    """Rows of a key-value store, by the bytes of their keys; bounds are inclusive, None is open."""

    lower: K | None = None
    upper: K | None = None
    order: Order = Order.ANY

    def __post_init__(self) -> None:
        _check_order(self.order)

    @classmethod
    def with_range(cls, lower: K | None, upper: K | None) -> Self:
        """From one key to another."""
        return cls(lower, upper)

    @classmethod
    def with_lower_bound(cls, lower: K) -> Self:
        """From a key on."""
        return cls(lower)

    @classmethod
    def with_upper_bound(cls, upper: K) -> Self:
        """Up to a key."""
        return cls(None, upper)

    @classmethod
    def with_no_bounds(cls) -> Self:
        """All rows."""
        return cls()

    def with_ascending_keys(self) -> Self:
        """From the first key to the last."""
        return replace(self, order=Order.ASCENDING)

    def with_descending_keys(self) -> Self:
        """From the last key to the first."""
        return replace(self, order=Order.DESCENDING)


@dataclass(frozen=True, slots=True)
class TimestampedRangeQuery(RangeQuery[K]):
    """`RangeQuery` of a timestamped key-value store, with timestamps."""


@dataclass(frozen=True, slots=True)
class PrefixQuery(Query, Generic[K]):
    """Rows of a key-value store whose keys' bytes begin so. Java has none."""

    prefix: K
    order: Order = Order.ANY

    def __post_init__(self) -> None:
        present(self.prefix, "prefix")
        _check_order(self.order)

    @classmethod
    def with_prefix(cls, prefix: K) -> Self:
        """Under the key's serde."""
        return cls(prefix)

    def with_descending_keys(self) -> Self:
        """From the last key to the first."""
        return replace(self, order=Order.DESCENDING)


@dataclass(frozen=True, slots=True)
class VersionedKeyQuery(Query, Generic[K]):
    """The version of one key of a versioned store that is valid now, or was at a time (ms)."""

    key: K
    as_of_timestamp: int | None = None

    def __post_init__(self) -> None:
        present(self.key, "key")
        if self.as_of_timestamp is not None:
            _check_ms(self.as_of_timestamp, "asOf timestamp")

    @classmethod
    def with_key(cls, key: K) -> Self:
        """Of this key."""
        return cls(key)

    def as_of(self, timestamp: Instant) -> Self:
        """Valid then (ms, or an aware datetime)."""
        return replace(self, as_of_timestamp=check_instant(timestamp, "asOf timestamp"))


@dataclass(frozen=True, slots=True)
class MultiVersionedKeyQuery(Query, Generic[K]):
    """The versions of one key of a versioned store that were valid at some time between two (ms)."""

    key: K
    from_timestamp: int | None = None
    to_timestamp: int | None = None
    order: Order = Order.ANY

    def __post_init__(self) -> None:
        present(self.key, "key")
        if self.from_timestamp is not None:
            _check_ms(self.from_timestamp, "fromTime timestamp")
        if self.to_timestamp is not None:
            _check_ms(self.to_timestamp, "toTime timestamp")
        _check_order(self.order)

    @classmethod
    def with_key(cls, key: K) -> Self:
        """Of this key."""
        return cls(key)

    def from_time(self, timestamp: Instant | None) -> Self:
        """Valid then or later."""
        return replace(self, from_timestamp=_when(timestamp, "fromTime timestamp"))

    def to_time(self, timestamp: Instant | None) -> Self:
        """Valid then or earlier."""
        return replace(self, to_timestamp=_when(timestamp, "toTime timestamp"))

    def with_ascending_timestamps(self) -> Self:
        """The oldest first."""
        return replace(self, order=Order.ASCENDING)

    def with_descending_timestamps(self) -> Self:
        """The newest first."""
        return replace(self, order=Order.DESCENDING)


@dataclass(frozen=True, slots=True)
class WindowKeyQuery(Query, Generic[K]):
    """The windows of one key of a window store that start between two times (ms, inclusive)."""

    key: K
    time_from: int
    time_to: int

    def __post_init__(self) -> None:
        present(self.key, "key")
        _check_ms(self.time_from, "timeFrom")
        _check_ms(self.time_to, "timeTo")

    @classmethod
    def with_key_and_window_start_range(cls, key: K, time_from: Instant, time_to: Instant) -> Self:
        """Of this key, by the times at which windows start."""
        return cls(key, check_instant(time_from, "timeFrom"), check_instant(time_to, "timeTo"))


@dataclass(frozen=True, slots=True)
class WindowRangeQuery(Query, Generic[K]):
    """The windows of all keys of a window store that start between two times, or all sessions of one key."""

    key: K | None = None
    time_from: int | None = None
    time_to: int | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.time_from is None and self.time_to is None:
            return
        if self.key is not None or self.time_from is None or self.time_to is None:
            raise IllegalArgumentException("WindowRangeQuery takes a key alone, or both times alone.")
        _check_ms(self.time_from, "timeFrom")
        _check_ms(self.time_to, "timeTo")

    @classmethod
    def with_key(cls, key: K) -> Self:
        """Sessions of this key."""
        return cls(present(key, "key"))

    @classmethod
    def with_window_start_range(cls, time_from: Instant, time_to: Instant) -> Self:
        """Windows of all keys, by the times at which they start."""
        return cls(None, check_instant(time_from, "timeFrom"), check_instant(time_to, "timeTo"))


@dataclass(frozen=True, slots=True)
class StateQueryRequest:
    """A query, and of which store and partitions it is to be answered, and how (Java's `StateQueryRequest`).

    >>> from streams.query.requests import KeyQuery, StateQueryRequest
    >>> request = StateQueryRequest.in_store("counts").with_query(KeyQuery.with_key("alice"))
    >>> request.store_name, request.partitions
    ('counts', None)
    """

    store_name: str
    query: Query
    partitions: frozenset[int] | None = None
    """None: all that are here."""
    position_bound: PositionBound = field(default_factory=PositionBound)
    requires_active: bool = False
    isolation_level: IsolationLevel | None = None
    """None: what `default.interactive.query.isolation.level` says."""
    execution_info_enabled: bool = False

    def __post_init__(self) -> None:
        store_name(self.store_name)
        _check_query(self.query)
        if self.partitions is not None:
            object.__setattr__(self, "partitions", _partitions(self.partitions))
        if not isinstance(self.position_bound, PositionBound):
            raise IllegalArgumentException(
                f"Invalid position bound: {shown(self.position_bound)}. Give PositionBound.at(position)."
            )
        check_flag(self.requires_active, "requires_active")
        check_isolation(self.isolation_level)
        check_flag(self.execution_info_enabled, "execution_info_enabled")

    @classmethod
    def in_store(cls, name: str) -> InStore:
        """Of this store."""
        return InStore(name)

    def with_partitions(self, partitions: Iterable[int]) -> Self:
        """Of these partitions; one that is not here is a failure in the result."""
        return replace(self, partitions=_partitions(partitions))

    def with_all_partitions(self) -> Self:
        """Of all partitions that are here."""
        return replace(self, partitions=None)

    def with_position_bound(self, bound: PositionBound) -> Self:
        """Only where the store has come so far."""
        return replace(self, position_bound=present(bound, "positionBound"))

    def require_active(self) -> Self:
        """Of active tasks alone: the newest state, wherever it is, so that the bound falls away."""
        return replace(self, requires_active=True, position_bound=PositionBound())

    def with_isolation_level(self, level: IsolationLevel) -> Self:
        """What is shown. Source: KIP-892."""
        return replace(self, isolation_level=present(level, "isolationLevel"))

    def enable_execution_info(self) -> Self:
        """Has each result say how it came about."""
        return replace(self, execution_info_enabled=True)


@dataclass(frozen=True, slots=True)
class InStore:
    """A store that is to be asked something."""

    name: str

    def __post_init__(self) -> None:
        store_name(self.name)

    def with_query(self, query: Query) -> StateQueryRequest:
        """This.

        Raises:
            IllegalArgumentException: it is no query.
        """
        return StateQueryRequest(self.name, query)


def _check_query(given: object) -> None:
    if not isinstance(given, Query):
        raise IllegalArgumentException(f"Invalid query: {shown(given)}. Give one such as KeyQuery.with_key(key).")


def _partitions(given: object) -> frozenset[int]:
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray):
        return frozenset(check_whole(each, "partition", 0, LARGEST_PARTITION) for each in given)
    raise IllegalArgumentException(f"Invalid partitions: {shown(given)}. Give several numbers from 0 on, as [0, 1].")


def _when(timestamp: Instant | None, what: str) -> int | None:
    return None if timestamp is None else check_instant(timestamp, what)
