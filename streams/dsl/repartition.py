"""Repartition steps: a filter, a sink, a topic and a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from streams.dsl.options import Repartitioned
from streams.dsl.pick import Fields, Options, pick
from streams.dsl.refs import StreamRef
from streams.errors import TopologyException
from streams.operators.stateless import drop_null_keys, pass_through
from streams.topology.naming import is_generated_stream, repartition_topic
from streams.topology.plan import MaybeSerde, Repartition


def repartition(stream: StreamRef, options: Options, fields: Fields) -> StreamRef:
    """`repartition`: a topic that the user asked for, which no optimisation removes."""
    r = pick("repartition", Repartitioned, options, fields, "repartitioned cannot be null") or Repartitioned()
    if r.partitions is not None and r.partitions < 1:
        raise TopologyException(f"repartition() needs at least one partition, got {r.partitions}")
    part = planned_repartition(
        stream,
        r.name if r.name is not None else stream.plan.names.node("KSTREAM-REPARTITION-"),
        r.key_serde,
        r.value_serde or stream.value_serde,
        named=r.name is not None,
        partitioner=r.partitioner,
        partitions=r.partitions,
        optimizable=False,
    )
    return replace(after(stream, part, add_repartition(stream, part)), key_serde=r.key_serde or stream.key_serde)


def planned_repartition(
    stream: StreamRef,
    prefix: str,
    key_serde: MaybeSerde,
    value_serde: MaybeSerde,
    *,
    named: bool,
    partitioner: Callable[..., object] | None = None,
    partitions: int | None = None,
    optimizable: bool = True,
) -> Repartition:
    """Names a repartition step; it consumes three numbers whether or not it is used.

    Args:
        prefix: the user's name, the store's, or the node's whose records are repartitioned; the topic's name
            begins with it.
        named: `prefix` is the user's.
    """
    names = stream.plan.names
    topic = repartition_topic(prefix)
    if not named:
        stream.plan.generated_repartitions.append(topic)
    sink, keep, source = names.node("KSTREAM-SINK-"), names.node("KSTREAM-FILTER-"), names.node("KSTREAM-SOURCE-")
    if not is_generated_stream(prefix):
        sink, keep, source = f"{topic}-sink", f"{topic}-filter", f"{topic}-source"
    return Repartition(
        topic=topic,
        filter=keep,
        sink=sink,
        source=source,
        key_serde=key_serde,
        value_serde=value_serde,
        drop_null_keys=drop_null_keys(),
        keep_null_keys=pass_through(),
        partitioner=partitioner,
        partitions=partitions,
        optimizable=optimizable,
    )


def add_repartition(stream: StreamRef, part: Repartition) -> int:
    """Puts the step below `stream`, and gives its node."""
    return stream.plan.add(part.source, part, (stream.node,))


def after(stream: StreamRef, part: Repartition, node: int) -> StreamRef:
    """The stream that is read back."""
    return replace(
        stream,
        node=node,
        name=part.source,
        sources=frozenset({part.source}),
        rekeyed=False,
        key_serde=part.key_serde,
        value_serde=part.value_serde,
    )
