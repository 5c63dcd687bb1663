"""Key-value stores, timestamped and plain."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from statestore.api import Codec, Forward, Layered, TimestampedValue
from statestore.cache import CachedRows, after
from statestore.cache_share import PROCESS, CacheShare
from statestore.engine import Engine
from statestore.entries import Entries, Entry, unpack_time
from statestore.indexes import Indexes
from statestore.keys import store_prefix
from statestore.layers import Emit, Layers, Put, View
from statestore.lifecycle import Lifecycle
from statestore.merge import merge
from statestore.ordered import Ordered
from statestore.reads import ReadsKeyValue
from statestore.rows import Rows
from statestore.sizes import Sizes

KeyValueRow = tuple[bytes, object, int]


class LayeredKeyValueStore:
    """Implements `KeyValueStore`; see there.

    Arguments: the store's name, its engine (shared by the stores of a task), its codec, whether the
    engine's rows carry a timestamp, whether puts wait for a flush, and the bytes its read cache may take.
    """

    __slots__ = (
        "_entries",
        "_index",
        "_indexes",
        "_layers",
        "_open",
        "_scan",
        "committed",
        "get",
        "latest",
        "life",
        "name",
        "put",
    )

    def __init__(
        self,
        name: str,
        engine: Engine,
        codec: Codec,
        *,
        timestamped: bool = True,
        caching: bool = False,
        share: CacheShare = PROCESS,
    ) -> None:
        self.name = name
        sizes = Sizes(decoded=codec.immutable)
        self._entries = Entries(codec, timestamped)
        prefix = store_prefix(engine.number(name))
        base = CachedRows(engine, prefix, self._entries, sizes, share)
        self._layers: Layers[bytes] = Layers(base, self._entries, sizes, caching, _same)
        self._scan = _scanner(engine, prefix)
        self.committed, self.latest = (ReadsKeyValue(self._layers, engine, prefix, latest) for latest in (False, True))
        self._index: Ordered[bytes] = Ordered()
        self._indexes = Indexes(self._layers)
        self.life: Layered = Lifecycle(self._layers, self._indexes, _by_key)
        # bound once, so that a hot key costs no second lookup
        self.put: Put[bytes] = self._layers.put
        self._open = self._entries.open
        self.get = self._getting(base)

    # rows

    def _getting(self, base: CachedRows) -> Callable[[bytes], TimestampedValue | None]:
        """`get`: a function of its own, that looks nothing up in `self`."""
        layers, entries = self._layers, self._entries
        decode, opened, keeps = entries.quick_decode, entries.open, entries.keeps
        lookup, below = layers.top.get, layers.below

        def get(key: bytes) -> TimestampedValue | None:
            entry = lookup(key)
            if entry is None:
                entry = below(key)
            if isinstance(entry, bytes):
                try:
                    found: TimestampedValue | None = (decode(entry[8:]), unpack_time(entry)[0])
                except Exception:
                    found = opened(entry)
                # the next to ask for it gets the same object, which nobody can change
                if keeps and found is not None and not layers.keep(key, found):
                    base.keep(key, found)
                return found
            return None if entry[0] is None else entry

        return get

    def delete(self, key: bytes, timestamp: int, origin: object = None) -> TimestampedValue | None:
        before = self.get(key)
        self.put(key, None, timestamp, origin)
        return before

    def range(self, low: bytes | None, high: bytes | None, backwards: bool = False) -> Rows[KeyValueRow]:
        if low is not None and high is not None and low > high:
            return Rows(iter(()))
        return self._rows(low, high, None if high is None else high + b"\0", backwards)

    def prefix_scan(self, prefix: bytes, backwards: bool = False) -> Rows[KeyValueRow]:
        end = after(prefix)
        return self._rows(prefix, end, end, backwards, prefix)

    def all(self, backwards: bool = False) -> Rows[KeyValueRow]:
        return self._rows(None, None, None, backwards)

    def approximate_entries(self) -> int:
        with self.all() as rows:
            return sum(1 for _ in rows)

    def _rows(
        self, low: bytes | None, high: bytes | None, end: bytes | None, backwards: bool, prefix: bytes = b""
    ) -> Rows[KeyValueRow]:
        self._indexes.use(self._index)
        view = self._indexes.open()
        scan, close = self._scan(low, end, backwards)
        keys = self._index.walk(low, high, backwards)
        if prefix:
            keys = (key for key in keys if key.startswith(prefix))
        merged = merge(keys, view.entry, scan, self._entries.load, backwards)
        return Rows(self._opened(merged), lambda: self._release(view, close))

    def _opened(self, merged: Iterator[tuple[bytes, Entry]]) -> Iterator[KeyValueRow]:
        for key, entry in merged:
            found = self._open(entry)
            if found is not None:
                yield key, found[0], found[1]

    def _release(self, view: View[bytes], close: Callable[[], None]) -> None:
        close()
        self._indexes.close(view)


def _by_key(forward: Forward) -> Emit[bytes]:
    return forward


def _same(cell: bytes) -> bytes:
    return cell


Scanner = Callable[[bytes | None, bytes | None, bool], tuple[Iterator[tuple[bytes, bytes]], Callable[[], None]]]


def _scanner(engine: Engine, prefix: bytes) -> Scanner:
    """Scans of one store's rows: low inclusive, end exclusive (None: open), the prefix taken off."""
    length, last = len(prefix), after(prefix)

    def scan(
        low: bytes | None, end: bytes | None, backwards: bool
    ) -> tuple[Iterator[tuple[bytes, bytes]], Callable[[], None]]:
        found = engine.scan(prefix + (low or b""), last if end is None else prefix + end, backwards)
        return ((row[0][length:], row[1]) for row in found), found.close

    return scan
