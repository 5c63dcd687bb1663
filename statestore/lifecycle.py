"""What the runtime does to every store alike: binding, flush, commit, abort, spill, restore, sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic

from statestore.api import NO_MARKS, ChangelogHook, Forward
from statestore.indexes import Indexes
from statestore.layers import Cell, Emit, Layers


class Lifecycle(Generic[Cell]):
    """The methods of `Layered` over the layers of one store; `emit` makes of a forward what a flush calls by cell."""

    __slots__ = ("_emit", "_indexes", "_layers")

    def __init__(self, layers: Layers[Cell], indexes: Indexes[Cell], emit: Callable[[Forward], Emit[Cell]]) -> None:
        self._layers = layers
        self._indexes = indexes
        self._emit = emit

    def bind(self, changelog: ChangelogHook | None, forward: Forward | None, sends_old: bool) -> None:
        self._layers.changelog = changelog
        self.listen(forward, sends_old)

    def listen(self, forward: Forward | None, sends_old: bool) -> None:
        self._layers.forward = forward
        self._layers.sends_old = sends_old

    def flush(self, forward: Forward | None = None) -> bool:
        if not self._layers.dirty:
            return False
        listener = forward or self._layers.forward
        self._layers.flush(None if listener is None else self._emit(listener))
        return True

    def commit(self) -> None:
        self._layers.commit()

    def abort(self) -> None:
        self._layers.abort()
        self._indexes.reset()

    def spill(
        self, rows: int, marks: Mapping[bytes, bytes] = NO_MARKS, always: Mapping[bytes, bytes] = NO_MARKS
    ) -> bool:
        part = self._layers.spill(rows, marks, always)
        self._indexes.spilled(part)
        return part.more

    def apply(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes] = NO_MARKS) -> None:
        self._layers.restore(rows, marks)
        self._indexes.reset()

    def close(self) -> None:
        self._indexes.release()
        self._layers.base.close()

    @property
    def logged(self) -> bool:
        return self._layers.changelog is not None

    @property
    def caching(self) -> bool:
        return self._layers.top is self._layers.dirty

    @property
    def dirty_bytes(self) -> int:
        return self._layers.dirty_bytes()

    @property
    def uncommitted_bytes(self) -> int:
        return self._layers.uncommitted_bytes()

    @property
    def open_iterators(self) -> int:
        return len(self._layers.views)

    @property
    def committed_rows(self) -> int:
        return len(self._layers.committed)

    @property
    def committed_bytes(self) -> int:
        return self._layers.committed_bytes()
