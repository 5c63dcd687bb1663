"""The broker over files in memory, with the time in the test's hands."""

from __future__ import annotations

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import DiskFailed
from broker_local.base.mem_files import MemFiles, Plan
from broker_local.broker.broker import BrokerSettings
from broker_local.log.topics import GROUP_TOPIC
from broker_local.protocol.requests.groups import (
    Commit,
    CommitPart,
    Committed,
    GroupDelete,
    GroupDescribe,
    Groups,
    Heartbeat,
    Join,
    JoinProtocol,
    JoinReply,
    MemberAssignment,
    OffsetsDelete,
    Part,
    Sync,
)
from broker_local.protocol.requests.records import (
    EARLIEST,
    LARGEST_TIMESTAMP,
    LATEST,
    DeletePart,
    DeleteRecords,
    Fetch,
    FetchPosition,
    FetchReply,
    ListOffsets,
    OffsetQuestion,
    Produce,
    ProducePart,
)
from broker_local.protocol.requests.topics import (
    Alteration,
    Metadata,
    NewTopic,
    PartitionCount,
    PartitionsAdd,
    TopicAlter,
    TopicConfigs,
    TopicCreate,
    TopicDelete,
)
from broker_local.protocol.requests.transactions import ProducerId
from tests.broker_local.engines import WALL, Desk, batch, fetched


def join(group: str = "g", member: str = "", **more: int) -> Join:
    protocols = (JoinProtocol("range", b"m"),)
    return Join(group, more.get("session", 10_000), more.get("rebalance", 60_000), member, None, "consumer", protocols)


# Topics


def test_a_send_makes_a_missing_topic_and_reading_does_not() -> None:
    desk = Desk(settings=BrokerSettings(num_partitions=2))
    (row,) = desk.ask(Metadata(("t",))).topics
    assert (row.error, row.partitions) == (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0)
    (part,) = desk.ask(Fetch((FetchPosition("t", 0, 0, 100),), 10_000)).parts
    assert part.error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert desk.ask(Metadata()).topics == ()
    assert desk.produce("t", 1, batch(b"a")).base_offset == 0
    (row,) = desk.ask(Metadata()).topics
    assert (row.topic, row.partitions) == ("t", 2)
    (made,) = desk.ask(Metadata(("u",), create_missing=True)).topics
    assert (made.error, made.partitions) == (ErrorCode.NONE, 2)


def test_a_partition_beyond_the_default_count_makes_no_topic() -> None:
    desk = Desk()
    assert desk.produce("t", 1, batch(b"a")).error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert desk.ask(Metadata()).topics == ()


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "x" * 250, "é", "a\0b"])
def test_names_are_checked_wherever_a_topic_or_group_is_made(name: str) -> None:
    desk = Desk()
    assert desk.produce(name, 0, batch(b"a")).error == ErrorCode.INVALID_TOPIC_EXCEPTION
    (result,) = desk.ask(TopicCreate((NewTopic(name, 1, {}),))).results
    assert result.error == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert desk.fails(join(name))[0] == ErrorCode.INVALID_GROUP_ID
    assert desk.fails(Commit(name, -1, "", None, ()))[0] == ErrorCode.INVALID_GROUP_ID


