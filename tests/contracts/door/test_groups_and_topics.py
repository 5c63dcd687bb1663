"""What every door's group links and admin promise."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from streams.clients.api import (
    CommitOffsets,
    CommitOffsetsReply,
    Door,
    FetchOffsets,
    FetchOffsetsReply,
    GroupLink,
    Heartbeat,
    HeartbeatReply,
    Isolation,
    JoinGroup,
    JoinGroupReply,
    LeaveGroup,
    LeaveGroupReply,
    OffsetAndTimestamp,
    Position,
    SyncGroup,
    SyncGroupReply,
)
from streams.clients.assignors import Subscription, write_subscription
from streams.clients.connect import connect
from streams.errors import (
    ConfigException,
    GroupIdNotFoundException,
    GroupNotEmptyException,
    IllegalGenerationException,
    InvalidPartitionsException,
    InvalidTopicException,
    KafkaException,
    OffsetOutOfRangeException,
    RebalanceInProgressException,
    TopicExistsException,
    UnknownMemberIdException,
    UnknownTopicOrPartitionException,
)
from streams.record import TopicPartition
from tests.contracts.door.steps import answer, ask, batch, write
from tests.engines import until

_numbers = itertools.count()
SUBSCRIPTION = write_subscription(Subscription(("payments",)))
"""What members of the type `consumer` join with: Kafka's coordinator reads it."""


@pytest.fixture
def group() -> str:
    return f"group-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def link_to(door: Door, stack: ExitStack) -> GroupLink:
    return stack.enter_context(closing(door.link()))


def join(group: str, member: str = "", instance: str | None = None) -> JoinGroup:
    return JoinGroup(group, member, instance, 10_000, 10_000, "consumer", (("range", SUBSCRIPTION),))


def alone(link: GroupLink, group: str, instance: str | None = None) -> JoinGroupReply:
    """Joins a group that has nobody else, as its leader, and syncs."""
    joined = ask(link, join(group, instance=instance))
    assert isinstance(joined, JoinGroupReply)
    assert joined.error is None
    synced = ask(link, SyncGroup(group, joined.member_id, instance, joined.generation, {joined.member_id: b"mine"}))
    assert synced == SyncGroupReply(None, b"mine")
    return joined


def test_a_lone_member_leads_and_is_assigned_by_itself(door: Door, group: str, stack: ExitStack) -> None:
    link = link_to(door, stack)
    joined = alone(link, group)
    assert joined.leader == joined.member_id
    assert (joined.protocol, joined.members) == ("range", {joined.member_id: SUBSCRIPTION})
    assert ask(link, Heartbeat(group, joined.member_id, None, joined.generation)) == HeartbeatReply(None)


def test_a_second_member_calls_the_first_and_both_are_assigned(door: Door, group: str, stack: ExitStack) -> None:
    one, two = link_to(door, stack), link_to(door, stack)
    first = alone(one, group)
    ticket = two.send(join(group))
    beat = Heartbeat(group, first.member_id, None, first.generation)

    def called() -> bool:
        assert two.receive(0) == []  # a link works while it is asked; on Kafka a join takes several requests
        reply = ask(one, beat)
        assert isinstance(reply, HeartbeatReply)
        return isinstance(reply.error, RebalanceInProgressException)

    until(called)
    leading = ask(one, join(group, first.member_id))
    following = answer(two, ticket)
    assert isinstance(leading, JoinGroupReply)
    assert isinstance(following, JoinGroupReply)
    assert leading.generation == following.generation == first.generation + 1
    assert set(leading.members) == {leading.member_id, following.member_id}
    assert following.members == {}
    waiting = two.send(SyncGroup(group, following.member_id, None, following.generation))
    plan = {leading.member_id: b"l", following.member_id: b"f"}
    assert ask(one, SyncGroup(group, leading.member_id, None, leading.generation, plan)) == SyncGroupReply(None, b"l")
    assert answer(two, waiting) == SyncGroupReply(None, b"f")


