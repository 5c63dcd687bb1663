"""A disk that is full when a broker starts: what is there can be read, and written to once there is space."""

from __future__ import annotations

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.base.mem_files import MemFiles, Plan
from broker_local.log import catalog, recovery_point
from broker_local.protocol.requests.groups import Commit, CommitPart, Committed, Join, JoinProtocol
from broker_local.protocol.requests.records import Fetch, FetchPosition
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from tests.broker_local.engines import Desk, batch

WRITES = frozenset(("write", "create"))


def full() -> Plan:
    return Plan(1, "full", calls=WRITES, lasting=True)


def written(clean: bool) -> MemFiles:
    """A directory with records and an offset, of a broker that was closed or killed."""
    desk = Desk()
    desk.ask(TopicCreate((NewTopic("t", 2, {}),)))
    desk.produce("t", 0, batch(b"there"))
    desk.ask(Commit("g", -1, "", None, (CommitPart("t", 0, 1),)))
    desk.time(2_000)
    desk.sync()
    if clean:
        desk.broker.logs.close()
    return desk.files.after_kill()


@pytest.mark.parametrize("clean", [True, False], ids=["closed", "killed"])
def test_a_broker_starts_on_a_full_disk_and_reads_go_on(clean: bool) -> None:
    files = written(clean)
    files.plan = full()
    desk = Desk(files)
    assert desk.values("t", 0) == [b"there"]
    assert desk.ask(Committed("g")).parts[0].offset == 1
    assert desk.produce("t", 0, batch(b"refused")).error == ErrorCode.KAFKA_STORAGE_ERROR
    assert desk.ask(TopicCreate((NewTopic("u", 1, {}),))).results[0].error == ErrorCode.KAFKA_STORAGE_ERROR
    desk.time(2_000)
    desk.sync()
    assert desk.values("t", 0) == [b"there"]


@pytest.mark.parametrize("clean", [True, False], ids=["closed", "killed"])
def test_what_is_written_once_there_is_space_survives_a_kill(clean: bool) -> None:
    files = written(clean)
    files.plan = full()
    desk = Desk(files)
    assert desk.produce("t", 0, batch(b"refused")).error == ErrorCode.KAFKA_STORAGE_ERROR
    files.plan = None
    assert desk.produce("t", 0, batch(b"new")).error == ErrorCode.NONE
    found = recovery_point.read(files)
    assert found is not None and not found.clean  # else the next start would not look behind the recovery point
    again = desk.restarted()
    assert again.values("t", 0) == [b"there", b"new"]
    assert again.produce("t", 0, batch(b"more")).base_offset == 2


def cut_off(kept: float = 1.0) -> MemFiles:
    """A directory after a power cut; `kept`: the share of what was behind the recovery point that reached the disk."""
    desk = Desk(MemFiles(power=True))
    desk.ask(TopicCreate((NewTopic("t", 2, {"segment.bytes": "200"}),)))
    for number in range(4):
        desk.produce("t", 0, batch(b"there%d" % number))
    desk.time(2_000)
    desk.sync()
    for number in range(4):
        desk.produce("t", 0, batch(b"lost%d" % number))
    return desk.files.after_power_cut(kept)


def after_the_cut() -> list[bytes]:
    return [b"there%d" % number for number in range(4)]


def reader_is_told(desk: Desk) -> bool:
    """Does a reader that was ahead of the cut, in the epoch before it, learn where the log diverged?"""
    (part,) = desk.ask(Fetch((FetchPosition("t", 0, 6, 1 << 20, log_epoch=0),), 0)).parts
    return (ErrorCode(part.error), part.diverged) == (ErrorCode.UNKNOWN_LEADER_EPOCH, 4)


