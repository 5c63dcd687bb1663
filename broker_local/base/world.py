"""What an engine and its clients take from the machine: time, waiting, threads, ids and chance.

The only file of `broker_local` that reads these; all others are handed a world, or what they need of it. A client that
has an engine in its own process hands in its own (`streams.world.World` has the same methods). What makes processes,
files and sockets is not behind it: a broker process, its directory and its connections are the machine's, and what
happens to them is tested by real kills. A lock or a variable of a thread's own waits for nobody and needs no world.
"""

from __future__ import annotations

import secrets
import select
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol

lock = threading.Lock
"""Makes a lock for a few lines in which nobody waits."""
local = threading.local
"""What each thread has one of."""
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
"""What a selector looks for."""
READABLE, WRITABLE = select.POLLIN, select.POLLOUT
"""What a poll looks for."""


class Clock(Protocol):
    """Whoever runs a broker takes the time from one of these; what it runs is told."""

    def now_ms(self) -> int:
        """Wall clock, milliseconds since the epoch."""
        ...

    def monotonic_ms(self) -> float:
        """Milliseconds that never go back."""
        ...


class Condition(Protocol):
    """A lock that its holder may take again, and on which can be waited. `threading.Condition` is one."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Gives the lock back until `notify_all`, at most `timeout` seconds; False: the time was up."""
        ...

    def notify_all(self) -> None:
        """Wakes all that wait. Under the lock."""
        ...


class Signal(Protocol):
    """A flag that can be waited for by its descriptor: readable while it is set."""

    def fileno(self) -> int:
        """The descriptor."""
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


class World(Clock, Protocol):
    """Time, waiting and ids: what an engine needs that runs inside another process."""

    def condition(self) -> Condition:
        """A new condition over a lock of its own."""
        ...

    def signal(self) -> Signal:
        """A new signal that is not set."""
        ...

    def new_id(self) -> str:
        """A UUID (version 4) as text."""
        ...


class _SocketSignal:
    """A `Signal` that is a pair of sockets with a byte between them while it is set. Not for two threads at once."""

    def __init__(self) -> None:
        self._is_set = False
        self._reads, self._writes = socket.socketpair()
        self._reads.setblocking(False)

    def fileno(self) -> int:
        return self._reads.fileno()

    def set(self) -> None:
        if not self._is_set:
            self._is_set = True
            with suppress(OSError):
                self._writes.send(b"r")

    def clear(self) -> None:
        if self._is_set:
            self._is_set = False
            with suppress(OSError):
                self._reads.recv(1)

    def close(self) -> None:
        self._reads.close()
        self._writes.close()


class SystemWorld:
    """The machine's: a `World`, and what a process that serves or connects needs beside."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        return time.monotonic() * 1000.0

    def condition(self) -> Condition:
        return threading.Condition(threading.RLock())

    def signal(self) -> Signal:
        return _SocketSignal()

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def sleep(self, ms: float) -> None:
        """Waits so many milliseconds."""
        time.sleep(ms / 1000)

    def start(self, name: str, body: Callable[[], None]) -> threading.Thread:
        """Runs `body` in a thread of that name, which does not keep the process alive."""
        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        return thread

    def poller(self) -> select.poll:
        """Waits for a few descriptors."""
        return select.poll()

    def selector(self) -> selectors.BaseSelector:
        """Waits for many."""
        return selectors.DefaultSelector()

    def secret(self) -> str:
        """64 hexadecimal digits that nobody can guess."""
        return secrets.token_hex(32)


SYSTEM = SystemWorld()
