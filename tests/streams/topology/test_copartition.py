"""Partition counts: repartition topics get theirs, and topics that meet must agree."""

from __future__ import annotations

import re

import pytest

from streams import JoinWindows, Repartitioned, StreamsBuilder, Topology
from streams.errors import MissingSourceTopicException, TopologyException
from streams.topology.copartition import resolve, tasks
from streams.topology.node import BuiltTopology

NEAR = JoinWindows.of_time_difference_with_no_grace(10)


def pair(left: object, right: object) -> object:
    return (left, right)


def joined(repartitions: tuple[int | None, int | None] = (None, None), rekeyed: bool = False) -> BuiltTopology:
    builder = StreamsBuilder()
    streams = []
    for topic, partitions in zip("ab", repartitions, strict=True):
        stream = builder.stream(topic)
        if rekeyed:
            stream = stream.select_key(lambda key, value: value)
        if partitions is not None:
            stream = stream.repartition(Repartitioned(name=f"r{topic}", partitions=partitions))
        streams.append(stream)
    streams[0].join(streams[1], pair, NEAR).to("out")
    return builder.build().built()


def test_equal_topics_pass() -> None:
    built = joined()
    assert resolve(built, {"a": 3, "b": 3}) == {}
    assert tasks(built.subtopologies[0], {"a": 3, "b": 3}) == 3


def test_unequal_topics_are_named_with_counts_and_ways_out() -> None:
    with pytest.raises(TopologyException) as raised:
        resolve(joined(), {"a": 2, "b": 3})
    text = str(raised.value)
    assert text.startswith("Invalid topology: Topics not co-partitioned: [a,b]")
    assert "a=2, b=3" in text and "repartition()" in text and "GlobalKTable" in text


def test_missing_topics_are_named() -> None:
    with pytest.raises(MissingSourceTopicException, match="were missing during rebalance: b of sub-topology 0"):
        resolve(joined(), {"a": 2})


def test_all_missing_topics_stand_in_one_answer_with_the_command_that_makes_them() -> None:
    builder = StreamsBuilder()
    builder.stream(["c", "a"]).to("out")
    builder.stream("b").to("out")
    with pytest.raises(MissingSourceTopicException) as raised:
        resolve(builder.build().built(), {})
    assert "a of sub-topology 0, b of sub-topology 1, c of sub-topology 0" in str(raised.value)
    assert str(raised.value).endswith("streams-app topics create a b c")


def test_repartition_topics_agree_on_the_higher_count() -> None:
    counts = resolve(joined(rekeyed=True), {"a": 2, "b": 5})
    assert set(counts.values()) == {5}


def test_a_repartition_topic_follows_the_outside_topic_it_meets() -> None:
    builder = StreamsBuilder()
    rekeyed = builder.stream("a").select_key(lambda key, value: value)
    rekeyed.join(builder.stream("b"), pair, NEAR).to("out")
    counts = resolve(builder.build().built(), {"a": 7, "b": 3})
    assert set(counts.values()) == {3}


def test_fixed_counts_must_fit() -> None:
    builder = StreamsBuilder()
    fixed = builder.stream("a").repartition(name="r", number_of_partitions=3)
    fixed.join(builder.stream("b"), pair, NEAR).to("out")
    built = builder.build().built()
    assert resolve(built, {"a": 1, "b": 3}) == {"r-repartition": 3}
    with pytest.raises(TopologyException, match=r"Number of partitions \[3\] of repartition topic \[r-repartition\]"):
        resolve(built, {"a": 1, "b": 2})


def test_two_fixed_counts_are_compared_when_it_is_built() -> None:
    with pytest.raises(TopologyException, match=r"\[\{ra-repartition=3, rb-repartition=4\}\]"):
        joined((3, 4))


