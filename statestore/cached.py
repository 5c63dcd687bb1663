"""Stores under Java's record cache (`record_cache`): it is asked first and written to; the store below takes what it
lets go.

What is in the cache is seen whatever the retention of the store below. Ranges are the rows of both, the cache's before
those of the same key below. Source: `CachingKeyValueStore`, `CachingWindowStore`, `TimeOrderedCachingWindowStore` and
`CachingSessionStore`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from statestore.api import ChangelogHook, Codec, Forward, Layered, RowIterator, Store, TimestampedValue
from statestore.cache import after
from statestore.keys import (
    segment_prefix,
    session_key,
    split_session_key,
    split_window_key,
    window_key,
    window_key_time_first,
    window_tail,
)
from statestore.keyvalue import LayeredKeyValueStore
from statestore.lru import LruMap
from statestore.ranges import ALL, MAX_TIME, Keys
from statestore.reads import ReadsLikeKeyValue, ReadsLikeSession, ReadsLikeWindow
from statestore.record_cache import CachedRow, RecordCache, StoreCache, Written
from statestore.rows import FewRows, Rows
from statestore.session import LayeredSessionStore, Session
from statestore.window import LayeredWindowStore

Row = TypeVar("Row")
KeyValueRow = tuple[bytes, object, int]
WindowRow = tuple[bytes, int, object, int]

_LAST = 0x7FFFFFFF
_FOREVER = 2**63 - 1
_TIME_BYTES = 8


class Front:
    """The cache of one store, and what all kinds leave to it: implements `Layered`.

    Args:
        cache: the task's.
        below: the store, which does not cache.
        codec: of its values.
        timestamped: values have a timestamp, which takes room in the cache.
        cell: what stands before the value in a put of the store below, from a key of the cache.
        old: the value of such a cell below; None if there is none.
        put: of the store below: `(*cell, value, timestamp, origin)`.
    """

    def __init__(
        self,
        cache: RecordCache,
        below: Store,
        codec: Codec,
        timestamped: bool,
        cell: Callable[[bytes], tuple[object, ...]],
        old: Callable[..., object],
        put: Callable[..., object],
    ) -> None:
        self.rows = StoreCache(cache, self._write)
        self._below = life = below.life
        self._encode, self._decode = codec.encode, codec.decode
        self._time = _TIME_BYTES if timestamped else 0
        self._cell, self._old, self._put = cell, old, put
        self._forward: Forward | None = None
        self._sends_old = False
        self.commit, self.spill, self.apply = life.commit, life.spill, life.apply

    def put(self, key: bytes, value: object, timestamp: int, origin: object) -> None:
        """A value, None for a deletion, under its key in the cache."""
        data = None if value is None else self._encode(value)
        self.rows.put(key, data, 0 if data is None else self._time + len(data), timestamp, origin)

    def remember(self, key: bytes, found: TimestampedValue) -> None:
        """What was read from the store below."""
        data = self._encode(found[0])
        self.rows.remember(key, data, self._time + len(data), found[1])

    def value(self, data: bytes | None) -> object:
        """A value in the cache."""
        return None if data is None else self._decode(data)

    def _write(self, written: Sequence[Written]) -> None:
        """To the store below, and on; a deletion of what is not there goes nowhere, if somebody listens."""
        forward, sends_old = self._forward, self._sends_old
        for key, row in written:
            cell, new = self._cell(key), self.value(row.data)
            if forward is None:
                self._put(*cell, new, row.timestamp, row.origin)
                continue
            old = self._old(*cell) if sends_old or new is None else None
            if new is not None or old is not None:
                self._put(*cell, new, row.timestamp, row.origin)
                forward(*cell, new, old if sends_old else None, row.timestamp, row.origin)

    # Layered

    caching = True

    @property
    def logged(self) -> bool:
        return self._below.logged

    @property
    def dirty_bytes(self) -> int:
        return self.rows.dirty_bytes

    @property
    def uncommitted_bytes(self) -> int:
        return self.dirty_bytes + self._below.uncommitted_bytes

    @property
    def open_iterators(self) -> int:
        return self._below.open_iterators

    @property
    def committed_rows(self) -> int:
        return self._below.committed_rows

    @property
    def committed_bytes(self) -> int:
        return self._below.committed_bytes

    def bind(self, changelog: ChangelogHook | None, forward: Forward | None, sends_old: bool) -> None:
        self._below.bind(changelog, None, False)
        self.listen(forward, sends_old)

    def listen(self, forward: Forward | None, sends_old: bool) -> None:
        self._forward, self._sends_old = forward, sends_old

    def flush(self, forward: Forward | None = None) -> bool:
        before = self._forward
        self._forward = forward or before
        try:
            return self.rows.flush()
        finally:
            self._forward = before

    def abort(self) -> None:
        self.rows.clear()
        self._below.abort()

    def forget(self) -> None:
        """Empties the cache, but for what is not flushed yet: only what the store below shows is found."""
        self.rows.forget()

    def close(self) -> None:
        self.rows.clear()
        self._below.close()


Positioned = Iterator[tuple[bytes, Row | None]]
"""Rows under their keys in the cache; None for one that is deleted."""


def merged(cached: Positioned[Row], below: Iterator[tuple[bytes, Row]], backwards: bool) -> Iterator[Row]:
    """Rows of the cache and of the store below, both in the order of their keys in the cache."""
    upper, lower = next(cached, None), next(below, None)
    while upper is not None or lower is not None:
        if upper is None or (lower is not None and (lower[0] > upper[0] if backwards else lower[0] < upper[0])):
            assert lower is not None
            yield lower[1]
            lower = next(below, None)
            continue
        if lower is not None and lower[0] == upper[0]:
            lower = next(below, None)
        if upper[1] is not None:
            yield upper[1]
        upper = next(cached, None)


class CachedKeyValue:
    """Implements `KeyValueStore`; see `Front` for the arguments."""

    def __init__(
        self, cache: RecordCache, below: LayeredKeyValueStore | LruMap, codec: Codec, timestamped: bool
    ) -> None:
        self.name = below.name
        self.below = below
        self.committed, self.latest = below.committed, ReadsLikeKeyValue(self)

        def cell(key: bytes) -> tuple[bytes]:
            return (key,)

        def old(key: bytes) -> object:
            found = below.get(key)
            return None if found is None else found[0]

        self._front = front = Front(cache, below, codec, timestamped, cell, old, below.put)
        self.life: Layered = front
        self.forget = front.forget

    def get(self, key: bytes) -> TimestampedValue | None:
        row = self._front.rows.get(key)
        if row is not None:
            return None if row.data is None else (self._front.value(row.data), row.timestamp)
        found = self.below.get(key)
        if found is not None:
            self._front.remember(key, found)
        return found

    def put(self, key: bytes, value: object, timestamp: int, origin: object = None) -> None:
        self._front.put(key, value, timestamp, origin)

    def delete(self, key: bytes, timestamp: int, origin: object = None) -> TimestampedValue | None:
        before = self.get(key)
        self.put(key, None, timestamp, origin)
        return before

    def range(self, low: bytes | None, high: bytes | None, backwards: bool = False) -> Rows[KeyValueRow]:
        below = self.below.range(low, high, backwards)
        return self._rows(self._front.rows.between(low, high, backwards), below, backwards)

    def prefix_scan(self, prefix: bytes, backwards: bool = False) -> Rows[KeyValueRow]:
        below = self.below.prefix_scan(prefix, backwards)
        rows = self._front.rows.between(prefix, after(prefix), backwards)
        return self._rows((row for row in rows if row[0].startswith(prefix)), below, backwards)

    def all(self, backwards: bool = False) -> Rows[KeyValueRow]:
        return self._rows(self._front.rows.between(None, None, backwards), self.below.all(backwards), backwards)

    def _rows(
        self, cached: Iterator[Written], below: RowIterator[KeyValueRow], backwards: bool
    ) -> Rows[KeyValueRow]:
        value = self._front.value
        upper = ((key, None if row.data is None else (key, value(row.data), row.timestamp)) for key, row in cached)
        return Rows(merged(upper, ((row[0], row) for row in below), backwards), below.close)

    def approximate_entries(self) -> int:
        return self.below.approximate_entries()


def _upper(key: bytes, time: int) -> bytes:
    """Where the rows of a range of keys end at the latest, as Java's `OrderedBytes` has it."""
    tail = window_tail(time, _LAST)
    kept = len(key)
    if tail[0]:
        kept = next((at for at in range(1, kept) if key[at] < tail[0]), kept)
    return key[:kept] + tail


