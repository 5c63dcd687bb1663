"""One log: appending, reading, times, retention, deleting records, full disks."""

from __future__ import annotations

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, DiskFailed, Refusal
from broker_local.base.mem_files import Killed, MemFiles, Plan
from broker_local.log import compaction
from broker_local.log import format as batches
from broker_local.log.partition import LogAppendInfo, OffsetAndTimestamp, Partition, Read
from broker_local.log.producers import EXPIRES_MS
from broker_local.log.recovery import LogCheckpoint
from tests.broker_local.logs import HERE, NOW, batch, open_partition, read_all, rows, sync


def refusal(partition: Partition, written: bytes, now: int = NOW) -> str:
    end = partition.end
    with pytest.raises(Refusal) as caught:
        partition.append(written, now)
    assert partition.end == end
    return caught.value.code.name


def test_offsets_follow_each_other() -> None:
    partition = open_partition(MemFiles())
    assert partition.append(batch([b"a", b"b"]), NOW) == LogAppendInfo(0, -1, 0, False)
    assert partition.append(batch([b"c"]), NOW) == LogAppendInfo(2, -1, 0, False)
    assert (partition.log_start, partition.end, partition.last_stable_offset, partition.durable_end) == (0, 3, 3, 0)
    assert [row.value for row in read_all(partition)] == [b"a", b"b", b"c"]


def test_an_empty_log_has_nothing_and_takes_no_room() -> None:
    files = MemFiles()
    partition = open_partition(files)
    assert partition.read(0, 100) == Read([], 0)
    assert partition.offset_for_time(0) is None and partition.newest() is None
    assert (partition.log_start, partition.end, partition.size) == (0, 0, 0)
    assert files.paths() == []
    assert partition.delete_records(-1) == 0


@pytest.mark.parametrize("segment_bytes", [200, 1000, 10**6])
@pytest.mark.parametrize("max_bytes", [0, 150, 10**6])
def test_every_offset_can_be_read(segment_bytes: int, max_bytes: int) -> None:
    partition = open_partition(MemFiles(), segment_bytes=segment_bytes, index_interval_bytes=250)
    for number in range(30):
        partition.append(batch([b"%d" % number] * (number % 4 + 1)), NOW)
    everything = read_all(partition, max_bytes=max_bytes)
    assert [row.offset for row in everything] == list(range(partition.end))
    for offset in range(partition.end):
        assert read_all(partition, offset, max_bytes) == everything[offset:]
    for offset in (-1, partition.end + 1):
        with pytest.raises(Refusal, match="out of range") as caught:
            partition.read(offset, max_bytes)
        assert caught.value.code == ErrorCode.OFFSET_OUT_OF_RANGE


def test_a_read_goes_over_segments_and_keeps_within_its_bytes() -> None:
    partition = open_partition(MemFiles(), segment_bytes=400)
    for number in range(20):
        partition.append(batch([b"%02d" % number]), NOW)
    one = partition.read(0, 0).pieces
    assert len(one) == 1 and len(rows(one)) == 1
    whole = partition.read(0, 10**6).pieces
    assert len(whole) > 3 and len(rows(whole)) == 20
    for most in range(100, 2000, 70):
        pieces, next_offset = partition.read(3, most)
        assert sum(piece.data.length for piece in pieces) <= max(most, one[0].data.length)
        assert next_offset == rows(pieces)[-1].offset + 1


def test_nothing_is_read_beyond_what_the_reader_may_see() -> None:
    partition = open_partition(MemFiles(), segment_bytes=400)
    bounds = [0]
    for number in range(10):
        partition.append(batch([b"%d" % number] * 2), NOW)
        bounds.append(partition.end)
    for up_to in bounds:
        for offset in range(up_to):
            assert rows(partition.read(offset, 10**6, up_to).pieces)[-1].offset == up_to - 1
        assert partition.read(up_to, 10**6, up_to) == Read([], up_to)


def test_the_last_stable_offset_is_where_the_first_open_transaction_began() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=300)
    partition.append(batch([b"a", b"b"]), NOW)
    for producer in (7, 8):
        mine = batch([b"c"], producer_id=producer, epoch=0, sequence=0, transactional=True)
        partition.append(mine, NOW, begin=lambda header: None)
    partition.append(batch([b"d"] * 50), NOW)
    assert (partition.last_stable_offset, partition.end) == (2, 54)
    assert partition.facts().limit <= 2, "what a reader is not shown is not compacted"
    partition.retain(NOW + 2 * EXPIRES_MS)
    assert partition.last_stable_offset == 2, "a producer with a transaction is not forgotten"
    assert open_partition(files.after_kill()).last_stable_offset == 2
    partition.checkpoint(closing=True)
    sync(files, partition)
    again = open_partition(files, LogCheckpoint(partition.end))
    assert again.last_stable_offset == 2, "a snapshot of producers says it"
    assert again.delete_records(30) == again.delete_records(-1) == 2, "as far as all is decided"