def test_leaving_ends_a_membership(door: Door, group: str, stack: ExitStack) -> None:
    link = link_to(door, stack)
    joined = alone(link, group)
    assert ask(link, LeaveGroup(group, joined.member_id, None)) == LeaveGroupReply(None)
    reply = ask(link, Heartbeat(group, joined.member_id, None, joined.generation))
    assert isinstance(reply, HeartbeatReply)
    assert isinstance(reply.error, UnknownMemberIdException)


def test_a_closed_connection_ends_a_dynamic_member_at_once(door: Door, group: str) -> None:
    with closing(door.link()) as link:
        alone(link, group)
        assert door.admin().describe_group(group).state == "Stable"
    until(lambda: door.admin().describe_group(group).state == "Empty")


def test_a_closed_connection_does_not_end_a_static_member(door: Door, group: str, stack: ExitStack) -> None:
    with closing(door.link()) as link:
        before = alone(link, group, "i-1")
    again = link_to(door, stack)
    joined = ask(again, join(group, instance="i-1"))
    assert isinstance(joined, JoinGroupReply)
    assert joined.error is None
    assert joined.generation == before.generation
    assert joined.member_id != before.member_id
    fenced = ask(again, Heartbeat(group, before.member_id, "i-1", before.generation))
    assert isinstance(fenced, HeartbeatReply)
    assert type(fenced.error).__name__ == "FencedInstanceIdException"


def test_positions_are_committed_and_fetched_with_their_text(
    door: Door, group: str, topic: str, stack: ExitStack
) -> None:
    link = link_to(door, stack)
    joined = alone(link, group)
    positions = {TopicPartition(topic, 0): Position(3, "text"), TopicPartition(topic, 1): Position(0)}
    commit = CommitOffsets(group, joined.member_id, None, joined.generation, positions)
    assert ask(link, commit) == CommitOffsetsReply(None, {})
    asked = tuple(TopicPartition(topic, number) for number in range(3))
    assert ask(link, FetchOffsets(group, asked)) == FetchOffsetsReply(None, positions)
    assert ask(link, FetchOffsets(group, None)) == FetchOffsetsReply(None, positions)


@pytest.mark.parametrize(
    ("member", "generation", "error"),
    [("", 7, IllegalGenerationException), ("stranger", 0, UnknownMemberIdException)],
)
def test_a_commit_by_nobody_of_the_group_is_refused(
    door: Door, group: str, topic: str, stack: ExitStack, member: str, generation: int, error: type[KafkaException]
) -> None:
    link = link_to(door, stack)
    joined = alone(link, group)
    own = member or joined.member_id
    commit = CommitOffsets(
        group, own, None, joined.generation + generation, {TopicPartition(topic, 0): Position(1)}
    )
    reply = ask(link, commit)
    assert isinstance(reply, CommitOffsetsReply)
    failure = reply.error or next(iter(reply.errors.values()))
    assert isinstance(failure, error)


def test_two_groups_go_over_one_link(door: Door, group: str, stack: ExitStack) -> None:
    link = link_to(door, stack)
    one, two = alone(link, group), alone(link, f"{group}-b")
    assert ask(link, Heartbeat(group, one.member_id, None, one.generation)) == HeartbeatReply(None)
    assert ask(link, Heartbeat(f"{group}-b", two.member_id, None, two.generation)) == HeartbeatReply(None)


# Administration


def test_a_topic_is_made_described_altered_and_deleted(door: Door, group: str) -> None:
    admin, life = door.admin(), f"life-{group}"
    made = admin.create_topic(life, 2, {"cleanup.policy": "compact"})
    assert (made.name, made.partitions, dict(made.settings)) == (life, 2, {"cleanup.policy": "compact"})
    assert admin.describe_topics([life, "other"]) == {life: made}
    altered = admin.alter_topic(life, {"retention.ms": "1000", "cleanup.policy": None})
    assert dict(altered.settings) == {"retention.ms": "1000"}
    assert admin.add_partitions(life, 5).partitions == 5
    assert life in admin.list_topics()
    admin.delete_topic(life)
    assert life not in admin.list_topics()
    assert admin.describe_topics([life]) == {}
    assert admin.create_topic(life, None, {}).topic_id != made.topic_id
    admin.delete_topic(life)


