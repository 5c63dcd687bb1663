"""What is written in a member's name is taken from members only, whatever happened to the broker meanwhile."""

from __future__ import annotations

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.base.mem_files import MemFiles
from broker_local.broker.broker import BrokerSettings
from broker_local.protocol.requests.groups import (
    Commit,
    CommitPart,
    Committed,
    Heartbeat,
    Join,
    JoinProtocol,
    JoinReply,
    Leave,
    Leaver,
    MemberAssignment,
    Sync,
)
from broker_local.protocol.requests.records import (
    LATEST,
    DeletePart,
    DeleteRecords,
    Fetch,
    FetchPosition,
    GroupMember,
    ListOffsets,
    OffsetQuestion,
    Produce,
    ProducePart,
)
from broker_local.protocol.requests.request import Asks, Reply
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from tests.broker_local.engines import Desk, batch, fetched


def join(desk: Desk, peer: int, member: str = "", instance: str | None = None, session: int = 10_000) -> int:
    """Sends a join; gives its number."""
    protocols = (JoinProtocol("range", b"m"),)
    return desk.send(Join("g", session, 20_000, member, instance, "consumer", protocols), peer)


def joined(desk: Desk, number: int) -> JoinReply:
    reply = desk.answers[number]
    assert isinstance(reply, JoinReply), reply
    return reply


def alone(desk: Desk, instance: str | None = None, session: int = 10_000) -> GroupMember:
    """The only member of its group, with its plan."""
    reply = joined(desk, join(desk, 1, instance=instance, session=session))
    desk.ask(Sync("g", reply.generation, reply.member_id, instance, (MemberAssignment(reply.member_id, b"p"),)))
    return GroupMember("g", reply.member_id, instance)


def write(member: GroupMember | None, *values: bytes, parts: int = 1) -> Produce:
    return Produce(-1, tuple(ProducePart("t", number, batch(*values)) for number in range(parts)), member)


def refused(desk: Desk, request: Asks[Reply]) -> bool:
    """Is it refused as it should be? Else it must be taken whole."""
    reply = desk.answers[desk.send(request)]
    if getattr(reply, "error", 0):
        assert getattr(reply, "error", 0) == ErrorCode.FENCED_MEMBER_EPOCH
        return True
    return False


@pytest.fixture
def desk() -> Desk:
    return Desk(settings=BrokerSettings(num_partitions=2))


def test_nothing_is_taken_of_a_member_that_is_none_any_more_not_even_a_part(desk: Desk) -> None:
    member = alone(desk)
    assert not refused(desk, write(member, b"a", parts=2))
    desk.time(10_000)  # its session ends
    error, said = desk.fails(write(member, b"late", parts=2))
    assert error == ErrorCode.FENCED_MEMBER_EPOCH
    assert said == f"{member.member_id} is no member of group g: join again, without any partition"
    assert desk.values("t", 0) == desk.values("t", 1) == [b"a"]
    assert not refused(desk, write(None, b"b"))  # who is bound to no group is no concern of it
    assert desk.values("t", 0) == [b"a", b"b"]


def test_records_are_not_deleted_in_the_name_of_a_member_that_is_none_any_more(desk: Desk) -> None:
    member = alone(desk)
    desk.ask(write(None, b"a", b"b", b"c"))
    (part,) = desk.ask(DeleteRecords((DeletePart("t", 0, 1),), member)).parts
    assert part.log_start == 1
    desk.ask(Leave("g", (Leaver(member.member_id),)))
    assert refused(desk, DeleteRecords((DeletePart("t", 0, 2),), member))
    assert desk.values("t", 0, 1) == [b"b", b"c"]


