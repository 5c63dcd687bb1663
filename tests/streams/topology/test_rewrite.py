"""What the rewrites settle: stores, old values, merged sources and repartitions."""

from __future__ import annotations

import pytest

from streams import Consumed, Grouped, JoinWindows, Materialized, Named, Serdes, Stores, StreamsBuilder, Topology
from streams.config.application import StreamsConfig
from streams.errors import ConfigException, IllegalArgumentException, TopologyException
from streams.topology.node import SinkNode, SourceNode, StepNode

NEAR = JoinWindows.of_time_difference_with_no_grace(10)


def pair(left: object, right: object) -> object:
    return (left, right)


def sending_old(topology: Topology) -> set[str]:
    nodes = [node for sub in topology.built().subtopologies for node in sub.nodes]
    return {node.name for node in nodes if isinstance(node, StepNode) and node.sends_old}


def stores(topology: Topology) -> set[str]:
    return {store.name for sub in topology.built().subtopologies for store in sub.stores}


def test_a_table_has_a_store_only_if_somebody_needs_it() -> None:
    builder = StreamsBuilder()
    builder.table("t").to_stream().to("out")
    assert stores(builder.build()) == set()
    builder.stream("s").join(builder.table("u"), pair).to("out-2")
    assert len(stores(builder.build())) == 1


def test_grouping_asks_for_old_values_all_the_way_up() -> None:
    builder = StreamsBuilder()
    table = builder.table("t", Consumed(name="source")).filter(lambda k, v: True, Named("keep"))
    table.map_values(lambda v: v, name="map").group_by(lambda k, v: (v, k)).count()
    assert sending_old(builder.build()) == {"source", "keep", "map"}


def test_a_filter_sends_old_values_where_they_cost_nothing() -> None:
    builder = StreamsBuilder()
    builder.table("t", Consumed(name="stored"), Materialized("store")).filter(lambda k, v: True, name="f1")
    plain = builder.table("u", Consumed(name="plain"))
    plain.filter(lambda k, v: True, name="f2")
    assert sending_old(builder.build()) == {"stored", "f1"}


def test_a_filter_that_came_before_the_store_goes_without() -> None:
    builder = StreamsBuilder()
    table = builder.table("t", Consumed(name="t"))
    table.filter(lambda k, v: True, name="early")
    builder.stream("s").join(table, pair).to("out")
    table.filter(lambda k, v: True, name="late")
    assert sending_old(builder.build()) == {"t", "late"}


def test_joins_of_tables_ask_as_their_kind_demands() -> None:
    kinds = {}
    for kind in ("join", "left_join", "outer_join"):
        builder = StreamsBuilder()
        left, right = builder.table("l", Consumed(name="left")), builder.table("r", Consumed(name="right"))
        getattr(left, kind)(right, pair, name="j")
        kinds[kind] = sending_old(builder.build())
    assert kinds == {"join": set(), "left_join": {"left"}, "outer_join": {"left", "right"}}


def test_a_plan_can_be_built_again_and_otherwise() -> None:
    builder = StreamsBuilder()
    keyed = builder.stream("in").select_key(lambda k, v: v)
    keyed.group_by_key().count(store="a")
    keyed.group_by_key().count(store="b")
    plain, merged = builder.build(), builder.build({"topology.optimization": "all"})
    assert str(plain.describe()) == str(builder.build().describe())
    assert str(merged.describe()) == str(
        builder.build({"topology.optimization": "merge.repartition.topics"}).describe()
    )
    assert len(plain.built().internal_topics) == 2
    assert merged.built().internal_topics == {"a-repartition"}


def test_an_unknown_optimisation_is_refused() -> None:
    with pytest.raises(ConfigException, match=r"topology\.optimization"):
        StreamsBuilder().build({"topology.optimization": "everything"})


def test_a_source_topic_serves_as_changelog() -> None:
    builder = StreamsBuilder()
    builder.table("t", Materialized("store"))
    (sub,) = builder.build({"topology.optimization": "reuse.ktable.source.topics"}).built().subtopologies
    (store,) = sub.stores
    assert (store.source_topic, store.logging) == ("t", None)


def test_streams_of_one_topic_share_a_source() -> None:
    builder = StreamsBuilder()
    builder.stream("a").to("x")
    builder.stream("a").to("y")
    (sub,) = builder.build().built().subtopologies
    assert [n.name for n in sub.nodes if isinstance(n, SourceNode)] == ["KSTREAM-SOURCE-0000000000"]
    assert sub.children("KSTREAM-SOURCE-0000000000") == ("KSTREAM-SINK-0000000001", "KSTREAM-SINK-0000000003")


