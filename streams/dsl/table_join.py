"""Joins of two tables by equal keys; those by foreign key begin here too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.dsl import arity
from streams.dsl.flow import Flow, same_builder
from streams.dsl.materialized import Materialized, key_value_store
from streams.dsl.options import Named
from streams.dsl.pick import pick_two
from streams.dsl.table import KTable
from streams.dsl.table_steps import joined_sources
from streams.errors import IllegalArgumentException, NullPointerException
from streams.operators import table_join as steps
from streams.operators.views import JoinedView, StoreView, View
from streams.topology.plan import TableJoin, TableKind, TablePlan, TableSide

MERGE = "KTABLE-MERGE-"


def join(
    method: str,
    kind: str,
    table: KTable[Any, Any],
    other: object,
    given: tuple[object, ...],
    foreign_key: Callable[..., object] | None,
    fields: Mapping[str, object],
) -> KTable[Any, Any]:
    """A join by equal keys, or by foreign key where an extractor is given before the joiner or by keyword."""
    from streams.dsl.foreign_key import join_on_foreign_key

    if other is None:
        raise NullPointerException("other can't be null")
    if not isinstance(other, KTable):
        raise IllegalArgumentException(f"{method}() joins a table with a KTable, got {other!r}.")
    same_builder(method, table._flow, other._flow)
    functions = 0
    while functions < len(given) and (given[functions] is None or callable(given[functions])):
        functions += 1
    if functions > 2 or (functions == 2 and foreign_key is not None):
        raise IllegalArgumentException(f"{method}() takes a joiner and at most one foreign key extractor.")
    if functions == 2:
        return join_on_foreign_key(method, kind, table, other, given[0], given[1], given[2:], fields)
    joiner = given[0] if functions else None
    if foreign_key is not None:
        return join_on_foreign_key(method, kind, table, other, foreign_key, joiner, given[functions:], fields)
    return _join(method, kind, table, other, joiner, given[functions:], fields)


def _join(
    method: str,
    kind: str,
    table: KTable[Any, Any],
    other: KTable[Any, Any],
    joiner: object,
    options: tuple[object, ...],
    fields: Mapping[str, object],
) -> KTable[Any, Any]:
    call = arity.either(joiner, arity.JOIN_FORMS, method, "joiner can't be null")
    named, given = pick_two(method, Named, Materialized, options, fields, "materialized can't be null")
    plan, name = table._flow.plan, None if named is None else named.name
    m = given or Materialized()
    store_name = m.queryable
    if given is not None and store_name is None:
        store_name = plan.names.store(MERGE)
    m = m.inheriting(table._flow.key_serde)
    merge = plan.names.named(name, MERGE)
    sources = joined_sources(table._flow, other._flow)
    if kind != "inner":
        plan.old_values(table._table)
    if kind == "outer":
        plan.old_values(other._table)
    plan.view(table._table)
    plan.view(other._table)
    this_name = plan.names.named(name, "KTABLE-JOINTHIS-", "-join-this")
    other_name = plan.names.named(name, "KTABLE-JOINOTHER-", "-join-other")
    entry = plan.table(
        TablePlan(
            TableKind.JOINED,
            (this_name, other_name, merge),
            (table._table, other._table),
            store_name is not None,
        )
    )
    part = TableJoin(
        this=TableSide(
            this_name,
            table._flow.name,
            steps.table_join(kind, True, other._view, call),
            other._view.stores(),
        ),
        other=TableSide(
            other_name,
            other._flow.name,
            steps.table_join(kind, False, table._view, call),
            table._view.stores(),
        ),
        merge=steps.table_join_merge(store_name),
        own=None if store_name is None else key_value_store(m, store_name),
        table=entry,
    )
    node = plan.add(merge, part, (table._flow.node, other._flow.node), versioned=m.versioned)
    flow = Flow(plan, node, merge, sources, m.key_serde, m.value_serde)
    view: View = JoinedView(table._view, other._view, call, kind)
    return KTable(flow, entry, view if store_name is None else StoreView(store_name), store_name)
