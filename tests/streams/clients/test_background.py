"""No background thread dies in silence: a fault that is planted in it ends the work of those it serves, by name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from broker_local.host import inprocess
from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.app import State
from streams.clients import Consumer, Producer, ProducerRecord, TopicPartition
from streams.clients.accumulator import RecordAccumulator
from streams.clients.api import Door, Position
from streams.clients.background import BackgroundThread, background_of
from streams.clients.connect import connect
from streams.clients.group_membership import GroupMembership
from streams.clients.local import transport
from streams.clients.member import Member
from streams.errors import BackgroundThreadException, InvalidRecordException, RecordTooLargeException
from streams.runtime.compile import aio
from streams.world import SYSTEM
from tests.engines import until
from tests.streams.clients.steps import member_settings

PATIENCE_S = 30.0


@pytest.fixture
def door(address: str) -> Iterator[Door]:
    with closing(connect(address)) as door:
        door.admin().create_topic("t", 1, {})
        yield door


def planted(*arguments: object, **keywords: object) -> Any:
    raise ZeroDivisionError("planted")


def values(address: str) -> list[object]:
    """What is in the topic."""
    with Consumer(bootstrap_servers=address) as consumer:
        zero = TopicPartition("t", 0)
        consumer.assign([zero])
        consumer.seek_to_beginning()
        end, found = consumer.end_offsets([zero])[zero], list[object]()
        until(lambda: found.extend(record.value for record in consumer.poll(50)) or consumer.position(zero) >= end)
        return found


class Polling:
    """A client that is always due; what `fault` names raises."""

    def __init__(self, fault: str = "", error: BaseException | None = None) -> None:
        self.fault = fault
        self.error = error or ZeroDivisionError("planted")
        self.polled = 0
        self.told: list[BaseException] = []

    def _maybe(self, what: str) -> None:
        if what == self.fault:
            raise self.error

    def fileno(self) -> int:
        self._maybe("fileno")
        return -1

    def next_due(self) -> int:
        self._maybe("next_due")
        return 0

    def poll_once(self, now: int) -> None:
        self._maybe("poll_once")
        self.polled += 1

    def failed(self, error: BaseException) -> None:
        self.told.append(error)


# The background thread


@pytest.mark.parametrize("error", [ZeroDivisionError("planted"), SystemExit(3), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("fault", ["fileno", "next_due", "poll_once"])
def test_a_client_that_fails_is_told_and_the_others_go_on(fault: str, error: BaseException) -> None:
    served, bad, good = BackgroundThread(SYSTEM), Polling(fault, error), Polling()
    served.add(bad)
    served.add(good)
    until(lambda: bad.told)
    seen = good.polled
    until(lambda: good.polled > seen + 3)
    assert bad.told == [error] and good.told == []
    served.remove(good)


def test_a_background_thread_that_fails_tells_all_whom_it_serves_and_the_next_one_has_a_new_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served, polled = BackgroundThread(SYSTEM), [Polling(), Polling()]
    with monkeypatch.context() as faulty:
        faulty.setattr(BackgroundThread, "_wait", planted)
        for each in polled:
            with suppress(OSError):  # the thread may have ended before the second came
                served.add(each)
        until(lambda: all(each.told for each in polled[:1]))
    again = Polling()
    served.add(again)
    until(lambda: again.polled > 1)
    assert again.told == []
    served.remove(again)


# The producer


def test_a_producer_whose_delivery_fails_says_so_for_every_record_and_lets_go(
    address: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(bootstrap_servers=address, linger_ms=600_000)
    first, second = (producer.send(ProducerRecord("t", value, partition=0)) for value in (b"1", b"2"))
    with monkeypatch.context() as faulty:
        faulty.setattr(RecordAccumulator, "next_due", planted)
        background_of(SYSTEM).wake()
        for future in (first, second):
            failure = future.exception(PATIENCE_S)
            assert isinstance(failure, BackgroundThreadException) and "ZeroDivisionError('planted')" in str(failure)
    later = ProducerRecord("t", b"3")
    for call in (lambda: producer.send(later), producer.flush, lambda: producer.partitions_for("t")):
        with pytest.raises(BackgroundThreadException, match="background work failed: ZeroDivisionError"):
            call()
    producer.close()
    with Producer(bootstrap_servers=address) as another:
        another.send(ProducerRecord("t", b"later"))
    assert values(address) == [b"later"]


def test_a_flush_that_waits_ends_when_delivery_fails(address: str, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer(bootstrap_servers=address, linger_ms=600_000)
    ended: list[BaseException] = []

    def flushing() -> None:
        try:
            producer.flush()
        except BackgroundThreadException as error:
            ended.append(error)

    monkeypatch.setattr(producer._writer, "send", lambda *arguments: None)  # an engine that never answers
    future = producer.send(ProducerRecord("t", b"1", partition=0))
    thread = threading.Thread(target=flushing)
    thread.start()
    until(lambda: producer._unfinished)
    monkeypatch.setattr(producer._writer, "await_acks", planted)
    monkeypatch.setattr(producer._writer, "next_due", lambda: 0)
    background_of(SYSTEM).wake()
    thread.join(PATIENCE_S)
    assert len(ended) == 1 and isinstance(future.exception(0), BackgroundThreadException)
    producer.close()


def test_a_batch_that_cannot_be_made_fails_alone(address: str, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record was checked, so this is a fault of ours; even so nobody else suffers by it."""
    whole = transport.pack

    def pack(keys: Any, column: Any, *more: Any) -> Any:
        return planted() if b"odd" in column else whole(keys, column, *more)

    monkeypatch.setattr(transport, "pack", pack)
    with Producer(bootstrap_servers=address, batch_size=1, linger_ms=600_000) as producer:
        sent = [producer.send(ProducerRecord("t", value, partition=0)) for value in (b"good", b"odd", b"good too")]
        producer.flush()
        refused = sent[1].exception(0)
        assert isinstance(refused, InvalidRecordException) and "planted" in str(refused)
        assert [sent[at].result(0).offset for at in (0, 2)] == [0, 1]
    assert values(address) == [b"good", b"good too"]


