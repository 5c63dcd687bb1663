"""Where a store under test lives, and the reference material that all kinds share."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hypothesis import settings

from statestore.api import Codec
from statestore.engine import Engine
from statestore.memory import MemoryEngine
from statestore.rocks import RocksEngine

RUNS = settings(max_examples=60, deadline=None)

OFFSET = b"offset"

JSON = Codec(
    encode=lambda value: json.dumps(value).encode(),
    decode=json.loads,
    exact=lambda value: type(value) is str,
)
"""Strings stay as they are in the upper layers, lists are kept as bytes."""


class Place(Protocol):
    """An engine that can be left as a killed process leaves it, and opened again."""

    engine: Engine

    def reopen(self) -> None: ...


class Memory:
    """The memory engine outlives its stores, so that reopening is the same test."""

    def __init__(self) -> None:
        self.engine: Engine = MemoryEngine()

    def reopen(self) -> None:
        """The rows are where they were."""


class Rocks:
    def __init__(self, path: Path) -> None:
        self._path = str(path / "task")
        self.engine: Engine = RocksEngine(self._path)

    def reopen(self) -> None:
        self.engine.close()
        self.engine = RocksEngine(self._path)


@contextmanager
def place(kind: str) -> Iterator[Place]:
    if kind == "memory":
        yield Memory()
        return
    path = Path(tempfile.mkdtemp(prefix="store-"))
    try:
        rocks = Rocks(path)
        yield rocks
        rocks.engine.close()
    finally:
        shutil.rmtree(path)


class Changelog:
    """A topic: what was logged since the last commit, and what a commit has made lasting."""

    def __init__(self) -> None:
        self.open: list[tuple[bytes, bytes | None, int]] = []
        self.lasting: list[tuple[bytes, bytes | None, int]] = []

    def __call__(self, key: bytes, value: bytes | None, timestamp: int, origin: object) -> None:
        self.open.append((key, value, timestamp))

    def commit(self) -> None:
        self.lasting += self.open
        self.open.clear()

    def offset(self) -> dict[bytes, bytes]:
        return {OFFSET: str(len(self.lasting)).encode()}

    def tail(self, engine: Engine) -> list[tuple[bytes, bytes | None, int]]:
        """What a takeover replays: all that is lasting beyond the offset stored in the engine."""
        return self.lasting[int(engine.mark(OFFSET) or b"0") :]
