"""Queries and their results by partition (interactive queries, v2): `KafkaStreams.query`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from statestore import api
from streams.errors import IllegalArgumentException, RetryAfterException, StateStoreMigratedException
from streams.query.composite import MAX_TIME, Listed
from streams.query.instance import ANSWER_MS, GLOBAL, Instance, Place
from streams.query.position import Position, applied
from streams.query.reading import Pages, answered, page, read
from streams.query.requests import (
    KeyQuery,
    MultiVersionedKeyQuery,
    Order,
    PrefixQuery,
    Query,
    RangeQuery,
    StateQueryRequest,
    TimestampedKeyQuery,
    TimestampedRangeQuery,
    VersionedKeyQuery,
    WindowKeyQuery,
    WindowRangeQuery,
    is_committed,
    present,
)
from streams.query.results import FailureReason, QueryResult, StateQueryResult
from streams.record import ValueAndTimestamp, VersionedRecord, Window, Windowed
from streams.state.iterators import KeyValueIterator, Lease
from streams.state.local_store import LocalStore, Restoring
from streams.validation import shown

Row = TypeVar("Row")
FOREVER = (1 << 63) - 1
RETRY_S = 0.5


class Unknown(Exception):
    """The store does not know such queries."""


def query(instance: Instance, request: StateQueryRequest, timeout_ms: float = ANSWER_MS) -> StateQueryResult[object]:
    """The results of all partitions that were asked.

    Raises:
        NullPointerException, IllegalArgumentException: the request is none.
        UnknownStateStoreException: there is no store of that name.
        StreamsNotStartedException, StreamsStoppedException: the application does not run.
    """
    if not isinstance(request, StateQueryRequest):
        given = present(request, "request")
        raise IllegalArgumentException(
            f"Invalid request: {shown(given)}. Give StateQueryRequest.in_store(name).with_query(query)."
        )
    instance.spec(request.store_name)
    instance.check_running()
    committed = is_committed(request.isolation_level, instance.committed)
    name = request.store_name
    if instance.is_global(name):
        return StateQueryResult(
            {}, _result(instance, instance.place(name, GLOBAL), GLOBAL, request, committed, timeout_ms)
        )
    places: Mapping[int, Place]
    if request.partitions is None:
        places = dict(sorted(instance.here(name).items()))
    else:
        places = {each: instance.place(name, each) for each in sorted(request.partitions)}
    return StateQueryResult(
        {
            partition: _result(instance, place, partition, request, committed, timeout_ms)
            for partition, place in places.items()
        }
    )


def _result(
    instance: Instance,
    place: Place,
    partition: int,
    request: StateQueryRequest,
    committed: bool,
    timeout_ms: float,
) -> QueryResult[object]:
    began = instance.world.monotonic_ms()
    found = _answer(instance, place, partition, request, committed, timeout_ms)
    if not request.execution_info_enabled:
        return found
    shown = "READ_COMMITTED" if committed else "READ_UNCOMMITTED"
    took = instance.world.monotonic_ms() - began
    said = f"Handled {type(request.query).__name__} of {request.store_name} {partition}, {shown}, in {took:.3f} ms"
    return replace(found, execution_info=(said,))


def _answer(
    instance: Instance,
    place: Place,
    partition: int,
    request: StateQueryRequest,
    committed: bool,
    timeout_ms: float,
) -> QueryResult[object]:
    if isinstance(place, Restoring):
        said = f"Query requires a running active task, but partition was in state RESTORING: {place}"
        return _failed(FailureReason.NOT_ACTIVE, said, retry_after_s=1.0)
    if not isinstance(place, LocalStore):
        where = f" It is at {place.endpoint}." if place.endpoint else ""
        said = f"The requested partition was not present at the time of the query.{where}"
        return _failed(FailureReason.NOT_PRESENT, said, retry_after_s=RETRY_S)
    # Where it stands is looked at before it is read: what is read is as new as that, or newer.
    position = applied(place.applied())
    bound = request.position_bound.position
    if position.lacks(bound, None if partition == GLOBAL else partition) is not None:
        said = (
            f"For store partition {partition}, the current position {position} is not yet up to the bound "
            f"{request.position_bound}"
        )
        return _failed(FailureReason.NOT_UP_TO_BOUND, said, position, RETRY_S)
    try:
        found = _ask(place, request.query, committed, timeout_ms)
    except Unknown:
        said = (
            f"This store ({place.spec.kind.value}) doesn't know how to execute the given query ({request.query}). "
            "Ask a store of another kind."
        )
        return _failed(FailureReason.UNKNOWN_QUERY_TYPE, said, position)
    except StateStoreMigratedException as moved:
        return _failed(FailureReason.NOT_PRESENT, str(moved), position, moved.seconds)
    except RetryAfterException as later:
        return _failed(FailureReason.STORE_EXCEPTION, str(later), position, later.seconds)
    except Exception as error:
        return _failed(FailureReason.STORE_EXCEPTION, f"{type(error).__name__}: {error}", position)
    return QueryResult(found, position=position)


def _failed(
    reason: FailureReason, message: str, position: Position | None = None, retry_after_s: float | None = None
) -> QueryResult[object]:
    return QueryResult(None, reason, message, position or Position(), (), retry_after_s)


# one partition


def _ask(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    asked = ASKED.get(type(query))
    if asked is None:
        raise Unknown
    return asked(local, query, committed, timeout_ms)


def _key(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    assert isinstance(query, KeyQuery | TimestampedKeyQuery)
    with_time = isinstance(query, TimestampedKeyQuery)
    if local.key_value is None or (with_time and not local.spec.has_timestamps):
        raise Unknown
    key = local.access.key_serde.encode(query.key)
    found = read(local, local.key_value.at(committed), lambda reads: reads.get(key), timeout_ms)
    if found is None:
        return None
    return ValueAndTimestamp(*found) if with_time else found[0]


def _range(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    assert isinstance(query, RangeQuery)
    encode = local.access.key_serde.encode
    low = None if query.lower is None else encode(query.lower)
    high = None if query.upper is None else encode(query.upper)
    with_time = isinstance(query, TimestampedRangeQuery)
    return _rows(local, low, high, b"", query.order, with_time, committed, timeout_ms)


def _prefix(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    assert isinstance(query, PrefixQuery)
    prefix = local.access.key_serde.encode(query.prefix)
    return _rows(local, None, None, prefix, query.order, False, committed, timeout_ms)


def _rows(
    local: LocalStore,
    low: bytes | None,
    high: bytes | None,
    prefix: bytes,
    order: Order,
    with_time: bool,
    committed: bool,
    timeout_ms: float,
) -> object:
    if local.key_value is None or (with_time and not local.spec.has_timestamps):
        raise Unknown
    reads, decode = local.key_value.at(committed), local.access.key_serde.decode

    def scan(after: bytes | None) -> Iterator[tuple[bytes, object, int]]:
        return reads.scan(low, high, prefix, order is Order.DESCENDING, after)

    def shown(row: tuple[bytes, object, int]) -> tuple[object, object]:
        return decode(row[0]), ValueAndTimestamp(row[1], row[2]) if with_time else row[1]

    return _paged(local, scan, lambda row: row[0], shown, timeout_ms)


def _paged(
    local: LocalStore,
    scan: Callable[[bytes | None], Iterator[Row]],
    identity: Callable[[Row], bytes],
    shown: Callable[[Row], tuple[object, object]],
    timeout_ms: float,
) -> KeyValueIterator[object, object]:
    pages = Pages(lambda after: answered(local, lambda: page(scan, identity, after), timeout_ms), identity)
    return KeyValueIterator(local.name, pages, shown, Lease())


def _version(found: api.VersionedRecord | None) -> object:
    return None if found is None else VersionedRecord(found.value, found.timestamp, found.valid_to)


def _versioned(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    assert isinstance(query, VersionedKeyQuery)
    if local.versioned is None:
        raise Unknown
    key = local.access.key_serde.encode(query.key)
    as_of = query.as_of_timestamp
    return _version(read(local, local.versioned.at(committed), lambda reads: reads.get(key, as_of), timeout_ms))


def _versions(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    assert isinstance(query, MultiVersionedKeyQuery)
    if local.versioned is None:
        raise Unknown
    key = local.access.key_serde.encode(query.key)
    first = 0 if query.from_timestamp is None else query.from_timestamp
    last = FOREVER if query.to_timestamp is None else query.to_timestamp
    ascending = query.order is Order.ASCENDING
    found = read(
        local,
        local.versioned.at(committed),
        lambda reads: list(reads.versions(key, first, last, ascending)),
        timeout_ms,
    )
    return iter([_version(each) for each in found])


def _windows(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    assert isinstance(query, WindowKeyQuery)
    if local.window is None:
        raise Unknown
    reads, key = local.window.at(committed), local.access.key_serde.encode(query.key)
    timed = local.spec.has_timestamps
    found = answered(local, lambda: list(reads.scan(key, key, query.time_from, query.time_to)), timeout_ms)
    rows: Listed[tuple[bytes, int, object, int]] = Listed(found)

    def shown(row: tuple[bytes, int, object, int]) -> tuple[int, object]:
        return row[1], ValueAndTimestamp(row[2], row[3]) if timed else row[2]

    return KeyValueIterator(local.name, rows, shown, Lease())


def _window_range(local: LocalStore, query: Query, committed: bool, timeout_ms: float) -> object:
    assert isinstance(query, WindowRangeQuery)
    if query.time_from is None or query.time_to is None:
        return _sessions(local, query, committed, timeout_ms)
    if local.window is None:
        raise Unknown
    reads, first, last = local.window.at(committed), query.time_from, query.time_to
    decode, size, timed = local.access.key_serde.decode, local.spec.window_ms, local.spec.has_timestamps

    def fetch(after: tuple[bytes, int] | None) -> Iterator[tuple[bytes, int, object, int]]:
        return reads.scan(None, None, first, last, False, after)

    def identity(row: tuple[bytes, int, object, int]) -> tuple[bytes, int]:
        return row[:2]

    def shown(row: tuple[bytes, int, object, int]) -> tuple[Windowed[object], object]:
        window = Window(row[1], min(row[1] + size, FOREVER))
        return Windowed(decode(row[0]), window), ValueAndTimestamp(row[2], row[3]) if timed else row[2]

    pages = Pages(lambda after: answered(local, lambda: page(fetch, identity, after), timeout_ms), identity)
    return KeyValueIterator(local.name, pages, shown, Lease())


def _sessions(local: LocalStore, query: WindowRangeQuery[object], committed: bool, timeout_ms: float) -> object:
    if local.session is None or query.key is None:
        raise Unknown
    reads, key = local.session.at(committed), local.access.key_serde.encode(query.key)
    decode = local.access.key_serde.decode
    found = answered(local, lambda: list(reads.scan(key, key, 0, MAX_TIME)), timeout_ms)
    rows: Listed[tuple[bytes, int, int, object]] = Listed(found)

    def shown(row: tuple[bytes, int, int, object]) -> tuple[Windowed[object], object]:
        return Windowed(decode(row[0]), Window(row[1], row[2])), row[3]

    return KeyValueIterator(local.name, rows, shown, Lease())


ASKED: Mapping[type[Query], Callable[[LocalStore, Query, bool, float], object]] = {
    KeyQuery: _key,
    TimestampedKeyQuery: _key,
    RangeQuery: _range,
    TimestampedRangeQuery: _range,
    PrefixQuery: _prefix,
    VersionedKeyQuery: _versioned,
    MultiVersionedKeyQuery: _versions,
    WindowKeyQuery: _windows,
    WindowRangeQuery: _window_range,
}
