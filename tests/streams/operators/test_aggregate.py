"""Aggregations without windows: cached and not, in plain, timestamped and versioned stores."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import ClassCastException, StreamsException
from streams.operators import aggregate
from streams.operators.base import StepMaker
from streams.operators.stateless import select_key
from streams.topology.store import StoreKind
from tests.streams.runtime.walking import LONGS, STRING, Row, Walked, sink, source, step, table


def n(value: int) -> bytes:
    return value.to_bytes(8, "big")


def walked(make: StepMaker, caching: bool, value: Any = LONGS, **fields: Any) -> Walked:
    nodes = [source(), step("agg", "in", make, "store"), sink("agg", value=value)]
    return Walked(nodes, [table(value=value, caching=caching, **fields)])


ROWS: list[Row] = [("a", "1", 5), ("b", "2", 3), ("a", "3", 4), (None, "4", 6), ("a", None, 7), ("b", "x", 9)]


def test_count_without_a_cache_sends_every_update() -> None:
    walk = walked(aggregate.stream_count("store"), caching=False)
    assert walk.pipe("in", *ROWS) == [(b"a", n(1), 5), (b"b", n(1), 3), (b"a", n(2), 5), (b"b", n(2), 9)]
    assert walk.dropped == 2
    changelog = [row for topic, row in walk.out if topic == "app-store-changelog"]
    assert changelog == [(b"a", n(1), 5), (b"b", n(1), 3), (b"a", n(2), 5), (b"b", n(2), 9)]


def test_count_with_a_cache_sends_the_last_update_at_the_flush() -> None:
    walk = walked(aggregate.stream_count("store"), caching=True)
    assert walk.pipe("in", *ROWS) == []
    walk.task.flush()
    assert walk.sent() == [(b"a", n(2), 5), (b"b", n(2), 9)]
    assert [row for topic, row in walk.out if topic == "app-store-changelog"] == [(b"a", n(2), 5), (b"b", n(2), 9)]
    walk.task.flush()
    assert walk.sent() == []


@pytest.mark.parametrize("caching", [False, True])
def test_aggregate_and_deletion_by_none(caching: bool) -> None:
    def joined(key: str, value: str, so_far: str) -> str | None:
        return None if value == "x" else f"{so_far}{key}{value}"

    walk = walked(aggregate.stream_aggregate("store", lambda: "0", joined), caching, STRING)
    walk.pipe("in", *ROWS[:3])
    walk.task.flush()
    walk.sent()
    assert walk.out.count(("out", (b"a", b"0a1a3", 5))) == 1
    walk.pipe("in", ("b", "x", 9), ("b", "y", 4))
    walk.task.flush()
    walk.sent()
    assert [row for topic, row in walk.out if topic == "out"][-1] == (b"b", b"0by", 4)


def test_reduce_takes_the_first_value_as_it_is() -> None:
    called: list[tuple[object, object]] = []

    def reducer(left: object, right: object) -> object:
        called.append((left, right))
        return f"{left}{right}"

    walk = walked(aggregate.stream_reduce("store", reducer), False, STRING)
    assert walk.pipe("in", *ROWS[:3]) == [(b"a", b"1", 5), (b"b", b"2", 3), (b"a", b"13", 5)]
    assert called == [("1", "3")]


def test_old_values_are_those_before_the_update() -> None:
    seen: list[tuple[object, object]] = []

    class Spy:
        def write_step(self, code: Any, rec: Any, down: Any) -> None:
            code.line(f"{code.use(seen.append)}(({rec.value}, {rec.old or 'None'}))")

        def close(self) -> None:
            pass

    for caching, expected in ((False, [(1, 0), (2, 1)]), (True, [(2, None), (3, 2)])):
        seen.clear()
        walk = Walked(
            [
                source(),
                step("agg", "in", aggregate.stream_count("store"), "store", sends_old=True),
                step("spy", "agg", lambda scope: Spy()),
            ],
            [table(caching=caching)],
        )
        walk.pipe("in", ("a", "1", 1), ("a", "1", 1))
        walk.task.flush()
        if caching:
            walk.pipe("in", ("a", "1", 1))
            walk.task.flush()
        assert seen == expected


def test_a_versioned_store_takes_no_update_older_than_its_history() -> None:
    walk = walked(aggregate.stream_count("store"), False, kind=StoreKind.VERSIONED, retention_ms=10)
    assert walk.pipe("in", ("a", "1", 100), ("b", "1", 50), ("a", "1", 95)) == [(b"a", n(1), 100), (b"a", n(2), 100)]


def test_a_value_that_the_store_cannot_write_is_told_in_pythons_words_and_then_in_javas() -> None:
    walk = walked(aggregate.stream_aggregate("store", lambda: 0, lambda k, v, a: 7), False, STRING)
    with pytest.raises(StreamsException, match="processor=agg") as caught:
        walk.pipe("in", ("a", "1", 1))
    cause = caught.value.__cause__
    assert isinstance(cause, StreamsException)
    assert str(cause).startswith("The store's value serde is Serdes.string(), and does not write an int. Give the step")
    assert "says: A serializer (Serdes.string()) is not compatible to the actual value type" in str(cause)
    assert isinstance(cause.__cause__, ClassCastException)


def test_a_changed_key_is_written_anew() -> None:
    nodes = [
        source(),
        step("key", "in", select_key(lambda key, value: value)),
        step("agg", "key", aggregate.stream_count("store"), "store"),
        sink("agg", value=LONGS),
    ]
    assert Walked(nodes, [table()]).pipe("in", ("a", "x", 1)) == [(b"x", n(1), 1)]


@pytest.mark.parametrize(("caching", "forwarded"), [(True, 60), (False, 100)])
def test_a_deletion_is_kept_under_the_time_of_its_record(caching: bool, forwarded: int) -> None:
    """A tombstone has no value, and so no timestamp with it: changelog and cache take the record's."""

    def gone(left: str, right: str) -> None:
        return None

    walk = walked(aggregate.stream_reduce("store", gone), caching, value=STRING)
    walk.pipe("in", ("a", "1", 100))
    walk.task.flush()
    walk.sent()
    walk.out.clear()
    walk.pipe("in", ("a", "2", 60))
    walk.task.flush()
    walk.sent()
    assert [row for topic, row in walk.out if topic == "app-store-changelog"] == [(b"a", None, 60)]
    assert [row for topic, row in walk.out if topic == "out"] == [(b"a", None, forwarded)]
