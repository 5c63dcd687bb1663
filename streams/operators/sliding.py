"""Aggregation of a stream by key in sliding windows [start, start + difference], both ends inclusive.

A window exists for each combination of records that lie within the time difference: one ends at a record (its *left*
window), one begins right after a record, where others follow (its *right* window).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from statestore.api import TimestampedValue
from streams.dropped import LATE
from streams.errors import IllegalArgumentException
from streams.operators import windows
from streams.operators.base import Code, Down, Operator, Rec, RecordContext, Scope, StepMaker
from streams.operators.calls import Aggregator, one_more, reducing
from streams.operators.close import Closer
from streams.operators.dropping import Nulls
from streams.operators.idle import time_of
from streams.operators.materialize import key_bytes
from streams.operators.stateless import with_key
from streams.operators.windowed import ClosedWindow, WindowedTable

Update = tuple[int, object, object, int]
"""Start of a window, its new and its old value, its timestamp."""


class Incoming(NamedTuple):
    """A record, as the update of its windows needs it."""

    key: object
    key_bytes: bytes
    value: object
    ts: int
    close_time: int
    origin: RecordContext | None


class _Found:
    """What the windows that are there tell."""

    __slots__ = ("done", "has_left", "has_right", "left", "previous", "right", "starts")

    def __init__(self) -> None:
        self.starts: set[int] = set()
        self.left: TimestampedValue | None = None
        """Of the window before: where a new left window goes on from."""
        self.right: TimestampedValue | None = None
        """Of the last window that holds the record: what a new right window begins with."""
        self.has_left = self.has_right = self.done = False
        self.previous: int | None = None
        """Timestamp of the record before."""


class _SlidingAggregate:
    __slots__ = (
        "_aggregator",
        "_closer",
        "_difference",
        "_grace",
        "_idles",
        "_init",
        "_late",
        "_nulls",
        "_scope",
        "_table",
        "_tell",
        "_time",
    )

    def __init__(
        self,
        scope: Scope,
        store: str,
        span: tuple[int, int],
        init: Callable[[], object],
        aggregator: Aggregator,
        emit_on_close: bool,
        idle_ms: int | None,
    ) -> None:
        """
        Args:
            span: time difference and grace.
        """
        self._scope = scope
        self._difference, self._grace = span
        self._init = init
        self._aggregator = aggregator
        self._table = WindowedTable(scope, store, self._difference)
        self._time = time_of(scope, store, idle_ms)
        self._tell: Callable[[Iterable[ClosedWindow]], None] | None = None
        self._idles = idle_ms is not None
        if idle_ms is not None:
            scope.when_idle(idle_ms, self._close_idle)
        self._late = scope.drop(LATE, lambda: self._time.time)
        self._nulls = Nulls(scope)
        self._closer = None
        if emit_on_close:
            difference = self._difference

            def bounds(last: int, close: int) -> tuple[int, int] | None:
                low, high = windows.sliding_emit_bounds(difference, last, close)
                return (low, high) if high >= 0 else None

            self._closer = Closer(scope, store, bounds, self._table.store.fetch_all)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        table, closer = self._table, self._closer
        table.listen(code, down)
        if closer is not None and self._idles:
            self._tell = table.outside(code, down)
        start, new, old, ts = (code.name(hint) for hint in ("start", "new", "old", "ts"))
        self._nulls.write_step(code, rec)
        with code.block("else"), code.guarded(rec):
            kb = key_bytes(code, rec, table.access.key_serde)
            arguments = f"({rec.key}, {kb}, {rec.value}, {rec.ts}, {table.origin(code, rec)})"
            if closer is not None and closer.first:
                self._emit(code, rec, down, self._moved)
            if table.access.caching or closer is not None:
                code.line(f"{code.use(self._absorb, 'absorb')}{arguments}")
                if closer is not None and not closer.first:
                    self._emit(code, rec, down, self._due)
                return
            with code.block(f"for {start}, {new}, {old}, {ts} in {code.use(self._updates, 'update')}{arguments}"):
                key = code.let("key", table.windowed(code, rec.key, start, f"{start} + {self._difference}"))
                sent_old = old if self._scope.sends_old else "None"
                down(with_key(rec, key, new)._replace(ts=ts, old=sent_old, latest=""))

    def _emit(self, code: Code, rec: Rec, down: Down, due: Callable[[int], Iterator[ClosedWindow]]) -> None:
        table = self._table
        kb, start, new, ts = (code.name(hint) for hint in ("kb", "start", "new", "ts"))
        with code.block(f"for {kb}, {start}, {new}, {ts} in {code.use(due, 'due')}({rec.ts})"):
            decoded = f"{code.use(table.access.key_serde.decode, 'decode')}({kb})"
            key = code.let("key", table.windowed(code, decoded, start, f"{start} + {self._difference}"))
            down(with_key(rec, key, new)._replace(ts=ts, old="None", latest=""))

    def _moved(self, ts: int) -> Iterator[ClosedWindow]:
        """The windows that a record at `ts` closes, before it is put."""
        if self._closer is not None and ts > self._time.time:
            self._time.time = ts
            yield from self._closer.closed(ts - self._grace)

    def _close_idle(self) -> None:
        """All windows close: time moves on to the end of the last one, which belongs to it, and its grace period."""
        last, time = self._table.store.observed_time, self._time
        if last < 0:
            return
        time.time = max(time.time, last + self._difference + self._grace + 1)
        if self._closer is not None and self._tell is not None:
            self._tell(self._closer.closed(time.time - self._grace))

    def _due(self, ts: int) -> Iterator[ClosedWindow]:
        """The windows that have closed. As in Java, an early or a late record does not look for any."""
        close_time = self._time.time - self._grace
        if self._closer is not None and ts >= self._difference and ts + self._difference >= close_time:
            yield from self._closer.due(close_time)

    def _absorb(
        self, key: object, key_bytes: bytes, value: object, ts: int, origin: RecordContext | None
    ) -> None:
        """Updates the store; what that changes is told later."""
        for _ in self._updates(key, key_bytes, value, ts, origin):
            pass

    def _updates(
        self, key: object, key_bytes: bytes, value: object, ts: int, origin: RecordContext | None
    ) -> Iterator[Update]:
        time = self._time
        time.time = max(time.time, ts)
        record = Incoming(key, key_bytes, value, ts, time.time - self._grace, origin)
        if ts + self._difference < record.close_time:
            self._late.add()
        elif ts < self._difference:
            yield from self._early(record)
        else:
            found = _Found()
            yield from self._scan(record, found)
            if not found.done:
                yield from self._create(record, found)

    def _scan(self, record: Incoming, found: _Found) -> Iterator[Update]:
        """Updates the windows that hold the record, the newest first, down to the first that ends before it."""
        ts, difference = record.ts, self._difference
        low, high = max(0, ts - 2 * difference), ts + 1
        with self._table.store.fetch_range(record.key_bytes, low, high, True) as rows:
            for start, aggregate, last in rows:
                found.starts.add(start)
                window = (aggregate, last)
                end = start + difference
                if start == ts + 1:
                    found.has_right = True
                elif end > ts:
                    if found.right is None:
                        found.right = window
                    yield from self._update(record, start, window)
                elif end == ts:
                    found.has_left = True
                    yield from self._update(record, start, window)
                    if last >= ts:
                        # A record at this very time was there before: all windows are, too.
                        found.done = True
                        return
                    found.previous = last
                else:
                    found.left = window
                    found.previous = last
                    return

    def _create(self, record: Incoming, found: _Found) -> Iterator[Update]:
        """Makes the windows that the record calls for: right of the record before it, left and right of itself."""
        ts, difference, previous = record.ts, self._difference, found.previous
        if difference == 0:  # Java builds them, and fails at the first record that is not late
            raise IllegalArgumentException(
                "Window endMs must be greater than window startMs. "
                "Sliding windows with a time difference of 0 hold nothing; give at least 1 ms."
            )
        if previous is not None and previous + 1 not in found.starts and previous + 1 + difference >= ts:
            yield from self._update(record, previous + 1, (self._init(), ts))
        if not found.has_left:
            goes_on = previous is not None and ts - difference <= previous and found.left is not None
            before = found.left[0] if goes_on and found.left is not None else self._init()
            yield from self._update(record, ts - difference, (before, ts))
        if not found.has_right and found.right is not None and found.right[1] > ts:
            yield self._copied(record, found.right)

    def _early(self, record: Incoming) -> Iterator[Update]:
        """A record before the first possible end of a window: all of these share the window that starts at 0."""
        ts = record.ts
        shared: TimestampedValue | None = None
        found = _Found()
        with self._table.store.fetch_range(record.key_bytes, 0, ts + 1) as rows:
            for start, aggregate, last in rows:
                found.starts.add(start)
                window = (aggregate, last)
                if start == 0:
                    shared = window
                    if last < ts:
                        found.previous = last
                elif start <= ts:
                    found.right = window
                    yield from self._update(record, start, window)
                else:
                    found.has_right = True
        if found.right is None and shared is not None and shared[1] > ts:
            found.right = shared
        if not found.has_right and found.right is not None and found.right[1] > ts:
            yield self._copied(record, found.right)
        if found.previous is not None and found.previous + 1 not in found.starts:
            yield from self._update(record, found.previous + 1, (self._init(), ts))
        yield from self._update(record, 0, shared or (self._init(), ts))

    def _update(self, record: Incoming, start: int, window: tuple[object, int]) -> Iterator[Update]:
        """Adds the record to a window that is open."""
        if start + self._difference < record.close_time:
            self._late.add()
            return
        old, last = window
        new = self._aggregator(record.key, record.value, old)
        ts = record.ts if old is None else max(record.ts, last)
        stamp = record.ts if new is None else ts  # as `Fold.stamp`
        self._table.store.put(record.key_bytes, start, new, stamp, record.origin)
        yield start, new, old, ts

    def _copied(self, record: Incoming, right: TimestampedValue) -> Update:
        """The window right of the record: what came after it, without it."""
        self._table.store.put(record.key_bytes, record.ts + 1, right[0], right[1], record.origin)
        return record.ts + 1, right[0], None, right[1]

    def close(self) -> None:
        pass


def sliding_aggregate(
    store: str,
    difference: int,
    grace: int,
    init: Callable[[], object],
    aggregator: Aggregator,
    emit_on_close: bool = False,
    idle_ms: int | None = None,
) -> StepMaker:
    """`aggregator(key, value, aggregate)` gives the new aggregate of each window that holds the record and is open. It
    must not change the aggregate it is given: one aggregate goes on in several windows.

    Records without key or value are dropped and counted, and those whose last window has closed: whose end is before
    observed stream time - grace. A window that has closed is counted too, each time it would have been updated.

    Args:
        store: a window store.
        difference: how far apart the records of a window may be, in ms.
        grace: how long after its end a window still takes records.
        emit_on_close: nothing is passed on before a window closes; then its last result is, once, by start, then key
            bytes. The store must not cache.
        idle_ms: all windows close when the task has had no input for so long (wall clock); None: only stream time
            closes windows.
    """

    def make(scope: Scope) -> Operator:
        return _SlidingAggregate(scope, store, (difference, grace), init, aggregator, emit_on_close, idle_ms)

    return make


def sliding_reduce(
    store: str,
    difference: int,
    grace: int,
    reducer: Callable[[object, object], object],
    emit_on_close: bool = False,
    idle_ms: int | None = None,
) -> StepMaker:
    """`reducer(aggregate, value)` gives the new aggregate; a window's first value is taken as it is."""
    return sliding_aggregate(store, difference, grace, lambda: None, reducing(reducer), emit_on_close, idle_ms)


def sliding_count(
    store: str, difference: int, grace: int, emit_on_close: bool = False, idle_ms: int | None = None
) -> StepMaker:
    """Counts the records of a key in each window."""
    return sliding_aggregate(store, difference, grace, lambda: 0, one_more, emit_on_close, idle_ms)
