"""What a checker must understand of the DSL: types flow through lambdas, options and keywords. Never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from streams import (
    AutoOffsetReset,
    Branched,
    BufferConfig,
    CogroupedKStream,
    Consumed,
    EmitStrategy,
    GlobalKTable,
    Grouped,
    Joined,
    JoinWindows,
    KGroupedStream,
    KStream,
    KTable,
    Materialized,
    Named,
    Printed,
    Produced,
    Repartitioned,
    Serdes,
    SessionWindowedKStream,
    SessionWindows,
    SlidingWindows,
    Stores,
    StreamJoined,
    StreamsBuilder,
    Suppressed,
    TableJoined,
    TimeWindowedKStream,
    TimeWindows,
    Windowed,
)


@dataclass
class Order:
    amount: int


TEXT, NUMBER = Serdes.string(), Serdes.long()
CLOSED = Suppressed.until_window_closes(BufferConfig.unbounded())
NEAR = JoinWindows.of_time_difference_with_no_grace(1)
builder = StreamsBuilder()
stream = builder.stream("s", key_serde=Serdes.string(), value_serde=Serdes.long())
table = builder.table("t", key_serde=Serdes.string(), value_serde=Serdes.string())
everywhere: GlobalKTable[int, bytes] = builder.global_table("g")

assert_type(stream, KStream[str, int])
assert_type(builder.stream("s", Consumed(Serdes.string(), Serdes.long())), KStream[str, int])
assert_type(builder.stream("s"), KStream[Any, Any])
assert_type(stream.filter(lambda key, value: value > 1 and key < "b"), KStream[str, int])
assert_type(stream.map_values(lambda value: str(value)), KStream[str, str])
assert_type(stream.map_values(lambda key, value: (key, value)), KStream[str, tuple[str, int]])
assert_type(stream.flat_map_values(lambda value: [str(value)]), KStream[str, str])
assert_type(stream.map(lambda key, value: (value, key)), KStream[int, str])
assert_type(stream.select_key(lambda key, value: value), KStream[int, int])
assert_type(stream.group_by(lambda key, value: value), KGroupedStream[int, int])
assert_type(stream.group_by_key().count(), KTable[str, int])
assert_type(
    stream.group_by_key().aggregate(lambda: 0.0, lambda key, value, sum: sum + value, Materialized("s")),
    KTable[str, float],
)
windowed = stream.group_by_key().windowed_by(TimeWindows.of_size_with_no_grace(10))
assert_type(windowed.reduce(lambda one, other: one + other), KTable[Windowed[str], int])
assert_type(stream.join(stream, lambda left, right: (left, right), NEAR), KStream[str, tuple[int, int]])
assert_type(stream.left_join(stream, lambda left, right: right, NEAR), KStream[str, int | None])
assert_type(stream.join(table, lambda left, right: (left, right)), KStream[str, tuple[int, str]])
assert_type(stream.left_join(table, lambda key, left, right: (key, right)), KStream[str, tuple[str, str | None]])
assert_type(
    stream.join(everywhere, lambda key, value: value, lambda left, right: (left, right)),
    KStream[str, tuple[int, bytes]],
)
assert_type(table, KTable[str, str])
assert_type(table.map_values(lambda value: len(value)), KTable[str, int])
assert_type(table.join(table, lambda left, right: left + right), KTable[str, str])
assert_type(table.join(table, lambda value: value, lambda left, right: (left, right)), KTable[str, tuple[str, str]])
assert_type(
    table.join(table, lambda left, right: (left, right), foreign_key=lambda value: value),
    KTable[str, tuple[str, str]],
)
assert_type(
    table.left_join(table, lambda left, right: right, foreign_key=lambda key, value: key + value),
    KTable[str, str | None],
)
assert_type(table.to_stream(), KStream[str, str])
assert_type(table.to_stream(lambda key, value: len(value)), KStream[int, str])
assert_type(table.group_by(lambda key, value: (value, len(key))).count(), KTable[str, int])

# One keyword more, or an option as an object, and the types are the same.
assert_type(builder.stream("s", key_serde=Serdes.string(), value_serde=Serdes.long(), name="in"), KStream[str, int])
assert_type(
    builder.stream("s", key_serde=TEXT, value_serde=NUMBER, offset_reset=AutoOffsetReset.earliest()), KStream[str, int]
)
assert_type(builder.stream("s", value_serde=NUMBER), KStream[Any, int])
assert_type(builder.stream(["s", "t"], key_serde=TEXT), KStream[str, Any])
assert_type(builder.stream("s", Consumed.with_(TEXT, NUMBER)), KStream[str, int])
assert_type(builder.stream("s", Consumed.with_(TEXT, NUMBER, None, AutoOffsetReset.latest())), KStream[str, int])
assert_type(builder.stream("s", Consumed.with_(TEXT, NUMBER).with_name("in")), KStream[str, int])
assert_type(builder.stream("s", Consumed.as_("in").with_value_serde(NUMBER)), KStream[Any, int])
assert_type(
    builder.stream(
        "s",
        Consumed.as_("in"),
    ),
    KStream[Any, Any],
)
assert_type(builder.stream("s", Consumed(name="in")), KStream[Any, Any])
assert_type(builder.table("t", key_serde=TEXT, value_serde=NUMBER, store="s", caching=False), KTable[str, int])
assert_type(builder.table("t", Consumed.with_(TEXT, NUMBER), Materialized.as_("s")), KTable[str, int])
assert_type(builder.table("t", Materialized.as_("s"), key_serde=TEXT, value_serde=NUMBER), KTable[str, int])
assert_type(builder.table("t", Materialized("s", key_serde=TEXT, value_serde=NUMBER)), KTable[str, int])
assert_type(builder.table("t", Materialized.with_(TEXT, NUMBER)), KTable[str, int])
assert_type(builder.table("t", Consumed.with_(TEXT, NUMBER), Materialized.with_(TEXT, NUMBER)), KTable[str, int])
assert_type(builder.table("t", Materialized.as_("s").with_key_serde(TEXT), value_serde=NUMBER), KTable[str, int])
assert_type(
    builder.table("t", Consumed.with_(TEXT, NUMBER), Materialized.as_("s").with_value_serde(NUMBER)), KTable[str, int]
)
assert_type(builder.table("t", Materialized.as_("s").with_value_serde(NUMBER)), KTable[Any, int])
assert_type(builder.table("t"), KTable[Any, Any])
assert_type(builder.global_table("g", Consumed.with_(TEXT, NUMBER), Materialized.as_("s")), GlobalKTable[str, int])
assert_type(builder.global_table("g", key_serde=TEXT, value_serde=NUMBER, store="s"), GlobalKTable[str, int])

# Operators of a stream.
assert_type(stream.filter_not(lambda key, value: value > 1, name="f"), KStream[str, int])
assert_type(stream.filter_not(lambda key, value: value > 1, Named("f")), KStream[str, int])
assert_type(stream.map_values(lambda value: value / 2, name="half"), KStream[str, float])
assert_type(stream.map_values(lambda value: value if value else None), KStream[str, int | None])
assert_type(stream.flat_map_values(lambda key, value: {key, str(value)}, name="f"), KStream[str, str])
assert_type(stream.flat_map(lambda key, value: [(value, key)], name="f"), KStream[int, str])
assert_type(stream.map(lambda key, value: (value, key), Named.as_("m")), KStream[int, str])
assert_type(stream.peek(lambda key, value: print(key.upper(), value + 1)), KStream[str, int])
assert_type(stream.merge(stream, name="m"), KStream[str, int])
assert_type(stream.repartition(partitions=3, value_serde=NUMBER), KStream[str, int])
assert_type(stream.repartition(Repartitioned.as_("r").with_number_of_partitions(3)), KStream[str, int])
assert_type(stream.repartition(Repartitioned.with_(TEXT, NUMBER)), KStream[str, int])
assert_type(stream.to_table(store="s", value_serde=NUMBER), KTable[str, int])
assert_type(stream.to_table(Materialized.as_("s")), KTable[str, int])
assert_type(stream.to_table(Named("n"), Materialized.with_(TEXT, NUMBER)), KTable[str, int])
stream.foreach(lambda key, value: print(key.upper(), value + 1))
stream.print(label="seen", mapper=lambda key, value: f"{key.upper()} {value + 1}")
stream.print(Printed.to_sys_out().with_label("seen"))
stream.print(Printed.to_file("out").with_key_value_mapper(lambda key, value: f"{key}"))


async def asked(value: int) -> str:
    return str(value)


assert_type(stream.map_values_async(asked, max_in_flight=3), KStream[str, str])

# Where records are written, serdes fit; None is no serde's business.
stream.to("out", key_serde=TEXT, value_serde=NUMBER)
stream.to("out", Produced.with_(TEXT, NUMBER))
stream.to("out", Produced(TEXT, NUMBER, name="out"))
stream.to("out", Produced.as_("out").with_value_serde(NUMBER))
stream.to("out", value_serde=Serdes.json(), partitioner=lambda topic, key, value, n: (len(key) + value) % n)
stream.to(lambda key, value, context: f"{key.lower()}-{value + context.partition}", value_serde=NUMBER)
stream.map_values(lambda value: value or None).to("out", value_serde=NUMBER)
stream.map_values(lambda value: value or None).to("out", Produced.with_(TEXT, NUMBER))
stream.map_values(lambda value: value or None).to("out", Produced(value_serde=NUMBER))
stream.map_values(lambda value: [str(value)]).to("out", value_serde=Serdes.list(TEXT))
stream.map_values(lambda value: [str(value) or None]).to("out", value_serde=Serdes.list(TEXT))
stream.map_values(lambda value: Order(value)).to("out", value_serde=Serdes.json(Order))
windowed.count().to_stream().to("out", key_serde=Serdes.time_windowed(TEXT, 10), value_serde=NUMBER)

# Branches.
branches = stream.split(name="by-size-").branch(lambda key, value: value > 1, name="large").default_branch(name="rest")
assert_type(branches, dict[str, KStream[str, int]])
assert_type(
    stream.split(Named("s")).branch(lambda key, value: value > 1).no_default_branch(), dict[str, KStream[str, int]]
)
assert_type(stream.branch(lambda key, value: value > 1, lambda key, value: key > "b"), list[KStream[str, int]])
stream.split().branch(
    lambda key, value: value > 1, Branched.with_consumer(lambda large: large.to("large", value_serde=NUMBER))
).branch(
    lambda key, value: value > 0, Branched.with_function(lambda some: some.filter(lambda key, value: value > 1), "some")
).branch(
    lambda key, value: value < 0, Branched(consumer=lambda rest: rest.foreach(lambda key, value: print(value + 1)))
).default_branch(Branched.as_("rest"))
stream.split().branch(
    lambda key, value: True, consumer=lambda all: all.to("all", value_serde=NUMBER)
).no_default_branch()

# Groups, aggregations, windows.
grouped = stream.group_by_key(key_serde=TEXT, value_serde=NUMBER)
assert_type(grouped, KGroupedStream[str, int])
assert_type(stream.group_by_key(Grouped.with_(TEXT, NUMBER)), KGroupedStream[str, int])
assert_type(stream.group_by_key(Grouped("g", value_serde=NUMBER)), KGroupedStream[str, int])
assert_type(stream.group_by(lambda key, value: value, name="g", key_serde=NUMBER), KGroupedStream[int, int])
assert_type(stream.group_by(lambda key, value: value, Grouped.as_("g")), KGroupedStream[int, int])
assert_type(stream.group_by(lambda key, value: value, Grouped("g")), KGroupedStream[int, int])
assert_type(stream.group_by(lambda key, value: value, Grouped.with_("g", NUMBER, NUMBER)), KGroupedStream[int, int])
assert_type(
    stream.group_by(lambda key, value: value, Grouped.as_("g").with_key_serde(NUMBER)), KGroupedStream[int, int]
)
assert_type(grouped.count(store="c"), KTable[str, int])
assert_type(grouped.count(Materialized.as_("c")), KTable[str, int])
assert_type(grouped.count(Named("n"), Materialized.as_("c").with_caching_disabled()), KTable[str, int])
assert_type(grouped.count(Materialized.as_(Stores.in_memory_key_value_store("c"))), KTable[str, int])
assert_type(grouped.reduce(lambda one, other: one + other, store="r", value_serde=NUMBER), KTable[str, int])
assert_type(grouped.reduce(max, Materialized.with_(TEXT, NUMBER)), KTable[str, int])
assert_type(grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value), KTable[str, float])
assert_type(grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, store="a"), KTable[str, float])
assert_type(
    grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, Materialized.as_("a")), KTable[str, float]
)
assert_type(
    grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, Materialized.with_(TEXT, Serdes.double())),
    KTable[str, float],
)
assert_type(
    grouped.aggregate(
        lambda: 0.0,
        lambda key, value, sum: sum + value if value else None,
        Materialized.as_("a").with_value_serde(Serdes.double()).with_key_serde(TEXT),
    ),
    KTable[str, float],
)
assert_type(
    grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, store="a", value_serde=Serdes.double()),
    KTable[str, float],
)
assert_type(windowed, TimeWindowedKStream[str, int])
assert_type(windowed.count(store="c", retention=100), KTable[Windowed[str], int])
assert_type(windowed.count(Materialized.as_("c")), KTable[Windowed[str], int])
assert_type(windowed.emit_strategy(EmitStrategy.on_window_close()).count(), KTable[Windowed[str], int])
assert_type(
    windowed.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, store="a"), KTable[Windowed[str], float]
)
assert_type(
    windowed.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, Materialized.as_("a")),
    KTable[Windowed[str], float],
)
assert_type(windowed.count().suppress(CLOSED), KTable[Windowed[str], int])
assert_type(windowed.count().suppress(CLOSED.with_name("final")), KTable[Windowed[str], int])
assert_type(table.suppress(Suppressed.until_time_limit(1, BufferConfig.max_records(1))), KTable[str, str])
assert_type(windowed.count().to_stream(lambda key, value: key.key.upper()), KStream[str, int])
assert_type(
    windowed.count().to_stream().map(lambda key, value: (f"{key.key.upper()}{key.window.start + 1}", value)),
    KStream[str, int],
)
assert_type(grouped.windowed_by(SlidingWindows.of_time_difference_with_no_grace(1)), TimeWindowedKStream[str, int])
sessions = grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(1))
assert_type(sessions, SessionWindowedKStream[str, int])
assert_type(sessions.count(store="c"), KTable[Windowed[str], int])
assert_type(sessions.reduce(lambda one, other: one + other, Named("r")), KTable[Windowed[str], int])
assert_type(
    sessions.aggregate(
        lambda: 0.0, lambda key, value, sum: sum + value, lambda key, one, other: one + other, store="a"
    ),
    KTable[Windowed[str], float],
)


def added(key: str, value: int, sum: float) -> float:
    return sum + value


def lengths(key: str, value: str, sum: float) -> float:
    return sum + len(value)


def merged(key: str, one: float, other: float) -> float:
    return one + other


cogrouped = grouped.cogroup(added).cogroup(table.to_stream().group_by_key(), lengths)
assert_type(cogrouped, CogroupedKStream[str, float])
assert_type(cogrouped.aggregate(lambda: 0.0, store="c", value_serde=Serdes.double()), KTable[str, float])
assert_type(cogrouped.aggregate(lambda: 0.0, Materialized.as_("c")), KTable[str, float])
assert_type(
    cogrouped.windowed_by(TimeWindows.of_size_with_no_grace(1)).aggregate(lambda: 0.0, store="c"),
    KTable[Windowed[str], float],
)
assert_type(
    cogrouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(1)).aggregate(lambda: 0.0, merged, store="c"),
    KTable[Windowed[str], float],
)

# Joins of streams.
assert_type(
    stream.join(stream, lambda left, right: (left, right), NEAR, StreamJoined.with_(TEXT, NUMBER, NUMBER)),
    KStream[str, tuple[int, int]],
)
assert_type(
    stream.join(
        stream,
        lambda left, right: (left, right),
        NEAR,
        StreamJoined.as_("s"),
    ),
    KStream[str, tuple[int, int]],
)
assert_type(
    stream.join(stream, lambda key, left, right: (key, left), NEAR, name="j", other_value_serde=NUMBER),
    KStream[str, tuple[str, int]],
)
assert_type(
    stream.outer_join(stream, lambda left, right: (left, right), NEAR, store_name="s"),
    KStream[str, tuple[int | None, int | None]],
)
assert_type(
    stream.outer_join(stream, lambda key, left, right: (key, right), NEAR), KStream[str, tuple[str, int | None]]
)
assert_type(
    stream.left_join(stream, lambda key, left, right: (key, right), NEAR, name="j"),
    KStream[str, tuple[str, int | None]],
)
assert_type(
    stream.join(table, lambda left, right: (left, right), Joined.with_(TEXT, NUMBER, TEXT)),
    KStream[str, tuple[int, str]],
)
assert_type(stream.join(table, lambda left, right: (left, right), Joined.as_("j")), KStream[str, tuple[int, str]])
assert_type(stream.join(table, lambda key, left, right: (left, right), name="j"), KStream[str, tuple[int, str]])
assert_type(
    stream.left_join(table, lambda left, right: (left, right), value_serde=NUMBER), KStream[str, tuple[int, str | None]]
)
assert_type(
    stream.join(everywhere, lambda key, value: value, lambda key, left, right: (key, right), name="j"),
    KStream[str, tuple[str, bytes]],
)
assert_type(
    stream.left_join(everywhere, lambda key, value: value or None, lambda left, right: right),
    KStream[str, bytes | None],
)

# Operators of a table.
assert_type(table.filter(lambda key, value: value > key, store="f"), KTable[str, str])
assert_type(table.filter_not(lambda key, value: value > key, Materialized.as_("f")), KTable[str, str])
assert_type(table.map_values(lambda value: len(value), store="m", value_serde=NUMBER), KTable[str, int])
assert_type(table.map_values(lambda value: len(value), Materialized.as_("m")), KTable[str, int])
assert_type(table.map_values(lambda key, value: len(value), Materialized.with_(TEXT, NUMBER)), KTable[str, int])
assert_type(table.to_stream(name="s"), KStream[str, str])
assert_type(
    table.group_by(lambda key, value: (value, len(key)), Grouped.with_(TEXT, NUMBER)).reduce(
        lambda sum, value: sum + value, lambda sum, value: sum - value, store="r"
    ),
    KTable[str, int],
)
assert_type(
    table.group_by(lambda key, value: (value, len(key)), name="g", key_serde=TEXT).aggregate(
        lambda: 0.0, lambda key, value, sum: sum + value, lambda key, value, sum: sum - value, Materialized.as_("a")
    ),
    KTable[str, float],
)
assert_type(table.join(table, lambda left, right: len(left + right), store="j"), KTable[str, int])
assert_type(table.join(table, lambda left, right: len(left + right), Materialized.as_("j")), KTable[str, int])
assert_type(table.join(table, lambda key, left, right: len(key + left + right), name="j"), KTable[str, int])
assert_type(table.left_join(table, lambda left, right: (left, right), name="j"), KTable[str, tuple[str, str | None]])
assert_type(
    table.outer_join(table, lambda left, right: (left, right), Materialized.as_("j")),
    KTable[str, tuple[str | None, str | None]],
)
assert_type(table.outer_join(table, lambda key, left, right: (key, right)), KTable[str, tuple[str, str | None]])
numbered: KTable[int, bytes] = builder.table("numbered")
assert_type(
    table.join(numbered, lambda value: len(value), lambda left, right: (left, right), Materialized.as_("j")),
    KTable[str, tuple[str, bytes]],
)
assert_type(
    table.join(numbered, lambda left, right: (left, right), foreign_key=lambda value: len(value), store="j"),
    KTable[str, tuple[str, bytes]],
)
assert_type(
    table.join(
        numbered, lambda key, left, right: (key, right), TableJoined.as_("j"), foreign_key=lambda value: len(value)
    ),
    KTable[str, tuple[str, bytes]],
)
assert_type(
    table.left_join(numbered, lambda key, value: len(value), lambda left, right: (left, right), name="j"),
    KTable[str, tuple[str, bytes | None]],
)
