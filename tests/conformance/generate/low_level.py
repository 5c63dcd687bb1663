"""Topologies by hand: `api: topology`."""

from __future__ import annotations

from typing import Any

from tests.conformance.generate import options, sources, streams
from tests.conformance.generate.flow import Flow
from tests.conformance.generate.plan import Plan


def topology(plan: Plan) -> None:
    """Sources, processors with stores, sinks; now and then a global store."""
    draw = plan.draw
    for _ in range(draw.between(1, 2)):
        name, key, value = sources.topic(plan)
        source = draw.name("source")
        plan.add("topology_source", name=source, topics=[name], key=key, value=value, **sources.extractor(plan, value))
        plan.made(Flow(source, "stream", key, value))
    if draw.chance(0.2):
        global_store(plan)
    for _ in range(draw.between(1, 5)):
        processor(plan)
    parents = {parent for step in plan.steps for parent in step.get("parents", ())}
    for flow in plan.all("stream"):
        if flow.id not in parents:
            sink(plan, flow)


def sink(plan: Plan, flow: Flow) -> str:
    name = plan.draw.name("sink")
    topic = sources.output(plan, flow.key, flow.value)
    plan.add("topology_sink", name=name, topic=topic, key=flow.key, value=flow.value, parents=[flow.id])
    return name


def processor(plan: Plan) -> None:
    flow = plan.any("stream")
    if flow is None:
        return
    draw = plan.draw
    name = draw.name("processor")
    if draw.chance(0.12):
        children(plan, flow, name)
        return
    choices = [c for c in streams.processors(plan, flow) if not isinstance(c[0], tuple)]
    chosen, store, result = draw.pick(choices)
    like = [f for f in plan.all("stream") if (f.key, f.value) == (flow.key, flow.value) and f.id != flow.id]
    parents = [flow.id, *([draw.pick(like).id] if like and draw.chance(0.2) else [])]
    plan.add("topology_processor", name=name, processor=chosen, parents=parents)
    if store and draw.chance(0.7):
        plan.add("topology_state_store", store=store, processors=[name])
    elif store:
        plan.add("topology_state_store", store=store, processors=[])
        plan.add("topology_connect", processor=name, stores=[store["name"]])
    plan.made(flow.as_stream(name, **result))


def children(plan: Plan, flow: Flow, name: str) -> None:
    """A processor that chooses between two children."""
    draw = plan.draw
    topics = [sources.output(plan, flow.key, flow.value) for _ in range(2)]
    sinks = [draw.name("sink") for _ in topics]
    predicate = ["key_hash_is", 2, draw.between(0, 1)]
    plan.add("topology_processor", name=name, processor=["to_child", predicate, *sinks], parents=[flow.id])
    types = {"key": flow.key, "value": flow.value}
    for one, topic in zip(sinks, topics, strict=True):
        plan.add("topology_sink", name=one, topic=topic, **types, parents=[name])


def global_store(plan: Plan) -> None:
    name, key, value = sources.topic(plan)
    draw = plan.draw
    store: dict[str, Any] = {**options.store_builder(draw, "kv", key, value), "logging": False}
    fields = {"topic": name, "name": draw.name("filler"), "key": key, "value": value}
    put = ["put_in_store", store["name"]]
    plan.add("topology_global_store", store=store, source=draw.name("global"), processor=put, **fields)
    flows = [flow for flow in plan.all("stream") if flow.key == key]
    if flows:
        reader, flow = draw.name("processor"), draw.pick(flows)
        look = ["lookup_store", store["name"]]
        plan.add("topology_processor", name=reader, processor=look, parents=[flow.id])
        plan.made(flow.as_stream(reader, value="string"))
