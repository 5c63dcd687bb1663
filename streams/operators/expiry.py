"""Entries of a key-value store that expire on the store's own stream time (`Materialized(ttl=…)`).

The index has one place for each key, by the timestamp the entry had when it came in. A place that comes up is
compared with the store, and moves where the entry has become younger: so an update of a key that is there costs one
lookup, and what has expired is found without a scan.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from statestore.api import KeyValueStore, TimestampedValue
from streams.operators.base import Entry, RecordContext, Scope, StoreAccess


class Expiry:
    """Time and index of one store in one task; all nodes that write the store share it.

    `time` is the store's stream time (-1 before the first update), `limit` the highest timestamp that has expired. Who
    writes: `advance` where a timestamp exceeds `time`, then `put` for what is above `limit`, or a deletion.
    """

    __slots__ = ("_access", "_entry", "_kept", "_places", "_queue", "_sends_old", "_store", "_ttl", "limit", "time")

    def __init__(self, scope: Scope, access: StoreAccess[KeyValueStore], ttl_ms: int) -> None:
        """Makes the index from the timestamps of the store, which has been restored; the time was committed with it."""
        self._access = access
        self._store = access.store
        self._ttl = ttl_ms
        self._kept = scope.processor_metadata(f"{access.name}:time")
        self._entry: Entry | None = None
        self._sends_old = False
        self.time = self._kept.value
        self.limit = self.time - ttl_ms
        with self._store.all() as rows:
            self._places = {key: timestamp for key, _, timestamp in rows}
        self._queue = [(timestamp, key) for key, timestamp in self._places.items()]
        heapify(self._queue)

    def tell(self, entry: Entry, sends_old: bool) -> None:
        """Expiries are told to `entry`, which takes the key's bytes, unless the store's flush tells them."""
        self._entry, self._sends_old = entry, sends_old

    def advance(self, time: int, origin: RecordContext | None) -> None:
        """The store's time moves on: what has expired is deleted and passed on, by timestamp and key.

        Args:
            origin: what a caching store keeps of the record that moves the time.
        """
        self.time = self._kept.value = time
        limit = self.limit = time - self._ttl
        queue, places, get = self._queue, self._places, self._store.get
        while queue and queue[0][0] <= limit:
            place, key = heappop(queue)
            if places.get(key) != place:
                continue  # the key has an earlier place, or none
            found = get(key)
            if found is None:
                del places[key]
            elif found[1] != place:
                places[key] = found[1]
                heappush(queue, (found[1], key))
            else:
                del places[key]
                self._expire(key, found, origin)

    def _expire(self, key: bytes, found: TimestampedValue, origin: RecordContext | None) -> None:
        end = found[1] + self._ttl
        if origin is not None:
            origin = origin._replace(timestamp=end, headers=())
        self._store.put(key, None, end, origin)
        if self._entry is not None and not self._access.caching:
            self._entry.call(key, None, end, None, found[0] if self._sends_old else None, True)

    def put(self, key: bytes, value: object, timestamp: int, origin: object = None) -> None:
        """The store's `put`; the entry gets its place."""
        self._store.put(key, value, timestamp, origin)
        if value is not None:
            place = self._places.get(key)
            if place is None or timestamp < place:
                self._places[key] = timestamp
                heappush(self._queue, (timestamp, key))
