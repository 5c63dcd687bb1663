"""Retention, compaction and deletion as users meet them: a real broker, its compaction's child, the public clients."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from broker_local.broker.properties import IN_DIRECTORY
from broker_local.host.data_directory import FileLock
from streams.clients import Admin, Consumer, OffsetAndMetadata, Producer, ProducerRecord, TopicPartition
from streams.errors import OffsetOutOfRangeException, PolicyViolationException
from tests.engines import local_engine, stop_broker, until

EAGER = """
log.retention.check.interval.ms=20
log.cleaner.backoff.ms=20
log.flush.interval.ms=20
"""
ONLY = TopicPartition("t", 0)
Record = tuple[int, object, object]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "data"
    place.mkdir()
    (place / IN_DIRECTORY).write_text(EAGER)
    with local_engine(place):
        yield place


@pytest.fixture
def admin(directory: Path) -> Iterator[Admin]:
    with Admin(bootstrap_servers=f"local://{directory}") as admin:
        yield admin


def produce(
    directory: Path, records: Sequence[tuple[bytes, bytes | None]], timestamp: int | None = None
) -> list[Record]:
    """Sends records, a batch each; gives them with their offsets."""
    with Producer(bootstrap_servers=f"local://{directory}") as producer:
        return [
            (producer.send(ProducerRecord("t", value, key, 0, timestamp)).result(30).offset, key, value)
            for key, value in records
        ]


def read(directory: Path, start: int | None = None, reset: str = "earliest") -> tuple[list[Record], int]:
    """All records from an offset, or the beginning, to the end; and the position after them."""
    with Consumer(bootstrap_servers=f"local://{directory}", auto_offset_reset=reset) as consumer:
        consumer.assign([ONLY])
        if start is None:
            consumer.seek_to_beginning()
        else:
            consumer.seek(ONLY, start)
        end = consumer.end_offsets([ONLY])[ONLY]
        found: list[Record] = []

        def at_the_end() -> bool:
            found.extend((each.offset, each.key, each.value) for each in consumer.poll(20))
            return consumer.position(ONLY) >= end

        until(at_the_end)
        return found, consumer.position(ONLY)


def segments(directory: Path) -> list[int]:
    """The sizes of the segments of the topic's partition: of those that hold its records' marker. One may be removed
    while they are looked at."""
    found: list[int] = []
    for path in directory.glob("topics/*/0/*.log"):
        with suppress(FileNotFoundError):
            data = path.read_bytes()
            if b"value" in data:
                found.append(len(data))
    return found


def newest(records: list[Record]) -> dict[object, object]:
    return {key: value for _, key, value in records}


def last_of(records: list[Record]) -> set[int]:
    """The offset of each key's newest record."""
    return set({key: offset for offset, key, _ in records}.values())


def compacted(directory: Path, sent: list[Record], enough: Callable[[list[Record]], bool]) -> list[Record]:
    """Reads from the beginning, again and again, until enough is gone. Whatever is read on the way is a log that
    compaction may have made of what was sent: the same records at the same offsets, the newest of each key among them.
    """
    seen: list[list[Record]] = []
    latest = {key: offset for offset, key, _ in sent}

    def is_enough() -> bool:
        found, position = read(directory)
        assert position == sent[-1][0] + 1
        assert [record for record in found if record not in sent] == []
        assert [offset for offset, _, _ in found] == sorted({offset for offset, _, _ in found})
        there = {offset for offset, _, _ in found}
        assert [o for o, key, value in sent if latest[key] == o and value is not None and o not in there] == []
        seen.append(found)
        return enough(found)

    until(is_enough)
    return seen[-1]


COMPACTED = {"cleanup.policy": "compact", "segment.bytes": 2_000, "min.cleanable.dirty.ratio": 0.01}


def rounds(count: int, keys: int = 10) -> list[tuple[bytes, bytes | None]]:
    return [(b"key%d" % (number % keys), b"value%d" % number) for number in range(count)]


def test_the_newest_of_each_key_stays_and_readers_cross_the_holes(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, COMPACTED)
    sent = produce(directory, rounds(200))
    found = compacted(directory, sent, lambda found: len(found) <= 50)
    assert newest(found) == newest(sent)
    hole = next(offset for offset, _, _ in sent if offset not in {each[0] for each in found})
    crossed, position = read(directory, hole)
    assert position == 200
    assert last_of(sent) <= {offset for offset, _, _ in crossed} <= {offset for offset, _, _ in found if offset > hole}
    assert admin.beginning_offsets([ONLY])[ONLY] == 0
    assert admin.end_offsets([ONLY])[ONLY] == 200
    for how in (signal.SIGTERM, signal.SIGKILL):
        stop_broker(directory, how)
        again, position = read(directory)
        assert (newest(again), position) == (newest(sent), 200) and len(again) <= 50


def test_a_group_goes_on_from_an_offset_that_compaction_took(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, COMPACTED)
    sent = produce(directory, rounds(200))
    address = f"local://{directory}"
    with Consumer(bootstrap_servers=address, group_id="g", enable_auto_commit=False) as consumer:
        consumer.assign([ONLY])
        consumer.commit_sync({ONLY: OffsetAndMetadata(7)})
    found = compacted(directory, sent, lambda found: len(found) <= 50)
    with Consumer(bootstrap_servers=address, group_id="g", auto_offset_reset="none") as consumer:
        consumer.subscribe(["t"])
        rest: list[int] = []

        def done() -> bool:
            rest.extend(each.offset for each in consumer.poll(100))
            return bool(consumer.assignment()) and consumer.position(ONLY) == 200

        until(done)
        # Another pass may have come since; what it leaves is read.
        assert rest == sorted(rest) and last_of(sent) <= set(rest) <= {offset for offset, _, _ in found if offset >= 7}
        consumer.commit_sync()
    assert admin.describe_group("g").lag == 0


