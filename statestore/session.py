"""Session stores: rows by key, session start and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from statestore.api import Codec, Forward, Layered
from statestore.cache_share import PROCESS, CacheShare
from statestore.engine import Engine
from statestore.entries import ABSENT, Entries, Entry
from statestore.keys import session_tail, split_session_key
from statestore.layers import Emit, Layers
from statestore.lifecycle import Lifecycle
from statestore.ranges import ALL, MAX_TIME, Keys, Ranges
from statestore.reads import ReadsByTime
from statestore.rows import FewRows, Rows
from statestore.segments import RowFormat, Segments
from statestore.sizes import SESSION_OVERHEAD, Sizes

Cell = tuple[int, int, bytes]
"""End, start and key."""

Session = tuple[bytes, int, int, object]


class LayeredSessionStore:
    """Implements `SessionStore`; see there and `LayeredWindowStore`."""

    __slots__ = (
        "_by_key",
        "_entries",
        "_layers",
        "_ranges",
        "_segments",
        "_time_first",
        "committed",
        "latest",
        "life",
        "name",
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
        caching: bool = False,
        share: CacheShare = PROCESS,
        one_by_one: bool = False,
        time_first: bool = False,
    ) -> None:
        self.name = name
        self.retention = retention
        sizes = Sizes(SESSION_OVERHEAD)
        self._entries = Entries(codec, timestamped=False)
        rows = RowFormat(_pack, _unpack)
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
            needs_kept=time_first,
        )
        self._time_first = time_first
        self._layers: Layers[Cell] = Layers(self._segments, self._entries, sizes, caching, _pack)
        order = _key_before_start if one_by_one else None
        self._ranges: Ranges[Cell] = Ranges(engine, self._layers, self._segments, _key_of, order)
        self._by_key = self._ranges.by_key
        self.life: Layered = Lifecycle(self._layers, self._ranges.indexes, _emit)
        rows_by_time = _key_before_start if one_by_one else None
        self.committed, self.latest = (
            ReadsSession(ReadsByTime(self._layers, self._segments, engine, _key_of, rows_by_time, latest), self._row)
            for latest in (False, True)
        )

    @property
    def observed_time(self) -> int:
        return self._segments.highest

    def count_refused(self, refused: Callable[[], None]) -> None:
        self._segments.refused = refused

    def put(self, key: bytes, start: int, end: int, value: object, timestamp: int, origin: object = None) -> None:
        segments, cell = self._segments, (end, start, key)
        if segments.caching:
            if end > segments.highest:
                segments.highest = end
        else:
            segments.advance(end)
            if end < segments.live_from:
                segments.refused()
                self._layers.log(cell, value, timestamp, origin)
                return
        self._put(cell, value, timestamp, origin)

    def remove(self, key: bytes, start: int, end: int, timestamp: int, origin: object = None) -> None:
        segments, cell = self._segments, (end, start, key)
        if not segments.caching and not segments.one_by_one:
            # as in Java: the store in memory does not look at the time when a session is removed
            segments.advance(end)
        self._put(cell, None, timestamp, origin)

    def _put(self, cell: Cell, value: object, timestamp: int, origin: object) -> None:
        layers = self._layers
        entry: Entry = ABSENT
        if value is not None or not layers.take_back(cell):
            entry = layers.put(cell, value, timestamp, origin)
        if self._by_key.made:
            self._by_key.put(cell[2], cell, entry)

    def fetch_session(self, key: bytes, start: int, end: int) -> object:
        segments = self._segments
        if end < segments.shown_from:
            return None
        found = self._entries.open(self._layers.find((end, start, key)))
        return None if found is None else found[0]

    def find(self, key: bytes, earliest_end: int, latest_start: int, backwards: bool = False) -> FewRows[Session]:
        cells, entries = self._ranges.one_key(key, earliest_end, MAX_TIME)
        opened = self._entries.open
        sessions = []
        for (end, start, _), entry in zip(cells, entries, strict=True):
            if start <= latest_start:
                found = opened(entry) if entry.__class__ is bytes else entry
                sessions.append((key, start, end, found[0]))  # type: ignore[index]  # none is deleted
        return FewRows(reversed(sessions) if backwards else iter(sessions))

    def find_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        earliest_end: int,
        latest_start: int,
        backwards: bool = False,
    ) -> Rows[Session]:
        def row(cell: Cell, entry: Entry) -> Session | None:
            return self._row(cell, entry) if cell[1] <= latest_start else None

        rows = self._ranges.by_time if self._segments.one_by_one else self._ranges.by_row
        return rows(Keys(key_from, key_to), earliest_end, MAX_TIME, backwards, row)

    def find_all(self, earliest_end: int, latest_end: int) -> Rows[Session]:
        return self._ranges.by_time(ALL, earliest_end, latest_end, False, self._row, self._time_first)

    def fetch(self, key: bytes, backwards: bool = False) -> FewRows[Session]:
        return self.find(key, 0, MAX_TIME, backwards)

    def fetch_keys(self, key_from: bytes | None, key_to: bytes | None, backwards: bool = False) -> Rows[Session]:
        return self.find_keys(key_from, key_to, 0, MAX_TIME, backwards)

    def _row(self, cell: Cell, entry: Entry) -> Session | None:
        found = self._entries.open(entry)
        return None if found is None else (cell[2], cell[1], cell[0], found[0])


class ReadsSession:
    """Implements `SessionReads`."""

    def __init__(self, rows: ReadsByTime[Cell], row: Callable[[Cell, Entry], Session | None]) -> None:
        self.any_thread = not rows.latest
        self._rows: ReadsByTime[Cell] = rows
        self._row = row

    def fetch_session(self, key: bytes, start: int, end: int) -> object:
        found = self._rows.find((end, start, key))
        return None if found is None else found[0]

    def scan(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        earliest_end: int,
        latest_start: int,
        backwards: bool = False,
        after: tuple[bytes, int, int] | None = None,
    ) -> Iterator[Session]:
        read = None if after is None else (after[2], after[1], after[0])
        for cell, entry in self._rows.scan(Keys(key_from, key_to), earliest_end, MAX_TIME, backwards, read):
            row = self._row(cell, entry) if cell[1] <= latest_start else None
            if row is not None:
                yield row


def _emit(forward: Forward) -> Emit[Cell]:
    def emit(cell: Cell, new: object, old: object, timestamp: int, origin: object) -> None:
        forward(cell[2], cell[1], cell[0], new, old, timestamp, origin)

    return emit


def _key_of(cell: Cell) -> bytes:
    return cell[2]


def _key_before_start(cell: Cell) -> tuple[int | bytes, ...]:
    return cell[0], cell[2], cell[1]


def _pack(cell: Cell) -> bytes:
    return cell[2] + session_tail(cell[0], cell[1])


def _unpack(data: bytes) -> Cell:
    key, start, end = split_session_key(data)
    return (end, start, key)
