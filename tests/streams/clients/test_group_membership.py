"""A membership that the background thread keeps alive, and the background thread itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from streams.clients.api import Admin, Door, GroupReply, GroupRequest, JoinGroupReply, Position
from streams.clients.assignors import Subscription
from streams.clients.background import BackgroundThread
from streams.clients.connect import connect
from streams.clients.group_membership import GroupMembership, MembershipEvent
from streams.clients.member import Assigned, Failed, Lead, Lost, MemberSettings, Rebalance
from streams.errors import DisconnectException, TimeoutException, UnknownMemberIdException
from streams.record import TopicPartition
from streams.world import SYSTEM
from tests.engines import until
from tests.streams.clients.steps import member_settings

SETTINGS = member_settings(heartbeat_interval_ms=10)
ZERO = TopicPartition("t", 0)


@pytest.fixture
def door(address: str) -> Iterator[Door]:
    with closing(connect(address)) as door:
        door.admin().create_topic("t", 1, {})
        yield door


class Owner:
    """Takes part as a consumer would, and notes the news."""

    def __init__(self, door: Door, settings: MemberSettings = SETTINGS) -> None:
        self.rung = threading.Event()
        self.membership = GroupMembership(door, settings, self.rung.set)
        self.news: list[MembershipEvent] = []

    def turn(self) -> list[MembershipEvent]:
        """All the news so far."""
        for event in self.membership.take():
            self.news.append(event)
            if isinstance(event, Lead):
                self.membership.lead({member: member.encode() for member in event.members})
            if isinstance(event, Rebalance | Lost):
                self.membership.rejoin(Subscription(("t",)))
        return self.news

    def until(self, kind: type[MembershipEvent]) -> MembershipEvent:
        """Turns until the last news is of a kind; waits for the bell in between."""
        until(lambda: isinstance([None, *self.turn()][-1], kind))
        return self.news[-1]


def test_the_bell_rings_for_news_and_heartbeats_go_on_without_the_owner(door: Door) -> None:
    owner = Owner(door)
    with closing(owner.membership) as membership:
        membership.rejoin(Subscription(("t",)))
        assert owner.rung.wait(20)
        assigned = owner.until(Assigned)
        assert isinstance(assigned, Assigned)
        assert assigned.assignment == membership.member_id.encode()
        owner.rung.clear()
        other = Owner(door)
        with closing(other.membership):
            other.membership.rejoin(Subscription(("t",)))
            assert owner.rung.wait(20)  # a heartbeat of the background thread has heard of it
            owner.until(Assigned)
            other.until(Assigned)
            assert owner.membership.generation == other.membership.generation == assigned.generation + 1


def test_an_owner_that_does_not_show_itself_is_out(door: Door) -> None:
    owner = Owner(door, member_settings(max_poll_interval_ms=30))
    with closing(owner.membership) as membership:
        membership.rejoin(Subscription(("t",)))
        lost = owner.until(Lost)
        assert isinstance(lost, Lost)
        assert isinstance(lost.reason, TimeoutException)


def test_positions_are_committed_with_the_membership(door: Door) -> None:
    owner = Owner(door)
    with closing(owner.membership) as membership:
        membership.rejoin(Subscription(("t",)))
        owner.until(Assigned)
        membership.commit_now({ZERO: Position(3, "text")}, 20_000)
        assert membership.committed([ZERO, TopicPartition("t", 1)], 20_000) == {ZERO: Position(3, "text")}
        outcomes: list[object] = []
        membership.commit({ZERO: Position(4)}, outcomes.append)
        until(lambda: owner.turn() and outcomes)
        assert outcomes == [None]
        membership.leave()
        stranger = Owner(door)
        with closing(stranger.membership):
            stranger.membership.rejoin(Subscription(("t",)))
            stranger.until(Assigned)
            with pytest.raises(UnknownMemberIdException):
                membership.commit_now({ZERO: Position(5)}, 20_000)
    assert committed(door.admin()) == 4


def committed(admin: Admin) -> int:
    return admin.describe_group("g").offsets[ZERO].offset


def test_without_a_membership_it_commits_for_an_empty_group(door: Door) -> None:
    with closing(GroupMembership(door, SETTINGS, lambda: None)) as membership:
        membership.commit_now({ZERO: Position(7)}, 20_000)
        membership.commit_now({}, 20_000)
    assert committed(door.admin()) == 7


def test_what_is_safe_is_committed_by_itself_once(door: Door) -> None:
    owner = Owner(door)
    with closing(owner.membership) as membership:
        membership.rejoin(Subscription(("t",)))
        owner.until(Assigned)
        membership.commit_by_itself(5)
        membership.safe({ZERO: Position(2)})
        until(lambda: ZERO in door.admin().describe_group("g").offsets)
        assert committed(door.admin()) == 2
        until(lambda: membership.next_due() > membership.now() - 1_000)
        membership.safe({ZERO: Position(3)})
        until(lambda: committed(door.admin()) == 3)


def test_a_member_that_others_cannot_work_with_is_told_for_good(door: Door) -> None:
    one, two = Owner(door), Owner(door, member_settings("roundrobin"))
    with closing(one.membership), closing(two.membership):
        one.membership.rejoin(Subscription(("t",)))
        one.until(Assigned)
        two.membership.rejoin(Subscription(("t",)))
        failed = two.until(Failed)
        assert isinstance(failed, Failed)
        assert type(failed.error).__name__ == "InconsistentGroupProtocolException"


class Silent:
    """A coordinator that never answers."""

    def send(self, request: GroupRequest) -> int:
        return 0

    def receive(self, timeout_ms: int) -> list[tuple[int, GroupReply]]:
        return []

    def fileno(self) -> int:
        return -1

    def next_due(self) -> int:
        return 2**63 - 1

    def wake(self) -> None:
        return None

    def close(self) -> None:
        return None


def test_an_answer_that_does_not_come_is_a_timeout(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "link", Silent)
    with (
        closing(GroupMembership(door, SETTINGS, lambda: None)) as membership,
        pytest.raises(TimeoutException, match="Group 'g': no answer from the coordinator in 5 ms"),
    ):
        membership.commit_now({ZERO: Position(1)}, 5)


class CutOff(Silent):
    """A coordinator whose connection is lost at the first request, and who has no descriptor then to say so."""

    def __init__(self) -> None:
        self.joins = 0

    def send(self, request: GroupRequest) -> int:
        self.joins += 1
        return self.joins

    def receive(self, timeout_ms: int) -> list[tuple[int, GroupReply]]:
        cut, self.told = self.joins == 1 and not self.told, True
        return [(1, JoinGroupReply(DisconnectException("lost")))] if cut else []

    told = False


def test_who_joins_over_a_lost_connection_asks_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    link = CutOff()
    monkeypatch.setattr(door, "link", lambda: link)
    with closing(GroupMembership(door, SETTINGS, lambda: None)) as membership:
        membership.rejoin(Subscription(("t",)))
        until(lambda: link.joins == 2)


# The background thread


class Counting:
    """A client that is due at a time, or has a descriptor, and counts its calls."""

    def __init__(self, due: int, descriptor: int = -1, broken: bool = False) -> None:
        self.due = due
        self.descriptor = descriptor
        self.broken = broken
        self.polled = threading.Event()
        self.calls = 0

    def fileno(self) -> int:
        return self.descriptor

    def next_due(self) -> int:
        return self.due

    def poll_once(self, now: int) -> None:
        self.calls += 1
        self.due = 2**62
        if self.descriptor >= 0:
            os.read(self.descriptor, 100)
        self.polled.set()
        if self.broken:
            raise RuntimeError("a fault")


def test_clients_are_polled_when_due_or_readable_and_a_fault_costs_one_of_them() -> None:
    background = BackgroundThread(SYSTEM)
    read, write = os.pipe()
    due, readable, broken = Counting(0), Counting(2**62, read), Counting(0, broken=True)
    for each in (broken, due, readable):
        background.add(each)
    assert due.polled.wait(20)
    assert broken.polled.wait(20)
    assert readable.calls == 0
    os.write(write, b"x")
    assert readable.polled.wait(20)
    due.polled.clear()
    due.due = broken.due = 0
    background.wake()
    assert due.polled.wait(20)
    assert broken.calls == 1
    for each in (due, readable):
        background.remove(each)
    until(lambda: background._woken is None)  # its thread has nobody left
    os.close(read)
    os.close(write)
