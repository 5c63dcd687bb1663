"""How records get to their groups: `group_by_key`, `group_by`, and the repartition below a group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from streams.dsl import arity
from streams.dsl.materialized import Materialized
from streams.dsl.options import Grouped
from streams.dsl.pick import Fields, Options, pick
from streams.dsl.refs import GroupedRef, GroupedTableRef, StreamRef, TableRef
from streams.dsl.repartition import planned_repartition
from streams.dsl.steps import new_key
from streams.operators import stateless
from streams.operators.table_steps import table_select
from streams.topology.plan import Repartition, Step


@dataclass(frozen=True, slots=True)
class NamedStore:
    """The store of an aggregation: its name, given or generated, and how it is kept."""

    name: str
    materialized: Materialized[Any, Any]


def group_by_key(stream: StreamRef, options: Options, fields: Fields) -> GroupedRef:
    """`group_by_key`: no repartition unless an operator before may have changed the key."""
    grouped = pick("group_by_key", Grouped, options, fields, "grouped cannot be null")
    return _grouped(stream, grouped)


def group_by(stream: StreamRef, selector: object, options: Options, fields: Fields) -> GroupedRef:
    """`group_by`: the grouping's name is also the name of the node that selects the key."""
    fn = arity.fixed(selector, arity.PAIR_FORM, "group_by", "keySelector cannot be null")
    grouped = pick("group_by", Grouped, options, fields, "grouped cannot be null")
    name = None if grouped is None else grouped.name
    return _grouped(
        new_key(stream, "KSTREAM-KEY-SELECT-", name, stateless.select_key(fn), stream.value_serde), grouped
    )


def _grouped(records: StreamRef, grouped: Grouped[Any, Any] | None) -> GroupedRef:
    if grouped is None:
        return GroupedRef(records, None)
    return GroupedRef(replace(records, key_serde=grouped.key_serde, value_serde=grouped.value_serde), grouped.name)


def group_table(table: TableRef, selector: object, options: Options, fields: Fields) -> GroupedTableRef:
    """`group_by` of a table: it needs the table's old rows, to take them out of their groups."""
    fn = arity.fixed(selector, arity.PAIR_FORM, "group_by", "selector can't be null")
    g = pick("group_by", Grouped, options, fields, "grouped can't be null") or Grouped()
    plan = table.updates.plan
    name = plan.names.named(g.name, "KTABLE-SELECT-")
    node = plan.add(name, Step(table_select(fn)), (table.updates.node,))
    plan.old_values(table.table)
    updates = replace(table.updates, node=node, name=name, key_serde=g.key_serde, value_serde=g.value_serde)
    return GroupedTableRef(updates, g.name)


def group_repartition(group: GroupedRef, store: NamedStore) -> Repartition:
    """The step that brings the records of a key together: named after the grouping, else after the store.

    It consumes its numbers whether or not an earlier one serves.
    """
    named = group.name is not None or store.materialized.queryable is not None
    records = group.records
    return planned_repartition(
        records, group.name or store.name, records.key_serde, records.value_serde, named=named
    )
