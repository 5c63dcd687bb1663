"""Aggregation of a stream by key, without windows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from streams.operators.base import Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.dropping import Nulls
from streams.operators.materialize import Materialized


class Fold(NamedTuple):
    """How an aggregate goes on, as text.

    `first(code, rec)` gives the expression of the aggregate before a key's first record, or "" where the first value is
    itself the new aggregate; `following(code, rec, old)` that of the new one, which `deletes` where it is None.
    """

    first: Callable[[Code, Rec], str]
    following: Callable[[Code, Rec, str], str]
    deletes: bool = True

    def stamp(self, rec: Rec, new: str, ts: str) -> str:
        """The expression of the timestamp under which a store takes the new aggregate: the highest of all that took
        part, but a deletion has that of its record. Java's tombstones carry no value, and so no timestamp with it."""
        return f"{ts} if {new} is not None else {rec.ts}" if self.deletes else ts


class _Aggregate:
    __slots__ = ("_fold", "_nulls", "_scope", "_table")

    def __init__(self, scope: Scope, store: str, fold: Fold) -> None:
        self._scope = scope
        self._fold = fold
        self._table = Materialized(scope, store)
        self._nulls = Nulls(scope)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        self._table.listen(code, down)
        self._nulls.write_step(code, rec)
        with code.block("else"):
            self._update(code, rec, down)

    def _update(self, code: Code, rec: Rec, down: Down) -> None:
        table = self._table
        old, new, ts = code.name("old"), code.name("new"), code.name("ts")
        written = ""
        with code.guarded(rec):
            table.arrive(code, rec)
            key = code.let("kb", table.key_bytes(code, rec))
            found = code.let("found", f"{code.use(table.store.get, 'get')}({key})")
            late = table.late(code, found, rec.ts)
            with _unless(code, late):
                self._combine(code, rec, found, (old, new, ts))
                written = table.put(code, key, new, ts, table.origin(code, rec), self._fold.stamp(rec, new, ts))
        with code.block("else"), _unless(code, late):
            after = rec._replace(value=new, ts=ts, old=old if self._scope.sends_old else "None", latest="")
            table.forward(code, after, down, written)

    def _combine(self, code: Code, rec: Rec, found: str, names: tuple[str, str, str]) -> None:
        """Writes old and new aggregate, and the highest timestamp of the key's records."""
        old, new, ts = names
        first = self._fold.first(code, rec)
        with code.block(f"if {found} is None"):
            code.line(f"{old} = {first or 'None'}")
            code.line(f"{new} = {self._fold.following(code, rec, old) if first else rec.value}")
            code.line(f"{ts} = {rec.ts}")
        with code.block("else"):
            code.line(f"{old} = {found}[0]")
            code.line(f"{new} = {self._fold.following(code, rec, old)}")
            code.line(f"{ts} = {found}[1]")
            with code.block(f"if {ts} < {rec.ts}"):
                code.line(f"{ts} = {rec.ts}")

    def close(self) -> None:
        pass


def _unless(code: Code, late: str) -> AbstractContextManager[None]:
    """What is inside runs unless the record is late, where that can be ("" else)."""
    return code.block(f"if not {late}") if late else nullcontext()


def aggregate_fold(init: Callable[[], object], aggregator: Callable[[object, object, object], object]) -> Fold:
    """`aggregator(key, value, aggregate)`, from what `init()` gives."""
    return Fold(
        lambda code, rec: f"{code.use(init, 'init')}()",
        lambda code, rec, old: f"{code.use(aggregator)}({rec.key}, {rec.value}, {old})",
    )


def reduce_fold(reducer: Callable[[object, object], object]) -> Fold:
    """`reducer(aggregate, value)`, from the first value."""
    return Fold(lambda code, rec: "", lambda code, rec, old: f"{code.use(reducer)}({old}, {rec.value})")


def count_fold() -> Fold:
    """One more, from 0."""
    return Fold(lambda code, rec: "0", lambda code, rec, old: f"{old} + 1", deletes=False)


def _maker(store: str, fold: Fold) -> StepMaker:
    def make(scope: Scope) -> Operator:
        return _Aggregate(scope, store, fold)

    return make


def stream_aggregate(
    store: str,
    init: Callable[[], object],
    aggregator: Callable[[object, object, object], object],
) -> StepMaker:
    """`aggregator(key, value, aggregate)` gives the new aggregate; `init()` the one before a key's first record.

    Records without key or value are dropped and counted. None as a result deletes. The result's timestamp is the
    highest of the key's records so far. Before a first record the old value passed on is what `init` gave (as Java).
    """
    return _maker(store, aggregate_fold(init, aggregator))


def stream_reduce(store: str, reducer: Callable[[object, object], object]) -> StepMaker:
    """`reducer(aggregate, value)` gives the new aggregate; a key's first value is taken as it is."""
    return _maker(store, reduce_fold(reducer))


def stream_count(store: str) -> StepMaker:
    """Counts the records of a key."""
    return _maker(store, count_fold())
