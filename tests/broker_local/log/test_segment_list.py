"""The list of segments and the files it names: what disagrees is damage, and what compaction leaves out is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker_local.base.faults import Corruption
from broker_local.base.mem_files import MemFiles
from broker_local.log import compaction, layout
from broker_local.log.partition import Partition
from broker_local.log.recovery import LogCheckpoint
from broker_local.log.segment import Name
from streams.clients import Admin, Consumer
from streams.errors import BrokerNotFoundException
from tests.broker_local.host.test_damage_end_to_end import ONLY, command, produce, read
from tests.broker_local.logs import HERE, NOW, batch, open_partition, read_all, sync
from tests.engines import local_engine, stop_broker, until

SMALL = {"segment_bytes": 300, "index_interval_bytes": 120}


def filled(files: MemFiles, count: int = 16, **config: object) -> Partition:
    """A log of several segments of batches of one size."""
    partition = open_partition(files, **{**SMALL, **config})
    for number in range(count):
        key = b"rare " if number == 10 else b"key %d" % (number % 3)
        partition.append(batch([b"value %02d" % number], [key]), NOW + number)
    partition.checkpoint(closing=True)
    sync(files, partition)
    return partition


def logs(files: MemFiles) -> list[str]:
    return [f"{HERE}/{name}" for name in files.entries(HERE) if name.endswith(".log")]


def overwrite(files: MemFiles, path: str, data: bytes) -> None:
    files.remove(path)
    files.open(path, create=True).write((data,), 0)


def empty(files: MemFiles, path: str) -> None:
    files.open(path).truncate(0)


def missing(files: MemFiles, path: str) -> None:
    files.remove(path)


def without_its_last_batch(files: MemFiles, path: str) -> None:
    files.open(path).truncate(files.size(path) // 2)


def without_its_last_byte(files: MemFiles, path: str) -> None:
    files.open(path).truncate(files.size(path) - 1)


def with_zeros_behind_it(files: MemFiles, path: str) -> None:
    overwrite(files, path, files.read(path) + bytes(7))


def with_its_batches_twice(files: MemFiles, path: str) -> None:
    overwrite(files, path, files.read(path) * 2)


def another_one_s_batches(files: MemFiles, path: str) -> None:
    other = next(each for each in logs(files) if each != path)
    overwrite(files, path, files.read(other))


HARM = [
    empty,
    missing,
    without_its_last_batch,
    without_its_last_byte,
    with_zeros_behind_it,
    with_its_batches_twice,
    another_one_s_batches,
]


def drop_lengths(files: MemFiles) -> None:
    """As an engine left it that did not note them."""
    state = layout.read_state(files, HERE)
    assert state is not None
    layout.write_state(files, HERE, replace(state, lengths={}))


@pytest.mark.parametrize("lengths", [True, False], ids=["lengths", "none"])
@pytest.mark.parametrize("index", ["kept", "missing", "empty"])
@pytest.mark.parametrize("closed", [0, 1, -2])
@pytest.mark.parametrize("harm", HARM)
def test_a_closed_segment_that_is_not_what_was_closed_is_damage(
    harm: Callable[[MemFiles, str], None], closed: int, index: str, lengths: bool
) -> None:
    files = MemFiles()
    end = filled(files).end
    path = logs(files)[closed]
    if not lengths:
        drop_lengths(files)
    indexed = path.replace(".log", ".index")
    if index == "missing":
        files.remove(indexed)
    if index == "empty":
        files.open(indexed).truncate(0)
    harm(files, path)
    before = {each: files.read(each) for each in files.paths()}
    for known in (LogCheckpoint(end), LogCheckpoint(end // 2)):  # a clean end, and a kill
        with pytest.raises(Corruption) as caught:
            open_partition(files, known, **SMALL)
        assert caught.value.file == path
    assert {each: files.read(each) for each in files.paths()} == before  # nothing was touched


@pytest.mark.parametrize("index", ["missing", "empty"])
def test_an_index_that_is_lost_is_made_again(index: str) -> None:
    files = MemFiles()
    partition = filled(files)
    found = read_all(partition)
    for name in files.entries(HERE):
        if name.endswith(".index"):
            files.open(f"{HERE}/{name}").truncate(0)
            if index == "missing":
                files.remove(f"{HERE}/{name}")
    again = open_partition(files, LogCheckpoint(partition.end), **SMALL)
    assert read_all(again) == found and again.verify() == []


def compacted(files: MemFiles) -> Partition:
    """A log with holes: three keys, written again and again, and a compaction."""
    partition = filled(files, 24, cleanup_policy="compact")
    job = compaction.plan(partition.facts(), partition.topic.settings, NOW)
    assert job is not None
    assert partition.swap(compaction.run(files, job))
    sync(files, partition)
    return partition


def test_the_holes_that_compaction_leaves_are_no_damage() -> None:
    files = MemFiles()
    partition = compacted(files)
    found = read_all(partition)
    offsets = [row.offset for row in found]
    assert offsets[0] == 10 and 11 not in offsets
    assert any(not segment.size for segment in partition.facts().segments[:-1])  # nothing stayed of some
    for lengths in (True, False):
        if not lengths:
            drop_lengths(files)
        again = open_partition(files, LogCheckpoint(partition.end), cleanup_policy="compact", **SMALL)
        assert read_all(again) == found and again.verify() == []


@pytest.mark.parametrize("harm", [missing, without_its_last_byte, with_zeros_behind_it, with_its_batches_twice, empty])
def test_a_compacted_segment_is_held_to_what_it_was_too(harm: Callable[[MemFiles, str], None]) -> None:
    files = MemFiles()
    end = compacted(files).end
    path = next(each for each in logs(files) if "-" in each.rpartition("/")[2] and files.size(each))
    harm(files, path)
    with pytest.raises(Corruption) as caught:
        open_partition(files, LogCheckpoint(end), cleanup_policy="compact", **SMALL)
    assert caught.value.file == path


@pytest.mark.parametrize("harm", [empty, without_its_last_batch, without_its_last_byte])
def test_a_segment_that_is_cut_while_it_is_served_is_not_served_as_a_gap(
    harm: Callable[[MemFiles, str], None]
) -> None:
    files = MemFiles()
    partition = filled(files)
    read_all(partition)
    path = logs(files)[1]
    harm(files, path)
    with pytest.raises(Corruption) as caught:
        read_all(partition)
    assert caught.value.file == path
    assert [damage.file for damage in partition.verify()] == [path]


def test_compaction_does_not_take_what_is_missing_for_deleted() -> None:
    files = MemFiles()
    partition = filled(files, cleanup_policy="compact")
    job = compaction.plan(partition.facts(), partition.topic.settings, NOW)
    assert job is not None
    path = logs(files)[1]
    without_its_last_batch(files, path)
    before = files.paths()
    with pytest.raises(Corruption) as caught:
        compaction.run(files, job)
    assert caught.value.file == path and files.paths() == before


@pytest.mark.parametrize("names", [(Name(4), Name(4, 1)), (Name(4), Name(2))])
def test_a_list_whose_offsets_do_not_rise_is_damage(names: tuple[Name, ...]) -> None:
    files = MemFiles()
    end = filled(files).end
    state = layout.read_state(files, HERE)
    assert state is not None
    layout.write_state(files, HERE, replace(state, segments=(*names, *state.segments[-1:]), lengths={}))
    with pytest.raises(Corruption, match="segments out of order") as caught:
        open_partition(files, LogCheckpoint(end), **SMALL)
    assert caught.value.file == f"{HERE}/state"


@pytest.mark.parametrize("lengths", [True, False])
def test_a_segment_that_is_not_in_the_list_is_missed(lengths: bool) -> None:
    files = MemFiles()
    end = filled(files).end
    state = layout.read_state(files, HERE)
    assert state is not None
    names = (*state.segments[:1], *state.segments[2:])
    kept = {name: state.lengths[name] for name in names[:-1]} if lengths else {}
    layout.write_state(files, HERE, replace(state, segments=names, lengths=kept))
    partition = open_partition(files, LogCheckpoint(end), **SMALL) if lengths else None
    with pytest.raises(Corruption, match=r"ends at offset \d+; the next one begins with \d+"):
        if partition is None:
            open_partition(files, LogCheckpoint(end), **SMALL)
        else:
            raise partition.verify()[0]


def test_an_older_list_put_back_takes_no_segment_with_it() -> None:
    files = MemFiles()
    filled(files, 8)
    older = files.read(f"{HERE}/state")
    partition = open_partition(files, LogCheckpoint(8), **SMALL)
    for number in range(8, 16):
        partition.append(batch([b"value %02d" % number], [b"key %d" % (number % 3)]), NOW + number)
    found, before = read_all(partition), logs(files)
    sync(files, partition)
    newer = files.read(f"{HERE}/state")
    overwrite(files, f"{HERE}/state", older)
    with pytest.raises(Corruption):
        open_partition(files, LogCheckpoint(partition.end), **SMALL)
    assert logs(files) == before
    overwrite(files, f"{HERE}/state", newer)
    assert read_all(open_partition(files, LogCheckpoint(partition.end), **SMALL)) == found


def test_retention_by_no_bytes_leaves_a_log_that_goes_on() -> None:
    files = MemFiles()
    partition = filled(files, retention_bytes=0)
    for _ in range(2):  # the second time there is nothing but the empty segment that is written to
        partition.retain(NOW)
        sync(files, partition)
    end = partition.end
    partition.append(batch([b"goes on"]), NOW)
    assert [row.offset for row in read_all(partition)] == [end]
    sync(files, partition)
    again = open_partition(files, LogCheckpoint(partition.end), retention_bytes=0, **SMALL)
    assert [row.value for row in read_all(again)] == [b"goes on"]


def test_a_user_is_told_file_and_byte_and_puts_the_file_back(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    values = [b"value %d" % number for number in range(40)]
    with local_engine(directory) as address:
        with Admin(bootstrap_servers=address) as admin:
            admin.create_topic("t", 1, configs={"segment.bytes": "1000"})
        produce(directory, "t", *values)
        stop_broker(directory)
        log = sorted(directory.glob("topics/*/0/*.log"))[1]
        whole = log.read_bytes()
        log.write_bytes(b"")
        where = log.relative_to(directory)
        with Consumer(bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
            consumer.assign([ONLY])
            found: list[object] = []
            with pytest.raises(BrokerNotFoundException, match=f"{where} at byte 0: .*the file has 0 bytes; it had"):
                until(lambda: found.extend(record.value for record in consumer.poll(100)))
            assert found == values[: len(found)]  # no gap
        code, _, err = command("check", str(directory))
        assert code == 1 and f"damaged: t-0: {where} at byte 0" in err and "Traceback" not in err
        log.write_bytes(whole)
        assert command("check", str(directory))[0] == 0
        assert read(directory, "t", 40) == values
