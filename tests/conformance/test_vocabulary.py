"""Every word of SPEC.md builds and runs, not only those that the shipped cases use.

What comes out is not compared here (that is what recorded cases are for): each spec must be built through the public
API, take its events, and write something.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streams.testing import TopologyTestDriver
from tests.conformance.build import build
from tests.conformance.drive import outputs, pipe, settings
from tests.conformance.functions import AGGREGATORS, FLAT_PAIRS, FLAT_VALUES, JOINERS, MAPPERS, MERGERS, PREDICATES

Spec = list[dict[str, Any]]
LONG = {"key": "string", "value": "long"}
TEXT = {"key": "string", "value": "string"}
JOINED = {"key": "string", "left": "long", "right": "long"}
EVENTS: list[dict[str, Any]] = [
    {"in": "in", "k": "a", "v": 3, "ts": 10},
    {"in": "other", "k": "a", "v": 5, "ts": 12},
    {"in": "in", "k": "b", "v": 4, "ts": 60, "h": [["h1", "x"]]},
    {"in": "in", "k": "a", "v": 2, "ts": 20},
    *({"in": "in", "k": "c", "v": 6, "ts": time} for time in range(100, 500, 40)),
    {"in": "other", "k": "a", "v": None, "ts": 600},
    {"advance_wall_ms": 1000},
    {"in": "in", "kx": "61", "vx": "0000000000000001", "ts": 5000},
    {"in": "in", "k": "b", "v": 9, "ts": 9000},
]


def stream(id: str = "s", topic: str = "in", **more: Any) -> dict[str, Any]:
    return {"id": id, "op": "stream", "topic": topic, **LONG, **more}


def table(id: str = "t", topic: str = "other", **more: Any) -> dict[str, Any]:
    return {"id": id, "op": "table", "topic": topic, **LONG, **more}


def out(source: str) -> Spec:
    """A stream's keys and values as text on the output topic."""
    as_text = {"id": "text", "op": "map", "in": source, "key_fn": "key_text", "value_fn": "text"}
    return [as_text, {"id": "out", "op": "to", "in": "text", "topic": "out", **TEXT}]


def table_out(source: str) -> Spec:
    return [{"id": "changes", "op": "to_stream", "in": source}, *out("changes")]


def grouped(source: str = "s", id: str = "g") -> dict[str, Any]:
    return {"id": id, "op": "group_by_key", "in": source, "grouped": LONG}


def stateless() -> Iterator[tuple[str, Spec]]:
    arguments = {
        "add": [1],
        "mul": [2],
        "mod": [3],
        "prefix": ["p"],
        "suffix": ["s"],
        "const": [7],
        "value_prefix": [1],
    }
    arguments |= {"null_if_prefix": ["9"], "raise_if_prefix": ["no"], "key_prefix": [1], "value_mod_text": [3]}
    arguments |= {"value_mod_text_or_null": [3], "length_mod_text": [3]}
    windowed = {"inner_key", "window_start", "window_length"}
    for name in sorted(MAPPERS.keys() - windowed):
        fn = [name, *arguments.get(name, [])]
        yield f"map_values {name}", [stream(), {"id": "m", "op": "map_values", "in": "s", "fn": fn}, *out("m")]
    tests: dict[str, list[Any]] = {"value_gt": [1], "value_mod_is": [2, 0], "value_starts_with": ["4"]}
    tests |= {"value_contains": ["4"], "value_length_gt": [0], "key_in": ["b"], "key_hash_is": [2, 0]}
    for name in sorted(PREDICATES.keys() - {"never"}):
        fn = [name, *tests.get(name, [])]
        yield f"filter {name}", [stream(), {"id": "m", "op": "filter", "in": "s", "fn": fn}, *out("m")]
    for name in FLAT_VALUES:
        fn = [name, *([2] if name in ("repeat", "countdown") else [])]
        yield (
            f"flat_map_values {name}",
            [stream(), {"id": "m", "op": "flat_map_values", "in": "s", "fn": fn}, *out("m")],
        )
    for name in FLAT_PAIRS:
        fn = [name, *([2] if name != "words_as_keys" else [])]
        yield f"flat_map {name}", [stream(), {"id": "m", "op": "flat_map", "in": "s", "fn": fn}, *out("m")]
    for extractor in ("fail_on_invalid", "log_and_skip", "use_partition_time", "value", "value_or_partition_time"):
        yield f"extractor {extractor}", [stream(timestamp=extractor, name="source"), *out("s")]
    yield "pattern", [{"id": "s", "op": "stream", "pattern": "in|other", **LONG}, *out("s")]
    yield "topics", [{"id": "s", "op": "stream", "topics": ["in", "other"], **LONG}, *out("s")]
    for again in (LONG, {**LONG, "name": "again", "partitions": 4}):
        yield (
            f"repartition {again}",
            [stream(), {"id": "r", "op": "repartition", "in": "s", "repartitioned": again}, *out("r")],
        )


