"""What hostile and unlucky clients can take: each bound of `limits.py`, and its counter."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.base.files import OsFiles
from broker_local.base.limits import Bounds, Descriptors, share_out
from broker_local.base.world import SystemWorld
from broker_local.broker.broker import BrokerSettings
from broker_local.broker.dispatch import open_broker
from broker_local.broker.waits import instant
from broker_local.coordinator.group_state import EMPTY
from broker_local.host.client import RequestFailed, SocketLink
from broker_local.host.server import Server
from broker_local.protocol.requests.connection import PROTOCOL_VERSION, Hello
from broker_local.protocol.requests.groups import Commit, CommitPart, GroupDelete, Join, JoinProtocol
from broker_local.protocol.requests.records import Fetch, FetchPosition, Produce, ProducePart
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.requests.topics import (
    Metadata,
    NewTopic,
    PartitionCount,
    PartitionsAdd,
    TopicCreate,
    TopicDelete,
)
from tests.broker_local.engines import Desk, batch
from tests.broker_local.host.test_server import ended, frame, whole_reply

MB = 1 << 20
TOKEN = "t" * 64


class Standing:
    """A server in a thread, on a Unix socket and on TCP."""

    def __init__(self, directory: Path, bounds: Bounds = Bounds(), connections: int = 1000) -> None:  # noqa: B008
        clock = SystemWorld()
        self.path = str(directory / "s")
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.bind(self.path)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind(("127.0.0.1", 0))
        self.port = tcp.getsockname()[1]
        for each in (unix, tcp):
            each.listen(128)
        (directory / "data").mkdir()
        self.broker = open_broker(OsFiles(str(directory / "data")), BrokerSettings(), instant(clock))
        self.server = Server(
            self.broker, [unix, tcp], clock, token=TOKEN, bounds=bounds, descriptors=Descriptors(connections)
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()

    def raw(self, hello: bool = True) -> socket.socket:
        """A connection over the Unix socket."""
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(20)
        wire.connect(self.path)
        if hello:
            wire.sendall(frame(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "me", TOKEN)))
            whole_reply(wire)
        return wire

    def stranger(self) -> socket.socket:
        """A connection over TCP that has said nothing."""
        return socket.create_connection(("127.0.0.1", self.port), 20)

    def link(self, wire: socket.socket | None = None) -> SocketLink:
        """A link that has said hello."""
        link = SocketLink(wire or self.raw(hello=False))
        link.call(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "me", TOKEN))
        return link

    def stop(self) -> None:
        self.server.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.broker.logs.close()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def standing(stack: ExitStack, directory: Path, bounds: Bounds = Bounds(), connections: int = 1000) -> Standing:  # noqa: B008
    found = Standing(directory, bounds, connections)
    stack.callback(found.stop)
    return found


def begin(wire: socket.socket, length: int, there: int) -> None:
    """Begins a frame of `length` bytes and stops after `there` of them."""
    wire.sendall(struct.pack("<I", length))
    left = there
    while left:
        left -= wire.send(b"x" * min(left, MB))


# Memory ------------------------------------------------------------------------------------------


def test_frames_that_are_begun_and_left_take_no_more_memory_than_has_come(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path)
    for _ in range(25):
        begin(opened.enter_context(broker.raw()), 64 * MB, 70_000)
    link = broker.link()
    opened.callback(link.close)
    assert link.call(Metadata()).topics == ()
    assert broker.server.counters.most_held_bytes < 40 * MB


def test_memory_in_all_is_bounded_and_who_moves_nothing_gives_way(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path, Bounds(held=16 * MB, stalled_ms=200))
    stuck = [opened.enter_context(broker.raw()) for _ in range(4)]
    for wire in stuck:
        begin(wire, 60 * MB, 4 * MB)
    link = broker.link()
    opened.callback(link.close)
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    data = batch(*[b"x" * 500_000] * 2)
    reply = link.call(Produce(-1, tuple(ProducePart("t", 0, data) for _ in range(12))))
    assert [part.error for part in reply.parts] == [0] * 12
    assert broker.server.counters.closed_for_memory >= 1
    assert broker.server.counters.most_held_bytes <= (16 + 12 + 1) * MB  # one frame may go over it


def test_large_frames_that_fill_the_memory_together_all_come_through(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path, Bounds(held=16 * MB, stalled_ms=60_000))
    link = broker.link()
    opened.callback(link.close)
    link.call(TopicCreate((NewTopic("t", 4, {}),)))
    data = batch(*[b"x" * 500_000] * 2)
    failed: list[object] = []

    def send(number: int) -> None:
        mine = broker.link()
        try:
            reply = mine.call(Produce(-1, tuple(ProducePart("t", number, data) for _ in range(10))), 60_000)
            failed.extend(part for part in reply.parts if part.error)
        except Exception as error:
            failed.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert broker.server.counters.closed_for_memory == 0


def test_nothing_large_is_taken_before_the_hello(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path)
    wire = opened.enter_context(broker.stranger())
    wire.sendall(struct.pack("<I", MB) + b"x" * 100)
    _, reply = whole_reply(wire)
    assert isinstance(reply, Failure) and "the most is 8192" in reply.message
    assert ended(wire)
    assert broker.server.counters.most_held_bytes < MB


def test_requests_that_wait_for_much_are_bounded(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path)
    link = broker.link()
    opened.callback(link.close)
    link.call(TopicCreate((NewTopic("t", 10_000, {}),)))
    wide = broker.link()
    opened.callback(wide.close)
    positions = tuple(FetchPosition("t", number, 0, 1, known_end=0) for number in range(10_000))

    def ask() -> None:
        for _ in range(12):  # it is not read on while so much of it waits
            wide.send(Fetch(positions, 600_000, 1))

    asking = threading.Thread(target=ask)
    asking.start()
    reply = link.call(Produce(-1, (ProducePart("t", 7, batch(b"x")),)))
    assert reply.parts[0].error == 0
    asking.join(60)
    assert len(wide.receive(60_000)) >= 1
    assert broker.server.counters.most_held_bytes < 64 * MB


# Time --------------------------------------------------------------------------------------------


def test_a_frame_that_never_ends_ends_its_connection(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path, Bounds(frame_ms=300))
    large, small = opened.enter_context(broker.raw()), opened.enter_context(broker.raw())
    begin(large, 60 * MB, 100_000)
    begin(small, 100, 10)
    assert ended(large) and ended(small)
    assert broker.server.counters.unfinished_frames == 2


def test_a_whole_frame_that_comes_slowly_is_answered(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path)
    wire = opened.enter_context(broker.raw())
    for byte in frame(Metadata(), 9):
        wire.sendall(bytes((byte,)))
    assert whole_reply(wire)[0] == 9
    assert broker.server.counters.unfinished_frames == 0


# Connections -------------------------------------------------------------------------------------


def test_strangers_on_tcp_leave_the_connections_to_the_others(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path, connections=20)
    strangers = [opened.enter_context(broker.stranger()) for _ in range(30)]
    over_unix, over_tcp = broker.link(), broker.link(broker.stranger())
    for link in (over_unix, over_tcp):
        opened.callback(link.close)
        assert link.call(Metadata()).topics == ()
    assert ended(strangers[0])
    assert broker.server.counters.strangers_closed >= 28
    assert broker.server.counters.refused_connections == 0


def test_a_stranger_has_a_short_time_for_its_hello(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path, Bounds(hello_ms=200))
    assert ended(opened.enter_context(broker.stranger()))
    assert broker.server.counters.strangers_closed == 1


def test_one_connection_too_many_is_told_so(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path, connections=3)
    for _ in range(3):
        opened.enter_context(broker.raw())
    _, reply = whole_reply(opened.enter_context(broker.raw(hello=False)))
    assert isinstance(reply, Failure)
    assert reply.message == "3 connections are open, as many as this broker takes; close some"
    assert broker.server.counters.refused_connections == 1


def test_descriptors_are_shared_out_so_that_all_can_be_open_at_once() -> None:
    for limit in (128, 256, 300, 1024, 16_384):
        connections, files, lent = share_out(limit, 1_000)
        assert connections + files + lent < limit
        assert min(connections, files, lent) >= 8
    assert share_out(16_384, 1_000).connections == 1_000


def test_a_client_that_takes_no_replies_is_not_served_on_and_the_others_are(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path)
    link = broker.link()
    opened.callback(link.close)
    link.call(TopicCreate(tuple(NewTopic(f"topic-{number}", 1, {}) for number in range(2_000))))
    deaf = opened.enter_context(broker.raw())
    deaf.settimeout(0.5)
    with pytest.raises(TimeoutError):
        while True:
            deaf.sendall(frame(Metadata()) * 100)
    began = time.monotonic()
    assert len(link.call(Metadata()).topics) == 2_000
    assert time.monotonic() - began < 10
    assert broker.server.counters.most_held_bytes < 64 * MB


def test_what_was_refused_over_a_bound_has_kafkas_number(tmp_path: Path, opened: ExitStack) -> None:
    broker = standing(opened, tmp_path)
    link = broker.link()
    opened.callback(link.close)
    with pytest.raises(RequestFailed, match=r"max_array_len|too many rows") as refused:
        link.call(Metadata(tuple(f"t{number}" for number in range(20_001))))
    assert refused.value.error == ErrorCode.INVALID_REQUEST


# How many of what ---------------------------------------------------------------------------------


def test_a_topic_more_than_the_bound_is_refused_and_counted() -> None:
    desk = Desk(settings=BrokerSettings(max_topics=4, max_partitions=10))  # the groups' own log is one of each
    rows = desk.ask(TopicCreate(tuple(NewTopic(name, 2, {}) for name in "abcd"))).results
    assert [row.error for row in rows] == [0, 0, 0, ErrorCode.POLICY_VIOLATION]
    assert "4 topics" in rows[3].message and "delete some" in rows[3].message
    assert desk.ask(Metadata(("a", "e"), create_missing=True)).topics[1].error == ErrorCode.POLICY_VIOLATION
    assert desk.broker.counters.refused_topics == 2
    desk.ask(TopicDelete(("a",)))
    assert [row.error for row in desk.ask(TopicCreate((NewTopic("d", 2, {}),))).results] == [0]


def test_partitions_of_all_topics_together_have_a_bound() -> None:
    desk = Desk(settings=BrokerSettings(max_partitions=10))
    rows = desk.ask(TopicCreate((NewTopic("a", 5, {}), NewTopic("b", 5, {}), NewTopic("c", 4, {})))).results
    assert [row.error for row in rows] == [0, ErrorCode.POLICY_VIOLATION, 0]
    (row,) = desk.ask(PartitionsAdd((PartitionCount("a", 6),))).results
    assert row.error == ErrorCode.POLICY_VIOLATION and "10 partitions" in row.message
    assert desk.broker.counters.refused_topics == 2
    (row,) = desk.ask(TopicCreate((NewTopic("d", 1, {}),), validate_only=True)).results
    assert row.error == ErrorCode.POLICY_VIOLATION


def commit(group: str, *topics: str) -> Commit:
    return Commit(group, -1, "", None, tuple(CommitPart(topic, 0, 5) for topic in topics))


def test_a_group_more_than_the_bound_is_refused_and_counted_and_those_there_are_go_on() -> None:
    desk = Desk(settings=BrokerSettings(max_groups=2))
    desk.ask(commit("a", "t"))
    desk.ask(commit("b", "t"))
    assert desk.fails(commit("c", "t"))[0] == ErrorCode.POLICY_VIOLATION
    error, said = desk.fails(Join("d", 10_000, 10_000, "", None, "consumer", (JoinProtocol("range", b""),)))
    assert error == ErrorCode.POLICY_VIOLATION and "2 groups" in said and "delete some" in said
    assert desk.broker.counters.refused_groups == 2
    desk.ask(commit("a", "u"))
    desk.ask(GroupDelete(("b",)))
    desk.ask(commit("c", "t"))


def test_an_offset_more_than_the_bound_is_refused_and_those_there_are_move_on() -> None:
    desk = Desk(settings=BrokerSettings(max_offsets=3))
    desk.ask(commit("a", "t", "u"))
    desk.ask(commit("b", "t"))
    assert desk.fails(commit("a", "t", "v"))[0] == ErrorCode.POLICY_VIOLATION
    assert desk.broker.counters.refused_offsets == 1
    desk.ask(commit("a", "t", "u"))


def test_a_connection_that_ends_concerns_only_the_groups_it_asked_for() -> None:
    desk = Desk()
    for number in range(50):
        desk.ask(commit(f"g{number}", "t"), peer=number + 2)
    join = Join("mine", 10_000, 10_000, "", None, "consumer", (JoinProtocol("range", b""),))
    desk.ask(join)
    assert desk.broker.groups.subjects["mine"].phase != EMPTY
    assert desk.broker.groups.asked[1] == {"mine"}
    desk.gone(1)
    assert desk.broker.groups.subjects["mine"].phase == EMPTY and 1 not in desk.broker.groups.asked