def test_a_record_that_is_too_large_fails_alone(address: str, door: Door) -> None:
    with Producer(bootstrap_servers=address, linger_ms=50, max_request_size=2_000) as producer:
        sent = [
            producer.send(ProducerRecord("t", b"good", partition=0)),
            producer.send(ProducerRecord("t", b"x" * 2_000, partition=0)),
            producer.send(ProducerRecord("t", b"v", partition=0, headers=[("h", b"x" * 100)] * 20)),
            producer.send(ProducerRecord("t", b"good too", partition=0)),
        ]
        producer.flush()
        assert [type(each.exception(0)) for each in sent] == [
            type(None), RecordTooLargeException, RecordTooLargeException, type(None),
        ]  # fmt: skip
    assert values(address) == [b"good", b"good too"]


@pytest.mark.parametrize("error", [ZeroDivisionError("planted"), SystemExit(3)], ids=repr)
def test_a_callback_that_raises_costs_no_other_record_its_answer(
    address: str, door: Door, error: BaseException
) -> None:
    def callback(*arguments: object) -> None:
        raise error

    producer = Producer(bootstrap_servers=address, linger_ms=5)
    sent = [
        producer.send(ProducerRecord("t", b"%d" % at, partition=0), callback if not at else None) for at in range(5)
    ]
    assert [each.result(PATIENCE_S).offset for each in sent] == list(range(5))
    producer.close()
    assert len(values(address)) == 5


# Memberships


