"""Who waits for what: requests that cannot be answered yet, and what wakes them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from broker_local.base.world import Clock
from broker_local.protocol.requests.request import Reply

W = TypeVar("W")

Key = Hashable
SYNCED: Key = "synced"
"""What is woken when data have become durable."""


def end_key(topic: str, partition: int) -> Key:
    """What is woken when there is more to read in a partition."""
    return ("end", topic, partition)


def stable_key(group: str) -> Key:
    """What is woken when a transaction with positions of a group has ended."""
    return ("stable", group)


class Instant(NamedTuple):
    """`now`: milliseconds that never go back, for deadlines; `at`: wall clock (ms), for what lasts."""

    now: int
    at: int


def instant(clock: Clock) -> Instant:
    """Now."""
    return Instant(int(clock.monotonic_ms()), clock.now_ms())


class Later(NamedTuple):
    """Not yet. `again` is asked when one of the keys was woken, or at the deadline (ms; None: there is none).

    It gets the time and answers with the reply, with another `Later`, or with None where none is due. `on_woken` gets
    each key that is woken, for who would otherwise have to look at all of them.
    """

    keys: tuple[Key, ...]
    deadline: int | None
    again: Callable[[Instant], Reply | Later | Steps | None]
    on_woken: Callable[[Key], None] | None = None


class Steps(NamedTuple):
    """Work that would keep others waiting, in steps: whoever carries it out does other things between two.

    `run` ends with what comes of it. `must_end`: it goes on though whoever asked is gone.
    """

    run: Generator[None, None, Reply | Later | Steps | None]
    must_end: bool = False


Answer = Reply | Later | Steps | None
"""What a request comes to at first: its reply, a wait, work in steps, or nothing at all (`acks` 0)."""


class Waits(Generic[W]):
    """The parked requests. `W` is whatever the owner needs to send the reply."""

    def __init__(self) -> None:
        self._parked: dict[int, tuple[W, Later]] = {}
        self._by_key: dict[Key, set[int]] = {}
        self._deadlines: list[tuple[int, int]] = []
        self._woken: dict[int, None] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._parked)

    def park(self, who: W, later: Later) -> None:
        """Keeps a request until it is woken or due."""
        number = self._next
        self._next += 1
        self._parked[number] = (who, later)
        for key in later.keys:
            self._by_key.setdefault(key, set()).add(number)
        if later.deadline is not None:
            heapq.heappush(self._deadlines, (later.deadline, number))
            if len(self._deadlines) > 4 * len(self._parked) + 64:  # of most the request was answered, or parked anew
                self._deadlines = [each for each in self._deadlines if each[1] in self._parked]
                heapq.heapify(self._deadlines)

    def wake(self, keys: Iterable[Key]) -> None:
        """Something happened that those who wait for one of these keys have to look at."""
        for key in keys:
            for number in self._by_key.get(key, ()):
                self._woken[number] = None
                on_woken = self._parked[number][1].on_woken
                if on_woken is not None:
                    on_woken(key)

    def ready(self, now: int, most: int | None = None) -> list[tuple[W, Later]]:
        """Takes out those that were woken or are due, oldest first; in several calls where they wait for more than
        `most` things together."""
        while self._deadlines and self._deadlines[0][0] <= now:
            number = heapq.heappop(self._deadlines)[1]
            if number in self._parked:
                self._woken[number] = None
        if not self._woken:
            return []
        found: list[tuple[W, Later]] = []
        for number in sorted(self._woken):
            if most is not None and most <= 0:
                break
            del self._woken[number]
            found.append(self._take(number))
            if most is not None:
                most -= 1 + len(found[-1][1].keys)
        return found

    def next_due(self) -> int | None:
        """The next deadline (ms); `-1` where somebody was woken and not taken out yet."""
        if self._woken:
            return -1
        while self._deadlines and self._deadlines[0][1] not in self._parked:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def drop(self, matches: Callable[[W], bool]) -> None:
        """Forgets those whose owner is gone."""
        for number in [number for number, (who, _) in self._parked.items() if matches(who)]:
            self._take(number)
            self._woken.pop(number, None)

    def _take(self, number: int) -> tuple[W, Later]:
        who, later = self._parked.pop(number)
        for key in later.keys:
            waiting = self._by_key.get(key)
            if waiting is not None:
                waiting.discard(number)
                if not waiting:
                    del self._by_key[key]
        return who, later
