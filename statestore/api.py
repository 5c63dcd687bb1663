"""What a state store is to those who use it: plain types and Protocols.

Keys are bytes. A value is whatever the store's one `Codec` reads and writes. A store knows no topic: what
it logs goes to a `ChangelogHook`, what it emits to a `Forward`; both are handed in by `bind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

NOT_PUT: Final = -(2**63)
"""`VersionedStore.put`: the version is older than the history that is kept and was dropped (Java's Long.MIN_VALUE)."""

VALID_TO_UNDEFINED: Final = -1
"""`VersionedStore.put`: the version is the newest of its key."""

NO_MARKS: Final[Mapping[bytes, bytes]] = {}

TimestampedValue = tuple[object, int]
"""A value and its timestamp in ms."""

Forward = Callable[..., None]
"""Takes what a flush of a caching store emits; `new` and `old` are decoded, None is absence, times are in ms.

Key-value stores call it with `(key, new, old, timestamp, origin)`, window stores with
`(key, start, new, old, timestamp, origin)`, session stores with `(key, start, end, new, old, timestamp,
origin)`. `old` is the value as last flushed; it is None unless `sends_old` was bound.
"""


def _unreadable(error: Exception) -> Exception:
    return ValueError(f"A value of a store cannot be read: {error}")


class Codec(NamedTuple):
    """The two directions of a value's bytes, and when the object itself may stand for them.

    `exact(x)` is True only if `decode(encode(x))` is x again, in value and type, and x cannot be changed;
    then the upper layers of a store keep x and encode it when bytes are needed. All else is encoded at the
    put, where an error of `encode` then surfaces with the caller's stack. `exact` None means never.
    `unreadable` makes of an error of `decode` the one to be raised. `quick_decode` is `decode` without its error texts,
    where C code gives one: whoever meets an error of it asks `decode`. `immutable`: what `decode` gives cannot be
    changed, so that a store that is read often may keep it in place of the bytes.
    """

    encode: Callable[[object], bytes]
    decode: Callable[[bytes], object]
    exact: Callable[[object], bool] | None = None
    unreadable: Callable[[Exception], Exception] = _unreadable
    quick_decode: Callable[[bytes], object] | None = None
    immutable: bool = False


class ChangelogHook(Protocol):
    """Takes one row for the changelog, in Java's changelog layout; `value` None is a tombstone."""

    def __call__(self, key: bytes, value: bytes | None, timestamp: int, origin: object) -> None: ...


Row = TypeVar("Row", covariant=True)


class RowIterator(Protocol[Row]):
    """Rows of a store as it was when the iterator was opened, whatever is written meanwhile.

    A context manager; it closes itself when it is exhausted, and must be closed otherwise: while it is
    open, the old rows that writes replace are kept for it, and the database cannot be handed over.
    """

    def __iter__(self) -> Iterator[Row]: ...
    def __next__(self) -> Row: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Layered(Protocol):
    """A store as the runtime sees it: dirty (caching stores) over uncommitted over committed over an engine."""

    @property
    def logged(self) -> bool:
        """A changelog hook is bound."""
        ...

    @property
    def caching(self) -> bool:
        """Puts are kept until `flush`, which logs and forwards the last one of each key."""
        ...

    @property
    def dirty_bytes(self) -> int:
        """Serialised bytes of what a flush would write, estimated; `statestore.cache.max.bytes` bounds their sum."""
        ...

    @property
    def uncommitted_bytes(self) -> int:
        """Memory, estimated, of the writes since the last commit, dirty ones included."""
        ...

    @property
    def open_iterators(self) -> int:
        """How many iterators are open. Any thread may ask."""
        ...

    @property
    def committed_rows(self) -> int:
        """How many rows `spill` has not yet taken to the engine."""
        ...

    @property
    def committed_bytes(self) -> int:
        """Memory, estimated, of the committed writes that `spill` has not yet taken to the engine."""
        ...

    def bind(self, changelog: ChangelogHook | None, forward: Forward | None, sends_old: bool) -> None:
        """Set the changelog (None: not logged), who is told what a flush emits (None: nobody), and whether
        with the old value."""
        ...

    def listen(self, forward: Forward | None, sends_old: bool) -> None:
        """`bind` without touching the changelog: for the operator that emits what the store's cache lets go."""
        ...

    def flush(self, forward: Forward | None = None) -> bool:
        """Log and forward the dirty entries, in the order of their last update; `forward` replaces the
        bound one. False: there was nothing to do.

        An entry that is deleted and was not there at the last flush is neither logged nor forwarded, if somebody
        listens. The changelog is written before the forward of the same entry. Puts made by the forwards are flushed
        too. Errors of the hook and of the forward pass through; the task is then to be aborted.
        """
        ...

    def commit(self) -> None:
        """What is uncommitted (and flushed) becomes committed. No I/O."""
        ...

    def abort(self) -> None:
        """What is uncommitted or dirty is dropped."""
        ...

    def spill(
        self, rows: int, marks: Mapping[bytes, bytes] = NO_MARKS, always: Mapping[bytes, bytes] = NO_MARKS
    ) -> bool:
        """Write at most `rows` committed rows to the engine, in one atomic write; True while more is left.

        The oldest go first; a row that was committed again has kept its place, and goes with its newest value.
        `marks` (the changelog offset that all committed rows stand for) are written with the last slice only, `always`
        with this one, whatever is left. Where there is nothing to write, the read cache lets go of what it may not
        hold any more.
        """
        ...

    def apply(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes] = NO_MARKS) -> None:
        """Restore: changelog rows `(key, value, timestamp)` straight to the engine, with `marks`, atomically.

        Only for a store without uncommitted writes (`ValueError`).
        """
        ...

    def close(self) -> None:
        """Close the iterators that are still open. The engine stays open: it belongs to the task."""
        ...


