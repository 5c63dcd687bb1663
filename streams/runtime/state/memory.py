"""What the stores of a process hold in memory, all its workers and tasks together (decision 41).

Each says what it holds, once a run or a turn; the bounds are `statestore.cache.max.bytes` for what record caches have
not flushed, and `statestore.uncommitted.max.bytes` for state changes that are not in the databases yet (see
`runtime.worker.spill`). Where a process runs several applications, each holds its own bounds against what all of them
hold.

What is in the databases and is kept for reading has a bound of its own, of the process too: `statestore.cache_share`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from streams.world import OneEach, lock


class Total:
    """A sum over owners. Any thread may change it."""

    __slots__ = ("_each", "_lock", "value")

    def __init__(self) -> None:
        self._lock = lock()
        self._each: dict[Hashable, int] = {}
        self.value = 0

    def note(self, owner: Hashable, size: int) -> int:
        """An owner holds so much now; gives what all hold."""
        with self._lock:
            before = self._each.pop(owner, 0)
            if size:
                self._each[owner] = size
            self.value += size - before
            return self.value


@dataclass(frozen=True, slots=True)
class Memory:
    """The two totals: serialised bytes in record caches, and bytes of rows that are not in the databases yet."""

    caches: Total = field(default_factory=Total)
    rows: Total = field(default_factory=Total)


memory_of = OneEach(lambda world: Memory())
"""What all applications of a world hold: of the machine's, that is this process."""
