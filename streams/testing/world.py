"""A world in which time passes only when nobody can go on, and where the same seed gives the same run.

    threads        one works at a time: whoever holds the baton. It passes it on where it waits (a sleep, a condition,
                   a signal, the end of another thread) and, now and then, where it takes a lock
    who is next    drawn from the seed among those that can go on
    time           stands while somebody can go on; else it jumps to the first deadline. A look at the clock costs
                   a microsecond, so that a loop that looks at it ends
    ids, chance    from the seed
    files          in memory: state directories outlive what made them, as on a disk

What blocks elsewhere, as `Future.result()` or a read from a socket, is not seen here: whoever does it holds the baton
for ever. Flush a producer before its futures are asked.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

from streams.errors import StreamsException
from streams.testing.files import MemoryFiles
from streams.world import Condition, Signal, Thread

T = TypeVar("T")

LOOK_MS = 0.001
"""What a look at the clock costs."""
GIVES_WAY = 0.1
"""How likely a thread passes the baton on where it takes a lock that is free."""


class SimulationStuck(StreamsException):
    """Nobody can go on, and nobody waits for a time: the threads and what each waits for are named."""


@dataclass(eq=False)
class _Actor:
    """One thread."""

    name: str
    number: int
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    waits_for: str = ""
    ready: Callable[[], bool] = lambda: True
    deadline: float | None = None
    done: bool = False


class _SimulatedCondition:
    """See `world.Condition`."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._holder: _Actor | None = None
        self._depth = 0
        self._round = 0

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = self._world.here()
        if self._holder is not me:
            if self._holder is None:
                self._world.give_way()
            if self._holder is not None:
                if not blocking:
                    return False
                self._world.block("a lock", self._is_free, None if timeout < 0 else timeout * 1000)
                if self._holder is not None:
                    return False
            self._holder = me
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._holder = None

    def wait(self, timeout: float | None = None) -> bool:
        me, depth, since = self._holder, self._depth, self._round
        self._holder, self._depth = None, 0
        self._world.block("a condition", lambda: self._round != since, None if timeout is None else timeout * 1000)
        notified = self._round != since
        if self._holder is not None:
            self._world.block("a lock", self._is_free, None)
        self._holder, self._depth = me, depth
        return notified

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        deadline = None if timeout is None else self._world.monotonic_ms() + timeout * 1000
        while not (found := predicate()):
            left = None if deadline is None else deadline - self._world.monotonic_ms()
            if left is not None and left <= 0:
                break
            self.wait(None if left is None else left / 1000)
        return found

    def notify_all(self) -> None:
        self._round += 1

    def _is_free(self) -> bool:
        return self._holder is None


class _SimulatedSignal:
    """See `world.Signal`. Its descriptor is a number of the simulation, below all that a system gives."""

    def __init__(self, number: int, signals: dict[int, _SimulatedSignal]) -> None:
        self._number = number
        self._signals = signals
        self.is_set = False
        signals[number] = self

    def fileno(self) -> int:
        return self._number

    def set(self) -> None:
        self.is_set = True

    def clear(self) -> None:
        self.is_set = False

    def close(self) -> None:
        self._signals.pop(self._number, None)


class _SimulatedThread:
    def __init__(self, world: SimulatedWorld, actor: _Actor) -> None:
        self._world = world
        self._actor = actor

    def ended(self, timeout_s: float | None = None) -> bool:
        if self._actor is not self._world.here():
            wait_ms = None if timeout_s is None else timeout_s * 1000
            self._world.block(f"the end of {self._actor.name}", lambda: self._actor.done, wait_ms)
        return self._actor.done


