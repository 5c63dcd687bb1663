"""Which tables get a store, and which send old values: the demands of a plan, met in the order they were made.

The order matters, as in Java: a filter that asks "only if it costs nothing" is refused where its source has no store
yet, although a later operator may give it one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.topology.plan import Plan, TableKind


@dataclass(slots=True)
class Materialization:
    """What came of the demands, by table id."""

    plan: Plan
    materialized: set[int] = field(default_factory=set)
    sends_old: set[int] = field(default_factory=set)

    def steps_sending_old(self) -> frozenset[str]:
        """Names of the nodes that send old values."""
        return frozenset(step for table in self.sends_old for step in self.plan.tables[table].steps)


def materialize(plan: Plan) -> Materialization:
    """Goes through all demands of `plan`."""
    made = Materialization(plan, {i for i, table in enumerate(plan.tables) if table.materialized})
    for demand in plan.demands:
        if demand.view:
            _view(made, demand.table)
        elif _send_old(made, demand.table, demand.force) and demand.asker is not None:
            made.sends_old.add(demand.asker)
    return made


def _send_old(made: Materialization, table: int, force: bool) -> bool:
    if table in made.sends_old:
        return True
    entry = made.plan.tables[table]
    if entry.kind is TableKind.SOURCE:
        if not force and table not in made.materialized:
            return False
        made.materialized.add(table)
    elif entry.kind is TableKind.JOINED:
        for parent in entry.parents:
            _send_old(made, parent, True)
    elif not _derived(made, table):
        pass
    elif not all(_send_old(made, parent, force) for parent in entry.parents):
        return False
    made.sends_old.add(table)
    return True


def _derived(made: Materialization, table: int) -> bool:
    """Is its value computed from its parents'?"""
    return made.plan.tables[table].kind is not TableKind.STORED and table not in made.materialized


def _view(made: Materialization, table: int) -> None:
    entry = made.plan.tables[table]
    if entry.kind is TableKind.SOURCE:
        made.materialized.add(table)
    elif _derived(made, table):
        for parent in entry.parents:
            _view(made, parent)
