"""What members tell of themselves is kept by the broker, bounded, and given to whoever asks for the group."""

from __future__ import annotations

import msgpack
import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.coordinator import group as groups
from broker_local.coordinator.effects import Call
from broker_local.coordinator.group_state import Group, GroupState, Member, StateRecord, replay
from broker_local.protocol.codec import BadHead, decode
from broker_local.protocol.requests.groups import Heartbeat, Leave, Leaver
from broker_local.protocol.requests.request import Failure


def group_of(*members: str) -> Group:
    listed = tuple(Member(name, None, "c", 1_000, 1_000, ()) for name in members)
    group = replay(Group("g"), StateRecord("g", GroupState(1, "consumer", "p", members[0], listed, True)))
    groups.resume(group, 0)
    return group


def beat(group: Group, member: str, status: bytes) -> None:
    groups.on_heartbeat(group, Call(1, 1, "c", 0, 0), Heartbeat("g", 1, member, None, status))


def told(group: Group) -> dict[str, bytes]:
    return {member.member_id: member.status for member in groups.describe(group).members}


def test_the_last_status_of_each_member_is_shown() -> None:
    group = group_of("a", "b")
    beat(group, "a", b"one")
    beat(group, "a", b"two")
    beat(group, "a", b"")  # says nothing new
    assert told(group) == {"a": b"two", "b": b""}
    assert groups.describe(group).departed == ()


def test_a_stranger_tells_nothing() -> None:
    group = group_of("a")
    (effect,) = groups.on_heartbeat(group, Call(1, 1, "c", 0, 0), Heartbeat("g", 1, "who", None, b"lies"))
    body = getattr(effect, "body")  # noqa: B009
    assert isinstance(body, Failure) and body.error == ErrorCode.UNKNOWN_MEMBER_ID
    assert told(group) == {"a": b""} and groups.describe(group).departed == ()


def test_the_last_words_of_those_that_have_gone_stay() -> None:
    group = group_of("a", "b")
    beat(group, "a", b"one")
    groups.on_leave(group, Call(1, 1, "c", 0, 0), Leave("g", (Leaver("a"),), b"last"))
    replay(group, StateRecord("g", GroupState(2, "consumer", "p", "b", (group.state.members[1],), True)))
    assert told(group) == {"b": b""} and groups.describe(group).departed == (b"last",)


def test_only_so_many_last_words_are_kept_and_none_of_a_member_is_lost() -> None:
    group = group_of("stays")
    beat(group, "stays", b"here")
    stays = group.state.members[0]
    for number in range(groups.DEPARTED + 40):
        come = Member(f"m{number}", None, "c", 1_000, 1_000, ())
        replay(group, StateRecord("g", GroupState(1, "consumer", "p", "stays", (stays, come), True)))
        groups.resume(group, 0)
        beat(group, come.member_id, str(number).encode())
    replay(group, StateRecord("g", GroupState(1, "consumer", "p", "stays", (stays,), True)))
    departed = groups.describe(group).departed
    assert told(group) == {"stays": b"here"}
    assert departed[-1] == str(groups.DEPARTED + 39).encode() and len(departed) <= groups.DEPARTED + 1


def test_frames_without_a_status_are_understood_and_long_ones_refused() -> None:
    fields = {"group": "g", "generation": 1, "member_id": "m", "instance_id": None}
    assert decode(Heartbeat, msgpack.packb(fields)) == Heartbeat("g", 1, "m", None)
    assert decode(Heartbeat, msgpack.packb({**fields, "status": b"x" * 1024})).status == b"x" * 1024
    with pytest.raises(BadHead):
        decode(Heartbeat, msgpack.packb({**fields, "status": b"x" * 1025}))
