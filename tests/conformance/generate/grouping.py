"""Groupings, windows and aggregations: of streams, of tables, of several streams at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.conformance.generate import options, words
from tests.conformance.generate.flow import Flow, Serde
from tests.conformance.generate.plan import Plan


def group_stream(plan: Plan) -> bool:
    flow = plan.any("stream")
    if flow is None:
        return False
    grouped = group(plan, flow)
    if grouped is None:
        return False
    plan.made(grouped)
    return aggregate_stream(plan, grouped)


def group(plan: Plan, flow: Flow, key: Serde | None = None) -> Flow | None:
    """`group_by_key` or `group_by` of a stream; with `key`, so that the new key has this type."""
    draw = plan.draw
    if key == flow.key or (key is None and draw.chance(0.5)):
        if flow.windowed_key and not flow.key_serde:
            return None
        given = options.grouped(draw, flow.key, flow.value, flow.key_serde, flow.value_serde)
        id = plan.add("group_by_key", **{"in": flow.id}, **given)
        new: Serde = flow.key
    else:
        new = plan.key_type() if key is None else key
        if isinstance(new, list):
            return None
        fn = words.key_mapper(draw, flow.key, flow.value, new)
        given = options.grouped(draw, new, flow.value, False, flow.value_serde)
        id = plan.add("group_by", **{"in": flow.id}, fn=fn, **given)
    return Flow(id, "grouped", new, flow.value)


def aggregate_stream(plan: Plan, grouped: Flow) -> bool:
    """Perhaps windows, perhaps emission on close, then `count`, `reduce` or `aggregate`."""
    draw = plan.draw
    if draw.chance(0.7):
        grouped = windowed(plan, grouped)
    op = draw.pick(["count", "reduce", "aggregate", "aggregate"])
    fields: dict[str, Any] = {}
    value = "long"
    if op == "reduce":
        value = grouped.value
        fields["fn"] = words.reducer(draw, value)
    elif op == "aggregate":
        value = plan.value_type()
        fields = {"init": words.initial(draw, value), "fn": words.aggregator(draw, grouped.value, value)}
        if is_session(grouped):
            fields["merger"] = words.merger(draw, value)
    finish(plan, grouped, op, fields, value)
    return True


def is_session(grouped: Flow) -> bool:
    return grouped.window is not None and grouped.window["kind"] == "session"


def windowed(plan: Plan, grouped: Flow) -> Flow:
    """`windowed_by`, and sometimes `emit_strategy`."""
    draw, window = plan.draw, options.window(plan.draw)
    id = plan.add("windowed_by", **{"in": grouped.id}, window=window)
    found = replace(grouped, id=id, kind="windowed", window=window)
    closes = window["kind"] != "unlimited"
    if draw.chance(0.25) and (closes or draw.chance(0.1)):
        strategy = draw.weighted({"on_window_close": 4, "on_window_update": 1})
        id = plan.add("emit_strategy", **{"in": id}, strategy=strategy)
        found = replace(found, id=id)
    return found


def finish(plan: Plan, grouped: Flow, op: str, fields: dict[str, Any], value: str) -> None:
    """The aggregation itself, its store, and the table it gives."""
    draw, window = plan.draw, grouped.window
    key, store = grouped.key, {}
    # without a store the value's serde is that of the grouped stream, which fits where the type is the same
    known = op == "count" or (op == "reduce" and grouped.value_serde)
    if not known or draw.chance(0.65):
        if window is None:
            kept = options.key_value_store(draw, key, value, known)
        else:
            kept = options.windowed_store(draw, key, value, window, known)
        store = {"store": kept}
    named = plan.named() if store or window is not None or op == "count" else {}
    id = plan.add(op, **{"in": grouped.id}, **fields, **named, **store)
    flow = Flow(id, "table", windowed_key(key, window), value)
    table = plan.table_of(id, flow, store)
    if window is not None:
        closes = window["kind"] != "unlimited"
        table = replace(table, store=None, closes=closes)
    plan.made(table)


def windowed_key(key: Serde, window: dict[str, Any] | None) -> Serde:
    if window is None:
        return key
    if window["kind"] == "session":
        return ["session_windowed", key]
    if window["kind"] == "unlimited":
        return ["unlimited_windowed", key]
    return ["time_windowed", key, window.get("size", window.get("diff"))]


def cogroup(plan: Plan) -> bool:
    streams = [flow for flow in plan.all("stream") if not flow.windowed_key]
    if not streams:
        return False
    draw, value, key = plan.draw, plan.value_type(), plan.key_type()
    inputs = []
    for flow in draw.some(streams, 1, 3):
        grouped = group(plan, flow, key)
        if grouped is not None:
            inputs.append({"in": grouped.id, "agg": words.aggregator(draw, flow.value, value)})
    if not inputs:
        return False
    id = plan.add("cogroup", inputs=inputs)
    found = Flow(id, "cogrouped", key, value)
    if draw.chance(0.6):
        window = options.window(draw)
        found = replace(found, id=plan.add("windowed_by", **{"in": id}, window=window), window=window)
    fields: dict[str, Any] = {"init": words.initial(draw, value)}
    if is_session(found):
        fields["merger"] = words.merger(draw, value)
    finish(plan, found, "aggregate", fields, value)
    return True


def group_table(plan: Plan) -> bool:
    flow = plan.any("table")
    if flow is None:
        return False
    draw, key, value = plan.draw, plan.key_type(), plan.value_type()
    key_fn = words.key_mapper(draw, flow.key, flow.value, key)
    value_fn = "value" if draw.chance(0.5) else words.mapper(draw, flow.key, flow.value, value)
    if value_fn == "value":
        value = flow.value
    given = options.grouped(draw, key, value, False, False)
    id = plan.add("group_by", **{"in": flow.id}, key_fn=key_fn, value_fn=value_fn, **given)
    grouped = Flow(id, "grouped_table", key, value)
    op = draw.pick(["count", "reduce", "aggregate", "aggregate"])
    fields: dict[str, Any] = {}
    if op == "reduce":
        fields = dict(zip(("adder", "subtractor"), words.reducing(draw, value), strict=True))
    elif op == "aggregate":
        to = plan.value_type()
        fields = {"init": words.initial(draw, to)}
        fields |= dict(zip(("adder", "subtractor"), words.adding(draw, value, to), strict=True))
        value = to
    else:
        value = "long"
    finish(plan, grouped, op, fields, value)
    return True
