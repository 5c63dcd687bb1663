"""What the DSL's functions work on: a stream, a table or a group as plain references to its place in the plan.

The public classes (`faces`) hold one each. Two references are the same only if they are one object: what is built on
one of them twice shares its repartition topic (`Plan.repartitions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.errors import TopologyException
from streams.functions import Plain
from streams.operators.views import View
from streams.topology.plan import MaybeSerde, Plan


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StreamRef:
    """A stream: the node that gives its records.

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

    def __repr__(self) -> str:
        return f"KStream({self.name})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TableRef:
    """A table.

    Args:
        updates: its updates, as a stream.
        table: its id in the plan.
        view: how its rows are read.
        store: name of its store, if the user named it.
    """

    updates: StreamRef
    table: int
    view: View
    store: str | None

    def __repr__(self) -> str:
        return f"KTable({self.updates.name})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GlobalTableRef:
    """A table that every instance holds whole."""

    plan: Plan
    view: View
    store: str | None

    def __repr__(self) -> str:
        return "GlobalKTable()"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupedRef:
    """A grouped stream.

    Args:
        records: with the serdes of the grouping.
        name: what the user called the grouping, which becomes the repartition topic's name.
    """

    records: StreamRef
    name: str | None

    def __repr__(self) -> str:
        return f"KGroupedStream({self.records.name})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupedTableRef:
    """A grouped table; its updates travel as changes through a repartition topic."""

    updates: StreamRef
    name: str | None

    def __repr__(self) -> str:
        return f"KGroupedTable({self.updates.name})"


@dataclass(frozen=True, slots=True, eq=False)
class CogroupedRef:
    """Several grouped streams that become one table. It grows with each call of `cogroup`.

    Args:
        aggregators: of each grouped stream.
        parents: below which node its records lie by key, and the source nodes there; kept for the next aggregation.
    """

    plan: Plan
    aggregators: dict[GroupedRef, Plain] = field(default_factory=dict)
    parents: dict[GroupedRef, tuple[int, frozenset[str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class SplitRef:
    """A stream that is being split. It grows with each branch.

    Args:
        stream: what is split.
        node: of the split.
        predicates: of the branches that have one.
        children: names of the branches' nodes; one more than there are predicates after a default branch.
    """

    stream: StreamRef
    name: str
    node: int
    predicates: list[Callable[..., object]]
    children: list[str]


def same_builder(method: str, plan: Plan, other: Plan) -> None:
    """What is put together must come from one builder, whose topology it becomes.

    Raises:
        TopologyException: it does not.
    """
    if plan is not other:
        raise TopologyException(
            f"{method}() puts together what comes from two StreamsBuilders, and a topology is built of one. Make both "
            "sides by the same builder."
        )