def test_tombstones_go_with_what_they_deleted(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, {**COMPACTED, "delete.retention.ms": 1})
    sent = produce(directory, [*rounds(50), *((b"key%d" % number, None) for number in range(5))])
    more = [(b"other", b"value%d" % number) for number in range(60)]  # so that tombstones are in a segment that is full
    sent += produce(directory, more)
    gone = {b"key%d" % number for number in range(5)}
    found = compacted(directory, sent, lambda found: not gone & {key for _, key, _ in found})
    assert newest(found) == {key: value for key, value in newest(sent).items() if value is not None}


def test_both_policies_at_once(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, {**COMPACTED, "cleanup.policy": "compact,delete", "retention.ms": 3_600_000})
    old = produce(directory, rounds(60), timestamp=1_000)
    until(lambda: admin.beginning_offsets([ONLY])[ONLY] > 0)
    sent = produce(directory, rounds(100, keys=4))
    until(lambda: admin.beginning_offsets([ONLY])[ONLY] >= old[-1][0])
    start = admin.beginning_offsets([ONLY])[ONLY]
    found = compacted(directory, [each for each in old + sent if each[0] >= start], lambda found: len(found) <= 50)
    assert {key: value for key, value in newest(found).items() if key in newest(sent)}.items() >= newest(sent).items()


def test_a_broker_that_dies_leaves_no_compaction_behind(directory: Path, admin: Admin) -> None:
    if not Path("/proc/self/cmdline").exists():
        return  # the child cannot be found here
    admin.create_topic("t", 1, COMPACTED)
    sent = produce(directory, rounds(60))
    caught: list[int] = []

    def stopped() -> bool:
        caught.extend(pid for pid in compactors(directory) if stop(pid))
        if not caught:  # the pass has ended already: there is to be another one
            sent.extend(produce(directory, rounds(10)))
        return bool(caught)

    until(stopped)
    stop_broker(directory, signal.SIGKILL)
    assert not FileLock(str(directory / "lock")).take(200)  # while it lives no other broker can begin
    for pid in caught:
        os.kill(pid, signal.SIGCONT)
    found = compacted(directory, sent, lambda found: len(found) <= 50)
    assert newest(found) == newest(sent)
    assert set(caught).isdisjoint(compactors(directory))


def compactors(directory: Path) -> list[int]:
    """The processes that compact for a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"broker_local.host.compactor" in words and os.fsencode(directory) in words:
                found.append(int(entry.name))
    return found


def stop(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    return True


def test_old_records_go_by_time_and_readers_are_told(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, {"retention.ms": 3_600_000, "segment.bytes": 1_000})
    old = produce(directory, rounds(30), timestamp=1_000)
    young = produce(directory, rounds(30))
    until(lambda: admin.beginning_offsets([ONLY])[ONLY] > old[-1][0] - 10)
    start = admin.beginning_offsets([ONLY])[ONLY]
    kept = [each for each in old + young if each[0] >= start]
    assert read(directory) == (kept, 60)
    assert read(directory, 0) == (kept, 60)
    with pytest.raises(OffsetOutOfRangeException) as caught:
        read(directory, 0, reset="none")
    assert caught.value.partition == ONLY
    for how in (signal.SIGTERM, signal.SIGKILL):
        stop_broker(directory, how)
        assert admin.beginning_offsets([ONLY])[ONLY] >= start
        assert read(directory)[0][-30:] == young


def test_a_log_that_is_all_old_is_emptied_and_goes_on(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, {"retention.ms": 3_600_000})
    produce(directory, rounds(5), timestamp=1_000)
    until(lambda: admin.beginning_offsets([ONLY])[ONLY] == 5)
    assert read(directory) == ([], 5)
    until(lambda: not segments(directory))
    stop_broker(directory, signal.SIGKILL)
    assert admin.end_offsets([ONLY])[ONLY] == 5
    assert [offset for offset, _, _ in produce(directory, rounds(2))] == [5, 6]


def test_a_log_keeps_its_bytes(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, {"retention.bytes": 3_000, "segment.bytes": 1_000})
    sent = produce(directory, rounds(100))
    until(lambda: sum(segments(directory)) <= 4_000)
    found, position = read(directory)
    assert (found, position) == (sent[-len(found) :], 100) and len(found) >= 20
    admin.alter_topic("t", {"retention.bytes": 0})
    until(lambda: admin.beginning_offsets([ONLY])[ONLY] > found[0][0])


def test_deleted_records_stay_deleted(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, {"segment.bytes": 1_000})
    sent = produce(directory, rounds(50))
    assert admin.delete_records({ONLY: 33}) == {ONLY: 33}
    assert read(directory) == (sent[33:], 50)
    for how in (signal.SIGKILL, signal.SIGTERM):
        stop_broker(directory, how)
        assert admin.beginning_offsets([ONLY])[ONLY] == 33
        assert read(directory, 0) == (sent[33:], 50)
    with pytest.raises(OffsetOutOfRangeException):
        admin.delete_records({ONLY: 51})
    assert admin.delete_records({ONLY: -1}) == {ONLY: 50}
    stop_broker(directory, signal.SIGKILL)
    assert read(directory) == ([], 50)
    assert produce(directory, rounds(1))[0][0] == 50


def test_records_of_a_compacted_topic_are_not_deleted(directory: Path, admin: Admin) -> None:
    admin.create_topic("t", 1, {"cleanup.policy": "compact"})
    sent = produce(directory, rounds(5))
    with pytest.raises(PolicyViolationException, match=r"t-0 can not be deleted due to the configured policy"):
        admin.delete_records({ONLY: 3})
    assert read(directory) == (sent, 5)