class KeyValueReads(Protocol):
    """Rows of a key-value store as a query sees them: those that are committed, or the latest (`statestore.reads`).

    `any_thread`: single rows may be asked for by any thread while the owner works. Scans are the owner's, and end
    before the store is written to again.
    """

    @property
    def any_thread(self) -> bool: ...

    def get(self, key: bytes) -> TimestampedValue | None: ...

    def scan(
        self,
        low: bytes | None,
        high: bytes | None,
        prefix: bytes = b"",
        backwards: bool = False,
        after: bytes | None = None,
    ) -> Iterator[tuple[bytes, object, int]]:
        """`(key, value, timestamp)` with low <= key <= high that begin with the prefix, in the byte order of the keys,
        behind the key that was read last."""
        ...


class WindowReads(Protocol):
    """Rows of a window store; see `KeyValueReads`."""

    @property
    def any_thread(self) -> bool: ...

    def fetch(self, key: bytes, start: int) -> TimestampedValue | None: ...

    def scan(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        time_from: int,
        time_to: int,
        backwards: bool = False,
        after: tuple[bytes, int] | None = None,
    ) -> Iterator[tuple[bytes, int, object, int]]:
        """`(key, start, value, timestamp)`, all bounds inclusive, in the order of `WindowStore.fetch_keys`, behind the
        row that was read last, by key and start. Of a store that keeps duplicates a page ends within one key and start
        only at their end."""
        ...


class SessionReads(Protocol):
    """Rows of a session store; see `KeyValueReads`."""

    @property
    def any_thread(self) -> bool: ...

    def fetch_session(self, key: bytes, start: int, end: int) -> object: ...

    def scan(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        earliest_end: int,
        latest_start: int,
        backwards: bool = False,
        after: tuple[bytes, int, int] | None = None,
    ) -> Iterator[tuple[bytes, int, int, object]]:
        """`(key, start, end, value)` in the order of `SessionStore.find_keys`, behind the row that was read last, by
        key, start and end."""
        ...


class VersionedReads(Protocol):
    """Rows of a versioned store; see `KeyValueReads`."""

    @property
    def any_thread(self) -> bool: ...

    def get(self, key: bytes, as_of: int | None = None) -> VersionedRecord | None: ...

    def versions(
        self, key: bytes, time_from: int, time_to: int, ascending: bool = False
    ) -> Iterator[VersionedRecord]: ...


class Store(Protocol):
    """What all kinds have; their rows are what they differ in."""

    @property
    def name(self) -> str: ...

    @property
    def life(self) -> Layered:
        """Its layers: commit, abort, spill, restore."""
        ...


class ReadableKeyValue(Protocol):
    """Rows by key. Iterators yield `(key, value, timestamp)` in the byte order of the keys."""

    def get(self, key: bytes) -> TimestampedValue | None:
        """Value and timestamp. A plain (not timestamped) store knows the timestamp of rows read from disk as -1."""
        ...

    def range(
        self, low: bytes | None, high: bytes | None, backwards: bool = False
    ) -> RowIterator[tuple[bytes, object, int]]:
        """Rows with low <= key <= high; None is open. Empty if low > high."""
        ...

    def prefix_scan(self, prefix: bytes, backwards: bool = False) -> RowIterator[tuple[bytes, object, int]]: ...

    def all(self, backwards: bool = False) -> RowIterator[tuple[bytes, object, int]]: ...

    def approximate_entries(self) -> int:
        """About how many rows there are; rows overwritten in memory may count twice."""
        ...


