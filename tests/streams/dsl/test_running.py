"""What the DSL says, run: the faces that the recorded cases do not show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from streams import (
    ContextualFixedKeyProcessor,
    FixedKeyRecord,
    JoinWindows,
    Materialized,
    Produced,
    RecordContext,
    Serdes,
    Stores,
    StreamJoined,
    StreamsBuilder,
    Windows,
)
from streams.testing import TopologyTestDriver

S, L = Serdes.string(), Serdes.long()
Input = tuple[str, str | None, str | None, int]
INPUTS: list[Input] = [("in", "a", "x", 1), ("in", "b", "y", 2), ("in", "a", "z", 9), ("in", "a", None, 12)]


def run(say: Callable[[StreamsBuilder], object], inputs: Sequence[Input], **outputs: Any) -> dict[str, list[object]]:
    """The records of each output topic, given with its value serde."""
    builder = StreamsBuilder()
    say(builder)
    with TopologyTestDriver(builder.build(), {"application.id": "app"}) as driver:
        topics = {topic: driver.create_input_topic(topic, S, S) for topic in {given[0] for given in inputs}}
        for topic, key, value, timestamp in inputs:
            topics[topic].pipe_input(key, value, timestamp)
        read = {topic: driver.create_output_topic(topic, S, serde) for topic, serde in outputs.items()}
        return {topic: list(output.read_key_values_to_list()) for topic, output in read.items()}


class Weeks(Windows):
    def windows_for(self, timestamp: int) -> list[tuple[int, int]]:
        start = timestamp // 7 * 7
        return [(start, start + 7)]

    def size(self) -> int:
        return 7

    def grace_period_ms(self) -> int:
        return 0


def test_windows_of_the_users_making() -> None:
    def say(builder: StreamsBuilder) -> None:
        stream = builder.stream("in", key_serde=S, value_serde=S)
        counts = stream.group_by_key().windowed_by(Weeks()).count(key_serde=S)
        counts.to_stream(lambda key, value: f"{key.key}@{key.window.start}").to("out", Produced(S, L))

    assert run(say, INPUTS, out=L) == {"out": [("a@0", 1), ("b@0", 1), ("a@7", 1), ("a@7", 2)]}


def test_branches_as_a_list_and_topics_by_record(tmp_path: Path) -> None:
    lines = tmp_path / "lines"

    def topic(key: str, value: str, context: RecordContext) -> str:
        return f"{context.topic}-{key}"

    def say(builder: StreamsBuilder) -> None:
        stream = builder.stream("in", key_serde=S, value_serde=S)
        only_a, rest = stream.branch(lambda key, value: key == "a", lambda key, value: True)
        only_a.to("a")
        rest.to("rest")
        stream.to(topic)
        stream.print(label="seen", file=str(lines))

    found = run(say, INPUTS, **{"a": S, "rest": S, "in-b": S})
    assert found == {"a": [("a", "x"), ("a", "z"), ("a", None)], "rest": [("b", "y")], "in-b": [("b", "y")]}
    assert lines.read_text().splitlines() == ["[seen]: a, x", "[seen]: b, y", "[seen]: a, z", "[seen]: a, null"]


def test_joins_with_a_global_table_in_both_forms() -> None:
    def say(builder: StreamsBuilder) -> None:
        table = builder.global_table("g", key_serde=S, value_serde=S)
        stream = builder.stream("in", key_serde=S, value_serde=S)
        stream.join(table, lambda key, value: value, lambda left, right: left + right).to("j", value_serde=S)
        stream.left_join(table, lambda key, value: value, lambda key, left, right: f"{key}{left}{right}").to(
            "lj", value_serde=S
        )

    found = run(say, [("g", "x", "X", 0), *INPUTS], j=S, lj=S)
    assert found == {"j": [("a", "xX")], "lj": [("a", "axX"), ("b", "byNone"), ("a", "azNone")]}


class Numbering:
    """A transformer with a store that it names."""

    def init(self, context: Any) -> None:
        self.store = context.get_state_store("numbers")

    def transform(self, key: str, value: str | None) -> str:
        number = (self.store.get(key) or 0) + 1
        self.store.put(key, number)
        return f"{value}{number}"

    def close(self) -> None: ...


class Counting(ContextualFixedKeyProcessor[str, str, int]):
    """A fixed-key processor that brings its store."""

    stores = (Stores.key_value_store_builder(Stores.in_memory_key_value_store("counted"), S, L),)

    def process(self, record: FixedKeyRecord[str, str]) -> None:
        store = self.context.get_state_store("counted")
        store.put(record.key, (store.get(record.key) or 0) + 1)
        self.context.forward(record.with_value(store.get(record.key)))


def test_stores_that_are_named_and_stores_that_are_brought() -> None:
    def say(builder: StreamsBuilder) -> None:
        builder.add_state_store(Stores.key_value_store_builder(Stores.in_memory_key_value_store("numbers"), S, L))
        table = builder.table("in", key_serde=S, value_serde=S)
        kept = Materialized[str, str]("kept", key_serde=S, value_serde=S)
        table.transform_values(Numbering, "numbers", kept).to_stream().to("t", value_serde=S)
        builder.stream("in-2", key_serde=S, value_serde=S).process_values(Counting).to("p", value_serde=L)

    found = run(say, [*INPUTS, ("in-2", "a", "q", 1), ("in-2", "a", "r", 2)], t=S, p=L)
    assert found["t"] == [("a", "x1"), ("b", "y1"), ("a", "z2"), ("a", "None3")]
    assert found["p"] == [("a", 1), ("a", 2)]


def test_join_windows_of_old_give_results_at_once() -> None:
    def say(builder: StreamsBuilder) -> None:
        left = builder.stream("l", key_serde=S, value_serde=S)
        right = builder.stream("r", key_serde=S, value_serde=S)
        joined = left.outer_join(right, lambda one, other: f"{one}{other}", JoinWindows.of(5), StreamJoined(S, S, S))
        joined.to("out", value_serde=S)

    found = run(say, [("l", "k", "v", 1), ("r", "k", "m", 3)], out=S)
    assert found == {"out": [("k", "vNone"), ("k", "vm")]}


def test_foreign_keys_by_keyword() -> None:
    def say(builder: StreamsBuilder) -> None:
        left = builder.table("l", key_serde=S, value_serde=S)
        right = builder.table("r", key_serde=S, value_serde=S)
        joined = left.left_join(
            right, lambda one, other: f"{one}+{other}", foreign_key=lambda value: value[:1], value_serde=S
        )
        joined.to_stream().to("out")

    inputs: list[Input] = [("l", "1", "ax", 1), ("r", "a", "A", 2), ("l", "1", "bx", 3), ("l", "2", "a", 4)]
    assert run(say, inputs, out=S) == {"out": [("1", "ax+None"), ("1", "ax+A"), ("1", "bx+None"), ("2", "a+A")]}
