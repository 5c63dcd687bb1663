"""Joins of two tables by primary key. Each side has a node of its own, which reads the other's current value; a
merging node after both keeps the result where it is materialised."""

from __future__ import annotations

from streams.dropped import NULL_KEY, SUPERSEDED
from streams.operators.base import Call, Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.calls import called
from streams.operators.dropping import unwanted_row
from streams.operators.materialize import Materialized
from streams.operators.views import View


class _TableJoin:
    """What the joiner gives for (this value, other value), per kind and side:

    * inner: nothing while the other value is missing; missing this value: a deletion
    * left, from the left: the other value may be missing; nothing only if there is and was no value either
    * left, from the right: nothing while the left value is missing; the right one may be missing
    * outer: a result while either is there
    """

    __slots__ = ("_call", "_kind", "_no_key", "_old", "_other", "_scope", "_this_is_left")

    def __init__(self, scope: Scope, kind: str, this_is_left: bool, other: View, call: Call) -> None:
        self._scope = scope
        self._kind = kind
        self._this_is_left = this_is_left
        self._other = other.bind(scope)
        self._call = call
        self._no_key, self._old = scope.drop(NULL_KEY), scope.drop(SUPERSEDED)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        unwanted_row(code, rec, self._no_key, self._old)
        with code.block("else"), code.guarded(rec):
            found = code.let("other", self._other.look_up(code, rec.key, self._other.raw_of(rec)))
            other, ts = code.name("other"), code.name("ts")
            old = rec.old if rec.old and self._scope.sends_old else "None"
            needed = self._kind == "inner" or (self._kind == "left" and not self._this_is_left)
            if needed:
                with code.block(f"if {found} is not None"):
                    code.line(f"{other}, {ts} = {found}")
                    self._result(code, rec, down, other, ts, old)
                return
            # An old value counts whether or not it is sent on: without any, this is a deletion of nothing.
            there = [found, rec.value] if rec.old in ("", "None") else [found, rec.value, rec.old]
            with code.block(f"if {' or '.join(f'{value} is not None' for value in there)}"):
                code.line(f"{other}, {ts} = {found} or {code.use((None, -1), 'nothing')}")
                self._result(code, rec, down, other, ts, old)

    def _result(self, code: Code, rec: Rec, down: Down, other: str, ts: str, old: str) -> None:
        with code.block(f"if {ts} < {rec.ts}"):
            code.line(f"{ts} = {rec.ts}")
        new = code.let("new", self._joined(code, rec, rec.value, other))
        if old != "None":
            old = code.let("old", self._joined(code, rec, old, other))
        elif self._scope.sends_old and self._always(other) != "False":
            old = code.let("old", self._joined(code, rec, "None", other))
        down(rec._replace(value=new, ts=ts, old=old, latest=""))

    def _always(self, other: str) -> str:
        """The condition under which a missing value of this side is joined all the same."""
        if self._kind == "left" and not self._this_is_left:
            return "True"
        return f"{other} is not None" if self._kind == "outer" else "False"

    def _joined(self, code: Code, rec: Rec, this: str, other: str) -> str:
        sides = (this, other) if self._this_is_left else (other, this)
        text = called(code, self._call, rec.key, *sides)
        always = self._always(other)
        if always == "True":
            return text
        if always == "False":
            return f"None if {this} is None else {text}"
        return f"{text} if {this} is not None or {always} else None"

    def close(self) -> None:
        self._other.close()


def table_join(kind: str, this_is_left: bool, other: View, call: Call) -> StepMaker:
    """One side of a join of tables. The result's timestamp is the higher of both; versions that are not the newest are
    dropped and counted, records without a key too.

    Args:
        kind: `inner`, `left` or `outer`.
        this_is_left: updates come from the left table.
        other: the other table.
        call: the joiner: (left, right), or (key, left, right).
    """

    def make(scope: Scope) -> Operator:
        return _TableJoin(scope, kind, this_is_left, other, call)

    return make


class _Merge:
    __slots__ = ("_sends_old", "_table")

    def __init__(self, scope: Scope, store: str | None) -> None:
        self._sends_old = scope.sends_old
        self._table = None if store is None else Materialized(scope, store)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        table = self._table
        after = rec._replace(old=rec.old if rec.old and self._sends_old else "None")
        if table is None:
            down(after)
            return
        table.listen(code, down)
        with code.guarded(rec):
            table.arrive(code, rec)
            key = code.let("kb", table.key_bytes(code, rec))
            value = table.living(code, rec.value, rec.ts)
            written = table.put(code, key, value, rec.ts, table.origin(code, rec))
        with code.block("else"):
            table.forward(code, after._replace(value=value, latest=""), down, written)

    def close(self) -> None:
        pass


def table_join_merge(store: str | None = None) -> StepMaker:
    """Where both sides of a join meet.

    Args:
        store: where the result is kept; None: nowhere.
    """

    def make(scope: Scope) -> Operator:
        return _Merge(scope, store)

    return make
