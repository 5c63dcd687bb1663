"""Keys kept sorted by insertion, in blocks small enough that an insertion moves little."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar

BLOCK: Final = 1000
"""A block that grows beyond this many keys is halved."""

Key = TypeVar("Key", int, bytes, tuple[int, bytes], tuple[int, int, bytes])


class Ordered(Generic[Key]):
    """A sorted set. `walk` may be interleaved with `add` and `discard`."""

    __slots__ = ("_blocks", "_lasts", "_version")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._blocks: list[list[Key]] = []
        self._lasts: list[Key] = []
        self._version = 0
        self.build(keys)

    def build(self, keys: Iterable[Key]) -> None:
        """Hold these keys, and no others."""
        flat = sorted(keys)
        half = BLOCK // 2
        self._blocks = [flat[at : at + half] for at in range(0, len(flat), half)]
        self._lasts = [block[-1] for block in self._blocks]
        self._version += 1

    def clear(self) -> None:
        self.build(())

    def add(self, key: Key) -> None:
        """Insert the key unless it is there."""
        blocks, lasts = self._blocks, self._lasts
        if not blocks:
            blocks.append([key])
            lasts.append(key)
            self._version += 1
            return
        at = bisect_left(lasts, key)
        if at == len(blocks):
            at -= 1
            blocks[at].append(key)
            lasts[at] = key
        else:
            block = blocks[at]
            place = bisect_left(block, key)
            if block[place] == key:
                return
            block.insert(place, key)
        self._version += 1
        block = blocks[at]
        if len(block) > BLOCK:
            half = len(block) // 2
            blocks[at : at + 1] = [block[:half], block[half:]]
            lasts[at : at + 1] = [block[half - 1], block[-1]]

    def discard(self, key: Key) -> None:
        """Remove the key if it is there."""
        at = bisect_left(self._lasts, key)
        if at == len(self._blocks):
            return
        block = self._blocks[at]
        place = bisect_left(block, key)
        if block[place] != key:
            return
        self._version += 1
        del block[place]
        if not block:
            del self._blocks[at], self._lasts[at]
        else:
            self._lasts[at] = block[-1]

    def discard_all(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.discard(key)

    def walk(self, low: Key | None, high: Key | None, backwards: bool = False) -> Iterator[Key]:
        """Keys with low <= key <= high (None: open). A key added ahead of the walk is met by it."""
        return self._down(low, high) if backwards else self._up(low, high)

    def _up(self, low: Key | None, high: Key | None) -> Iterator[Key]:
        at, place = (0, 0) if low is None else self._find(low, after=False)
        while at < len(self._blocks):
            block = self._blocks[at]
            version = self._version
            for key in block[place:] if place else block:
                if high is not None and high < key:
                    return
                yield key
                if self._version != version:
                    at, place = self._find(key, after=True)
                    break
            else:
                at, place = at + 1, 0

    def _down(self, low: Key | None, high: Key | None) -> Iterator[Key]:
        at, place = (len(self._blocks), 0) if high is None else self._find(high, after=True)
        while True:
            if place == 0:
                at -= 1
                if at < 0:
                    return
                place = len(self._blocks[at])
            version = self._version
            for key in reversed(self._blocks[at][:place]):
                if low is not None and key < low:
                    return
                yield key
                if self._version != version:
                    at, place = self._find(key, after=False)
                    break
            else:
                place = 0

    def _find(self, key: Key, after: bool) -> tuple[int, int]:
        """Block and place of the first key >= `key` (> `key` if `after`)."""
        side = bisect_right if after else bisect_left
        at = side(self._lasts, key)
        return (at, side(self._blocks[at], key)) if at < len(self._blocks) else (at, 0)
