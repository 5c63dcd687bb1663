"""Joins of two tables by equal keys; those by foreign key begin here too."""

from __future__ import annotations

from streams.dsl import arity
from streams.dsl.foreign_key import join_on_foreign_key
from streams.dsl.materialized import Materialized, key_value_store
from streams.dsl.options import Named
from streams.dsl.pick import Fields, Options, pick_two
from streams.dsl.refs import StreamRef, TableRef, same_builder
from streams.errors import IllegalArgumentException, NullPointerException
from streams.operators import table_join as steps
from streams.operators.views import JoinedView, StoreView, View
from streams.topology.plan import TableJoin, TableKind, TablePlan, TableSide

MERGE = "KTABLE-MERGE-"


def join(
    method: str, kind: str, table: TableRef, other: object, given: Options, foreign_key: object, fields: Fields
) -> TableRef:
    """A join by equal keys, or by foreign key where an extractor is given before the joiner or by keyword."""
    if other is None:
        raise NullPointerException("other can't be null")
    if not isinstance(other, TableRef):
        raise IllegalArgumentException(f"{method}() joins a table with a KTable, got {other!r}.")
    same_builder(method, table.updates.plan, other.updates.plan)
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
    method: str, kind: str, table: TableRef, other: TableRef, joiner: object, options: Options, fields: Fields
) -> TableRef:
    call = arity.either(joiner, arity.JOIN_FORMS, method, "joiner can't be null")
    named, given = pick_two(method, Named, Materialized, options, fields, "materialized can't be null")
    left, right = table.updates, other.updates
    plan, name = left.plan, None if named is None else named.name
    m = given or Materialized()
    store_name = m.queryable
    if given is not None and store_name is None:
        store_name = plan.names.store(MERGE)
    m = m.inheriting(left.key_serde)
    merge = plan.names.named(name, MERGE)
    sources = left.sources | right.sources
    plan.copartition(sources)
    if kind != "inner":
        plan.old_values(table.table)
    if kind == "outer":
        plan.old_values(other.table)
    plan.view(table.table)
    plan.view(other.table)
    this_name = plan.names.named(name, "KTABLE-JOINTHIS-", "-join-this")
    other_name = plan.names.named(name, "KTABLE-JOINOTHER-", "-join-other")
    materialized, parents = store_name is not None, (table.table, other.table)
    entry = plan.table(TablePlan(TableKind.JOINED, (this_name, other_name, merge), parents, materialized))
    part = TableJoin(
        this=TableSide(this_name, left.name, steps.table_join(kind, True, other.view, call), other.view.stores()),
        other=TableSide(other_name, right.name, steps.table_join(kind, False, table.view, call), table.view.stores()),
        merge=steps.table_join_merge(store_name),
        own=None if store_name is None else key_value_store(m, store_name),
        table=entry,
    )
    node = plan.add(merge, part, (left.node, right.node), versioned=m.versioned)
    updates = StreamRef(plan, node, merge, sources, m.key_serde, m.value_serde)
    view: View = JoinedView(table.view, other.view, call, kind)
    return TableRef(updates, entry, view if store_name is None else StoreView(store_name), store_name)