@runtime_checkable
class KeyValueStore(Store, ReadableKeyValue, Protocol):
    """`ReadableKeyValue`, and what is put there."""

    @property
    def committed(self) -> KeyValueReads:
        """The rows that are committed."""
        ...

    @property
    def latest(self) -> KeyValueReads:
        """The rows as they are now, uncommitted ones among them."""
        ...

    def put(self, key: bytes, value: object, timestamp: int, origin: object = None) -> None:
        """Set the value, or delete the row if it is None. `origin` goes on to changelog and forward."""
        ...

    def delete(self, key: bytes, timestamp: int, origin: object = None) -> TimestampedValue | None:
        """Delete the row; what was there before."""
        ...


class ReadableWindow(Protocol):
    """Rows by key and window start (ms)."""

    def fetch(self, key: bytes, start: int) -> TimestampedValue | None: ...

    def fetch_range(
        self, key: bytes, time_from: int, time_to: int, backwards: bool = False
    ) -> RowIterator[tuple[int, object, int]]:
        """`(start, value, timestamp)` of one key, by start; both bounds inclusive."""
        ...

    def fetch_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        time_from: int,
        time_to: int,
        backwards: bool = False,
    ) -> RowIterator[tuple[bytes, int, object, int]]:
        """`(key, start, value, timestamp)` by segment, then bytes of key and start; where rows expire one by one, by
        start, then key. All bounds inclusive."""
        ...

    def fetch_all(
        self, time_from: int, time_to: int, backwards: bool = False
    ) -> RowIterator[tuple[bytes, int, object, int]]:
        """All keys: the order in which closed windows are emitted. As `fetch_keys`, but by start, then key, where rows
        lie by time."""
        ...

    def all(self, backwards: bool = False) -> RowIterator[tuple[bytes, int, object, int]]: ...


@runtime_checkable
class WindowStore(Store, ReadableWindow, Protocol):
    """Rows by key and window start (ms).

    Rows whose start is not above observed stream time - retention are not seen any more; a put into a
    dropped segment is refused. Observed stream time is the highest start put. In a caching store it is the highest
    one flushed, and what is in memory is seen whatever the retention: Java's record cache knows none, and what is
    deleted before anybody knew of it never comes to the store below.
    """

    @property
    def committed(self) -> WindowReads:
        """The rows that are committed."""
        ...

    @property
    def latest(self) -> WindowReads:
        """The rows as they are now, uncommitted ones among them."""
        ...

    @property
    def retention(self) -> int: ...

    @property
    def observed_time(self) -> int:
        """The highest window start that was put, -1 before the first."""
        ...

    def count_refused(self, refused: Callable[[], None]) -> None:
        """`refused` is called for each row whose segment has expired; it is logged all the same, but not written."""
        ...

    def put(self, key: bytes, start: int, value: object, timestamp: int, origin: object = None) -> None:
        """Set or (value None) delete.

        Where duplicates are retained each put adds a row of its own, and None is ignored.
        """
        ...


class ReadableSession(Protocol):
    """Rows by key, start and end (ms, both inclusive). Iterators yield `(key, start, end, value)`."""

    def fetch_session(self, key: bytes, start: int, end: int) -> object:
        """The value of exactly this session, or None."""
        ...

    def find(
        self, key: bytes, earliest_end: int, latest_start: int, backwards: bool = False
    ) -> RowIterator[tuple[bytes, int, int, object]]:
        """The key's sessions with end >= earliest_end and start <= latest_start, by end, then start."""
        ...

    def find_keys(
        self,
        key_from: bytes | None,
        key_to: bytes | None,
        earliest_end: int,
        latest_start: int,
        backwards: bool = False,
    ) -> RowIterator[tuple[bytes, int, int, object]]:
        """As `find` for a range of keys (inclusive, None open): by segment, then bytes of key, end and
        start; where rows expire one by one as `find_all`."""
        ...

    def find_all(self, earliest_end: int, latest_end: int) -> RowIterator[tuple[bytes, int, int, object]]:
        """Sessions with earliest_end <= end <= latest_end, by end, start and key (where rows expire one by one by end,
        key and start): the order of emission on close. Where rows lie by time, all that are still kept are seen, as in
        Java."""
        ...

    def fetch(self, key: bytes, backwards: bool = False) -> RowIterator[tuple[bytes, int, int, object]]: ...

    def fetch_keys(
        self, key_from: bytes | None, key_to: bytes | None, backwards: bool = False
    ) -> RowIterator[tuple[bytes, int, int, object]]: ...


