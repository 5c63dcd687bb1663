"""Transactions in a log: what readers of committed records see, after whatever has happened to the log."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.base.files import Files
from broker_local.base.mem_files import MemFiles
from broker_local.log import compaction
from broker_local.log import format as batches
from broker_local.log import partition as partitions
from broker_local.log.partition import Partition
from broker_local.log.recovery import LogCheckpoint
from tests.broker_local.logs import HERE, NOW, batch, open_partition, read_all, rows, sync


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


class Event(NamedTuple):
    """What was appended: values of a transaction (None: of none), or how one ended."""

    end: int
    transaction: tuple[int, int] | None
    values: tuple[bytes, ...] = ()
    commit: bool = False


class Life:
    """A log in which things happen, and the list of what was appended beside it.

    Args:
        durability: what a power cut leaves: `process`, what the last sync covers; `durable`, what is whole.
    """

    def __init__(self, durability: str) -> None:
        self.durability = durability
        self.files = MemFiles(power=True)
        self.files.make_directory(HERE)
        for path in ("", "topics", HERE.rpartition("/")[0]):
            self.files.fsync(path)
        self.log = open_partition(self.files, **CONFIG)
        self.events: list[Event] = []
        self.known = self.epoch = 0
        self.epochs = dict.fromkeys((1, 2, 3), 0)

    def step(self, number: int, what: str, producer: int) -> None:
        value, transaction = b"%d" % number, (producer, self.epochs[producer])
        match what:
            case "plain":
                values = tuple(b"%d/%d" % (number, each) for each in range(producer))
                self.log.append(batch(values, values), NOW)
                self.events.append(Event(self.log.end, None, values))
            case "write":
                sequence = sum(each.transaction == transaction for each in self.events)
                write(self.log, *transaction, value, sequence=sequence)
                self.events.append(Event(self.log.end, transaction, (value,)))
            case "commit" | "abort":
                written = any(each.transaction == transaction for each in self.events)
                assert self.log.end_transaction(*transaction, what == "commit", NOW) == written
                if written:
                    self.events.append(Event(self.log.end, transaction, (), what == "commit"))
                self.epochs[producer] += 1
            case "sync":
                sync(self.files, self.log)
                self.known = self.log.end
            case "half a sync":  # and what says so does not get to the disk any more
                self.log.checkpoint()
                for path in self.log.take_unsynced():
                    self.files.fsync(path)
            case "compact":
                compacted(self.files, self.log)
            case "retain":
                self.log.retain(NOW + 2_000)
            case "delete":
                self.log.delete_records(min(self.log.end, self.log.log_start + producer))
            case "kill":
                self.start(self.files.after_kill())
            case _:
                kept = {"power": 0.0, "power, some": 0.5, "power, all": 1.0}[what]
                self.epoch += 1
                self.start(self.files.after_power_cut(kept), lost_power=True)

    def start(self, files: MemFiles, lost_power: bool = False) -> None:
        """Another engine opens what is left."""
        self.files = files
        cut = lost_power and self.durability == "process"
        before, start = self.log.end, self.log.log_start
        self.log = open_partition(files, LogCheckpoint(self.known, self.epoch, lost_power, cut), **CONFIG)
        end = self.known if cut else self.log.end
        assert self.log.end in ((before,) if not lost_power else (end, start)) and end >= self.known
        self.events = [each for each in self.events if each.end <= end]
        known = {each.transaction for each in self.events}
        for producer, each in list(self.log.open_transactions.items()):
            if (producer, each.epoch) not in known:  # as the broker does with what its coordinator does not know
                assert each.first < self.log.log_start, "deleted, but of a log that was longer"
                assert self.log.end_transaction(producer, each.epoch, False, NOW)
                self.events.append(Event(self.log.end, (producer, each.epoch)))
        for producer in self.epochs:
            if producer not in self.log.open_transactions:  # else it goes on
                self.epochs[producer] += 1
            else:
                self.epochs[producer] = self.log.open_transactions[producer].epoch

    def check(self, max_bytes: int) -> None:
        ended = {each.transaction: each.commit for each in self.events if not each.values}
        undecided = [each for each in self.events if each.transaction is not None and each.transaction not in ended]
        opened = {(number, each.epoch) for number, each in self.log.open_transactions.items()}
        assert opened <= {each.transaction for each in undecided}
        assert opened >= {each.transaction for each in undecided if each.end > self.log.log_start}
        expected = []
        for each in self.events:
            if each.transaction in opened:
                break
            if each.transaction is None or ended.get(each.transaction):
                first = each.end - len(each.values)
                expected += each.values[max(0, self.log.log_start - first) :]
        assert committed(self.log, max_bytes=max_bytes) == expected


CONFIG = {
    "segment_bytes": 500, "cleanup_policy": "compact,delete", "min_cleanable_dirty_ratio": 0, "retention_ms": 1_000,
}  # fmt: skip
WHAT = (
    "plain", "write", "write", "write", "commit", "commit", "abort", "abort", "sync", "half a sync", "compact",
    "retain", "delete", "kill", "power", "power, some", "power, all",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(1, 3)), max_size=60)


@pytest.mark.parametrize("durability", ["process", "durable"])
@given(STEPS, st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_any_history_reads_as_a_list_of_what_was_committed(
    durability: str, steps: list[tuple[str, int]], max_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as often:
        often.setattr(partitions, "SNAPSHOT_BATCHES", 3)
        life = Life(durability)
        for number, (what, producer) in enumerate(steps):
            life.step(number, what, producer)
            life.check(max_bytes)


def test_what_a_log_knew_before_it_was_cut_does_not_come_back_with_the_next_power_cut() -> None:
    """Its snapshot had been removed, but not from the disk; by then the log is as long again."""
    with pytest.MonkeyPatch.context() as often:
        often.setattr(partitions, "SNAPSHOT_BATCHES", 3)
        life = Life("process")
        story = [("plain", 1), ("sync", 1), ("write", 1), ("write", 1), ("half a sync", 1), ("power", 1)]
        for number, (what, producer) in enumerate([*story, ("plain", 3), ("sync", 1), ("power", 1)]):
            life.step(number, what, producer)
            life.check(100)
