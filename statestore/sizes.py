"""The estimate of a layer's memory: entries times the mean size of one.

Nothing is counted at a put. The means follow samples taken where bytes are made anyway (flush, spill,
encoding puts) and, when somebody asks, of the newest entry: the question comes once a run.
"""

from __future__ import annotations

from typing import Final

ENTRY_OVERHEAD: Final = 200
"""Bytes of Python objects and hash table that an entry costs beyond its key and value."""

_WEIGHT: Final = 16


class Sizes:
    """Running means of key and value lengths of one store."""

    __slots__ = ("serialised",)

    def __init__(self) -> None:
        self.serialised = 0.0
        """Mean bytes of key and value together; 0 before the first sample."""

    def sample(self, size: int) -> None:
        """Take note of one entry of `size` bytes, key and value together."""
        mean = self.serialised
        self.serialised = mean + (size - mean) / _WEIGHT if mean else float(size)

    @property
    def in_memory(self) -> float:
        """Mean bytes that an entry costs in memory."""
        return self.serialised + ENTRY_OVERHEAD
