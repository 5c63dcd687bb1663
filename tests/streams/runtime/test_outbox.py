"""Columns, batches and when they leave."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.partition import partition_for
from streams.record import Headers, TopicPartition
from streams.runtime.compile.outbox import ANY, BATCH_BYTES, BATCH_RECORDS, BUSY_MS, Outbox
from tests.streams.runtime.walking import Row, rows


def outbox(count: int = 1, linger_ms: int = 0) -> Outbox:
    return Outbox(lambda topic: count, linger_ms)


def fill(box: Outbox, count: int, value: bytes = b"v", partition: int = 0) -> None:
    for at in range(count):
        box.put(TopicPartition("t", partition), b"k", value, at, ())


def all_rows(box: Outbox) -> list[Row]:
    return [row for outgoing in box.due(0, idle=True) for row in rows(outgoing)]


headers = st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2).map(tuple)
records = st.lists(
    st.tuples(st.none() | st.binary(max_size=4), st.none() | st.binary(max_size=4), st.integers(0, 99), headers),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(records=records, partitions=st.integers(1, 4))
def test_records_come_out_as_they_went_in_and_in_order(
    records: list[tuple[bytes | None, bytes | None, int, Headers]], partitions: int
) -> None:
    box = outbox(partitions)
    expected: list[tuple[int, Row]] = []
    for key, value, time, carried in records:
        place = ANY if key is None else partition_for(key, partitions)
        box.put(TopicPartition("t", place), key, value, time, carried)
        row: Row = (key, value, time, carried) if carried else (key, value, time)
        expected.append((place, row))
    found = box.due(0, idle=True)
    for partition in range(partitions):
        mine = [row for out in found if out.partition.partition == partition for row in rows(out) if row[0] is not None]
        assert mine == [row for place, row in expected if place == partition]
    unkeyed = [row for out in found for row in rows(out) if row[0] is None]
    assert unkeyed == [row for place, row in expected if place == ANY]
    assert box.due(0, idle=True) == []


def test_a_column_leaves_when_it_is_full_or_old_and_at_once_when_idle() -> None:
    box = outbox()
    fill(box, 5)
    assert box.due(100, idle=False) == []
    assert box.due(100 + BUSY_MS - 1, idle=False) == []
    assert len(box.due(100 + BUSY_MS, idle=False)) == 1
    fill(box, BATCH_RECORDS // 2)
    assert len(box.due(200, idle=False)) == 1
    fill(box, 1)
    assert len(box.due(200, idle=True)) == 1
    assert box.held == {}


def test_a_longer_linger_is_kept() -> None:
    box = outbox(linger_ms=500)
    fill(box, 5)
    assert box.due(0, idle=False) == []
    assert box.due(499, idle=False) == []
    assert len(box.due(500, idle=False)) == 1


def test_large_columns_become_several_batches() -> None:
    box = outbox()
    fill(box, BATCH_RECORDS * 2 + 1)
    assert [len(out.batch) for out in box.due(0, idle=False)] == [BATCH_RECORDS, BATCH_RECORDS, 1]
    fill(box, 3, b"x" * (BATCH_BYTES // 2))
    fill(box, 1, b"x" * (BATCH_BYTES * 3))
    fill(box, 2)
    batches = box.due(0, idle=False)
    assert [len(out.batch) for out in batches] == [1, 1, 1, 1, 2]


def test_records_without_a_key_take_the_partitions_in_turn_batch_by_batch() -> None:
    box = outbox(3)
    seen = []
    for _ in range(4):
        fill(box, 2, partition=ANY)
        seen += [out.partition.partition for out in box.due(0, idle=True)]
    assert seen == [0, 1, 2, 0]


def test_what_was_dropped_is_gone_and_appenders_stay_good() -> None:
    box = outbox()
    put_key, put_value, put_time, put_headers = box.column("t", 0).appenders
    fill(box, 3)
    box.drop()
    assert all_rows(box) == []
    put_key(b"k")
    put_value(None)
    put_time(4)
    put_headers((("h", b"1"),))
    assert all_rows(box) == [(b"k", None, 4, (("h", b"1"),))]


def test_a_changelog_hook_writes_rows_with_its_headers() -> None:
    box = outbox()
    hook = box.changelog("log", 2, (("v", b"\x03"),))
    hook(b"k", b"v", 5, None)
    (out,) = box.due(0, idle=True)
    assert out.partition == TopicPartition("log", 2)
    assert rows(out) == [(b"k", b"v", 5, (("v", b"\x03"),))]


def test_results_leave_before_what_the_stores_know_of_them() -> None:
    box = outbox()
    log = box.changelog("log", 0)
    log(b"k", None, 0, None)
    fill(box, 1)
    assert [where.topic for where, _ in box.due(0, True)][-1] == "log"
    assert len(box.due(0, True)) == 0