def test_what_a_member_has_processed_goes_once_its_positions_are_on_the_disk() -> None:
    """After a power cut its group stands where it stood before, and there has to be something."""
    desk = Desk(MemFiles(power=True))
    desk.ask(TopicCreate((NewTopic("t", 1, {"segment.bytes": "150"}),)))
    member = alone(desk)
    for number in range(6):
        desk.produce("t", 0, batch(b"%d" % number))
    generation = desk.broker.groups.subjects["g"].state.generation

    def commit(offset: int) -> None:
        desk.ask(Commit("g", generation, member.member_id, None, (CommitPart("t", 0, offset),)))

    commit(2)
    desk.time(1_000)
    desk.sync()
    commit(5)
    (part,) = desk.ask(DeleteRecords((DeletePart("t", 0, 5),), member)).parts
    assert (part.error, part.log_start) == (ErrorCode.NONE, 5), "as it will be"
    assert desk.broker.logs.partition("t", 0).log_start == 0
    again = Desk(desk.files.after_power_cut(1.0), desk.settings, desk.clock)
    assert [each.offset for each in again.ask(Committed("g")).parts] == [2]
    assert again.values("t", 0, 2) == [b"2", b"3", b"4", b"5"]
    desk.time(1_000)
    desk.sync()
    assert desk.broker.logs.partition("t", 0).log_start == 5
    again = Desk(desk.files.after_power_cut(), desk.settings, desk.clock)
    assert again.values("t", 0, 5) == [b"5"] and again.broker.logs.partition("t", 0).log_start == 5


def test_a_group_or_a_member_that_never_was_writes_nothing(desk: Desk) -> None:
    alone(desk)
    for stranger in (GroupMember("g", "who"), GroupMember("g", ""), GroupMember("other", "who"), GroupMember("", "")):
        assert refused(desk, write(stranger, b"x"))


def test_a_new_generation_disturbs_no_member_and_a_restart_changes_nothing(desk: Desk) -> None:
    first = alone(desk)
    second = join(desk, 2)
    assert not refused(desk, write(first, b"before it has joined"))
    third = joined(desk, join(desk, 1, first.member_id))
    late = GroupMember("g", joined(desk, second).member_id)
    assert not refused(desk, write(first, b"between join and plan")) and not refused(desk, write(late, b"so the other"))
    plan = (MemberAssignment(first.member_id, b"p"), MemberAssignment(late.member_id, b"q"))
    desk.ask(Sync("g", third.generation, first.member_id, None, plan))
    again = desk.restarted()
    assert not refused(again, write(first, b"after a restart")) and not refused(again, write(late, b"so the other"))
    again.time(9_000)
    again.ask(Heartbeat("g", third.generation, first.member_id, None))
    again.time(1_000)  # the other has not been heard of since the restart
    assert refused(again, write(late, b"late")) and not refused(again, write(first, b"in a rebalance"))
    fourth = joined(again, join(again, 1, first.member_id))
    again.ask(Sync("g", fourth.generation, first.member_id, None, (MemberAssignment(first.member_id, b"pq"),)))
    last = again.restarted()
    assert refused(last, write(late, b"late")) and not refused(last, write(first, b"still"))


def test_a_static_member_that_missed_a_round_is_out_until_it_joins_again(desk: Desk) -> None:
    frozen = alone(desk, instance="one", session=60_000)
    second = join(desk, 2)
    desk.time(19_000)
    assert not refused(desk, write(frozen, b"while it is waited for"))
    desk.time(1_000)
    leads = joined(desk, second)
    assert {each.instance_id for each in leads.members} == {"one", None}  # its place is kept
    assert refused(desk, write(frozen, b"late"))
    plan = (MemberAssignment(leads.member_id, b"q"), MemberAssignment(frozen.member_id, b"p"))
    desk.ask(Sync("g", leads.generation, leads.member_id, None, plan), 2)
    again = desk.restarted()
    assert refused(again, write(frozen, b"late"))
    rejoin = join(again, 1, instance="one")
    join(again, 2, leads.member_id)
    back = joined(again, rejoin)
    assert not refused(again, write(GroupMember("g", back.member_id, "one"), b"anew"))
    error, _ = again.fails(write(frozen, b"late"))
    assert error == ErrorCode.FENCED_INSTANCE_ID


def test_an_end_that_is_not_shown_yet_is_told_all_the_same() -> None:
    desk = Desk(settings=BrokerSettings(durability="durable"))
    desk.send(write(None, b"a", b"b"))
    (listed,) = desk.ask(ListOffsets((OffsetQuestion("t", 0, LATEST),))).parts
    assert (listed.offset, listed.log_end) == (0, 2)
    (part,) = desk.ask(Fetch((FetchPosition("t", 0, 0, 1 << 20),), 0)).parts
    assert (part.readable_end, part.log_end, fetched(part)) == (0, 2, b"")
    desk.sync()
    (listed,) = desk.ask(ListOffsets((OffsetQuestion("t", 0, LATEST),))).parts
    assert (listed.offset, listed.log_end) == (2, 2)
