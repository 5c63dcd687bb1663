"""What a checker must refuse of the DSL: each line that ends with `refused`, and no other. Never run."""

from __future__ import annotations

from streams import (
    Branched,
    BufferConfig,
    Consumed,
    Grouped,
    Joined,
    JoinWindows,
    KStream,
    KTable,
    Materialized,
    Named,
    Printed,
    Produced,
    Repartitioned,
    Serdes,
    SessionWindows,
    StreamJoined,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)

TEXT, NUMBER, REAL = Serdes.string(), Serdes.long(), Serdes.double()
NEAR = JoinWindows.of_time_difference_with_no_grace(1)
builder = StreamsBuilder()
stream: KStream[str, int] = builder.stream("s", key_serde=TEXT, value_serde=NUMBER)
table: KTable[str, str] = builder.table("t", key_serde=TEXT, value_serde=TEXT)
reals = stream.map_values(lambda value: value / 2)
named = builder.stream("s", key_serde=TEXT, value_serde=NUMBER, name="in")
grouped = stream.group_by_key()
windowed = grouped.windowed_by(TimeWindows.of_size_with_no_grace(1))


def of_text(value: str) -> int:
    return len(value)


# Sources.
builder.stream("s", keyserde=TEXT)  # refused
builder.stream("s", key_serde="string")  # refused
builder.stream("s", Produced.with_(TEXT, NUMBER))  # refused
builder.stream("s", store="s")  # refused
builder.stream(1)  # refused
builder.table(["s", "t"])  # refused
builder.table("t", Consumed.with_(TEXT, NUMBER), Materialized.with_(TEXT, TEXT))  # refused
Consumed.with_("a", "b")  # refused
Consumed.with_(TEXT, NUMBER, "earliest")  # refused
Consumed(TEXT, offset_reset="earliest")  # refused
as_text: KStream[str, str] = builder.stream("s", key_serde=TEXT, value_serde=NUMBER, name="in")  # refused
as_words: KTable[str, str] = builder.table("t", Consumed.with_(TEXT, NUMBER), Materialized.as_("s"))  # refused
consumed: Consumed[str, str] = Consumed.with_(TEXT, NUMBER)  # refused

# Types that a keyword more must not take away.
named.map_values(lambda value: value.upper())  # refused
named.filter(lambda key, value: key + value)  # refused
builder.stream("s", Consumed.with_(TEXT, NUMBER)).map_values(lambda value: value.upper())  # refused
stream.repartition(Repartitioned.as_("r")).map_values(lambda value: value.upper())  # refused
grouped.count(Materialized.as_("c")).map_values(lambda value: value.upper())  # refused
grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, store="a").map_values(of_text)  # refused
stream.group_by(lambda key, value: value, Grouped.as_("g")).count().map_values(of_text)  # refused
windowed.count(store="c").to_stream().map(lambda key, value: (key.upper(), value))  # refused
stream.split().branch(lambda key, value: value.upper() == "A").no_default_branch()  # refused
stream.split().default_branch()["a"].map_values(lambda value: value.upper())  # refused
stream.split().branch(lambda key, value: True, consumer=lambda some: some.map_values(of_text))  # refused
stream.split().branch(lambda key, value: True, Branched.with_consumer(lambda some: some.map_values(of_text)))  # refused

# Functions.
stream.map_values(of_text)  # refused
stream.map_values(lambda: 1)  # refused
stream.map(lambda key, value: value)  # refused
stream.flat_map_values(lambda value: value)  # refused
stream.filter(lambda value: True)  # refused
stream.foreach(lambda value: None)  # refused
stream.merge(table)  # refused
stream.merge(reals)  # refused
stream.mapValues(str)  # refused
stream.map_values(str, nmae="m")  # refused
stream.map_values(str, Grouped("g"))  # refused
stream.peek(print, Materialized("m"))  # refused
stream.print(mapper=lambda key, value: value.upper())  # refused
stream.print(Printed.to_file(1))  # refused

