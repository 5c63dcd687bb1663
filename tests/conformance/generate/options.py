"""Option objects of SPEC.md 2.3: stores, groupings, windows, buffers."""

from __future__ import annotations

from typing import Any

from tests.conformance.generate.draw import Draw
from tests.conformance.generate.flow import Serde
from tests.conformance.generate.words import SPANS

Options = dict[str, Any]
GRACES = [0, 1, 5, 10, 50, 100, 1000]
FOREVER = 2**63 - 1


def key_field(key: Serde) -> Options:
    """A key serde for an option object: windowed ones are put in place by the DSL."""
    return {} if isinstance(key, list) else {"key": key}


def serdes(draw: Draw, key: Serde, value: str, known: bool) -> Options:
    """Serdes of a store; sometimes left out where the flow knows its own."""
    if known and draw.chance(0.4):
        return draw.pick([{}, key_field(key), {"value": value}])
    return {**key_field(key), "value": value}


def switches(draw: Draw) -> Options:
    return {**draw.maybe(0.4, caching=draw.chance(0.3)), **draw.maybe(0.12, logging=False)}


def key_value_store(draw: Draw, key: Serde, value: str, known: bool = False) -> Options:
    """`Materialized` of a key-value store that is not versioned."""
    found = serdes(draw, key, value, known)
    named = draw.chance(0.75)
    if named:
        found["name"] = draw.name("st")
    if draw.chance(0.3):
        found["impl"] = draw.pick(["in_memory", "rocksdb", "in_memory", "lru"] if named else ["in_memory", "rocksdb"])
        if found["impl"] == "lru":
            found["max"] = draw.between(1, 5)
    if named and found.get("impl") in (None, "in_memory") and draw.chance(0.15):
        found["supplier"] = True
    return {**found, **switches(draw)}


