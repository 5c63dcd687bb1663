"""Window and session stores: `WindowStore`, `SessionStore` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, overload

from statestore import api
from streams.errors import IllegalArgumentException, NullPointerException
from streams.html_table import first_rows
from streams.operators.base import StoreAccess
from streams.record import ValueAndTimestamp, Window, Windowed
from streams.signatures import written
from streams.state.iterators import KeyValueIterator, WindowStoreIterator
from streams.state.store import Caller, Keys, StateStore, plain, timestamped, value_and_time
from streams.type_variables import K, V
from streams.validation import check_instant, shown

FOREVER = (1 << 63) - 1
ONE_KEY: Final = object()
"""Stands for the end of a range of keys where there is none."""


@written
class ReadOnlyWindowStore(StateStore, Generic[K, V]):
    """A window store that is only read: rows by key and window start. Times are in ms, bounds inclusive.

    Args:
        size: of the windows in ms, for the ends of the windows that are yielded.
    """

    def __init__(
        self,
        access: StoreAccess[api.ReadableWindow],
        caller: Caller,
        size: int,
        value: Callable[[api.TimestampedValue], V] = plain,
    ) -> None:
        super().__init__(access, caller)
        self._store = access.store
        self._keys: Keys[K] = Keys(access, caller)
        self._size = size
        self._value = value

    @overload
    def fetch(self, key: K, time: int, /) -> V | None: ...
    @overload
    def fetch(self, key: K, time_from: int, time_to: int, /) -> WindowStoreIterator[V]: ...
    @overload
    def fetch(
        self, key_from: K | None, key_to: K | None, time_from: int, time_to: int, /
    ) -> KeyValueIterator[Windowed[K], V]: ...
    def fetch(self, *args: object) -> object:
        """`fetch(key, time)` gives the value of the window that starts then, or None; `fetch(key, time_from,
        time_to)` an iterator of `(start, value)`; `fetch(key_from, key_to, time_from, time_to)` one of
        `(Windowed, value)`; keys may be None there.
        """
        if len(args) == 2:
            found = self._store.fetch(self._keys.written(args[0]), check_instant(args[1], "time"))
            return None if found is None else self._value(found)
        return self._fetched(args, False)

    @overload
    def backward_fetch(self, key: K, time_from: int, time_to: int, /) -> WindowStoreIterator[V]: ...
    @overload
    def backward_fetch(
        self, key_from: K | None, key_to: K | None, time_from: int, time_to: int, /
    ) -> KeyValueIterator[Windowed[K], V]: ...
    def backward_fetch(self, *args: object) -> object:
        """As `fetch` with three or four arguments, from the last window to the first."""
        return self._fetched(args, True)

    def fetch_all(self, time_from: int, time_to: int) -> KeyValueIterator[Windowed[K], V]:
        """All windows that start between two times."""
        return self._rows(self._opened().fetch_all(*_between(time_from, time_to)))

    def backward_fetch_all(self, time_from: int, time_to: int) -> KeyValueIterator[Windowed[K], V]:
        """As `fetch_all`, from the last to the first."""
        return self._rows(self._opened().fetch_all(*_between(time_from, time_to), True))

    def all(self) -> KeyValueIterator[Windowed[K], V]:
        """All windows."""
        return self._rows(self._opened().all())

    def backward_all(self) -> KeyValueIterator[Windowed[K], V]:
        """All windows, from the last to the first."""
        return self._rows(self._opened().all(True))

    def _repr_html_(self) -> str:
        """The first windows, as a notebook shows them."""
        return first_rows(self.name, ("Key and window", "Value"), self.all)

    def _opened(self) -> api.ReadableWindow:
        self._caller.lease.check(self.name)
        return self._store

    def _fetched(self, args: tuple[object, ...], backwards: bool) -> object:
        if len(args) == 3:
            key, time_from, time_to = args
            rows = self._store.fetch_range(self._keys.written(key), *_between(time_from, time_to), backwards)
            value = self._value

            def one(row: tuple[int, object, int]) -> tuple[int, V]:
                return row[0], value((row[1], row[2]))

            return KeyValueIterator(self.name, rows, one, self._caller.lease)
        if len(args) != 4:
            raise IllegalArgumentException(
                "fetch takes (key, time), (key, time_from, time_to) or (key_from, key_to, time_from, time_to); "
                f"got {len(args)} arguments."
            )
        low, high = self._keys.bound(args[0]), self._keys.bound(args[1])
        return self._rows(self._store.fetch_keys(low, high, *_between(args[2], args[3]), backwards))

    def _rows(self, rows: api.RowIterator[tuple[bytes, int, object, int]]) -> KeyValueIterator[Windowed[K], V]:
        read, size, value = self._keys.read, self._size, self._value

        def decoded(row: tuple[bytes, int, object, int]) -> tuple[Windowed[K], V]:
            start = row[1]
            window = Window(start, min(start + size, FOREVER))
            return Windowed(read(row[0]), window), value((row[2], row[3]))

        return KeyValueIterator(self.name, rows, decoded, self._caller.lease)


class ReadOnlyTimestampedWindowStore(ReadOnlyWindowStore[K, ValueAndTimestamp[V]], Generic[K, V]):
    """A window store that is only read, and whose values are `ValueAndTimestamp`."""

    def __init__(self, access: StoreAccess[api.ReadableWindow], caller: Caller, size: int) -> None:
        super().__init__(access, caller, size, timestamped)


class WindowStore(ReadOnlyWindowStore[K, V]):
    """Rows by key and window start (Java's `WindowStore`)."""

    def __init__(
        self,
        access: StoreAccess[api.WindowStore],
        caller: Caller,
        size: int,
        value: Callable[[api.TimestampedValue], V] = plain,
    ) -> None:
        super().__init__(access, caller, size, value)
        self._written = access.store

    def put(self, key: K, value: V | None, window_start: int) -> None:
        """Sets the value of a window; None deletes.

        Raises:
            NullPointerException: the key is None.
        """
        raw = self._keys.written(key)
        caller = self._caller
        caller.may_write()
        start = check_instant(window_start, "window start")
        self._written.put(raw, start, value, caller.timestamp(), caller.origin())


class TimestampedWindowStore(WindowStore[K, ValueAndTimestamp[V]], Generic[K, V]):
    """A window store whose values are `ValueAndTimestamp` (Java's `TimestampedWindowStore`)."""

    def __init__(self, access: StoreAccess[api.WindowStore], caller: Caller, size: int) -> None:
        super().__init__(access, caller, size, timestamped)

    def put(self, key: K, value: ValueAndTimestamp[V] | None, window_start: int) -> None:
        """Sets value and timestamp of a window; None deletes."""
        raw = self._keys.written(key)
        caller = self._caller
        caller.may_write()
        start = check_instant(window_start, "window start")
        new, time = (None, caller.timestamp()) if value is None else value_and_time(value)
        self._written.put(raw, start, new, time, caller.origin())


@written
class ReadOnlySessionStore(StateStore, Generic[K, V]):
    """A session store that is only read: rows by key, start and end. Times are in ms, both ends inclusive."""

    def __init__(self, access: StoreAccess[api.ReadableSession], caller: Caller) -> None:
        super().__init__(access, caller)
        self._store = access.store
        self._keys: Keys[K] = Keys(access, caller)

    def fetch_session(self, key: K, start: int, end: int) -> V | None:
        """The aggregate of exactly this session, or None."""
        raw = self._keys.written(key)
        found: Any = self._store.fetch_session(raw, check_instant(start, "start"), check_instant(end, "end"))
        value: V | None = found
        return value

    @overload
    def find_sessions(self, earliest_end: int, latest_end: int, /) -> KeyValueIterator[Windowed[K], V]: ...
    @overload
    def find_sessions(self, key: K, earliest_end: int, latest_start: int, /) -> KeyValueIterator[Windowed[K], V]: ...
    @overload
    def find_sessions(
        self, key_from: K | None, key_to: K | None, earliest_end: int, latest_start: int, /
    ) -> KeyValueIterator[Windowed[K], V]: ...
    def find_sessions(self, *args: object) -> KeyValueIterator[Windowed[K], V]:
        """`find_sessions(key, earliest_end, latest_start)`: the key's sessions that end at or after the one
        and start at or before the other; `(key_from, key_to, earliest_end, latest_start)` for a range of
        keys; `(earliest_end, latest_end)` for all keys."""
        return self._found(args, False)

    @overload
    def backward_find_sessions(
        self, key: K, earliest_end: int, latest_start: int, /
    ) -> KeyValueIterator[Windowed[K], V]: ...
    @overload
    def backward_find_sessions(
        self, key_from: K | None, key_to: K | None, earliest_end: int, latest_start: int, /
    ) -> KeyValueIterator[Windowed[K], V]: ...
    def backward_find_sessions(self, *args: object) -> KeyValueIterator[Windowed[K], V]:
        """As `find_sessions` with three or four arguments, from the last to the first."""
        return self._found(args, True)

    @overload
    def fetch(self, key: K) -> KeyValueIterator[Windowed[K], V]: ...
    @overload
    def fetch(self, key: K | None, key_to: K | None) -> KeyValueIterator[Windowed[K], V]: ...
    def fetch(self, key: object, key_to: object = ONE_KEY) -> KeyValueIterator[Windowed[K], V]:
        """`fetch(key)` gives all sessions of a key, `fetch(key_from, key_to)` those of the keys between; None is an
        open end there.

        Raises:
            NullPointerException: the one key is None.
        """
        return self._fetched(key, key_to, False)

    @overload
    def backward_fetch(self, key: K) -> KeyValueIterator[Windowed[K], V]: ...
    @overload
    def backward_fetch(self, key: K | None, key_to: K | None) -> KeyValueIterator[Windowed[K], V]: ...
    def backward_fetch(self, key: object, key_to: object = ONE_KEY) -> KeyValueIterator[Windowed[K], V]:
        """As `fetch`, from the last to the first."""
        return self._fetched(key, key_to, True)

    def _repr_html_(self) -> str:
        """The first sessions, as a notebook shows them."""
        return first_rows(self.name, ("Key and session", "Value"), lambda: self.fetch(None, None))

    def _fetched(self, key: object, key_to: object, backwards: bool) -> KeyValueIterator[Windowed[K], V]:
        if key_to is ONE_KEY:
            return self._rows(self._store.fetch(self._keys.written(key), backwards))
        return self._rows(self._store.fetch_keys(self._keys.bound(key), self._keys.bound(key_to), backwards))

    def _found(self, args: tuple[object, ...], backwards: bool) -> KeyValueIterator[Windowed[K], V]:
        store = self._store
        if len(args) == 3:
            return self._rows(store.find(self._keys.written(args[0]), *_between(args[1], args[2]), backwards))
        if len(args) == 4:
            low, high = self._keys.bound(args[0]), self._keys.bound(args[1])
            return self._rows(store.find_keys(low, high, *_between(args[2], args[3]), backwards))
        if len(args) != 2 or backwards:
            raise IllegalArgumentException(
                "find_sessions takes (key, earliest_end, latest_start), (key_from, key_to, earliest_end, "
                f"latest_start) or (earliest_end, latest_end); got {len(args)} arguments."
            )
        self._caller.lease.check(self.name)
        return self._rows(store.find_all(*_between(args[0], args[1])))

    def _rows(self, rows: api.RowIterator[tuple[bytes, int, int, object]]) -> KeyValueIterator[Windowed[K], V]:
        read = self._keys.read

        def decoded(row: tuple[bytes, int, int, object]) -> tuple[Windowed[K], V]:
            aggregate: Any = row[3]
            return Windowed(read(row[0]), Window(row[1], row[2])), aggregate

        return KeyValueIterator(self.name, rows, decoded, self._caller.lease)


class SessionStore(ReadOnlySessionStore[K, V]):
    """Rows by key, start and end (Java's `SessionStore`)."""

    def __init__(self, access: StoreAccess[api.SessionStore], caller: Caller) -> None:
        super().__init__(access, caller)
        self._own = access.store

    def put(self, session: Windowed[K] | None, aggregate: V | None) -> None:
        """Sets the aggregate of a session; None removes it.

        Raises:
            NullPointerException: the session or its key is None.
        """
        self._own.put(*self._written(session), aggregate, *self._stamp())

    def remove(self, session: Windowed[K] | None) -> None:
        """Removes a session.

        Raises:
            NullPointerException: the session or its key is None.
        """
        self._own.remove(*self._written(session), *self._stamp())

    def _written(self, session: Windowed[K] | None) -> tuple[bytes, int, int]:
        """Key, start and end of a session that is written."""
        if session is None:
            raise NullPointerException("sessionKey cannot be null")
        if not isinstance(session, Windowed) or not isinstance(session.window, tuple) or len(session.window) != 2:
            raise IllegalArgumentException(
                f"Invalid session: {shown(session)}. Give Windowed(key, Window(start, end))."
            )
        raw = self._keys.written(session.key)
        self._caller.may_write()
        start, end = (check_instant(time, "end of a window") for time in session.window)
        return raw, start, end

    def _stamp(self) -> tuple[int, object]:
        """Timestamp and origin of a write."""
        return self._caller.timestamp(), self._caller.origin()


def _between(first: object, last: object) -> tuple[int, int]:
    """Two times of a search."""
    return check_instant(first, "first time"), check_instant(last, "last time")
