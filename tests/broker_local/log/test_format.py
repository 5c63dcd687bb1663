"""The bytes of a batch: what goes in comes out, and nothing else is taken for a batch."""

from __future__ import annotations

from array import array
from zlib import crc32

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.log import format as batches
from broker_local.log.format import BadBatch, Torn

cell = st.none() | st.binary(max_size=20)
pairs = st.lists(st.tuples(st.text(max_size=5), cell), max_size=3).map(tuple)
record = st.tuples(cell, cell, st.integers(-(2**63), 2**63 - 1), pairs)


def sealed(batch: bytes, base: int = 0, epoch: int = 0, append_time: int = -1) -> bytes:
    return batches.seal(batch, base, epoch, append_time) + batch


@given(st.lists(record, min_size=1, max_size=30), st.integers(0, 2**62), st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(records: list[tuple], base: int, headed: bool) -> None:
    keys, values, times, headers = map(list, zip(*records, strict=True))
    written = batches.write(keys, values, times, headers if headed else None, producer_id=7, epoch=3, sequence=5)
    data = sealed(written, base, epoch=9)
    assert batches.produced(written)._replace(base_offset=base, log_epoch=9, broker_sum=0) == batches.peek(
        data
    )._replace(broker_sum=0)
    got = batches.read(data)
    assert (list(got[0]), list(got[1]), list(got[2])) == (keys, values, times)
    assert got[3] == (headers if headed else None)
    assert (list(got[4]), got[5]) == (list(range(base, base + len(keys))), base + len(keys))


def test_header_fields_say_what_was_written() -> None:
    data = sealed(batches.write([b"a", None], [b"x", None], [30, 20], None, transactional=True), 100, 2, 77)
    header = batches.peek(data)
    assert (header.base_offset, header.log_epoch, header.append_time) == (100, 2, 77)
    assert (header.records, header.span, header.first_timestamp, header.max_timestamp) == (2, 1, 30, 30)
    assert header.flags == batches.TRANSACTIONAL | batches.KEYLESS
    assert (header.size, header.next_offset, header.newest) == (len(data), 102, 77)
    assert (header.producer_id, header.epoch, header.sequence, header.cleaned_at) == (-1, -1, -1, -1)


def test_the_layout_is_the_documented_one() -> None:
    """Pins every byte: other releases have to read it."""
    data = sealed(batches.write([b"k"], [b"v"], [1], None, producer_id=1, epoch=2, sequence=3), 4, 5, 6)
    payload = b"\x95\x91\xc4\x01k\x91\xc4\x01v\xc4\x08\x01\x00\x00\x00\x00\x00\x00\x00\xc0\xc0"
    tail = bytes.fromhex("b7 00 0000 0100000000000000 0200 03000000 01000000 0000000000000000") + bytes.fromhex(
        "0100000000000000 0100000000000000 ffffffffffffffff"
    )
    produced_sum = crc32(tail + payload).to_bytes(4, "little")
    length = (4 + len(tail) + len(payload)).to_bytes(4, "little")
    place = bytes.fromhex("0400000000000000 05000000 0600000000000000")
    broker_sum = crc32(place + length + produced_sum).to_bytes(4, "little")
    assert data == place + broker_sum + length + produced_sum + tail + payload


def test_log_append_time_stands_for_all_timestamps() -> None:
    got = batches.read(sealed(batches.write([None] * 3, [b""] * 3, [1, 2, 3], None), append_time=50))
    assert list(got[2]) == [50, 50, 50]


def test_rewritten_batches_have_holes() -> None:
    header = batches.peek(sealed(batches.write([b"a"] * 4, [b"x"] * 4, [9, 8, 7, 6], None, sequence=1), 10, 3))
    data = batches.rewrite(header, [b"a", b"a"], [b"y", None], [8, 6], None, [1, 3], 99)
    got = batches.read(data)
    assert (list(got[1]), list(got[4]), got[5]) == ([b"y", None], [11, 13], 14)
    assert isinstance(got[4], array)
    again = batches.peek(data)
    assert (again.records, again.span, again.cleaned_at, again.max_timestamp) == (2, 3, 99, 8)
    assert again.last_sequence == header.last_sequence == 4
    empty = batches.read(batches.rewrite(header, [], [], [], None, [], -1))
    assert (list(empty[0]), list(empty[4]), empty[5]) == ([], [], 14)


def test_the_sequence_goes_on_from_zero() -> None:
    written = batches.write([b"a"] * 3, [b"x"] * 3, [0] * 3, None, sequence=2**31 - 2)
    assert batches.produced(written).last_sequence == 0


def test_every_flipped_bit_is_seen() -> None:
    data = sealed(batches.write([b"key", None], [b"value", b""], [1, 2], [(("h", b"1"),), ()]), 5, 1)
    for at in range(len(data)):
        for bit in range(8):
            rotten = bytearray(data)
            rotten[at] ^= 1 << bit
            with pytest.raises(BadBatch):
                batches.read(bytes(rotten))
            if at >= batches.PREFIX:
                with pytest.raises(BadBatch):
                    batches.produced(bytes(rotten[batches.PREFIX :]))


def test_every_cut_is_seen() -> None:
    written = batches.write([b"key"], [b"value"], [1], None)
    data = sealed(written)
    for end in range(len(data)):
        with pytest.raises(Torn):
            batches.read(data[:end])
    for end in range(len(written)):
        with pytest.raises(BadBatch):
            batches.produced(written[:end])
    with pytest.raises(BadBatch):
        batches.produced(written + b"\0")


def test_the_header_can_be_read_without_the_payload() -> None:
    data = sealed(batches.write([b"key"], [b"value" * 100], [1], None))
    assert batches.peek(data[: batches.HEADER]).size == len(data)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_noise_is_no_batch(noise: bytes) -> None:
    for read in (batches.read, batches.produced, batches.verify, batches.peek):
        with pytest.raises(BadBatch):
            read(noise)


def forged(payload: bytes, **fields: int) -> bytes:
    """A batch with right sums over fields and a payload that no writer of ours makes."""
    header = batches.produced(batches.write([b"k"] * 2, [b"v"] * 2, [1, 2], None))._replace(**fields)
    tail = batches._TAIL.pack(*header[6:])
    head = (len(tail) + len(payload) + 4, crc32(payload, crc32(tail)))
    return batches._TWO.pack(*head) + tail + payload


@pytest.mark.parametrize(
    "payload",
    [
        msgpack.packb([[b"k"], [b"v"] * 2, b"\0" * 16, None, None]),
        msgpack.packb([[b"k"] * 2, [b"v"], b"\0" * 16, None, None]),
        msgpack.packb([[b"k"] * 2, [b"v"] * 2, b"\0" * 15, None, None]),
        msgpack.packb([[b"k"] * 2, [b"v"] * 2, b"\0" * 8, None, None]),
        msgpack.packb([[b"k"] * 2, [b"v"] * 2, b"\0" * 16, [[]], None]),
        msgpack.packb([[b"k"] * 2, [b"v"] * 2, b"\0" * 16, None, b"\0" * 8]),
        msgpack.packb([[b"k"] * 2, [b"v"] * 2, b"\0" * 16, None]),
        msgpack.packb({"keys": []}) + b" " * 40,
        b"\xdd\xff\xff\xff\xff" + b"\xc0" * 40,
        b"\xc6\xff\xff\xff\xff" + b"\xc0" * 40,
        b"\xdf\xff\xff\xff\xff" + b"\xc0" * 40,
        b"\x95\xdd\x00\x00\x00\x20" + b"\xc0" * 60,
        b"\xc1" * 40,
    ],
)
def test_payloads_that_only_have_right_sums_are_refused(payload: bytes) -> None:
    with pytest.raises(BadBatch):
        batches.read(sealed(forged(payload)))


@pytest.mark.parametrize(
    "fields",
    [
        {"records": 2**32 - 1},
        {"span": -1},
        {"span": 5},
        {"magic": 0},
        {"cleaned_at": 5},
        {"flags": 0x8000},
    ],
)
def test_producers_may_not_send_such_headers(fields: dict[str, int]) -> None:
    payload = msgpack.packb([[b"k"] * 2, [b"v"] * 2, b"\0" * 16, None, None])
    with pytest.raises(BadBatch):
        batches.produced(forged(payload, **fields))


def test_codecs_that_are_not_built_are_refused_by_name() -> None:
    with pytest.raises(BadBatch, match="codec lz4 is not built yet"):
        batches.read(sealed(forged(b"\0" * 40, codec=batches.CODEC_LZ4)))


def test_a_sum_of_zero_is_a_sum() -> None:
    """Nothing takes 0 for "not written": a batch whose sum happens to be 0 is read as any other."""
    base = 0
    payload = msgpack.packb([[b"k"] * 2, [b"v"] * 2, b"\0" * 16, None, None])
    header = batches.produced(forged(payload))
    # The last eight bytes of the header (`cleaned at`) are free to make the sum what we want: CRC-32 is
    # linear.
    tail = batches._TAIL.pack(*header[6:])
    want = _forge_zero(tail[:-4], payload)
    data = batches._TWO.pack(len(tail) + len(payload) + 4, 0) + want + payload
    assert crc32(want + payload) == 0
    assert list(batches.read(sealed(data, base))[1]) == [b"v", b"v"]


def _forge_zero(start: bytes, end: bytes) -> bytes:
    """`start` and four more bytes, so that the CRC-32 of it all with `end` is 0; by Gaussian elimination."""
    zero = crc32(start + b"\0\0\0\0" + end)
    columns = [crc32(start + (1 << bit).to_bytes(4, "little") + end) ^ zero for bit in range(32)]
    rows = [
        sum(((columns[bit] >> out) & 1) << bit for bit in range(32)) | (((zero >> out) & 1) << 32) for out in range(32)
    ]
    for bit in range(32):
        pivot = next(at for at in range(bit, 32) if rows[at] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        for at in range(32):
            if at != bit and rows[at] >> bit & 1:
                rows[at] ^= rows[bit]
    value = sum((rows[bit] >> 32 & 1) << bit for bit in range(32))
    return start + value.to_bytes(4, "little")


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="columns of one length"):
        batches.write([b"k"], [], [1], None)
    with pytest.raises(ValueError, match="columns of one length"):
        batches.write([], [], [], None)
    with pytest.raises(ValueError, match="columns of one length"):
        batches.write([b"k"], [b"v"], [1], [])
