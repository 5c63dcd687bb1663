"""Aggregation of a stream by key in sessions: stretches of activity that a gap of inactivity ends."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from streams.dropped import LATE
from streams.operators import windows
from streams.operators.base import Code, Down, Entry, Operator, Rec, RecordContext, Scope, StepMaker
from streams.operators.calls import Aggregator, one_more, reducing
from streams.operators.close import Closer
from streams.operators.dropping import Nulls
from streams.operators.idle import time_of
from streams.operators.materialize import key_bytes
from streams.operators.stateless import with_key
from streams.record import Window, Windowed
from streams.serdes.windowed import session_windowed

_pack_end_start = struct.Struct(">qq").pack


ClosedSession = tuple[bytes, int, int, object]
"""Key, start, end and value of a session that has closed."""


class _SessionAggregate:
    __slots__ = (
        "_access",
        "_aggregator",
        "_closer",
        "_entry",
        "_gap",
        "_idles",
        "_init",
        "_late",
        "_late_ones",
        "_merger",
        "_nulls",
        "_scope",
        "_store",
        "_tells",
        "_time",
    )

    def __init__(
        self,
        scope: Scope,
        store: str,
        span: tuple[int, int],
        fold: tuple[Callable[[], object], Aggregator, Aggregator],
        emit_on_close: bool,
        idle_ms: int | None,
    ) -> None:
        """
        Args:
            span: gap and grace.
            fold: initializer, aggregator and merger.
        """
        self._scope = scope
        self._gap, grace = span
        self._late = grace + self._gap
        self._init, self._aggregator, self._merger = fold
        self._access = scope.session_store(store)
        self._store = self._access.store
        self._time = time_of(scope, store, idle_ms)
        self._tells = False
        self._idles = idle_ms is not None
        if idle_ms is not None:
            scope.when_idle(idle_ms, self._close_idle)
        self._late_ones = scope.drop(LATE, lambda: self._time.time)
        self._nulls = Nulls(scope, value=False)
        self._entry: Entry | None = None
        self._closer = None
        if emit_on_close:

            def bounds(last: int, close: int) -> tuple[int, int] | None:
                low, high = windows.session_emit_bounds(last, close)
                return (low, high) if high >= 0 and high >= low else None

            self._closer = Closer(scope, store, bounds, self._store.find_all)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        closer = self._closer
        if closer is None or self._idles:
            self._listen(code, down)
        self._nulls.write_step(code, rec)
        with code.block("else"), code.guarded(rec):
            kb = key_bytes(code, rec, self._access.key_serde)
            if closer is not None and closer.first:
                self._emit(code, rec, down, f"{code.use(self._moved, 'moved')}({rec.ts})")
            caching = self._access.caching and closer is None
            arguments = f"({rec.key}, {kb}, {rec.value}, {rec.ts}, {code.origin(rec) if caching else 'None'})"
            self._tells = not caching and closer is None
            code.line(f"{code.use(self._update, 'update')}{arguments}")
            if closer is not None and not closer.first:
                self._emit(code, rec, down, f"{code.use(self._due, 'due')}()")

    def _emit(self, code: Code, rec: Rec, down: Down, due: str) -> None:
        session, start, end, new = (code.name(hint) for hint in ("kb", "start", "end", "new"))
        with code.block(f"for {session}, {start}, {end}, {new} in {due}"):
            key = f"{code.use(self._access.key_serde.decode, 'decode')}({session})"
            windowed = f"{code.use(Windowed, 'windowed')}({key}, {code.use(Window, 'window')}({start}, {end}))"
            down(with_key(rec, code.let("key", windowed), new)._replace(ts=end, old="None", latest=""))

    def _listen(self, code: Code, down: Down) -> None:
        """Makes an entry for the updates, those of the store's cache where it has one; keys stand as in an output
        topic."""
        entry = self._entry = code.entry(down, "flushed", session_windowed(self._access.key_serde))

        def forward(
            key: bytes, start: int, end: int, new: object, old: object, timestamp: int, origin: object
        ) -> None:
            entry.call(key + _pack_end_start(end, start), new, end, origin, old, True)

        if self._access.caching and self._closer is None:
            self._scope.on_flush(self._access.name, forward)

    def _update(
        self, key: object, key_bytes: bytes, value: object, ts: int, origin: RecordContext | None
    ) -> None:
        """Merges the sessions that the record touches, itself among them: those are deleted, then the new one is put.
        If all of them are at the record's own timestamp, the one there is updated instead. Each update is passed on
        before the next one is made, unless that is told later."""
        time = self._time
        if time.time < ts:
            time.time = ts
        gap, merger = self._gap, self._merger
        aggregate = self._init()
        found = list(self._store.find(key_bytes, ts - gap, ts + gap))
        start = end = ts
        for _, old_start, old_end, old in found:
            aggregate = merger(key, aggregate, old)
            if old_start < start:
                start = old_start
            if old_end > end:
                end = old_end
        if end < time.time - self._late:
            self._late_ones.add()
            return
        if start != ts or end != ts:
            for _, old_start, old_end, old in found:
                self._store.remove(key_bytes, old_start, old_end, ts, origin)
                if self._tells:
                    self._tell(key_bytes, old_start, old_end, None, old)
        aggregate = self._aggregator(key, value, aggregate)
        self._store.put(key_bytes, start, end, aggregate, ts, origin)
        if self._tells:
            self._tell(key_bytes, start, end, aggregate, None)

    def _tell(self, key_bytes: bytes, start: int, end: int, new: object, old: object) -> None:
        """Passes an update on: as in Java without the record's headers."""
        if self._entry is not None:
            told = old if self._scope.sends_old else None
            self._entry.call(key_bytes + _pack_end_start(end, start), new, end, None, told, True)

    def _moved(self, ts: int) -> Iterable[ClosedSession]:
        """The sessions that a record at `ts` closes, before it is put."""
        if self._closer is None or ts <= self._time.time:
            return ()
        self._time.time = ts
        return self._closer.closed(ts - self._late)

    def _close_idle(self) -> None:
        """All sessions close: time moves on beyond the gap after the last one, and its grace period."""
        last, time = self._store.observed_time, self._time
        if last < 0:
            return
        time.time = max(time.time, last + self._late + 1)
        if self._closer is not None and self._entry is not None:
            for key, start, end, new in self._closer.closed(time.time - self._late):
                self._entry.call(key + _pack_end_start(end, start), new, end, None, None, True)

    def _due(self) -> Iterable[ClosedSession]:
        """The sessions that have closed."""
        return () if self._closer is None else self._closer.due(self._time.time - self._late)

    def close(self) -> None:
        pass


