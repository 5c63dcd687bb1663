"""Steps of tables that look at one update: filters, mapped and transformed values, the selector of a grouping.

They pass on new and old value; the old one only where somebody below asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from streams.errors import StreamsException
from streams.operators.base import Call, Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.calls import called, truth
from streams.operators.materialize import Materialized
from streams.operators.stateless import with_key
from streams.operators.views import start_transformer, stop_transformer
from streams.serdes.change import ONE_VALUE_UPGRADES, Change

Expression = Callable[[Code, Rec, str], str]
"""`(code, rec, value)`: the text of what becomes of the value in that variable, which may be None."""


class _Derived:
    """Derives new and old value from those of the update."""

    __slots__ = ("_close", "_derive", "_filters", "_sends_old", "_table")

    def __init__(
        self,
        scope: Scope,
        store: str | None,
        derive: Expression,
        filters: bool = False,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            filters: an update without new and old value is not passed on where old ones are sent, unless the edge is
                a versioned table's.
        """
        self._derive = derive
        self._filters = filters
        self._sends_old = scope.sends_old
        self._table = None if store is None else Materialized(scope, store)
        self._close = close

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        table = self._table
        if table is not None:
            table.listen(code, down)
        new, old, written = code.name("new"), "None", ""
        checked = self._sends_old and self._filters and not rec.latest
        with code.guarded(rec):
            code.line(f"{new} = {self._derive(code, rec, rec.value)}")
            key = "" if table is None else code.let("kb", table.key_bytes(code, rec))
            if table is not None:
                table.arrive(code, rec)
            if self._sends_old:
                old = self._old(code, rec, key)
            if table is not None:
                new = table.living(code, new, rec.ts)
                with _where(code, checked, new, old):
                    written = table.put(code, key, new, rec.ts, table.origin(code, rec))
        with code.block("else"), _where(code, checked, new, old):
            after = rec._replace(value=new, old=old)
            if table is None:
                down(after)
            else:
                table.forward(code, after._replace(latest=""), down, written)

    def _old(self, code: Code, rec: Rec, key: str) -> str:
        table = self._table
        if table is None:
            return "None" if rec.old in ("", "None") else code.let("old", self._derive(code, rec, rec.old))
        found = code.let("found", f"{code.use(table.store.get, 'get')}({key})")
        return code.let("old", f"None if {found} is None else {found}[0]")

    def close(self) -> None:
        self._close()


def _where(code: Code, checked: bool, new: str, old: str) -> AbstractContextManager[None]:
    """What is inside runs, where this is `checked`, only if there is a new or an old value."""
    return code.block(f"if {new} is not None or {old} is not None") if checked else nullcontext()


def table_filter(
    predicate: Callable[[object, object], object], negate: bool, store: str | None = None
) -> StepMaker:
    """Rows for which `predicate(key, value)` is false (with `negate`: true) are no rows of the result: their updates
    become deletions. Where old values are sent, an update from no row to no row is dropped, unless the parent keeps
    versions.

    Args:
        store: where the result is kept; None: nowhere.
    """

    def derive(code: Code, rec: Rec, value: str) -> str:
        held = truth(code, f"{code.use(predicate)}({rec.key}, {value})")
        return f"{value} if {value} is not None and {'not ' if negate else ''}{held} else None"

    def make(scope: Scope) -> Operator:
        return _Derived(scope, store, derive, filters=True)

    return make


def table_map_values(call: Call, store: str | None = None) -> StepMaker:
    """The call gives the new value; a deletion stays one, without a call.

    Args:
        store: where the result is kept; None: nowhere.
    """

    def derive(code: Code, rec: Rec, value: str) -> str:
        return f"None if {value} is None else {called(code, call, rec.key, value)}"

    def make(scope: Scope) -> Operator:
        return _Derived(scope, store, derive)

    return make


