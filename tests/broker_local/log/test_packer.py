"""A packer that is used again packs as a new one, also after it failed or had to grow."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.log.packer import MOST_KEPT, pack

THINGS = st.recursive(
    st.none() | st.binary() | st.integers(0, 2**40), lambda inner: st.lists(inner, max_size=4), max_leaves=20
)


@settings(max_examples=50, deadline=None)
@given(st.lists(THINGS, max_size=5))
def test_each_is_packed_by_itself(things: list[object]) -> None:
    assert [pack(each) for each in things] == [msgpack.packb(each) for each in things]


def test_one_that_failed_leaves_nothing_behind() -> None:
    with pytest.raises(TypeError):
        pack([b"begun", object()])
    assert pack(b"next") == msgpack.packb(b"next")


def test_after_a_large_one() -> None:
    large = b"x" * (MOST_KEPT + 1)
    assert pack(large) == msgpack.packb(large)
    assert pack(b"small") == msgpack.packb(b"small")
