"""Kafka's assignors and the bytes that members exchange."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clients.assignors import (
    ASSIGNORS,
    Assignment,
    Subscription,
    assign_range,
    assign_round_robin,
    assignor_names,
    read_assignment,
    read_subscription,
    write_assignment,
    write_subscription,
)
from streams.errors import ConfigException, NotYetBuiltException, SerializationException
from streams.record import TopicPartition

topics = st.sampled_from(["a", "b", "c", "orders"])
partitions = st.lists(st.builds(TopicPartition, topics, st.integers(0, 9)), unique=True, max_size=6)


def tp(*names: str) -> tuple[TopicPartition, ...]:
    return tuple(TopicPartition(name[:-1], int(name[-1])) for name in names)


def grouped(items: list[TopicPartition]) -> tuple[TopicPartition, ...]:
    """In the order of the format: by the first appearance of the topic."""
    names = list(dict.fromkeys(item.topic for item in items))
    return tuple(sorted(items, key=lambda item: (names.index(item.topic), items.index(item))))


# The cases of Kafka's RangeAssignorTest and RoundRobinAssignorTest.


def test_range_cuts_each_topic_by_itself() -> None:
    members = {"m1": Subscription(("t", "u")), "m2": Subscription(("t", "u"))}
    assert assign_range(members, {"t": 3, "u": 3}) == {
        "m1": tp("t0", "t1", "u0", "u1"),
        "m2": tp("t2", "u2"),
    }


def test_range_gives_a_topic_only_to_its_readers() -> None:
    members = {"c1": Subscription(("t",)), "c2": Subscription(("t", "u")), "c3": Subscription(("t",))}
    assert assign_range(members, {"t": 3, "u": 2}) == {
        "c1": tp("t0"),
        "c2": tp("t1", "u0", "u1"),
        "c3": tp("t2"),
    }


def test_range_with_more_members_than_partitions_leaves_the_last_idle() -> None:
    members = {name: Subscription(("t",)) for name in ("m3", "m1", "m2")}
    assert assign_range(members, {"t": 2}) == {"m1": tp("t0"), "m2": tp("t1"), "m3": ()}


def test_round_robin_deals_all_topics_in_one_row() -> None:
    members = {"c1": Subscription(("t", "u")), "c2": Subscription(("t", "u"))}
    assert assign_round_robin(members, {"t": 3, "u": 3}) == {
        "c1": tp("t0", "t2", "u1"),
        "c2": tp("t1", "u0", "u2"),
    }


def test_round_robin_skips_who_does_not_read_the_topic() -> None:
    members = {"c1": Subscription(("t",)), "c2": Subscription(("t", "u")), "c3": Subscription(("t",))}
    assert assign_round_robin(members, {"t": 3, "u": 2}) == {
        "c1": tp("t0"),
        "c2": tp("t1", "u0", "u1"),
        "c3": tp("t2"),
    }


@pytest.mark.parametrize("name", list(ASSIGNORS))
def test_a_topic_without_a_count_is_given_to_nobody(name: str) -> None:
    assert ASSIGNORS[name]({"m": Subscription(("missing",))}, {}) == {"m": ()}


@pytest.mark.parametrize("name", list(ASSIGNORS))
@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.text("mnop", min_size=1, max_size=3), st.sets(topics), min_size=1, max_size=6),
    st.dictionaries(topics, st.integers(1, 9)),
)
def test_every_partition_has_one_owner_who_reads_its_topic(
    name: str, readers: dict[str, set[str]], counts: dict[str, int]
) -> None:
    members = {member: Subscription(tuple(sorted(wanted))) for member, wanted in readers.items()}
    given_out = ASSIGNORS[name](members, counts)
    assert set(given_out) == set(members)
    everything = [item for items in given_out.values() for item in items]
    wanted = {topic for topics in readers.values() for topic in topics}
    assert sorted(everything) == sorted(
        TopicPartition(topic, number)
        for topic, count in counts.items()
        if topic in wanted
        for number in range(count)
    )
    for member, items in given_out.items():
        assert {item.topic for item in items} <= readers[member]
        if name == "range":
            for topic in readers[member] & set(counts):
                sizes = [
                    sum(item.topic == topic for item in given_out[other])
                    for other in readers
                    if topic in readers[other]
                ]
                assert max(sizes) - min(sizes) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(topics, unique=True), st.binary(max_size=20), partitions)
def test_a_subscription_comes_back(names: list[str], data: bytes, owned: list[TopicPartition]) -> None:
    subscription = Subscription(tuple(names), data, grouped(owned))
    assert read_subscription(write_subscription(subscription)) == subscription


@settings(max_examples=100, deadline=None)
@given(partitions, st.binary(max_size=20))
def test_an_assignment_comes_back(items: list[TopicPartition], data: bytes) -> None:
    assignment = Assignment(grouped(items), data)
    assert read_assignment(write_assignment(assignment)) == assignment


def test_the_bytes_of_a_subscription_are_kafkas() -> None:
    data = write_subscription(Subscription(("foo",), b"\x09", tp("foo2")))
    assert data == bytes.fromhex("0001 00000001 0003666f6f 00000001 09 00000001 0003666f6f 00000001 00000002")


def test_other_versions_of_a_subscription_are_read() -> None:
    version_0 = bytes.fromhex("0000 00000001 0003666f6f ffffffff")
    assert read_subscription(version_0) == Subscription(("foo",))
    version_3 = bytes.fromhex("0003 00000001 0003666f6f 00000000 00000000 00000007 000172")
    assert read_subscription(version_3) == Subscription(("foo",))


def test_no_bytes_are_an_empty_assignment() -> None:
    assert read_assignment(b"") == Assignment()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for read in (read_subscription, read_assignment):
        try:
            read(data)
        except SerializationException:
            continue


def test_a_count_larger_than_the_data_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(SerializationException, match="a count is 2147483647"):
        read_subscription(struct.pack(">hi", 1, 2**31 - 1))


def test_assignors_are_known_by_kafkas_names_too() -> None:
    assert assignor_names("range, roundrobin") == ("range", "roundrobin")
    assert assignor_names(["org.apache.kafka.clients.consumer.RangeAssignor"]) == ("range",)
    with pytest.raises(ConfigException, match=r"'stucky' is not an assignor. Use one or more of: range"):
        assignor_names("stucky")
    with pytest.raises(ConfigException):
        assignor_names([])
    with pytest.raises(NotYetBuiltException, match="sticky"):
        assignor_names("range,cooperative-sticky")
