"""Which sub-topologies keep in step, and the grace that their bound follows from."""

from __future__ import annotations

import re
from typing import Any

from streams import (
    JoinWindows,
    KStream,
    Materialized,
    SessionWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)
from streams.dsl.stores import Stores
from streams.topology.alignment import AlignedSet, aligned_sets

HOUR = 3_600_000


def sets(builder: StreamsBuilder) -> list[AlignedSet]:
    return list(aligned_sets(builder.build().built()))


def rekeyed(builder: StreamsBuilder, topic: str) -> KStream[Any, Any]:
    return builder.stream(topic).select_key(lambda key, value: value)


def hourly(stream: KStream[Any, Any], grace: int, name: str = "hours") -> Any:
    return stream.group_by_key().windowed_by(TimeWindows.of_size_and_grace(HOUR, grace)).count(store=name)


def members(found: list[AlignedSet]) -> list[set[int]]:
    return [set(each.subtopologies) for each in found]


def test_windows_of_a_source_topic_need_nobody_in_step() -> None:
    builder = StreamsBuilder()
    hourly(builder.stream("a"), HOUR)
    assert sets(builder) == []


def test_a_repartition_without_anything_that_keeps_time_needs_nobody_in_step() -> None:
    builder = StreamsBuilder()
    rekeyed(builder, "a").group_by_key().count(store="c")
    assert sets(builder) == []


def test_the_writers_of_a_repartition_topic_before_windows_are_in_step_and_its_readers_are_not() -> None:
    builder = StreamsBuilder()
    hourly(rekeyed(builder, "a"), 2 * HOUR)
    [found] = sets(builder)
    assert found.subtopologies == {0}
    assert found.topics == {"hours-repartition"}
    assert found.grace_ms == 2 * HOUR


def test_the_smallest_grace_behind_counts() -> None:
    builder = StreamsBuilder()
    stream = rekeyed(builder, "a").repartition()
    hourly(stream, 2 * HOUR, "long")
    hourly(stream, 5, "short")
    assert [each.grace_ms for each in sets(builder)] == [5]


def test_a_longer_retention_does_not_widen_the_grace() -> None:
    builder = StreamsBuilder()
    windows = TimeWindows.of_size_and_grace(HOUR, 10)
    rekeyed(builder, "a").group_by_key().windowed_by(windows).count(Materialized("c").with_retention(90 * HOUR))
    assert [each.grace_ms for each in sets(builder)] == [10]


def test_sessions_close_a_gap_and_a_grace_after_their_end() -> None:
    builder = StreamsBuilder()
    rekeyed(builder, "a").group_by_key().windowed_by(SessionWindows.of_inactivity_gap_and_grace(30, 12)).count()
    assert [each.grace_ms for each in sets(builder)] == [42]


def test_two_streams_joined_behind_repartitions_are_in_step_with_each_other_and_with_the_join() -> None:
    builder = StreamsBuilder()
    near = JoinWindows.of_time_difference_and_grace(1_000, 77)
    rekeyed(builder, "a").join(rekeyed(builder, "b"), lambda a, b: a, near).to("out")
    [found] = sets(builder)
    assert found.subtopologies == {0, 1, 2} and len(found.topics) == 2
    assert found.grace_ms == 77 and found.hops == 1
    assert found.above[2] == {0, 1} and found.above[0] == found.above[1] == frozenset()


def test_a_source_joined_with_a_repartition_topic_waits_for_those_who_write_it() -> None:
    builder = StreamsBuilder()
    near = JoinWindows.of_time_difference_and_grace(1_000, 77)
    rekeyed(builder, "a").join(builder.stream("b"), lambda a, b: a, near).to("out")
    [found] = sets(builder)
    assert len(found.subtopologies) == 2


def test_two_source_topics_joined_need_nobody_in_step() -> None:
    builder = StreamsBuilder()
    near = JoinWindows.of_time_difference_and_grace(1_000, 77)
    builder.stream("a").join(builder.stream("b"), lambda a, b: a, near).to("out")
    assert sets(builder) == []


def test_two_repartitions_in_a_row_are_one_set_without_the_last_reader() -> None:
    builder = StreamsBuilder()
    again = rekeyed(builder, "a").repartition().select_key(lambda key, value: key)
    hourly(again, HOUR)
    [found] = sets(builder)
    assert found.subtopologies == {0, 1}
    assert found.hops == 2, "the disorder of both topics adds up"


def test_windows_counted_again_by_another_key_send_what_their_cache_holds() -> None:
    builder = StreamsBuilder()
    first = hourly(rekeyed(builder, "a"), HOUR, "first").to_stream()
    hourly(first.select_key(lambda key, value: value), 4, "second")
    found = sets(builder)
    assert members(found) == [{0, 1}]
    assert [each.grace_ms for each in found] == [4]
    assert found[0].caches == {"first"}
    assert found[0].topics == {"first-repartition", "second-repartition"}


def test_a_topic_of_the_users_that_the_application_reads_again_counts_like_a_repartition_topic() -> None:
    builder = StreamsBuilder()
    builder.stream("a").to("between")
    hourly(builder.stream("between"), HOUR)
    [found] = sets(builder)
    assert found.subtopologies == {0} and found.topics == {"between"}


def test_a_pattern_that_matches_what_the_application_writes_reads_it() -> None:
    builder = StreamsBuilder()
    builder.stream("a").to("made-1")
    hourly(builder.stream(re.compile("made-.*")), HOUR)
    assert members(sets(builder)) == [{0, 1}], "what else the pattern matches meets it there"


def test_suppress_by_a_time_limit_keeps_time_and_its_wait_counts() -> None:
    builder = StreamsBuilder()
    table = rekeyed(builder, "a").group_by_key().count(store="c")
    table.suppress(Suppressed.until_time_limit(900, Suppressed.BufferConfig.unbounded())).to_stream().to("out")
    assert [each.grace_ms for each in sets(builder)] == [900]


def test_a_versioned_table_keeps_time_for_as_long_as_its_history() -> None:
    builder = StreamsBuilder()
    store: Any = Materialized.as_(Stores.persistent_versioned_key_value_store("v", 5_000))
    rekeyed(builder, "a").repartition().to_table(store)
    assert [each.grace_ms for each in sets(builder)] == [5_000]


def test_sets_of_different_bounds_stand_beside_each_other_unless_one_takes_in_the_other() -> None:
    builder = StreamsBuilder()
    hourly(rekeyed(builder, "a"), 8, "one")
    hourly(rekeyed(builder, "b"), 9, "two")
    found = sets(builder)
    assert sorted(each.grace_ms for each in found) == [8, 9]
    assert all(len(each.subtopologies) == 1 for each in found)


def test_sub_topologies_that_write_for_each_other_in_a_circle_stand_above_neither() -> None:
    builder = StreamsBuilder()
    builder.stream(["a", "back"]).to("forth")
    forth = builder.stream("forth")
    forth.to("back")
    hourly(forth, 6)
    [found] = sets(builder)
    assert found.above == {0: frozenset(), 1: frozenset()}


def test_all_who_write_a_topic_are_in_step_with_each_other() -> None:
    builder = StreamsBuilder()
    builder.stream("a").to("x")
    builder.stream("z").to("x")
    builder.stream("x").to("y")
    hourly(builder.stream("y"), 6)
    [found] = sets(builder)
    assert found.topics == {"x", "y"} and len(found.subtopologies) == 3
    middle = [above for above in found.above.values() if above]
    assert [len(above) for above in middle] == [2]
