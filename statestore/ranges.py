"""Reading window and session stores over their layers: one key's rows, many keys' rows, rows by time.

One key's rows are read at once, into a list; the others are walked, and shown as they were when the walk was opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple

from statestore.engine import Engine
from statestore.entries import Entry, is_deleted
from statestore.indexes import NOTHING, ByKey, ByTime, Indexes, Order, Sorted, TimedCell
from statestore.keys import segment_prefix
from statestore.layers import Layers, View
from statestore.merge import merge
from statestore.rows import Row, Rows
from statestore.segments import Segments
from statestore.sizes import INDEX_ENTRY

MAX_TIME = 2**63 - 2


class Keys(NamedTuple):
    """A range of keys, both ends inclusive; None is open."""

    low: bytes | None = None
    high: bytes | None = None

    @property
    def empty(self) -> bool:
        """No key is in it."""
        return self.low is not None and self.high is not None and self.low > self.high

    def has(self, key: bytes) -> bool:
        """Is the key in it?"""
        return (self.low is None or self.low <= key) and (self.high is None or key <= self.high)


ALL = Keys()


class Ranges(Generic[TimedCell]):
    """The ranges of one store. Times are inclusive, and cut to what is still visible."""

    __slots__ = (
        "_by_row",
        "_by_time",
        "_engine",
        "_entries",
        "_key_of",
        "_layers",
        "by_key",
        "indexes",
        "segments",
    )

    def __init__(
        self,
        engine: Engine,
        layers: Layers[TimedCell],
        segments: Segments[TimedCell],
        key_of: Callable[[TimedCell], bytes],
        order: Order[TimedCell] | None = None,
    ) -> None:
        """`order`: in which rows are read by time; None: that of their cells."""
        self._engine = engine
        self._entries = layers.entries
        self._layers: Layers[TimedCell] = layers
        self.segments: Segments[TimedCell] = segments
        self._key_of: Callable[[TimedCell], bytes] = key_of
        self.by_key: ByKey[TimedCell] = ByKey(key_of)
        self.indexes: Indexes[TimedCell] = Indexes(layers, segments.cells, self.by_key)
        self._by_row: Sorted[TimedCell] = Sorted(segments.sort_key)
        self._by_time: ByTime[TimedCell] = ByTime(order)
        segments.on_forget = self.indexes.forget
        segments.index_bytes = self._index_bytes
        segments.postpone = lambda: bool(layers.views)

    def _index_bytes(self, cells: int) -> int:
        return len(self._layers.indexes) * cells * INDEX_ENTRY + self.by_key.size

    def one_key(self, key: bytes, time_from: int, time_to: int) -> tuple[Sequence[TimedCell], Sequence[Entry]]:
        """Cells and entries of the key's rows, by time; not to be changed. Only a store read below
        `Segments.complete_from` asks its engine."""
        segments = self.segments
        low, high = segments.shown_from, segments.highest
        if time_from > low:
            low = time_from
        if time_to < high:
            high = time_to
        if low > high:
            return NOTHING
        by_key = self.by_key
        if not by_key.made:
            self._follow()
        if low >= segments.complete_from:
            return by_key.between(key, low, high)
        return self._with_disk(key, low, high)

    def _follow(self) -> None:
        """Makes the index by key, which is told of puts from now on."""
        upper = self._layers.upper
        rows = [(cell, upper(cell)) for cell in sorted(self.indexes.cells())]
        self.by_key.build((cell, entry) for cell, entry in rows if entry is not None)

    def _with_disk(self, key: bytes, low: int, high: int) -> tuple[list[TimedCell], list[Entry]]:
        segments, upper = self.segments, self._layers.upper
        found: dict[TimedCell, Entry] = {}
        for segment in segments.on_disk(low, high):
            for cell, entry in segments.rows_of(segment, key, low, high):
                if self._key_of(cell) == key:
                    known = upper(cell)
                    found[cell] = entry if known is None else known
        found.update(zip(*self.by_key.between(key, low, high), strict=True))
        cells = [cell for cell in sorted(found) if not is_deleted(found[cell])]
        return cells, [found[cell] for cell in cells]

    def by_row(
        self,
        keys: Keys,
        time_from: int,
        time_to: int,
        backwards: bool,
        row: Callable[[TimedCell, Entry], Row | None],
    ) -> Rows[Row]:
        """Rows by segment, then Java's key; `row` makes what is yielded, None leaves one out."""
        segments = self.segments
        low, high = max(time_from, segments.shown_from), min(time_to, segments.highest)
        if low > high or keys.empty:
            return Rows(iter(()))
        self.indexes.use(self._by_row)
        view = self.indexes.open()
        start = segment_prefix(low // segments.interval)
        end = segment_prefix(high // segments.interval + 1)
        on_disk = segments.on_disk(low, high)
        first, last = (segment_prefix(on_disk[0]), end) if on_disk else (start, start)
        scan = self._engine.scan(segments.prefix + first, segments.prefix + last, backwards)
        merged = merge(
            self._by_row.walk(start, end, backwards),
            lambda sort_key: view.entry(segments.cell(sort_key)),
            self._shown(scan, segments.visible_from),
            self._entries.load,
            backwards,
        )

        def rows() -> Iterator[Row]:
            for sort_key, entry in merged:
                cell = segments.cell(sort_key)
                if low <= cell[0] <= high and keys.has(self._key_of(cell)) and (made := row(cell, entry)) is not None:
                    yield made

        def release() -> None:
            scan.close()
            self.indexes.close(view)

        return Rows(rows(), release)

    def _shown(self, scan: Iterator[tuple[bytes, bytes]], visible_from: int) -> Iterator[tuple[bytes, bytes]]:
        """Rows of the engine under their sort keys, without those of an earlier time."""
        cell = self.segments.cell
        for found, row in scan:
            sort_key = found[2:]
            if cell(sort_key)[0] >= visible_from:
                yield sort_key, row

    def by_time(
        self,
        keys: Keys,
        time_from: int,
        time_to: int,
        backwards: bool,
        row: Callable[[TimedCell, Entry], Row | None],
        kept: bool = False,
    ) -> Rows[Row]:
        """Rows by time, then in the order of their cells (see `ByTime`); `kept`: all rows of the segments that are
        kept, whether they are visible or not."""
        segments = self.segments
        lowest = min(segments.live_from, segments.shown_from) if kept else segments.shown_from
        low, high = max(time_from, lowest), min(time_to, segments.highest)
        if low > high or keys.empty:
            return Rows(iter(()))
        self.indexes.use(self._by_time)
        view = self.indexes.open()
        walk = self._by_time.walk(low, high, backwards)
        if segments.on_disk(low, high):
            cells: set[TimedCell] = set(walk)
            cells.update(self._cells_on_disk(low, high, view))
            walk = iter(sorted(cells, key=self._by_time.order, reverse=backwards))

        def rows() -> Iterator[Row]:
            for cell in walk:
                entry = view.entry(cell)
                if entry is None or is_deleted(entry) or not keys.has(self._key_of(cell)):
                    continue
                if (made := row(cell, entry)) is not None:
                    yield made

        return Rows(rows(), lambda: self.indexes.close(view))

    def _cells_on_disk(self, low: int, high: int, view: View[TimedCell]) -> Iterator[TimedCell]:
        """Rows of the engine; what the upper layers do not know of them is kept in the view."""
        for segment in self.segments.on_disk(low, high):
            for cell, entry in self.segments.rows_of(segment, None, low, high):
                if view.entry(cell) is None:
                    view.kept[cell] = entry
                yield cell
