"""A worker's stores and their logs through kills and power cuts: each loses what it had not made durable by itself.

The logs go back to the broker's last flush, all of them together (decision 21). A database loses some of its last
writes, since its own log is never synced (decision 9): how many has nothing to do with the broker. The task moves
between two disks meanwhile, so that it comes back to what another worker has long overtaken.

Checked at each start: the store is the fold of the changelog as that is now, and it was rebuilt only if it may have
held what the changelog has lost.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

from broker_local.base.mem_files import MemFiles
from broker_local.host import inprocess
from statestore.api import NO_MARKS
from statestore.engine import Engine
from statestore.memory import MemoryEngine
from statestore.rocks import RocksEngine
from streams.clients.api import Isolation, Position
from streams.clock import ManualClock
from streams.record import TopicPartition
from streams.topology.node import TaskId
from tests.streams.runtime.estate import Engines, Estate

ZERO = TaskId(0, 0)
LOG = TopicPartition("app-counts-changelog", 0)
WORDS = [f"w{number}" for number in range(12)]
FLUSH_MS = 1_500

Row = tuple[bytes, bytes | None]
Write = tuple[list[Row], list[tuple[bytes, bytes]], dict[bytes, bytes]]


class Database(Protocol):
    """A task's database on one disk, opened by one process after the other."""

    def open(self) -> Engine: ...

    def writes(self) -> int:
        """How much has been written, in whatever it is counted."""
        ...

    def end(self, kept: int | None) -> None:
        """The process that had it open is gone. Of what was written so much is kept; None: all of it."""
        ...


class Remembered(MemoryEngine):
    """An engine that remembers its writes, so that a power cut can take the last ones."""

    __slots__ = ("log",)

    def __init__(self, log: Iterable[Write]) -> None:
        super().__init__()
        self.log: list[Write] = []
        for each in log:
            self.write(*each)

    def write(
        self,
        rows: Iterable[Row],
        drops: Iterable[tuple[bytes, bytes]] = (),
        marks: Mapping[bytes, bytes] = NO_MARKS,
    ) -> None:
        self.log.append((list(rows), list(drops), dict(marks)))
        super().write(*self.log[-1])


class InMemory:
    """A `Database` in memory; its writes are counted one by one."""

    def __init__(self, home: Path) -> None:
        self._log: list[Write] = []
        self._engine: Remembered | None = None

    def open(self) -> Engine:
        self._engine = Remembered(self._log)
        self._log = self._engine.log
        return self._engine

    def writes(self) -> int:
        return len(self._log)

    def end(self, kept: int | None) -> None:
        self._log = self._log[:kept]


