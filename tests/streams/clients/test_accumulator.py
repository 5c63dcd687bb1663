"""Records becoming batches, against an obvious model."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clients.accumulator import NEVER, RECORD_OVERHEAD, ProducerBatch, RecordAccumulator, size_of
from streams.clients.api import Sent
from streams.errors import TimeoutException
from streams.record import RecordMetadata, TopicPartition

PARTITION = TopicPartition("t", 0)


def add(accumulator: RecordAccumulator, value: bytes, now: int = 0, partition: TopicPartition = PARTITION) -> None:
    accumulator.add(partition, None, value, 0, (), size_of(None, value, ()), now)


def values(pendings: list[ProducerBatch]) -> list[list[bytes | None]]:
    return [list(pending.batch().values) for pending in pendings]


def test_a_batch_leaves_when_it_has_lingered() -> None:
    accumulator = RecordAccumulator(1_000, 10, 5)
    add(accumulator, b"a", 100)
    add(accumulator, b"b", 105)
    assert accumulator.next_due() == 110
    assert accumulator.leaving(109, False) == []
    assert values(accumulator.leaving(110, False)) == [[b"a", b"b"]]
    assert accumulator.next_due() == NEVER


def test_a_full_batch_leaves_at_once_and_an_open_one_waits() -> None:
    accumulator = RecordAccumulator(3 * (RECORD_OVERHEAD + 1), 1_000, 5)
    for number in range(5):
        add(accumulator, b"%d" % number)
    assert values(accumulator.leaving(0, False)) == [[b"0", b"1", b"2"]]
    assert values(accumulator.leaving(0, True)) == [[b"3", b"4"]]


def test_a_batch_that_has_no_room_to_leave_goes_on_filling() -> None:
    accumulator = RecordAccumulator(1_000, 0, 1)
    add(accumulator, b"a")
    assert values(accumulator.leaving(0, False)) == [[b"a"]]
    add(accumulator, b"b")
    add(accumulator, b"c")
    assert accumulator.leaving(0, True) == []
    assert accumulator.next_due() == NEVER
    assert values(accumulator.waiting() and [*accumulator.waiting()]) == [[b"b", b"c"]]
    accumulator.back(PARTITION)
    assert values(accumulator.leaving(0, False)) == [[b"b", b"c"]]


def test_futures_are_told_offset_and_time() -> None:
    pending = ProducerBatch(PARTITION, 0)
    one = pending.add(None, b"a", 7, (), 1)
    two = pending.add(b"k", b"b", 8, (("h", b"1"),), 1)
    assert pending.batch().headers == [(), (("h", b"1"),)]
    told = pending.results(Sent(PARTITION, 10, -1, None))
    assert told == [(one, RecordMetadata("t", 0, 10, 7)), (two, RecordMetadata("t", 0, 11, 8))]
    stamped = pending.results(Sent(PARTITION, 10, 99, None))
    assert [result.timestamp for _, result in stamped if isinstance(result, RecordMetadata)] == [99, 99]
    unasked = pending.results(Sent(PARTITION, -1, -1, None))
    assert [result.offset for _, result in unasked if isinstance(result, RecordMetadata)] == [-1, -1]
    error = TimeoutException("late")
    assert pending.results(Sent(PARTITION, -1, -1, error)) == [(one, error), (two, error)]


def test_the_size_of_a_record_counts_all_of_it() -> None:
    assert size_of(None, None, ()) == RECORD_OVERHEAD
    assert size_of(b"kk", b"vvv", (("name", b"1"), ("n", None))) == RECORD_OVERHEAD + 2 + 3 + 5 + 1


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 1), st.integers(0, 60)),
            st.tuples(st.just("leave"), st.integers(0, 30), st.booleans()),
            st.tuples(st.just("back"), st.integers(0, 1), st.just(0)),
        ),
        max_size=60,
    )
)
def test_nothing_is_lost_turned_round_or_too_large(steps: list[tuple[str, int, int]]) -> None:
    accumulator, now = RecordAccumulator(100, 20, 2), 0
    added: dict[int, list[bytes]] = {0: [], 1: []}
    gone: dict[int, list[bytes | None]] = {0: [], 1: []}
    out = {0: 0, 1: 0}
    for what, number, amount in steps:
        if what == "add":
            value = b"%d:" % len(added[number]) + b"x" * amount
            added[number].append(value)
            add(accumulator, value, now, TopicPartition("t", number))
        elif what == "back":
            if out[number]:
                out[number] -= 1
                accumulator.back(TopicPartition("t", number))
        else:
            now += number
            for pending in accumulator.leaving(now, bool(amount)):
                where = pending.partition.partition
                out[where] += 1
                gone[where] += pending.batch().values
                assert pending.size <= 100 or len(pending.futures) == 1
        assert all(count <= 2 for count in out.values())
    for number, partition in enumerate([TopicPartition("t", 0), TopicPartition("t", 1)]):
        rest = [value for pending in accumulator.waiting() if pending.partition == partition
                for value in pending.batch().values]  # fmt: skip
        assert gone[number] + rest == added[number]
