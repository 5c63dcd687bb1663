"""The storage killed, filled, failed and rotten at every single step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_local.base.faults import Corruption, DiskFailed, Refusal, StorageError
from broker_local.base.files import OsFiles
from broker_local.base.mem_files import Killed, MemFiles, Plan
from broker_local.log.log_manager import Durability, LogManager
from broker_local.log.recovery import LogCheckpoint
from broker_local.log.recovery_point import RecoveryPoint
from broker_local.log.recovery_point import read as read_recovery_point
from tests.broker_local.logs import HERE, NOW, Row, batch, open_partition, read_all
from tests.crash.storage import Life, check_after_kill, check_after_power_cut

MODES: list[Durability] = ["process", "durable"]


def lives(
    fault: str, part: float, durability: Durability, patient: bool = False, lasting: bool = False
) -> Iterator[tuple[int, Life, BaseException | None]]:
    """Lives whose 1st, 2nd, ... call fails, until one gets through; each as it ended, with the error."""
    for at in range(1, 2000):
        plan = Plan(at, fault, part, lasting=lasting)  # type: ignore[arg-type]
        files = MemFiles(plan)
        life, ended = Life(files, durability, patient), None
        try:
            life.run()
        except (Killed, StorageError, OSError) as error:
            ended = error
        files.plan = None
        if not plan.fired:
            assert ended is None and at > 100, "the fault has to have fired at every call"
            return
        yield at, life, ended
    raise AssertionError("a life has no end")


@pytest.mark.parametrize("durability", MODES)
@pytest.mark.parametrize("part", [0.0, 0.5])
def test_killed_at_every_call(part: float, durability: Durability) -> None:
    for at, life, ended in lives("kill", part, durability):
        assert isinstance(ended, Killed), f"call {at} was not killed"
        left = life.files.after_kill()
        logs = check_after_kill(left, life.told)
        logs.close()
        check_after_kill(left, life.told)


@pytest.mark.parametrize("durability", MODES)
@pytest.mark.parametrize("kept", [0.0, 0.6, 1.0])
def test_power_cut_at_every_call(kept: float, durability: Durability) -> None:
    for _, life, _ in lives("kill", 1.0, durability):
        check_after_power_cut(life.files.after_power_cut(kept), life.told)


def test_under_process_every_log_goes_back_to_the_same_recovery_point() -> None:
    for _, life, _ in lives("kill", 0.0, "process"):
        left = life.files.after_power_cut(1.0)
        if left.size("catalog") < 0:
            continue
        point: RecoveryPoint | None = read_recovery_point(left)
        logs = LogManager(left, NOW)
        for topic in logs.topics.values():
            partition = logs.partition(topic.name, 0)
            known = point.ends.get((topic.id, 0), 0) if point else 0
            assert partition.end == max(known, partition.log_start)


@pytest.mark.parametrize("again", [1, 2, 5, 9])
def test_killed_again_while_it_recovers(again: int) -> None:
    for number, life, _ in lives("kill", 0.5, "process"):
        for left, check in (
            (life.files.after_kill(), check_after_kill),
            (life.files.after_power_cut(0.7), check_after_power_cut),
        ):
            left.plan = Plan(again + number % 3, "kill", 0.5)
            try:
                LogManager(left, NOW)
            except Killed:
                left.plan = None
                check(left.after_kill(), life.told)


@pytest.mark.parametrize("part", [0.0, 0.5])
def test_a_full_disk_at_every_call_costs_one_retry(part: float) -> None:
    for at, life, ended in lives("full", part, "process", patient=True):
        # Where no request can be refused (at a start, in a flush's fsync) the engine stops instead, and says why.
        assert ended is None or isinstance(ended, (DiskFailed, Refusal)), f"call {at}: {ended!r}"
        check_after_kill(life.files.after_kill(), life.told)


def test_a_disk_that_stays_full_refuses_and_still_reads() -> None:
    for _, life, ended in lives("full", 0.5, "process", lasting=True):
        assert isinstance(ended, (DiskFailed, Refusal))
        if life.told.plain and isinstance(ended, Refusal):
            partition = life.logs.partition("plain", 0)
            assert read_all(partition) == life.told.plain[partition.log_start :]
        check_after_kill(life.files.after_kill(), life.told)


def test_a_failed_disk_at_every_call_is_said_and_loses_nothing() -> None:
    for at, life, ended in lives("error", 0.5, "process"):
        if ended is not None:
            assert isinstance(ended, DiskFailed), f"call {at}: {ended!r}"
            assert "Input/output error" in str(ended)
        check_after_kill(life.files.after_kill(), life.told)


def test_nothing_is_acknowledged_after_a_failed_write() -> None:
    for _, life, ended in lives("error", 0.5, "process"):
        failed = isinstance(ended, DiskFailed) and ended.file.endswith(".log") and life.told.pending
        topic = next((name for name, rows in life.told.pending.items() if rows), None) if failed else None
        if topic is not None:
            for _ in range(3):
                with pytest.raises(DiskFailed):
                    life.logs.partition(topic, 0).append(batch([b"after"]), NOW)


# torn tails


def test_a_tail_torn_at_every_byte_is_cut_to_the_last_whole_batch() -> None:
    files = MemFiles()
    partition = open_partition(files)
    ends = [0]
    for number in range(4):
        partition.append(batch([b"%d" % number] * (number + 1)), NOW)
        ends.append(partition.size)
    everything = read_all(partition)
    path = f"{HERE}/{0:020d}.log"
    for length in range(partition.size + 1):
        left = files.after_kill()
        left.open(path).truncate(length)
        again = open_partition(left)
        whole = sum(1 for end in ends[1:] if end <= length)
        count = whole * (whole + 1) // 2
        assert (again.end, left.size(path)) == (count, ends[whole])
        assert read_all(again) == everything[:count]
        assert again.append(batch([b"next"]), NOW).base_offset == count
        if count < 10:
            with pytest.raises(Corruption):
                torn = files.after_kill()
                torn.open(path).truncate(length)
                open_partition(torn, LogCheckpoint(10))


def test_what_is_wrong_before_valid_batches_is_damage_and_no_tail() -> None:
    """Nothing is known to be durable, so only the batches behind it tell that this is not where a write ended."""
    files = MemFiles()
    partition = open_partition(files)
    ends = [0]
    for number in range(3):
        partition.append(batch([b"%d" % number]), NOW)
        ends.append(partition.size)
    path = f"{HERE}/{0:020d}.log"
    good = files.read(path)
    for at in range(partition.size):
        left = files.after_kill()
        left.patch(path, at, bytes([good[at] ^ 0x40]))
        if at < ends[2]:
            with pytest.raises(Corruption) as caught:
                open_partition(left)
            assert (caught.value.file, caught.value.offset) == (path, ends[0] if at < ends[1] else ends[1])
        else:
            assert open_partition(left).end == 2


# rot


def _closed(files: MemFiles) -> tuple[Life, dict[str, list[Row]]]:
    life = Life(files)
    life.run()
    life.logs.close()
    logs = LogManager(files, NOW)
    truth = {name: read_all(logs.partition(name, 0)) for name in logs.topics}
    logs.close()
    return life, truth


def _seen(files: MemFiles) -> dict[str, list[Row]]:
    logs = LogManager(files, NOW)
    return {name: read_all(logs.partition(name, 0)) for name in logs.topics}


@pytest.mark.parametrize("killed", [False, True])
def test_a_flipped_bit_in_any_file_is_never_delivered(killed: bool) -> None:
    files = MemFiles()
    life, truth = _closed(files)
    if killed:
        logs = LogManager(files, NOW)
        logs.partition("plain", 0).append(batch([b"tail"]), NOW)
        truth = {name: read_all(logs.partition(name, 0)) for name in logs.topics}
    told = 0
    for path in files.paths():
        good = files.read(path)
        for at in range(len(good)):
            left = files.after_kill()
            left.patch(path, at, bytes([good[at] ^ (1 << (at * 5 + 3) % 8)]))
            try:
                seen = _seen(left)
            except (Corruption, Refusal, ValueError) as error:
                assert not path.endswith((".index", ".producers")), f"{path} at {at}: {error}"
                assert isinstance(error, (Corruption, ValueError)) or "format version" in str(error)
                told += 1
                continue
            if seen != truth:
                # Only the tail behind the recovery point may go, as if it had never been finished.
                assert killed and path.endswith(".log") and seen["keyed"] == truth["keyed"]
                assert seen["plain"] == truth["plain"][:-1]
    assert told > 1000 and life.told.plain


def test_any_file_may_be_lost_but_not_unnoticed() -> None:
    files = MemFiles()
    _, truth = _closed(files)
    for path in files.paths():
        left = files.after_kill()
        left.remove(path)
        try:
            seen = _seen(left)
        except Corruption as damage:
            assert path.rpartition("/")[0] in damage.file or damage.file in ("catalog", "line")
            assert not path.endswith((".index", ".producers"))
            continue
        assert seen == truth
        assert path.endswith((".index", ".producers")), f"nobody noticed that {path} is missing"


def test_a_hundred_starts_change_nothing() -> None:
    files = MemFiles()
    _, truth = _closed(files)
    paths = {path: files.read(path) for path in files.paths() if path.endswith(".log")}
    for number in range(100):
        logs = LogManager(files, NOW)
        if number % 2:
            logs.close()
    assert {path: files.read(path) for path in files.paths() if path.endswith(".log")} == paths
    assert _seen(files) == truth


# a real process, really killed

CHILD = """
import sys
from broker_local.base.files import OsFiles
from broker_local.log.log_manager import LogManager
from tests.broker_local.logs import NOW, batch
logs = LogManager(OsFiles(sys.argv[1]), NOW)
if not logs.topics:
    logs.create_topic("t", 1, {"segment.bytes": "2000"})
log = logs.partition("t", 0)
print(log.end, flush=True)
while True:
    log.append(batch([b"%d" % log.end]), NOW)
    print(log.end, flush=True)
"""


def test_a_process_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    acknowledged = 0
    for number in range(6):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        first = int(child.stdout.readline())
        assert first >= acknowledged
        for _ in range(30 + 17 * number):
            acknowledged = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().splitlines(keepends=True)
        acknowledged = max([acknowledged, *(int(line) for line in rest if line.endswith("\n"))])
        child.stdout.close()
        child.wait()
        logs = LogManager(OsFiles(str(tmp_path)), NOW)
        rows = read_all(logs.partition("t", 0))
        assert [row.value for row in rows] == [b"%d" % at for at in range(len(rows))]
        assert len(rows) >= acknowledged
