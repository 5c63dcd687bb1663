"""`ensure.explicit.internal.resource.naming`: names that were generated for what outlives the application are refused.

Java notes a name when it generates it, whether the store or topic is made in the end or not, and asks nobody to name
the topics and the store of registrations of a foreign-key join, or the repartition topics of tables. Source:
`InternalTopologyBuilder.checkUnprovidedNames`.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.errors import TopologyException
from streams.topology import plan as p
from streams.topology.store import StoreKind

_CHANGELOG, _STORE, _REPARTITION = "changelog topic", "state store", "repartition topic"


def refuse_generated_names(plan: p.Plan) -> None:
    """Raises `TopologyException` naming what has a generated name, by kind, in the order it was written; a repartition
    topic each time one is asked for."""
    found: dict[str, list[str]] = {_CHANGELOG: [], _STORE: [], _REPARTITION: plan.generated_repartitions}
    for node in plan.nodes:
        for kind, name in _generated(node.part):
            if name not in found[kind]:
                found[kind].append(name)
    lines = [f"Following {kind}(s) has not been named: {', '.join(names)}\n" for kind, names in found.items() if names]
    if lines:
        raise TopologyException("".join(lines))


def _generated(part: p.Part | None) -> Iterator[tuple[str, str]]:
    for store in _stores(part):
        if store.named:
            continue
        if store.spec.kind is not StoreKind.SUPPRESS_BUFFER:
            yield _STORE, store.spec.name
        if store.spec.logging is not None:
            yield _CHANGELOG, f"{store.spec.name}-changelog"


def _stores(part: p.Part | None) -> list[p.PlannedStore]:
    match part:
        case p.TableSource() | p.GlobalTable() | p.BuiltInStore() | p.TableStep():
            return [part.store]
        case p.Step(own=store) | p.TableJoin(own=store) | p.StreamTableJoin(buffer=store):
            return [] if store is None else [store]
        case p.StreamJoin():
            both = [part.this.store, part.other.store]
            return both if part.shared is None else [*both, part.shared]
        case _:
            return []
