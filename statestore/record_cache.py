"""Java's record cache, to the byte: what a task's stores hold of their latest rows, and which of them give way.

It takes the place of the layer of dirty rows (`layers`) where the cache is so small that rows give way within a record.
All rows that were put stay in it, flushed or not, until they are the ones used longest ago and room is needed. Where
such a row is not flushed yet, all of its store are, that row first. Source: `ThreadCache` and `NamedCache`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

OVERHEAD: Final = 25
"""Bytes that Java counts for a row beside key, value and record context: three references and a flag."""

NO_CONTEXT: Final = 20
"""Bytes that it counts for the context of a row that was only read: time, offset, partition and an empty topic."""


class CachedRow(NamedTuple):
    """A row in the cache; `data` is the value's bytes, None a deletion."""

    data: bytes | None
    timestamp: int
    origin: object
    size: int


Written = tuple[bytes, CachedRow]
"""A row that is flushed, with its key in the cache."""


class RecordCache:
    """The budget that the stores of a task share, in bytes.

    Args:
        limit: the budget.
        context_size: bytes that a row's origin counts for.
    """

    __slots__ = ("context_size", "limit", "size")

    def __init__(self, limit: int, context_size: Callable[[object], int]) -> None:
        self.limit = limit
        self.context_size = context_size
        self.size = 0


class StoreCache:
    """One store's part of the cache.

    Args:
        cache: the budget.
        write: takes what is flushed: it goes to the store below, and downstream.
    """

    __slots__ = ("_cache", "_dirty", "_rows", "_size", "_write")

    def __init__(self, cache: RecordCache, write: Callable[[Sequence[Written]], None]) -> None:
        self._cache = cache
        self._write = write
        self._rows: dict[bytes, CachedRow] = {}
        """The one used longest ago first."""
        self._dirty: dict[bytes, None] = {}
        """In the order of the last update."""
        self._size = 0

    def get(self, key: bytes) -> CachedRow | None:
        """The row, which is used by that."""
        row = self._rows.pop(key, None)
        if row is not None:
            self._rows[key] = row
        return row

    def between(self, low: bytes | None, high: bytes | None, backwards: bool = False) -> Iterator[Written]:
        """Rows of now with low <= key <= high (None: open), in order; each is used when it is met."""
        keys = sorted(self._rows)
        first = 0 if low is None else bisect_left(keys, low)
        last = len(keys) if high is None else bisect_right(keys, high)
        met = keys[first:last]
        return ((key, row) for key in (reversed(met) if backwards else met) if (row := self.get(key)) is not None)

    def segments(self, low: bytes, high: bytes, backwards: bool = False) -> Iterator[bytes]:
        """What the keys begin with, 8 bytes, between two such beginnings, in order; each as the rows are then."""
        while True:
            heads = {head for key in self._rows if low <= (head := key[:8]) <= high}
            if not heads:
                return
            head = max(heads) if backwards else min(heads)
            yield head
            step = int.from_bytes(head, "big") + (-1 if backwards else 1)
            if step < 0:
                return
            low, high = (low, step.to_bytes(8, "big")) if backwards else (step.to_bytes(8, "big"), high)

    def put(self, key: bytes, data: bytes | None, value_size: int, timestamp: int, origin: object) -> None:
        """A row that the store below does not know yet."""
        size = len(key) + OVERHEAD + value_size + self._cache.context_size(origin)
        self._dirty.pop(key, None)
        self._dirty[key] = None
        self._keep(key, CachedRow(data, timestamp, origin, size))

    def remember(self, key: bytes, data: bytes, value_size: int, timestamp: int) -> None:
        """A row that was read from the store below."""
        self._keep(key, CachedRow(data, timestamp, None, len(key) + OVERHEAD + value_size + NO_CONTEXT))

    def _keep(self, key: bytes, row: CachedRow) -> None:
        cache, before = self._cache, self._size
        old = self._rows.pop(key, None)
        self._rows[key] = row
        self._size += row.size - (0 if old is None else old.size)
        cache.size += self._size - before
        # What gives way may fill other stores' parts; only this one's rows give way here.
        while cache.size > cache.limit and self._rows:
            before = self._size
            self._evict()
            cache.size += self._size - before

    def _evict(self) -> None:
        """The row used longest ago gives way."""
        key = next(iter(self._rows))
        row = self._rows.pop(key)
        self._size -= row.size
        if key in self._dirty:
            self._flush((key, row))

    def flush(self) -> bool:
        """Writes what the store below does not know yet; was there anything?"""
        if not self._dirty:
            return False
        before = self._size
        self._flush(None)
        self._cache.size += self._size - before
        return True

    def _flush(self, evicted: Written | None) -> None:
        written: list[Written] = []
        if evicted is not None:
            written.append(evicted)
            del self._dirty[evicted[0]]
        written += [(key, self._rows[key]) for key in self._dirty]
        deleted = [key for key in self._dirty if self._rows[key].data is None]
        self._dirty.clear()  # before the writing, which may come back here
        self._write(written)
        for key in deleted:
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        self._dirty.pop(key, None)
        row = self._rows.pop(key, None)
        if row is not None:
            self._size -= row.size

    def forget(self) -> None:
        """Empties it but for the rows that the store below does not know yet."""
        before = self._size
        for key in self._rows.keys() - self._dirty.keys():
            self._drop(key)
        self._cache.size += self._size - before

    def clear(self) -> None:
        """Forgets everything, unwritten."""
        self._cache.size -= self._size
        self._size = 0
        self._rows.clear()
        self._dirty.clear()

    @property
    def dirty_bytes(self) -> int:
        """Of the rows that a flush would write."""
        return sum(self._rows[key].size for key in self._dirty)
