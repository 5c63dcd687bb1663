"""One step put below a stream: what is known of keys, values and serdes after it."""

from __future__ import annotations

from dataclasses import replace

from streams.dsl.refs import StreamRef
from streams.operators.base import StepMaker
from streams.topology.plan import MaybeSerde, Step


def same_key(stream: StreamRef, prefix: str, name: str | None, make: StepMaker) -> StreamRef:
    """A step that changes neither key nor value.

    Args:
        prefix: of the name that is generated if `name` is None.
    """
    node_name = stream.plan.names.named(name, prefix)
    node = stream.plan.add(node_name, Step(make), (stream.node,))
    return replace(stream, node=node, name=node_name)


def new_value(stream: StreamRef, prefix: str, name: str | None, make: StepMaker) -> StreamRef:
    """A step after which the value is another one."""
    node_name = stream.plan.names.named(name, prefix)
    node = stream.plan.add(node_name, Step(make), (stream.node,), value_changing=True)
    return replace(stream, node=node, name=node_name, value_serde=None)


def new_key(
    stream: StreamRef, prefix: str, name: str | None, make: StepMaker, value_serde: MaybeSerde = None
) -> StreamRef:
    """A step after which the key is another one; whatever needs the key has to repartition."""
    node_name = stream.plan.names.named(name, prefix)
    node = stream.plan.add(node_name, Step(make), (stream.node,), key_changing=True)
    return replace(stream, node=node, name=node_name, key_serde=None, value_serde=value_serde, rekeyed=True)
