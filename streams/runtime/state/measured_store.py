"""A store whose calls are measured, at the recording levels DEBUG and TRACE: below them nobody makes one.

It stands in the place of the store and has all that the store has; what Kafka measures is a function of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import nan

from statestore.api import SessionStore, Store, VersionedStore, WindowStore
from streams.metrics.sensor import Sensor

_KEY_VALUE = {name: name for name in ("put", "get", "delete")}
_KEY_VALUE_ROWS = {"range": "range", "prefix_scan": "prefix-scan", "all": "all"}
_WINDOW = {"put": "put", "fetch": "fetch"}
_WINDOW_ROWS = {"fetch_range": "fetch", "fetch_keys": "fetch", "fetch_all": "fetch", "all": "fetch"}
_SESSION = {"put": "put", "remove": "remove", "fetch_session": "fetch"}
_SESSION_ROWS = dict.fromkeys(("find", "find_keys", "find_all", "fetch", "fetch_keys"), "fetch")


class Operations:
    """What the calls of one store are measured with.

    Args:
        sensor: makes that of an operation.
        durations: takes how long iterators were open (ns).
        ages: takes how old records are when they are put (ms); None: that is not recorded.
        now_ms: the wall clock.
    """

    def __init__(
        self,
        sensor: Callable[[str], Sensor],
        durations: Sensor,
        ages: Sensor | None,
        now_ms: Callable[[], int],
    ) -> None:
        self.sensor = sensor
        self.durations = durations
        self.ages = ages
        self.now_ms = now_ms
        self.open: dict[int, int] = {}
        """Since when iterators are open (ms since the epoch)."""

    def oldest(self) -> float:
        """Since when the iterator is open that has been so for the longest time (ms since the epoch); NaN: none is."""
        return min(list(self.open.values()), default=nan)


class MeasuredRows:
    """Rows whose walk is measured until they are closed.

    Args:
        rows: the rows.
        operations: where to.
        sensor: of the operation that opened them.
        began: when (monotonic clock, ms).
    """

    def __init__(self, rows: object, operations: Operations, sensor: Sensor, began: float) -> None:
        assert isinstance(rows, Iterator)
        self._rows: Iterator[object] = rows
        self._close: object = getattr(rows, "close", None)
        self._operations = operations
        self._sensor: Sensor | None = sensor
        self._began = began
        operations.open[id(self)] = operations.now_ms()

    def __iter__(self) -> MeasuredRows:
        return self

    def __next__(self) -> object:
        try:
            return next(self._rows)
        except BaseException:
            self._ended()
            raise

    def close(self) -> None:
        if callable(self._close):
            self._close()
        self._ended()

    def __enter__(self) -> MeasuredRows:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ended(self) -> None:
        sensor, self._sensor = self._sensor, None
        if sensor is not None:
            took = (sensor.now_ms() - self._began) * 1e6
            sensor.record(took)
            self._operations.durations.record(took)
            self._operations.open.pop(id(self), None)


class MeasuredStore:
    """See the module."""

    def __init__(
        self, store: Store, operations: Operations, single: Mapping[str, str], rows: Mapping[str, str]
    ) -> None:
        self._store = store
        self.name, self.life = store.name, store.life
        sensors = {name: operations.sensor(name) for name in {*single.values(), *rows.values()}}
        for name in dir(store):  # all that it has, so that it is of the same kind
            if name.startswith("_") or name in ("name", "life"):
                continue
            found: object = getattr(store, name)
            if callable(found):
                method: Method = found
                if name in single:
                    method = _timed(found, sensors[single[name]])
                elif name in rows:
                    method = _walked(found, operations, sensors[rows[name]])
                setattr(self, name, method)

    def replace(self, name: str, made: Callable[[Callable[..., object]], object]) -> None:
        """One of its methods gives way to what `made` makes of it."""
        setattr(self, name, made(getattr(self, name)))

    def __getattr__(self, name: str) -> object:
        found: object = getattr(self._store, name)
        return found


class _Timed(MeasuredStore):
    """A store that keeps rows for a time."""

    @property
    def retention(self) -> object:
        return self.__getattr__("retention")

    @property
    def observed_time(self) -> object:
        return self.__getattr__("observed_time")


class _Versioned(MeasuredStore):
    @property
    def history_retention(self) -> object:
        return self.__getattr__("history_retention")

    @property
    def observed_time(self) -> object:
        return self.__getattr__("observed_time")


def measured(store: Store, operations: Operations) -> MeasuredStore:
    """The store, its calls measured."""
    if isinstance(store, WindowStore):
        made: MeasuredStore = _Timed(store, operations, _WINDOW, _WINDOW_ROWS)
    elif isinstance(store, SessionStore):
        made = _Timed(store, operations, _SESSION, _SESSION_ROWS)
    elif isinstance(store, VersionedStore):
        made = _Versioned(store, operations, _KEY_VALUE, {})
    else:
        made = MeasuredStore(store, operations, _KEY_VALUE, _KEY_VALUE_ROWS)
    if operations.ages is not None:
        at = 4 if isinstance(store, SessionStore) else 3 if isinstance(store, WindowStore) else 2
        made.replace("put", partial(_aged, operations=operations, ages=operations.ages, at=at))
    return made


Method = Callable[..., object]


def _timed(call: Method, sensor: Sensor) -> Method:
    record, now_ms = sensor.record, sensor.now_ms

    def timed(*arguments: object, **named: object) -> object:
        began = now_ms()
        try:
            return call(*arguments, **named)
        finally:
            ended = now_ms()
            record((ended - began) * 1e6, ended)

    return timed


def _walked(call: Method, operations: Operations, sensor: Sensor) -> Method:
    def walked(*arguments: object, **named: object) -> object:
        began = sensor.now_ms()
        return MeasuredRows(call(*arguments, **named), operations, sensor, began)

    return walked


def _aged(call: Method, operations: Operations, ages: Sensor, at: int) -> Method:
    """`at`: which argument is the record's timestamp."""
    now_ms, record = operations.now_ms, ages.record

    def aged(*arguments: object, **named: object) -> object:
        time = arguments[at] if len(arguments) > at else named.get("timestamp")
        if isinstance(time, int):
            record(now_ms() - time)
        return call(*arguments, **named)

    return aged
