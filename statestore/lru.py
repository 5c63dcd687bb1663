"""The LRU map: at most so many keys, in memory, the one used longest ago gives way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from statestore.api import NO_MARKS, ChangelogHook, Codec, Forward, Layered, TimestampedValue
from statestore.entries import ABSENT, Entries, Entry, is_deleted
from statestore.rows import Rows
from statestore.sizes import Sizes


def between(rows: Mapping[bytes, Entry], low: bytes | None, high: bytes | None) -> dict[bytes, Entry]:
    """The rows from one key to another, both included; None: open."""
    return {
        key: entry for key, entry in rows.items() if (low is None or low <= key) and (high is None or key <= high)
    }


def beginning(rows: Mapping[bytes, Entry], prefix: bytes) -> dict[bytes, Entry]:
    """The rows whose keys begin so."""
    return {key: entry for key, entry in rows.items() if key.startswith(prefix)}


def in_order(entries: Entries, rows: Mapping[bytes, Entry], backwards: bool) -> Rows[tuple[bytes, object, int]]:
    """The rows as they are now, by key bytes; a snapshot, as in Java."""
    opened = [(key, entries.open(rows[key])) for key in sorted(rows, reverse=backwards)]
    return Rows((key, *found) for key, found in opened if found is not None)


class LruMap:
    """Implements `KeyValueStore`; ranges are no use of a key. Never caches; restored from its changelog at each start.
    Source: `MemoryNavigableLRUCache`.

    A key that gives way is deleted in the changelog, before the row of the put that drove it out; not so where
    `logs_evictions` is false, as under a table in Java, whose changelogging layer does not see the evictions there.
    """

    caching = False
    dirty_bytes = 0
    committed_bytes = committed_rows = open_iterators = 0

    def __init__(
        self, name: str, codec: Codec, max_entries: int, *, timestamped: bool = True, logs_evictions: bool = True
    ) -> None:
        if max_entries < 1:
            raise ValueError(f"the LRU map {name!r} must hold at least one entry, not {max_entries}")
        self.name = name
        self._max = max_entries
        self._logs_evictions = logs_evictions
        self._entries = Entries(codec, timestamped)
        self._rows: dict[bytes, Entry] = {}
        self._undo: dict[bytes, Entry] = {}
        self._sizes = Sizes()
        self._changelog: ChangelogHook | None = None

    # rows

    def get(self, key: bytes) -> TimestampedValue | None:
        entry = self._rows.pop(key, None)
        if entry is None:
            return None
        self._rows[key] = entry
        return self._entries.open(entry)

    def put(self, key: bytes, value: object, timestamp: int, origin: object = None) -> None:
        changelog, data = self._changelog, None
        if changelog is None:
            entry = self._entries.seal(value, timestamp)
        else:
            entry, data = self._entries.seal_logged(value, timestamp)
        self._remember(key)
        self._rows.pop(key, None)
        if not is_deleted(entry):
            self._rows[key] = entry
            self._evict(timestamp, origin)
        if changelog is not None:
            self._sizes.sample(len(key) + (0 if data is None else len(data)))
            changelog(key, data, timestamp, origin)

    def _evict(self, timestamp: int, origin: object) -> None:
        while len(self._rows) > self._max:
            eldest = next(iter(self._rows))
            self._remember(eldest)
            del self._rows[eldest]
            if self._changelog is not None and self._logs_evictions:
                self._changelog(eldest, None, timestamp, origin)

    def _remember(self, key: bytes) -> None:
        if key not in self._undo:
            self._undo[key] = self._rows.get(key, ABSENT)

    def delete(self, key: bytes, timestamp: int, origin: object = None) -> TimestampedValue | None:
        before = self.get(key)
        self.put(key, None, timestamp, origin)
        return before

    def approximate_entries(self) -> int:
        return len(self._rows)

    def range(
        self, low: bytes | None, high: bytes | None, backwards: bool = False
    ) -> Rows[tuple[bytes, object, int]]:
        return in_order(self._entries, between(self._rows, low, high), backwards)

    def prefix_scan(self, prefix: bytes, backwards: bool = False) -> Rows[tuple[bytes, object, int]]:
        return in_order(self._entries, beginning(self._rows, prefix), backwards)

    def all(self, backwards: bool = False) -> Rows[tuple[bytes, object, int]]:
        return self.range(None, None, backwards)

    def held(self) -> Mapping[bytes, Entry]:
        """What is in the map; not to be changed."""
        return self._rows

    @property
    def committed(self) -> ReadsMap:
        return ReadsMap(self._entries, self._rows, self._undo)

    @property
    def latest(self) -> ReadsMap:
        return ReadsMap(self._entries, self._rows, {})

    # layers

    @property
    def life(self) -> Layered:
        return self

    @property
    def logged(self) -> bool:
        return self._changelog is not None

    @property
    def uncommitted_bytes(self) -> int:
        return int(len(self._undo) * self._sizes.in_memory)

    def bind(self, changelog: ChangelogHook | None, forward: Forward | None, sends_old: bool) -> None:
        self._changelog = changelog

    def listen(self, forward: Forward | None, sends_old: bool) -> None:
        """Nothing is cached, so nothing is emitted."""

    def flush(self, forward: Forward | None = None) -> bool:
        """Nothing is cached."""
        return False

    def commit(self) -> None:
        self._undo.clear()

    def abort(self) -> None:
        for key, entry in self._undo.items():
            self._rows.pop(key, None)
            if not is_deleted(entry):
                self._rows[key] = entry
        self._undo.clear()

    def spill(
        self, rows: int, marks: Mapping[bytes, bytes] = NO_MARKS, always: Mapping[bytes, bytes] = NO_MARKS
    ) -> bool:
        """Nothing goes to a disk."""
        return False

    def apply(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes] = NO_MARKS) -> None:
        changelog, self._changelog = self._changelog, None
        for key, value, timestamp in rows:
            self._rows.pop(key, None)
            if value is not None:
                self._rows[key] = self._entries.restored_entry(value, timestamp)
                self._evict(timestamp, None)
        self._changelog = changelog
        self._undo.clear()

    def close(self) -> None:
        """No iterator is open."""


class ReadsMap:
    """Implements `KeyValueReads`: the rows, less what has been done since the commit; no use of a key."""

    any_thread = False

    def __init__(self, entries: Entries, rows: Mapping[bytes, Entry], undo: Mapping[bytes, Entry]) -> None:
        self._entries = entries
        self._rows = rows
        self._undo = undo

    def get(self, key: bytes) -> TimestampedValue | None:
        return self._entries.open(self._undo.get(key) or self._rows.get(key, ABSENT))

    def scan(
        self,
        low: bytes | None,
        high: bytes | None,
        prefix: bytes = b"",
        backwards: bool = False,
        after: bytes | None = None,
    ) -> Iterator[tuple[bytes, object, int]]:
        rows = beginning(between({**self._rows, **self._undo}, low, high), prefix)
        for row in in_order(self._entries, rows, backwards):
            if after is None or (row[0] < after if backwards else row[0] > after):
                yield row
