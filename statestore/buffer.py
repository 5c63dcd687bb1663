"""What suppress holds back: a store that lets its rows go in the order of time.

It does not know what its values mean: the bytes of a row are made by callables that are handed in.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import mul
from typing import Final, NamedTuple

from statestore.api import NO_MARKS, BufferedChange, ChangelogHook, Codec, Forward, Layered, TimestampedValue

NEVER: Final = 2**63 - 1
"""`min_time` of an empty buffer."""

_TIME_AND_OVERHEAD = 8
_ROW_MEMORY = 300
# A NamedTuple's own constructor takes its fields by name, which costs three times as much.
_made = tuple.__new__


class Parts(NamedTuple):
    """A row as it is logged."""

    prior: bytes | None
    old: bytes | None
    new: bytes | None
    context: object
    time: int


class RowFormat(NamedTuple):
    """The bytes of a row in the changelog, and what a context tells.

    `write(parts)` makes them, `read(data)` gives the parts back. `timestamp(context)` is that of the record;
    `context_size(context)` are the bytes that a context counts for.
    """

    write: Callable[[Parts], bytes]
    read: Callable[[bytes], Parts]
    timestamp: Callable[[object], int]
    context_size: Callable[[object], int]


class _Encoded(bytes):
    """Stands for the value that it is the bytes of."""

    __slots__ = ()


class ChangeBuffer:
    """Changes of a table, one row a key, which leave in the order of (time, key). Implements `SuppressBuffer`.

    In memory; every row that has changed since the last flush is logged at the flush, a tombstone for one that left.
    An abort takes back what was done since the last commit.
    """

    __slots__ = (
        "_buckets",
        "_changelog",
        "_codec",
        "_dirty",
        "_format",
        "_heap",
        "_measured",
        "_now",
        "_rows",
        "_undo",
        "bytes_held",
        "name",
    )

    caching = True
    dirty_bytes = 0
    committed_bytes = committed_rows = open_iterators = 0

    def __init__(self, name: str, codec: Codec, row_format: RowFormat) -> None:
        self.name = name
        self._codec = codec
        self._format = row_format
        self._rows: dict[bytes, BufferedChange] = {}
        self._heap: list[tuple[int, bytes]] = []
        self._dirty: dict[bytes, None] = {}
        self._undo: dict[bytes, BufferedChange | None] = {}
        self._changelog: ChangelogHook | None = None
        self._measured = False
        self._buckets = 16
        """Of Java's hash set, which grows and never shrinks."""
        self._now = 0
        self.bytes_held = 0
        """Serialised bytes of all rows, once `measure` was called."""

    # what suppress asks

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes, /) -> bool:
        return key in self._rows

    @property
    def logged(self) -> bool:
        return self._changelog is not None

    @property
    def min_time(self) -> int:
        """Time of the row that leaves next; `NEVER` if there is none."""
        return self._heap[0][0] if self._heap else NEVER

    def measure(self) -> int:
        """Serialised bytes of all rows. From now on they are kept count of."""
        if not self._measured:
            self._measured = True
            self._rows = {key: self._sized(key, row) for key, row in self._rows.items()}
            self.bytes_held = sum(row.size for row in self._rows.values())
        return self.bytes_held

    def put(
        self,
        key: bytes,
        time: int,
        old: object,
        new: object,
        timestamp: int,
        context: object = None,
        now: int = 0,
    ) -> None:
        """Takes a change. A key that is buffered keeps its time and its prior value.

        Args:
            time: the buffer time, if the key is not buffered yet.
            timestamp: of the record.
            context: where it came from.
            now: wall clock, the timestamp of what is logged.
        """
        before = self._rows.get(key)
        if old is not None:
            old = self._kept(old)
        if new is not None:
            new = self._kept(new)
        if before is None:
            row = _made(BufferedChange, (time, old, old, new, timestamp, context, 0))
            heapq.heappush(self._heap, (time, key))
        else:
            row = _made(BufferedChange, (before[0], before[1], old, new, timestamp, context, 0))
        self._undo.setdefault(key, before)
        self._dirty[key] = None
        self._now = now
        if self._measured:
            row = self._sized(key, row)
            self.bytes_held += row.size - (0 if before is None else before.size)
        self._rows[key] = row

    def first(self) -> tuple[bytes, BufferedChange]:
        """Key and row that leave next, values as they were put; they are still there."""
        key = self._heap[0][1]
        row = self._rows[key]
        if type(row.new) is _Encoded or type(row.old) is _Encoded:
            row = row._replace(old=self._read(row.old), new=self._read(row.new))
        return key, row

    def drop_first(self, now: int = 0) -> None:
        """The row that leaves next has left."""
        key = heapq.heappop(self._heap)[1]
        row = self._rows.pop(key)
        self._undo.setdefault(key, row)
        self._dirty[key] = None
        self._now = now
        self.bytes_held -= row.size

    def prior(self, key: bytes) -> TimestampedValue | None:
        """What was last let go of a key that is buffered, with -1 for its timestamp; None if it is not buffered."""
        row = self._rows.get(key)
        return None if row is None else (self._read(row.prior), -1)

    # Layered

    @property
    def life(self) -> Layered:
        return self

    @property
    def uncommitted_bytes(self) -> int:
        return len(self._undo) * _ROW_MEMORY

    def bind(self, changelog: ChangelogHook | None, forward: Forward | None, sends_old: bool) -> None:
        self._changelog = changelog

    def listen(self, forward: Forward | None, sends_old: bool) -> None:
        """Nothing is forwarded by a flush: the operator lets the rows go."""

    def flush(self, forward: Forward | None = None) -> bool:
        """Log what has changed since the last flush, in the order of Java's set of such keys."""
        if not self._dirty:
            return False
        changelog = self._changelog
        if changelog is not None:
            while len(self._dirty) > self._buckets * 3 // 4:
                self._buckets *= 2
            for key in sorted(self._dirty, key=_bucket_of(self._buckets)):
                row = self._rows.get(key)
                changelog(key, None if row is None else self._written(row), self._now, None)
        self._dirty.clear()
        return True

    def commit(self) -> None:
        """What was done stays."""
        self._undo.clear()

    def abort(self) -> None:
        """What was done since the last commit is undone."""
        for key, row in self._undo.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        self._undo.clear()
        self._dirty.clear()
        self._rebuild()

    def spill(
        self, rows: int, marks: Mapping[bytes, bytes] = NO_MARKS, always: Mapping[bytes, bytes] = NO_MARKS
    ) -> bool:
        """There is nothing below memory: a restart replays the changelog."""
        return False

    def apply(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes] = NO_MARKS) -> None:
        """Restore: rows of the changelog.

        Raises:
            ValueError: there are uncommitted writes.
        """
        if self._undo:
            raise ValueError(f"The buffer {self.name} has uncommitted writes; restore it before it is used.")
        for key, data, _ in rows:
            if data is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = self._sized(key, self._restored(data)) if self._measured else self._restored(data)
        self._rebuild()

    def close(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._heap.clear()
        self._dirty.clear()
        self._undo.clear()
        self.bytes_held = 0

    # inside

    def _kept(self, value: object) -> object:
        exact = self._codec.exact
        if value is None or (exact is not None and exact(value)):
            return value
        return _Encoded(self._codec.encode(value))

    def _read(self, value: object) -> object:
        return self._codec.decode(bytes(value)) if type(value) is _Encoded else value

    def _bytes(self, value: object) -> bytes | None:
        if value is None:
            return None
        return bytes(value) if type(value) is _Encoded else self._codec.encode(value)

    def _sized(self, key: bytes, row: BufferedChange) -> BufferedChange:
        prior, old, new = self._bytes(row.prior), self._bytes(row.old), self._bytes(row.new)
        values = len(prior or b"") + (0 if old == prior else len(old or b"")) + len(new or b"")
        return row._replace(size=_TIME_AND_OVERHEAD + len(key) + self._format.context_size(row.context) + values)

    def _written(self, row: BufferedChange) -> bytes:
        prior, old, new = self._bytes(row.prior), self._bytes(row.old), self._bytes(row.new)
        return self._format.write(Parts(prior, old, new, row.context, row.time))

    def _restored(self, data: bytes) -> BufferedChange:
        parts = self._format.read(data)
        prior, old, new = (None if part is None else _Encoded(part) for part in parts[:3])
        return BufferedChange(parts.time, prior, old, new, self._format.timestamp(parts.context), parts.context, 0)

    def _rebuild(self) -> None:
        self._heap = [(row.time, key) for key, row in self._rows.items()]
        heapq.heapify(self._heap)
        self.bytes_held = sum(row.size for row in self._rows.values())


def _bucket_of(buckets: int) -> Callable[[bytes], int]:
    """Where Java's hash set of so many buckets puts a key; within a bucket the order is that of insertion."""
    mask = buckets - 1

    def bucket(key: bytes) -> int:
        # 31 to the length, and each byte (signed) times 31 to the number of those behind it
        whole, powers = _powers(len(key))
        hashed: int = (sum(map(mul, memoryview(key).cast("b"), powers)) + whole) & 0xFFFFFFFF
        return (hashed ^ hashed >> 16) & mask

    return bucket


@lru_cache(maxsize=256)
def _powers(length: int) -> tuple[int, tuple[int, ...]]:
    """31 to the length, and to all that is less, falling; 32 bits of each."""
    return pow(31, length, 1 << 32), tuple(pow(31, at, 1 << 32) for at in reversed(range(length)))
