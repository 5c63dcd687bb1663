"""Holds back the updates of a table: for a time, or until a window closes."""

from __future__ import annotations

from statestore.api import BufferedChange, SuppressBuffer
from streams.dropped import LATE
from streams.errors import StreamsException
from streams.operators.base import Code, Down, Entry, Operator, ProcessorMetadata, Rec, RecordContext, Scope, StepMaker
from streams.operators.close import StreamTime
from streams.operators.fixes import OLD_VALUE, fixed
from streams.operators.materialize import key_bytes
from streams.record import Windowed

_NO_LIMIT = 2**63 - 1


class Limits:
    """When a buffer is too full, and what then."""

    __slots__ = ("max_bytes", "max_records", "shut_down")

    def __init__(self, max_records: int | None, max_bytes: int | None, shut_down: bool) -> None:
        self.max_records = _NO_LIMIT if max_records is None else max_records
        self.max_bytes = _NO_LIMIT if max_bytes is None else max_bytes
        self.shut_down = shut_down

    def exceeded(self, buffer: SuppressBuffer) -> bool:
        """Is there too much in it?"""
        return len(buffer) > self.max_records or (
            self.max_bytes != _NO_LIMIT and buffer.bytes_held > self.max_bytes
        )

    def error(self, node: str, buffer: SuppressBuffer) -> StreamsException:
        """What a buffer that may not let go of anything fails with."""
        return StreamsException(
            f"{node} buffer exceeded its max capacity. Currently [{len(buffer)}/{self.max_records}] records and "
            f"[{buffer.measure()}/{self.max_bytes}] bytes."
        )


class _Suppress:
    __slots__ = (
        "_buffer",
        "_closed",
        "_context",
        "_emitted",
        "_entry",
        "_final",
        "_late",
        "_limits",
        "_prior",
        "_scope",
        "_serde",
        "_time",
        "_wait",
        "_window_end",
    )

    def __init__(
        self,
        scope: Scope,
        store: str,
        wait_ms: int,
        final: bool,
        limits: Limits,
        window_end: bool,
        idle_ms: int | None,
    ) -> None:
        access = scope.suppress_buffer(store)
        self._scope = scope
        # Taking it says that this node asks: stores above then keep it for their flush.
        self._context = scope.context
        self._serde = access.key_serde
        self._buffer = access.store
        self._wait = wait_ms
        self._final = final
        self._limits = limits
        self._window_end = window_end
        self._time = StreamTime()
        self._emitted = scope.counter("suppression-emit")
        self._entry: Entry | None = None
        self._prior = fixed(scope, OLD_VALUE)
        self._late = scope.drop(LATE, lambda: self._time.time)
        self._closed: ProcessorMetadata | None = None
        """The time to which idleness moved this operator."""
        if idle_ms is not None:
            self._closed = scope.processor_metadata(f"{store}:time")
            self._time.time = self._closed.value
            scope.when_idle(idle_ms, self._close_idle)
        if limits.max_bytes != _NO_LIMIT:
            self._buffer.measure()

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        self._entry = code.entry(down, "released", self._serde)
        with code.guarded(rec):
            key = key_bytes(code, rec, self._serde)
            arguments = f"{key}, {rec.value}, {rec.old or 'None'}, {rec.ts}, {code.origin(rec)}"
            code.line(f"{code.use(self._take, 'take')}({arguments})")

    def _take(
        self, key: bytes, new: object, old: object, ts: int, origin: RecordContext | None
    ) -> None:
        """Buffers an update, then lets go of those whose time has come, or for which there is no room."""
        buffer, scope, time = self._buffer, self._scope, self._time
        if time.time < ts:
            time.time = ts
        context = origin or self._context()._replace(timestamp=ts)
        buffered_at = ts
        if self._window_end and key not in buffer:
            windowed = self._serde.decode(key)
            assert isinstance(windowed, Windowed)
            buffered_at = windowed.window.end
            if self._closed is not None and buffered_at + self._wait <= self._closed.value:
                # Its result was let go for want of input; that was the last one.
                self._late.add()
                return
        now = scope.now_ms()
        buffer.put(key, buffered_at, old, new, ts, context, now)
        due = time.time - self._wait
        while buffer.min_time <= due:
            self._release(*buffer.first(), now)
        limits = self._limits
        if limits.exceeded(buffer):
            if limits.shut_down:
                raise limits.error(scope.node, buffer)
            while limits.exceeded(buffer):
                self._release(*buffer.first(), now)

    def _release(self, key: bytes, row: BufferedChange, now: int) -> None:
        """Passes on the latest update of a key, with its own timestamp and context, and forgets it."""
        if (row.new is not None or not self._final) and self._entry is not None:
            old = row.old
            if self._prior:
                known = self._buffer.prior(key)
                old = None if known is None else known[0]
            self._entry.call(key, row.new, row.timestamp, row.context, old, True)
            self._emitted.value += 1
        self._buffer.drop_first(now)

    def _close_idle(self) -> None:
        """Everything is let go, in its order: time moves on as far as that takes."""
        buffer, time = self._buffer, self._time
        while len(buffer):
            key, row = buffer.first()
            time.time = max(time.time, row.time + self._wait)
            self._release(key, row, self._scope.now_ms())
            if self._closed is not None:
                self._closed.value = max(self._closed.value, row.time + self._wait)

    def close(self) -> None:
        pass


def suppress(
    buffer_store: str,
    wait_ms: int,
    final: bool,
    max_records: int | None,
    max_bytes: int | None,
    shut_down: bool,
    window_end: bool = False,
    idle_ms: int | None = None,
) -> StepMaker:
    """Holds back the updates of each key until stream time has moved on by `wait_ms` since the first of them, or, with
    `window_end`, past the end of its window; then the latest is passed on, with its own timestamp.

    Args:
        buffer_store: a buffer of changes.
        final: deletions are not passed on: nobody has seen what they delete.
        max_records, max_bytes: how much may be held back; None: any amount.
        shut_down: too much is an error; else the oldest updates leave early.
        window_end: keys are `Windowed`, and the end of the window is what counts.
        idle_ms: everything is let go when the task has had no input for so long (wall clock), and what comes later for
            a window that was let go then is dropped and counted; None: only stream time counts.
    Raises:
        StreamsException: (when running) the buffer is too full, with `shut_down`.
    """
    limits = Limits(max_records, max_bytes, shut_down)

    def make(scope: Scope) -> Operator:
        return _Suppress(scope, buffer_store, wait_ms, final, limits, window_end, idle_ms)

    return make
