"""One random case of the conformance format from a seed and a number: all but the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conformance.generate import grouping, low_level, sources, streams, tables
from tests.conformance.generate.draw import Draw
from tests.conformance.generate.events import events
from tests.conformance.generate.plan import Plan

OPERATORS: dict[Callable[[Plan], bool], float] = {
    streams.select: 2,
    streams.map_values: 2,
    streams.change_key: 2,
    streams.merge: 1,
    streams.split: 0.7,
    streams.repartition: 0.7,
    streams.to_table: 1.2,
    streams.process: 2,
    streams.join_streams: 2,
    streams.join_table: 2,
    streams.join_global: 2,
    grouping.group_stream: 4,
    grouping.cogroup: 1,
    grouping.group_table: 1.5,
    tables.step_on_table: 2.5,
    tables.to_stream: 1.5,
    tables.suppress: 1.5,
    tables.join_tables: 2.5,
    sources.through_topic: 0.2,
}
SOURCES = {sources.stream: 5, sources.table: 4, sources.global_table: 1, sources.global_store: 0.4}
OPTIMISATIONS = [
    "all",
    "all",
    "none",
    "single.store.self.join",
    "merge.repartition.topics",
    "reuse.ktable.source.topics",
    "reuse.ktable.source.topics,single.store.self.join",
]
WINDOW_THROTTLE = "__emit.interval.ms.kstreams.windowed.aggregation__"
JOIN_THROTTLE = "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"


def settings(draw: Draw, damaged: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    cache = draw.weighted({None: 4, 0: 3, 1: 0.3, draw.between(50, 2000): 2, 10_000: 0.5})
    if cache is not None:
        found["statestore.cache.max.bytes"] = cache
    found |= draw.maybe(0.25, **{"topology.optimization": draw.pick(OPTIMISATIONS)})
    found |= draw.maybe(0.08, **{WINDOW_THROTTLE: draw.pick([0, 100, 1000])})
    found |= draw.maybe(0.08, **{JOIN_THROTTLE: draw.pick([0, 100, 1000])})
    found |= draw.maybe(0.15, **{"processing.exception.handler": "log_and_continue"})
    found |= draw.maybe(0.6 if damaged else 0.1, **{"deserialization.exception.handler": "log_and_continue"})
    found |= draw.maybe(0.05, **{"default.key.serde": "string"})
    found |= draw.maybe(0.05, **{"default.value.serde": draw.pick(["string", "long", "json"])})
    return found | draw.maybe(0.015, **{"ensure.explicit.internal.resource.naming": "true"})


def dsl(plan: Plan) -> None:
    draw = plan.draw
    for _ in range(draw.weighted({1: 3, 2: 4, 3: 2})):
        draw.weighted(SOURCES)(plan)
    if not plan.all("stream", "table"):
        draw.pick([sources.stream, sources.table])(plan)
    wanted, tries = draw.weighted({1: 1, 2: 2, 3: 3, 4: 3, 5: 2, 7: 1.5, 10: 1}), 0
    while wanted > 0 and tries < 40:
        tries += 1
        wanted -= draw.weighted(OPERATORS)(plan)
    for flow in plan.unused():
        if draw.chance(0.95):
            sources.sink(plan, flow)


def random_case(seed: int, number: int) -> dict[str, Any]:
    """The case of this number; it depends on nothing else."""
    draw = Draw(f"{seed}/{number}")
    plan = Plan(draw)
    by_hand = draw.chance(0.08)
    (low_level.topology if by_hand else dsl)(plan)
    api = {"api": "topology"} if by_hand else {}
    script = events(draw, plan.inputs, plan.steps)
    damaged = any("kx" in event or "vx" in event for event in script)
    return {
        "format": 1,
        "name": f"random_{seed}_{number}",
        "kind": "run",
        "config": settings(draw, damaged),
        "spec": {**api, "inputs": plan.inputs, "outputs": plan.outputs, "steps": plan.steps},
        "events": script,
        "raw": True,
    }
