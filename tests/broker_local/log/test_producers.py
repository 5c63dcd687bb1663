"""What is new, what was sent twice, what is out of order."""

from __future__ import annotations

import pytest

from broker_local.base.faults import Refusal
from broker_local.log import format as batches
from broker_local.log.format import Header
from broker_local.log.producers import EXPIRES_MS, BatchMetadata, Producers


def header(sequence: int, count: int = 2, epoch: int = 0, producer: int = 1, base: int = 0) -> Header:
    written = batches.write(
        [b"k"] * count, [b"v"] * count, [0] * count, None, producer_id=producer, epoch=epoch, sequence=sequence
    )
    return batches.produced(written)._replace(base_offset=base)


def after(*headers: Header) -> Producers:
    producers = Producers()
    for one in headers:
        assert producers.check(one) is None
        producers.stored(one, 0)
    return producers


def refusal(producers: Producers, one: Header) -> str:
    with pytest.raises(Refusal) as caught:
        producers.check(one)
    return caught.value.code.name


def test_a_sequence_goes_on() -> None:
    producers = after(header(0), header(2))
    assert producers.check(header(4)) is None
    assert refusal(producers, header(5)) == "OUT_OF_ORDER_SEQUENCE_NUMBER"
    assert refusal(producers, header(3)) == "DUPLICATE_SEQUENCE_NUMBER"


def test_one_of_the_last_five_batches_is_answered_with_its_offset() -> None:
    producers = after(*(header(2 * at, base=10 * at) for at in range(7)))
    for at in range(2, 7):
        assert producers.check(header(2 * at)) == BatchMetadata(2 * at, 2 * at + 1, 10 * at, -1)
    assert refusal(producers, header(2)) == "DUPLICATE_SEQUENCE_NUMBER"
    assert refusal(producers, header(12, count=1)) == "DUPLICATE_SEQUENCE_NUMBER"


def test_a_new_epoch_begins_at_zero_and_fences_the_old_one() -> None:
    producers = after(header(0), header(2))
    assert refusal(producers, header(4, epoch=1)) == "OUT_OF_ORDER_SEQUENCE_NUMBER"
    producers = after(header(0), header(0, epoch=1))
    assert refusal(producers, header(2, epoch=0)) == "INVALID_PRODUCER_EPOCH"
    assert refusal(producers, header(0, epoch=0)) == "INVALID_PRODUCER_EPOCH"
    assert producers.check(header(2, epoch=1)) is None


def test_the_sequence_wraps() -> None:
    producers = after(header(2**31 - 2))
    assert producers.check(header(0)) is None
    producers = after(header(2**31 - 1))
    assert producers.check(header(1)) is None
    assert refusal(producers, header(2)) == "OUT_OF_ORDER_SEQUENCE_NUMBER"


def test_who_has_no_id_is_not_checked_and_others_need_all_three() -> None:
    producers = Producers()
    producers.stored(header(-1, producer=-1, epoch=-1), 0)
    assert producers.check(header(-1, producer=-1, epoch=-1)) is None
    assert producers.states() == {}
    assert refusal(producers, header(-1, producer=3, epoch=0)) == "INVALID_RECORD"
    assert refusal(producers, header(0, producer=3, epoch=-1)) == "INVALID_RECORD"
    assert refusal(producers, header(0, producer=-3, epoch=0)) == "INVALID_RECORD"


def test_the_silent_are_forgotten() -> None:
    producers = after(header(0), header(0, producer=2))
    producers.stored(header(2, producer=2), EXPIRES_MS)
    producers.expire(EXPIRES_MS + 1)
    assert set(producers.states()) == {2}


def test_a_snapshot_holds_all() -> None:
    producers = after(*(header(2 * at, base=at) for at in range(9)), header(0, producer=2, base=99))
    again = Producers.load(producers.dump())
    assert again.states() == producers.states()
    assert again.last_batches() == {8, 99}
    for wrong in (None, [], {1: []}, {1: [0, [], 0]}, {1: [0, [[1, 2]], 0]}, {1: [0, [[1, 2, 3, "x"]], 0]}):
        with pytest.raises(ValueError):
            Producers.load(wrong)