# Serdes where records are written.
stream.to("out", value_serde=TEXT)  # refused
stream.to("out", value_serde=REAL)  # refused
stream.to("out", key_serde=NUMBER)  # refused
stream.to("out", Produced.with_(TEXT, TEXT))  # refused
stream.to("out", Produced(NUMBER, NUMBER))  # refused
stream.to("out", Produced(value_serde=TEXT))  # refused
stream.to("out", Produced.as_("out").with_value_serde(TEXT))  # refused
stream.to("out", Consumed.with_(TEXT, NUMBER))  # refused
stream.to("out", partitioner=lambda key, value: 0)  # refused
stream.to("out", store="s")  # refused
stream.to(lambda key, value, context: value)  # refused
reals.to("out", value_serde=NUMBER)  # refused
windowed.count().to_stream().to("out", key_serde=TEXT)  # refused
windowed.count().to_stream().to("out", key_serde=Serdes.time_windowed(NUMBER, 10))  # refused
stream.repartition(value_serde=TEXT)  # refused
stream.repartition(Repartitioned.with_(TEXT, TEXT))  # refused
stream.repartition(Repartitioned.with_(NUMBER, NUMBER).with_name("r"))  # refused
stream.repartition(partitions="3")  # refused
stream.to_table(value_serde=TEXT)  # refused
stream.to_table(Materialized.with_(TEXT, TEXT))  # refused

# Groups and aggregations.
stream.group_by_key(value_serde=TEXT)  # refused
stream.group_by_key(Grouped.with_(TEXT, TEXT))  # refused
stream.group_by_key(Grouped.with_("g", NUMBER, NUMBER))  # refused
stream.group_by(lambda key, value: value, key_serde=TEXT)  # refused
stream.group_by(lambda key, value: value, value_serde=TEXT)  # refused
stream.group_by(lambda key, value: value, Grouped.with_(TEXT, NUMBER))  # refused
stream.group_by(lambda key, value: value, Grouped.as_("g").with_key_serde(TEXT))  # refused
stream.group_by(lambda key, value: value, Materialized.as_("g"))  # refused
stream.group_by(lambda value: value)  # refused
grouped.count(value_serde=TEXT)  # refused
grouped.count(Materialized.with_(TEXT, TEXT))  # refused
grouped.count(Materialized.as_("c").with_value_serde(TEXT))  # refused
grouped.count(stor="c")  # refused
grouped.reduce(lambda one, other: str(one + other))  # refused
grouped.reduce(max, value_serde=TEXT)  # refused
as_sum: KTable[str, float] = grouped.aggregate(lambda: 0.0, lambda key, value, sum: str(sum))  # refused
grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, value_serde=TEXT)  # refused
grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, Materialized.with_(TEXT, TEXT))  # refused
grouped.aggregate(lambda: 0.0, lambda key, value, sum: sum + value, Materialized(value_serde=TEXT))  # refused
grouped.aggregate(0.0, lambda key, value, sum: sum + value)  # refused
grouped.windowed_by(10)  # refused
windowed.count(Materialized.with_(NUMBER, NUMBER))  # refused
windowed.emit_strategy("on_window_close")  # refused
grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(1)).aggregate(lambda: 0.0, max)  # refused
table.suppress(Suppressed.until_window_closes(BufferConfig.unbounded()))  # refused

# Joins.
stream.join(table, of_text)  # refused
stream.join(stream, lambda left, right: left + right)  # refused
stream.join(table, lambda left, right: left + right)  # refused
stream.join(table, lambda left, right: right, NEAR)  # refused
stream.join(table, lambda left, right: right, value_serde=TEXT)  # refused
stream.join(table, lambda left, right: right, Joined.with_(TEXT, NUMBER, NUMBER))  # refused
stream.join(stream, lambda left, right: right, NEAR, StreamJoined.with_(TEXT, TEXT, NUMBER))  # refused
stream.join(stream, lambda left, right: right, NEAR, other_value_serde=TEXT)  # refused
stream.left_join(table, lambda left, right: right.upper())  # refused
stream.outer_join(table, lambda left, right: right)  # refused
table.join(table, lambda left, right: left + right, value_serde=NUMBER)  # refused
table.join(table, lambda left, right: left + right, Materialized.with_(TEXT, NUMBER))  # refused
table.join(table, lambda left, right: left, foreign_key=lambda value: len(value))  # refused
table.map_values(lambda value: len(value), value_serde=TEXT)  # refused
table.map_values(lambda value: len(value), Materialized.with_(TEXT, TEXT))  # refused
table.group_by(lambda key, value: value)  # refused
table.group_by(lambda key, value: (value, 1), Grouped.with_(TEXT, TEXT))  # refused
Named(1)  # refused
