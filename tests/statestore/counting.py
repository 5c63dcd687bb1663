"""An engine that counts what reaches it."""

from __future__ import annotations

from statestore.memory import MemoryEngine, MemoryScan


class Counting(MemoryEngine):
    reads = 0
    scans = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return super().get(key)

    def scan(self, low: bytes, high: bytes | None, backwards: bool = False) -> MemoryScan:
        self.scans += 1
        return super().scan(low, high, backwards)
