"""Operators on streams: each function draws a step from what there is, adds it, and says whether it could."""

from __future__ import annotations

from typing import Any

from tests.conformance.generate import options, words
from tests.conformance.generate.flow import Flow
from tests.conformance.generate.plan import Plan

NEAR = [1, 5, 10, 50, 100, 1000]


def select(plan: Plan) -> bool:
    """`filter`, `filter_not`, `peek`: the same records or fewer."""
    flow = plan.any("stream")
    if flow is None:
        return False
    op = plan.draw.pick(["filter", "filter_not", "filter", "peek"])
    fn = {} if op == "peek" else {"fn": words.predicate(plan.draw, flow.value)}
    id = plan.add(op, **{"in": flow.id}, **fn, **plan.named())
    plan.made(flow.as_stream(id))
    return True


def map_values(plan: Plan) -> bool:
    flow = plan.any("stream")
    if flow is None:
        return False
    if plan.draw.chance(0.25):
        fn, value = words.flat_values(plan.draw, flow.value)
        id = plan.add("flat_map_values", **{"in": flow.id}, fn=fn, **plan.named())
    else:
        value = plan.value_type()
        fn = words.mapper(plan.draw, flow.key, flow.value, value)
        id = plan.add("map_values", **{"in": flow.id}, fn=fn, **plan.named())
    plan.made(flow.as_stream(id, value=value, value_serde=False))
    return True


def change_key(plan: Plan) -> bool:
    """`map`, `select_key`, `flat_map`: what is grouped or joined next is repartitioned."""
    flow = plan.any("stream")
    if flow is None:
        return False
    draw, key = plan.draw, plan.key_type()
    op = draw.weighted({"map": 2, "select_key": 3, "flat_map": 1})
    if op == "flat_map":
        fn, new_key, value = words.flat_pairs(draw, flow.key, flow.value)
        id = plan.add(op, **{"in": flow.id}, fn=fn, **plan.named())
        if isinstance(new_key, list) and new_key[0] == "unlimited_windowed":
            return False
        plan.made(flow.as_stream(id, key=new_key, value=value, key_serde=False, value_serde=False))
        return True
    if op == "select_key":
        fn = words.key_mapper(draw, flow.key, flow.value, key)
        id = plan.add(op, **{"in": flow.id}, fn=fn, **plan.named())
        plan.made(flow.as_stream(id, key=key, key_serde=False))
        return True
    value = plan.value_type()
    key_fn = words.key_mapper(draw, flow.key, flow.value, key)
    value_fn = words.mapper(draw, flow.key, flow.value, value)
    nothing = draw.maybe(0.03, null_pair=True)
    id = plan.add(op, **{"in": flow.id}, key_fn=key_fn, value_fn=value_fn, **nothing, **plan.named())
    plan.made(flow.as_stream(id, key=key, value=value, key_serde=False, value_serde=False))
    return True


def merge(plan: Plan) -> bool:
    flow = plan.any("stream")
    if flow is None:
        return False
    like = [f for f in plan.all("stream") if (f.key, f.value) == (flow.key, flow.value) and f.id != flow.id]
    if not like:
        return False
    other = plan.draw.pick(like)
    id = plan.add("merge", **{"in": flow.id}, other=other.id, **plan.named())
    plan.made(flow.as_stream(id, key_serde=False, value_serde=False))
    return True


def split(plan: Plan) -> bool:
    flow = plan.any("stream")
    if flow is None:
        return False
    draw = plan.draw
    branches: list[dict[str, Any]] = []
    for _ in range(draw.between(1, 3)):
        fn = words.predicate(draw, flow.value)
        branches.append({"id": draw.name("branch"), "fn": fn, **draw.maybe(0.3, name=draw.name("-br"))})
    default = {"id": draw.name("branch"), **draw.maybe(0.3, name=draw.name("-br"))}
    rest = draw.maybe(0.6, default=default)
    plan.add("split", **{"in": flow.id}, branches=branches, **rest, **plan.named())
    for branch in (*branches, *rest.values()):
        plan.made(flow.as_stream(branch["id"]))
    return True


