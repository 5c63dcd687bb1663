"""`count`, `reduce` and `aggregate`: of a grouped stream, for each key or for each key and window, and of a grouped
table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from streams.dsl import arity
from streams.dsl.grouping import NamedStore, group_repartition
from streams.dsl.materialized import Materialized, key_value_store
from streams.dsl.options import Named
from streams.dsl.pick import Fields, Options, pick_two
from streams.dsl.refs import GroupedRef, GroupedTableRef, StreamRef, TableRef
from streams.dsl.repartition import add_repartition
from streams.dsl.suppressed import EmitStrategy
from streams.dsl.windowing import EACH_KEY, Frame
from streams.errors import IllegalArgumentException, NullPointerException
from streams.operators import table_aggregate as table_steps
from streams.operators.base import StepMaker
from streams.operators.views import StoreView
from streams.serdes import Serdes
from streams.serdes.base import AnySerde, Serde
from streams.serdes.change import Change, change_decoder, change_encoder
from streams.topology.naming import repartition_topic
from streams.topology.plan import MaybeSerde, SerdeAround, Step, TableKind, TablePlan, TableRepartition

MISSING = "materialized can't be null"
AGGREGATE = "KSTREAM-AGGREGATE-"
REDUCE = "KSTREAM-REDUCE-"


@dataclass(frozen=True, slots=True)
class AggregationRef:
    """A group that is aggregated within a frame.

    Args:
        on_close: results wait for the close of their window.
    """

    group: GroupedRef
    frame: Frame = EACH_KEY
    on_close: bool = False


def emit_strategy(of: AggregationRef, strategy: object) -> AggregationRef:
    """`emit_strategy`.

    Raises:
        NullPointerException: it is None.
        IllegalArgumentException: it is none, or windows that never end cannot wait for their end.
    """
    if strategy is None:
        raise NullPointerException("emitStrategy can't be null")
    if not isinstance(strategy, EmitStrategy):
        raise IllegalArgumentException(f"emit_strategy() takes an EmitStrategy, got {strategy!r}.")
    if of.frame.endless and strategy.on_close:
        raise IllegalArgumentException("ON_WINDOW_CLOSE emit strategy cannot be used for UnlimitedWindows")
    return replace(of, on_close=strategy.on_close)


def count(of: AggregationRef, options: Options, fields: Fields) -> TableRef:
    """`count`. Options without a name consume one number more, as in Java (but for sliding windows)."""
    named, m = pick_two("count", Named, Materialized, options, fields, MISSING)
    if m is not None and m.queryable is None and of.frame.count_skips:
        of.group.records.plan.names.store(AGGREGATE)
    store = _named_store(of.group.records, m, AGGREGATE, Serdes.long())
    return _table(of, store, named, AGGREGATE, of.frame.count(store.name, of.on_close))


def reduce(of: AggregationRef, reducer: object, options: Options, fields: Fields) -> TableRef:
    """`reduce`."""
    fn = arity.fixed(reducer, arity.REDUCE_FORM, "reduce", "reducer can't be null")
    named, m = pick_two("reduce", Named, Materialized, options, fields, MISSING)
    store = _named_store(of.group.records, m, REDUCE, of.group.records.value_serde)
    return _table(of, store, named, REDUCE, of.frame.reduce(store.name, fn, of.on_close))


def aggregate(
    of: AggregationRef, initializer: object, aggregator: object, options: Options, fields: Fields
) -> TableRef:
    """`aggregate`, but over sessions."""
    init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
    fn = arity.fixed(aggregator, arity.AGGREGATE_FORM, "aggregate", "aggregator can't be null")
    named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
    store = _named_store(of.group.records, m, AGGREGATE, None)
    return _table(of, store, named, AGGREGATE, of.frame.aggregate(store.name, init, fn, None, of.on_close))


def aggregate_sessions(
    of: AggregationRef, initializer: object, aggregator: object, merger: object, options: Options, fields: Fields
) -> TableRef:
    """`aggregate` over sessions."""
    init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
    fn = arity.fixed(aggregator, arity.AGGREGATE_FORM, "aggregate", "aggregator can't be null")
    merge = arity.fixed(merger, arity.MERGE_FORM, "aggregate", "sessionMerger can't be null")
    named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
    store = _named_store(of.group.records, m, AGGREGATE, None)
    return _table(of, store, named, AGGREGATE, of.frame.aggregate(store.name, init, fn, merge, of.on_close))


def _named_store(
    records: StreamRef, given: Materialized[Any, Any] | None, prefix: str, value_serde: MaybeSerde
) -> NamedStore:
    m = given or Materialized()
    name = m.queryable or records.plan.names.store(prefix)
    return NamedStore(name, m.inheriting(records.key_serde, value_serde))


def _table(of: AggregationRef, store: NamedStore, named: Named | None, prefix: str, make: StepMaker) -> TableRef:
    """Puts an aggregation below the group, after a repartition where the key may have changed."""
    m, frame, plan = store.materialized, of.frame, of.group.records.plan
    own = frame.store(store, of.on_close)
    name = plan.names.named(None if named is None else named.name, prefix)
    parent, sources = _partitioned(of.group, store)
    table = plan.table(TablePlan(TableKind.STORED, (name,), materialized=True))
    versioned = m.versioned and frame.close_ms is None
    part = Step(make, own=own, table=table)
    node = plan.add(name, part, (parent,), versioned=versioned, grace_ms=frame.close_ms)
    key_serde = None if m.key_serde is None else frame.key_serde(m.key_serde)
    updates = StreamRef(plan, node, name, sources, key_serde, m.value_serde)
    return TableRef(updates, table, frame.view(store.name), m.queryable)


def _partitioned(group: GroupedRef, store: NamedStore) -> tuple[int, frozenset[str]]:
    """The node below which the records of a key are together, and the source nodes there.

    The aggregations of a group that the user named share its repartition.
    """
    records = group.records
    if not records.rekeyed:
        return records.node, records.sources
    plan, part = records.plan, group_repartition(group, store)
    node = plan.repartitions.get(group)
    if node is None or group.name is None:
        plan.repartitions[group] = node = add_repartition(records, part)
    else:
        plan.add_again(node)
    return node, frozenset({part.source})


def count_table(group: GroupedTableRef, options: Options, fields: Fields) -> TableRef:
    """`count` of a grouped table."""
    named, m = pick_two("count", Named, Materialized, options, fields, MISSING)
    store = _named_store(group.updates, m, "KTABLE-AGGREGATE-", Serdes.long())
    return _table_of_table(group, store, named, "KTABLE-AGGREGATE-", table_steps.table_count(store.name))


def reduce_table(
    group: GroupedTableRef, adder: object, subtractor: object, options: Options, fields: Fields
) -> TableRef:
    """`reduce` of a grouped table."""
    add = arity.fixed(adder, arity.REDUCE_FORM, "reduce", "adder can't be null")
    subtract = arity.fixed(subtractor, arity.REDUCE_FORM, "reduce", "subtractor can't be null")
    named, m = pick_two("reduce", Named, Materialized, options, fields, MISSING)
    store = _named_store(group.updates, m, "KTABLE-AGGREGATE-", group.updates.value_serde)
    return _table_of_table(
        group, store, named, "KTABLE-REDUCE-", table_steps.table_reduce(store.name, add, subtract)
    )


def aggregate_table(
    group: GroupedTableRef,
    initializer: object,
    adder: object,
    subtractor: object,
    options: Options,
    fields: Fields,
) -> TableRef:
    """`aggregate` of a grouped table."""
    init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
    add = arity.fixed(adder, arity.AGGREGATE_FORM, "aggregate", "adder can't be null")
    subtract = arity.fixed(subtractor, arity.AGGREGATE_FORM, "aggregate", "subtractor can't be null")
    named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
    store = _named_store(group.updates, m, "KTABLE-AGGREGATE-", None)
    make = table_steps.table_aggregate(store.name, init, add, subtract)
    return _table_of_table(group, store, named, "KTABLE-AGGREGATE-", make)


def _table_of_table(
    group: GroupedTableRef, store: NamedStore, named: Named | None, prefix: str, make: StepMaker
) -> TableRef:
    """Puts an aggregation behind the repartition topic."""
    updates, m = group.updates, store.materialized
    plan, given = updates.plan, None if named is None else named.name
    sink = plan.names.named(given, "KSTREAM-SINK-", "-sink")
    source = plan.names.named(given, "KSTREAM-SOURCE-", "-source")
    name = plan.names.named(given, prefix)
    parent = plan.repartitions.get(group)
    if parent is None or group.name is None:
        topic = repartition_topic(group.name or store.name)
        change = SerdeAround(_change_serde, updates.value_serde, "value")
        part = TableRepartition(topic, sink, source, updates.key_serde, change)
        plan.repartitions[group] = parent = plan.add(source, part, (updates.node,))
    else:
        plan.add_again(parent)
    table = plan.table(TablePlan(TableKind.STORED, (name,), materialized=True))
    own = key_value_store(m, store.name)
    node = plan.add(name, Step(make, own=own, table=table), (parent,), versioned=m.versioned)
    below = StreamRef(plan, node, name, frozenset({source}), m.key_serde, m.value_serde)
    return TableRef(below, table, StoreView(store.name), m.queryable)


def _change_serde(inner: AnySerde) -> AnySerde:
    """Writes `Change(new, old)` as Java's `ChangedSerializer`, each value by `inner`."""
    write = change_encoder(inner.encode)

    def encode(change: Change[Any]) -> bytes:
        return write(change.new, change.old)

    return Serde(f"change of {inner.name}", encode, change_decoder(inner.decode))
