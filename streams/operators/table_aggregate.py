"""Aggregation of a grouped table: what leaves a group is subtracted, then what comes to it is added."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streams.errors import StreamsException
from streams.operators.base import Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.materialize import Materialized

Text = Callable[[Code, str, str, str], str]
"""`(code, key, value, aggregate)`: the text of a call."""


class Balance(NamedTuple):
    """How an aggregate changes. `first(code, value)` is the aggregate that the first value makes, through `add`."""

    operator: str
    add: Text
    subtract: Text
    first: Callable[[Code, str, str], str]


class _TableAggregate:
    __slots__ = ("_balance", "_refuse", "_scope", "_table")

    def __init__(self, scope: Scope, store: str, balance: Balance) -> None:
        self._scope = scope
        self._balance = balance
        self._table = Materialized(scope, store)

        def refuse() -> None:
            raise StreamsException(
                f"Record key for KTable {balance.operator} operator with state {store} should not be null."
            )

        self._refuse = refuse

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        table = self._table
        table.listen(code, down)
        old, new, ts = code.name("old"), code.name("agg"), code.name("ts")
        with code.guarded(rec):
            with code.block(f"if {rec.key} is None"):
                code.line(f"{code.use(self._refuse, 'refuse')}()")
            table.arrive(code, rec)
            key = code.let("kb", table.key_bytes(code, rec))
            added, removed = code.name("added"), code.name("removed")
            code.line(f"{added}, {removed}, _ = {rec.value}")
            found = code.let("found", f"{code.use(table.store.get, 'get')}({key})")
            self._combine(code, rec, found, (added, removed), (old, new, ts))
            new = table.living(code, new, ts)
            stamp = f"{ts} if {new} is not None else {rec.ts}"  # as `Fold.stamp`
            written = table.put(code, key, new, ts, table.origin(code, rec), stamp)
        with code.block("else"):
            sent = old if self._scope.sends_old else "None"
            table.forward(code, rec._replace(value=new, ts=ts, old=sent, latest=""), down, written)

    def _combine(
        self, code: Code, rec: Rec, found: str, change: tuple[str, str], names: tuple[str, str, str]
    ) -> None:
        """Writes new aggregate and timestamp: the highest of all that took part."""
        balance = self._balance
        added, removed = change
        old, new, ts = names
        code.line(f"{ts} = {rec.ts}")
        with code.block(f"if {found} is None"):
            code.line(f"{old} = None")
            with code.block(f"if {added} is None"):
                code.line(f"{new} = None")
            with code.block("else"):
                code.line(f"{new} = {balance.first(code, rec.key, added)}")
        with code.block("else"):
            code.line(f"{old} = {new} = {found}[0]")
            with code.block(f"if {found}[1] > {ts} and ({added} is not None or {removed} is not None)"):
                code.line(f"{ts} = {found}[1]")
            with code.block(f"if {removed} is not None"):
                code.line(f"{new} = {balance.subtract(code, rec.key, removed, old)}")
            with code.block(f"if {added} is not None"):
                with code.block(f"if {new} is None"):
                    code.line(f"{new} = {balance.first(code, rec.key, added)}")
                with code.block("else"):
                    code.line(f"{new} = {balance.add(code, rec.key, added, new)}")

    def close(self) -> None:
        pass


def _maker(store: str, balance: Balance) -> StepMaker:
    def make(scope: Scope) -> Operator:
        return _TableAggregate(scope, store, balance)

    return make


def table_aggregate(
    store: str,
    init: Callable[[], object],
    adder: Callable[[object, object, object], object],
    subtractor: Callable[[object, object, object], object],
) -> StepMaker:
    """The value is a `Change`: `subtractor(key, old, aggregate)` where there is an old value and an aggregate, then
    `adder(key, new, aggregate)` where there is a new value, from `init()` if there is no aggregate. None deletes.

    Raises:
        StreamsException: (when running) a record has no key.
    """

    def add(code: Code, key: str, value: str, aggregate: str) -> str:
        return f"{code.use(adder, 'add')}({key}, {value}, {aggregate})"

    def subtract(code: Code, key: str, value: str, aggregate: str) -> str:
        return f"{code.use(subtractor, 'subtract')}({key}, {value}, {aggregate})"

    def first(code: Code, key: str, value: str) -> str:
        return add(code, key, value, f"{code.use(init, 'init')}()")

    return _maker(store, Balance("aggregate", add, subtract, first))


def table_reduce(
    store: str, adder: Callable[[object, object], object], subtractor: Callable[[object, object], object]
) -> StepMaker:
    """`subtractor(aggregate, old)`, then `adder(aggregate, new)`; the first value is taken as it is."""

    def add(code: Code, key: str, value: str, aggregate: str) -> str:
        return f"{code.use(adder, 'add')}({aggregate}, {value})"

    def subtract(code: Code, key: str, value: str, aggregate: str) -> str:
        return f"{code.use(subtractor, 'subtract')}({aggregate}, {value})"

    return _maker(store, Balance("reduce", add, subtract, lambda code, key, value: value))


def table_count(store: str) -> StepMaker:
    """Counts the rows of a group; a group that becomes empty counts 0."""

    def add(code: Code, key: str, value: str, aggregate: str) -> str:
        return f"{aggregate} + 1"

    def subtract(code: Code, key: str, value: str, aggregate: str) -> str:
        return f"{aggregate} - 1"

    return _maker(store, Balance("aggregate", add, subtract, lambda code, key, value: "1"))
