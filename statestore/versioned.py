"""Versioned stores (KIP-889): every key with its history, one row a key."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from struct import Struct
from typing import cast

from statestore.api import (
    NO_MARKS,
    NOT_PUT,
    VALID_TO_UNDEFINED,
    ChangelogHook,
    Codec,
    Forward,
    Layered,
    VersionedRecord,
)
from statestore.cache import CachedRows
from statestore.cache_share import PROCESS, CacheShare
from statestore.engine import Engine
from statestore.entries import Entries, Entry
from statestore.history import OPEN_END, History, insert, pack, place_of, prune, unpack
from statestore.indexes import Indexes
from statestore.keys import observed_mark, store_prefix
from statestore.layers import Emit, Layers
from statestore.lifecycle import Lifecycle
from statestore.rows import Rows
from statestore.sizes import WINDOW_OVERHEAD, Sizes

_TIME = Struct(">q")


class LayeredVersionedStore:
    """Implements `VersionedStore`; see there, and `Layered`. `history_retention` in ms is also its grace period.

    Versions that ended before the history are dropped at the key's next put; a key whose newest version is
    a deletion older than the history is removed.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        codec: Codec,
        *,
        history_retention: int,
        share: CacheShare = PROCESS,
    ) -> None:
        self.name = name
        self.history_retention = history_retention
        self._codec = codec
        self._changelog: ChangelogHook | None = None
        sizes = Sizes(WINDOW_OVERHEAD)
        # the layers hold histories; what they would log is rows, so the store logs by itself
        entries = Entries(Codec(_packed, unpack, _always), timestamped=False)
        prefix = store_prefix(engine.number(name))
        self._layers: Layers[bytes] = Layers(
            CachedRows(engine, prefix, entries, sizes, share), entries, sizes, False, _same
        )
        self._life = Lifecycle(self._layers, Indexes(self._layers), _by_key)
        self._engine, self._mark = engine, observed_mark(prefix)
        kept = engine.mark(self._mark)
        self.observed_time = -1
        if kept:
            (self.observed_time,) = _TIME.unpack(kept)
        self._kept = self.observed_time
        self._deleted: deque[tuple[int, bytes]] = deque()
        self.committed = ReadsVersions(self._layers.committed_find, self, lambda: self._kept)
        self.latest = ReadsVersions(self._layers.find, self, lambda: self.observed_time)
        self.latest.any_thread = False
        self.flush, self.close = self._life.flush, self._life.close

    # rows

    def put(self, key: bytes, value: object, timestamp: int, origin: object = None) -> int:
        data = None if value is None else self._codec.encode(value)
        valid_to = NOT_PUT
        if timestamp >= self.observed_time - self.history_retention:
            valid_to = self._insert(key, data, timestamp)
        if self._changelog is not None:  # also what was not put, as Java's changelogging layer does
            self._changelog(key, data, timestamp, origin)
        return VALID_TO_UNDEFINED if valid_to == OPEN_END else valid_to

    def get(self, key: bytes, as_of: int | None = None) -> VersionedRecord | None:
        return self.version_in(self._history(key), as_of, self.observed_time)

    def version_in(self, history: History, as_of: int | None, observed: int) -> VersionedRecord | None:
        """The newest version in a history, or the one valid as of a time, when this time has been observed."""
        if as_of is None:
            return self._record(history, 0) if history else None
        place = place_of(history, as_of)
        if place == len(history) or (place and as_of < observed - self.history_retention):
            return None
        return self._record(history, place)

    def delete(self, key: bytes, timestamp: int, origin: object = None) -> VersionedRecord | None:
        before = None
        if timestamp >= self.observed_time - self.history_retention:
            self.observed_time = max(self.observed_time, timestamp)
            before = self.get(key, timestamp)
        self.put(key, None, timestamp, origin)
        return before

    def versions(self, key: bytes, time_from: int, time_to: int, ascending: bool = False) -> Rows[VersionedRecord]:
        return Rows(self.between(self._history(key), time_from, time_to, ascending, self.observed_time))

    def between(
        self, history: History, time_from: int, time_to: int, ascending: bool, observed: int
    ) -> Iterator[VersionedRecord]:
        """Versions in a history that are valid between two times, when this time has been observed."""
        oldest = observed - self.history_retention
        if time_to < oldest:
            places = [0] if history and history[0][0] <= time_to else []
        else:
            time_from = max(time_from, oldest + 1)
            places = [
                place
                for place, (at, _) in enumerate(history)
                if at <= time_to and (place == 0 or history[place - 1][0] > time_from)
            ]
        if ascending:
            places.reverse()
        records = (self._record(history, place) for place in places)
        return (record for record in records if record is not None)

    def _history(self, key: bytes) -> History:
        return self.history_in(self._layers.find(key))

    def history_in(self, entry: Entry) -> History:
        """The versions that an entry holds."""
        found = self._layers.entries.open(entry)
        return () if found is None else cast(History, found[0])

    def _record(self, history: History, place: int) -> VersionedRecord | None:
        timestamp, data = history[place]
        if data is None:
            return None
        try:
            value = self._codec.decode(data)
        except Exception as error:
            raise self._codec.unreadable(error) from error
        return VersionedRecord(value, timestamp, history[place - 1][0] if place else None)

    def _insert(self, key: bytes, data: bytes | None, timestamp: int) -> int:
        self.observed_time = max(self.observed_time, timestamp)
        oldest = self.observed_time - self.history_retention
        history, valid_to = insert(self._history(key), timestamp, data)
        history = prune(history, oldest)
        self._layers.put(key, history or None, timestamp, None)
        if data is None and valid_to == OPEN_END:
            self._deleted.append((timestamp, key))
        while self._deleted and self._deleted[0][0] < oldest:
            _, dead = self._deleted.popleft()
            self._remove(dead, oldest, timestamp)
        return valid_to

    def _remove(self, key: bytes, oldest: int, timestamp: int) -> None:
        history = self._history(key)
        if history and not prune(history, oldest):
            self._layers.put(key, None, timestamp, None)

    # layers

    @property
    def life(self) -> Layered:
        return self

    def bind(self, changelog: ChangelogHook | None, forward: Forward | None, sends_old: bool) -> None:
        self._changelog = changelog
        self._life.listen(forward, sends_old)

    def listen(self, forward: Forward | None, sends_old: bool) -> None:
        self._life.listen(forward, sends_old)

    def commit(self) -> None:
        self._kept = self.observed_time
        self._life.commit()

    def abort(self) -> None:
        self.observed_time = self._kept
        self._life.abort()

    def spill(
        self, rows: int, marks: Mapping[bytes, bytes] = NO_MARKS, always: Mapping[bytes, bytes] = NO_MARKS
    ) -> bool:
        if marks or self._layers.committed:
            always = {**always, self._mark: _TIME.pack(self._kept)}
        return self._life.spill(rows, marks, always)

    def apply(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes] = NO_MARKS) -> None:
        if self._layers.uncommitted:
            raise ValueError("changelog rows cannot be applied over uncommitted writes; commit or abort first")
        if self._engine.mark(self._mark) == b"":  # the store was emptied: its time begins anew with its rows
            self.observed_time = -1
        for key, value, timestamp in rows:
            if timestamp >= self.observed_time - self.history_retention:
                self._insert(key, value, timestamp)
        self.commit()
        self.spill(len(self._layers.committed), {**marks, self._mark: _TIME.pack(self._kept)})

    @property
    def logged(self) -> bool:
        return self._changelog is not None

    @property
    def caching(self) -> bool:
        return False

    @property
    def dirty_bytes(self) -> int:
        return 0

    @property
    def uncommitted_bytes(self) -> int:
        return self._life.uncommitted_bytes

    @property
    def open_iterators(self) -> int:
        return self._life.open_iterators

    @property
    def committed_rows(self) -> int:
        return self._life.committed_rows

    @property
    def committed_bytes(self) -> int:
        return self._life.committed_bytes


class ReadsVersions:
    """Implements `VersionedReads`.

    Args:
        find: the entry of a key.
        store: what makes versions of it.
        observed: the time that was observed.
    """

    def __init__(
        self, find: Callable[[bytes], Entry], store: LayeredVersionedStore, observed: Callable[[], int]
    ) -> None:
        self.any_thread = True
        self._find = find
        self._store = store
        self._observed = observed

    def get(self, key: bytes, as_of: int | None = None) -> VersionedRecord | None:
        return self._store.version_in(self._store.history_in(self._find(key)), as_of, self._observed())

    def versions(
        self, key: bytes, time_from: int, time_to: int, ascending: bool = False
    ) -> Iterator[VersionedRecord]:
        history = self._store.history_in(self._find(key))
        return self._store.between(history, time_from, time_to, ascending, self._observed())


def _packed(history: object) -> bytes:
    return pack(cast(History, history))


def _always(value: object) -> bool:
    return True


def _same(cell: bytes) -> bytes:
    return cell


def _by_key(forward: Forward) -> Emit[bytes]:
    return forward