def aggregations() -> Iterator[tuple[str, Spec]]:
    for name in AGGREGATORS:
        fn = [
            name,
            *([3] if name == "sum_null_if_multiple" else ["-"] if "concat" in name and "length" not in name else []),
        ]
        value = "json" if name in ("append", "remove_first") else "string" if fn[-1] == "-" else "long"
        step = {
            "id": "a",
            "op": "aggregate",
            "in": "g",
            "init": None,
            "fn": fn,
            "store": {"key": "string", "value": value},
        }
        yield f"aggregate {name}", [stream(), grouped(), step, *table_out("a")]
    for name in MERGERS:
        fn = [name, *(["-"] if name == "concat" else [])]
        value = {"append": "json", "concat": "string"}.get(name, "long")
        window = {"id": "w", "op": "windowed_by", "in": "g", "window": {"kind": "session", "gap": 50}}
        step = {"id": "a", "op": "aggregate", "in": "w", "init": None, "fn": "last" if value == "long" else fn}
        store = {"key": "string", "value": value}
        yield f"merge {name}", [stream(), grouped(), window, {**step, "merger": fn, "store": store}, *table_out("a")]
    for op, more in (("count", {}), ("reduce", {"adder": "sum", "subtractor": "subtract"})):
        by = {"id": "g", "op": "group_by", "in": "t", "key_fn": "key_upper", "value_fn": "value", "grouped": LONG}
        for store in ({}, {"store": {"name": "kept", **LONG, "impl": "rocksdb", "caching": True}}):
            step = {"id": "a", "op": op, "in": "g", **more, **store}
            yield f"grouped table {op} {store}", [table("t", "in"), by, step, *table_out("a")]


def windows() -> Iterator[tuple[str, Spec]]:
    shapes: list[dict[str, Any]] = [
        {"kind": "tumbling", "size": 100},
        {"kind": "hopping", "size": 100, "advance": 30, "grace": 10},
        {"kind": "sliding", "diff": 50, "grace": 10},
        {"kind": "session", "gap": 50, "grace": 10},
        {"kind": "unlimited"},
    ]
    stores: list[dict[str, Any]] = [
        {**LONG},
        {"name": "w", **LONG, "impl": "in_memory", "retention": 2**63 - 1, "caching": False, "logging": False},
        {"name": "w", **LONG, "supplier": True, "retention": 100_000, "window_size": 100},
        {"name": "w", **LONG, "supplier": True, "impl": "in_memory", "retention": 100_000},
    ]
    for shape in shapes:
        for store in stores:
            unlimited = shape["kind"] == "unlimited"
            if unlimited and store.get("supplier"):
                continue
            for strategy in (None, "on_window_close", "on_window_update"):
                if unlimited and strategy == "on_window_close":
                    continue
                steps = [stream(), grouped(), {"id": "w", "op": "windowed_by", "in": "g", "window": shape}]
                if strategy is not None:
                    steps.append({"id": "e", "op": "emit_strategy", "in": "w", "strategy": strategy})
                count = {"id": "a", "op": "count", "in": "e" if strategy else "w", "store": store}
                yield f"{shape} {store} {strategy}", [*steps, count, *table_out("a")]
    for buffer in ({}, {"max_records": 1}, {"max_bytes": 10, "when_full": "emit_early"}, {"logging": False}):
        step = {"id": "u", "op": "suppress", "in": "t", "mode": "until_time_limit", "ms": 100, "buffer": buffer}
        yield f"suppress {buffer}", [table("t", "in"), step, *table_out("u")]


def joins() -> Iterator[tuple[str, Spec]]:
    for op in ("join", "left_join", "outer_join"):
        for span in (
            {"diff": 500},
            {"diff": 500, "grace": 10},
            {"diff": 500, "before": 0},
            {"diff": 500, "after": 0, "grace": 5},
        ):
            for more in ({}, {"name": "j"}, {"store_name": "kept"}, {"impl": "in_memory"}, {"logging": False}):
                step = {"id": "j", "op": op, "in": "s", "other": "o", "joiner": "pair", "windows": span}
                spec = [stream(), stream("o", "other"), {**step, "joined": {**JOINED, **more}}, *out("j")]
                yield f"streams {op} {span} {more}", spec
        for store in (
            {},
            {"impl": "in_memory", "caching": False},
            {"impl": "versioned", "history": 10_000},
            {"supplier": True},
        ):
            kept = {"store": {"name": "kept", **TEXT, **store}} if store else {}
            step = {"id": "j", "op": op, "in": "t", "other": "o", "joiner": "pair", **kept}
            yield f"tables {op} {store}", [table("t", "in"), table("o"), {**step, "name": "n"}, *table_out("j")]
            if op != "outer_join":
                foreign = {**step, "foreign_key": "key", "table_joined": {"name": "fk"}}
                yield f"foreign key {op} {store}", [table("t", "in"), table("o"), foreign, *table_out("j")]
        if op == "outer_join":
            continue
        step = {"id": "j", "op": op, "in": "s", "other": "t"}
        versioned = {"store": {"name": "v", **LONG, "impl": "versioned", "history": 10_000}}
        for name in JOINERS:
            if name not in ("list", "sum", "null_if_odd_sum"):
                yield f"table {op} {name}", [stream(), table(), {**step, "joiner": name, "joined": JOINED}, *out("j")]
        late = {**step, "joiner": "pair", "joined": {**JOINED, "grace": 50}}
        yield f"table {op} with grace", [stream(), table(**versioned), late, *out("j")]
        chosen = {**step, "key_selector": "key", "joiner": "keyed", "name": "gj"}
        yield f"global table {op}", [stream(), {**table(), "op": "global_table"}, chosen, *out("j")]


