"""Which tables get a store, and which send old values: the demands of a plan, met in the order they were made.

The order matters, as in Java: a filter that asks "only if it costs nothing" is refused where its source has no store
yet, although a later operator may give it one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.topology.plan import Plan, TableKind


@dataclass(slots=True)
class Met:
    """What came of the demands, by table id."""

    plan: Plan
    materialized: set[int] = field(default_factory=set)
    sends_old: set[int] = field(default_factory=set)

    def steps_sending_old(self) -> frozenset[str]:
        """Names of the nodes that send old values."""
        return frozenset(step for table in self.sends_old for step in self.plan.tables[table].steps)


def meet(plan: Plan) -> Met:
    """Goes through all demands of `plan`."""
    met = Met(plan, {i for i, table in enumerate(plan.tables) if table.materialized})
    for demand in plan.demands:
        if demand.view:
            _view(met, demand.table)
        elif _send_old(met, demand.table, demand.force) and demand.asker is not None:
            met.sends_old.add(demand.asker)
    return met


def _send_old(met: Met, table: int, force: bool) -> bool:
    if table in met.sends_old:
        return True
    entry = met.plan.tables[table]
    if entry.kind is TableKind.SOURCE:
        if not force and table not in met.materialized:
            return False
        met.materialized.add(table)
    elif entry.kind is TableKind.JOINED:
        for parent in entry.parents:
            _send_old(met, parent, True)
    elif not _derived(met, table):
        pass
    elif not all(_send_old(met, parent, force) for parent in entry.parents):
        return False
    met.sends_old.add(table)
    return True


def _derived(met: Met, table: int) -> bool:
    """Is its value computed from its parents'?"""
    return met.plan.tables[table].kind is not TableKind.STORED and table not in met.materialized


def _view(met: Met, table: int) -> None:
    entry = met.plan.tables[table]
    if entry.kind is TableKind.SOURCE:
        met.materialized.add(table)
    elif _derived(met, table):
        for parent in entry.parents:
            _view(met, parent)
