"""The loop over real sockets, and the client's link against it."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_local.base.error_codes import ErrorCode
from broker_local.base.files import OsFiles
from broker_local.base.limits import Bounds
from broker_local.base.world import SystemWorld
from broker_local.broker.broker import BrokerSettings
from broker_local.broker.dispatch import open_broker
from broker_local.broker.waits import instant
from broker_local.host.client import ConnectionLost, RequestFailed, SocketLink
from broker_local.host.server import Server
from broker_local.protocol.requests.connection import PROTOCOL_VERSION, Hello
from broker_local.protocol.requests.groups import Join, JoinProtocol
from broker_local.protocol.requests.records import Fetch, FetchPosition, FetchReply, Produce, ProducePart, ProduceReply
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.requests.topics import Metadata, NewTopic, TopicCreate
from broker_local.protocol.wire import MAX_REQUEST, read_reply, request_frame
from tests.broker_local.engines import batch, values_in


class Running:
    """A server in a thread of its own, on a Unix socket."""

    def __init__(
        self, directory: Path, token: str | None = None, durability: str = "process", hello_ms: int = 10_000
    ) -> None:
        clock = SystemWorld()
        chosen = BrokerSettings(durability="durable" if durability == "durable" else "process")
        self.path = str(directory / "s")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.path)
        listener.listen()
        data = directory / "data"
        data.mkdir()
        self.broker = open_broker(OsFiles(str(data)), chosen, instant(clock))
        self.server = Server(self.broker, [listener], clock, token=token, bounds=Bounds(hello_ms=hello_ms))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()

    def raw(self) -> socket.socket:
        """A connection that has said nothing yet."""
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(10)
        wire.connect(self.path)
        return wire

    def link(self, client: str = "me", token: str | None = None) -> SocketLink:
        """A link that has said hello."""
        link = SocketLink(self.raw())
        link.call(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, client, token))
        return link

    def stop(self) -> None:
        self.server.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path)
    yield server
    server.stop()
    server.broker.logs.close()


def whole_reply(wire: socket.socket) -> tuple[int, object]:
    """The next reply of a raw connection."""
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack("<I", data[:4])[0]:
        wanted = 4 - len(data) if len(data) < 4 else 4 + struct.unpack("<I", data[:4])[0] - len(data)
        more = wire.recv(wanted)
        assert more, "the connection ended inside a frame"
        data += more
    return read_reply(memoryview(data)[4:])


def frame(request: object, correlation: int = 0) -> bytes:
    return b"".join(request_frame(request, correlation))  # type: ignore[arg-type]


def ended(wire: socket.socket) -> bool:
    """Does the broker end the connection, whatever else it says first?"""
    with contextlib.suppress(ConnectionError):
        while wire.recv(4096):
            continue
    return True


def test_a_connection_begins_with_one_hello(running: Running) -> None:
    with running.raw() as wire:
        wire.sendall(frame(Metadata(), 5))
        correlation, reply = whole_reply(wire)
        assert (correlation, reply) == (
            5,
            Failure(ErrorCode.INVALID_REQUEST, "a connection begins with one hello"),
        )
        assert ended(wire)


@pytest.mark.parametrize(
    ("lowest", "highest", "said"),
    [
        (PROTOCOL_VERSION + 1, 9, f"the client {PROTOCOL_VERSION + 1} to 9; it is older and ends when"),
        (0, PROTOCOL_VERSION - 1, f"the client 0 to {PROTOCOL_VERSION - 1}; the client is older: install the version"),
    ],
)
def test_versions_without_overlap_are_told(running: Running, lowest: int, highest: int, said: str) -> None:
    with running.raw() as wire:
        wire.sendall(frame(Hello(lowest, highest, "other")))
        _, reply = whole_reply(wire)
        assert isinstance(reply, Failure) and reply.error == ErrorCode.UNSUPPORTED_VERSION
        assert f"this broker speaks protocol {PROTOCOL_VERSION}, {said}" in reply.message
        assert ended(wire)


def test_who_says_nothing_is_dropped(tmp_path: Path) -> None:
    server = Running(tmp_path, hello_ms=500)
    good = server.link()
    with server.raw() as wire:
        assert wire.recv(1) == b""
    assert good.call(Metadata()).topics == ()
    good.close()
    server.stop()


def test_a_call_leaves_a_wake_to_the_next_receive(running: Running) -> None:
    link = running.link()
    link.wake()
    assert link.call(Metadata()).topics == ()
    assert link.receive(60_000) == []
    link.close()


def test_the_token_is_asked_for(tmp_path: Path) -> None:
    server = Running(tmp_path, token="secret")
    for token in (None, "", "secre", "secrets"):
        with pytest.raises(RequestFailed, match="the token is missing or wrong"):
            server.link(token=token)
    assert server.link(token="secret").call(Metadata()).topics == ()
    server.stop()


@given(st.binary(min_size=1, max_size=200), st.booleans())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_cost_only_their_own_connection(running: Running, data: bytes, greeted: bool) -> None:
    good = running.link()
    with running.raw() as wire:
        if greeted:
            wire.sendall(frame(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "fuzz")))
            whole_reply(wire)
        with contextlib.suppress(BrokenPipeError):
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
        assert ended(wire)
    assert good.call(Metadata()).topics == ()
    good.close()


def test_a_frame_that_is_too_long_ends_its_connection(running: Running) -> None:
    with running.raw() as wire:
        wire.sendall(frame(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "me")))
        whole_reply(wire)
        wire.sendall(struct.pack("<I", MAX_REQUEST + 1) + b"x" * 100)
        _, reply = whole_reply(wire)
        assert isinstance(reply, Failure) and f"the most is {MAX_REQUEST}" in reply.message
        assert ended(wire)


def test_unknown_requests_are_refused_and_the_connection_goes_on(running: Running) -> None:
    with running.raw() as wire:
        wire.sendall(frame(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "me")))
        whole_reply(wire)
        wire.sendall(struct.pack("<IBBII", 10, 200, 1, 3, 0))
        correlation, reply = whole_reply(wire)
        assert correlation == 3 and isinstance(reply, Failure)
        assert reply.error == ErrorCode.UNSUPPORTED_VERSION
        wire.sendall(frame(Metadata(), 4))
        assert whole_reply(wire)[0] == 4


def test_later_requests_overtake_a_fetch_that_waits(running: Running) -> None:
    link, other = running.link(), running.link()
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    waiting = link.send(Fetch((FetchPosition("t", 0, 0, 1000, known_end=0),), 30_000))
    assert link.call(Metadata()).topics[0].topic == "t"
    other.call(Produce(1, (ProducePart("t", 0, batch(b"a")),)))
    ((correlation, reply),) = link.receive(10_000)
    assert correlation == waiting and isinstance(reply, FetchReply)
    assert values_in(reply.parts[0].data) == [(0, b"a")]
    link.close()
    other.close()


def test_acks_0_is_not_answered(running: Running) -> None:
    link = running.link()
    for _ in range(100):
        link.send(Produce(0, (ProducePart("t", 0, batch(b"a")),)))
    assert link.call(Metadata()).topics[0].topic == "t"
    assert link.receive(0) == []
    reply = link.call(Fetch((FetchPosition("t", 0, 0, 1 << 20),), 0))
    assert reply.parts[0].readable_end == 100
    link.close()


def test_wake_ends_a_receive(running: Running) -> None:
    link = running.link()
    waker = threading.Timer(0.05, link.wake)
    waker.start()
    assert link.receive(60_000) == []
    waker.join()
    link.wake()
    assert link.receive(60_000) == []
    link.close()


def test_a_late_answer_to_a_call_is_thrown_away(running: Running) -> None:
    link = running.link()
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    with pytest.raises(TimeoutError, match="no answer to Fetch in 20 ms"):
        link.call(Fetch((FetchPosition("t", 0, 0, 1000, known_end=0),), 200), 20)
    correlation = link.send(Fetch((FetchPosition("t", 0, 0, 1000, known_end=0),), 400))
    assert [got for got, _ in link.receive(10_000)] == [correlation]
    link.close()


def test_large_batches_come_through_whole(running: Running) -> None:
    link = running.link()
    link.call(TopicCreate((NewTopic("t", 1, {"max.message.bytes": str(40_000_000)}),)))
    large = [bytes([number]) * 3_000_000 for number in range(4)]
    for value in large:
        link.send(Produce(1, (ProducePart("t", 0, batch(value, value)),)))
    answered = 0
    while answered < len(large):
        for _, reply in link.receive(10_000):
            assert isinstance(reply, ProduceReply) and reply.parts[0].error == ErrorCode.NONE
            answered += 1
    reply = link.call(Fetch((FetchPosition("t", 0, 0, 100_000_000),), 0))
    assert [value for _, value in values_in(reply.parts[0].data)] == [each for each in large for _ in (0, 1)]
    link.close()


def test_who_does_not_read_is_not_read_and_holds_up_nobody(running: Running) -> None:
    good = running.link()
    good.call(TopicCreate((NewTopic("t", 1, {}),)))
    good.call(Produce(1, (ProducePart("t", 0, batch(b"x" * 20_000)),)))
    with running.raw() as wire:
        wire.sendall(frame(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "lazy")))
        whole_reply(wire)
        wire.setblocking(False)
        asked, rest = 0, b""
        while select.select([], [wire], [], 1.0)[1]:
            rest = rest or frame(Fetch((FetchPosition("t", 0, 0, 100_000),), 0), asked)
            with contextlib.suppress(BlockingIOError):
                sent = wire.send(rest)
                rest = rest[sent:]
                asked += not rest
            assert asked < 500_000, "the broker reads on and on"
        assert good.call(Metadata()).topics[0].topic == "t"
        wire.settimeout(10)
        for number in range(asked):
            correlation, reply = whole_reply(wire)
            assert correlation == number and isinstance(reply, FetchReply)
    good.close()


def test_many_requests_at_once_do_not_lock_up(running: Running) -> None:
    link = running.link()
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    data = batch(b"x" * 500_000)
    for _ in range(20):
        link.call(Produce(1, (ProducePart("t", 0, data),)))
    sent = [link.send(Fetch((FetchPosition("t", 0, 0, 10_000_000),), 0)) for _ in range(60)]
    came: list[int] = []
    while len(came) < len(sent):
        came.extend(correlation for correlation, _ in link.receive(10_000))
    assert came == sent
    link.close()


def test_a_lost_broker_is_told_after_the_last_replies(tmp_path: Path) -> None:
    server = Running(tmp_path)
    link = server.link()
    link.send(Metadata())
    select.select([link], [], [], 10)
    server.stop()
    assert len(link.receive(10_000)) == 1
    with pytest.raises(ConnectionLost, match="the connection to the broker is lost"):
        link.receive(10_000)
    with pytest.raises(ConnectionLost):
        link.send(Metadata())


def test_a_closed_connection_frees_its_member(running: Running) -> None:
    first, second = running.link(), running.link()
    join = Join("g", 60_000, 60_000, "", None, "consumer", (JoinProtocol("range", b""),))
    first.call(join)
    waiting = second.send(join)
    assert second.receive(0) == []
    first.close()
    ((correlation, _),) = second.receive(10_000)
    assert correlation == waiting
    second.close()


def test_durable_acknowledges_after_the_fsync(tmp_path: Path) -> None:
    server = Running(tmp_path, durability="durable")
    link = server.link()
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    sent = [link.send(Produce(-1, (ProducePart("t", 0, batch(b"%d" % each)),))) for each in range(50)]
    came: list[int] = []
    while len(came) < len(sent):
        came.extend(correlation for correlation, _ in link.receive(10_000))
    assert sorted(came) == sent
    assert server.broker.logs.partition("t", 0).durable_end == 50
    link.close()
    server.stop()