def processors() -> Iterator[tuple[str, Spec]]:
    plain = ["pass", ["tick", 10, "stream", 3], ["tick", 10, "wall", 3], ["add_header", "z"], ["drop_header", "h1"]]
    plain += [
        ["header_to_value", "h1"],
        ["shift_time", 5],
        "forward_twice",
        "context_info",
        ["forward_then_raise", "no"],
    ]
    for processor in plain:
        step = {"id": "p", "op": "process", "in": "s", "processor": processor, "name": "mine"}
        yield f"process {processor}", [stream(), step, *out("p")]
    kinds: list[tuple[dict[str, Any], list[Any]]] = [
        ({"kind": "kv"}, ["count_in_store", "n"]),
        ({"kind": "kv", "impl": "lru", "max": 1}, ["count_in_store", "n"]),
        ({"kind": "kv", "impl": "in_memory"}, ["range_store", "n"]),
        ({"kind": "kv"}, ["dedup", "n", 100, 50]),
        ({"kind": "timestamped_kv", "caching": True}, ["count_in_store", "n"]),
        ({"kind": "timestamped_kv", "logging": False}, ["sum_on_wall_clock", "n", 100, True]),
        ({"kind": "kv"}, ["sum_on_stream_time", "n", 100, False]),
        ({"kind": "versioned", "history": 1000}, ["version_lookup", "n", 50]),
        ({"kind": "window", "retention": 1000, "window_size": 100, "duplicates": True}, ["window_count", "n", 100]),
        ({"kind": "window", "retention": 1000, "window_size": 100, "impl": "in_memory"}, ["window_count", "n", 100]),
        ({"kind": "session", "retention": 1000, "caching": True}, ["session_count", "n", 50]),
        ({"kind": "session", "retention": 1000, "impl": "in_memory"}, ["session_count", "n", 50]),
    ]
    for kind, processor in kinds:
        added = {"op": "add_state_store", "id": "add", "store": {"name": "n", **LONG, **kind}}
        step = {"id": "p", "op": "process", "in": "s", "processor": processor, "stores": ["n"]}
        yield f"process {kind} {processor}", [added, stream(), step, *out("p")]
    store = {"op": "add_state_store", "id": "add", "store": {"name": "n", **LONG}}
    for fixed in (["count_in_store", "n"], ["previous", "n"], ["add_header", "h"], "forward_twice", "drop_odd", "pass"):
        used = ["n"] if fixed[-1] == "n" else []
        step = {"id": "p", "op": "process_values", "in": "s", "processor": fixed, "stores": used}
        yield f"process_values {fixed}", [store, stream(), step, *out("p")]
    for transformer in ("key_value_text", "null_to_none", ["call_count", "n"]):
        used = ["n"] if transformer[-1] == "n" else []
        step = {"id": "u", "op": "transform_values", "in": "t", "transformer": transformer, "stores": used}
        yield f"transform_values {transformer}", [store, table("t", "in"), step, *table_out("u")]


CASES = [*stateless(), *aggregations(), *windows(), *joins(), *processors()]


@pytest.mark.parametrize("steps", [steps for _, steps in CASES], ids=[name for name, _ in CASES])
def test_every_word_works(steps: Spec) -> None:
    spec = {"inputs": {"in": LONG, "other": LONG}, "outputs": {"out": TEXT}, "steps": steps}
    config = settings({"config": {}})
    topology = build(spec, config).topology
    read = " ".join(str(step.get("topic", step.get("topics", step.get("pattern", "")))) for step in steps)
    seen: dict[str, int] = {}
    with TopologyTestDriver(topology, config) as driver:
        for event in EVENTS:
            if event.get("in") != "other" or "other" in read:
                pipe(driver, spec, event)
        assert outputs(driver, spec, seen)
