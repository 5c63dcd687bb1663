"""Aggregation of a stream by key in time windows."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from streams.dropped import LATE
from streams.errors import IllegalArgumentException
from streams.operators import windows
from streams.operators.aggregate import Fold, aggregate_fold, count_fold, reduce_fold
from streams.operators.base import Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.close import Closer
from streams.operators.dropping import Nulls, drop
from streams.operators.idle import time_of
from streams.operators.materialize import key_bytes
from streams.operators.stateless import with_key
from streams.operators.windows import Aligned, Shape
from streams.record import Window, Windowed
from streams.serdes.windowed import time_windowed

_pack_start = struct.Struct(">q").pack

ClosedWindow = tuple[bytes, int, object, int]
"""Key, start, result and timestamp of a window that has closed."""


class WindowedTable:
    """What an operator with a window store of its own needs to speak on."""

    __slots__ = ("_scope", "_size", "access", "store")

    def __init__(self, scope: Scope, store: str, size: int) -> None:
        self._scope = scope
        self._size = size
        self.access = scope.window_store(store)
        self.store = self.access.store

    def listen(self, code: Code, down: Down) -> None:
        """Makes an entry for what the store's cache lets go, where it has one.

        The entry takes the key's bytes as they stand in an output topic, so that a sink below need not write them.
        """
        if not self.access.caching:
            return
        entry = code.entry(down, "flushed", time_windowed(self.access.key_serde, self._size))

        def forward(key: bytes, start: int, new: object, old: object, timestamp: int, origin: object) -> None:
            entry.call(key + _pack_start(start), new, timestamp, origin, old, True)

        self._scope.on_flush(self.access.name, forward)

    def outside(self, code: Code, down: Down) -> Callable[[Iterable[ClosedWindow]], None]:
        """Makes an entry for windows that close without a record; what is given passes them on."""
        entry = code.entry(down, "closed", time_windowed(self.access.key_serde, self._size))

        def tell(rows: Iterable[ClosedWindow]) -> None:
            for key, start, new, timestamp in rows:
                entry.call(key + _pack_start(start), new, timestamp, None, None, True)

        return tell

    def origin(self, code: Code, rec: Rec) -> str:
        """What the store shall keep beside the value; `None` where it forwards at once."""
        return code.origin(rec) if self.access.caching else "None"

    def windowed(self, code: Code, key: str, start: str, end: str) -> str:
        """The text of a windowed key."""
        return f"{code.use(Windowed, 'windowed')}({key}, {code.use(Window, 'window')}({start}, {end}))"


class _WindowAggregate:
    __slots__ = (
        "_closer",
        "_fold",
        "_grace",
        "_idles",
        "_late",
        "_nulls",
        "_scope",
        "_shape",
        "_table",
        "_tell",
        "_time",
    )

    def __init__(
        self, scope: Scope, store: str, shape: Shape, fold: Fold, emit_on_close: bool, idle_ms: int | None
    ) -> None:
        self._scope = scope
        self._shape = shape
        self._fold = fold
        self._grace = windows.grace_of(shape)
        self._table = WindowedTable(scope, store, windows.size_of(shape))
        self._time = time_of(scope, store, idle_ms)
        self._tell: Callable[[Iterable[ClosedWindow]], None] | None = None
        self._idles = idle_ms is not None
        if idle_ms is not None:
            scope.when_idle(idle_ms, self._close_idle)
        self._late = scope.drop(LATE, lambda: self._time.time)
        self._nulls = Nulls(scope, value=False)
        self._closer = None
        if emit_on_close and isinstance(shape, Aligned):
            aligned = shape

            def bounds(last: int, close: int) -> tuple[int, int] | None:
                if not windows.emit_due(aligned, last, close):
                    return None
                return windows.emit_bounds(aligned.size, last, close)

            self._closer = Closer(scope, store, bounds, self._table.store.fetch_all)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        if self._closer is None:
            self._table.listen(code, down)
        elif self._idles:
            self._tell = self._table.outside(code, down)
        self._nulls.write_step(code, rec)
        with code.block("else"), code.guarded(rec):
            self._process(code, rec, down)

    def _process(self, code: Code, rec: Rec, down: Down) -> None:
        key = code.let("kb", key_bytes(code, rec, self._table.access.key_serde))
        time = f"{code.use(self._time, 'seen')}.time"
        with code.block(f"if {rec.ts} > {time}"):
            code.line(f"{time} = {rec.ts}")
            if self._closer is not None and self._closer.first:
                self._emit(code, rec, down, self._closer.closed, f"{rec.ts} - {self._grace}")
        close = code.let("close", f"{time} - {self._grace}" if self._grace else time)
        shape = self._shape
        if isinstance(shape, Aligned) and shape.size == shape.advance:
            start = code.let("start", f"{rec.ts} - {rec.ts} % {shape.size}")
            with code.block(f"if {start} + {shape.size} > {close}"):
                self._update(code, rec, down, key, start)
            with code.block("else"):
                drop(code, self._late)
        else:
            opened, late, start = code.name("opened"), code.name("late"), code.name("start")
            code.line(f"{opened}, {late} = {code.use(windows.opener(shape), 'open')}({rec.ts}, {close})")
            with code.block(f"if {late}"):
                drop(code, self._late, late)
            with code.block(f"for {start} in {opened}"):
                self._update(code, rec, down, key, start)
        if self._closer is not None and not self._closer.first:
            self._emit(code, rec, down, self._closer.due, close)

    def _update(self, code: Code, rec: Rec, down: Down, key: str, start: str) -> None:
        table, fold = self._table, self._fold
        old, new, ts = code.name("old"), code.name("new"), code.name("ts")
        found = code.let("found", f"{code.use(table.store.fetch, 'fetch')}({key}, {start})")
        first = fold.first(code, rec)
        with code.block(f"if {found} is None"):
            code.line(f"{old} = {first or 'None'}")
            code.line(f"{new} = {fold.following(code, rec, old) if first else rec.value}")
            code.line(f"{ts} = {rec.ts}")
        with code.block("else"):
            code.line(f"{old}, {ts} = {found}")
            code.line(f"{new} = {fold.following(code, rec, old)}")
            with code.block(f"if {ts} < {rec.ts}"):
                code.line(f"{ts} = {rec.ts}")
        stamp = fold.stamp(rec, new, ts)
        code.line(f"{code.use(table.store.put, 'put')}({key}, {start}, {new}, {stamp}, {table.origin(code, rec)})")
        if table.access.caching or self._closer is not None:
            return
        end = str(windows.LONG_MAX) if isinstance(self._shape, windows.Unlimited) else f"{start} + {self._shape.size}"
        windowed = code.let("key", table.windowed(code, rec.key, start, end))
        sent_old = old if self._scope.sends_old else "None"
        down(with_key(rec, windowed, new)._replace(ts=ts, old=sent_old, latest=""))

    def _emit(self, code: Code, rec: Rec, down: Down, due: Callable[[int], object], close: str) -> None:
        table = self._table
        key, start, new, ts = (code.name(hint) for hint in ("kb", "start", "new", "ts"))
        with code.block(f"for {key}, {start}, {new}, {ts} in {code.use(due, 'due')}({close})"):
            decoded = f"{code.use(table.access.key_serde.decode, 'decode')}({key})"
            end = f"{start} + {windows.size_of(self._shape)}"
            windowed = code.let("key", table.windowed(code, decoded, start, end))
            down(with_key(rec, windowed, new)._replace(ts=ts, old="None", latest=""))

    def _close_idle(self) -> None:
        """All windows close: time moves on to the end of the last one, and its grace period."""
        last, time = self._table.store.observed_time, self._time
        if last < 0:
            return
        time.time = max(time.time, windows.end_of(self._shape, last) + self._grace)
        if self._closer is not None and self._tell is not None:
            self._tell(self._closer.closed(time.time - self._grace))

    def close(self) -> None:
        pass


def _maker(store: str, shape: Shape, fold: Fold, emit_on_close: bool, idle_ms: int | None) -> StepMaker:
    if emit_on_close and not isinstance(shape, Aligned):
        raise IllegalArgumentException(
            "ON_WINDOW_CLOSE strategy is only supported for TimeWindows and SlidingWindows for TimeWindowedKStream"
        )

    def make(scope: Scope) -> Operator:
        return _WindowAggregate(scope, store, shape, fold, emit_on_close, idle_ms)

    return make


def window_aggregate(
    store: str,
    shape: Shape,
    init: Callable[[], object],
    aggregator: Callable[[object, object, object], object],
    emit_on_close: bool = False,
    idle_ms: int | None = None,
) -> StepMaker:
    """`aggregator(key, value, aggregate)` gives the new aggregate of each window that holds the record and is open.

    Records without a key are dropped and counted, windows that are closed too; records without a value are not.
    Windows are updated in ascending order of their start. The result's key is `Windowed`, its timestamp the highest
    of the window's records so far.

    Args:
        store: a window store.
        init: the aggregate before a window's first record.
        emit_on_close: nothing is passed on before a window closes; then its last result is, once, by start, then
            key bytes.
        idle_ms: all windows close when the task has had no input for so long (wall clock); None: only stream time
            closes windows.
    Raises:
        IllegalArgumentException: `emit_on_close` for windows that are not aligned.
    """
    return _maker(store, shape, aggregate_fold(init, aggregator), emit_on_close, idle_ms)


def window_reduce(
    store: str,
    shape: Shape,
    reducer: Callable[[object, object], object],
    emit_on_close: bool = False,
    idle_ms: int | None = None,
) -> StepMaker:
    """`reducer(aggregate, value)` gives the new aggregate; a window's first value is taken as it is."""
    return _maker(store, shape, reduce_fold(reducer), emit_on_close, idle_ms)


def window_count(
    store: str, shape: Shape, emit_on_close: bool = False, idle_ms: int | None = None
) -> StepMaker:
    """Counts the records of a key in each window."""
    return _maker(store, shape, count_fold(), emit_on_close, idle_ms)
