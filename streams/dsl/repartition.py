"""Repartition steps: a filter, a sink, a topic and a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from streams.dsl.flow import Flow, MaybeSerde
from streams.operators.stateless import drop_null_keys, pass_through
from streams.topology.naming import is_generated_stream, repartition_topic
from streams.topology.plan import Repartition


def planned_repartition(
    flow: Flow,
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
    names = flow.plan.names
    topic = repartition_topic(prefix)
    if not named:
        flow.plan.generated_repartitions.append(topic)
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


def add_repartition(flow: Flow, part: Repartition) -> int:
    """Puts the step below `flow`, and gives its node."""
    return flow.plan.add(part.source, part, (flow.node,))


def after(flow: Flow, part: Repartition, node: int) -> Flow:
    """The stream that is read back."""
    return replace(
        flow,
        node=node,
        name=part.source,
        sources=frozenset({part.source}),
        rekeyed=False,
        key_serde=part.key_serde,
        value_serde=part.value_serde,
    )
