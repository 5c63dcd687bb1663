"""What is dropped, by node and cause, and the lines that say so.

A step counts by one addition to `Drop.value`; only the first record that has not been told of yet is looked at more
closely. All else happens when somebody looks: one WARN for each node and interval, with how many records, why, and
where the first of them was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from streams.world import SYSTEM, World, lock

log = logging.getLogger("streams.dropped")

INTERVAL_MS = 10_000
"""Between two lines about one node, where `log.summary.interval.ms` says nothing."""
GATHER_MS = 1_000
"""The first line about a node waits so long for others of its kind."""

LATE = "late"
NULL_KEY = "null-key"
NULL_VALUE = "null-value"
NULL_FOREIGN_KEY = "null-foreign-key"
EXPIRED = "expired"
SUPERSEDED = "superseded"
NEGATIVE_TIMESTAMP = "negative-timestamp"

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        LATE: "Their windows had closed, or their store keeps nothing so old: a longer grace period keeps them.",
        NULL_KEY: "What is grouped, joined or kept by key needs one: select_key gives it.",
        NULL_VALUE: "This step has no use for records without a value.",
        NULL_FOREIGN_KEY: "An inner join by foreign key finds nothing without it; left_join keeps them.",
        EXPIRED: "Their entries had expired (ttl).",
        SUPERSEDED: "A newer version of the row had been seen; nothing is missing.",
        NEGATIVE_TIMESTAMP: "The timestamp extractor gave a negative time.",
        "deserialization": "The deserialization exception handler lets them go.",
        "processing": "The processing exception handler lets them go.",
        "production": "The production exception handler lets them go.",
    }
)
"""What each cause means, and what helps."""


class First(NamedTuple):
    """The first record of those that have not been told of yet. Topic None: it came from no topic."""

    topic: str | None
    partition: int
    offset: int
    timestamp: int
    stream_time: int

    def __str__(self) -> str:
        where = "" if self.topic is None else (
            f"topic=[{self.topic}] partition=[{self.partition}] offset=[{self.offset}] "
        )
        return f"{where}timestamp=[{_time(self.timestamp)}] streamTime=[{_time(self.stream_time)}]"


def _time(ms: int) -> str:
    try:
        at = datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return str(ms)
    return str(ms) if ms < 0 else f"{ms} ({at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')})"


def _unknown() -> First | None:
    return None


class Drop:
    """How many records one node of one task has dropped for one cause.

    In the inner loop: `drop.value += 1`, and `drop.notice()` where `drop.first` is None.

    Args:
        counted: it is part of `dropped-records-total`, as in Java.
        look: gives the record in hand; None: there is none that could be named.
    """

    __slots__ = ("cause", "counted", "first", "look", "node", "task", "told", "value")

    def __init__(
        self,
        task: str = "",
        node: str = "",
        cause: str = "",
        counted: bool = True,
        look: Callable[[], First | None] = _unknown,
    ) -> None:
        self.task, self.node, self.cause, self.counted = task, node, cause, counted
        self.look = look
        self.value = self.told = 0
        self.first: First | None = None

    def add(self, count: int = 1) -> None:
        """So many more; the first of them is the record in hand."""
        self.value += count
        if self.first is None:
            self.notice()

    def notice(self) -> None:
        """The record in hand is the first one since the last line."""
        self.first = self.look()


class Dropped:
    """All that an application has dropped in this process. Any thread may look.

    Args:
        owner: begins the lines: the application.
        interval_ms: between two lines about one node.
        world: gives its id.
    """

    def __init__(self, owner: str = "", interval_ms: int = INTERVAL_MS, world: World = SYSTEM) -> None:
        self.id = world.new_id().replace("-", "")[:16]
        """Whose counts these are, as told to others."""
        self._owner = owner
        self._interval_ms = interval_ms
        self._gather_ms = min(GATHER_MS, interval_ms)
        self._drops: dict[tuple[str, str, str], Drop] = {}
        self._by_task: dict[str, list[Drop]] = {}
        self._due: dict[str, int] = {}
        """When the next line about a node may come, while it has something to tell or has told lately."""
        self._look_at = 0
        self._telling = lock()

    def drop(
        self, task: str, node: str, cause: str, look: Callable[[], First | None] = _unknown, counted: bool = True
    ) -> Drop:
        """The count of a task's node and cause; asked for again, it is the same, and looks with the new `look`."""
        key = (task, node, cause)
        found = self._drops.get(key)
        if found is None:
            found = self._drops[key] = Drop(task, node, cause, counted, look)
            self._by_task.setdefault(task, []).append(found)
        found.look = look
        return found

    def release(self, task: str) -> None:
        """A task is closed: its counts stay, nothing of the task itself is held any longer."""
        for drop in self._by_task.get(task, ()):
            drop.look = _unknown

    def total(self, task: str | None = None) -> int:
        """Records that Java counts as dropped, of one task or of all."""
        found = list(self._drops.values()) if task is None else self._by_task.get(task, ())
        count = 0
        for drop in found:
            if drop.value and drop.counted:
                count += drop.value
        return count

    def by_cause(self) -> dict[str, int]:
        """How many for each cause; causes without any are left out."""
        found: dict[str, int] = {}
        for drop in list(self._drops.values()):
            if drop.value:
                found[drop.cause] = found.get(drop.cause, 0) + drop.value
        return found

    def tell(self, now_ms: int, last: bool = False) -> None:
        """Writes the lines that are due.

        Args:
            now_ms: wall clock.
            last: the end has come: whatever has not been told is.
        """
        if (now_ms < self._look_at and not last) or not self._drops or not self._telling.acquire(blocking=last):
            return
        try:
            self._look_at = now_ms + min(self._gather_ms, self._interval_ms)
            pending: dict[str, list[Drop]] = {}
            for drop in list(self._drops.values()):
                if drop.value > drop.told:
                    pending.setdefault(drop.node, []).append(drop)
            for node, drops in pending.items():
                due = self._due.setdefault(node, now_ms + self._gather_ms)
                if last or now_ms >= due:
                    self._due[node] = now_ms + self._interval_ms
                    self._say(node, drops)
        finally:
            self._telling.release()

    def _say(self, node: str, drops: list[Drop]) -> None:
        causes: dict[str, tuple[int, First | None]] = {}
        for drop in drops:
            count, first = causes.get(drop.cause, (0, None))
            value = drop.value  # it may grow meanwhile
            causes[drop.cause] = (count + value - drop.told, first or drop.first)
            drop.told, drop.first = value, None
        parts = [
            f"{count} {cause}" + ("" if first is None else f" (the first: {first})")
            for cause, (count, first) in causes.items()
        ]
        total = sum(count for count, _ in causes.values())
        log.warning(
            "%s%s dropped %d record%s: %s. %s",
            f"{self._owner}: " if self._owner else "",
            node,
            total,
            "s" * (total != 1),
            ", ".join(parts),
            " ".join(ADVICE[cause] for cause in causes if cause in ADVICE),
        )
