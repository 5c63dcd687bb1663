"""The estimate of a layer's memory: entries times the mean size of one.

Nothing is counted at a put. The means follow samples taken where bytes are made anyway (flush, spill,
encoding puts) and, when somebody asks, of the newest entry: the question comes once a run.
"""

from __future__ import annotations

from typing import Final

ENTRY_OVERHEAD: Final = 240
"""Bytes of Python objects and hash table that an entry costs beyond its key and value, where its cell is the key.

Measured as the growth of a process by 700,000 to a million rows, integers and strings: 219 to 237. Values that are kept
as bytes cost 140 to 160. The hash table alone takes 18 to 74, by how full it is."""

WINDOW_OVERHEAD: Final = 340
"""The same of windows, whose cell is a pair of start and key, measured as 319 to 337; versioned stores the same."""

SESSION_OVERHEAD: Final = 380
"""The same of sessions: a cell of end, start and key, measured as 363 to 381."""

INDEX_ENTRY: Final = 80
"""Bytes of a cell in an index, measured as 75."""

INDEX_KEY: Final = 280
"""Bytes of a key with several rows in an index by key, and its place in a hash table: two lists."""

INDEX_ROW: Final = 110
"""The same of a key with one row: a pair."""

DECODED: Final = 4
"""Bytes of objects for each byte of a value that is kept decoded, such as a Struct of texts."""

_WEIGHT: Final = 16


class Sizes:
    """Running means of key and value lengths of one store; `decoded`: it keeps values as objects."""

    __slots__ = ("_factor", "_overhead", "serialised")

    def __init__(self, overhead: int = ENTRY_OVERHEAD, decoded: bool = False) -> None:
        self._overhead = overhead
        self._factor = DECODED if decoded else 1
        self.serialised = 0.0
        """Mean bytes of key and value together; 0 before the first sample."""

    def sample(self, size: int) -> None:
        """Take note of one entry of `size` bytes, key and value together."""
        mean = self.serialised
        self.serialised = mean + (size - mean) / _WEIGHT if mean else float(size)

    @property
    def in_memory(self) -> float:
        """Mean bytes that an entry costs in memory."""
        return self.serialised * self._factor + self._overhead
