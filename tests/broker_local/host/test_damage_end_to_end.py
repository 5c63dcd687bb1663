"""Damage on the disk as users meet it: nobody starts the broker before the directory was checked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_local.base.faults import Corruption
from broker_local.base.files import OsFiles
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager
from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition
from streams.errors import BrokerNotFoundException, CorruptRecordException
from streams.world import SYSTEM
from tests.broker_local.logs import batch, poisoned
from tests.engines import local_engine, until

ROOT = Path(__file__).parents[3]
NOW = SYSTEM.now_ms()
ONLY = TopicPartition("t", 0)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    with local_engine(tmp_path / "data"):
        yield tmp_path / "data"


def command(*words: str) -> tuple[int, str, str]:
    """Exit code of `broker-local`, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "broker_local.host.cli", *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def produce(directory: Path, topic: str, *values: bytes) -> None:
    with Producer(bootstrap_servers=f"local://{directory}") as producer:
        for number, value in enumerate(values):
            producer.send(ProducerRecord(topic, value, timestamp=NOW + number)).result(30)


def read(directory: Path, topic: str, count: int) -> list[object]:
    found: list[object] = []
    with Consumer(bootstrap_servers=f"local://{directory}", auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])

        def enough() -> bool:
            found.extend(record.value for record in consumer.poll(100))
            return len(found) >= count

        until(enough)
    return found


def damage(directory: Path, what: bytes) -> tuple[Path, bytes]:
    """One byte of a record becomes another; gives the file and what it was."""
    (log,) = [path for path in directory.glob("topics/*/0/*.log") if what in path.read_bytes()]
    whole = log.read_bytes()
    with log.open("r+b") as file:  # in place: the broker has it open
        file.seek(whole.index(what))
        file.write(b"X")
    return log, whole


def broken(directory: Path) -> tuple[Path, bytes]:
    """A directory whose broker has met damage and stopped."""
    with Admin(bootstrap_servers=f"local://{directory}") as admin:
        produce(directory, "t", b"first", b"second", b"third")
        produce(directory, "other", b"whole")
        log, whole = damage(directory, b"second")
        with Consumer(bootstrap_servers=f"local://{directory}", auto_offset_reset="earliest") as consumer:
            consumer.assign([ONLY])
            with pytest.raises(CorruptRecordException, match=r"t-0: the batch at offset 1 is damaged.*not delivered"):
                until(lambda: [None for record in consumer.poll(100) if record.offset > 0])
        assert read(directory, "other", 1) == [b"whole"]  # who does not look at it is not held up
        with pytest.raises(BrokerNotFoundException) as caught:
            admin.offsets_for_times({ONLY: NOW + 1})  # the broker itself has to look
        said = str(caught.value)
        assert f"{log.relative_to(directory)} at byte" in said and "\n" not in said
        assert f"Run `broker-local check {directory}` before it is started again" in said
    return log, whole


def refused_everywhere(directory: Path) -> None:
    """No client, and nobody else, starts a broker."""
    address = f"local://{directory}"
    with Admin(bootstrap_servers=address) as admin, pytest.raises(BrokerNotFoundException, match="stopped for good"):
        admin.list_topics()
    with Producer(bootstrap_servers=address, max_block_ms=500) as producer:
        failed = producer.send(ProducerRecord("other", b"x")).exception(30)
        assert isinstance(failed, BrokerNotFoundException) and "stopped for good" in str(failed)
    with Consumer(bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition("other", 0)])
        with pytest.raises(BrokerNotFoundException, match="stopped for good"):
            consumer.poll(5_000)
    code, _, err = command("serve", str(directory))
    assert code == 1 and "broker-local check" in err and "Traceback" not in err


def test_a_file_is_put_back_and_all_goes_on(directory: Path) -> None:
    log, whole = broken(directory)
    refused_everywhere(directory)
    code, out, err = command("check", str(directory))
    assert (code, out) == (1, "") and err.startswith(f"damaged: t-0: {log.relative_to(directory)} at byte")
    assert f"give a topic up with `broker-local delete {directory} TOPIC`" in err
    refused_everywhere(directory)
    log.write_bytes(whole)
    assert command("check", str(directory)) == (0, "3 partitions of 3 topics are sound\n", "")
    assert read(directory, "t", 3) == [b"first", b"second", b"third"]


def test_a_topic_is_given_up_and_the_others_go_on(directory: Path) -> None:
    broken(directory)
    assert command("delete", str(directory), "absent")[0] == 1
    assert "is the broker's own" in command("delete", str(directory), "__consumer_offsets")[2]
    assert command("delete", str(directory), "t") == (0, "Deleted topic t.\n", "")
    refused_everywhere(directory)
    assert command("check", str(directory)) == (0, "2 partitions of 2 topics are sound\n", "")
    assert read(directory, "other", 1) == [b"whole"]
    produce(directory, "t", b"anew")
    assert read(directory, "t", 1) == [b"anew"]
    code, _, err = command("delete", str(directory), "other")
    assert code == 1 and "another broker has the data directory" in err


def test_an_unreadable_batch_is_named_and_stops_nobody(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that did not look has left a batch with right sums that is none; its broker may even have stopped."""
    directory.mkdir(mode=0o700)
    logs = LogManager(OsFiles(str(directory)), NOW)
    logs.create_topic("t", 1)
    log = logs.partition("t", 0)
    log.append(batch([b"first"], timestamp=NOW), NOW)
    with monkeypatch.context() as blind:
        blind.setattr(batches, "check_outline", lambda header, data: None)
        log.append(poisoned({"no": "columns"}, 1, at=NOW + 5), NOW)
    log.append(batch([b"last"], timestamp=NOW + 9), NOW)
    logs.close()
    logs.mark_broken(Corruption("topics", 0, "an older broker met it"))
    code, out, err = command("check", str(directory))
    assert (code, out) == (1, "") and "unreadable: t-0: topics/" in err and "The broker serves all else" in err
    with Consumer(bootstrap_servers=f"local://{directory}") as consumer:
        consumer.assign([ONLY])
        consumer.seek(ONLY, 0)
        found: list[object] = []
        with pytest.raises(CorruptRecordException, match=r"t-0: the batch at offset 1 is damaged.*cannot be read"):
            until(lambda: found.extend(record.value for record in consumer.poll(100)))
        consumer.seek(ONLY, 2)
        until(lambda: found.extend(record.value for record in consumer.poll(100)) or len(found) == 2)
        assert found == [b"first", b"last"]
    with Admin(bootstrap_servers=f"local://{directory}") as admin:
        with pytest.raises(CorruptRecordException, match="t-0 cannot be asked for this time"):
            admin.offsets_for_times({ONLY: NOW + 1})
        assert admin.offsets_for_times({ONLY: NOW + 9})[ONLY] == (2, NOW + 9)