class SimulatedWorld:
    """See the module. Hand it to a door, `connect("memory://NAME", world=world)`, and work inside `run`.

    Args:
        seed: of every choice.
        now_ms: the wall clock at the beginning, in milliseconds since the epoch.

    Example:
        >>> world = SimulatedWorld(7)
        >>> def main() -> float:
        ...     world.start("other", lambda: world.sleep(3_600_000))
        ...     world.sleep(60_000)
        ...     return round(world.monotonic_ms())
        >>> world.run(main)
        60000
    """

    def __init__(self, seed: int, now_ms: int = 1_700_000_000_000) -> None:
        self.trace: list[str] = []
        """Who got the baton, when, and what it had waited for: equal for equal runs."""
        self._random = random.Random(seed)
        self._began_ms = now_ms
        self._now = 0.0
        self._actors: list[_Actor] = []
        self._by_thread: dict[int, _Actor] = {}
        self._signals: dict[int, _SimulatedSignal] = {}
        self._next_signal = 1 << 30
        self._stuck: SimulationStuck | None = None
        self.files = MemoryFiles(self)
        """Where state lies."""

    def run(self, main: Callable[[], T]) -> T:
        """Runs `main` as the first thread of the simulation, and the others to their ends after it.

        Raises:
            SimulationStuck: nobody can go on.
        """
        actor = self._admit("main")
        self._by_thread[threading.get_ident()] = actor
        try:
            found = main()
            self.block("the end of all", lambda: all(each.done for each in self._actors if each is not actor), None)
            return found
        finally:
            actor.done = True
            del self._by_thread[threading.get_ident()]
            if not all(each.done for each in self._actors):  # it failed: the others are let out by an error, too
                self._stuck = self._stuck or SimulationStuck("The first thread has ended by an error.")
                self._pass_on(actor)

    # what a `World` gives

    def now_ms(self) -> int:
        return self._began_ms + int(self.monotonic_ms())

    def monotonic_ms(self) -> float:
        self._now += LOOK_MS
        return self._now

    def sleep(self, ms: float) -> None:
        self.block("time", lambda: False, ms)

    def condition(self) -> Condition:
        return _SimulatedCondition(self)

    def signal(self) -> Signal:
        self._next_signal += 1
        return _SimulatedSignal(self._next_signal, self._signals)

    def poll(self, descriptors: Collection[int], timeout_ms: float) -> set[int]:
        wanted = [signal for each in sorted(descriptors) if (signal := self._signals.get(each)) is not None]
        self.block("a signal", lambda: any(signal.is_set for signal in wanted), timeout_ms)
        return {signal.fileno() for signal in wanted if signal.is_set}

    def start(self, name: str, body: Callable[[], None]) -> Thread:
        actor = self._admit(name)

        def live() -> None:
            actor.baton.acquire()
            self._by_thread[threading.get_ident()] = actor
            try:
                if self._stuck is None:
                    body()
            finally:
                actor.done = True
                self._pass_on(actor)

        threading.Thread(target=live, name=name, daemon=True).start()
        return _SimulatedThread(self, actor)

    def this_thread(self) -> int:
        return self.here().number

    def thread_name(self) -> str:
        return self.here().name

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def choice(self, count: int) -> int:
        return self._random.randrange(count)

    # the baton

    def here(self) -> _Actor:
        """Who asks: the one that holds the baton."""
        return self._by_thread[threading.get_ident()]

    def give_way(self) -> None:
        """Passes the baton on, now and then."""
        if self._random.random() < GIVES_WAY:
            self.block("its turn", lambda: True, None)

    def block(self, waits_for: str, ready: Callable[[], bool], timeout_ms: float | None) -> None:
        """Passes the baton on until `ready`, or until the time is up."""
        me = self.here()
        me.waits_for, me.ready = waits_for, ready
        me.deadline = None if timeout_ms is None else self._now + max(0.0, timeout_ms)
        if self._pass_on(me):
            me.baton.acquire()
        me.ready, me.deadline = _always, None
        if self._stuck is not None:
            raise self._stuck

    def _pass_on(self, me: _Actor) -> bool:
        """Gives the baton to whoever is drawn; False: it stays here."""
        able = self._able()
        if not able:
            if all(each.done for each in self._actors):
                return False
            waiting = "; ".join(f"{each.name} waits for {each.waits_for}" for each in self._actors if not each.done)
            self._stuck = SimulationStuck(f"Nobody can go on at {self._now:.3f} ms: {waiting}.")
            able = [each for each in self._actors if not each.done]
        drawn = able[self._random.randrange(len(able))]
        self.trace.append(f"{self._now:.3f} {drawn.name} had waited for {drawn.waits_for}")
        if drawn is me:
            return False
        drawn.baton.release()
        return True

    def _able(self) -> list[_Actor]:
        """Who can go on, after time has jumped if nobody could."""
        living = [each for each in self._actors if not each.done]
        able = [each for each in living if self._can_go_on(each)]
        deadlines = [each.deadline for each in living if each.deadline is not None]
        if able or not deadlines:
            return able
        self._now = max(self._now, min(deadlines))
        return [each for each in living if self._can_go_on(each)]

    def _can_go_on(self, actor: _Actor) -> bool:
        return (actor.deadline is not None and actor.deadline <= self._now) or actor.ready()

    def _admit(self, name: str) -> _Actor:
        actor = _Actor(name, len(self._actors), waits_for="its start")
        self._actors.append(actor)
        return actor


def _always() -> bool:
    return True
