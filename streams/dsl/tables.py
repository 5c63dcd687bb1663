"""Tables made of streams and of tables, row by row, and the way back to a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from streams.dsl import arity
from streams.dsl.materialized import Materialized, key_value_store, unexpiring
from streams.dsl.options import Named, name_of
from streams.dsl.pick import Fields, Options, pick_two
from streams.dsl.refs import StreamRef, TableRef
from streams.dsl.repartition import add_repartition, planned_repartition
from streams.dsl.steps import new_key, same_key
from streams.errors import NullPointerException
from streams.operators import stateless, table_steps
from streams.operators.base import StepMaker
from streams.operators.source_table import source_table
from streams.operators.views import FilteredView, MappedView, StoreView, TransformedView, View
from streams.topology.graph import spec_of
from streams.topology.plan import MaybeSerde, StateStore, Step, TableKind, TablePlan, TableStep
from streams.topology.suppliers import TRANSFORMER, brought_stores, check_supplier


def to_table(stream: StreamRef, options: Options, fields: Fields) -> TableRef:
    """`to_table`: the stream's records become rows, after a repartition where the key may have changed.

    A store that the user describes takes its serdes from there alone, as in Java.
    """
    named, given = pick_two("to_table", Named, Materialized, options, fields, "named cannot be null")
    plan = stream.plan
    name = plan.names.named(None if named is None else named.name, "KSTREAM-TOTABLE-")
    inherited = (given or Materialized()).inheriting(stream.key_serde, stream.value_serde)
    m = inherited if given is None else given
    store_name = m.queryable or plan.names.store("KSTREAM-TOTABLE-")
    parent, sources = stream.node, stream.sources
    if stream.rekeyed:
        part = planned_repartition(stream, name, inherited.key_serde, inherited.value_serde, named=named is not None)
        parent, sources = add_repartition(stream, part), frozenset({part.source})
    table = plan.table(TablePlan(TableKind.SOURCE, (name,), materialized=m.kept))
    step = TableStep(source_table, key_value_store(m, store_name), table)
    node = plan.add(name, step, (parent,), versioned=m.versioned)
    updates = StreamRef(plan, node, name, sources, inherited.key_serde, inherited.value_serde)
    return TableRef(updates, table, StoreView(store_name), m.queryable)


def filter_(
    table: TableRef, method: str, predicate: object, negate: bool, options: Options, fields: Fields
) -> TableRef:
    """`filter` and `filter_not`."""
    fn = arity.fixed(predicate, arity.PAIR_FORM, method, "predicate can't be null")
    named, m = pick_two(method, Named, Materialized, options, fields, "materialized can't be null")
    return _derived(
        table,
        "KTABLE-FILTER-",
        named,
        m,
        TableKind.FILTERED,
        lambda store: table_steps.table_filter(fn, negate, store),
        FilteredView(table.view, fn, negate),
        value_serde=table.updates.value_serde,
    )


def map_values(table: TableRef, mapper: object, options: Options, fields: Fields) -> TableRef:
    """`map_values`."""
    call = arity.either(mapper, arity.VALUE_FORMS, "map_values", "mapper can't be null")
    named, m = pick_two("map_values", Named, Materialized, options, fields, "materialized can't be null")
    return _derived(
        table,
        "KTABLE-MAPVALUES-",
        named,
        m,
        TableKind.DERIVED,
        lambda store: table_steps.table_map_values(call, store),
        MappedView(table.view, call),
    )


def transform_values(table: TableRef, supplier: Callable[[], object], given: Options, fields: Fields) -> TableRef:
    """`transform_values`."""
    make = check_supplier(supplier, TRANSFORMER)
    if any(thing is None for thing in given):
        raise NullPointerException("stateStoreName can't be null")
    own = tuple(thing for thing in given if isinstance(thing, str))
    options = tuple(thing for thing in given if not isinstance(thing, str))
    named, m = pick_two("transform_values", Named, Materialized, options, fields, "named can't be null")
    for builder in brought_stores(supplier):
        table.updates.plan.add("state store", StateStore(builder))
        own = (*own, spec_of(builder).name)
    return _derived(
        table,
        "KTABLE-TRANSFORMVALUES-",
        named,
        m,
        TableKind.DERIVED,
        lambda store: table_steps.table_transform_values(make, store),
        TransformedView(table.view, make, own),
        stores=own,
        burns=False,
    )


def _derived(
    table: TableRef,
    prefix: str,
    named: Named | None,
    materialized: Materialized[Any, Any] | None,
    kind: TableKind,
    make: Callable[[str | None], StepMaker],
    view: View,
    *,
    stores: tuple[str, ...] = (),
    value_serde: MaybeSerde = None,
    burns: bool = True,
) -> TableRef:
    """A table computed row by row. It has a store only if the user named one; options without a name consume a number
    for it all the same (`burns`). What is known of the serdes goes on downstream, not into the store, as in Java."""
    plan = table.updates.plan
    m = materialized or Materialized()
    if materialized is not None and burns and m.queryable is None:
        plan.names.store(prefix)
    name = plan.names.named(None if named is None else named.name, prefix)
    store = m.queryable
    if store is None:
        unexpiring(m, "this table is computed from the one above; give it a store by a name, store=….")
    own = None if store is None else key_value_store(m, store)
    entry = plan.table(TablePlan(kind, (name,), (table.table,), store is not None))
    if kind is TableKind.FILTERED:
        plan.old_values_if_cheap(table.table, entry)
    versioned = None if materialized is None else m.versioned
    step = make(store)
    part = Step(step if versioned is not False else table_steps.unversioned(step), stores, own, entry)
    node = plan.add(name, part, (table.updates.node,), versioned=versioned)
    m = m.inheriting(table.updates.key_serde, value_serde)
    updates = replace(table.updates, node=node, name=name, key_serde=m.key_serde, value_serde=m.value_serde)
    return TableRef(updates, entry, view if store is None else StoreView(store), store)


def to_stream(table: TableRef, given: Options, fields: Fields) -> StreamRef:
    """`to_stream`, with or without a new key."""
    mapper: Callable[..., object] | None = None
    if given and not isinstance(given[0], Named):
        first, given = given[0], given[1:]
        mapper = arity.fixed(first, arity.PAIR_FORM, "to_stream", "mapper cannot be null")
    name = name_of("to_stream", given, fields)
    stream = same_key(table.updates, "KTABLE-TOSTREAM-", name, stateless.pass_through())
    stream = replace(stream, rekeyed=False)
    if mapper is None:
        return stream
    return new_key(stream, "KSTREAM-KEY-SELECT-", None, stateless.select_key(mapper), stream.value_serde)
