"""Operators of a stream that merge, repartition, print or write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streams import arguments
from streams.dsl.flow import Flow, end
from streams.dsl.options import Printed, Produced, Repartitioned
from streams.dsl.pick import pick
from streams.dsl.repartition import add_repartition, planned_repartition
from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.names import check_topic
from streams.operators.stateless import pass_through, print_
from streams.topology.node import SinkNode
from streams.topology.plan import Sink, Step


def print_records(flow: Flow, options: tuple[object, ...], fields: Mapping[str, object]) -> None:
    """`print`: label and text as Java writes them."""
    printed = pick("print", Printed, options, fields, "printed cannot be null") or Printed()
    make = print_(flow.name if printed.label is None else printed.label, printed.mapper, printed.file)
    end(flow, "KSTREAM-PRINTER-", printed.name, make)


def write_to(flow: Flow, topic: object, options: tuple[object, ...], fields: Mapping[str, object]) -> None:
    """`to`: a sink, with the serdes that came downstream where none are given."""
    if topic is None:
        raise NullPointerException("topic cannot be null")
    if isinstance(topic, str):
        check_topic(topic, "to()")
    elif callable(topic):
        topic = arguments.function(topic, "key, value, record_context", "to()")
    else:
        raise IllegalArgumentException(f"to() takes a topic or a topic name extractor, got {topic!r}.")
    produced = pick("to", Produced, options, fields, "produced cannot be null") or Produced()
    name = flow.plan.names.named(produced.name, "KSTREAM-SINK-")
    node = SinkNode(
        name,
        (),
        topic,
        produced.key_serde or flow.key_serde,
        produced.value_serde or flow.value_serde,
        produced.partitioner,
    )
    flow.plan.add(name, Sink(node), (flow.node,))


def merged(flow: Flow, other: Flow, name: str | None) -> Flow:
    """`merge`: what is known of the serdes ends here, as in Java."""
    node_name = flow.plan.names.named(name, "KSTREAM-MERGE-")
    node = flow.plan.add(node_name, Step(pass_through()), (flow.node, other.node), merge=True)
    return Flow(flow.plan, node, node_name, flow.sources | other.sources, rekeyed=flow.rekeyed or other.rekeyed)


def repartitioned(flow: Flow, options: tuple[object, ...], fields: Mapping[str, object]) -> Flow:
    """`repartition`: a topic that the user asked for, which no optimisation removes."""
    r = pick("repartition", Repartitioned, options, fields, "repartitioned cannot be null") or Repartitioned()
    if r.partitions is not None and r.partitions < 1:
        raise TopologyException(f"repartition() needs at least one partition, got {r.partitions}")
    name = r.name if r.name is not None else flow.plan.names.node("KSTREAM-REPARTITION-")
    part = planned_repartition(
        flow,
        name,
        r.key_serde,
        r.value_serde or flow.value_serde,
        named=r.name is not None,
        partitioner=r.partitioner,
        partitions=r.partitions,
        optimizable=False,
    )
    node = add_repartition(flow, part)
    return replace(
        flow,
        node=node,
        name=part.source,
        sources=frozenset({part.source}),
        key_serde=r.key_serde or flow.key_serde,
        value_serde=part.value_serde,
        rekeyed=False,
    )