def session_aggregate(
    store: str,
    gap: int,
    grace: int,
    init: Callable[[], object],
    aggregator: Aggregator,
    merger: Aggregator,
    emit_on_close: bool = False,
    idle_ms: int | None = None,
) -> StepMaker:
    """A record joins the sessions of its key that are no further than `gap` from it: `merger(key, left, right)` folds
    their aggregates, from `init()` on, by end and start; then `aggregator(key, value, aggregate)` adds the record.
    The result's timestamp is the session's end; a session that was merged is deleted.

    Records without a key are dropped and counted, and those whose session (after merging) closed already: whose end
    is before observed stream time - grace - gap.

    Args:
        store: a session store.
        emit_on_close: nothing is passed on before a session closes; then it is, once, by end, start and key bytes. The
            store must not cache.
        idle_ms: all sessions close when the task has had no input for so long (wall clock); None: only stream time
            closes sessions.
    """

    def make(scope: Scope) -> Operator:
        return _SessionAggregate(scope, store, (gap, grace), (init, aggregator, merger), emit_on_close, idle_ms)

    return make


def session_reduce(
    store: str,
    gap: int,
    grace: int,
    reducer: Callable[[object, object], object],
    emit_on_close: bool = False,
    idle_ms: int | None = None,
) -> StepMaker:
    """`reducer(aggregate, value)` gives the new aggregate and merges two; the first value is taken as it is."""

    def merge(key: object, left: object, right: object) -> object:
        return right if left is None else reducer(left, right)

    return session_aggregate(store, gap, grace, lambda: None, reducing(reducer), merge, emit_on_close, idle_ms)


def session_count(
    store: str, gap: int, grace: int, emit_on_close: bool = False, idle_ms: int | None = None
) -> StepMaker:
    """Counts the records of a session."""

    def merge(key: object, left: int, right: int) -> int:
        return left + right

    return session_aggregate(store, gap, grace, lambda: 0, one_more, merge, emit_on_close, idle_ms)
