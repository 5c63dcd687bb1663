"""What a topology reads and writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.conformance.generate import options, words
from tests.conformance.generate.flow import Flow
from tests.conformance.generate.plan import Plan


def topic(plan: Plan, again: float = 0.004) -> tuple[str, str, str]:
    """An input topic with the types of its keys and values: a new one, or seldom (`again`) one that is there."""
    if plan.inputs and plan.draw.chance(again):
        name = plan.draw.pick(list(plan.inputs))
    else:
        name = f"t{len(plan.inputs)}"
        plan.inputs[name] = {"key": plan.key_type(), "value": plan.value_type()}
    types = plan.inputs[name]
    return name, types["key"], types["value"]


def extractor(plan: Plan, value: str) -> dict[str, Any]:
    if not plan.draw.chance(0.08):
        return {}
    own = ["value", "value_or_partition_time"] if value == "long" else []
    javas = ["fail_on_invalid", "log_and_skip", "use_partition_time"]
    return {"timestamp": plan.draw.pick([*javas, *own, *own])}


def stream(plan: Plan) -> None:
    name, key, value = topic(plan, 0.05)
    read: dict[str, Any] = {"topic": name}
    if plan.draw.chance(0.08):
        other = f"t{len(plan.inputs)}"
        plan.inputs[other] = {"key": key, "value": value}
        read = {"topics": [name, other]} if plan.draw.chance(0.5) else {"pattern": f"{name}|{other}"}
    fields = {**read, "key": key, "value": value, **extractor(plan, value), **plan.named()}
    if "pattern" in fields and "partition_time" in fields.get("timestamp", ""):
        del fields["timestamp"]  # Java's driver has one partition time for all topics of a pattern
    plan.made(Flow(plan.add("stream", **fields), "stream", key, value))


def table(plan: Plan) -> None:
    name, key, value = topic(plan)
    draw, store = plan.draw, dict[str, Any]()
    if draw.chance(0.7):
        versioned = draw.chance(0.3)
        make = options.versioned_store if versioned else options.key_value_store
        store = {"store": make(draw, key, value, True)}
    fields = {"topic": name, "key": key, "value": value, **extractor(plan, value), **plan.named(), **store}
    id = plan.add("table", **fields)
    plan.made(plan.table_of(id, Flow(id, "table", key, value), store))


def global_table(plan: Plan) -> None:
    name, key, value = topic(plan)
    store = {"store": options.key_value_store(plan.draw, key, value, True)} if plan.draw.chance(0.5) else {}
    store.get("store", {}).pop("logging", None)
    if store and not plan.draw.chance(0.05):
        store["store"].setdefault("name", plan.draw.name("st"))  # Java 4.3 takes no Materialized without a name here
    id = plan.add("global_table", topic=name, key=key, value=value, **plan.named(), **store)
    plan.made(Flow(id, "global_table", key, value, store=store.get("store", {}).get("name")))


def global_store(plan: Plan) -> None:
    """A global store that its own processor fills, and a stream that looks it up where there is one."""
    name, key, value = topic(plan)
    draw = plan.draw
    count = draw.chance(0.3)
    store = options.store_builder(draw, "kv", key, "long" if count else value)
    store["logging"] = False
    processor = ["count_in_store" if count else "put_in_store", store["name"]]
    plan.add("add_global_store", store=store, topic=name, key=key, value=value, processor=processor)
    flows = [flow for flow in plan.all("stream") if flow.key == key]
    if flows:
        flow = draw.pick(flows)
        id = plan.add("process", **{"in": flow.id}, processor=["lookup_store", store["name"]])
        plan.made(flow.as_stream(id, value="string", key_serde=False, value_serde=False))


def output(plan: Plan, key: Any, value: str) -> str:
    """An output topic of these types: mostly a new one."""
    like = [name for name, types in plan.outputs.items() if types == {"key": key, "value": value}]
    like = [name for name in like if name not in plan.closed]
    if like and plan.draw.chance(0.15):
        return plan.draw.pick(like)
    name = f"out{len(plan.outputs) + 1}"
    plan.outputs[name] = {"key": key, "value": value}
    return name


def sink(plan: Plan, flow: Flow) -> str | None:
    """`to`; a key that is a window without a serde becomes text first. Gives the topic, if there is one."""
    draw = plan.draw
    if flow.kind == "table":
        flow = flow.as_stream(plan.add("to_stream", **{"in": flow.id}, **plan.named()))
    if flow.windowed_key and (not flow.key_serde or flow.key[0] == "unlimited_windowed"):
        id = plan.add("map", **{"in": flow.id}, key_fn="key_text", value_fn="value")
        flow = replace(flow, id=id, key="string", key_serde=False, value_serde=False)
    fields = {"in": flow.id, **options.key_field(flow.key), "value": flow.value}
    if flow.key_serde and flow.value_serde and draw.chance(0.15):
        fields = {"in": flow.id}
    fields |= draw.maybe(0.1, name=draw.name("sink-"))
    topic = output(plan, flow.key, flow.value)
    if draw.chance(0.04):
        choice = ["by_predicate", words.predicate(draw, flow.value), topic, output(plan, flow.key, flow.value)]
        plan.add("to", **fields, topic_fn=choice)
        return None
    plan.add("to", **fields, topic=topic)
    return topic


def through_topic(plan: Plan) -> bool:
    """Writes to an output topic that it reads again."""
    flow = plan.any("stream")
    if flow is None or flow.windowed_key:
        return False
    name = f"out{len(plan.outputs) + 1}"
    plan.outputs[name] = {"key": flow.key, "value": flow.value}
    plan.add("to", **{"in": flow.id}, **options.key_field(flow.key), value=flow.value, topic=name)
    fields = {"topic": name, "key": flow.key, "value": flow.value}
    if plan.draw.chance(0.4):
        id = plan.add("table", **fields)
        plan.made(Flow(id, "table", flow.key, flow.value))
    else:
        plan.made(Flow(plan.add("stream", **fields), "stream", flow.key, flow.value))
    plan.closed.add(name)
    return True
