"""The bottom of a store: an ordered map of bytes with atomic writes. RocksDB and the memory engine implement it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from statestore.api import NO_MARKS


class Scan(Iterator[tuple[bytes, bytes]], Protocol):
    """Rows in key order, as they were when the scan was opened."""

    def close(self) -> None:
        """Let go of what the scan holds. Idempotent; exhausting the scan does it too."""
        ...


class Engine(Protocol):
    """One database a task. Its keys are whole: the store's prefix is part of them.

    What fails for a reason outside of this process raises `EngineError`, or what is derived from it.
    """

    @property
    def damage(self) -> EngineDamaged | None:
        """The first damage that was met; nothing that is read or written from then on is worth anything."""
        ...

    def get(self, key: bytes) -> bytes | None: ...

    def scan(self, low: bytes, high: bytes | None, backwards: bool = False) -> Scan:
        """Rows with low <= key < high (None: no upper bound)."""
        ...

    def write(
        self,
        rows: Iterable[tuple[bytes, bytes | None]],
        drops: Iterable[tuple[bytes, bytes]] = (),
        marks: Mapping[bytes, bytes] = NO_MARKS,
    ) -> None:
        """All or nothing: first each range [low, high) of `drops` is removed, then rows are set or (None)
        removed, then marks."""
        ...

    def mark(self, name: bytes) -> bytes | None:
        """What was last written under this name."""
        ...

    def number(self, store: str) -> int:
        """The number under which this store's rows lie (0 to 65,534), given to it at the first call."""
        ...

    def renew(self) -> None:
        """Make it an empty database again, whatever is wrong with its files; stores keep their numbers."""
        ...

    def close(self) -> None:
        """Close every scan, then the database. Idempotent."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A database that tells of itself. Any thread may ask."""

    def figures(self) -> Mapping[str, int]:
        """RocksDB's properties that are numbers, by their names without `rocksdb.`; none once it is closed."""
        ...

    def statistics(self) -> Mapping[str, Mapping[str, float]]:
        """RocksDB's tickers and histograms, by their names without `rocksdb.`; none where it was not opened to keep
        them."""
        ...


class EngineError(Exception):
    """The database cannot do what it was asked to (no space, no rights, …); the text is the engine's."""


class EngineDamaged(EngineError):
    """The database's files are damaged; what it holds must be rebuilt from the changelogs."""


class EngineLocked(EngineError):
    """Another engine, in this process or another, has the database open."""


class EngineTooNew(EngineError):
    """The database was written by a later version with another layout."""