def test_after_a_power_cut_a_broker_starts_on_a_full_disk_too() -> None:
    files = cut_off()
    files.plan = full()
    for _ in range(2):  # and again, as nothing could be written down
        desk = Desk(files)
        assert desk.values("t", 0) == after_the_cut()
        assert desk.produce("t", 0, batch(b"refused")).error == ErrorCode.KAFKA_STORAGE_ERROR
        assert reader_is_told(desk)
        desk.time(2_000)
        desk.sync()
        files = desk.files.after_kill()
        files.plan = full()


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
def test_what_a_start_after_a_power_cut_could_not_write_is_written_before_anything_else(closed: bool) -> None:
    files = cut_off()
    files.plan = full()
    desk = Desk(files)
    desk.time(2_000)
    desk.sync()
    files.plan = None
    assert desk.produce("t", 1, batch(b"new")).error == ErrorCode.NONE
    if closed:
        desk.broker.logs.close()
    again = desk.restarted()
    assert again.values("t", 0) == after_the_cut() and again.values("t", 1) == [b"new"]
    assert reader_is_told(again)
    assert again.produce("t", 0, batch(b"more")).base_offset == 4
    assert again.restarted().values("t", 0) == [*after_the_cut(), b"more"]


def test_a_log_whose_end_was_torn_by_the_power_cut_loses_nothing_that_is_acknowledged_later() -> None:
    files = cut_off(kept=0.7)
    files.plan = full()
    desk = Desk(files)
    files.plan = None
    assert desk.produce("t", 0, batch(b"new")).error == ErrorCode.NONE
    assert desk.restarted().values("t", 0) == [*after_the_cut(), b"new"]


def test_a_broker_that_is_closed_on_a_disk_still_full_after_a_power_cut_leaves_all_to_the_next() -> None:
    files = cut_off()
    files.plan = full()
    desk = Desk(files)
    desk.broker.logs.close()
    files.plan = None
    again = desk.restarted()
    assert again.values("t", 0) == after_the_cut() and reader_is_told(again)


def test_a_broker_that_never_had_a_group_log_starts_on_a_full_disk_too() -> None:
    desk = Desk(MemFiles())
    files = desk.files.after_kill()
    for path in list(files.paths()):
        if path not in ("catalog", "line"):
            files.remove(path)
    catalog.write(files, {})
    files.plan = full()
    desk = Desk(files)
    join = Join("g", 10_000, 1_000, "", None, "consumer", (JoinProtocol("range", b""),))
    assert desk.fails(join)[0] == ErrorCode.KAFKA_STORAGE_ERROR
    files.plan = None
    assert desk.ask(join).generation == 1


def test_a_group_whose_members_have_much_to_tell_can_form_and_comes_back() -> None:
    desk = Desk()
    large = b"m" * 1_500_000
    joined = desk.ask(Join("g", 10_000, 1_000, "", None, "consumer", (JoinProtocol("range", large),)))
    assert joined.members[0].metadata == large
    group = desk.restarted().broker.groups.subjects["g"]
    assert group.state.members[0].metadata("range") == large


def test_the_group_log_of_an_earlier_broker_loses_its_limit() -> None:
    desk = Desk()
    desk.broker.logs.alter_topic("__consumer_offsets", {"max.message.bytes": None})
    assert desk.restarted().broker.logs.topic("__consumer_offsets").settings.max_message_bytes == 2**31 - 1


def test_what_the_members_of_a_group_tell_is_bounded_all_the_same() -> None:
    desk = Desk()
    large = b"m" * 3_500_000

    def join(member: int) -> Join:
        return Join("g", 1_800_000, 1_000, "", f"static-{member}", "consumer", (JoinProtocol("range", large),))

    for member in range(19):
        desk.send(join(member), peer=member)
    assert desk.fails(join(19), peer=19)[0] == ErrorCode.GROUP_MAX_SIZE_REACHED
    many = tuple(JoinProtocol(f"p{number}", b"") for number in range(33))
    wrong = desk.fails(Join("h", 10_000, 1_000, "", None, "consumer", many))
    assert wrong == (ErrorCode.INVALID_REQUEST, "33 protocols; a member has at most 32")
