"""The public admin client."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from streams.clients import Admin, GroupMember, PartitionLag, Producer, ProducerRecord, TopicPartition
from streams.errors import (
    GroupIdNotFoundException,
    GroupNotEmptyException,
    IllegalArgumentException,
    InvalidTopicException,
    UnknownTopicOrPartitionException,
)
from tests.streams.clients.conftest import MakeConsumer
from tests.streams.clients.steps import read, settle
from tests.streams.clients.test_consumer import fill

ZERO, ONE, TWO = (TopicPartition("t", number) for number in range(3))


def test_topics_are_made_described_altered_and_deleted(admin: Admin) -> None:
    made = admin.create_topic("x", 2, {"cleanup.policy": "compact", "retention.ms": 1_000, "preallocate": False})
    assert dict(made.settings) == {"cleanup.policy": "compact", "retention.ms": "1000", "preallocate": "false"}
    assert dict(admin.alter_topic("x", {"retention.ms": None, "preallocate": None}).settings) == {
        "cleanup.policy": "compact"
    }
    assert admin.create_partitions("x", 3).partitions == 3
    assert admin.list_topics() == ("x",)
    assert list(admin.describe_topics(["x", "y"])) == ["x"]
    admin.delete_topic("x")
    assert admin.list_topics() == ()
    with pytest.raises(InvalidTopicException):
        admin.create_topic("x/y")


def test_lag_is_told_per_partition_with_its_member(
    admin: Admin, producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    fill(producer, topic, 5, 0)
    fill(producer, topic, 3, 1)
    reader = consumer(enable_auto_commit=False, client_id="me")
    read(reader, topic, 8)
    reader.commit_sync({ZERO: 2, ONE: 3})
    described = admin.describe_group("g")
    (member,) = described.members
    assert (described.state, described.protocol, described.lag) == ("Stable", "range", 3)
    assert member == GroupMember(member.member_id, None, "me", "localhost", (ZERO, ONE, TWO))
    assert described.partitions == (
        PartitionLag(ZERO, 2, 5, 3, member),
        PartitionLag(ONE, 3, 3, 0, member),
        PartitionLag(TWO, None, 0, None, member),
    )
    reader.close()
    left = admin.describe_group("g")
    assert (left.state, left.members) == ("Empty", ())
    assert left.partitions == (PartitionLag(ZERO, 2, 5, 3, None), PartitionLag(ONE, 3, 3, 0, None))
    with pytest.raises(GroupIdNotFoundException):
        admin.describe_group("nobody")


def test_a_deleted_topic_is_no_longer_part_of_a_groups_lag(
    admin: Admin, producer: Producer, topic: str
) -> None:
    admin.reset_offsets("g", [topic], to_earliest=True)
    admin.delete_topic(topic)
    assert admin.describe_group("g").partitions == ()


def test_offsets_are_reset_to_where_they_shall_be(admin: Admin, producer: Producer, topic: str) -> None:
    fill(producer, topic, 5)
    assert admin.reset_offsets("g", [topic], to_latest=True) == {ZERO: 5, ONE: 0, TWO: 0}
    assert admin.reset_offsets("g", [topic], to_earliest=True) == {ZERO: 0, ONE: 0, TWO: 0}
    assert admin.reset_offsets("g", [ZERO], to_offset=3) == {ZERO: 3}
    assert admin.reset_offsets("g", [ZERO], shift_by=-1) == {ZERO: 2}
    assert admin.reset_offsets("g", [ZERO], shift_by=100) == {ZERO: 5}
    assert admin.reset_offsets("g", [ZERO], to_datetime=25) == {ZERO: 2}
    assert admin.reset_offsets("g", [ZERO], to_datetime=datetime.fromtimestamp(0.05, UTC)) == {ZERO: 4}
    assert admin.reset_offsets("g", [ZERO], to_datetime=10_000) == {ZERO: 5}
    assert admin.describe_group("g").partitions[0].committed == 5


def test_a_reset_that_cannot_be_meant_is_refused(
    admin: Admin, producer: Producer, topic: str, consumer: MakeConsumer
) -> None:
    with pytest.raises(IllegalArgumentException, match="exactly one"):
        admin.reset_offsets("g", [topic])
    with pytest.raises(IllegalArgumentException, match="exactly one"):
        admin.reset_offsets("g", [topic], to_latest=True, to_offset=0)
    with pytest.raises(UnknownTopicOrPartitionException, match="nowhere"):
        admin.reset_offsets("g", ["nowhere"], to_latest=True)
    admin.reset_offsets("g", [ZERO], to_latest=True)
    with pytest.raises(IllegalArgumentException, match="nothing for t-1, t-2"):
        admin.reset_offsets("g", [topic], shift_by=1)
    reader = consumer()
    reader.subscribe([topic])
    settle(reader)
    with pytest.raises(GroupNotEmptyException, match=r"current state is Stable\. Stop its members first"):
        admin.reset_offsets("g", [topic], to_latest=True)
    with pytest.raises(GroupNotEmptyException):
        admin.delete_group("g")
    reader.close()
    assert [row.group for row in admin.list_groups()] == ["g"]
    admin.delete_group("g")
    assert admin.list_groups() == ()


def test_records_are_deleted_up_to_an_offset(admin: Admin, producer: Producer, topic: str) -> None:
    fill(producer, topic, 5)
    assert admin.delete_records({ZERO: 2}) == {ZERO: 2}
    assert admin.beginning_offsets([ZERO, ONE]) == {ZERO: 2, ONE: 0}
    assert admin.end_offsets([ZERO]) == {ZERO: 5}
    assert admin.offsets_for_times({ZERO: 0})[ZERO] == (2, 30)
    producer.send(ProducerRecord(topic, b"v", partition=0)).result(20)
    assert admin.delete_records({ZERO: -1}) == {ZERO: 6}