class CachedWindow:
    """Implements `WindowStore`; see `Front` for the arguments.

    Args:
        segment: ms of a segment in the cache: that of the store below, 1 where it is in memory.
        time_first: rows lie by time, not by key.
    """

    def __init__(
        self,
        cache: RecordCache,
        below: LayeredWindowStore,
        codec: Codec,
        timestamped: bool,
        segment: int,
        time_first: bool,
    ) -> None:
        self.name, self.retention = below.name, below.retention
        self.below = below
        self.committed, self.latest = below.committed, ReadsLikeWindow(self)
        self._segment, self._time_first = segment, time_first
        self._highest = -1

        def old(key: bytes, start: int) -> object:
            found = below.fetch(key, start)
            return None if found is None else found[0]

        self._front = front = Front(cache, below, codec, timestamped, self._cell, old, below.put)
        self.life: Layered = front
        self.forget = front.forget
        self.count_refused = below.count_refused

    def _key(self, key: bytes, start: int, seq: int = 0) -> bytes:
        """A row's key in the cache."""
        row = window_key_time_first if self._time_first else window_key
        return segment_prefix(start // self._segment) + row(key, start, seq)

    def _cell(self, cached: bytes) -> tuple[bytes, int]:
        if self._time_first:
            return cached[17:-4], int.from_bytes(cached[9:17], "big")
        return split_window_key(cached[8:])[:2]

    @property
    def observed_time(self) -> int:
        return max(self._highest, self.below.observed_time)

    def put(self, key: bytes, start: int, value: object, timestamp: int, origin: object = None) -> None:
        self._highest = max(self._highest, start)
        self._front.put(self._key(key, start), value, timestamp, origin)

    def fetch(self, key: bytes, start: int) -> TimestampedValue | None:
        row = self._front.rows.get(self._key(key, start))
        if row is None:
            return self.below.fetch(key, start)
        return None if row.data is None else (self._front.value(row.data), row.timestamp)

    def fetch_range(
        self, key: bytes, time_from: int, time_to: int, backwards: bool = False
    ) -> FewRows[tuple[int, object, int]]:
        time_from = max(0, time_from)
        if time_from > time_to:
            return FewRows(iter(()))
        value, positioned = self._front.value, self._key
        # Backwards it is sliding windows that read, which name two equal keys, as `fetch_keys` does.
        since = 0 if backwards else time_from
        cached = (
            (at, None if row.data is None else (start, value(row.data), row.timestamp))
            for at, row, of, start in self._passed(Keys(key, key), time_from, time_to, backwards, since)
            if of == key and time_from <= start <= time_to
        )
        # The rows below are those of now: as in Java, what gives way while somebody reads is not seen again.
        below = [(positioned(key, row[0]), row) for row in self.below.fetch_range(key, time_from, time_to, backwards)]
        return FewRows(merged(cached, iter(below), backwards))

    def _passed(
        self, keys: Keys, time_from: int, time_to: int, backwards: bool, since: int = 0
    ) -> Iterator[tuple[bytes, CachedRow, bytes, int]]:
        """The rows of the cache that Java's iterator passes, with key and start: each is used by that, also those that
        are not asked for.

        Args:
            since: where it begins in memory.
        """
        ranges = self._ranges(keys, max(0, time_from), time_to, backwards, max(0, since))
        between, cell = self._front.rows.between, self._cell
        return ((at, row, *cell(at)) for first, last in ranges for at, row in between(first, last, backwards))

    def _ranges(
        self, keys: Keys, time_from: int, time_to: int, backwards: bool, since: int
    ) -> Iterator[tuple[bytes | None, bytes | None]]:
        """Where it looks, one range after another."""
        low, high = keys
        if self._segment == 1:
            yield (
                None if low is None else self._key(low, since),
                None if high is None else segment_prefix(time_to) + _upper(high, time_to),
            )
        elif self._time_first and (low is None or low != high):
            last = min(time_to, self.observed_time) // self._segment
            yield self._key(b"", time_from), segment_prefix(last + 1)
        elif low is None or high is None:
            yield None, None
        else:
            for begin, end in self._spans(time_from, time_to, backwards):
                if low == high:
                    yield self._key(low, begin), self._key(high, end, _LAST)
                else:
                    head = segment_prefix(begin // self._segment)
                    yield head + window_key(low, 0), head + _upper(high, time_to)

    def _spans(self, time_from: int, time_to: int, backwards: bool) -> Iterator[tuple[int, int]]:
        """The times it looks at within each segment on disk. Backwards it takes each from its beginning, and the first
        one, which has the newest row, though that is older than all that is asked for."""
        segment, segments = self._segment, self._front.rows.segments
        if not backwards:
            for head in segments(segment_prefix(time_from // segment), segment_prefix(time_to // segment)):
                begin = int.from_bytes(head, "big") * segment
                yield max(time_from, begin), min(time_to, begin + segment - 1)
            return
        newest = min(time_to, self._highest)
        if newest < 0:
            return
        yield newest - newest % segment, newest
        before = newest - newest % segment - 1
        if before < time_from:
            return
        for head in segments(segment_prefix(time_from // segment), segment_prefix(before // segment), True):
            begin = int.from_bytes(head, "big") * segment
            yield begin, begin + segment - 1

    def fetch_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        time_from: int,
        time_to: int,
        backwards: bool = False,
    ) -> Rows[WindowRow]:
        keys = Keys(key_from, key_to)
        if keys.empty or time_from > time_to:
            return Rows(iter(()))
        below = self.below.fetch_keys(key_from, key_to, time_from, time_to, backwards)
        return self._rows(below, self._passed(keys, time_from, time_to, backwards), keys, time_from, time_to, backwards)

    def fetch_all(self, time_from: int, time_to: int, backwards: bool = False) -> Rows[WindowRow]:
        below = self.below.fetch_all(time_from, time_to, backwards)
        return self._rows(below, self._passed(ALL, time_from, time_to, backwards), ALL, time_from, time_to, backwards)

    def all(self, backwards: bool = False) -> Rows[WindowRow]:
        return self.fetch_all(0, MAX_TIME, backwards)

    def _rows(
        self,
        below: RowIterator[WindowRow],
        passed: Iterator[tuple[bytes, CachedRow, bytes, int]],
        keys: Keys,
        time_from: int,
        time_to: int,
        backwards: bool,
    ) -> Rows[WindowRow]:
        value = self._front.value

        def cached() -> Positioned[WindowRow]:
            for at, row, key, start in passed:
                if self._time_first and not backwards and start > time_to:
                    return
                if time_from <= start <= time_to and keys.has(key):
                    yield at, None if row.data is None else (key, start, value(row.data), row.timestamp)

        found = ((self._key(row[0], row[1]), row) for row in below)
        return Rows(merged(cached(), found, backwards), below.close)


class CachedSession:
    """Implements `SessionStore`; see `Front` and `CachedWindow` for the arguments."""

    def __init__(self, cache: RecordCache, below: LayeredSessionStore, codec: Codec, segment: int) -> None:
        self.name, self.retention = below.name, below.retention
        self.below = below
        self.committed, self.latest = below.committed, ReadsLikeSession(self)
        self._segment = segment
        self._highest = -1
        self._front = front = Front(cache, below, codec, False, self._cell, below.fetch_session, below.put)
        self.life: Layered = front
        self.forget = front.forget
        self.count_refused = below.count_refused

    def _key(self, key: bytes, start: int, end: int) -> bytes:
        """A row's key in the cache."""
        return segment_prefix(end // self._segment) + session_key(key, start, end)

    def _cell(self, cached: bytes) -> tuple[bytes, int, int]:
        return split_session_key(cached[8:])

    @property
    def observed_time(self) -> int:
        return max(self._highest, self.below.observed_time)

    def put(self, key: bytes, start: int, end: int, value: object, timestamp: int, origin: object = None) -> None:
        self._highest = max(self._highest, end)
        self._front.put(self._key(key, start, end), value, timestamp, origin)

    def remove(self, key: bytes, start: int, end: int, timestamp: int, origin: object = None) -> None:
        self.put(key, start, end, None, timestamp, origin)

    def fetch_session(self, key: bytes, start: int, end: int) -> object:
        row = self._front.rows.get(self._key(key, start, end))
        return self.below.fetch_session(key, start, end) if row is None else self._front.value(row.data)

    def find(self, key: bytes, earliest_end: int, latest_start: int, backwards: bool = False) -> FewRows[Session]:
        passed = self._from(key, max(0, earliest_end), latest_start, backwards)
        cached = self._asked_for(passed, Keys(key, key), earliest_end, latest_start)
        below = [(self._key(*row[:3]), row) for row in self.below.find(key, earliest_end, latest_start, backwards)]
        return FewRows(merged(cached, iter(below), backwards))

    def _asked_for(
        self, passed: Iterator[Written], keys: Keys, earliest_end: int, latest_start: int
    ) -> Positioned[Session]:
        """Of the rows that are passed in the cache, those that somebody wants."""
        for at, row in passed:
            key, start, end = self._cell(at)
            if end >= earliest_end and start <= latest_start and keys.has(key):
                value = self._front.value(row.data)
                yield at, None if value is None else (key, start, end, value)

    def _from(self, key: bytes, low: int, latest_start: int, backwards: bool) -> Iterator[Written]:
        """Rows of the cache, segment by segment, of sessions that may end from `low` on."""
        rows = self._front.rows
        if self._segment == 1:
            yield from rows.between(self._key(key, 0, low), None, backwards)
            return
        for head in rows.segments(segment_prefix(low // self._segment), segment_prefix(_FOREVER), backwards):
            begin = int.from_bytes(head, "big") * self._segment
            end = begin + self._segment - 1
            first, last = session_key(key, 0, max(low, begin)), session_key(key, min(latest_start, end), end)
            yield from rows.between(head + first, head + last, backwards)

    def find_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        earliest_end: int,
        latest_start: int,
        backwards: bool = False,
    ) -> Rows[Session]:
        keys = Keys(key_from, key_to)
        if keys.empty:
            return Rows(iter(()))
        passed = self._front.rows.between(None if key_from is None else self._key(key_from, 0, 0), None, backwards)
        cached = self._asked_for(passed, keys, earliest_end, latest_start)
        below = self.below.find_keys(key_from, key_to, earliest_end, latest_start, backwards)
        return Rows(merged(cached, ((self._key(*row[:3]), row) for row in below), backwards), below.close)

    def find_all(self, earliest_end: int, latest_end: int) -> Rows[Session]:
        found = {row[:3]: row for row in self.find_keys(None, None, earliest_end, _FOREVER) if row[2] <= latest_end}
        return Rows(found[cell] for cell in sorted(found, key=lambda cell: (cell[2], cell[1], cell[0])))

    def fetch(self, key: bytes, backwards: bool = False) -> FewRows[Session]:
        return self.find(key, 0, MAX_TIME, backwards)

    def fetch_keys(self, key_from: bytes | None, key_to: bytes | None, backwards: bool = False) -> Rows[Session]:
        return self.find_keys(key_from, key_to, 0, MAX_TIME, backwards)
