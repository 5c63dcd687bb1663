"""A merge patch makes of one document the other, and says no more than what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.console.patch import merge_patch

LEAVES = st.sampled_from((True, False, 0, 1, 1.0, 2.5, "", "a")) | st.lists(st.integers(0, 1), max_size=2)
DOCUMENTS = st.recursive(
    st.dictionaries(st.sampled_from("abcd"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), LEAVES | inner, max_size=3),
    max_leaves=8,
)


def patched(target: Any, patch: Any) -> Any:
    """As RFC 7396 says it."""
    if not isinstance(patch, Mapping):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


@given(DOCUMENTS, DOCUMENTS)
def test_what_has_changed_makes_of_one_document_the_other(before: Any, now: Any) -> None:
    assert patched(before, merge_patch(before, now)) == now


@given(DOCUMENTS)
def test_nothing_has_changed_in_what_is_equal(document: Any) -> None:
    assert merge_patch(document, document) == {}


def test_only_what_differs_is_said() -> None:
    before = {"tasks": {"0_0": {"lag": 3, "at": "a"}, "0_1": {"lag": 0}}, "state": "RUNNING"}
    now = {"tasks": {"0_0": {"lag": 2, "at": "a"}}, "state": "RUNNING"}
    assert merge_patch(before, now) == {"tasks": {"0_0": {"lag": 2}, "0_1": None}}
