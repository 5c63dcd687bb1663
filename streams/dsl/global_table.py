"""`GlobalKTable`: a table that every instance holds whole."""

from __future__ import annotations

from typing import Any, Generic

from streams.dsl.materialized import Materialized, key_value_store, unexpiring
from streams.dsl.options import Consumed
from streams.dsl.table_source import SOURCE_SUFFIX, as_consumed, source_node
from streams.errors import TopologyException
from streams.operators.source_table import source_table
from streams.operators.views import StoreView, View
from streams.topology.plan import GlobalTable, Plan
from streams.type_variables import K, V


class GlobalKTable(Generic[K, V]):
    """A table of a whole topic, for joins by any key; it needs no co-partitioning."""

    __slots__ = ("_plan", "_store", "_view")

    def __init__(self, plan: Plan, view: View, store: str | None) -> None:
        self._plan = plan
        self._view = view
        self._store = store

    @property
    def queryable_store_name(self) -> str | None:
        """Name of the table's store, if the user named it."""
        return self._store


def global_table(
    plan: Plan, topic: str, consumed: Consumed[Any, Any], materialized: Materialized[Any, Any] | None
) -> GlobalKTable[Any, Any]:
    """`builder.global_table`: it is always kept in a store, which has no changelog but the topic.

    Raises:
        TopologyException: the store is versioned.
        IllegalArgumentException: entries shall expire.
    """
    given = unexpiring(materialized or Materialized(), "a global table mirrors its topic and has no changelog.")
    if given.versioned:
        raise TopologyException("GlobalTables cannot be versioned.")
    m = as_consumed(given, consumed).with_logging_disabled()
    store_name = m.queryable or plan.names.store(f"{topic}-")
    source = plan.names.named(consumed.name, "KSTREAM-SOURCE-", SOURCE_SUFFIX)
    name = plan.names.named(consumed.name, "KTABLE-SOURCE-")
    node = source_node(source, topic, Consumed(m.key_serde, m.value_serde, consumed.timestamp_extractor))
    plan.add(name, GlobalTable(node, source_table(store_name), key_value_store(m, store_name)))
    return GlobalKTable(plan, StoreView(store_name), m.queryable)