def test_serdes_of_changes_wait_for_the_configured_default() -> None:
    builder = StreamsBuilder()
    builder.table("t").group_by(lambda k, v: (v, k)).count()
    topology = builder.build()

    def serdes(config: dict[str, object]) -> list[object]:
        nodes = [n for sub in topology.built(config).subtopologies for n in sub.nodes]
        inner = [n for n in nodes if isinstance(n, SourceNode | SinkNode) and "KTABLE" not in str(n.name)]
        return [n.value_serde for n in inner]

    assert serdes({}) == [None, None, None]
    assert [str(s) for s in serdes({"default.value.serde": "string"})] == [
        "None",
        "change of Serdes.string()",
        "change of Serdes.string()",
    ]


def test_stores_go_where_the_configuration_wants_them() -> None:
    builder = StreamsBuilder()
    builder.stream("a").group_by_key().count(store="anywhere")
    builder.stream("a").group_by_key().count(Materialized.as_(Stores.persistent_key_value_store("here")))
    topology = builder.build()
    for config, expected in (({}, {True}), ({"default.dsl.store": "in_memory"}, {False, True})):
        found = {s.name: s.persistent for s in topology.built(config).subtopologies[0].stores}
        assert set(found.values()) == expected and found["here"]


def test_grace_needs_history() -> None:
    builder = StreamsBuilder()
    versioned = Materialized.as_(Stores.persistent_versioned_key_value_store("v", 1000))
    table = builder.table("t", versioned)
    builder.stream("s").join(table, pair, grace_period=2000).to("out")
    with pytest.raises(IllegalArgumentException, match="History retention must be at least grace period"):
        builder.build()


def test_suppress_below_what_inherits_versions_is_refused() -> None:
    from streams import BufferConfig, Suppressed

    builder = StreamsBuilder()
    table = builder.table("t", Materialized.as_(Stores.persistent_versioned_key_value_store("v", 1000)))
    table.filter(lambda k, v: True).suppress(Suppressed.until_time_limit(1, BufferConfig.unbounded()))
    with pytest.raises(TopologyException, match="version semantics might be inherited"):
        builder.build()


def test_generated_names_can_be_forbidden() -> None:
    config = {"ensure.explicit.internal.resource.naming": "true"}
    builder = StreamsBuilder(config)
    builder.stream("in").group_by(lambda k, v: v, Grouped("g")).count(store="n")
    builder.build()
    builder.table("t").join(builder.table("u"), lambda v: v, pair)
    builder.stream("s").select_key(lambda k, v: v).repartition()
    with pytest.raises(TopologyException) as raised:
        builder.build()
    for kind, name in (
        ("changelog topic", "t-STATE-STORE-0000000006-changelog"),
        ("state store", "t-STATE-STORE-0000000006"),
        ("repartition topic", "KSTREAM-REPARTITION-0000000028-repartition"),
    ):
        assert f"Following {kind}(s) has not been named: {name}" in str(raised.value)
    assert "SUBSCRIPTION" not in str(raised.value)  # Java asks nobody to name those


def test_changelog_settings_by_priority() -> None:
    builder = StreamsBuilder()
    logged = Materialized[str, int]("n", key_serde=Serdes.string()).with_logging_enabled({"retention.bytes": "7"})
    builder.stream("in").group_by_key().count(logged)
    config = {"topic.retention.bytes": "5", "topic.segment.ms": "9"}
    settings = builder.build().built(config).subtopologies[0].changelogs["n"].config
    assert settings == {
        "message.timestamp.type": "CreateTime",
        "cleanup.policy": "compact",
        "retention.bytes": "7",
        "segment.ms": "9",
    }


def test_what_is_given_for_all_internal_topics_beats_what_is_built_in() -> None:
    builder = StreamsBuilder()
    builder.stream("in").select_key(lambda k, v: v).group_by_key(Grouped("g")).count(store="n")
    given = {"application.id": "a", "topic.retention.ms": 5, "topic.cleanup.policy": ["compact", "delete"]}
    for config in (given, StreamsConfig(given)):
        subs = builder.build().built(config).subtopologies
        repartition = next(iter(subs[1].repartition_topics.values())).config
        assert repartition == {
            "message.timestamp.type": "CreateTime",
            "cleanup.policy": "compact,delete",
            "segment.bytes": "52428800",
            "retention.ms": "5",
        }
        assert subs[1].changelogs["n"].config["retention.ms"] == "5"


def test_the_changelog_of_a_history_without_end_is_never_compacted() -> None:
    """Java stops at Long.MAX_VALUE; a day more than the history would run over."""
    for history in (2**63 - 1, 2**63 - 1 - 3_600_000):
        builder = StreamsBuilder()
        builder.table("t", Materialized.as_(Stores.persistent_versioned_key_value_store("v", history)))
        (log,) = builder.build().built().subtopologies[0].changelogs.values()
        assert log.config["min.compaction.lag.ms"] == str(2**63 - 1)
