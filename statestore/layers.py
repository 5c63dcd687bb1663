"""The layers of one store above its engine.

    dirty         puts of a caching store since its last flush, in the order of the last update of each cell
    uncommitted   what was flushed, or put without a cache, since the last commit
    committed     what commits moved there and `spill` has not yet written
    base          the read cache and the engine (`Base`)

A cell is whatever tells the rows of a store apart: the key, `(start, key)`, … . The three dicts, the
origins and the list of views keep their identity for life, so that a store may hold on to them and to their methods.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from itertools import islice
from typing import Generic, NamedTuple, Protocol, TypeVar

from statestore.api import NO_MARKS, ChangelogHook, Forward
from statestore.entries import ABSENT, Entries, Entry, is_deleted, packed_time, sealed, timestamp_of
from statestore.sizes import Sizes

Cell = TypeVar("Cell", bound=Hashable)
Emit = Callable[[Cell, object, object, int, object], None]
"""Takes a cell, its new and its old value, timestamp and origin."""

Noted = TypeVar("Noted", bound=Hashable, contravariant=True)


class Put(Protocol[Noted]):
    """Puts one cell, `key`: into the cache, or to the uncommitted layer and the changelog. Gives its entry."""

    def __call__(self, key: Noted, value: object, timestamp: int, origin: object = None) -> Entry: ...


class Base(Protocol[Cell]):
    """What lies below the committed layer."""

    def cached(self, cell: Cell) -> Entry | None:
        """What the read cache has for it; None if the engine would have to be asked."""
        ...

    def find(self, cell: Cell) -> Entry:
        """The entry, read from the engine if need be; `ABSENT` if there is no row."""
        ...

    def peek(self, cell: Cell) -> Entry:
        """As `find`, and nothing is changed by it: any thread may ask."""
        ...

    def write(self, rows: dict[Cell, Entry], marks: Mapping[bytes, bytes]) -> Collection[Cell]:
        """Write the rows and marks to the engine, atomically, and remember them; the cells of those that need neither,
        since nobody can see them any more."""
        ...

    def commit(self) -> None:
        """What the base keeps beside rows (times, counters) is committed with them."""
        ...

    def abort(self) -> None: ...

    def restore(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes]) -> None:
        """Write changelog rows to the engine, and forget what they replace."""
        ...

    def trim(self) -> None:
        """Let go of what the read cache may not hold any more, since other stores need it (`cache_share`)."""
        ...

    def close(self) -> None:
        """Let go of all that the read cache holds."""
        ...

    @property
    def hides(self) -> Callable[[Cell], bool] | None:
        """Has the row of this cell expired, so that Java's store below the cache does not know its old value any more?
        None: rows do not expire."""
        ...

    @property
    def flushed(self) -> Callable[[Cell], None] | None:
        """Called with each cell that a flush writes, before it is logged. None: nothing follows from it."""
        ...


class Index(Protocol[Noted]):
    """The cells of the upper layers in some order; it may hold others too."""

    def build(self, cells: Iterable[Noted], /) -> None: ...
    def clear(self) -> None: ...
    def add(self, cell: Noted, /) -> None:
        """The cell is new in the top layer; the index may have it already."""
        ...

    def discard_all(self, cells: Collection[Noted], /) -> None: ...


class Slice(NamedTuple, Generic[Cell]):
    """What one `spill` took from the committed layer."""

    rows: dict[Cell, Entry]
    unseen: Collection[Cell]
    """Those of the rows that the base did not keep."""
    more: bool
    """There are committed rows left."""


class View(Generic[Cell]):
    """The entries that an open iterator must still see, by cell; None where the upper layers had nothing."""

    __slots__ = ("_layers", "kept")

    def __init__(self, layers: Layers[Cell]) -> None:
        self._layers = layers
        self.kept: dict[Cell, Entry | None] = {}

    def note(self, cell: Cell) -> None:
        if cell not in self.kept:
            self.kept[cell] = self._layers.upper(cell)

    def entry(self, cell: Cell) -> Entry | None:
        """What the upper layers had when the view was opened."""
        kept = self.kept
        return kept[cell] if cell in kept else self._layers.upper(cell)


class Layers(Generic[Cell]):
    """Dirty, uncommitted and committed entries of one store, and what commit, abort, flush and spill do to them."""

    __slots__ = (
        "_encode",
        "_exact",
        "base",
        "below",
        "changelog",
        "committed",
        "dirty",
        "entries",
        "forward",
        "indexes",
        "log_key",
        "origins",
        "put",
        "sends_old",
        "sizes",
        "top",
        "uncommitted",
        "version",
        "views",
    )

    def __init__(
        self,
        base: Base[Cell],
        entries: Entries,
        sizes: Sizes,
        caching: bool,
        log_key: Callable[[Cell], bytes],
    ) -> None:
        self.base = base
        self.entries = entries
        self.sizes = sizes
        self.log_key = log_key
        self._exact, self._encode = entries.exact, entries.encode
        self.dirty: dict[Cell, Entry] = {}
        self.origins: dict[Cell, object] = {}
        self.uncommitted: dict[Cell, Entry] = {}
        self.committed: dict[Cell, Entry] = {}
        self.top = self.dirty if caching else self.uncommitted
        self.indexes: list[Index[Cell]] = []
        self.views: list[View[Cell]] = []
        self.changelog: ChangelogHook | None = None
        self.forward: Forward | None = None
        self.sends_old = False
        self.version = 0
        """Rises when the committed layer changes."""
        through = self._put_through if entries.ever_exact else self._put_sealed
        self.put: Put[Cell] = self._put_cached() if caching else through
        self.below: Callable[[Cell], Entry] = self._below()

    # reading

    def upper(self, cell: Cell) -> Entry | None:
        """What is in memory; None if the engine would have to be asked."""
        entry = self.dirty.get(cell)
        if entry is None:
            entry = self.uncommitted.get(cell)
            if entry is None:
                entry = self.committed.get(cell)
                if entry is None:
                    entry = self.base.cached(cell)
        return entry

    def _below(self) -> Callable[[Cell], Entry]:
        """`below` gives the entry under the dirty layer: as it was last flushed. A function that looks nothing up in
        `self`, as the put."""
        uncommitted, committed, find = self.uncommitted.get, self.committed.get, self.base.find

        def below(cell: Cell) -> Entry:
            entry = uncommitted(cell)
            if entry is None:
                entry = committed(cell)
                if entry is None:
                    return find(cell)
            return entry

        return below

    def keep(self, cell: Cell, entry: Entry) -> bool:
        """Keep this form of the entry in the layer that has it; False: none has."""
        for layer in (self.dirty, self.uncommitted, self.committed):
            if cell in layer:
                layer[cell] = entry
                return True
        return False

    def find(self, cell: Cell) -> Entry:
        """The entry as it is now."""
        entry = self.top.get(cell)
        return self.below(cell) if entry is None else entry

    def committed_find(self, cell: Cell) -> Entry:
        """The entry as it was committed last. Any thread may ask: see `statestore.committed`."""
        entry = self.committed.get(cell)
        return self.base.peek(cell) if entry is None else entry

    # writing

    def _put_cached(self) -> Put[Cell]:
        """The put to the cache: a function of its own, that looks nothing up in `self`."""
        dirty, origins, views = self.dirty, self.origins, self.views
        exact, seal, take, renew = self._exact, self.entries.seal, dirty.pop, self.renew

        def put(key: Cell, value: object, timestamp: int, origin: object = None) -> Entry:
            entry: Entry = (value, timestamp)
            if value is not None and not exact(value):
                entry = seal(value, timestamp)
            # taken from its place, so that the order is that of the last update, as in Java's cache
            if views or take(key, None) is None:
                renew(key)
            dirty[key] = entry
            if origin is not None:
                origins[key] = origin
            elif origins:
                origins.pop(key, None)
            return entry

        return put

    def _put_through(self, key: Cell, value: object, timestamp: int, origin: object = None) -> Entry:
        changelog, data = self.changelog, None
        entry: Entry = (value, timestamp)
        if value is not None:
            exact = self._exact(value)
            if changelog is not None or not exact:
                data = self.entries.encode(value)
                entry = entry if exact else sealed(data, timestamp)
        if self.views or (self.indexes and key not in self.uncommitted):
            self.renew(key)
        self.uncommitted[key] = entry
        if changelog is not None:
            changelog(self.log_key(key), data, timestamp, origin)
        return entry

    def _put_sealed(self, key: Cell, value: object, timestamp: int, origin: object = None) -> Entry:
        """`_put_through`, where no value is exact."""
        data: bytes | None = None
        entry: Entry = (None, timestamp)
        if value is not None:
            data = self._encode(value)
            entry = packed_time(timestamp) + data
        if self.views or (self.indexes and key not in self.uncommitted):
            self.renew(key)
        self.uncommitted[key] = entry
        changelog = self.changelog
        if changelog is not None:
            changelog(self.log_key(key), data, timestamp, origin)
        return entry

    def log(self, cell: Cell, value: object, timestamp: int, origin: object) -> None:
        """Log a put that changes no row: Java's changelogging layer does not ask whether the store took it."""
        if self.changelog is not None:
            data = self.entries.seal_logged(value, timestamp)[1]
            self.changelog(self.log_key(cell), data, timestamp, origin)

    def renew(self, cell: Cell) -> None:
        """Make way for a write of the cell to the top layer: keep the old entry for open iterators, put the
        cell into the indexes, and take it from its place in the order of updates."""
        for view in self.views:
            view.note(cell)
        if cell in self.top:
            del self.top[cell]
        else:
            for index in self.indexes:
                index.add(cell)

    def take_back(self, cell: Cell) -> bool:
        """Delete a row that only the cache knows of, without a trace: a flush that emits would let nothing go of it.
        False: there is more to it, and nothing was done."""
        if self.forward is None or self.views or cell not in self.dirty or not is_deleted(self.below(cell)):
            return False
        del self.dirty[cell]
        self.origins.pop(cell, None)
        for index in self.indexes:
            index.discard_all((cell,))
        return True

    def flush(self, emit: Emit[Cell] | None) -> None:
        """Log and emit the dirty entries, again until the emitting leaves none; see `Layered.flush`."""
        while self.dirty:
            # What is flushed lies below before anybody hears of it: a listener that reads this store sees the new row,
            # and one that puts into it makes a new dirty entry, which the next round takes.
            pending, origins = self.dirty.copy(), self.origins.copy()
            olds: dict[Cell, Entry] = {}
            if emit is not None:
                asked = pending if self.sends_old else (cell for cell, entry in pending.items() if is_deleted(entry))
                olds = {cell: self.below(cell) for cell in asked}
            self.uncommitted.update(pending)
            self.dirty.clear()
            self.origins.clear()
            self._write(pending, origins, olds, emit)

    def _write(
        self,
        pending: dict[Cell, Entry],
        origins: dict[Cell, object],
        olds: dict[Cell, Entry],
        emit: Emit[Cell] | None,
    ) -> None:
        entries, changelog, log_key = self.entries, self.changelog, self.log_key
        encode, opened, sends_old = entries.encode, entries.open, self.sends_old
        hides, flushed = self.base.hides, self.base.flushed
        key, data = b"", None
        for cell, entry in pending.items():
            if isinstance(entry, bytes):
                data = entry[8:]
                new, timestamp = (None, timestamp_of(entry)) if emit is None else opened(entry) or ABSENT
            else:
                new, timestamp = entry
                data = None if new is None or changelog is None else encode(new)
            before = olds.get(cell) if olds else None
            found = None if before is None else opened(before)
            if found is not None and hides is not None and hides(cell):
                found = None
            if found is None and before is not None and is_deleted(entry):
                continue
            if flushed is not None:
                flushed(cell)
            origin = origins.get(cell) if origins else None
            if changelog is not None:
                key = log_key(cell)
                changelog(key, data, timestamp, origin)
            if emit is not None:
                emit(cell, new, None if found is None or not sends_old else found[0], timestamp, origin)
        if key:
            self.sizes.sample(len(key) + (0 if data is None else len(data)))

    # transactions

    def commit(self) -> None:
        # A cell that is in both layers keeps its place among the committed, so that it is spilled no later for having
        # been written again: `spill` takes them in this order, each with its newest entry.
        self.committed.update(self.uncommitted)
        self.uncommitted.clear()
        self.version += 1
        self.base.commit()

    def abort(self) -> None:
        for view in self.views:
            for layer in (self.dirty, self.uncommitted):
                for cell in layer:
                    view.note(cell)
        self.dirty.clear()
        self.origins.clear()
        self.uncommitted.clear()
        self.base.abort()

    def spill(
        self, rows: int, marks: Mapping[bytes, bytes], always: Mapping[bytes, bytes] = NO_MARKS
    ) -> Slice[Cell]:
        """Write one slice. `marks` go with the last: until then the database stands at the marks before, and what is
        replayed from there over the slices that came in gives the same rows. `always` go with this one."""
        committed = self.committed
        last = len(committed) <= rows
        part = committed.copy() if last else dict(islice(committed.items(), rows))
        unseen: Collection[Cell] = ()
        if part or marks or always:
            for view in self.views:
                for cell in part:
                    view.note(cell)
            unseen = self.base.write(part, {**always, **marks} if last else always)
        else:
            self.base.trim()
        self.version += 1
        if last:
            committed.clear()
        else:
            for cell in part:
                del committed[cell]
        return Slice(part, unseen, not last)

    def restore(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes]) -> None:
        if self.dirty or self.uncommitted:
            raise ValueError("changelog rows cannot be applied over uncommitted writes; commit or abort first")
        while self.committed:
            self.spill(len(self.committed), NO_MARKS)
        self.base.restore(rows, marks)

    # sizes

    def dirty_bytes(self) -> int:
        return int(len(self.dirty) * self._sampled(self.dirty).serialised) if self.dirty else 0

    def uncommitted_bytes(self) -> int:
        count = len(self.dirty) + len(self.uncommitted)
        return int(count * self._sampled(self.dirty or self.uncommitted).in_memory) if count else 0

    def committed_bytes(self) -> int:
        return int(len(self.committed) * self._sampled(self.committed).in_memory) if self.committed else 0

    def _sampled(self, layer: dict[Cell, Entry]) -> Sizes:
        cell, entry = next(reversed(layer.items()))
        data = self.entries.data(entry)
        self.sizes.sample(len(self.log_key(cell)) + (0 if data is None else len(data)))
        return self.sizes