def test_a_membership_whose_heartbeats_fail_is_over_and_its_owner_is_told(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung = threading.Event()
    with closing(GroupMembership(door, member_settings(heartbeat_interval_ms=10), rung.set)) as membership:
        monkeypatch.setattr(Member, "on_time", planted)
        monkeypatch.setattr(Member, "next_due", lambda self: 0)
        background_of(SYSTEM).wake()
        assert rung.wait(PATIENCE_S)
        until(lambda: membership._fault is not None)
        zero = TopicPartition("t", 0)
        for call in (
            membership.take,
            lambda: membership.commit({}),
            lambda: membership.commit_now({zero: (0, "")}, 10_000),  # type: ignore[dict-item]
            lambda: membership.committed([zero], 10_000),
            lambda: membership.safe({}),
        ):
            with pytest.raises(BackgroundThreadException, match=r"membership in group 'g' has ended.*planted"):
                call()


def test_a_consumer_whose_heartbeats_fail_says_so_at_its_next_poll(
    address: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = Consumer(bootstrap_servers=address, group_id="g")
    consumer.subscribe("t")
    until(lambda: consumer.poll(50) or consumer.assignment())
    with monkeypatch.context() as faulty:
        faulty.setattr(Member, "on_time", planted)
        faulty.setattr(Member, "next_due", lambda self: 0)
        background_of(SYSTEM).wake()
        with pytest.raises(BackgroundThreadException, match=r"group 'g' has ended.*ZeroDivisionError\('planted'\)"):
            until(lambda: consumer.poll(50))
    with pytest.raises(BackgroundThreadException):  # what would have been committed is not
        consumer.close()
    consumer.close()


def test_an_application_whose_heartbeats_fail_ends_with_that_cause(
    address: str, door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    builder = StreamsBuilder()
    builder.stream("t", key_serde=Serdes.bytes(), value_serde=Serdes.bytes()).foreach(lambda key, value: None)
    with KafkaStreams(builder, application_id="app", bootstrap_servers=address, state_dir=str(tmp_path)) as app:
        assert app.wait_until_running(30_000)
        with monkeypatch.context() as faulty:
            faulty.setattr(Member, "on_time", planted)
            faulty.setattr(Member, "next_due", lambda self: 0)
            background_of(SYSTEM).wake()
            until(lambda: app.state is State.ERROR)
        assert isinstance(app.failure, BackgroundThreadException) and "planted" in str(app.failure)


def test_an_automatic_commit_that_is_refused_is_told(
    address: str, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"enable.auto.commit": True, "auto.commit.interval.ms": 1, "auto.offset.reset": "earliest"}
    with Producer(bootstrap_servers=address) as producer:
        producer.send(ProducerRecord("t", b"v"))
    with Consumer({"bootstrap.servers": address, "group.id": "g", **settings}) as consumer:
        consumer.assign([TopicPartition("t", 0)])
        until(lambda: consumer.poll(50))
        door.admin().delete_topic("t")
        assert consumer._membership is not None
        consumer._membership.safe({TopicPartition("t", 0): Position(5, "x" * 100_000)})
        background_of(SYSTEM).wake()
        until(lambda: "The automatic commit of group g failed" in caplog.text)
        consumer._membership.safe({})


# The engine inside this process: whoever drives it has its faults


def test_a_fault_of_the_engine_in_this_process_reaches_whoever_asks(
    address: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(bootstrap_servers=address, linger_ms=20)
    future = producer.send(ProducerRecord("t", b"1", partition=0))
    with monkeypatch.context() as faulty:
        faulty.setattr(inprocess, "handle", planted)
        failure = future.exception(PATIENCE_S)
        assert failure is not None and "planted" in str(failure)
    producer.close()
    with Producer(bootstrap_servers=address) as another:
        another.send(ProducerRecord("t", b"later"))
    assert values(address) == [b"later"]


# The asyncio thread


def test_a_step_that_asks_for_the_end_fails_by_itself() -> None:
    async def ends() -> None:
        raise SystemExit(3)

    async def fine() -> int:
        return 7

    bad, good = aio.gather([ends, fine], 2, None)
    assert "SystemExit(3)" in str(bad.error) and (good.value, good.error) == (7, None)


def test_a_loop_that_ends_tells_whoever_waits_and_the_next_call_has_another() -> None:
    async def ends() -> None:
        async def inner() -> None:
            raise SystemExit(3)

        await __import__("asyncio").sleep(0)
        __import__("asyncio").get_running_loop().create_task(inner())
        await __import__("asyncio").Event().wait()

    with pytest.raises(BackgroundThreadException, match=r"ended while calls were in flight: SystemExit\(3\)"):
        aio.gather([ends], 1, None)

    async def fine() -> int:
        return 7

    assert aio.gather([fine], 1, 10_000)[0].value == 7
