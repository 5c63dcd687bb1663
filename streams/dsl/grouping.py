"""How records get to their groups: repartitions, stores and names of aggregations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from streams.dsl import arity
from streams.dsl.changes import change_around
from streams.dsl.flow import Flow, MaybeSerde, new_key
from streams.dsl.materialized import Materialized, key_value_store
from streams.dsl.options import Grouped, Named
from streams.dsl.pick import pick
from streams.dsl.repartition import add_repartition, planned_repartition
from streams.dsl.table import KTable
from streams.operators import stateless
from streams.operators.base import StepMaker
from streams.operators.table_steps import table_select
from streams.operators.views import StoreView, View
from streams.topology.naming import repartition_topic
from streams.topology.plan import PlannedStore, Step, TableKind, TablePlan, TableRepartition

if TYPE_CHECKING:
    from streams.dsl.grouped import KGroupedStream, KGroupedTable


@dataclass(frozen=True, slots=True)
class Settled:
    """A store of an aggregation, settled: its name, and how it is kept."""

    name: str
    materialized: Materialized[Any, Any]


@dataclass(slots=True)
class Grouping:
    """A grouped stream: where its records come from, and the repartition that its aggregations share.

    Args:
        flow: with the serdes of the grouping.
        user_name: what the user called the grouping, which becomes the repartition topic's name.
    """

    flow: Flow
    user_name: str | None
    _repartition: int | None = field(default=None)

    def settle(
        self, given: Materialized[Any, Any] | None, prefix: str, value_serde: MaybeSerde, count: bool = False
    ) -> Settled:
        """Names the store. A `count` whose options have no name consumes one number more, as in Java."""
        names = self.flow.plan.names
        m = given or Materialized()
        if count and given is not None and m.queryable is None:
            names.store(prefix)
        name = m.queryable or names.store(prefix)
        return Settled(name, m.inheriting(self.flow.key_serde, value_serde))

    def table(self, settled: Settled, named: Named | None, prefix: str, make: StepMaker) -> KTable[Any, Any]:
        """An aggregation that is not windowed."""
        m = settled.materialized
        return self.aggregated(
            settled,
            named,
            prefix,
            make,
            key_value_store(m, settled.name),
            StoreView(settled.name),
            m.key_serde,
            versioned=m.versioned,
        )

    def aggregated(
        self,
        settled: Settled,
        named: Named | None,
        prefix: str,
        make: StepMaker,
        store: PlannedStore,
        view: View,
        key_serde: MaybeSerde,
        *,
        versioned: bool = False,
        grace_ms: int | None = None,
    ) -> KTable[Any, Any]:
        """Puts an aggregation below the group, after a repartition where the key may have changed."""
        plan = self.flow.plan
        name = plan.names.named(None if named is None else named.name, prefix)
        parent, sources = self.partitioned(settled)
        table = plan.table(TablePlan(TableKind.STORED, (name,), materialized=True))
        part = Step(make, own=store, table=table)
        node = plan.add(name, part, (parent,), versioned=versioned, grace_ms=grace_ms)
        flow = Flow(plan, node, name, sources, key_serde, settled.materialized.value_serde)
        return KTable(flow, table, view, settled.materialized.queryable)

    def partitioned(self, settled: Settled) -> tuple[int, frozenset[str]]:
        """The node below which the records of a key are together, and the source nodes there."""
        flow = self.flow
        if not flow.rekeyed:
            return flow.node, flow.sources
        named = self.user_name is not None or settled.materialized.queryable is not None
        part = planned_repartition(
            flow, self.user_name or settled.name, flow.key_serde, flow.value_serde, named=named
        )
        if self._repartition is None or self.user_name is None:
            self._repartition = add_repartition(flow, part)
        else:
            flow.plan.add_again(self._repartition)
        return self._repartition, frozenset({part.source})


@dataclass(slots=True)
class TableGrouping:
    """A grouped table; its updates travel as changes through a repartition topic."""

    flow: Flow
    user_name: str | None
    _repartition: int | None = field(default=None)

    def settle(self, given: Materialized[Any, Any] | None, value_serde: MaybeSerde) -> Settled:
        """Names the store."""
        m = given or Materialized()
        name = m.queryable or self.flow.plan.names.store("KTABLE-AGGREGATE-")
        return Settled(name, m.inheriting(self.flow.key_serde, value_serde))

    def table(self, settled: Settled, named: Named | None, prefix: str, make: StepMaker) -> KTable[Any, Any]:
        """Puts an aggregation behind the repartition topic."""
        plan, m = self.flow.plan, settled.materialized
        given = None if named is None else named.name
        sink = plan.names.named(given, "KSTREAM-SINK-", "-sink")
        source = plan.names.named(given, "KSTREAM-SOURCE-", "-source")
        name = plan.names.named(given, prefix)
        if self._repartition is None or self.user_name is None:
            self._repartition = self._add(sink, source, settled.name)
        else:
            plan.add_again(self._repartition)
        table = plan.table(TablePlan(TableKind.STORED, (name,), materialized=True))
        part = Step(make, own=key_value_store(m, settled.name), table=table)
        node = plan.add(name, part, (self._repartition,), versioned=m.versioned)
        flow = Flow(plan, node, name, frozenset({source}), m.key_serde, m.value_serde)
        return KTable(flow, table, StoreView(settled.name), m.queryable)

    def _add(self, sink: str, source: str, store: str) -> int:
        flow = self.flow
        part = TableRepartition(
            repartition_topic(self.user_name or store),
            sink,
            source,
            flow.key_serde,
            change_around(flow.value_serde),
        )
        return flow.plan.add(source, part, (flow.node,))


def group_by_key(flow: Flow, options: tuple[object, ...], fields: Mapping[str, object]) -> KGroupedStream[Any, Any]:
    """`group_by_key`: no repartition unless an operator before may have changed the key."""
    from streams.dsl.grouped import KGroupedStream

    grouped = pick("group_by_key", Grouped, options, fields, "grouped cannot be null")
    return KGroupedStream(_grouping(flow, grouped, flow.key_serde))


def group_by(
    flow: Flow, selector: Callable[..., object], options: tuple[object, ...], fields: Mapping[str, object]
) -> KGroupedStream[Any, Any]:
    """`group_by`: the grouping's name is also the name of the node that selects the key."""
    from streams.dsl.grouped import KGroupedStream

    fn = arity.fixed(selector, arity.PAIR_FORM, "group_by", "keySelector cannot be null")
    grouped = pick("group_by", Grouped, options, fields, "grouped cannot be null")
    name = None if grouped is None else grouped.name
    keyed = new_key(flow, "KSTREAM-KEY-SELECT-", name, stateless.select_key(fn), flow.value_serde)
    return KGroupedStream(_grouping(keyed, grouped, None))


def _grouping(flow: Flow, grouped: Grouped[Any, Any] | None, key_serde: MaybeSerde) -> Grouping:
    if grouped is None:
        return Grouping(replace(flow, key_serde=key_serde), None)
    return Grouping(replace(flow, key_serde=grouped.key_serde, value_serde=grouped.value_serde), grouped.name)


def group_table(
    table: KTable[Any, Any], selector: Callable[..., Any], options: tuple[object, ...], fields: Mapping[str, object]
) -> KGroupedTable[Any, Any]:
    """`group_by` of a table: it needs the table's old rows, to take them out of their groups."""
    from streams.dsl.grouped import KGroupedTable

    fn = arity.fixed(selector, arity.PAIR_FORM, "group_by", "selector can't be null")
    g = pick("group_by", Grouped, options, fields, "grouped can't be null") or Grouped()
    flow = table._flow
    name = flow.plan.names.named(g.name, "KTABLE-SELECT-")
    node = flow.plan.add(name, Step(table_select(fn)), (flow.node,))
    flow.plan.old_values(table._table)
    below = replace(flow, node=node, name=name, key_serde=g.key_serde, value_serde=g.value_serde)
    return KGroupedTable(TableGrouping(below, g.name))