def repartition(plan: Plan) -> bool:
    flow = plan.any("stream")
    if flow is None:
        return False
    draw = plan.draw
    given: dict[str, Any] = {}
    if not (flow.key_serde and flow.value_serde and draw.chance(0.04)):
        given = {**options.key_field(flow.key), "value": flow.value, **draw.maybe(0.3, name=draw.name("rep"))}
        if isinstance(flow.key, list) and not flow.key_serde:
            return False
        given = {"repartitioned": {**given, **draw.maybe(0.08, partitions=draw.between(1, 3))}}
    id = plan.add("repartition", **{"in": flow.id}, **given)
    plan.made(flow.as_stream(id, key_serde=True, value_serde=True))
    return True


def to_table(plan: Plan) -> bool:
    flow = plan.any("stream")
    if flow is None or (flow.windowed_key and not flow.key_serde):
        return False
    draw, store = plan.draw, {}
    known = flow.key_serde and flow.value_serde
    if not (known and draw.chance(0.4)):
        known = known and draw.chance(0.1)
        kept = options.key_value_store(draw, flow.key, flow.value, known)
        if not flow.windowed_key and draw.chance(0.25):
            kept = options.versioned_store(draw, flow.key, flow.value, known)
        store = {"store": kept}
    id = plan.add("to_table", **{"in": flow.id}, **plan.named(), **store)
    plan.made(plan.table_of(id, flow, store))
    return True


def process(plan: Plan) -> bool:
    """`process` and `process_values`."""
    flow = plan.any("stream")
    if flow is None:
        return False
    processor, kept, result = plan.draw.pick(processors(plan, flow))
    stores = [kept["name"]] if kept else []
    op = "process"
    if isinstance(processor, tuple):
        op, processor = processor
    if kept and kept.pop("there", False) is False:
        plan.add("add_state_store", store=kept)
    used = {"stores": stores} if stores else {}
    id = plan.add(op, **{"in": flow.id}, processor=processor, **used, **plan.named())
    kept_key = flow.key_serde and op == "process_values"
    plan.made(flow.as_stream(id, key_serde=kept_key, value_serde=False, **result))
    return True


def processors(plan: Plan, flow: Flow) -> list[tuple[Any, dict[str, Any], dict[str, Any]]]:
    """(processor, store, types of what it forwards) that take this flow's keys and values."""
    draw, key, value = plan.draw, flow.key, flow.value
    prefix = draw.pick(words.PREFIXES)
    found: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
        ("pass", {}, {}),
        (["add_header", draw.pick(["h1", "h2"])], {}, {}),
        (["drop_header", "h1"], {}, {}),
        (["header_to_value", draw.pick(["h1", "h2"])], {}, {"value": "string"}),
        (["shift_time", draw.pick([0, 1, 10, 1000, -1])], {}, {}),
        ("context_info", {}, {"value": "string"}),
        (("process_values", ["add_header", "h3"]), {}, {}),
        (("process_values", "pass"), {}, {}),
        (("process_values", "forward_twice"), {}, {}),
    ]
    if draw.chance(0.35):
        found += [("swallow", {}, {}), (["raise_if_prefix", prefix], {}, {}), (["forward_then_raise", prefix], {}, {})]
    if draw.chance(0.2):
        found.append(("same_instance", {}, {}))
    if value == "long":
        found.append((("process_values", "drop_odd"), {}, {}))
    if key == "string":
        found.append(("forward_twice", {}, {}))
        kind = draw.pick(["stream", "stream", "wall"])
        found.append((["tick", draw.pick(NEAR), kind, draw.between(1, 4)], {}, {"value": "string"}))
    if flow.windowed_key:
        return found
    return found + with_stores(plan, flow)


