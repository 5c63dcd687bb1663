"""murmur2, the default partitioner, and the memo before it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.partition import KeyMemo, murmur2, murmur2_plain, partition_for

# Kafka's own UtilsTest.testMurmur2, and values computed beside it.
VECTORS = (
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
    (b"", 275646681),
    ("é".encode(), 186971271),
)


@pytest.mark.parametrize(("data", "signed"), VECTORS)
def test_murmur2_is_kafkas(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed & 0xFFFFFFFF
    assert murmur2_plain(data) == signed & 0xFFFFFFFF


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=64))
def test_the_plain_and_the_native_hash_agree(data: bytes) -> None:
    assert murmur2(data) == murmur2_plain(data)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=16), st.integers(1, 1_000))
def test_a_partition_is_one_of_them(key: bytes, partitions: int) -> None:
    assert 0 <= partition_for(key, partitions) < partitions


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=400), st.integers(1, 16))
def test_a_memo_never_changes_an_answer(numbers: list[int], limit: int) -> None:
    memo: KeyMemo[int] = KeyMemo(lambda key: partition_for(key, 7), limit)
    for number in numbers:
        key = b"k%d" % number
        assert memo.route(key) == partition_for(key, 7)
        assert len(memo) <= limit


def calls_of(memo: KeyMemo[int], looked_up: list[bytes], keys: list[bytes]) -> int:
    before = len(looked_up)
    for key in keys:
        memo.route(key)
    return len(looked_up) - before


def test_known_keys_are_not_looked_up_again() -> None:
    looked_up: list[bytes] = []
    memo: KeyMemo[int] = KeyMemo(lambda key: looked_up.append(key) or len(key), limit=10)
    keys = [b"%d" % n for n in range(10)]
    assert calls_of(memo, looked_up, keys) == 10
    assert calls_of(memo, looked_up, keys * 5) == 0


def test_a_memo_that_keeps_missing_is_bypassed_and_tried_again() -> None:
    looked_up: list[bytes] = []
    memo: KeyMemo[int] = KeyMemo(lambda key: looked_up.append(key) or 0, limit=100)
    fresh = (b"%d" % n for n in range(1_000_000))
    for _ in range(101 + KeyMemo.SAMPLE):
        memo.route(next(fresh))
    assert memo.bypassed
    for _ in range(KeyMemo.BYPASS * 100 + 1):
        memo.route(next(fresh))
    assert not memo.bypassed
    assert len(memo) == 0


def test_a_memo_that_mostly_hits_is_emptied_when_full_and_goes_on() -> None:
    looked_up: list[bytes] = []
    memo: KeyMemo[int] = KeyMemo(lambda key: looked_up.append(key) or 0, limit=100)
    hot = [b"hot%d" % n for n in range(50)]
    cold = [b"cold%d" % n for n in range(51)]
    calls_of(memo, looked_up, hot + cold)
    calls_of(memo, looked_up, (hot * 30)[: KeyMemo.SAMPLE])
    assert not memo.bypassed
    assert len(memo) == 0
    assert calls_of(memo, looked_up, hot) == 50
    assert calls_of(memo, looked_up, hot) == 0
