"""Tasks and topics from a topology and the topics there are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import Materialized, StreamsBuilder
from streams.config.application import StreamsConfig
from streams.errors import MissingSourceTopicException, TopologyException
from streams.record import TopicPartition
from streams.runtime.group.task_plan import TaskPlan, plan_tasks, source_topics
from streams.topology.node import BuiltTopology, TaskId
from tests.streams.apps import TEXT, word_count


def built(builder: StreamsBuilder, chosen: dict[str, str] | None = None) -> BuiltTopology:
    config = StreamsConfig({"application.id": "app", "bootstrap.servers": "memory://none", **(chosen or {})})
    return builder.build(config).built(config)


def planned(builder: StreamsBuilder, existing: dict[str, int], chosen: dict[str, str] | None = None) -> TaskPlan:
    return plan_tasks(built(builder, chosen), existing, "app")


def merged(*topics: str | re.Pattern[str]) -> StreamsBuilder:
    builder = StreamsBuilder()
    first, *rest = [builder.stream(topic, key_serde=TEXT, value_serde=TEXT) for topic in topics]
    for each in rest:
        first = first.merge(each)
    first.to("out")
    return builder


@given(st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_a_task_for_each_partition_of_the_topic_that_has_most(one: int, two: int) -> None:
    plan = planned(merged("one", "two"), {"one": one, "two": two})
    assert list(plan.partitions) == [TaskId(0, number) for number in range(max(one, two))]
    read = [partition for partitions in plan.partitions.values() for partition in partitions]
    wanted = {TopicPartition("one", n) for n in range(one)} | {TopicPartition("two", n) for n in range(two)}
    assert len(read) == len(wanted) and set(read) == wanted
    assert all(where.partition == task.partition for task, parts in plan.partitions.items() for where in parts)


def test_repartition_topics_have_as_many_partitions_as_what_is_written_to_them() -> None:
    plan = planned(word_count(), {"words-in": 4, "word-counts": 2})
    topics = {topic.name: topic for topic in plan.topics}
    assert {name: (topic.kind, topic.partitions) for name, topic in topics.items()} == {
        "app-counts-repartition": ("repartition", 4),
        "app-counts-changelog": ("changelog", 4),
    }
    assert plan.partitions[TaskId(1, 3)] == (TopicPartition("app-counts-repartition", 3),)
    assert [info.stateful for info in plan.infos] == [False] * 4 + [True] * 4
    # What there is already does not decide: a wrong count is to be found out.
    assert planned(word_count(), {"words-in": 4, "app-counts-repartition": 9}) == plan


def test_settings_of_internal_topics_go_from_the_general_to_the_stores_own() -> None:
    builder = StreamsBuilder()
    stream = builder.stream("words-in", key_serde=TEXT, value_serde=TEXT).select_key(lambda key, value: value)
    own = Materialized.as_("counts").with_logging_enabled({"segment.bytes": "1000"})
    stream.group_by_key(key_serde=TEXT, value_serde=TEXT).count(own)
    plan = planned(builder, {"words-in": 1}, {"topic.segment.bytes": "5000", "topic.retention.ms": "7"})
    found = {topic.kind: topic.settings for topic in plan.topics}
    assert found["changelog"]["segment.bytes"] == "1000" and found["changelog"]["cleanup.policy"] == "compact"
    assert found["repartition"]["segment.bytes"] == "5000"
    plain = {topic.kind: topic.settings for topic in planned(builder, {"words-in": 1}).topics}
    assert plain["repartition"]["segment.bytes"] == "52428800"


def test_patterns_read_what_matches() -> None:
    builder = merged(re.compile("in-.*"), "plain")
    existing = {"in-a": 2, "in-b": 3, "plain": 1, "other": 9}
    plan = planned(builder, existing)
    assert plan.partitions[TaskId(0, 0)] == tuple(TopicPartition(topic, 0) for topic in ("plain", "in-a", "in-b"))
    assert plan.partitions[TaskId(0, 2)] == (TopicPartition("in-b", 2),)
    assert source_topics(built(builder), existing, "app") == ("in-a", "in-b", "plain")


def test_members_subscribe_to_internal_topics_by_their_real_names() -> None:
    assert source_topics(built(word_count()), {}, "app") == ("app-counts-repartition", "words-in")


def test_a_table_on_its_source_topic_needs_no_changelog() -> None:
    builder = StreamsBuilder()
    builder.table("names", key_serde=TEXT, value_serde=TEXT, store="names-store")
    assert planned(builder, {"names": 2}, {"topology.optimization": "all"}).topics == ()
    assert [topic.name for topic in planned(builder, {"names": 2}).topics] == ["app-names-store-changelog"]


def test_missing_topics_and_counts_that_do_not_match_are_refused() -> None:
    with pytest.raises(MissingSourceTopicException, match="two"):
        planned(merged("one", "two"), {"one": 1})
    builder = StreamsBuilder()
    table = builder.table("two", key_serde=TEXT, value_serde=TEXT)
    builder.stream("one", key_serde=TEXT, value_serde=TEXT).join(table, lambda a, b: a).to("out")
    with pytest.raises(TopologyException, match="one=1"):
        planned(builder, {"one": 1, "two": 2})
