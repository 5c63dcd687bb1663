"""`cogroup`: several grouped streams aggregated into one table."""

from __future__ import annotations

from streams.dsl import arity
from streams.dsl.aggregations import MISSING
from streams.dsl.grouping import NamedStore, group_repartition
from streams.dsl.materialized import Materialized
from streams.dsl.options import Named
from streams.dsl.pick import Fields, Options, pick_two
from streams.dsl.refs import CogroupedRef, GroupedRef, StreamRef, TableRef, same_builder
from streams.dsl.repartition import add_repartition
from streams.dsl.windowing import EACH_KEY, Aggregator, Frame
from streams.errors import IllegalArgumentException
from streams.operators.stateless import pass_through
from streams.topology.plan import Step, TableKind, TablePlan

AGGREGATE = "COGROUPKSTREAM-AGGREGATE-"
MERGE = "COGROUPKSTREAM-MERGE-"


def cogroup(groups: CogroupedRef, grouped: object, aggregator: object) -> CogroupedRef:
    """Adds a grouped stream."""
    arity.present(grouped, "groupedStream can't be null")
    if not isinstance(grouped, GroupedRef):
        raise IllegalArgumentException(f"cogroup() takes a KGroupedStream, got {grouped!r}.")
    same_builder("cogroup", groups.plan, grouped.records.plan)
    fn = arity.fixed(aggregator, arity.AGGREGATE_FORM, "cogroup", "aggregator can't be null")
    groups.aggregators[grouped] = fn
    return groups


def aggregate(
    groups: CogroupedRef, initializer: object, options: Options, fields: Fields, frame: Frame = EACH_KEY
) -> TableRef:
    """`aggregate`, but over sessions."""
    return _table(groups, frame, initializer, None, options, fields)


def aggregate_sessions(
    groups: CogroupedRef, initializer: object, merger: object, options: Options, fields: Fields, frame: Frame
) -> TableRef:
    """`aggregate` over sessions."""
    merge = arity.fixed(merger, arity.MERGE_FORM, "aggregate", "sessionMerger can't be null")
    return _table(groups, frame, initializer, merge, options, fields)


def _table(
    groups: CogroupedRef, frame: Frame, initializer: object, merger: Aggregator | None, options: Options, fields: Fields
) -> TableRef:
    """One aggregating node for each stream, all on one store, and a merge.

    Serdes of the store do not come from the grouped streams, as in Java.
    """
    init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
    named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
    plan, given, m = groups.plan, None if named is None else named.name, m or Materialized()
    store = NamedStore(m.queryable or plan.names.store(AGGREGATE), m)
    own = frame.store(store, False)
    versioned = m.versioned and frame.close_ms is None
    sources = _partitioned(groups, store)
    nodes, names = [], []
    for i, (group, aggregator) in enumerate(groups.aggregators.items()):
        name = plan.names.named(given, AGGREGATE, f"-cogroup-agg-{i}")
        make = frame.aggregate(store.name, init, aggregator, merger, False)
        part = Step(make, () if i == 0 else (store.name,), own if i == 0 else None)
        parent, _ = groups.parents[group]
        nodes.append(plan.add(name, part, (parent,), versioned=versioned, grace_ms=frame.close_ms))
        names.append(name)
    merge = plan.names.named(given, MERGE, "-cogroup-merge")
    table = plan.table(TablePlan(TableKind.STORED, (*names, merge), materialized=True))
    node = plan.add(merge, Step(pass_through(), table=table), nodes)
    key_serde = None if m.key_serde is None else frame.key_serde(m.key_serde)
    updates = StreamRef(plan, node, merge, sources, key_serde, m.value_serde)
    return TableRef(updates, table, frame.view(store.name), m.queryable)


def _partitioned(groups: CogroupedRef, store: NamedStore) -> frozenset[str]:
    """Repartitions what needs it, and notes that all must be partitioned alike."""
    sources: frozenset[str] = frozenset()
    for group in groups.aggregators:
        records = group.records
        if records.rekeyed:
            part = group_repartition(group, store)
            if group not in groups.parents:
                groups.parents[group] = (add_repartition(records, part), frozenset({part.source}))
        else:
            groups.parents[group] = (records.node, records.sources)
        sources |= groups.parents[group][1]
    groups.plan.copartition(sources)
    return sources
