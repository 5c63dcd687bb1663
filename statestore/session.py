"""Session stores: rows by key, session start and end."""

from __future__ import annotations

from statestore.api import Codec, Forward
from statestore.cache import CACHE_BYTES
from statestore.engine import Engine
from statestore.entries import ABSENT, Entries, Entry
from statestore.keys import session_tail, split_session_key
from statestore.layers import Emit, Layers
from statestore.lifecycle import Lifecycle
from statestore.rows import FewRows, Rows
from statestore.segments import RowFormat, Segments
from statestore.sizes import Sizes
from statestore.timed import MAX_TIME, Timed

Cell = tuple[int, int, bytes]
"""End, start and key."""

Session = tuple[bytes, int, int, object]


class LayeredSessionStore:
    """Implements `SessionStore`; see there, `Layered` and `LayeredWindowStore`."""

    __slots__ = (
        "_by_key",
        "_entries",
        "_layers",
        "_life",
        "_segments",
        "_timed",
        "abort",
        "apply",
        "bind",
        "close",
        "commit",
        "flush",
        "listen",
        "name",
        "retention",
        "spill",
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
        cache_bytes: int = CACHE_BYTES,
        one_by_one: bool = False,
    ) -> None:
        self.name = name
        self.retention = retention
        sizes = Sizes()
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
            cache_bytes,
            one_by_one,
            caching,
            needs_kept=not one_by_one,
        )
        self._layers: Layers[Cell] = Layers(self._segments, self._entries, sizes, caching, _pack)
        self._timed: Timed[Cell] = Timed(engine, self._layers, self._segments, _key_of)
        self._by_key = self._timed.by_key
        self._life = life = Lifecycle(self._layers, self._timed.shelf, _emit)
        self.bind, self.listen, self.flush, self.close = life.bind, life.listen, life.flush, life.close
        self.commit, self.abort, self.spill, self.apply = life.commit, life.abort, life.spill, life.apply

    @property
    def observed_time(self) -> int:
        return self._segments.observed

    def put(self, key: bytes, start: int, end: int, value: object, timestamp: int, origin: object = None) -> bool:
        segments, layers = self._segments, self._layers
        if end > segments.observed:
            segments.advance(end)
        cell = (end, start, key)
        if end < segments.live_from and not segments.shows_kept:
            layers.log(cell, value, timestamp, origin)
            return False
        if value is not None or not layers.take_back(cell):
            layers.put(cell, value, timestamp, origin)
        if self._by_key.made:
            self._by_key.put(key, cell, layers.top.get(cell, ABSENT))
        return end >= segments.visible_from or not segments.refuses(end)

    def remove(self, key: bytes, start: int, end: int, timestamp: int, origin: object = None) -> bool:
        return self.put(key, start, end, None, timestamp, origin)

    def fetch_session(self, key: bytes, start: int, end: int) -> object:
        segments = self._segments
        if end < segments.shown_from:
            return None
        found = self._entries.open(self._layers.find((end, start, key)))
        return None if found is None else found[0]

    def find(self, key: bytes, earliest_end: int, latest_start: int, backwards: bool = False) -> FewRows[Session]:
        cells, entries = self._timed.one_key(key, earliest_end, MAX_TIME)
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

        return self._timed.many(key_from, key_to, earliest_end, MAX_TIME, backwards, row)

    def find_all(self, earliest_end: int, latest_end: int, closing: bool = False) -> Rows[Session]:
        more = closing and not self._segments.one_by_one
        return self._timed.by_time(earliest_end, latest_end, self._row, 0 if more else None)

    def fetch(self, key: bytes, backwards: bool = False) -> FewRows[Session]:
        return self.find(key, 0, MAX_TIME, backwards)

    def fetch_keys(self, key_from: bytes | None, key_to: bytes | None, backwards: bool = False) -> Rows[Session]:
        return self._timed.many(key_from, key_to, 0, MAX_TIME, backwards, self._row)

    def _row(self, cell: Cell, entry: Entry) -> Session | None:
        found = self._entries.open(entry)
        return None if found is None else (cell[2], cell[1], cell[0], found[0])

    # layers

    @property
    def logged(self) -> bool:
        return self._life.logged

    @property
    def caching(self) -> bool:
        return self._life.caching

    @property
    def dirty_bytes(self) -> int:
        return self._life.dirty_bytes

    @property
    def uncommitted_bytes(self) -> int:
        return self._life.uncommitted_bytes

    @property
    def committed_bytes(self) -> int:
        return self._life.committed_bytes


def _emit(forward: Forward) -> Emit[Cell]:
    def emit(cell: Cell, new: object, old: object, timestamp: int, origin: object) -> None:
        forward(cell[2], cell[1], cell[0], new, old, timestamp, origin)

    return emit


def _key_of(cell: Cell) -> bytes:
    return cell[2]


def _pack(cell: Cell) -> bytes:
    return cell[2] + session_tail(cell[0], cell[1])


def _unpack(data: bytes) -> Cell:
    key, start, end = split_session_key(data)
    return (end, start, key)
