"""The pure group member: every transition, and the errors of the classic protocol."""

from __future__ import annotations

import pytest

from streams.clients.api import (
    CommitOffsets,
    CommitOffsetsReply,
    Heartbeat,
    HeartbeatReply,
    JoinGroup,
    JoinGroupReply,
    LeaveGroup,
    Position,
    SyncGroup,
    SyncGroupReply,
)
from streams.clients.assignors import Subscription, write_subscription
from streams.clients.member import (
    NEVER,
    Assigned,
    Event,
    Failed,
    Lead,
    Lost,
    Member,
    MemberSettings,
    Phase,
    Rebalance,
    Send,
)
from streams.errors import (
    DisconnectException,
    FencedInstanceIdException,
    IllegalGenerationException,
    InconsistentGroupProtocolException,
    KafkaException,
    RebalanceInProgressException,
    TimeoutException,
    UnknownMemberIdException,
)
from streams.record import TopicPartition
from tests.streams.clients.steps import member_settings

SUBSCRIPTION = Subscription(("t",))
SETTINGS = member_settings(session_timeout_ms=10_000, heartbeat_interval_ms=1_000, max_poll_interval_ms=60_000)


def joined(generation: int = 1, leader: str = "other", **more: object) -> JoinGroupReply:
    members = {"me": write_subscription(SUBSCRIPTION)} if leader == "me" else {}
    return JoinGroupReply(None, "me", generation, leader, "range", members)


def stable(settings: MemberSettings = SETTINGS, now: int = 0) -> Member:
    member = Member(settings)
    member.rejoin(SUBSCRIPTION, now)
    member.on_reply(joined(), now)
    member.on_reply(SyncGroupReply(None, b"mine"), now)
    assert member.phase is Phase.STABLE
    return member


def requests(events: list[Event]) -> list[object]:
    return [event.request for event in events if isinstance(event, Send)]


def test_a_follower_joins_syncs_and_is_assigned() -> None:
    member = Member(SETTINGS)
    assert member.next_due() == NEVER
    (join,) = requests(member.rejoin(SUBSCRIPTION, 5))
    assert join == JoinGroup(
        "g", "", None, 10_000, 60_000, "consumer", (("range", write_subscription(SUBSCRIPTION)),)
    )
    assert member.on_reply(joined(), 6) == [Send(SyncGroup("g", "me", None, 1, {}))]
    assert member.on_reply(SyncGroupReply(None, b"mine"), 7) == [Assigned(1, "me", "range", b"mine")]
    assert member.phase is Phase.STABLE


def test_the_leader_is_shown_the_offers_and_brings_the_plan() -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    assert member.on_reply(joined(leader="me"), 0) == [Lead(1, "range", {"me": SUBSCRIPTION})]
    assert member.lead({"me": b"all"}, 1) == [Send(SyncGroup("g", "me", None, 1, {"me": b"all"}))]
    assert member.on_reply(SyncGroupReply(None, b"all"), 2) == [Assigned(1, "me", "range", b"all")]


def test_a_static_leader_that_came_back_syncs_without_a_plan() -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    reply = JoinGroupReply(None, "me", 4, "me", "range", {}, skip_assignment=True)
    assert member.on_reply(reply, 0) == [Send(SyncGroup("g", "me", None, 4, {}))]


def test_a_plan_that_comes_too_late_is_not_sent() -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    member.on_reply(joined(leader="me"), 0)
    member.on_time(1_000)
    assert isinstance(member.on_reply(HeartbeatReply(UnknownMemberIdException("gone")), 1_001)[0], Lost)
    assert member.lead({"me": b"all"}, 1_002) == []


def test_heartbeats_go_out_at_their_interval_one_at_a_time() -> None:
    member = stable()
    assert member.next_due() == 1_000
    assert member.on_time(999) == []
    assert member.on_time(1_000) == [Send(Heartbeat("g", "me", None, 1))]
    assert member.on_time(5_000) == []  # the answer is still out
    assert member.next_due() == 60_000
    assert member.on_reply(HeartbeatReply(None), 5_001) == []
    assert member.on_time(5_002) == [Send(Heartbeat("g", "me", None, 1))]
    member.on_reply(HeartbeatReply(None), 5_003)
    assert member.next_due() == 6_002


def test_a_rebalance_is_told_and_the_member_beats_on_until_its_owner_is_ready() -> None:
    member = stable()
    member.on_time(1_000)
    assert member.on_reply(HeartbeatReply(RebalanceInProgressException("join")), 1_001) == [Rebalance()]
    assert member.phase is Phase.CALLED
    assert member.on_time(2_000) == [Send(Heartbeat("g", "me", None, 1))]
    assert member.on_reply(HeartbeatReply(RebalanceInProgressException("join")), 2_001) == []
    owned = Subscription(("t",), b"", (TopicPartition("t", 0),))
    (join,) = requests(member.rejoin(owned, 2_500))
    assert isinstance(join, JoinGroup)
    assert (join.member_id, join.protocols[0][1]) == ("me", write_subscription(owned))
    assert member.on_time(9_000) == []  # a waiting join keeps the member alive
    assert member.on_reply(HeartbeatReply(RebalanceInProgressException("late")), 9_001) == []
    assert requests(member.on_reply(joined(2), 9_002)) == [SyncGroup("g", "me", None, 2, {})]