def test_a_read_goes_on_behind_what_compaction_has_removed() -> None:
    files = MemFiles()
    partition = open_partition(files, cleanup_policy="compact", segment_bytes=700, index_interval_bytes=100)
    for number in range(40):
        partition.append(batch([b"x" * 90], [b"%d" % (number if number % 7 < 3 else 0)]), NOW)
    sync(files, partition)
    job = compaction.plan(partition.facts(), partition.topic.settings, NOW, 1 << 20)
    assert job is not None and partition.swap(compaction.run(files, job))
    kept = [row.offset for row in read_all(partition)]
    holes = [at for at in range(partition.end) if at not in kept]
    assert holes
    for offset in range(partition.end):
        for most in (0, 200, 1000, 10**6):
            pieces, next_offset = partition.read(offset, most)
            shown = [row.offset for row in rows(pieces, offset)]
            assert shown == [at for at in kept if offset <= at < next_offset]
    for hole in holes:  # as a reader that may go no further
        assert partition.read(hole, 100, hole + 1).next_offset == hole + 1


def test_a_batch_sent_again_is_stored_once() -> None:
    partition = open_partition(MemFiles())
    first = batch([b"a", b"b"], producer_id=5, epoch=0, sequence=0)
    second = batch([b"c"], producer_id=5, epoch=0, sequence=2)
    assert partition.append(first, NOW).duplicate is False
    assert partition.append(second, NOW) == LogAppendInfo(2, -1, 0, False)
    assert partition.append(first, NOW) == LogAppendInfo(0, -1, 0, True)
    assert partition.append(second, NOW) == LogAppendInfo(2, -1, 0, True)
    assert partition.end == 3
    gap = batch([b"e"], producer_id=5, epoch=0, sequence=4)
    assert refusal(partition, gap) == "OUT_OF_ORDER_SEQUENCE_NUMBER"


def test_what_a_producer_may_not_send() -> None:
    partition = open_partition(MemFiles(), max_message_bytes=500)
    good = batch([b"a"])
    assert refusal(partition, good[:-1]) == "CORRUPT_MESSAGE"
    assert refusal(partition, good[:-1] + b"?") == "CORRUPT_MESSAGE"
    assert refusal(partition, b"") == "CORRUPT_MESSAGE"
    assert refusal(partition, batch([b"x" * 400])) == "MESSAGE_TOO_LARGE"
    assert refusal(partition, batch([b"a"], timestamp=NOW + 3_600_001)) == "INVALID_TIMESTAMP"
    assert partition.append(batch([b"a"], timestamp=NOW + 3_600_000), NOW).base_offset == 0
    assert partition.append(batch([b"a"], timestamp=0), NOW).base_offset == 1
    open_transaction = batches.write(
        [b"k"], [b"v"], [NOW], None, producer_id=1, epoch=0, sequence=0, transactional=True
    )
    assert refusal(partition, open_transaction) == "INVALID_TXN_STATE", "its request names no transactional id"


def test_old_timestamps_are_refused_where_the_topic_says_so() -> None:
    partition = open_partition(MemFiles(), message_timestamp_before_max_ms=1000)
    assert refusal(partition, batch([b"a"], timestamp=NOW - 1001)) == "INVALID_TIMESTAMP"
    partition.append(batch([b"a"], timestamp=NOW - 1000), NOW)


def test_a_compacted_log_wants_keys() -> None:
    partition = open_partition(MemFiles(), cleanup_policy="compact")
    assert refusal(partition, batch([b"a"], keys=[None])) == "INVALID_RECORD"
    partition.append(batch([b"a"], keys=[b""]), NOW)


def test_log_append_time_takes_the_brokers_clock() -> None:
    partition = open_partition(MemFiles(), message_timestamp_type="LogAppendTime")
    assert partition.append(batch([b"a", b"b"], timestamp=10**15), NOW) == LogAppendInfo(0, NOW, 0, False)
    assert partition.append(batch([b"c"], timestamp=1), NOW + 5).timestamp == NOW + 5
    assert [row.timestamp for row in read_all(partition)] == [NOW, NOW, NOW + 5]
    assert partition.offset_for_time(NOW + 1) == OffsetAndTimestamp(2, NOW + 5)