class OnDisk:
    """A `Database` of RocksDB. What counts is the length of its log, which a power cut may end anywhere."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lives = 0
        self._engine: RocksEngine | None = None

    @property
    def _path(self) -> Path:
        return self._home / str(self._lives)

    def open(self) -> Engine:
        self._home.mkdir(exist_ok=True)
        self._engine = RocksEngine(str(self._path))
        return self._engine

    def writes(self) -> int:
        return self._log.stat().st_size if self._path.exists() else 0

    def _copied(self, left: Path) -> bool:
        """Copies it as it lies there, without a word of the process; False: a compaction came between."""
        before = os.listdir(self._path)
        try:
            shutil.copytree(self._path, left)
        except shutil.Error:
            return False
        return before == os.listdir(self._path)

    @property
    def _log(self) -> Path:
        return max(self._path.glob("*.log"))

    def end(self, kept: int | None) -> None:
        if self._engine is None:
            return
        left = self._home / str(self._lives + 1)
        while not self._copied(left):
            shutil.rmtree(left)
        self._engine.close()
        self._lives += 1
        if kept is not None:
            with self._log.open("r+b") as file:
                file.truncate(min(kept, self._log.stat().st_size))


@dataclass
class Note:
    """So much had been written, the changelog reached up to there, and it has been cut back before that since."""

    writes: int
    reach: int
    wiped: bool = False
    lost: bool = False


@dataclass
class Held:
    """What the test knows of one database, in the order of its writes."""

    database: Database
    notes: list[Note] = field(default_factory=list)

    def note(self, reach: int, wiped: bool = False) -> None:
        self.notes.append(Note(self.database.writes(), reach, wiped))

    def kept(self, writes: int | None) -> None:
        """So many writes are left. The one that was cut is of the time before the first note that counts it."""
        if writes is not None:
            whole = [each for each in self.notes if each.writes <= writes]
            torn = self.notes[len(whole) :][:1]
            self.notes = [*whole, *(Note(writes, each.reach, lost=each.lost) for each in torn)]

    def cut_back(self, end: int) -> None:
        """The changelog ends there now."""
        for each in self.notes:
            each.lost = each.lost or each.reach > end

    @property
    def may_be_beyond(self) -> bool:
        """Was more in the changelog, when something was written that is still there, than is left of it?"""
        wiped = max((at for at, each in enumerate(self.notes) if each.wiped), default=0)
        return any(each.lost for each in self.notes[wiped:])


class History:
    """One life of an application of one task, from a seed.

    Args:
        seed: of everything.
        root: an empty directory.
        kind: of the databases.
    """

    def __init__(self, seed: int, root: Path, kind: Callable[[Path], Database]) -> None:
        self.chance = Random(seed)
        self.name = f"power-{seed}-{id(self)}"
        self.root = root
        self.clock = ManualClock(1_000_000)
        self.files = MemFiles(power=True)
        self.disks = [Held(kind(root / f"database-{number}")) for number in range(2)]
        self.committed: dict[TopicPartition, Position] = {}
        self.flushed: dict[TopicPartition, Position] = {}
        self.starts = self.rebuilt = self.needed = 0
        self.problems: list[str] = []
        self._serve()
        for topic in ("words", "out"):
            self.engines.topic(topic)
        self.engines.topic(LOG.topic)
        self._start()

    # what happens

    def run(self, steps: int) -> None:
        deeds = [self.count] * 6 + [self.spill] * 5 + [self.flush] * 2 + [self.kill, self.kill_broker]
        deeds += [self.cut_power] * 2
        for _ in range(steps):
            self.chance.choice(deeds)()
        self.close()

    def count(self) -> None:
        """Some input is counted and committed."""
        words = self.chance.choices(WORDS, k=self.chance.randint(1, 8))
        end = self.engines.write("words", *[(word, word) for word in words]) + len(words)
        source = TopicPartition("words", 0)
        task = self.estate.tasks.by_id[ZERO]
        self.estate.work(lambda: task.committable().get(source, Position(0)).offset >= end)
        self.estate.commit()
        self.committed.update(self.estate.committed)

    def spill(self) -> None:
        """A slice, or several, of what is committed goes to the database."""
        state, held = self.estate.tasks.by_id[ZERO].state, self.disks[self.at]
        for _ in range(self.chance.randint(1, 3)):
            state.spill(self.chance.randint(1, 4))
        held.note(self.engines.end(LOG.topic))

    def flush(self) -> None:
        """The broker makes durable what it has."""
        self.clock.advance(FLUSH_MS)
        with self.engine.changed:
            self.engine.step()
        self.flushed = dict(self.committed)

    def kill(self) -> None:
        """The worker goes; the next one has the one disk or the other."""
        self._die()
        self._start()

    def kill_broker(self) -> None:
        self._die()
        self.files = self.files.after_kill()
        self._serve()
        self._start()

    def cut_power(self) -> None:
        """Broker and worker go, and what neither had synced."""
        held = self.disks[self.at]
        written = held.database.writes()
        kept = self.chance.choice((None, written, self.chance.randint(written // 2, written)))
        self._die(kept)
        self.files = self.files.after_power_cut(self.chance.random())
        self._serve()
        for each in self.disks:
            each.cut_back(self.engines.end(LOG.topic))
        self.committed = dict(self.flushed)
        self._start()

    def close(self) -> None:
        self._die()
        self.engines.door.close()
        inprocess.forget(self.name)

    # how

    def _serve(self) -> None:
        inprocess.forget(self.name)
        self.engine = inprocess.Engine(self.files, self.clock)
        inprocess._engines[self.name] = self.engine
        self.engines = Engines(self.name)

    def _start(self) -> None:
        self.at = self.chance.randrange(2)
        self.starts += 1
        held = self.disks[self.at]
        told = Rebuilds()
        logger = logging.getLogger("streams.runtime")
        logger.addHandler(told)
        try:
            root = self.root / f"state-{self.starts}"
            self.estate = Estate(self.engines, root, open_engine=lambda path: held.database.open(), slices=True)
            self.estate.committed = dict(self.committed)
            self.estate.take(ZERO)
        finally:
            logger.removeHandler(told)
        self._check(told)

    def _check(self, told: Rebuilds) -> None:
        held = self.disks[self.at]
        self.rebuilt += told.count
        self.needed += held.may_be_beyond
        if told.count and not held.may_be_beyond:
            self.problems.append(f"start {self.starts}: rebuilt without need: {told.last}")
        held.note(self.engines.end(LOG.topic), wiped=told.count > 0)
        found, truth = self.estate.rows(), self.fold()
        if found != truth:
            differ = sorted(w for w in WORDS if found.get(w) != truth.get(w))
            self.problems.append(f"start {self.starts}: not the fold of the changelog: {differ} of {len(truth)}")

    def fold(self) -> dict[str, int]:
        """The changelog as it is now: the last row of every word."""
        rows: dict[str, int] = {}
        reader, end = self.engines.door.reader(Isolation.READ_UNCOMMITTED), self.engines.end(LOG.topic)
        reader.seek({LOG: 0})
        at = 0
        while at < end:
            for fetched in reader.poll(1_000):
                batch = fetched.batch
                if batch is not None:
                    at = batch.next_offset
                    pairs = zip(batch.keys, batch.values, strict=True)
                    rows.update({key.decode(): int.from_bytes(value) for key, value in pairs if key and value})
        reader.close()
        return rows

    def _die(self, kept: int | None = None) -> None:
        """The worker's process ends without a word."""
        held = self.disks[self.at]
        held.note(self.engines.end(LOG.topic))
        held.kept(kept)
        held.database.end(kept)
        self.estate.restorer.close()
        self.estate.reader.close()
        self.estate.directory.close()


class Rebuilds(logging.Handler):
    """Counts what is said of stores that are rebuilt."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.last = 0, ""

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if "is rebuilt from its changelog" in said:
            self.count += 1
            self.last = said
