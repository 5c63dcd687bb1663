"""The read cache over an engine, of a store whose rows lie by key: two generations, absence remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from statestore.engine import Engine
from statestore.entries import ABSENT, Entries, Entry
from statestore.sizes import ENTRY_OVERHEAD, Sizes

CACHE_BYTES: Final = 8 * 1024 * 1024
"""Memory, estimated, that the read cache of one store may take."""


class CachedRows:
    """The `Base` of a key-value store: prefix ‖ key in the engine.

    New and used rows are in the young generation; when that is half of the budget it becomes the old one,
    and the old one is forgotten. While nothing was ever forgotten and the engine was empty at the start,
    the cache is the whole store, and the engine is not asked for what is not there.
    """

    __slots__ = ("_bytes", "_engine", "_entries", "_limit", "_old", "_sizes", "_whole", "_young", "prefix")

    hides: Final = None
    flushed: Final = None
    """Rows do not expire."""

    def __init__(
        self, engine: Engine, prefix: bytes, entries: Entries, sizes: Sizes, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._engine = engine
        self.prefix = prefix
        self._entries = entries
        self._sizes = sizes
        self._bytes = cache_bytes
        self._limit = cache_bytes // 2 // ENTRY_OVERHEAD
        self._young: dict[bytes, Entry] = {}
        self._old: dict[bytes, Entry] = {}
        scan = engine.scan(prefix, after(prefix))
        self._whole = next(scan, None) is None
        scan.close()

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
                self._turn()
        return entry

    def settle(self, rows: dict[bytes, Entry], marks: Mapping[bytes, bytes]) -> tuple[()]:
        prefix, row = self.prefix, self._entries.row
        self._engine.write([(prefix + cell, row(entry)) for cell, entry in rows.items()], marks=marks)
        self._young.update(rows)
        self._limit = self._bytes // 2 // int(self._sizes.in_memory)
        if len(self._young) > self._limit:
            self._turn()
        return ()

    def commit(self) -> None:
        """Rows are all there is."""

    def abort(self) -> None:
        """Rows are all there is."""

    def restore(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes]) -> None:
        prefix, restored = self.prefix, self._entries.restored
        self._young.clear()
        self._old.clear()
        self._whole = False
        self._engine.write([(prefix + key, restored(value, timestamp)) for key, value, timestamp in rows], marks=marks)

    def _turn(self) -> None:
        """The young generation becomes the old one, and the old one is forgotten."""
        self._whole = self._whole and not self._old
        self._old, self._young = self._young, {}
        self._limit = self._bytes // 2 // int(self._sizes.in_memory)


def after(prefix: bytes) -> bytes | None:
    """The first key behind all that begin with the prefix; None if there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None
