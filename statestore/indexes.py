"""The sorted side of a store's upper layers: indexes made at the first range that needs them, and open iterators."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from statestore.entries import Entry
from statestore.layers import Cell, Index, Layers, Slice, View
from statestore.ordered import Ordered
from statestore.sizes import INDEX_KEY, INDEX_ROW

TimedCell = TypeVar("TimedCell", tuple[int, bytes], tuple[int, int, bytes])


Order = Callable[[TimedCell], tuple[int | bytes, ...]]
"""What cells are sorted by."""

Left = TypeVar("Left", bound=Hashable, contravariant=True)


class Current(Protocol[Left]):
    """What keeps entries as they are now beside the layers, and is told what leaves them (`ByKey`)."""

    def clear(self) -> None: ...
    def discard_all(self, cells: Iterable[Left], /) -> None: ...


class Indexes(Generic[Cell]):
    """The indexes and views of one store.

    An index holds at least the cells of the layers in memory. Cells that need not be held any more are
    discarded when they leave (`forget`), or the whole index is cleared and made anew at the next range
    (`reset`). While an iterator is open nothing is taken from the index it walks.
    """

    __slots__ = ("_cached", "_current", "_layers", "_stale")

    def __init__(
        self,
        layers: Layers[Cell],
        cached: Callable[[], Iterable[Cell]] | None = None,
        current: Current[Cell] | None = None,
    ) -> None:
        """`cached` gives the cells of the read cache, where ranges rely on it, and the base tells what it lets go;
        `current` follows the indexes, but is not walked by iterators."""
        self._layers = layers
        self._cached = cached
        self._current = current
        self._stale = False

    def use(self, index: Index[Cell]) -> None:
        """Make the index, unless it is kept already."""
        layers = self._layers
        if index not in layers.indexes:
            index.build(self.cells())
            layers.indexes.append(index)

    def cells(self) -> set[Cell]:
        """All cells in memory."""
        layers = self._layers
        cached = () if self._cached is None else self._cached()
        return {*layers.dirty, *layers.uncommitted, *layers.committed, *cached}

    def open(self) -> View[Cell]:
        view = View(self._layers)
        self._layers.views.append(view)
        return view

    def close(self, view: View[Cell]) -> None:
        if view in self._layers.views:
            self._layers.views.remove(view)
            if self._stale and not self._layers.views:
                self._clear()

    def spilled(self, part: Slice[Cell]) -> None:
        """The rows have gone from the committed layer to the base."""
        self.forget(part.rows if self._cached is None else part.unseen)

    def forget(self, cells: Iterable[Cell]) -> None:
        """The cells have left a layer; those that are in no other leave the indexes."""
        layers = self._layers
        if not layers.indexes and self._current is None:
            return
        gone = list(cells)
        for layer in (layers.dirty, layers.uncommitted, layers.committed):
            if layer:
                gone = [cell for cell in gone if cell not in layer]
        cached = layers.base.cached
        gone = [cell for cell in gone if cached(cell) is None]
        if not gone:
            return
        if self._current is not None:
            self._current.discard_all(gone)
        if layers.views:
            self._stale = True
            return
        for index in layers.indexes:
            index.discard_all(gone)

    def reset(self) -> None:
        """The layers have lost cells that nobody told of."""
        if self._current is not None:
            self._current.clear()
        if self._layers.views:
            self._stale = True
        else:
            self._clear()

    def release(self) -> None:
        """Let go of every view and index: the store is closed."""
        self._layers.views.clear()
        if self._current is not None:
            self._current.clear()
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


class ByTime(Generic[TimedCell]):
    """The cells of each time. What is added costs no more however many there are of the same time.

    Args:
        order: what cells are sorted by, their time first; None: they themselves.
    """

    __slots__ = ("_cells", "_times", "order")

    def __init__(self, order: Order[TimedCell] | None) -> None:
        self.order: Order[TimedCell] | None = order
        self._cells: dict[int, set[TimedCell]] = {}
        self._times: Ordered[int] = Ordered()

    def build(self, cells: Iterable[TimedCell]) -> None:
        self._cells = {}
        for cell in cells:
            self._cells.setdefault(cell[0], set()).add(cell)
        self._times.build(self._cells)

    def clear(self) -> None:
        self.build(())

    def add(self, cell: TimedCell) -> None:
        time = cell[0]
        cells = self._cells.get(time)
        if cells is None:
            self._cells[time] = {cell}
            self._times.add(time)
        else:
            cells.add(cell)

    def discard_all(self, cells: Collection[TimedCell]) -> None:
        for cell in cells:
            left = self._cells.get(cell[0])
            if left is not None:
                left.discard(cell)
                if not left:
                    del self._cells[cell[0]]
                    self._times.discard(cell[0])

    def walk(self, low: int, high: int, backwards: bool = False) -> Iterator[TimedCell]:
        """Cells with low <= time <= high, in their order. Those that are added meanwhile may be met."""
        for time in self._times.walk(low, high, backwards):
            yield from sorted(self._cells.get(time, ()), key=self.order, reverse=backwards)


class ByKey(Generic[TimedCell]):
    """The rows of each key that are in memory, by time, with their entries as they are now; deleted ones are left out.

    Unlike an `Index` it is told of every put, so that reading a key's rows asks no layer. Most keys have one row (the
    two sides of a join by id, a session), which costs no lists: objects that Python's collector would look through.
    """

    __slots__ = ("_key_of", "_one", "_several", "made")

    def __init__(self, key_of: Callable[[TimedCell], bytes]) -> None:
        self._key_of: Callable[[TimedCell], bytes] = key_of
        self._one: dict[bytes, tuple[TimedCell, Entry]] = {}
        self._several: dict[bytes, tuple[list[TimedCell], list[Entry]]] = {}
        self.made = False
        """It is kept: it must be told of puts."""

    def __len__(self) -> int:
        """How many keys have rows."""
        return len(self._one) + len(self._several)

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, estimated."""
        return len(self._one) * INDEX_ROW + len(self._several) * INDEX_KEY

    def build(self, rows: Iterable[tuple[TimedCell, Entry]]) -> None:
        """Hold these rows, in the order of their cells, and no others."""
        self.clear()
        self.made = True
        for cell, entry in rows:
            self.put(self._key_of(cell), cell, entry)

    def clear(self) -> None:
        self._one.clear()
        self._several.clear()
        self.made = False

    def put(self, key: bytes, cell: TimedCell, entry: Entry) -> None:
        """The row of this key is now so."""
        there = entry.__class__ is bytes or entry[0] is not None
        one = self._one.get(key)
        rows = None if one is not None else self._several.get(key)
        if rows is None:
            if one is None or one[0] == cell:
                if there:
                    self._one[key] = (cell, entry)
                elif one is not None:
                    del self._one[key]
            elif there:
                del self._one[key]
                known, before = one
                both = ([known, cell], [before, entry]) if known < cell else ([cell, known], [entry, before])
                self._several[key] = both
            return
        cells, entries = rows
        at = len(cells) if cells[-1] < cell else bisect_left(cells, cell)
        if at == len(cells) or cells[at] != cell:
            if there:
                cells.insert(at, cell)
                entries.insert(at, entry)
        elif there:
            entries[at] = entry
        else:
            del cells[at], entries[at]
            self._set(key, cells, entries)

    def _set(self, key: bytes, cells: list[TimedCell], entries: list[Entry]) -> None:
        """Of several rows of a key these are left."""
        if len(cells) > 1:
            self._several[key] = (cells, entries)
            return
        del self._several[key]
        if cells:
            self._one[key] = (cells[0], entries[0])

    def discard_all(self, cells: Iterable[TimedCell]) -> None:
        """These cells are in memory no more."""
        gone: dict[bytes, set[TimedCell]] = {}
        key_of, ones, several = self._key_of, self._one, self._several
        for cell in cells:
            key = key_of(cell)
            one = ones.get(key)
            if one is not None:
                if one[0] == cell:
                    del ones[key]
            elif key in several:
                gone.setdefault(key, set()).add(cell)
        for key, leaving in gone.items():
            left = [(cell, entry) for cell, entry in zip(*several[key], strict=True) if cell not in leaving]
            self._set(key, [cell for cell, _ in left], [entry for _, entry in left])

    def between(self, key: bytes, low: int, high: int) -> tuple[Sequence[TimedCell], Sequence[Entry]]:
        """The key's rows with low <= time <= high. Not to be changed, nor to be kept."""
        one = self._one.get(key)
        if one is not None:
            cell, entry = one
            return ((cell,), (entry,)) if low <= cell[0] <= high else NOTHING
        rows = self._several.get(key)
        if rows is None:
            return NOTHING
        cells = rows[0]
        if low <= cells[0][0] and cells[-1][0] <= high:
            return rows
        if high < cells[0][0] or cells[-1][0] < low:
            return NOTHING
        first = bisect_left(cells, (low,))
        last = bisect_left(cells, (high + 1,))
        return cells[first:last], rows[1][first:last]


NOTHING: tuple[tuple[()], tuple[()]] = ((), ())
"""No cells and no entries."""
