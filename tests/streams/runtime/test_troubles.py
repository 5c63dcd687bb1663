"""What keeps an application from its work is said once a cause and interval, with what to do, and passes by itself."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker_local.base.mem_files import MemFiles, Plan
from broker_local.base.world import SystemWorld
from broker_local.broker.waits import instant
from broker_local.host.inprocess import Engine
from streams import KafkaStreams, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition
from streams.clients.api import READER_DEFAULTS, Fetched, Isolation
from streams.clients.local.door import LocalDoor
from streams.clock import ManualClock
from streams.errors import KafkaStorageException
from streams.troubles import FADES_MS, Troubles
from tests.streams.apps import COUNT, TEXT, wait_for

numbers = itertools.count()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "streams.troubles"]


def test_there_is_one_line_a_cause_and_interval(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(100_000)
    troubles = Troubles("app", 10_000, clock)
    for second in range(10):
        troubles.tell("write", f"no space {second}")
        clock.advance(1_000)
    troubles.tell("read", "bad disk")
    assert lines(caplog) == ["app: no space 0", "app: bad disk"]
    troubles.tell("write", "no space 10")
    assert lines(caplog)[2:] == ["app: no space 10"]


def test_a_trouble_is_over_when_nobody_tells_of_it_any_more() -> None:
    clock = ManualClock(100_000)
    troubles = Troubles("app", 10_000, clock)
    troubles.tell("write", "no space.")
    clock.advance(5_000)
    troubles.tell("read", "bad disk.")
    assert troubles.text == "no space. bad disk."
    clock.advance(FADES_MS - 5_000)
    assert troubles.text == "bad disk."
    troubles.over("read")
    assert troubles.text == ""


@pytest.fixture
def files() -> MemFiles:
    return MemFiles(power=False)


@pytest.fixture
def engine(files: MemFiles) -> Iterator[Engine]:
    engine = Engine(files)
    yield engine
    engine.close()


def test_a_full_disk_of_the_broker_is_told_and_work_goes_on_when_there_is_room(
    files: MemFiles, engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door = LocalDoor(f"memory://troubles-{next(numbers)}", lambda: engine.connect("app"))
    builder = StreamsBuilder()
    counts = builder.stream("in", key_serde=TEXT, value_serde=TEXT).group_by_key().count()
    counts.to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    settings: dict[str, Any] = {
        "state_dir": str(tmp_path),
        "commit_interval_ms": 20,
        "heartbeat_interval_ms": 20,
        "log_summary_interval_ms": 600_000,
    }
    admin = Admin(door=door)
    for topic in ("in", "out"):
        admin.create_topic(topic, 1)
    with KafkaStreams(builder, application_id="app", door=door, **settings) as app:
        assert app.wait_until_running(60_000)
        app.pause()
        wait_for(lambda: app.is_paused)
        with Producer({"key.serializer": TEXT, "value.serializer": TEXT}, door=door) as producer:
            producer.send(ProducerRecord("in", "value", "key")).result()
        files.plan = Plan(1, "full", calls=frozenset({"write"}), lasting=True)
        app.resume()
        wait_for(lambda: "no space on the disk" in app.summary().trouble)

        def told() -> list[str]:
            members = admin.describe_group("app").members
            return [member.status.refusal for member in members if member.status is not None]

        wait_for(lambda: any("no space on the disk" in refusal for refusal in told()))
        files.plan = None
        wait_for(lambda: admin.end_offsets([TopicPartition("out", 0)])[TopicPartition("out", 0)] == 1)
    assert sum("no space on the disk" in line for line in lines(caplog)) == 1
    assert "free some" in lines(caplog)[0] and "tried again by itself" in lines(caplog)[0]


def test_a_disk_that_cannot_read_is_told_and_read_again(engine: Engine) -> None:
    door = LocalDoor(f"memory://troubles-{next(numbers)}", lambda: engine.connect("app"))
    Admin(door=door).create_topic("in", 1)
    with Producer(door=door) as producer:
        producer.send(ProducerRecord("in", b"value")).result()
    told: list[tuple[str, str]] = []
    settings = replace(READER_DEFAULTS, troubled=lambda *words: told.append(words))
    reader = door.reader(Isolation.READ_UNCOMMITTED, settings)
    broker = engine._broker
    pieces = broker.logs.partition("in", 0).read(0, 1 << 20).pieces
    (path,) = {piece.data.file.path for piece in pieces}
    broker.read_faults.note(path, OSError(errno.EIO, os.strerror(errno.EIO)), instant(SystemWorld()).now)
    reader.seek({TopicPartition("in", 0): 0})
    found: list[Fetched] = []

    def polled() -> bool:
        found.extend(reader.poll(50))
        return any(each.batch is not None for each in found)

    wait_for(polled)
    assert told and {cause for cause, _ in told} == {"read"}
    assert "in-0" in told[0][1] and "Input/output error" in told[0][1] and "tried again by itself" in told[0][1]
    reader.close()


def test_a_producer_says_what_it_waits_for_and_why_it_gave_up(
    files: MemFiles, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    door = LocalDoor(f"memory://troubles-{next(numbers)}", lambda: engine.connect("app"))
    Admin(door=door).create_topic("in", 1)
    settings = {"client.id": "feeder", "delivery.timeout.ms": 500, "request.timeout.ms": 400, "linger.ms": 0}
    with Producer(settings, door=door) as producer:
        assert producer.send(ProducerRecord("in", b"value")).result(30).offset == 0
        files.plan = Plan(1, "full", calls=frozenset({"write"}), lasting=True)
        error = producer.send(ProducerRecord("in", b"value")).exception(30)
    assert "no space on the disk" in str(error) and "KafkaStorageException" in f"{type(error).__name__} {error}"
    (line,) = lines(caplog)
    assert line.startswith("feeder: The broker cannot write: in-0: no space on the disk")


def test_a_consumer_whose_group_cannot_be_written_says_so(
    files: MemFiles, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    door = LocalDoor(f"memory://troubles-{next(numbers)}", lambda: engine.connect("app"))
    Admin(door=door).create_topic("in", 1)
    with Producer(door=door) as producer:
        producer.send(ProducerRecord("in", b"value")).result()
    settings = {"group.id": "g", "client.id": "reads", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    with Consumer(settings, door=door) as consumer:
        consumer.subscribe(["in"])
        wait_for(lambda: consumer.poll(50))
        files.plan = Plan(1, "full", calls=frozenset({"write"}), lasting=True)
        with pytest.raises(KafkaStorageException):
            consumer.commit_sync(timeout=500)
        files.plan = None
        consumer.commit_sync()
    (line,) = lines(caplog)
    assert line.startswith("reads: The broker cannot write for group g: ") and "no space on the disk" in line
