"""Codecs of internal topics and stores: whatever is written is read again, whatever is damaged is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import KafkaException, SerializationException, StreamsException, UnsupportedVersionException
from streams.processor import RecordContext
from streams.serdes import Serdes, buffered, change, foreign_key, headers, offset_metadata, outer_join, position
from streams.serdes.murmur3 import murmur3_128, murmur3_plain
from streams.serdes.varint import decode_unsigned, decode_varint, encode_unsigned, encode_varint

quick = settings(max_examples=60, deadline=None)
maybe_bytes = st.none() | st.binary(max_size=12)
long = st.integers(-(1 << 63), (1 << 63) - 1)
integer = st.integers(-(1 << 31), (1 << 31) - 1)
header_rows = st.lists(st.tuples(st.text(max_size=5), maybe_bytes), max_size=3).map(tuple)
hashes = st.none() | st.binary(min_size=16, max_size=16)


@quick
@given(integer)
def test_varints(value: int) -> None:
    data = encode_varint(value)
    assert len(data) <= 5
    assert decode_varint(b"x" + data + b"y", 1) == (value, 1 + len(data))


@quick
@given(st.integers(0, (1 << 64) - 1))
def test_unsigned_varints(value: int) -> None:
    data = encode_unsigned(value)
    assert len(data) == max(1, -(-value.bit_length() // 7))
    assert decode_unsigned(b"x" + data + b"y", 1) == (value, 1 + len(data))


def test_varints_that_do_not_end() -> None:
    for data in (b"", b"\x80", b"\xff" * 11):
        for decode in (decode_varint, decode_unsigned):
            with pytest.raises(SerializationException):
                decode(data, 0)


@quick
@given(maybe_bytes, maybe_bytes)
def test_changes(new: bytes | None, old: bytes | None) -> None:
    if new is None and old is None:
        return
    data = change.change_encoder(bytes)(new, old)
    assert change.split_change(data) == (new, old, True)


def test_changes_go_through_the_value_serde() -> None:
    write = change.change_encoder(Serdes.long().encode)
    read = change.change_decoder(Serdes.long().decode)
    assert read(write(3, 2)) == change.Change(3, 2)
    assert read(write(None, 2)) == change.Change(None, 2)
    with pytest.raises(StreamsException, match=r"not null \(2 : 3\)"):
        change.change_encoder(Serdes.long().encode, both=False)(3, 2)


@quick
@given(hashes, st.sampled_from(foreign_key.Instruction), st.binary(max_size=8), integer, st.integers(0, 1))
def test_registrations(
    hashed: bytes | None, instruction: foreign_key.Instruction, key: bytes, partition: int, version: int
) -> None:
    written = foreign_key.Registration(hashed, instruction, key, partition if version else None, version)
    assert foreign_key.decode_registration(foreign_key.encode_registration(written)) == written


@quick
@given(hashes, maybe_bytes, st.binary(max_size=8))
def test_answers_and_combined_keys(hashed: bytes | None, value: bytes | None, key: bytes) -> None:
    answer = foreign_key.Answer(hashed, value or None)
    assert foreign_key.decode_answer(foreign_key.encode_answer(answer)) == answer
    combined = foreign_key.combined_key(key, b"pk")
    assert combined.startswith(foreign_key.combined_prefix(key))
    assert foreign_key.split_combined_key(combined) == (key, b"pk")


def test_messages_of_newer_versions_are_refused_by_version() -> None:
    with pytest.raises(UnsupportedVersionException, match="incompatible version 2"):
        foreign_key.decode_registration(b"\x82\x00key\x00\x00\x00\x00")
    with pytest.raises(UnsupportedVersionException, match="incompatible version 1"):
        foreign_key.decode_answer(b"\x81value")


@pytest.mark.parametrize(
    ("data", "first", "second"),
    [
        (b"21", 5857341059704281894, -5288187638297930763),
        (b"foobar", -351361463397418609, 8959716011862540668),
        (b"a-little-bit-long-string", 8836256500583638442, -198172363548498523),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -4024021876037397259, -1482317706335141238),
    ],
)
def test_murmur3_with_the_seed_of_kafkas_own_test(data: bytes, first: int, second: int) -> None:
    hashed = murmur3_128(data, seed=123)
    assert [int.from_bytes(half, "big", signed=True) for half in (hashed[:8], hashed[8:])] == [first, second]


contexts = st.builds(RecordContext, st.text(max_size=6), integer, long, long, header_rows)
buffer_values = st.builds(buffered.BufferValue, maybe_bytes, maybe_bytes, maybe_bytes, contexts)


@quick
@given(buffer_values, long)
def test_buffered_records(value: buffered.BufferValue, time: int) -> None:
    assert buffered.decode_changelog_value(buffered.encode_changelog_value(value, time)) == (value, time)


@quick
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=6)), max_size=4), long, st.binary(max_size=5))
def test_waiting_records(rows: list[tuple[bool, bytes]], time: int, key: bytes) -> None:
    values = [outer_join.Sided(*row) for row in rows]
    assert outer_join.decode_values(outer_join.encode_values(values)) == values
    waiting = outer_join.Waiting(time, True, key)
    assert outer_join.decode_key(outer_join.encode_key(waiting)) == waiting


@quick
@given(header_rows, st.binary(max_size=6))
def test_headers_beside_values(rows: Any, value: bytes) -> None:
    assert headers.split_headers(headers.with_headers(rows, value)) == (rows, value)


@quick
@given(long, st.dictionaries(st.text(max_size=6), long, max_size=4))
def test_offset_metadata(time: int, remembered: dict[str, int]) -> None:
    text = offset_metadata.encode_offset_metadata(time, remembered)
    assert offset_metadata.decode_offset_metadata(text) == (time, remembered)


@quick
@given(st.text(max_size=30))
def test_unreadable_offset_metadata_say_nothing(text: str) -> None:
    read = offset_metadata.decode_offset_metadata(text)
    assert read == (-1, {}) or offset_metadata.raw_bytes(text)[0] in (1, 2)


@quick
@given(st.dictionaries(st.text(max_size=6), st.dictionaries(integer, long, max_size=3), max_size=3))
def test_positions(offsets: dict[str, dict[int, int]]) -> None:
    assert position.decode_position(position.encode_position(offsets)) == offsets


READERS: list[Callable[[bytes], object]] = [
    change.split_change,
    foreign_key.decode_registration,
    foreign_key.decode_answer,
    foreign_key.split_combined_key,
    buffered.decode_context,
    buffered.decode_buffer_value,
    buffered.decode_changelog_value,
    outer_join.decode_key,
    outer_join.decode_value,
    outer_join.decode_values,
    headers.decode_headers,
    headers.split_headers,
    position.decode_position,
]


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_no_bytes_break_a_reader(read: Callable[[bytes], object]) -> None:
    @quick
    @given(st.binary(max_size=60))
    def reads_or_refuses(data: bytes) -> None:
        try:
            read(data)
        except KafkaException:
            return

    reads_or_refuses()


@given(st.binary(max_size=100))
@settings(max_examples=100, deadline=None)
def test_the_hash_in_c_is_that_in_python(data: bytes) -> None:
    assert murmur3_128(data) == murmur3_plain(data)
