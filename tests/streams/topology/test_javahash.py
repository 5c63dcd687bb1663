"""Java's hash order and its sorted sets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.topology.javahash import TreeOrder, hash_order, string_hash


def test_string_hash_is_javas() -> None:
    known = {"": 0, "a": 97, "hello": 99162322, "polygenelubricants": 0x80000000, "\U0001f600": 1772899}
    assert {text: string_hash(text) for text in known} == known


def test_names_come_in_bucket_order() -> None:
    assert hash_order(["a-store", "z-store"]) == ["z-store", "a-store"]
    order = [15, 16, 17, 18, 19, 10, 0, 11, 1, 12, 2, 13, 3, 14, 4, 5, 6, 7, 8, 9]
    assert hash_order(f"store-{i}" for i in range(20)) == [f"store-{i}" for i in order]


def test_a_copied_set_of_twelve_has_grown_already() -> None:
    """`describe()` copies; read off Java 17."""
    names = [f"store{i * 7}" for i in range(12)]
    plain = (21, 77, 7, 56, 35, 14, 49, 28, 70, 0, 63, 42)
    assert hash_order(names) == [f"store{i}" for i in plain]
    copied = (7, 70, 63, 42, 21, 77, 56, 35, 14, 49, 28, 0)
    assert hash_order(names, copied=True) == [f"store{i}" for i in copied]


def test_a_bucket_keeps_the_order_of_arrival() -> None:
    assert string_hash("Aa") == string_hash("BB")
    assert hash_order(["BB", "Aa"]) == ["BB", "Aa"]
    assert hash_order(["Aa", "BB"]) == ["Aa", "BB"]


@given(st.lists(st.integers()))
@settings(max_examples=100, deadline=None)
def test_a_tree_is_a_sorted_set_while_the_comparator_stands_still(numbers: list[int]) -> None:
    tree = TreeOrder[int](lambda one, other: one - other)
    for number in numbers:
        tree.add(number)
    assert list(tree) == sorted(set(numbers))


def test_what_is_in_the_tree_stays_where_it_is() -> None:
    size = {"a": 1, "b": 2, "c": 3}
    tree = TreeOrder[str](lambda one, other: size[one] - size[other])
    for name in "abc":
        tree.add(name)
    size["a"] = 9
    size["d"] = 4
    tree.add("d")
    assert list(tree) == ["a", "b", "c", "d"]
