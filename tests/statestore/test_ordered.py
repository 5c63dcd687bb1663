from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.ordered import BLOCK, Ordered

KEYS = st.integers(0, 40).map(lambda number: b"%02d" % number)


@given(
    start=st.sets(KEYS),
    steps=st.lists(st.tuples(st.booleans(), KEYS), max_size=60),
    low=st.none() | KEYS,
    high=st.none() | KEYS,
)
@settings(max_examples=100, deadline=None)
def test_against_a_set(
    start: set[bytes], steps: list[tuple[bool, bytes]], low: bytes | None, high: bytes | None
) -> None:
    ordered, model = Ordered(start), set(start)
    for adds, key in steps:
        if adds:
            ordered.add(key)
            model.add(key)
        else:
            ordered.discard(key)
            model.discard(key)
    want = [key for key in sorted(model) if (low is None or low <= key) and (high is None or key <= high)]
    assert list(ordered.walk(low, high)) == want
    assert list(ordered.walk(low, high, True)) == want[::-1]


@given(
    start=st.sets(KEYS),
    changes=st.lists(st.tuples(st.booleans(), KEYS), max_size=30),
    backwards=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_a_walk_survives_changes(start: set[bytes], changes: list[tuple[bool, bytes]], backwards: bool) -> None:
    """Every key that is there all the time is met once and in order, whatever comes and goes around it."""
    ordered = Ordered(start)
    touched = {key for _, key in changes}
    seen = []
    pending = iter(changes)
    for key in ordered.walk(None, None, backwards):
        seen.append(key)
        for adds, other in [change for change in [next(pending, None)] if change is not None]:
            if adds:
                ordered.add(other)
            else:
                ordered.discard(other)
    assert seen == sorted(set(seen), reverse=backwards)
    assert {key for key in seen if key not in touched} == start - touched


def test_many_keys_lie_in_small_blocks() -> None:
    numbers = [(at * 7919) % 20_011 for at in range(20_011)]
    ordered: Ordered[bytes] = Ordered()
    for number in numbers:
        ordered.add(b"%05d" % number)
    assert list(ordered.walk(None, None)) == [b"%05d" % at for at in range(20_011)]
    assert list(ordered.walk(b"10000", b"10002", True)) == [b"10002", b"10001", b"10000"]
    assert max(len(block) for block in ordered._blocks) <= BLOCK
    for number in numbers[:20_000]:
        ordered.discard(b"%05d" % number)
    assert len(list(ordered.walk(None, None))) == 11
