"""Which partition a key goes to: Kafka's murmur2, so that Java and Python producers agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2_plain(data: bytes) -> int:
    """murmur2 as Kafka's `Utils.murmur2`, in plain Python; the unsigned 32 bits of Java's signed result."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = h * _M & _MASK ^ k
    if length != whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


try:
    from murmurhash2 import murmurhash2 as _native
except ImportError:
    murmur2 = murmur2_plain
else:

    def murmur2(data: bytes) -> int:
        """murmur2 as Kafka's `Utils.murmur2`; the unsigned 32 bits of Java's signed result."""
        hashed: int = _native(data, _SEED)
        return hashed


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key under Kafka's default partitioner (`BuiltInPartitioner.partitionForKey`).

    Args:
        key: the serialised key; for windowed keys the bytes of the inner key.
        partitions: how many the topic has, at least 1.
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions


class _Known(dict[bytes, T]):
    """A bounded dict that fills itself: a hit is one subscript in C."""

    __slots__ = ("find", "full", "limit")

    def __init__(self, find: Callable[[bytes], T], limit: int, full: Callable[[], None]) -> None:
        super().__init__()
        self.find = find
        self.limit = limit
        self.full = full

    def __missing__(self, key: bytes) -> T:
        found = self.find(key)
        if len(self) < self.limit:
            self[key] = found
        else:
            self.full()
        return found


class KeyMemo(Generic[T]):
    """Remembers what belongs to a key's bytes: its partition, or the appenders of its column.

    Read `route` once a run and call it for each key: it changes when the memo is full. Then one sample of
    calls is counted. Keys that mostly were known empty the memo and go on with it; keys that mostly were not
    bypass it for a while, since remembering them costs more than hashing them.

    Args:
        find: what belongs to a key; called for keys that are not remembered.
        limit: keys that are remembered at most.
    """

    __slots__ = ("_calls", "_find", "_hits", "_known", "route")

    SAMPLE = 1_024
    """Calls that are counted when the memo is full."""
    BYPASS = 16
    """The bypass lasts for this many times `limit` calls."""

    def __init__(self, find: Callable[[bytes], T], limit: int = 65_536) -> None:
        self._find = find
        self._known = _Known(find, limit, self._on_full)
        self._calls = 0
        self._hits = 0
        self.route: Callable[[bytes], T] = self._known.__getitem__

    @property
    def bypassed(self) -> bool:
        """Is every key looked up anew at present?"""
        return self.route == self._past

    def __len__(self) -> int:
        return len(self._known)

    def _on_full(self) -> None:
        if self.route == self._known.__getitem__:
            self._calls = self._hits = 0
            self.route = self._sample

    def _sample(self, key: bytes) -> T:
        self._calls += 1
        self._hits += key in self._known
        if self._calls == self.SAMPLE:
            if self._hits * 2 < self.SAMPLE:
                self._calls = 0
                self.route = self._past
            else:
                self._restart()
        return self._known[key] if key in self._known else self._find(key)

    def _past(self, key: bytes) -> T:
        self._calls += 1
        if self._calls > self.BYPASS * self._known.limit:
            self._restart()
        return self._find(key)

    def _restart(self) -> None:
        self._known.clear()
        self.route = self._known.__getitem__
