"""Joins of a stream: which one is meant follows from what it is joined with. Those with tables stand here."""

from __future__ import annotations

from dataclasses import replace

from streams.dsl import arity
from streams.dsl.options import Joined, grace_ms, name_of
from streams.dsl.pick import Fields, Options, pick
from streams.dsl.refs import GlobalTableRef, StreamRef, TableRef, same_builder
from streams.dsl.stream_join import join_streams, repartition_for_join
from streams.dsl.windows import JoinWindows
from streams.errors import IllegalArgumentException, NullPointerException
from streams.operators.stream_table import stream_global_join, stream_table_join
from streams.topology.plan import PlannedStore, Step, StreamTableJoin
from streams.topology.store import StoreKind, StoreSpec


def join(method: str, kind: str, stream: StreamRef, other: object, given: Options, fields: Fields) -> StreamRef:
    """A join with a stream, a table or a global table.

    Raises:
        NullPointerException: something is None.
        IllegalArgumentException: it is joined with something else.
    """
    if isinstance(other, StreamRef):
        return join_streams(method, kind, stream, other, given, fields)
    if isinstance(other, TableRef) and kind != "outer":
        return _join_table(method, kind == "left", stream, other, given, fields)
    if isinstance(other, GlobalTableRef) and kind != "outer":
        return _join_global_table(method, kind == "left", stream, other, given, fields)
    if other is None:
        if any(isinstance(thing, JoinWindows) for thing in given) or kind == "outer":
            raise NullPointerException("otherStream cannot be null")
        functions = sum(callable(thing) for thing in given)
        raise NullPointerException("globalTable cannot be null" if functions > 1 else "table cannot be null")
    partners = "a KStream" if kind == "outer" else "a KStream, a KTable or a GlobalKTable"
    raise IllegalArgumentException(f"{method}() joins a stream with {partners}, got {other!r}.")


def _join_table(
    method: str, left: bool, stream: StreamRef, table: TableRef, given: Options, fields: Fields
) -> StreamRef:
    """`join(table, joiner, [Joined])`: each stream record meets the row of its key.

    Raises:
        IllegalArgumentException: the grace period is negative, or the table not versioned.
    """
    plan = stream.plan
    same_builder(method, plan, table.updates.plan)
    joiner, *_ = (*given, None)
    call = arity.either(joiner, arity.JOIN_FORMS, method, "joiner cannot be null")
    j = pick(method, Joined, given[1:], fields, "joined cannot be null") or Joined()
    prefix = stream.name if j.name is None else j.name
    stream = repartition_for_join(stream, prefix, j.name is not None, j.key_serde, j.value_serde)
    sources = stream.sources | table.updates.sources
    plan.copartition(sources)
    name = plan.names.named(j.name, "KSTREAM-LEFTJOIN-" if left else "KSTREAM-JOIN-")
    key_serde, grace = j.key_serde or stream.key_serde, grace_ms(j)
    buffer = None
    if grace is not None:
        if grace < 0:
            raise IllegalArgumentException("Grace period must not be negative.")
        if plan.nodes[table.updates.node].versioned is False:
            raise IllegalArgumentException("KTable must be versioned to use a grace period in a stream table join.")
        value_serde = j.value_serde or stream.value_serde
        store = StoreSpec(f"{name}-Buffer", StoreKind.JOIN_BUFFER, key_serde, value_serde, retention_ms=grace)
        buffer = PlannedStore(store, j.name is not None, anywhere=False)
    plan.view(table.table)
    make = stream_table_join(table.view, call, left, grace, None if buffer is None else buffer.spec.name)
    node = plan.add(name, StreamTableJoin(make, table.view.stores(), buffer, grace), (stream.node,), relaxed=left)
    return StreamRef(plan, node, name, sources, key_serde)


def _join_global_table(
    method: str, left: bool, stream: StreamRef, table: GlobalTableRef, given: Options, fields: Fields
) -> StreamRef:
    """`join(global_table, key_selector, joiner, [Named])`: each stream record meets the row of the selected key."""
    plan = stream.plan
    same_builder(method, plan, table.plan)
    key_selector, joiner, *_ = (*given, None, None)
    selector = arity.fixed(key_selector, arity.PAIR_FORM, method, "keySelector cannot be null")
    call = arity.either(joiner, arity.JOIN_FORMS, method, "joiner cannot be null")
    name = plan.names.named(name_of(method, given[2:], fields), "KSTREAM-LEFTJOIN-")
    make = stream_global_join(table.view, selector, call, left)
    node = plan.add(name, Step(make), (stream.node,), relaxed=left)
    return replace(stream, node=node, name=name, value_serde=None)
