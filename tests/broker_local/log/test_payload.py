"""What a broker acknowledges, every reader can read: batches with right sums and wrong contents."""

from __future__ import annotations

import logging
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Crashed, Refusal, Unreadable
from broker_local.base.mem_files import MemFiles
from broker_local.host.compactor import outcome, pack_job, read_outcome, unpack_job
from broker_local.log import compaction, partition
from broker_local.log import format as batches
from broker_local.log.log_manager import COMPACTION_CHECK_MS, LogManager
from broker_local.protocol.requests.records import READ_UNCOMMITTED, ListOffsets, OffsetQuestion, Produce, ProducePart
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from tests.broker_local.engines import Desk
from tests.broker_local.logs import NOW, batch, open_partition, poisoned, read_all, sync

POISON: dict[str, bytes] = {
    "no msgpack": poisoned(b"garbage, no msgpack at all......", 1),
    "zeros": poisoned(b"\x00" * 40, 1),
    "a map": poisoned({"keys": [], "more": "x" * 40}, 1),
    "four columns": poisoned([[b"k"], [b"v"], b"\0" * 8, None], 1),
    "bytes behind": poisoned(msgpack.packb([[b"k"], [b"v"], b"\0" * 8, None, None]) + b"x" * 9, 1),
    "a value fewer": poisoned([[b"k", b"k"], [b"v"], b"\0" * 16, None, None], 2),
    "a time fewer": poisoned([[b"k", b"k"], [b"v", b"v"], b"\0" * 8, None, None], 2),
    "half a time": poisoned([[b"k"], [b"v"], b"\0" * 12, None, None], 1),
    "times as numbers": poisoned([[b"k"], [b"v"], [1_000_000_000_000], None, None], 1),
    "text as key": poisoned([["key"], [b"v"], b"\0" * 8, None, None], 1),
    "text as value": poisoned([[b"k"], ["value"], b"\0" * 8, None, None], 1),
    "a number as value": poisoned([[b"k"], [5], b"\0" * 8, None, None], 1),
    "a list as value": poisoned([[b"k"], [[b"v"]], b"\0" * 8, None, None], 1),
    "a map as value": poisoned([[b"k"], [{"a": 1}], b"\0" * 8, None, None], 1),
    "an extension as value": poisoned([[b"k"], [msgpack.ExtType(5, b"v")], b"\0" * 8, None, None], 1),
    "no key where all have one": poisoned([[None], [b"v"], b"\0" * 8, None, None], 1, keyless=False),
    "offset deltas": poisoned([[b"k"], [b"v"], b"\0" * 8, None, b"\7" * 8], 1),
    "headers that the flags do not tell of": poisoned([[b"k"], [b"v"], b"\0" * 8, [[]], None], 1),
    "no headers where the flags tell of them": poisoned([[b"k"], [b"v"], b"\0" * 8, None, None], 1, headed=True),
    "headers of another number": poisoned([[b"k"], [b"v"], b"\0" * 8, [[], []], None], 1, headed=True),
    "headers as a map": poisoned([[b"k"], [b"v"], b"\0" * 8, [{"a": b"1"}], None], 1, headed=True),
    "a header in three parts": poisoned([[b"k"], [b"v"], b"\0" * 8, [[["a", b"1", 2]]], None], 1, headed=True),
    "a header's value as text": poisoned([[b"k"], [b"v"], b"\0" * 8, [[["a", "1"]]], None], 1, headed=True),
    "a header's value as a map": poisoned([[b"k"], [b"v"], b"\0" * 8, [[["a", {"x": 1}]]], None], 1, headed=True),
    "a header's name as bytes": poisoned([[b"k"], [b"v"], b"\0" * 8, [[[b"a", b"1"]]], None], 1, headed=True),
    "a header's name that is no UTF-8": poisoned(
        b"\x95\x91\xc0\x91\xc0\xc4\x08" + b"\0" * 8 + b"\x91\x91\x92\xa3\xed\xa0\x80\xc0\xc0", 1, headed=True
    ),
    "a list without end": poisoned(b"\x95\xdd\xff\xff\xff\xff" + b"\xc0" * 40, 1),
    "lists in lists": poisoned(b"\x95" * 5_000, 1),
    "lists in the place of a value": poisoned(b"\x95\x91\xc0\x91" + b"\x91" * 200_000, 1),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_what_nobody_could_read_is_refused_and_the_log_is_as_before(poison: bytes) -> None:
    log = open_partition(MemFiles())
    log.append(batch([b"good"]), NOW)
    with pytest.raises(Refusal, match="a batch for t-0 was refused: the payload cannot be read: ") as caught:
        log.append(poison, NOW)
    assert caught.value.code == ErrorCode.INVALID_RECORD  # not one that a producer would try again
    log.append(batch([b"good too"]), NOW)
    assert [row.value for row in read_all(log)] == [b"good", b"good too"]


def test_the_text_says_which_item_is_wrong() -> None:
    with pytest.raises(Refusal, match=r"Expected `bytes \| null`, got `str` - at `values\[1\]`"):
        open_partition(MemFiles()).append(poisoned([[b"k"] * 2, [b"v", "w"], b"\0" * 16, None, None], 2), NOW)


cell = st.none() | st.binary(max_size=5)
wrong = st.integers() | st.text(max_size=3) | st.booleans() | st.floats() | st.lists(cell, max_size=2)
pair = st.tuples(st.text(max_size=3), cell) | st.tuples(wrong, cell) | st.tuples(st.text(max_size=3), wrong)
row_headers = st.lists(pair, max_size=2) | wrong


def readable(payload: tuple, count: int, keyless: bool, headed: bool) -> bool:
    """The rule, item by item."""

    def column(items: object, fits: object) -> bool:
        return isinstance(items, list) and len(items) == count and all(map(fits, items))

    def is_bytes(item: object) -> bool:
        return item is None or isinstance(item, bytes)

    def is_headers(item: object) -> bool:
        return isinstance(item, list) and all(
            isinstance(each, tuple) and isinstance(each[0], str) and is_bytes(each[1]) for each in item
        )

    keys, values, times, headers, deltas = payload
    return (
        column(keys, is_bytes)
        and (keyless or None not in keys)
        and column(values, is_bytes)
        and isinstance(times, bytes)
        and len(times) == 8 * count
        and (column(headers, is_headers) if headed else headers is None)
        and deltas is None
    )


@given(
    st.lists(cell | wrong, max_size=4) | st.lists(cell, max_size=4),
    st.lists(cell | wrong, max_size=4) | st.lists(cell, max_size=4),
    st.integers(0, 4).map(lambda n: b"\1" * 8 * n) | st.binary(max_size=20),
    st.none() | st.lists(row_headers, max_size=4),
    st.none() | st.binary(max_size=16),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_exactly_what_every_reader_can_read_is_taken(
    keys: list[object],
    values: list[object],
    times: bytes,
    headers: list[object] | None,
    deltas: bytes | None,
    count: int,
    keyless: bool,
    headed: bool,
) -> None:
    payload = (keys, values, times, headers, deltas)
    try:
        data = msgpack.packb(payload)
    except OverflowError:  # an integer that msgpack has no bytes for
        return
    whole = poisoned(data, count, keyless=keyless, headed=headed)
    header = batches.produced(whole)
    if not readable(payload, count, keyless, headed):
        with pytest.raises(batches.Unreadable):
            batches.check_outline(header, whole)
        return
    batches.check_outline(header, whole)
    columns = batches.read(batches.seal(whole, 7, 0) + whole)
    assert list(columns[0]) == keys and list(columns[1]) == values


# What an engine that did not look has left on the disk


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An engine that appends without looking, until `undo` is called."""
    monkeypatch.setattr(partition.batches, "check_outline", lambda header, batch: None)
    return monkeypatch


OLD = poisoned(b"garbage, no msgpack at all......", 1, at=NOW + 5)


def test_compaction_leaves_an_unreadable_batch_and_does_its_work_around_it(blind: pytest.MonkeyPatch) -> None:
    files = MemFiles()
    log = open_partition(files, cleanup_policy="compact", segment_bytes=150)
    blind.undo()
    log.append(batch([b"old"], [b"k"]), NOW)
    blind.setattr(partition.batches, "check_outline", lambda header, batch: None)
    log.append(poisoned(b"garbage, no msgpack at all......", 1, keyless=False), NOW)
    blind.undo()
    for value in (b"older", b"new", b"last"):
        log.append(batch([value], [b"k"]), NOW)
    sync(files, log)
    job = compaction.plan(log.facts(), log.topic.settings, NOW)
    assert job is not None
    done = compaction.run(files, job)
    ((file, position, cause),) = done.unread
    assert (file, position) == (f"topics/{log.topic.id}/0/00000000000000000001.log", 0) and "cannot be read" in cause
    assert read_outcome(msgpack.packb(["done", *done]), job) == done
    assert log.swap(done)
    (found,) = log.verify()
    assert isinstance(found, Unreadable) and "unreadable: the payload cannot be read" in str(found)
    assert log.end == 5 and [row.value for row in read_all(log, 2)] == [b"new", b"last"]


def test_the_engine_goes_on_and_says_where_the_batch_lies(
    blind: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logs = LogManager(MemFiles(), NOW)
    logs.create_topic("c", 1, {"cleanup.policy": "compact", "segment.bytes": "150", "min.cleanable.dirty.ratio": "0"})
    log = logs.partition("c", 0)
    log.append(poisoned(b"garbage, no msgpack at all......", 1, keyless=False), NOW)
    for _ in range(3):
        log.append(batch([b"v" * 50], [b"k"]), NOW)
    flush = logs.begin_flush()
    assert flush is not None
    flush.run(logs.files)
    logs.end_flush(flush)
    with caplog.at_level(logging.WARNING, "broker_local"):
        logs.tick(NOW + COMPACTION_CHECK_MS)
    (said,) = caplog.messages
    assert said.startswith("c-0 is compacted around a batch: topics/") and "at byte 0: unreadable" in said
    assert [type(each) for each in logs.verify()] == [Unreadable]


def test_a_time_is_looked_up_around_it(blind: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.ask(TopicCreate((NewTopic("t", 1, {}),)))
    for data in (batch([b"first"], timestamp=NOW), OLD, batch([b"last"], timestamp=NOW + 9)):
        desk.ask(Produce(-1, (ProducePart("t", 0, data),)))

    def asked(time: int) -> tuple[int, int, str]:
        (row,) = desk.ask(ListOffsets((OffsetQuestion("t", 0, time),), READ_UNCOMMITTED)).parts
        return row.error, row.offset, row.message

    assert asked(NOW) == (ErrorCode.NONE, 0, "") and asked(NOW + 6) == (ErrorCode.NONE, 2, "")
    code, offset, message = asked(NOW + 3)
    assert (code, offset) == (ErrorCode.CORRUPT_MESSAGE, -1)
    assert message.startswith("t-0 cannot be asked for this time: topics/") and "unreadable" in message


def test_a_pass_that_crashes_is_told_and_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def planted(*arguments: object) -> None:
        raise TypeError("a fault of ours")

    logs = LogManager(MemFiles(), NOW)
    logs.create_topic("c", 1, {"cleanup.policy": "compact", "segment.bytes": "150", "min.cleanable.dirty.ratio": "0"})
    for _ in range(3):
        logs.partition("c", 0).append(batch([b"v" * 50], [b"k"]), NOW)
    flush = logs.begin_flush()
    assert flush is not None
    flush.run(logs.files)
    logs.end_flush(flush)
    job = compaction.plan(logs.partition("c", 0).facts(), logs.topic("c").settings, NOW)
    assert job is not None and unpack_job(pack_job(job)) == job
    monkeypatch.setattr(compaction, "run", planted)
    told = read_outcome(outcome(str(tmp_path), job), job)  # as a child tells it
    assert isinstance(told, Crashed) and "TypeError: a fault of ours" in str(told)
    with caplog.at_level(logging.ERROR, "broker_local"):
        logs.tick(NOW + COMPACTION_CHECK_MS)
    assert "c-0 is not compacted; a pass over it failed:" in caplog.text and "a fault of ours" in caplog.text
    assert logs.partition("c", 0).append(batch([b"v"], [b"k"]), NOW).base_offset == 3


def test_compaction_keeps_the_marker_of_an_unreadable_batch_and_drops_one_that_was_aborted(
    blind: pytest.MonkeyPatch,
) -> None:
    """Without its marker the transaction would be open again after a start, and hold all readers."""
    files = MemFiles()
    config = {"cleanup_policy": "compact", "segment_bytes": 150, "min_cleanable_dirty_ratio": 0}
    log = open_partition(files, **config)
    garbage = b"garbage, no msgpack at all......"
    for producer, commit in ((7, True), (8, False)):
        data = poisoned(garbage, 1, keyless=False, producer=(producer, 0, 0), transactional=True)
        log.append(data, NOW, begin=lambda header: None)
        log.end_transaction(producer, 0, commit, NOW)
    blind.undo()
    for value in (b"older", b"new", b"last"):
        log.append(batch([value], [b"k"]), NOW)
    sync(files, log)
    for _ in range(2):
        job = compaction.plan(log.facts(), log.topic.settings, NOW)
        assert job is not None and log.swap(compaction.run(files, job))
        headers = list(log.headers(0))
        unread = [header.producer_id for header in headers if header.records and header.base_offset < 4]
        markers = [header.producer_id for header in headers if header.flags & batches.CONTROL]
        assert (unread, markers) == ([7], [7])
        log.append(batch([b"more" * 20], [b"k"]), NOW)
        sync(files, log)
        again = open_partition(files.after_kill(), **config)
        assert not again.open_transactions and again.last_stable_offset == again.end
