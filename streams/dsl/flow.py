"""Where a stream or a table stands in the plan, and how one step is put below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from streams.dsl.options import Named
from streams.dsl.pick import pick
from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.operators.base import StepMaker
from streams.serdes.base import Serde
from streams.topology.plan import Plan, Step

MaybeSerde = Serde[Any] | None


@dataclass(frozen=True, slots=True)
class Flow:
    """One place in the plan.

    Args:
        plan: the builder's.
        node: id of the node that children hang from.
        name: its name.
        sources: names of the source nodes of the sub-topology, as far as they are known here.
        key_serde, value_serde: those that came downstream; None: nothing is known.
        rekeyed: the key may have changed since the records were partitioned.
    """

    plan: Plan
    node: int
    name: str
    sources: frozenset[str]
    key_serde: MaybeSerde = None
    value_serde: MaybeSerde = None
    rekeyed: bool = False


def name_of(method: str, options: tuple[object, ...], fields: Mapping[str, object]) -> str | None:
    """The name that an operator was given, by `Named` or by keyword."""
    named = pick(method, Named, options, fields, "named cannot be null")
    return None if named is None else named.name


def same_key(flow: Flow, prefix: str, name: str | None, make: StepMaker) -> Flow:
    """A step that changes neither key nor value."""
    node_name = flow.plan.names.named(name, prefix)
    node = flow.plan.add(node_name, Step(make), (flow.node,))
    return replace(flow, node=node, name=node_name)


def new_value(flow: Flow, prefix: str, name: str | None, make: StepMaker) -> Flow:
    """A step after which the value is another one."""
    node_name = flow.plan.names.named(name, prefix)
    node = flow.plan.add(node_name, Step(make), (flow.node,), value_changing=True)
    return replace(flow, node=node, name=node_name, value_serde=None)


def new_key(flow: Flow, prefix: str, name: str | None, make: StepMaker, value_serde: MaybeSerde = None) -> Flow:
    """A step after which the key is another one; whatever needs the key has to repartition."""
    node_name = flow.plan.names.named(name, prefix)
    node = flow.plan.add(node_name, Step(make), (flow.node,), key_changing=True)
    return replace(flow, node=node, name=node_name, key_serde=None, value_serde=value_serde, rekeyed=True)


def end(flow: Flow, prefix: str, name: str | None, make: StepMaker) -> None:
    """A step after which nothing comes."""
    same_key(flow, prefix, name, make)


def same_builder(method: str, flow: Flow, other: Flow | Plan) -> None:
    """What is put together must come from one builder, whose topology it becomes.

    Raises:
        TopologyException: it does not.
    """
    if flow.plan is not (other if isinstance(other, Plan) else other.plan):
        raise TopologyException(
            f"{method}() puts together what comes from two StreamsBuilders, and a topology is built of one. Make both "
            "sides by the same builder."
        )


def store_names(
    method: str, given: tuple[object, ...], fields: Mapping[str, object]
) -> tuple[str | None, tuple[str, ...]]:
    """Name and stores of a processor: the name may stand anywhere among the stores."""
    if any(thing is None for thing in given):
        raise NullPointerException("state store name cannot be null")
    stores = tuple(thing for thing in given if isinstance(thing, str))
    if any(hasattr(thing, "spec") for thing in given):
        raise IllegalArgumentException(
            f"{method}() takes the names of state stores, got a builder of one. Add it by builder.add_state_store(…), "
            "or let the supplier bring it by its `stores`."
        )
    return name_of(method, tuple(thing for thing in given if not isinstance(thing, str)), fields), stores
