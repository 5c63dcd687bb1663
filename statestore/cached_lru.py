"""An LRU map under a record cache, as Java builds it for a table: the cache remembers what it has seen.

A key that gave way in the map is still found while the cache holds it; reads that the cache answers do not count as
uses in the map. Source: `CachingKeyValueStore` over `MemoryLRUCache`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from statestore.api import NO_MARKS, ChangelogHook, Codec, Forward, Layered, TimestampedValue
from statestore.cache_share import PROCESS, CacheShare
from statestore.entries import Entries, Entry
from statestore.lru import LruMap, ReadsMap, beginning, between, in_order
from statestore.rows import Rows
from statestore.sizes import Sizes


class CachedLruMap:
    """Implements `KeyValueStore`; a range sees what the cache remembers, and below it what the map holds.

    Args:
        name, codec, max_entries, timestamped: of the map.
        share: bounds what the cache holds of entries that are flushed.
    """

    caching = True
    committed_bytes = committed_rows = open_iterators = 0

    def __init__(
        self, name: str, codec: Codec, max_entries: int, *, timestamped: bool = True, share: CacheShare = PROCESS
    ) -> None:
        self.name = name
        self._map = LruMap(name, codec, max_entries, timestamped=timestamped, logs_evictions=not timestamped)
        self._entries = Entries(codec, timestamped)
        self._portion = share.portion()
        self._sizes = Sizes()
        self._seen: dict[bytes, Entry] = {}
        self._dirty: dict[bytes, tuple[int, object]] = {}
        self._forward: Forward | None = None
        self._sends_old = False

    # rows

    def get(self, key: bytes) -> TimestampedValue | None:
        entry = self._seen.pop(key, None)
        if entry is None:
            found = self._map.get(key)
            if found is None:
                return None
            entry = self._entries.seal(*found)
        self._seen[key] = entry
        return self._entries.open(entry)

    def put(self, key: bytes, value: object, timestamp: int, origin: object = None) -> None:
        self._seen.pop(key, None)
        self._seen[key] = entry = self._entries.seal(value, timestamp)
        self._dirty.pop(key, None)
        self._dirty[key] = (timestamp, origin)
        data = self._entries.data(entry) if len(self._seen) % 64 == 1 else None
        if data is not None:
            self._sizes.sample(len(key) + len(data))

    def delete(self, key: bytes, timestamp: int, origin: object = None) -> TimestampedValue | None:
        before = self.get(key)
        self.put(key, None, timestamp, origin)
        return before

    def approximate_entries(self) -> int:
        return self._map.approximate_entries()

    def range(
        self, low: bytes | None, high: bytes | None, backwards: bool = False
    ) -> Rows[tuple[bytes, object, int]]:
        return in_order(self._entries, between(self._merged(), low, high), backwards)

    def prefix_scan(self, prefix: bytes, backwards: bool = False) -> Rows[tuple[bytes, object, int]]:
        return in_order(self._entries, beginning(self._merged(), prefix), backwards)

    def all(self, backwards: bool = False) -> Rows[tuple[bytes, object, int]]:
        return self.range(None, None, backwards)

    def _merged(self) -> dict[bytes, Entry]:
        return {**self._map.held(), **self._seen}

    def forget(self) -> None:
        """Empties the cache, but for what is not flushed yet: only what the map holds is found."""
        for key in self._seen.keys() - self._dirty.keys():
            del self._seen[key]

    @property
    def committed(self) -> ReadsMap:
        return self._map.committed

    @property
    def latest(self) -> ReadsMap:
        return ReadsMap(self._entries, self._merged(), {})

    # layers

    @property
    def life(self) -> Layered:
        return self

    @property
    def logged(self) -> bool:
        return self._map.logged

    @property
    def dirty_bytes(self) -> int:
        return int(len(self._dirty) * self._sizes.serialised) if self._dirty else 0

    @property
    def uncommitted_bytes(self) -> int:
        return self.dirty_bytes + self._map.uncommitted_bytes

    def bind(self, changelog: ChangelogHook | None, forward: Forward | None, sends_old: bool) -> None:
        self._map.bind(changelog, None, False)
        self.listen(forward, sends_old)

    def listen(self, forward: Forward | None, sends_old: bool) -> None:
        self._forward, self._sends_old = forward, sends_old

    def flush(self, forward: Forward | None = None) -> bool:
        """The dirty entries go to the map and on, in the order of their last update."""
        if not self._dirty:
            return False
        listener = forward or self._forward
        while self._dirty:
            key = next(iter(self._dirty))
            timestamp, origin = self._dirty.pop(key)
            found = self._entries.open(self._seen[key])
            new = None if found is None else found[0]
            before = self._map.get(key) if listener is not None and (self._sends_old or new is None) else None
            if listener is not None and new is None and before is None:
                continue
            self._map.put(key, new, timestamp, origin)
            if listener is not None:
                old = before[0] if before is not None and self._sends_old else None
                listener(key, new, old, timestamp, origin)
        self._shrink()
        return True

    def _shrink(self) -> None:
        weight = self._sizes.in_memory
        most = max(1, int(self._portion.hold(len(self._seen) * weight) / weight))
        while len(self._seen) > most:
            del self._seen[next(iter(self._seen))]
        self._portion.held = int(len(self._seen) * weight)

    def commit(self) -> None:
        self._map.commit()

    def abort(self) -> None:
        self._seen.clear()
        self._dirty.clear()
        self._map.abort()

    def spill(
        self, rows: int, marks: Mapping[bytes, bytes] = NO_MARKS, always: Mapping[bytes, bytes] = NO_MARKS
    ) -> bool:
        """Nothing goes to a disk; the cache lets go of what it may not hold any more."""
        if not self._dirty:
            self._shrink()
        return False

    def apply(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes] = NO_MARKS) -> None:
        self._map.apply(rows, marks)

    def close(self) -> None:
        """No iterator is open; the cache gives back what it holds."""
        self._seen.clear()
        self._dirty.clear()
        self._portion.held = 0
