"""Joins of two streams within a window of time.

Each side has a node that passes a record on and then stores it, and below it one that joins the record with what the
other side has stored. Records of a left or outer join that find no partner wait in a store that both sides share, until
no partner can come any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from streams.dropped import NULL_KEY, NULL_VALUE
from streams.operators.base import Call, Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.calls import called, joined
from streams.operators.close import Throttle
from streams.operators.dropping import Nulls
from streams.operators.materialize import key_bytes
from streams.operators.outer_store import OuterStore, Waiting
from streams.serdes.base import Serde
from streams.serdes.outer_join import Sided, decode_values, encode_values

EMIT_INTERVAL: Final = "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"
_NEVER: Final = 2**63 - 1


class JoinTime:
    """The time that both sides of a join share, and what each tells the other."""

    __slots__ = ("least", "oldest", "serdes", "throttle", "time")

    def __init__(self, scope: Scope) -> None:
        self.time = -1
        """The highest timestamp of both sides."""
        self.oldest = _NEVER
        """Java's `minTime`: a timestamp at which records wait; it decides when one looks for closed windows."""
        self.least = 0
        """No record that waits is older."""
        self.throttle = Throttle(scope, EMIT_INTERVAL)
        self.serdes: dict[bool, Serde[object]] = {}
        """Of the values, by side (is it the left one)."""


class _Window:
    __slots__ = ("_serde", "_store")

    def __init__(self, scope: Scope, store: str) -> None:
        access = scope.window_store(store)
        self._store = access.store
        self._serde = access.key_serde

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        down(rec)
        put = code.use(self._store.put, "put")
        with code.block(f"if {rec.key} is not None"), code.guarded(rec):
            stored = f"{put}({key_bytes(code, rec, self._serde)}, {rec.ts}, {rec.value}, {rec.ts})"
            code.line(stored)

    def close(self) -> None:
        pass


def stream_window(store: str) -> StepMaker:
    """Passes a record on, to the node that joins it, and then keeps it for the other side. Records without a key or
    value are not kept.

    Args:
        store: the window store of this side; it keeps duplicates.
    """

    def make(scope: Scope) -> Operator:
        return _Window(scope, store)

    return make


class Result(NamedTuple):
    """One record of the result."""

    key: object
    key_bytes: bytes | None
    value: object
    timestamp: int


