"""Operators that make one table of another row by row, and the way back to a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from streams.dsl import arity
from streams.dsl.flow import Flow, MaybeSerde, name_of, new_key, same_key
from streams.dsl.materialized import Materialized, key_value_store, unexpiring
from streams.dsl.options import Named
from streams.dsl.pick import pick_two
from streams.dsl.stream import KStream
from streams.dsl.table import KTable
from streams.errors import NullPointerException
from streams.operators import stateless, table_steps
from streams.operators.base import StepMaker
from streams.operators.views import FilteredView, MappedView, StoreView, TransformedView, View
from streams.topology.graph import spec_of
from streams.topology.plan import StateStore, Step, TableKind, TablePlan
from streams.topology.suppliers import TRANSFORMER, brought_stores, check_supplier

Options = tuple[object, ...]
Fields = Mapping[str, object]


def filtered(
    table: KTable[Any, Any],
    method: str,
    predicate: Callable[..., object],
    negate: bool,
    options: Options,
    fields: Fields,
) -> KTable[Any, Any]:
    """`filter` and `filter_not`."""
    fn = arity.fixed(predicate, arity.PAIR_FORM, method, "predicate can't be null")
    named, m = pick_two(method, Named, Materialized, options, fields, "materialized can't be null")
    view = FilteredView(table._view, fn, negate)
    return _derived(
        table,
        "KTABLE-FILTER-",
        named,
        m,
        TableKind.FILTERED,
        lambda store: table_steps.table_filter(fn, negate, store),
        view,
        value_serde=table._flow.value_serde,
    )


def mapped(
    table: KTable[Any, Any], mapper: Callable[..., object], options: Options, fields: Fields
) -> KTable[Any, Any]:
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
        MappedView(table._view, call),
    )


def transformed(
    table: KTable[Any, Any], supplier: Callable[[], object], given: Options, fields: Fields
) -> KTable[Any, Any]:
    """`transform_values`."""
    make = check_supplier(supplier, TRANSFORMER)
    if any(thing is None for thing in given):
        raise NullPointerException("stateStoreName can't be null")
    own = tuple(thing for thing in given if isinstance(thing, str))
    options = tuple(thing for thing in given if not isinstance(thing, str))
    named, m = pick_two("transform_values", Named, Materialized, options, fields, "named can't be null")
    for builder in brought_stores(supplier):
        table._flow.plan.add("state store", StateStore(builder))
        own = (*own, spec_of(builder).name)
    return _derived(
        table,
        "KTABLE-TRANSFORMVALUES-",
        named,
        m,
        TableKind.DERIVED,
        lambda store: table_steps.table_transform_values(make, store),
        TransformedView(table._view, make, own),
        stores=own,
        burns=False,
    )


def _derived(
    table: KTable[Any, Any],
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
) -> KTable[Any, Any]:
    """A table computed row by row. It has a store only if the user named one; options without a name consume a
    number for it all the same (`burns`). What is known of the serdes goes on downstream, not into the store, as in
    Java."""
    flow = table._flow
    plan = flow.plan
    m = materialized or Materialized()
    if materialized is not None and burns and m.queryable is None:
        plan.names.store(prefix)
    name = plan.names.named(None if named is None else named.name, prefix)
    store = m.queryable
    if store is None:
        unexpiring(m, "this table is computed from the one above; give it a store by a name, store=….")
    own = None if store is None else key_value_store(m, store)
    entry = plan.table(TablePlan(kind, (name,), (table._table,), store is not None))
    if kind is TableKind.FILTERED:
        plan.old_values_if_cheap(table._table, entry)
    versioned = None if materialized is None else m.versioned
    step = make(store)
    part = Step(step if versioned is not False else table_steps.unversioned(step), stores, own, entry)
    node = plan.add(name, part, (flow.node,), versioned=versioned)
    inherited = m.inheriting(flow.key_serde, value_serde)
    below = replace(flow, node=node, name=name, key_serde=inherited.key_serde, value_serde=inherited.value_serde)
    return KTable(below, entry, view if store is None else StoreView(store), store)


def to_stream(table: KTable[Any, Any], given: Options, fields: Fields) -> KStream[Any, Any]:
    """`to_stream`, with or without a new key."""
    mapper: Callable[..., object] | None = None
    if given and not isinstance(given[0], Named):
        first, given = given[0], given[1:]
        mapper = arity.fixed(first, arity.PAIR_FORM, "to_stream", "mapper cannot be null")
    flow = same_key(table._flow, "KTABLE-TOSTREAM-", name_of("to_stream", given, fields), stateless.pass_through())
    flow = replace(flow, rekeyed=False)
    if mapper is None:
        return KStream(flow)
    return KStream(new_key(flow, "KSTREAM-KEY-SELECT-", None, stateless.select_key(mapper), flow.value_serde))


def joined_sources(flow: Flow, other: Flow) -> frozenset[str]:
    """Notes that both sides must be partitioned alike, and gives the source nodes of both."""
    sources = flow.sources | other.sources
    flow.plan.copartition(sources)
    return sources
