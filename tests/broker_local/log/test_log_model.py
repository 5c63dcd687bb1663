"""A partition against a list: whatever is done to it, its records are those of the list from the log start
on.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.base.mem_files import MemFiles, Plan
from broker_local.log.partition import Partition
from broker_local.log.recovery import LogCheckpoint
from tests.broker_local.logs import NOW, Row, batch, open_partition, read_all, rows, sync

SETTINGS = {"segment_bytes": 400, "index_interval_bytes": 160, "retention_bytes": 1500, "retention_ms": -1}


class Log(RuleBasedStateMachine):
    """The log, the list, and two producers that number their batches."""

    def __init__(self) -> None:
        super().__init__()
        self.files = MemFiles(power=True)
        self.files.make_directory("topics")
        self.files.fsync("")
        self.partition: Partition = open_partition(self.files, **SETTINGS)
        self.rows: list[Row] = []
        self.sent: dict[int, list[tuple[bytes, int]]] = {1: [], 2: []}
        self.sequences = {1: 0, 2: 0}
        self.ids = {1: 1, 2: 2}
        self.start = 0
        self.epoch = 0

    @rule(producer=st.sampled_from([1, 2]), values=st.lists(st.binary(max_size=60), min_size=1, max_size=6))
    def append(self, producer: int, values: list[bytes]) -> None:
        sequence = self.sequences[producer]
        written = batch(values, producer_id=self.ids[producer], epoch=0, sequence=sequence)
        done = self.partition.append(written, NOW)
        assert done == (len(self.rows), -1, self.partition.log_start, False)
        self.sent[producer].append((written, done.base_offset))
        self.rows += [Row(len(self.rows) + at, b"k", value, NOW + at) for at, value in enumerate(values)]
        self.sequences[producer] += len(values)

    @rule(producer=st.sampled_from([1, 2]), back=st.integers(1, 5))
    def send_again(self, producer: int, back: int) -> None:
        if len(self.sent[producer]) >= back:
            written, offset = self.sent[producer][-back]
            assert self.partition.append(written, NOW) == (offset, -1, self.partition.log_start, True)

    @rule(producer=st.sampled_from([1, 2]))
    def send_with_a_gap(self, producer: int) -> None:
        if self.sent[producer]:
            gap = batch([b"gap"], producer_id=self.ids[producer], epoch=0, sequence=self.sequences[producer] + 1)
            try:
                self.partition.append(gap, NOW)
            except Refusal as refused:
                assert refused.code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
            else:
                raise AssertionError("a gap was taken")

    @rule(at=st.floats(0, 1), most=st.integers(0, 900))
    def read(self, at: float, most: int) -> None:
        start = self.partition.log_start
        offset = start + int(at * (len(self.rows) - start))
        got = rows(self.partition.read(offset, most).pieces, offset)
        assert got == self.rows[offset : offset + len(got)]
        assert got or offset == len(self.rows)

    @rule(at=st.floats(0, 1))
    def delete_records(self, at: float) -> None:
        before = int(at * len(self.rows))
        self.start = max(self.partition.log_start, before)
        assert self.partition.delete_records(before) == self.start

    @rule()
    def make_durable(self) -> None:
        sync(self.files, self.partition)
        assert self.partition.durable_end == len(self.rows)

    @rule()
    def retain(self) -> None:
        self.partition.retain(NOW)
        self.start = max(self.start, self.partition.log_start)

    @rule()
    def close_and_open(self) -> None:
        self.partition.checkpoint(closing=True)
        sync(self.files, self.partition)
        known = LogCheckpoint(len(self.rows), self.epoch, now=NOW)
        self.partition = open_partition(self.files, known, **SETTINGS)
        assert self.partition.durable_end == len(self.rows)

    @rule(part=st.floats(0, 0.99))
    def kill_in_a_write(self, part: float) -> None:
        self.files.plan = Plan(1, "full", part, frozenset(("write", "truncate")), lasting=True)
        try:
            self.partition.append(batch([b"lost" * 9]), NOW)
        except Exception:
            assert self.files.plan.fired
        self.kill()

    @rule()
    def kill(self) -> None:
        known = LogCheckpoint(self.partition.durable_end, self.epoch, now=NOW)
        self.files = self.files.after_kill()
        self.partition = open_partition(self.files, known, **SETTINGS)
        assert self.partition.durable_end == known.end

    @precondition(lambda self: self.rows)
    @rule(kept=st.floats(0, 1), to_point=st.booleans())
    def cut_the_power(self, kept: float, to_point: bool) -> None:
        self.epoch += 1
        point, before = self.partition.durable_end, len(self.rows)
        known = LogCheckpoint(point, self.epoch, lost_power=True, cut=to_point, now=NOW)
        self.files = self.files.after_power_cut(kept)
        self.partition = open_partition(self.files, known, **SETTINGS)
        end = self.partition.end
        assert end == max(point, self.partition.log_start) if to_point else point <= end <= before
        assert self.partition.log_epoch == self.epoch
        assert self.partition.end_of_epoch(self.epoch - 1) == end
        assert self.partition.end_of_epoch(self.epoch) == end
        del self.rows[end:]
        for producer in self.sent:
            kept_batches = [(data, offset) for data, offset in self.sent[producer] if offset < end]
            lost = self.sent[producer][len(kept_batches) :]
            if lost or end == self.partition.log_start:
                # Its last batches are gone: it is told so, asks for a new id and begins anew.
                self.sent[producer], self.sequences[producer] = [], 0
                self.ids[producer] += 10

    @invariant()
    def the_records_are_those_of_the_list(self) -> None:
        assert self.partition.end == len(self.rows)
        assert self.partition.log_start >= self.start
        assert read_all(self.partition) == self.rows[self.partition.log_start :]


TestLog = Log.TestCase
TestLog.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
