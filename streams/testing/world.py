"""A world in which time passes only when nobody can go on, and where the same seed gives the same run.

    threads        one works at a time: whoever holds the baton. It passes it on where it waits (a sleep, a condition,
                   a signal, the end of another thread) and, now and then, where it takes a lock
    who is next    drawn from the seed among those that can go on
    time           stands while somebody can go on; else it jumps to the first deadline or event. A look at the clock
                   costs a microsecond, so that a loop that looks at it ends
    events         what happens by itself at a time: a message arrives, a disk has written
    processes      threads that live and die together: killed where they stand, frozen, woken
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
from heapq import heappop, heappush
from itertools import count
from types import TracebackType
from typing import Protocol, TypeVar

from streams.errors import StreamsException
from streams.testing.files import MemoryFiles
from streams.world import Condition, Files, Signal, Thread

T = TypeVar("T")

LOOK_MS = 0.001
"""What a look at the clock costs."""
GIVES_WAY = 0.1
"""How likely a thread passes the baton on where it takes a lock that is free."""
PATIENCE_S = 5.0
"""How long a thread of a process that was killed may take to end, after the simulation."""
_NEVER = float("inf")
MOST_LOOKS = 1_000
"""So often such a thread may ask for something before it is let lie."""


class SimulationStuck(StreamsException):
    """Nobody can go on, and nobody waits for a time: the threads and what each waits for are named."""


class ProcessKilled(BaseException):
    """The process was killed. Its threads see this after the simulation, where they are ended; nothing that they do
    then has an effect."""


def _taken() -> threading.Lock:
    """A baton that nobody has: a lock, which another thread may give back."""
    baton = threading.Lock()
    baton.acquire()
    return baton


@dataclass(eq=False, slots=True)
class _Actor:
    """One thread."""

    name: str
    number: int
    process: SimulatedProcess | None = None
    baton: threading.Lock = field(default_factory=_taken)
    waits_for: str = ""
    ready: Callable[[], bool] = lambda: True
    deadline: float = _NEVER
    done: bool = False
    dead: bool = False
    looks: int = 0


class _GivesWay(Protocol):
    """Who owns a condition: the world, or a process in it."""

    def give_way(self) -> None: ...


class _SimulatedCondition:
    """See `world.Condition`."""

    def __init__(self, world: SimulatedWorld, owner: _GivesWay) -> None:
        self._world = world
        self._owner = owner
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
                self._owner.give_way()
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


class SimulatedProcess:
    """A process in a simulated world: a `World` of its own. Hand it to a door, and what works over that door belongs to
    it. `SimulatedWorld.process` makes one.

    Args:
        name: of the process, and of its first thread.
        world: where it lives.
        files: of its machine.
    """

    def __init__(self, name: str, world: SimulatedWorld, files: Files) -> None:
        self.name = name
        self.files = files
        self.killed = False
        self.frozen = False
        self.at_end: list[Callable[[], None]] = []
        """What the system does when the process has been killed: closes its sockets, frees its locks."""
        self._world = world
        self._steps_left: int | None = None
        self._fate: Callable[[], None] = self.kill

    # what befalls it

    def kill(self) -> None:
        """Ends it as `kill -9` does: its threads stop where they stand, and what it had open is closed."""
        if not self.killed:
            self.killed = True
            self._world.stop_threads_of(self)
            for each in self.at_end:
                each()

    def freeze(self) -> None:
        """Stops it, as SIGSTOP does: its threads do nothing until `wake`."""
        self.frozen = True

    def wake(self) -> None:
        """Lets it go on."""
        self.frozen = False

    def after(self, steps: int, fate: Callable[[], None]) -> None:
        """Lets something befall it after so many of its steps: what it asks of the world, of its files, of others."""
        self._steps_left, self._fate = steps, fate

    def spare(self) -> None:
        """Takes back what was to befall it."""
        self._steps_left = None

    def step(self) -> None:
        """It does something now that others may see: before that, others may be first, and its fate may come."""
        self._check()
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left <= 0:
                self._steps_left = None
                self._fate()
                if self.killed or self.frozen:
                    self._world.block("its turn", _always, None)
        self._world.give_way()

    def _check(self) -> None:
        """After its death it gets nothing any more."""
        if self.killed:
            self._world.end_here()

    # what a `World` gives

    give_way = step

    def now_ms(self) -> int:
        self._check()
        return self._world.now_ms()

    def monotonic_ms(self) -> float:
        self._check()
        return self._world.monotonic_ms()

    def sleep(self, ms: float) -> None:
        self.step()
        self._world.sleep(ms)

    def condition(self) -> Condition:
        return _SimulatedCondition(self._world, self)

    def signal(self) -> Signal:
        return self._world.signal()

    def poll(self, descriptors: Collection[int], timeout_ms: float) -> set[int]:
        self.step()
        return self._world.poll(descriptors, timeout_ms)

    def start(self, name: str, body: Callable[[], None]) -> Thread:
        self._check()
        return self._world.start(name, body, self)

    def this_thread(self) -> int:
        return self._world.this_thread()

    def thread_name(self) -> str:
        return self._world.thread_name()

    def new_id(self) -> str:
        self._check()
        return self._world.new_id()

    def choice(self, count: int) -> int:
        self._check()
        return self._world.choice(count)


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
        self._trace: list[tuple[float, str, str]] = []
        self._random = random.Random(seed)
        self._began_ms = now_ms
        self._now = 0.0
        self._actors: list[_Actor] = []
        self._living: list[_Actor] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._by_thread: dict[int, _Actor] = {}
        self._ended = threading.Semaphore(0)  # of a thread of a killed process
        self._signals: dict[int, _SimulatedSignal] = {}
        self._next_signal = 1 << 30
        self._stuck: BaseException | None = None
        self._over = False
        self.files = MemoryFiles(self)
        """Where state lies."""

    @property
    def trace(self) -> list[str]:
        """Who got the baton, when, and what it had waited for: equal for equal runs."""
        return [f"{now:.3f} {name} had waited for {what}" for now, name, what in self._trace]

    def process(self, name: str, files: Files | None = None) -> SimulatedProcess:
        """A process, without threads yet.

        Args:
            name: of the process.
            files: of its machine; None: the world's.
        """
        return SimulatedProcess(name, self, self.files if files is None else files)

    def at(self, in_ms: float, event: Callable[[], None]) -> None:
        """Lets something happen by itself, after so many milliseconds. It must not wait. What it raises ends the
        simulation."""
        heappush(self._events, (self._now + max(0.0, in_ms), next(self._numbers), event))

    def set_clock(self, by_ms: int) -> None:
        """Moves the wall clock, forwards or back."""
        self._began_ms += by_ms

    def run(self, main: Callable[[], T]) -> T:
        """Runs `main` as the first thread of the simulation, and the others to their ends after it.

        Raises:
            SimulationStuck: nobody can go on.
        """
        actor = self._admit("main")
        self._by_thread[threading.get_ident()] = actor
        try:
            found = main()
            self.block("the end of all", lambda: self._living == [actor], None)
            return found
        finally:
            self._leave(actor)
            del self._by_thread[threading.get_ident()]
            if self._living:  # it failed: the others are let out by an error, too
                self._stuck = self._stuck or SimulationStuck("The first thread has ended by an error.")
                self._pass_on(actor)
            self._end_killed()

    # what a `World` gives

    def now_ms(self) -> int:
        return self._began_ms + int(self.monotonic_ms())

    def monotonic_ms(self) -> float:
        self._now += LOOK_MS
        return self._now

    def sleep(self, ms: float) -> None:
        self.block("time", lambda: False, ms)

    def condition(self) -> Condition:
        return _SimulatedCondition(self, self)

    def signal(self) -> Signal:
        self._next_signal += 1
        return _SimulatedSignal(self._next_signal, self._signals)

    def poll(self, descriptors: Collection[int], timeout_ms: float) -> set[int]:
        wanted = [signal for each in sorted(descriptors) if (signal := self._signals.get(each)) is not None]
        self.block("a signal", lambda: any(signal.is_set for signal in wanted), timeout_ms)
        return {signal.fileno() for signal in wanted if signal.is_set}

    def start(self, name: str, body: Callable[[], None], process: SimulatedProcess | None = None) -> Thread:
        actor = self._admit(name, process)

        def live() -> None:
            actor.baton.acquire()
            self._by_thread[threading.get_ident()] = actor
            try:
                if self._stuck is None and not actor.dead:
                    body()
            except ProcessKilled:
                pass
            finally:
                self._leave(actor)
                if self._over:
                    self._ended.release()
                else:
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
            self.block("its turn", _always, None)

    def block(self, waits_for: str, ready: Callable[[], bool], timeout_ms: float | None) -> None:
        """Passes the baton on until `ready`, or until the time is up."""
        me = self.here()
        if me.dead and self._over:
            self.end_here()
        me.waits_for, me.ready = waits_for, ready
        me.deadline = _NEVER if timeout_ms is None else self._now + max(0.0, timeout_ms)
        if self._pass_on(me):
            me.baton.acquire()
        me.ready, me.deadline = _always, _NEVER
        if me.dead:
            self.end_here()
        if self._stuck is not None:
            raise self._stuck

    def stop_threads_of(self, process: SimulatedProcess) -> None:
        """Its threads are given no turn any more."""
        for each in self._living:
            each.dead = each.process is process
        self._living = [each for each in self._living if not each.dead]

    def end_here(self) -> None:
        """The thread that asks is one of a killed process. It stands here until the simulation is over, and ends."""
        if not self._over:
            self.block("nothing any more", _always, None)
        me = self.here()
        me.looks += 1
        if me.looks > MOST_LOOKS:
            self._ended.release()
            me.baton.acquire()
        raise ProcessKilled

    def _leave(self, actor: _Actor) -> None:
        actor.done = True
        if actor in self._living:
            self._living.remove(actor)

    def _end_killed(self) -> None:
        """Ends the threads of processes that were killed, one after the other."""
        self._over = True
        for each in self._actors:
            if each.dead and not each.done:
                each.baton.release()
                self._ended.acquire(timeout=PATIENCE_S)

    def _pass_on(self, me: _Actor) -> bool:
        """Gives the baton to whoever is drawn; False: it stays here."""
        able = self._able()
        if not able:
            if not self._living:
                return False
            if self._stuck is None:
                waiting = "; ".join(f"{each.name} waits for {each.waits_for}" for each in self._living)
                self._stuck = SimulationStuck(f"Nobody can go on at {self._now:.3f} ms: {waiting}.")
            able = self._living
        drawn = able[int(self._random.random() * len(able))]
        self._trace.append((self._now, drawn.name, drawn.waits_for))
        if drawn is me:
            return False
        drawn.baton.release()
        return True

    def _able(self) -> list[_Actor]:
        """Who can go on, after time has jumped as often as nobody could."""
        while self._stuck is None:
            while self._events and self._events[0][0] <= self._now:
                self._happen(heappop(self._events)[2])
            now, first = self._now, self._events[0][0] if self._events else _NEVER
            able = []
            for each in self._living:
                if each.process is not None and each.process.frozen:
                    continue
                if each.deadline <= now or each.ready():
                    able.append(each)
                elif each.deadline < first:
                    first = each.deadline
            if able:
                return able
            if first == _NEVER or not self._living:
                break
            self._now = max(now, first)
        return []

    def _happen(self, event: Callable[[], None]) -> None:
        try:
            event()
        except BaseException as error:
            self._stuck = self._stuck or error

    def _admit(self, name: str, process: SimulatedProcess | None = None) -> _Actor:
        actor = _Actor(name, len(self._actors), process, waits_for="its start")
        self._actors.append(actor)
        self._living.append(actor)
        return actor


def _always() -> bool:
    return True