def test_cogroups_and_merged_joins_are_checked() -> None:
    builder = StreamsBuilder()
    left, right = builder.stream("a").group_by_key(), builder.stream("b").group_by_key()
    left.cogroup(lambda k, v, agg: v).cogroup(right, lambda k, v, agg: v).aggregate(lambda: 0)
    with pytest.raises(TopologyException, match="Topics not co-partitioned"):
        resolve(builder.build().built(), {"a": 1, "b": 2})
    builder = StreamsBuilder()
    merged = builder.stream("a").merge(builder.stream("b"))
    merged.join(builder.table("c"), pair).to("out")
    with pytest.raises(TopologyException, match="a=2, b=2, c=3"):
        resolve(builder.build().built(), {"a": 2, "b": 2, "c": 3})


def test_a_source_read_twice_is_still_checked() -> None:
    builder = StreamsBuilder()
    builder.stream("a").to("out")
    builder.stream("a").join(builder.stream("b"), pair, NEAR).to("out-2")
    with pytest.raises(TopologyException, match="Topics not co-partitioned"):
        resolve(builder.build().built(), {"a": 1, "b": 2})


def test_a_foreign_key_join_needs_no_equal_counts() -> None:
    builder = StreamsBuilder()
    builder.table("left").join(builder.table("right"), lambda v: v, pair).to_stream().to("out")
    built = builder.build().built()
    counts = resolve(built, {"left": 4, "right": 7})
    by_kind = {name.split("-SUBSCRIPTION-")[1].split("-")[0]: count for name, count in counts.items()}
    assert by_kind == {"REGISTRATION": 7, "RESPONSE": 4}


def test_counts_follow_from_one_repartition_to_the_next() -> None:
    builder = StreamsBuilder()
    first = builder.stream("a").repartition(name="one")
    first.group_by(lambda key, value: value).count(store="n")
    assert resolve(builder.build().built(), {"a": 6}) == {"one-repartition": 6, "n-repartition": 6}


def test_patterns_count_what_they_match() -> None:
    builder = StreamsBuilder()
    builder.stream(re.compile("in-.*")).group_by(lambda key, value: value).count(store="n")
    built = builder.build().built()
    assert resolve(built, {"in-1": 2, "in-2": 5, "other": 9}) == {"n-repartition": 5}
    with pytest.raises(TopologyException, match="Failed to compute number of partitions"):
        resolve(built, {"other": 9})


def test_a_repartition_topic_behind_a_pattern_keeps_the_partitions_that_it_has() -> None:
    builder = StreamsBuilder()
    pattern = builder.stream(re.compile("in-.*")).select_key(lambda key, value: value).repartition(name="n")
    pattern.select_key(lambda key, value: value).repartition(name="next").to("out")
    builder.stream("a").select_key(lambda key, value: value).repartition(name="named").to("out")
    built = builder.build().built()
    made = {"n-repartition": 5, "next-repartition": 5, "named-repartition": 5}
    behind = {"n-repartition": 5, "next-repartition": 5}
    assert resolve(built, {"in-1": 2, "a": 3}, made=made) == {**behind, "named-repartition": 3}
    assert resolve(built, {"a": 3}, made=made) == {**behind, "named-repartition": 3}
    assert resolve(built, {"in-1": 7, "a": 3}, made=made)["n-repartition"] == 7
    with pytest.raises(TopologyException, match="Failed to compute number of partitions"):
        resolve(built, {"a": 3})


def test_what_patterns_match_is_checked_too() -> None:
    builder = StreamsBuilder()
    builder.stream(re.compile("in-.*")).join(builder.table("t"), pair).to("out")
    built = builder.build().built()
    assert resolve(built, {"in-1": 2, "in-2": 2, "t": 2, "other": 9}) == {}
    with pytest.raises(TopologyException, match="in-1=2, in-2=3, t=2"):
        resolve(built, {"in-1": 2, "in-2": 3, "t": 2})


def test_nothing_to_agree_on() -> None:
    assert resolve(Topology().add_source("s", "a").built(), {"a": 1}) == {}
