"""A stream of updates becomes a table."""

from __future__ import annotations

from streams.operators.base import Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.dropping import Nulls
from streams.operators.materialize import Materialized


class _Stored:
    """Keeps the table in a store and passes on what was put."""

    __slots__ = ("_nulls", "_scope", "_skip_null_key", "_table")

    def __init__(self, scope: Scope, store: str, skip_null_key: bool) -> None:
        self._scope = scope
        self._table = Materialized(scope, store)
        self._skip_null_key = skip_null_key
        self._nulls = Nulls(scope, value=False)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        self._table.listen(code, down)
        if not self._skip_null_key:
            self._update(code, rec, down)
            return
        self._nulls.write_step(code, rec)
        with code.block("else"):
            self._update(code, rec, down)

    def _update(self, code: Code, rec: Rec, down: Down) -> None:
        table = self._table
        old = "None"
        with code.guarded(rec):
            table.arrive(code, rec)
            key = code.let("kb", table.key_bytes(code, rec))
            # A caching store knows by itself what it last let go.
            if self._scope.sends_old and not table.access.caching:
                found = code.let("found", f"{code.use(table.store.get, 'get')}({key})")
                old = code.let("old", f"None if {found} is None else {found}[0]")
            elif table.access.reads_take_room:
                code.line(f"{code.use(table.store.get, 'get')}({key})")
            value = table.living(code, rec.value, rec.ts)
            written = table.put(code, key, value, rec.ts, table.origin(code, rec))
        with code.block("else"):
            table.forward(code, rec._replace(value=value, old=old, latest=""), down, written)

    def close(self) -> None:
        pass


class _Passed:
    """A table that nobody keeps: updates pass, old values are not known."""

    __slots__ = ("_nulls", "_skip_null_key")

    def __init__(self, scope: Scope, skip_null_key: bool) -> None:
        self._skip_null_key = skip_null_key
        self._nulls = Nulls(scope, value=False)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        update = rec._replace(old="None", latest="")
        if not self._skip_null_key:
            down(update)
            return
        self._nulls.write_step(code, rec)
        with code.block("else"):
            down(update)

    def close(self) -> None:
        pass


def source_table(store: str | None, skip_null_key: bool = True) -> StepMaker:
    """Each record is the new value of its key (None: no value). The last one in offset order wins, whatever
    its timestamp; in a versioned store the one with the highest timestamp is the newest.

    Args:
        store: where the table is kept; None: nowhere.
        skip_null_key: drop records without a key and count them.
    """

    def make(scope: Scope) -> Operator:
        return _Passed(scope, skip_null_key) if store is None else _Stored(scope, store, skip_null_key)

    return make
