"""`suppress`: a buffer below a table."""

from __future__ import annotations

from dataclasses import replace

from streams.dsl.refs import TableRef
from streams.dsl.suppressed import Suppressed
from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.operators.suppress import suppress as suppress_step
from streams.operators.views import SuppressedView
from streams.topology.plan import Plan, PlannedStore, Step, TableKind, TablePlan
from streams.topology.store import StoreKind, StoreSpec

PREFIX = "KTABLE-SUPPRESS-"


def suppress(table: TableRef, suppressed: object) -> TableRef:
    """Puts a buffer below `table`, which must send its old values for it.

    Raises:
        TopologyException: the table is versioned, or window closes are asked for where there are no windows.
    """
    if suppressed is None:
        raise NullPointerException("suppressed can't be null")
    if not isinstance(suppressed, Suppressed):
        raise IllegalArgumentException(
            f"suppress() takes Suppressed.until_window_closes(…) or Suppressed.until_time_limit(…), got {suppressed!r}."
        )
    updates = table.updates
    plan = updates.plan
    if plan.nodes[updates.node].versioned:
        raise TopologyException("suppress() is only supported for non-versioned KTables")
    final = suppressed.wait_ms is None
    name = suppressed.name if suppressed.name is not None else plan.names.node(PREFIX)
    wait_ms = _close_ms(plan, updates.node, "") if suppressed.wait_ms is None else suppressed.wait_ms
    store_name = f"{name}-store" if suppressed.name is not None else plan.names.store(PREFIX)
    buffer = suppressed.buffer
    store = StoreSpec(
        store_name,
        StoreKind.SUPPRESS_BUFFER,
        updates.key_serde,
        updates.value_serde,
        logging=buffer.logging,
        persistent=False,
        retention_ms=wait_ms,
    )
    plan.old_values(table.table)
    make = suppress_step(
        store_name,
        wait_ms,
        final,
        buffer.record_limit,
        buffer.byte_limit,
        not buffer.emit_early,
        window_end=final,
        idle_ms=suppressed.idle_ms,
    )
    entry = plan.table(TablePlan(TableKind.SUPPRESSED, (name,), (table.table,)))
    part = Step(make, own=PlannedStore(store, suppressed.name is not None, anywhere=False), table=entry)
    node = plan.add(name, part, (updates.node,), versioned=False, suppress=True)
    return TableRef(replace(updates, node=node, name=name), entry, SuppressedView(store_name, table.view), None)


def _close_ms(plan: Plan, node: int, chain: str) -> int:
    """How long after their end the windows above close: the longest of all ways up."""
    entry = plan.nodes[node]
    if entry.grace_ms is not None:
        return entry.grace_ms
    chain = f"{entry.name}->{chain}" if chain else entry.name
    if not entry.parents:
        raise TopologyException(f"Window close time is only defined for windowed computations. Got [{chain}].")
    return max(_close_ms(plan, parent, chain) for parent in entry.parents)
