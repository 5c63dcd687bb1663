"""What a broker inside another process takes from its host: time, waiting, and a flag that can be waited for.

The same Protocol as `streams.world.World` has, as far as it is needed here: a client hands in its own.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Protocol

from broker_local.host.clock import Clock, SystemClock


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
    """Time and waiting."""

    def condition(self) -> Condition:
        """A new condition over a lock of its own."""
        ...

    def signal(self) -> Signal:
        """A new signal that is not set."""
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


class SystemWorld(SystemClock):
    """The machine's."""

    __slots__ = ()

    def condition(self) -> Condition:
        return threading.Condition(threading.RLock())

    def signal(self) -> Signal:
        return _SocketSignal()
