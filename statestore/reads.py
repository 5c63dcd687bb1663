"""What queries see of a store: the committed rows, whatever has been written since, or the latest ones.

A single committed row may be asked for by any thread while the owner of the store works on: the committed layer is
asked before what lies below it, and a row is below before it leaves that layer, so that no moment shows neither.
Nothing is kept on the way, since what another thread would put into the read cache could be outdated when it gets
there. Scans are for the owner's thread, and are read to their end, or closed, before the store is written to again.
They make no index that later puts would have to keep.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Generic

from statestore.api import KeyValueStore, SessionStore, TimestampedValue, WindowStore
from statestore.cache import after as behind
from statestore.engine import Engine
from statestore.entries import Entry
from statestore.indexes import Order, TimedCell
from statestore.keys import segment_prefix
from statestore.layers import Cell, Layers
from statestore.merge import merge
from statestore.ranges import Keys
from statestore.segments import Segments


class Seen(Generic[Cell]):
    """What is seen of the layers above the base, and in which order.

    Args:
        layers: of the store.
        latest: not the committed one alone.
        sort_key: the order.
    """

    __slots__ = ("_in_order", "_layers", "_seen", "_sort_key", "_version", "latest")

    def __init__(self, layers: Layers[Cell], latest: bool, sort_key: Callable[[Cell], bytes]) -> None:
        self._layers = layers
        self.latest = latest
        committed = layers.committed
        self._seen = (layers.dirty, layers.uncommitted, committed) if latest else (committed,)
        self._sort_key = sort_key
        self._in_order: list[bytes] = []
        self._version = -1

    def upper(self, cell: Cell) -> Entry | None:
        """The entry above the base, if there is one."""
        for layer in self._seen:
            entry = layer.get(cell)
            if entry is not None:
                return entry
        return None

    def find(self, cell: Cell) -> Entry:
        """The entry. Any thread may ask, where it is the committed one."""
        entry = self.upper(cell)
        return self._layers.base.peek(cell) if entry is None else entry

    def between(self, start: bytes, end: bytes | None, backwards: bool) -> Iterator[bytes]:
        """Sort keys of the cells from `start` to before `end` (None: open)."""
        if self.latest or self._version != self._layers.version:
            self._in_order = sorted({self._sort_key(cell) for layer in self._seen for cell in layer})
            self._version = self._layers.version
        keys = self._in_order
        first = bisect_left(keys, start)
        last = len(keys) if end is None else bisect_left(keys, end)
        return map(keys.__getitem__, range(last - 1, first - 1, -1) if backwards else range(first, last))


class ReadsKeyValue:
    """Implements `KeyValueReads`."""

    def __init__(self, layers: Layers[bytes], engine: Engine, prefix: bytes, latest: bool) -> None:
        self._entries = layers.entries
        self._engine = engine
        self._prefix = prefix
        self._seen: Seen[bytes] = Seen(layers, latest, _same)
        self.any_thread = not latest

    def get(self, key: bytes) -> TimestampedValue | None:
        return self._entries.open(self._seen.find(key))

    def scan(
        self,
        low: bytes | None,
        high: bytes | None,
        prefix: bytes = b"",
        backwards: bool = False,
        after: bytes | None = None,
    ) -> Iterator[tuple[bytes, object, int]]:
        start, end = max(low or b"", prefix), behind(prefix)
        if high is not None:
            end = high + b"\0" if end is None else min(end, high + b"\0")
        if after is not None and backwards:
            end = after if end is None else min(end, after)
        elif after is not None:
            start = max(start, after + b"\0")
        if end is not None and start >= end:
            return
        entries, length = self._entries, len(self._prefix)
        last = behind(self._prefix) if end is None else self._prefix + end
        found = self._engine.scan(self._prefix + start, last, backwards)
        try:
            keys = self._seen.between(start, end, backwards)
            rows = ((key[length:], row) for key, row in found)
            for key, entry in merge(keys, self._seen.upper, rows, entries.load, backwards):
                value = entries.open(entry)
                if value is not None:
                    yield key, *value
        finally:
            found.close()


class ReadsByTime(Generic[TimedCell]):
    """The rows of a window or session store, by cell.

    Args:
        latest: not the committed ones alone.
        key_of: the key in a cell.
        by_time: the order in which several keys are read by time; None: by segment, key and time, as they lie.
    """

    __slots__ = ("_by_time", "_engine", "_entries", "_key_of", "_seen", "_segments")

    def __init__(
        self,
        layers: Layers[TimedCell],
        segments: Segments[TimedCell],
        engine: Engine,
        key_of: Callable[[TimedCell], bytes],
        by_time: Order[TimedCell] | None,
        latest: bool,
    ) -> None:
        self._entries = layers.entries
        self._segments: Segments[TimedCell] = segments
        self._engine = engine
        self._key_of: Callable[[TimedCell], bytes] = key_of
        self._by_time: Order[TimedCell] | None = by_time
        self._seen: Seen[TimedCell] = Seen(layers, latest, segments.sort_key)

    @property
    def latest(self) -> bool:
        """Not the committed rows alone."""
        return self._seen.latest

    def _times(self) -> tuple[int, int]:
        """The times that rows may have."""
        segments = self._segments
        if self._seen.latest:
            return segments.visible_from, segments.highest
        return segments.committed_from, segments.committed_to

    def find(self, cell: TimedCell) -> TimestampedValue | None:
        """The row of a cell. Any thread may ask, where it is the committed one."""
        if cell[0] < self._times()[0]:
            return None
        return self._entries.open(self._seen.find(cell))

    def scan(
        self, keys: Keys, time_from: int, time_to: int, backwards: bool, after: TimedCell | None
    ) -> Iterator[tuple[TimedCell, Entry]]:
        """Rows of these keys and times (both inclusive), after the one that was read last."""
        first, last = self._times()
        low, high = max(time_from, first), min(time_to, last)
        if low > high or keys.empty:
            return iter(())
        if self._by_time is None or (keys.low is not None and keys.low == keys.high):
            return self._as_they_lie(keys, low, high, backwards, after)
        return self._sorted(self._by_time, keys, low, high, backwards, after)

    def _as_they_lie(
        self, keys: Keys, low: int, high: int, backwards: bool, after: TimedCell | None
    ) -> Iterator[tuple[TimedCell, Entry]]:
        segments, key_of = self._segments, self._key_of
        read = None if after is None else segments.sort_key(after)
        numbers = range(low // segments.interval, high // segments.interval + 1)
        one = keys.low if keys.low == keys.high else None
        for segment in reversed(numbers) if backwards else numbers:
            head = segment_prefix(segment)
            start, end = head + (keys.low or b""), segment_prefix(segment + 1)
            if one is not None:
                start, end = head + one + segment_prefix(low), head + one + segment_prefix(high + 1)
            if read is not None and backwards:
                end = min(end, read)
            elif read is not None:
                start = max(start, read + b"\0")
            if start < end:
                for cell, entry in self._merged(start, end, backwards):
                    if low <= cell[0] <= high and keys.has(key_of(cell)):
                        yield cell, entry

    def _merged(self, start: bytes, end: bytes, backwards: bool) -> Iterator[tuple[TimedCell, Entry]]:
        segments, upper = self._segments, self._seen.upper
        prefix, cell_of = segments.prefix, segments.cell
        found = self._engine.scan(prefix + start, prefix + end, backwards)
        try:
            keys = self._seen.between(start, end, backwards)
            rows = ((key[2:], row) for key, row in found)
            load = self._entries.load
            for sort_key, entry in merge(keys, lambda key: upper(cell_of(key)), rows, load, backwards):
                yield cell_of(sort_key), entry
        finally:
            found.close()

    def _sorted(
        self,
        order: Order[TimedCell],
        keys: Keys,
        low: int,
        high: int,
        backwards: bool,
        after: TimedCell | None,
    ) -> Iterator[tuple[TimedCell, Entry]]:
        found = dict(self._as_they_lie(keys, low, high, False, None))
        if after is not None:
            at = order(after)
            found = {
                cell: entry for cell, entry in found.items() if (order(cell) < at if backwards else order(cell) > at)
            }
        return ((cell, found[cell]) for cell in sorted(found, key=order, reverse=backwards))


# Stores that have no such layers: under a record cache that is kept to the byte, where rows are read as processors do.


class ReadsLikeKeyValue:
    """Implements `KeyValueReads` over a store as processors see it; for the owner's thread."""

    any_thread = False

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    def get(self, key: bytes) -> TimestampedValue | None:
        return self._store.get(key)

    def scan(
        self,
        low: bytes | None,
        high: bytes | None,
        prefix: bytes = b"",
        backwards: bool = False,
        after: bytes | None = None,
    ) -> Iterator[tuple[bytes, object, int]]:
        with self._store.range(low, high, backwards) as rows:
            for row in rows:
                passed = after is None or (row[0] < after if backwards else row[0] > after)
                if passed and row[0].startswith(prefix):
                    yield row


