"""The read cache over an engine, of a store whose rows lie by key: two generations, absence remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from statestore.cache_share import PROCESS, CacheShare
from statestore.engine import Engine
from statestore.entries import ABSENT, Entries, Entry
from statestore.sizes import Sizes

STEP_ROWS: Final = 1024
"""The share is asked again after so many new rows."""


class CachedRows:
    """The `Base` of a key-value store: prefix ‖ key in the engine.

    New and used rows are in the young generation; when that is half of what the cache may hold it becomes the old one,
    and the old one is forgotten. While nothing was ever forgotten and the engine was empty at the start,
    the cache is the whole store, and the engine is not asked for what is not there.
    """

    __slots__ = ("_engine", "_entries", "_limit", "_old", "_portion", "_sizes", "_whole", "_young", "prefix")

    hides: Final = None
    flushed: Final = None
    """Rows do not expire."""

    def __init__(
        self, engine: Engine, prefix: bytes, entries: Entries, sizes: Sizes, share: CacheShare = PROCESS
    ) -> None:
        self._engine = engine
        self.prefix = prefix
        self._entries = entries
        self._sizes = sizes
        self._portion = share.portion()
        self._young: dict[bytes, Entry] = {}
        self._old: dict[bytes, Entry] = {}
        scan = engine.scan(prefix, after(prefix))
        self._whole = next(scan, None) is None
        scan.close()
        self.trim()

    def cached(self, cell: bytes) -> Entry | None:
        return None

    def find(self, cell: bytes) -> Entry:
        entry = self._young.get(cell)
        if entry is None:
            entry = self._old.get(cell)
            if entry is None:
                if self._whole:
                    return ABSENT
                entry = self._entries.load(self._engine.get(self.prefix + cell))
            self._young[cell] = entry
            if len(self._young) > self._limit:
                self.trim()
        return entry

    def peek(self, cell: bytes) -> Entry:
        # By this order: what leaves the young generation is in the old one before, and only an empty one is forgotten
        # while the cache is the whole store.
        entry = self._young.get(cell)
        if entry is None:
            entry = self._old.get(cell)
            if entry is None:
                return ABSENT if self._whole else self._entries.load(self._engine.get(self.prefix + cell))
        return entry

    def keep(self, cell: bytes, entry: Entry) -> None:
        """Keep this form of an entry that was just found."""
        self._young[cell] = entry

    def write(self, rows: dict[bytes, Entry], marks: Mapping[bytes, bytes]) -> tuple[()]:
        prefix, row = self.prefix, self._entries.row
        self._engine.write([(prefix + cell, row(entry)) for cell, entry in rows.items()], marks=marks)
        self._young.update(rows)
        self.trim()
        return ()

    def commit(self) -> None:
        """Rows are all there is."""

    def abort(self) -> None:
        """Rows are all there is."""

    def restore(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes]) -> None:
        prefix, restored = self.prefix, self._entries.restored
        self.close()
        self._engine.write([(prefix + key, restored(value, timestamp)) for key, value, timestamp in rows], marks=marks)

    def close(self) -> None:
        self._young.clear()
        self._old.clear()
        self._whole = False
        self._portion.held = 0

    def trim(self) -> None:
        weight = self._sizes.in_memory
        half = int(self._portion.hold(self._rows * weight) / 2 / weight)
        while len(self._young) > half or self._rows > 2 * half:
            self._turn()
        self._portion.held = int(self._rows * weight)
        self._limit = min(half, len(self._young) + STEP_ROWS)

    @property
    def _rows(self) -> int:
        return len(self._young) + len(self._old)

    def _turn(self) -> None:
        """The young generation becomes the old one, and the old one is forgotten."""
        self._whole = self._whole and not self._old
        self._old, self._young = self._young, {}


def after(prefix: bytes) -> bytes | None:
    """The first key behind all that begin with the prefix; None if there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None