def test_a_rebalance_during_sync_calls_the_owner_again() -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    member.on_reply(joined(), 0)
    assert member.on_reply(SyncGroupReply(RebalanceInProgressException("again")), 1) == [Rebalance()]
    assert isinstance(requests(member.rejoin(SUBSCRIPTION, 2))[0], JoinGroup)


def test_a_rejoin_while_a_join_is_out_follows_it() -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    assert member.rejoin(Subscription(("t", "u")), 1) == []
    member.on_reply(joined(), 2)
    assert member.on_reply(SyncGroupReply(None, b"mine"), 3) == [Assigned(1, "me", "range", b"mine"), Rebalance()]
    (join,) = requests(member.rejoin(Subscription(("t", "u")), 4))
    assert isinstance(join, JoinGroup)
    assert join.protocols[0][1] == write_subscription(Subscription(("t", "u")))


@pytest.mark.parametrize(
    ("error", "kept"), [(UnknownMemberIdException("who"), ""), (IllegalGenerationException("old"), "me")]
)
def test_a_lost_membership_is_told_and_made_anew(error: KafkaException, kept: str) -> None:
    member = stable()
    member.on_time(1_000)
    assert member.on_reply(HeartbeatReply(error), 1_001) == [Lost(error)]
    assert (member.phase, member.generation, member.next_due()) == (Phase.IDLE, -1, NEVER)
    (join,) = requests(member.rejoin(SUBSCRIPTION, 1_002))
    assert isinstance(join, JoinGroup)
    assert join.member_id == kept


@pytest.mark.parametrize("error", [FencedInstanceIdException("x"), InconsistentGroupProtocolException("x")])
def test_what_no_retry_can_heal_ends_the_membership(error: KafkaException) -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    assert member.on_reply(JoinGroupReply(error), 1) == [Failed(error)]
    assert member.phase is Phase.IDLE


@pytest.mark.parametrize("error", [DisconnectException("lost"), RebalanceInProgressException("wait")])
def test_a_join_is_tried_again_after_a_pause(error: KafkaException) -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    assert member.on_reply(JoinGroupReply(error), 10) == []
    assert member.next_due() == 110
    assert member.on_time(109) == []
    assert isinstance(requests(member.on_time(110))[0], JoinGroup)


def test_a_sync_that_was_cut_off_joins_again_as_the_same_member() -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    member.on_reply(joined(), 0)
    assert member.on_reply(SyncGroupReply(DisconnectException("lost")), 10) == []
    (join,) = requests(member.on_time(110))
    assert isinstance(join, JoinGroup)
    assert join.member_id == "me"


def test_a_restarted_coordinator_that_knows_the_member_costs_only_a_heartbeat() -> None:
    member = stable()
    member.on_time(1_000)
    assert member.on_reply(HeartbeatReply(DisconnectException("restart")), 1_100) == []
    assert member.next_due() == 1_200
    assert member.on_time(1_200) == [Send(Heartbeat("g", "me", None, 1))]
    assert member.on_reply(HeartbeatReply(None), 1_201) == []
    assert member.phase is Phase.STABLE


def test_an_owner_that_does_not_poll_loses_its_membership() -> None:
    member = stable()
    member.owner_polled(10_000)
    assert member.on_time(69_999) == [Send(Heartbeat("g", "me", None, 1))]
    leave, lost = member.on_time(70_000)
    assert leave == Send(LeaveGroup("g", "me", None))
    assert isinstance(lost, Lost)
    assert isinstance(lost.reason, TimeoutException)
    assert "raise max.poll.interval.ms" in str(lost.reason)
    assert member.phase is Phase.IDLE


def test_leaving_is_said_by_dynamic_members_only() -> None:
    assert stable().leave(5) == [Send(LeaveGroup("g", "me", None))]
    static = stable(member_settings(group_instance_id="i-1"))
    assert static.leave(5) == []
    assert static.phase is Phase.IDLE
    assert Member(SETTINGS).leave(5) == []


def test_a_static_member_names_itself_everywhere() -> None:
    settings = member_settings(group_instance_id="i-1", heartbeat_interval_ms=1_000)
    member = stable(settings)
    assert member.on_time(1_000) == [Send(Heartbeat("g", "me", "i-1", 1))]
    positions = {TopicPartition("t", 0): Position(7, "m")}
    assert member.commit(positions) == CommitOffsets("g", "me", "i-1", 1, positions)


def test_answers_that_no_longer_matter_are_passed_over() -> None:
    member = stable()
    assert member.on_reply(joined(9), 1) == []
    assert member.on_reply(SyncGroupReply(None, b"other"), 1) == []
    assert member.on_reply(CommitOffsetsReply(None), 1) == []
    assert member.generation == 1


def test_damaged_metadata_of_another_member_ends_the_leaders_membership() -> None:
    member = Member(SETTINGS)
    member.rejoin(SUBSCRIPTION, 0)
    (failed,) = member.on_reply(JoinGroupReply(None, "me", 1, "me", "range", {"other": b"\xff"}), 1)
    assert isinstance(failed, Failed)
    assert "Another kind of client" in str(failed.error)
