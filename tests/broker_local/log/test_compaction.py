"""Compaction against a dict: of every key the newest record stays; and all that must not go."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.faults import Corruption, Refusal
from broker_local.base.mem_files import MemFiles, Plan
from broker_local.log import compaction
from broker_local.log import format as batches
from broker_local.log.compaction import Facts, Job, SegmentFacts
from broker_local.log.partition import Partition
from broker_local.log.recovery import LogCheckpoint
from broker_local.log.segment import Name
from broker_local.log.topics import TopicSettings
from tests.broker_local.logs import HERE, NOW, Row, batch, open_partition, read_all, sync

DAY = 86_400_000
COMPACT = {"cleanup_policy": "compact", "segment_bytes": 500, "index_interval_bytes": 200}


def compact(files: MemFiles, partition: Partition, now: int = NOW, key_bytes: int = 1 << 20) -> Job | None:
    """Makes a pass if one is due."""
    job = compaction.plan(partition.facts(), partition.topic.settings, now, key_bytes)
    if job is not None:
        assert partition.swap(compaction.run(files, job))
    return job


def put(partition: Partition, *pairs: tuple[bytes, bytes | None], now: int = NOW, **producer: int) -> None:
    keys, values = zip(*pairs, strict=True)
    partition.append(batch(values, keys, now, **producer), now)


def state(rows: list[Row]) -> dict[bytes | None, bytes]:
    """What a reader of the whole log ends with."""
    found: dict[bytes | None, bytes] = {}
    for row in rows:
        if row.value is None:
            found.pop(row.key, None)
        else:
            found[row.key] = row.value
    return found


KEYS = [b"a", b"b", b"c", b"d", b"e"]
write = st.lists(st.tuples(st.sampled_from(KEYS), st.none() | st.binary(max_size=30)), min_size=1, max_size=6)
step = write | st.sampled_from(["compact", "restart", "pass a day", "little memory", "delete records"])


@given(st.lists(step, max_size=40))
@settings(max_examples=100, deadline=None)
def test_a_reader_ends_with_the_same(steps: list[object]) -> None:
    files, now = MemFiles(), NOW
    partition = open_partition(files, **COMPACT)
    everything: list[Row] = []
    for one in steps:
        if one == "restart":
            partition.checkpoint(closing=True)
            sync(files, partition)
            partition = open_partition(files, LogCheckpoint(partition.end), **COMPACT)
        elif one == "pass a day":
            now += DAY + 1
        elif one == "delete records":
            partition.delete_records((partition.log_start + partition.end) // 2)
        elif isinstance(one, str):
            sync(files, partition)
            before = read_all(partition)
            compact(files, partition, now, 200 if one == "little memory" else 1 << 20)
            after = read_all(partition)
            assert state(after) == state(before)
            assert [row for row in before if row in set(after)] == after
        else:
            put(partition, *one, now=now)
            everything += [Row(len(everything) + at, key, value, now + at) for at, (key, value) in enumerate(one)]
        rows = read_all(partition)
        assert set(rows) <= set(everything[partition.log_start :])
        if not partition.log_start:
            assert state(rows) == state(everything)
        for offset in range(partition.log_start, partition.end):
            assert read_all(partition, offset, 300) == [row for row in rows if row.offset >= offset]


def dirty(partition: Partition, files: MemFiles) -> None:
    """Fills a segment, so that what came before is closed, and makes it durable."""
    put(partition, (b"filler", b"x" * 480))
    put(partition, (b"filler", b"x" * 480))
    sync(files, partition)


def test_only_the_newest_of_a_key_stays_in_the_closed_segments() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    for number in range(20):
        put(partition, (b"a", b"%d" % number), (b"b", b"%d" % number))
    dirty(partition, files)
    size = partition.size
    assert compact(files, partition) is not None
    rows = [row for row in read_all(partition) if row.key in (b"a", b"b")]
    assert [(row.offset, row.key, row.value) for row in rows] == [(38, b"a", b"19"), (39, b"b", b"19")]
    assert partition.size < size / 2
    assert compact(files, partition) is None, "nothing new has come"
    assert partition.log_start == 0 and partition.read(0, 10**6).pieces


def test_a_tombstone_stays_for_a_day_from_the_pass_that_first_saw_it() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    put(partition, (b"a", b"1"), (b"b", b"2"))
    put(partition, (b"a", None), (b"c", b"3"))
    dirty(partition, files)
    compact(files, partition, NOW + 100 * DAY)
    seen = NOW + 100 * DAY
    assert Row(2, b"a", None, NOW) in read_all(partition)
    assert partition.tombstones_gone == 0
    (header,) = [header for header in partition.headers(0) if header.cleaned_at != -1]
    assert (header.base_offset, header.cleaned_at) == (2, seen)
    assert compact(files, partition, seen + DAY - 1) is None
    partition = open_partition(files, LogCheckpoint(partition.end), **COMPACT)
    assert compact(files, partition, seen + DAY) is not None, "the tombstone's time is over: a pass is due for it alone"
    assert not any(row.key == b"a" for row in read_all(partition))
    assert partition.tombstones_gone == 3
    assert compact(files, partition, seen + 9 * DAY) is None
    assert open_partition(files, LogCheckpoint(partition.end), **COMPACT).tombstones_gone == 3


def test_later_passes_do_not_prolong_a_tombstone() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    put(partition, (b"a", None))
    for hours in range(0, 30, 6):
        dirty(partition, files)
        compact(files, partition, NOW + hours * 3_600_000)
        here = any(row.value is None for row in read_all(partition))
        assert here == (hours < 24)


def test_what_is_written_to_is_left_alone_and_so_is_what_is_not_durable() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    for number in range(20):
        put(partition, (b"a", b"%d" % number))
    assert compact(files, partition) is None, "nothing is durable"
    sync(files, partition)
    for number in range(20):
        put(partition, (b"a", b"+%d" % number))
    durable = partition.durable_end
    before = read_all(partition)
    compact(files, partition)
    after = read_all(partition)
    assert [row for row in after if row.offset >= durable] == [row for row in before if row.offset >= durable]
    assert len([row for row in after if row.offset < durable]) < 5
    assert after[-1].value == b"+19"


def test_what_is_young_is_left_alone() -> None:
    files = MemFiles()
    config = {**COMPACT, "min_compaction_lag_ms": 1000}
    partition = open_partition(files, **config)
    for number in range(40):
        put(partition, (b"a", b"%d" % number), now=NOW + number * 100)
    sync(files, partition)
    compact(files, partition, NOW + 3000)
    left = [row.timestamp - NOW for row in read_all(partition)]
    assert left[-20:] == list(range(2000, 4000, 100)) and len(left) < 28


def test_a_pass_waits_for_enough_dirt_but_not_for_ever() -> None:
    files = MemFiles()
    config = {**COMPACT, "min_cleanable_dirty_ratio": 0.6, "max_compaction_lag_ms": 3_600_000}
    partition = open_partition(files, **config)
    for number in range(60):
        put(partition, (b"%d" % number, b"x" * 50))
    dirty(partition, files)
    assert compact(files, partition) is not None
    for number in range(4):
        put(partition, (b"%d" % number, b"x" * 50))
    dirty(partition, files)
    assert compact(files, partition, NOW + 3_600_000) is None
    assert compact(files, partition, NOW + 3_600_001) is not None


def test_the_last_batch_of_every_producer_stays_so_that_it_is_recognised() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    for number in range(3):
        put(partition, (b"a", b"%d" % number), producer_id=1, epoch=4, sequence=number)
    for number in range(3):
        put(partition, (b"a", b"%d" % number), producer_id=2, epoch=0, sequence=number)
    last = batch([b"2"], [b"a"], NOW, producer_id=1, epoch=4, sequence=2)
    dirty(partition, files)
    compact(files, partition)
    headers = {header.base_offset: header for header in partition.headers(0)}
    assert (headers[2].records, headers[2].producer_id, headers[2].last_sequence) == (0, 1, 2)
    assert not {0, 1, 3, 4} & set(headers)
    for path in [path for path in files.paths() if path.endswith(".producers")]:
        files.remove(path)
    again = open_partition(files, LogCheckpoint(partition.end), **COMPACT)
    assert again.append(last, NOW).base_offset == 2
    with pytest.raises(Refusal, match="batches before it are missing"):
        put(again, (b"a", b"x"), producer_id=1, epoch=4, sequence=4)


def test_a_position_always_gets_to_the_end() -> None:
    """Though every record is gone, and the last segment empty, a reader in there finds its way."""
    for at in range(1, 20):
        files = MemFiles()
        partition = open_partition(files, **{**COMPACT, "segment_bytes": 120})
        for _ in range(4):
            put(partition, (b"a", None))
        sync(files, partition)
        files.plan = Plan(at, "full", calls=frozenset(("write",)))
        with suppress(Refusal):
            put(partition, (b"a", None))
        if not partition.facts().segments[-1].size:
            break
    assert not partition.facts().segments[-1].size, "the disk got full just after a segment began"
    compact(files, partition, NOW)
    compact(files, partition, NOW + 2 * DAY)
    assert read_all(partition) == []
    for offset in range(partition.end):
        read_all(partition, offset)


def test_small_segments_grow_together() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    for number in range(100):
        put(partition, (b"%d" % (number % 3), b"x" * 40))
    dirty(partition, files)
    many = len(partition.facts().segments)
    compact(files, partition)
    put(partition, (b"0", b"y"))
    dirty(partition, files)
    compact(files, partition)
    assert len(partition.facts().segments) < 8 < many
    assert all(segment.size <= 500 for segment in partition.facts().segments[:-1] if segment.size < 560)


def test_keys_that_do_not_fit_into_memory_wait_for_the_next_pass() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT, min_cleanable_dirty_ratio=0)
    for number in range(60):
        put(partition, (b"%d" % (number % 20), b"%d" % number))
    dirty(partition, files)
    ends = []
    for _ in range(40):
        if compact(files, partition, NOW, key_bytes=1000) is None:
            break
        ends.append(partition.facts().clean_end)
    assert len(ends) > 3 and ends == sorted(set(ends))
    rows = [row for row in read_all(partition) if row.key != b"filler"]
    assert sorted(int(row.value or b"") for row in rows) == list(range(40, 60))


def test_records_without_a_key_go() -> None:
    files = MemFiles()
    partition = open_partition(files, segment_bytes=500)
    put(partition, (b"a", b"1"))
    partition.append(batch([b"no key"], [None]), NOW)
    partition.reconfigure(replace(partition.topic, settings=open_partition(MemFiles(), **COMPACT).topic.settings))
    dirty(partition, files)
    compact(files, partition)
    assert next(row.key for row in read_all(partition)) == b"a"
    assert None not in [row.key for row in read_all(partition)]


def test_append_times_and_epochs_survive() -> None:
    files = MemFiles()
    config = {**COMPACT, "message_timestamp_type": "LogAppendTime"}
    partition = open_partition(files, LogCheckpoint(epoch=3), **config)
    put(partition, (b"a", b"1"), (b"b", b"2"), now=NOW + 5)
    put(partition, (b"a", b"1"), now=NOW + 6)
    dirty(partition, files)
    compact(files, partition)
    assert read_all(partition)[0] == Row(1, b"b", b"2", NOW + 5)
    assert next(partition.headers(0)).log_epoch == 3


def test_headers_of_what_stays_stay() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    tags = [(("n", b"%d" % at), ("m", None)) for at in range(3)]
    partition.append(batches.write([b"a", b"b", b"a"], [b"1", b"2", b"3"], [NOW] * 3, tags), NOW)
    dirty(partition, files)
    put(partition, (b"b", b"4"))
    dirty(partition, files)
    compact(files, partition)
    data = partition.read(0, 1).pieces[0].data.read()
    assert list(batches.read(data)[3] or ()) == [tags[2]]


def test_a_log_that_changed_meanwhile_is_not_swapped() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    for number in range(20):
        put(partition, (b"a", b"%d" % number))
    dirty(partition, files)
    job = compaction.plan(partition.facts(), partition.topic.settings, NOW)
    assert job is not None
    done = compaction.run(files, job)
    partition.delete_records(15)
    before = read_all(partition)
    assert partition.swap(done) is False
    assert read_all(partition) == before
    assert not any("-1." in path for path in files.paths())


def test_damage_stops_a_pass_and_changes_nothing() -> None:
    files = MemFiles()
    partition = open_partition(files, **COMPACT)
    for number in range(20):
        put(partition, (b"a", b"value-%d" % number))
    dirty(partition, files)
    path = next(path for path in files.paths() if path.endswith(".log"))
    files.patch(path, files.read(path).index(b"value-2"), b"V")
    paths = files.paths()
    with pytest.raises(Corruption) as caught:
        compact(files, partition)
    assert caught.value.file == path
    assert files.paths() == paths


@pytest.mark.parametrize("fault", ["full", "error", "kill"])
def test_a_pass_that_fails_anywhere_leaves_the_log_as_it_was(fault: str) -> None:
    for at in range(1, 200):
        files = MemFiles(power=True)
        files.make_directory("topics")
        files.fsync("")
        partition = open_partition(files, **COMPACT)
        for number in range(30):
            put(partition, (b"%d" % (number % 7), b"%d" % number))
        dirty(partition, files)
        before = read_all(partition)
        plan = files.plan = Plan(at, fault, 0.5)  # type: ignore[arg-type]
        try:
            compact(files, partition)
        except BaseException:
            assert plan.fired
        files.plan = None
        for left in (files.after_kill(), files.after_power_cut()):
            lost = left.boot_id() != files.boot_id()
            again = open_partition(left, LogCheckpoint(partition.end, int(lost), lost, True), **COMPACT)
            assert state(read_all(again)) == state(before)
            stems = {f"{HERE}/{segment.name.stem}.log" for segment in again.facts().segments}
            assert {path for path in left.paths() if path.endswith(".log")} == stems
            compact(left, again)
            assert state(read_all(again)) == state(before)
        if not plan.fired:
            assert at > 10
            return
    raise AssertionError("the fault fired at every call")


def facts(*sizes: int, clean_end: int = 0, limit: int = 10**9, horizon: int = -1, newest: int = 0) -> Facts:
    segments = tuple(SegmentFacts(Name(10 * at), 10 * at + 10, size, newest, newest) for at, size in enumerate(sizes))
    return Facts("d", segments, clean_end, 0, limit, horizon, frozenset(), 1)


@pytest.mark.parametrize(
    ("log", "config", "groups"),
    [
        (facts(), {}, None),
        (facts(100), {}, None),
        (facts(100, 100), {}, [[0]]),
        (facts(100, 100, 100, 100), {"segment_bytes": 200}, [[0, 10], [20]]),
        (facts(100, 100, 100), {"segment_bytes": 50}, [[0], [10]]),
        (facts(100, 100, 100, limit=19), {}, [[0]]),
        (facts(100, 100, 100, limit=9), {}, None),
        (facts(100, 100, 100, clean_end=20), {}, None),
        (facts(100, 100, 100, clean_end=10), {}, [[0, 10]]),
        (facts(101, 99, 100, clean_end=10), {}, None),
        (facts(101, 99, 100, clean_end=10), {"min_cleanable_dirty_ratio": 0.4}, [[0, 10]]),
        (facts(101, 99, 100, clean_end=10, newest=NOW - 10), {"max_compaction_lag_ms": 10}, None),
        (facts(101, 99, 100, clean_end=10, newest=NOW - 11), {"max_compaction_lag_ms": 10}, [[0, 10]]),
        (facts(100, 100, 100, newest=NOW - 10), {"min_compaction_lag_ms": 11}, None),
        (facts(100, 100, 100, newest=NOW - 10), {"min_compaction_lag_ms": 10}, [[0, 10]]),
        (facts(100, 100, 100, clean_end=20, horizon=NOW - 9), {"delete_retention_ms": 10}, None),
        (facts(100, 100, 100, clean_end=20, horizon=NOW - 10), {"delete_retention_ms": 10}, [[0, 10]]),
    ],
)
def test_what_a_pass_would_read(log: Facts, config: dict[str, float], groups: list[list[int]] | None) -> None:
    job = compaction.plan(log, replace(TopicSettings(compacts=True), **config), NOW)  # type: ignore[arg-type]
    assert (job and [[facts.name.base for facts in group] for group in job.groups]) == groups
