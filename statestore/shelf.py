"""The sorted side of a store's upper layers: indexes made at the first range that needs them, and open
iterators."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Generic, TypeVar

from statestore.layers import Cell, Index, Layers, View
from statestore.ordered import Ordered

TimedCell = TypeVar("TimedCell", tuple[int, bytes], tuple[int, int, bytes])


def _nothing() -> tuple[()]:
    return ()


class Shelf(Generic[Cell]):
    """The indexes and views of one store.

    An index holds at least the cells of the layers in memory. Cells that need not be held any more are
    discarded when they leave (`forget`), or the whole index is cleared and made anew at the next range
    (`reset`). While an iterator is open nothing is taken from the index it walks.
    """

    __slots__ = ("_cached", "_layers", "_stale")

    def __init__(self, layers: Layers[Cell], cached: Callable[[], Iterable[Cell]] = _nothing) -> None:
        """`cached` gives the cells of the read cache, where ranges rely on it."""
        self._layers = layers
        self._cached = cached
        self._stale = False

    def use(self, index: Index[Cell]) -> None:
        """Make the index, unless it is kept already."""
        layers = self._layers
        if index not in layers.indexes:
            index.build({*layers.dirty, *layers.uncommitted, *layers.committed, *self._cached()})
            layers.indexes.append(index)

    def open(self) -> View[Cell]:
        view = View(self._layers)
        self._layers.views.append(view)
        return view

    def close(self, view: View[Cell]) -> None:
        if view in self._layers.views:
            self._layers.views.remove(view)
            if self._stale and not self._layers.views:
                self._clear()

    def forget(self, cells: Iterable[Cell]) -> None:
        """The cells have left a layer; those that are in no other leave the indexes."""
        layers = self._layers
        if layers.views:
            self._stale = True
        elif layers.indexes:
            gone = [cell for cell in cells if layers.upper(cell) is None]
            for index in layers.indexes:
                index.discard_all(gone)

    def reset(self) -> None:
        """The layers have lost cells that nobody told of."""
        if self._layers.views:
            self._stale = True
        else:
            self._clear()

    def release(self) -> None:
        """Let go of every view and index: the store is closed."""
        self._layers.views.clear()
        self._clear()

    def _clear(self) -> None:
        self._stale = False
        for index in self._layers.indexes:
            index.clear()
        self._layers.indexes.clear()


class Sorted(Generic[Cell]):
    """An index in the order of some bytes made of each cell."""

    __slots__ = ("_keys", "_sort_key")

    def __init__(self, sort_key: Callable[[Cell], bytes]) -> None:
        self._sort_key = sort_key
        self._keys: Ordered[bytes] = Ordered()

    def build(self, cells: Iterable[Cell]) -> None:
        self._keys.build(map(self._sort_key, cells))

    def clear(self) -> None:
        self._keys.clear()

    def add(self, cell: Cell) -> None:
        self._keys.add(self._sort_key(cell))

    def discard_all(self, cells: Collection[Cell]) -> None:
        self._keys.discard_all(map(self._sort_key, cells))

    def walk(self, low: bytes | None, high: bytes | None, backwards: bool) -> Iterator[bytes]:
        return self._keys.walk(low, high, backwards)


class ByKey(Generic[TimedCell]):
    """The cells of each key, by time."""

    __slots__ = ("_cells", "_key_of", "made")

    def __init__(self, key_of: Callable[[TimedCell], bytes]) -> None:
        self._key_of: Callable[[TimedCell], bytes] = key_of
        self._cells: dict[bytes, list[TimedCell]] = {}
        self.made = False
        """The index is kept."""

    def build(self, cells: Iterable[TimedCell]) -> None:
        self._cells, self.made = {}, True
        for cell in sorted(cells):
            self._cells.setdefault(self._key_of(cell), []).append(cell)

    def clear(self) -> None:
        self._cells, self.made = {}, False

    def add(self, cell: TimedCell) -> None:
        key = self._key_of(cell)
        cells = self._cells.get(key)
        if cells is None:
            self._cells[key] = [cell]
        elif cells[-1] < cell:
            cells.append(cell)
        elif cells[bisect_left(cells, cell)] != cell:
            insort(cells, cell)

    def discard_all(self, cells: Collection[TimedCell]) -> None:
        gone = set(cells)
        for key in {self._key_of(cell) for cell in gone}:
            left = [cell for cell in self._cells.get(key, ()) if cell not in gone]
            if left:
                self._cells[key] = left
            else:
                self._cells.pop(key, None)

    def between(self, key: bytes, low: TimedCell, high: TimedCell) -> list[TimedCell]:
        """The key's cells with low <= cell < high."""
        cells = self._cells.get(key)
        if cells is None:
            return []
        return cells[bisect_left(cells, low) : bisect_left(cells, high)]
