"""All partitions of a store that are here, as one that is only read (Java's `CompositeReadOnlyKeyValueStore` and its
kin). Implements the reading half of the stores in `statestore.api`; each call looks anew where the tasks are.

A key is looked for where it belongs by Kafka's default partitioner, and then, as in Java, in all other partitions that
are here. That no row was found is an answer only where its partition is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from statestore import api
from statestore.api import RowIterator, TimestampedValue
from streams.errors import StreamsRebalancingException
from streams.query.instance import GLOBAL, Instance
from streams.query.reading import Page, Pages, answered, isolated, page, read
from streams.state.local_store import Isolated, LocalStore

Reads = TypeVar("Reads")
T = TypeVar("T")
Row = TypeVar("Row")
After = TypeVar("After")


class Parts(Generic[Reads]):
    """The partitions of one store that are here.

    Args:
        instance: knows where they are.
        name: of the store.
        partition: the only one that is wanted; None: all.
        committed: what is shown.
        timeout_ms: how long a worker is waited for.
        kind: the rows of a partition, as those of the kind of store that is wanted.
    """

    def __init__(
        self,
        instance: Instance,
        name: str,
        partition: int | None,
        committed: bool,
        timeout_ms: float,
        kind: Callable[[LocalStore], Isolated[Reads]],
    ) -> None:
        self._instance = instance
        self._name = name
        self._partition = GLOBAL if instance.is_global(name) else partition
        self._committed = committed
        self.timeout_ms = timeout_ms
        self._kind = kind

    def reads(self, local: LocalStore) -> Reads:
        """Its rows."""
        return self._kind(local).at(self._committed)

    def all(self) -> list[LocalStore]:
        """All that are here and wanted; see `Instance.locals` for the errors."""
        self._instance.check_running()
        if self._partition is not None:
            return [self._instance.local(self._name, self._partition)]
        return list(self._instance.locals(self._name))

    def first(self, key: bytes, look: Callable[[LocalStore], T | None]) -> T | None:
        """What is found of a key; None: it is known that there is nothing.

        Raises:
            InvalidStateStoreException: its partition is not here.
        """
        if self._partition is not None:
            return look(self.all()[0])
        while True:
            self._instance.check_running()
            here = [each for each in self._instance.here(self._name).values() if isinstance(each, LocalStore)]
            wanted = self._instance.partition(self._name, key, here[0].access.key_serde) if here else None
            for local in sorted(here, key=lambda each: (each.partition != wanted, each.partition)):
                local.check()
                found = look(local)
                if found is not None:
                    return found
            if wanted is not None and any(each.partition == wanted for each in here):
                return None
            # Nothing is known of the key unless its partition has come meanwhile: then it is looked for again.
            if here and wanted is None:
                raise StreamsRebalancingException(f"How many partitions {self._name} has is not known yet.")
            if wanted is None:
                self._instance.locals(self._name)
            else:
                self._instance.local(self._name, wanted)

    def pages(
        self,
        scan: Callable[[Reads, After | None], Iterator[Row]],
        identity: Callable[[Row], After],
        backwards: bool = False,
    ) -> RowIterator[Row]:
        """The rows of all, one partition after the other."""
        return Chain([self._pages(local, scan, identity) for local in self.all()])

    def _pages(
        self, local: LocalStore, scan: Callable[[Reads, After | None], Iterator[Row]], identity: Callable[[Row], After]
    ) -> Pages[Row]:
        reads = self.reads(local)

        def fetch(after: After | None) -> Page[Row]:
            return answered(local, lambda: page(lambda behind: scan(reads, behind), identity, after), self.timeout_ms)

        return Pages(fetch, identity)


class Chain(Generic[Row]):
    """Rows of several, one after the other. Implements `RowIterator`."""

    def __init__(self, each: list[Pages[Row]]) -> None:
        self._each = each
        self._rows = (row for pages in each for row in pages)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        return next(self._rows)

    def close(self) -> None:
        for pages in self._each:
            pages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


KeyValueRow = tuple[bytes, object, int]


class CompositeKeyValue:
    """A key-value store; see the module."""

    def __init__(self, parts: Parts[api.KeyValueReads]) -> None:
        self._parts = parts

    def get(self, key: bytes) -> TimestampedValue | None:
        parts = self._parts

        def look(local: LocalStore) -> TimestampedValue | None:
            return read(local, parts.reads(local), lambda reads: reads.get(key), parts.timeout_ms)

        return parts.first(key, look)

    def range(self, low: bytes | None, high: bytes | None, backwards: bool = False) -> RowIterator[KeyValueRow]:
        return self._scan(low, high, b"", backwards)

    def prefix_scan(self, prefix: bytes, backwards: bool = False) -> RowIterator[KeyValueRow]:
        return self._scan(None, None, prefix, backwards)

    def all(self, backwards: bool = False) -> RowIterator[KeyValueRow]:
        return self._scan(None, None, b"", backwards)

    def approximate_entries(self) -> int:
        with self.all() as rows:
            return sum(1 for _ in rows)

    def _scan(self, low: bytes | None, high: bytes | None, prefix: bytes, backwards: bool) -> RowIterator[KeyValueRow]:
        def scan(reads: api.KeyValueReads, after: bytes | None) -> Iterator[KeyValueRow]:
            return reads.scan(low, high, prefix, backwards, after)

        return self._parts.pages(scan, _key)


WindowRow = tuple[bytes, int, object, int]


class CompositeWindow:
    """A window store; see the module."""

    def __init__(self, parts: Parts[api.WindowReads]) -> None:
        self._parts = parts

    def fetch(self, key: bytes, start: int) -> TimestampedValue | None:
        parts = self._parts

        def look(local: LocalStore) -> TimestampedValue | None:
            return read(local, parts.reads(local), lambda reads: reads.fetch(key, start), parts.timeout_ms)

        return parts.first(key, look)

    def fetch_range(
        self, key: bytes, time_from: int, time_to: int, backwards: bool = False
    ) -> RowIterator[tuple[int, object, int]]:
        parts = self._parts

        def look(local: LocalStore) -> list[tuple[int, object, int]] | None:
            reads = parts.reads(local)
            rows = answered(
                local,
                lambda: [row[1:] for row in reads.scan(key, key, time_from, time_to, backwards)],
                parts.timeout_ms,
            )
            return rows or None

        return Listed(parts.first(key, look) or [])

    def fetch_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        time_from: int,
        time_to: int,
        backwards: bool = False,
    ) -> RowIterator[WindowRow]:
        def scan(reads: api.WindowReads, after: tuple[bytes, int] | None) -> Iterator[WindowRow]:
            return reads.scan(key_from, key_to, time_from, time_to, backwards, after)

        return self._parts.pages(scan, _key_and_start)

    def fetch_all(self, time_from: int, time_to: int, backwards: bool = False) -> RowIterator[WindowRow]:
        return self.fetch_keys(None, None, time_from, time_to, backwards)

    def all(self, backwards: bool = False) -> RowIterator[WindowRow]:
        return self.fetch_keys(None, None, 0, MAX_TIME, backwards)


SessionRow = tuple[bytes, int, int, object]


class CompositeSession:
    """A session store; see the module."""

    def __init__(self, parts: Parts[api.SessionReads]) -> None:
        self._parts = parts

    def fetch_session(self, key: bytes, start: int, end: int) -> object:
        parts = self._parts

        def look(local: LocalStore) -> object:
            return read(local, parts.reads(local), lambda reads: reads.fetch_session(key, start, end), parts.timeout_ms)

        return parts.first(key, look)

    def find(
        self, key: bytes, earliest_end: int, latest_start: int, backwards: bool = False
    ) -> RowIterator[SessionRow]:
        parts = self._parts

        def look(local: LocalStore) -> list[SessionRow] | None:
            reads = parts.reads(local)
            rows = answered(
                local,
                lambda: list(reads.scan(key, key, earliest_end, latest_start, backwards)),
                parts.timeout_ms,
            )
            return rows or None

        return Listed(parts.first(key, look) or [])

    def find_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        earliest_end: int,
        latest_start: int,
        backwards: bool = False,
    ) -> RowIterator[SessionRow]:
        def scan(reads: api.SessionReads, after: tuple[bytes, int, int] | None) -> Iterator[SessionRow]:
            return reads.scan(key_from, key_to, earliest_end, latest_start, backwards, after)

        return self._parts.pages(scan, _session)

    def find_all(self, earliest_end: int, latest_end: int) -> RowIterator[SessionRow]:
        rows = self.find_keys(None, None, earliest_end, MAX_TIME)
        return Listed([row for row in rows if row[2] <= latest_end])

    def fetch(self, key: bytes, backwards: bool = False) -> RowIterator[SessionRow]:
        return self.find(key, 0, MAX_TIME, backwards)

    def fetch_keys(
        self, key_from: bytes | None, key_to: bytes | None, backwards: bool = False
    ) -> RowIterator[SessionRow]:
        return self.find_keys(key_from, key_to, 0, MAX_TIME, backwards)


class CompositeVersioned:
    """A versioned store; see the module."""

    def __init__(self, parts: Parts[api.VersionedReads]) -> None:
        self._parts = parts

    def get(self, key: bytes, as_of: int | None = None) -> api.VersionedRecord | None:
        parts = self._parts

        def look(local: LocalStore) -> api.VersionedRecord | None:
            return read(local, parts.reads(local), lambda reads: reads.get(key, as_of), parts.timeout_ms)

        return parts.first(key, look)


class Listed(Generic[Row]):
    """Rows that are all there. Implements `RowIterator`."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        return next(self._rows)

    def close(self) -> None:
        self._rows = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


MAX_TIME = 2**63 - 2


def key_value_of(local: LocalStore) -> Isolated[api.KeyValueReads]:
    return isolated(local, local.key_value, "key-value store")


def window_of(local: LocalStore) -> Isolated[api.WindowReads]:
    return isolated(local, local.window, "window store")


def session_of(local: LocalStore) -> Isolated[api.SessionReads]:
    return isolated(local, local.session, "session store")


def versioned_of(local: LocalStore) -> Isolated[api.VersionedReads]:
    return isolated(local, local.versioned, "versioned store")


def _key(row: KeyValueRow) -> bytes:
    return row[0]


def _key_and_start(row: WindowRow) -> tuple[bytes, int]:
    return row[:2]


def _session(row: SessionRow) -> tuple[bytes, int, int]:
    return row[:3]