def test_what_cannot_be_done_with_topics_is_refused_by_kafkas_names(door: Door, topic: str) -> None:
    admin = door.admin()
    with pytest.raises(TopicExistsException, match=topic):
        admin.create_topic(topic, 1, {})
    with pytest.raises(InvalidTopicException):
        admin.create_topic("a b", 1, {})
    with pytest.raises(InvalidPartitionsException):
        admin.create_topic(f"{topic}-none", 0, {})
    with pytest.raises(ConfigException):
        admin.create_topic(f"{topic}-odd", 1, {"no.such.setting": "1"})
    with pytest.raises(InvalidPartitionsException):
        admin.add_partitions(topic, 2)
    with pytest.raises(ConfigException):
        admin.alter_topic(topic, {"retention.ms": "soon"})
    with pytest.raises(UnknownTopicOrPartitionException):
        admin.delete_topic("nowhere")


def test_offsets_are_found_by_end_by_beginning_and_by_time(door: Door, topic: str, stack: ExitStack) -> None:
    admin, writer = door.admin(), stack.enter_context(closing(door.writer()))
    full, empty = TopicPartition(topic, 0), TopicPartition(topic, 1)
    writer.send(full, batch([b"a", b"b", b"c"], timestamps=[100, 300, 200]), lambda sent: None)
    writer.await_acks(10_000)
    assert admin.beginning_offsets([full, empty]) == {full: 0, empty: 0}
    assert admin.end_offsets([full, empty], Isolation.READ_COMMITTED) == {full: 3, empty: 0}
    assert admin.offsets_for_times({full: 150, empty: 0}) == {full: OffsetAndTimestamp(1, 300), empty: None}
    assert admin.offsets_for_times({full: 301}) == {full: None}
    assert admin.delete_records({full: 2}) == {full: 2}
    assert admin.beginning_offsets([full]) == {full: 2}
    assert admin.delete_records({full: -1}) == {full: 3}


def test_offsets_of_what_does_not_exist_are_refused(door: Door, topic: str) -> None:
    missing = TopicPartition(topic, 7)
    with pytest.raises(UnknownTopicOrPartitionException, match=f"{topic}-7"):
        door.admin().end_offsets([missing], Isolation.READ_UNCOMMITTED)
    with pytest.raises(OffsetOutOfRangeException):
        door.admin().delete_records({TopicPartition(topic, 0): 5})


def test_a_group_is_listed_described_set_and_deleted(
    door: Door, group: str, topic: str, stack: ExitStack
) -> None:
    admin, link = door.admin(), link_to(door, stack)
    with pytest.raises(GroupIdNotFoundException):
        admin.describe_group(group)
    joined = alone(link, group)
    assert (group, "Stable", "consumer") in admin.list_groups()
    described = admin.describe_group(group)
    assert (described.state, described.protocol) == ("Stable", "range")
    assert described.leader in (joined.member_id, "")  # Kafka does not tell
    (member,) = described.members
    assert (member.member_id, member.client_id) == (joined.member_id, "contract")
    assert (member.metadata, member.assignment) == (SUBSCRIPTION, b"mine")
    positions = {TopicPartition(topic, 0): Position(4)}
    with pytest.raises(GroupNotEmptyException, match="Stop its members first"):
        admin.alter_group_offsets(group, positions)
    with pytest.raises(GroupNotEmptyException):
        admin.delete_group(group)
    ask(link, LeaveGroup(group, joined.member_id, None))
    admin.alter_group_offsets(group, positions)
    assert admin.describe_group(group).offsets == positions
    admin.delete_group(group)
    with pytest.raises(GroupIdNotFoundException):
        admin.delete_group(group)


def test_a_closed_door_closes_what_came_through_it(address: str, topic: str) -> None:
    door = connect(address)
    writer = door.writer()
    write(writer, TopicPartition(topic, 0), b"a")
    door.close()
    door.close()
    with pytest.raises(KafkaException, match="closed"):
        writer.send(TopicPartition(topic, 0), batch([b"b"]), lambda sent: None)
