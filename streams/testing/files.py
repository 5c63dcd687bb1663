"""Directories, small files and databases in memory (`world.Files`): what is written is there, until it is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from streams.clock import Clock

T = TypeVar("T")


@dataclass(slots=True)
class _Directory:
    number: int
    touched_ms: int


class MemoryFiles:
    """See the module.

    Args:
        clock: says when something was touched.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count()
        self._directories: dict[Path, _Directory] = {}
        self._texts: dict[Path, str] = {}
        self._databases: dict[Path, object] = {}
        self._locked: set[Path] = set()

    def make(self, path: Path) -> None:
        for each in (*reversed(path.parents), path):
            if each not in self._directories:
                self._directories[each] = _Directory(next(self._numbers), self._clock.now_ms())

    def exists(self, path: Path) -> bool:
        return path in self._directories or path in self._texts or path in self._databases

    def directories(self, path: Path) -> list[str]:
        return sorted(each.name for each in self._directories if each.parent == path and each != path)

    def identity(self, path: Path) -> tuple[str, int]:
        return "memory", self._directories[path].number

    def lock(self, path: Path) -> Callable[[], None] | None:
        if path in self._locked:
            return None
        self._locked.add(path)
        return lambda: self._locked.discard(path)

    def read(self, path: Path) -> str:
        if path not in self._texts:
            raise FileNotFoundError(path)
        return self._texts[path]

    def write(self, path: Path, text: str) -> None:
        self._texts[path] = text

    def add(self, path: Path, text: str) -> bool:
        return self._texts.setdefault(path, text) is text

    def delete(self, path: Path) -> None:
        self._texts.pop(path, None)

    def move(self, path: Path, to: Path) -> bool:
        if path not in self._directories:
            raise FileNotFoundError(path)
        if any(self._below(to)):
            return False
        _renamed(self._directories, path, to)
        _renamed(self._texts, path, to)
        _renamed(self._databases, path, to)
        return True

    def touch(self, path: Path) -> None:
        self._directories[path].touched_ms = self._clock.now_ms()

    def touched_ms(self, path: Path) -> int:
        inside = [self._directories[each] for each in self._directories if each == path or each.parent == path]
        return max((each.touched_ms for each in inside), default=0)

    def remove(self, path: Path) -> None:
        for each in list(self._below(path)):
            for kept in (self._directories, self._texts, self._databases):
                kept.pop(each, None)

    def database(self, path: Path, in_memory: type[T], on_disk: Callable[[Path], T]) -> T:
        found = self._databases.get(path)
        if not isinstance(found, in_memory):
            found = self._databases[path] = in_memory()
        return found

    def databases(self) -> dict[Path, object]:
        """All databases, by where they lie."""
        return dict(self._databases)

    def _below(self, path: Path) -> Iterator[Path]:
        """What is there of this name, and all in it."""
        for kept in (self._directories, self._texts, self._databases):
            yield from (each for each in kept if each == path or path in each.parents)


def _renamed(kept: dict[Path, T], path: Path, to: Path) -> None:
    for each in [each for each in kept if each == path or path in each.parents]:
        kept[to / each.relative_to(path)] = kept.pop(each)
