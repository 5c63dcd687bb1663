"""What the read caches of a process may hold together, and how they share it.

A cache that is alone may take all of it. Where several want more than there is, each gets what it needs up to one
level, the same for all, so that small caches stay whole and large ones give (max-min fairness). What a cache may hold
is looked up when it has grown by some rows and when its store writes to the engine, never for a row. Nobody takes rows
from a cache of another thread: a cache that is over its level lets go of rows itself, at the next such moment, at the
latest when the worker comes by (`Layered.spill`). For so long all together may be over the bound.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final
from weakref import WeakSet

READ_CACHE_BYTES: Final = 64 * 1024 * 1024
"""Memory, estimated, that the read caches of a process may take. Kafka Streams has RocksDB's block cache there, 50 MB
for each store."""

EXPIRED_BYTES: Final = 10 * 1024 * 1024
"""Part of that for rows that have expired, and that only Java's record cache would show still: its default size."""


class CacheShare:
    """A bound on what read caches hold together. Any thread may use it.

    Args:
        most: bytes.
    """

    __slots__ = ("_lock", "_portions", "most")

    def __init__(self, most: int = READ_CACHE_BYTES) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._portions: WeakSet[Portion] = WeakSet()

    def portion(self) -> Portion:
        """For a new cache. It counts as long as somebody holds it."""
        made = Portion(self)
        with self._lock:
            self._portions.add(made)
        return made

    @property
    def held(self) -> int:
        """Bytes that all caches hold."""
        with self._lock:
            return sum(portion.held for portion in self._portions)

    def allowed(self, portion: Portion) -> int:
        """Bytes that this one may hold, beside what the others hold now."""
        with self._lock:
            others = [each.held for each in self._portions if each is not portion]
        return level(others, self.most)


class Portion:
    """What one read cache holds of a share."""

    __slots__ = ("__weakref__", "_share", "held")

    def __init__(self, share: CacheShare) -> None:
        self._share = share
        self.held = 0
        """Bytes, as the cache said last."""

    def hold(self, size: float) -> int:
        """The cache holds so many bytes; how many it may hold."""
        self.held = int(size)
        return self._share.allowed(self)


def level(others: Iterable[int], most: int) -> int:
    """What one more may have who wants everything, where each of the others keeps what it has up to the same level."""
    sizes = sorted(others)
    left, sharing = most, len(sizes) + 1
    for size in sizes:
        if size * sharing >= left:
            break
        left -= size
        sharing -= 1
    return left // sharing


PROCESS: Final = CacheShare()
"""The share of stores that are given none."""

EXPIRED: Final = CacheShare(EXPIRED_BYTES)
"""Of all window and session stores, within what they hold otherwise."""