class _Side:
    """One side, seen from which there is *this* value and the *other* one."""

    __slots__ = (
        "_after",
        "_before",
        "_call",
        "_grace",
        "_is_left",
        "_join",
        "_no_key",
        "_no_value",
        "_nulls",
        "_outer",
        "_serde",
        "_store",
        "_time",
        "_waiting",
    )

    def __init__(
        self,
        scope: Scope,
        outer: bool,
        is_left: bool,
        stores: tuple[str, str | None],
        call: Call,
        times: tuple[int, int, int],
        shared: str,
    ) -> None:
        """
        Args:
            outer: a record of this side without a partner is part of the result.
            stores: the other side's window store, and the one both share.
            times: before, after and grace, as the left side sees them.
        """
        before, after, grace = times
        self._before, self._after = (before, after) if is_left else (after, before)
        self._grace = grace
        self._outer = outer
        self._is_left = is_left
        self._call = call
        self._join = joined(call)
        access = scope.window_store(stores[0])
        self._store = access.store
        self._serde = access.key_serde
        self._time = scope.shared(shared, lambda: JoinTime(scope))
        self._time.serdes[not is_left] = access.value_serde
        self._nulls = Nulls(scope)
        self._no_key, self._no_value = scope.drop(NULL_KEY), scope.drop(NULL_VALUE)
        self._waiting = None
        if stores[1] is not None:
            waiting = scope.key_value_store(stores[1])
            self._waiting = OuterStore(waiting.store, _written, decode_values)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        time = f"{code.use(self._time, 'seen')}.time"
        with code.block(f"if {rec.ts} > {time}"):
            code.line(f"{time} = {rec.ts}")
        if self._outer or self._waiting is not None:
            self._walk_outer(code, rec, down)
        else:
            self._walk_inner(code, rec, down)

    def _walk_inner(self, code: Code, rec: Rec, down: Down) -> None:
        self._nulls.write_step(code, rec)
        with code.block("else"), code.guarded(rec):
            fetch = code.use(self._store.fetch_range, "fetch")
            key = key_bytes(code, rec, self._serde)
            low, high = _never_negative(f"{rec.ts} - {self._before}"), f"{rec.ts} + {self._after}"
            if self._after < 0:
                high = _never_negative(high)
            ts, other = code.name("ts"), code.name("other")
            with code.block(f"for {ts}, {other}, _ in {fetch}({key}, {low}, {high})"):
                with code.block(f"if {ts} < {rec.ts}"):
                    code.line(f"{ts} = {rec.ts}")
                sides = (rec.value, other) if self._is_left else (other, rec.value)
                value = code.let("value", called(code, self._call, rec.key, *sides))
                down(rec._replace(value=value, ts=ts))

    def _walk_outer(self, code: Code, rec: Rec, down: Down) -> None:
        key, kb, value, ts = (code.name(hint) for hint in ("key", "kb", "value", "ts"))
        with code.guarded(rec):
            own = code.let("own", f"None if {rec.key} is None else {key_bytes(code, rec, self._serde)}")
            results = f"{code.use(self._results, 'results')}({rec.key}, {own}, {rec.value}, {rec.ts})"
            with code.block(f"for {key}, {kb}, {value}, {ts} in {results}"):
                down(rec._replace(key=key, value=value, ts=ts, raw_key=kb, key_serde=self._serde))

    def _results(self, key: object, key_bytes: bytes | None, value: object, ts: int) -> Iterator[Result]:
        """What a record of a left or outer join brings about, in order."""
        if value is None or (key is None and not self._outer):
            (self._no_value if value is None else self._no_key).add()
            return
        if key_bytes is None:
            yield Result(None, None, self._joined(None, value, None), ts)
            return
        time, waiting, is_left = self._time, self._waiting, self._is_left
        if waiting is not None and ts == time.time and self._looks():
            yield from self._closed(waiting, ts)
        last = max(0, ts + self._after)
        alone = self._outer
        with self._store.fetch_range(key_bytes, max(0, ts - self._before), last) as rows:
            for other_ts, other, _ in rows:
                alone = False
                if waiting is not None and other_ts >= time.least:
                    waiting.joined(key_bytes, other_ts, not is_left, ts)
                yield Result(key, key_bytes, self._joined(key, value, other), max(ts, other_ts))
        if not alone:
            return
        if waiting is None or last < time.time:
            yield Result(key, key_bytes, self._joined(key, value, None), ts)
            return
        time.oldest = min(time.oldest, ts)
        time.least = min(time.least, ts)
        waiting.add(key_bytes, ts, is_left, time.serdes[is_left].encode(value))

    def _joined(self, key: object, this: object, other: object) -> object:
        return self._join(key, this, other) if self._is_left else self._join(key, other, this)

    def _looks(self) -> bool:
        """Is it time to look for those whose windows have closed?"""
        time = self._time
        ahead = self._after + self._grace
        # Java's sum overflows while nothing waits, so that it looks (and waits for its next turn) all the same.
        quiet = ahead == 0 if time.oldest == _NEVER else time.oldest + ahead >= time.time
        return not quiet and time.throttle.passes()

    def _closed(self, waiting: OuterStore, ts: int) -> Iterator[Result]:
        """Those whose windows have closed, each joined with None.

        When to look (`_looks`), and where to stop, follows Java to the letter: the oldest time is that of the last
        record looked at.
        """
        time = self._time
        time.oldest = least = _NEVER
        still_open: set[bool] = set()
        emitted: bytes | None = None
        for row, is_left, data in _each(waiting, time.least):
            time.oldest = row.timestamp
            if len(still_open) == 2:
                break
            if self._is_open(row):
                still_open.add(is_left)
                least = min(least, row.timestamp)
                continue
            yield self._unjoined(row, is_left, data)
            if emitted is not None and emitted != row.row:
                waiting.remove(emitted, ts)
            emitted = row.row
        if emitted is not None:
            waiting.remove(emitted, ts)
        time.least = least

    def _is_open(self, row: Waiting) -> bool:
        """May a partner still come? The left side's come up to `after` later, the right side's up to `before`."""
        later = self._after if row.is_left == self._is_left else self._before
        return row.timestamp + later + self._grace >= self._time.time

    def _unjoined(self, row: Waiting, is_left: bool, data: bytes) -> Result:
        key = self._serde.decode(row.key)
        value = self._time.serdes[is_left].decode(data)
        sides = (value, None) if is_left else (None, value)
        return Result(key, row.key, self._join(key, *sides), row.timestamp)

    def close(self) -> None:
        pass


def _never_negative(text: str) -> str:
    """The expression, or 0 where it is less."""
    return f"{text} if {text} > 0 else 0"


def _each(waiting: OuterStore, since: int) -> Iterator[tuple[Waiting, bool, bytes]]:
    """All records that wait, one by one."""
    for row in waiting.all(since):
        for is_left, data in row.values:
            yield row, is_left, data


def _written(values: list[tuple[bool, bytes]]) -> bytes:
    return encode_values([Sided(*value) for value in values])


def stream_join(
    kind: str,
    this_is_left: bool,
    other_store: str,
    outer_store: str | None,
    call: Call,
    before: int,
    after: int,
    grace: int,
    shared: str,
) -> StepMaker:
    """Joins a record with those of the other side, in ascending order of their timestamps: a left record at t with
    right ones in [t - before, t + after]. The result's timestamp is the higher of both.

    Args:
        kind: `inner`, `left` or `outer`.
        this_is_left: the records come from the left side.
        other_store: the other side's window store.
        outer_store: where records wait that found no partner; None: those of left and outer joins are joined with
            None at once.
        call: the joiner: (left, right), or (key, left, right).
        before, after, grace: of the join windows, as the left side sees them, in ms.
        shared: name of the join, the same on both sides.
    """
    outer = kind == "outer" or (kind == "left" and this_is_left)

    def make(scope: Scope) -> Operator:
        return _Side(scope, outer, this_is_left, (other_store, outer_store), call, (before, after, grace), shared)

    return make
