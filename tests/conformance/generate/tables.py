"""Operators on tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.conformance.generate import options, words
from tests.conformance.generate.flow import Flow
from tests.conformance.generate.plan import Plan


def materialised(plan: Plan, flow: Flow, value: str, known: bool, often: float = 0.45) -> dict[str, Any]:
    """The field `store` of a table's step, or nothing."""
    draw = plan.draw
    if not draw.chance(often):
        return {}
    known = known and draw.chance(0.1)  # Java knows the serdes and does not give them to the store
    if not flow.windowed_key and flow.history is not None and draw.chance(0.4):
        return {"store": options.versioned_store(draw, flow.key, value, known)}
    return {"store": options.key_value_store(draw, flow.key, value, known)}


def step_on_table(plan: Plan) -> bool:
    """`filter`, `filter_not`, `map_values`, `transform_values`."""
    flow = plan.any("table")
    if flow is None:
        return False
    draw = plan.draw
    op = draw.pick(["filter", "filter_not", "map_values", "map_values", "transform_values"])
    value, fields = flow.value, dict[str, Any]()
    if op in ("filter", "filter_not"):
        fields = {"fn": words.predicate(draw, flow.value)}
    elif op == "map_values":
        value = plan.value_type()
        fields = {"fn": words.mapper(draw, flow.key, flow.value, value)}
    else:
        value, fields = "string", transformer(plan, flow)
    same = op in ("filter", "filter_not")
    known = flow.key_serde and flow.value_serde and same
    store = materialised(plan, flow, value, known)
    id = plan.add(op, **{"in": flow.id}, **fields, **plan.named(), **store)
    table = plan.table_of(id, replace(flow, value=value, value_serde=flow.value_serde and same), store)
    plan.made(replace(table, closes=flow.closes, history=history_after(flow, table, store)))
    return True


def history_after(flow: Flow, table: Flow, store: dict[str, Any]) -> int | None:
    """A table without a store of its own is as versioned as the one it is made of."""
    return table.history if store.get("store", {}).get("name") else flow.history


def transformer(plan: Plan, flow: Flow) -> dict[str, Any]:
    draw = plan.draw
    if flow.windowed_key or draw.chance(0.5):
        return {"transformer": draw.pick(["key_value_text", "null_to_none"])}
    store = {**options.store_builder(draw, "kv", flow.key, "long"), "kind": "kv"}
    plan.add("add_state_store", store=store)
    return {"transformer": ["call_count", store["name"]], "stores": [store["name"]]}


def to_stream(plan: Plan) -> bool:
    flow = plan.any("table")
    if flow is None:
        return False
    draw = plan.draw
    if draw.chance(0.25) or (flow.windowed_key and draw.chance(0.4)):
        key = plan.key_type()
        fn = words.key_mapper(draw, flow.key, flow.value, key)
        id = plan.add("to_stream", **{"in": flow.id}, fn=fn, **plan.named())
        plan.made(flow.as_stream(id, key=key, key_serde=False))
        return True
    id = plan.add("to_stream", **{"in": flow.id}, **plan.named())
    plan.made(flow.as_stream(id))
    return True


def suppress(plan: Plan) -> bool:
    draw = plan.draw
    closing = [flow for flow in plan.all("table") if flow.closes]
    flow = draw.pick(closing) if closing and draw.chance(0.7) else plan.any("table")
    if flow is None or (flow.history is not None and not draw.chance(0.02)):
        return False
    if not (flow.key_serde and flow.value_serde) and not draw.chance(0.04):
        return False
    strict = draw.chance(0.7) if flow.closes else draw.chance(0.01)
    fields: dict[str, Any] = {"mode": "until_window_closes", "buffer": options.buffer(draw, True)}
    if not strict:
        limit = draw.pick([0, 1, 10, 50, 100, 1000])
        fields = {"mode": "until_time_limit", "ms": limit, "buffer": options.buffer(draw, False)}
    id = plan.add("suppress", **{"in": flow.id}, **fields, **plan.named())
    plan.made(replace(flow, id=id, store=None))
    return True


def join_tables(plan: Plan) -> bool:
    flow = plan.any("table")
    if flow is None:
        return False
    draw = plan.draw
    foreign = draw.chance(0.45) and not flow.windowed_key
    others = [t for t in plan.all("table") if (not t.windowed_key if foreign else t.key == flow.key)]
    if foreign and not draw.chance(0.05):
        others = [t for t in others if t.key_serde and t.value_serde and flow.key_serde and flow.value_serde]
    if not others:
        return False
    other = flow if draw.chance(0.1) and flow in others else draw.pick(others)
    joiner, value = words.joiner(draw, flow.value, other.value)
    fields: dict[str, Any] = {"joiner": joiner}
    op = draw.pick(["join", "left_join"] if foreign else ["join", "left_join", "outer_join"])
    if foreign:
        fields["foreign_key"] = words.key_mapper(draw, flow.key, flow.value, str(other.key))
        fields |= draw.maybe(0.2, table_joined={"name": draw.name("fk")})
    else:
        fields |= plan.named()
    store = materialised(plan, replace(flow, history=None), value, False, 0.9 if foreign else 0.45)
    id = plan.add(op, **{"in": flow.id}, other=other.id, **fields, **store)
    table = plan.table_of(id, replace(flow, value=value, key_serde=True, value_serde=False), store)
    versioned = None if flow.history is None or other.history is None else min(flow.history, other.history)
    history = table.history if store.get("store", {}).get("name") else versioned
    plan.made(replace(table, closes=flow.closes, history=history))
    return True