class ReadsLikeWindow:
    """Implements `WindowReads`, by start and key, over a store as processors see it; for the owner's thread."""

    any_thread = False

    def __init__(self, store: WindowStore) -> None:
        self._store = store

    def fetch(self, key: bytes, start: int) -> TimestampedValue | None:
        return self._store.fetch(key, start)

    def scan(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        time_from: int,
        time_to: int,
        backwards: bool = False,
        after: tuple[bytes, int] | None = None,
    ) -> Iterator[tuple[bytes, int, object, int]]:
        with self._store.fetch_keys(key_from, key_to, time_from, time_to) as rows:
            found = {(row[1], row[0]): row for row in rows}
        read = None if after is None else (after[1], after[0])
        for cell in sorted(found, reverse=backwards):
            if read is None or (cell < read if backwards else cell > read):
                yield found[cell]


class ReadsLikeSession:
    """Implements `SessionReads`, by end, key and start, over a store as processors see it; for the owner's thread."""

    any_thread = False

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def fetch_session(self, key: bytes, start: int, end: int) -> object:
        return self._store.fetch_session(key, start, end)

    def scan(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        earliest_end: int,
        latest_start: int,
        backwards: bool = False,
        after: tuple[bytes, int, int] | None = None,
    ) -> Iterator[tuple[bytes, int, int, object]]:
        with self._store.find_keys(key_from, key_to, earliest_end, latest_start) as rows:
            found = {(row[2], row[0], row[1]): row for row in rows}
        read = None if after is None else (after[2], after[0], after[1])
        for cell in sorted(found, reverse=backwards):
            if read is None or (cell < read if backwards else cell > read):
                yield found[cell]


def _same(cell: bytes) -> bytes:
    return cell
