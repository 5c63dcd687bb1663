"""Options as objects in any order, or as keywords (decision 27)."""

from __future__ import annotations

import pytest

from streams import (
    Consumed,
    Grouped,
    Joined,
    JoinWindows,
    Materialized,
    Named,
    Produced,
    Repartitioned,
    Serdes,
    Stores,
    StoreType,
    StreamJoined,
    StreamsBuilder,
    TableJoined,
    Topology,
    WallclockTimestampExtractor,
)
from streams.errors import (
    IllegalArgumentException,
    NullPointerException,
    StreamsException,
    TopologyException,
)
from streams.topology.reset import AutoOffsetReset

STRING, LONG = Serdes.string(), Serdes.long()
NEAR = JoinWindows.of_time_difference_with_no_grace(10)


def to_zero(topic: str, key: object, value: object, partitions: int) -> int:
    return 0


def pair(left: object, right: object) -> object:
    return (left, right)


def text(topology: Topology) -> str:
    return str(topology.describe())


def test_objects_in_any_order_and_keywords_mean_the_same() -> None:
    def counted(*options: Named | Materialized[object, int], **fields: object) -> str:
        builder = StreamsBuilder()
        builder.stream("in").group_by_key().count(*options, **fields)  # type: ignore[arg-type]
        return text(builder.build())

    expected = counted(Named("n"), Materialized("s"))
    assert counted(Materialized("s"), Named("n")) == expected
    assert counted(name="n", store="s") == expected
    assert counted(Named("n"), store="s") == expected
    assert counted(Materialized("s"), name="n") == expected


def test_a_field_that_two_kinds_share_goes_to_both() -> None:
    builder = StreamsBuilder()
    builder.table("t", key_serde=STRING, value_serde=LONG, store="s", name="n")
    (sub,) = builder.build().built().subtopologies
    source = sub.nodes[0]
    (store,) = sub.stores
    assert (source.key_serde, source.value_serde) == (STRING, LONG)  # type: ignore[union-attr]
    assert (store.key_serde, store.value_serde) == (STRING, LONG)


def test_names_of_operator_and_store_are_apart() -> None:
    builder = StreamsBuilder()
    table = builder.stream("in").group_by_key().count(name="op", store="st")
    assert table.queryable_store_name == "st"
    assert "op (stores: [st])" in text(builder.build())


MISUSES = [
    ((Grouped("g"),), {}, IllegalArgumentException, "takes Named and Materialized"),
    ((Named("a"), Named("b")), {}, IllegalArgumentException, "Named twice"),
    ((Named("a"),), {"name": "b"}, IllegalArgumentException, "given name= and also Named"),
    ((), {"nam": "b"}, IllegalArgumentException, "no keyword 'nam'"),
    ((None,), {}, NullPointerException, "materialized can't be null"),
    ((), {"name": "a b"}, TopologyException, "it contains a character other than"),
    ((), {"ttl": 0}, IllegalArgumentException, "ttl must be larger than zero"),
]


