"""The directory of logs: topics, starts and stops, flushes, what is done when time passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from broker_local.base import atomic_file
from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, DiskFailed, Refusal
from broker_local.base.files import Files, OsFiles
from broker_local.base.mem_files import MemFiles, Plan
from broker_local.host.compactor import ChildCompactor
from broker_local.log import catalog
from broker_local.log.log_manager import COMPACTION_CHECK_MS, RETENTION_CHECK_MS, LogManager
from tests.broker_local.logs import NOW, batch, read_all, rows


@pytest.fixture(params=["memory", "disk"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return MemFiles() if request.param == "memory" else OsFiles(str(tmp_path))


def flush(logs: LogManager, with_recovery_point: bool = True) -> None:
    work = logs.begin_flush(with_recovery_point)
    if work is not None:
        work.run(logs.files)
        logs.end_flush(work)


def refused(code: str) -> pytest.RaisesExc[Refusal]:
    return pytest.raises(Refusal, check=lambda error: error.code.name == code)


def test_topics_outlive_a_start(files: Files) -> None:
    logs = LogManager(files, NOW)
    made = logs.create_topic("words", 3, {"retention.ms": "5"})
    logs.create_topic("more", 1)
    assert (made.partitions, made.settings.retention_ms, len(made.id)) == (3, 5, 32)
    logs.close()
    again = LogManager(files, NOW)
    assert list(again.topics) == ["words", "more"] and again.topic("words") == made


def test_topics_are_altered_and_grow(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 1, {"retention.ms": "5", "segment.ms": "7"})
    partition = logs.partition("t", 0)
    logs.alter_topic("t", {"retention.ms": None, "max.message.bytes": "100"})
    assert logs.topic("t").config == {"segment.ms": "7", "max.message.bytes": "100"}
    with refused("MESSAGE_TOO_LARGE"):
        partition.append(batch([b"x" * 100]), NOW)
    assert logs.add_partitions("t", 3).partitions == 3
    assert logs.partition("t", 2).end == 0
    assert LogManager(files, NOW).topic("t") == logs.topic("t")


def test_what_cannot_be_done_to_topics(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 2)
    with refused("TOPIC_ALREADY_EXISTS"):
        logs.create_topic("t", 2)
    with refused("INVALID_TOPIC_EXCEPTION"):
        logs.create_topic("../t", 1)
    for count in (0, -1, 100_001):
        with refused("INVALID_PARTITIONS"):
            logs.create_topic("u", count)
    with refused("INVALID_CONFIG"):
        logs.create_topic("u", 1, {"nonsense": "1"})
    with refused("INVALID_CONFIG"):
        logs.alter_topic("t", {"retention.ms": "x"})
    for total in (1, 2):
        with refused("INVALID_PARTITIONS"):
            logs.add_partitions("t", total)
    for attempt in (
        lambda: logs.topic("u"),
        lambda: logs.delete_topic("u"),
        lambda: logs.alter_topic("u", {}),
        lambda: logs.add_partitions("u", 9),
        lambda: logs.partition("u", 0),
        lambda: logs.partition("t", 2),
        lambda: logs.partition("t", -1),
    ):
        with refused("UNKNOWN_TOPIC_OR_PARTITION"):
            attempt()
    assert list(logs.topics) == ["t"]


def test_a_deleted_topic_is_gone_and_one_of_its_name_is_another(files: Files) -> None:
    logs = LogManager(files, NOW)
    old = logs.create_topic("t", 1)
    partition = logs.partition("t", 0)
    partition.append(batch([b"1"]), NOW)
    pieces = partition.read(0, 100).pieces
    logs.delete_topic("t")
    while logs.sweeping:
        logs.sweep()
    assert [row.value for row in rows(pieces)] == [b"1"]
    assert files.entries("topics") == []
    with refused("UNKNOWN_TOPIC_OR_PARTITION"):
        partition.append(batch([b"2"]), NOW)
    assert logs.create_topic("t", 1).id != old.id
    assert logs.partition("t", 0).end == 0
    assert logs.begin_flush() is None


def test_a_topic_deleted_while_it_is_flushed(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 1)
    logs.partition("t", 0).append(batch([b"1"]), NOW)
    work = logs.begin_flush()
    assert work is not None
    logs.delete_topic("t")
    work.run(files)
    logs.end_flush(work)
    logs.close()
    assert LogManager(files, NOW).topics == {}


def test_a_flush_covers_what_there_was_when_it_began(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 2)
    first, second = logs.partition("t", 0), logs.partition("t", 1)
    assert not logs.dirty and logs.begin_flush() is None
    first.append(batch([b"1"]), NOW)
    second.append(batch([b"1"] * 5), NOW)
    work = logs.begin_flush()
    assert work is not None and not logs.dirty
    first.append(batch([b"2"]), NOW)
    assert logs.dirty
    work.run(files)
    assert (first.durable_end, second.durable_end) == (0, 0)
    logs.end_flush(work)
    assert (first.durable_end, second.durable_end) == (1, 5)
    flush(logs)
    assert first.durable_end == 2 and not logs.dirty


def test_a_clean_start_opens_nothing(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 2)
    logs.partition("t", 1).append(batch([b"1"] * 7, producer_id=3, epoch=0, sequence=0), NOW)
    logs.close()
    again = LogManager(files, NOW)
    assert again._partitions == {}
    partition = again.partition("t", 1)
    assert (partition.end, partition.durable_end, again.dirty) == (7, 7, False)
    assert partition.append(batch([b"1"] * 7, producer_id=3, epoch=0, sequence=0), NOW).duplicate


def test_after_a_kill_everything_is_there_and_counts_as_durable_only_up_to_the_recovery_point() -> None:
    files = MemFiles(power=True)
    logs = LogManager(files, NOW)
    logs.create_topic("t", 2)
    logs.partition("t", 0).append(batch([b"1"] * 3), NOW)
    flush(logs)
    logs.partition("t", 0).append(batch([b"1"] * 4), NOW)
    logs.partition("t", 1).append(batch([b"1"] * 5), NOW)
    again = LogManager(files.after_kill(), NOW)
    first, second = again.partition("t", 0), again.partition("t", 1)
    assert [(first.end, first.durable_end), (second.end, second.durable_end)] == [(7, 3), (5, 0)]
    assert again.dirty and again.log_epoch == 0
    flush(again)
    assert [first.durable_end, second.durable_end] == [7, 5]


@pytest.mark.parametrize("kept", [0.0, 1.0])
def test_after_a_power_cut_all_logs_go_back_to_one_point(kept: float) -> None:
    files = MemFiles(power=True)
    logs = LogManager(files, NOW)
    logs.create_topic("t", 3)
    for number, count in enumerate((3, 4)):
        logs.partition("t", number).append(batch([b"1"] * count), NOW)
    flush(logs)
    for number in range(3):
        logs.partition("t", number).append(batch([b"2"] * 9), NOW)
    left = files.after_power_cut(kept)
    again = LogManager(left, NOW)
    assert [again.partition("t", number).end for number in range(3)] == [3, 4, 0]
    assert [again.partition("t", number).log_epoch for number in range(3)] == [1, 1, 1]
    assert [again.partition("t", number).end_of_epoch(0) for number in range(3)] == [3, 4, 0]
    again.partition("t", 0).append(batch([b"3"]), NOW)
    assert next(again.partition("t", 0).headers(3)).log_epoch == 1
    third = LogManager(left.after_kill(), NOW)
    assert (third.log_epoch, third.partition("t", 0).end, third.partition("t", 2).end_of_epoch(0)) == (1, 4, 0)


def test_durable_keeps_what_was_flushed_without_a_recovery_point() -> None:
    files = MemFiles(power=True)
    logs = LogManager(files, NOW, durability="durable")
    logs.create_topic("t", 1)
    logs.partition("t", 0).append(batch([b"1"] * 3), NOW)
    flush(logs, with_recovery_point=False)
    again = LogManager(files.after_power_cut(), NOW, durability="durable")
    assert (again.partition("t", 0).end, again.log_epoch) == (3, 1)


def test_a_second_power_cut_in_the_first_start_after_one() -> None:
    files = MemFiles(power=True)
    logs = LogManager(files, NOW)
    logs.create_topic("t", 1)
    logs.partition("t", 0).append(batch([b"1"] * 3), NOW)
    flush(logs)
    left = files
    for epoch in range(1, 5):
        left = left.after_power_cut(1.0)
        again = LogManager(left, NOW)
        partition = again.partition("t", 0)
        assert (again.log_epoch, partition.end, partition.end_of_epoch(0)) == (epoch, 3, 3)
        partition.append(batch([b"lost"]), NOW)


def test_a_directory_of_a_newer_version_is_refused(files: Files) -> None:
    LogManager(files, NOW).close()
    atomic_file.write(files, catalog.PATH, catalog.KIND, catalog.VERSION + 1, {"topics": []})
    with pytest.raises(Refusal, match="has format version 2; this engine knows versions up to 1") as caught:
        LogManager(files, NOW)
    assert caught.value.code == ErrorCode.UNSUPPORTED_VERSION


def test_a_broken_directory_is_not_started_before_it_was_checked(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.mark_broken(Corruption("topics/x/0/0.log", 77, "the sum does not fit"))
    said = r"topics/x/0/0.log at byte 77: .*the sum does not fit. Run 'broker-local check'"
    with pytest.raises(DiskFailed, match=said):
        LogManager(files, NOW)
    catalog.forgive(files)
    LogManager(files, NOW)


@pytest.mark.parametrize("name", ["catalog", "line"])
def test_a_missing_sheet_is_no_empty_directory(files: Files, name: str) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 1)
    logs.partition("t", 0).append(batch([b"1"]), NOW)
    logs.close()
    files.remove(name)
    with pytest.raises(Corruption, match="the file is missing, and there are logs"):
        LogManager(files, NOW)


def test_a_log_that_lost_durable_records_is_damaged(files: Files) -> None:
    logs = LogManager(files, NOW)
    topic = logs.create_topic("t", 1)
    for _ in range(3):
        logs.partition("t", 0).append(batch([b"1"]), NOW)
    flush(logs)
    path = f"topics/{topic.id}/0/{0:020d}.log"
    files.open(path).truncate(files.size(path) - 1)
    files.remove(path.replace(".log", ".index"))
    with pytest.raises(Corruption) as caught:
        LogManager(files, NOW)
    assert caught.value.file == path


def test_verify_tells_what_is_damaged(files: Files) -> None:
    logs = LogManager(files, NOW)
    topic = logs.create_topic("t", 3)
    for number in range(3):
        logs.partition("t", number).append(batch([b"value"]), NOW)
    assert logs.verify() == []
    path = f"topics/{topic.id}/1/{0:020d}.log"
    files.open(path).write([b"V"], files.read(path).index(b"value"))
    (damage,) = logs.verify()
    assert (damage.file, damage.offset) == (path, 0)


def test_time_brings_retention(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 1, {"retention.ms": "1000", "segment.bytes": "200"})
    partition = logs.partition("t", 0)
    for number in range(10):
        partition.append(batch([b"x"], timestamp=NOW + number), NOW)
    flush(logs)
    logs.tick(NOW)
    assert partition.log_start == 0
    logs.tick(NOW + RETENTION_CHECK_MS - 1)
    assert partition.log_start == 0
    logs.tick(NOW + RETENTION_CHECK_MS)
    assert partition.log_start == 10


def test_time_brings_compaction(files: Files) -> None:
    logs = LogManager(files, NOW)
    logs.create_topic("t", 1, {"cleanup.policy": "compact", "segment.bytes": "300"})
    partition = logs.partition("t", 0)
    for number in range(20):
        partition.append(batch([b"%d" % number]), NOW)
    flush(logs)
    logs.tick(NOW)
    logs.tick(NOW + COMPACTION_CHECK_MS)
    left = read_all(partition)
    assert left[-1].value == b"19" and len(left) < 5


def wait(logs: LogManager, until: Callable[[], bool]) -> None:
    for round_ in range(2000):
        if until():
            return
        logs.tick(NOW + round_ * COMPACTION_CHECK_MS)
        time.sleep(0.005)
    raise AssertionError("it did not come")


def test_a_topic_that_is_deleted_in_the_middle_of_a_round_of_compaction_ends_nothing(files: Files) -> None:
    """A round goes on at the next tick, over logs that were there when it began."""
    logs = LogManager(files, NOW)
    for name in ("first", "second"):
        logs.create_topic(name, 1, {"cleanup.policy": "compact", "segment.bytes": "300"})
        for _ in range(20):
            logs.partition(name, 0).append(batch([b"x" * 50], [b"k"]), NOW)
    flush(logs)
    logs.close()
    logs = LogManager(files, NOW)
    first, _ = logs.partition("first", 0), logs.partition("second", 0)
    logs.tick(NOW + COMPACTION_CHECK_MS)
    assert first.size < 1_000, "the round has begun with this one"
    logs.delete_topic("second")
    logs.tick(NOW + COMPACTION_CHECK_MS + 1)
    assert read_all(first)


def test_compaction_in_a_child_process(tmp_path: Path) -> None:
    files = OsFiles(str(tmp_path))
    logs = LogManager(files, NOW, compactor=ChildCompactor(str(tmp_path)))
    logs.create_topic("t", 1, {"cleanup.policy": "compact", "segment.bytes": "300"})
    partition = logs.partition("t", 0)
    for number in range(20):
        partition.append(batch([b"%d" % number]), NOW)
    flush(logs)
    wait(logs, lambda: len(read_all(partition)) < 5)
    assert read_all(partition)[-1].value == b"19"
    logs.close()
    assert read_all(LogManager(files, NOW).partition("t", 0)) == read_all(partition)


def test_damage_found_by_the_child_is_raised(tmp_path: Path) -> None:
    files = OsFiles(str(tmp_path))
    logs = LogManager(files, NOW, compactor=ChildCompactor(str(tmp_path)))
    topic = logs.create_topic("t", 1, {"cleanup.policy": "compact", "segment.bytes": "300"})
    for _ in range(20):
        logs.partition("t", 0).append(batch([b"value"]), NOW)
    flush(logs)
    path = f"topics/{topic.id}/0/{0:020d}.log"
    files.open(path).write([b"V"], files.read(path).index(b"value"))
    with pytest.raises(Corruption) as caught:
        wait(logs, lambda: False)
    assert caught.value.file == path


def test_a_child_that_is_killed_costs_only_its_pass(tmp_path: Path) -> None:
    files = OsFiles(str(tmp_path))
    logs = LogManager(files, NOW, compactor=ChildCompactor(str(tmp_path)))
    logs.create_topic("t", 1, {"cleanup.policy": "compact", "segment.bytes": "300"})
    partition = logs.partition("t", 0)
    for number in range(20):
        partition.append(batch([b"%d" % number]), NOW)
    flush(logs)
    logs.tick(NOW)
    child = logs._compactor._child  # type: ignore[attr-defined]
    child.kill()
    child.wait()
    logs.tick(NOW)
    assert len(read_all(partition)) == 20
    wait(logs, lambda: len(read_all(partition)) < 5)
    logs.close()


def test_a_full_disk_is_said_to_whoever_makes_a_topic() -> None:
    files = MemFiles()
    logs = LogManager(files, NOW)
    files.plan = Plan(1, "full", 0.5, frozenset(("write",)))
    with refused("KAFKA_STORAGE_ERROR"):
        logs.create_topic("t", 1)
    assert list(logs.topics) == []
    logs.create_topic("t", 1)
    files.plan = Plan(1, "error", calls=frozenset(("fsync",)))
    with pytest.raises(DiskFailed):
        logs.create_topic("u", 1)


def test_a_directory_without_room_is_refused_and_not_broken() -> None:
    files = MemFiles(Plan(2, "full"))
    with refused("KAFKA_STORAGE_ERROR"):
        LogManager(files, NOW)
    assert files.size("BROKEN") == -1
    LogManager(files, NOW)


def test_ten_thousand_partitions(tmp_path: Path) -> None:
    """They are opened, whether the engine was closed or killed, with few open files; how fast is in the benchmarks."""
    files = OsFiles(str(tmp_path))
    logs = LogManager(files, NOW)
    for number in range(10):
        logs.create_topic(f"t{number}", 1000)
    for number in range(0, 1000, 100):
        logs.partition("t0", number).append(batch([b"x"]), NOW)
    again = LogManager(files, NOW)
    assert sum(again.partition("t0", number).end for number in range(1000)) == 10
    again.close()
    LogManager(files, NOW)
