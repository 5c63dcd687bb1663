"""Where tables begin: `builder.table`, `to_table`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streams.dsl.flow import Flow
from streams.dsl.materialized import Materialized, key_value_store
from streams.dsl.options import Consumed, Named
from streams.dsl.pick import pick_two
from streams.dsl.repartition import add_repartition, planned_repartition
from streams.dsl.table import KTable
from streams.operators.source_table import source_table
from streams.operators.views import StoreView
from streams.topology.node import SourceNode
from streams.topology.plan import Plan, TableKind, TablePlan, TableSource, TableStep

SOURCE_SUFFIX = "-source"


def source_node(name: str, topic: str, consumed: Consumed[Any, Any]) -> SourceNode:
    """A source that reads one topic as `consumed` says."""
    reset = None if consumed.offset_reset is None else consumed.offset_reset.text
    return SourceNode(name, (topic,), consumed.key_serde, consumed.value_serde, consumed.timestamp_extractor, reset)


def as_consumed(m: Materialized[Any, Any], consumed: Consumed[Any, Any]) -> Materialized[Any, Any]:
    """A table's store is written as its topic is read, where both are given."""
    return replace(m, key_serde=consumed.key_serde or m.key_serde, value_serde=consumed.value_serde or m.value_serde)


def table_from(
    plan: Plan, topic: str, consumed: Consumed[Any, Any], materialized: Materialized[Any, Any] | None
) -> KTable[Any, Any]:
    """`builder.table`. The store takes a number of its own even where it comes to nothing."""
    m = as_consumed(materialized or Materialized(), consumed)
    consumed = replace(consumed, key_serde=m.key_serde, value_serde=m.value_serde)
    store_name = m.queryable or plan.names.store(f"{topic}-")
    source = plan.names.named(consumed.name, "KSTREAM-SOURCE-", SOURCE_SUFFIX)
    name = plan.names.named(consumed.name, "KTABLE-SOURCE-")
    table = plan.table(TablePlan(TableKind.SOURCE, (name,), materialized=m.kept))
    part = TableSource(source_node(source, topic, consumed), source_table, key_value_store(m, store_name), table)
    node = plan.add(name, part, versioned=m.versioned)
    flow = Flow(plan, node, name, frozenset({source}), m.key_serde, m.value_serde)
    return KTable(flow, table, StoreView(store_name), m.queryable)


def to_table(flow: Flow, options: tuple[object, ...], fields: Mapping[str, object]) -> KTable[Any, Any]:
    """`to_table`: the stream's records become rows, after a repartition where the key may have changed.

    A store that the user describes takes its serdes from there alone, as in Java.
    """
    named, given = pick_two("to_table", Named, Materialized, options, fields, "named cannot be null")
    plan = flow.plan
    name = plan.names.named(None if named is None else named.name, "KSTREAM-TOTABLE-")
    inherited = (given or Materialized()).inheriting(flow.key_serde, flow.value_serde)
    m = inherited if given is None else given
    store_name = m.queryable or plan.names.store("KSTREAM-TOTABLE-")
    parent, sources = flow.node, flow.sources
    if flow.rekeyed:
        part = planned_repartition(flow, name, inherited.key_serde, inherited.value_serde, named=named is not None)
        parent, sources = add_repartition(flow, part), frozenset({part.source})
    table = plan.table(TablePlan(TableKind.SOURCE, (name,), materialized=m.kept))
    step = TableStep(source_table, key_value_store(m, store_name), table)
    node = plan.add(name, step, (parent,), versioned=m.versioned)
    below = Flow(plan, node, name, sources, inherited.key_serde, inherited.value_serde)
    return KTable(below, table, StoreView(store_name), m.queryable)
