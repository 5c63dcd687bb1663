"""What every door promises of writing in a member's name (decision 39)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from streams.clients.api import (
    Door,
    GroupLink,
    GroupMember,
    Isolation,
    JoinGroup,
    JoinGroupReply,
    LeaveGroup,
    Sent,
    SyncGroup,
)
from streams.errors import FencedInstanceIdException, FencedMemberEpochException
from streams.record import TopicPartition
from tests.contracts.door.steps import PATIENCE_MS, ask, batch, read_all, write
from tests.engines import until

bundled = pytest.mark.parametrize("address", ["memory", "local"], indirect=True)
kafka = pytest.mark.parametrize("address", ["kafka"], indirect=True)
"""Kafka takes what anybody writes: it bounds a zombie by its commits, and by its transactions."""


@pytest.fixture
def zero(topic: str) -> TopicPartition:
    return TopicPartition(topic, 0)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def member_of(link: GroupLink, group: str, instance: str | None = None) -> GroupMember:
    """Joins a group that has no other member, and is given its plan."""
    reply = ask(link, JoinGroup(group, "", instance, 10_000, 10_000, "consumer", (("p", b"m"),)))
    assert isinstance(reply, JoinGroupReply) and reply.error is None, reply
    plan = SyncGroup(group, reply.member_id, instance, reply.generation, {reply.member_id: b""})
    assert ask(link, plan).error is None
    return GroupMember(group, reply.member_id, instance)


def values(door: Door, partition: TopicPartition) -> list[bytes | None]:
    with closing(door.reader(Isolation.READ_UNCOMMITTED)) as reader:
        return [value for _, value in read_all(door, partition, reader)]


@bundled
def test_what_bears_the_name_of_a_member_is_taken_while_it_is_one(
    door: Door, zero: TopicPartition, stack: ExitStack
) -> None:
    link, writer = stack.enter_context(closing(door.link())), stack.enter_context(closing(door.writer()))
    member = member_of(link, zero.topic)
    writer.bind(member)
    write(writer, zero, b"a")
    assert ask(link, LeaveGroup(member.group, member.member_id, None)).error is None
    told: list[Sent] = []
    for number in range(8):  # more than are out at a time: what one was told holds for all
        writer.send(TopicPartition(zero.topic, number % 2), batch([b"late"]), told.append)
    assert writer.await_acks(PATIENCE_MS) == 0
    assert len(told) == 8 and {type(sent.error) for sent in told} == {FencedMemberEpochException}
    assert values(door, zero) == [b"a"]
    writer.bind(None)
    write(writer, zero, b"b")
    assert values(door, zero) == [b"a", b"b"]


@kafka
def test_kafka_takes_records_and_deletes_them_in_anybodys_name(
    door: Door, zero: TopicPartition, stack: ExitStack
) -> None:
    nobody = GroupMember(zero.topic, "nobody", None)
    writer, admin = stack.enter_context(closing(door.writer())), stack.enter_context(closing(door.admin()))
    writer.bind(nobody)
    write(writer, zero, b"a", b"b")
    assert values(door, zero) == [b"a", b"b"]
    assert admin.delete_records({zero: 1}, nobody) == {zero: 1}


@bundled
def test_the_name_is_that_of_the_time_when_a_batch_was_handed_over(
    door: Door, zero: TopicPartition, stack: ExitStack
) -> None:
    link, writer = stack.enter_context(closing(door.link())), stack.enter_context(closing(door.writer()))
    first = member_of(link, zero.topic)
    assert ask(link, LeaveGroup(first.group, first.member_id, None)).error is None
    second = member_of(link, zero.topic)
    told: list[Sent] = []
    writer.bind(first)
    writer.send(zero, batch([b"old"]), told.append)
    writer.send(zero, batch([b"waits for the first"]), told.append)  # its producer is not known yet
    writer.bind(second)
    writer.send(zero, batch([b"new"]), told.append)
    assert writer.await_acks(PATIENCE_MS) == 0
    assert [type(sent.error) for sent in told] == [FencedMemberEpochException] * 2 + [type(None)]
    assert values(door, zero) == [b"new"]


@bundled
def test_who_has_a_successor_under_its_instance_id_is_told_so(
    door: Door, zero: TopicPartition, stack: ExitStack
) -> None:
    links = [stack.enter_context(closing(door.link())) for _ in range(2)]
    first, second = (member_of(link, zero.topic, "one") for link in links)
    writer = stack.enter_context(closing(door.writer()))
    told: list[Sent] = []
    writer.bind(first)
    writer.send(zero, batch([b"old"]), told.append)
    assert writer.await_acks(PATIENCE_MS) == 0
    assert [type(sent.error) for sent in told] == [FencedInstanceIdException]
    writer.bind(second)
    write(writer, zero, b"new")
    assert values(door, zero) == [b"new"]


def test_an_aborted_writer_forgets_what_has_no_answer_and_goes_on(
    door: Door, topic: str, zero: TopicPartition, stack: ExitStack
) -> None:
    writer, told = stack.enter_context(closing(door.writer())), list[Sent]()
    for number in range(20):
        writer.send(zero, batch([b"%d" % number]), told.append)
    assert 0 < writer.abort() <= 20 and writer.abort() == 0
    known = len(told)
    assert writer.await_acks(PATIENCE_MS) == 0
    write(writer, zero, b"after")
    write(writer, TopicPartition(topic, 1), b"after")
    assert len(told) == known
    stored = values(door, zero)  # some beginning of what was sent, then what came after, each once
    assert stored == [b"%d" % number for number in range(len(stored) - 1)] + [b"after"]


@bundled
def test_records_are_deleted_in_the_name_of_members_only(door: Door, zero: TopicPartition, stack: ExitStack) -> None:
    link, writer = stack.enter_context(closing(door.link())), stack.enter_context(closing(door.writer()))
    admin = stack.enter_context(closing(door.admin()))
    write(writer, zero, b"a", b"b", b"c")
    member = member_of(link, zero.topic)
    assert admin.delete_records({zero: 1}, member) == {zero: 1}
    assert ask(link, LeaveGroup(member.group, member.member_id, None)).error is None
    with pytest.raises(FencedMemberEpochException, match=f"{member.member_id} is no member of group"):
        admin.delete_records({zero: 2}, member)
    # They go once what the member had committed before is on the disk.
    until(lambda: admin.beginning_offsets([zero]) == {zero: 1})
    assert admin.log_ends({zero: -1})[zero].offset == 3