def test_topics_are_made_altered_grown_and_deleted() -> None:
    desk = Desk()
    made = desk.ask(TopicCreate((NewTopic("t", -1, {"retention.ms": "5"}), NewTopic("t", 1, {}))))
    assert [row.error for row in made.results] == [ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS]
    tried = desk.ask(TopicCreate((NewTopic("u", 3, {}), NewTopic("v", 0, {}), NewTopic("w", 1, {"x": "1"})), True))
    errors = [row.error for row in tried.results]
    assert errors == [ErrorCode.NONE, ErrorCode.INVALID_PARTITIONS, ErrorCode.INVALID_CONFIG]
    assert [row.topic for row in desk.ask(Metadata()).topics] == ["t"]
    desk.ask(TopicAlter((Alteration("t", {"retention.ms": None, "segment.bytes": "999"}),)))
    (rows,) = desk.ask(TopicConfigs(("t",))).topics
    own = {row.name: row.value for row in rows.configs if row.own}
    assert own == {"segment.bytes": "999"}
    grown = desk.ask(PartitionsAdd((PartitionCount("t", 3), PartitionCount("nope", 3))))
    assert [row.error for row in grown.results] == [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
    assert desk.ask(Metadata(("t",))).topics[0].partitions == 3
    assert desk.ask(PartitionsAdd((PartitionCount("t", 3),))).results[0].error == ErrorCode.INVALID_PARTITIONS
    desk.ask(Commit("g", -1, "", None, (CommitPart("t", 0, 1),)))
    deleted = desk.ask(TopicDelete(("t", "t")))
    assert [row.error for row in deleted.results] == [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
    assert desk.ask(Committed("g")).parts == ()


def test_the_brokers_own_topic_is_not_for_others() -> None:
    desk = Desk()
    desk.ask(Commit("g", -1, "", None, (CommitPart("t", 0, 1),)))
    assert desk.produce(GROUP_TOPIC, 0, batch(b"a")).error == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert desk.ask(TopicDelete((GROUP_TOPIC,))).results[0].error == ErrorCode.INVALID_TOPIC_EXCEPTION
    assert desk.ask(Metadata()).topics == ()


# Records


def test_what_is_produced_is_fetched_and_kept_over_a_kill() -> None:
    desk = Desk()
    assert [desk.produce("t", 0, batch(b"a", b"b")).base_offset for _ in range(3)] == [0, 2, 4]
    assert desk.values("t", 0, 3) == [b"b", b"a", b"b"]
    again = desk.restarted()
    assert again.values("t", 0) == [b"a", b"b"] * 3
    assert again.produce("t", 0, batch(b"c")).base_offset == 6


def test_a_batch_sent_twice_is_stored_once_also_over_a_kill() -> None:
    desk = Desk()
    one, two = batch(b"a", producer=(7, 0, 0)), batch(b"b", producer=(7, 0, 1))
    assert [desk.produce("t", 0, each).base_offset for each in (one, two, one)] == [0, 1, 0]
    again = desk.restarted()
    assert again.produce("t", 0, two).base_offset == 1
    late = again.produce("t", 0, batch(b"d", producer=(7, 0, 3)))
    assert late.error == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert again.values("t", 0) == [b"a", b"b"]


def test_one_bad_batch_does_not_spoil_the_others_of_its_request() -> None:
    desk = Desk()
    broken = bytearray(batch(b"a"))
    broken[-1] ^= 1
    parts = (
        ProducePart("t", 0, bytes(broken)),
        ProducePart("t", 0, batch(b"b")),
        ProducePart("t", 9, batch(b"c")),
    )
    errors = [part.error for part in desk.ask(Produce(-1, parts)).parts]
    assert errors == [ErrorCode.CORRUPT_MESSAGE, ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]


def test_a_fetch_waits_for_an_append_to_any_of_its_positions() -> None:
    desk = Desk()
    desk.ask(TopicCreate((NewTopic("t", 2, {}), NewTopic("u", 1, {}))))
    here = tuple(FetchPosition(*place, 0, 1000, known_end=0) for place in (("t", 0), ("t", 1), ("u", 0)))
    number = desk.send(Fetch(here, 500))
    desk.time(499)
    assert number not in desk.answers
    desk.produce("t", 1, batch(b"a"))
    reply = desk.answers[number]
    assert isinstance(reply, FetchReply)
    assert [(part.topic, part.partition, part.readable_end) for part in reply.parts] == [("t", 1, 1)]


def test_a_fetch_that_finds_nothing_answers_at_its_deadline() -> None:
    desk = Desk()
    desk.ask(TopicCreate((NewTopic("t", 1, {}),)))
    number = desk.send(Fetch((FetchPosition("t", 0, 0, 1000, known_end=0),), 500))
    desk.time(500)
    assert desk.answers[number] == FetchReply(())


def test_an_end_that_is_news_is_told_at_once() -> None:
    desk = Desk()
    desk.ask(TopicCreate((NewTopic("t", 1, {}),)))
    (part,) = desk.ask(Fetch((FetchPosition("t", 0, 0, 1000),), 60_000)).parts
    assert (part.readable_end, bytes(fetched(part)), part.error) == (0, b"", ErrorCode.NONE)


def test_min_bytes_are_waited_for() -> None:
    desk = Desk()
    desk.produce("t", 0, batch(b"a"))
    number = desk.send(Fetch((FetchPosition("t", 0, 0, 1000, known_end=1),), 500, min_bytes=250))
    assert number not in desk.answers
    desk.produce("t", 0, batch(b"b" * 200))
    assert number in desk.answers


def test_no_partition_goes_hungry_when_bytes_are_short() -> None:
    desk = Desk(settings=BrokerSettings(num_partitions=3))
    for partition in range(3):
        desk.produce("t", partition, batch(b"x" * 500))
    here = tuple(FetchPosition("t", partition, 0, 10_000) for partition in range(3))
    served = {desk.ask(Fetch(here, 0, max_bytes=1)).parts[0].partition for _ in range(3)}
    assert served == {0, 1, 2}


def test_a_position_outside_the_log_is_told_at_once() -> None:
    desk = Desk()
    desk.produce("t", 0, batch(b"a", b"b"))
    (part,) = desk.ask(Fetch((FetchPosition("t", 0, 3, 1000),), 60_000)).parts
    assert (part.error, part.log_start, part.readable_end) == (ErrorCode.OFFSET_OUT_OF_RANGE, 0, 2)
    assert desk.ask(DeleteRecords((DeletePart("t", 0, 1),))).parts[0].log_start == 1
    (part,) = desk.ask(Fetch((FetchPosition("t", 0, 0, 1000),), 60_000)).parts
    assert (part.error, part.log_start) == (ErrorCode.OFFSET_OUT_OF_RANGE, 1)
    (part,) = desk.ask(DeleteRecords((DeletePart("t", 0, 9),))).parts
    assert part.error == ErrorCode.OFFSET_OUT_OF_RANGE


def test_offsets_by_time() -> None:
    desk = Desk()
    desk.produce("t", 0, batch(b"a", b"b", b"c"))
    asked = [EARLIEST, LATEST, LARGEST_TIMESTAMP, WALL + 1, WALL + 9, -9]
    parts = desk.ask(ListOffsets(tuple(OffsetQuestion("t", 0, each) for each in asked))).parts
    assert [part.offset for part in parts] == [0, 3, 2, 1, -1, -1]
    assert parts[3].timestamp == WALL + 1
    assert parts[5].error == ErrorCode.INVALID_REQUEST


def test_producer_ids_are_never_given_twice() -> None:
    desk = Desk()
    first = [desk.ask(ProducerId()).producer_id for _ in range(3)]
    then = [desk.restarted().ask(ProducerId()).producer_id]
    assert len(set(first + then)) == 4
    error, text = desk.fails(ProducerId("mine"))
    assert (error, text) == (
        ErrorCode.INVALID_REQUEST,
        "a producer with a transactional.id asks for init_transactions",
    )


# Durability


def test_durable_acknowledges_and_shows_only_what_is_on_the_disk() -> None:
    desk = Desk(settings=BrokerSettings(durability="durable"))
    desk.ask(TopicCreate((NewTopic("t", 1, {}),)))
    reading = desk.send(Fetch((FetchPosition("t", 0, 0, 1000, known_end=0),), 60_000))
    writing = desk.send(Produce(-1, (ProducePart("t", 0, batch(b"a")),)))
    assert not {reading, writing} & desk.answers.keys()
    (part,) = desk.ask(ListOffsets((OffsetQuestion("t", 0, LATEST),))).parts
    assert part.offset == 0
    desk.sync()
    assert {reading, writing} <= desk.answers.keys()
    assert desk.values("t", 0) == [b"a"]


def test_durable_commits_wait_for_the_disk_as_well() -> None:
    desk = Desk(MemFiles(power=True), BrokerSettings(durability="durable"))
    number = desk.send(Commit("g", -1, "", None, (CommitPart("t", 0, 4),)))
    assert number not in desk.answers
    desk.sync()
    assert number in desk.answers
    left = Desk(MemFiles.after_power_cut(desk.files), desk.settings)
    assert left.ask(Committed("g")).parts[0].offset == 4


def test_a_full_disk_is_told_and_what_was_there_is_read() -> None:
    plan = Plan(10**9, "full", calls=frozenset({"write"}), lasting=True)
    desk = Desk(MemFiles(plan))
    desk.produce("t", 0, batch(b"a"))
    desk.ask(Commit("g", -1, "", None, (CommitPart("t", 0, 1),)))
    plan.at = plan.count + 1
    part = desk.produce("t", 0, batch(b"b"))
    assert part.error == ErrorCode.KAFKA_STORAGE_ERROR and "no space on the disk" in part.message
    commit = Commit("g", -1, "", None, (CommitPart("t", 0, 2),))
    assert desk.fails(commit)[0] == ErrorCode.KAFKA_STORAGE_ERROR
    assert desk.fails(join("h"))[0] == ErrorCode.KAFKA_STORAGE_ERROR
    assert desk.fails(ProducerId())[0] == ErrorCode.KAFKA_STORAGE_ERROR
    assert desk.values("t", 0) == [b"a"]
    assert desk.ask(Committed("g")).parts[0].offset == 1
    assert plan.fired
    plan.at, plan.count = 10**9, 0
    assert desk.produce("t", 0, batch(b"b")).base_offset == 1
    desk.ask(commit)
    joined = desk.ask(join("h"))
    assert desk.ask(Sync("h", joined.generation, joined.member_id, None, ())).assignment == b""


def test_a_failing_disk_stops_the_broker() -> None:
    plan = Plan(10**9, "error", lasting=True)
    desk = Desk(MemFiles(plan))
    desk.produce("t", 0, batch(b"a"))
    plan.at = plan.count + 1
    with pytest.raises(DiskFailed, match="Input/output error"):
        desk.produce("t", 0, batch(b"b"))


# Groups


def test_two_members_share_and_a_closed_socket_frees_at_once() -> None:
    desk = Desk()
    first = desk.ask(join(), peer=1)
    desk.ask(Sync("g", 1, first.member_id, None, (MemberAssignment(first.member_id, b"all"),)), peer=1)
    waiting = desk.send(join(), peer=2)
    assert desk.fails(Heartbeat("g", 1, first.member_id, None), peer=1)[0] == ErrorCode.REBALANCE_IN_PROGRESS
    again = desk.ask(join(member=first.member_id), peer=1)
    second = desk.answers[waiting]
    assert isinstance(second, JoinReply)
    assert {member.member_id for member in again.members} == {first.member_id, second.member_id}
    assert second.member_id.startswith("client2-")
    plan = (MemberAssignment(first.member_id, b"left"), MemberAssignment(second.member_id, b"right"))
    assert desk.ask(Sync("g", 2, first.member_id, None, plan), peer=1).assignment == b"left"
    assert desk.ask(Sync("g", 2, second.member_id, None), peer=2).assignment == b"right"
    desk.gone(1)
    assert desk.fails(Heartbeat("g", 2, second.member_id, None), peer=2)[0] == ErrorCode.REBALANCE_IN_PROGRESS
    assert desk.ask(join(member=second.member_id), peer=2).leader == second.member_id


def test_a_silent_member_is_out_after_its_session() -> None:
    desk = Desk()
    member = desk.ask(join(session=6000))
    desk.ask(Sync("g", 1, member.member_id, None, ()))
    desk.time(5999)
    assert desk.ask(GroupDescribe(("g",))).groups[0].state == "Stable"
    desk.time(1)
    assert desk.ask(GroupDescribe(("g",))).groups[0].state == "Empty"
    assert desk.fails(Heartbeat("g", 1, member.member_id, None))[0] == ErrorCode.UNKNOWN_MEMBER_ID


def test_members_and_offsets_live_through_a_restart() -> None:
    desk = Desk()
    member = desk.ask(join())
    desk.ask(Sync("g", 1, member.member_id, None, (MemberAssignment(member.member_id, b"all"),)))
    desk.ask(Commit("g", 1, member.member_id, None, (CommitPart("t", 0, 5, "note", 3),)))
    again = desk.restarted()
    again.ask(Heartbeat("g", 1, member.member_id, None), peer=9)
    (described,) = again.ask(GroupDescribe(("g",))).groups
    assert (described.state, described.generation, described.members[0].assignment) == ("Stable", 1, b"all")
    (part,) = again.ask(Committed("g", (Part("t", 0),))).parts
    assert (part.offset, part.metadata, part.log_epoch) == (5, "note", 3)
    assert again.ask(Groups()).groups[0].group == "g"


def test_groups_are_reset_and_deleted_only_when_empty() -> None:
    desk = Desk()
    member = desk.ask(join())
    desk.ask(Sync("g", 1, member.member_id, None, ()))
    reset = Commit("g", -1, "", None, (CommitPart("t", 0, 0), CommitPart("t", 1, 0)))
    assert desk.fails(reset)[0] == ErrorCode.UNKNOWN_MEMBER_ID
    assert desk.ask(GroupDelete(("g", "h"))).groups[0].error == ErrorCode.NON_EMPTY_GROUP
    desk.gone(1)
    desk.ask(reset)
    desk.ask(OffsetsDelete("g", (Part("t", 1),)))
    assert [part.partition for part in desk.ask(Committed("g")).parts] == [0]
    found = desk.ask(GroupDelete(("g", "h"))).groups
    assert [row.error for row in found] == [ErrorCode.NONE, ErrorCode.GROUP_ID_NOT_FOUND]
    assert desk.ask(Groups()).groups == () and desk.restarted().ask(Groups()).groups == ()


def test_old_offsets_expire() -> None:
    desk = Desk(settings=BrokerSettings(offsets_retention_ms=5000, offsets_check_ms=1000))
    desk.ask(Commit("g", -1, "", None, (CommitPart("t", 0, 1),)))
    desk.time(4000)
    assert len(desk.ask(Committed("g")).parts) == 1
    desk.time(1000)
    assert desk.ask(Committed("g")).parts == () and desk.ask(Groups()).groups == ()


def test_a_stranger_makes_no_group() -> None:
    desk = Desk()
    assert desk.fails(Heartbeat("g", 1, "who", None))[0] == ErrorCode.UNKNOWN_MEMBER_ID
    assert desk.fails(Commit("g", 4, "who", None, ()))[0] == ErrorCode.UNKNOWN_MEMBER_ID
    assert desk.ask(Groups()).groups == ()