def versioned_store(draw: Draw, key: Serde, value: str, known: bool) -> Options:
    history = draw.pick([0, 10, 100, 1000, 60_000, 600_000])
    segment = draw.maybe(0.3, segment=max(1, history // draw.between(1, 4)))
    found = {**serdes(draw, key, value, known), "name": draw.name("st"), "impl": "versioned", "history": history}
    return {**found, **segment, **draw.maybe(0.12, logging=False)}


def windowed_store(draw: Draw, key: Serde, value: str, window: Options, known: bool = False) -> Options:
    """`Materialized` of a window or session store."""
    found = serdes(draw, key, value, known)
    least = least_retention(window)
    named = draw.chance(0.75)
    if named:
        found["name"] = draw.name("st")
    retention = least + draw.pick([0, 0, 1, 10, 100, 1000, 200_000])
    if window["kind"] == "unlimited":
        return {**found, **draw.maybe(0.2, impl="in_memory"), **switches(draw)}
    if named and draw.chance(0.2):
        found |= {"supplier": True, "retention": retention, **draw.maybe(0.4, impl="in_memory")}
        if window["kind"] != "session":
            found["window_size"] = window.get("size", window.get("diff"))
        return {**found, **switches(draw)}
    found |= draw.maybe(0.3, impl=draw.pick(["in_memory", "rocksdb"]))
    if draw.chance(0.25):
        found["retention"] = draw.weighted({retention: 10, FOREVER: 0.5, max(least - 1, 0): 0.3})
    return {**found, **switches(draw)}


def least_retention(window: Options) -> int:
    grace = int(window.get("grace", 0))
    if window["kind"] == "session":
        return int(window["gap"]) + grace
    if window["kind"] == "sliding":
        return 2 * int(window["diff"]) + grace
    return int(window.get("size", 0)) + grace


def window(draw: Draw) -> Options:
    """A window of any kind; mostly of ms to a second, so that the edges are near each other."""
    kind = draw.weighted({"tumbling": 3, "hopping": 3, "sliding": 2.5, "session": 3, "unlimited": 0.5})
    size = draw.pick([*SPANS[1:], 60_000])
    grace = draw.maybe(0.7, grace=draw.pick([*GRACES, size, 100_000]))
    if kind == "tumbling":
        return {"kind": kind, "size": size, **grace}
    if kind == "hopping":
        return {"kind": kind, "size": size, "advance": max(1, size * draw.between(2, 10) // 10), **grace}
    if kind == "sliding":
        return {"kind": kind, "diff": draw.weighted({0: 0.06, size: 1}), **grace}
    if kind == "session":
        return {"kind": kind, "gap": draw.pick([size, size, 1]), **grace}
    return {"kind": kind, **draw.maybe(0.5, start=draw.pick([0, 5, 100]))}


def join_windows(draw: Draw) -> Options:
    span = draw.pick([0, 1, 5, 10, 50, 100, 1000])
    found: Options = {"diff": span, **draw.maybe(0.7, grace=draw.pick(GRACES))}
    if draw.chance(0.25):
        found["before"] = draw.pick([0, span, span // 2, 2 * span, -(span // 2)])
    if draw.chance(0.25):
        found["after"] = draw.pick([0, span, span // 2, 2 * span, max(0, -found.get("before", 0)) + 1])
    return found


def grouped(draw: Draw, key: Serde, value: str, known_key: bool, known_value: bool) -> Options:
    """The field `grouped`, or nothing where the flow knows its serdes."""
    if known_key and known_value and draw.chance(0.4):
        return {}
    found: Options = {**key_field(key), "value": value}
    if draw.chance(0.03):
        found.pop(draw.pick(list(found)))  # Java does not fall back on the stream's serde here
    return {"grouped": {**found, **draw.maybe(0.15, name=draw.name("grouped"))}}


def joined(draw: Draw, key: Serde, left: str, right: str) -> Options:
    """`Joined` of a stream and a table, without grace."""
    return {**key_field(key), "left": left, "right": right, **draw.maybe(0.2, name=draw.name("joined"))}


def stream_joined(draw: Draw, key: Serde, left: str, right: str) -> Options:
    found: Options = {**key_field(key), "left": left, "right": right}
    found |= draw.maybe(0.15, name=draw.name("sj"))
    found |= draw.maybe(0.5, store_name=draw.name("sjs"))
    return {**found, **draw.maybe(0.25, impl="in_memory"), **draw.maybe(0.12, logging=False)}


def buffer(draw: Draw, strict: bool) -> Options:
    """Of `suppress`; a strict one never emits early."""
    logging = draw.maybe(0.15, logging=False)
    if draw.chance(0.5):
        return logging
    bound: Options = draw.pick([{"max_records": draw.between(1, 5)}, {"max_bytes": draw.pick([60, 100, 150, 300])}])
    if draw.chance(0.1):
        bound["max_bytes"] = draw.pick([100, 300])
    if strict:
        return {**bound, "max_records": draw.between(3, 30), "when_full": "shut_down", **logging}
    full = draw.weighted({"emit_early": 3, "default": 3, "shut_down": 0.4})
    return {**bound, **({} if full == "default" else {"when_full": full}), **logging}


def store_builder(draw: Draw, kind: str, key: Serde, value: str) -> Options:
    """A `StoreBuilder`; `kind` as in SPEC.md."""
    found: Options = {"name": draw.name("ps"), "kind": kind, "key": key, "value": value}
    if kind == "kv" and draw.chance(0.2):
        found |= {"kind": "timestamped_kv", **draw.maybe(0.3, impl="in_memory")}
    elif kind == "kv":
        found |= draw.maybe(0.3, impl="in_memory")
        if "impl" not in found and draw.chance(0.1):
            found |= {"impl": "lru", "max": draw.between(1, 4)}
    elif kind == "versioned":
        found["history"] = draw.pick([0, 10, 100, 1000, 60_000])
    else:
        found |= draw.maybe(0.3, impl="in_memory")
        found["retention"] = draw.pick([1000, 2000, 120_000])
        if kind == "window":
            found |= {"window_size": draw.pick([1, 10, 100]), **draw.maybe(0.3, duplicates=True)}
    if kind != "versioned":
        found |= draw.maybe(0.3, caching=True)
    return {**found, **draw.maybe(0.1, logging=False)}
