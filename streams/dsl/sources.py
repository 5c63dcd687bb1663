"""Where streams and tables begin: topics, read as a builder is told to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from streams.dsl.materialized import Materialized, key_value_store, unexpiring
from streams.dsl.options import Consumed
from streams.dsl.pick import Fields, Options, pick, pick_two
from streams.dsl.refs import GlobalTableRef, StreamRef, TableRef
from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.names import check_topic
from streams.operators.source_table import source_table
from streams.operators.views import StoreView
from streams.topology.graph import StoreBuilder, spec_of
from streams.topology.node import SourceNode
from streams.topology.plan import GlobalStep, GlobalTable, Plan, StreamSource, TableKind, TablePlan, TableSource
from streams.topology.suppliers import check_supplier


def stream(plan: Plan, topics: object, options: Options, fields: Fields) -> StreamRef:
    """`builder.stream`."""
    consumed = pick("stream", Consumed, options, fields, "consumed can't be null") or Consumed()
    names = _topics(topics)
    name = plan.names.named(consumed.name, "KSTREAM-SOURCE-")
    node = plan.add(name, StreamSource(_source(name, names, consumed)))
    return StreamRef(plan, node, name, frozenset({name}), consumed.key_serde, consumed.value_serde)


def table(plan: Plan, topic: object, options: Options, fields: Fields) -> TableRef:
    """`builder.table`. The store takes a number of its own even where it comes to nothing."""
    topic, consumed, m = _of_table("table", topic, options, fields)
    store_name = m.queryable or plan.names.store(f"{topic}-")
    source = plan.names.named(consumed.name, "KSTREAM-SOURCE-", "-source")
    name = plan.names.named(consumed.name, "KTABLE-SOURCE-")
    entry = plan.table(TablePlan(TableKind.SOURCE, (name,), materialized=m.kept))
    part = TableSource(_source(source, (topic,), consumed), source_table, key_value_store(m, store_name), entry)
    node = plan.add(name, part, versioned=m.versioned)
    updates = StreamRef(plan, node, name, frozenset({source}), m.key_serde, m.value_serde)
    return TableRef(updates, entry, StoreView(store_name), m.queryable)


def global_table(plan: Plan, topic: object, options: Options, fields: Fields) -> GlobalTableRef:
    """`builder.global_table`: it is always kept in a store, which has no changelog but the topic.

    Raises:
        TopologyException: the store is versioned.
        IllegalArgumentException: entries shall expire.
    """
    topic, consumed, m = _of_table("global_table", topic, options, fields)
    m = unexpiring(m, "a global table mirrors its topic and has no changelog.").with_logging_disabled()
    if m.versioned:
        raise TopologyException("GlobalTables cannot be versioned.")
    store_name = m.queryable or plan.names.store(f"{topic}-")
    source = plan.names.named(consumed.name, "KSTREAM-SOURCE-", "-source")
    name = plan.names.named(consumed.name, "KTABLE-SOURCE-")
    node = _source(source, (topic,), replace(consumed, offset_reset=None))
    plan.add(name, GlobalTable(node, source_table(store_name), key_value_store(m, store_name)))
    return GlobalTableRef(plan, StoreView(store_name), m.queryable)


def global_store(plan: Plan, builder: StoreBuilder, topic: object, given: Options) -> None:
    """`builder.add_global_store(builder, topic, [consumed], supplier)`."""
    spec_of(builder)
    topics = (_one_topic(topic),)
    if any(thing is None for thing in given):
        raise NullPointerException("consumed can't be null")
    consumed = next((thing for thing in given if isinstance(thing, Consumed)), Consumed())
    supplier, *rest = [*(thing for thing in given if not isinstance(thing, Consumed)), None]
    if rest[:-1]:
        raise IllegalArgumentException(f"add_global_store() takes one supplier of processors, got {rest[0]!r} too.")
    make = check_supplier(supplier)
    source = plan.names.named(consumed.name, "KSTREAM-SOURCE-", "-source")
    name = plan.names.named(consumed.name, "KTABLE-SOURCE-")
    plan.add(name, GlobalStep(_source(source, topics, replace(consumed, offset_reset=None)), make, builder))


def _source(name: str, topics: tuple[str, ...] | re.Pattern[str], consumed: Consumed[Any, Any]) -> SourceNode:
    reset = None if consumed.offset_reset is None else consumed.offset_reset.text
    return SourceNode(name, topics, consumed.key_serde, consumed.value_serde, consumed.timestamp_extractor, reset)


def _of_table(
    method: str, topic: object, options: Options, fields: Fields
) -> tuple[str, Consumed[Any, Any], Materialized[Any, Any]]:
    """The topic of a table, how it is read and kept: its store is written as the topic is, where both are given."""
    topic = _one_topic(topic)
    consumed, m = pick_two(method, Consumed, Materialized, options, fields, "materialized can't be null")
    consumed, m = consumed or Consumed(), m or Materialized()
    key_serde, value_serde = consumed.key_serde or m.key_serde, consumed.value_serde or m.value_serde
    consumed = replace(consumed, key_serde=key_serde, value_serde=value_serde)
    return topic, consumed, replace(m, key_serde=key_serde, value_serde=value_serde)


def _one_topic(topic: object) -> str:
    if topic is None:
        raise NullPointerException("topic can't be null")
    if not isinstance(topic, str):
        raise IllegalArgumentException(f"a table is read from one topic, got {topic!r}.")
    return check_topic(topic, "a table")


def _topics(topics: object) -> tuple[str, ...] | re.Pattern[str]:
    if topics is None:
        raise NullPointerException("topicPattern can't be null")
    if isinstance(topics, re.Pattern):
        if not isinstance(topics.pattern, str):
            raise IllegalArgumentException(f"stream() takes a pattern of text, not of bytes, got {topics!r}.")
        return topics
    if isinstance(topics, str):
        return (check_topic(topics, "stream()"),)
    if isinstance(topics, bytes) or not isinstance(topics, Iterable):
        raise IllegalArgumentException(f"stream() takes topics or a compiled pattern, got {topics!r}.")
    names = tuple(dict.fromkeys(topics))
    for name in names:
        if name is None:
            raise NullPointerException("topic can't be null")
        if not isinstance(name, str):
            raise IllegalArgumentException(f"stream() takes topics or a compiled pattern, got {name!r}.")
        check_topic(name, "stream()")
    return names
