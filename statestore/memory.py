"""The engine that keeps its rows in memory: in-memory stores, and tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from weakref import WeakSet

from statestore.api import NO_MARKS
from statestore.keys import store_prefix
from statestore.ordered import Ordered


class MemoryScan:
    """Rows as they were when the scan was opened: what later writes replace is kept here."""

    __slots__ = ("__weakref__", "_engine", "_high", "_keys", "_rows", "kept")

    def __init__(
        self,
        engine: MemoryEngine,
        rows: Mapping[bytes, bytes],
        keys: Iterator[bytes],
        high: bytes | None,
    ) -> None:
        self._engine = engine
        self._rows = rows
        self._keys = keys
        self._high = high
        self.kept: dict[bytes, bytes | None] = {}

    def __iter__(self) -> MemoryScan:
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        for key in self._keys:
            value = self.kept[key] if key in self.kept else self._rows.get(key)
            if value is not None and key != self._high:
                return key, value
        self.close()
        raise StopIteration

    def close(self) -> None:
        self._keys = iter(())
        self._engine.forget(self)


class MemoryEngine:
    """A dict, its keys sorted from the first scan on."""

    __slots__ = ("_marks", "_numbers", "_ordered", "_rows", "_scans", "_stale")

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._marks: dict[bytes, bytes] = {}
        self._numbers: dict[str, int] = {}
        self._ordered: Ordered[bytes] | None = None
        self._scans: WeakSet[MemoryScan] = WeakSet()
        self._stale = False

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def scan(self, low: bytes, high: bytes | None, backwards: bool = False) -> MemoryScan:
        if not self._rows and not self._scans:
            return MemoryScan(self, self._rows, iter(()), None)
        if self._ordered is None:
            self._ordered = Ordered(self._rows)
        scan = MemoryScan(self, self._rows, self._ordered.walk(low, high, backwards), high)
        self._scans.add(scan)
        return scan

    def write(
        self,
        rows: Iterable[tuple[bytes, bytes | None]],
        drops: Iterable[tuple[bytes, bytes]] = (),
        marks: Mapping[bytes, bytes] = NO_MARKS,
    ) -> None:
        whole = list(rows)
        scans = list(self._scans)
        for low, high in drops:
            if self._ordered is None:
                self._ordered = Ordered(self._rows)
            for key in list(self._ordered.walk(low, high)):
                if key != high:
                    self._set(key, None, scans)
        for key, value in whole:
            self._set(key, value, scans)
        self._marks.update(marks)

    def _set(self, key: bytes, value: bytes | None, scans: list[MemoryScan]) -> None:
        rows, ordered = self._rows, self._ordered
        for scan in scans:
            scan.kept.setdefault(key, rows.get(key))
        if value is None:
            if rows.pop(key, None) is not None and ordered is not None:
                if scans:
                    self._stale = True
                else:
                    ordered.discard(key)
        else:
            if ordered is not None and key not in rows:
                ordered.add(key)
            rows[key] = value

    def mark(self, name: bytes) -> bytes | None:
        return self._marks.get(name)

    def number(self, store: str) -> int:
        return self._numbers.setdefault(store, len(self._numbers))

    def forget(self, scan: MemoryScan) -> None:
        """The scan is closed; nothing need be kept for it."""
        self._scans.discard(scan)
        if self._stale and not self._scans:
            self._stale = False
            self._ordered = None

    def count(self, store: str) -> int:
        """How many rows a store has. Any thread may ask."""
        number = self._numbers.get(store)
        prefix = b"" if number is None else store_prefix(number)
        return sum(key.startswith(prefix) for key in list(self._rows)) if prefix else 0

    @property
    def damage(self) -> None:
        return None

    def renew(self) -> None:
        self.close()
        self._rows, self._marks, self._ordered = {}, {}, None

    def close(self) -> None:
        for scan in list(self._scans):
            scan.close()
