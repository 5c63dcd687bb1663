"""The order of Java's hash tables and the shape of its sorted sets, which `describe()` shows.

Texts of `describe()` list names in the iteration order of a `HashSet`, and edges in the order of a `TreeSet` whose
comparator changes while it is filled. Both are pinned by texts recorded from Java; so they are computed, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def string_hash(text: str) -> int:
    """`String.hashCode()` as an unsigned 32-bit number, over UTF-16 units."""
    units = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for i in range(0, len(units), 2):
        value = (31 * value + (units[i] << 8 | units[i + 1])) & 0xFFFFFFFF
    return value


def hash_order(names: Iterable[str], copied: bool = False) -> list[str]:
    """The names as a `HashSet` filled in this order iterates them.

    A bucket is `(h ^ h >>> 16) & (n - 1)`; n starts at 16 and doubles whenever the set exceeds 3/4 of it.
    Names of one bucket keep the order in which they came.

    Args:
        copied: the set was made of another one; such a set is doubled before it is full to 3/4.
    """
    unique = list(dict.fromkeys(names))
    buckets, count = 16, len(unique) + copied
    while count > buckets * 3 // 4:
        buckets *= 2
    return sorted(unique, key=lambda name: _spread(string_hash(name)) & (buckets - 1))


def _spread(value: int) -> int:
    return value ^ (value >> 16)


class _Entry(Generic[T]):
    __slots__ = ("item", "left", "parent", "red", "right")

    def __init__(self, item: T, parent: _Entry[T] | None) -> None:
        self.item = item
        self.parent = parent
        self.left: _Entry[T] | None = None
        self.right: _Entry[T] | None = None
        self.red = True


class TreeOrder(Generic[T]):
    """A `TreeSet` in which items stay where they were put, although later comparisons may say otherwise.

    Where an item lands depends on the path from the root, so the red-black tree of `java.util.TreeMap` is kept.

    Args:
        compare: negative, zero or positive, by the state of both items at this moment.
    """

    def __init__(self, compare: Callable[[T, T], int]) -> None:
        self._compare = compare
        self._root: _Entry[T] | None = None

    def add(self, item: T) -> None:
        """Puts the item in its place; an equal one that is there stays."""
        entry = self._root
        if entry is None:
            self._root = _Entry(item, None)
            self._root.red = False
            return
        while True:
            order = self._compare(item, entry.item)
            if order == 0:
                return
            below = entry.left if order < 0 else entry.right
            if below is None:
                break
            entry = below
        added = _Entry(item, entry)
        if order < 0:
            entry.left = added
        else:
            entry.right = added
        self._balance(added)

    def __iter__(self) -> Iterator[T]:
        stack: list[_Entry[T]] = []
        entry = self._root
        while stack or entry is not None:
            while entry is not None:
                stack.append(entry)
                entry = entry.left
            entry = stack.pop()
            yield entry.item
            entry = entry.right

    def _balance(self, entry: _Entry[T]) -> None:
        while (parent := entry.parent) is not None and parent.red:
            grand = parent.parent
            if grand is None:
                break
            parent_is_left = grand.left is parent
            uncle = grand.right if parent_is_left else grand.left
            if uncle is not None and uncle.red:
                parent.red = uncle.red = False
                grand.red = True
                entry = grand
                continue
            if entry is (parent.right if parent_is_left else parent.left):
                self._rotate(parent, to_left=parent_is_left)
                entry, parent = parent, entry
            parent.red = False
            grand.red = True
            self._rotate(grand, to_left=not parent_is_left)
        if self._root is not None:
            self._root.red = False

    def _rotate(self, entry: _Entry[T], to_left: bool) -> None:
        riser = entry.right if to_left else entry.left
        if riser is None:
            return
        moved = riser.left if to_left else riser.right
        if to_left:
            entry.right = moved
        else:
            entry.left = moved
        if moved is not None:
            moved.parent = entry
        riser.parent = entry.parent
        if entry.parent is None:
            self._root = riser
        elif entry.parent.left is entry:
            entry.parent.left = riser
        else:
            entry.parent.right = riser
        if to_left:
            riser.left = entry
        else:
            riser.right = entry
        entry.parent = riser