def test_offsets_for_times_are_those_of_the_first_record_that_new() -> None:
    partition = open_partition(MemFiles(), segment_bytes=700, index_interval_bytes=200)
    for number in range(20):
        partition.append(batch([b"x"] * 3, timestamp=1000 + 10 * (number ^ 3)), NOW)
    everything = read_all(partition)
    for time in range(990, 1230):
        expected = next(((row.offset, row.timestamp) for row in everything if row.timestamp >= time), None)
        assert partition.offset_for_time(time) == expected
    top = max(row.timestamp for row in everything)
    assert partition.newest() == next((row.offset, top) for row in everything if row.timestamp == top)
    partition.delete_records(31)
    found = partition.offset_for_time(0)
    assert found is not None and found.offset == 31


def test_a_segment_ends_by_size_and_by_time() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=300, segment_ms=1000)
    for at, expected in ((0, 1), (1000, 1), (1001, 2), (0, 2), (5000, 3)):
        partition.append(batch([b"x"], timestamp=NOW + at), NOW + at)
        assert len([path for path in files.paths() if path.endswith(".log")]) == expected
    for _ in range(6):
        partition.append(batch([b"x" * 150], timestamp=NOW + 5000), NOW)
    logs = [path for path in files.paths() if path.endswith(".log")]
    assert all(files.size(path) <= 300 for path in logs) and len(logs) > 5


def test_a_batch_larger_than_a_segment_has_one_for_itself() -> None:
    partition = open_partition(MemFiles(), segment_bytes=200)
    for _ in range(3):
        partition.append(batch([b"x" * 1000]), NOW)
    assert len(read_all(partition)) == 3


def test_deleted_records_are_gone_for_good() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=300)
    for number in range(20):
        partition.append(batch([b"%d" % number] * 2), NOW)
    assert partition.delete_records(13) == 13
    assert (partition.log_start, read_all(partition)[0].offset) == (13, 13)
    with pytest.raises(Refusal):
        partition.read(12, 100)
    assert partition.delete_records(5) == 13
    with pytest.raises(Refusal, match="cannot be deleted"):
        partition.delete_records(41)
    assert open_partition(files, segment_bytes=300).log_start == 13
    assert partition.delete_records(-1) == 40
    assert partition.append(batch([b"x"]), NOW).base_offset == 40
    assert [row.offset for row in read_all(open_partition(files, segment_bytes=300))] == [40]


def test_retention_by_time_takes_whole_segments() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=300, retention_ms=1000)
    for number in range(10):
        partition.append(batch([b"x" * 100], timestamp=NOW + number * 100), NOW + number * 100)
    assert partition.retain(NOW + 5000) == 0, "nothing is durable yet"
    sync(files, partition)
    assert partition.retain(NOW + 1000) == 0
    partition.retain(NOW + 1450)
    assert NOW + 450 - 100 <= read_all(partition)[0].timestamp <= NOW + 500
    partition.retain(NOW + 50_000)
    assert (partition.log_start, partition.end, read_all(partition)) == (10, 10, [])
    assert partition.append(batch([b"x"]), NOW).base_offset == 10
    assert open_partition(files).log_start == 10


def test_retention_by_size_keeps_at_least_that_much() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=300, retention_bytes=1000)
    for _ in range(30):
        partition.append(batch([b"x" * 100]), NOW)
    sync(files, partition)
    partition.retain(NOW)
    assert 1000 <= partition.size <= 1300
    assert partition.end == 30


def test_what_is_kept_for_ever_is_kept() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=300, retention_ms=-1)
    for _ in range(10):
        partition.append(batch([b"x" * 100]), NOW)
    sync(files, partition)
    assert partition.retain(2 * NOW) == 0
    compacted = open_partition(MemFiles(), cleanup_policy="compact", retention_ms=1)
    compacted.append(batch([b"x"]), NOW)
    assert compacted.retain(2 * NOW) == 0


def test_slices_stay_readable_when_their_segment_goes() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=200)
    for number in range(5):
        partition.append(batch([b"%d" % number]), NOW)
    pieces = partition.read(0, 10**6).pieces
    partition.delete_records(-1)
    assert len(rows(pieces)) == 5


