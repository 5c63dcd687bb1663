"""What a database remembers of its changelogs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from statestore.memory import MemoryEngine
from streams.runtime.state.changelog import ANYWHERE, Mark, mark_name, read_mark, write_mark

offsets = st.integers(0, 2**63 - 1)


def whole(data: bytes) -> bool:
    return (len(data) >= 13 and data[0] == 1) or (len(data) >= 21 and data[0] == 2)


marks = st.builds(Mark, st.text(st.characters(codec="utf-8")), st.integers(0, 2**32 - 1), offsets, offsets)


def test_the_bytes() -> None:
    assert write_mark(Mark("id", 2, 3, 5)) == bytes.fromhex("02 00000002 0000000000000003 0000000000000005") + b"id"
    assert mark_name("counts") == b"changelog:counts"


@given(marks, marks)
@settings(max_examples=100, deadline=None)
def test_each_store_has_its_own(one: Mark, two: Mark) -> None:
    engine = MemoryEngine()
    assert read_mark(engine, "one") is None
    engine.write((), marks={mark_name("one"): write_mark(one), mark_name("two"): write_mark(two)})
    assert (read_mark(engine, "one"), read_mark(engine, "two")) == (one, two)


def test_a_mark_of_the_first_version_does_not_tell_its_reach() -> None:
    engine = MemoryEngine()
    engine.write((), marks={mark_name("one"): bytes.fromhex("01 00000002 0000000000000003") + b"id"})
    assert read_mark(engine, "one") == Mark("id", 2, 3, ANYWHERE)


@given(st.binary(max_size=30).filter(lambda data: not whole(data)))
@settings(max_examples=100, deadline=None)
def test_what_is_no_mark_of_this_version_counts_for_nothing(data: bytes) -> None:
    engine = MemoryEngine()
    engine.write((), marks={mark_name("one"): data})
    assert read_mark(engine, "one") is None
