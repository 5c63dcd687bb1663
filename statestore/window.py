"""Window stores: rows by key and window start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Protocol

from statestore.api import Codec, Forward, Layered, TimestampedValue
from statestore.cache_share import PROCESS, CacheShare
from statestore.engine import Engine
from statestore.entries import Entries, Entry, unpack_time
from statestore.keys import segment_prefix, split_window_key, window_tail
from statestore.layers import Emit, Layers
from statestore.lifecycle import Lifecycle
from statestore.ranges import ALL, MAX_TIME, Keys, Ranges
from statestore.reads import ReadsByTime
from statestore.rows import NO_ROWS, FewRows, Rows
from statestore.segments import RowFormat, Segments
from statestore.sizes import WINDOW_OVERHEAD, Sizes

Cell = tuple[int, bytes]
"""Start and key; where duplicates are retained the key is followed by the sequence number, 4 bytes."""

_SEQ = Struct(">I")
_pack_sequence = _SEQ.pack
_MAX_SEQ = 0x7FFFFFFF


class PutRow(Protocol):
    """See `WindowStore.put`."""

    def __call__(self, key: bytes, start: int, value: object, timestamp: int, origin: object = None) -> None: ...


class LayeredWindowStore:
    """Implements `WindowStore`; see there.

    Arguments beyond those of the key-value store: `retention` and `segment_interval` in ms (None: Java's,
    half of the retention but at least a minute), whether puts of one key and start stand side by side
    (stream joins), whether rows expire one by one (Java's in-memory stores) or by segment, and whether they lie by
    time, not by key (Java's stores on disk for emission on close).
    """

    __slots__ = (
        "_by_key",
        "_by_time",
        "_duplicates",
        "_entries",
        "_layers",
        "_open",
        "_quick_decode",
        "_ranges",
        "_segments",
        "committed",
        "fetch",
        "latest",
        "life",
        "name",
        "put",
        "retention",
    )

    def __init__(
        self,
        name: str,
        engine: Engine,
        codec: Codec,
        *,
        retention: int,
        segment_interval: int | None = None,
        retain_duplicates: bool = False,
        timestamped: bool = True,
        caching: bool = False,
        share: CacheShare = PROCESS,
        one_by_one: bool = False,
        time_first: bool = False,
    ) -> None:
        self.name = name
        self.retention = retention
        self._duplicates = retain_duplicates
        sizes = Sizes(WINDOW_OVERHEAD)
        self._entries = Entries(codec, timestamped)
        rows = RowFormat(_pack, _unpack)
        if retain_duplicates:
            rows = RowFormat(_pack_duplicate, _unpack_duplicate, _sequence)
        self._segments: Segments[Cell] = Segments(
            engine,
            name,
            self._entries,
            sizes,
            rows,
            retention,
            segment_interval,
            share,
            one_by_one,
            caching,
            # Java's time-ordered store shows one ms more than the others
            longer=int(time_first),
        )
        self._by_time = one_by_one or time_first
        self._layers: Layers[Cell] = Layers(self._segments, self._entries, sizes, caching, rows.pack)
        key_of = _key_of_duplicate if retain_duplicates else _key_of
        self._ranges: Ranges[Cell] = Ranges(engine, self._layers, self._segments, key_of)
        self._by_key = self._ranges.by_key
        self._open, self._quick_decode = self._entries.open, self._entries.quick_decode
        self.put, self.fetch = self._putting(), self._fetching()
        self.life: Layered = Lifecycle(self._layers, self._ranges.indexes, self._emit)
        rows_by_time = _by_time if one_by_one else None
        self.committed, self.latest = (
            ReadsWindow(
                ReadsByTime(self._layers, self._segments, engine, key_of, rows_by_time, latest),
                self._row,
                retain_duplicates,
            )
            for latest in (False, True)
        )

    @property
    def observed_time(self) -> int:
        return self._segments.highest

    def count_refused(self, refused: Callable[[], None]) -> None:
        self._segments.refused = refused

    def _putting(self) -> PutRow:
        """`put`: a function of its own, that looks nothing up in `self`."""
        segments, layers, by_key = self._segments, self._layers, self._by_key
        duplicates, put_cell, put_nothing = self._duplicates, layers.put, self._put_nothing

        def put_cached(key: bytes, start: int, value: object, timestamp: int, origin: object = None) -> None:
            cell = (start, key)
            if start > segments.highest:
                segments.highest = start
            entry = put_cell(cell, value, timestamp, origin)
            if by_key.made:
                by_key.put(key, cell, entry)

        def put(key: bytes, start: int, value: object, timestamp: int, origin: object = None) -> None:
            cell = (start, key)
            if duplicates:
                sequence = segments.sequence = (segments.sequence + 1) & _MAX_SEQ
                cell = (start, key + _pack_sequence(sequence))
                if value is None:
                    put_nothing(cell, timestamp, origin)
                    return
            if start > segments.observed:
                segments.advance(start)
            if start < segments.live_from:
                segments.refused()
                layers.log(cell, value, timestamp, origin)
                return
            entry = put_cell(cell, value, timestamp, origin)
            if by_key.made:
                by_key.put(key, cell, entry)

        return put_cached if segments.caching else put

    def _put_nothing(self, cell: Cell, timestamp: int, origin: object) -> None:
        """None, put where duplicates are retained, is only logged."""
        segments = self._segments
        self._layers.log(cell, None, timestamp, origin)
        if segments.one_by_one:
            # Java's store in memory looks at the time before it looks at the value
            segments.advance(cell[0])
            if cell[0] < segments.live_from:
                segments.refused()

    def _fetching(self) -> Callable[[bytes, int], TimestampedValue | None]:
        """`fetch`, likewise."""
        segments, duplicates, one_key = self._segments, self._duplicates, self._ranges.one_key
        lookup, below, opened = self._layers.top.get, self._layers.below, self._open

        def fetch(key: bytes, start: int) -> TimestampedValue | None:
            if start < segments.shown_from:
                return None
            if duplicates:
                entries = one_key(key, start, start)[1]
                return opened(entries[-1]) if entries else None
            cell = (start, key)
            entry = lookup(cell)
            if entry is None:
                entry = below(cell)
            if entry.__class__ is bytes or entry[0] is None:
                return opened(entry)
            return entry  # type: ignore[return-value]  # a pair with a value: what `open` would give, without the call

        return fetch

    def fetch_range(
        self, key: bytes, time_from: int, time_to: int, backwards: bool = False
    ) -> FewRows[tuple[int, object, int]]:
        cells, entries = self._ranges.one_key(key, time_from, time_to)
        if not cells:
            return NO_ROWS
        decode, rows = self._quick_decode, []
        for (start, _), entry in zip(cells, entries, strict=True):  # none is deleted
            if isinstance(entry, bytes):
                try:
                    value = decode(entry[8:])
                except Exception:
                    value = self._entries.decode(entry[8:])
                rows.append((start, value, unpack_time(entry)[0]))
            else:
                rows.append((start, *entry))
        return FewRows(reversed(rows) if backwards else iter(rows))

    def fetch_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        time_from: int,
        time_to: int,
        backwards: bool = False,
    ) -> Rows[tuple[bytes, int, object, int]]:
        rows = self._ranges.by_time if self._segments.one_by_one else self._ranges.by_row
        return rows(Keys(key_from, key_to), time_from, time_to, backwards, self._row)

    def fetch_all(self, time_from: int, time_to: int, backwards: bool = False) -> Rows[tuple[bytes, int, object, int]]:
        rows = self._ranges.by_time if self._by_time else self._ranges.by_row
        return rows(ALL, time_from, time_to, backwards, self._row)

    def all(self, backwards: bool = False) -> Rows[tuple[bytes, int, object, int]]:
        return self.fetch_all(0, MAX_TIME, backwards)

    def _row(self, cell: Cell, entry: Entry) -> tuple[bytes, int, object, int] | None:
        found = self._open(entry)
        if found is None:
            return None
        return cell[1][:-4] if self._duplicates else cell[1], cell[0], found[0], found[1]

    def _emit(self, forward: Forward) -> Emit[Cell]:
        def emit(cell: Cell, new: object, old: object, timestamp: int, origin: object) -> None:
            forward(cell[1], cell[0], new, old, timestamp, origin)

        return emit


class ReadsWindow:
    """Implements `WindowReads`."""

    def __init__(
        self,
        rows: ReadsByTime[Cell],
        row: Callable[[Cell, Entry], tuple[bytes, int, object, int] | None],
        duplicates: bool,
    ) -> None:
        self._rows: ReadsByTime[Cell] = rows
        self._row = row
        self._duplicates = duplicates
        self.any_thread = not duplicates and not rows.latest

    def fetch(self, key: bytes, start: int) -> TimestampedValue | None:
        if not self._duplicates:
            return self._rows.find((start, key))
        last = None
        for row in self.scan(key, key, start, start):
            last = row
        return None if last is None else last[2:]

    def scan(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        time_from: int,
        time_to: int,
        backwards: bool = False,
        after: tuple[bytes, int] | None = None,
    ) -> Iterator[tuple[bytes, int, object, int]]:
        read: Cell | None = None
        if after is not None:
            number = _pack_sequence(0 if backwards else _MAX_SEQ) if self._duplicates else b""
            read = (after[1], after[0] + number)
        for cell, entry in self._rows.scan(Keys(key_from, key_to), time_from, time_to, backwards, read):
            row = self._row(cell, entry)
            if row is not None:
                yield row


def _by_time(cell: Cell) -> Cell:
    return cell


def _key_of(cell: Cell) -> bytes:
    return cell[1]


def _pack(cell: Cell) -> bytes:
    return cell[1] + window_tail(cell[0], 0)


def _unpack(data: bytes) -> Cell:
    key, start, _ = split_window_key(data)
    return (start, key)


def _key_of_duplicate(cell: Cell) -> bytes:
    return cell[1][:-4]


def _pack_duplicate(cell: Cell) -> bytes:
    key = cell[1]
    return key[:-4] + segment_prefix(cell[0]) + key[-4:]


def _unpack_duplicate(data: bytes) -> Cell:
    key, start, _ = split_window_key(data)
    return (start, key + data[-4:])


def _sequence(cell: Cell) -> int:
    sequence: int = _SEQ.unpack(cell[1][-4:])[0]
    return sequence
