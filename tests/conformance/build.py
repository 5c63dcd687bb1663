"""A case's spec to a topology, through the public API alone (SPEC.md 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streams
from streams import (
    Branched,
    Consumed,
    EmitStrategy,
    Grouped,
    Joined,
    JoinWindows,
    Materialized,
    Named,
    Produced,
    Repartitioned,
    SessionWindows,
    SlidingWindows,
    Stores,
    StreamJoined,
    Suppressed,
    TableJoined,
    TimeWindows,
    UnlimitedWindows,
)
from tests.conformance import functions as fn
from tests.conformance.processors import FIXED_KEY, TRANSFORMERS, supplier
from tests.conformance.serdes import serde

Step = Mapping[str, Any]
EXTRACTORS: dict[str, Callable[[], Any]] = {
    "fail_on_invalid": lambda: streams.FailOnInvalidTimestamp(),
    "log_and_skip": lambda: streams.LogAndSkipOnInvalidTimestamp(),
    "use_partition_time": lambda: streams.UsePartitionTimeOnInvalidTimestamp(),
    "value": lambda: lambda record, time: -1 if record.value is None else record.value,
    "value_or_partition_time": lambda: lambda record, time: time if record.value is None else record.value,
}
STORE_TYPES = {"in_memory": "in_memory", "rocksdb": "rocksdb"}


class Failed(Exception):
    """An exception while a step was executed or the topology was built."""

    def __init__(self, phase: str, step: str | None) -> None:
        super().__init__(phase)
        self.phase, self.step = phase, step


class Built:
    """What a spec became: the topology, and the names of the branches that each `split` returned."""

    def __init__(self, topology: Any, branches: list[list[str]]) -> None:
        self.topology, self.branches = topology, branches


def build(spec: Mapping[str, Any], config: Mapping[str, Any]) -> Built:
    """Raises `Failed` from the exception itself."""
    low_level = spec.get("api") == "topology"
    maker = Maker(spec, config)
    for step in spec["steps"]:
        try:
            maker.take(step)
        except Exception as error:
            raise Failed("construct", step["id"]) from error
    try:
        topology = maker.topology if low_level else maker.builder.build(config)
    except Exception as error:
        raise Failed("build", None) from error
    return Built(topology, maker.branches)


def named(step: Step) -> list[Any]:
    return [Named.as_(step["name"])] if "name" in step else []


def materialized(step: Step, kind: str = "kv", window_size: int = 0) -> list[Any]:
    """`Materialized` of SPEC.md 2.3, or nothing."""
    if "store" not in step:
        return []
    store = step["store"]
    made = store_of(store, kind, window_size)
    if "key" in store:
        made = made.with_key_serde(serde(store["key"]))
    if "value" in store:
        made = made.with_value_serde(serde(store["value"]))
    if "retention" in store and not store.get("supplier"):
        made = made.with_retention(store["retention"])
    if "caching" in store:
        made = made.with_caching_enabled() if store["caching"] else made.with_caching_disabled()
    if store.get("logging") is False:
        made = made.with_logging_disabled()
    return [made]


def store_of(store: Mapping[str, Any], kind: str, window_size: int) -> Any:
    impl = store.get("impl")
    if impl == "lru":
        return Materialized.as_(Stores.lru_map(store["name"], store["max"]))
    if impl == "versioned":
        segment = [store["segment"]] if "segment" in store else []
        return Materialized.as_(Stores.persistent_versioned_key_value_store(store["name"], store["history"], *segment))
    if store.get("supplier"):
        return Materialized.as_(supplied(store, kind, window_size))
    if "name" in store:
        made = Materialized.as_(store["name"])
    else:
        made = Materialized.with_(serde(store.get("key")), serde(store.get("value")))
    return made.with_store_type(impl) if impl in STORE_TYPES else made


def supplied(store: Mapping[str, Any], kind: str, window_size: int) -> Any:
    memory, name = store.get("impl") == "in_memory", store["name"]
    if kind == "window":
        make = Stores.in_memory_window_store if memory else Stores.persistent_timestamped_window_store
        return make(name, store["retention"], store.get("window_size", window_size), False)
    if kind == "session":
        make = Stores.in_memory_session_store if memory else Stores.persistent_session_store
        return make(name, store["retention"])
    make = Stores.in_memory_key_value_store if memory else Stores.persistent_timestamped_key_value_store
    return make(name)


def store_builder(store: Mapping[str, Any]) -> Any:
    """A `StoreBuilder` of SPEC.md 2.3."""
    name, kind, memory = store["name"], store.get("kind", "kv"), store.get("impl") == "in_memory"
    key, value = serde(store.get("key")), serde(store.get("value"))
    if kind == "window":
        make = Stores.in_memory_window_store if memory else Stores.persistent_window_store
        source = make(name, store["retention"], store["window_size"], bool(store.get("duplicates")))
        made = Stores.window_store_builder(source, key, value)
    elif kind == "session":
        make = Stores.in_memory_session_store if memory else Stores.persistent_session_store
        made = Stores.session_store_builder(make(name, store["retention"]), key, value)
    elif kind == "versioned":
        source = Stores.persistent_versioned_key_value_store(name, store["history"])
        made = Stores.versioned_key_value_store_builder(source, key, value)
    elif kind == "timestamped_kv":
        make = Stores.in_memory_key_value_store if memory else Stores.persistent_timestamped_key_value_store
        made = Stores.timestamped_key_value_store_builder(make(name), key, value)
    elif store.get("impl") == "lru":
        made = Stores.key_value_store_builder(Stores.lru_map(name, store["max"]), key, value)
    else:
        make = Stores.in_memory_key_value_store if memory else Stores.persistent_key_value_store
        made = Stores.key_value_store_builder(make(name), key, value)
    if store.get("caching"):
        made = made.with_caching_enabled()
    if "logging" in store:
        made = made.with_logging_enabled({}) if store["logging"] else made.with_logging_disabled()
    return made


def consumed(step: Step) -> Any:
    made = Consumed.with_(serde(step.get("key")), serde(step.get("value")))
    if "timestamp" in step:
        made = made.with_timestamp_extractor(EXTRACTORS[step["timestamp"]]())
    return made.with_name(step["name"]) if "name" in step else made


def produced(step: Step) -> list[Any]:
    if not {"key", "value", "name"} & step.keys():
        return []
    if "key" in step or "value" in step:
        made = Produced.with_(serde(step.get("key")), serde(step.get("value")))
        return [made.with_name(step["name"]) if "name" in step else made]
    return [Produced.as_(step["name"])]


def grouped(step: Step) -> list[Any]:
    if "grouped" not in step:
        return []
    found = step["grouped"]
    made = Grouped.with_(serde(found.get("key")), serde(found.get("value")))
    return [made.with_name(found["name"]) if "name" in found else made]


def joined(step: Step) -> list[Any]:
    if "joined" not in step:
        return []
    found = step["joined"]
    made = Joined.with_(serde(found.get("key")), serde(found.get("left")), serde(found.get("right")))
    if "name" in found:
        made = made.with_name(found["name"])
    return [made.with_grace_period(found["grace"]) if "grace" in found else made]


def stream_joined(step: Step) -> list[Any]:
    if "joined" not in step:
        return []
    found = step["joined"]
    made = StreamJoined.with_(serde(found.get("key")), serde(found.get("left")), serde(found.get("right")))
    if "name" in found:
        made = made.with_name(found["name"])
    if "store_name" in found:
        made = made.with_store_name(found["store_name"])
    if found.get("impl") == "in_memory":
        made = made.with_dsl_store_suppliers("in_memory")
    return [made.with_logging_disabled() if found.get("logging") is False else made]


def repartitioned(step: Step) -> list[Any]:
    if "repartitioned" not in step:
        return []
    found = step["repartitioned"]
    made = Repartitioned.with_(serde(found.get("key")), serde(found.get("value")))
    if "name" in found:
        made = made.with_name(found["name"])
    return [made.with_number_of_partitions(found["partitions"]) if "partitions" in found else made]


def window(spec: Mapping[str, Any]) -> Any:
    kind, grace = spec["kind"], [spec["grace"]] if "grace" in spec else []
    if kind in ("tumbling", "hopping"):
        make = TimeWindows.of_size_and_grace if grace else TimeWindows.of_size_with_no_grace
        made = make(spec["size"], *grace)
        return made.advance_by(spec["advance"]) if kind == "hopping" else made
    if kind == "sliding":
        make = SlidingWindows.of_time_difference_and_grace if grace else SlidingWindows.of_time_difference_with_no_grace
        return make(spec["diff"], *grace)
    if kind == "session":
        make = SessionWindows.of_inactivity_gap_and_grace if grace else SessionWindows.of_inactivity_gap_with_no_grace
        return make(spec["gap"], *grace)
    made = UnlimitedWindows.of()
    return made.start_on(spec["start"]) if "start" in spec else made


def window_size(spec: Mapping[str, Any]) -> int:
    return int(spec.get("size", spec.get("diff", 0)))


def join_windows(spec: Mapping[str, Any]) -> Any:
    if "grace" in spec:
        made = JoinWindows.of_time_difference_and_grace(spec["diff"], spec["grace"])
    else:
        made = JoinWindows.of_time_difference_with_no_grace(spec["diff"])
    if "before" in spec:
        made = made.before(spec["before"])
    return made.after(spec["after"]) if "after" in spec else made


def suppressed(step: Step) -> Any:
    buffer = step["buffer"]
    if "max_records" in buffer:
        made = Suppressed.BufferConfig.max_records(buffer["max_records"])
        if "max_bytes" in buffer:
            made = made.with_max_bytes(buffer["max_bytes"])
    elif "max_bytes" in buffer:
        made = Suppressed.BufferConfig.max_bytes(buffer["max_bytes"])
    else:
        made = Suppressed.BufferConfig.unbounded()
    if "when_full" in buffer:
        made = made.shut_down_when_full() if buffer["when_full"] == "shut_down" else made.emit_early_when_full()
    if buffer.get("logging") is False:
        made = made.with_logging_disabled()
    if step["mode"] == "until_window_closes":
        found = Suppressed.until_window_closes(made)
    else:
        found = Suppressed.until_time_limit(step["ms"], made)
    return found.with_name(step["name"]) if "name" in step else found


class Maker:
    """Executes the steps, each once; keeps what each returned under its id."""

    def __init__(self, spec: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        strict = "ensure.explicit.internal.resource.naming" in config
        self.builder = streams.StreamsBuilder(config) if strict else streams.StreamsBuilder()
        self.topology = streams.Topology()
        self.branches: list[list[str]] = []
        self.made: dict[str, Any] = {}
        self.windows: dict[str, Mapping[str, Any]] = {}

    def take(self, step: Step) -> None:
        found = getattr(self, "op_" + step["op"])(step)
        if "id" in step:
            self.made[step["id"]] = found

    def on(self, step: Step) -> Any:
        return self.made[step["in"]]

    def other(self, step: Step) -> Any:
        return self.made[step["other"]]

    def table(self, step: Step) -> bool:
        return isinstance(self.on(step), streams.KTable)

    # sources and stores

    def op_stream(self, step: Step) -> Any:
        import re

        topic = step.get("topic", step.get("topics"))
        return self.builder.stream(re.compile(step["pattern"]) if "pattern" in step else topic, consumed(step))

    def op_table(self, step: Step) -> Any:
        return self.builder.table(step["topic"], consumed(step), *materialized(step))

    def op_global_table(self, step: Step) -> Any:
        return self.builder.global_table(step["topic"], consumed(step), *materialized(step))

    def op_add_state_store(self, step: Step) -> Any:
        return self.builder.add_state_store(store_builder(step["store"]))

    def op_add_global_store(self, step: Step) -> Any:
        source = Consumed.with_(serde(step.get("key")), serde(step.get("value")))
        return self.builder.add_global_store(
            store_builder(step["store"]), step["topic"], source, supplier(step["processor"])
        )

    # stateless

    def op_filter(self, step: Step) -> Any:
        return self.on(step).filter(fn.predicate(step["fn"]), *named(step), *materialized(step))

    def op_filter_not(self, step: Step) -> Any:
        return self.on(step).filter_not(fn.predicate(step["fn"]), *named(step), *materialized(step))

    def op_map_values(self, step: Step) -> Any:
        return self.on(step).map_values(fn.mapper(step["fn"]), *named(step), *materialized(step))

    def op_map(self, step: Step) -> Any:
        if step.get("null_pair"):
            return self.on(step).map(lambda k, v: None, *named(step))
        key, value = fn.mapper(step["key_fn"]), fn.mapper(step["value_fn"])
        return self.on(step).map(lambda k, v: (key(k, v), value(k, v)), *named(step))

    def op_select_key(self, step: Step) -> Any:
        return self.on(step).select_key(fn.mapper(step["fn"]), *named(step))

    def op_flat_map(self, step: Step) -> Any:
        return self.on(step).flat_map(fn.flat_pairs(step["fn"]), *named(step))

    def op_flat_map_values(self, step: Step) -> Any:
        return self.on(step).flat_map_values(fn.flat_values(step["fn"]), *named(step))

    def op_peek(self, step: Step) -> Any:
        return self.on(step).peek(lambda k, v: None, *named(step))

    def op_merge(self, step: Step) -> Any:
        return self.on(step).merge(self.other(step), *named(step))

    def op_split(self, step: Step) -> Any:
        split = self.on(step).split(*named(step))
        for branch in step["branches"]:
            option = [Branched.as_(branch["name"])] if "name" in branch else []
            split = split.branch(fn.predicate(branch["fn"]), *option)
        default = step.get("default")
        if default is None:
            found = split.no_default_branch()
        else:
            found = split.default_branch(*([Branched.as_(default["name"])] if "name" in default else []))
        self.branches.append(sorted(found))
        ids = [branch["id"] for branch in (*step["branches"], *([default] if default else []))]
        self.made.update(zip(ids, found.values(), strict=True))
        return found

    def op_repartition(self, step: Step) -> Any:
        return self.on(step).repartition(*repartitioned(step))

    def op_to(self, step: Step) -> Any:
        topic = fn.TopicChooser(step["topic_fn"]) if "topic_fn" in step else step["topic"]
        return self.on(step).to(topic, *produced(step))

    def op_to_stream(self, step: Step) -> Any:
        mapper = [fn.mapper(step["fn"])] if "fn" in step else []
        return self.on(step).to_stream(*mapper, *named(step))

    def op_to_table(self, step: Step) -> Any:
        return self.on(step).to_table(*named(step), *materialized(step))

    # grouping and aggregating

    def op_group_by_key(self, step: Step) -> Any:
        return self.on(step).group_by_key(*grouped(step))

    def op_group_by(self, step: Step) -> Any:
        if not self.table(step):
            return self.on(step).group_by(fn.mapper(step["fn"]), *grouped(step))
        key, value = fn.mapper(step["key_fn"]), fn.mapper(step["value_fn"])
        return self.on(step).group_by(lambda k, v: (key(k, v), value(k, v)), *grouped(step))

    def op_cogroup(self, step: Step) -> Any:
        first, *rest = step["inputs"]
        found = self.made[first["in"]].cogroup(fn.aggregator(first["agg"]))
        for one in rest:
            found = found.cogroup(self.made[one["in"]], fn.aggregator(one["agg"]))
        return found

    def op_windowed_by(self, step: Step) -> Any:
        self.windows[step["id"]] = step["window"]
        return self.on(step).windowed_by(window(step["window"]))

    def op_emit_strategy(self, step: Step) -> Any:
        if step["in"] in self.windows and "id" in step:
            self.windows[step["id"]] = self.windows[step["in"]]
        close = step["strategy"] == "on_window_close"
        return self.on(step).emit_strategy(EmitStrategy.on_window_close() if close else EmitStrategy.on_window_update())

    def kept_in(self, step: Step) -> list[Any]:
        found = self.windows.get(step["in"])
        if found is None:
            return materialized(step)
        return materialized(step, "session" if found["kind"] == "session" else "window", window_size(found))

    def op_count(self, step: Step) -> Any:
        return self.on(step).count(*named(step), *self.kept_in(step))

    def op_reduce(self, step: Step) -> Any:
        if "adder" in step:
            adder, subtractor = fn.reducer(step["adder"]), fn.reducer(step["subtractor"])
            return self.on(step).reduce(adder, subtractor, *named(step), *materialized(step))
        return self.on(step).reduce(fn.reducer(step["fn"]), *named(step), *self.kept_in(step))

    def op_aggregate(self, step: Step) -> Any:
        value = step["init"]
        given: list[Any] = [lambda: value]
        if "adder" in step:
            given += [fn.aggregator(step["adder"]), fn.aggregator(step["subtractor"])]
        elif "fn" in step:
            given.append(fn.aggregator(step["fn"]))
        if "merger" in step:
            given.append(fn.merger(step["merger"]))
        return self.on(step).aggregate(*given, *named(step), *self.kept_in(step))

    def op_suppress(self, step: Step) -> Any:
        return self.on(step).suppress(suppressed(step))

    # joins

    def join(self, step: Step, method: str) -> Any:
        left, right = self.on(step), self.other(step)
        call = getattr(left, method)
        if isinstance(right, streams.GlobalKTable):
            return call(right, fn.mapper(step["key_selector"]), fn.joiner(step["joiner"]), *named(step))
        if self.table(step):
            if "foreign_key" in step:
                options = [TableJoined.as_(step["table_joined"]["name"])] if "table_joined" in step else []
                return call(
                    right,
                    fn.mapper(step["foreign_key"]),
                    fn.value_joiner(step["joiner"]),
                    *options,
                    *materialized(step),
                )
            return call(right, fn.value_joiner(step["joiner"]), *named(step), *materialized(step))
        if "windows" in step:
            return call(right, fn.joiner(step["joiner"]), join_windows(step["windows"]), *stream_joined(step))
        return call(right, fn.joiner(step["joiner"]), *joined(step))

    def op_join(self, step: Step) -> Any:
        return self.join(step, "join")

    def op_left_join(self, step: Step) -> Any:
        return self.join(step, "left_join")

    def op_outer_join(self, step: Step) -> Any:
        return self.join(step, "outer_join")

    # processors

    def op_process(self, step: Step) -> Any:
        return self.on(step).process(supplier(step["processor"]), *step.get("stores", ()), *named(step))

    def op_process_values(self, step: Step) -> Any:
        made = supplier(step["processor"], FIXED_KEY)
        return self.on(step).process_values(made, *step.get("stores", ()), *named(step))

    def op_transform_values(self, step: Step) -> Any:
        made = supplier(step["transformer"], TRANSFORMERS)
        options = (*named(step), *materialized(step))
        return self.on(step).transform_values(made, *step.get("stores", ()), *options)

    # by hand

    def op_topology_source(self, step: Step) -> Any:
        extractor = {"timestamp_extractor": EXTRACTORS[step["timestamp"]]()} if "timestamp" in step else {}
        key, value = serde(step.get("key")), serde(step.get("value"))
        return self.topology.add_source(step["name"], key, value, *step["topics"], **extractor)

    def op_topology_processor(self, step: Step) -> Any:
        return self.topology.add_processor(step["name"], supplier(step["processor"]), *step["parents"])

    def op_topology_sink(self, step: Step) -> Any:
        key, value = serde(step.get("key")), serde(step.get("value"))
        return self.topology.add_sink(step["name"], step["topic"], key, value, *step["parents"])

    def op_topology_state_store(self, step: Step) -> Any:
        return self.topology.add_state_store(store_builder(step["store"]), *step["processors"])

    def op_topology_connect(self, step: Step) -> Any:
        return self.topology.connect_processor_and_state_stores(step["processor"], *step["stores"])

    def op_topology_global_store(self, step: Step) -> Any:
        return self.topology.add_global_store(
            store_builder(step["store"]),
            step["source"],
            serde(step.get("key")),
            serde(step.get("value")),
            step["topic"],
            step["name"],
            supplier(step["processor"]),
        )
