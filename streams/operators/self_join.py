"""A stream joined with itself, where one store serves both sides (`single.store.self.join`)."""

from __future__ import annotations

from collections.abc import Iterator

from streams.operators.base import Call, Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.calls import joined
from streams.operators.close import StreamTime
from streams.operators.dropping import Nulls
from streams.operators.materialize import key_bytes


class _SelfJoin:
    __slots__ = ("_after", "_before", "_join", "_nulls", "_retention", "_serde", "_store", "_time")

    def __init__(self, scope: Scope, store: str, call: Call, before: int, after: int, grace: int) -> None:
        access = scope.window_store(store)
        self._store = access.store
        self._serde = access.key_serde
        self._join = joined(call)
        self._before, self._after = before, after
        self._retention = before + after + grace
        self._time = StreamTime()
        self._nulls = Nulls(scope)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        value, ts = code.name("value"), code.name("ts")
        self._nulls.write_step(code, rec)
        with code.block("else"), code.guarded(rec):
            key = key_bytes(code, rec, self._serde)
            results = f"{code.use(self._results, 'results')}({rec.key}, {key}, {rec.value}, {rec.ts})"
            with code.block(f"for {value}, {ts} in {results}"):
                down(rec._replace(value=value, ts=ts))

    def _results(self, key: object, key_bytes: bytes, value: object, ts: int) -> Iterator[tuple[object, int]]:
        """The record as a left one with the others, then the others as left ones with it; itself with itself where
        its timestamp belongs among the latter."""
        join, before, after = self._join, self._before, self._after
        own = join(key, value, value)
        time = self._time
        time.time = max(time.time, ts)
        # A record that the store no longer takes does not meet itself.
        to_come = ts > time.time - self._retention + 1
        with self._store.fetch_range(key_bytes, max(0, ts - before), max(0, ts + after)) as rows:
            for other_ts, other, _ in rows:
                yield join(key, value, other), max(ts, other_ts)
        with self._store.fetch_range(key_bytes, max(0, ts - after), max(0, ts + before)) as rows:
            for other_ts, other, _ in rows:
                if to_come and other_ts > ts:
                    to_come = False
                    yield own, ts
                yield join(key, other, value), max(ts, other_ts)
        if to_come:
            yield own, ts

    def close(self) -> None:
        pass


def self_join(store: str, call: Call, before: int, after: int, grace: int) -> StepMaker:
    """Gives what an inner join of the stream with itself gives, in the same order.

    Args:
        store: the stream's window store; it keeps duplicates.
        call: the joiner: (left, right), or (key, left, right).
        before, after, grace: of the join windows, in ms.
    """

    def make(scope: Scope) -> Operator:
        return _SelfJoin(scope, store, call, before, after, grace)

    return make
