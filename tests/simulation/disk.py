"""The disk of a machine in a simulated world, where state directories lie: a kill leaves what was written, a power cut
takes the last writes of each database and of the small files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from random import Random

from statestore.api import NO_MARKS
from statestore.engine import EngineError, EngineLocked
from statestore.memory import MemoryEngine, MemoryScan
from streams.testing import SimulatedProcess, SimulatedWorld
from streams.testing.files import MemoryFiles
from streams.world import Files

UNSAFE_MS = 5_000
"""A small file that was written so lately may be lost or empty after a power cut."""

Write = tuple[list[tuple[bytes, bytes | None]], list[tuple[bytes, bytes]], dict[bytes, bytes]]


class Database:
    """What a database has been written, in order. `holder`: who has it open. `closed_ms`: when it was closed last."""

    def __init__(self) -> None:
        self.writes: list[Write | str] = []  # a name: a store was given the next number
        self.holder: SimulatedProcess | None = None
        self.closed_ms = -1.0

    def rows(self) -> MemoryEngine:
        """What it holds."""
        engine = MemoryEngine()
        for each in self.writes:
            if isinstance(each, str):
                engine.number(each)
            else:
                engine.write(*each)
        return engine


class HostDisk:
    """The disk itself.

    Args:
        world: where.
        random: whose chance.
    """

    def __init__(self, world: SimulatedWorld, random: Random) -> None:
        self.files = MemoryFiles(world)
        self.full = False
        """Nothing more can be written."""
        self._world = world
        self._random = random
        self._written: dict[Path, float] = {}

    def of(self, process: SimulatedProcess) -> Files:
        """As a process of the machine sees it."""
        return HostFiles(process, self)

    def database(self, path: Path) -> Database:
        """The database at a path; made where there is none."""
        return self.files.database(path, Database, lambda _: Database())

    def databases(self) -> Iterator[tuple[Path, Database]]:
        """All there are."""
        for path, found in self.files.databases().items():
            if isinstance(found, Database):
                yield path, found

    def written(self, path: Path) -> None:
        """A small file was written now."""
        self._written[path] = self._world.monotonic_ms()

    def cut_power(self) -> None:
        """Takes from each database a suffix of its writes, and lately written small files, or what is in them."""
        for _, database in self.databases():
            if database.writes and self._random.random() < 0.7:
                del database.writes[int(self._random.random() * (len(database.writes) + 1)) :]
        since = self._world.monotonic_ms() - UNSAFE_MS
        for path, when in self._written.items():
            if when >= since and self.files.exists(path):
                chance = self._random.random()
                if chance < 0.3:
                    self.files.delete(path)
                elif chance < 0.5:
                    self.files.write(path, "")
        self._written.clear()


class HostFiles:
    """`world.Files` of one process: each use is a step of it, and its locks go with it."""

    def __init__(self, process: SimulatedProcess, disk: HostDisk) -> None:
        self._process = process
        self._disk = disk
        self._files = disk.files

    def make(self, path: Path) -> None:
        self._room()
        self._files.make(path)

    def exists(self, path: Path) -> bool:
        return self._files.exists(path)

    def directories(self, path: Path) -> list[str]:
        return self._files.directories(path)

    def identity(self, path: Path) -> tuple[str, int]:
        return self._files.identity(path)

    def lock(self, path: Path) -> Callable[[], None] | None:
        self._process.step()
        release = self._files.lock(path)
        if release is None:
            return None
        held = [True]

        def free() -> None:
            if held.pop() if held else False:
                release()

        self._process.at_end.append(free)
        return free

    def read(self, path: Path) -> str:
        self._process.step()
        return self._files.read(path)

    def write(self, path: Path, text: str) -> None:
        self._room()
        self._files.write(path, text)
        self._disk.written(path)

    def add(self, path: Path, text: str) -> bool:
        self._room()
        self._disk.written(path)
        return self._files.add(path, text)

    def delete(self, path: Path) -> None:
        self._process.step()
        self._files.delete(path)

    def move(self, path: Path, to: Path) -> bool:
        self._process.step()
        return self._files.move(path, to)

    def touch(self, path: Path) -> None:
        self._files.touch(path)

    def touched_ms(self, path: Path) -> int:
        return self._files.touched_ms(path)

    def remove(self, path: Path) -> None:
        self._process.step()
        self._files.remove(path)

    def database(self, path: Path, in_memory: type[object], on_disk: Callable[[Path], object]) -> StoredEngine:
        self._process.step()
        return StoredEngine(self._disk.database(path), self._process, self._disk)

    def _room(self) -> None:
        self._process.step()
        if self._disk.full:
            raise OSError(28, "No space left on device")


class StoredEngine:
    """A `statestore.engine.Engine` over a database of the disk, for who has opened it."""

    def __init__(self, database: Database, process: SimulatedProcess, disk: HostDisk) -> None:
        holder = database.holder
        if holder is not None and not holder.killed:
            raise EngineLocked(f"{holder.name} has the database open")
        database.holder = process
        self._database = database
        self._process = process
        self._disk = disk
        self._rows = database.rows()

    @property
    def damage(self) -> None:
        return None

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def scan(self, low: bytes, high: bytes | None, backwards: bool = False) -> MemoryScan:
        return self._rows.scan(low, high, backwards)

    def write(
        self,
        rows: Iterable[tuple[bytes, bytes | None]],
        drops: Iterable[tuple[bytes, bytes]] = (),
        marks: Mapping[bytes, bytes] = NO_MARKS,
    ) -> None:
        whole = (list(rows), list(drops), dict(marks))
        self._room()
        self._database.writes.append(whole)
        self._rows.write(*whole)

    def mark(self, name: bytes) -> bytes | None:
        return self._rows.mark(name)

    def number(self, store: str) -> int:
        if store not in self._database.writes:
            self._room()
            self._database.writes.append(store)
        return self._rows.number(store)

    def renew(self) -> None:
        self._room()
        self._database.writes = [each for each in self._database.writes if isinstance(each, str)]
        self._rows.renew()

    def close(self) -> None:
        self._process.step()
        self._rows.close()
        self._database.closed_ms = self._process.monotonic_ms()
        if self._database.holder is self._process:
            self._database.holder = None

    def _room(self) -> None:
        self._process.step()
        if self._disk.full:
            raise EngineError("IO error: No space left on device")