@runtime_checkable
class SessionStore(Store, ReadableSession, Protocol):
    """Rows by key, start and end (ms, both inclusive). Iterators yield `(key, start, end, value)`.

    A session is not seen any more when its end is not above observed stream time - retention; observed
    stream time is the highest end put. As to caching stores see `WindowStore`.
    """

    @property
    def committed(self) -> SessionReads:
        """The rows that are committed."""
        ...

    @property
    def latest(self) -> SessionReads:
        """The rows as they are now, uncommitted ones among them."""
        ...

    @property
    def retention(self) -> int: ...

    @property
    def observed_time(self) -> int: ...

    def count_refused(self, refused: Callable[[], None]) -> None:
        """`refused` is called for each session whose segment has expired; it is logged all the same, but not
        written."""
        ...

    def put(self, key: bytes, start: int, end: int, value: object, timestamp: int, origin: object = None) -> None:
        """Set or (value None) delete a session."""
        ...

    def remove(self, key: bytes, start: int, end: int, timestamp: int, origin: object = None) -> None:
        """Remove a session, which is never refused."""
        ...


class VersionedRecord(NamedTuple):
    """One version of a key's value. `valid_to` is the timestamp of the next version, None for the newest."""

    value: object
    timestamp: int
    valid_to: int | None


class ReadableVersions(Protocol):
    """Rows by key, each with its history."""

    def get(self, key: bytes, as_of: int | None = None) -> VersionedRecord | None:
        """The newest version, or the one valid as of a time; None if it is a deletion or older than the history."""
        ...


@runtime_checkable
class VersionedStore(Store, ReadableVersions, Protocol):
    """Rows by key, each with its history (KIP-889). Neither caches nor is expected to."""

    @property
    def committed(self) -> VersionedReads:
        """The rows that are committed."""
        ...

    @property
    def latest(self) -> VersionedReads:
        """The rows as they are now, uncommitted ones among them."""
        ...

    @property
    def history_retention(self) -> int: ...

    @property
    def observed_time(self) -> int: ...

    def put(self, key: bytes, value: object, timestamp: int, origin: object = None) -> int:
        """Add a version (value None: a deletion as of then). Its valid_to, `VALID_TO_UNDEFINED` or `NOT_PUT`."""
        ...

    def delete(self, key: bytes, timestamp: int, origin: object = None) -> VersionedRecord | None:
        """Put a deletion; what was valid at that time."""
        ...

    def versions(
        self, key: bytes, time_from: int, time_to: int, ascending: bool = False
    ) -> RowIterator[VersionedRecord]:
        """The versions valid at some time in [time_from, time_to], newest first unless `ascending`."""
        ...


class BufferedChange(NamedTuple):
    """A row of a `SuppressBuffer`: the changes of one key since it was first held back."""

    time: int
    """When the first one was buffered, in the buffer's own time (ms): rows leave in the order of (time, key)."""
    prior: object
    """The old value of the first change: what was last let go."""
    old: object
    """Of the latest change."""
    new: object
    """Of the latest change."""
    timestamp: int
    """Of the latest change's record."""
    context: object
    """Where the latest change came from; None if nobody needs it."""
    size: int
    """Bytes that count towards a limit; 0 where nobody asked."""


@runtime_checkable
class SuppressBuffer(Store, Protocol):
    """Changes of a table, one row a key, which leave in the order of time and key."""

    bytes_held: int
    """Serialised bytes of all rows, once `measure` was called."""

    def __len__(self) -> int: ...
    def __contains__(self, key: bytes, /) -> bool: ...

    @property
    def min_time(self) -> int:
        """Time of the row that leaves next; beyond all times if there is none."""
        ...

    def measure(self) -> int:
        """Serialised bytes of all rows. From now on they are kept count of."""
        ...

    def put(
        self, key: bytes, time: int, old: object, new: object, timestamp: int, context: object, now: int = 0
    ) -> None:
        """Takes a change. A key that is buffered keeps its time and its prior value."""
        ...

    def first(self) -> tuple[bytes, BufferedChange]:
        """Key and row that leave next; they are still there."""
        ...

    def prior(self, key: bytes) -> TimestampedValue | None:
        """What was last let go of a key that is buffered, and a time that is not known: (value, -1), value None for
        nothing; None: the key is not buffered."""
        ...

    def drop_first(self, now: int = 0) -> None:
        """The row that leaves next has left."""
        ...
