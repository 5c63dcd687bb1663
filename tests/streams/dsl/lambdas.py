"""Types flow through lambdas; checked by mypy in `test_typing`, never run."""

from __future__ import annotations

from typing import Any, assert_type

from streams import (
    Consumed,
    GlobalKTable,
    JoinWindows,
    KGroupedStream,
    KStream,
    KTable,
    Materialized,
    Serdes,
    StreamsBuilder,
    TimeWindows,
    Windowed,
)

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
assert_type(windowed.reduce(lambda one, other: one + other), KTable[Windowed, int])
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
