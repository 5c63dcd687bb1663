"""RocksDB with damage that shows at a place that the test chooses, as RocksDB itself reports it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from statestore.api import NO_MARKS
from statestore.engine import Engine
from statestore.rocks import RocksEngine, RocksScan
from streams.runtime.worker import make_worker


class Damage:
    """The n-th call of one operation meets it, once over all databases whose path has `where` in it.

    Args:
        operation: get, scan or write.
        countdown: calls until then; negative: never.
    """

    def __init__(self, operation: str, countdown: int, where: str) -> None:
        self.operation, self.countdown, self.where = operation, countdown, where
        self.met = 0

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Databases that are opened from now on may meet it."""
        monkeypatch.setattr(make_worker, "open_rocks", self._open)

    def _open(self, path: Path) -> Engine:
        return Damaged(str(path), self) if self.where in str(path) else RocksEngine(str(path))

    def at(self, operation: str) -> bool:
        """Is this the call?"""
        if operation != self.operation or self.met:
            return False
        self.countdown -= 1
        self.met = int(self.countdown < 0)
        return bool(self.met)


class Damaged(RocksEngine):
    """A database with planted damage."""

    def __init__(self, path: str, planted: Damage) -> None:
        self.planted: Damage | None = None
        super().__init__(path)
        self.planted = planted

    def _meet(self, operation: str) -> None:
        if self.damage is not None:
            raise self.damage
        if self.planted is not None and self.planted.at(operation):
            raise self._noted(Exception(f"Corruption: block checksum mismatch in {self.path}/000009.sst"))

    def get(self, key: bytes) -> bytes | None:
        self._meet("get")
        return super().get(key)

    def scan(self, low: bytes, high: bytes | None, backwards: bool = False) -> RocksScan:
        self._meet("scan")
        return super().scan(low, high, backwards)

    def write(
        self,
        rows: Iterable[tuple[bytes, bytes | None]],
        drops: Iterable[tuple[bytes, bytes]] = (),
        marks: Mapping[bytes, bytes] = NO_MARKS,
    ) -> None:
        self._meet("write")
        super().write(rows, drops, marks)
