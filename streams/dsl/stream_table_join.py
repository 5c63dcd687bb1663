"""Joins of a stream with a table, and with a global table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streams.dsl import arity
from streams.dsl.flow import name_of, same_builder
from streams.dsl.global_table import GlobalKTable
from streams.dsl.options import Joined, grace_ms
from streams.dsl.pick import pick
from streams.dsl.stream import KStream
from streams.dsl.stream_join import repartition_for_join
from streams.dsl.table import KTable
from streams.dsl.table_steps import joined_sources
from streams.errors import IllegalArgumentException
from streams.operators.stream_table import stream_global_join, stream_table_join
from streams.topology.plan import PlannedStore, Step, StreamTableJoin
from streams.topology.store import StoreKind, StoreSpec


def join_table(
    method: str,
    left: bool,
    stream: KStream[Any, Any],
    table: KTable[Any, Any],
    given: tuple[object, ...],
    fields: Mapping[str, object],
) -> KStream[Any, Any]:
    """`join(table, joiner, [Joined])`: each stream record meets the row of its key.

    Raises:
        IllegalArgumentException: the grace period is negative, or the table not versioned.
    """
    same_builder(method, stream._flow, table._flow)
    call = arity.either(_at(given, 0), arity.JOIN_FORMS, method, "joiner cannot be null")
    j = pick(method, Joined, given[1:], fields, "joined cannot be null") or Joined()
    plan = stream._flow.plan
    prefix = stream._flow.name if j.name is None else j.name
    flow = repartition_for_join(stream, prefix, j.name is not None, j.key_serde, j.value_serde)
    sources = joined_sources(flow, table._flow)
    name = plan.names.named(j.name, "KSTREAM-LEFTJOIN-" if left else "KSTREAM-JOIN-")
    grace = grace_ms(j)
    buffer = None
    if grace is not None:
        if grace < 0:
            raise IllegalArgumentException("Grace period must not be negative.")
        if plan.nodes[table._flow.node].versioned is False:
            raise IllegalArgumentException("KTable must be versioned to use a grace period in a stream table join.")
        store = StoreSpec(
            f"{name}-Buffer",
            StoreKind.JOIN_BUFFER,
            j.key_serde or flow.key_serde,
            j.value_serde or flow.value_serde,
            retention_ms=grace,
        )
        buffer = PlannedStore(store, j.name is not None, anywhere=False)
    plan.view(table._table)
    make = stream_table_join(table._view, call, left, grace, None if buffer is None else buffer.spec.name)
    part = StreamTableJoin(make, table._view.stores(), buffer, grace)
    node = plan.add(name, part, (flow.node,), relaxed=left)
    return KStream(
        replace(
            flow,
            node=node,
            name=name,
            sources=sources,
            key_serde=j.key_serde or flow.key_serde,
            value_serde=None,
            rekeyed=False,
        )
    )


def join_global_table(
    method: str,
    left: bool,
    stream: KStream[Any, Any],
    table: GlobalKTable[Any, Any],
    given: tuple[object, ...],
    fields: Mapping[str, object],
) -> KStream[Any, Any]:
    """`join(global_table, key_selector, joiner, [Named])`: each stream record meets the row of the selected key."""
    same_builder(method, stream._flow, table._plan)
    selector = arity.fixed(_at(given, 0), arity.PAIR_FORM, method, "keySelector cannot be null")
    call = arity.either(_at(given, 1), arity.JOIN_FORMS, method, "joiner cannot be null")
    flow = stream._flow
    name = flow.plan.names.named(name_of(method, given[2:], fields), "KSTREAM-LEFTJOIN-")
    make = stream_global_join(table._view, selector, call, left)
    node = flow.plan.add(name, Step(make), (flow.node,), relaxed=left)
    return KStream(replace(flow, node=node, name=name, value_serde=None))


def _at(given: tuple[object, ...], place: int) -> object:
    return given[place] if place < len(given) else None
