"""What a client or an application takes from the machine: time, waiting, threads, ids, chance, and where state lies.

    Door ──carries──> World <── SYSTEM            the machine's: the only file of `streams` that reads these
                            <── SimulatedWorld    `streams.testing`: time that jumps, threads that take turns

A door carries one, and whatever works over that door takes its own from there: so a whole application can run in
a world where time passes only when nobody can go on, and where the same seed gives the same run.

A lock that guards a few lines and is never held over a wait needs no world: `threading.Lock` (`lock` below) is right
in each of them.
"""

from __future__ import annotations

import os
import random
import select
import threading
import time
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from streams.clock import Clock

T = TypeVar("T")

lock = threading.Lock
"""Makes a lock for a few lines in which nobody waits."""


class Condition(Protocol):
    """A lock that its holder may take again, and on which can be waited. `threading.Condition` is one."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Takes the lock, waiting at most `timeout` seconds; whether it was had."""
        ...

    def release(self) -> None:
        """Gives it back."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Gives the lock back until `notify_all`, at most `timeout` seconds; False: the time was up."""
        ...

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Waits until `predicate` holds, at most `timeout` seconds; what it said last."""
        ...

    def notify_all(self) -> None:
        """Wakes all that wait. Under the lock."""
        ...


class Signal(Protocol):
    """A flag that can be waited for together with connections: readable while it is set. From any thread."""

    def fileno(self) -> int:
        """The descriptor for `World.poll`."""
        ...

    def set(self) -> None:
        """Makes it readable; again: nothing."""
        ...

    def clear(self) -> None:
        """Makes it unreadable."""
        ...

    def close(self) -> None:
        """Gives its descriptors back."""
        ...


class Thread(Protocol):
    """A thread that was started."""

    def ended(self, timeout_s: float | None = None) -> bool:
        """Waits for its end, at most so many seconds; has it come? The thread itself does not wait."""
        ...


class Files(Protocol):
    """Directories, small files and databases, as state directories are made of them. What fails raises `OSError`."""

    def make(self, path: Path) -> None:
        """Makes a directory and those above it; nothing where it is there."""
        ...

    def exists(self, path: Path) -> bool:
        """Is there something of this name?"""
        ...

    def directories(self, path: Path) -> list[str]:
        """The names of the directories in this one, in order; none where there is none."""
        ...

    def identity(self, path: Path) -> tuple[str, int]:
        """The host and a number: what tells a directory from a copy of it."""
        ...

    def lock(self, path: Path) -> Callable[[], None] | None:
        """Takes the lock of a file, which is made; what gives it back. None: another one holds it."""
        ...

    def read(self, path: Path) -> str:
        """A file's text. FileNotFoundError, ValueError: there is none, or it is no text."""
        ...

    def write(self, path: Path, text: str) -> None:
        """Writes a file so that it is there whole or not at all."""
        ...

    def add(self, path: Path, text: str) -> bool:
        """Writes a file, whole, where there is none; of several at once one does. False: there was one."""
        ...

    def delete(self, path: Path) -> None:
        """Deletes a file; nothing where there is none."""
        ...

    def move(self, path: Path, to: Path) -> bool:
        """Renames a directory. False: there is something at `to`. FileNotFoundError: it is gone."""
        ...

    def touch(self, path: Path) -> None:
        """It was used just now."""
        ...

    def touched_ms(self, path: Path) -> int:
        """When something was last made, renamed or deleted in a directory or in the directories in it (wall clock)."""
        ...

    def remove(self, path: Path) -> None:
        """Deletes a directory so that a crash in between never leaves half of one under its name; nothing where there
        is none."""
        ...

    def database(self, path: Path, in_memory: type[T], on_disk: Callable[[Path], T]) -> T:
        """Opens the database in a directory: by `on_disk`, or, where directories live in memory, the one of this class
        that was made there before."""
        ...


class World(Clock, Protocol):
    """Time, waiting, threads, ids, chance and files."""

    @property
    def files(self) -> Files:
        """Where state lies."""
        ...

    def sleep(self, ms: float) -> None:
        """Waits so many milliseconds."""
        ...

    def condition(self) -> Condition:
        """A new condition over a lock of its own."""
        ...

    def signal(self) -> Signal:
        """A new signal that is not set."""
        ...

    def poll(self, descriptors: Collection[int], timeout_ms: float) -> set[int]:
        """Waits until one of these can be read, at most `timeout_ms`; which ones can."""
        ...

    def start(self, name: str, body: Callable[[], None]) -> Thread:
        """Runs `body` in a thread of that name, which does not keep the process alive."""
        ...

    def this_thread(self) -> int:
        """A number for the thread that asks."""
        ...

    def thread_name(self) -> str:
        """Its name; "main" for the one that the process began with."""
        ...

    def new_id(self) -> str:
        """A UUID (version 4) as text."""
        ...

    def choice(self, count: int) -> int:
        """A number from 0 up to but not including `count`, each as likely."""
        ...


class _PipeSignal:
    """A `Signal` that is a pipe with a byte in it while it is set."""

    def __init__(self) -> None:
        self._lock = lock()
        self._set = False
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._reads, False)

    def fileno(self) -> int:
        return self._reads

    def set(self) -> None:
        with self._lock:
            if not self._set and self._reads >= 0:
                self._set = True
                os.write(self._writes, b"!")

    def clear(self) -> None:
        with self._lock:
            if self._set and self._reads >= 0:
                self._set = False
                os.read(self._reads, 1)

    def close(self) -> None:
        with self._lock:
            if self._reads >= 0:
                os.close(self._reads)
                os.close(self._writes)
                self._reads = -1


class _SystemThread:
    def __init__(self, name: str, body: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=body, name=name, daemon=True)
        self._thread.start()

    def ended(self, timeout_s: float | None = None) -> bool:
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()


class SystemWorld:
    """The machine's. All of them are alike: `SYSTEM`."""

    __slots__ = ("__weakref__",)

    @property
    def files(self) -> Files:
        from streams.disk import DISK  # who keeps no state does not pay for it

        return DISK

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        return time.monotonic() * 1000.0

    def sleep(self, ms: float) -> None:
        time.sleep(ms / 1000)

    def condition(self) -> Condition:
        return threading.Condition(threading.RLock())

    def signal(self) -> Signal:
        return _PipeSignal()

    def poll(self, descriptors: Collection[int], timeout_ms: float) -> set[int]:
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll(timeout_ms)}

    def start(self, name: str, body: Callable[[], None]) -> Thread:
        return _SystemThread(name, body)

    def this_thread(self) -> int:
        return threading.get_ident()

    def thread_name(self) -> str:
        here = threading.current_thread()
        return "main" if here is threading.main_thread() else here.name

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def choice(self, count: int) -> int:
        return random.randrange(count)


SYSTEM = SystemWorld()
"""The machine's world."""


class OneEach(Generic[T]):
    """One thing for each world, made when it is first asked for: `OneEach(make)(world)`. It goes with its world.

    Args:
        make: makes it.
    """

    def __init__(self, make: Callable[[World], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[World, T] = WeakKeyDictionary()
        self._lock = lock()

    def __call__(self, world: World) -> T:
        with self._lock:
            found = self._made.get(world)
            if found is None:
                found = self._made[world] = self._make(world)
            return found
