from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.record import TopicPartition
from streams.testing.topic_order import TopicOrder


def _place(name: str) -> TopicPartition:
    return TopicPartition(name, 0)


def _order(turns: TopicOrder) -> str:
    found = ""
    while (each := turns.poll()) is not None:
        found += each.topic
    return found


def test_of_two_with_one_timestamp_the_first_that_came_goes_first() -> None:
    turns = TopicOrder()
    turns.offer(_place("b"), 5)
    turns.offer(_place("a"), 5)
    assert _place("a") in turns
    assert _order(turns) == "ba"
    assert _place("a") not in turns


def test_of_three_the_last_one_sinks_no_deeper_than_its_timestamp() -> None:
    """`java.util.PriorityQueue` puts what was last in its array in place of what it gave."""
    turns = TopicOrder()
    for name in "abcd":
        turns.offer(_place(name), 7)
    assert _order(turns) == "adcb"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=12))
def test_lower_timestamps_go_first(timestamps: list[int]) -> None:
    turns = TopicOrder()
    for at, timestamp in enumerate(timestamps):
        turns.offer(_place(f"{at:02d}"), timestamp)
    order = _order(turns)
    taken = [int(order[at : at + 2]) for at in range(0, len(order), 2)]
    assert sorted(taken) == list(range(len(timestamps)))
    assert [timestamps[each] for each in taken] == sorted(timestamps)