@pytest.mark.parametrize("part", [0.0, 0.4, 0.99])
def test_a_full_disk_costs_only_the_batch(part: float) -> None:
    """The k-th write fails, for every k; what was acknowledged is there, and the log goes on when there is
    space.
    """
    for at in range(1, 200):
        plan = Plan(at, "full", part, frozenset(("write",)))
        files = MemFiles(plan)
        partition = open_partition(files, segment_bytes=350, index_interval_bytes=150)
        for number in range(12):
            written = batch([b"%d" % number], producer_id=1, epoch=0, sequence=number)
            try:
                partition.append(written, NOW)
            except Refusal as full:
                assert full.code == ErrorCode.KAFKA_STORAGE_ERROR
                assert [row.offset for row in read_all(partition)] == list(range(number))
                partition.append(written, NOW)
            try:
                partition.checkpoint()
            except OSError:
                assert plan.fired
        assert [row.value for row in read_all(partition)] == [b"%d" % number for number in range(12)]
        again = open_partition(files, segment_bytes=350, index_interval_bytes=150)
        assert read_all(again) == read_all(partition)
        if not plan.fired:
            assert at > 20
            return
    raise AssertionError("the fault fired at every write")


def test_a_failed_disk_takes_nothing_more() -> None:
    files = MemFiles(Plan(3, "error", 0.5, frozenset(("write",))))
    partition = open_partition(files)
    partition.append(batch([b"a"]), NOW)
    partition.append(batch([b"b"]), NOW)
    for _ in range(100):
        with pytest.raises(DiskFailed, match=r"disk failed: Input/output error"):
            partition.append(batch([b"c"]), NOW)
    assert len(read_all(partition)) == 2


def test_a_disk_that_fails_while_it_is_full_has_failed() -> None:
    plan = Plan(2, "full", 0.5, frozenset(("write", "truncate")), lasting=True)
    partition = open_partition(MemFiles(plan))
    with pytest.raises((DiskFailed, Refusal)):
        for _ in range(3):
            partition.append(batch([b"a"]), NOW)
    with pytest.raises(DiskFailed):
        partition.append(batch([b"a"]), NOW)


def test_damage_is_never_delivered_by_what_looks_inside() -> None:
    files = MemFiles()
    partition = open_partition(files)
    partition.append(batch([b"aaaa"]), NOW)
    partition.append(batch([b"bbbb"]), NOW)
    path = f"{HERE}/00000000000000000000.log"
    files.patch(path, files.read(path).index(b"bbbb"), b"B")
    with pytest.raises(Corruption):
        partition.offset_for_time(NOW + 1) or partition.verify()[0]
        raise partition.verify()[0]
    (damage,) = partition.verify()
    assert (damage.file, damage.offset) == (path, files.size(path) // 2)


def test_producers_outlive_a_kill_that_is_followed_by_a_power_cut() -> None:
    files = MemFiles(power=True)
    files.make_directory("topics")
    files.fsync("")
    partition = open_partition(files, segment_bytes=400)
    for sequence, count in ((0, 1), (1, 3)):
        partition.append(batch([b"x"] * count, producer_id=1, epoch=0, sequence=sequence), NOW)
    again = batch([b"x"] * 3, producer_id=1, epoch=0, sequence=1)
    partition.append(batch([b"y"] * 6, producer_id=2, epoch=0, sequence=0), NOW)  # in a segment of its own
    killed = files.after_kill()
    partition = open_partition(killed, LogCheckpoint(0, 0, now=NOW), segment_bytes=400)
    assert partition.delete_records(7) == 7
    left = killed.after_power_cut()
    partition = open_partition(left, LogCheckpoint(0, 1, lost_power=True, now=NOW), segment_bytes=400)
    assert partition.log_start == 7
    assert partition.append(again, NOW).duplicate


def test_a_log_whose_first_file_was_made_by_one_that_was_killed_then_outlives_a_power_cut() -> None:
    files = MemFiles(power=True)
    files.make_directory("topics")
    files.fsync("")
    partition = open_partition(files)
    files.plan = Plan(1, "kill", calls=frozenset(("write",)))
    with pytest.raises(Killed):
        partition.append(batch([b"lost"]), NOW)
    killed = files.after_kill()
    partition = open_partition(killed, LogCheckpoint(0, 0, now=NOW))
    partition.append(batch([b"kept"]), NOW)
    sync(killed, partition)
    left = killed.after_power_cut()
    assert open_partition(left, LogCheckpoint(1, 0, lost_power=True, now=NOW)).end == 1


def test_the_silent_producers_of_a_compacted_log_are_forgotten() -> None:
    partition = open_partition(MemFiles(), cleanup_policy="compact")
    partition.append(batch([b"x"], producer_id=1, epoch=0, sequence=0), NOW)
    assert partition.facts().last_batches == {0}
    partition.retain(NOW + EXPIRES_MS + 1)
    assert partition.facts().last_batches == frozenset()
