"""Every parameter of the DSL with a table of values: it is taken when written, or refused with words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from streams import (
    Branched,
    BufferConfig,
    Consumed,
    EmitStrategy,
    JoinWindows,
    Materialized,
    Named,
    Serdes,
    SessionWindows,
    SlidingWindows,
    Stores,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
    Topology,
    UnlimitedWindows,
)
from streams.dsl import options
from tests.wrong import VALUES, faults

TEXT = Serdes.string()
TUMBLING = TimeWindows.of_size_with_no_grace(10)
SESSIONS = SessionWindows.of_inactivity_gap_with_no_grace(10)
SLIDING = SlidingWindows.of_time_difference_with_no_grace(10)
JOINED = JoinWindows.of_time_difference_with_no_grace(10)
SUPPLIER = Stores.in_memory_key_value_store("q")
ALL = (
    *VALUES,
    *(Named("n"), Consumed(), Materialized(), StreamsBuilder(), TUMBLING, JOINED, SESSIONS, SLIDING),
    *(EmitStrategy.on_window_close(), SUPPLIER, Stores.key_value_store_builder(SUPPLIER, TEXT, TEXT)),
)
FIELDS = (
    *("key_serde", "value_serde", "name", "store", "timestamp_extractor", "offset_reset", "partitioner", "ttl"),
    *("retention", "caching", "logging", "partitions", "grace_period", "store_name", "other_value_serde", "label"),
    *("mapper", "max_in_flight", "timeout", "supplier", "store_type"),
)


class Doing:
    def process(self, record: object) -> None: ...


def one(value: Any) -> Any:
    return value


def two(key: Any, value: Any) -> Any:
    return value


def three(key: Any, value: Any, total: Any) -> Any:
    return total


def world() -> dict[str, Any]:
    """One of each kind that has methods, over a builder of its own."""
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    table = builder.table("t", key_serde=TEXT, value_serde=TEXT)
    grouped = stream.group_by_key(key_serde=TEXT, value_serde=TEXT)
    cogrouped = grouped.cogroup(three)
    return {
        "builder": builder,
        "stream": stream,
        "table": table,
        "global table": builder.global_table("g", key_serde=TEXT, value_serde=TEXT),
        "grouped": grouped,
        "grouped table": table.group_by(lambda key, value: (key, value), key_serde=TEXT, value_serde=TEXT),
        "windowed": grouped.windowed_by(TUMBLING),
        "sessions": grouped.windowed_by(SESSIONS),
        "cogrouped": cogrouped,
        "windowed cogrouped": cogrouped.windowed_by(TUMBLING),
        "cogrouped sessions": cogrouped.windowed_by(SESSIONS),
        "split": stream.split(),
        "topology": Topology().add_source("s", "in"),
    }


CALLS: list[tuple[str, str, Callable[[dict[str, Any]], list[Any]]]] = [
    ("builder", "stream", lambda w: ["x"]),
    ("builder", "table", lambda w: ["y"]),
    ("builder", "global_table", lambda w: ["z"]),
    ("builder", "add_state_store", lambda w: [Stores.key_value_store_builder(SUPPLIER, TEXT, TEXT)]),
    ("builder", "add_global_store", lambda w: [Stores.key_value_store_builder(SUPPLIER, TEXT, TEXT), "gg", Doing]),
    ("builder", "build", lambda w: []),
    *((on, name, lambda w: [two]) for on in ("stream", "table") for name in ("filter", "filter_not", "map_values")),
    *(("stream", name, lambda w: [two]) for name in ("select_key", "map", "flat_map", "flat_map_values", "peek")),
    *(("stream", name, lambda w: [two]) for name in ("foreach", "group_by", "map_values_async", "branch")),
    *(("stream", name, lambda w: []) for name in ("print", "split", "repartition", "to_table", "group_by_key")),
    *(("stream", name, lambda w: [Doing]) for name in ("process", "process_values")),
    ("stream", "to", lambda w: ["out"]),
    ("stream", "merge", lambda w: [w["stream"]]),
    *(("stream", name, lambda w: [w["stream"], two, JOINED]) for name in ("join", "left_join", "outer_join")),
    *(("stream", name, lambda w: [w["table"], two]) for name in ("join", "left_join")),
    *(("stream", name, lambda w: [w["global table"], two, two]) for name in ("join", "left_join")),
    *(("table", name, lambda w: [w["table"], two]) for name in ("join", "left_join", "outer_join")),
    *(("table", name, lambda w: [w["table"], one, two]) for name in ("join", "left_join")),
    ("table", "group_by", lambda w: [two]),
    ("table", "transform_values", lambda w: [Doing]),
    ("table", "to_stream", lambda w: []),
    ("table", "suppress", lambda w: [Suppressed.until_time_limit(5, BufferConfig.unbounded())]),
    *((on, "count", lambda w: []) for on in ("grouped", "windowed", "sessions", "grouped table")),
    *((on, "reduce", lambda w: [two]) for on in ("grouped", "windowed", "sessions")),
    *((on, "aggregate", lambda w: [dict, three]) for on in ("grouped", "windowed")),
    ("sessions", "aggregate", lambda w: [dict, three, three]),
    ("grouped table", "reduce", lambda w: [two, two]),
    ("grouped table", "aggregate", lambda w: [dict, three, three]),
    *((on, "windowed_by", lambda w: [TUMBLING]) for on in ("grouped", "cogrouped")),
    ("grouped", "cogroup", lambda w: [three]),
    *((on, "emit_strategy", lambda w: [EmitStrategy.on_window_close()]) for on in ("windowed", "sessions")),
    ("cogrouped", "cogroup", lambda w: [w["grouped"], three]),
    *((on, "aggregate", lambda w: [dict]) for on in ("cogrouped", "windowed cogrouped")),
    ("cogrouped sessions", "aggregate", lambda w: [dict, three]),
    ("split", "branch", lambda w: [two]),
    ("split", "default_branch", lambda w: []),
    ("topology", "add_source", lambda w: ["more", "x"]),
    ("topology", "add_processor", lambda w: ["p", Doing, "s"]),
    ("topology", "add_sink", lambda w: ["k", "out", "s"]),
    ("topology", "add_state_store", lambda w: [Stores.key_value_store_builder(SUPPLIER, TEXT, TEXT)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("on", "method", "given"), CALLS, ids=[f"{on}.{name}.{at}" for at, (on, name, _) in enumerate(CALLS)]
)
def test_an_operator(on: str, method: str, given: Callable[[dict[str, Any]], list[Any]]) -> None:
    def positional(at: int) -> Callable[[Any], object]:
        def call(value: Any) -> object:
            it = world()
            arguments = given(it)
            arguments[at : at + 1] = [value]
            return getattr(it[on], method)(*arguments)

        return call

    def keyword(field: str) -> Callable[[Any], object]:
        def call(value: Any) -> object:
            it = world()
            return getattr(it[on], method)(*given(it), **{field: value})

        return call

    calls = [(f"{method}[{at}]", positional(at)) for at in range(len(given(world())) + 1)]
    assert faults(calls, ALL) == []
    assert faults([(f"{method}({field}=)", keyword(field)) for field in FIELDS], VALUES[::6]) == []


MADE = {"TimeWindows": TUMBLING, "SlidingWindows": SLIDING, "SessionWindows": SESSIONS, "JoinWindows": JOINED}
KINDS: list[Any] = [
    *(TimeWindows, SlidingWindows, SessionWindows, JoinWindows, UnlimitedWindows, BufferConfig, Suppressed),
    *(EmitStrategy, Stores, Serdes, Materialized, Branched),
    *(kind for name, kind in vars(options).items() if inspect.isclass(kind) and kind.__module__ == options.__name__),
]
REQUIRED: dict[str, Any] = {
    "name": "n", "supplier": SUPPLIER, "retention_period": 100, "window_size": 10, "history_retention": 100,
    "size": 10, "time_difference": 10, "inactivity_gap": 10, "grace": 1, "after_window_end": 1, "inner": TEXT,

        "max_cache_size": 5,
        "key_serde": TEXT,
        "value_serde": TEXT,
        "serialize": str.encode,
        "deserialize": bytes.decode
    ,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_value_of_the_dsl(kind: Any) -> None:
    """Each parameter of each of its methods, the others as they should be."""
    calls: list[tuple[str, Callable[..., object]]] = []
    for name in ["__init__", *(each for each in vars(kind) if not each.startswith("_"))]:
        static = inspect.getattr_static(kind, name)
        if name == "__init__":
            call = kind
        elif isinstance(static, staticmethod | classmethod):
            call = getattr(kind, name)
        elif inspect.isfunction(static) and kind.__name__ in MADE:
            call = getattr(MADE[kind.__name__], name)
        else:
            continue
        parameters = inspect.signature(call).parameters.values()
        named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        needed = {each.name: REQUIRED.get(each.name) for each in named if each.default is each.empty}
        for each in named:
            calls.append((f"{name}({each.name})", lambda x, c=call, n=needed, f=each.name: c(**{**n, f: x})))
        if any(each.kind is each.VAR_POSITIONAL for each in parameters):
            calls.append((f"{name}(*)", call))
    assert faults(calls, ALL) == []