def with_stores(plan: Plan, flow: Flow) -> list[tuple[Any, dict[str, Any], dict[str, Any]]]:
    draw, key, value = plan.draw, flow.key, flow.value
    every, clear = draw.pick(NEAR), draw.chance(0.4)
    counts = options.store_builder(draw, "kv", key, "long")
    values = options.store_builder(draw, "kv", key, value)
    window = options.store_builder(draw, "window", key, value)
    session = options.store_builder(draw, "session", key, "long")
    versions = options.store_builder(draw, "versioned", key, value)
    text = {"value": "string"}
    found: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
        (["count_in_store", counts["name"]], counts, {"value": "long"}),
        (("process_values", ["count_in_store", counts["name"]]), counts, {"value": "long"}),
        (["put_in_store", values["name"]], values, {}),
        (["lookup_store", values["name"]], values, text),
        (["range_store", values["name"]], values, text),
        (("process_values", ["previous", values["name"]]), values, text),
        (["dedup", counts["name"], draw.pick(NEAR), every], {**counts, "kind": "kv"}, {}),
        (["window_count", window["name"], draw.pick(NEAR)], window, text),
        (["session_count", session["name"], draw.pick(NEAR)], session, text),
        (["version_lookup", versions["name"], draw.pick(NEAR)], versions, text),
    ]
    if value == "long":
        found += [(["sum_on_stream_time", counts["name"], every, clear], counts, {})] * 2
        found.append((["sum_on_wall_clock", counts["name"], every, clear], counts, {}))
    for table in plan.all("global_table"):
        if table.store is not None and table.key == key:  # a global store is there for all
            found.append((["lookup_store", table.store], {}, text))
    for table in plan.all("table"):
        if table.store is not None and table.key == key and table.history is None:
            found.append((["lookup_store", table.store], {"name": table.store, "there": True}, text))
    return found


def join_streams(plan: Plan) -> bool:
    flow = plan.any("stream")
    if flow is None:
        return False
    draw = plan.draw
    others = [f for f in plan.all("stream") if f.key == flow.key]
    other = flow if draw.chance(0.1) else draw.pick(others)
    if flow.windowed_key and not (flow.key_serde and other.key_serde):
        return False
    op = draw.pick(["join", "left_join", "outer_join"])
    joiner, value = words.joiner(draw, flow.value, other.value)
    known = flow.key_serde and flow.value_serde and other.key_serde and other.value_serde
    given = {"joined": options.stream_joined(draw, flow.key, flow.value, other.value)}
    if known and draw.chance(0.01):
        given = {}
    windows = options.join_windows(draw)
    id = plan.add(op, **{"in": flow.id}, other=other.id, joiner=joiner, windows=windows, **given)
    plan.made(flow.as_stream(id, value=value, key_serde=True, value_serde=False))
    return True


def join_table(plan: Plan) -> bool:
    flow = plan.any("stream")
    tables = [] if flow is None else [t for t in plan.all("table") if t.key == flow.key]
    if flow is None or not tables or (flow.windowed_key and not flow.key_serde):
        return False
    draw = plan.draw
    versioned = [table for table in tables if table.history is not None]
    table = draw.pick(versioned if versioned and draw.chance(0.6) else tables)
    op = draw.pick(["join", "left_join"])
    joiner, value = words.joiner(draw, flow.value, table.value)
    given: dict[str, Any] = {}
    if not (flow.key_serde and flow.value_serde and draw.chance(0.3)):
        given = {"joined": options.joined(draw, flow.key, flow.value, table.value)}
        if table.history is not None and draw.chance(0.7):
            given["joined"]["grace"] = draw.pick([0, 1, 10, 50, min(100, table.history), table.history])
        elif draw.chance(0.01):
            given["joined"]["grace"] = 10
    id = plan.add(op, **{"in": flow.id}, other=table.id, joiner=joiner, **given)
    plan.made(flow.as_stream(id, value=value, key_serde=flow.key_serde or bool(given), value_serde=False))
    return True


def join_global(plan: Plan) -> bool:
    flow, table = plan.any("stream"), plan.any("global_table")
    if flow is None or table is None or isinstance(table.key, list):
        return False
    draw = plan.draw
    joiner, value = words.joiner(draw, flow.value, table.value)
    selector = words.mapper(draw, flow.key, flow.value, table.key)
    op = draw.pick(["join", "left_join"])
    fields = {"key_selector": selector, "joiner": joiner, **plan.named()}
    id = plan.add(op, **{"in": flow.id}, other=table.id, **fields)
    plan.made(flow.as_stream(id, value=value, value_serde=False))
    return True
