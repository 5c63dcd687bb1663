"""The broker inside this process: the same link, for threads."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator

import pytest

from broker_local.broker.broker import BrokerSettings
from broker_local.host.client import ConnectionLost, Link, RequestFailed
from broker_local.host.inprocess import Engine, connect, forget
from broker_local.protocol.requests.groups import Heartbeat, Join, JoinProtocol
from broker_local.protocol.requests.records import Fetch, FetchPosition, FetchReply, Produce, ProducePart
from broker_local.protocol.requests.topics import Metadata, NewTopic, TopicCreate
from broker_local.protocol.requests.transactions import ProducerId
from tests.broker_local.engines import batch, values_in

NAME = "test-inprocess"


@pytest.fixture
def link() -> Iterator[Link]:
    yield connect(NAME)
    forget(NAME)


def waiting(offset: int, wait_ms: int = 30_000) -> Fetch:
    return Fetch((FetchPosition("t", 0, offset, 1 << 20, known_end=offset),), wait_ms)


def test_one_engine_per_name_until_it_is_forgotten(link: Link) -> None:
    link.call(Produce(-1, (ProducePart("t", 0, batch(b"a")),)))
    assert connect(NAME).call(Metadata()).topics[0].topic == "t"
    assert connect("another").call(Metadata()).topics == ()
    forget("another")
    forget(NAME)
    with pytest.raises(ConnectionLost, match="the engine was closed"):
        link.call(Metadata())
    assert connect(NAME).call(Metadata()).topics == ()


def test_an_append_by_another_thread_ends_a_fetch(link: Link) -> None:
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    correlation = link.send(waiting(0))

    def append() -> None:
        other = connect(NAME)
        other.call(Produce(-1, (ProducePart("t", 0, batch(b"a", b"b")),)))
        other.close()

    thread = threading.Thread(target=append)
    thread.start()
    ((got, reply),) = link.receive(30_000)
    thread.join()
    assert got == correlation and isinstance(reply, FetchReply)
    assert values_in(reply.parts[0].data) == [(0, b"a"), (1, b"b")]


def test_a_fetch_ends_at_its_deadline(link: Link) -> None:
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    correlation = link.send(waiting(0, 30))
    assert link.receive(30_000) == [(correlation, FetchReply(()))]


def test_the_descriptor_is_readable_when_there_is_something_to_take(link: Link) -> None:
    assert select.select([link], [], [], 0)[0] == []
    link.send(Metadata())
    assert select.select([link], [], [], 0)[0] == [link]
    assert len(link.receive(0)) == 1
    assert select.select([link], [], [], 0)[0] == []


def test_wake_ends_a_receive(link: Link) -> None:
    timer = threading.Timer(0.02, link.wake)
    timer.start()
    assert link.receive(60_000) == []
    timer.join()


def test_calls_and_their_ends(link: Link) -> None:
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    with pytest.raises(TimeoutError, match="no answer to Fetch in 10 ms"):
        link.call(waiting(0), 10)
    with pytest.raises(RequestFailed, match="asks for init_transactions"):
        link.call(ProducerId("mine"))
    link.send(Produce(0, (ProducePart("t", 0, batch(b"a")),)))
    assert link.receive(0) == []
    link.close()
    link.close()
    with pytest.raises(ConnectionLost, match="it was closed"):
        link.send(Metadata())


def test_a_closed_link_frees_its_member(link: Link) -> None:
    join = Join("g", 60_000, 60_000, "", None, "consumer", (JoinProtocol("range", b""),))
    other = connect(NAME)
    first = other.call(join)
    correlation = link.send(join)
    assert link.receive(0) == []
    other.close()
    ((got, _),) = link.receive(30_000)
    assert got == correlation
    with pytest.raises(RequestFailed):
        link.call(Heartbeat("g", 1, first.member_id, None))


def test_timers_run_while_somebody_waits(link: Link) -> None:
    join = Join("g", 100, 60_000, "", None, "consumer", (JoinProtocol("range", b""),))
    other = connect(NAME)
    other.call(join)
    link.send(join)
    assert len(link.receive(30_000)) == 1


def test_durable_engines_acknowledge_too() -> None:
    engine = Engine(settings=BrokerSettings(durability="durable"))
    link = engine.connect()
    assert link.call(Produce(-1, (ProducePart("t", 0, batch(b"a")),))).parts[0].base_offset == 0
    engine.close()


def test_many_threads(link: Link) -> None:
    link.call(TopicCreate((NewTopic("t", 4, {}),)))

    def load(partition: int) -> None:
        own = connect(NAME)
        for number in range(50):
            own.call(Produce(-1, (ProducePart("t", partition, batch(b"%d" % number)),)))
        own.close()

    threads = [threading.Thread(target=load, args=(partition,)) for partition in range(4)]
    for thread in threads:
        thread.start()
    position = dict.fromkeys(range(4), 0)
    while sum(position.values()) < 200:
        here = tuple(FetchPosition("t", each, at, 1 << 20, known_end=at) for each, at in position.items())
        for part in link.call(Fetch(here, 5_000)).parts:
            rows = values_in(part.data)
            assert [value for _, value in rows] == [b"%d" % offset for offset, _ in rows]
            position[part.partition] = rows[-1][0] + 1
    for thread in threads:
        thread.join()
