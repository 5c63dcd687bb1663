"""Transactions in a log: what readers of committed records see, after whatever has happened to the log."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.base.files import Files
from broker_local.base.mem_files import MemFiles
from broker_local.log import compaction
from broker_local.log import format as batches
from broker_local.log.partition import Partition
from broker_local.log.recovery import LogCheckpoint
from tests.broker_local.logs import NOW, batch, open_partition, read_all, rows, sync


def write(partition: Partition, producer: int, epoch: int, *values: bytes, sequence: int = 0) -> int:
    """Appends a batch of a transaction; each value is its own key."""
    data = batch(
        list(values), list(values), producer_id=producer, epoch=epoch, sequence=sequence, transactional=True
    )
    return partition.append(data, NOW, begin=lambda header: None).base_offset


def committed(partition: Partition, since: int | None = None, max_bytes: int = 1 << 20) -> list[bytes | None]:
    """The values that a reader of committed records gets, read to the last stable offset."""
    position = partition.log_start if since is None else since
    found: list[bytes | None] = []
    while position < partition.last_stable_offset:
        pieces, after = partition.read_committed(position, max_bytes)
        assert after > position, f"a reader stands still at {position}"
        found += [row.value for row in rows(pieces, position)]
        position = after
    assert partition.read_committed(position, max_bytes).next_offset == position
    return found


def compacted(files: Files, partition: Partition) -> bool:
    """Makes a pass, if one is due."""
    job = compaction.plan(partition.facts(), partition.topic.settings, NOW)
    return job is not None and partition.swap(compaction.run(files, job))


def test_a_marker_is_a_batch_without_records_that_only_moves_the_position() -> None:
    data = batches.marker(7, 3, True, NOW)
    sealed = batches.seal(data, 40, 1) + data
    header = batches.verify(sealed)
    assert (header.producer_id, header.epoch, header.span, header.records, header.next_offset) == (7, 3, 0, 0, 41)
    assert header.flags == batches.CONTROL | batches.COMMIT
    keys, values, times, headers, offsets, after = batches.read(sealed)
    assert (list(keys), list(values), list(times), headers, list(offsets), after) == ([], [], [], None, [], 41)
    assert batches.produced(batches.marker(7, 3, False, NOW), own=True).flags == batches.CONTROL


def test_no_producer_may_send_a_marker() -> None:
    partition = open_partition(MemFiles())
    with pytest.raises(Refusal) as refused:
        partition.append(batches.marker(7, 0, True, NOW), NOW, begin=lambda header: None)
    assert refused.value.code == ErrorCode.CORRUPT_MESSAGE


def test_readers_of_committed_records_wait_at_what_is_open_and_pass_what_was_aborted() -> None:
    partition = open_partition(MemFiles())
    partition.append(batch([b"plain"]), NOW)
    write(partition, 7, 0, b"good")
    write(partition, 8, 0, b"bad")
    assert committed(partition) == [b"plain"] and partition.last_stable_offset == 1
    assert partition.end_transaction(8, 0, False, NOW)
    assert partition.last_stable_offset == 1, "7 is open still"
    assert partition.end_transaction(7, 0, True, NOW)
    assert committed(partition) == [b"plain", b"good"] and partition.last_stable_offset == partition.end == 5
    assert [row.value for row in read_all(partition)] == [b"plain", b"good", b"bad"]


def test_an_end_is_written_once_and_only_for_what_is_open() -> None:
    partition = open_partition(MemFiles())
    write(partition, 7, 3, b"a")
    assert not partition.end_transaction(7, 2, False, NOW), "of an epoch that is over"
    assert not partition.end_transaction(8, 3, False, NOW)
    assert partition.end_transaction(7, 3, True, NOW) and not partition.end_transaction(7, 3, True, NOW)
    assert (partition.end, committed(partition)) == (2, [b"a"])


def test_a_reader_passes_a_stretch_of_which_nothing_is_left_at_once() -> None:
    partition = open_partition(MemFiles())
    for number in range(40):
        write(partition, 7, 0, b"x%d" % number, sequence=number)
    partition.end_transaction(7, 0, False, NOW)
    found = partition.read_committed(0, 1 << 20)
    assert [row.value for row in rows(found.pieces)] == [] and found.next_offset == 41
    assert partition.read_committed(0, 100).next_offset > 0, "however little it takes"


@pytest.mark.parametrize("max_bytes", [1, 150, 1 << 20])
def test_mixed_batches_come_in_order_in_reads_of_any_size(max_bytes: int) -> None:
    partition = open_partition(MemFiles(), segment_bytes=2_000, index_interval_bytes=100)
    for number in range(60):
        write(partition, 7 + number % 2, number // 2, b"%d" % number)
        partition.end_transaction(7 + number % 2, number // 2, number % 2 == 0, NOW)
    assert committed(partition, max_bytes=max_bytes) == [b"%d" % number for number in range(0, 60, 2)]


def test_a_start_finds_open_and_aborted_transactions_with_and_without_a_snapshot() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=300)
    for epoch in range(6):
        write(partition, 7, epoch, b"%d" % epoch)
        partition.end_transaction(7, epoch, epoch % 2 == 1, NOW)
    write(partition, 8, 0, b"open")
    before = committed(partition)
    assert before == [b"1", b"3", b"5"]
    for left in (files.after_kill(), files):
        again = open_partition(left, segment_bytes=300)
        assert committed(again) == before and again.last_stable_offset == 12
        assert dict(again.open_transactions) == {8: (0, 12)}
    partition.checkpoint(closing=True)
    sync(files, partition)
    (again,) = (open_partition(files.after_kill(), LogCheckpoint(partition.end), segment_bytes=300),)
    assert committed(again) == before and dict(again.open_transactions) == {8: (0, 12)}
    assert again.end_transaction(8, 0, True, NOW) and committed(again)[-1] == b"open"


def test_a_log_that_is_cut_back_forgets_the_markers_behind_the_cut() -> None:
    files = MemFiles()
    partition = open_partition(files)
    write(partition, 7, 0, b"a")
    sync(files, partition)
    point = partition.end
    partition.end_transaction(7, 0, False, NOW)
    write(partition, 8, 0, b"b")
    sync(files, partition)
    again = open_partition(files.after_kill(), LogCheckpoint(point, 1, lost_power=True, cut=True))
    assert dict(again.open_transactions) == {7: (0, 0)} and again.last_stable_offset == 0
    again.end_transaction(7, 0, True, NOW)
    assert committed(again) == [b"a"]


def test_nothing_of_an_open_transaction_is_deleted_or_compacted() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=200, retention_ms=1_000)
    partition.append(batch([b"old"]), NOW)
    write(partition, 7, 0, b"mine")
    for _ in range(10):
        partition.append(batch([b"x" * 50]), NOW)
    sync(files, partition)
    assert partition.facts().limit == 1
    partition.retain(NOW + 10_000)
    assert partition.log_start <= 1 and b"mine" in [row.value for row in read_all(partition)]
    partition.end_transaction(7, 0, True, NOW)
    sync(files, partition)
    partition.retain(NOW + 10_000)
    assert partition.log_start > 1


def test_what_was_ended_is_compacted_only_once_its_marker_is_on_the_disk() -> None:
    """After a power cut the transaction may be open again, and end otherwise."""
    files = MemFiles()
    partition = open_partition(files, segment_bytes=200, cleanup_policy="compact")
    write(partition, 7, 0, b"a")
    partition.append(batch([b"x" * 150]), NOW)
    sync(files, partition)
    partition.end_transaction(7, 0, True, NOW)
    assert (partition.last_stable_offset, partition.facts().limit) == (partition.end, 0)
    sync(files, partition)
    assert partition.facts().limit == partition.end


def test_compaction_drops_what_was_aborted_and_all_markers_and_nobody_reads_otherwise() -> None:
    files = MemFiles()
    config = {"segment_bytes": 600, "cleanup_policy": "compact", "min_cleanable_dirty_ratio": 0}
    partition = open_partition(files, **config)
    write(partition, 7, 0, b"k1")
    partition.end_transaction(7, 0, True, NOW)
    write(partition, 8, 0, b"k1", b"k2")  # newer, and never there
    partition.end_transaction(8, 0, False, NOW)
    for number in range(20):
        partition.append(batch([b"fill"], [b"fill%d" % number]), NOW)
    sync(files, partition)
    before = committed(partition)
    assert compacted(files, partition)
    left = list(partition.headers(0))
    assert not any(header.flags & batches.CONTROL for header in left[:-1])
    assert not any(header.flags & batches.TRANSACTIONAL for header in left)
    assert committed(partition) == before and b"k1" in before and b"k2" not in before
    assert [row.value for row in read_all(partition)] == before, "there is nothing else any more"
    again = open_partition(files.after_kill(), **config)
    assert committed(again) == before and not again.open_transactions
    with pytest.raises(Refusal, match="sent sequence 5 after 0"):
        write(again, 7, 0, b"late", sequence=5)


def test_offsets_for_times_pass_what_was_aborted() -> None:
    partition = open_partition(MemFiles())
    for at, (producer, value) in enumerate([(7, b"a"), (8, b"b"), (9, b"c")]):
        data = batch([value], timestamp=NOW + at * 10, producer_id=producer, epoch=0, sequence=0, transactional=True)
        partition.append(data, NOW, begin=lambda header: None)
        partition.end_transaction(producer, 0, producer == 7, NOW)
    assert partition.offset_for_time(NOW + 5) == (2, NOW + 10)
    assert partition.offset_for_time(NOW + 5, committed=True) is None
    assert partition.offset_for_time(NOW, committed=True) == (0, NOW)
    assert (partition.newest(), partition.newest(committed=True)) == ((4, NOW + 20), (0, NOW))


def test_the_first_batch_of_an_unknown_producer_begins_at_the_first_sequence() -> None:
    partition = open_partition(MemFiles())
    with pytest.raises(Refusal) as refused:
        write(partition, 7, 0, b"a", sequence=3)
    assert refused.value.code == ErrorCode.UNKNOWN_PRODUCER_ID


# Against an obviously right log ------------------------------------------------------------------


@dataclass
class Model:
    """A list of what was written, with the transaction it belongs to, and what became of transactions."""

    written: list[tuple[bytes, tuple[int, int] | None]] = field(default_factory=list)
    ended: dict[tuple[int, int], bool] = field(default_factory=dict)

    def committed(self) -> list[bytes]:
        found = []
        for value, transaction in self.written:
            if transaction is not None and transaction not in self.ended:
                break
            if transaction is None or self.ended[transaction]:
                found.append(value)
        return found


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("plain"), st.integers(1, 3)),
        st.tuples(st.just("write"), st.integers(1, 3)),
        st.tuples(st.just("commit"), st.integers(1, 3)),
        st.tuples(st.just("abort"), st.integers(1, 3)),
        st.tuples(st.sampled_from(["kill", "sync", "close", "compact"]), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_any_history_reads_as_a_list_of_what_was_committed(steps: list[tuple[str, int]], max_bytes: int) -> None:
    files: Files = MemFiles()
    config = {"segment_bytes": 500, "cleanup_policy": "compact", "min_cleanable_dirty_ratio": 0}
    partition, model, known = open_partition(files, **config), Model(), 0
    epochs = dict.fromkeys((1, 2, 3), 0)
    sequences = dict.fromkeys((1, 2, 3), 0)
    for number, (what, producer) in enumerate(steps):
        value = b"%d" % number
        current = (producer, epochs.get(producer, 0))
        match what:
            case "plain":
                partition.append(batch([value], [value]), NOW)
                model.written.append((value, None))
            case "write":
                write(partition, *current, value, sequence=sequences[producer])
                sequences[producer] += 1
                model.written.append((value, current))
            case "commit" | "abort":
                assert partition.end_transaction(*current, what == "commit", NOW) == (sequences[producer] > 0)
                model.ended[current] = what == "commit"
                epochs[producer], sequences[producer] = current[1] + 1, 0
            case "sync":
                sync(files, partition)
                known = partition.end
            case "close" | "kill":
                if what == "close":
                    partition.checkpoint(closing=True)
                assert isinstance(files, MemFiles)
                files = files.after_kill()
                partition = open_partition(files, LogCheckpoint(known), **config)
            case _:
                compacted(files, partition)
        assert committed(partition, max_bytes=max_bytes) == model.committed()