def table_transform_values(supplier: Callable[[], object], store: str | None = None) -> StepMaker:
    """`transform(key, value)` of what the supplier gives makes the new value; it is asked for deletions too. Without
    a store it is asked again for the old value, with one that comes from the store.

    Args:
        supplier: gives a fresh transformer for each task; it may have `init(context)` and `close()`.
        store: where the result is kept; None: nowhere.
    """

    def make(scope: Scope) -> Operator:
        transformer, context = start_transformer(supplier, scope)

        def derive(code: Code, rec: Rec, value: str) -> str:
            code.line(f"{code.use(context, 'context')}.timestamp = {rec.ts}")
            return f"{code.use(transformer.transform, 'transform')}({rec.key}, {value})"

        return _Derived(scope, store, derive, close=lambda: stop_transformer(transformer))

    return make


class _Unversioned:
    """A step whose result is no versioned table, whatever it is made of."""

    __slots__ = ("_step",)

    def __init__(self, step: Operator) -> None:
        self._step = step

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        self._step.write_step(code, rec, lambda after, child=None: down(after._replace(latest=""), child))

    def close(self) -> None:
        self._step.close()


def unversioned(make: StepMaker) -> StepMaker:
    """The step that `make` gives, with a result that is no versioned table: updates that are not the newest of their
    key go on below it as any other. That is what Java makes of a `Materialized` without a versioned supplier."""

    def made(scope: Scope) -> Operator:
        return _Unversioned(make(scope))

    return made


Pair = tuple[object, object]


class Selected(NamedTuple):
    """One record for the repartition topic of a grouped table."""

    key: object
    change: Change[object]


def select_changes(new: Pair | None, old: Pair | None, together: bool) -> Iterator[Selected]:
    """What the pairs that a selector gave for new and old value send on: one record if both have the same key (equal
    and of one type, as Java's `equals`) and may go `together`, else first the removal, then the addition. A pair
    without key or value counts as none."""
    if new is not None and (new[0] is None or new[1] is None):
        new = None
    if old is not None and (old[0] is None or old[1] is None):
        old = None
    if new is not None and old is not None and together and type(new[0]) is type(old[0]) and new[0] == old[0]:
        yield Selected(old[0], Change(new[1], old[1]))
        return
    if old is not None:
        yield Selected(old[0], Change(None, old[1]))
    if new is not None:
        yield Selected(new[0], Change(new[1], None))


def _no_key() -> None:
    raise StreamsException("Record key for the grouping KTable should not be null.")


class _Select:
    __slots__ = ("_selector", "_together")

    def __init__(self, scope: Scope, selector: Callable[[object, object], Pair | None]) -> None:
        self._selector = selector
        upgrade = scope.setting("upgrade.from")
        self._together = upgrade not in ONE_VALUE_UPGRADES

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        selector = code.use(self._selector, "select")
        pairs, key, change = code.use(self._pairs, "pairs"), code.name("key"), code.name("change")
        with code.guarded(rec):
            with code.block(f"if {rec.key} is None"):
                code.line(f"{code.use(_no_key)}()")
            new = f"None if {rec.value} is None else {selector}({rec.key}, {rec.value})"
            old = f"None if {rec.old or 'None'} is None else {selector}({rec.key}, {rec.old})"
            with code.block(f"if {rec.latest}") if rec.latest else nullcontext():
                new = code.let("new", new)
                old = code.let("old", "None" if rec.old in ("", "None") else old)
                with code.block(f"for {key}, {change} in {pairs}({new}, {old})"):
                    down(with_key(rec, key, change)._replace(old="", latest=""))

    def _pairs(self, new: Pair | None, old: Pair | None) -> Iterator[Selected]:
        return select_changes(new, old, self._together)

    def close(self) -> None:
        pass


def table_select(selector: Callable[[object, object], Pair | None]) -> StepMaker:
    """`selector(key, value)` gives the key to group by and the value to aggregate, for new and old value. What is
    passed on has that key and a `Change` as its value. Versions that are not the newest are left out.

    Raises:
        StreamsException: (when running) a row has no key.
    """

    def make(scope: Scope) -> Operator:
        return _Select(scope, selector)

    return make
