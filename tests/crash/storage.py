"""A life of a data directory, told so that it can be cut short anywhere, and what must be true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.base.mem_files import MemFiles
from broker_local.log.log_manager import Durability, LogManager
from broker_local.log.partition import Partition
from tests.broker_local.logs import NOW, Row, batch, read_all

PLAIN = {"segment.bytes": "450", "index.interval.bytes": "150", "retention.ms": "-1"}
COMPACT = {**PLAIN, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"}


@dataclass
class Told:
    """What the life was told: acknowledged, durable, wanted."""

    durability: Durability
    plain: list[Row] = field(default_factory=list)
    keyed: list[Row] = field(default_factory=list)
    start: int = 0
    wanted_start: int = 0
    point: dict[str, int] = field(default_factory=dict)
    last: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    pending: dict[str, list[Row]] = field(default_factory=dict)
    deleted: bool = False


class Life:
    """The engine doing a bit of everything. Every step that returns is acknowledged in `told`.

    Args:
        files: the disk.
        durability: the mode.
        patient: try again what a full disk refused.
    """

    def __init__(self, files: MemFiles, durability: Durability = "process", patient: bool = False) -> None:
        self.files = files
        self.told = Told(durability)
        self.patient = patient
        self.now = NOW
        self.sequences = {"plain": 0, "keyed": 0}

    def run(self) -> None:
        """All of it."""
        self.open()
        self.retried(lambda: self.logs.create_topic("plain", 1, PLAIN))
        self.retried(lambda: self.logs.create_topic("keyed", 1, COMPACT))
        self.retried(lambda: self.logs.create_topic("gone", 1, PLAIN))
        self.retried(lambda: self.logs.partition("gone", 0).append(batch([b"x"]), NOW))
        for number in range(9):
            self.append("plain", [b"p%d" % number] * (number % 3 + 1))
            self.append("keyed", [b"k%d" % number, None if number % 4 == 0 else b"v"], [b"a", b"%d" % (number % 3)])
            if number % 3 == 2:
                self.flush()
                self.tick()
        self.told.deleted = True
        self.retried(lambda: self.logs.delete_topic("gone"))
        self.told.wanted_start = 7
        self.retried(lambda: self.logs.partition("plain", 0).delete_records(7))
        self.told.start = 7
        self.retried(lambda: self.logs.alter_topic("plain", {"retention.bytes": "900"}))
        self.logs.close()
        self.told.point = {"plain": len(self.told.plain), "keyed": len(self.told.keyed)}
        self.open()
        for number in range(6):
            self.append("keyed", [b"w%d" % number], [b"a"])
            self.append("plain", [b"q%d" % number])
        self.flush()
        self.tick()
        self.append("plain", [b"last"])

    def open(self) -> None:
        """A start."""
        self.logs = LogManager(self.files, self.now, durability=self.told.durability, new_id=ids(self.files))

    def retried(self, step: Callable[[], object]) -> None:
        """Does a step; once more if the disk was full, and it is to be patient."""
        try:
            step()
        except Refusal as refused:
            if not self.patient or refused.code != ErrorCode.KAFKA_STORAGE_ERROR:
                raise
            step()

    def append(self, topic: str, values: list[bytes | None], keys: list[bytes | None] | None = None) -> None:
        """Appends, and notes it once it is acknowledged."""
        log = self.told.plain if topic == "plain" else self.told.keyed
        rows = [Row(len(log) + at, keys[at] if keys else b"k", value, NOW + at) for at, value in enumerate(values)]
        self.told.pending[topic] = rows
        sequence = self.sequences[topic]
        written = batch(values, keys, producer_id=len(topic) + ord(topic[0]), epoch=0, sequence=sequence)
        self.retried(lambda: self.logs.partition(topic, 0).append(written, NOW))
        self.told.pending[topic] = []
        log += rows
        self.sequences[topic] += len(values)
        self.told.last[topic] = (written, rows[0].offset)

    def flush(self) -> None:
        """Makes all durable."""
        work = self.logs.begin_flush()
        if work is not None:
            work.run(self.files)
            self.logs.end_flush(work)
        self.told.point = {"plain": len(self.told.plain), "keyed": len(self.told.keyed)}

    def tick(self) -> None:
        """Retention and compaction."""
        self.now += 300_000
        self.retried(lambda: self.logs.tick(self.now))


def ids(files: MemFiles) -> Callable[[], str]:
    """Ids for topics: counted, so that a life is the same every time."""
    taken = len(files.entries("topics"))
    numbers = iter(range(taken + 1, taken + 1000))
    return lambda: f"{next(numbers):032x}"


def state(rows: list[Row]) -> dict[bytes | None, bytes | None]:
    """The newest value of every key, tombstones and all that was never written left out."""
    newest = {row.key: row.value for row in rows}
    return {key: value for key, value in newest.items() if value is not None}


def check_after_kill(files: MemFiles, told: Told) -> LogManager:
    """A start after a kill: what was acknowledged is there, once, in order, and recognised when sent again."""
    logs = LogManager(files, NOW, durability=told.durability)
    if "plain" in logs.topics:
        partition = logs.partition("plain", 0)
        check_log(partition, told.plain, told.pending.get("plain", []))
        assert told.start <= partition.log_start
        check_repeats(partition, told, "plain")
    if "keyed" in logs.topics:
        partition = logs.partition("keyed", 0)
        rows, full = read_all(partition), told.keyed + told.pending.get("keyed", [])
        assert len(told.keyed) <= partition.end <= len(full)
        assert state(rows) == state(full[: partition.end])
        assert set(rows) <= set(full)
        check_repeats(partition, told, "keyed")
    assert not told.plain or "plain" in logs.topics
    return logs


def check_log(partition: Partition, acked: list[Row], pending: list[Row]) -> None:
    """A log that is not compacted holds what was acknowledged, and whole batches of what was on its way."""
    full = acked + pending
    assert partition.end in (len(acked), len(full))
    assert read_all(partition) == full[partition.log_start : partition.end]


def check_repeats(partition: Partition, told: Told, topic: str) -> None:
    """The last acknowledged batch, sent again, is a duplicate."""
    if topic in told.last:
        written, offset = told.last[topic]
        done = partition.append(written, NOW)
        assert (done.duplicate, done.base_offset) == (True, offset)


def check_after_power_cut(files: MemFiles, told: Told) -> None:
    """A start after a power cut: what was durable is there; under `process` nothing else, in any log."""
    logs = LogManager(files, NOW, durability=told.durability)
    for topic, log in (("plain", told.plain), ("keyed", told.keyed)):
        if topic not in logs.topics:
            assert not told.point.get(topic)
            continue
        partition = logs.partition(topic, 0)
        point, full = told.point.get(topic, 0), log + told.pending.get(topic, [])
        assert point <= max(partition.end, partition.log_start)
        rows = read_all(partition)
        if topic == "plain":
            assert rows == full[partition.log_start : partition.end]
            assert told.start <= partition.log_start <= max(told.wanted_start, told.start, point)
        else:
            assert state(rows) == state(full[: partition.end])
        partition.append(batch([b"new"]), NOW)