@pytest.mark.parametrize(("options", "fields", "kind", "words"), MISUSES)
def test_misuse_is_named(
    options: tuple[object, ...], fields: dict[str, object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        StreamsBuilder().stream("in").group_by_key().count(*options, **fields)  # type: ignore[arg-type]


def test_javas_factories_and_withers() -> None:
    extractor = WallclockTimestampExtractor()
    assert Consumed.with_(STRING, LONG).with_name("c") == Consumed(STRING, LONG, name="c")
    assert Consumed.with_(extractor) == Consumed(timestamp_extractor=extractor)
    assert Consumed.with_(AutoOffsetReset.latest()).offset_reset == AutoOffsetReset("latest")
    assert Produced.with_(STRING, LONG).with_stream_partitioner(to_zero) == Produced(STRING, LONG, to_zero)
    assert Grouped.with_("g", STRING, LONG) == Grouped("g", STRING, LONG) == Grouped.with_(STRING, LONG).with_name("g")
    assert Joined.with_(STRING, LONG, STRING).with_grace_period(5).with_name("j") == Joined(
        STRING, LONG, STRING, "j", 5
    )
    assert StreamJoined.as_("s").with_name("n").with_logging_disabled() == StreamJoined(
        store_name="s", name="n", logging=None
    )
    assert TableJoined.as_("t").with_partitioner(to_zero) == TableJoined(to_zero, None, "t")
    assert Repartitioned.number_of_partitions(3).with_name("r") == Repartitioned("r", partitions=3)
    assert Materialized.as_("s").with_caching_disabled().with_logging_disabled() == Materialized(
        "s", caching=False, logging=None
    )
    assert Materialized.as_(StoreType.IN_MEMORY).store_type is Materialized.StoreType.IN_MEMORY
    assert Materialized[str, int]("s") == Materialized("s")


def test_javas_names_of_fields_work_as_keywords() -> None:
    builder = StreamsBuilder()
    builder.stream("in").repartition(name="r", number_of_partitions=8).to("out", stream_partitioner=to_zero)
    built = builder.build().built()
    assert built.subtopologies[1].repartition_topics["r-repartition"].partitions == 8


def test_serdes_travel_downstream() -> None:
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=STRING, value_serde=LONG)
    stream.filter(lambda k, v: True).to("same")
    stream.map_values(lambda v: v).to("new-value")
    stream.select_key(lambda k, v: v).to("new-key")
    stream.map(lambda k, v: (v, k)).to("new-pair")
    stream.merge(stream).to("merged")
    stream.group_by_key().count().to_stream().to("counted")
    sinks = {n.topic: n for sub in builder.build().built().subtopologies for n in sub.nodes if hasattr(n, "topic")}
    found = {topic: (sink.key_serde, sink.value_serde) for topic, sink in sinks.items()}
    assert found == {
        "same": (STRING, LONG),
        "new-value": (STRING, None),
        "new-key": (None, LONG),
        "new-pair": (None, None),
        "merged": (None, None),
        "counted": (STRING, LONG),
    }


def test_stores_that_do_not_fit_the_windows_are_refused() -> None:
    builder = StreamsBuilder()
    left, right = builder.stream("a"), builder.stream("b")
    wrong = Stores.persistent_window_store("w", 50, 20, True)
    with pytest.raises(StreamsException, match="Window settings mismatch") as raised:
        left.join(right, pair, NEAR, this_store=wrong)
    assert "retentionPeriod=50, segmentInterval=60000, windowSize=20" in str(raised.value)
    assert "JoinWindows{beforeMs=10, afterMs=10, graceMs=0}" in str(raised.value)


def test_joins_are_told_apart_by_what_is_joined() -> None:
    builder = StreamsBuilder()
    stream = builder.stream("in")
    stream.join(builder.stream("b"), pair, NEAR)
    stream.join(builder.table("t"), pair)
    stream.join(builder.global_table("g"), lambda k, v: v, pair)
    described = text(builder.build())
    assert all(part in described for part in ("KSTREAM-WINDOWED-", "KSTREAM-JOIN-", "KSTREAM-LEFTJOIN-"))
    with pytest.raises(IllegalArgumentException, match="joins a stream with"):
        stream.join("b", pair)  # type: ignore[call-overload]
    with pytest.raises(IllegalArgumentException, match="takes JoinWindows after the joiner"):
        stream.join(builder.stream("c"), pair, 10)  # type: ignore[call-overload]
    with pytest.raises(IllegalArgumentException, match="a KStream, got"):
        stream.outer_join(builder.table("u"), pair)  # type: ignore[call-overload]


def test_foreign_keys_by_position_and_by_keyword() -> None:
    def joined(by_keyword: bool) -> str:
        builder = StreamsBuilder()
        left, right = builder.table("l"), builder.table("r")
        if by_keyword:
            left.join(right, pair, TableJoined.as_("fk"), foreign_key=lambda v: v)
        else:
            left.join(right, lambda v: v, pair, name="fk")
        return text(builder.build())

    builder = StreamsBuilder()
    table = builder.table("t")
    assert "fk-subscription-registration-topic" in joined(True)
    assert joined(True) == joined(False)
    with pytest.raises(IllegalArgumentException, match="at most one foreign key extractor"):
        table.join(table, lambda v: v, pair, foreign_key=lambda v: v)  # type: ignore[call-overload]
    with pytest.raises(IllegalArgumentException, match="no outer join by foreign key"):
        table.outer_join(table, lambda v: v, pair)  # type: ignore[arg-type]
